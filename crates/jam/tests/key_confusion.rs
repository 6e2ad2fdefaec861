//! Every algorithm against every kind of key: the wrong kind is refused when the key is prepared, with a typed error,
//! before anything is computed with it.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

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
}

fn kinds_of_keys() -> Vec<(NewKey, Jwk)> {
    [
        NewKey::Oct { bits: 512 },
        NewKey::Rsa { bits: 2048 },
        NewKey::EcP256,
        NewKey::EcP384,
        NewKey::EcP521,
        NewKey::EcSecp256k1,
        NewKey::Ed25519,
        NewKey::X25519,
    ]
    .into_iter()
    .map(|kind| (kind, Jwk::generate(kind).unwrap()))
    .collect()
}

fn table() -> Vec<Row> {
    Algorithm::all().flat_map(signature_rows).collect()
}

fn signature_rows(algorithm: Algorithm) -> [Row; 2] {
    let name = algorithm.name();
    let kind = match name {
        "HS256" | "HS384" | "HS512" => NewKey::Oct { bits: 512 },
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => NewKey::Rsa { bits: 2048 },
        "ES256" => NewKey::EcP256,
        "ES384" => NewKey::EcP384,
        "ES512" => NewKey::EcP521,
        "ES256K" => NewKey::EcSecp256k1,
        "EdDSA" | "Ed25519" => NewKey::Ed25519,
        other => panic!("say here which kind of key {other} works with"),
    };
    let row = |step, prepare: Prepare| Row {
        algorithm: name.to_owned(),
        step,
        prepare,
        kinds: vec![kind],
        public_key_use: "sig",
    };
    [
        row("sign", Box::new(move |key| SigningKey::new(algorithm, key).map(drop))),
        row("verify", Box::new(move |key| VerifyingKey::new(algorithm, key).map(drop))),
    ]
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
                let expected = match (works, row.step) {
                    (false, _) => Err("key.wrong_kind"),
                    (true, "sign") if !key.is_private() => Err("jwt.empty_private_key"),
                    (true, _) => Ok(()),
                };
                assert_eq!(outcome, expected, "{} {} {kind:?}", row.algorithm, row.step);
                refused += usize::from(outcome.is_err());
            }
        }
    }
    assert!(refused > 300, "{refused}");
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
