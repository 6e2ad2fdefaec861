//! The signature algorithms: one table, one row each.

use std::fmt;
use std::str::FromStr;

use super::jwk::Material;
use crate::crypto::Hash;
use crate::crypto::ecdsa::Curve;
use crate::crypto::key_encoding::KeyMaterial;
#[cfg(feature = "ml-dsa")]
use crate::crypto::ml_dsa::ParameterSet;
use crate::crypto::rsa::Padding;
use crate::{Error, JwtError};

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 8812 section 3.2, RFC 9864 section 2).
///
/// An algorithm belongs to a key; the header of a token never chooses one. `none` is not among them.
///
/// ```
/// use jam::jose::jws::Algorithm;
///
/// let algorithm: Algorithm = "ES256".parse()?;
/// assert_eq!(algorithm, Algorithm::Es256);
/// assert_eq!(algorithm.to_string(), "ES256");
/// assert!("none".parse::<Algorithm>().is_err());
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// ECDSA on secp256k1 with SHA-256.
    Es256K,
    /// Ed25519 under the older name, which may also mean Ed448 (RFC 8037 section 3.1).
    EdDsa,
    /// Ed25519 under the name that means nothing else (RFC 9864 section 2.2). A key signs and verifies under one of the two
    /// names, never under the other.
    Ed25519,
    /// ML-DSA-44 (RFC 9964).
    #[cfg(feature = "ml-dsa")]
    MlDsa44,
    /// ML-DSA-65 (RFC 9964).
    #[cfg(feature = "ml-dsa")]
    MlDsa65,
    /// ML-DSA-87 (RFC 9964).
    #[cfg(feature = "ml-dsa")]
    MlDsa87,
}

/// What an algorithm is made of, and with it which keys it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Primitive {
    /// An `oct` key, at least as long as the hash.
    Hmac(Hash),
    /// An `RSA` key of at least 2048 bits.
    Rsa(Padding, Hash),
    /// An `EC` key on this curve.
    Ecdsa(Curve),
    /// An `OKP` key on Ed25519.
    Ed25519,
    /// An `AKP` key of this parameter set.
    #[cfg(feature = "ml-dsa")]
    MlDsa(ParameterSet),
}

struct Row {
    algorithm: Algorithm,
    name: &'static str,
    primitive: Primitive,
}

const fn row(algorithm: Algorithm, name: &'static str, primitive: Primitive) -> Row {
    Row { algorithm, name, primitive }
}

/// In the order of the variants, which `Algorithm::row` relies on.
const TABLE: &[Row] = &[
    row(Algorithm::Hs256, "HS256", Primitive::Hmac(Hash::Sha256)),
    row(Algorithm::Hs384, "HS384", Primitive::Hmac(Hash::Sha384)),
    row(Algorithm::Hs512, "HS512", Primitive::Hmac(Hash::Sha512)),
    row(Algorithm::Rs256, "RS256", Primitive::Rsa(Padding::Pkcs1, Hash::Sha256)),
    row(Algorithm::Rs384, "RS384", Primitive::Rsa(Padding::Pkcs1, Hash::Sha384)),
    row(Algorithm::Rs512, "RS512", Primitive::Rsa(Padding::Pkcs1, Hash::Sha512)),
    row(Algorithm::Ps256, "PS256", Primitive::Rsa(Padding::Pss, Hash::Sha256)),
    row(Algorithm::Ps384, "PS384", Primitive::Rsa(Padding::Pss, Hash::Sha384)),
    row(Algorithm::Ps512, "PS512", Primitive::Rsa(Padding::Pss, Hash::Sha512)),
    row(Algorithm::Es256, "ES256", Primitive::Ecdsa(Curve::P256)),
    row(Algorithm::Es384, "ES384", Primitive::Ecdsa(Curve::P384)),
    row(Algorithm::Es512, "ES512", Primitive::Ecdsa(Curve::P521)),
    row(Algorithm::Es256K, "ES256K", Primitive::Ecdsa(Curve::Secp256k1)),
    row(Algorithm::EdDsa, "EdDSA", Primitive::Ed25519),
    row(Algorithm::Ed25519, "Ed25519", Primitive::Ed25519),
    #[cfg(feature = "ml-dsa")]
    row(Algorithm::MlDsa44, "ML-DSA-44", Primitive::MlDsa(ParameterSet::MlDsa44)),
    #[cfg(feature = "ml-dsa")]
    row(Algorithm::MlDsa65, "ML-DSA-65", Primitive::MlDsa(ParameterSet::MlDsa65)),
    #[cfg(feature = "ml-dsa")]
    row(Algorithm::MlDsa87, "ML-DSA-87", Primitive::MlDsa(ParameterSet::MlDsa87)),
];

impl Algorithm {
    /// All algorithms, in the order of the RFCs.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.algorithm)
    }

    /// The value of the header parameter `alg`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether one and the same secret signs and verifies.
    pub fn is_symmetric(self) -> bool {
        matches!(self.primitive(), Primitive::Hmac(_))
    }

    pub(crate) fn primitive(self) -> Primitive {
        self.row().primitive
    }

    /// Whether this is the kind of key that the algorithm works with. Its length is another question.
    pub(crate) fn takes(self, key: &Material) -> bool {
        match (self.primitive(), key) {
            (Primitive::Hmac(_), Material::Symmetric(_))
            | (Primitive::Rsa(..), Material::Asymmetric(KeyMaterial::Rsa { .. }))
            | (Primitive::Ed25519, Material::Asymmetric(KeyMaterial::Ed25519 { .. })) => true,
            (Primitive::Ecdsa(wanted), Material::Asymmetric(KeyMaterial::Ec { curve, .. })) => {
                wanted == *curve
            }
            #[cfg(feature = "ml-dsa")]
            (Primitive::MlDsa(wanted), Material::Asymmetric(KeyMaterial::MlDsa { parameters, .. })) => {
                wanted == *parameters
            }
            _ => false,
        }
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// Reads the exact name; it is case-sensitive (RFC 7515 section 4.1.1).
    fn from_str(name: &str) -> Result<Self, Error> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.algorithm).ok_or_else(|| {
            let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
            let hint = other_case(name, &names);
            JwtError::UnsupportedAlgorithm(
                format!("the algorithm must be one of {}{hint}", names.join(", ")).into(),
            )
            .into()
        })
    }
}

/// A hint for a name that was written with other letters, large or small: algorithms are told apart by them.
pub(super) fn other_case(given: &str, names: &[&str]) -> String {
    let meant = names.iter().find(|name| name.eq_ignore_ascii_case(given));
    meant.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_at_the_place_of_its_variant() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.algorithm as usize, place);
            assert_eq!(row.name.parse(), Ok(row.algorithm));
        }
    }

    #[test]
    fn no_spelling_of_none_is_an_algorithm() {
        // attack 1
        for name in ["none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "RSA1_5"] {
            assert!(name.parse::<Algorithm>().is_err(), "{name:?}");
        }
    }
}
