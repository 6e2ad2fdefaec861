//! The Concat KDF with SHA-256 (NIST SP 800-56A section 5.8.1), as ECDH-ES uses it (RFC 7518 section 4.6.2).

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What a derived key is bound to beside the shared secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherInfo<'a> {
    /// AlgorithmID: the name of the algorithm that the key is for.
    pub(crate) algorithm: &'a str,
    /// PartyUInfo: who makes the message; `apu`, decoded.
    pub(crate) party_u: &'a [u8],
    /// PartyVInfo: whom it is for; `apv`, decoded.
    pub(crate) party_v: &'a [u8],
}

/// A key of `length` bytes from a shared secret.
pub(crate) fn derive(shared_secret: &[u8], info: OtherInfo<'_>, length: usize) -> Zeroizing<Vec<u8>> {
    let key_bits = number(length * 8);
    let mut key = Zeroizing::new(Vec::with_capacity(length.next_multiple_of(Sha256::output_size())));
    for round in 1_u32.. {
        if key.len() >= length {
            break;
        }
        let mut hash = Sha256::new_with_prefix(round.to_be_bytes());
        hash.update(shared_secret);
        for text in [info.algorithm.as_bytes(), info.party_u, info.party_v] {
            hash.update(number(text.len()));
            hash.update(text);
        }
        // SuppPubInfo; SuppPrivInfo is empty.
        hash.update(key_bits);
        key.extend_from_slice(&hash.finalize());
    }
    key.truncate(length);
    key
}

/// A length as 32 bits, big-endian. Everything here is part of a token or as short as a key.
fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("tokens and keys are far shorter than 2^32 bytes").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64url_encode;

    // RFC 7518 appendix C.
    const SECRET: [u8; 32] = [
        158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163, 218,
        128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
    ];

    #[test]
    fn the_key_is_that_of_rfc_7518() {
        let info = OtherInfo { algorithm: "A128GCM", party_u: b"Alice", party_v: b"Bob" };
        assert_eq!(base64url_encode(derive(&SECRET, info, 16)), "VqqN6vgjbSBcIijNcacQGg");
    }

    #[test]
    fn everything_that_a_key_is_bound_to_changes_it() {
        let info = |algorithm, party_u, party_v| OtherInfo { algorithm, party_u, party_v };
        let keys = [
            derive(&SECRET, info("A128GCM", b"a", b"b"), 16),
            derive(&SECRET, info("A128KW", b"a", b"b"), 16),
            derive(&SECRET, info("A128GCM", b"", b"b"), 16),
            derive(&SECRET, info("A128GCM", b"ab", b""), 16),
            derive(&SECRET, info("A128GCM", b"b", b"a"), 16),
            derive(&[0; 32], info("A128GCM", b"a", b"b"), 16),
        ];
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(key), "{place}");
        }
        // The length of the key is bound too, so a short key is no part of a long one.
        let long = derive(&SECRET, info("A128GCM", b"a", b"b"), 64);
        assert_eq!(long.len(), 64);
        assert_ne!(long[..16], keys[0][..]);
        assert_ne!(long[..32], long[32..]);
    }
}
