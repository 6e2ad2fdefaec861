//! The vectors of Wycheproof that are about JSON Web Encryption and its keys, and the steps of RFC 7518 appendix C.

use serde_json::{Map, Value, json};

use super::agreement::{AgreementKey, agreed_key};
use super::header::Header;
use super::{DecryptOptions, DecryptionKey, Undecrypted, UndecryptedJson};
use crate::Result;
use crate::encoding::base64url_encode;
use crate::jose::Jwk;
use crate::jose::jwk::Material;

/// Cases that are labelled valid and are refused all the same, with the reason.
const REFUSED: [(u64, &str); 8] = [
    (100, "RSA1_5 is not offered"),
    (101, "RSA1_5 is not offered"),
    (102, "RSA1_5 is not offered"),
    (103, "RSA1_5 is not offered"),
    (104, "RSA1_5 is not offered"),
    (105, "RSA1_5 is not offered"),
    (112, "RSA1_5 is not offered"),
    (128, "RSA1_5 is not offered"),
];

#[test]
fn wycheproof_agrees_on_encryption() {
    let Some(vectors) = crate::test_vectors::read("jose/json_web_encryption_test.json") else { return };
    let mut seen = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = group["private"].as_object().unwrap();
        for case in group["tests"].as_array().unwrap() {
            let id = case["tcId"].as_u64().unwrap();
            let is_refused = REFUSED.iter().any(|(refused, _)| *refused == id);
            let expected = (case["result"] == "valid" && !is_refused).then(|| case["pt"].as_str().unwrap());
            let plaintext = decrypt(key, &case["jwe"]).ok().map(|text| data_encoding::HEXLOWER.encode(&text));
            assert_eq!(plaintext.as_deref(), expected, "case {id}: {}", case["comment"]);
            seen += 1;
        }
    }
    assert_eq!(seen, 139);
}

/// Decrypts with the algorithm that the key names, else with the header's. Compressed tokens are allowed.
fn decrypt(key: &Map<String, Value>, token: &Value) -> Result<Vec<u8>> {
    let jwk = Jwk::from_dict(key)?;
    let options = DecryptOptions { expanded_limit: Some(1 << 20) };
    let prepare = |header: &Header| {
        let named = jwk.algorithm().filter(|name| name.parse::<super::KeyManagement>().is_ok());
        let algorithm = named.unwrap_or(header.algorithm()).parse()?;
        DecryptionKey::new(algorithm, header.content_encryption().parse()?, &jwk)
    };
    match token {
        Value::String(text) => {
            let token = Undecrypted::parse(text)?;
            let key = prepare(token.header())?;
            Ok(token.decrypt_with(&key, &options)?.into_plaintext())
        }
        // One group is of JSON text, which no compact token is.
        object => {
            let token = UndecryptedJson::parse(&object.to_string())?;
            let header = token.headers().next().unwrap()?;
            let key = prepare(&header)?;
            Ok(token.decrypt_with(&key, &options)?.into_plaintext())
        }
    }
}

#[test]
fn wycheproof_agrees_on_the_keys_of_x25519() {
    agree_on_keys("jose/x25519_jwk_test.json", 531);
}

#[test]
fn wycheproof_agrees_on_the_keys_of_the_web_cryptography_api() {
    agree_on_keys("jose/ecdh_secp256r1_webcrypto_test.json", 353);
}

// attack 40
fn agree_on_keys(name: &str, count: usize) {
    let Some(vectors) = crate::test_vectors::read(name) else { return };
    let mut seen = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        for case in group["tests"].as_array().unwrap() {
            let shared = agree(&case["private"], &case["public"]);
            let shared = shared.map(|secret| data_encoding::HEXLOWER.encode(&secret));
            let expected = case["shared"].as_str().filter(|secret| secret.bytes().any(|byte| byte != b'0'));
            let told = format!("case {}: {}, {}", case["tcId"], case["comment"], case["flags"]);
            match case["result"].as_str().unwrap() {
                "valid" => assert_eq!(shared.as_deref(), case["shared"].as_str(), "{told}"),
                "invalid" => assert_eq!(shared, None, "{told}"),
                // Either answer is good, but not another secret, and not one that everybody knows.
                _ => assert!(shared.is_none() || shared.as_deref() == expected, "{told}"),
            }
            seen += 1;
        }
    }
    assert_eq!(seen, count);
}

fn agree(private: &Value, public: &Value) -> Option<Vec<u8>> {
    let key = |jwk: &Value| Jwk::from_dict(jwk.as_object()?).ok();
    let (private, public) = (key(private)?, key(public)?);
    let (Material::Asymmetric(private), Material::Asymmetric(public)) =
        (private.material(), public.material())
    else {
        return None;
    };
    let private = AgreementKey::new(private)?.private().ok()??;
    private.agree(&AgreementKey::new(public)?.public().ok()?).map(|secret| secret.to_vec())
}

#[test]
fn the_agreed_key_is_that_of_rfc_7518() {
    // Appendix C.
    let bob = json!({"kty": "EC", "crv": "P-256",
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
        "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"});
    let header = json!({"alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i",
        "epk": {"kty": "EC", "crv": "P-256",
            "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}});
    let key = Jwk::from_dict(bob.as_object().unwrap()).unwrap();
    let Material::Asymmetric(material) = key.material() else { panic!("an EC key is expected") };
    let private = AgreementKey::new(material).unwrap().private().unwrap().unwrap();
    let header = Header::new(header.as_object().cloned().unwrap()).unwrap();
    let agreed = agreed_key(&private, &header, "A128GCM", 16).unwrap();
    assert_eq!(base64url_encode(agreed), "VqqN6vgjbSBcIijNcacQGg");
}
