//! What the tests of the versions share: one key of each kind, and tokens with a nonce from the outside, which only a test
//! vector may choose.

use data_encoding::HEXLOWER;

use super::*;

/// The local key of the specification's examples.
pub(super) const SHARED: &str = "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f";

/// The Ed25519 key pair of the specification's examples.
pub(super) const SECRET: &str = "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774\
                                 1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2";
pub(super) const PUBLIC: &str = "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2";

/// The P-384 key pair of the specification's examples.
pub(super) const P384_SECRET: &str = "20347609607477aca8fbfbc5e6218455f3199669792ef8b4\
                                      66faa87bdc67798144c848dd03661eed5ac62461340cea96";
pub(super) const P384_PUBLIC: &str = "02fbcb7c69ee1c60579be7a334134878d9c5c5bf35d552dab\
                                      63c0140397ed14cef637d7720925c44699ea30e72874c72fb";

/// An RSA key pair of 2048 bits.
pub(super) const RSA: &str = include_str!("../../tests/keys/rsa.pem");
pub(super) const RSA_PUBLIC: &str = include_str!("../../tests/keys/rsa_public.pem");

pub(super) fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

pub(super) fn base64url(text: &str) -> String {
    crate::encoding::base64url_encode(hex(text))
}

/// The text of one key for each version and purpose, the same at each call.
pub(super) fn key_text(version: Version, purpose: Purpose) -> &'static str {
    match (purpose, version) {
        (Purpose::Local, _) => SHARED,
        (Purpose::Public, Version::V1) => RSA,
        (Purpose::Public, Version::V2 | Version::V4) => SECRET,
        (Purpose::Public, Version::V3) => P384_SECRET,
    }
}

pub(super) fn read(version: Version, purpose: Purpose, key: impl Into<KeySource>) -> Result<Key> {
    Key::read(version, purpose, Some(&key.into()), None)
}

pub(super) fn key(version: Version, purpose: Purpose) -> Key {
    read(version, purpose, key_text(version, purpose)).unwrap()
}

/// Every version with every purpose.
pub(super) fn kinds() -> impl Iterator<Item = (Version, Purpose)> {
    let purposes = [Purpose::Local, Purpose::Public];
    Version::ALL.into_iter().flat_map(move |version| purposes.map(|purpose| (version, purpose)))
}

/// A maker of tokens for every version and purpose.
pub(super) fn makers() -> impl Iterator<Item = Paseto> {
    kinds().map(|(version, purpose)| Paseto::from_key(key(version, purpose)))
}

/// A local token that is sealed with these random numbers.
pub(super) fn seal_with(key: &Key, seed: &str, message: &str, footer: &str, implicit: &str) -> String {
    let mut numbers = [0; 32];
    numbers[..seed.len() / 2].copy_from_slice(&hex(seed));
    let context = key.context(footer.as_bytes(), implicit.as_bytes()).unwrap();
    let body = key.protect(message.as_bytes(), &numbers, &context).unwrap();
    let protected = Protected { header: key.header(), body, footer: footer.into() };
    let mut token = vec![0; protected.length()];
    protected.write(&mut token).unwrap();
    String::from_utf8(token).unwrap()
}
