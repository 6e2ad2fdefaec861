//! AES-256-GCM (NIST SP 800-38D) for what is kept at rest, with keys that can be changed.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::random_bytes;

/// The length of a key in bytes.
pub(crate) const KEY_LENGTH: usize = 32;

/// One or more keys, newest first: the first one seals, every one opens.
pub(crate) struct Sealer {
    keys: Vec<LessSafeKey>,
}

impl Sealer {
    /// Prepares the keys; `None` when there is none.
    pub(crate) fn new(keys: &[Zeroizing<[u8; KEY_LENGTH]>]) -> Option<Self> {
        let keys: Vec<_> = keys.iter().map(|key| prepare(key)).collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Appends nonce, ciphertext and tag to `output`. `context` is authenticated and must be given again to open.
    ///
    /// The nonce is random: 2^32 messages under one key are the limit of SP 800-38D section 8.3.
    pub(crate) fn seal(&self, plaintext: &[u8], context: &[u8], output: &mut Vec<u8>) {
        let nonce = *random_bytes::<NONCE_LEN>();
        output.reserve(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
        output.extend_from_slice(&nonce);
        let start = output.len();
        output.extend_from_slice(plaintext);
        let tag = self.keys[0]
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut output[start..],
            )
            .expect("a Vec is shorter than the 64 GiB that AES-GCM can seal at once");
        output.extend_from_slice(tag.as_ref());
    }

    /// The plaintext; `None` when no key opens `sealed` in this context.
    pub(crate) fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
        self.keys.iter().find_map(|key| {
            // A key that does not fit leaves the buffer in ruins, so each one gets a fresh copy.
            let mut buffer = ciphertext.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let length = key.open_in_place(nonce, Aad::from(context), &mut buffer).ok()?.len();
            buffer.truncate(length);
            Some(buffer)
        })
    }
}

fn prepare(key: &[u8; KEY_LENGTH]) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, key).expect("the type says that the key has 32 bytes");
    LessSafeKey::new(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(bytes: &[u8]) -> Sealer {
        let keys: Vec<_> = bytes.iter().map(|byte| Zeroizing::new([*byte; KEY_LENGTH])).collect();
        Sealer::new(&keys).unwrap()
    }

    fn sealed(sealer: &Sealer, plaintext: &[u8], context: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        sealer.seal(plaintext, context, &mut output);
        output
    }

    #[test]
    fn what_is_sealed_opens_in_its_context_only() {
        let sealer = sealer(&[1]);
        let message = sealed(&sealer, b"data", b"here");
        assert_eq!(sealer.open(&message, b"here"), Some(b"data".to_vec()));
        assert_eq!(sealer.open(&message, b"there"), None);
        assert_eq!(sealer.open(&sealed(&sealer, b"", b""), b""), Some(Vec::new()));
    }

    #[test]
    fn every_key_opens_and_the_newest_seals() {
        let (old, both, new) = (sealer(&[1]), sealer(&[2, 1]), sealer(&[2]));
        assert_eq!(both.open(&sealed(&old, b"data", b""), b""), Some(b"data".to_vec()));
        assert_eq!(new.open(&sealed(&both, b"data", b""), b""), Some(b"data".to_vec()));
        assert_eq!(new.open(&sealed(&old, b"data", b""), b""), None);
    }

    #[test]
    fn nothing_cut_or_changed_opens() {
        let sealer = sealer(&[1]);
        let message = sealed(&sealer, b"data", b"");
        for length in 0..message.len() {
            assert_eq!(sealer.open(&message[..length], b""), None, "{length} bytes");
        }
        for position in 0..message.len() {
            let mut changed = message.clone();
            changed[position] ^= 1;
            assert_eq!(sealer.open(&changed, b""), None, "byte {position}");
        }
    }

    #[test]
    fn the_same_data_is_never_sealed_alike() {
        let sealer = sealer(&[1]);
        assert_ne!(sealed(&sealer, b"data", b""), sealed(&sealer, b"data", b""));
    }

    #[test]
    fn the_ciphertext_is_that_of_the_gcm_specification() {
        // Test case 16 of "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega.
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let sealer = Sealer::new(&[Zeroizing::new(key.try_into().unwrap())]).unwrap();
        let message = hex(concat!(
            "cafebabefacedbaddecaf888",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ));
        let context = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plaintext = hex(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ));
        assert_eq!(sealer.open(&message, &context), Some(plaintext));
    }
}
