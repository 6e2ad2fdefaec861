//! The only room that names a crypto crate: one file for each primitive, with Jam's own types around it.
//!
//! What fails here fails without detail: a caller learns that a signature or a key is bad, and an attacker
//! learns no more than that.

pub(crate) mod aes_cbc_hmac;
pub(crate) mod aes_ctr;
pub(crate) mod aes_gcm;
pub(crate) mod aes_key_wrap;
pub(crate) mod argon2;
pub(crate) mod blake2b;
pub(crate) mod concat_kdf;
pub(crate) mod ecdh;
pub(crate) mod ecdsa;
pub(crate) mod ecdsa_p384;
pub(crate) mod ed25519;
pub(crate) mod hkdf;
pub(crate) mod hmac;
pub(crate) mod key_encoding;
pub(crate) mod key_generation;
mod key_writing;
#[cfg(feature = "ml-dsa")]
pub(crate) mod ml_dsa;
pub(crate) mod pbkdf2;
pub(crate) mod rsa;
pub(crate) mod rsa_kem;
pub(crate) mod rsa_oaep;
pub(crate) mod seal;
pub(crate) mod x25519;
pub(crate) mod xchacha;

use std::sync::Once;

use sha2::Digest;
use zeroize::Zeroizing;

/// Fills `buffer` with random bytes of the operating system.
///
/// The system's own generator is asked each time: it knows no state that a fork could copy, and its first
/// number is as fast as any other one.
pub(crate) fn random(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("an operating system that runs this program has a random generator");
}

/// `N` random bytes that are wiped when dropped.
pub(crate) fn random_bytes<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    random(bytes.as_mut_slice());
    bytes
}

/// Starts the random generator of the signature library, which takes up to 50 ms once in a process. The
/// constructors of private keys call this, so that the time is spent at start-up and not in a request.
fn warm_up() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // A failure would show again, as an error, in the first signature.
        let _ = aws_lc_rs::rand::fill(&mut [0]);
    });
}

/// SHA-256 (FIPS 180-4).
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// SHA-384 (FIPS 180-4) of the pieces, one after the other.
pub(crate) fn sha384(pieces: &[&[u8]]) -> [u8; 48] {
    let mut hash = sha2::Sha384::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// The hash functions that Jam's signatures and authentication codes are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hash {
    /// SHA-1, where neither collisions nor preimages matter: HMAC in one-time passwords (RFC 4226) and RSA-OAEP
    /// (RFC 7518 section 4.3).
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The length of the hash in bytes.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The hash of `bytes`.
    pub(crate) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_differ_from_call_to_call() {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        random(&mut first);
        random(&mut second);
        assert_ne!(first, second);
        assert_ne!(first, [0; 32]);
    }

    #[test]
    fn sha256_is_the_one_of_fips_180() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(data_encoding::HEXLOWER.encode(&sha256(b"abc")), expected);
    }
}
