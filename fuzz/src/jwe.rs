//! Encrypted tokens.

use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use data_encoding::BASE64URL_NOPAD;
use jam::encoding::json_object;
use jam::jose::Jwk;
use jam::jose::jwe::{
    self, ContentEncryption, DecryptOptions, DecryptionKey, EncryptOptions, EncryptionKey, KeyManagement,
    Undecrypted, UndecryptedJson,
};
use serde_json::{Map, Value};

use super::{check_error, first_line};

const SECRET: [u8; 16] = [7; 16];

/// What a compressed plaintext may expand to.
const OPTIONS: DecryptOptions = DecryptOptions { expanded_limit: Some(64 * 1024) };

/// The examples of RFC 7516, RFC 7517 and RFC 7520 that are of an algorithm that Jam has.
struct Examples {
    keys: Vec<DecryptionKey>,
    compact: Vec<String>,
    /// Initialization vector, ciphertext and tag.
    contents: Vec<[String; 3]>,
}

static EXAMPLES: LazyLock<Examples> = LazyLock::new(|| {
    let text = include_str!("../../crates/jam/tests/rfc/encryption.json");
    let examples: Vec<Value> = serde_json::from_str(text).expect("the examples are JSON");
    let mut all = Examples { keys: Vec::new(), compact: Vec::new(), contents: Vec::new() };
    for example in &examples {
        let text = |name: &str| example[name].as_str().expect("the examples are complete").to_owned();
        let Ok(algorithm) = text("alg").parse::<KeyManagement>() else { continue };
        let encryption: ContentEncryption = text("enc").parse().expect("Jam has all of these");
        let key = example["key"].as_object().expect("the examples are complete");
        let key = Jwk::from_dict(key).expect("the key is an example of an RFC");
        let key = if algorithm.is_password_based() {
            DecryptionKey::from_password(algorithm, encryption, &key, Some(10_000))
        } else {
            DecryptionKey::new(algorithm, encryption, &key)
        };
        all.keys.push(key.expect("the key is for this algorithm"));
        all.compact.extend(example["compact"].as_str().map(str::to_owned));
        for form in ["compact", "flattened", "general"] {
            all.contents.extend(content(&example[form]));
        }
    }
    all
});

/// Initialization vector, ciphertext and tag of a token in any form.
fn content(token: &Value) -> Option<[String; 3]> {
    let parts = match token {
        Value::String(text) => text.split('.').skip(2).map(str::to_owned).collect(),
        Value::Object(_) => {
            let text = |name: &str| token[name].as_str().unwrap_or_default().to_owned();
            vec![text("iv"), text("ciphertext"), text("tag")]
        }
        _ => return None,
    };
    parts.try_into().ok()
}

static KEY: LazyLock<(EncryptionKey, DecryptionKey)> = LazyLock::new(|| {
    let (algorithm, encryption) = (KeyManagement::Direct, ContentEncryption::A128Gcm);
    let key = Jwk::from_secret(&SECRET[..]);
    let pair = EncryptionKey::new(algorithm, encryption, &key)
        .and_then(|encrypt| Ok((encrypt, DecryptionKey::new(algorithm, encryption, &key)?)));
    pair.expect("the key has the length for it")
});

/// An encrypted token in any form, or the header and the content of one with a line break between them.
pub fn jwe(input: &[u8]) {
    if let Ok(token) = std::str::from_utf8(input) {
        only_encrypted_tokens_decrypt(token);
        only_encrypted_messages_decrypt(token);
    }
    let (header, content) = first_line(input);
    if let Ok(header) = json_object(header) {
        for compress in [false, true] {
            what_is_encrypted_is_read_as_it_stands(header.clone(), compress, content);
        }
    }
    below_a_good_tag_the_rules_hold(header, content);
}

/// Nobody encrypts with shared keys that they do not have, nor, by chance, to a public one; and a token has one spelling.
fn only_encrypted_tokens_decrypt(token: &str) {
    let undecrypted = match Undecrypted::parse(token) {
        Ok(undecrypted) => undecrypted,
        Err(error) => return check_error(&error, token.as_bytes()),
    };
    let members = undecrypted.header().members();
    assert_eq!(json_object(Value::Object(members.clone()).to_string().as_bytes()).as_ref(), Ok(members));
    match undecrypted.decrypt_with(EXAMPLES.keys.iter(), &OPTIONS) {
        Ok(_) => assert!(EXAMPLES.compact.iter().any(|genuine| genuine == token)),
        Err(error) => check_error(&error, token.as_bytes()),
    }
}

/// The same for the JSON forms: what decrypts is one of the RFCs' contents, whatever stands around it.
fn only_encrypted_messages_decrypt(text: &str) {
    let undecrypted = match UndecryptedJson::parse(text) {
        Ok(undecrypted) => undecrypted,
        Err(error) => return check_error(&error, text.as_bytes()),
    };
    match undecrypted.decrypt_with(EXAMPLES.keys.iter(), &OPTIONS) {
        Ok(_) => {
            let message = serde_json::from_str(text).expect("a message that was read is JSON");
            assert!(content(&message).is_some_and(|content| EXAMPLES.contents.contains(&content)));
        }
        Err(error) => check_error(&error, text.as_bytes()),
    }
}

fn what_is_encrypted_is_read_as_it_stands(header: Map<String, Value>, compress: bool, plaintext: &[u8]) {
    let options = EncryptOptions { header, compress, ..EncryptOptions::default() };
    let token = match jwe::encrypt_with(plaintext, &options, &KEY.0) {
        Ok(token) => token,
        Err(error) => return check_error(&error, plaintext),
    };
    let decrypt = |expanded_limit| {
        Undecrypted::parse(&token)
            .and_then(|token| token.decrypt_with(&KEY.1, &DecryptOptions { expanded_limit }))
    };
    let decrypted = decrypt(Some(plaintext.len())).expect("a token that was encrypted can be decrypted");
    assert_eq!(decrypted.plaintext(), plaintext);
    assert!(options.header.iter().all(|(name, value)| decrypted.header().members()[name] == *value));
    if compress {
        assert!(decrypt(None).is_err());
        assert!(plaintext.is_empty() || decrypt(Some(plaintext.len() - 1)).is_err());
    }
    let options = EncryptOptions { additional_data: b"readable".to_vec(), ..options };
    match jwe::encrypt_flattened(plaintext, &options, &KEY.0) {
        Ok(message) => {
            let message = Value::Object(message).to_string();
            let decrypted = UndecryptedJson::parse(&message)
                .and_then(|message| message.decrypt_with(&KEY.1, &OPTIONS))
                .expect("a message that was encrypted can be decrypted");
            assert_eq!((decrypted.plaintext(), decrypted.additional_data()), (plaintext, &b"readable"[..]));
        }
        Err(error) => check_error(&error, plaintext),
    }
}

/// Who has the key may write what they like: it is read as it is written, or refused.
fn below_a_good_tag_the_rules_hold(header: &[u8], content: &[u8]) {
    let encoded = BASE64URL_NOPAD.encode(header);
    let key =
        LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &SECRET).expect("the key has the length for it"));
    let mut ciphertext = content.to_vec();
    let nonce = [0; 12];
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&encoded), &mut ciphertext)
        .expect("the content is short enough");
    let [iv, ciphertext, tag] =
        [&nonce[..], &ciphertext, tag.as_ref()].map(|part| BASE64URL_NOPAD.encode(part));
    let token = format!("{encoded}..{iv}.{ciphertext}.{tag}");
    match Undecrypted::parse(&token).and_then(|token| token.decrypt_with(&KEY.1, &OPTIONS)) {
        Ok(decrypted) => {
            let members = decrypted.header().members();
            assert!(members["alg"] == "dir" && members["enc"] == "A128GCM" && !members.contains_key("crit"));
            match members.get("zip") {
                None => assert_eq!(decrypted.plaintext(), content),
                Some(name) => assert!(name == "DEF" && decrypted.plaintext().len() <= 64 * 1024),
            }
        }
        Err(error) => {
            assert!(error.code().starts_with("jwe."), "{error}");
            check_error(&error, content);
            check_error(&error, header);
        }
    }
}
