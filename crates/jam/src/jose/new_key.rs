//! New keys.

use zeroize::Zeroizing;

use super::algorithm::{Algorithm, Primitive};
use super::jwe::{ContentEncryption, KeyManagement, Management};
use super::jwk::{Jwk, Material};
use crate::crypto::ecdsa::Curve;
#[cfg(feature = "ml-dsa")]
use crate::crypto::ml_dsa::ParameterSet;
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
    /// An ML-DSA-44 key (`AKP`).
    #[cfg(feature = "ml-dsa")]
    MlDsa44,
    /// An ML-DSA-65 key (`AKP`).
    #[cfg(feature = "ml-dsa")]
    MlDsa65,
    /// An ML-DSA-87 key (`AKP`).
    #[cfg(feature = "ml-dsa")]
    MlDsa87,
}

impl NewKey {
    /// What the names of RFC 7517 and 7518 ask for: a key type, a curve for `EC` and `OKP`, a length in bits for `oct`
    /// and `RSA`. What is left out is chosen to suit the algorithm, if one is named, else 256 bits of secret, 2048
    /// bits of RSA, P-256 or Ed25519. An algorithm that Jam does not know may be named, too.
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
        let purpose = algorithm.map(Purpose::of);
        let wanted = purpose.and_then(Purpose::usual_key);
        let key = match (key_type, curve) {
            ("oct", None) => match (bits, wanted) {
                (Some(bits), _) => Self::Oct { bits },
                (None, Some(key @ Self::Oct { .. })) => key,
                (None, _) => Self::Oct { bits: 256 },
            },
            ("RSA", None) => Self::Rsa { bits: bits.unwrap_or(2048) },
            ("oct" | "RSA", Some(_)) => {
                return Err(Error::validation(format!("a key of type {key_type} has a length and no curve")));
            }
            ("EC" | "OKP", _) if bits.is_some() => {
                return Err(Error::validation(format!("a key of type {key_type} has a curve and no length")));
            }
            ("EC", None) => wanted.filter(|key| key.curve().is_some()).unwrap_or(Self::EcP256),
            ("EC", Some("P-256")) => Self::EcP256,
            ("EC", Some("P-384")) => Self::EcP384,
            ("EC", Some("P-521")) => Self::EcP521,
            ("EC", Some("secp256k1")) => Self::EcSecp256k1,
            ("EC", Some(_)) => {
                return Err(Error::validation("the curve of an EC key is P-256, P-384, P-521 or secp256k1"));
            }
            ("OKP", None) if purpose.is_some_and(Purpose::is_agreement) => Self::X25519,
            ("OKP", None | Some("Ed25519")) => Self::Ed25519,
            ("OKP", Some("X25519")) => Self::X25519,
            ("OKP", Some(_)) => {
                return Err(Error::validation("the curve of an OKP key is Ed25519 or X25519"));
            }
            #[cfg(feature = "ml-dsa")]
            ("AKP", None) => match wanted {
                Some(key @ (Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87)) if bits.is_none() => key,
                _ => {
                    return Err(Error::validation(
                        "a key of type AKP is of the algorithm ML-DSA-44, ML-DSA-65 or ML-DSA-87, and has no length",
                    ));
                }
            },
            _ => return Err(Error::validation("the type of a key is oct, RSA, EC or OKP")),
        };
        if purpose.is_some_and(|purpose| !purpose.takes(key)) {
            return Err(Error::validation(
                "the algorithm works with another kind of key, or one of another length",
            ));
        }
        Ok(key)
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

/// What the algorithm of a new key does.
#[derive(Clone, Copy)]
enum Purpose {
    Signature(Primitive),
    KeyManagement(Management),
    ContentEncryption(ContentEncryption),
    /// An algorithm that Jam does not know.
    Other,
}

impl Purpose {
    fn of(name: &str) -> Self {
        let signature =
            || name.parse().ok().map(|algorithm: Algorithm| Self::Signature(algorithm.primitive()));
        let management =
            || name.parse().ok().map(|algorithm: KeyManagement| Self::KeyManagement(algorithm.management()));
        let encryption = || name.parse().ok().map(Self::ContentEncryption);
        signature().or_else(management).or_else(encryption).unwrap_or(Self::Other)
    }

    /// The key that is made for it unless another one is asked for.
    fn usual_key(self) -> Option<NewKey> {
        let secret = |bytes: usize| Some(NewKey::Oct { bits: bytes as u32 * 8 });
        match self {
            Self::Signature(Primitive::Hmac(hash)) => secret(hash.length()),
            Self::Signature(Primitive::Ecdsa(curve)) => Some(match curve {
                Curve::P256 => NewKey::EcP256,
                Curve::P384 => NewKey::EcP384,
                Curve::P521 => NewKey::EcP521,
                Curve::Secp256k1 => NewKey::EcSecp256k1,
            }),
            #[cfg(feature = "ml-dsa")]
            Self::Signature(Primitive::MlDsa(parameters)) => Some(match parameters {
                ParameterSet::MlDsa44 => NewKey::MlDsa44,
                ParameterSet::MlDsa65 => NewKey::MlDsa65,
                ParameterSet::MlDsa87 => NewKey::MlDsa87,
            }),
            Self::KeyManagement(Management::AesKeyWrap(bytes) | Management::AesGcmKeyWrap(bytes)) => {
                secret(bytes)
            }
            Self::ContentEncryption(encryption) => secret(encryption.key_length()),
            _ => None,
        }
    }

    fn is_agreement(self) -> bool {
        matches!(self, Self::KeyManagement(Management::Agreement(_)))
    }

    fn takes(self, key: NewKey) -> bool {
        match (self, key) {
            (Self::Signature(Primitive::Hmac(hash)), NewKey::Oct { bits }) => {
                bits as usize >= hash.length() * 8
            }
            (Self::Signature(Primitive::Rsa(..)), NewKey::Rsa { .. })
            | (Self::Signature(Primitive::Ed25519), NewKey::Ed25519)
            | (Self::KeyManagement(Management::RsaOaep(_)), NewKey::Rsa { .. })
            | (Self::KeyManagement(Management::Direct | Management::Password { .. }), NewKey::Oct { .. })
            | (Self::KeyManagement(Management::Agreement(_)), NewKey::X25519)
            | (Self::Other, _) => true,
            (Self::KeyManagement(Management::Agreement(_)), key) => {
                key.curve().is_some_and(|curve| curve != Curve::Secp256k1)
            }
            (Self::Signature(Primitive::Ecdsa(_)), key) => self.usual_key() == Some(key),
            #[cfg(feature = "ml-dsa")]
            (Self::Signature(Primitive::MlDsa(_)), key) => self.usual_key() == Some(key),
            (Self::KeyManagement(_) | Self::ContentEncryption(_), NewKey::Oct { .. }) => {
                self.usual_key() == Some(key)
            }
            _ => false,
        }
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
            #[cfg(feature = "ml-dsa")]
            NewKey::MlDsa44 => key_generation::ml_dsa(ParameterSet::MlDsa44)?,
            #[cfg(feature = "ml-dsa")]
            NewKey::MlDsa65 => key_generation::ml_dsa(ParameterSet::MlDsa65)?,
            #[cfg(feature = "ml-dsa")]
            NewKey::MlDsa87 => key_generation::ml_dsa(ParameterSet::MlDsa87)?,
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
