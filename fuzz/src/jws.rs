//! Signed tokens.

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use hmac::{KeyInit, Mac};
use jam::encoding::json_object;
use jam::jose::jws::{
    self, Algorithm, Header, SignOptions, SigningKey, Unverified, UnverifiedJson, VerifyingKey,
};
use jam::jose::{DecodeOptions, Jwk, Jwt, JwtOptions};
use jam::{Error, Timestamp};
use serde_json::Value;

use super::{check_error, first_line};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Keys of RFC 7515 and RFC 8037.
static KEYS: LazyLock<Vec<VerifyingKey>> = LazyLock::new(|| {
    let keys = [
        (Algorithm::Hs256, include_str!("../corpus/jwk/rfc7515_a1.json")),
        (Algorithm::Rs256, include_str!("../corpus/jwk/rfc7515_a2.json")),
        (Algorithm::Es256, include_str!("../corpus/jwk/rfc7515_a3.json")),
        (Algorithm::Es512, include_str!("../corpus/jwk/rfc7515_a4.json")),
        (Algorithm::EdDsa, include_str!("../corpus/jwk/rfc8037_a2.json")),
    ];
    let prepare = |(algorithm, key)| VerifyingKey::new(algorithm, &Jwk::from_json(key)?);
    keys.into_iter().map(prepare).collect::<jam::Result<_>>().expect("the keys are examples of RFCs")
});

/// All that was ever signed with [`KEYS`].
const SIGNED: [&str; 5] = [
    include_str!("../corpus/jws/rfc7515_a1"),
    include_str!("../corpus/jws/rfc7515_a2"),
    include_str!("../corpus/jws/rfc7515_a3"),
    include_str!("../corpus/jws/rfc7515_a4"),
    include_str!("../corpus/jws/rfc8037_a4"),
];

static JWT: LazyLock<Jwt> = LazyLock::new(|| {
    Jwt::new(JwtOptions { secret: vec![SECRET.into()], ..JwtOptions::default() })
        .expect("the secret is long enough")
});

static SIGNING_KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::new(Algorithm::Hs256, &Jwk::from_secret(SECRET)).expect("the secret is long enough")
});

static VERIFYING_KEY: LazyLock<VerifyingKey> = LazyLock::new(|| {
    VerifyingKey::new(Algorithm::Hs256, &Jwk::from_secret(SECRET)).expect("the secret is long enough")
});

/// A signed token in any form, or the header and the payload of one with a line break between them.
pub fn jws(input: &[u8]) {
    if let Ok(token) = std::str::from_utf8(input) {
        only_signed_tokens_verify(token);
        only_signed_objects_verify(token);
    }
    let (header, payload) = first_line(input);
    if let Ok(header) = json_object(header) {
        for (detached, encode_payload) in [(false, true), (true, true), (false, false), (true, false)] {
            let header = header.clone();
            what_is_signed_is_read_as_it_stands(
                payload,
                &SignOptions { header, detached, encode_payload, ..SignOptions::default() },
            );
        }
    }
    below_a_good_signature_the_rules_hold(header, payload);
}

/// Nobody signs with keys that they do not have, and a token has one spelling: what verifies is the RFC's own token.
fn only_signed_tokens_verify(token: &str) {
    let unverified = match Unverified::parse(token) {
        Ok(unverified) => unverified,
        Err(error) => return check_error(&error, token.as_bytes()),
    };
    let members = unverified.header().members();
    assert_eq!(json_object(Value::Object(members.clone()).to_string().as_bytes()).as_ref(), Ok(members));
    match unverified.clone().verify(KEYS.iter()) {
        Ok(_) => assert!(SIGNED.contains(&token)),
        Err(error) => check_error(&error, token.as_bytes()),
    }
    assert!(unverified.verify_detached(b"another payload", KEYS.iter()).is_err());
}

/// The same for the JSON forms: what verifies is one of the RFC's tokens in other words.
fn only_signed_objects_verify(text: &str) {
    let unverified = match UnverifiedJson::parse(text) {
        Ok(unverified) => unverified,
        Err(error) => return check_error(&error, text.as_bytes()),
    };
    let verified = match unverified.verify(KEYS.iter()) {
        Ok(verified) => verified,
        Err(error) => return check_error(&error, text.as_bytes()),
    };
    let object: Value = serde_json::from_str(text).expect("an object that was read is JSON");
    assert!(!verified.signatures().is_empty());
    for held in verified.signatures() {
        let signature = object.get("signatures").map_or(&object, |signatures| &signatures[held.index()]);
        let parts = [&signature["protected"], &object["payload"], &signature["signature"]];
        let token = parts.map(|part| part.as_str().expect("a part that was read is text")).join(".");
        assert!(SIGNED.contains(&token.as_str()));
    }
}

fn what_is_signed_is_read_as_it_stands(payload: &[u8], options: &SignOptions) {
    let token = match jws::sign_with(payload, options, &SIGNING_KEY) {
        Ok(token) => token,
        Err(error) => return check_error(&error, payload),
    };
    let has_all = |header: &Header| {
        assert_eq!(header.encodes_payload(), options.encode_payload);
        assert!(options.header.iter().all(|(name, value)| header.members()[name] == *value));
    };
    let unverified = Unverified::parse(&token).expect("a token that was signed is one");
    if options.detached {
        has_all(
            &unverified.verify_detached(payload, &*VERIFYING_KEY).expect("a signature that was made holds"),
        );
    } else {
        let verified = unverified.verify(&*VERIFYING_KEY).expect("a signature that was made holds");
        assert_eq!(verified.payload(), payload);
        has_all(verified.header());
    }
    let object = match jws::sign_general(payload, &[(options, &SIGNING_KEY), (options, &SIGNING_KEY)]) {
        Ok(object) => Value::Object(object).to_string(),
        Err(error) => return check_error(&error, payload),
    };
    let unverified = UnverifiedJson::parse(&object).expect("an object that was signed is one");
    let held = if options.detached {
        unverified.verify_detached(payload, &*VERIFYING_KEY).expect("a signature that was made holds")
    } else {
        let verified = unverified.verify(&*VERIFYING_KEY).expect("a signature that was made holds");
        assert_eq!(verified.payload(), payload);
        verified.into_parts().1
    };
    assert_eq!(held.len(), 2);
    held.iter().for_each(|signature| has_all(signature.header()));
}

/// Who has the key may write what they like: it is read as it is written, or refused.
fn below_a_good_signature_the_rules_hold(header: &[u8], payload: &[u8]) {
    let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(payload));
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET).expect("a MAC takes any key");
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()));
    let claims = match JWT.decode(&token, &DecodeOptions::default(), NOW) {
        Ok(claims) => claims,
        Err(error) => {
            assert!(matches!(error, Error::Jwt(_)), "{error}");
            return check_error(&error, payload);
        }
    };
    let header: Value = serde_json::from_slice(header).expect("a header that was accepted is JSON");
    assert_eq!(header["alg"], "HS256");
    assert!(header.get("b64").is_none_or(|encodes| encodes == true));
    let seconds = |name: &str| {
        claims.get(name).map(|time| time.as_f64().expect("a time that was accepted is a number"))
    };
    assert!(seconds("exp").is_none_or(|exp| exp > 1_700_000_000.0));
    assert!(seconds("nbf").is_none_or(|nbf| nbf <= 1_700_000_000.0));
    let again = JWT.encode(&claims).expect("claims that were read can be written");
    assert_eq!(JWT.decode(&again, &DecodeOptions::default(), NOW), Ok(claims));
}
