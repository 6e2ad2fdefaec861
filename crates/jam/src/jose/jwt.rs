//! The configured codec for JSON Web Tokens (RFC 7519) in the compact signed form.

use std::mem::take;
use std::time::Duration;

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::jwk::Jwk;
use super::jws::{self, Header, Parts, is_same_media_type};
use super::key::VerifyingKey;
use super::key_ring::{KeyRing, KeyRingOptions};
use super::rules::{DecodeOptions, TokenRules, payload_text};
use crate::secret::Secret;
use crate::{Error, JwtError, Result, Timestamp};

/// How tokens are signed and read. Either `secret` (HS256, HS384, HS512) or `private_key` and `public_key` (all
/// other algorithms) are set, each with the newest key first: it signs, all verify ([`KeyRing`]). With public keys alone
/// tokens can be read only.
#[derive(Clone, Debug)]
pub struct JwtOptions {
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
    /// The `iss` of new tokens, and the only one that is accepted.
    pub issuer: Option<String>,
    /// The `aud` of new tokens; a token that is read must name one of them.
    pub audience: Vec<String>,
    /// The `sub` of new tokens, and the only one that is accepted.
    pub subject: Option<String>,
    /// The names of claims without which a token is refused.
    pub required: Vec<String>,
    /// The `typ` of new tokens, and the only one that is accepted: `at+jwt` (RFC 9068), `dpop+jwt` (RFC 9449) or any other
    /// media type, whose `application/` may be left out. Where it is not set, new tokens have `JWT` and those of every type
    /// are accepted.
    pub token_type: Option<String>,
    /// By how much the clocks of issuer and reader may differ; at most a day.
    pub leeway: Duration,
    /// The lifetime of tokens that are made without one; a fraction of a second counts as a whole one.
    pub expire: Option<Duration>,
    /// The longest token that is made or read, in bytes.
    pub length_limit: usize,
}

impl Default for JwtOptions {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            secret: Vec::new(),
            private_key: Vec::new(),
            public_key: Vec::new(),
            password: None,
            issuer: None,
            audience: Vec::new(),
            subject: None,
            required: Vec::new(),
            token_type: None,
            leeway: Duration::ZERO,
            expire: None,
            length_limit: jws::DEFAULT_LENGTH_LIMIT,
        }
    }
}

/// A codec for signed tokens: one algorithm, one key or a ring of them, one set of rules. Share it between threads freely.
///
/// ```
/// use jam::Timestamp;
/// use jam::jose::{DecodeOptions, Jwt, JwtOptions};
/// use serde_json::json;
///
/// let jwt = Jwt::new(JwtOptions {
///     secret: vec![b"thirty-two bytes from a generator"[..].into()],
///     ..JwtOptions::default()
/// })?;
/// let now = Timestamp::from_seconds(1_700_000_000);
/// let data = json!({"user_id": 1}).as_object().cloned().unwrap_or_default();
/// let token = jwt.encode(&jwt.make_payload(Some(3600), data, now)?)?;
///
/// assert_eq!(jwt.decode(&token, &DecodeOptions::default(), now)?["user_id"], 1);
/// let late = Timestamp::from_seconds(1_700_003_600);
/// assert_eq!(jwt.decode(&token, &DecodeOptions::default(), late).unwrap_err().code(), "jwt.token_expired");
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Debug)]
pub struct Jwt {
    keys: KeyRing,
    /// For each key the encoded header of the tokens that this codec signs with it. They are known without a look into
    /// them, and the first one is that of new tokens.
    headers: Vec<String>,
    rules: TokenRules,
    length_limit: usize,
}

impl Jwt {
    /// Checks the options and prepares the keys. A secret shorter than the hash is accepted and logged as a
    /// warning (RFC 7518 section 3.2).
    ///
    /// # Errors
    /// Those of [`KeyRing::from_options`], and [`Error::Validation`] for a leeway over a day, and for a type or a required
    /// claim without a name.
    pub fn new(mut options: JwtOptions) -> Result<Self> {
        let keys = KeyRing::from_options(&KeyRingOptions {
            algorithm: options.algorithm,
            secret: take(&mut options.secret),
            private_key: take(&mut options.private_key),
            public_key: take(&mut options.public_key),
            password: options.password.take(),
            allow_short_secret: true,
        })?;
        Self::with_keys(keys, options)
    }

    /// Takes keys that are prepared already. The algorithm is theirs, whatever the options say.
    ///
    /// # Errors
    /// [`Error::Validation`] for options that hold keys, too, for a leeway over a day, and for a type or a required claim
    /// without a name.
    pub fn with_keys(keys: KeyRing, options: JwtOptions) -> Result<Self> {
        let length_limit = options.length_limit;
        let rules = TokenRules::new(options)?;
        let members = Map::from_iter([("typ".to_owned(), rules.token_type().into())]);
        let headers = keys
            .verifying_keys()
            .iter()
            .map(|key| jws::prepare_header(&members, keys.algorithm(), key.key_id()))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { keys, headers, rules, length_limit })
    }

    /// The one algorithm of this codec.
    pub fn algorithm(&self) -> Algorithm {
        self.keys.algorithm()
    }

    /// What new tokens say, and what those that are read must say.
    pub fn rules(&self) -> &TokenRules {
        &self.rules
    }

    /// See [`TokenRules::make_payload`].
    ///
    /// # Errors
    /// As there.
    pub fn make_payload(
        &self,
        exp: Option<i64>,
        data: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        self.rules.make_payload(exp, data, now)
    }

    /// Signs a payload.
    ///
    /// # Errors
    /// [`JwtError::EmptyPrivateKey`] when the newest key is a public one; [`KeyError::WrongKind`](crate::KeyError::WrongKind)
    /// when it may not sign, and when the keys are a set.
    /// [`Error::Validation`] for a payload whose token could not be read again, as it is longer than allowed.
    pub fn encode(&self, payload: &Map<String, Value>) -> Result<String> {
        self.encode_json(&payload_text(payload)?)
    }

    /// Signs a payload that is the text of a JSON object already. The text is not looked at.
    ///
    /// # Errors
    /// As [`Jwt::encode`].
    pub fn encode_json(&self, payload: &[u8]) -> Result<String> {
        jws::sign_prepared(self.header(), payload, self.keys.signing_key()?, self.length_limit)
    }

    /// The length of a token whose payload has so many bytes.
    ///
    /// # Errors
    /// As [`Jwt::encode`].
    pub fn token_length(&self, payload_length: usize) -> Result<usize> {
        let length = jws::token_length(self.header(), payload_length, self.keys.signing_key()?);
        if length > self.length_limit { Err(jws::too_long(self.length_limit)) } else { Ok(length) }
    }

    /// As [`Jwt::encode_json`], into a buffer of exactly [`Jwt::token_length`] bytes. What is written is ASCII;
    /// nothing is promised of the buffer after an error.
    ///
    /// # Errors
    /// As [`Jwt::encode`], and [`Error::Validation`] for a buffer of another length.
    pub fn encode_json_into(&self, payload: &[u8], token: &mut [u8]) -> Result<()> {
        jws::sign_into(self.header(), payload, self.keys.signing_key()?, token)
    }

    /// The encoded header of new tokens.
    fn header(&self) -> &str {
        &self.headers[0]
    }

    /// The payload of a token whose signature holds and whose type fits. Claims are not looked at.
    ///
    /// # Errors
    /// [`JwtError::Malformed`], [`JwtError::UnsupportedAlgorithm`] or [`JwtError::InvalidSignature`].
    pub fn verify(&self, token: &str) -> Result<Vec<u8>> {
        let parts = Parts::split(token, self.length_limit)?;
        match self.headers.iter().zip(&self.keys).find(|(known, _)| *known == parts.header) {
            Some((_, key)) => Ok(parts.verify(key)?),
            None => Ok(self.verify_other(&parts, &self.keys)?),
        }
    }

    /// As [`Jwt::verify`], with another key.
    ///
    /// # Errors
    /// As [`Jwt::verify`].
    pub fn verify_with(&self, token: &str, key: &VerifyingKey) -> Result<Vec<u8>> {
        let parts = Parts::split(token, self.length_limit)?;
        Ok(self.verify_other(&parts, key)?)
    }

    /// As [`Jwt::verify`], whatever the header looks like. The signature comes first: of a forged header nothing is told.
    fn verify_other<'k>(
        &self,
        parts: &Parts<'_>,
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
    ) -> Result<Vec<u8>, JwtError> {
        let header = Header::decode(parts.header)?;
        let payload = parts.verify_with_one(keys, &header)?;
        self.check_header(&header)?;
        Ok(payload)
    }

    /// Refuses what a signed token may be, but none of this codec is.
    fn check_header(&self, header: &Header) -> Result<(), JwtError> {
        let refuse = |reason: String| Err(JwtError::Malformed(reason.into()));
        // RFC 7797 section 7.
        if !header.encodes_payload() {
            return refuse("the payload of a JWT is always encoded, and \"b64\" is false".into());
        }
        // RFC 7519 section 5.2.
        if header.content_type().is_some_and(|name| is_same_media_type(name, "JWT")) {
            return refuse("the token holds another token in place of claims".into());
        }
        self.rules.check_type(header.token_type())
    }

    /// Prepares a public key, as PEM or JWK text, for [`Jwt::verify_with`].
    ///
    /// # Errors
    /// [`Error::Key`] when the text is no key for the algorithm of this codec; [`Error::Validation`] for an
    /// HMAC algorithm, which has no public key.
    pub fn public_key(&self, text: &str) -> Result<VerifyingKey> {
        if self.algorithm().is_symmetric() {
            return Err(Error::validation(format!("{} has no public key", self.algorithm())));
        }
        VerifyingKey::new(self.algorithm(), &Jwk::from_text(text, None)?)
    }

    /// The claims of a token whose signature holds and whose claims fit the rules. The signature comes first:
    /// nothing of a forged token is shown, not even that it has expired.
    ///
    /// # Errors
    /// As [`Jwt::verify`] and [`Validation::validate`](super::claims::Validation::validate); [`JwtError::Malformed`] when the payload is not one JSON
    /// object without duplicate members.
    pub fn decode(&self, token: &str, options: &DecodeOptions, now: Timestamp) -> Result<Map<String, Value>> {
        self.rules.claims(&self.verify(token)?, options, now)
    }
}
