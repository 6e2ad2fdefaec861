//! RSA with 4096 bits and without padding, for key encapsulation: what is encrypted is a random number as long as the
//! modulus, and what leaves this module is hashed before it is of any use (RSA-KEM, RFC 5990).

use std::fmt;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{NonZero, Odd, U2048, U4096, Uint};
use zeroize::{Zeroize, Zeroizing};

use super::rsa::{self, Padding, PrivateNumbers, PublicNumbers};
use super::{Hash, random};
use crate::KeyError;

/// The length of the modulus, of a random number and of its ciphertext, in bytes.
pub(crate) const LENGTH: usize = 512;

const PRIME_LENGTH: usize = LENGTH / 2;
const EXPONENT: u32 = 65_537;
const EXPONENT_BITS: u32 = 17;

type Modulus<const LIMBS: usize> = FixedMontyParams<LIMBS>;
type Residue<const LIMBS: usize> = FixedMontyForm<LIMBS>;

/// A public key, prepared for encryption.
#[derive(Clone)]
pub(crate) struct PublicKey(Modulus<{ U4096::LIMBS }>);

/// A private key, prepared for decryption with the Chinese remainder theorem (RFC 8017 section 5.1.2).
pub(crate) struct PrivateKey {
    public: PublicKey,
    first: Prime,
    second: Prime,
    /// The inverse of the second prime modulo the first.
    coefficient: Zeroizing<U2048>,
}

/// A prime, and the private exponent modulo one less than it.
struct Prime {
    modulus: Zeroizing<Modulus<{ U2048::LIMBS }>>,
    exponent: Zeroizing<U2048>,
}

impl PublicKey {
    /// Prepares a key with a modulus of exactly 4096 bits and the exponent 65537.
    pub(crate) fn new(numbers: &PublicNumbers) -> Result<Self, KeyError> {
        numbers.check()?;
        let is_long = numbers.modulus.len() == LENGTH && numbers.modulus[0] >= 0x80;
        if !is_long || numbers.exponent != [1, 0, 1] {
            return Err(KeyError::WrongKind(
                "an RSA key that seals has 4096 bits and the public exponent 65537".into(),
            ));
        }
        let modulus = Option::from(Odd::new(U4096::from_be_slice(&numbers.modulus)));
        modulus.map(|modulus| Self(Modulus::new_vartime(modulus))).ok_or_else(unfit)
    }

    /// A random number that is smaller than every modulus of this size, and its ciphertext.
    pub(crate) fn encapsulate(&self) -> (Zeroizing<[u8; LENGTH]>, [u8; LENGTH]) {
        let mut number = Zeroizing::new([0; LENGTH]);
        random(number.as_mut_slice());
        // The first bit keeps it below the modulus, the second one makes its power larger than the modulus.
        number[0] = number[0] & 0x7f | 0x40;
        let ciphertext = self.encrypt(&number);
        (number, ciphertext)
    }

    /// Raises `number`, which is smaller than the modulus, to the public exponent.
    fn encrypt(&self, number: &[u8; LENGTH]) -> [u8; LENGTH] {
        let number = Zeroizing::new(U4096::from_be_slice(number));
        to_bytes(&self.power(&number).retrieve())
    }

    fn power(&self, number: &U4096) -> Residue<{ U4096::LIMBS }> {
        let number = Zeroizing::new(Residue::new(number, &self.0));
        number.pow_bounded_exp(&Uint::<1>::from_u32(EXPONENT), EXPONENT_BITS)
    }
}

impl PrivateKey {
    /// Prepares a key; all numbers must fit each other, and the primes must be of one size.
    pub(crate) fn new(numbers: &PublicNumbers, private: &PrivateNumbers) -> Result<Self, KeyError> {
        let public = PublicKey::new(numbers)?;
        // Only to have the numbers checked against each other: no signature is ever made.
        rsa::PrivateKey::new(Padding::Pss, Hash::Sha384, numbers, private)?;
        Ok(Self {
            public,
            first: Prime::new(private.first_prime.expose(), private.first_exponent.expose())?,
            second: Prime::new(private.second_prime.expose(), private.second_exponent.expose())?,
            coefficient: half(private.coefficient.expose())?,
        })
    }

    /// The random number of a ciphertext. `None` when the ciphertext is not smaller than the modulus.
    ///
    /// The time does not depend on the key; it is decrypted in the company of a random factor, so that the
    /// ciphertext does not choose the numbers that are computed with.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8; LENGTH]) -> Option<Zeroizing<[u8; LENGTH]>> {
        let ciphertext = U4096::from_be_slice(ciphertext);
        if ciphertext >= *self.public.0.modulus().as_ref() {
            return None;
        }
        let mut factor = Zeroizing::new([0; LENGTH]);
        random(factor.as_mut_slice());
        factor[0] &= 0x7f;
        let factor = Zeroizing::new(U4096::from_be_slice(factor.as_slice()));
        let inverse = Residue::new(&factor, &self.public.0).invert();
        // A factor that has none would hold a prime of the key.
        let inverse: Zeroizing<Residue<_>> = Zeroizing::new(Option::from(inverse)?);
        let blinded = Residue::new(&ciphertext, &self.public.0).mul(&self.public.power(&factor));
        let blinded = Zeroizing::new(self.decrypt(&blinded.retrieve()));
        let number = Zeroizing::new(Residue::new(&blinded, &self.public.0).mul(&inverse).retrieve());
        Some(Zeroizing::new(to_bytes(&number)))
    }

    /// Raises a number below the modulus to the private exponent.
    fn decrypt(&self, number: &U4096) -> U4096 {
        let first = Zeroizing::new(self.first.power(number));
        let second = Zeroizing::new(self.second.power(number).retrieve());
        let difference = Zeroizing::new(first.sub(&self.first.residue(&second)));
        let coefficient = Zeroizing::new(self.first.residue(&self.coefficient));
        let multiple = Zeroizing::new(difference.mul(&coefficient).retrieve());
        let product: U4096 = self.second.modulus.modulus().as_ref().concatenating_mul(&multiple);
        product.wrapping_add(&second.resize())
    }
}

impl Prime {
    fn new(prime: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let prime = half(prime)?;
        let is_long = prime.bit_width() == U2048::BITS;
        let modulus = Option::from(Odd::new(*prime)).filter(|_| is_long).ok_or_else(unfit)?;
        Ok(Self { modulus: Zeroizing::new(Modulus::new(modulus)), exponent: half(exponent)? })
    }

    /// The number modulo the prime.
    fn residue(&self, number: &U2048) -> Residue<{ U2048::LIMBS }> {
        Residue::new(number, &self.modulus)
    }

    /// The number, raised to the private exponent.
    fn power(&self, number: &U4096) -> Residue<{ U2048::LIMBS }> {
        let prime: &NonZero<U2048> = self.modulus.modulus().as_nz_ref();
        let rest = Zeroizing::new(number.rem(prime));
        self.residue(&rest).pow(&*self.exponent)
    }
}

/// A number of at most half the modulus' length.
fn half(bytes: &[u8]) -> Result<Zeroizing<U2048>, KeyError> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = &bytes[start..];
    let missing = PRIME_LENGTH.checked_sub(bytes.len()).ok_or_else(unfit)?;
    let mut whole = Zeroizing::new([0; PRIME_LENGTH]);
    whole[missing..].copy_from_slice(bytes);
    Ok(Zeroizing::new(U2048::from_be_slice(whole.as_slice())))
}

fn to_bytes(number: &U4096) -> [u8; LENGTH] {
    let mut encoded = number.to_be_bytes();
    let mut bytes = [0; LENGTH];
    bytes.copy_from_slice(encoded.as_ref());
    encoded.zeroize();
    bytes
}

fn unfit() -> KeyError {
    KeyError::Malformed("an RSA key that seals has two primes of 2048 bits each".into())
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("rsa_kem::PublicKey")
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("rsa_kem::PrivateKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::key_encoding::KeyMaterial;

    fn key_pair(bits: u32) -> (PublicNumbers, PrivateNumbers) {
        let pem = crate::keygen::generate_rsa_key_pair(bits).unwrap();
        match KeyMaterial::from_pem(pem.private.expose(), None).unwrap() {
            KeyMaterial::Rsa { public, private: Some(private) } => (public, private),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_one_half_encapsulates_the_other_one_opens() {
        let (public, private) = key_pair(4096);
        let (public, private) =
            (PublicKey::new(&public).unwrap(), PrivateKey::new(&public, &private).unwrap());
        for _ in 0..4 {
            let (number, ciphertext) = public.encapsulate();
            assert_eq!(private.decapsulate(&ciphertext).unwrap(), number);
        }
        // The ends of the range: 0 and 1 are their own powers, and so is one less than the modulus.
        let mut one = [0; LENGTH];
        one[LENGTH - 1] = 1;
        let modulus = *public.0.modulus().as_ref();
        let last = to_bytes(&modulus.wrapping_sub(&U4096::ONE));
        for number in [[0; LENGTH], one, last] {
            assert_eq!(public.encrypt(&number), number);
            assert_eq!(*private.decapsulate(&number).unwrap(), number);
        }
        for number in [to_bytes(&modulus), [0xff; LENGTH]] {
            assert_eq!(private.decapsulate(&number), None);
        }
    }

    #[test]
    fn keys_of_another_size_or_exponent_are_refused() {
        // attack 10
        let (public, private) = key_pair(2048);
        assert!(PublicKey::new(&public).is_err() && PrivateKey::new(&public, &private).is_err());
        let (public, private) = key_pair(4096);
        let other = PublicNumbers { exponent: vec![3], ..public.clone() };
        assert!(PublicKey::new(&other).is_err());
        let even =
            PublicNumbers { modulus: [&public.modulus[..LENGTH - 1], &[0]].concat(), ..public.clone() };
        assert!(PublicKey::new(&even).is_err());
        // attack 15
        let (foreign, _) = key_pair(4096);
        assert!(PrivateKey::new(&foreign, &private).is_err());
    }
}
