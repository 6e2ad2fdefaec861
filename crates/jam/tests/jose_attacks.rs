//! Attacks on signed tokens and their keys. Numbers are rows of the project's table of attacks.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use std::time::Duration;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use jam::jose::claims::{Registered, Validation, leeway_from_seconds};
use jam::jose::jws::{self, Algorithm, SigningKey, Unverified, VerifyingKey};
use jam::jose::{DecodeOptions, Jwk, Jwt, JwtOptions};
use jam::{Result, Timestamp};
use serde_json::{Map, Value, json};

const SECRET: &[u8] = b"a secret of at least 32 bytes, for HS256";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn key(name: &str) -> String {
    let path = format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn hs256() -> Jwt {
    Jwt::new(JwtOptions { secret: vec![SECRET.into()], ..JwtOptions::default() }).unwrap()
}

fn reader(algorithm: Algorithm, public_key: &str) -> Jwt {
    Jwt::new(JwtOptions { algorithm, public_key: vec![key(public_key).into()], ..JwtOptions::default() })
        .unwrap()
}

/// A token as an attacker who knows `secret` makes it: any header text, any payload text, an HMAC over them.
fn forge(header: &[u8], payload: &[u8], secret: &[u8]) -> String {
    let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(payload));
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&hmac_sha256(secret, signed.as_bytes())))
}

/// HMAC-SHA-256 by way of a token, whose signature it is. It is asked for over text with one dot only.
fn hmac_sha256(secret: &[u8], signed: &[u8]) -> Vec<u8> {
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}

/// The code of the error with which a token of this codec is refused.
fn refusal(jwt: &Jwt, token: &str) -> &'static str {
    jwt.decode(token, &DecodeOptions::default(), NOW).unwrap_err().code()
}

fn refusal_of_claims(payload: &str) -> &'static str {
    let token = hs256().encode_json(payload.as_bytes()).unwrap();
    refusal(&hs256(), &token)
}

fn new_with_secret(secret: &[u8]) -> Result<Jwt> {
    Jwt::new(JwtOptions { secret: vec![secret.into()], ..JwtOptions::default() })
}

#[test]
fn no_spelling_of_none_verifies() {
    // attack 1
    for name in ["none", "None", "NONE", "nOnE"] {
        let header = BASE64URL_NOPAD.encode(format!(r#"{{"alg":"{name}"}}"#).as_bytes());
        for signature in ["", "AAAA"] {
            let token = format!("{header}.e30.{signature}");
            assert_eq!(refusal(&hs256(), &token), "jwt.unsupported_algorithm");
            assert_eq!(
                refusal(&reader(Algorithm::Rs256, "rsa_public.pem"), &token),
                "jwt.unsupported_algorithm"
            );
        }
        assert!(name.parse::<Algorithm>().is_err());
    }
    let own = hs256().encode_json(b"{}").unwrap();
    let (signed, _) = own.rsplit_once('.').unwrap();
    assert_eq!(refusal(&hs256(), &format!("{signed}.")), "jwt.invalid_signature");
}

#[test]
fn a_public_key_is_no_hmac_key() {
    // attack 2
    let pem = key("rsa_public.pem");
    let token = forge(br#"{"alg":"HS256"}"#, b"{}", pem.as_bytes());
    assert_eq!(refusal(&reader(Algorithm::Rs256, "rsa_public.pem"), &token), "jwt.unsupported_algorithm");
    assert_eq!(new_with_secret(pem.as_bytes()).unwrap_err().code(), "key.wrong_kind");
}

#[test]
fn no_disguise_makes_key_material_a_secret() {
    // attack 3, fault 10
    let pem = key("rsa_public.pem");
    let der = pem::parse(&pem).unwrap().into_contents();
    let pkcs1 = pem::parse(key("rsa_public_pkcs1.pem")).unwrap().into_contents();
    let p256 = pem::parse(key("p256_public.pem")).unwrap().into_contents();
    let ed25519 = pem::parse(key("ed25519_public.pem")).unwrap().into_contents();
    let certificate = pem::parse(key("certificate.pem")).unwrap().into_contents();
    let one_line: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let many_lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n");
    let disguises: Vec<Vec<u8>> = vec![
        format!(" {pem}").into(),
        format!("\n\t\r\n{pem}").into(),
        format!("\u{feff}{pem}").into(),
        format!("\0{pem}").into(),
        format!("Here is the key:\n{pem}").into(),
        pem.replace('\n', "\r\n").into(),
        pem.replace('\n', "\\n").into(),
        pem.replace('\n', "").into(),
        pem.to_ascii_lowercase().into(),
        pem.to_ascii_uppercase().into(),
        data_encoding::HEXLOWER.encode(&der).into(),
        data_encoding::HEXUPPER.encode(&der).into(),
        key("rsa_public_pkcs1.pem").into(),
        key("certificate.pem").into(),
        key("p256_public.pem").into(),
        key("ed25519_public.pem").into(),
        key("rsa.pem").into(),
        b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ user@host".to_vec(),
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ".to_vec(),
        b"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY".to_vec(),
        b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA".to_vec(),
        der.clone(),
        pkcs1,
        p256,
        ed25519,
        certificate,
        one_line.clone().into(),
        many_lines.into(),
        one_line.replace('+', "-").replace('/', "_").replace('=', "").into(),
        BASE64.encode(pem.as_bytes()).into(),
        [&der[..], b"\n"].concat(),
        pem.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        [&b"\xff\xfe"[..], &pem.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat(),
        pem.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        b"AAAAB3NzaC1yc2EAAAADAQABAAABAQ==".to_vec(),
        b"<RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue>".to_vec(),
        b"k4.public.HrnbvPdVLdhK3Vj5nUjkdMgzJrBvzmQ".to_vec(),
        br#"{"\u006bty":"RSA","n":"AQAB","e":"AQAB"}"#.to_vec(),
        b"{'kty': 'RSA', 'n': 'AQAB', 'e': 'AQAB'}".to_vec(),
    ];
    for secret in disguises {
        let error = new_with_secret(&secret).unwrap_err();
        assert_eq!(error.code(), "key.wrong_kind", "{:?}", String::from_utf8_lossy(&secret));
        let wrapped = json!({"kty": "oct", "k": BASE64URL_NOPAD.encode(&secret)});
        let key = Jwk::from_dict(wrapped.as_object().unwrap()).unwrap();
        assert!(SigningKey::new(Algorithm::Hs256, &key).is_err());
        assert!(VerifyingKey::with_short_secret(Algorithm::Hs256, &key).is_err());
    }
}

#[test]
fn what_only_looks_a_little_like_a_key_is_a_secret() {
    let mut like_der = vec![7; 32];
    like_der[0] = 0x30;
    like_der[1] = 30;
    for secret in
        [&b"secret"[..], b"ssh-keys are fine", b"{not json", b"0123456789abcdef", &like_der, &[0xff; 64]]
    {
        assert!(new_with_secret(secret).is_ok(), "{secret:?}");
    }
}

#[test]
fn the_text_of_a_jwk_is_no_secret_unless_it_is_one() {
    // attack 4
    let rsa = key("rfc7520_rsa.json");
    let public = r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#.to_owned();
    let set = format!(r#"{{"keys":[{public}]}}"#);
    let symmetric = format!(r#"{{"kty":"oct","k":"{}"}}"#, BASE64URL_NOPAD.encode(SECRET));
    let twice = format!(r#"{{"kty":"oct","kty":"oct","k":"{}"}}"#, BASE64URL_NOPAD.encode(SECRET));
    for text in [
        rsa.clone(),
        format!("  {rsa}"),
        public.clone(),
        set,
        format!("[{public}]"),
        twice,
        BASE64.encode(rsa.as_bytes()),
        BASE64.encode(symmetric.as_bytes()),
        BASE64URL_NOPAD.encode(public.as_bytes()),
    ] {
        assert_eq!(new_with_secret(text.as_bytes()).unwrap_err().code(), "key.wrong_kind", "{text}");
    }
    let token = new_with_secret(symmetric.as_bytes()).unwrap().encode_json(b"{}").unwrap();
    assert!(hs256().verify(&token).is_ok());
}

#[test]
fn a_key_without_alg_does_not_take_it_from_the_header() {
    // attack 5
    let rsa = Jwk::from_json(&key("rfc7520_rsa.json")).unwrap();
    assert_eq!(rsa.algorithm(), None);
    let verifying = VerifyingKey::new(Algorithm::Rs256, &rsa).unwrap();
    for name in ["HS256", "RS384", "PS256", "rs256", "RS256 "] {
        let token =
            forge(format!(r#"{{"alg":"{name}"}}"#).as_bytes(), b"{}", key("rfc7520_rsa.json").as_bytes());
        let error = Unverified::parse(&token).unwrap().verify(&verifying).unwrap_err();
        assert_eq!(error.code(), "jwt.unsupported_algorithm", "{name}");
    }
    assert_eq!(VerifyingKey::new(Algorithm::Hs256, &rsa).unwrap_err().code(), "key.wrong_kind");
}

#[test]
fn what_a_key_says_about_itself_binds_too() {
    // attack 6
    let members = |extra: Value| {
        let mut members =
            json!({"kty": "oct", "k": BASE64URL_NOPAD.encode(SECRET)}).as_object().cloned().unwrap();
        members.extend(extra.as_object().cloned().unwrap());
        Jwk::from_dict(&members).unwrap()
    };
    for extra in [
        json!({"alg": "HS384"}),
        json!({"alg": "HS512", "use": "sig"}),
        json!({"use": "enc"}),
        json!({"key_ops": ["encrypt"]}),
    ] {
        let key = members(extra.clone());
        assert_eq!(SigningKey::new(Algorithm::Hs256, &key).unwrap_err().code(), "key.wrong_kind", "{extra}");
        assert_eq!(
            VerifyingKey::new(Algorithm::Hs256, &key).unwrap_err().code(),
            "key.wrong_kind",
            "{extra}"
        );
    }
    let verify_only = members(json!({"key_ops": ["verify"]}));
    assert!(SigningKey::new(Algorithm::Hs256, &verify_only).is_err());
    assert!(VerifyingKey::new(Algorithm::Hs256, &verify_only).is_ok());
    let p384 = Jwk::from_pem(&key("p384.pem"), None).unwrap();
    assert!(SigningKey::new(Algorithm::Es256, &p384).is_err());
    assert!(VerifyingKey::new(Algorithm::Es512, &p384).is_err());
}

#[test]
fn an_empty_secret_is_refused() {
    // attack 8
    for secret in [&b""[..], br#"{"kty":"oct","k":""}"#] {
        assert_eq!(new_with_secret(secret).unwrap_err().code(), "jwt.empty_secret_key");
    }
    let empty = Jwk::from_secret(Vec::new());
    assert_eq!(
        SigningKey::with_short_secret(Algorithm::Hs256, &empty).unwrap_err().code(),
        "jwt.empty_secret_key"
    );
}

#[test]
fn a_secret_shorter_than_the_hash_must_be_allowed_explicitly() {
    // attack 9
    for (algorithm, length) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
        let (short, enough) = (Jwk::from_secret(vec![7; length - 1]), Jwk::from_secret(vec![7; length]));
        assert_eq!(SigningKey::new(algorithm, &short).unwrap_err().code(), "key.weak");
        assert_eq!(VerifyingKey::new(algorithm, &short).unwrap_err().code(), "key.weak");
        assert!(SigningKey::new(algorithm, &enough).is_ok());
        assert!(SigningKey::with_short_secret(algorithm, &short).is_ok());
    }
}

/// Counts the warnings of its thread.
struct Warnings(std::sync::atomic::AtomicUsize);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn the_codec_takes_a_short_secret_with_one_warning() {
    // attack 9
    for (secret, expected) in [(&b"secret"[..], 1), (SECRET, 0)] {
        let warnings = std::sync::Arc::new(Warnings(Default::default()));
        tracing::subscriber::with_default(warnings.clone(), || {
            let jwt = new_with_secret(secret).unwrap();
            let token = jwt.encode_json(b"{}").unwrap();
            assert!(jwt.verify(&token).is_ok());
        });
        assert_eq!(warnings.0.load(std::sync::atomic::Ordering::Relaxed), expected);
    }
}

#[test]
fn weak_rsa_keys_are_refused() {
    // attack 10
    assert_eq!(Jwk::from_pem(&key("rsa1024.pem"), None).unwrap_err().code(), "key.weak");
    let strong = serde_json::from_str::<Map<String, Value>>(&key("rfc7520_rsa.json")).unwrap();
    let modulus = BASE64URL_NOPAD.decode(strong["n"].as_str().unwrap().as_bytes()).unwrap();
    let even: Vec<u8> = modulus.iter().copied().take(255).chain([0]).collect();
    for (modulus, exponent) in [
        (&modulus, &[1][..]),
        (&modulus, &[]),
        (&modulus, &[0]),
        (&modulus, &[2]),
        (&modulus, &[1, 0, 0]),
        (&modulus, &[1, 0, 0, 0, 1]),
        (&even, &[1, 0, 1]),
        (&vec![], &[1, 0, 1]),
        (&vec![0xff; 1025], &[1, 0, 1]),
    ] {
        let members = json!({"kty": "RSA", "n": BASE64URL_NOPAD.encode(modulus), "e": BASE64URL_NOPAD.encode(exponent)});
        assert!(Jwk::from_dict(members.as_object().unwrap()).is_err(), "{members}");
    }
}

/// The order n of each curve's group.
fn orders() -> [(Algorithm, &'static str, Vec<u8>); 4] {
    let hex = |text: &str| data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).unwrap();
    [
        (
            Algorithm::Es256,
            "p256_public.pem",
            hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        ),
        (
            Algorithm::Es384,
            "p384_public.pem",
            hex(
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
            ),
        ),
        (
            Algorithm::Es512,
            "p521_public.pem",
            hex(
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
            ),
        ),
        (
            Algorithm::Es256K,
            "secp256k1_public.pem",
            hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
        ),
    ]
}

#[test]
fn psychic_signatures_are_refused() {
    // attack 11
    for (algorithm, public_key, order) in orders() {
        let jwt = reader(algorithm, public_key);
        let length = order.len();
        let mut above = order.clone();
        *above.last_mut().unwrap() += 1;
        let mut one = vec![0; length];
        one[length - 1] = 1;
        let extremes = [vec![0; length], one, order, above, vec![0xff; length]];
        for (r, s) in extremes.iter().flat_map(|r| extremes.iter().map(move |s| (r, s))) {
            let header = BASE64URL_NOPAD.encode(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes());
            let signature = BASE64URL_NOPAD.encode(&[r.as_slice(), s].concat());
            assert_eq!(
                refusal(&jwt, &format!("{header}.e30.{signature}")),
                "jwt.invalid_signature",
                "{algorithm}"
            );
        }
    }
}

#[test]
fn an_ecdsa_signature_has_exactly_one_form() {
    // attack 12
    for (algorithm, name) in [
        (Algorithm::Es256, "p256"),
        (Algorithm::Es384, "p384"),
        (Algorithm::Es512, "p521"),
        (Algorithm::Es256K, "secp256k1"),
    ] {
        let signer = Jwt::new(JwtOptions {
            algorithm,
            private_key: vec![key(&format!("{name}.pem")).into()],
            ..JwtOptions::default()
        })
        .unwrap();
        let token = signer.encode_json(b"{}").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let (r, s) = signature.split_at(signature.len() / 2);
        let der_integer = |number: &[u8]| [&[2, number.len() as u8 + 1, 0], number].concat();
        let der_body = [der_integer(r), der_integer(s)].concat();
        let der = [&[0x30, 0x81, der_body.len() as u8], der_body.as_slice()].concat();
        for bad in [
            der,
            signature[1..].to_vec(),
            signature[..signature.len() - 1].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            [&[0], r, &[0], s].concat(),
            [s, r].concat(),
        ] {
            let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&bad));
            assert_eq!(refusal(&signer, &token), "jwt.invalid_signature", "{algorithm}");
        }
    }
}

#[test]
fn an_rsa_signature_has_exactly_the_length_of_the_modulus() {
    // attack 13
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let signer = Jwt::new(JwtOptions {
            algorithm,
            private_key: vec![key("rsa.pem").into()],
            ..JwtOptions::default()
        })
        .unwrap();
        let token = signer.encode_json(b"{}").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        for bad in [
            [&[0], &signature[..]].concat(),
            [&signature[..], &[0]].concat(),
            signature[1..].to_vec(),
            vec![0; 256],
        ] {
            let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&bad));
            assert_eq!(refusal(&signer, &token), "jwt.invalid_signature", "{algorithm}");
        }
    }
}

#[test]
fn an_ed25519_signature_with_a_larger_s_is_refused() {
    // attack 14: S + L is the same number to whoever does not check
    let signer = Jwt::new(JwtOptions {
        algorithm: Algorithm::EdDsa,
        private_key: vec![key("ed25519.pem").into()],
        ..JwtOptions::default()
    })
    .unwrap();
    let token = signer.encode_json(b"{}").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let order = data_encoding::HEXLOWER
        .decode(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        .unwrap();
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
    assert_eq!(refusal(&signer, &token), "jwt.invalid_signature");
}

#[test]
fn a_private_key_must_belong_to_the_public_key_beside_it() {
    // attack 15
    let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"});
    let p256 = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "AAAAGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LIjk"});
    let mut secp256k1 = p256.clone();
    secp256k1["crv"] = "secp256k1".into();
    let mut rsa: Value = serde_json::from_str(&key("rfc7520_rsa.json")).unwrap();
    rsa["qi"] = rsa["dq"].clone();
    for members in [ed25519, p256, secp256k1, rsa] {
        let error = Jwk::from_dict(members.as_object().unwrap()).unwrap_err();
        assert_eq!(error.code(), "key.malformed", "{}", members["crv"]);
    }
    let other = Jwk::from_json(&key("rfc7520_rsa.json")).unwrap().public().unwrap();
    let mixed = JwtOptions {
        algorithm: Algorithm::Rs256,
        private_key: vec![key("rsa.pem").into()],
        public_key: vec![other.to_json().unwrap().into()],
        ..JwtOptions::default()
    };
    assert_eq!(Jwt::new(mixed).unwrap_err().code(), "configuration.invalid");
}

#[test]
fn a_text_of_several_keys_is_refused() {
    let (private, public) = (key("rsa.pem"), key("rsa_public.pem"));
    let (other, certificate) = (key("p256.pem"), key("certificate.pem"));
    for text in [
        format!("{private}{private}"),
        format!("{public}{public}"),
        format!("{private}{public}"),
        format!("{other}{private}"),
    ] {
        assert_eq!(Jwk::from_pem(&text, None).unwrap_err().code(), "key.malformed");
    }
    assert!(Jwk::from_pem(&format!("{private}{certificate}"), None).is_ok());
}

#[test]
fn the_operations_of_a_key_are_obeyed() {
    let public = |operations: Value| {
        let mut members: Map<String, Value> = serde_json::from_str(&key("rfc7520_rsa.json")).unwrap();
        members.retain(|name, _| ["kty", "n", "e"].contains(&name.as_str()));
        members.insert("key_ops".into(), operations);
        Jwk::from_dict(&members).and_then(|key| VerifyingKey::new(Algorithm::Rs256, &key))
    };
    assert!(public(json!(["verify"])).is_ok());
    for (operations, code) in [
        (json!(["sign"]), "key.wrong_kind"),
        (json!(["encrypt"]), "key.wrong_kind"),
        (json!([]), "key.wrong_kind"),
        (json!(["verify", "verify"]), "key.malformed"),
        (json!("verify"), "key.malformed"),
        (json!([1]), "key.malformed"),
    ] {
        assert_eq!(public(operations.clone()).unwrap_err().code(), code, "{operations}");
    }
}

#[test]
fn nobody_can_sign_under_a_point_of_small_order() {
    // attack 14: R = 1, S = 0 is a signature of everything under the neutral element
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let members = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64URL_NOPAD.encode(&neutral)});
    assert_eq!(Jwk::from_dict(members.as_object().unwrap()).unwrap_err().code(), "key.weak");
}

#[test]
fn points_off_the_curve_are_no_keys() {
    let members = |x: &[u8], y: &[u8]| {
        json!({"kty": "EC", "crv": "P-256", "x": BASE64URL_NOPAD.encode(x), "y": BASE64URL_NOPAD.encode(y)})
            .as_object()
            .cloned()
            .unwrap()
    };
    for (x, y) in [([0; 32], [0; 32]), ([1; 32], [1; 32]), ([0xff; 32], [0xff; 32])] {
        assert_eq!(Jwk::from_dict(&members(&x, &y)).unwrap_err().code(), "key.malformed");
    }
    assert!(Jwk::from_dict(&members(&[1; 31], &[1; 32])).is_err());
    assert!(Jwk::from_dict(&members(&[1; 33], &[1; 32])).is_err());
}

#[test]
fn keys_in_the_header_are_never_used() {
    // attack 16
    let attacker = Jwk::from_pem(&key("p256.pem"), None).unwrap();
    let signing = SigningKey::new(Algorithm::Es256, &attacker).unwrap();
    let jwt = Jwt::new(JwtOptions {
        algorithm: Algorithm::Es256,
        public_key: vec![
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
                .into(),
        ],
        ..JwtOptions::default()
    })
    .unwrap();
    for header in [
        json!({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}),
        json!({"jku": "https://attacker.example/keys"}),
        json!({"x5u": "https://attacker.example/certificate"}),
        json!({"x5c": ["MIIB"]}),
    ] {
        let token = jws::sign(b"{}", header.as_object().unwrap(), &signing).unwrap();
        assert_eq!(refusal(&jwt, &token), "jwt.invalid_signature", "{header}");
    }
}

#[test]
fn a_key_id_is_opaque_text_and_never_a_fallback() {
    // attack 17
    let named = json!({"kty": "oct", "kid": "mine", "k": BASE64URL_NOPAD.encode(SECRET)});
    let jwt = new_with_secret(named.to_string().as_bytes()).unwrap();
    let own = jwt.encode_json(b"{}").unwrap();
    assert!(jwt.verify(&own).is_ok());
    assert_eq!(Unverified::parse(&own).unwrap().header().key_id(), Some("mine"));

    for id in ["../../dev/null", "' OR 1=1", "*", "\0", "Mine", "mine "] {
        let token = forge(json!({"alg": "HS256", "kid": id}).to_string().as_bytes(), b"{}", SECRET);
        assert_eq!(refusal(&jwt, &token), "jwt.invalid_signature", "{id:?}");
    }
    for id in [json!(1), json!(["mine"]), json!(null), json!({"mine": 1})] {
        let token = forge(json!({"alg": "HS256", "kid": id}).to_string().as_bytes(), b"{}", SECRET);
        assert_eq!(refusal(&jwt, &token), "jwt.malformed", "{id}");
    }
    let huge = "k".repeat(1 << 20);
    let token = forge(json!({"alg": "HS256", "kid": huge}).to_string().as_bytes(), b"{}", SECRET);
    assert_eq!(refusal(&jwt, &token), "jwt.malformed");
}

#[test]
fn extensions_that_nobody_understands_are_refused() {
    // attacks 19 and 20
    for extra in [
        r#""crit":["x"],"x":1"#,
        r#""crit":[]"#,
        r#""crit":["alg"]"#,
        r#""crit":["x"]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""b64":"no""#,
    ] {
        let token = forge(format!(r#"{{"alg":"HS256",{extra}}}"#).as_bytes(), b"{}", SECRET);
        assert_eq!(refusal(&hs256(), &token), "jwt.malformed", "{extra}");
    }
    let key = SigningKey::new(Algorithm::Hs256, &Jwk::from_secret(SECRET)).unwrap();
    for header in
        [json!({"crit": ["x"]}), json!({"b64": false}), json!({"alg": "none"}), json!({"kid": 1, "alg": 1})]
    {
        let error = jws::sign(b"{}", header.as_object().unwrap(), &key).unwrap_err();
        assert_eq!(error.code(), "validation.invalid", "{header}");
    }
}

#[test]
fn duplicate_members_are_refused() {
    // attack 26
    for header in [
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","x":{"y":1,"y":2}}"#,
    ] {
        assert_eq!(refusal(&hs256(), &forge(header.as_bytes(), b"{}", SECRET)), "jwt.malformed", "{header}");
    }
    for payload in
        [r#"{"exp":1,"exp":9999999999}"#, r#"{"exp":9999999999,"\u0065xp":1}"#, r#"{"a":[{"b":1,"b":2}]}"#]
    {
        assert_eq!(refusal_of_claims(payload), "jwt.malformed", "{payload}");
    }
}

#[test]
fn one_token_has_one_spelling() {
    // attack 27, fault 1
    let jwt = hs256();
    let token = jwt.encode_json(br#"{"user":1}"#).unwrap();
    assert!(jwt.verify(&token).is_ok());
    let parts: Vec<&str> = token.split('.').collect();
    for part in 0..3 {
        let with = |text: String| {
            let mut parts = parts.clone();
            parts[part] = &text;
            parts.join(".")
        };
        let text = parts[part];
        let mut spellings = vec![
            with(format!("{text}=")),
            with(format!("{text}==")),
            with(format!("{text}!!!!")),
            with(format!("{text} ")),
            with(format!(" {text}")),
            with(format!("{text}\n")),
            with(format!("{text}\0")),
            with(format!("{text}A")),
            with(format!("{text}é")),
        ];
        spellings.extend(["+", "/"].map(|letter| with(format!("{letter}{}", &text[1..]))));
        for (place, last) in text.char_indices().last().into_iter() {
            // Every other last letter: some of them carry the same bytes and other bits behind them.
            let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
            spellings.extend(
                letters
                    .filter(|letter| *letter != last)
                    .map(|letter| with(format!("{}{letter}", &text[..place]))),
            );
        }
        for spelling in spellings {
            assert!(jwt.verify(&spelling).is_err(), "{spelling:?}");
        }
    }
}

#[test]
fn dots_are_counted_before_anything_is_decoded() {
    // attacks 23 and 28
    let token = hs256().encode_json(b"{}").unwrap();
    for bad in [
        ".".repeat(100_000),
        ".".repeat(1_000_000),
        String::new(),
        "..".into(),
        "...".into(),
        "a.b".into(),
        "a.b.c.".into(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{token}"),
        json!({ token.as_str(): 1 }).to_string(),
        format!(r#"{{"payload":"e30","signatures":[],"x":"{token}"}}"#),
    ] {
        assert_eq!(refusal(&hs256(), &bad), "jwt.malformed");
    }
}

#[test]
fn size_is_limited_before_decoding() {
    // attack 29
    let too_long = format!("{}.e30.AAAA", "A".repeat(256 * 1024));
    let error = hs256().verify(&too_long).unwrap_err();
    assert_eq!(error.to_string(), "the token is longer than 262144 bytes");
    let huge = format!("e30.e30.{}", "A".repeat(100_000_000));
    assert_eq!(refusal(&hs256(), &huge), "jwt.malformed");

    let small =
        Jwt::new(JwtOptions { secret: vec![SECRET.into()], length_limit: 100, ..JwtOptions::default() })
            .unwrap();
    let claims = Map::from_iter([("x".to_owned(), "x".repeat(100).into())]);
    let token = hs256().encode(&claims).unwrap();
    assert_eq!(refusal(&small, &token), "jwt.malformed");
    assert!(hs256().verify(&token).is_ok());
    assert_eq!(small.encode(&claims).unwrap_err().code(), "validation.invalid");
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    // attack 30
    let deep = "[".repeat(90_000);
    assert_eq!(refusal_of_claims(&format!(r#"{{"a":{deep}"#)), "jwt.malformed");
    assert_eq!(refusal_of_claims(&format!(r#"{{"a":{deep}{}}}"#, "]".repeat(90_000))), "jwt.malformed");
    let token = forge(format!(r#"{{"alg":"HS256","a":{deep}"#).as_bytes(), b"{}", SECRET);
    assert_eq!(refusal(&hs256(), &token), "jwt.malformed");
    assert_eq!(Jwk::from_json(&format!(r#"{{"kty":{deep}"#)).unwrap_err().code(), "key.malformed");
}

#[test]
fn bad_text_is_refused() {
    // attack 31
    for bytes in [
        &b"{\"a\":\"\xff\"}"[..],
        b"{\"a\":\"\\ud800\"}",
        b"\xef\xbb\xbf{}",
        b"{}\0",
        b"{\"a\":\"\0\"}",
        b"{",
    ] {
        let token = forge(br#"{"alg":"HS256"}"#, bytes, SECRET);
        assert_eq!(refusal(&hs256(), &token), "jwt.malformed", "{bytes:?}");
    }
    for bytes in [
        &b"{\"alg\":\"HS256\",\"a\":\"\xff\"}"[..],
        b"\xef\xbb\xbf{\"alg\":\"HS256\"}",
        b"{\"alg\":\"HS256\"}\0",
    ] {
        assert_eq!(refusal(&hs256(), &forge(bytes, b"{}", SECRET)), "jwt.malformed", "{bytes:?}");
    }
    assert_eq!(refusal(&hs256(), "\u{feff}a.b.c"), "jwt.malformed");
}

#[test]
fn a_time_of_a_wrong_type_is_not_an_absent_one() {
    // attack 32, fault 6
    for claim in ["exp", "nbf", "iat"] {
        for value in [r#""never""#, r#""9999999999""#, "true", "[]", "{}", "null", "[9999999999]"] {
            let payload = format!(r#"{{"{claim}":{value}}}"#);
            assert_eq!(refusal_of_claims(&payload), "jwt.invalid_claim", "{payload}");
            let token = hs256().encode_json(payload.as_bytes()).unwrap();
            let unchecked = DecodeOptions { check_exp: false, ..DecodeOptions::default() };
            let error = hs256().decode(&token, &unchecked, NOW).unwrap_err();
            assert_eq!(error.code(), "jwt.invalid_claim", "{payload}");
        }
    }
}

#[test]
fn extreme_numbers_neither_wrap_nor_saturate() {
    // attack 33
    for past in ["-1", "-0", "0", "-1e300", "-9223372036854775808", "1699999999.9", "1700000000"] {
        assert_eq!(refusal_of_claims(&format!(r#"{{"exp":{past}}}"#)), "jwt.token_expired", "{past}");
    }
    for future in
        ["9223372036854775807", "9223372036854775808", "18446744073709551616", "1e300", "1700000000.1"]
    {
        let token = hs256().encode_json(format!(r#"{{"exp":{future}}}"#).as_bytes()).unwrap();
        assert!(hs256().decode(&token, &DecodeOptions::default(), NOW).is_ok(), "{future}");
        assert_eq!(
            refusal_of_claims(&format!(r#"{{"nbf":{future}}}"#)),
            "jwt.token_not_yet_valid",
            "{future}"
        );
    }
    for none in ["1e400", "NaN", "Infinity", "-Infinity", "+1", "01", "0x10", "1."] {
        assert_eq!(refusal_of_claims(&format!(r#"{{"exp":{none}}}"#)), "jwt.malformed", "{none}");
    }
    let infinite = Registered {
        expiration: Some(jam::jose::claims::ClaimValue::Number(f64::INFINITY)),
        ..Registered::default()
    };
    assert!(Validation::default().validate(&infinite, NOW).is_err());
}

#[test]
fn a_token_expires_in_the_very_millisecond() {
    // fault 6
    let token = hs256().encode_json(br#"{"exp":1700000000,"nbf":1600000000.5}"#).unwrap();
    let at = |milliseconds| {
        hs256()
            .decode(&token, &DecodeOptions::default(), Timestamp::from_millis(milliseconds))
            .map_err(|error| error.code())
            .map(drop)
    };
    assert_eq!(at(1_699_999_999_999), Ok(()));
    assert_eq!(at(1_700_000_000_000), Err("jwt.token_expired"));
    assert_eq!(at(1_600_000_000_500), Ok(()));
    assert_eq!(at(1_600_000_000_499), Err("jwt.token_not_yet_valid"));

    let lenient = DecodeOptions { leeway: Some(Duration::from_secs(10)), ..DecodeOptions::default() };
    let late = |milliseconds| hs256().decode(&token, &lenient, Timestamp::from_millis(milliseconds));
    assert!(late(1_700_000_009_999).is_ok());
    assert!(late(1_700_000_010_000).is_err());
    assert!(late(1_599_999_990_500).is_ok());
    assert!(late(1_599_999_990_499).is_err());
}

#[test]
fn a_leeway_cannot_switch_the_checks_off() {
    // attack 34
    for bad in [f64::NAN, f64::INFINITY, -1.0, -0.001, 86_401.0, 1e300] {
        assert_eq!(leeway_from_seconds(bad).unwrap_err().code(), "validation.invalid", "{bad}");
    }
    let options = || JwtOptions { secret: vec![SECRET.into()], ..JwtOptions::default() };
    assert!(Jwt::new(JwtOptions { leeway: Duration::from_secs(86_401), ..options() }).is_err());
    assert!(Jwt::new(JwtOptions { leeway: Duration::MAX, ..options() }).is_err());
    let token = hs256().encode_json(b"{}").unwrap();
    let huge = DecodeOptions { leeway: Some(Duration::MAX), ..DecodeOptions::default() };
    assert_eq!(hs256().decode(&token, &huge, NOW).unwrap_err().code(), "validation.invalid");
}

#[test]
fn claims_are_an_object() {
    // attack 35
    for payload in ["[]", r#""x""#, "1", "null", "true", "", " "] {
        assert_eq!(refusal_of_claims(payload), "jwt.malformed", "{payload:?}");
    }
}

#[test]
fn issuer_and_audience_are_compared_exactly() {
    // attack 36, fault 5
    let jwt = Jwt::new(JwtOptions {
        secret: vec![SECRET.into()],
        issuer: Some("https://issuer.example".into()),
        audience: vec!["web".into(), "app".into()],
        ..JwtOptions::default()
    })
    .unwrap();
    let decode = |claims: Value| {
        let token = jwt.encode_json(claims.to_string().as_bytes()).unwrap();
        jwt.decode(&token, &DecodeOptions::default(), NOW).map(drop).map_err(|error| error.code())
    };
    let issuer = "https://issuer.example";
    for good in [json!("web"), json!("app"), json!(["web"]), json!(["other", "app"])] {
        assert_eq!(decode(json!({"iss": issuer, "aud": good})), Ok(()), "{good}");
    }
    for bad in [
        json!({"aud": "web"}),
        json!({"iss": [issuer], "aud": "web"}),
        json!({"iss": "https://issuer.example/", "aud": "web"}),
        json!({"iss": "https://Issuer.example", "aud": "web"}),
        json!({"iss": "issuer.example", "aud": "web"}),
        json!({"iss": "https://issuer.example.attacker.example", "aud": "web"}),
        json!({"iss": "", "aud": "web"}),
        json!({"iss": null, "aud": "web"}),
        json!({"iss": issuer}),
        json!({"iss": issuer, "aud": ""}),
        json!({"iss": issuer, "aud": []}),
        json!({"iss": issuer, "aud": "we"}),
        json!({"iss": issuer, "aud": "web app"}),
        json!({"iss": issuer, "aud": "Web"}),
        json!({"iss": issuer, "aud": ["other"]}),
        json!({"iss": issuer, "aud": ["web", 1]}),
        json!({"iss": issuer, "aud": {"web": 1}}),
        json!({"iss": issuer, "aud": null}),
        json!({"iss": issuer, "aud": true}),
    ] {
        assert_eq!(decode(bad.clone()), Err("jwt.invalid_claim"), "{bad}");
    }
    // A call may ask for another issuer, which then replaces the configured one.
    let token = jwt.encode_json(json!({"iss": "other", "aud": "web"}).to_string().as_bytes()).unwrap();
    let options = DecodeOptions { issuer: Some("other".into()), ..DecodeOptions::default() };
    assert!(jwt.decode(&token, &options, NOW).is_ok());
    // But not for nobody in particular, which would switch the rule off.
    let token = jwt.encode_json(json!({"iss": issuer, "aud": "stranger"}).to_string().as_bytes()).unwrap();
    let options = DecodeOptions { audience: Some(Vec::new()), ..DecodeOptions::default() };
    assert_eq!(jwt.decode(&token, &options, NOW).unwrap_err().code(), "validation.invalid");
}

#[test]
fn a_forged_token_tells_nothing_of_its_claims() {
    // attack 37
    let token =
        forge(br#"{"alg":"HS256"}"#, br#"{"exp":1,"iss":5,"secret":"claim-of-a-stranger"}"#, b"another key");
    let error = hs256().decode(&token, &DecodeOptions::default(), NOW).unwrap_err();
    assert_eq!(error.code(), "jwt.invalid_signature");
    assert!(!error.to_string().contains("stranger"));
    let token = forge(br#"{"alg":"HS256"}"#, b"not even JSON", b"another key");
    assert_eq!(refusal(&hs256(), &token), "jwt.invalid_signature");
}

#[test]
fn no_secret_shows_in_debug_texts_and_errors() {
    // attack 74, fault 9
    let secret = "the-secret-that-must-not-show-anywhere";
    let options = JwtOptions { secret: vec![secret.as_bytes().into()], ..JwtOptions::default() };
    let shown = format!("{options:?}");
    let jwt = Jwt::new(options).unwrap();
    let private = Jwk::from_json(&key("rfc7520_rsa.json")).unwrap();
    let signing = SigningKey::new(Algorithm::Rs256, &private).unwrap();
    let all = format!("{shown} {jwt:?} {private:?} {signing:?} {:?}", Jwk::from_secret(secret.as_bytes()));
    for hidden in [secret, &secret[..12], "116, 104, 101", "bWUC9B", "109, 101, 2"] {
        assert!(!all.contains(hidden), "{all}");
    }
}

fn with_type(token_type: Option<&str>) -> Jwt {
    let token_type = token_type.map(str::to_owned);
    Jwt::new(JwtOptions { secret: vec![SECRET.into()], token_type, ..JwtOptions::default() }).unwrap()
}

#[test]
fn a_token_of_another_type_is_no_access_token() {
    // attack 25
    let access = with_type(Some("at+jwt"));
    let own = access.encode_json(b"{}").unwrap();
    assert!(access.verify(&own).is_ok());
    assert!(with_type(Some("application/at+jwt")).verify(&own).is_ok());
    assert!(with_type(None).verify(&own).is_ok());
    assert_eq!(refusal(&with_type(Some("dpop+jwt")), &own), "jwt.malformed");
    for same in [r#""AT+JWT""#, r#""application/at+jwt""#, r#""Application/At+jwt""#] {
        let token = forge(format!(r#"{{"alg":"HS256","typ":{same}}}"#).as_bytes(), b"{}", SECRET);
        assert!(access.verify(&token).is_ok(), "{same}");
    }
    for other in ["JWT", "at+jwt ", "xat+jwt", "at", "text/at+jwt", "application/application/at+jwt", ""] {
        let token = forge(format!(r#"{{"alg":"HS256","typ":"{other}"}}"#).as_bytes(), b"{}", SECRET);
        assert_eq!(refusal(&access, &token), "jwt.malformed", "{other:?}");
        assert!(with_type(None).verify(&token).is_ok(), "{other:?}");
    }
    let untyped = forge(br#"{"alg":"HS256"}"#, b"{}", SECRET);
    assert_eq!(refusal(&access, &untyped), "jwt.malformed");
    // attack 37: of the header of a forged token nothing is told.
    let forged = forge(br#"{"alg":"HS256","typ":"JWT"}"#, b"{}", b"another key");
    assert_eq!(refusal(&access, &forged), "jwt.invalid_signature");
    let verifying = VerifyingKey::new(Algorithm::Hs256, &Jwk::from_secret(SECRET)).unwrap();
    assert!(access.verify_with(&own, &verifying).is_ok());
    assert!(access.verify_with(&untyped, &verifying).is_err());
    let nameless =
        JwtOptions { secret: vec![SECRET.into()], token_type: Some(String::new()), ..JwtOptions::default() };
    assert_eq!(Jwt::new(nameless).unwrap_err().to_string(), "typ: an empty text is no type");
}

#[test]
fn a_signed_token_holds_no_other_token() {
    // attack 25
    let mut token = hs256().encode_json(b"{}").unwrap();
    for depth in 0..10 {
        for name in ["JWT", "jwt", "application/JWT"] {
            let header = json!({"alg": "HS256", "cty": name}).to_string();
            let nested = forge(header.as_bytes(), token.as_bytes(), SECRET);
            assert_eq!(refusal(&hs256(), &nested), "jwt.malformed", "{depth} {name}");
        }
        token = forge(br#"{"alg":"HS256","cty":"JWT"}"#, token.as_bytes(), SECRET);
    }
    // RFC 7797 section 7
    let header = br#"{"alg":"HS256","b64":false,"crit":["b64"]}"#;
    let signed = format!("{}.e30", BASE64URL_NOPAD.encode(header));
    let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&hmac_sha256(SECRET, signed.as_bytes())));
    assert_eq!(refusal(&hs256(), &token), "jwt.malformed");
}

#[test]
fn a_required_claim_must_be_there() {
    let jwt = Jwt::new(JwtOptions {
        secret: vec![SECRET.into()],
        required: vec!["exp".into(), "jti".into(), "https://example.com/role".into()],
        subject: Some("alice".into()),
        ..JwtOptions::default()
    })
    .unwrap();
    let good = json!({"exp": 1_700_000_001, "jti": "1", "https://example.com/role": false, "sub": "alice"});
    let decode = |claims: &Value| {
        let token = jwt.encode_json(claims.to_string().as_bytes()).unwrap();
        jwt.decode(&token, &DecodeOptions::default(), NOW)
    };
    assert!(decode(&good).is_ok());
    for (name, wrong) in [
        ("exp", None),
        ("jti", None),
        ("https://example.com/role", None),
        ("jti", Some(Value::Null)),
        ("exp", Some(Value::Null)),
        ("sub", None),
        ("sub", Some(json!("Alice"))),
        ("sub", Some(json!(["alice"]))),
        ("sub", Some(json!(1))),
        ("sub", Some(Value::Null)),
    ] {
        let mut claims = good.clone();
        match &wrong {
            Some(value) => claims[name] = value.clone(),
            None => drop(claims.as_object_mut().unwrap().remove(name)),
        }
        let Err(jam::Error::Jwt(jam::JwtError::InvalidClaim { claim, .. })) = decode(&claims) else {
            panic!("{claims} was not refused for a claim");
        };
        assert_eq!(claim, name);
    }
    let payload = jwt.make_payload(Some(1), Map::new(), NOW).unwrap();
    assert_eq!(payload["sub"], "alice");
    let other = json!({"sub": "bob"}).as_object().cloned().unwrap();
    assert_eq!(jwt.make_payload(None, other, NOW).unwrap_err().code(), "validation.invalid");
    // Without a rule for it, `sub` is the program's own.
    let token = hs256().encode_json(br#"{"sub":1}"#).unwrap();
    assert!(hs256().decode(&token, &DecodeOptions::default(), NOW).is_ok());
}
