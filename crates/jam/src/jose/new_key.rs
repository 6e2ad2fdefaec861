//! New keys.

use zeroize::Zeroizing;

use super::algorithm::{Algorithm, Primitive};
use super::jwk::{Jwk, Material};
use crate::crypto::ecdsa::Curve;
use crate::crypto::{key_generation, random};
use crate::{Error, Result};

/// What [`Jwk::generate`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewKey {
    /// A secret of so many bits: whole bytes, from 128 to 8192 bits.
    Oct {
        /// The length in bits.
        bits: u32,
    },
    /// An RSA key of 2048, 3072, 4096 or 8192 bits. Making one takes from a tenth of a second to many seconds.
    Rsa {
        /// The length of the modulus in bits.
        bits: u32,
    },
    /// An EC key on P-256.
    EcP256,
    /// An EC key on P-384.
    EcP384,
    /// An EC key on P-521.
    EcP521,
    /// An EC key on secp256k1, for ES256K.
    EcSecp256k1,
    /// An Ed25519 key, for EdDSA.
    Ed25519,
    /// An X25519 key, for key agreement.
    X25519,
}

impl NewKey {
    /// What the names of RFC 7517 and 7518 ask for: a key type, a curve for `EC` and `OKP`, a length in bits for `oct`
    /// and `RSA`. What is left out is chosen to suit the algorithm, if one is named, else 256 bits of secret, 2048
    /// bits of RSA, P-256 or Ed25519.
    ///
    /// ```
    /// use jam::jose::NewKey;
    ///
    /// assert_eq!(NewKey::from_names("EC", None, None, None)?, NewKey::EcP256);
    /// assert_eq!(NewKey::from_names("EC", Some("P-521"), None, None)?, NewKey::EcP521);
    /// assert_eq!(NewKey::from_names("oct", None, None, Some("HS512"))?, NewKey::Oct { bits: 512 });
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`] for an unknown name, for a curve or a length where there is none, and for an
    /// algorithm that does not work with such a key.
    pub fn from_names(
        key_type: &str,
        curve: Option<&str>,
        bits: Option<u32>,
        algorithm: Option<&str>,
    ) -> Result<Self> {
        let primitive = algorithm.and_then(|name| name.parse().ok()).map(Algorithm::primitive);
        let key = match (key_type, curve) {
            ("oct", None) => Self::Oct { bits: bits.unwrap_or_else(|| secret_bits(primitive)) },
            ("RSA", None) => Self::Rsa { bits: bits.unwrap_or(2048) },
            ("oct" | "RSA", Some(_)) => {
                return Err(Error::validation(format!("a key of type {key_type} has a length and no curve")));
            }
            ("EC" | "OKP", _) if bits.is_some() => {
                return Err(Error::validation(format!("a key of type {key_type} has a curve and no length")));
            }
            ("EC", curve) => match curve.unwrap_or_else(|| ec_curve(primitive)) {
                "P-256" => Self::EcP256,
                "P-384" => Self::EcP384,
                "P-521" => Self::EcP521,
                "secp256k1" => Self::EcSecp256k1,
                _ => {
                    return Err(Error::validation(
                        "the curve of an EC key is P-256, P-384, P-521 or secp256k1",
                    ));
                }
            },
            ("OKP", None | Some("Ed25519")) => Self::Ed25519,
            ("OKP", Some("X25519")) => Self::X25519,
            ("OKP", Some(_)) => {
                return Err(Error::validation("the curve of an OKP key is Ed25519 or X25519"));
            }
            _ => return Err(Error::validation("the type of a key is oct, RSA, EC or OKP")),
        };
        if primitive.is_some_and(|primitive| !key.suits(primitive)) {
            return Err(Error::validation(
                "the algorithm works with another kind of key, or with a longer one",
            ));
        }
        Ok(key)
    }

    fn suits(self, primitive: Primitive) -> bool {
        match (primitive, self) {
            (Primitive::Hmac(hash), Self::Oct { bits }) => bits as usize >= hash.length() * 8,
            (Primitive::Rsa(..), Self::Rsa { .. }) | (Primitive::Ed25519, Self::Ed25519) => true,
            (Primitive::Ecdsa(curve), key) => key.curve() == Some(curve),
            _ => false,
        }
    }

    fn curve(self) -> Option<Curve> {
        match self {
            Self::EcP256 => Some(Curve::P256),
            Self::EcP384 => Some(Curve::P384),
            Self::EcP521 => Some(Curve::P521),
            Self::EcSecp256k1 => Some(Curve::Secp256k1),
            _ => None,
        }
    }
}

fn secret_bits(primitive: Option<Primitive>) -> u32 {
    match primitive {
        Some(Primitive::Hmac(hash)) => hash.length() as u32 * 8,
        _ => 256,
    }
}

fn ec_curve(primitive: Option<Primitive>) -> &'static str {
    match primitive {
        Some(Primitive::Ecdsa(curve)) => curve.name(),
        _ => Curve::P256.name(),
    }
}

impl Jwk {
    /// A new random key, without a name.
    ///
    /// ```
    /// use jam::jose::{Jwk, NewKey};
    ///
    /// let key = Jwk::generate(NewKey::EcP256)?.with_key_id("2026").with_algorithm("ES256");
    /// assert!(key.is_private() && !key.public()?.is_private());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`] for a length that is not offered.
    pub fn generate(key: NewKey) -> Result<Self> {
        let generated = match key {
            NewKey::Oct { bits } => return symmetric(bits),
            NewKey::Rsa { bits } => key_generation::rsa(bits)?,
            NewKey::EcP256 => key_generation::elliptic_curve(Curve::P256)?,
            NewKey::EcP384 => key_generation::elliptic_curve(Curve::P384)?,
            NewKey::EcP521 => key_generation::elliptic_curve(Curve::P521)?,
            NewKey::EcSecp256k1 => key_generation::elliptic_curve(Curve::Secp256k1)?,
            NewKey::Ed25519 => key_generation::ed25519()?,
            NewKey::X25519 => key_generation::x25519()?,
        };
        Ok(Self::from_material(Material::Asymmetric(generated)))
    }
}

fn symmetric(bits: u32) -> Result<Jwk> {
    if !bits.is_multiple_of(8) || !(128..=8192).contains(&bits) {
        return Err(Error::validation("a secret has from 128 to 8192 bits, in whole bytes"));
    }
    let mut secret = Zeroizing::new(vec![0; bits as usize / 8]);
    random(&mut secret);
    Ok(Jwk::from_secret(secret.as_slice()))
}
