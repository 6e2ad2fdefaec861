//! Tokens that OpenSSL made, and every text form that a key may come in.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use jam::jose::jws::{self, Algorithm, SigningKey, Unverified, VerifyingKey};
use jam::jose::{DecodeOptions, Jwk, Jwt, JwtOptions, NewKey};
use jam::{Result, Timestamp};
use serde_json::{Map, Value, json};

fn key(name: &str) -> String {
    let path = format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn verify(token: &str, algorithm: Algorithm, key: &Jwk) -> Result<Vec<u8>> {
    let key = VerifyingKey::new(algorithm, key)?;
    Ok(Unverified::parse(token)?.verify(&key)?.into_payload())
}

// The larger of the two values of s is as good as the smaller one: RFC 8812 does not choose.
#[test]
fn tokens_that_openssl_made_verify() {
    for (algorithm, name, token) in [
        (
            Algorithm::Es256K,
            "secp256k1_public.pem",
            "eyJhbGciOiJFUzI1NksifQ.eyJtYWRlIjoiYnkgT3BlblNTTCJ9.Jc1S277klqR6lrCVT_t273EvWgetvEcjVvyqTDIvlyycaR7G19nlR6cXyZGV2gMg0MmqTg1wRple1xikZOP96g",
        ),
        (
            Algorithm::Es384,
            "p384_public.pem",
            "eyJhbGciOiJFUzM4NCJ9.eyJtYWRlIjoiYnkgT3BlblNTTCJ9.H--ClinI10vhucPQX63mi4O51lRlKQnHE3wdkzGPt7vwZj2R8cYXaMs1ozX1XC5YLeQYY92ywBDLCcvbSq_TqLhFBQQaCxKRPySwghceM7AYXElneC0mK5fNBujw4vWn",
        ),
        (
            Algorithm::Ps384,
            "rsa_public.pem",
            "eyJhbGciOiJQUzM4NCJ9.eyJtYWRlIjoiYnkgT3BlblNTTCJ9.ZYMeDoO_A8pcnrTMviigO_13I6bLNS2OeCUtVdTXo5EyqC3txlFNnj6fG5QxMpIMdzOC0kG8hqHxYKDwdewEd9pGC76ppHBukUnT-9LYjPTRIpsNLUMafFypCeO3IlTl2KKIQYLV-tp7I7r48cqfVLbcdOwE3ZWB1ygfhfwo6DcOzsrmKmy1c6_ajG3RlcBu-m9NV26PxkKpW_3c-hJkLI5NUkvv-JKEoBkYfi7Pu_uHQHRqNS4Zh93iIECjZjLJqq4dKGsRxNDWVikSUVAsxRurz6Wp-SGU8j0RKEvxtrYCIhVZoywMMxqSSbqFlivEjMpYl6_CuZ5aWhkNhWe-zw",
        ),
    ] {
        let key = Jwk::from_pem(&key(name), None).unwrap();
        assert_eq!(verify(token, algorithm, &key).unwrap(), br#"{"made":"by OpenSSL"}"#, "{algorithm}");
    }
}

#[test]
fn a_pss_salt_of_another_length_than_the_hash_is_refused() {
    // attack 13: OpenSSL's default, the longest salt that fits
    let token = "eyJhbGciOiJQUzM4NCJ9.eyJtYWRlIjoiYnkgT3BlblNTTCJ9.OiRn6jvdr9hHWOQrATE_02165Sp-IXX-gHVSCYHIE2xPvRY9axsJZPBchKIA-a-bc3oI8qCtm5Dejv6IKFyiv9ApCVf1VHJpwVS-vkMtT0x-HOJHVeUrNm6B9zJszDbLvVLuFY8hKNt_ervUFuHsh6qu8r7HRadNETPHoje1KziZQIJlPczLERYXgOQOtu5C4OYwBUB1u7QktTER7tl2MzteYgE3Ehvt8y9yhTysPC1b7eVl8Gzkj5AMR-4oEfa5ZTGEwe2fBc7aVaQ4Hvm6afxTpMxEA6E8fqD_C4TNI0BJ_UIdoXO_fHH9kCI4wxmb71ZJ3jtIMGvXkEvczREVWA";
    let key = Jwk::from_pem(&key("rsa_public.pem"), None).unwrap();
    assert_eq!(verify(token, Algorithm::Ps384, &key).unwrap_err().code(), "jwt.invalid_signature");
}

/// A new key pair in PEM for an algorithm that has a type of key of its own.
fn new_pair(algorithm: &str) -> (String, String) {
    let key = Jwk::generate(NewKey::from_names("AKP", None, None, Some(algorithm)).unwrap()).unwrap();
    (key.to_private_pem(None).unwrap().expose().clone(), key.to_pem().unwrap())
}

#[test]
fn every_algorithm_signs_what_it_verifies_and_nothing_else() {
    let claims = json!({"user": 1}).as_object().cloned().unwrap();
    for algorithm in Algorithm::all() {
        let pair = |name: &str| Some((key(&format!("{name}.pem")), key(&format!("{name}_public.pem"))));
        let pair = match algorithm.name() {
            "HS256" | "HS384" | "HS512" => None,
            "ES256" => pair("p256"),
            "ES384" => pair("p384"),
            "ES512" => pair("p521"),
            "ES256K" => pair("secp256k1"),
            "EdDSA" | "Ed25519" => pair("ed25519"),
            name if name.starts_with("ML-DSA") => Some(new_pair(name)),
            _ => pair("rsa"),
        };
        let secret: Vec<_> = pair.is_none().then(|| vec![3; 64].into()).into_iter().collect();
        let signer = Jwt::new(JwtOptions {
            algorithm,
            secret: secret.clone(),
            private_key: pair.iter().map(|(private, _)| private.as_str().into()).collect(),
            ..JwtOptions::default()
        })
        .unwrap();
        let reader = Jwt::new(JwtOptions {
            algorithm,
            secret,
            public_key: pair.iter().map(|(_, public)| public.as_str().into()).collect(),
            ..JwtOptions::default()
        })
        .unwrap();
        let token = signer.encode(&claims).unwrap();
        let now = Timestamp::from_seconds(0);
        assert_eq!(reader.decode(&token, &DecodeOptions::default(), now).unwrap(), claims, "{algorithm}");
        assert_eq!(signer.decode(&token, &DecodeOptions::default(), now).unwrap(), claims, "{algorithm}");

        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other_payload = signed.replace('.', ".e30").replace("e30e30", "e30");
        for forged in [format!("{other_payload}.{signature}"), format!("{signed}."), format!("{signed}.AAAA")]
        {
            assert_eq!(reader.verify(&forged).unwrap_err().code(), "jwt.invalid_signature", "{algorithm}");
        }
    }
}

#[test]
fn keys_come_in_every_usual_text() {
    for (name, algorithm) in [
        ("rsa.pem", Algorithm::Rs256),
        ("rsa_pkcs1.pem", Algorithm::Rs256),
        ("p256.pem", Algorithm::Es256),
        ("p256_sec1.pem", Algorithm::Es256),
        ("ed25519.pem", Algorithm::EdDsa),
    ] {
        let unix = key(name);
        for text in [unix.clone(), unix.replace('\n', "\r\n"), format!("\n  {unix}\n\n")] {
            assert!(SigningKey::new(algorithm, &Jwk::from_pem(&text, None).unwrap()).is_ok(), "{name}");
        }
    }
    for name in ["rsa_public.pem", "rsa_public_pkcs1.pem"] {
        assert!(VerifyingKey::new(Algorithm::Ps512, &Jwk::from_pem(&key(name), None).unwrap()).is_ok());
    }
}

#[test]
fn an_encrypted_key_opens_with_its_password_only() {
    let text = key("rsa_encrypted.pem");
    let opened = Jwk::from_pem(&text, Some("correct-horse")).unwrap();
    assert!(SigningKey::new(Algorithm::Rs256, &opened).is_ok());
    for password in [None, Some(""), Some("wrong")] {
        assert_eq!(Jwk::from_pem(&text, password).unwrap_err().code(), "key.malformed");
    }
    let error = Jwk::from_pem(&key("rsa.pem"), Some("correct-horse")).unwrap_err();
    assert_eq!(error.to_string(), "a password is given for a key that is not encrypted");
}

#[test]
fn texts_that_are_no_key_are_refused_with_what_would_be_right() {
    for (name, hint) in [
        ("certificate.pem", "extract its key"),
        ("rsa_old_encryption.pem", "openssl pkcs8 -topk8"),
        ("rsa1024.pem", "at least 2048 bits; this one has 1024"),
    ] {
        let error = Jwk::from_pem(&key(name), None)
            .and_then(|key| VerifyingKey::new(Algorithm::Rs256, &key).map(drop))
            .unwrap_err();
        assert!(error.to_string().contains(hint), "{name}: {error}");
    }
    for text in ["", "secret", "/etc/hostname", "-----BEGIN PUBLIC KEY-----", "{", "{}", "[]"] {
        assert_eq!(Jwk::from_text(text, None).unwrap_err().code(), "key.malformed", "{text:?}");
    }
}

#[test]
fn a_key_text_is_never_the_name_of_a_file() {
    // fault 8
    let path = format!("{}/tests/keys/rsa.pem", env!("CARGO_MANIFEST_DIR"));
    let options = JwtOptions {
        algorithm: Algorithm::Rs256,
        private_key: vec![path.as_str().into()],
        ..JwtOptions::default()
    };
    let error = Jwt::new(options).unwrap_err();
    assert_eq!(error.code(), "key.malformed");
    assert!(!error.to_string().contains("rsa.pem"), "{error}");
}

#[test]
fn keys_that_the_algorithm_has_no_use_for_are_refused() {
    let public = || vec![key("rsa_public.pem").into()];
    let hmac = JwtOptions { secret: vec![vec![1; 32].into()], public_key: public(), ..JwtOptions::default() };
    assert_eq!(Jwt::new(hmac).unwrap_err().code(), "configuration.invalid");
    let rsa = JwtOptions {
        algorithm: Algorithm::Rs256,
        secret: vec![vec![1; 32].into()],
        public_key: public(),
        ..JwtOptions::default()
    };
    assert_eq!(Jwt::new(rsa).unwrap_err().code(), "configuration.invalid");
}

#[test]
fn a_missing_key_is_named() {
    assert_eq!(Jwt::new(JwtOptions::default()).unwrap_err().code(), "jwt.empty_secret_key");
    let options = JwtOptions { algorithm: Algorithm::Es256, ..JwtOptions::default() };
    assert_eq!(Jwt::new(options).unwrap_err().code(), "jwt.empty_private_key");
    let reader = Jwt::new(JwtOptions {
        algorithm: Algorithm::Es256,
        public_key: vec![key("p256_public.pem").into()],
        ..JwtOptions::default()
    })
    .unwrap();
    assert_eq!(reader.encode(&Map::new()).unwrap_err().code(), "jwt.empty_private_key");
}

#[test]
fn a_payload_carries_what_is_configured_and_data_changes_none_of_it() {
    // fault 12
    let jwt = Jwt::new(JwtOptions {
        secret: vec![vec![1; 32].into()],
        issuer: Some("me".into()),
        audience: vec!["you".into(), "them".into()],
        expire: Some(std::time::Duration::from_secs(60)),
        ..JwtOptions::default()
    })
    .unwrap();
    let now = Timestamp::from_millis(1_700_000_000_999);
    let data = |value: Value| value.as_object().cloned().unwrap();

    let payload = jwt.make_payload(None, data(json!({"user": 1, "jti": "own"})), now).unwrap();
    let expected = json!({"iat": 1_700_000_000, "exp": 1_700_000_060, "iss": "me", "aud": ["you", "them"],
        "user": 1, "jti": "own"});
    assert_eq!(Value::Object(payload), expected);

    for conflict in [json!({"iss": "other"}), json!({"aud": "other"}), json!({"exp": 1})] {
        assert_eq!(jwt.make_payload(Some(5), data(conflict), now).unwrap_err().code(), "validation.invalid");
    }
    // What is a default only may be changed, and what is said twice alike is no conflict.
    assert_eq!(jwt.make_payload(None, data(json!({"exp": 1})), now).unwrap()["exp"], 1);
    assert!(jwt.make_payload(None, data(json!({"iss": "me"})), now).is_ok());
    assert_eq!(jwt.make_payload(Some(0), Map::new(), now).unwrap()["exp"], 1_700_000_000);
    assert_eq!(jwt.make_payload(Some(i64::MAX), Map::new(), now).unwrap_err().code(), "validation.invalid");
}

#[test]
fn every_new_token_has_an_id_of_its_own() {
    let make = || jam::jose::claims::make_payload(None, Map::new(), Timestamp::from_seconds(0)).unwrap();
    let (first, second) = (make(), make());
    assert_ne!(first["jti"], second["jti"]);
    let id = first["jti"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "4"));
    assert!(!first.contains_key("exp"));
}

#[test]
fn a_token_written_in_place_is_the_same_token() {
    for (algorithm, name) in [
        (Algorithm::Hs256, None),
        (Algorithm::Rs256, Some("rsa.pem")),
        (Algorithm::EdDsa, Some("ed25519.pem")),
    ] {
        let jwt = Jwt::new(JwtOptions {
            algorithm,
            secret: name.is_none().then(|| vec![1; 32].into()).into_iter().collect(),
            private_key: name.iter().map(|name| key(name).into()).collect(),
            ..JwtOptions::default()
        })
        .unwrap();
        for length in 0..70 {
            let payload = vec![b'x'; length];
            let expected = jwt.encode_json(&payload).unwrap();
            assert_eq!(jwt.token_length(length).unwrap(), expected.len());
            let mut written = vec![0; expected.len()];
            jwt.encode_json_into(&payload, &mut written).unwrap();
            assert_eq!(written, expected.as_bytes(), "{algorithm} {length}");
            written.push(0);
            assert_eq!(
                jwt.encode_json_into(&payload, &mut written).unwrap_err().code(),
                "validation.invalid"
            );
            assert_eq!(jwt.encode_json_into(&payload, &mut []).unwrap_err().code(), "validation.invalid");
        }
    }
}

#[test]
fn a_token_is_read_when_its_header_is_spelled_otherwise() {
    let jwt = Jwt::new(JwtOptions { secret: vec![vec![1; 32].into()], ..JwtOptions::default() }).unwrap();
    let key = SigningKey::new(Algorithm::Hs256, &Jwk::from_secret(vec![1; 32])).unwrap();
    // fault 21: every `typ` is read
    for header in [json!({}), json!({"typ": "at+jwt"}), json!({"typ": "jwt", "kid": "any"})] {
        let token = jws::sign(b"{}", header.as_object().unwrap(), &key).unwrap();
        assert!(jwt.verify(&token).is_ok(), "{header}");
    }
}
