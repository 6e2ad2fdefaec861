//! RSA signatures: RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 section 8).

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, PublicKeyComponents};
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaSignatureEncoding};

use super::{Hash, warm_up};
use crate::KeyError;
use crate::secret::Secret;

/// The smallest modulus in bits (RFC 7518 section 3.3).
const SMALLEST_MODULUS: usize = 2048;
/// The largest modulus in bits. The work grows with the square of it, and a key may come from outside.
const LARGEST_MODULUS: usize = 8192;
/// The largest public exponent in bytes; the usual 65537 has three.
const LARGEST_EXPONENT: usize = 4;

/// How the hash is padded to the size of the modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Padding {
    /// RSASSA-PKCS1-v1_5.
    Pkcs1,
    /// RSASSA-PSS with MGF1 of the same hash and a salt as long as the hash (RFC 7518 section 3.5).
    Pss,
}

/// The public numbers of a key: big-endian, without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicNumbers {
    /// The modulus, n.
    pub(crate) modulus: Vec<u8>,
    /// The public exponent, e.
    pub(crate) exponent: Vec<u8>,
}

/// The private numbers of a key with two primes (RFC 8017 section 3.2): big-endian.
#[derive(Clone, Debug)]
pub(crate) struct PrivateNumbers {
    /// The private exponent, d.
    pub(crate) exponent: Secret<Vec<u8>>,
    /// The first prime, p.
    pub(crate) first_prime: Secret<Vec<u8>>,
    /// The second prime, q.
    pub(crate) second_prime: Secret<Vec<u8>>,
    /// d modulo p - 1.
    pub(crate) first_exponent: Secret<Vec<u8>>,
    /// d modulo q - 1.
    pub(crate) second_exponent: Secret<Vec<u8>>,
    /// The inverse of q modulo p.
    pub(crate) coefficient: Secret<Vec<u8>>,
}

/// A private key with the padding and the hash that it signs with.
pub(crate) struct PrivateKey {
    pair: KeyPair,
    encoding: &'static RsaSignatureEncoding,
}

/// A public key with the padding and the hash that it verifies.
#[derive(Clone)]
pub(crate) struct PublicKey {
    prepared: ParsedPublicKey,
    modulus_length: usize,
}

impl PublicNumbers {
    /// Takes big-endian numbers, with or without leading zeros.
    pub(crate) fn new(modulus: &[u8], exponent: &[u8]) -> Self {
        Self { modulus: without_leading_zeros(modulus), exponent: without_leading_zeros(exponent) }
    }

    /// Refuses what is not a usable key: a modulus of another size than 2048 to 8192 bits or an even one, a
    /// public exponent that is even, 1, or larger than 32 bits.
    pub(crate) fn check(&self) -> Result<(), KeyError> {
        let bits =
            self.modulus.len() * 8 - self.modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if bits < SMALLEST_MODULUS {
            return Err(KeyError::Weak(
                format!("an RSA key needs at least 2048 bits; this one has {bits}").into(),
            ));
        }
        if bits > LARGEST_MODULUS {
            return Err(KeyError::Malformed(
                format!("an RSA key may have at most 8192 bits; this one has {bits}").into(),
            ));
        }
        if is_even(&self.modulus) {
            return Err(KeyError::Malformed("the modulus of an RSA key is odd; this one is even".into()));
        }
        if is_even(&self.exponent) || self.exponent == [1] || self.exponent.len() > LARGEST_EXPONENT {
            return Err(KeyError::Weak(
                "the public exponent of an RSA key is an odd number from 3 to 2^32; 65537 is the usual one"
                    .into(),
            ));
        }
        Ok(())
    }
}

impl PrivateKey {
    /// Prepares a key. All numbers must fit each other, the public ones too.
    pub(crate) fn new(
        padding: Padding,
        hash: Hash,
        public: &PublicNumbers,
        private: &PrivateNumbers,
    ) -> Result<Self, KeyError> {
        public.check()?;
        warm_up();
        let pair = KeyPair::from_components(&aws_lc_rs::rsa::KeyPairComponents {
            public_key: PublicKeyComponents { n: &public.modulus, e: &public.exponent },
            d: private.exponent.expose(),
            p: private.first_prime.expose(),
            q: private.second_prime.expose(),
            dP: private.first_exponent.expose(),
            dQ: private.second_exponent.expose(),
            qInv: private.coefficient.expose(),
        })
        .map_err(|_| {
            KeyError::Malformed("the numbers of the RSA private key do not fit each other".into())
        })?;
        Ok(Self { pair, encoding: signing_encoding(padding, hash) })
    }

    /// The length of a signature in bytes: that of the modulus.
    pub(crate) fn signature_length(&self) -> usize {
        self.pair.public_modulus_len()
    }

    /// Signs `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.signature_length()];
        self.pair
            .sign(self.encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeyError::Malformed("the RSA key cannot sign".into()))?;
        Ok(signature)
    }
}

impl PublicKey {
    /// Prepares a key.
    pub(crate) fn new(padding: Padding, hash: Hash, numbers: &PublicNumbers) -> Result<Self, KeyError> {
        numbers.check()?;
        let prepared = PublicKeyComponents { n: &numbers.modulus, e: &numbers.exponent }
            .to_parsed_public_key(verification_parameters(padding, hash))
            .map_err(|_| KeyError::Malformed("this is no RSA public key".into()))?;
        Ok(Self { prepared, modulus_length: numbers.modulus.len() })
    }

    /// Whether `signature` is this key's signature of `message`. It must be exactly as long as the modulus
    /// (RFC 8017 sections 8.1.2 and 8.2.2, step 1).
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.modulus_length && self.prepared.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("rsa::PrivateKey([redacted])")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("rsa::PublicKey").field("modulus_length", &self.modulus_length).finish()
    }
}

fn without_leading_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// Whether a number without leading zeros is even; nothing at all is zero.
fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|byte| byte % 2 == 0)
}

/// The encoding of the signatures that JOSE knows; SHA-1 is not among them and falls to the strongest hash.
fn signing_encoding(padding: Padding, hash: Hash) -> &'static RsaSignatureEncoding {
    match (padding, hash) {
        (Padding::Pkcs1, Hash::Sha256) => &signature::RSA_PKCS1_SHA256,
        (Padding::Pkcs1, Hash::Sha384) => &signature::RSA_PKCS1_SHA384,
        (Padding::Pkcs1, _) => &signature::RSA_PKCS1_SHA512,
        (Padding::Pss, Hash::Sha256) => &signature::RSA_PSS_SHA256,
        (Padding::Pss, Hash::Sha384) => &signature::RSA_PSS_SHA384,
        (Padding::Pss, _) => &signature::RSA_PSS_SHA512,
    }
}

fn verification_parameters(padding: Padding, hash: Hash) -> &'static RsaParameters {
    match (padding, hash) {
        (Padding::Pkcs1, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Padding::Pkcs1, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Padding::Pkcs1, _) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (Padding::Pss, Hash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
        (Padding::Pss, Hash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
        (Padding::Pss, _) => &signature::RSA_PSS_2048_8192_SHA512,
    }
}
