//! Keys, with josekit and jsonwebtoken.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use jam::jose::{Jwk, JwkSet, NewKey, ThumbprintHash};
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ecx::{EcxCurve, EcxKeyPair};
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jwk::{Jwk as Peer, KeyPair};
use serde_json::{Value, json};

const KINDS: [NewKey; 7] = [
    NewKey::Rsa { bits: 2048 },
    NewKey::EcP256,
    NewKey::EcP384,
    NewKey::EcP521,
    NewKey::EcSecp256k1,
    NewKey::Ed25519,
    NewKey::X25519,
];

/// josekit's reading of a private key in PEM.
fn from_pem(kind: NewKey, pem: &str) -> Box<dyn KeyPair> {
    match kind {
        NewKey::Rsa { .. } => Box::new(RsaKeyPair::from_pem(pem).unwrap()),
        NewKey::Ed25519 => Box::new(EdKeyPair::from_pem(pem).unwrap()),
        NewKey::X25519 => Box::new(EcxKeyPair::from_pem(pem).unwrap()),
        _ => Box::new(EcKeyPair::from_pem(pem, None).unwrap()),
    }
}

fn from_der(kind: NewKey, der: &[u8]) -> Box<dyn KeyPair> {
    match kind {
        NewKey::Rsa { .. } => Box::new(RsaKeyPair::from_der(der).unwrap()),
        NewKey::Ed25519 => Box::new(EdKeyPair::from_der(der).unwrap()),
        NewKey::X25519 => Box::new(EcxKeyPair::from_der(der).unwrap()),
        _ => Box::new(EcKeyPair::from_der(der, None).unwrap()),
    }
}

/// A key of josekit's making.
fn generated(kind: NewKey) -> Box<dyn KeyPair> {
    match kind {
        NewKey::Rsa { bits } => Box::new(RsaKeyPair::generate(bits).unwrap()),
        NewKey::EcP256 => Box::new(EcKeyPair::generate(EcCurve::P256).unwrap()),
        NewKey::EcP384 => Box::new(EcKeyPair::generate(EcCurve::P384).unwrap()),
        NewKey::EcP521 => Box::new(EcKeyPair::generate(EcCurve::P521).unwrap()),
        NewKey::EcSecp256k1 => Box::new(EcKeyPair::generate(EcCurve::Secp256k1).unwrap()),
        NewKey::Ed25519 => Box::new(EdKeyPair::generate(EdCurve::Ed25519).unwrap()),
        NewKey::X25519 => Box::new(EcxKeyPair::generate(EcxCurve::X25519).unwrap()),
        other => panic!("{other:?} has no pair"),
    }
}

fn members(key: &Peer) -> Value {
    let mut members: Value = serde_json::from_str(&key.to_string()).unwrap();
    // josekit says of its own pairs what they are for.
    for name in ["use", "key_ops", "alg"] {
        members.as_object_mut().unwrap().remove(name);
    }
    members
}

#[test]
fn josekit_reads_every_form_of_the_keys_that_jam_makes() {
    for kind in KINDS {
        let key = Jwk::generate(kind).unwrap();
        let private = Value::Object(key.to_private_dict().unwrap());
        let public = Value::Object(key.to_dict().unwrap());
        for pair in [
            from_pem(kind, key.to_private_pem(None).unwrap().expose()),
            from_der(kind, key.to_private_der(None).unwrap().expose()),
        ] {
            assert_eq!(members(&pair.to_jwk_key_pair()), private, "{kind:?}");
            assert_eq!(members(&pair.to_jwk_public_key()), public, "{kind:?}");
            assert_eq!(String::from_utf8(pair.to_pem_public_key()).unwrap(), key.to_pem().unwrap());
            assert_eq!(pair.to_der_public_key(), key.to_der().unwrap());
        }
    }
}

#[test]
fn jam_reads_every_form_of_the_keys_that_josekit_makes() {
    for kind in KINDS {
        let pair = generated(kind);
        let private = members(&pair.to_jwk_key_pair());
        let public = members(&pair.to_jwk_public_key());
        let pem = |bytes| String::from_utf8(bytes).unwrap();
        for key in [
            Jwk::from_json(&pair.to_jwk_key_pair().to_string()),
            Jwk::from_pem(&pem(pair.to_pem_private_key()), None),
            Jwk::from_der(&pair.to_der_private_key(), None),
        ] {
            assert_eq!(Value::Object(strip(key.unwrap().to_private_dict().unwrap())), private, "{kind:?}");
        }
        for key in [
            Jwk::from_json(&pair.to_jwk_public_key().to_string()),
            Jwk::from_pem(&pem(pair.to_pem_public_key()), None),
            Jwk::from_der(&pair.to_der_public_key(), None),
        ] {
            assert_eq!(Value::Object(strip(key.unwrap().to_dict().unwrap())), public, "{kind:?}");
        }
    }
}

fn strip(mut members: serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    members.retain(|name, _| !["use", "key_ops", "alg"].contains(&name.as_str()));
    members
}

#[test]
fn openssl_opens_the_keys_that_jam_encrypts_with_a_password() {
    let key = Jwk::generate(NewKey::EcP256).unwrap();
    let pem = key.to_private_pem(Some("correct horse")).unwrap();
    let der = key.to_private_der(Some("correct horse")).unwrap();
    let opened = [
        openssl::pkey::PKey::private_key_from_pem_passphrase(pem.expose().as_bytes(), b"correct horse")
            .unwrap(),
        openssl::pkey::PKey::private_key_from_pkcs8_passphrase(der.expose(), b"correct horse").unwrap(),
    ];
    for opened in opened {
        assert_eq!(opened.public_key_to_der().unwrap(), key.to_der().unwrap());
    }
}

#[test]
fn jam_opens_the_keys_that_openssl_encrypts_with_a_password() {
    let key = Jwk::generate(NewKey::EcP384).unwrap();
    let pkey = openssl::pkey::PKey::private_key_from_der(key.to_private_der(None).unwrap().expose()).unwrap();
    for cipher in [openssl::symm::Cipher::aes_128_cbc(), openssl::symm::Cipher::aes_256_cbc()] {
        let pem = pkey.private_key_to_pem_pkcs8_passphrase(cipher, b"correct horse").unwrap();
        let opened = Jwk::from_pem(std::str::from_utf8(&pem).unwrap(), Some("correct horse")).unwrap();
        assert_eq!(opened.to_private_dict().unwrap(), key.to_private_dict().unwrap());
    }
}

#[test]
fn jsonwebtoken_reads_the_keys_and_agrees_on_their_thumbprints() {
    use jsonwebtoken::jwk::{Jwk as Peer, ThumbprintHash as PeerHash};
    for kind in [NewKey::Rsa { bits: 2048 }, NewKey::EcP256, NewKey::EcP384, NewKey::Ed25519] {
        let key = Jwk::generate(kind).unwrap();
        let peer: Peer = serde_json::from_str(&key.to_json().unwrap()).unwrap();
        jsonwebtoken::DecodingKey::from_jwk(&peer).unwrap();
        for (hash, theirs) in [
            (ThumbprintHash::Sha256, PeerHash::SHA256),
            (ThumbprintHash::Sha384, PeerHash::SHA384),
            (ThumbprintHash::Sha512, PeerHash::SHA512),
        ] {
            assert_eq!(key.thumbprint(hash), peer.thumbprint(theirs).unwrap(), "{kind:?}");
        }
    }
}

#[test]
fn sets_of_keys_go_both_ways() {
    let keys: Vec<_> = KINDS[1..].iter().map(|kind| Jwk::generate(*kind).unwrap()).collect();
    let keys: Vec<_> =
        keys.into_iter().enumerate().map(|(place, key)| key.with_key_id(place.to_string())).collect();
    let set = JwkSet::new(keys).unwrap();
    let text = Value::Object(set.to_dict().unwrap()).to_string();
    let peer = josekit::jwk::JwkSet::from_bytes(&text).unwrap();
    assert_eq!(peer.keys().len(), set.len());
    for key in set.iter() {
        let found = peer.get(key.key_id().unwrap());
        assert_eq!(found.len(), 1);
        assert_eq!(members(found[0]), Value::Object(key.to_dict().unwrap()));
    }
    let again = JwkSet::from_json(&peer.to_string()).unwrap();
    assert_eq!(json!(again.to_dict().unwrap()), json!(set.to_dict().unwrap()));
    assert!(again.skipped().is_empty());
}
