//! Every algorithm against every kind of key: the wrong kind is refused when the key is prepared, with a typed error,
//! before anything is computed with it.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use jam::jose::jwe::{ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement};
use jam::jose::jws::{Algorithm, SigningKey, VerifyingKey};
use jam::jose::{Jwk, NewKey};

/// Prepares a key for one algorithm and one step.
type Prepare = Box<dyn Fn(&Jwk) -> jam::Result<()>>;

/// An algorithm, what prepares a key for it, and the kinds of key that it works with.
struct Row {
    algorithm: String,
    step: &'static str,
    prepare: Prepare,
    kinds: Vec<NewKey>,
    /// The value of `use` for it.
    public_key_use: &'static str,
    /// The code of the error for the public half of a right key, where the private one is needed.
    needs_private: Option<&'static str>,
}

fn kinds_of_keys() -> Vec<(NewKey, Jwk)> {
    [
        NewKey::Oct { bits: 128 },
        NewKey::Oct { bits: 192 },
        NewKey::Oct { bits: 256 },
        NewKey::Oct { bits: 512 },
        NewKey::Rsa { bits: 2048 },
        NewKey::EcP256,
        NewKey::EcP384,
        NewKey::EcP521,
        NewKey::EcSecp256k1,
        NewKey::Ed25519,
        NewKey::X25519,
        #[cfg(feature = "ml-dsa")]
        NewKey::MlDsa44,
        #[cfg(feature = "ml-dsa")]
        NewKey::MlDsa65,
        #[cfg(feature = "ml-dsa")]
        NewKey::MlDsa87,
    ]
    .into_iter()
    .map(|kind| (kind, Jwk::generate(kind).unwrap()))
    .collect()
}

fn table() -> Vec<Row> {
    let signatures = Algorithm::all().flat_map(signature_rows);
    signatures.chain(KeyManagement::all().flat_map(encryption_rows)).collect()
}

fn signature_rows(algorithm: Algorithm) -> [Row; 2] {
    let name = algorithm.name();
    let kinds = match name {
        "HS256" => vec![NewKey::Oct { bits: 256 }, NewKey::Oct { bits: 512 }],
        "HS384" | "HS512" => vec![NewKey::Oct { bits: 512 }],
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => vec![NewKey::Rsa { bits: 2048 }],
        "ES256" => vec![NewKey::EcP256],
        "ES384" => vec![NewKey::EcP384],
        "ES512" => vec![NewKey::EcP521],
        "ES256K" => vec![NewKey::EcSecp256k1],
        "EdDSA" | "Ed25519" => vec![NewKey::Ed25519],
        #[cfg(feature = "ml-dsa")]
        "ML-DSA-44" => vec![NewKey::MlDsa44],
        #[cfg(feature = "ml-dsa")]
        "ML-DSA-65" => vec![NewKey::MlDsa65],
        #[cfg(feature = "ml-dsa")]
        "ML-DSA-87" => vec![NewKey::MlDsa87],
        other => panic!("say here which kind of key {other} works with"),
    };
    let row = |step, needs_private, prepare: Prepare| Row {
        algorithm: name.to_owned(),
        step,
        prepare,
        kinds: kinds.clone(),
        public_key_use: "sig",
        needs_private,
    };
    let needs_private = Some("jwt.empty_private_key");
    [
        row("sign", needs_private, Box::new(move |key| SigningKey::new(algorithm, key).map(drop))),
        row("verify", None, Box::new(move |key| VerifyingKey::new(algorithm, key).map(drop))),
    ]
}

fn encryption_rows(algorithm: KeyManagement) -> [Row; 2] {
    // Its key, which is that of `dir`, has 512 bits.
    let encryption = ContentEncryption::A256CbcHs512;
    let kinds = match algorithm.name() {
        "dir" => vec![NewKey::Oct { bits: 512 }],
        "PBES2-HS256+A128KW" | "PBES2-HS384+A192KW" | "PBES2-HS512+A256KW" => {
            [128, 192, 256, 512].map(|bits| NewKey::Oct { bits }).to_vec()
        }
        "A128KW" | "A128GCMKW" => vec![NewKey::Oct { bits: 128 }],
        "A192KW" | "A192GCMKW" => vec![NewKey::Oct { bits: 192 }],
        "A256KW" | "A256GCMKW" => vec![NewKey::Oct { bits: 256 }],
        "RSA-OAEP" | "RSA-OAEP-256" | "RSA-OAEP-384" | "RSA-OAEP-512" => vec![NewKey::Rsa { bits: 2048 }],
        "ECDH-ES" | "ECDH-ES+A128KW" | "ECDH-ES+A192KW" | "ECDH-ES+A256KW" => {
            vec![NewKey::EcP256, NewKey::EcP384, NewKey::EcP521, NewKey::X25519]
        }
        other => panic!("say here which kinds of key {other} works with"),
    };
    let row = |step, needs_private, prepare: Prepare| Row {
        algorithm: algorithm.name().to_owned(),
        step,
        prepare,
        kinds: kinds.clone(),
        public_key_use: "enc",
        needs_private,
    };
    let encrypts: Prepare = Box::new(move |key| {
        if algorithm.is_password_based() {
            EncryptionKey::from_password(algorithm, encryption, key, None).map(drop)
        } else {
            EncryptionKey::new(algorithm, encryption, key).map(drop)
        }
    });
    let decrypts: Prepare = Box::new(move |key| {
        if algorithm.is_password_based() {
            DecryptionKey::from_password(algorithm, encryption, key, None).map(drop)
        } else {
            DecryptionKey::new(algorithm, encryption, key).map(drop)
        }
    });
    [row("encrypt", None, encrypts), row("decrypt", Some("key.wrong_kind"), decrypts)]
}

#[test]
fn every_wrong_kind_of_key_is_refused() {
    // attacks 2 and 5
    let keys = kinds_of_keys();
    let mut refused = 0;
    for row in table() {
        for (kind, key) in &keys {
            let mut forms = vec![key.clone()];
            forms.extend(key.public());
            for key in forms {
                let outcome = (row.prepare)(&key).map_err(|error| error.code());
                let works = row.kinds.contains(kind);
                let is_short = matches!(kind, NewKey::Oct { .. }) && row.algorithm.starts_with("HS");
                let expected = match row.needs_private {
                    _ if !works && is_short => Err("key.weak"),
                    _ if !works => Err("key.wrong_kind"),
                    Some(code) if !key.is_private() => Err(code),
                    _ => Ok(()),
                };
                assert_eq!(outcome, expected, "{} {} {kind:?}", row.algorithm, row.step);
                refused += usize::from(outcome.is_err());
            }
        }
    }
    assert!(refused > 900, "{refused}");
}

#[test]
fn every_wrong_purpose_of_a_key_is_refused() {
    // attack 6
    let keys = kinds_of_keys();
    for row in table() {
        for (_, key) in keys.iter().filter(|(kind, _)| row.kinds.contains(kind)) {
            let refuse = |key: Jwk| {
                let code = (row.prepare)(&key).unwrap_err().code();
                assert_eq!(code, "key.wrong_kind", "{} {} {key:?}", row.algorithm, row.step);
            };
            let other_use = if row.public_key_use == "sig" { "enc" } else { "sig" };
            refuse(key.clone().with_public_key_use(other_use));
            refuse(key.clone().with_key_operations(["unknown"]));
            refuse(key.clone().with_key_operations::<&str>([]));
            for other in table().iter().filter(|other| other.algorithm != row.algorithm) {
                refuse(key.clone().with_algorithm(other.algorithm.as_str()));
            }
            refuse(key.clone().with_algorithm("none"));
            let bound =
                key.clone().with_algorithm(row.algorithm.as_str()).with_public_key_use(row.public_key_use);
            assert!((row.prepare)(&bound).is_ok(), "{} {}", row.algorithm, row.step);
        }
    }
}
