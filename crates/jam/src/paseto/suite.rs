//! The two sets of primitives that the versions are made of. With them tokens and wrapped keys are encrypted, then
//! authenticated.

use zeroize::Zeroizing;

use super::malformed;
use super::primitive::{Context, Local};
use crate::crypto::blake2b::{self, Keyed};
use crate::crypto::hmac::HmacKey;
use crate::crypto::{Hash, aes_ctr, sha384, xchacha};
use crate::secret::constant_time_eq;
use crate::{PasetoError, Result};

/// A set of primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suite {
    /// AES-256-CTR, HMAC-SHA-384 and SHA-384: versions 1 and 3.
    Nist,
    /// XChaCha20 and BLAKE2b: versions 2 and 4.
    Sodium,
}

/// The longest tag, that of HMAC-SHA-384.
const LONGEST_TAG: usize = 48;

/// The keys of one message: what encrypts and what authenticates it.
pub(super) enum MessageKeys {
    Nist {
        encryption: Zeroizing<[u8; 32]>,
        counter: [u8; 16],
        authentication: Box<HmacKey>,
    },
    /// `encryption` is the key and, behind it, the nonce.
    Sodium {
        encryption: Zeroizing<[u8; 56]>,
        authentication: Zeroizing<[u8; 32]>,
    },
}

/// What authenticates a message.
pub(super) struct Tag {
    bytes: [u8; LONGEST_TAG],
    length: usize,
}

impl Suite {
    /// The length of a tag in bytes.
    pub(super) const fn tag_length(self) -> usize {
        match self {
            Self::Nist => 48,
            Self::Sodium => 32,
        }
    }

    /// The length of the cipher's nonce or first counter block in bytes.
    pub(super) const fn nonce_length(self) -> usize {
        match self {
            Self::Nist => 16,
            Self::Sodium => 24,
        }
    }

    /// The hash of the pieces, cut to the 33 bytes that fill 44 characters.
    pub(super) fn identify(self, pieces: &[&[u8]]) -> [u8; 33] {
        match self {
            Self::Nist => start_of(&sha384(pieces)),
            Self::Sodium => blake2b::hash(pieces),
        }
    }

    /// The keys under which PASERK's operation `pie` wraps a key with another one.
    pub(super) fn wrapping_keys(self, wrapping_key: &[u8; 32], nonce: &[u8]) -> MessageKeys {
        match self {
            Self::Nist => {
                let key = HmacKey::new(Hash::Sha384, wrapping_key);
                let derived = key.sign_pieces(&[b"\x80", nonce]);
                let authentication = key.sign_pieces(&[b"\x81", nonce]);
                let (encryption, counter) = derived.as_ref().split_at(32);
                MessageKeys::nist(encryption, counter, &authentication.as_ref()[..32])
            }
            Self::Sodium => {
                let encryption = blake2b::keyed(wrapping_key, &[b"\x80", nonce]);
                let authentication = blake2b::keyed(wrapping_key, &[b"\x81", nonce]);
                MessageKeys::sodium(encryption, authentication)
            }
        }
    }

    /// The keys under which PASERK wraps a key with what was derived from a password.
    pub(super) fn password_keys(self, derived: &[u8; 32], nonce: &[u8]) -> MessageKeys {
        match self {
            Self::Nist => {
                let encryption = Zeroizing::new(sha384(&[b"\xff", derived]));
                let authentication = Zeroizing::new(sha384(&[b"\xfe", derived]));
                MessageKeys::nist(&encryption[..32], nonce, authentication.as_slice())
            }
            Self::Sodium => {
                let encryption = blake2b::hash(&[b"\xff", derived]);
                let authentication = blake2b::hash(&[b"\xfe", derived]);
                MessageKeys::sodium(with_nonce(encryption, nonce), authentication)
            }
        }
    }
}

impl MessageKeys {
    /// The keys of AES-256-CTR (32 bytes, and a counter block of 16) and of HMAC-SHA-384.
    pub(super) fn nist(encryption: &[u8], counter: &[u8], authentication: &[u8]) -> Self {
        Self::Nist {
            encryption: Zeroizing::new(start_of(encryption)),
            counter: start_of(counter),
            authentication: Box::new(HmacKey::new(Hash::Sha384, authentication)),
        }
    }

    /// The keys of XChaCha20 (32 bytes, and a nonce of 24) and of BLAKE2b.
    pub(super) fn sodium(encryption: [u8; 56], authentication: [u8; 32]) -> Self {
        Self::Sodium {
            encryption: Zeroizing::new(encryption),
            authentication: Zeroizing::new(authentication),
        }
    }

    /// Encrypts or decrypts `data` in place, from its byte `start` on. With [`SPARE`] bytes to spare it is not moved.
    fn apply(&self, data: &mut Vec<u8>, start: usize) {
        match self {
            Self::Nist { encryption, counter, .. } => {
                aes_ctr::apply(encryption, counter, &mut data[start..]);
            }
            Self::Sodium { encryption, .. } => {
                let halves = encryption.split_first_chunk();
                let (key, nonce) = halves
                    .and_then(|(key, nonce)| Some((key, nonce.first_chunk()?)))
                    .expect("56 bytes are a key of 32 and a nonce of 24");
                xchacha::apply(key, nonce, data, start)
                    .expect("no token and no key has the 256 GiB that XChaCha20 cannot encrypt");
            }
        }
    }

    /// The data, encrypted or decrypted.
    pub(super) fn applied(&self, data: &[u8]) -> Vec<u8> {
        let mut applied = Vec::with_capacity(data.len() + SPARE);
        applied.extend_from_slice(data);
        self.apply(&mut applied, 0);
        applied
    }

    /// The tag of the pieces, one after the other.
    pub(super) fn tag(&self, pieces: &[&[u8]]) -> Tag {
        match self {
            Self::Nist { authentication, .. } => {
                Tag { bytes: start_of(authentication.sign_pieces(pieces).as_ref()), length: 48 }
            }
            Self::Sodium { authentication, .. } => {
                let mut hash = Keyed::<[u8; 32]>::new(authentication.as_slice());
                for piece in pieces {
                    hash.update(piece);
                }
                let mut bytes = [0; LONGEST_TAG];
                bytes[..32].copy_from_slice(&hash.finish());
                Tag { bytes, length: 32 }
            }
        }
    }

    /// Whether `tag` is the whole tag of the pieces; compared in constant time.
    pub(super) fn verify(&self, pieces: &[&[u8]], tag: &[u8]) -> bool {
        constant_time_eq(self.tag(pieces).as_ref(), tag)
    }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A local key that encrypts with keys derived for each token from its nonce, and authenticates the ciphertext with
/// all that the token is bound to. The body of the token: nonce, ciphertext, tag.
pub(super) trait EncryptThenMac: Send + Sync {
    const SUITE: Suite;

    /// The nonce of a message: random numbers, with or without a share of the message.
    fn nonce(&self, seed: &[u8; NONCE], _message: &[u8]) -> [u8; NONCE] {
        *seed
    }

    /// The keys of the message with this nonce.
    fn split(&self, nonce: &[u8; NONCE]) -> MessageKeys;
}

const NONCE: usize = 32;

/// Room behind a message for the cipher to work in, and for a tag.
const SPARE: usize = xchacha::STRIDE;

impl<T: EncryptThenMac> Local for T {
    fn seal(&self, message: &[u8], seed: &[u8; 32], context: &Context<'_>) -> Vec<u8> {
        let nonce = self.nonce(seed, message);
        let keys = self.split(&nonce);
        let mut body = Vec::with_capacity(NONCE + message.len() + SPARE);
        body.extend_from_slice(&nonce);
        body.extend_from_slice(message);
        keys.apply(&mut body, NONCE);
        let tag = keys.tag(&context.encode(&[&nonce, &body[NONCE..]]).parts());
        body.extend_from_slice(tag.as_ref());
        body
    }

    fn open(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>> {
        let pieces = body.split_first_chunk::<NONCE>().and_then(|(nonce, rest)| {
            let (ciphertext, tag) = rest.split_at_checked(rest.len().checked_sub(T::SUITE.tag_length())?)?;
            Some((nonce, ciphertext, tag))
        });
        let (nonce, ciphertext, tag) =
            pieces.ok_or_else(|| malformed("the token is too short for a nonce and a tag"))?;
        let keys = self.split(nonce);
        if !keys.verify(&context.encode(&[nonce, ciphertext]).parts(), tag) {
            return Err(PasetoError::KeyVerification.into());
        }
        Ok(keys.applied(ciphertext))
    }
}

/// A key of XChaCha20 and the nonce behind it.
pub(super) fn with_nonce(key: [u8; 32], nonce: &[u8]) -> [u8; 56] {
    let mut both = [0; 56];
    both[..32].copy_from_slice(&key);
    both[32..].copy_from_slice(nonce);
    both
}

/// The first `N` bytes, of which the callers have at least as many.
pub(super) fn start_of<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut start = [0; N];
    start.copy_from_slice(&bytes[..N]);
    start
}
