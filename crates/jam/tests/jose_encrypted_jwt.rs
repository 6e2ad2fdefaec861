//! JSON Web Tokens that are encrypted, with and without a signature inside. Numbers are rows of the project's table of
//! attacks.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use jam::jose::jwe::{ContentEncryption, Jwe, JweOptions, KeyManagement};
use jam::jose::jws::{Algorithm, KeyRing};
use jam::jose::{DecodeOptions, EncryptedJwt, Jwk, Jwt, JwtOptions};
use jam::{Error, JwtError, Result, Timestamp};
use serde_json::{Map, Value, json};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn key(number: u8) -> Jwk {
    Jwk::from_secret(vec![number; 32])
}

fn jwe() -> Jwe {
    Jwe::new(&[key(1)], JweOptions::default()).unwrap()
}

fn signed() -> Jwt {
    with_rules(JwtOptions::default())
}

fn with_rules(options: JwtOptions) -> Jwt {
    Jwt::with_keys(KeyRing::new(Algorithm::Hs256, &[key(2)]).unwrap(), options).unwrap()
}

fn encrypted(options: JwtOptions) -> EncryptedJwt {
    EncryptedJwt::new(jwe(), options).unwrap()
}

fn nested() -> EncryptedJwt {
    EncryptedJwt::nested(signed(), jwe())
}

fn members(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn decode(jwt: &EncryptedJwt, token: &str) -> Result<Map<String, Value>> {
    jwt.decode(token, &DecodeOptions::default(), NOW)
}

fn refusal(jwt: &EncryptedJwt, token: &str) -> &'static str {
    decode(jwt, token).unwrap_err().code()
}

fn header(token: &str) -> Value {
    let header = jam::encoding::base64url_decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

// RFC 7520 section 6
#[test]
fn the_nested_token_of_rfc_7520_is_read() {
    let example: Value = serde_json::from_str(include_str!("rfc/nested.json")).unwrap();
    let key = |name: &str| Jwk::from_dict(example[name]["key"].as_object().unwrap()).unwrap();
    // Its tokens name no key, and the keys of the example have names.
    let (signing, encryption) = (key("signing"), key("encryption"));
    let jwe = Jwe::new(
        &[encryption],
        JweOptions {
            key_management: KeyManagement::RsaOaep,
            content_encryption: ContentEncryption::A128Gcm,
            ..JweOptions::default()
        },
    )
    .unwrap();
    let signed =
        Jwt::with_keys(KeyRing::new(Algorithm::Ps256, &[signing]).unwrap(), JwtOptions::default()).unwrap();
    let jwt = EncryptedJwt::nested(signed, jwe);
    let token = example["token"].as_str().unwrap();
    let before = Timestamp::from_seconds(1_300_819_379);
    let claims = jwt.decode(token, &DecodeOptions::default(), before).unwrap();
    assert_eq!(Value::Object(claims), example["claims"]);
    assert_eq!(refusal(&jwt, token), "jwt.token_expired");
}

// RFC 7519 appendix A.1 and A.2 are encrypted with RSA1_5, which is not offered (attack 41).
#[test]
fn the_encrypted_examples_of_rfc_7519_are_refused() {
    for header in
        [r#"{"alg":"RSA1_5","enc":"A128CBC-HS256"}"#, r#"{"alg":"RSA1_5","enc":"A128CBC-HS256","cty":"JWT"}"#]
    {
        let header = jam::encoding::base64url_encode(header);
        for jwt in [encrypted(JwtOptions::default()), nested()] {
            assert_eq!(refusal(&jwt, &format!("{header}.AAAA.AAAA.AAAA.AAAA")), "jwe.unsupported_algorithm");
        }
    }
}

#[test]
fn claims_come_back_and_are_nowhere_in_the_token() {
    let claims = members(json!({"user": "alice", "exp": 1_700_000_060}));
    for (jwt, expected) in [
        (encrypted(JwtOptions::default()), json!({"alg": "dir", "enc": "A256GCM", "typ": "JWT"})),
        (nested(), json!({"alg": "dir", "enc": "A256GCM", "cty": "JWT"})),
    ] {
        let token = jwt.encode(&claims).unwrap();
        assert_eq!(header(&token), expected);
        assert_eq!(decode(&jwt, &token).unwrap(), claims);
        assert_ne!(token, jwt.encode(&claims).unwrap());
        let stranger =
            EncryptedJwt::new(Jwe::new(&[key(9)], JweOptions::default()).unwrap(), JwtOptions::default());
        assert_eq!(refusal(&stranger.unwrap(), &token), "jwe.decryption_failed");
    }
}

#[test]
fn the_rules_for_claims_hold_inside_too() {
    // fault 4: the `exp` of an encrypted payload counts
    let rules = || JwtOptions {
        issuer: Some("me".into()),
        audience: vec!["you".into()],
        required: vec!["exp".into()],
        token_type: Some("at+jwt".into()),
        ..JwtOptions::default()
    };
    for jwt in [encrypted(rules()), EncryptedJwt::nested(with_rules(rules()), jwe())] {
        let payload = jwt.rules().make_payload(Some(60), Map::new(), NOW).unwrap();
        let changed = |name: &str, value: Option<Value>| {
            let mut payload = payload.clone();
            payload.remove(name);
            payload.extend(value.map(|value| (name.to_owned(), value)));
            jwt.encode(&payload).unwrap()
        };
        assert_eq!(decode(&jwt, &jwt.encode(&payload).unwrap()).unwrap(), payload);
        assert_eq!(refusal(&jwt, &changed("exp", Some(json!(1)))), "jwt.token_expired");
        assert_eq!(refusal(&jwt, &changed("exp", Some(json!("never")))), "jwt.invalid_claim");
        assert_eq!(refusal(&jwt, &changed("exp", None)), "jwt.invalid_claim");
        assert_eq!(refusal(&jwt, &changed("iss", Some(json!("other")))), "jwt.invalid_claim");
        assert_eq!(refusal(&jwt, &changed("aud", None)), "jwt.invalid_claim");
        for text in ["[]", "1", "{", r#"{"exp":1,"exp":2}"#] {
            assert_eq!(refusal(&jwt, &jwt.encode_json(text.as_bytes()).unwrap()), "jwt.malformed");
        }
    }
    // attack 25
    let (typed, untyped) = (encrypted(rules()), encrypted(JwtOptions::default()));
    assert_eq!(refusal(&typed, &untyped.encode(&Map::new()).unwrap()), "jwt.malformed");
    let inner = EncryptedJwt::nested(with_rules(rules()), jwe());
    assert_eq!(refusal(&inner, &nested().encode(&Map::new()).unwrap()), "jwt.malformed");
}

#[test]
fn a_token_is_signed_inside_exactly_where_that_is_expected() {
    // attacks 24 and 25
    let plain = encrypted(JwtOptions::default());
    let claims = members(json!({"user": 1}));
    let (encrypted, nested_token) = (plain.encode(&claims).unwrap(), nested().encode(&claims).unwrap());
    assert_eq!(refusal(&nested(), &encrypted), "jwt.malformed");
    assert_eq!(refusal(&plain, &nested_token), "jwt.malformed");
    let signed_only = signed().encode(&claims).unwrap();
    for jwt in [&plain, &nested()] {
        assert_eq!(refusal(jwt, &signed_only), "jwe.malformed");
    }
    for token in [&encrypted, &nested_token] {
        assert_eq!(signed().verify(token).unwrap_err().code(), "jwt.malformed");
    }
    let with_content =
        |content: &[u8]| jwe().encrypt(content, &members(json!({"cty": "application/jwt"}))).unwrap();
    assert_eq!(decode(&nested(), &with_content(signed_only.as_bytes())).unwrap(), claims);
    // A forged signature inside, claims in its place, no text at all.
    let forged = format!("{}A", &signed_only[..signed_only.len() - 1]);
    assert!(decode(&nested(), &with_content(forged.as_bytes())).is_err());
    let other =
        Jwt::with_keys(KeyRing::new(Algorithm::Hs256, &[key(3)]).unwrap(), JwtOptions::default()).unwrap();
    let stranger = with_content(other.encode(&claims).unwrap().as_bytes());
    assert_eq!(refusal(&nested(), &stranger), "jwt.invalid_signature");
    for content in [&b"{\"user\":1}"[..], b"\xff", b"", encrypted.as_bytes(), nested_token.as_bytes()] {
        assert_eq!(refusal(&nested(), &with_content(content)), "jwt.malformed");
    }
    // Ten deep is as much as two.
    let mut token = nested_token;
    for _ in 0..10 {
        token = with_content(token.as_bytes());
        assert_eq!(refusal(&nested(), &token), "jwt.malformed");
    }
}

#[test]
fn what_a_header_repeats_of_the_claims_must_be_the_same() {
    // RFC 7519 section 5.3
    let jwt = encrypted(JwtOptions::default());
    let payload = json!({"iss": "me", "aud": ["you"], "sub": "him"}).to_string();
    let with_header = |header: Value| jwe().encrypt(payload.as_bytes(), &members(header)).unwrap();
    for header in [json!({"iss": "me"}), json!({"aud": ["you"], "sub": "him"}), json!({"exp": 1})] {
        assert!(decode(&jwt, &with_header(header)).is_ok());
    }
    for (name, value) in [("iss", json!("you")), ("aud", json!("you")), ("sub", json!(null))] {
        let error = decode(&jwt, &with_header(json!({ name: value }))).unwrap_err();
        assert!(
            matches!(&error, Error::Jwt(JwtError::InvalidClaim { claim, .. }) if claim == name),
            "{error}"
        );
    }
    let absent = jwe().encrypt(b"{}", &members(json!({"iss": "me"}))).unwrap();
    assert_eq!(refusal(&jwt, &absent), "jwt.invalid_claim");
}

#[test]
fn keys_of_encrypted_tokens_are_given_once() {
    let options = JwtOptions { secret: vec![vec![1; 32].into()], ..JwtOptions::default() };
    assert_eq!(EncryptedJwt::new(jwe(), options).unwrap_err().code(), "validation.invalid");
}
