//! Keys as PEM text: PKCS#8 (RFC 5958, also encrypted), PKCS#1 (RFC 8017 appendix A), SEC 1 (RFC 5915) and
//! SubjectPublicKeyInfo (RFC 5280 section 4.1).

use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef, UintRef};
use pkcs8::der::{Decode, SecretDocument};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::ecdsa::{self, Curve, Point};
use super::{ed25519, rsa, x25519};
use crate::KeyError;
use crate::secret::Secret;

/// The longest PEM text that is read, in bytes; an RSA key of 8192 bits has 6 400.
const LONGEST_PEM: usize = 64 * 1024;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
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
}

impl KeyMaterial {
    /// Reads the key of a PEM text, which holds one key; certificates behind it are passed over. `password` opens an
    /// encrypted PKCS#8 key and must be absent for a key that is not encrypted.
    pub(crate) fn from_pem(text: &str, password: Option<&str>) -> Result<Self, KeyError> {
        if text.len() > LONGEST_PEM {
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
        if tag != "ENCRYPTED PRIVATE KEY" && password.is_some() {
            return Err(KeyError::Malformed("a password is given for a key that is not encrypted".into()));
        }
        match tag.as_str() {
            "PUBLIC KEY" => Self::from_public_key_info(&der),
            "PRIVATE KEY" => Self::from_pkcs8(&der),
            "ENCRYPTED PRIVATE KEY" => Self::from_encrypted_pkcs8(&der, password),
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
        }
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    pub(crate) fn from_public_key_info(der: &[u8]) -> Result<Self, KeyError> {
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
            _ => Err(unknown_algorithm()),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der)
            .map_err(|_| KeyError::Malformed("the private key is not valid PKCS#8".into()))?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => rsa_private_key(info.private_key.as_bytes()),
            EC_PUBLIC_KEY => ec_private_key(info.private_key.as_bytes(), Some(curve_of(&info.algorithm)?)),
            ED25519 => {
                let seed = curve_private_key(&info)?;
                let public = ed25519::PrivateKey::from_seed(seed)?.public_key_bytes().to_vec();
                Ok(Self::Ed25519 { public, private: Some(Secret::from(seed)) })
            }
            X25519 => {
                let private = curve_private_key(&info)?;
                let public = x25519::public_key(private)?.to_vec();
                Ok(Self::X25519 { public, private: Some(Secret::from(private)) })
            }
            _ => Err(unknown_algorithm()),
        }
    }

    fn from_encrypted_pkcs8(der: &[u8], password: Option<&str>) -> Result<Self, KeyError> {
        let password = password.ok_or_else(|| {
            KeyError::Malformed("the private key is encrypted and no password is given".into())
        })?;
        let plain = EncryptedPrivateKeyInfoRef::try_from(der)
            .and_then(|info| info.decrypt(password))
            .map_err(|_| {
                KeyError::Malformed(
                    "the password does not open the private key, or its encryption is not PBES2 with AES (RFC 8018)"
                        .into(),
                )
            })?;
        Self::from_pkcs8(plain.as_bytes())
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
    let parameters = Some(EcParameters::NamedCurve(match curve {
        Curve::P256 => SECP256R1,
        Curve::P384 => SECP384R1,
        Curve::P521 => SECP521R1,
        Curve::Secp256k1 => SECP256K1,
    }));
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

fn unknown_algorithm() -> KeyError {
    KeyError::WrongKind("the key's algorithm is not supported; RSA, EC, Ed25519 and X25519 keys are".into())
}
