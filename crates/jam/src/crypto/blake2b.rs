//! BLAKE2b (RFC 7693), with and without a key.

use blake2::digest::array::{Array, ArraySize};
use blake2::digest::consts::{True, U24, U32, U33, U56, U64};
use blake2::digest::typenum::IsLessOrEqual;
use blake2::digest::{Digest, FixedOutput, KeyInit, Mac};
use blake2::{Blake2b, Blake2bMac};

/// A hash in bytes. Its length, which is part of what is hashed, is that of the type.
pub(crate) trait Hash: From<Array<u8, Self::Length>> {
    /// The length in the words of the library.
    type Length: ArraySize + IsLessOrEqual<U64, Output = True>;
}

impl Hash for [u8; 24] {
    type Length = U24;
}

impl Hash for [u8; 32] {
    type Length = U32;
}

impl Hash for [u8; 33] {
    type Length = U33;
}

impl Hash for [u8; 56] {
    type Length = U56;
}

/// A keyed hash that is fed piece by piece.
#[derive(Clone)]
pub(crate) struct Keyed<H: Hash>(Blake2bMac<H::Length>);

impl<H: Hash> Keyed<H> {
    /// Begins under a key of up to 64 bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(Blake2bMac::new_from_slice(key).expect("every key of Jam's has 64 bytes at most"))
    }

    /// Goes on with `bytes`.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        Mac::update(&mut self.0, bytes);
    }

    /// Overwrites what was hashed so far, the key above all.
    pub(crate) fn wipe(&mut self) {
        *self = Self::new(&[]);
        std::hint::black_box(&self.0);
    }

    /// The hash.
    pub(crate) fn finish(self) -> H {
        self.0.finalize_fixed().into()
    }
}

/// The hash of the pieces, one after the other.
pub(crate) fn hash<H: Hash>(pieces: &[&[u8]]) -> H {
    let mut hash = Blake2b::<H::Length>::new();
    for piece in pieces {
        Digest::update(&mut hash, piece);
    }
    hash.finalize().into()
}

/// The keyed hash of the pieces, one after the other. The key has 1 to 64 bytes.
pub(crate) fn keyed<H: Hash>(key: &[u8], pieces: &[&[u8]]) -> H {
    let mut hash = Keyed::new(key);
    for piece in pieces {
        hash.update(piece);
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    impl Hash for [u8; 64] {
        type Length = U64;
    }

    // Checked against Python's hashlib.blake2b(b"abc", key=bytes(range(32)), digest_size=...).
    #[test]
    fn length_and_key_are_part_of_the_hash() {
        let key: [u8; 32] = std::array::from_fn(|index| index as u8);
        assert_eq!(
            HEXLOWER.encode(&keyed::<[u8; 32]>(&key, &[b"a", b"bc"])),
            "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f"
        );
        assert_eq!(
            HEXLOWER.encode(&keyed::<[u8; 56]>(&key, &[b"abc"])),
            "9673ce8233c75b94ab0ebafa9fa005fd44140405079bf3db673e97fbd98610a4c3e42afa48dad9f6ec940097a6e8d1a9ed2cb2ffba6d3e28"
        );
    }

    // RFC 7693 appendix A.
    #[test]
    fn the_hash_without_a_key_is_that_of_rfc_7693() {
        assert_eq!(
            HEXLOWER.encode(&hash::<[u8; 64]>(&[b"a", b"", b"bc"])),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
        );
    }

    #[test]
    fn a_hash_begun_once_goes_on_in_many_ways() {
        let mut begun = Keyed::<[u8; 32]>::new(&[7; 32]);
        begun.update(b"a");
        for rest in [b"b".as_slice(), b"", &[1; 300]] {
            let mut whole = begun.clone();
            whole.update(rest);
            assert_eq!(whole.finish(), keyed::<[u8; 32]>(&[7; 32], &[b"a", rest]));
        }
    }
}
