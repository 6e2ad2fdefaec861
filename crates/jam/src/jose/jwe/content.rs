//! The content encryptions, all behind one pair of keys.

use zeroize::Zeroizing;

use super::algorithm::{Cipher, ContentEncryption};
use crate::crypto::aes_gcm::{self, AesGcmKey};
use crate::crypto::{aes_cbc_hmac, random};

/// The length of the longest key in bytes, that of A256CBC-HS512.
const LONGEST_KEY: usize = 64;
/// The length of the longest initialization vector in bytes.
const LONGEST_IV: usize = aes_cbc_hmac::IV_LENGTH;
/// The length of the longest tag in bytes.
const LONGEST_TAG: usize = aes_cbc_hmac::LONGEST_TAG;

/// A prepared key that encrypts content.
#[derive(Debug)]
pub(super) enum SealingKey {
    CbcHmac(Box<aes_cbc_hmac::SealingKey>),
    Gcm(AesGcmKey),
}

/// A prepared key that decrypts content.
#[derive(Debug)]
pub(super) enum OpeningKey {
    CbcHmac(Box<aes_cbc_hmac::OpeningKey>),
    Gcm(AesGcmKey),
}

/// What stands beside the ciphertext: some bytes, few enough for no allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

/// Encrypted content.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) iv: Short<LONGEST_IV>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Short<LONGEST_TAG>,
}

/// A new content encryption key and a new initialization vector, from one question to the operating system.
pub(super) struct Fresh {
    bytes: Zeroizing<[u8; LONGEST_KEY + LONGEST_IV]>,
}

impl Fresh {
    pub(super) fn new() -> Self {
        let mut bytes = Zeroizing::new([0; LONGEST_KEY + LONGEST_IV]);
        random(bytes.as_mut_slice());
        Self { bytes }
    }

    /// The key.
    pub(super) fn key(&self, encryption: ContentEncryption) -> &[u8] {
        &self.bytes[..encryption.key_length()]
    }

    fn iv<const N: usize>(&self) -> &[u8; N] {
        self.bytes.last_chunk().expect("no initialization vector is longer than LONGEST_IV")
    }
}

impl<const N: usize> Short<N> {
    fn new(given: &[u8]) -> Self {
        let mut bytes = [0; N];
        bytes[..given.len()].copy_from_slice(given);
        Self { bytes, length: given.len() }
    }
}

impl<const N: usize> AsRef<[u8]> for Short<N> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl SealingKey {
    /// Prepares a key; `None` when it does not have the algorithm's length.
    pub(super) fn new(encryption: ContentEncryption, key: &[u8]) -> Option<Self> {
        if key.len() != encryption.key_length() {
            return None;
        }
        match encryption.cipher() {
            Cipher::CbcHmac => aes_cbc_hmac::SealingKey::new(key).map(|key| Self::CbcHmac(Box::new(key))),
            Cipher::Gcm => AesGcmKey::new(key).map(Self::Gcm),
        }
    }

    /// Encrypts the plaintext with the initialization vector of `fresh`, which is good for this one message.
    pub(super) fn seal(&self, fresh: &Fresh, additional_data: &[u8], plaintext: &[u8]) -> Sealed {
        // Room for the padding of AES-CBC, too.
        let mut data = Vec::with_capacity(plaintext.len() + LONGEST_IV);
        data.extend_from_slice(plaintext);
        match self {
            Self::CbcHmac(key) => {
                let iv = fresh.iv();
                let tag = key.seal(iv, additional_data, &mut data);
                Sealed { iv: Short::new(iv), ciphertext: data, tag: Short::new(tag.as_ref()) }
            }
            Self::Gcm(key) => {
                let nonce = fresh.iv();
                let tag = key.seal(nonce, additional_data, &mut data);
                Sealed { iv: Short::new(nonce), ciphertext: data, tag: Short::new(&tag) }
            }
        }
    }
}

impl OpeningKey {
    /// Prepares a key; `None` when it does not have the algorithm's length.
    pub(super) fn new(encryption: ContentEncryption, key: &[u8]) -> Option<Self> {
        if key.len() != encryption.key_length() {
            return None;
        }
        match encryption.cipher() {
            Cipher::CbcHmac => aes_cbc_hmac::OpeningKey::new(key).map(|key| Self::CbcHmac(Box::new(key))),
            Cipher::Gcm => AesGcmKey::new(key).map(Self::Gcm),
        }
    }

    /// Decrypts `data` in place. `None` when anything at all is wrong, also the length of the initialization vector or
    /// of the tag; then nothing is promised of `data`.
    pub(super) fn open(
        &self,
        iv: &[u8],
        additional_data: &[u8],
        data: &mut Vec<u8>,
        tag: &[u8],
    ) -> Option<()> {
        match self {
            Self::CbcHmac(key) => key.open(iv.try_into().ok()?, additional_data, data, tag),
            Self::Gcm(key) => {
                let tag: &[u8; aes_gcm::TAG_LENGTH] = tag.try_into().ok()?;
                key.open(iv.try_into().ok()?, additional_data, data, tag)
            }
        }
    }
}
