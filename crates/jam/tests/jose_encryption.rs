//! The examples of the RFCs on encryption, every algorithm there and back, and the rules of the JSON forms.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use std::collections::BTreeSet;
use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use jam::Error;
use jam::jose::Jwk;
use jam::jose::jwe::{
    ContentEncryption, DecryptOptions, DecryptionKey, EncryptOptions, EncryptionKey, KeyManagement,
    Recipient, Undecrypted, UndecryptedJson, encrypt, encrypt_flattened, encrypt_general, encrypt_with,
};
use serde_json::{Map, Value, json};

const PLAINTEXT: &[u8] = b"The true sign of intelligence is not knowledge but imagination.";

fn rfc_examples() -> Vec<Value> {
    serde_json::from_str(include_str!("rfc/encryption.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn jwk(value: &Value) -> Jwk {
    Jwk::from_dict(value.as_object().unwrap()).unwrap()
}

fn decryption_key(algorithm: KeyManagement, encryption: ContentEncryption, key: &Jwk) -> DecryptionKey {
    if algorithm.is_password_based() {
        DecryptionKey::from_password(algorithm, encryption, key, None).unwrap()
    } else {
        DecryptionKey::new(algorithm, encryption, key).unwrap()
    }
}

fn encryption_key(algorithm: KeyManagement, encryption: ContentEncryption, key: &Jwk) -> EncryptionKey {
    if algorithm.is_password_based() {
        EncryptionKey::from_password(algorithm, encryption, key, Some(1_000)).unwrap()
    } else {
        EncryptionKey::new(algorithm, encryption, key).unwrap()
    }
}

/// An RSA key for all: RFC 7520 section 5.2 has one of 4096 bits.
static RSA: LazyLock<Value> = LazyLock::new(|| {
    let mut key =
        rfc_examples().into_iter().find(|example| example["name"] == "RFC 7520 section 5.2").unwrap()["key"]
            .take();
    key.as_object_mut().unwrap().remove("alg");
    key
});

/// RFC 7520 section 5.4, RFC 7518 appendix C, RFC 7520 section 3.2 (P-521) and RFC 8037 appendix A.6.
fn agreement_keys() -> [Value; 4] {
    [
        json!({"kty": "EC", "crv": "P-256",
            "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
            "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
            "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}),
        json!({"kty": "EC", "crv": "P-384",
            "x": "YU4rRUzdmVqmRtWOs2OpDE_T5fsNIodcG8G5FWPrTPMyxpzsSOGaQLpe2FpxBmu2",
            "y": "A8-yxCHxkfBz3hKZfI1jUYMjUhsEveZ9THuwFjH2sCNdtksRJU7D5-SkgaFL1ETP",
            "d": "iTx2pk7wW-GqJkHcEkFQb2EFyYcO7RugmaW3mRrQVAOUiPommT0IdnYK2xDlZh-j"}),
        json!({"kty": "EC", "crv": "P-521",
            "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
            "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
            "d": "AAhRON2r9cqXX1hg-RoI6R1tX5p2rUAYdmpHZoC1XNM56KtscrX6zbKipQrCW9CGZH3T4ubpnoTKLDYJ_fF3_rJt"}),
        json!({"kty": "OKP", "crv": "X25519",
            "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}),
    ]
}

/// Keys for an algorithm: one, or one on each curve.
fn keys_for(algorithm: KeyManagement, encryption: ContentEncryption) -> Vec<Jwk> {
    let name = algorithm.name();
    if name.starts_with("RSA") {
        vec![jwk(&RSA)]
    } else if name.starts_with("ECDH") {
        agreement_keys().iter().map(jwk).collect()
    } else {
        let length = algorithm.key_length(encryption).unwrap_or(20);
        vec![Jwk::from_secret((0..length as u8).collect::<Vec<_>>())]
    }
}

fn for_each_pair(mut check: impl FnMut(KeyManagement, ContentEncryption, &Jwk)) {
    for algorithm in KeyManagement::all() {
        for encryption in ContentEncryption::all() {
            for key in keys_for(algorithm, encryption) {
                check(algorithm, encryption, &key);
            }
        }
    }
}

// RFC 7516 appendix A, RFC 7517 appendix C, RFC 7520 section 5.
#[test]
fn the_examples_of_the_rfcs_decrypt_in_every_form() {
    let options = DecryptOptions { expanded_limit: Some(10_000) };
    let mut seen = 0;
    for example in rfc_examples() {
        let (name, plaintext) = (text(&example["name"]), text(&example["plaintext"]).as_bytes());
        // Some examples are of an algorithm that is not offered.
        if example["alg"] == "RSA1_5" {
            let error = text(&example["alg"]).parse::<KeyManagement>().unwrap_err();
            assert_eq!(error.code(), "jwe.unsupported_algorithm");
            seen += 1;
            continue;
        }
        let algorithm = text(&example["alg"]).parse().unwrap();
        let encryption = text(&example["enc"]).parse().unwrap();
        let key = decryption_key(algorithm, encryption, &jwk(&example["key"]));
        if let Some(token) = example["compact"].as_str() {
            let decrypted = Undecrypted::parse(token).unwrap().decrypt_with(&key, &options).unwrap();
            assert_eq!(decrypted.plaintext(), plaintext, "{name}, compact");
            seen += 1;
        }
        for form in ["flattened", "general"] {
            if example[form].is_null() {
                continue;
            }
            let message = UndecryptedJson::parse(&example[form].to_string()).unwrap();
            let decrypted = message.decrypt_with(&key, &options).unwrap();
            assert_eq!(decrypted.plaintext(), plaintext, "{name}, {form}");
            assert_eq!(
                decrypted.recipient() as u64,
                example["recipient"].as_u64().unwrap_or(0),
                "{name}, {form}"
            );
            let additional_data = example["aad"].as_str().unwrap_or_default();
            assert_eq!(decrypted.additional_data(), additional_data.as_bytes(), "{name}, {form}");
            seen += 1;
        }
    }
    assert_eq!(seen, 37);
}

#[test]
fn every_algorithm_encrypts_and_decrypts_in_every_form() {
    // fault 19
    let mut seen = 0;
    for_each_pair(|algorithm, encryption, key| {
        let (own, other) =
            (encryption_key(algorithm, encryption, key), decryption_key(algorithm, encryption, key));
        for plaintext in [PLAINTEXT, b""] {
            let token = encrypt(plaintext, &Map::new(), &own).unwrap();
            let decrypted = Undecrypted::parse(&token).unwrap().decrypt(&other).unwrap();
            assert_eq!(decrypted.plaintext(), plaintext, "{algorithm} {encryption}");
            assert_eq!(decrypted.header().algorithm(), algorithm.name());
            assert_eq!(decrypted.header().content_encryption(), encryption.name());
        }
        let options =
            EncryptOptions { additional_data: b"seen by all".to_vec(), ..EncryptOptions::default() };
        let flattened = encrypt_flattened(PLAINTEXT, &options, &own).unwrap();
        let general = encrypt_general(PLAINTEXT, &options, &[Recipient::new(&own)]).unwrap();
        for message in [flattened, general] {
            let message = UndecryptedJson::parse(&Value::Object(message).to_string()).unwrap();
            let decrypted = message.decrypt(&other).unwrap();
            assert_eq!(decrypted.plaintext(), PLAINTEXT, "{algorithm} {encryption}");
            assert_eq!(decrypted.additional_data(), b"seen by all");
        }
        seen += 1;
    });
    // Eighteen algorithms, of which four have a key on each of four curves.
    assert_eq!(seen, (14 + 4 * 4) * 6);
}

#[test]
fn nothing_is_used_twice() {
    // attack 44
    for_each_pair(|algorithm, encryption, key| {
        let key = encryption_key(algorithm, encryption, key);
        let tokens = [0; 3].map(|_| encrypt(PLAINTEXT, &Map::new(), &key).unwrap());
        let parts: Vec<Vec<&str>> = tokens.iter().map(|token| token.split('.').collect()).collect();
        let differ = |place: usize| parts.iter().map(|part| part[place]).collect::<BTreeSet<_>>().len() == 3;
        // The header is new where it holds an ephemeral key, a vector or a salt; the key where there is one.
        let name = algorithm.name();
        let is_fixed = ["dir", "A128KW", "A192KW", "A256KW"].contains(&name) || name.starts_with("RSA");
        assert_eq!(differ(0), !is_fixed, "{algorithm} {encryption}");
        assert_eq!(differ(1), !matches!(name, "dir" | "ECDH-ES"), "{algorithm} {encryption}");
        for place in [2, 3, 4] {
            assert!(differ(place), "{algorithm} {encryption}, part {place}");
        }
    });
}

#[test]
fn the_header_says_what_is_given_and_what_the_key_is() {
    let key = jwk(&json!({"kty": "oct", "kid": "2026", "k": BASE64URL_NOPAD.encode(&[7; 32])}));
    let (algorithm, encryption) = (KeyManagement::Direct, ContentEncryption::A256Gcm);
    let own = EncryptionKey::new(algorithm, encryption, &key).unwrap();
    let header = object(json!({"cty": "JWT", "alg": "dir", "kid": "2026", "extra": [1, 2]}));
    let token = encrypt(b"", &header, &own).unwrap();
    let other = DecryptionKey::new(algorithm, encryption, &key).unwrap();
    let decrypted = Undecrypted::parse(&token).unwrap().decrypt(&other).unwrap();
    let expected = json!({"alg": "dir", "enc": "A256GCM", "kid": "2026", "cty": "JWT", "extra": [1, 2]});
    assert_eq!(Value::Object(decrypted.header().members().clone()), expected);
    assert_eq!(decrypted.header().content_type(), Some("JWT"));
    // Nothing else than the key's own, and nothing that encryption writes.
    for given in [
        json!({"alg": "A256KW"}),
        json!({"enc": "A128GCM"}),
        json!({"kid": "2025"}),
        json!({"alg": null}),
        json!({"typ": 1}),
        json!({"crit": ["x"]}),
        json!({"zip": "DEF"}),
        json!({"epk": {}}),
        json!({"apu": "QQ"}),
        json!({"iv": "QQ"}),
        json!({"p2c": 1}),
    ] {
        let error = encrypt(b"", &object(given.clone()), &own).unwrap_err();
        assert!(matches!(error, Error::Validation(_)), "{given}: {error}");
    }
}

#[test]
fn the_parties_are_bound_to_the_agreed_key() {
    let key = jwk(&agreement_keys()[3]);
    for algorithm in [KeyManagement::EcdhEs, KeyManagement::EcdhEsA192Kw] {
        let own = EncryptionKey::new(algorithm, ContentEncryption::A128Gcm, &key).unwrap();
        let other = DecryptionKey::new(algorithm, ContentEncryption::A128Gcm, &key).unwrap();
        let options = EncryptOptions {
            party_u: b"Alice".to_vec(),
            party_v: b"Bob".to_vec(),
            ..EncryptOptions::default()
        };
        let token = encrypt_with(PLAINTEXT, &options, &own).unwrap();
        let decrypted = Undecrypted::parse(&token).unwrap().decrypt(&other).unwrap();
        assert_eq!(decrypted.header().members()["apu"], "QWxpY2U");
        assert_eq!(decrypted.header().members()["apv"], "Qm9i");
        assert_eq!(decrypted.plaintext(), PLAINTEXT);
    }
    let key = Jwk::from_secret(vec![7; 32]);
    let own = EncryptionKey::new(KeyManagement::Direct, ContentEncryption::A256Gcm, &key).unwrap();
    let options = EncryptOptions { party_u: b"Alice".to_vec(), ..EncryptOptions::default() };
    assert!(encrypt_with(b"", &options, &own).is_err());
}

#[test]
fn a_compressed_token_expands_only_where_that_is_allowed() {
    let key = Jwk::from_secret(vec![7; 16]);
    let (algorithm, encryption) = (KeyManagement::A128Kw, ContentEncryption::A128CbcHs256);
    let own = EncryptionKey::new(algorithm, ContentEncryption::A128CbcHs256, &key).unwrap();
    let other = DecryptionKey::new(algorithm, encryption, &key).unwrap();
    let options = EncryptOptions { compress: true, ..EncryptOptions::default() };
    let plaintext = vec![b'a'; 10_000];
    let token = encrypt_with(&plaintext, &options, &own).unwrap();
    assert!(token.len() < 500);
    let decrypt = |expanded_limit| {
        Undecrypted::parse(&token).unwrap().decrypt_with(&other, &DecryptOptions { expanded_limit })
    };
    // attack 39
    assert_eq!(decrypt(None).unwrap_err().code(), "jwe.unsupported_algorithm");
    assert_eq!(decrypt(Some(9_999)).unwrap_err().code(), "jwe.malformed");
    assert_eq!(decrypt(Some(10_000)).unwrap().plaintext(), plaintext);
}

#[test]
fn a_message_for_several_says_whose_it_was() {
    let encryption = ContentEncryption::A128CbcHs256;
    let mut rsa = RSA.clone();
    rsa["kid"] = "rsa".into();
    let mut agreed = agreement_keys()[1].clone();
    agreed["kid"] = "agreed".into();
    let secret = json!({"kty": "oct", "kid": "secret", "k": BASE64URL_NOPAD.encode(&[7; 24])});
    let password = json!({"kty": "oct", "k": BASE64URL_NOPAD.encode(b"correct horse battery staple")});
    let keys = [
        (KeyManagement::RsaOaep256, jwk(&rsa)),
        (KeyManagement::EcdhEsA256Kw, jwk(&agreed)),
        (KeyManagement::A192GcmKw, jwk(&secret)),
        (KeyManagement::Pbes2Hs384A192Kw, jwk(&password)),
    ];
    let own: Vec<_> =
        keys.iter().map(|(algorithm, key)| encryption_key(*algorithm, encryption, key)).collect();
    let recipients: Vec<_> = own.iter().map(Recipient::new).collect();
    let options = EncryptOptions {
        header: object(json!({"cty": "text/plain"})),
        unprotected: object(json!({"jku": "https://server.example/keys"})),
        compress: true,
        ..EncryptOptions::default()
    };
    let message = Value::Object(encrypt_general(PLAINTEXT, &options, &recipients).unwrap()).to_string();
    let allowed = DecryptOptions { expanded_limit: Some(1_000) };
    for (place, (algorithm, key)) in keys.iter().enumerate() {
        let other = decryption_key(*algorithm, encryption, key);
        let decrypted = UndecryptedJson::parse(&message).unwrap().decrypt_with(&other, &allowed).unwrap();
        assert_eq!((decrypted.plaintext(), decrypted.recipient()), (PLAINTEXT, place));
        let protected = json!({"cty": "text/plain", "enc": "A128CBC-HS256", "zip": "DEF"});
        assert_eq!(Value::Object(decrypted.protected().clone()), protected);
        assert_eq!(decrypted.header().algorithm(), algorithm.name());
        assert_eq!(decrypted.header().key_id(), key.key_id());
    }
    let stranger =
        DecryptionKey::new(KeyManagement::A192GcmKw, encryption, &Jwk::from_secret(vec![8; 24])).unwrap();
    let error = UndecryptedJson::parse(&message).unwrap().decrypt_with(&stranger, &allowed).unwrap_err();
    assert_eq!(error.code(), "jwe.decryption_failed");
    let other =
        DecryptionKey::new(KeyManagement::A128Kw, encryption, &Jwk::from_secret(vec![8; 16])).unwrap();
    let error = UndecryptedJson::parse(&message).unwrap().decrypt_with(&other, &allowed).unwrap_err();
    assert_eq!(error.code(), "jwe.unsupported_algorithm");
}

#[test]
fn a_message_for_several_needs_keys_that_go_together() {
    let secret = |length: usize| Jwk::from_secret(vec![7; length]);
    let (wrap, gcm) = (KeyManagement::A128Kw, ContentEncryption::A128Gcm);
    let first = EncryptionKey::new(wrap, gcm, &secret(16)).unwrap();
    let other_content = EncryptionKey::new(wrap, ContentEncryption::A256Gcm, &secret(16)).unwrap();
    let direct = EncryptionKey::new(KeyManagement::Direct, gcm, &secret(16)).unwrap();
    let agreed = EncryptionKey::new(KeyManagement::EcdhEs, gcm, &jwk(&agreement_keys()[0])).unwrap();
    let options = EncryptOptions::default();
    for second in [&other_content, &direct, &agreed] {
        let recipients = [Recipient::new(&first), Recipient::new(second)];
        assert!(encrypt_general(b"", &options, &recipients).is_err());
    }
    assert!(encrypt_general(b"", &options, &[]).is_err());
    // A parameter stands in one place.
    let twice = EncryptOptions {
        header: object(json!({"x": 1})),
        unprotected: object(json!({"x": 1})),
        ..EncryptOptions::default()
    };
    assert!(encrypt_general(b"", &twice, &[Recipient::new(&first)]).is_err());
    assert!(encrypt_flattened(b"", &twice, &first).is_err());
    for unprotected in
        [json!({"alg": "A128KW"}), json!({"enc": "A128GCM"}), json!({"zip": "DEF"}), json!({"crit": []})]
    {
        let options =
            EncryptOptions { unprotected: object(unprotected.clone()), ..EncryptOptions::default() };
        assert!(encrypt_flattened(b"", &options, &first).is_err(), "{unprotected}");
        assert!(encrypt_general(b"", &options, &[Recipient::new(&first)]).is_err(), "{unprotected}");
        assert!(encrypt_with(b"", &options, &first).is_err(), "{unprotected}");
    }
}

#[test]
fn an_old_key_still_decrypts_beside_a_new_one() {
    let encryption = ContentEncryption::A256Gcm;
    let named = |name: Option<&str>, byte| {
        let mut key = json!({"kty": "oct", "k": BASE64URL_NOPAD.encode(&[byte; 32])});
        if let Some(name) = name {
            key["kid"] = name.into();
        }
        jwk(&key)
    };
    for (old, new) in [(Some("old"), Some("new")), (None, None), (Some("old"), None), (None, Some("new"))] {
        let (old, new) = (named(old, 1), named(new, 2));
        let token = encrypt(PLAINTEXT, &Map::new(), &encryption_key(KeyManagement::A256Kw, encryption, &old))
            .unwrap();
        let keys = [&new, &old].map(|key| decryption_key(KeyManagement::A256Kw, encryption, key));
        let decrypted = Undecrypted::parse(&token).unwrap().decrypt(&keys).unwrap();
        assert_eq!(decrypted.plaintext(), PLAINTEXT);
        assert!(Undecrypted::parse(&token).unwrap().decrypt(&keys[0]).is_err());
    }
    // attack 17: a name that no key has is no reason to try one that has another
    let header = object(json!({"kid": "../../dev/null"}));
    let token =
        encrypt(PLAINTEXT, &header, &encryption_key(KeyManagement::A256Kw, encryption, &named(None, 1)))
            .unwrap();
    let key = decryption_key(KeyManagement::A256Kw, encryption, &named(Some("old"), 1));
    let error = Undecrypted::parse(&token).unwrap().decrypt(&key).unwrap_err();
    assert_eq!(error.code(), "jwe.decryption_failed");
}

#[test]
fn the_content_encryption_is_the_keys_unless_it_accepts_more() {
    // fault 11
    let key = Jwk::from_secret(vec![7; 32]);
    let algorithm = KeyManagement::A256Kw;
    let token = encrypt(PLAINTEXT, &Map::new(), &encryption_key(algorithm, ContentEncryption::A128Gcm, &key))
        .unwrap();
    let strict = decryption_key(algorithm, ContentEncryption::A256Gcm, &key);
    let error = Undecrypted::parse(&token).unwrap().decrypt(&strict).unwrap_err();
    assert_eq!(error.code(), "jwe.unsupported_algorithm");
    let wide = strict.accepting(&[ContentEncryption::A128Gcm]).unwrap();
    assert_eq!(Undecrypted::parse(&token).unwrap().decrypt(&wide).unwrap().plaintext(), PLAINTEXT);
    // With `dir` one key would be the key of two algorithms.
    let direct = decryption_key(KeyManagement::Direct, ContentEncryption::A256Gcm, &key);
    assert!(direct.accepting(&[ContentEncryption::A128CbcHs256]).is_err());
}

#[test]
fn keys_say_nothing_of_themselves() {
    for_each_pair(|algorithm, encryption, key| {
        let shown = format!(
            "{:?} {:?}",
            encryption_key(algorithm, encryption, key),
            decryption_key(algorithm, encryption, key)
        );
        assert!(shown.contains("key_management") && shown.ends_with(".. }"), "{shown}");
        assert!(!shown.contains("[0, 1, 2"), "{shown}");
    });
}
