//! Keys as DER and PEM: PKCS#8 (RFC 5958, also encrypted), PKCS#1 (RFC 8017 appendix A), SEC 1 (RFC 5915) and
//! SubjectPublicKeyInfo (RFC 5280 section 4.1).

#[cfg(feature = "ml-dsa")]
use pkcs8::der::asn1::AnyRef;
use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef, UintRef};
use pkcs8::der::{Decode, SecretDocument};
#[cfg(feature = "ml-dsa")]
use pkcs8::der::{Reader, Tag, TagNumber, Tagged};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::ecdsa::{self, Curve, Point};
#[cfg(feature = "ml-dsa")]
use super::ml_dsa::{self, ParameterSet};
use super::{ed25519, rsa, x25519};
use crate::KeyError;
use crate::secret::Secret;

/// The longest text or DER of a key that is read, in bytes; as PEM, an RSA key of 8192 bits has 6 400.
const LONGEST_KEY: usize = 64 * 1024;

/// The largest number of iterations that a key may ask for, some seconds of work.
const MOST_ITERATIONS: u32 = 5_000_000;
/// The most memory that a key may ask scrypt for, in bytes, and with it the work.
const MOST_SCRYPT_MEMORY: u64 = 256 * 1024 * 1024;

pub(super) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
#[cfg(feature = "ml-dsa")]
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
#[cfg(feature = "ml-dsa")]
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
#[cfg(feature = "ml-dsa")]
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");

/// The numbers of an asymmetric key, whatever text they came from.
#[derive(Clone, Debug)]
pub(crate) enum KeyMaterial {
    /// An RSA key.
    Rsa {
        /// n and e.
        public: rsa::PublicNumbers,
        /// The private numbers, when they are known.
        private: Option<rsa::PrivateNumbers>,
    },
    /// A key on an elliptic curve.
    Ec {
        /// The curve.
        curve: Curve,
        /// The public key.
        public: Point,
        /// The private key, when it is known: a big-endian number as long as a coordinate.
        private: Option<Secret<Vec<u8>>>,
    },
    /// An Ed25519 key.
    Ed25519 {
        /// The public key, 32 bytes.
        public: Vec<u8>,
        /// The seed of the private key, when it is known: 32 bytes.
        private: Option<Secret<Vec<u8>>>,
    },
    /// An X25519 key, for key agreement only.
    X25519 {
        /// The public key, 32 bytes.
        public: Vec<u8>,
        /// The private key, when it is known: 32 bytes.
        private: Option<Secret<Vec<u8>>>,
    },
    /// An ML-DSA key.
    #[cfg(feature = "ml-dsa")]
    MlDsa {
        /// The parameter set.
        parameters: ParameterSet,
        /// The public key.
        public: Vec<u8>,
        /// The seed of the private key, when it is known: 32 bytes.
        private: Option<Secret<Vec<u8>>>,
    },
}

impl KeyMaterial {
    /// Reads the key of a PEM text, which holds one key; certificates behind it are passed over. `password` opens an
    /// encrypted PKCS#8 key and must be absent for a key that is not encrypted.
    pub(crate) fn from_pem(text: &str, password: Option<&str>) -> Result<Self, KeyError> {
        if text.len() > LONGEST_KEY {
            return Err(KeyError::Malformed("the PEM text of a key has at most 64 KiB".into()));
        }
        let blocks = pem::parse_many(text)
            .map_err(|_| KeyError::Malformed("the text is not valid PEM (RFC 7468)".into()))?;
        if blocks.iter().filter(|block| block.tag().ends_with(" KEY")).count() > 1 {
            return Err(KeyError::Malformed(
                "the text holds several keys; which one is meant is not clear".into(),
            ));
        }
        // OpenSSL writes the curve's parameters in a block of their own in front of a key in SEC 1 form.
        let block = blocks
            .into_iter()
            .find(|block| block.tag() != "EC PARAMETERS")
            .ok_or_else(|| KeyError::Malformed("the text holds no PEM block".into()))?;
        if block.headers().get("Proc-Type").is_some() {
            return Err(KeyError::Malformed(
                "the key is encrypted in OpenSSL's old form; convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
                    .into(),
            ));
        }
        let tag = block.tag().to_owned();
        let der = Zeroizing::new(block.into_contents());
        if tag == "ENCRYPTED PRIVATE KEY" {
            return Self::from_encrypted_pkcs8(&der, password)?.checked();
        }
        refuse_password(password)?;
        match tag.as_str() {
            "PUBLIC KEY" => Self::from_public_key_info(&der),
            "PRIVATE KEY" => Self::from_pkcs8(&der),
            "RSA PUBLIC KEY" => Ok(Self::Rsa { public: rsa_public_key(&der)?, private: None }),
            "RSA PRIVATE KEY" => rsa_private_key(&der),
            "EC PRIVATE KEY" => ec_private_key(&der, None),
            "CERTIFICATE" => Err(KeyError::Malformed(
                "a certificate is no key; extract its key with `openssl x509 -pubkey -noout`".into(),
            )),
            _ => Err(KeyError::Malformed(
                "the PEM block is no key of a known form; PUBLIC KEY and PRIVATE KEY are the usual ones"
                    .into(),
            )),
        }?
        .checked()
    }

    /// Reads a key in DER, in any of the forms that PEM has. `password` opens an encrypted PKCS#8 key and must be
    /// absent for a key that is not encrypted.
    pub(crate) fn from_der(der: &[u8], password: Option<&str>) -> Result<Self, KeyError> {
        if der.len() > LONGEST_KEY {
            return Err(KeyError::Malformed("a key in DER has at most 64 KiB".into()));
        }
        // The forms differ in the types of their first two members, so that bytes are of one form at most.
        if EncryptedPrivateKeyInfoRef::try_from(der).is_ok() {
            return Self::from_encrypted_pkcs8(der, password)?.checked();
        }
        refuse_password(password)?;
        if SubjectPublicKeyInfoRef::try_from(der).is_ok() {
            Self::from_public_key_info(der)
        } else if PrivateKeyInfoRef::try_from(der).is_ok() {
            Self::from_pkcs8(der)
        } else if pkcs1::RsaPublicKeyRef::try_from(der).is_ok() {
            Ok(Self::Rsa { public: rsa_public_key(der)?, private: None })
        } else if pkcs1::RsaPrivateKeyRef::try_from(der).is_ok() {
            rsa_private_key(der)
        } else if EcPrivateKey::try_from(der).is_ok() {
            ec_private_key(der, None)
        } else {
            Err(KeyError::Malformed(
                "the bytes are no key in DER; SubjectPublicKeyInfo and PKCS#8 are the usual forms".into(),
            ))
        }?
        .checked()
    }

    /// Gives the key back if it is sound: strong enough, its point on the curve, its private half the one of its
    /// public half. Every way of reading a key ends here.
    pub(crate) fn checked(self) -> Result<Self, KeyError> {
        match &self {
            Self::Rsa { public, private: None } => public.check()?,
            Self::Rsa { public, private: Some(private) } => private.check(public)?,
            Self::Ec { curve, public, private: None } => ecdsa::PublicKey::new(*curve, public).map(drop)?,
            Self::Ec { curve, public, private: Some(private) } => {
                ecdsa::PrivateKey::new(*curve, private.expose(), public).map(drop)?;
            }
            Self::Ed25519 { public, private } => {
                ed25519::PublicKey::from_bytes(public)?;
                if let Some(seed) = private {
                    ed25519::PrivateKey::from_seed_and_public_key(seed.expose(), public)?;
                }
            }
            Self::X25519 { public, private } => {
                x25519::check_public_key(public)?;
                if let Some(private) = private {
                    x25519::check_pair(private.expose(), public)?;
                }
            }
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa { parameters, public, private } => {
                ml_dsa::PublicKey::from_bytes(*parameters, public)?;
                if let Some(seed) = private {
                    ml_dsa::PrivateKey::from_seed_and_public_key(*parameters, seed.expose(), public)?;
                }
            }
        }
        Ok(self)
    }

    /// Whether the private half is known.
    pub(crate) fn is_private(&self) -> bool {
        match self {
            Self::Rsa { private, .. } => private.is_some(),
            Self::Ec { private, .. } | Self::Ed25519 { private, .. } | Self::X25519 { private, .. } => {
                private.is_some()
            }
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa { private, .. } => private.is_some(),
        }
    }

    /// The public half alone.
    pub(crate) fn public(&self) -> Self {
        match self.clone() {
            Self::Rsa { public, .. } => Self::Rsa { public, private: None },
            Self::Ec { curve, public, .. } => Self::Ec { curve, public, private: None },
            Self::Ed25519 { public, .. } => Self::Ed25519 { public, private: None },
            Self::X25519 { public, .. } => Self::X25519 { public, private: None },
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa { parameters, public, .. } => Self::MlDsa { parameters, public, private: None },
        }
    }

    /// Reads a SubjectPublicKeyInfo.
    fn from_public_key_info(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(der)
            .map_err(|_| KeyError::Malformed("the public key is not a valid SubjectPublicKeyInfo".into()))?;
        let key = info
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| KeyError::Malformed("the public key is not a whole number of bytes".into()))?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => Ok(Self::Rsa { public: rsa_public_key(key)?, private: None }),
            EC_PUBLIC_KEY => {
                let curve = curve_of(&info.algorithm)?;
                Ok(Self::Ec { curve, public: Point::from_sec1(curve, key)?, private: None })
            }
            ED25519 => Ok(Self::Ed25519 { public: key.to_vec(), private: None }),
            X25519 => Ok(Self::X25519 { public: key.to_vec(), private: None }),
            #[cfg(feature = "ml-dsa")]
            oid => match parameter_set(oid) {
                Some(parameters) => Ok(Self::MlDsa { parameters, public: key.to_vec(), private: None }),
                None => Err(unknown_algorithm()),
            },
            #[cfg(not(feature = "ml-dsa"))]
            _ => Err(unknown_algorithm()),
        }
    }

    /// Reads PKCS#8 without encryption. A public key in it (RFC 5958 section 2) must belong to the private one.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der)
            .map_err(|_| KeyError::Malformed("the private key is not valid PKCS#8".into()))?;
        let key = Self::from_private_key_info(&info)?;
        match info.public_key.map(|public| public.as_bytes()) {
            Some(stated) if stated != Some(&*key.public_key_bytes()?) => {
                Err(KeyError::Malformed("the private key does not belong to the public key beside it".into()))
            }
            _ => Ok(key),
        }
    }

    fn from_private_key_info(info: &PrivateKeyInfoRef<'_>) -> Result<Self, KeyError> {
        match info.algorithm.oid {
            RSA_ENCRYPTION => rsa_private_key(info.private_key.as_bytes()),
            EC_PUBLIC_KEY => ec_private_key(info.private_key.as_bytes(), Some(curve_of(&info.algorithm)?)),
            ED25519 => {
                let seed = curve_private_key(info)?;
                let public = ed25519::PrivateKey::from_seed(seed)?.public_key_bytes().to_vec();
                Ok(Self::Ed25519 { public, private: Some(Secret::from(seed)) })
            }
            X25519 => {
                let private = curve_private_key(info)?;
                let public = x25519::public_key(private)?.to_vec();
                Ok(Self::X25519 { public, private: Some(Secret::from(private)) })
            }
            #[cfg(feature = "ml-dsa")]
            oid => match parameter_set(oid) {
                Some(parameters) => ml_dsa_private_key(parameters, info.private_key.as_bytes()),
                None => Err(unknown_algorithm()),
            },
            #[cfg(not(feature = "ml-dsa"))]
            _ => Err(unknown_algorithm()),
        }
    }

    fn from_encrypted_pkcs8(der: &[u8], password: Option<&str>) -> Result<Self, KeyError> {
        let password = password.ok_or_else(|| {
            KeyError::Malformed("the private key is encrypted and no password is given".into())
        })?;
        let unknown = "its encryption is not PBES2 with AES (RFC 8018)";
        let info = EncryptedPrivateKeyInfoRef::try_from(der)
            .ok()
            .filter(|info| has_scrypt_cost(&info.encryption_algorithm))
            .ok_or_else(|| KeyError::Malformed(format!("the private key is damaged, or {unknown}").into()))?;
        check_work(&info.encryption_algorithm)?;
        let plain = info.decrypt(password).map_err(|_| {
            KeyError::Malformed(format!("the password does not open the private key, or {unknown}").into())
        })?;
        Self::from_pkcs8(plain.as_bytes())
    }
}

fn refuse_password(password: Option<&str>) -> Result<(), KeyError> {
    match password {
        Some(_) => Err(KeyError::Malformed("a password is given for a key that is not encrypted".into())),
        None => Ok(()),
    }
}

/// Whether the cost of scrypt, if it is used, is a power of two above 1 (RFC 7914 section 2). What derives the key takes that for
/// granted and would panic.
fn has_scrypt_cost(encryption: &EncryptionScheme) -> bool {
    match encryption.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Scrypt(parameters)) => {
            parameters.cost_parameter > 1 && parameters.cost_parameter.is_power_of_two()
        }
        _ => true,
    }
}

/// Refuses an encrypted key that would keep the processor busy for long before the password proves wrong.
fn check_work(encryption: &EncryptionScheme) -> Result<(), KeyError> {
    let bounded = match encryption.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(parameters)) => parameters.iteration_count <= MOST_ITERATIONS,
        Some(Kdf::Scrypt(parameters)) => {
            let width = 128 * u64::from(parameters.block_size) * u64::from(parameters.parallelization);
            parameters.cost_parameter.saturating_mul(width) <= MOST_SCRYPT_MEMORY
        }
        // Not supported, which decrypting says.
        _ => true,
    };
    if bounded {
        Ok(())
    } else {
        Err(KeyError::Malformed(
            "the encrypted private key asks for too much work; at most 5 000 000 iterations of PBKDF2, or scrypt with 256 MiB, are done"
                .into(),
        ))
    }
}

/// Whether the bytes are an encoded asymmetric key or a certificate in DER.
pub(crate) fn is_der_key(bytes: &[u8]) -> bool {
    SubjectPublicKeyInfoRef::try_from(bytes).is_ok()
        || PrivateKeyInfoRef::try_from(bytes).is_ok()
        || EncryptedPrivateKeyInfoRef::try_from(bytes).is_ok()
        || is_long_sequence(bytes)
}

/// Whether the bytes are one DER SEQUENCE with a length of two or three bytes that fits exactly: PKCS#1 keys
/// and certificates are, and random bytes are one time in 2^24 at most.
fn is_long_sequence(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x81, length, rest @ ..] => *length >= 0x80 && rest.len() == usize::from(*length),
        [0x30, 0x82, high, low, rest @ ..] => {
            *high > 0 && rest.len() == usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    }
}

/// An EC private key in SEC 1 form without its public key, for libraries that then compute it.
pub(crate) fn sec1_without_public_key(curve: Curve, scalar: &[u8]) -> Result<SecretDocument, KeyError> {
    let parameters = Some(EcParameters::NamedCurve(*curve_identifier(curve)));
    let key = EcPrivateKey { private_key: scalar, parameters, public_key: None };
    SecretDocument::encode_msg(&key)
        .map_err(|_| KeyError::Malformed("the private key is too long for its curve".into()))
}

fn rsa_public_key(der: &[u8]) -> Result<rsa::PublicNumbers, KeyError> {
    let key = pkcs1::RsaPublicKeyRef::try_from(der)
        .map_err(|_| KeyError::Malformed("the RSA public key is not valid PKCS#1".into()))?;
    Ok(rsa::PublicNumbers::new(key.modulus.as_bytes(), key.public_exponent.as_bytes()))
}

fn rsa_private_key(der: &[u8]) -> Result<KeyMaterial, KeyError> {
    let key = pkcs1::RsaPrivateKeyRef::try_from(der)
        .map_err(|_| KeyError::Malformed("the RSA private key is not valid PKCS#1".into()))?;
    if key.other_prime_infos.is_some() {
        return Err(KeyError::Malformed("RSA keys of more than two primes are not supported".into()));
    }
    let secret = |number: UintRef<'_>| Secret::from(number.as_bytes());
    Ok(KeyMaterial::Rsa {
        public: rsa::PublicNumbers::new(key.modulus.as_bytes(), key.public_exponent.as_bytes()),
        private: Some(rsa::PrivateNumbers {
            exponent: secret(key.private_exponent),
            first_prime: secret(key.prime1),
            second_prime: secret(key.prime2),
            first_exponent: secret(key.exponent1),
            second_exponent: secret(key.exponent2),
            coefficient: secret(key.coefficient),
        }),
    })
}

/// Reads a key in SEC 1 form. Within PKCS#8 the curve stands outside; if it stands in both places, the two
/// must agree. A public key beside the private one is checked when the key is prepared for use.
fn ec_private_key(der: &[u8], curve: Option<Curve>) -> Result<KeyMaterial, KeyError> {
    let key = EcPrivateKey::try_from(der)
        .map_err(|_| KeyError::Malformed("the EC private key is not valid SEC 1".into()))?;
    let inner = match key.parameters {
        Some(parameters) => Some(named_curve(parameters.named_curve())?),
        None => None,
    };
    let curve = match (curve, inner) {
        (Some(outer), Some(inner)) if outer != inner => {
            return Err(KeyError::Malformed("the EC private key names two different curves".into()));
        }
        (Some(curve), _) | (None, Some(curve)) => curve,
        (None, None) => return Err(KeyError::Malformed("the EC private key names no curve".into())),
    };
    let public = match key.public_key {
        Some(point) => Point::from_sec1(curve, point)?,
        None => ecdsa::PrivateKey::derive_public(curve, key.private_key)?,
    };
    Ok(KeyMaterial::Ec { curve, public, private: Some(fixed_length(curve, key.private_key)?) })
}

/// RFC 8410 section 7: an OCTET STRING within the OCTET STRING.
fn curve_private_key<'a>(info: &PrivateKeyInfoRef<'a>) -> Result<&'a [u8], KeyError> {
    <&OctetStringRef>::from_der(info.private_key.as_bytes())
        .map(OctetStringRef::as_bytes)
        .map_err(|_| KeyError::Malformed("the private key is not valid PKCS#8".into()))
}

/// RFC 9881 section 6: a seed, or a seed and the key that it expands to. From an expanded key alone nobody gets back to
/// the seed, which JOSE asks for.
#[cfg(feature = "ml-dsa")]
fn ml_dsa_private_key(parameters: ParameterSet, der: &[u8]) -> Result<KeyMaterial, KeyError> {
    let malformed = || {
        KeyError::Malformed(
            format!("a private key of {} is a seed, in the form of RFC 9881", parameters.name()).into(),
        )
    };
    let choice = AnyRef::from_der(der).map_err(|_| malformed())?;
    let (seed, expanded) = match choice.tag() {
        Tag::ContextSpecific { constructed: false, number: TagNumber(0) } => (choice.value(), None),
        Tag::Sequence => {
            let both = choice.sequence(|both| {
                Ok::<_, pkcs8::der::Error>((
                    both.decode::<&OctetStringRef>()?,
                    both.decode::<&OctetStringRef>()?,
                ))
            });
            let (seed, expanded) = both.map_err(|_| malformed())?;
            (seed.as_bytes(), Some(expanded.as_bytes()))
        }
        _ => return Err(malformed()),
    };
    let key = ml_dsa::PrivateKey::from_seed(parameters, seed)?;
    if expanded.is_some_and(|expanded| !key.expands_to(expanded)) {
        return Err(KeyError::Malformed(
            "the seed and the expanded private key do not belong together".into(),
        ));
    }
    let public = key.public_key_bytes().to_vec();
    Ok(KeyMaterial::MlDsa { parameters, public, private: Some(Secret::from(seed)) })
}

/// Puts back the leading zeros that some writers leave away (RFC 5915 section 3 wants them).
fn fixed_length(curve: Curve, scalar: &[u8]) -> Result<Secret<Vec<u8>>, KeyError> {
    let missing = curve.length().checked_sub(scalar.len()).ok_or_else(|| {
        KeyError::Malformed(format!("a private key on {} has {} bytes", curve.name(), curve.length()).into())
    })?;
    let mut whole = Vec::with_capacity(curve.length());
    whole.resize(missing, 0);
    whole.extend_from_slice(scalar);
    Ok(Secret::new(whole))
}

fn curve_of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Curve, KeyError> {
    named_curve(algorithm.parameters_oid().ok())
}

pub(super) fn curve_identifier(curve: Curve) -> &'static ObjectIdentifier {
    match curve {
        Curve::P256 => &SECP256R1,
        Curve::P384 => &SECP384R1,
        Curve::P521 => &SECP521R1,
        Curve::Secp256k1 => &SECP256K1,
    }
}

fn named_curve(identifier: Option<ObjectIdentifier>) -> Result<Curve, KeyError> {
    match identifier {
        Some(SECP256R1) => Ok(Curve::P256),
        Some(SECP384R1) => Ok(Curve::P384),
        Some(SECP521R1) => Ok(Curve::P521),
        Some(SECP256K1) => Ok(Curve::Secp256k1),
        _ => Err(KeyError::Malformed(
            "the key's curve is not supported; P-256, P-384, P-521 and secp256k1 are".into(),
        )),
    }
}

#[cfg(feature = "ml-dsa")]
pub(super) fn ml_dsa_identifier(parameters: ParameterSet) -> ObjectIdentifier {
    match parameters {
        ParameterSet::MlDsa44 => ML_DSA_44,
        ParameterSet::MlDsa65 => ML_DSA_65,
        ParameterSet::MlDsa87 => ML_DSA_87,
    }
}

#[cfg(feature = "ml-dsa")]
fn parameter_set(identifier: ObjectIdentifier) -> Option<ParameterSet> {
    ParameterSet::ALL.into_iter().find(|parameters| ml_dsa_identifier(*parameters) == identifier)
}

fn unknown_algorithm() -> KeyError {
    KeyError::WrongKind("the key's algorithm is not supported; RSA, EC, Ed25519 and X25519 keys are".into())
}

#[cfg(test)]
mod tests {
    use pkcs8::pkcs5::pbes2::Parameters;
    use pkcs8::pkcs5::scrypt;

    use super::*;

    fn pbkdf2(iterations: u32) -> EncryptionScheme {
        Parameters::generate_pbkdf2_sha256_aes256cbc(iterations, &[1; 16], [2; 16]).unwrap().into()
    }

    fn scrypt(log_cost: u8, block_size: u32, parallelization: u32) -> EncryptionScheme {
        let parameters = scrypt::Params::new(log_cost, block_size, parallelization).unwrap();
        Parameters::generate_scrypt_aes256cbc(parameters, &[1; 16], [2; 16]).unwrap().into()
    }

    #[test]
    fn an_encrypted_key_cannot_ask_for_work_without_end() {
        // attack 38, for files of keys
        for bounded in [pbkdf2(1), pbkdf2(600_000), pbkdf2(5_000_000), scrypt(14, 8, 1), scrypt(18, 8, 1)] {
            assert!(check_work(&bounded).is_ok(), "{bounded:?}");
        }
        for endless in
            [pbkdf2(5_000_001), pbkdf2(100_000_000), scrypt(19, 8, 1), scrypt(14, 8, 32), scrypt(30, 8, 1)]
        {
            assert!(check_work(&endless).is_err(), "{endless:?}");
        }
    }

    #[test]
    fn an_encrypted_key_with_an_impossible_cost_is_refused() {
        let pem = |cost: &[u8]| {
            let parameters =
                [&[4, 8, 1, 2, 3, 4, 5, 6, 7, 8, 2, cost.len() as u8], cost, &[2, 1, 1, 2, 1, 1]].concat();
            let scrypt =
                [&[0x06, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11, 0x30, parameters.len() as u8], &*parameters];
            let scrypt = scrypt.concat();
            let aes =
                [&[0x30, 0x1d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2a, 4, 16][..], &[0; 16]].concat();
            let both = [&[0x30, scrypt.len() as u8], &*scrypt, &aes].concat();
            let scheme =
                [&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 5, 13, 0x30, both.len() as u8], &*both]
                    .concat();
            let info = [&[0x30, scheme.len() as u8], &*scheme, &[4, 16], &[0; 16]].concat();
            pem::encode(&pem::Pem::new("ENCRYPTED PRIVATE KEY", [&[0x30, info.len() as u8], &*info].concat()))
        };
        let refusal =
            |cost: &[u8]| KeyMaterial::from_pem(&pem(cost), Some("password")).unwrap_err().to_string();
        assert!(refusal(&[16]).contains("the password does not open"));
        for impossible in [&[0][..], &[1], &[3]] {
            assert!(refusal(impossible).contains("is damaged"));
        }
    }

    #[test]
    fn a_public_key_within_pkcs8_must_belong_to_the_private_one() {
        // attack 15; RFC 8410 section 10.3 has the right pair
        let seed = data_encoding::HEXLOWER
            .decode(b"d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842")
            .unwrap();
        let public = data_encoding::HEXLOWER
            .decode(b"19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")
            .unwrap();
        let der = |public: &[u8]| {
            let start =
                [&[0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20], seed.as_slice()];
            [start.concat().as_slice(), &[0x81, 0x21, 0], public].concat()
        };
        assert!(matches!(KeyMaterial::from_der(&der(&public), None), Ok(KeyMaterial::Ed25519 { .. })));
        let other = ed25519::PrivateKey::from_seed(&[7; 32]).unwrap().public_key_bytes();
        assert!(matches!(KeyMaterial::from_der(&der(&other), None), Err(KeyError::Malformed(_))));
    }
}
