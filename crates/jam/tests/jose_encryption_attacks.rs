//! The attacks on encrypted tokens. Numbers are rows of the project's tables of attacks and of faults. Every refusal is an
//! error of Jam's own, with a sentence that repeats nothing of the token.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use data_encoding::BASE64URL_NOPAD;
use jam::Error;
use jam::jose::Jwk;
use jam::jose::jwe::{
    ContentEncryption, DecryptOptions, DecryptionKey, EncryptOptions, EncryptionKey, Jwe, JweOptions,
    KeyManagement, Undecrypted, UndecryptedJson, encrypt, encrypt_flattened, encrypt_with,
};
use jam::jose::jws::{self, Algorithm, SigningKey, Unverified, UnverifiedJson};
use serde_json::{Map, Value, json};

const GCM: ContentEncryption = ContentEncryption::A256Gcm;
const CBC: ContentEncryption = ContentEncryption::A128CbcHs256;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

fn decode(text: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
}

fn jwk(value: Value) -> Jwk {
    Jwk::from_dict(value.as_object().unwrap()).unwrap()
}

fn secret(length: usize) -> Jwk {
    Jwk::from_secret(vec![7; length])
}

/// RFC 7518 appendix C and RFC 8037 appendix A.6.
fn agreement_keys() -> [Jwk; 2] {
    [
        jwk(json!({"kty": "EC", "crv": "P-256",
            "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
            "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
            "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"})),
        jwk(json!({"kty": "OKP", "crv": "X25519",
            "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"})),
    ]
}

fn rsa_key() -> Jwk {
    let examples: Vec<Value> = serde_json::from_str(include_str!("rfc/encryption.json")).unwrap();
    let mut key = examples.iter().find(|example| example["alg"] == "RSA-OAEP").unwrap()["key"].clone();
    key.as_object_mut().unwrap().remove("alg");
    jwk(key)
}

fn pair(
    algorithm: KeyManagement,
    encryption: ContentEncryption,
    key: &Jwk,
) -> (EncryptionKey, DecryptionKey) {
    (
        EncryptionKey::new(algorithm, encryption, key).unwrap(),
        DecryptionKey::new(algorithm, encryption, key).unwrap(),
    )
}

fn decrypt(token: &str, key: &DecryptionKey) -> Result<Vec<u8>, Error> {
    Ok(Undecrypted::parse(token)?.decrypt(key)?.into_plaintext())
}

fn parts(token: &str) -> Vec<String> {
    token.split('.').map(str::to_owned).collect()
}

/// The token with another header, which its tag does not cover.
fn with_header(token: &str, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut parts = parts(token);
    let mut header: Map<String, Value> = serde_json::from_slice(&decode(&parts[0])).unwrap();
    change(&mut header);
    parts[0] = encode(Value::Object(header).to_string());
    parts.join(".")
}

#[track_caller]
fn assert_refused(result: Result<Vec<u8>, Error>, code: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

#[test]
fn attack_24_encrypted_and_signed_tokens_have_entries_of_their_own() {
    // Anybody can encrypt to a public key: that is no signature.
    let key = rsa_key();
    let (own, other) = pair(KeyManagement::RsaOaep256, GCM, &key);
    let encrypted = encrypt(br#"{"sub":"admin"}"#, &Map::new(), &own).unwrap();
    assert_eq!(Unverified::parse(&encrypted).unwrap_err().code(), "jwt.malformed");
    let signed =
        jws::sign(b"{}", &Map::new(), &SigningKey::new(Algorithm::Hs256, &secret(32)).unwrap()).unwrap();
    assert_refused(decrypt(&signed, &other), "jwe.malformed");
    let message = Value::Object(encrypt_flattened(b"{}", &EncryptOptions::default(), &own).unwrap());
    let verifying = jws::VerifyingKey::new(Algorithm::Rs256, &key).unwrap();
    let as_signed = UnverifiedJson::parse(&message.to_string()).and_then(|jws| jws.verify(&verifying));
    assert!(matches!(as_signed.unwrap_err(), Error::Jwt(_)));
}

#[test]
fn attack_26_and_30_and_31_a_header_has_one_reading() {
    let (own, other) = pair(KeyManagement::Direct, GCM, &secret(32));
    let token = encrypt(b"text", &Map::new(), &own).unwrap();
    let deep = [b"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"x\":".as_slice(), &[b'['; 100_000]].concat();
    for header in [
        br#"{"alg":"dir","enc":"A256GCM","alg":"A256KW"}"#.as_slice(),
        br#"{"alg":"dir","enc":"A256GCM","\u0061lg":"A256KW"}"#,
        br#"{"alg":"dir","enc":"A256GCM"} "x""#,
        b"\xff",
        b"\xef\xbb\xbf{\"alg\":\"dir\",\"enc\":\"A256GCM\"}",
        b"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"x\":\"\\ud800\"}",
        b"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"x\":\"\0\"}",
        b"[]",
        b"null",
        b"",
        br#"{"alg":"dir"}"#,
        br#"{"enc":"A256GCM"}"#,
        br#"{"alg":["dir"],"enc":"A256GCM"}"#,
        br#"{"alg":"dir","enc":null}"#,
        br#"{"alg":"dir","enc":"A256GCM","kid":7}"#,
        br#"{"alg":"dir","enc":"A256GCM","zip":true}"#,
        br#"{"alg":"dir","enc":"A256GCM","cty":[]}"#,
        &deep,
    ] {
        let mut parts = parts(&token);
        parts[0] = encode(header);
        assert_refused(decrypt(&parts.join("."), &other), "jwe.malformed");
    }
    assert_eq!(UndecryptedJson::parse(&"[".repeat(100_000)).unwrap_err().code(), "jwe.malformed");
    let doubled = r#"{"ciphertext":"","ciphertext":""}"#;
    assert_eq!(UndecryptedJson::parse(doubled).unwrap_err().code(), "jwe.malformed");
}

#[test]
fn attack_19_no_extension_is_understood() {
    let (own, other) = pair(KeyManagement::Direct, GCM, &secret(32));
    let token = encrypt(b"text", &Map::new(), &own).unwrap();
    for critical in
        [json!(["x"]), json!([]), json!(["alg"]), json!(["x", "x"]), json!(["exp"]), json!("x"), json!(null)]
    {
        let changed = with_header(&token, |header| {
            header.insert("crit".into(), critical.clone());
            header.insert("x".into(), 1.into());
        });
        assert_refused(decrypt(&changed, &other), "jwe.malformed");
    }
    let message = encrypt_flattened(b"text", &EncryptOptions::default(), &own).unwrap();
    for place in ["unprotected", "header"] {
        let mut message = message.clone();
        message.insert(place.into(), json!({"crit": ["x"], "x": 1}));
        let error = UndecryptedJson::parse(&Value::Object(message).to_string()).unwrap_err();
        assert_eq!(error.code(), "jwe.malformed");
    }
}

#[test]
fn attack_27_one_token_has_one_spelling() {
    let (own, other) = pair(KeyManagement::A256Kw, CBC, &secret(32));
    // A plaintext of 17 bytes has a ciphertext whose last character carries bits that must be zero.
    let token = encrypt(b"seventeen letters", &Map::new(), &own).unwrap();
    assert!(decrypt(&token, &other).is_ok());
    for place in 0..5 {
        for change in ["=", "!", " ", "\n", "A", "+", "/", "\u{e9}"] {
            let mut changed = parts(&token);
            changed[place].push_str(change);
            assert!(decrypt(&changed.join("."), &other).is_err(), "{change:?} in part {place}");
            let mut changed = parts(&token);
            changed[place].insert_str(1, change);
            assert!(decrypt(&changed.join("."), &other).is_err(), "{change:?} in part {place}");
        }
        // The same bytes with other bits behind them.
        let mut changed = parts(&token);
        if !changed[place].len().is_multiple_of(4) {
            let last = changed[place].pop().unwrap() as u8;
            changed[place].push(char::from(last + 1));
            assert!(decrypt(&changed.join("."), &other).is_err(), "part {place}");
        }
    }
}

#[test]
fn attack_28_and_29_the_size_comes_first() {
    let (own, other) = pair(KeyManagement::Direct, GCM, &secret(32));
    for token in
        [".".repeat(1_000_000), "a.b.c.d.".into(), "....".into(), ".....".into(), String::new(), "a".into()]
    {
        assert_refused(decrypt(&token, &other), "jwe.malformed");
    }
    let huge = "A".repeat(100 << 20);
    for token in [format!("{huge}...."), format!("....{huge}")] {
        assert_refused(decrypt(&token, &other), "jwe.malformed");
    }
    assert!(UndecryptedJson::parse(&huge).is_err());
    // What could not be read again is not made, unless a longer token is asked for.
    assert_eq!(encrypt(&vec![0; 300_000], &Map::new(), &own).unwrap_err().code(), "validation.invalid");
    let options = EncryptOptions { length_limit: 1 << 20, ..EncryptOptions::default() };
    assert!(encrypt_flattened(&vec![0; 300_000], &EncryptOptions::default(), &own).is_err());
    assert!(encrypt_flattened(&vec![0; 300_000], &options, &own).is_ok());
    let token = encrypt_with(&vec![0; 300_000], &options, &own).unwrap();
    assert_refused(decrypt(&token, &other), "jwe.malformed");
    assert!(Undecrypted::parse_with_limit(&token, 1 << 20).unwrap().decrypt(&other).is_ok());
}

#[test]
fn attack_38_and_fault_7_a_token_does_not_say_how_long_its_reader_works() {
    let algorithm = KeyManagement::Pbes2Hs256A128Kw;
    let password = Jwk::from_secret(b"correct horse battery staple".as_slice());
    // Passwords have to be asked for.
    assert!(EncryptionKey::new(algorithm, GCM, &password).is_err());
    assert!(DecryptionKey::new(algorithm, GCM, &password).is_err());
    let options = JweOptions { key_management: algorithm, ..JweOptions::default() };
    assert!(Jwe::new(std::slice::from_ref(&password), options).is_err());

    let own = EncryptionKey::from_password(algorithm, GCM, &password, Some(1_000)).unwrap();
    let other = DecryptionKey::from_password(algorithm, GCM, &password, None).unwrap();
    let token = encrypt(b"text", &Map::new(), &own).unwrap();
    assert!(decrypt(&token, &other).is_ok());
    for count in [
        json!(0),
        json!(1),
        json!(-1),
        json!(999),
        json!(1_000_001),
        json!(2_147_483_647_u32),
        json!(u64::MAX),
        json!(1000.0),
        json!(1000.5),
        json!("1000"),
        json!(true),
        json!(null),
        json!([1000]),
        json!(1e300),
    ] {
        let changed = with_header(&token, |header| drop(header.insert("p2c".into(), count.clone())));
        assert_refused(decrypt(&changed, &other), "jwe.malformed");
    }
    for salt in [
        json!(""),
        json!(encode([7; 7])),
        json!(encode(vec![7; 1 << 17])),
        json!(encode([7; 257])),
        json!(8),
        json!("?"),
    ] {
        let changed = with_header(&token, |header| drop(header.insert("p2s".into(), salt.clone())));
        assert_refused(decrypt(&changed, &other), "jwe.malformed");
    }
    for name in ["p2c", "p2s"] {
        let changed = with_header(&token, |header| drop(header.remove(name)));
        assert_refused(decrypt(&changed, &other), "jwe.malformed");
    }
    // 8192, which RFC 7520 section 5.3 has, is admitted, and a smaller limit holds.
    let more = EncryptionKey::from_password(algorithm, GCM, &password, Some(8_192)).unwrap();
    let token = encrypt(b"text", &Map::new(), &more).unwrap();
    assert!(decrypt(&token, &other).is_ok());
    let strict = DecryptionKey::from_password(algorithm, GCM, &password, Some(8_191)).unwrap();
    assert_refused(decrypt(&token, &strict), "jwe.malformed");
    assert!(EncryptionKey::from_password(algorithm, GCM, &password, Some(999)).is_err());
    assert!(DecryptionKey::from_password(algorithm, GCM, &password, Some(999)).is_err());
    for bad in [Jwk::from_secret(Vec::new()), Jwk::from_secret(b"-----BEGIN PUBLIC KEY-----".as_slice())] {
        assert!(EncryptionKey::from_password(algorithm, GCM, &bad, None).is_err());
        assert!(DecryptionKey::from_password(algorithm, GCM, &bad, None).is_err());
    }
    for other in KeyManagement::all().filter(|other| !other.is_password_based()) {
        assert!(EncryptionKey::from_password(other, GCM, &password, None).is_err(), "{other}");
        assert!(DecryptionKey::from_password(other, GCM, &password, None).is_err(), "{other}");
    }
}

#[test]
fn attack_38_many_recipients_do_not_add_up() {
    let algorithm = KeyManagement::Pbes2Hs256A128Kw;
    let password = Jwk::from_secret(b"correct horse battery staple".as_slice());
    let other = DecryptionKey::from_password(algorithm, GCM, &password, Some(10_000)).unwrap();
    let recipient = json!({
        "header": {"alg": algorithm.name(), "p2s": encode([7; 16]), "p2c": 6_000},
        "encrypted_key": encode([7; 40]),
    });
    let message = json!({
        "protected": encode(r#"{"enc":"A256GCM"}"#),
        "recipients": vec![recipient; 1_000],
        "iv": encode([7; 12]), "ciphertext": "", "tag": encode([7; 16]),
    });
    let started = std::time::Instant::now();
    let error = UndecryptedJson::parse(&message.to_string()).unwrap().decrypt(&other).unwrap_err();
    assert_eq!(error.code(), "jwe.decryption_failed");
    // Only a bound against hanging: a thousand recipients would take minutes in a test build.
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn attack_38_a_token_that_does_not_say_which_password_it_is_of_costs_no_more() {
    let key_management = KeyManagement::Pbes2Hs256A128Kw;
    let secrets: Vec<Jwk> = (1..=8).map(|byte| Jwk::from_secret(vec![byte; 20])).collect();
    let options = |iterations_limit| JweOptions {
        key_management,
        allow_passwords: true,
        iterations: Some(1_000),
        iterations_limit: Some(iterations_limit),
        ..JweOptions::default()
    };
    let jwe = |keys: &[Jwk], limit| Jwe::new(keys, options(limit)).unwrap();
    let token = |key: usize| jwe(&secrets[key..=key], 1_000).encrypt(b"text", &Map::new()).unwrap();
    for limit in [1_000, 3_999] {
        let tried = limit as usize / 1_000;
        let reader = jwe(&secrets, limit);
        assert!(reader.decrypt(&token(tried - 1)).is_ok(), "{limit}");
        let error = reader.decrypt(&token(tried)).unwrap_err();
        assert_eq!(error.code(), "jwe.malformed");
        assert!(error.to_string().contains("\"kid\""), "{error}");
        let message = jwe(&secrets[tried..=tried], 1_000);
        let message = message.encrypt_json(b"text", &EncryptOptions::default(), None).unwrap();
        let error = reader.decrypt_json(&Value::Object(message).to_string()).unwrap_err();
        assert_eq!(error.code(), "jwe.malformed");
    }
    // One that says it finds its password behind all others.
    let named: Vec<Jwk> =
        secrets.iter().enumerate().map(|(name, key)| key.clone().with_key_id(name.to_string())).collect();
    let token = jwe(&named[7..], 1_000).encrypt(b"text", &Map::new()).unwrap();
    assert!(jwe(&named, 1_000).decrypt(&token).is_ok());
}

#[test]
fn attack_38_what_could_not_be_read_is_not_written() {
    let key_management = KeyManagement::Pbes2Hs256A128Kw;
    let password = [Jwk::from_secret(b"correct horse battery staple".as_slice())];
    let jwe = |iterations, iterations_limit| {
        let allowed = JweOptions { key_management, allow_passwords: true, ..JweOptions::default() };
        Jwe::new(&password, JweOptions { iterations, iterations_limit, ..allowed })
    };
    for (iterations, limit) in [(Some(2_000), Some(1_999)), (Some(1_000_001), None), (None, Some(599_999))] {
        let error = jwe(iterations, limit).unwrap_err();
        assert_eq!(error.code(), "validation.invalid");
        assert!(error.to_string().contains("max_p2c"), "{error}");
    }
    let both = jwe(Some(2_000), Some(2_000)).unwrap();
    assert!(both.decrypt(&both.encrypt(b"text", &Map::new()).unwrap()).is_ok());
    assert!(jwe(None, Some(600_000)).is_ok() && jwe(None, None).is_ok());
    // No program asks for hours by mistake.
    for count in [10_000_001, u32::MAX] {
        assert!(jwe(Some(count), Some(u32::MAX)).is_err() && jwe(None, Some(count)).is_err(), "{count}");
        assert!(EncryptionKey::from_password(key_management, GCM, &password[0], Some(count)).is_err());
        assert!(DecryptionKey::from_password(key_management, GCM, &password[0], Some(count)).is_err());
    }
}

#[test]
fn attack_33_a_number_in_a_header_is_the_one_that_was_written_or_none() {
    let (own, other) = pair(KeyManagement::A256Kw, GCM, &secret(32));
    let token = encrypt(b"text", &Map::new(), &own).unwrap();
    for number in ["18446744073709551616", "-9223372036854775809", "1e300"] {
        let header = format!(r#"{{"alg":"A256KW","enc":"A256GCM","n":{number}}}"#);
        let changed = format!("{}.{}", encode(header), token.split_once('.').unwrap().1);
        assert_refused(decrypt(&changed, &other), "jwe.malformed");
        let header = serde_json::from_str(&format!(r#"{{"n":[{{"n":{number}}}]}}"#)).unwrap();
        assert_eq!(encrypt(b"text", &header, &own).unwrap_err().code(), "validation.invalid");
        let options = EncryptOptions { unprotected: header, ..EncryptOptions::default() };
        assert_eq!(encrypt_flattened(b"text", &options, &own).unwrap_err().code(), "validation.invalid");
    }
    let header = json!({"most": u64::MAX, "least": i64::MIN, "n": 1.5}).as_object().cloned().unwrap();
    let token = encrypt(b"text", &header, &own).unwrap();
    let decrypted = Undecrypted::parse(&token).unwrap().decrypt(&other).unwrap();
    assert_eq!(decrypted.header().members()["most"], json!(u64::MAX));
    assert_eq!(decrypted.header().members()["least"], json!(i64::MIN));
}

#[test]
fn attack_39_a_bomb_is_refused_by_default_and_stopped_early_where_it_is_not() {
    let (own, other) = pair(KeyManagement::Direct, GCM, &secret(32));
    let options = EncryptOptions { compress: true, ..EncryptOptions::default() };
    let bomb = encrypt_with(&vec![b'a'; 100 << 20], &options, &own).unwrap();
    assert!(bomb.len() < 256 * 1024);
    assert_refused(decrypt(&bomb, &other), "jwe.unsupported_algorithm");
    for limit in [0, 1 << 20, (100 << 20) - 1] {
        let options = DecryptOptions { expanded_limit: Some(limit) };
        let error = Undecrypted::parse(&bomb).unwrap().decrypt_with(&other, &options).unwrap_err();
        assert_eq!(error.code(), "jwe.malformed");
    }
    // Another compression, or one that nothing protects.
    for zip in ["GZIP", "def", ""] {
        let changed = with_header(&bomb, |header| drop(header.insert("zip".into(), zip.into())));
        assert_refused(decrypt(&changed, &other), "jwe.unsupported_algorithm");
    }
    let mut message = encrypt_flattened(b"text", &EncryptOptions::default(), &own).unwrap();
    message.insert("unprotected".into(), json!({"zip": "DEF"}));
    assert_eq!(
        UndecryptedJson::parse(&Value::Object(message).to_string()).unwrap_err().code(),
        "jwe.malformed"
    );
}

#[test]
fn attack_40_an_ephemeral_key_lies_on_the_readers_curve() {
    let [nist, edwards] = agreement_keys();
    let off_curve = json!({"kty": "EC", "crv": "P-256", "x": encode([1; 32]), "y": encode([1; 32])});
    let x = "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0";
    let y = "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps";
    let small_order: Vec<String> = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
    .iter()
    .map(|hex| encode(data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()))
    .collect();
    let for_nist = [
        off_curve,
        json!({"kty": "EC", "crv": "P-256", "x": encode([0; 32]), "y": encode([0; 32])}),
        json!({"kty": "EC", "crv": "P-256", "x": x}),
        json!({"kty": "EC", "crv": "P-256", "y": y}),
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": x}),
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": &y[1..]}),
        json!({"kty": "EC", "crv": "P-256", "x": format!("AA{x}"), "y": y}),
        json!({"kty": "EC", "crv": "P-256", "x": [x], "y": y}),
        json!({"kty": "EC", "crv": "P-384", "x": x, "y": y}),
        json!({"kty": "EC", "crv": "secp256k1", "x": x, "y": y}),
        json!({"kty": "OKP", "crv": "X25519", "x": x}),
        json!({"kty": "OKP", "crv": "P-256", "x": x, "y": y}),
        json!({"kty": "oct", "k": x}),
        json!({}),
        json!(null),
        json!([]),
        json!("epk"),
    ];
    let for_edwards = small_order.iter().map(|x| json!({"kty": "OKP", "crv": "X25519", "x": x})).chain([
        json!({"kty": "OKP", "crv": "X25519"}),
        json!({"kty": "OKP", "crv": "X25519", "x": encode([9; 31])}),
        json!({"kty": "OKP", "crv": "X25519", "x": encode([9; 33])}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": x}),
        json!({"kty": "OKP", "crv": "X448", "x": x}),
        json!({"kty": "EC", "crv": "X25519", "x": x, "y": y}),
    ]);
    for algorithm in [KeyManagement::EcdhEs, KeyManagement::EcdhEsA256Kw] {
        for (key, keys) in [(&nist, for_nist.to_vec()), (&edwards, for_edwards.clone().collect())] {
            let (own, other) = pair(algorithm, GCM, key);
            let token = encrypt(b"text", &Map::new(), &own).unwrap();
            for epk in keys {
                let changed = with_header(&token, |header| drop(header.insert("epk".into(), epk.clone())));
                assert_refused(decrypt(&changed, &other), "jwe.malformed");
            }
            let changed = with_header(&token, |header| drop(header.remove("epk")));
            assert_refused(decrypt(&changed, &other), "jwe.malformed");
            for (name, value) in [("apu", json!(7)), ("apv", json!("?")), ("apu", json!(encode([7; 1025])))] {
                let changed = with_header(&token, |header| drop(header.insert(name.into(), value.clone())));
                assert_refused(decrypt(&changed, &other), "jwe.malformed");
            }
            // Another party is another key.
            let changed = with_header(&token, |header| drop(header.insert("apu".into(), "QQ".into())));
            assert_refused(decrypt(&changed, &other), "jwe.decryption_failed");
        }
    }
    // As keys to encrypt to they are none either.
    for x in small_order {
        assert!(Jwk::from_dict(json!({"kty": "OKP", "crv": "X25519", "x": x}).as_object().unwrap()).is_err());
    }
}

#[test]
fn attack_41_of_a_decryption_that_fails_nothing_is_told() {
    for name in ["RSA1_5", "RSA1_5 ", "rsa1_5"] {
        assert!(name.parse::<KeyManagement>().is_err());
    }
    let key = rsa_key();
    let length = 512;
    for algorithm in [
        KeyManagement::RsaOaep,
        KeyManagement::RsaOaep256,
        KeyManagement::RsaOaep384,
        KeyManagement::RsaOaep512,
    ] {
        let (own, other) = pair(algorithm, CBC, &key);
        let token = encrypt(b"text", &Map::new(), &own).unwrap();
        // A key of another length, properly encrypted.
        let short = EncryptionKey::new(algorithm, ContentEncryption::A128Gcm, &key).unwrap();
        let of_another_length = parts(&encrypt(b"text", &Map::new(), &short).unwrap())[1].clone();
        let mut flipped = decode(&parts(&token)[1]);
        flipped[100] ^= 1;
        let told: Vec<Error> = [
            encode(flipped),
            encode(vec![0; length]),
            encode(vec![0xff; length]),
            encode(vec![1; length - 1]),
            encode(vec![1; length + 1]),
            String::new(),
            of_another_length,
            parts(&encrypt(b"text", &Map::new(), &own).unwrap())[1].clone(),
        ]
        .into_iter()
        .map(|encrypted_key| {
            let mut changed = parts(&token);
            changed[1] = encrypted_key;
            decrypt(&changed.join("."), &other).unwrap_err()
        })
        .chain([2, 3, 4].map(|place| {
            let mut changed = parts(&token);
            let mut bytes = decode(&changed[place]);
            bytes[3] ^= 1;
            changed[place] = encode(bytes);
            decrypt(&changed.join("."), &other).unwrap_err()
        }))
        .collect();
        assert_eq!(told[0].code(), "jwe.decryption_failed");
        assert!(told.iter().all(|error| *error == told[0]), "{algorithm}: {told:?}");
        // A token for one hash is none for another.
        assert_eq!(told[0].to_string(), "the token cannot be decrypted with this key");
    }
}

#[test]
fn attack_42_every_part_has_its_exact_length() {
    for encryption in ContentEncryption::all() {
        let (own, other) = pair(KeyManagement::A128Kw, encryption, &secret(16));
        let token = encrypt(b"sixteen letters.", &Map::new(), &own).unwrap();
        for place in [2, 4] {
            let whole = decode(&parts(&token)[place]);
            let mut longer = whole.clone();
            longer.push(0);
            let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
            for bytes in cut.chain([longer, [whole.clone(), whole.clone()].concat()]) {
                let mut changed = parts(&token);
                changed[place] = encode(&bytes);
                assert_refused(decrypt(&changed.join("."), &other), "jwe.decryption_failed");
            }
        }
        // Nothing of the ciphertext may be missing either.
        let whole = decode(&parts(&token)[3]);
        for length in 0..whole.len() {
            let mut changed = parts(&token);
            changed[3] = encode(&whole[..length]);
            assert_refused(decrypt(&changed.join("."), &other), "jwe.decryption_failed");
        }
    }
}

#[test]
fn attack_43_keys_and_encrypted_keys_of_any_length_are_no_panic() {
    for algorithm in KeyManagement::all().filter(|algorithm| algorithm.is_symmetric()) {
        for encryption in ContentEncryption::all() {
            let right = algorithm.key_length(encryption);
            for length in (0..100).filter(|length| right.is_some_and(|right| right != *length)) {
                for error in [
                    EncryptionKey::new(algorithm, encryption, &secret(length)).map(drop).unwrap_err(),
                    DecryptionKey::new(algorithm, encryption, &secret(length)).map(drop).unwrap_err(),
                ] {
                    assert_eq!(error.code(), "key.wrong_kind", "{algorithm} {encryption} {length}");
                }
            }
        }
    }
    let wraps = [KeyManagement::A128Kw, KeyManagement::A128GcmKw];
    for (algorithm, encryption) in wraps.into_iter().flat_map(|wrap| [(wrap, GCM), (wrap, CBC)]) {
        let (own, other) = pair(algorithm, encryption, &secret(16));
        let token = encrypt(b"text", &Map::new(), &own).unwrap();
        for length in 0..100 {
            let mut changed = parts(&token);
            changed[1] = encode(vec![7; length]);
            assert_refused(decrypt(&changed.join("."), &other), "jwe.decryption_failed");
        }
    }
    let (own, other) = pair(KeyManagement::A128GcmKw, GCM, &secret(16));
    let token = encrypt(b"text", &Map::new(), &own).unwrap();
    for (name, length) in [("iv", 12), ("tag", 16)] {
        for other_length in (0..40).filter(|other| *other != length) {
            let changed = with_header(&token, |header| {
                header.insert(name.into(), encode(vec![7; other_length]).into());
            });
            assert_refused(decrypt(&changed, &other), "jwe.decryption_failed");
        }
        for value in [json!(null), json!(12), json!("?")] {
            let changed = with_header(&token, |header| drop(header.insert(name.into(), value.clone())));
            assert_refused(decrypt(&changed, &other), "jwe.malformed");
        }
        let changed = with_header(&token, |header| drop(header.remove(name)));
        assert_refused(decrypt(&changed, &other), "jwe.malformed");
    }
    // Where no key is sent, none may stand.
    let direct = pair(KeyManagement::Direct, GCM, &secret(32));
    let agreed = pair(KeyManagement::EcdhEs, GCM, &agreement_keys()[1]);
    for (own, other) in [direct, agreed] {
        let token = encrypt(b"text", &Map::new(), &own).unwrap();
        let mut changed = parts(&token);
        changed[1] = encode([7; 40]);
        assert_refused(decrypt(&changed.join("."), &other), "jwe.malformed");
    }
}

#[test]
fn fault_11_the_header_chooses_nothing() {
    for algorithm in KeyManagement::all() {
        let (own, other) = pair(KeyManagement::Direct, GCM, &secret(32));
        if algorithm == KeyManagement::Direct {
            continue;
        }
        let token = encrypt(b"text", &Map::new(), &own).unwrap();
        let changed =
            with_header(&token, |header| drop(header.insert("alg".into(), algorithm.name().into())));
        assert_refused(decrypt(&changed, &other), "jwe.unsupported_algorithm");
        for encryption in ContentEncryption::all().filter(|encryption| *encryption != GCM) {
            let changed =
                with_header(&token, |header| drop(header.insert("enc".into(), encryption.name().into())));
            assert_refused(decrypt(&changed, &other), "jwe.unsupported_algorithm");
        }
    }
    // attack 16: nor do keys in it
    let (own, other) = pair(KeyManagement::EcdhEs, GCM, &agreement_keys()[0]);
    let stranger = pair(KeyManagement::EcdhEs, GCM, &agreement_keys()[1]).1;
    let header = json!({"jwk": {"kty": "oct", "k": "AA"}, "jku": "https://attacker.example", "x5c": ["AA"]});
    let token = encrypt(b"text", header.as_object().unwrap(), &own).unwrap();
    assert!(decrypt(&token, &other).is_ok());
    assert_refused(decrypt(&token, &stranger), "jwe.malformed");
}

#[test]
fn every_algorithm_refuses_every_wrong_kind_of_key() {
    let [nist, x25519] = agreement_keys();
    let koblitz = json!({"kty": "EC", "crv": "secp256k1",
        "x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g",
        "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"});
    let edwards = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let keys = [
        ("oct", secret(32)),
        ("RSA", rsa_key()),
        ("EC", nist),
        ("X25519", x25519),
        ("secp256k1", jwk(koblitz)),
        ("Ed25519", jwk(edwards)),
    ];
    let (mut refused, mut taken) = (0, 0);
    for algorithm in KeyManagement::all() {
        let name = algorithm.name();
        for (kind, key) in &keys {
            let fits = match *kind {
                "RSA" => name.starts_with("RSA"),
                "EC" | "X25519" => name.starts_with("ECDH"),
                "oct" => algorithm.is_symmetric(),
                _ => false,
            };
            let results = if algorithm.is_password_based() {
                [
                    EncryptionKey::from_password(algorithm, GCM, key, None).map(drop),
                    DecryptionKey::from_password(algorithm, GCM, key, None).map(drop),
                ]
            } else {
                [
                    EncryptionKey::new(algorithm, GCM, key).map(drop),
                    DecryptionKey::new(algorithm, GCM, key).map(drop),
                ]
            };
            for result in results {
                match result {
                    Ok(()) => {
                        assert!(fits, "{name} took {kind}");
                        taken += 1;
                    }
                    // A secret of another length is of the right kind.
                    Err(error) => {
                        assert_eq!(error.code(), "key.wrong_kind", "{name} with {kind}: {error}");
                        assert!(!fits || *kind == "oct", "{name} refused {kind}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert_eq!((refused, taken), (180, 36));
}

#[test]
fn what_a_key_says_of_its_use_holds() {
    let secret = |members: Value| {
        let mut key = json!({"kty": "oct", "k": encode([7; 32])});
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        jwk(key)
    };
    let wrap = KeyManagement::A256Kw;
    for (members, encrypts, decrypts) in [
        (json!({"use": "enc"}), true, true),
        (json!({"use": "sig"}), false, false),
        (json!({"alg": "A256KW"}), true, true),
        (json!({"alg": "A256GCMKW"}), false, false),
        (json!({"alg": "HS256"}), false, false),
        (json!({"alg": "dir"}), false, false),
        (json!({"key_ops": ["wrapKey"]}), true, false),
        (json!({"key_ops": ["unwrapKey"]}), false, true),
        (json!({"key_ops": ["encrypt", "decrypt"]}), false, false),
        (json!({"key_ops": ["sign"]}), false, false),
    ] {
        let key = secret(members.clone());
        assert_eq!(EncryptionKey::new(wrap, GCM, &key).is_ok(), encrypts, "{members}");
        assert_eq!(DecryptionKey::new(wrap, GCM, &key).is_ok(), decrypts, "{members}");
    }
    // A codec of such a key does what it allows, and says why it does no more.
    let options = JweOptions { key_management: wrap, ..JweOptions::default() };
    let sender = Jwe::new(&[secret(json!({"key_ops": ["wrapKey"]}))], options.clone()).unwrap();
    let reader = Jwe::new(&[secret(json!({"key_ops": ["unwrapKey"]}))], options).unwrap();
    let token = sender.encrypt(b"text", &Map::new()).unwrap();
    assert_eq!(reader.decrypt(&token).unwrap().plaintext(), b"text");
    assert_eq!(sender.decrypt(&token).unwrap_err().code(), "key.wrong_kind");
    assert_eq!(reader.encrypt(b"text", &Map::new()).unwrap_err().code(), "key.wrong_kind");
}

#[test]
fn messages_that_are_neither_form_are_refused() {
    type Change<'a> = &'a dyn Fn(&mut Map<String, Value>);
    let (own, other) = pair(KeyManagement::A128Kw, GCM, &secret(16));
    let message = encrypt_flattened(b"text", &EncryptOptions::default(), &own).unwrap();
    let parse = |change: Change<'_>| {
        let mut changed = message.clone();
        change(&mut changed);
        UndecryptedJson::parse(&Value::Object(changed).to_string())
            .and_then(|message| message.decrypt(&other))
    };
    assert!(parse(&|_| {}).is_ok());
    let entry = json!({"encrypted_key": message["encrypted_key"]});
    let changes: [Change<'_>; 16] = [
        &|message| drop(message.remove("ciphertext")),
        &|message| drop(message.remove("protected")),
        &|message| drop(message.insert("protected".into(), "".into())),
        &|message| drop(message.insert("protected".into(), json!({"alg": "A128KW"}))),
        &|message| drop(message.insert("ciphertext".into(), 1.into())),
        &|message| drop(message.insert("iv".into(), json!(null))),
        &|message| drop(message.insert("header".into(), "x".into())),
        &|message| drop(message.insert("header".into(), json!({"alg": "A128KW"}))),
        &|message| drop(message.insert("unprotected".into(), json!({"enc": "A256GCM"}))),
        &|message| drop(message.insert("unprotected".into(), json!([]))),
        &|message| drop(message.insert("recipients".into(), json!([]))),
        &|message| drop(message.insert("recipients".into(), json!({}))),
        &|message| drop(message.insert("recipients".into(), json!([entry]))),
        &|message| {
            message.remove("encrypted_key");
            message.insert("recipients".into(), json!([1]));
        },
        &|message| {
            message.remove("encrypted_key");
            message.insert("recipients".into(), json!([entry, {"header": {"enc": "A128GCM"}}]));
        },
        &|message| drop(message.insert("encrypted_key".into(), json!(["x"]))),
    ];
    for (place, change) in changes.iter().enumerate() {
        assert_eq!(parse(change).unwrap_err().code(), "jwe.malformed", "change {place}");
    }
    // What is authenticated beside the ciphertext cannot be added, and what was, not be left away.
    let added = parse(&|message| drop(message.insert("aad".into(), "QQ".into())));
    assert_eq!(added.unwrap_err().code(), "jwe.decryption_failed");
    // Members that nobody knows are ignored (RFC 7516 section 7.2.1).
    assert!(parse(&|message| drop(message.insert("x".into(), 1.into()))).is_ok());
}

#[test]
fn no_changed_character_goes_unnoticed() {
    for (algorithm, encryption, key) in
        [(KeyManagement::Direct, GCM, secret(32)), (KeyManagement::A128GcmKw, CBC, secret(16))]
    {
        let (own, other) = pair(algorithm, encryption, &key);
        let token = encrypt(b"some text", &Map::new(), &own).unwrap();
        for place in 0..token.len() {
            for letter in ['A', '_', '.', '='] {
                let mut changed = token.clone();
                changed.replace_range(place..=place, &letter.to_string());
                if changed != token {
                    let error = decrypt(&changed, &other).unwrap_err();
                    assert!(matches!(error, Error::Jwe(_)), "{place}: {error}");
                }
            }
        }
    }
}
