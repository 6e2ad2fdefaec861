//! Keys, and sets of them.

use jam::jose::jws::{self, Algorithm, SigningKey, Unverified, VerifyingKey};
use jam::jose::{Jwk, JwkSet, KeyQuery, ThumbprintHash};
use serde_json::{Map, Value};

use super::check_error;

/// A key: JWK or PEM, encrypted with `password` or not, or DER.
pub fn jwk(input: &[u8]) {
    match Jwk::from_der(input, Some("password")) {
        Ok(key) => every_form_is_the_same_key(&key),
        Err(error) => check_error(&error, input),
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Jwk::from_text(text, Some("password")) {
        Ok(key) => {
            every_form_is_the_same_key(&key);
            what_it_signs_it_verifies(&key);
            shows_nothing(&key);
        }
        Err(error) => check_error(&error, input),
    }
}

fn every_form_is_the_same_key(key: &Jwk) {
    let same = |again: jam::Result<Jwk>| all_members(&again.expect("what was written can be read"));
    let members = all_members(key);
    assert_eq!(same(Jwk::from_dict(&members)), members);
    assert_eq!(same(Jwk::from_json(&Value::Object(members.clone()).to_string())), members);
    let Ok(public) = key.public() else {
        assert_eq!(key.key_type(), "oct");
        assert!(key.to_dict().is_err() && key.to_pem().is_err() && key.to_private_pem(None).is_err());
        return;
    };
    let public_members = key.to_dict().expect("the key has a public half");
    assert_eq!(same(Jwk::from_dict(&public_members)), public_members);
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(!public_members.contains_key(name));
    }
    assert!(
        !public.is_private() && public.to_private_dict().is_err() && public.to_private_der(None).is_err()
    );
    for hash in [ThumbprintHash::Sha256, ThumbprintHash::Sha512] {
        assert_eq!(public.thumbprint(hash), key.thumbprint(hash));
    }

    let (pem, der) = (key.to_pem().expect("a public key has a PEM"), key.to_der().expect("and a DER"));
    let numbers = numbers(public_members);
    assert_eq!(same(Jwk::from_pem(&pem, None)), numbers);
    assert_eq!(same(Jwk::from_der(&der, None)), numbers);
    if key.is_private() {
        let (pem, der) = (key.to_private_pem(None), key.to_private_der(None));
        let (pem, der) = (pem.expect("a private key has a PEM"), der.expect("and a DER"));
        let numbers = self::numbers(members);
        assert_eq!(same(Jwk::from_pem(pem.expose(), None)), numbers);
        assert_eq!(same(Jwk::from_der(der.expose(), None)), numbers);
    }
}

fn all_members(key: &Jwk) -> Map<String, Value> {
    if key.is_private() { key.to_private_dict() } else { key.to_dict() }.expect("a key can be written")
}

/// The members without what only a JWK says.
fn numbers(mut members: Map<String, Value>) -> Map<String, Value> {
    members.retain(|name, _| !["alg", "kid", "use", "key_ops"].contains(&name.as_str()));
    members
}

fn what_it_signs_it_verifies(key: &Jwk) {
    for algorithm in Algorithm::all() {
        let (signing, verifying) = (SigningKey::new(algorithm, key), VerifyingKey::new(algorithm, key));
        if let (Ok(signing), Ok(verifying)) = (signing, verifying) {
            let token = jws::sign(b"payload", &Map::new(), &signing).expect("a key that was accepted signs");
            let verified = Unverified::parse(&token).and_then(|token| token.verify(&verifying));
            assert_eq!(verified.expect("and verifies").payload(), b"payload");
        }
    }
}

fn shows_nothing(key: &Jwk) {
    let shown = format!("{key:?}");
    let members = all_members(key);
    for name in ["k", "d", "p", "q", "dp", "dq", "qi"] {
        // The names of a key and of its algorithm are shown, and may be anything.
        let secret = members.get(name).and_then(Value::as_str).filter(|text| text.len() > 20);
        let names = [key.key_id(), key.algorithm()];
        let is_named_so = |secret: &str| names.iter().flatten().any(|name| name.contains(secret));
        assert!(secret.is_none_or(|secret| is_named_so(secret) || !shown.contains(secret)));
    }
}

/// The JSON of a set of keys.
pub fn jwk_set(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let set = match JwkSet::from_json(text) {
        Ok(set) => set,
        Err(error) => return check_error(&error, input),
    };
    let written: Value = serde_json::from_str(text).expect("a set that was read is JSON");
    let entries = written["keys"].as_array().expect("a set that was read has a list").len();
    assert_eq!(set.len() + set.skipped().len(), entries);
    for skipped in set.skipped() {
        assert!(skipped.index < entries);
        check_error(&skipped.reason, input);
    }

    let members = set.to_private_dict();
    let again = JwkSet::from_dict(&members).expect("a set that was written can be read");
    assert_eq!(again.to_private_dict(), members);
    assert!(again.skipped().is_empty());
    let has_secrets = set.iter().any(|key| key.key_type() == "oct");
    match set.to_dict() {
        Ok(published) => {
            let published = JwkSet::from_dict(&published).expect("a set that was written can be read");
            assert!(!has_secrets && published.len() == set.len());
            assert!(published.iter().all(|key| !key.is_private()));
        }
        Err(error) => {
            assert!(has_secrets);
            check_error(&error, input);
        }
    }

    for key in set.iter() {
        let query = KeyQuery { key_id: key.key_id(), ..KeyQuery::default() };
        match set.find(&query) {
            Ok(found) => assert!(query.key_id.is_none_or(|name| found.key_id() == Some(name))),
            Err(error) => check_error(&error, input),
        }
    }
}
