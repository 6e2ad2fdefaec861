//! BLAKE2b (RFC 7693), with and without a key.

use blake2b_simd::{KEYBYTES, OUTBYTES, Params, State};

/// A hash that is fed piece by piece.
#[derive(Clone)]
pub(crate) struct Blake2b(State);

impl Blake2b {
    /// Begins a hash of `length` bytes (1 to 64) under a key of up to 64 bytes; an empty one is no key.
    pub(crate) fn keyed(length: usize, key: &[u8]) -> Self {
        debug_assert!((1..=OUTBYTES).contains(&length) && key.len() <= KEYBYTES);
        Self(Params::new().hash_length(length).key(key).to_state())
    }

    /// Goes on with `bytes`.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Overwrites what has been hashed, a key above all.
    pub(crate) fn wipe(&mut self) {
        self.0 = State::new();
        std::hint::black_box(&self.0);
    }

    /// The hash, of which `N` is the length.
    pub(crate) fn finish<const N: usize>(&self) -> [u8; N] {
        let mut hash = [0; N];
        hash.copy_from_slice(self.0.finalize().as_bytes());
        hash
    }
}

/// The hash of the pieces, one after the other, `N` bytes long: 1 to 64.
pub(crate) fn hash<const N: usize>(pieces: &[&[u8]]) -> [u8; N] {
    keyed(&[], pieces)
}

/// The keyed hash of the pieces, one after the other, `N` bytes long: 1 to 64.
pub(crate) fn keyed<const N: usize>(key: &[u8], pieces: &[&[u8]]) -> [u8; N] {
    const { assert!(N >= 1 && N <= OUTBYTES) };
    let mut hash = Blake2b::keyed(N, key);
    for piece in pieces {
        hash.update(piece);
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    // Checked against Python's hashlib.blake2b(b"abc", key=bytes(range(32)), digest_size=...).
    #[test]
    fn length_and_key_are_part_of_the_hash() {
        let key: [u8; 32] = std::array::from_fn(|index| index as u8);
        assert_eq!(
            HEXLOWER.encode(&keyed::<32>(&key, &[b"a", b"bc"])),
            "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f"
        );
        assert_eq!(
            HEXLOWER.encode(&keyed::<56>(&key, &[b"abc"])),
            "9673ce8233c75b94ab0ebafa9fa005fd44140405079bf3db673e97fbd98610a4c3e42afa48dad9f6ec940097a6e8d1a9ed2cb2ffba6d3e28"
        );
    }

    // RFC 7693 appendix A.
    #[test]
    fn the_hash_without_a_key_is_that_of_rfc_7693() {
        assert_eq!(
            HEXLOWER.encode(&hash::<64>(&[b"abc"])),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
        );
    }

    #[test]
    fn a_hash_begun_once_goes_on_in_many_ways() {
        let mut begun = Blake2b::keyed(32, &[7; 32]);
        begun.update(b"a");
        for rest in [b"b".as_slice(), b"", &[1; 300]] {
            let mut whole = begun.clone();
            whole.update(rest);
            assert_eq!(whole.finish::<32>(), keyed::<32>(&[7; 32], &[b"a", rest]));
        }
    }
}
