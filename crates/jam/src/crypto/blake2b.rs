//! Keyed BLAKE2b (RFC 7693).

use blake2b_simd::Params;

/// The keyed hash of the pieces, one after the other, `N` bytes long: 1 to 64.
pub(crate) fn keyed<const N: usize>(key: &[u8; 32], pieces: &[&[u8]]) -> [u8; N] {
    const { assert!(N >= 1 && N <= blake2b_simd::OUTBYTES) };
    let mut state = Params::new().hash_length(N).key(key).to_state();
    for piece in pieces {
        state.update(piece);
    }
    let mut hash = [0; N];
    hash.copy_from_slice(state.finalize().as_bytes());
    hash
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
}
