//! The algorithms of JSON Web Encryption: two tables, one row each.

use std::fmt;
use std::str::FromStr;

use super::agreement::AgreementKey;
use crate::crypto::Hash;
use crate::crypto::key_encoding::KeyMaterial;
use crate::jose::algorithm::other_case;
use crate::jose::jwk::Material;
use crate::jose::key_use::Operation;
use crate::{Error, JweError};

/// How the key that encrypts the content reaches the reader: `alg` (RFC 7518 section 4.1, RFC 8037 section 3.2).
///
/// An algorithm belongs to a key; the header of a token never chooses one. `RSA1_5` is not among them: who decrypts
/// it tells, by an error or by the time it takes, whether a padding was right, and that gives the content away.
///
/// ```
/// use jam::jose::jwe::KeyManagement;
///
/// let algorithm: KeyManagement = "ECDH-ES+A256KW".parse()?;
/// assert_eq!(algorithm, KeyManagement::EcdhEsA256Kw);
/// assert_eq!(algorithm.to_string(), "ECDH-ES+A256KW");
/// assert!("RSA1_5".parse::<KeyManagement>().is_err());
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyManagement {
    /// The shared key encrypts the content itself.
    #[default]
    Direct,
    /// AES key wrap with a shared key of 128 bits.
    A128Kw,
    /// AES key wrap with a shared key of 192 bits.
    A192Kw,
    /// AES key wrap with a shared key of 256 bits.
    A256Kw,
    /// AES-GCM with a shared key of 128 bits encrypts the key.
    A128GcmKw,
    /// AES-GCM with a shared key of 192 bits encrypts the key.
    A192GcmKw,
    /// AES-GCM with a shared key of 256 bits encrypts the key.
    A256GcmKw,
    /// RSAES-OAEP with SHA-1.
    RsaOaep,
    /// RSAES-OAEP with SHA-256.
    RsaOaep256,
    /// RSAES-OAEP with SHA-384.
    RsaOaep384,
    /// RSAES-OAEP with SHA-512.
    RsaOaep512,
    /// The key is agreed on by Diffie-Hellman.
    EcdhEs,
    /// A key agreed on by Diffie-Hellman wraps the key: AES key wrap with 128 bits.
    EcdhEsA128Kw,
    /// A key agreed on by Diffie-Hellman wraps the key: AES key wrap with 192 bits.
    EcdhEsA192Kw,
    /// A key agreed on by Diffie-Hellman wraps the key: AES key wrap with 256 bits.
    EcdhEsA256Kw,
    /// A key from a password, by PBKDF2 with HMAC-SHA-256, wraps the key: AES key wrap with 128 bits.
    Pbes2Hs256A128Kw,
    /// A key from a password, by PBKDF2 with HMAC-SHA-384, wraps the key: AES key wrap with 192 bits.
    Pbes2Hs384A192Kw,
    /// A key from a password, by PBKDF2 with HMAC-SHA-512, wraps the key: AES key wrap with 256 bits.
    Pbes2Hs512A256Kw,
}

/// What a key management algorithm is made of, and with it which keys it takes. Lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Management {
    /// An `oct` key of the content encryption's length.
    Direct,
    /// An `oct` key of this length.
    AesKeyWrap(usize),
    /// An `oct` key of this length.
    AesGcmKeyWrap(usize),
    /// An `RSA` key of at least 2048 bits.
    RsaOaep(Hash),
    /// An `EC` key on P-256, P-384 or P-521, or an `OKP` key on X25519. The agreed key is the content's, or wraps it and
    /// then has this length.
    Agreement(Option<usize>),
    /// An `oct` key that is a password. The derived key, which wraps the content's, has the length `wrap`.
    Password {
        /// The hash of PBKDF2.
        hash: Hash,
        /// The length of the derived key.
        wrap: usize,
        /// How often the hash is iterated when nothing else is asked for: as many times as the OWASP Password Storage
        /// Cheat Sheet has it for SHA-256 and SHA-512.
        iterations: u32,
    },
}

/// How the content is encrypted: `enc` (RFC 7518 section 5.1).
///
/// ```
/// use jam::jose::jwe::ContentEncryption;
///
/// let encryption: ContentEncryption = "A256GCM".parse()?;
/// assert_eq!(encryption, ContentEncryption::A256Gcm);
/// assert_eq!(encryption.key_length(), 32);
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentEncryption {
    /// AES-CBC with 128 bits and HMAC-SHA-256.
    A128CbcHs256,
    /// AES-CBC with 192 bits and HMAC-SHA-384.
    A192CbcHs384,
    /// AES-CBC with 256 bits and HMAC-SHA-512.
    A256CbcHs512,
    /// AES-GCM with 128 bits.
    A128Gcm,
    /// AES-GCM with 192 bits.
    A192Gcm,
    /// AES-GCM with 256 bits.
    #[default]
    A256Gcm,
}

/// What a content encryption is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    /// AES_CBC_HMAC_SHA2.
    CbcHmac,
    /// AES-GCM.
    Gcm,
}

struct ManagementRow {
    algorithm: KeyManagement,
    name: &'static str,
    management: Management,
}

struct EncryptionRow {
    encryption: ContentEncryption,
    name: &'static str,
    cipher: Cipher,
    key_length: usize,
}

const fn managed(algorithm: KeyManagement, name: &'static str, management: Management) -> ManagementRow {
    ManagementRow { algorithm, name, management }
}

const fn password(hash: Hash, wrap: usize, iterations: u32) -> Management {
    Management::Password { hash, wrap, iterations }
}

const fn encrypted(
    encryption: ContentEncryption,
    name: &'static str,
    cipher: Cipher,
    key_length: usize,
) -> EncryptionRow {
    EncryptionRow { encryption, name, cipher, key_length }
}

/// In the order of the variants, which `KeyManagement::row` relies on.
const MANAGEMENTS: [ManagementRow; 18] = [
    managed(KeyManagement::Direct, "dir", Management::Direct),
    managed(KeyManagement::A128Kw, "A128KW", Management::AesKeyWrap(16)),
    managed(KeyManagement::A192Kw, "A192KW", Management::AesKeyWrap(24)),
    managed(KeyManagement::A256Kw, "A256KW", Management::AesKeyWrap(32)),
    managed(KeyManagement::A128GcmKw, "A128GCMKW", Management::AesGcmKeyWrap(16)),
    managed(KeyManagement::A192GcmKw, "A192GCMKW", Management::AesGcmKeyWrap(24)),
    managed(KeyManagement::A256GcmKw, "A256GCMKW", Management::AesGcmKeyWrap(32)),
    managed(KeyManagement::RsaOaep, "RSA-OAEP", Management::RsaOaep(Hash::Sha1)),
    managed(KeyManagement::RsaOaep256, "RSA-OAEP-256", Management::RsaOaep(Hash::Sha256)),
    managed(KeyManagement::RsaOaep384, "RSA-OAEP-384", Management::RsaOaep(Hash::Sha384)),
    managed(KeyManagement::RsaOaep512, "RSA-OAEP-512", Management::RsaOaep(Hash::Sha512)),
    managed(KeyManagement::EcdhEs, "ECDH-ES", Management::Agreement(None)),
    managed(KeyManagement::EcdhEsA128Kw, "ECDH-ES+A128KW", Management::Agreement(Some(16))),
    managed(KeyManagement::EcdhEsA192Kw, "ECDH-ES+A192KW", Management::Agreement(Some(24))),
    managed(KeyManagement::EcdhEsA256Kw, "ECDH-ES+A256KW", Management::Agreement(Some(32))),
    managed(KeyManagement::Pbes2Hs256A128Kw, "PBES2-HS256+A128KW", password(Hash::Sha256, 16, 600_000)),
    managed(KeyManagement::Pbes2Hs384A192Kw, "PBES2-HS384+A192KW", password(Hash::Sha384, 24, 210_000)),
    managed(KeyManagement::Pbes2Hs512A256Kw, "PBES2-HS512+A256KW", password(Hash::Sha512, 32, 210_000)),
];

/// In the order of the variants, which `ContentEncryption::row` relies on.
const ENCRYPTIONS: [EncryptionRow; 6] = [
    encrypted(ContentEncryption::A128CbcHs256, "A128CBC-HS256", Cipher::CbcHmac, 32),
    encrypted(ContentEncryption::A192CbcHs384, "A192CBC-HS384", Cipher::CbcHmac, 48),
    encrypted(ContentEncryption::A256CbcHs512, "A256CBC-HS512", Cipher::CbcHmac, 64),
    encrypted(ContentEncryption::A128Gcm, "A128GCM", Cipher::Gcm, 16),
    encrypted(ContentEncryption::A192Gcm, "A192GCM", Cipher::Gcm, 24),
    encrypted(ContentEncryption::A256Gcm, "A256GCM", Cipher::Gcm, 32),
];

impl KeyManagement {
    /// All algorithms, in the order of the RFCs.
    pub fn all() -> impl Iterator<Item = Self> {
        MANAGEMENTS.iter().map(|row| row.algorithm)
    }

    /// The value of the header parameter `alg`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether one and the same secret encrypts and decrypts.
    pub fn is_symmetric(self) -> bool {
        !matches!(self.management(), Management::RsaOaep(_) | Management::Agreement(_))
    }

    /// Whether the key is a password (PBES2).
    pub fn is_password_based(self) -> bool {
        matches!(self.management(), Management::Password { .. })
    }

    /// The length in bytes of the shared key that the algorithm takes; `None` where it takes another kind of key or
    /// one of any length.
    pub fn key_length(self, encryption: ContentEncryption) -> Option<usize> {
        match self.management() {
            Management::Direct => Some(encryption.key_length()),
            Management::AesKeyWrap(length) | Management::AesGcmKeyWrap(length) => Some(length),
            _ => None,
        }
    }

    pub(crate) fn management(self) -> Management {
        self.row().management
    }

    /// What is done with the key to encrypt and to decrypt (RFC 7517 section 4.3).
    pub(crate) fn operations(self) -> [Operation; 2] {
        match self.management() {
            Management::Direct => [Operation::Encrypt, Operation::Decrypt],
            Management::AesKeyWrap(_) | Management::AesGcmKeyWrap(_) | Management::RsaOaep(_) => {
                [Operation::WrapKey, Operation::UnwrapKey]
            }
            Management::Agreement(_) | Management::Password { .. } => [Operation::DeriveKey; 2],
        }
    }

    /// Whether this is the kind of key that the algorithm works with. The length of a shared key is part of it.
    pub(crate) fn takes(self, key: &Material) -> bool {
        match (self.management(), key) {
            (Management::RsaOaep(_), Material::Asymmetric(KeyMaterial::Rsa { .. })) => true,
            (Management::Agreement(_), Material::Asymmetric(key)) => AgreementKey::new(key).is_some(),
            (Management::Password { .. }, Material::Symmetric(_)) => true,
            (_, Material::Symmetric(secret)) => ContentEncryption::all()
                .any(|encryption| self.key_length(encryption) == Some(secret.expose().len())),
            _ => false,
        }
    }

    fn row(self) -> &'static ManagementRow {
        &MANAGEMENTS[self as usize]
    }
}

impl ContentEncryption {
    /// All algorithms, in the order of the RFC.
    pub fn all() -> impl Iterator<Item = Self> {
        ENCRYPTIONS.iter().map(|row| row.encryption)
    }

    /// The value of the header parameter `enc`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The length of the key in bytes.
    pub fn key_length(self) -> usize {
        self.row().key_length
    }

    pub(super) fn cipher(self) -> Cipher {
        self.row().cipher
    }

    fn row(self) -> &'static EncryptionRow {
        &ENCRYPTIONS[self as usize]
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for KeyManagement {
    type Err = Error;

    /// Reads the exact name; it is case-sensitive (RFC 7516 section 4.1.1).
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::all()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| unsupported("alg", name, Self::all().map(Self::name)))
    }
}

impl FromStr for ContentEncryption {
    type Err = Error;

    /// Reads the exact name; it is case-sensitive (RFC 7516 section 4.1.2).
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::all()
            .find(|encryption| encryption.name() == name)
            .ok_or_else(|| unsupported("enc", name, Self::all().map(Self::name)))
    }
}

fn unsupported(parameter: &str, given: &str, names: impl Iterator<Item = &'static str>) -> Error {
    let names: Vec<_> = names.collect();
    let hint = other_case(given, &names);
    let reason = format!("{parameter:?} must be one of {}{hint}", names.join(", "));
    JweError::UnsupportedAlgorithm(reason.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_at_the_place_of_its_variant() {
        for (place, row) in MANAGEMENTS.iter().enumerate() {
            assert_eq!(row.algorithm as usize, place);
            assert_eq!(row.name.parse(), Ok(row.algorithm));
        }
        for (place, row) in ENCRYPTIONS.iter().enumerate() {
            assert_eq!(row.encryption as usize, place);
            assert_eq!(row.name.parse(), Ok(row.encryption));
        }
    }

    #[test]
    fn rsa_with_the_old_padding_and_other_spellings_are_no_algorithms() {
        // attack 41
        for name in ["RSA1_5", "rsa-oaep", "DIR", "none", "", "A128KW ", "HS256", "A256GCM"] {
            assert!(name.parse::<KeyManagement>().is_err(), "{name:?}");
        }
        for name in ["a256gcm", "A256CBC", "dir", "none", "", "A128CBC+HS256"] {
            assert!(name.parse::<ContentEncryption>().is_err(), "{name:?}");
        }
    }
}
