//! Encryption, with josekit.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

mod support;

use jam::jose::jwe::{
    self, ContentEncryption, DecryptOptions, DecryptionKey, EncryptOptions, EncryptionKey, KeyManagement,
    Recipient, Undecrypted, UndecryptedJson,
};
use jam::jose::{Jwk, NewKey};
use josekit::jwe::{JweDecrypter, JweEncrypter, JweHeader, JweHeaderSet};
use serde_json::{Map, Value, json};
use support::*;

const PLAINTEXT: &[u8] = b"any bytes: \x00\xff, and more than one block of them";
const ITERATIONS: u32 = 1_000;

/// One key management algorithm with one content encryption and one key, for both libraries.
struct Pair {
    name: String,
    encryption: ContentEncryption,
    encrypt: EncryptionKey,
    decrypt: DecryptionKey,
    peer_encrypt: Box<dyn JweEncrypter>,
    peer_decrypt: Box<dyn JweDecrypter>,
}

impl Pair {
    fn new(algorithm: KeyManagement, encryption: ContentEncryption, key: &Jwk) -> Self {
        let (encrypt, decrypt) = if algorithm.is_password_based() {
            (
                EncryptionKey::from_password(algorithm, encryption, key, Some(ITERATIONS)).unwrap(),
                DecryptionKey::from_password(algorithm, encryption, key, None).unwrap(),
            )
        } else {
            (
                EncryptionKey::new(algorithm, encryption, key).unwrap(),
                DecryptionKey::new(algorithm, encryption, key).unwrap(),
            )
        };
        let curve = josekit_jwk(key).curve().unwrap_or_default().to_owned();
        let name = format!("{algorithm} {encryption} {curve}");
        let (peer_encrypt, peer_decrypt) = josekit_pair(algorithm, key);
        Self { name, encryption, encrypt, decrypt, peer_encrypt, peer_decrypt }
    }

    fn header(&self) -> JweHeader {
        let mut header = JweHeader::new();
        header.set_content_encryption(self.encryption.name());
        header
    }
}

fn keys(algorithm: KeyManagement, encryption: ContentEncryption) -> Vec<Jwk> {
    match algorithm.name() {
        name if name.starts_with("RSA") => vec![jwk(Some(pem("rsa.pem")))],
        name if name.starts_with("ECDH") => [NewKey::EcP256, NewKey::EcP384, NewKey::EcP521, NewKey::X25519]
            .map(|key| Jwk::generate(key).unwrap())
            .into(),
        name if name.starts_with("PBES2") => vec![Jwk::from_secret(&b"correct horse battery staple"[..])],
        _ => vec![Jwk::from_secret(vec![7; algorithm.key_length(encryption).unwrap()])],
    }
}

/// Every algorithm with every content encryption and every kind of key.
fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for algorithm in KeyManagement::all() {
        for encryption in ContentEncryption::all() {
            let keys = keys(algorithm, encryption);
            pairs.extend(keys.iter().map(|key| Pair::new(algorithm, encryption, key)));
        }
    }
    assert_eq!(pairs.len(), (14 + 4 * 4) * 6);
    pairs
}

#[test]
fn josekit_decrypts_what_jam_encrypts() {
    for pair in pairs() {
        let token = jwe::encrypt(PLAINTEXT, &Map::new(), &pair.encrypt).unwrap();
        let read = josekit::jwe::deserialize_compact(&token, &*pair.peer_decrypt);
        assert_eq!(read.expect(&pair.name).0, PLAINTEXT, "{}", pair.name);
    }
}

#[test]
fn jam_decrypts_what_josekit_encrypts() {
    for pair in pairs() {
        let token = josekit::jwe::serialize_compact(PLAINTEXT, &pair.header(), &*pair.peer_encrypt);
        let token = token.expect(&pair.name);
        let read = Undecrypted::parse(&token).and_then(|token| token.decrypt(&pair.decrypt));
        assert_eq!(read.expect(&pair.name).plaintext(), PLAINTEXT, "{}", pair.name);
    }
}

#[test]
fn josekit_reads_the_json_forms_that_jam_writes() {
    for pair in pairs() {
        let mut options =
            EncryptOptions { additional_data: b"readable".to_vec(), ..EncryptOptions::default() };
        options.unprotected.insert("note".into(), json!(1));
        for message in [
            jwe::encrypt_flattened(PLAINTEXT, &options, &pair.encrypt).unwrap(),
            jwe::encrypt_general(PLAINTEXT, &options, &[Recipient::new(&pair.encrypt)]).unwrap(),
        ] {
            let text = Value::Object(message).to_string();
            let read = josekit::jwe::deserialize_json(&text, &*pair.peer_decrypt);
            assert_eq!(read.expect(&pair.name).0, PLAINTEXT, "{}", pair.name);
        }
    }
}

#[test]
fn jam_reads_the_json_forms_that_josekit_writes() {
    for pair in pairs() {
        let mut common = JweHeaderSet::new();
        common.set_content_encryption(pair.encryption.name(), true);
        let aad = Some(&b"readable"[..]);
        let flattened =
            josekit::jwe::serialize_flattened_json(PLAINTEXT, Some(&common), None, aad, &*pair.peer_encrypt);
        let general = josekit::jwe::serialize_general_json(
            PLAINTEXT,
            Some(&common),
            &[(None, &*pair.peer_encrypt)],
            aad,
        );
        for text in [flattened, general] {
            let text = text.expect(&pair.name);
            let read = UndecryptedJson::parse(&text).and_then(|message| message.decrypt(&pair.decrypt));
            let read = read.unwrap_or_else(|error| panic!("{}: {error}: {text}", pair.name));
            assert_eq!((read.plaintext(), read.additional_data()), (PLAINTEXT, &b"readable"[..]));
        }
    }
}

#[test]
fn each_of_several_recipients_reads_what_the_other_library_wrote() {
    let encryption = ContentEncryption::A256CbcHs512;
    let several = [KeyManagement::A128Kw, KeyManagement::RsaOaep256, KeyManagement::EcdhEsA256Kw];
    let pairs = several.map(|algorithm| Pair::new(algorithm, encryption, &keys(algorithm, encryption)[0]));

    let recipients = [0, 1, 2].map(|place: usize| Recipient::new(&pairs[place].encrypt));
    let message = jwe::encrypt_general(PLAINTEXT, &EncryptOptions::default(), &recipients).unwrap();
    let text = Value::Object(message).to_string();
    for pair in &pairs {
        assert_eq!(josekit::jwe::deserialize_json(&text, &*pair.peer_decrypt).unwrap().0, PLAINTEXT);
    }

    let mut common = JweHeaderSet::new();
    common.set_content_encryption(encryption.name(), true);
    let recipients = [0, 1, 2].map(|place: usize| (None, &*pairs[place].peer_encrypt));
    let text = josekit::jwe::serialize_general_json(PLAINTEXT, Some(&common), &recipients, None).unwrap();
    for (place, pair) in pairs.iter().enumerate() {
        let read = UndecryptedJson::parse(&text).unwrap().decrypt(&pair.decrypt).unwrap();
        assert_eq!((read.plaintext(), read.recipient()), (PLAINTEXT, place));
    }
}

#[test]
fn compressed_content_goes_both_ways() {
    let (algorithm, encryption) = (KeyManagement::Direct, ContentEncryption::A128Gcm);
    let pair = Pair::new(algorithm, encryption, &keys(algorithm, encryption)[0]);
    let plaintext = b"again and ".repeat(100);

    let options = EncryptOptions { compress: true, ..EncryptOptions::default() };
    let token = jwe::encrypt_with(&plaintext, &options, &pair.encrypt).unwrap();
    assert!(token.len() < plaintext.len() / 4);
    assert_eq!(josekit::jwe::deserialize_compact(&token, &*pair.peer_decrypt).unwrap().0, plaintext);

    let mut header = pair.header();
    header.set_compression("DEF");
    let token = josekit::jwe::serialize_compact(&plaintext, &header, &*pair.peer_encrypt).unwrap();
    let options = DecryptOptions { expanded_limit: Some(2_000) };
    let read = Undecrypted::parse(&token).unwrap().decrypt_with(&pair.decrypt, &options).unwrap();
    assert_eq!(read.plaintext(), plaintext);
}

#[test]
fn the_parties_of_an_agreement_go_both_ways() {
    let key = Jwk::generate(NewKey::EcP256).unwrap();
    let pair = Pair::new(KeyManagement::EcdhEs, ContentEncryption::A128Gcm, &key);
    let options =
        EncryptOptions { party_u: b"Alice".to_vec(), party_v: b"Bob".to_vec(), ..EncryptOptions::default() };
    let token = jwe::encrypt_with(PLAINTEXT, &options, &pair.encrypt).unwrap();
    assert_eq!(josekit::jwe::deserialize_compact(&token, &*pair.peer_decrypt).unwrap().0, PLAINTEXT);

    let mut header = pair.header();
    header.set_agreement_partyuinfo(b"Alice");
    header.set_agreement_partyvinfo(b"Bob");
    let token = josekit::jwe::serialize_compact(PLAINTEXT, &header, &*pair.peer_encrypt).unwrap();
    assert_eq!(Undecrypted::parse(&token).unwrap().decrypt(&pair.decrypt).unwrap().plaintext(), PLAINTEXT);
}
