//! The XChaCha20 stream cipher (draft-irtf-cfrg-xchacha-03 section 2.3), without a tag of its own: whoever
//! uses it authenticates first.

use chacha20::XChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

/// Encrypts or decrypts `data` in place, from block 0 on. `None` past the 256 GiB that the counter reaches.
pub(crate) fn apply(key: &[u8; 32], nonce: &[u8; 24], data: &mut [u8]) -> Option<()> {
    XChaCha20::new(key.into(), nonce.into()).try_apply_keystream(data).ok()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    // draft-irtf-cfrg-xchacha-03 appendix A.3.2.1, the first block, which is encrypted from counter 0 on.
    #[test]
    fn the_stream_is_that_of_the_draft() {
        let key: [u8; 32] = std::array::from_fn(|index| 0x80 + index as u8);
        let mut nonce: [u8; 24] = std::array::from_fn(|index| 0x40 + index as u8);
        nonce[23] = 0x58;
        let mut text = *b"The dhole (pronounced \"dole\") is";
        apply(&key, &nonce, &mut text).unwrap();
        assert_eq!(
            HEXLOWER.encode(&text),
            "4559abba4e48c16102e8bb2c05e6947f50a786de162f9b0b7e592a9b53d0d4e9"
        );
    }
}
