//! Jam against josekit, jsonwebtoken, pasetors and totp-rs, and against the bare primitive. Writes what it measured as JSON to the
//! file that it is given; `make bench` puts it into docs/benchmarks.md.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // no part of the library

#[path = "../tests/support/mod.rs"]
mod support;

use jam::Timestamp;
use jam::jose::jwe::{self, ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, Undecrypted};
use jam::jose::jws::{self, Algorithm, Unverified};
use jam::jose::{DecodeOptions, Jwk, Jwt, JwtOptions, NewKey};
use jam::otp::{OtpOptions, SharedSecret, Totp};
use jam::paseto::{Key, Paseto, Purpose, Version};
use jam_interop::{Comparison, contestant};
use josekit::jwe::{self as peer, JweHeader};
use josekit::jws::JwsHeader;
use josekit::jwt::JwtPayload;
use serde_json::{Map, Value, json};
use support::*;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let mut comparisons = Vec::new();
    let mut measured = |comparison: Comparison| {
        let ratios: Vec<_> = comparison.seconds.keys().filter(|name| **name != "jam").collect();
        let ratios: Vec<_> =
            ratios.iter().map(|peer| format!("{:.2}x {peer}", comparison.ratio(peer))).collect();
        eprintln!("  measured: {}: {}", comparison.title, ratios.join(", "));
        comparisons.push(comparison);
    };
    signatures(&mut measured);
    json_web_tokens(&mut measured);
    sizes(&mut measured);
    encryption(&mut measured);
    paseto(&mut measured);
    one_time_passwords(&mut measured);
    if let Some(file) = file {
        let rows: Vec<Value> = comparisons.iter().map(as_json).collect();
        std::fs::write(file, Value::from(rows).to_string()).unwrap();
    }
}

fn as_json(comparison: &Comparison) -> Value {
    json!({"title": comparison.title, "seconds": comparison.seconds, "target": comparison.target})
}

fn claims() -> Map<String, Value> {
    let claims = json!({
        "iss": "https://issuer.example", "sub": "user-1", "aud": "api", "iat": 1_700_000_000,
        "exp": 4_102_444_800_u64, "jti": "3f2c1d6e-4f6b-4f0e-9d39-0a4f3c6f7c11", "scope": "read write",
    });
    claims.as_object().unwrap().clone()
}

fn jwt(algorithm: Algorithm) -> Jwt {
    let secret = algorithm.is_symmetric().then(|| SECRET[..].into()).into_iter().collect();
    let private_key = private_pem(algorithm).map(Into::into).into_iter().collect();
    Jwt::new(JwtOptions { algorithm, secret, private_key, ..JwtOptions::default() }).unwrap()
}

fn josekit_payload(claims: &Map<String, Value>) -> JwtPayload {
    JwtPayload::from_map(claims.clone()).unwrap()
}

fn josekit_header() -> JwsHeader {
    let mut header = JwsHeader::new();
    header.set_token_type("JWT");
    header
}

/// A whole token against the signature in it alone, by the library that Jam has it from.
fn signatures(measured: &mut impl FnMut(Comparison)) {
    use aws_lc_rs::signature::{self as bare, KeyPair};
    let payload = Value::Object(claims()).to_string().into_bytes();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let der = |name| pem_der(&private_pem(name).unwrap());
    let rsa = bare::RsaKeyPair::from_pkcs8(&der(Algorithm::Rs256)).unwrap();
    let p256 = bare::EcdsaKeyPair::from_pkcs8(&bare::ECDSA_P256_SHA256_FIXED_SIGNING, &der(Algorithm::Es256));
    let (p256, ed25519) = (p256.unwrap(), bare::Ed25519KeyPair::from_pkcs8(&der(Algorithm::EdDsa)).unwrap());

    type Sign<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let sign_alone: [(Algorithm, Sign<'_>); 3] = [
        (Algorithm::Rs256, &|message| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(&bare::RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
            signature
        }),
        (Algorithm::Es256, &|message| p256.sign(&random, message).unwrap().as_ref().to_vec()),
        (Algorithm::EdDsa, &|message| ed25519.sign(message).as_ref().to_vec()),
    ];
    let key = |algorithm: &'static dyn bare::VerificationAlgorithm, key: &[u8]| {
        bare::ParsedPublicKey::new(algorithm, key).unwrap()
    };
    let public_keys = [
        key(&bare::RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref()),
        key(&bare::ECDSA_P256_SHA256_FIXED, p256.public_key().as_ref()),
        key(&bare::ED25519, ed25519.public_key().as_ref()),
    ];
    for ((algorithm, sign), public_key) in sign_alone.into_iter().zip(public_keys) {
        let (signing, verifying, empty) = (signing_key(algorithm), verifying_key(algorithm), Map::new());
        let token = jws::sign(&payload, &empty, &signing).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = jam::encoding::base64url_decode(signature).unwrap();
        measured(
            Comparison::measure(
                format!("JWS {algorithm}, sign {} bytes", payload.len()),
                vec![
                    contestant("jam", || jws::sign(&payload, &empty, &signing).unwrap()),
                    contestant("the signature alone", || sign(message.as_bytes())),
                ],
            )
            .aim("the signature alone", 0.95),
        );
        measured(
            Comparison::measure(
                format!("JWS {algorithm}, verify {} bytes", payload.len()),
                vec![
                    contestant("jam", || Unverified::parse(&token).unwrap().verify(&verifying).unwrap()),
                    contestant("the signature alone", || {
                        public_key.verify_sig(message.as_bytes(), &signature).unwrap()
                    }),
                ],
            )
            .aim("the signature alone", 0.95),
        );
    }
}

fn pem_der(pem: &str) -> Vec<u8> {
    let key = Jwk::from_pem(pem, None).unwrap();
    key.to_private_der(None).unwrap().expose().to_vec()
}

fn json_web_tokens(measured: &mut impl FnMut(Comparison)) {
    let names = ["HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "ES512", "ES256K", "EdDSA"];
    for algorithm in names.map(|name| name.parse::<Algorithm>().unwrap()) {
        let (ours, claims, options) = (jwt(algorithm), claims(), DecodeOptions::default());
        let (payload, jws_header) = (josekit_payload(&claims), josekit_header());
        let signer = josekit_signer(algorithm).unwrap();
        let verifier = josekit_verifier(algorithm).unwrap();

        let theirs = jsonwebtoken_signer(algorithm);
        let mut contestants = vec![
            contestant("jam", || ours.encode(&claims).unwrap()),
            contestant("josekit", || {
                josekit::jwt::encode_with_signer(&payload, &jws_header, &*signer).unwrap()
            }),
        ];
        if let Some((header, key)) = &theirs {
            contestants
                .push(contestant("jsonwebtoken", || jsonwebtoken::encode(header, &claims, key).unwrap()));
        }
        let aim = if algorithm == Algorithm::Hs256 { 1.2 } else { 1.0 };
        let comparison = Comparison::measure(format!("JWT {algorithm}, encode 7 claims"), contestants);
        measured(if theirs.is_some() { comparison.aim("jsonwebtoken", aim) } else { comparison });

        let token = ours.encode(&claims).unwrap();
        let theirs = jsonwebtoken_verifier(algorithm);
        let mut contestants = vec![
            contestant("jam", || ours.decode(&token, &options, NOW).unwrap()),
            contestant("josekit", || josekit::jwt::decode_with_verifier(&token, &*verifier).unwrap()),
        ];
        if let Some((validation, key)) = &theirs {
            contestants.push(contestant("jsonwebtoken", || {
                jsonwebtoken::decode::<Map<String, Value>>(&token, key, validation).unwrap()
            }));
        }
        let comparison = Comparison::measure(format!("JWT {algorithm}, decode 7 claims"), contestants);
        measured(if theirs.is_some() { comparison.aim("jsonwebtoken", aim) } else { comparison });
    }
}

/// One claim of growing length.
fn sizes(measured: &mut impl FnMut(Comparison)) {
    let (ours, options) = (jwt(Algorithm::Hs256), DecodeOptions::default());
    let (header, signer) = jsonwebtoken_signer(Algorithm::Hs256).unwrap();
    let (mut validation, verifier) = jsonwebtoken_verifier(Algorithm::Hs256).unwrap();
    validation.required_spec_claims.clear();
    for size in [100, 1_000, 10_000, 100_000] {
        let claims = Map::from_iter([("data".to_owned(), Value::from("x".repeat(size)))]);
        let token = ours.encode(&claims).unwrap();
        let of_size = |what| format!("JWT HS256, {what} a claim of {size} bytes");
        measured(Comparison::measure(
            of_size("encode"),
            vec![
                contestant("jam", || ours.encode(&claims).unwrap()),
                contestant("jsonwebtoken", || jsonwebtoken::encode(&header, &claims, &signer).unwrap()),
            ],
        ));
        measured(Comparison::measure(
            of_size("decode"),
            vec![
                contestant("jam", || ours.decode(&token, &options, NOW).unwrap()),
                contestant("jsonwebtoken", || {
                    jsonwebtoken::decode::<Map<String, Value>>(&token, &verifier, &validation).unwrap()
                }),
            ],
        ));
    }
}

fn encryption(measured: &mut impl FnMut(Comparison)) {
    let secret = |length: usize| Jwk::from_secret(vec![7; length]);
    let rsa = || jwk(Some(pem("rsa.pem")));
    let pair = |kind| Jwk::generate(kind).unwrap();
    let rows = [
        ("dir", "A256GCM", secret(32)),
        ("dir", "A128CBC-HS256", secret(32)),
        ("A256KW", "A256GCM", secret(32)),
        ("A256GCMKW", "A256GCM", secret(32)),
        ("RSA-OAEP-256", "A256GCM", rsa()),
        ("ECDH-ES", "A256GCM", pair(NewKey::EcP256)),
        ("ECDH-ES", "A256GCM", pair(NewKey::X25519)),
        ("ECDH-ES+A256KW", "A256GCM", pair(NewKey::EcP256)),
    ];
    let plaintext = Value::Object(claims()).to_string().into_bytes();
    for (algorithm, encryption, key) in rows {
        let curve = josekit_jwk(&key).curve().map(|curve| format!(" on {curve}")).unwrap_or_default();
        let of = |what| format!("JWE {algorithm}{curve} with {encryption}, {what}");
        let (algorithm, encryption): (KeyManagement, ContentEncryption) =
            (algorithm.parse().unwrap(), encryption.parse().unwrap());
        let (encrypter, decrypter) = josekit_pair(algorithm, &key);
        let encrypt = EncryptionKey::new(algorithm, encryption, &key).unwrap();
        let decrypt = DecryptionKey::new(algorithm, encryption, &key).unwrap();
        let mut header = JweHeader::new();
        header.set_content_encryption(encryption.name());
        let empty = Map::new();
        measured(Comparison::measure(
            of("encrypt"),
            vec![
                contestant("jam", || jwe::encrypt(&plaintext, &empty, &encrypt).unwrap()),
                contestant("josekit", || peer::serialize_compact(&plaintext, &header, &*encrypter).unwrap()),
            ],
        ));
        let token = jwe::encrypt(&plaintext, &empty, &encrypt).unwrap();
        measured(Comparison::measure(
            of("decrypt"),
            vec![
                contestant("jam", || Undecrypted::parse(&token).unwrap().decrypt(&decrypt).unwrap()),
                contestant("josekit", || peer::deserialize_compact(&token, &*decrypter).unwrap()),
            ],
        ));
    }
}

fn paseto(measured: &mut impl FnMut(Comparison)) {
    use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey, SymmetricKey};
    use pasetors::token::UntrustedToken;
    use pasetors::{Local, Public, version2, version3, version4};
    let message = br#"{"sub":"user-1","aud":"api","exp":"2099-01-01T00:00:00+00:00","scope":"read write"}"#;
    let key = |version, purpose| {
        let key = Key::generate(version, purpose);
        let public = key.public().unwrap_or_else(|_| key.clone()).to_paserk().expose().clone();
        let private = key.to_paserk().expose().clone();
        (Paseto::from_key(key), private, public)
    };
    /// The peer's functions have the same names in each version, and other types.
    macro_rules! compare {
        ($version:expr, $purpose:ident, $key:ident, $public_key:ident, $token:path, $make:ident, $read:ident $(, $assertion:expr)?) => {{
            let (ours, private, public) = key($version, Purpose::$purpose);
            let of = |what| format!("PASETO {}.{}, {what} {} bytes", $version, Purpose::$purpose, message.len());
            let private = $key::try_from(private.as_str()).unwrap();
            let public = $public_key::try_from(public.as_str()).unwrap();
            let token = ours.encode(message, b"", b"").unwrap();
            measured(Comparison::measure(
                of("make"),
                vec![
                    contestant("jam", || ours.encode(message, b"", b"").unwrap()),
                    contestant("pasetors", || <$token>::$make(&private, message, None $(, $assertion)?).unwrap()),
                ],
            ));
            measured(Comparison::measure(
                of("read"),
                vec![
                    contestant("jam", || ours.decode(&token, b"").unwrap()),
                    contestant("pasetors", || {
                        let token = UntrustedToken::<$purpose, _>::try_from(&token).unwrap();
                        <$token>::$read(&public, &token, None $(, $assertion)?).unwrap()
                    }),
                ],
            ));
        }};
    }
    use {AsymmetricPublicKey as Verifying, AsymmetricSecretKey as Signing, SymmetricKey as Shared};
    compare!(Version::V2, Local, Shared, Shared, version2::LocalToken, encrypt, decrypt);
    compare!(Version::V2, Public, Signing, Verifying, version2::PublicToken, sign, verify);
    compare!(Version::V3, Public, Signing, Verifying, version3::PublicToken, sign, verify, None);
    compare!(Version::V4, Local, Shared, Shared, version4::LocalToken, encrypt, decrypt, None);
    compare!(Version::V4, Public, Signing, Verifying, version4::PublicToken, sign, verify, None);
}

fn one_time_passwords(measured: &mut impl FnMut(Comparison)) {
    let secret = b"12345678901234567890";
    let ours = Totp::new(SharedSecret::from_bytes(secret).unwrap(), OtpOptions::default()).unwrap();
    let theirs = totp_rs::Builder::new()
        .with_secret(totp_rs::Secret::from(secret.to_vec()))
        .with_account_name("ann")
        .build()
        .unwrap();
    measured(Comparison::measure(
        "TOTP, code for a time",
        vec![
            contestant("jam", || ours.at(NOW).unwrap()),
            contestant("totp-rs", || theirs.generate(1_700_000_000).to_string()),
        ],
    ));
}
