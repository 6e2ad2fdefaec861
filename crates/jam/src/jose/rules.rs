//! What new tokens say, and what those that are read must say, whatever protects them.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};

use super::claims::{self, NewClaims, Registered, Validation};
use super::jws::is_same_media_type;
use super::jwt::JwtOptions;
use crate::encoding::json_object;
use crate::{ConfigurationError, Error, JwtError, Result, Timestamp};

/// The longest `expire`, in seconds: a hundred years.
const LONGEST_LIFETIME: i64 = 100 * 365 * 24 * 60 * 60;

/// The `typ` of new tokens unless another is set (RFC 7519 section 5.1).
const DEFAULT_TYPE: &str = "JWT";

/// What one call of [`Jwt::decode`](super::Jwt::decode) changes in the configured rules; `None` leaves a rule as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Whether `exp` and `nbf` are held against the time.
    pub check_exp: bool,
    /// The issuer that is expected instead of the configured one.
    pub issuer: Option<String>,
    /// The audiences that are expected instead of the configured ones; one at least.
    pub audience: Option<Vec<String>>,
    /// The leeway instead of the configured one; at most a day.
    pub leeway: Option<Duration>,
}

impl Default for DecodeOptions {
    /// All configured rules hold.
    fn default() -> Self {
        Self { check_exp: true, issuer: None, audience: None, leeway: None }
    }
}

/// The rules of a [`Jwt`](super::Jwt) or an [`EncryptedJwt`](super::EncryptedJwt).
///
/// ```
/// use jam::Timestamp;
/// use jam::jose::{Jwt, JwtOptions};
///
/// let jwt = Jwt::new(JwtOptions {
///     secret: vec![b"thirty-two bytes from a generator"[..].into()],
///     issuer: Some("https://issuer.example".into()),
///     ..JwtOptions::default()
/// })?;
/// let payload = jwt.rules().make_payload(Some(60), Default::default(), Timestamp::from_seconds(1_700_000_000))?;
/// assert_eq!((&payload["exp"], &payload["iss"]), (&1_700_000_060.into(), &"https://issuer.example".into()));
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenRules {
    validation: Validation,
    /// The lifetime of new tokens in seconds.
    expire: Option<i64>,
    /// The only `typ` that is accepted, if not every one is.
    token_type: Option<String>,
}

impl TokenRules {
    /// Those of the options, which must hold no keys.
    pub(super) fn new(options: JwtOptions) -> Result<Self> {
        let has_keys = [&options.private_key, &options.public_key].iter().any(|keys| !keys.is_empty());
        if has_keys || !options.secret.is_empty() || options.password.is_some() {
            return Err(Error::validation("keys are given twice, prepared and in the options"));
        }
        if options.token_type.as_deref() == Some("") {
            return Err(ConfigurationError::key("typ", "an empty text is no type").into());
        }
        if options.required.iter().any(String::is_empty) {
            return Err(ConfigurationError::key("required", "an empty text is no claim's name").into());
        }
        let validation = Validation {
            issuer: options.issuer,
            audience: options.audience,
            subject: options.subject,
            required: options.required,
            leeway: Validation::check_leeway(options.leeway)?,
            check_exp: true,
        };
        let expire = options.expire.map(whole_seconds).transpose()?;
        Ok(Self { validation, expire, token_type: options.token_type })
    }

    /// The rules for claims.
    pub fn validation(&self) -> &Validation {
        &self.validation
    }

    /// A payload of `iat`, `exp`, `jti` and the configured `iss`, `aud` and `sub`, with `data` laid over. `exp` is the
    /// lifetime in seconds, instead of the configured one.
    ///
    /// # Errors
    /// [`Error::Validation`] when `data` holds another `exp` than the argument, or another `iss`, `aud` or `sub` than
    /// the configuration: nothing changes silently what was said explicitly.
    pub fn make_payload(
        &self,
        exp: Option<i64>,
        data: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        let mut payload = self.new_claims(exp, now)?.into_payload();
        let mut given = Vec::new();
        if let Some(issuer) = &self.validation.issuer {
            payload.insert("iss".into(), issuer.as_str().into());
            given.push("iss");
        }
        if !self.validation.audience.is_empty() {
            payload.insert("aud".into(), audience_claim(&self.validation.audience));
            given.push("aud");
        }
        if let Some(subject) = &self.validation.subject {
            payload.insert("sub".into(), subject.as_str().into());
            given.push("sub");
        }
        if exp.is_some() {
            given.push("exp");
        }
        claims::lay_over(payload, data, &given)
    }

    /// `iat`, `exp` and `jti` of a new token; `exp` is its lifetime in seconds, instead of the configured one.
    ///
    /// # Errors
    /// [`Error::Validation`] when the end of the lifetime is no 64-bit number.
    pub fn new_claims(&self, exp: Option<i64>, now: Timestamp) -> Result<NewClaims> {
        NewClaims::new(exp.or(self.expire), now)
    }

    /// The `typ` of new tokens.
    pub(super) fn token_type(&self) -> &str {
        self.token_type.as_deref().unwrap_or(DEFAULT_TYPE)
    }

    /// Refuses a token whose header names another type than the one that is asked for.
    pub(super) fn check_type(&self, named: Option<&str>) -> Result<(), JwtError> {
        match &self.token_type {
            Some(expected) if !named.is_some_and(|name| is_same_media_type(name, expected)) => {
                Err(JwtError::Malformed(
                    format!(
                        "the token is not of the type {expected:?}, which its header's \"typ\" would say"
                    )
                    .into(),
                ))
            }
            _ => Ok(()),
        }
    }

    /// The claims of a payload, if they fit the rules.
    pub(super) fn claims(
        &self,
        payload: &[u8],
        options: &DecodeOptions,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        let claims = json_object(payload)
            .map_err(|reason| JwtError::Malformed(format!("the token's payload: {reason}").into()))?;
        self.validation.require(|name| claims.get(name).is_some_and(|value| !value.is_null()))?;
        self.validate(&Registered::from(&claims), options, now)?;
        Ok(claims)
    }

    /// Holds registered claims against the configured rules with the changes of `options`.
    ///
    /// # Errors
    /// As [`Validation::validate`]; [`Error::Validation`] for a leeway over a day and for an empty list of audiences.
    pub fn validate(&self, claims: &Registered<'_>, options: &DecodeOptions, now: Timestamp) -> Result<()> {
        let validation = if *options == DecodeOptions::default() {
            Cow::Borrowed(&self.validation)
        } else {
            Cow::Owned(self.changed_validation(options)?)
        };
        Ok(validation.validate(claims, now)?)
    }

    fn changed_validation(&self, options: &DecodeOptions) -> Result<Validation> {
        let configured = &self.validation;
        if options.audience.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::validation(
                "audience: an empty list would let tokens for anybody pass; name one at least, or leave it out",
            ));
        }
        Ok(Validation {
            issuer: options.issuer.clone().or_else(|| configured.issuer.clone()),
            audience: options.audience.clone().unwrap_or_else(|| configured.audience.clone()),
            leeway: Validation::check_leeway(options.leeway.unwrap_or(configured.leeway))?,
            check_exp: options.check_exp,
            ..configured.clone()
        })
    }
}

/// The text of a payload.
pub(super) fn payload_text(payload: &Map<String, Value>) -> Result<Vec<u8>> {
    serde_json::to_vec(payload).map_err(|_| Error::validation("the payload cannot be written as JSON"))
}

fn whole_seconds(lifetime: Duration) -> Result<i64> {
    let seconds = lifetime.as_secs().saturating_add(u64::from(lifetime.subsec_nanos() > 0));
    let seconds = i64::try_from(seconds).ok().filter(|seconds| (1..=LONGEST_LIFETIME).contains(seconds));
    let reason = "expire, the lifetime of tokens, must be more than 0 seconds and at most a hundred years";
    seconds.ok_or_else(|| Error::validation(reason))
}

/// The claim `aud`: text for one audience, a list for several (RFC 7519 section 4.1.3).
fn audience_claim(audience: &[String]) -> Value {
    match audience {
        [one] => one.as_str().into(),
        several => several.into(),
    }
}
