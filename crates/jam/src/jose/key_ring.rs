//! Several keys for one purpose, the newest first: how a key is changed while tokens of the old one live.

use super::algorithm::Algorithm;
use super::jwk::Jwk;
use super::jwk_set::{JwkSet, KeyQuery};
use super::key::{SigningKey, VerifyingKey};
use super::key_use::{Operation, check_use};
use crate::secret::Secret;
use crate::{ConfigurationError, Error, JwtError, KeyError, Result};

/// Keys of one algorithm in the order of their age: the newest signs, all verify.
///
/// To change a key, put the new one in front, and take the old one away when the last of its tokens has expired. Of
/// several keys each has a name: its `kid`, or else its thumbprint (RFC 7638). A token is verified with the key that its
/// `kid` names, and with no other; one without `kid`, as it was made while there was one key without a name, with the eight
/// newest keys in turn.
///
/// ```
/// use jam::jose::Jwk;
/// use jam::jose::jws::{Algorithm, KeyRing, Unverified, sign};
///
/// let (old, new) = (Jwk::from_secret(vec![1; 32]), Jwk::from_secret(vec![2; 32]));
/// let before = KeyRing::new(Algorithm::Hs256, &[old.clone()])?;
/// let token = sign(b"made before", &Default::default(), before.signing_key()?)?;
///
/// let after = KeyRing::new(Algorithm::Hs256, &[new, old])?;
/// assert_eq!(Unverified::parse(&token)?.verify(&after)?.payload(), b"made before");
/// let token = sign(b"made after", &Default::default(), after.signing_key()?)?;
/// assert!(Unverified::parse(&token)?.verify(&before).is_err());
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Debug)]
pub struct KeyRing {
    algorithm: Algorithm,
    /// Or why the newest key cannot sign.
    signing: Result<SigningKey>,
    /// The newest first; one at least.
    verifying: Vec<VerifyingKey>,
}

impl KeyRing {
    /// A ring of these keys, the newest first. If that one is a public key, or one that may not sign, the ring verifies
    /// only.
    ///
    /// # Errors
    /// [`KeyError::NotFound`] for no key at all, [`Error::Validation`] when two keys have the same name, and the errors of
    /// [`VerifyingKey::new`] and [`SigningKey::new`].
    pub fn new(algorithm: Algorithm, keys: &[Jwk]) -> Result<Self> {
        Self::prepare(algorithm, keys, VerifyingKey::new, SigningKey::new)
    }

    /// As [`KeyRing::new`], but HMAC secrets may be shorter than the hash. Each that is, is logged as a warning: it can be
    /// guessed from one token (RFC 7518 section 3.2).
    ///
    /// # Errors
    /// As [`KeyRing::new`], without the length of secrets.
    pub fn with_short_secrets(algorithm: Algorithm, keys: &[Jwk]) -> Result<Self> {
        for key in keys {
            if let Err(Error::Key(KeyError::Weak(reason))) = VerifyingKey::new(algorithm, key)
                && algorithm.is_symmetric()
            {
                tracing::warn!("{reason}; this one is shorter and can be guessed from one token");
            }
        }
        Self::prepare(algorithm, keys, VerifyingKey::with_short_secret, SigningKey::with_short_secret)
    }

    /// A ring that verifies with those keys of a set that work with the algorithm. A key that shares its name with another
    /// one of them is left out: which of the two is meant would not be clear. A set has no newest key, so that none signs.
    ///
    /// # Errors
    /// [`KeyError::NotFound`] when no key remains.
    pub fn from_set(algorithm: Algorithm, set: &JwkSet) -> Result<Self> {
        let is_unique = |key: &Jwk| {
            let query =
                KeyQuery { key_id: key.key_id(), algorithm: Some(algorithm.name()), ..KeyQuery::default() };
            key.key_id().is_none() || set.find(&query).is_ok()
        };
        let verifying: Vec<_> = set
            .iter()
            .filter(|key| is_unique(key))
            .filter_map(|key| VerifyingKey::new(algorithm, &key.named()).ok())
            .collect();
        if verifying.is_empty() {
            return Err(KeyError::NotFound(
                format!("the set has no key that can be used for {algorithm}").into(),
            )
            .into());
        }
        let reason = "a set of keys verifies only, since none of them is the newest; to sign, give the key itself, or a list \
                      of keys with the newest first";
        Ok(Self { algorithm, signing: Err(KeyError::WrongKind(reason.into()).into()), verifying })
    }

    /// Reads the keys of a configuration.
    ///
    /// # Errors
    /// [`JwtError::EmptySecretKey`] when an HMAC algorithm has no secret; [`JwtError::EmptyPrivateKey`] when another
    /// one has no key at all; [`Error::Key`] when a key cannot be used; [`Error::Configuration`] when keys are
    /// given that the algorithm has no use for, or that do not belong together; [`Error::Validation`] when two keys have the
    /// same name.
    pub fn from_options(options: &KeyRingOptions) -> Result<Self> {
        let keys = options.keys()?;
        let ring = if options.allow_short_secret {
            Self::with_short_secrets(options.algorithm, &keys)
        } else {
            Self::new(options.algorithm, &keys)
        };
        ring.map_err(|error| match error {
            Error::Validation(_) => error,
            error => error.at(options.main_key()),
        })
    }

    fn prepare(
        algorithm: Algorithm,
        keys: &[Jwk],
        verifying: impl Fn(Algorithm, &Jwk) -> Result<VerifyingKey>,
        signing: impl Fn(Algorithm, &Jwk) -> Result<SigningKey>,
    ) -> Result<Self> {
        let keys: Vec<Jwk> = match keys {
            [] => return Err(KeyError::NotFound(format!("{algorithm} needs one key at least").into()).into()),
            [one] => vec![one.clone()],
            several => several.iter().map(Jwk::named).collect(),
        };
        for (index, key) in keys.iter().enumerate() {
            if key.key_id().is_some() && keys[..index].iter().any(|newer| newer.key_id() == key.key_id()) {
                return Err(Error::validation(
                    "two of the keys have the same \"kid\", or are the same key; each needs a name of its own",
                ));
            }
        }
        let verifying = keys.iter().map(|key| verifying(algorithm, key)).collect::<Result<Vec<_>>>()?;
        let newest = &keys[0];
        let signing = if !newest.is_private() {
            let reason = format!("{algorithm} signs with a private key, and the newest key is a public one");
            Err(JwtError::EmptyPrivateKey(reason.into()).into())
        } else if let Err(refusal) = check_use(newest, &[algorithm.name()], Operation::Sign) {
            Err(refusal.into())
        } else {
            Ok(signing(algorithm, newest)?)
        };
        Ok(Self { algorithm, signing, verifying })
    }

    /// The one algorithm of all keys.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The newest key, which signs.
    ///
    /// # Errors
    /// [`JwtError::EmptyPrivateKey`] when it is a public key; [`KeyError::WrongKind`] when its `key_ops` do not let it sign,
    /// and when the keys are a set.
    pub fn signing_key(&self) -> Result<&SigningKey> {
        self.signing.as_ref().map_err(Error::clone)
    }

    /// All keys, the newest first.
    pub fn verifying_keys(&self) -> &[VerifyingKey] {
        &self.verifying
    }
}

impl<'a> IntoIterator for &'a KeyRing {
    type Item = &'a VerifyingKey;
    type IntoIter = std::slice::Iter<'a, VerifyingKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.verifying.iter()
    }
}

/// The keys of a [`KeyRing`] as they stand in a configuration: either `secret` (HS256, HS384, HS512) or `private_key` and
/// `public_key` (all other algorithms), each the newest first. With public keys alone, tokens can be read only.
#[derive(Clone, Debug, Default)]
pub struct KeyRingOptions {
    /// The algorithm; HS256 unless set.
    pub algorithm: Algorithm,
    /// HMAC secrets: any bytes, or the JSON text of an `oct` JWK.
    pub secret: Vec<Secret<Vec<u8>>>,
    /// Private keys as PEM or JWK text; never a path.
    pub private_key: Vec<Secret<String>>,
    /// Public keys as PEM or JWK text; never a path. Not needed beside a private key, except for older ones whose private
    /// half is gone; then that of the newest private key must be among them.
    pub public_key: Vec<Secret<String>>,
    /// What opens private keys that are encrypted.
    pub password: Option<Secret<String>>,
    /// Whether a secret may be shorter than the hash. It is then logged as a warning.
    pub allow_short_secret: bool,
}

impl KeyRingOptions {
    /// The keys, the newest first; public keys that belong to no private one come last.
    ///
    /// # Errors
    /// As [`KeyRing::from_options`], but whether the algorithm can use the keys is not checked yet.
    pub fn keys(&self) -> Result<Vec<Jwk>> {
        if self.algorithm.is_symmetric() { self.secrets() } else { self.pairs() }
    }

    /// The name of the keys that come first.
    fn main_key(&self) -> &'static str {
        match (self.algorithm.is_symmetric(), self.private_key.is_empty()) {
            (true, _) => "secret",
            (false, false) => "private_key",
            (false, true) => "public_key",
        }
    }

    fn secrets(&self) -> Result<Vec<Jwk>> {
        let algorithm = self.algorithm;
        if !self.private_key.is_empty() || !self.public_key.is_empty() {
            return Err(unused_key(algorithm, "secret", "private_key and public_key"));
        }
        if self.secret.is_empty() {
            let reason = format!("{algorithm} signs with a secret, and none is configured");
            return Err(Error::from(JwtError::EmptySecretKey(reason.into())).at("secret"));
        }
        each("secret", &self.secret, secret_key)
    }

    fn pairs(&self) -> Result<Vec<Jwk>> {
        let algorithm = self.algorithm;
        if !self.secret.is_empty() {
            return Err(unused_key(algorithm, "private_key and public_key", "secret"));
        }
        let mut keys = self.private_keys()?;
        let public =
            each("public_key", &self.public_key, |text| only_public(Jwk::from_text(text.expose(), None)?))?;
        if keys.is_empty() && public.is_empty() {
            let reason = format!(
                "{algorithm} needs private_key, or public_key to read tokens only; none is configured"
            );
            return Err(Error::from(JwtError::EmptyPrivateKey(reason.into())).at("private_key"));
        }
        if let Some(newest) = keys.first()
            && !public.is_empty()
            && !public.iter().any(|key| newest.has_same_public_key(key))
        {
            let reason = match public.len() {
                1 => "this key does not belong to private_key",
                _ => "none of these keys belongs to the newest private_key",
            };
            return Err(ConfigurationError::key("public_key", reason).into());
        }
        for key in public {
            match keys.iter_mut().find(|known| known.has_same_public_key(&key)) {
                Some(known) => {
                    // What a public key says of its own use holds, too.
                    VerifyingKey::new(algorithm, &key).map_err(|error| error.at("public_key"))?;
                    match (known.key_id(), key.key_id()) {
                        (None, Some(name)) => *known = known.clone().with_key_id(name),
                        (Some(own), Some(name)) if own != name => {
                            let reason =
                                "this key has another \"kid\" than the private_key to which it belongs";
                            return Err(ConfigurationError::key("public_key", reason).into());
                        }
                        _ => {}
                    }
                }
                None => keys.push(key),
            }
        }
        Ok(keys)
    }

    fn private_keys(&self) -> Result<Vec<Jwk>> {
        let password = self.password.as_ref().map(|password| password.expose().as_str());
        if let [one] = self.private_key.as_slice() {
            let key = Jwk::from_text(one.expose(), password).and_then(only_private);
            return Ok(vec![key.map_err(|error| error.at("private_key"))?]);
        }
        // Of several keys only some may be encrypted.
        let is_encrypted = |text: &Secret<String>| text.expose().contains("BEGIN ENCRYPTED PRIVATE KEY");
        if password.is_some() && !self.private_key.is_empty() && !self.private_key.iter().any(is_encrypted) {
            let error =
                Error::from(KeyError::Malformed("a password is given, but no key is encrypted".into()));
            return Err(error.at("password"));
        }
        each("private_key", &self.private_key, |text| {
            only_private(Jwk::from_text(text.expose(), password.filter(|_| is_encrypted(text)))?)
        })
    }
}

/// Who means to verify only must not hold, and perhaps hand out, what signs.
fn only_public(key: Jwk) -> Result<Jwk> {
    if !key.is_private() {
        return Ok(key);
    }
    let reason = "this is a private key; give its public half, or the key as private_key";
    Err(KeyError::WrongKind(reason.into()).into())
}

fn only_private(key: Jwk) -> Result<Jwk> {
    if key.is_private() {
        return Ok(key);
    }
    let reason = "this is no private key; give one, or the key as public_key to read tokens only";
    Err(KeyError::WrongKind(reason.into()).into())
}

/// The keys of the texts under a name of the configuration; an error tells where in it.
pub(super) fn each<T>(name: &str, texts: &[T], read: impl Fn(&T) -> Result<Jwk>) -> Result<Vec<Jwk>> {
    let read = texts.iter().enumerate().map(|(index, text)| {
        read(text).map_err(|error| match texts.len() {
            1 => error.at(name),
            _ => error.at(&format!("[{index}]")).at(name),
        })
    });
    read.collect()
}

/// The key of a secret: the bytes themselves, unless they are the text of an `oct` JWK.
fn secret_key(secret: &Secret<Vec<u8>>) -> Result<Jwk> {
    let text = std::str::from_utf8(secret.expose()).ok().filter(|text| text.trim_start().starts_with('{'));
    match text.map(Jwk::from_json) {
        Some(Ok(key)) if key.key_type() == "oct" => Ok(key),
        Some(Err(error @ Error::Jwt(JwtError::EmptySecretKey(_)))) => Err(error),
        _ => Ok(Jwk::from_secret(secret.clone())),
    }
}

fn unused_key(algorithm: Algorithm, used: &str, unused: &str) -> Error {
    ConfigurationError::key("alg", format!("{algorithm} works with {used}; it has no use for {unused}"))
        .into()
}
