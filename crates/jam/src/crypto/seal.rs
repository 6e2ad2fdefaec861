//! AES-256-GCM for what is kept at rest, with keys that can be changed.

use zeroize::Zeroizing;

use super::aes_gcm::{AesGcmKey, NONCE_LENGTH, TAG_LENGTH};
use super::random_bytes;

/// The length of a key in bytes.
pub(crate) const KEY_LENGTH: usize = 32;

/// One or more keys, newest first: the first one seals, every one opens.
pub(crate) struct Sealer {
    keys: Vec<AesGcmKey>,
}

impl Sealer {
    /// Prepares the keys; `None` when there is none.
    pub(crate) fn new(keys: &[Zeroizing<[u8; KEY_LENGTH]>]) -> Option<Self> {
        let keys = keys.iter().map(|key| AesGcmKey::new(key.as_slice())).collect::<Option<Vec<_>>>()?;
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Appends nonce, ciphertext and tag to `output`. `context` is authenticated and must be given again to open.
    ///
    /// The nonce is random: 2^32 messages under one key are the limit of SP 800-38D section 8.3.
    pub(crate) fn seal(&self, plaintext: &[u8], context: &[u8], output: &mut Vec<u8>) {
        let nonce = *random_bytes::<NONCE_LENGTH>();
        output.reserve(NONCE_LENGTH + plaintext.len() + TAG_LENGTH);
        output.extend_from_slice(&nonce);
        let start = output.len();
        output.extend_from_slice(plaintext);
        let tag = self.keys[0].seal(&nonce, context, &mut output[start..]);
        output.extend_from_slice(&tag);
    }

    /// The plaintext; `None` when no key opens `sealed` in this context.
    pub(crate) fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_LENGTH>()?;
        self.keys.iter().find_map(|key| {
            // A key that does not fit leaves the buffer in ruins, so each one gets a fresh copy.
            let mut buffer = ciphertext.to_vec();
            key.open(nonce, context, &mut buffer, tag)?;
            Some(buffer)
        })
    }
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
}
