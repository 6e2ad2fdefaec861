//! Keys: the examples of the RFCs, what is refused, every form in and out, thumbprints, sets.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use data_encoding::BASE64URL_NOPAD;
use jam::jose::jws::{Algorithm, SigningKey, VerifyingKey};
use jam::jose::{Jwk, JwkSet, KeyQuery, KeyStatements, NewKey, ThumbprintHash};
use serde_json::{Value, json};

fn file(name: &str) -> String {
    let path = format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn read(value: &Value) -> jam::Result<Jwk> {
    Jwk::from_dict(value.as_object().unwrap())
}

fn refusal(value: &Value) -> &'static str {
    read(value).unwrap_err().code()
}

/// The members of a key with some of them replaced.
fn with(key: &Value, members: Value) -> Value {
    let mut changed = key.as_object().unwrap().clone();
    changed.extend(members.as_object().unwrap().clone());
    Value::Object(changed)
}

#[cfg(feature = "ml-dsa")]
fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// One private key of every kind.
fn every_kind() -> Vec<(NewKey, Jwk)> {
    [
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

// RFC 7517 appendix A.1 and A.2: the public set is the public half of the private one.
#[test]
fn the_sets_of_rfc_7517_are_read() {
    let private = JwkSet::from_json(&file("rfc7517_private.json")).unwrap();
    assert_eq!((private.len(), private.skipped().len()), (2, 0));
    let public = json!({"keys": [
        {"kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},
        {"kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                  FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnY\
                  b9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0\
                  Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}
    ]});
    assert_eq!(Value::Object(private.to_dict().unwrap()), public);
    let again: Value = serde_json::from_str(&file("rfc7517_private.json")).unwrap();
    assert_eq!(Value::Object(private.to_private_dict()), again);
    let set = JwkSet::from_dict(public.as_object().unwrap()).unwrap();
    assert!(set.iter().all(|key| !key.is_private()));
}

// RFC 7517 appendix A.3
#[test]
fn the_symmetric_keys_of_rfc_7517_are_read() {
    let set = json!({"keys": [
        {"kty": "oct", "alg": "A128KW", "k": "GawgguFyGrWKav7AX4VKUg"},
        {"kty": "oct", "kid": "HMAC key used in JWS spec Appendix A.1 example",
            "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}
    ]});
    let set = JwkSet::from_dict(set.as_object().unwrap()).unwrap();
    let wrapping = set.find(&KeyQuery { algorithm: Some("A128KW"), ..KeyQuery::default() }).unwrap();
    assert!(SigningKey::new(Algorithm::Hs256, wrapping).is_err());
    let signing = set.find(&KeyQuery { algorithm: Some("HS256"), ..KeyQuery::default() }).unwrap();
    assert!(SigningKey::new(Algorithm::Hs256, signing).is_ok());
    assert_eq!(set.to_dict().unwrap_err().code(), "key.wrong_kind");
}

// RFC 7517 appendix B; attack 16: what a key says of certificates is not looked at.
#[test]
fn a_certificate_beside_a_key_is_neither_used_nor_kept() {
    let key = json!({"kty": "RSA", "use": "sig", "kid": "1b94c", "e": "AQAB",
        "n": "vrjOfz9Ccdgx5nQudyhdoR17V-IubWMeOZCwX_jj0hgAsz2J_pqYW08PLbK_PdiVGKPrqzmDIsLI7sA25VEnHU1uCLNwBuUiCO11_-7dYbs\
              r4iJmG0Qu2j8DsVyT1azpJC_NG84Ty5KKthuCaPod7iI7w0LK9orSMhBEwwZDCxTWq4aYWAchc8t-emd9qOvWtVMDC2BXksRngh6X5bUYLy6\
              AyHKvj-nUy1wgzjYQDwHMTplCoLtU-o-8SNnZ1tmRoGE9uJkBLdh5gFENabWnU5m1ZqZPdwS-qo-meMvVfJb6jJVWRpl2SUtCnYG2C32qvbW\
              bjZ_jBPD5eunqsIo1vQ"});
    let members = json!({"x5c": ["MIIDQjCCAiqgAwIBAgIGATz/FuLiMA0GCSqGSIb3DQEBBQUAMGIx"], "x5t": 7,
        "x5u": "https://attacker.example/", "jku": "https://attacker.example/", "ext": true});
    let read = read(&with(&key, members)).unwrap();
    assert_eq!(Value::Object(read.to_dict().unwrap()), key);
}

// RFC 7517 appendix C.1
#[test]
fn the_rsa_key_that_rfc_7517_encrypts_is_read() {
    let key = Jwk::from_json(&file("rfc7517_c1.json")).unwrap();
    assert!(key.is_private());
    assert_eq!(key.key_id(), Some("juliet@capulet.lit"));
    let same: Value = serde_json::from_str(&file("rfc7517_c1.json")).unwrap();
    assert_eq!(Value::Object(key.to_private_dict().unwrap()), same);
    // It is for encryption.
    assert_eq!(SigningKey::new(Algorithm::Rs256, &key).unwrap_err().code(), "key.wrong_kind");
}

// RFC 7520 sections 3.1 to 3.6
#[test]
fn the_keys_of_the_cookbook_are_read() {
    let private = json!({"kty": "EC", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "crv": "P-521",
        "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
        "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
        "d": "AAhRON2r9cqXX1hg-RoI6R1tX5p2rUAYdmpHZoC1XNM56KtscrX6zbKipQrCW9CGZH3T4ubpnoTKLDYJ_fF3_rJt"});
    let key = read(&private).unwrap();
    assert_eq!(Value::Object(key.to_private_dict().unwrap()), private);
    assert!(SigningKey::new(Algorithm::Es512, &key).is_ok());
    assert!(VerifyingKey::new(Algorithm::Es512, &key.public().unwrap()).is_ok());

    let rsa = Jwk::from_json(&file("rfc7520_rsa.json")).unwrap();
    let same: Value = serde_json::from_str(&file("rfc7520_rsa.json")).unwrap();
    assert_eq!(Value::Object(rsa.to_private_dict().unwrap()), same);
    assert!(SigningKey::new(Algorithm::Ps384, &rsa).is_ok());

    let mac = json!({"kty": "oct", "kid": "018c0ae5-4d9b-471b-bfd6-eef314bc7037", "use": "sig", "alg": "HS256",
        "k": "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"});
    assert!(SigningKey::new(Algorithm::Hs256, &read(&mac).unwrap()).is_ok());
    let encryption = json!({"kty": "oct", "kid": "1e571774-2e08-40da-8308-e8d68773842d", "use": "enc",
        "alg": "A256GCM", "k": "AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8"});
    assert!(SigningKey::new(Algorithm::Hs256, &read(&encryption).unwrap()).is_err());
}

// RFC 8037 appendix A.1, A.2 and A.6
#[test]
fn the_keys_of_rfc_8037_are_read() {
    let private = json!({"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let public = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(Value::Object(read(&private).unwrap().to_dict().unwrap()), public);
    assert_eq!(Value::Object(read(&public).unwrap().to_dict().unwrap()), public);

    let bob = json!({"kty": "OKP", "crv": "X25519", "kid": "Bob", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"});
    assert_eq!(Value::Object(read(&bob).unwrap().to_dict().unwrap()), bob);
    let ephemeral = json!({"kty": "OKP", "crv": "X25519", "d": "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo",
        "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"});
    assert!(read(&ephemeral).unwrap().is_private());
}

// RFC 7638 section 3.1 and RFC 8037 appendix A.3
#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let set = JwkSet::from_json(&file("rfc7517_private.json")).unwrap();
    let rsa = set.find(&KeyQuery { key_id: Some("2011-04-29"), ..KeyQuery::default() }).unwrap();
    let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(rsa.thumbprint(ThumbprintHash::Sha256), expected);
    assert_eq!(
        rsa.thumbprint_uri(ThumbprintHash::Sha256),
        format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{expected}")
    );
    assert_eq!(rsa.public().unwrap().with_key_id("other").thumbprint(ThumbprintHash::Sha256), expected);
    let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let thumbprint = read(&ed25519).unwrap().thumbprint(ThumbprintHash::Sha256);
    assert_eq!(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    for (hash, length) in [(ThumbprintHash::Sha384, 64), (ThumbprintHash::Sha512, 86)] {
        assert_eq!(rsa.thumbprint(hash).len(), length);
        assert_eq!(hash.name().parse::<ThumbprintHash>().unwrap(), hash);
    }
    assert!("sha1".parse::<ThumbprintHash>().is_err());
}

// RFC 9964: the key of a seed of nothing but zeros.
#[cfg(feature = "ml-dsa")]
#[test]
fn the_ml_dsa_key_of_rfc_9964_has_its_thumbprint() {
    let key = Jwk::generate(NewKey::MlDsa44).unwrap();
    let mut members = Value::Object(key.to_private_dict().unwrap());
    assert_eq!((&members["kty"], &members["alg"]), (&json!("AKP"), &json!("ML-DSA-44")));
    // The public key of the seed, from PKCS#8 that holds the seed alone.
    let pkcs8 = [&hex("3034020100300b060960864801650304031104228020")[..], &[0; 32]].concat();
    let zeros = Jwk::from_der(&pkcs8, None).unwrap();
    assert_eq!(zeros.thumbprint(ThumbprintHash::Sha256), "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o");
    assert_eq!(zeros.algorithm(), Some("ML-DSA-44"));
    assert_eq!(zeros.to_private_dict().unwrap()["priv"].as_str().unwrap(), "A".repeat(43));

    assert_eq!(refusal(&with(&members, json!({"alg": "ML-DSA-65"}))), "key.malformed");
    assert_eq!(refusal(&with(&members, json!({"alg": "ML-DSA-41"}))), "key.wrong_kind");
    assert_eq!(refusal(&with(&members, json!({"priv": encode(&[0; 31])}))), "key.malformed");
    // attack 15
    assert_eq!(refusal(&with(&members, json!({"priv": encode(&[0; 32])}))), "key.malformed");
    members.as_object_mut().unwrap().remove("alg");
    assert_eq!(refusal(&members), "key.wrong_kind");
    // What it is cannot be changed by what it says.
    assert_eq!(key.with_algorithm("ML-DSA-87").to_dict().unwrap()["alg"], "ML-DSA-44");
    assert!(NewKey::from_names("AKP", None, None, None).is_err());
    assert_eq!(NewKey::from_names("AKP", None, None, Some("ML-DSA-65")).unwrap(), NewKey::MlDsa65);
    assert!(NewKey::from_names("EC", None, None, Some("ML-DSA-65")).is_err());
}

#[test]
fn every_kind_of_key_survives_every_form() {
    for (kind, key) in every_kind() {
        let all = key.to_private_dict().unwrap();
        let public = key.to_dict().unwrap();
        assert!(all.len() > public.len(), "{kind:?}");
        let password = Some("correct horse battery staple");
        for same in [
            Jwk::from_dict(&all),
            Jwk::from_json(key.to_private_json().unwrap().expose()),
            Jwk::from_pem(key.to_private_pem(None).unwrap().expose(), None),
            Jwk::from_pem(key.to_private_pem(password).unwrap().expose(), password),
            Jwk::from_der(key.to_private_der(None).unwrap().expose(), None),
            Jwk::from_der(key.to_private_der(password).unwrap().expose(), password),
        ] {
            assert_eq!(same.unwrap().to_private_dict().unwrap(), all, "{kind:?}");
        }
        for same in [
            key.public(),
            Jwk::from_dict(&public),
            Jwk::from_json(&key.to_json().unwrap()),
            Jwk::from_pem(&key.to_pem().unwrap(), None),
            Jwk::from_der(&key.to_der().unwrap(), None),
        ] {
            let same = same.unwrap();
            assert!(!same.is_private(), "{kind:?}");
            assert_eq!(same.to_dict().unwrap(), public, "{kind:?}");
            // Nothing private can be had from a public key.
            for code in [
                same.to_private_dict().unwrap_err().code(),
                same.to_private_json().unwrap_err().code(),
                same.to_private_pem(None).unwrap_err().code(),
                same.to_private_der(password).unwrap_err().code(),
            ] {
                assert_eq!(code, "key.wrong_kind");
            }
        }
    }
}

#[test]
fn the_older_forms_are_read_from_der_too() {
    for name in ["rsa.pem", "rsa_pkcs1.pem", "p256.pem", "p256_sec1.pem", "ed25519.pem"] {
        let text = file(name);
        let block =
            pem::parse_many(&text).unwrap().into_iter().find(|block| block.tag() != "EC PARAMETERS").unwrap();
        let key = Jwk::from_der(block.contents(), None).unwrap();
        assert_eq!(
            key.to_private_dict().unwrap(),
            Jwk::from_pem(&text, None).unwrap().to_private_dict().unwrap(),
            "{name}"
        );
        assert!(Jwk::from_der(block.contents(), Some("password")).is_err(), "{name}");
        assert!(Jwk::from_der(&[block.contents(), b"\0"].concat(), None).is_err(), "{name}");
        assert!(Jwk::from_der(&block.contents()[..20], None).is_err(), "{name}");
    }
    for name in ["rsa_public.pem", "rsa_public_pkcs1.pem", "p521_public.pem", "ed25519_public.pem"] {
        let block = pem::parse(file(name)).unwrap();
        assert!(!Jwk::from_der(block.contents(), None).unwrap().is_private(), "{name}");
    }
    let encrypted = pem::parse(file("rsa_encrypted.pem")).unwrap();
    assert!(Jwk::from_der(encrypted.contents(), Some("correct-horse")).unwrap().is_private());
    assert_eq!(Jwk::from_der(encrypted.contents(), None).unwrap_err().code(), "key.malformed");
    // `openssl pkcs8 -topk8 -scrypt`
    let scrypt = Jwk::from_pem(&file("p256_scrypt.pem"), Some("correct-horse")).unwrap();
    let plain = Jwk::from_pem(&file("p256.pem"), None).unwrap();
    assert_eq!(scrypt.to_private_dict().unwrap(), plain.to_private_dict().unwrap());
    let certificate = pem::parse(file("certificate.pem")).unwrap();
    assert_eq!(Jwk::from_der(certificate.contents(), None).unwrap_err().code(), "key.malformed");
    assert_eq!(Jwk::from_der(&vec![0x30; 70_000], None).unwrap_err().code(), "key.malformed");
    assert_eq!(Jwk::from_der(b"", None).unwrap_err().code(), "key.malformed");
}

#[test]
fn an_encrypted_key_opens_with_its_password_only() {
    let key = Jwk::generate(NewKey::Ed25519).unwrap();
    let text = key.to_private_pem(Some("correct")).unwrap();
    assert!(!text.expose().contains("BEGIN PRIVATE KEY"));
    for password in [None, Some(""), Some("Correct"), Some("correct ")] {
        assert_eq!(Jwk::from_pem(text.expose(), password).unwrap_err().code(), "key.malformed");
    }
    assert_eq!(key.to_private_pem(Some("")).unwrap_err().code(), "key.weak");
    // Salt and initialization vector are new each time.
    assert_ne!(text.expose(), key.to_private_pem(Some("correct")).unwrap().expose());
}

#[test]
fn a_private_key_beside_another_public_key_is_refused() {
    // attack 15
    for (kind, key) in every_kind() {
        let own = Value::Object(key.to_private_dict().unwrap());
        let other = Value::Object(Jwk::generate(kind).unwrap().to_dict().unwrap());
        assert_eq!(refusal(&with(&own, other)), "key.malformed", "{kind:?}");
    }
}

#[test]
fn rsa_numbers_that_do_not_fit_each_other_are_refused() {
    // attack 15
    let key: Value = serde_json::from_str(&file("rfc7520_rsa.json")).unwrap();
    let other = Value::Object(Jwk::generate(NewKey::Rsa { bits: 2048 }).unwrap().to_private_dict().unwrap());
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let replacement = if name == "e" { json!("Aw") } else { other[name].clone() };
        assert!(read(&with(&key, json!({name: replacement}))).is_err(), "{name}");
        if !["n", "e", "d"].contains(&name) {
            let mut missing = key.clone();
            missing.as_object_mut().unwrap().remove(name);
            assert_eq!(refusal(&missing), "key.malformed", "{name}");
        }
    }
    assert_eq!(refusal(&with(&key, json!({"oth": []}))), "key.malformed");
}

#[test]
fn weak_rsa_keys_are_refused_when_they_are_read() {
    // attack 10
    let key: Value = serde_json::from_str(&file("rfc7520_rsa.json")).unwrap();
    let public = json!({"kty": "RSA", "n": key["n"], "e": key["e"]});
    let modulus = BASE64URL_NOPAD.decode(key["n"].as_str().unwrap().as_bytes()).unwrap();
    let mut even = modulus.clone();
    even[255] &= 0xfe;
    assert_eq!(refusal(&with(&public, json!({"n": encode(&modulus[..128])}))), "key.weak");
    assert_eq!(refusal(&with(&public, json!({"n": encode(&even)}))), "key.malformed");
    for exponent in ["AQ", "Ag", "", "AQAAAAE"] {
        assert_eq!(refusal(&with(&public, json!({"e": exponent}))), "key.weak", "{exponent:?}");
    }
    assert_eq!(Jwk::from_pem(&file("rsa1024.pem"), None).unwrap_err().code(), "key.weak");
    // Leading zeros make no other key.
    let longer = read(&with(&public, json!({"n": encode(&[&[0], &modulus[..]].concat())}))).unwrap();
    assert_eq!(Value::Object(longer.to_dict().unwrap()), public);
}

#[test]
fn points_that_are_on_no_curve_are_refused_when_they_are_read() {
    // attack 40
    let key = json!({"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"});
    assert!(read(&key).is_ok());
    for changed in [
        json!({"y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyI"}),
        json!({"crv": "secp256k1"}),
        json!({"crv": "P-384"}),
        json!({"x": encode(&[0; 32]), "y": encode(&[0; 32])}),
        json!({"x": encode(&[0xff; 32])}),
        json!({"x": "AA"}),
        json!({"y": encode(&[0; 33])}),
        json!({"d": encode(&[0; 32])}),
        json!({"d": encode(&[0xff; 32])}),
        json!({"d": "AA"}),
    ] {
        assert_eq!(refusal(&with(&key, changed.clone())), "key.malformed", "{changed}");
    }
    assert_eq!(refusal(&with(&key, json!({"crv": "P-224"}))), "key.wrong_kind");
    for curve in ["Ed25519", "X25519"] {
        let okp = json!({"kty": "OKP", "crv": curve});
        assert_eq!(refusal(&with(&okp, json!({"x": encode(&[0; 32])}))), "key.weak", "{curve}");
        assert_eq!(refusal(&with(&okp, json!({"x": encode(&[9; 31])}))), "key.malformed", "{curve}");
    }
}

#[test]
fn members_of_a_wrong_type_are_refused() {
    let key = json!({"kty": "oct", "k": encode(&[7; 32])});
    for changed in [
        json!({"kty": 1}),
        json!({"k": ["AA"]}),
        json!({"k": "A"}),
        json!({"k": "AA=="}),
        json!({"k": "+/8"}),
        json!({"alg": 256}),
        json!({"kid": {}}),
        json!({"use": null}),
        json!({"key_ops": "sign"}),
        json!({"key_ops": [1]}),
        json!({"key_ops": ["sign", "sign"]}),
    ] {
        assert_eq!(refusal(&with(&key, changed.clone())), "key.malformed", "{changed}");
    }
    assert_eq!(refusal(&with(&key, json!({"kty": "Oct"}))), "key.wrong_kind");
    // attack 8
    assert_eq!(refusal(&with(&key, json!({"k": ""}))), "jwt.empty_secret_key");
    // attack 26
    assert!(Jwk::from_json(r#"{"kty":"oct","k":"AAAA","k":"AAAA"}"#).is_err());
    // attack 30
    let deep = format!(r#"{{"kty":"oct","k":"AAAA","x":{}"#, "[".repeat(50_000));
    assert_eq!(Jwk::from_json(&deep).unwrap_err().code(), "key.malformed");
    assert_eq!(Jwk::from_json(&" ".repeat(65_537)).unwrap_err().code(), "key.malformed");
}

#[test]
fn new_keys_are_what_was_asked_for() {
    for (names, expected) in [
        (("oct", None, None, None), NewKey::Oct { bits: 256 }),
        (("oct", None, Some(128), None), NewKey::Oct { bits: 128 }),
        (("oct", None, None, Some("HS384")), NewKey::Oct { bits: 384 }),
        (("RSA", None, None, None), NewKey::Rsa { bits: 2048 }),
        (("RSA", None, Some(4096), Some("PS512")), NewKey::Rsa { bits: 4096 }),
        (("EC", None, None, None), NewKey::EcP256),
        (("EC", None, None, Some("ES384")), NewKey::EcP384),
        (("EC", Some("P-521"), None, Some("ES512")), NewKey::EcP521),
        (("EC", Some("secp256k1"), None, None), NewKey::EcSecp256k1),
        (("OKP", None, None, None), NewKey::Ed25519),
        (("OKP", Some("Ed25519"), None, Some("EdDSA")), NewKey::Ed25519),
        (("OKP", Some("X25519"), None, None), NewKey::X25519),
        (("oct", None, None, Some("A128KW")), NewKey::Oct { bits: 128 }),
        (("oct", None, None, Some("A192GCMKW")), NewKey::Oct { bits: 192 }),
        (("oct", None, None, Some("A256CBC-HS512")), NewKey::Oct { bits: 512 }),
        (("oct", None, Some(384), Some("dir")), NewKey::Oct { bits: 384 }),
        (("RSA", None, None, Some("RSA-OAEP-256")), NewKey::Rsa { bits: 2048 }),
        (("EC", None, None, Some("ECDH-ES")), NewKey::EcP256),
        (("EC", Some("P-521"), None, Some("ECDH-ES+A256KW")), NewKey::EcP521),
        (("OKP", None, None, Some("ECDH-ES+A128KW")), NewKey::X25519),
        (("OKP", None, None, Some("unknown")), NewKey::Ed25519),
    ] {
        let (key_type, curve, bits, algorithm) = names;
        assert_eq!(NewKey::from_names(key_type, curve, bits, algorithm).unwrap(), expected, "{names:?}");
    }
    for names in [
        ("oct", Some("P-256"), None, None),
        ("RSA", Some("P-256"), None, None),
        ("EC", None, Some(256), None),
        ("EC", Some("P-224"), None, None),
        ("EC", Some("P-256"), None, Some("ES384")),
        ("EC", None, None, Some("RS256")),
        ("OKP", Some("Ed448"), None, None),
        ("OKP", Some("X25519"), None, Some("EdDSA")),
        ("oct", None, Some(128), Some("HS256")),
        ("oct", None, None, Some("ES256")),
        ("oct", None, Some(256), Some("A128KW")),
        ("oct", None, Some(128), Some("A256GCM")),
        ("oct", None, None, Some("RSA-OAEP")),
        ("RSA", None, None, Some("ECDH-ES")),
        ("EC", Some("secp256k1"), None, Some("ECDH-ES")),
        ("OKP", Some("Ed25519"), None, Some("ECDH-ES")),
        ("rsa", None, None, None),
    ] {
        let (key_type, curve, bits, algorithm) = names;
        let error = NewKey::from_names(key_type, curve, bits, algorithm).unwrap_err();
        assert_eq!(error.code(), "validation.invalid", "{names:?}");
    }
    for bits in [0, 8, 120, 129, 8200, u32::MAX] {
        assert_eq!(Jwk::generate(NewKey::Oct { bits }).unwrap_err().code(), "validation.invalid", "{bits}");
    }
    // attack 10
    for bits in [0, 1024, 2047, 2049, 16384, u32::MAX] {
        assert_eq!(Jwk::generate(NewKey::Rsa { bits }).unwrap_err().code(), "validation.invalid", "{bits}");
    }
}

#[test]
fn two_new_keys_differ() {
    let oct = NewKey::Oct { bits: 256 };
    for kind in [oct, NewKey::EcP256, NewKey::EcSecp256k1, NewKey::Ed25519, NewKey::X25519] {
        let thumbprint = || Jwk::generate(kind).unwrap().thumbprint(ThumbprintHash::Sha256);
        assert_ne!(thumbprint(), thumbprint(), "{kind:?}");
    }
    assert_eq!(Jwk::generate(oct).unwrap().to_private_dict().unwrap()["k"].as_str().unwrap().len(), 43);
}

#[test]
fn what_a_key_says_about_its_use_goes_with_it() {
    let key = Jwk::generate(NewKey::EcP256)
        .unwrap()
        .with_key_id("2026")
        .with_algorithm("ES256")
        .with_public_key_use("sig")
        .with_key_operations(["sign", "verify", "sign"]);
    let members = key.to_private_dict().unwrap();
    assert_eq!(
        (&members["kid"], &members["alg"], &members["use"]),
        (&json!("2026"), &json!("ES256"), &json!("sig"))
    );
    assert_eq!(members["key_ops"], json!(["sign", "verify"]));
    let public = key.public().unwrap();
    assert_eq!(public.key_operations(), Some(&["verify".to_owned()][..]));
    assert_eq!(
        (public.key_id(), public.algorithm(), public.public_key_use()),
        (Some("2026"), Some("ES256"), Some("sig"))
    );
    assert!(VerifyingKey::new(Algorithm::Es256, &public).is_ok());
    let wrapping =
        Jwk::generate(NewKey::Rsa { bits: 2048 }).unwrap().with_key_operations(["unwrapKey", "decrypt"]);
    assert_eq!(wrapping.public().unwrap().to_dict().unwrap()["key_ops"], json!(["wrapKey", "encrypt"]));
}

#[test]
fn what_a_key_says_about_its_use_agrees() {
    // attack 6, RFC 7517 section 4.3
    let secret = json!({"kty": "oct", "k": encode(&[7; 32])});
    let ec = Value::Object(Jwk::generate(NewKey::EcP256).unwrap().to_private_dict().unwrap());
    let rsa = Value::Object(Jwk::generate(NewKey::Rsa { bits: 2048 }).unwrap().to_dict().unwrap());
    for (key, members) in [
        (&secret, json!({"use": "enc", "key_ops": ["sign"]})),
        (&secret, json!({"use": "sig", "key_ops": ["verify", "wrapKey"]})),
        (&secret, json!({"use": "sig", "alg": "A256KW"})),
        (&secret, json!({"use": "sig", "alg": "A256GCM"})),
        (&secret, json!({"use": "enc", "alg": "HS256"})),
        (&secret, json!({"alg": "HS256", "key_ops": ["encrypt"]})),
        (&secret, json!({"alg": "dir", "key_ops": ["sign"]})),
        (&secret, json!({"alg": "ES256"})),
        (&ec, json!({"alg": "HS256"})),
        (&ec, json!({"alg": "ES384"})),
        (&ec, json!({"alg": "RSA-OAEP"})),
        (&ec, json!({"alg": "A128GCM"})),
        (&rsa, json!({"alg": "ECDH-ES"})),
        (&rsa, json!({"alg": "PBES2-HS256+A128KW"})),
        (&rsa, json!({"use": "enc", "alg": "PS256"})),
    ] {
        assert_eq!(refusal(&with(key, members.clone())), "key.malformed", "{members}");
        let plain = read(key).unwrap();
        let text = |name: &str| members.get(name).map(|value| value.as_str().unwrap().to_owned());
        let operations = members.get("key_ops").map(|names| names.as_array().unwrap().iter());
        let statements = KeyStatements {
            algorithm: text("alg"),
            public_key_use: text("use"),
            key_operations: operations.map(|names| names.map(|name| name.as_str().unwrap().into()).collect()),
            ..KeyStatements::default()
        };
        assert_eq!(plain.with_statements(statements).unwrap_err().code(), "key.malformed", "{members}");
    }
    for (key, members) in [
        (&secret, json!({"use": "sig", "key_ops": ["sign", "verify"], "alg": "HS256"})),
        (&secret, json!({"use": "enc", "key_ops": ["wrapKey", "unwrapKey"], "alg": "A256KW"})),
        (&secret, json!({"use": "enc", "alg": "A128GCM"})), // of another length, which its use tells
        (&secret, json!({"key_ops": ["sign", "encrypt"]})), // should not be, and is no contradiction
        (&secret, json!({"use": "sig", "key_ops": ["notarize"], "alg": "HS257"})),
        (&secret, json!({"use": "tls", "key_ops": ["sign"], "alg": "HS256"})),
        (&ec, json!({"use": "enc", "key_ops": ["deriveKey", "deriveBits"], "alg": "ECDH-ES+A128KW"})),
        (&ec, json!({"key_ops": [], "use": "enc"})),
        (&rsa, json!({"use": "enc", "key_ops": ["encrypt", "wrapKey"], "alg": "RSA-OAEP-256"})),
    ] {
        assert!(read(&with(key, members.clone())).is_ok(), "{members}");
    }
}

#[test]
fn statements_can_be_taken_back() {
    let key =
        Jwk::generate(NewKey::EcP256).unwrap().with_key_id("2026").with_key_operations(["sign", "sign"]);
    let said = key.statements();
    assert_eq!((said.key_id.as_deref(), said.key_operations.as_ref().unwrap().len()), (Some("2026"), 1));
    let silent = key.with_statements(KeyStatements::default()).unwrap();
    assert_eq!(silent.statements(), KeyStatements::default());
    assert_eq!(silent.with_statements(said.clone()).unwrap().statements(), said);
}

#[test]
fn a_symmetric_key_has_no_public_half_and_no_other_form() {
    let key = Jwk::generate(NewKey::Oct { bits: 256 }).unwrap();
    for code in [
        key.public().unwrap_err().code(),
        key.to_dict().unwrap_err().code(),
        key.to_json().unwrap_err().code(),
        key.to_pem().unwrap_err().code(),
        key.to_der().unwrap_err().code(),
        key.to_private_pem(None).unwrap_err().code(),
        key.to_private_der(None).unwrap_err().code(),
    ] {
        assert_eq!(code, "key.wrong_kind");
    }
    assert_eq!(Jwk::from_dict(&key.to_private_dict().unwrap()).unwrap().key_type(), "oct");
}

#[test]
fn nothing_shows_the_secret_of_a_key() {
    // attack 74
    for (kind, key) in every_kind() {
        let all = key.to_private_dict().unwrap();
        let shown =
            format!("{key:?} {:?} {:?}", key.to_private_json().unwrap(), key.to_private_pem(None).unwrap());
        for name in ["d", "p", "q", "dp", "dq", "qi", "priv"] {
            let secret = all.get(name).and_then(Value::as_str);
            assert!(secret.is_none_or(|secret| !shown.contains(secret)), "{kind:?} {name}");
        }
        let set = JwkSet::new(vec![key]).unwrap();
        let secret = all.get("d").or(all.get("priv")).and_then(Value::as_str).unwrap();
        assert!(!format!("{set:?}").contains(secret));
    }
}

mod sets {
    use super::*;

    fn named(key_id: &str) -> Jwk {
        Jwk::generate(NewKey::EcP256).unwrap().with_key_id(key_id)
    }

    fn by_name(set: &JwkSet, key_id: &str) -> Result<String, &'static str> {
        set.find(&KeyQuery { key_id: Some(key_id), ..KeyQuery::default() })
            .map(|key| key.thumbprint(ThumbprintHash::Sha256))
            .map_err(|error| error.code())
    }

    #[test]
    fn keys_that_cannot_be_used_are_skipped_and_named() {
        let good = named("good").to_dict().unwrap();
        let set = json!({"keys": [
            {"kty": "EC", "crv": "P-224", "kid": "unknown curve"},
            {"kty": "AKP-2", "kid": 7},
            good,
            {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "weak"},
            "text",
            null
        ], "other": 1});
        let set = JwkSet::from_dict(set.as_object().unwrap()).unwrap();
        assert_eq!(set.len(), 1);
        let skipped: Vec<_> =
            set.skipped().iter().map(|key| (key.index, key.key_id.as_deref(), key.reason.code())).collect();
        assert_eq!(
            skipped,
            [
                (0, Some("unknown curve"), "key.wrong_kind"),
                (1, None, "key.wrong_kind"),
                (3, Some("weak"), "key.weak"),
                (4, None, "key.malformed"),
                (5, None, "key.malformed"),
            ]
        );
        assert!(by_name(&set, "good").is_ok());
        assert_eq!(by_name(&set, "weak"), Err("key.not_found"));
    }

    #[test]
    fn a_name_is_opaque_text_and_looked_up_exactly() {
        // attack 17
        let set = JwkSet::new(vec![named("2026"), named("*"), named("")]).unwrap();
        let long = "x".repeat(1_000_000);
        for key_id in
            ["2025", "202", "20266", "2026 ", "2026\0", "../../dev/null", "' OR 1=1", "%", "?", &long]
        {
            assert_eq!(by_name(&set, key_id), Err("key.not_found"), "{:.20}", key_id);
        }
        for key_id in ["2026", "*", ""] {
            assert!(by_name(&set, key_id).is_ok(), "{key_id:?}");
        }
    }

    #[test]
    fn there_is_no_second_choice() {
        // attacks 17 and 18
        let one = JwkSet::new(vec![Jwk::generate(NewKey::EcP256).unwrap()]).unwrap();
        assert!(one.find(&KeyQuery::default()).is_ok());
        assert_eq!(by_name(&one, "unknown"), Err("key.not_found"));
        let two = JwkSet::new(vec![named("a"), named("b")]).unwrap();
        for query in [
            KeyQuery::default(),
            KeyQuery { algorithm: Some("ES256"), ..KeyQuery::default() },
            KeyQuery { public_key_use: Some("sig"), ..KeyQuery::default() },
        ] {
            assert_eq!(two.find(&query).unwrap_err().code(), "key.not_found", "{query:?}");
        }
        assert_eq!(
            JwkSet::new(Vec::new()).unwrap().find(&KeyQuery::default()).unwrap_err().code(),
            "key.not_found"
        );
    }

    #[test]
    fn two_keys_of_one_name_must_differ_in_what_they_work_with() {
        // attack 18
        let rsa = Jwk::generate(NewKey::Rsa { bits: 2048 }).unwrap().with_key_id("2026");
        let set = JwkSet::new(vec![named("2026"), rsa, named("2025"), named("2025")]).unwrap();
        let find = |key_id, algorithm| {
            set.find(&KeyQuery { key_id: Some(key_id), algorithm: Some(algorithm), ..KeyQuery::default() })
                .map(|key| key.key_type())
                .map_err(|error| error.code())
        };
        assert_eq!(by_name(&set, "2026"), Err("key.not_found"));
        assert_eq!(find("2026", "ES256"), Ok("EC"));
        assert_eq!(find("2026", "PS384"), Ok("RSA"));
        assert_eq!(find("2026", "EdDSA"), Err("key.not_found"));
        assert_eq!(find("2026", "none"), Err("key.not_found"));
        assert_eq!(find("2025", "ES256"), Err("key.not_found"));
    }

    #[test]
    fn a_key_that_cannot_be_used_still_claims_its_name() {
        // attack 18
        let good = named("2026").to_dict().unwrap();
        let set =
            |other: Value| JwkSet::from_dict(json!({"keys": [good, other]}).as_object().unwrap()).unwrap();
        let broken = json!({"kty": "EC", "crv": "P-256", "kid": "2026", "x": "AA", "y": "AA"});
        assert_eq!(by_name(&set(broken), "2026"), Err("key.not_found"));
        // Keys of one name but of different types are alternatives (RFC 7517 section 4.5).
        assert!(by_name(&set(json!({"kty": "new", "kid": "2026"})), "2026").is_ok());
    }

    #[test]
    fn the_use_of_a_key_tells_it_apart() {
        let signing = named("2026").with_public_key_use("sig");
        let encryption = named("2026").with_public_key_use("enc");
        let set = JwkSet::new(vec![signing.clone(), encryption]).unwrap();
        let print = |key: &Jwk| key.thumbprint(ThumbprintHash::Sha256);
        let by_use = KeyQuery { public_key_use: Some("sig"), ..KeyQuery::default() };
        assert_eq!(print(set.find(&by_use).unwrap()), print(&signing));
        // Without the member, what the key says else and what it is: RFC 7517 section 4.2 leaves it open.
        let serves = |key: &Jwk, name| {
            let query = KeyQuery { public_key_use: Some(name), ..KeyQuery::default() };
            JwkSet::new(vec![key.clone()]).unwrap().find(&query).is_ok()
        };
        let made = |kind| Jwk::generate(kind).unwrap();
        let (ec, secret) = (made(NewKey::EcP256), made(NewKey::Oct { bits: 256 }));
        for (key, signs, encrypts) in [
            (ec.clone(), true, true),
            (secret.clone(), true, true),
            (made(NewKey::Ed25519), true, false),
            (made(NewKey::EcSecp256k1), true, false),
            (made(NewKey::X25519), false, true),
            (ec.clone().with_algorithm("ES256"), true, false),
            (ec.clone().with_algorithm("ECDH-ES"), false, true),
            (ec.clone().with_algorithm("ES257"), true, true),
            (secret.clone().with_algorithm("A256GCM"), false, true),
            (secret.clone().with_key_operations(["verify"]), true, false),
            (secret.clone().with_key_operations(["unwrapKey"]), false, true),
            (secret.clone().with_key_operations(["sign", "encrypt"]), true, true),
            (secret.with_key_operations(["notarize"]), false, false),
            (ec.with_public_key_use("tls"), false, false),
        ] {
            assert_eq!((serves(&key, "sig"), serves(&key, "enc")), (signs, encrypts), "{key:?}");
            assert_eq!(serves(&key, "tls"), key.public_key_use() == Some("tls"));
        }
        // A signature algorithm implies the use.
        let by_algorithm = KeyQuery { algorithm: Some("ES256"), ..KeyQuery::default() };
        assert_eq!(print(set.find(&by_algorithm).unwrap()), print(&signing));
    }

    #[test]
    fn a_set_has_bounds() {
        // attack 29
        let keys = |count: usize| json!({"keys": vec![json!({"kty": "oct", "k": encode(&[7; 32])}); count]});
        let most = keys(1000);
        assert_eq!(JwkSet::from_dict(most.as_object().unwrap()).unwrap().len(), 1000);
        let more = keys(1001);
        assert_eq!(JwkSet::from_dict(more.as_object().unwrap()).unwrap_err().code(), "key.malformed");
        let many = vec![Jwk::from_secret(vec![7; 32]); 1001];
        assert_eq!(JwkSet::new(many).unwrap_err().code(), "validation.invalid");
        let long = format!(r#"{{"keys": [], "x": "{}"}}"#, "x".repeat(1024 * 1024));
        assert_eq!(JwkSet::from_json(&long).unwrap_err().code(), "key.malformed");
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in
            ["", "[]", "{}", r#"{"keys": {}}"#, r#"{"keys": null}"#, r#"{"keys": [], "keys": []}"#, "null"]
        {
            assert_eq!(JwkSet::from_json(text).unwrap_err().code(), "key.malformed", "{text}");
        }
        let deep = format!(r#"{{"keys": {}"#, "[".repeat(100_000));
        assert_eq!(JwkSet::from_json(&deep).unwrap_err().code(), "key.malformed");
    }
}
