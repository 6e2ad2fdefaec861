//! Keys for Jam and for its peers.
#![allow(dead_code, clippy::unwrap_used)] // each test uses a part of it

use std::path::Path;

use jam::jose::Jwk;
use jam::jose::jwe::KeyManagement;
use jam::jose::jws::{Algorithm, SigningKey, VerifyingKey};
use josekit::jwe::{JweDecrypter, JweEncrypter};
use josekit::jws::{self as peer, JwsSigner, JwsVerifier};

/// As long as the longest hash, for all HMACs.
pub(crate) const SECRET: &[u8; 64] = b"sixty-four bytes, as many as the hash of HS512 has: 0123456789ab";

/// One of the library's test keys in PEM.
pub(crate) fn pem(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jam/tests/keys").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The name of the test key for an algorithm; an HMAC has none.
fn key_name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm.name() {
        "HS256" | "HS384" | "HS512" => None,
        "ES256" => Some("p256"),
        "ES384" => Some("p384"),
        "ES512" => Some("p521"),
        "ES256K" => Some("secp256k1"),
        "EdDSA" | "Ed25519" => Some("ed25519"),
        _ => Some("rsa"),
    }
}

/// The private key in PEM, or nothing for an HMAC.
pub(crate) fn private_pem(algorithm: Algorithm) -> Option<String> {
    key_name(algorithm).map(|name| pem(&format!("{name}.pem")))
}

/// The public key in PEM, or nothing for an HMAC.
pub(crate) fn public_pem(algorithm: Algorithm) -> Option<String> {
    key_name(algorithm).map(|name| pem(&format!("{name}_public.pem")))
}

/// The key in PEM, or the HMAC secret.
pub(crate) fn jwk(pem: Option<String>) -> Jwk {
    pem.map_or_else(|| Jwk::from_secret(&SECRET[..]), |pem| Jwk::from_pem(&pem, None).unwrap())
}

/// Jam's key that signs.
pub(crate) fn signing_key(algorithm: Algorithm) -> SigningKey {
    SigningKey::new(algorithm, &jwk(private_pem(algorithm))).unwrap()
}

/// Jam's key that verifies.
pub(crate) fn verifying_key(algorithm: Algorithm) -> VerifyingKey {
    VerifyingKey::new(algorithm, &jwk(public_pem(algorithm))).unwrap()
}

/// The same key for josekit, by way of its JSON.
pub(crate) fn josekit_jwk(key: &Jwk) -> josekit::jwk::Jwk {
    let json = if key.is_private() {
        key.to_private_json().unwrap().expose().to_owned()
    } else {
        key.to_json().unwrap()
    };
    josekit::jwk::Jwk::from_bytes(json).unwrap()
}

/// josekit's key that signs, for every algorithm that it has.
pub(crate) fn josekit_signer(algorithm: Algorithm) -> Option<Box<dyn JwsSigner>> {
    let pem = private_pem(algorithm).unwrap_or_default();
    Some(match algorithm.name() {
        "HS256" => Box::new(peer::HS256.signer_from_bytes(SECRET).unwrap()),
        "HS384" => Box::new(peer::HS384.signer_from_bytes(SECRET).unwrap()),
        "HS512" => Box::new(peer::HS512.signer_from_bytes(SECRET).unwrap()),
        "RS256" => Box::new(peer::RS256.signer_from_pem(pem).unwrap()),
        "RS384" => Box::new(peer::RS384.signer_from_pem(pem).unwrap()),
        "RS512" => Box::new(peer::RS512.signer_from_pem(pem).unwrap()),
        // Its PEM reader takes for RSASSA-PSS only keys that name it.
        "PS256" => Box::new(peer::PS256.signer_from_jwk(&josekit_jwk(&jwk(Some(pem)))).unwrap()),
        "PS384" => Box::new(peer::PS384.signer_from_jwk(&josekit_jwk(&jwk(Some(pem)))).unwrap()),
        "PS512" => Box::new(peer::PS512.signer_from_jwk(&josekit_jwk(&jwk(Some(pem)))).unwrap()),
        "ES256" => Box::new(peer::ES256.signer_from_pem(pem).unwrap()),
        "ES384" => Box::new(peer::ES384.signer_from_pem(pem).unwrap()),
        "ES512" => Box::new(peer::ES512.signer_from_pem(pem).unwrap()),
        "ES256K" => Box::new(peer::ES256K.signer_from_pem(pem).unwrap()),
        "EdDSA" => Box::new(peer::EdDSA.signer_from_pem(pem).unwrap()),
        _ => return None,
    })
}

/// josekit's key that verifies, for every algorithm that it has.
pub(crate) fn josekit_verifier(algorithm: Algorithm) -> Option<Box<dyn JwsVerifier>> {
    let pem = public_pem(algorithm).unwrap_or_default();
    Some(match algorithm.name() {
        "HS256" => Box::new(peer::HS256.verifier_from_bytes(SECRET).unwrap()),
        "HS384" => Box::new(peer::HS384.verifier_from_bytes(SECRET).unwrap()),
        "HS512" => Box::new(peer::HS512.verifier_from_bytes(SECRET).unwrap()),
        "RS256" => Box::new(peer::RS256.verifier_from_pem(pem).unwrap()),
        "RS384" => Box::new(peer::RS384.verifier_from_pem(pem).unwrap()),
        "RS512" => Box::new(peer::RS512.verifier_from_pem(pem).unwrap()),
        "PS256" => Box::new(peer::PS256.verifier_from_jwk(&josekit_jwk(&jwk(Some(pem)))).unwrap()),
        "PS384" => Box::new(peer::PS384.verifier_from_jwk(&josekit_jwk(&jwk(Some(pem)))).unwrap()),
        "PS512" => Box::new(peer::PS512.verifier_from_jwk(&josekit_jwk(&jwk(Some(pem)))).unwrap()),
        "ES256" => Box::new(peer::ES256.verifier_from_pem(pem).unwrap()),
        "ES384" => Box::new(peer::ES384.verifier_from_pem(pem).unwrap()),
        "ES512" => Box::new(peer::ES512.verifier_from_pem(pem).unwrap()),
        "ES256K" => Box::new(peer::ES256K.verifier_from_pem(pem).unwrap()),
        "EdDSA" => Box::new(peer::EdDSA.verifier_from_pem(pem).unwrap()),
        _ => return None,
    })
}

/// jsonwebtoken's key that signs, for every algorithm that it has.
pub(crate) fn jsonwebtoken_signer(
    algorithm: Algorithm,
) -> Option<(jsonwebtoken::Header, jsonwebtoken::EncodingKey)> {
    use jsonwebtoken::EncodingKey;
    let name: jsonwebtoken::Algorithm = algorithm.name().parse().ok()?;
    let pem = private_pem(algorithm).unwrap_or_default();
    let key = match algorithm.name() {
        "HS256" | "HS384" | "HS512" => Ok(EncodingKey::from_secret(SECRET)),
        "ES256" | "ES384" => EncodingKey::from_ec_pem(pem.as_bytes()),
        "EdDSA" => EncodingKey::from_ed_pem(pem.as_bytes()),
        _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
    };
    Some((jsonwebtoken::Header::new(name), key.unwrap()))
}

/// jsonwebtoken's key that verifies, for every algorithm that it has.
pub(crate) fn jsonwebtoken_verifier(
    algorithm: Algorithm,
) -> Option<(jsonwebtoken::Validation, jsonwebtoken::DecodingKey)> {
    use jsonwebtoken::DecodingKey;
    let name: jsonwebtoken::Algorithm = algorithm.name().parse().ok()?;
    let pem = public_pem(algorithm).unwrap_or_default();
    let key = match algorithm.name() {
        "HS256" | "HS384" | "HS512" => Ok(DecodingKey::from_secret(SECRET)),
        "ES256" | "ES384" => DecodingKey::from_ec_pem(pem.as_bytes()),
        "EdDSA" => DecodingKey::from_ed_pem(pem.as_bytes()),
        _ => DecodingKey::from_rsa_pem(pem.as_bytes()),
    };
    let mut validation = jsonwebtoken::Validation::new(name);
    validation.validate_aud = false;
    Some((validation, key.unwrap()))
}

/// josekit's keys that encrypt and decrypt. It has every algorithm that Jam has.
pub(crate) fn josekit_pair(
    algorithm: KeyManagement,
    key: &Jwk,
) -> (Box<dyn JweEncrypter>, Box<dyn JweDecrypter>) {
    use josekit::jwe::*;
    let private = josekit_jwk(key);
    let public = key.public().map_or_else(|_| private.clone(), |key| josekit_jwk(&key));
    /// The algorithms are of different types, whose methods have the same names.
    macro_rules! pair {
        ($algorithm:expr) => {
            (
                Box::new($algorithm.encrypter_from_jwk(&public).unwrap()),
                Box::new($algorithm.decrypter_from_jwk(&private).unwrap()),
            )
        };
    }
    match algorithm.name() {
        "dir" => pair!(Dir),
        "A128KW" => pair!(A128KW),
        "A192KW" => pair!(A192KW),
        "A256KW" => pair!(A256KW),
        "A128GCMKW" => pair!(A128GCMKW),
        "A192GCMKW" => pair!(A192GCMKW),
        "A256GCMKW" => pair!(A256GCMKW),
        "RSA-OAEP" => pair!(RSA_OAEP),
        "RSA-OAEP-256" => pair!(RSA_OAEP_256),
        "RSA-OAEP-384" => pair!(RSA_OAEP_384),
        "RSA-OAEP-512" => pair!(RSA_OAEP_512),
        "ECDH-ES" => pair!(ECDH_ES),
        "ECDH-ES+A128KW" => pair!(ECDH_ES_A128KW),
        "ECDH-ES+A192KW" => pair!(ECDH_ES_A192KW),
        "ECDH-ES+A256KW" => pair!(ECDH_ES_A256KW),
        "PBES2-HS256+A128KW" => pair!(PBES2_HS256_A128KW),
        "PBES2-HS384+A192KW" => pair!(PBES2_HS384_A192KW),
        "PBES2-HS512+A256KW" => pair!(PBES2_HS512_A256KW),
        other => panic!("josekit has no {other}"),
    }
}
