//! Keys that are ready for use. Every check happens here, once; what is kept is the prepared primitive.

use std::fmt;

use serde_json::Map;

use super::algorithm::{Algorithm, Primitive};
use super::jwk::{Jwk, Material};
use super::jws::prepare_header;
use super::key_text::is_key_text;
use super::key_use::{Operation, check_use};
use crate::crypto::hmac::HmacKey;
use crate::crypto::key_encoding::KeyMaterial;
#[cfg(feature = "ml-dsa")]
use crate::crypto::ml_dsa;
use crate::crypto::{ecdsa, ed25519, rsa};
use crate::encoding::{base64url_encode_into, base64url_length};
use crate::secret::Secret;
use crate::{JwtError, KeyError, Result};

/// A key that signs with exactly one algorithm.
///
/// ```
/// use jam::jose::jws::{Algorithm, SigningKey};
/// use jam::jose::Jwk;
///
/// let secret = Jwk::from_secret(vec![7; 32]);
/// assert!(SigningKey::new(Algorithm::Hs256, &secret).is_ok());
/// assert!(SigningKey::new(Algorithm::Hs512, &secret).is_err()); // shorter than the hash
/// assert!(SigningKey::new(Algorithm::Es256, &secret).is_err()); // another kind of key
/// ```
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: Option<String>,
    /// The encoded header of tokens that have no further parameters.
    header: String,
    primitive: Signer,
}

/// A key that verifies exactly one algorithm.
///
/// ```
/// use jam::jose::jws::{Algorithm, VerifyingKey};
/// use jam::jose::Jwk;
///
/// let pem = "-----BEGIN PUBLIC KEY-----\n\
///     MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
///     -----END PUBLIC KEY-----\n";
/// let key = VerifyingKey::new(Algorithm::EdDsa, &Jwk::from_pem(pem, None)?)?;
/// assert_eq!(key.algorithm(), Algorithm::EdDsa);
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key_id: Option<String>,
    primitive: Verifier,
}

enum Signer {
    Hmac(Box<HmacKey>),
    Rsa(rsa::PrivateKey),
    Ecdsa(ecdsa::PrivateKey),
    Ed25519(ed25519::PrivateKey),
    #[cfg(feature = "ml-dsa")]
    MlDsa(ml_dsa::PrivateKey),
}

#[derive(Clone)]
enum Verifier {
    Hmac(Box<HmacKey>),
    Rsa(rsa::PublicKey),
    Ecdsa(ecdsa::PublicKey),
    Ed25519(ed25519::PublicKey),
    #[cfg(feature = "ml-dsa")]
    MlDsa(ml_dsa::PublicKey),
}

impl SigningKey {
    /// Prepares a key for an algorithm.
    ///
    /// # Errors
    /// [`JwtError::EmptySecretKey`] for an empty HMAC secret; [`JwtError::EmptyPrivateKey`] for a public key;
    /// [`KeyError::Weak`] for an HMAC secret shorter than the hash (RFC 7518 section 3.2) or an RSA key under
    /// 2048 bits; [`KeyError::WrongKind`] when the type, the curve, `alg`, `use` or `key_ops` of the key do not
    /// allow this algorithm, or when the secret is the text of a public key; [`KeyError::Malformed`] when the
    /// private key does not belong to the public key beside it.
    pub fn new(algorithm: Algorithm, key: &Jwk) -> Result<Self> {
        Self::prepare(algorithm, key, SecretLength::AtLeastTheHash)
    }

    /// As [`SigningKey::new`], but an HMAC secret may be shorter than the hash. Such a secret can be guessed
    /// from one token; use it where a stronger one cannot be had.
    ///
    /// # Errors
    /// As [`SigningKey::new`], without the length of the secret.
    pub fn with_short_secret(algorithm: Algorithm, key: &Jwk) -> Result<Self> {
        Self::prepare(algorithm, key, SecretLength::Any)
    }

    fn prepare(algorithm: Algorithm, key: &Jwk, length: SecretLength) -> Result<Self> {
        check_use(key, &[algorithm.name()], Operation::Sign)?;
        let missing = || JwtError::EmptyPrivateKey(format!("{algorithm} signs with a private key").into());
        let primitive = match (algorithm.primitive(), key.material()) {
            (Primitive::Hmac(hash), Material::Symmetric(secret)) => {
                check_secret(algorithm, hash.length(), secret, length)?;
                Signer::Hmac(Box::new(HmacKey::new(hash, secret.expose())))
            }
            (Primitive::Rsa(padding, hash), Material::Asymmetric(KeyMaterial::Rsa { public, private })) => {
                public.check()?;
                let private = private.as_ref().ok_or_else(missing)?;
                Signer::Rsa(rsa::PrivateKey::new(padding, hash, public, private)?)
            }
            (Primitive::Ecdsa(wanted), Material::Asymmetric(KeyMaterial::Ec { curve, public, private }))
                if wanted == *curve =>
            {
                let private = private.as_ref().ok_or_else(missing)?;
                Signer::Ecdsa(ecdsa::PrivateKey::new(*curve, private.expose(), public)?)
            }
            (Primitive::Ed25519, Material::Asymmetric(KeyMaterial::Ed25519 { public, private })) => {
                let private = private.as_ref().ok_or_else(missing)?;
                Signer::Ed25519(ed25519::PrivateKey::from_seed_and_public_key(private.expose(), public)?)
            }
            #[cfg(feature = "ml-dsa")]
            (
                Primitive::MlDsa(wanted),
                Material::Asymmetric(KeyMaterial::MlDsa { parameters, public, private }),
            ) if wanted == *parameters => {
                let seed = private.as_ref().ok_or_else(missing)?.expose();
                Signer::MlDsa(ml_dsa::PrivateKey::from_seed_and_public_key(wanted, seed, public)?)
            }
            _ => return Err(wrong_kind(algorithm).into()),
        };
        let header = prepare_header(&Map::new(), algorithm, key.key_id())?;
        Ok(Self { algorithm, key_id: key.key_id().map(str::to_owned), header, primitive })
    }

    /// The encoded header of tokens that have no further parameters.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The one algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key, which goes into the header as `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The length of the encoded signature.
    pub(crate) fn signature_length(&self) -> usize {
        base64url_length(match &self.primitive {
            Signer::Hmac(key) => key.length(),
            Signer::Rsa(key) => key.signature_length(),
            Signer::Ecdsa(key) => key.signature_length(),
            Signer::Ed25519(_) => ed25519::SIGNATURE_LENGTH,
            #[cfg(feature = "ml-dsa")]
            Signer::MlDsa(key) => key.signature_length(),
        })
    }

    /// The encoded signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<String> {
        let mut text = vec![0; self.signature_length()];
        self.sign_into(message, &mut text)?;
        Ok(String::from_utf8(text).expect("base64url is ASCII"))
    }

    /// Signs `message` and writes the encoded signature into `text`, which has exactly the length for it.
    pub(crate) fn sign_into(&self, message: &[u8], text: &mut [u8]) -> Result<()> {
        // Each arm passes the signature on from where it was made: copies of it cost as much as hashing a block.
        match &self.primitive {
            Signer::Hmac(key) => base64url_encode_into(key.sign(message), text),
            Signer::Rsa(key) => base64url_encode_into(key.sign(message)?, text),
            Signer::Ecdsa(key) => base64url_encode_into(key.sign(message)?, text),
            Signer::Ed25519(key) => base64url_encode_into(key.sign(message), text),
            #[cfg(feature = "ml-dsa")]
            Signer::MlDsa(key) => base64url_encode_into(key.sign(message)?, text),
        }
        .ok_or_else(|| KeyError::Malformed("the key made a signature of an unexpected length".into()).into())
    }
}

impl VerifyingKey {
    /// Prepares a key for an algorithm. A private key serves with its public half.
    ///
    /// # Errors
    /// As [`SigningKey::new`], except that a public key is enough.
    pub fn new(algorithm: Algorithm, key: &Jwk) -> Result<Self> {
        Self::prepare(algorithm, key, SecretLength::AtLeastTheHash)
    }

    /// As [`VerifyingKey::new`], but an HMAC secret may be shorter than the hash.
    ///
    /// # Errors
    /// As [`VerifyingKey::new`], without the length of the secret.
    pub fn with_short_secret(algorithm: Algorithm, key: &Jwk) -> Result<Self> {
        Self::prepare(algorithm, key, SecretLength::Any)
    }

    fn prepare(algorithm: Algorithm, key: &Jwk, length: SecretLength) -> Result<Self> {
        check_use(key, &[algorithm.name()], Operation::Verify)?;
        let primitive = match (algorithm.primitive(), key.material()) {
            (Primitive::Hmac(hash), Material::Symmetric(secret)) => {
                check_secret(algorithm, hash.length(), secret, length)?;
                Verifier::Hmac(Box::new(HmacKey::new(hash, secret.expose())))
            }
            (Primitive::Rsa(padding, hash), Material::Asymmetric(KeyMaterial::Rsa { public, .. })) => {
                Verifier::Rsa(rsa::PublicKey::new(padding, hash, public)?)
            }
            (Primitive::Ecdsa(wanted), Material::Asymmetric(KeyMaterial::Ec { curve, public, .. }))
                if wanted == *curve =>
            {
                Verifier::Ecdsa(ecdsa::PublicKey::new(*curve, public)?)
            }
            (Primitive::Ed25519, Material::Asymmetric(KeyMaterial::Ed25519 { public, .. })) => {
                Verifier::Ed25519(ed25519::PublicKey::from_bytes(public)?)
            }
            #[cfg(feature = "ml-dsa")]
            (
                Primitive::MlDsa(wanted),
                Material::Asymmetric(KeyMaterial::MlDsa { parameters, public, .. }),
            ) if wanted == *parameters => Verifier::MlDsa(ml_dsa::PublicKey::from_bytes(wanted, public)?),
            _ => return Err(wrong_kind(algorithm).into()),
        };
        Ok(Self { algorithm, key_id: key.key_id().map(str::to_owned), primitive })
    }

    /// The one algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key. A token that names another one in `kid` is refused.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.primitive {
            Verifier::Hmac(key) => key.verify(message, signature),
            Verifier::Rsa(key) => key.verify(message, signature),
            Verifier::Ecdsa(key) => key.verify(message, signature),
            Verifier::Ed25519(key) => key.verify(message, signature),
            #[cfg(feature = "ml-dsa")]
            Verifier::MlDsa(key) => key.verify(message, signature),
        }
    }
}

/// One key is a list of one, wherever a list of keys verifies.
impl IntoIterator for &VerifyingKey {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SigningKey");
        shown.field("algorithm", &self.algorithm).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("VerifyingKey");
        shown.field("algorithm", &self.algorithm).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Which HMAC secrets are long enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SecretLength {
    AtLeastTheHash,
    Any,
}

fn check_secret(
    algorithm: Algorithm,
    hash_length: usize,
    secret: &Secret<Vec<u8>>,
    length: SecretLength,
) -> Result<()> {
    let secret = secret.expose();
    if secret.is_empty() {
        return Err(
            JwtError::EmptySecretKey(format!("{algorithm} needs a secret that is not empty").into()).into()
        );
    }
    if is_key_text(secret) {
        return Err(KeyError::WrongKind(
            format!("{algorithm} needs a random secret; this is the text of a key of another kind").into(),
        )
        .into());
    }
    if length == SecretLength::AtLeastTheHash && secret.len() < hash_length {
        return Err(KeyError::Weak(
            format!("{algorithm} needs a secret of at least {hash_length} bytes (RFC 7518 section 3.2)")
                .into(),
        )
        .into());
    }
    Ok(())
}

fn wrong_kind(algorithm: Algorithm) -> KeyError {
    KeyError::WrongKind(
        match algorithm.primitive() {
            Primitive::Hmac(_) => format!("{algorithm} needs a symmetric key (kty \"oct\")"),
            Primitive::Rsa(..) => format!("{algorithm} needs an RSA key"),
            Primitive::Ecdsa(curve) => format!("{algorithm} needs an EC key on {}", curve.name()),
            Primitive::Ed25519 => format!("{algorithm} needs an Ed25519 key (kty \"OKP\")"),
            #[cfg(feature = "ml-dsa")]
            Primitive::MlDsa(_) => format!("{algorithm} needs an {algorithm} key (kty \"AKP\")"),
        }
        .into(),
    )
}
