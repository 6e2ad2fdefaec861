//! Tokens and codes against josekit, jsonwebtoken, pasetors and totp-rs, and signatures against the bare primitive.

use jam::jose::jwe::{self, ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, Undecrypted};
use jam::jose::jws::{self, Algorithm, Unverified};
use jam::jose::{DecodeOptions, Jwk, NewKey};
use jam::otp::{OtpOptions, SharedSecret, Totp};
use jam::paseto::{Key, Paseto, Purpose, Version};
use jam_interop::{Bench, Row};
use josekit::jwe::{self as peer, JweHeader};
use josekit::jws::JwsHeader;
use josekit::jwt::JwtPayload;
use serde_json::{Map, Value, json};

use crate::support::*;
use crate::{NOW, jwt};

const ALONE: &str = "the signature alone";

fn claims() -> Map<String, Value> {
    let claims = json!({
        "iss": "https://issuer.example", "sub": "user-1", "aud": "api", "iat": 1_700_000_000,
        "exp": 4_102_444_800_u64, "jti": "3f2c1d6e-4f6b-4f0e-9d39-0a4f3c6f7c11", "scope": "read write",
    });
    claims.as_object().unwrap().clone()
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
pub(crate) fn signatures(bench: &mut Bench) {
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
        let row = |what| Row::new("jwt", format!("JWS {algorithm}, {what} {} bytes", payload.len()));
        bench.row(
            row("sign")
                .contestant("jam", || jws::sign(&payload, &empty, &signing).unwrap())
                .contestant(ALONE, || sign(message.as_bytes()))
                .aim(ALONE, 0.95),
        );
        bench.row(
            row("verify")
                .contestant("jam", || Unverified::parse(&token).unwrap().verify(&verifying).unwrap())
                .contestant(ALONE, || public_key.verify_sig(message.as_bytes(), &signature).unwrap())
                .aim(ALONE, 0.95),
        );
    }
}

fn pem_der(pem: &str) -> Vec<u8> {
    let key = Jwk::from_pem(pem, None).unwrap();
    key.to_private_der(None).unwrap().expose().to_vec()
}

pub(crate) fn json_web_tokens(bench: &mut Bench) {
    let names = ["HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "ES512", "ES256K", "EdDSA"];
    for algorithm in names.map(|name| name.parse::<Algorithm>().unwrap()) {
        let (ours, claims, options) = (jwt(algorithm), claims(), DecodeOptions::default());
        let (payload, jws_header) = (josekit_payload(&claims), josekit_header());
        let signer = josekit_signer(algorithm).unwrap();
        let verifier = josekit_verifier(algorithm).unwrap();

        let row = |what| {
            let row = Row::new("jwt", format!("JWT {algorithm}, {what} 7 claims")).aim("fastest", 1.0);
            if algorithm == Algorithm::Hs256 { row.aim("jsonwebtoken", 1.2) } else { row }
        };

        let theirs = jsonwebtoken_signer(algorithm);
        let mut encode = row("encode").contestant("jam", || ours.encode(&claims).unwrap());
        encode = encode.contestant("josekit", || {
            josekit::jwt::encode_with_signer(&payload, &jws_header, &*signer).unwrap()
        });
        if let Some((header, key)) = &theirs {
            let call = || jsonwebtoken::encode(header, &claims, key).unwrap();
            encode = encode.contestant("jsonwebtoken", call);
        }
        bench.row(encode);

        let token = ours.encode(&claims).unwrap();
        let theirs = jsonwebtoken_verifier(algorithm);
        let mut decode = row("decode").contestant("jam", || ours.decode(&token, &options, NOW).unwrap());
        decode =
            decode.contestant("josekit", || josekit::jwt::decode_with_verifier(&token, &*verifier).unwrap());
        if let Some((validation, key)) = &theirs {
            let call = || jsonwebtoken::decode::<Map<String, Value>>(&token, key, validation).unwrap();
            decode = decode.contestant("jsonwebtoken", call);
        }
        bench.row(decode);
    }
}

pub(crate) fn encryption(bench: &mut Bench) {
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
        let title = format!("JWE {algorithm}{curve} with {encryption}");
        let row = |what| Row::new("jwe", format!("{title}, {what}")).aim("fastest", 1.0);
        let (algorithm, encryption): (KeyManagement, ContentEncryption) =
            (algorithm.parse().unwrap(), encryption.parse().unwrap());
        let (encrypter, decrypter) = josekit_pair(algorithm, &key);
        let encrypt = EncryptionKey::new(algorithm, encryption, &key).unwrap();
        let decrypt = DecryptionKey::new(algorithm, encryption, &key).unwrap();
        let mut header = JweHeader::new();
        header.set_content_encryption(encryption.name());
        let empty = Map::new();
        bench.row(
            row("encrypt")
                .contestant("jam", || jwe::encrypt(&plaintext, &empty, &encrypt).unwrap())
                .contestant("josekit", || peer::serialize_compact(&plaintext, &header, &*encrypter).unwrap()),
        );
        let token = jwe::encrypt(&plaintext, &empty, &encrypt).unwrap();
        bench.row(
            row("decrypt")
                .contestant("jam", || Undecrypted::parse(&token).unwrap().decrypt(&decrypt).unwrap())
                .contestant("josekit", || peer::deserialize_compact(&token, &*decrypter).unwrap()),
        );
    }
}

pub(crate) fn paseto(bench: &mut Bench) {
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
            let title = format!("PASETO {}.{}", $version, Purpose::$purpose);
            let row = |what| Row::new("paseto", format!("{title}, {what} {} bytes", message.len())).aim("fastest", 1.0);
            let private = $key::try_from(private.as_str()).unwrap();
            let public = $public_key::try_from(public.as_str()).unwrap();
            let token = ours.encode(message, b"", b"").unwrap();
            bench.row(
                row("make")
                    .contestant("jam", || ours.encode(message, b"", b"").unwrap())
                    .contestant("pasetors", || <$token>::$make(&private, message, None $(, $assertion)?).unwrap()),
            );
            bench.row(
                row("read").contestant("jam", || ours.decode(&token, b"").unwrap()).contestant("pasetors", || {
                    let token = UntrustedToken::<$purpose, _>::try_from(&token).unwrap();
                    <$token>::$read(&public, &token, None $(, $assertion)?).unwrap()
                }),
            );
        }};
    }
    use {AsymmetricPublicKey as Verifying, AsymmetricSecretKey as Signing, SymmetricKey as Shared};
    compare!(Version::V2, Local, Shared, Shared, version2::LocalToken, encrypt, decrypt);
    compare!(Version::V2, Public, Signing, Verifying, version2::PublicToken, sign, verify);
    compare!(Version::V3, Public, Signing, Verifying, version3::PublicToken, sign, verify, None);
    compare!(Version::V4, Local, Shared, Shared, version4::LocalToken, encrypt, decrypt, None);
    compare!(Version::V4, Public, Signing, Verifying, version4::PublicToken, sign, verify, None);
}

pub(crate) fn one_time_passwords(bench: &mut Bench) {
    let secret = b"12345678901234567890";
    let ours = Totp::new(SharedSecret::from_bytes(secret).unwrap(), OtpOptions::default()).unwrap();
    let theirs = totp_rs::Builder::new()
        .with_secret(totp_rs::Secret::from(secret.to_vec()))
        .with_account_name("ann")
        .build()
        .unwrap();
    bench.row(
        Row::new("otp", "TOTP, code for a time")
            .contestant("jam", || ours.at(NOW).unwrap())
            .contestant("totp-rs", || theirs.generate(1_700_000_000).to_string())
            .aim("fastest", 1.0),
    );
}
