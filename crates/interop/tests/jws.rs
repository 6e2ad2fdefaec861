//! Signatures and signed JSON Web Tokens, with josekit and jsonwebtoken.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

mod support;

use jam::Timestamp;
use jam::jose::jws::{self, Algorithm, SignOptions, Unverified, UnverifiedJson};
use jam::jose::{DecodeOptions, Jwt, JwtOptions};
use josekit::jws::{JwsContext, JwsHeader, JwsHeaderSet};
use serde_json::{Map, Value, json};
use support::*;

const PAYLOAD: &[u8] = b"any bytes: \x00\xff";
const FAR: u64 = 4_102_444_800; // 2100
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn algorithms_with<T>(peer: impl Fn(Algorithm) -> Option<T>, expected: usize) -> Vec<(Algorithm, T)> {
    let both: Vec<_> = Algorithm::all().filter_map(|algorithm| Some((algorithm, peer(algorithm)?))).collect();
    assert_eq!(both.len(), expected);
    both
}

#[test]
fn josekit_verifies_what_jam_signs() {
    for (algorithm, verifier) in algorithms_with(josekit_verifier, 14) {
        let token = jws::sign(PAYLOAD, &Map::new(), &signing_key(algorithm)).unwrap();
        let (payload, header) = josekit::jws::deserialize_compact(&token, &*verifier).unwrap();
        assert_eq!((payload.as_slice(), header.algorithm()), (PAYLOAD, Some(algorithm.name())));
    }
}

#[test]
fn jam_verifies_what_josekit_signs() {
    for (algorithm, signer) in algorithms_with(josekit_signer, 14) {
        let mut header = JwsHeader::new();
        header.set_token_type("example");
        let token = josekit::jws::serialize_compact(PAYLOAD, &header, &*signer).unwrap();
        let verified = Unverified::parse(&token).unwrap().verify(&verifying_key(algorithm)).unwrap();
        assert_eq!((verified.payload(), verified.header().token_type()), (PAYLOAD, Some("example")));
    }
}

#[test]
fn josekit_reads_the_json_forms_that_jam_writes() {
    for (algorithm, verifier) in algorithms_with(josekit_verifier, 14) {
        let (options, key) = (SignOptions::default(), signing_key(algorithm));
        let other =
            signing_key(if algorithm == Algorithm::Hs256 { Algorithm::Es256 } else { Algorithm::Hs256 });
        for object in [
            jws::sign_flattened(PAYLOAD, &options, &key).unwrap(),
            jws::sign_general(PAYLOAD, &[(&options, &other), (&options, &key)]).unwrap(),
        ] {
            let text = Value::Object(object).to_string();
            let (payload, _) = josekit::jws::deserialize_json(&text, &*verifier).unwrap();
            assert_eq!(payload, PAYLOAD, "{algorithm}");
        }
    }
}

#[test]
fn jam_reads_the_json_forms_that_josekit_writes() {
    for (algorithm, signer) in algorithms_with(josekit_signer, 14) {
        let mut header = JwsHeaderSet::new();
        header.set_token_type("example", true);
        header.set_content_type("unprotected", false);
        let other = josekit_signer(Algorithm::Es384).unwrap();
        let key = verifying_key(algorithm);
        let flattened = josekit::jws::serialize_flattened_json(PAYLOAD, &header, &*signer).unwrap();
        let verified = UnverifiedJson::parse(&flattened).unwrap().verify(&key).unwrap();
        assert_eq!(verified.payload(), PAYLOAD);
        assert_eq!(verified.signatures()[0].header().content_type(), None);

        let signers = [(&header, &*other), (&header, &*signer)];
        let general = josekit::jws::serialize_general_json(PAYLOAD, &signers).unwrap();
        let verified = UnverifiedJson::parse(&general).unwrap().verify(&key).unwrap();
        let held: Vec<_> = verified.signatures().iter().map(jws::HeldSignature::index).collect();
        assert_eq!(held.last(), Some(&1), "{algorithm}");
    }
}

// RFC 7797
#[test]
fn payloads_that_are_not_encoded_go_both_ways() {
    let payload = b"$02";
    let (signer, verifier) =
        (josekit_signer(Algorithm::Es256).unwrap(), josekit_verifier(Algorithm::Es256).unwrap());
    let mut context = JwsContext::new();
    context.add_acceptable_critical("b64");

    let options = SignOptions { encode_payload: false, ..SignOptions::default() };
    let token = jws::sign_with(payload, &options, &signing_key(Algorithm::Es256)).unwrap();
    assert_eq!(context.deserialize_compact(&token, &*verifier).unwrap().0, payload);

    let mut header = JwsHeader::new();
    header.set_base64url_encode_payload(false);
    header.set_critical(&vec!["b64"]);
    let token = context.serialize_compact(payload, &header, &*signer).unwrap();
    let verified = Unverified::parse(&token).unwrap().verify(&verifying_key(Algorithm::Es256)).unwrap();
    assert_eq!(verified.payload(), payload);
}

fn jwt(algorithm: Algorithm) -> Jwt {
    let secret = algorithm.is_symmetric().then(|| SECRET[..].into()).into_iter().collect();
    let private_key = private_pem(algorithm).map(Into::into).into_iter().collect();
    Jwt::new(JwtOptions { algorithm, secret, private_key, ..JwtOptions::default() }).unwrap()
}

fn claims() -> Map<String, Value> {
    let claims = json!({"sub": "user", "exp": FAR, "nbf": 1, "aud": ["a", "b"], "x": {"y": [1.5, null, true, "\u{1f980}"]}});
    claims.as_object().unwrap().clone()
}

#[test]
fn jsonwebtoken_reads_the_tokens_of_jam() {
    for (algorithm, (validation, key)) in algorithms_with(jsonwebtoken_verifier, 12) {
        let token = jwt(algorithm).encode(&claims()).unwrap();
        let read = jsonwebtoken::decode::<Map<String, Value>>(&token, &key, &validation).unwrap();
        assert_eq!(read.claims, claims());
    }
}

#[test]
fn jam_reads_the_tokens_of_jsonwebtoken() {
    for (algorithm, (header, key)) in algorithms_with(jsonwebtoken_signer, 12) {
        let token = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
        assert_eq!(jwt(algorithm).decode(&token, &DecodeOptions::default(), NOW).unwrap(), claims());
    }
}

#[test]
fn josekit_reads_the_tokens_of_jam_and_the_other_way_round() {
    for (algorithm, verifier) in algorithms_with(josekit_verifier, 14) {
        let token = jwt(algorithm).encode(&claims()).unwrap();
        let (payload, _) = josekit::jwt::decode_with_verifier(&token, &*verifier).unwrap();
        assert_eq!(*payload.claims_set(), claims());

        let mut payload = josekit::jwt::JwtPayload::new();
        payload.set_subject("user");
        payload.set_claim("exp", Some(FAR.into())).unwrap();
        let signer = josekit_signer(algorithm).unwrap();
        let token = josekit::jwt::encode_with_signer(&payload, &JwsHeader::new(), &*signer).unwrap();
        let read = jwt(algorithm).decode(&token, &DecodeOptions::default(), NOW).unwrap();
        assert_eq!(read, *payload.claims_set());
    }
}
