//! Keys into DER and PEM: SubjectPublicKeyInfo (RFC 5280 section 4.1) and PKCS#8 (RFC 5958), on request encrypted
//! with a password (PBES2 of RFC 8018).

use pkcs1::{RsaPrivateKey, RsaPublicKey};
use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use pkcs8::der::{self, Document, Encode, SecretDocument};
use pkcs8::pkcs5::pbes2;
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{LineEnding, PrivateKeyInfoRef};
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

#[cfg(feature = "ml-dsa")]
use super::key_encoding::ml_dsa_identifier;
use super::key_encoding::{EC_PUBLIC_KEY, ED25519, KeyMaterial, RSA_ENCRYPTION, X25519, curve_identifier};
use super::{random_bytes, rsa};
use crate::KeyError;
use crate::secret::Secret;

/// How often a password is hashed with HMAC-SHA-256 before it encrypts, as OWASP's cheat sheet on password storage
/// asks for. Scrypt would resist longer, but OpenSSL gives it no more memory than 32 MiB.
const ITERATIONS: u32 = 600_000;

impl KeyMaterial {
    /// The public half as a SubjectPublicKeyInfo in DER.
    pub(crate) fn to_public_der(&self) -> Result<Vec<u8>, KeyError> {
        self.to_public_document().map(Document::into_vec)
    }

    /// The public half as a SubjectPublicKeyInfo in PEM, `PUBLIC KEY`.
    pub(crate) fn to_public_pem(&self) -> Result<String, KeyError> {
        self.to_public_document()?.to_pem("PUBLIC KEY", LineEnding::LF).map_err(unwritable)
    }

    /// The private key as PKCS#8 in DER, encrypted if there is a password. `None` for a public key.
    pub(crate) fn to_private_der(&self, password: Option<&str>) -> Result<Option<Secret<Vec<u8>>>, KeyError> {
        let document = self.to_private_document(password)?;
        Ok(document.map(|document| Secret::from(document.as_bytes())))
    }

    /// The private key as PKCS#8 in PEM, `PRIVATE KEY` or, if there is a password, `ENCRYPTED PRIVATE KEY`. `None`
    /// for a public key.
    pub(crate) fn to_private_pem(&self, password: Option<&str>) -> Result<Option<Secret<String>>, KeyError> {
        let label = if password.is_some() { "ENCRYPTED PRIVATE KEY" } else { "PRIVATE KEY" };
        let Some(document) = self.to_private_document(password)? else { return Ok(None) };
        let text = document.to_pem(label, LineEnding::LF).map_err(unwritable)?;
        Ok(Some(Secret::from(text.as_str())))
    }

    /// The private key of an RSA key as PKCS#1 in DER (RFC 8017 appendix A.1.2). `None` for every other key.
    pub(crate) fn to_pkcs1_der(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        match self {
            Self::Rsa { private: Some(_), .. } => self.private_key_bytes(),
            _ => Ok(None),
        }
    }

    fn to_public_document(&self) -> Result<Document, KeyError> {
        let key = self.public_key_bytes()?;
        let info = SubjectPublicKeyInfoRef {
            algorithm: self.algorithm(),
            subject_public_key: BitStringRef::from_bytes(&key).map_err(unwritable)?,
        };
        Document::encode_msg(&info).map_err(unwritable)
    }

    fn to_private_document(&self, password: Option<&str>) -> Result<Option<SecretDocument>, KeyError> {
        let Some(key) = self.private_key_bytes()? else { return Ok(None) };
        let info = PrivateKeyInfoRef::new(self.algorithm(), OctetStringRef::new(&key).map_err(unwritable)?);
        let document = match password {
            None => SecretDocument::encode_msg(&info).map_err(unwritable),
            Some("") => return Err(KeyError::Weak("an empty password protects no key".into())),
            Some(password) => pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(
                ITERATIONS,
                random_bytes::<16>().as_slice(),
                *random_bytes::<16>(),
            )
            .map_err(pkcs8::Error::from)
            .and_then(|parameters| info.encrypt_with_params(parameters, password))
            .map_err(|_| KeyError::Malformed("the key cannot be encrypted".into())),
        };
        document.map(Some)
    }

    fn algorithm(&self) -> AlgorithmIdentifierRef<'static> {
        let (oid, parameters) = match self {
            Self::Rsa { .. } => (RSA_ENCRYPTION, Some(AnyRef::NULL)),
            Self::Ec { curve, .. } => (EC_PUBLIC_KEY, Some(AnyRef::from(curve_identifier(*curve)))),
            // RFC 8410 section 3: no parameters.
            Self::Ed25519 { .. } => (ED25519, None),
            Self::X25519 { .. } => (X25519, None),
            // RFC 9881 section 2.
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa { parameters, .. } => (ml_dsa_identifier(*parameters), None),
        };
        AlgorithmIdentifierRef { oid, parameters }
    }

    /// What stands within the SubjectPublicKeyInfo.
    pub(super) fn public_key_bytes(&self) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Rsa { public, .. } => {
                let key = RsaPublicKey {
                    modulus: UintRef::new(&public.modulus).map_err(unwritable)?,
                    public_exponent: UintRef::new(&public.exponent).map_err(unwritable)?,
                };
                key.to_der().map_err(unwritable)
            }
            Self::Ec { public, .. } => Ok(public.to_sec1()),
            Self::Ed25519 { public, .. } | Self::X25519 { public, .. } => Ok(public.clone()),
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa { public, .. } => Ok(public.clone()),
        }
    }

    /// What stands within PKCS#8; `None` for a public key.
    fn private_key_bytes(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        let bytes = match self {
            Self::Rsa { public, private: Some(private) } => rsa_private_key(public, private),
            Self::Ec { public, private: Some(scalar), .. } => EcPrivateKey {
                private_key: scalar.expose(),
                // The curve stands outside.
                parameters: None,
                public_key: Some(&public.to_sec1()),
            }
            .to_der(),
            // RFC 8410 section 7.
            Self::Ed25519 { private: Some(bytes), .. } | Self::X25519 { private: Some(bytes), .. } => {
                OctetStringRef::new(bytes.expose()).and_then(|bytes| bytes.to_der())
            }
            // RFC 9881 section 6: the seed alone, [0] IMPLICIT OCTET STRING.
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa { private: Some(seed), .. } => {
                Ok([&[0x80, seed.expose().len() as u8], seed.expose().as_slice()].concat())
            }
            _ => return Ok(None),
        };
        bytes.map(|bytes| Some(Zeroizing::new(bytes))).map_err(unwritable)
    }
}

fn rsa_private_key(
    public: &rsa::PublicNumbers,
    private: &rsa::PrivateNumbers,
) -> Result<Vec<u8>, der::Error> {
    RsaPrivateKey {
        modulus: UintRef::new(&public.modulus)?,
        public_exponent: UintRef::new(&public.exponent)?,
        private_exponent: UintRef::new(private.exponent.expose())?,
        prime1: UintRef::new(private.first_prime.expose())?,
        prime2: UintRef::new(private.second_prime.expose())?,
        exponent1: UintRef::new(private.first_exponent.expose())?,
        exponent2: UintRef::new(private.second_exponent.expose())?,
        coefficient: UintRef::new(private.coefficient.expose())?,
        other_prime_infos: None,
    }
    .to_der()
}

fn unwritable(_: der::Error) -> KeyError {
    KeyError::Malformed("the key is too large for DER".into())
}
