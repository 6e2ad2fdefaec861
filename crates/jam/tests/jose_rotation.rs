//! How keys are changed while tokens live, and the attacks on the choice among keys. Numbers are rows of the project's table
//! of attacks.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use jam::jose::jws::{Algorithm, KeyRing, KeyRingOptions, SigningKey, Unverified, VerifyingKey, sign};
use jam::jose::{DecodeOptions, Jwk, JwkSet, Jwt, JwtOptions, ThumbprintHash};
use jam::secret::Secret;
use jam::{Result, Timestamp};
use serde_json::{Map, Value, json};

fn key(name: &str) -> String {
    let path = format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// RFC 7515 appendix A.3, with a name.
fn other_p256() -> String {
    json!({"kty": "EC", "crv": "P-256", "kid": "other", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"})
    .to_string()
}

fn secret(number: u8) -> Secret<Vec<u8>> {
    vec![number; 32].into()
}

fn with_secrets(numbers: &[u8]) -> Jwt {
    let secret = numbers.iter().copied().map(secret).collect();
    Jwt::new(JwtOptions { secret, ..JwtOptions::default() }).unwrap()
}

fn with_keys(private: &[&str], public: &[&str]) -> Result<Jwt> {
    let texts = |texts: &[&str]| texts.iter().map(|text| Secret::from(*text)).collect();
    let (private_key, public_key) = (texts(private), texts(public));
    Jwt::new(JwtOptions { algorithm: Algorithm::Es256, private_key, public_key, ..JwtOptions::default() })
}

fn header(token: &str) -> Value {
    let header = jam::encoding::base64url_decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

fn thumbprint(number: u8) -> String {
    Jwk::from_secret(secret(number)).thumbprint(ThumbprintHash::Sha256)
}

/// A token of a secret with any `kid`.
fn token(number: u8, kid: Option<&str>) -> String {
    let key = SigningKey::new(Algorithm::Hs256, &Jwk::from_secret(secret(number))).unwrap();
    let mut header = Map::new();
    header.extend(kid.map(|kid| ("kid".to_owned(), Value::from(kid))));
    sign(b"{}", &header, &key).unwrap()
}

fn refusal(jwt: &Jwt, token: &str) -> &'static str {
    jwt.verify(token).unwrap_err().code()
}

#[test]
fn the_newest_key_signs_and_all_verify() {
    let (before, between, after) = (with_secrets(&[1]), with_secrets(&[2, 1]), with_secrets(&[2]));
    let old = before.encode(&Map::new()).unwrap();
    assert_eq!(header(&old), json!({"alg": "HS256", "typ": "JWT"}));
    assert!(between.verify(&old).is_ok());
    assert_eq!(refusal(&after, &old), "jwt.invalid_signature");

    let new = between.encode(&Map::new()).unwrap();
    assert_eq!(header(&new), json!({"alg": "HS256", "typ": "JWT", "kid": thumbprint(2)}));
    assert!(between.verify(&new).is_ok() && after.verify(&new).is_ok());
    assert_eq!(refusal(&before, &new), "jwt.invalid_signature");

    // The ring of three reads what the ring of two made, by its name.
    let later = with_secrets(&[3, 2]);
    assert!(later.verify(&new).is_ok());
    assert_eq!(refusal(&later, &old), "jwt.invalid_signature");
    let now = Timestamp::from_seconds(0);
    assert!(later.decode(&new, &DecodeOptions::default(), now).is_ok());
}

#[test]
fn a_name_chooses_one_key_and_no_other_is_tried() {
    // attack 17
    let jwt = with_secrets(&[2, 1]);
    assert!(jwt.verify(&token(1, Some(&thumbprint(1)))).is_ok());
    let cut = thumbprint(1)[..42].to_owned();
    let folded = thumbprint(1).to_lowercase();
    for kid in
        ["../../dev/null", "' OR 1=1", "*", "\0", "", &cut, &folded, &thumbprint(2), &"k".repeat(100_000)]
    {
        assert_eq!(refusal(&jwt, &token(1, Some(kid))), "jwt.invalid_signature", "{kid:?}");
    }
    // A header that another library spells otherwise is the same header.
    let key = Jwk::from_secret(secret(1)).with_key_id(thumbprint(1));
    let members = json!({"typ": "JWT", "x": 1}).as_object().cloned().unwrap();
    let spelled = sign(b"{}", &members, &SigningKey::new(Algorithm::Hs256, &key).unwrap()).unwrap();
    assert!(jwt.verify(&spelled).is_ok());
}

#[test]
fn without_a_name_the_eight_newest_keys_are_tried() {
    // attack 18
    let jwt = with_secrets(&[20, 19, 18, 17, 16, 15, 14, 13, 12, 11]);
    for number in 13..=20 {
        assert!(jwt.verify(&token(number, None)).is_ok(), "{number}");
    }
    for number in [12, 11, 10] {
        assert_eq!(refusal(&jwt, &token(number, None)), "jwt.invalid_signature", "{number}");
    }
    assert!(jwt.verify(&token(11, Some(&thumbprint(11)))).is_ok());
}

#[test]
fn two_keys_have_two_names() {
    // attack 18
    let twice = JwtOptions { secret: vec![secret(1), secret(2), secret(1)], ..JwtOptions::default() };
    assert_eq!(Jwt::new(twice).unwrap_err().code(), "validation.invalid");
    let named = |number| Jwk::from_secret(secret(number)).with_key_id("same");
    let error = KeyRing::new(Algorithm::Hs256, &[named(1), named(2)]).unwrap_err();
    assert_eq!(error.code(), "validation.invalid");
    let impostor = Jwk::from_secret(secret(2)).with_key_id(thumbprint(1));
    let error = KeyRing::new(Algorithm::Hs256, &[impostor, Jwk::from_secret(secret(1))]).unwrap_err();
    assert_eq!(error.code(), "validation.invalid");
    assert_eq!(KeyRing::new(Algorithm::Hs256, &[]).unwrap_err().code(), "key.not_found");
}

#[test]
fn every_key_of_a_list_is_checked() {
    for bad in [&b""[..], key("rsa_public.pem").as_bytes()] {
        let secret = vec![secret(1), Secret::from(bad)];
        assert!(Jwt::new(JwtOptions { secret, ..JwtOptions::default() }).is_err());
    }
    let p256 = key("p256.pem");
    for bad in [key("p384.pem"), key("ed25519.pem"), "text".to_owned(), String::new()] {
        assert!(with_keys(&[&p256, &bad], &[]).is_err());
        assert!(with_keys(&[], &[&key("p256_public.pem"), &bad]).is_err());
    }
    // attack 6
    let hs384 =
        json!({"kty": "oct", "alg": "HS384", "k": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}).to_string();
    let secret = vec![secret(1), hs384.into_bytes().into()];
    assert_eq!(
        Jwt::new(JwtOptions { secret, ..JwtOptions::default() }).unwrap_err().code(),
        "key.wrong_kind"
    );
}

#[test]
fn key_pairs_rotate_too() {
    let (p256, p256_public, other) = (key("p256.pem"), key("p256_public.pem"), other_p256());
    let (first, second) = (with_keys(&[&p256], &[]).unwrap(), with_keys(&[&other, &p256], &[]).unwrap());
    let (old, new) = (first.encode(&Map::new()).unwrap(), second.encode(&Map::new()).unwrap());
    assert_eq!(header(&new)["kid"], "other");
    assert!(second.verify(&old).is_ok() && second.verify(&new).is_ok());
    assert_eq!(refusal(&first, &new), "jwt.invalid_signature");
    // A reader has public keys only.
    let other_public = Jwk::from_json(&other).unwrap().public().unwrap().to_json().unwrap();
    let reader = with_keys(&[], &[&other_public, &p256_public]).unwrap();
    assert!(reader.verify(&old).is_ok() && reader.verify(&new).is_ok());
    // The private half of the old key may be gone.
    let retired = with_keys(&[&other], &[&other_public, &p256_public]).unwrap();
    assert!(retired.verify(&old).is_ok() && retired.verify(&new).is_ok());
    assert_eq!(header(&retired.encode(&Map::new()).unwrap())["kid"], "other");

    // What signs must be among what verifies, or the instance would refuse its own tokens elsewhere.
    let error = with_keys(&[&other], &[&p256_public, &p256_public]).unwrap_err();
    assert_eq!(error.to_string(), "public_key: none of these keys belongs to the newest private_key");
    let error = with_keys(&[&other], &[&p256_public]).unwrap_err();
    assert_eq!(error.to_string(), "public_key: this key does not belong to private_key");
}

#[test]
fn both_halves_of_a_pair_have_one_name() {
    let public = |name: &str| {
        Jwk::from_pem(&key("p256_public.pem"), None).unwrap().with_key_id(name).to_json().unwrap()
    };
    let private = |name: &str| {
        let key = Jwk::from_pem(&key("p256.pem"), None).unwrap().with_key_id(name);
        key.to_private_json().unwrap().expose().clone()
    };
    let jwt = with_keys(&[&key("p256.pem")], &[&public("mine")]).unwrap();
    let token = jwt.encode(&Map::new()).unwrap();
    assert_eq!(header(&token)["kid"], "mine");
    assert!(jwt.verify(&token).is_ok());
    assert!(with_keys(&[&private("mine")], &[&public("mine")]).is_ok());
    let error = with_keys(&[&private("mine")], &[&public("yours")]).unwrap_err();
    assert_eq!(error.code(), "configuration.invalid");
    // What the public half says of its use holds for the pair.
    let encrypts = Jwk::from_json(&public("mine")).unwrap().with_public_key_use("enc").to_json().unwrap();
    assert_eq!(with_keys(&[&key("p256.pem")], &[&encrypts]).unwrap_err().code(), "key.wrong_kind");
}

#[test]
fn a_password_opens_those_keys_that_are_encrypted() {
    let ring = |texts: &[String], password: Option<&str>| {
        KeyRing::from_options(&KeyRingOptions {
            algorithm: Algorithm::Rs256,
            private_key: texts.iter().map(|text| Secret::from(text.as_str())).collect(),
            password: password.map(Secret::from),
            ..KeyRingOptions::default()
        })
    };
    let (encrypted, plain) = (key("rsa_encrypted.pem"), key("rfc7520_rsa.json"));
    assert!(ring(&[encrypted.clone(), plain.clone()], Some("correct-horse")).is_ok());
    assert!(ring(&[plain.clone(), encrypted.clone()], Some("wrong")).is_err());
    assert!(ring(&[plain.clone(), encrypted], None).is_err());
    assert!(ring(&[plain, key("rsa.pem")], Some("correct-horse")).is_err());
}

#[test]
fn a_public_key_in_front_signs_nothing() {
    let (p256, public) = (key("p256.pem"), Jwk::from_json(&other_p256()).unwrap().public().unwrap());
    let ring = KeyRing::new(Algorithm::Es256, &[public, Jwk::from_pem(&p256, None).unwrap()]).unwrap();
    assert_eq!(ring.signing_key().unwrap_err().code(), "jwt.empty_private_key");
    assert_eq!(ring.verifying_keys().len(), 2);
    let verifies_only = Jwk::from_secret(secret(1)).with_key_operations(["verify"]);
    let ring = KeyRing::new(Algorithm::Hs256, &[verifies_only]).unwrap();
    let error = ring.signing_key().unwrap_err();
    assert_eq!(error.code(), "key.wrong_kind");
    assert!(error.to_string().contains("\"key_ops\""), "{error}");
    assert!(Unverified::parse(&token(1, None)).unwrap().verify(&ring).is_ok());
}

#[test]
fn a_short_secret_among_several_is_refused_unless_allowed() {
    // attack 9
    let keys = [Jwk::from_secret(secret(1)), Jwk::from_secret(&b"secret"[..])];
    assert_eq!(KeyRing::new(Algorithm::Hs256, &keys).unwrap_err().code(), "key.weak");
    assert!(KeyRing::with_short_secrets(Algorithm::Hs256, &keys).is_ok());
    let mut options = KeyRingOptions { secret: vec![b"secret"[..].into()], ..KeyRingOptions::default() };
    assert_eq!(KeyRing::from_options(&options).unwrap_err().code(), "key.weak");
    options.allow_short_secret = true;
    assert!(KeyRing::from_options(&options).is_ok());
}

#[test]
fn of_a_set_those_keys_verify_that_fit_and_that_one_name_means() {
    let p256 = Jwk::from_pem(&key("p256.pem"), None).unwrap();
    let members = |key: &Jwk, kid: Option<&str>| {
        let mut members = key.to_dict().unwrap();
        members.extend(kid.map(|kid| ("kid".to_owned(), Value::from(kid))));
        Value::Object(members)
    };
    let other = Jwk::from_json(&other_p256()).unwrap();
    let rsa = Jwk::from_pem(&key("rsa_public.pem"), None).unwrap();
    let set = |keys: Value| JwkSet::from_dict(json!({"keys": keys}).as_object().unwrap()).unwrap();
    let signed =
        |key: &Jwk| sign(b"{}", &Map::new(), &SigningKey::new(Algorithm::Es256, key).unwrap()).unwrap();
    let holds = |ring: &KeyRing, token: &str| Unverified::parse(token).unwrap().verify(ring).is_ok();

    let broken = json!({"kty": "EC", "crv": "P-256", "kid": "broken"});
    let ring = KeyRing::from_set(
        Algorithm::Es256,
        &set(json!([
            broken,
            members(&rsa, Some("other")),
            members(&p256, None),
            members(&other, Some("other"))
        ])),
    )
    .unwrap();
    assert_eq!(ring.verifying_keys().len(), 2);
    let error = ring.signing_key().unwrap_err();
    assert_eq!(error.code(), "key.wrong_kind");
    assert!(error.to_string().contains("a set of keys verifies only"), "{error}");
    assert!(holds(&ring, &signed(&p256)) && holds(&ring, &signed(&other)));
    assert!(!holds(&ring, &signed(&p256.clone().with_key_id("other"))));
    assert!(holds(&ring, &signed(&p256.clone().with_key_id(p256.thumbprint(ThumbprintHash::Sha256)))));

    // attack 18: two keys of one name are none
    let ambiguous = set(json!([members(&p256, Some("other")), members(&other, Some("other"))]));
    assert_eq!(KeyRing::from_set(Algorithm::Es256, &ambiguous).unwrap_err().code(), "key.not_found");
    let rest = set(json!([members(&p256, Some("a")), members(&p256, Some("a")), members(&other, Some("b"))]));
    let ring = KeyRing::from_set(Algorithm::Es256, &rest).unwrap();
    assert_eq!(ring.verifying_keys()[0].key_id(), Some("b"));
    assert_eq!(KeyRing::from_set(Algorithm::Rs256, &rest).unwrap_err().code(), "key.not_found");
}

#[test]
fn keys_are_given_once() {
    let ring = || KeyRing::new(Algorithm::Es256, &[Jwk::from_pem(&key("p256.pem"), None).unwrap()]).unwrap();
    let jwt = Jwt::with_keys(ring(), JwtOptions::default()).unwrap();
    assert_eq!(jwt.algorithm(), Algorithm::Es256);
    let token = jwt.encode(&Map::new()).unwrap();
    assert!(jwt.verify(&token).is_ok());
    for options in [
        JwtOptions { secret: vec![secret(1)], ..JwtOptions::default() },
        JwtOptions { private_key: vec![key("p256.pem").into()], ..JwtOptions::default() },
        JwtOptions { public_key: vec![key("p256_public.pem").into()], ..JwtOptions::default() },
        JwtOptions { password: Some("x".into()), ..JwtOptions::default() },
    ] {
        assert_eq!(Jwt::with_keys(ring(), options).unwrap_err().code(), "validation.invalid");
    }
}

#[test]
fn an_eddsa_key_does_not_verify_what_says_ed25519() {
    // RFC 9864: one key, two names, and no token of one name under the other.
    let pair = Jwk::from_pem(&key("ed25519.pem"), None).unwrap();
    let ring = |algorithm| KeyRing::new(algorithm, std::slice::from_ref(&pair)).unwrap();
    for (own, other) in [(Algorithm::EdDsa, Algorithm::Ed25519), (Algorithm::Ed25519, Algorithm::EdDsa)] {
        let token = sign(b"", &Map::new(), ring(own).signing_key().unwrap()).unwrap();
        assert_eq!(header(&token)["alg"], own.name());
        assert!(Unverified::parse(&token).unwrap().verify(&ring(own)).is_ok());
        let error = Unverified::parse(&token).unwrap().verify(&ring(other)).unwrap_err();
        assert_eq!(error.code(), "jwt.unsupported_algorithm");
        // attack 6
        let named = pair.clone().with_algorithm(own.name());
        assert!(VerifyingKey::new(own, &named).is_ok());
        assert_eq!(VerifyingKey::new(other, &named).unwrap_err().code(), "key.wrong_kind");
    }
}
