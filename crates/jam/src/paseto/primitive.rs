//! What a version adds to the skeleton, and what the skeleton gives to it.

use zeroize::Zeroizing;

use super::suite::MessageKeys;
use crate::crypto::key_encoding::KeyMaterial;
use crate::{KeyError, PasetoError, Reason, Result};

/// What a token is bound to besides its message: the pieces that are authenticated with it.
pub(super) struct Context<'a> {
    /// `v4.local.` and so on, with both dots.
    pub(super) header: &'a [u8],
    pub(super) footer: &'a [u8],
    /// `None` in the versions that do not know it.
    pub(super) implicit: Option<&'a [u8]>,
}

impl<'a> Context<'a> {
    /// The context, and the pieces of the body between header and footer.
    pub(super) fn encode(&self, body: &[&'a [u8]]) -> PreAuthenticationEncoding<'a> {
        self.encode_after(None, body)
    }

    pub(super) fn encode_after(
        &self,
        first: Option<&'a [u8]>,
        body: &[&'a [u8]],
    ) -> PreAuthenticationEncoding<'a> {
        let start = first.into_iter().chain([self.header]);
        let end = [self.footer].into_iter().chain(self.implicit);
        PreAuthenticationEncoding::new(start.chain(body.iter().copied()).chain(end))
    }
}

/// Pre-authentication encoding: every piece with its length before it, so that no two lists of pieces have the same form.
/// Lengths are little-endian, and their top bit is zero for the sake of languages without unsigned numbers.
pub(super) struct PreAuthenticationEncoding<'a> {
    count: [u8; 8],
    pieces: [([u8; 8], &'a [u8]); MOST_PIECES],
    used: usize,
}

/// The key, the header, the message, the footer and the implicit assertion.
const MOST_PIECES: usize = 5;

impl<'a> PreAuthenticationEncoding<'a> {
    pub(super) fn new(pieces: impl Iterator<Item = &'a [u8]>) -> Self {
        let length = |length: usize| (length as u64 & (u64::MAX >> 1)).to_le_bytes();
        let mut encoding = Self { count: [0; 8], pieces: [([0; 8], &[]); MOST_PIECES], used: 0 };
        for (place, piece) in encoding.pieces.iter_mut().zip(pieces) {
            *place = (length(piece.len()), piece);
            encoding.used += 1;
        }
        encoding.count = length(encoding.used);
        encoding
    }

    /// What stands one after the other.
    pub(super) fn parts(&self) -> [&[u8]; 1 + 2 * MOST_PIECES] {
        let mut parts: [&[u8]; 1 + 2 * MOST_PIECES] = [&[]; 1 + 2 * MOST_PIECES];
        parts[0] = &self.count;
        for (pair, (length, piece)) in parts[1..].chunks_exact_mut(2).zip(&self.pieces[..self.used]) {
            (pair[0], pair[1]) = (length, piece);
        }
        parts
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        self.parts().concat()
    }
}

/// A prepared key of local tokens.
pub(super) trait Local: Send + Sync {
    /// The token's body before base64: `message` encrypted within `context`. `seed` are new random numbers.
    fn seal(&self, message: &[u8], seed: &[u8; 32], context: &Context<'_>) -> Vec<u8>;

    /// The message of a body that was sealed with this key within the same `context`.
    fn open(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>>;
}

/// The key pairs of a version: their forms, and what is done with them.
pub(super) trait Asymmetric: Sync {
    /// The error about such a key.
    fn refuse(&self, reason: Reason) -> PasetoError;

    /// The lengths that a key without a name may have in bytes; none where it is DER.
    fn lengths(&self) -> &'static [usize] {
        &[]
    }

    /// A new key pair; `None` when the operating system gives no randomness.
    fn generate(&self) -> Option<KeyMaterial>;

    /// Reads what a PASERK of type `secret` holds.
    fn read_secret(&self, data: &[u8]) -> Result<KeyMaterial, KeyError>;

    /// Reads what a PASERK of type `public` holds.
    fn read_public(&self, data: &[u8]) -> Result<KeyMaterial, KeyError>;

    /// Reads one of the two, whichever it is.
    fn read_unnamed(&self, data: &[u8]) -> Result<KeyMaterial, KeyError>;

    /// Checks a key pair, or a public key alone, and prepares it to sign and to verify.
    fn prepare(&self, material: &KeyMaterial) -> Result<KeyPair, KeyError>;

    /// Checks a public key, and prepares it to seal local keys.
    fn sealing(&self, material: &KeyMaterial) -> Result<Box<dyn Seal>, KeyError>;

    /// Checks a private key, and prepares it to open sealed keys.
    fn unsealing(&self, material: &KeyMaterial) -> Result<Box<dyn Unseal>, KeyError>;
}

/// A prepared key pair, or a public key alone.
pub(super) struct KeyPair {
    pub(super) signing: Option<Box<dyn Sign>>,
    pub(super) verifying: Box<dyn Verify>,
    /// What PASERKs of the types `secret` and `public` hold.
    pub(super) secret: Option<Zeroizing<Vec<u8>>>,
    pub(super) public: Vec<u8>,
}

/// A private key of public tokens.
pub(super) trait Sign: Send + Sync {
    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// A public key of public tokens.
pub(super) trait Verify: Send + Sync {
    fn signature_length(&self) -> usize;

    /// Whether `signature`, which has the right length, is this key's.
    fn verify(&self, signed: &[u8], signature: &[u8]) -> bool;

    /// The public key, where it is signed with the message.
    fn bound_key(&self) -> Option<&[u8]> {
        None
    }
}

/// A public key to which local keys are sealed.
pub(super) trait Seal: Send + Sync {
    /// A new shared secret in the form that the private key opens, and the keys that come of it within a PASERK that begins
    /// with `header`. `None` when the operating system gives no randomness.
    fn encapsulate(&self, header: &[u8]) -> Option<(Vec<u8>, MessageKeys)>;
}

/// A private key that opens sealed keys.
pub(super) trait Unseal: Send + Sync {
    /// The keys that come of the shared secret; `None` when this is none.
    fn decapsulate(&self, header: &[u8], encapsulated: &[u8]) -> Option<MessageKeys>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(pieces: &[&'static [u8]]) -> Vec<u8> {
        PreAuthenticationEncoding::new(pieces.iter().copied()).to_vec()
    }

    #[test]
    fn pieces_cannot_be_moved_between_each_other() {
        // attack 49; the three examples of the specification
        assert_eq!(encoded(&[]), b"\0\0\0\0\0\0\0\0");
        assert_eq!(encoded(&[b""]), b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(encoded(&[b"test"]), b"\x01\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0test");
        assert_ne!(encoded(&[b"ab", b"c"]), encoded(&[b"a", b"bc"]));
        assert_ne!(encoded(&[b"a", b""]), encoded(&[b"a"]));
    }
}
