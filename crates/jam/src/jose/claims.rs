//! The registered claims of a JSON Web Token (RFC 7519 section 4.1) and the rules for them.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::encoding::json_kind;
use crate::{Error, JwtError, Reason, Result, Timestamp};

/// The largest leeway. It is there for clocks that differ, "usually no more than a few minutes" (RFC 7519
/// section 4.1.4).
pub const LARGEST_LEEWAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The value of a registered claim, borrowed from JSON or from another data model.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimValue<'a> {
    /// A number.
    Number(f64),
    /// Text.
    Text(&'a str),
    /// A list of nothing but text.
    TextList(Vec<&'a str>),
    /// Anything else, by what it is: `"null"`, `"an object"`.
    Other(&'static str),
}

/// The registered claims that [`Validation`] looks at; `None` where the token has no such claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registered<'a> {
    /// `exp`: when the token expires, in seconds since 1970.
    pub expiration: Option<ClaimValue<'a>>,
    /// `nbf`: when the token becomes valid, in seconds since 1970.
    pub not_before: Option<ClaimValue<'a>>,
    /// `iat`: when the token was issued, in seconds since 1970.
    pub issued_at: Option<ClaimValue<'a>>,
    /// `iss`: who issued the token.
    pub issuer: Option<ClaimValue<'a>>,
    /// `aud`: whom the token is for.
    pub audience: Option<ClaimValue<'a>>,
    /// `sub`: whom the token is about.
    pub subject: Option<ClaimValue<'a>>,
}

impl<'a> From<&'a Value> for ClaimValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Number(number) => number.as_f64().map_or(Self::Other("a number too large"), Self::Number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => items
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()
                .map_or(Self::Other("a list with something else than text"), Self::TextList),
            other => Self::Other(json_kind(other)),
        }
    }
}

impl ClaimValue<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::TextList(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

impl<'a> From<&'a Map<String, Value>> for Registered<'a> {
    fn from(claims: &'a Map<String, Value>) -> Self {
        let claim = |name| claims.get(name).map(ClaimValue::from);
        Self {
            expiration: claim("exp"),
            not_before: claim("nbf"),
            issued_at: claim("iat"),
            issuer: claim("iss"),
            audience: claim("aud"),
            subject: claim("sub"),
        }
    }
}

/// What a token's claims must say.
///
/// ```
/// use jam::Timestamp;
/// use jam::jose::claims::{Registered, Validation};
/// use serde_json::json;
///
/// let rules = Validation { issuer: Some("https://issuer.example".into()), ..Validation::default() };
/// let claims = json!({"iss": "https://issuer.example", "exp": 1_700_000_000});
/// let claims = Registered::from(claims.as_object().unwrap());
/// assert!(rules.validate(&claims, Timestamp::from_seconds(1_699_999_999)).is_ok());
/// assert!(rules.validate(&claims, Timestamp::from_seconds(1_700_000_000)).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// The exact text that `iss` must be.
    pub issuer: Option<String>,
    /// The texts of which `aud` must be or hold one; none at all: `aud` is not asked for.
    pub audience: Vec<String>,
    /// The exact text that `sub` must be.
    pub subject: Option<String>,
    /// The names of claims that must be there, and not be null.
    pub required: Vec<String>,
    /// By how much the clocks of issuer and reader may differ.
    pub leeway: Duration,
    /// Whether `exp` and `nbf` are held against the time. Their type is checked in any case.
    pub check_exp: bool,
}

impl Default for Validation {
    /// Times are checked without leeway; nothing else is asked for.
    fn default() -> Self {
        Self {
            issuer: None,
            audience: Vec::new(),
            subject: None,
            required: Vec::new(),
            leeway: Duration::ZERO,
            check_exp: true,
        }
    }
}

impl Validation {
    /// Refuses a token in which a required claim is missing. `is_present` says of a claim whether it is there and not null.
    ///
    /// # Errors
    /// [`JwtError::InvalidClaim`] with the name of the claim.
    pub fn require(&self, is_present: impl Fn(&str) -> bool) -> Result<(), JwtError> {
        match self.required.iter().find(|name| !is_present(name)) {
            Some(name) => Err(invalid(name.clone(), "the claim is required, and the token does not have it")),
            None => Ok(()),
        }
    }

    /// Holds the registered claims against the rules. Whether the required ones are there, [`Validation::require`] checks.
    ///
    /// # Errors
    /// [`JwtError::Expired`] from the very millisecond that `exp` names on; [`JwtError::NotYetValid`] before `nbf`;
    /// [`JwtError::InvalidClaim`] for a claim of a wrong type, and for an issuer, an audience or a subject that is missing
    /// or another one.
    pub fn validate(&self, claims: &Registered<'_>, now: Timestamp) -> Result<(), JwtError> {
        let expiration = time(claims.expiration.as_ref(), "exp")?;
        let not_before = time(claims.not_before.as_ref(), "nbf")?;
        time(claims.issued_at.as_ref(), "iat")?;
        if self.check_exp {
            // An f64 holds every millisecond of the next 280 000 years exactly.
            let now = now.as_millis() as f64;
            let leeway = self.leeway.as_millis() as f64;
            if expiration.is_some_and(|time| time <= now - leeway) {
                return Err(JwtError::Expired);
            }
            if not_before.is_some_and(|time| time > now + leeway) {
                return Err(JwtError::NotYetValid);
            }
        }
        validate_text("iss", "issuer", claims.issuer.as_ref(), self.issuer.as_deref())?;
        self.validate_audience(claims.audience.as_ref())?;
        if self.subject.is_some() {
            // Where none is expected, its type is left to the program: many have numbers for their users.
            validate_text("sub", "subject", claims.subject.as_ref(), self.subject.as_deref())?;
        }
        Ok(())
    }

    fn validate_audience(&self, claim: Option<&ClaimValue<'_>>) -> Result<(), JwtError> {
        let is_expected = |name: &str| self.audience.iter().any(|expected| expected == name);
        let fits = match claim {
            None if self.audience.is_empty() => return Ok(()),
            None => return Err(invalid("aud", "the token names no audience, and one is expected")),
            Some(ClaimValue::Text(name)) => is_expected(name),
            Some(ClaimValue::TextList(names)) => names.iter().any(|name| is_expected(name)),
            Some(other) => {
                return Err(invalid(
                    "aud",
                    format!("text or a list of text is required, not {}", other.kind()),
                ));
            }
        };
        if fits || self.audience.is_empty() {
            Ok(())
        } else {
            Err(invalid("aud", "the token is for another audience"))
        }
    }

    /// Refuses a leeway over [`LARGEST_LEEWAY`], which would switch the checks off.
    pub(crate) fn check_leeway(leeway: Duration) -> Result<Duration> {
        if leeway > LARGEST_LEEWAY {
            return Err(Error::validation("leeway must be from 0 to 86400 seconds, one day"));
        }
        Ok(leeway)
    }
}

/// Text that must be exactly the expected one, where one is expected.
fn validate_text(
    name: &'static str,
    noun: &str,
    claim: Option<&ClaimValue<'_>>,
    expected: Option<&str>,
) -> Result<(), JwtError> {
    match (claim, expected) {
        (None, None) | (Some(ClaimValue::Text(_)), None) => Ok(()),
        (Some(ClaimValue::Text(given)), Some(expected)) if *given == expected => Ok(()),
        (Some(ClaimValue::Text(_)), Some(_)) => Err(invalid(name, format!("the token is of another {noun}"))),
        (None, Some(_)) => Err(invalid(name, format!("the token names no {noun}, and one is expected"))),
        (Some(other), _) => Err(invalid(name, format!("text is required, not {}", other.kind()))),
    }
}

/// A leeway from seconds, which may have a fraction.
///
/// # Errors
/// [`Error::Validation`] for NaN, an infinite or a negative number, and for more than [`LARGEST_LEEWAY`].
///
/// ```
/// use std::time::Duration;
/// use jam::jose::claims::leeway_from_seconds;
///
/// assert_eq!(leeway_from_seconds(1.5)?, Duration::from_millis(1500));
/// assert!(leeway_from_seconds(-1.0).is_err());
/// assert!(leeway_from_seconds(f64::NAN).is_err());
/// # Ok::<(), jam::Error>(())
/// ```
pub fn leeway_from_seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::validation("leeway must be a number of seconds, 0 or more"))
        .and_then(Validation::check_leeway)
}

/// The claims that a new token starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClaims {
    /// `iat`, in seconds since 1970.
    pub issued_at: i64,
    /// `exp`, in seconds since 1970.
    pub expiration: Option<i64>,
    /// `jti`: a random UUID (RFC 9562 section 5.4).
    pub token_id: String,
}

impl NewClaims {
    /// Claims of a token that is issued now and lives for `lifetime` seconds; a negative number makes one that
    /// has expired.
    ///
    /// # Errors
    /// [`Error::Validation`] when the end of the lifetime is no 64-bit number.
    pub fn new(lifetime: Option<i64>, now: Timestamp) -> Result<Self> {
        let issued_at = now.as_seconds();
        let expiration = lifetime
            .map(|seconds| {
                issued_at
                    .checked_add(seconds)
                    .ok_or_else(|| Error::validation("exp, the lifetime in seconds, is too large"))
            })
            .transpose()?;
        let token_id =
            uuid::Builder::from_random_bytes(*crate::crypto::random_bytes()).into_uuid().to_string();
        Ok(Self { issued_at, expiration, token_id })
    }

    pub(crate) fn into_payload(self) -> Map<String, Value> {
        let mut payload = Map::new();
        payload.insert("iat".into(), self.issued_at.into());
        if let Some(expiration) = self.expiration {
            payload.insert("exp".into(), expiration.into());
        }
        payload.insert("jti".into(), self.token_id.into());
        payload
    }
}

/// A payload of `iat`, `exp` and `jti` with `data` laid over. `exp` is the lifetime in seconds; `None` makes a
/// token that does not expire.
///
/// # Errors
/// [`Error::Validation`] when `data` holds an `exp` although one is given as an argument.
///
/// ```
/// use jam::Timestamp;
/// use jam::jose::claims::make_payload;
/// use serde_json::json;
///
/// let data = json!({"user_id": 1}).as_object().cloned().unwrap_or_default();
/// let payload = make_payload(Some(3600), data, Timestamp::from_seconds(1_700_000_000))?;
/// assert_eq!(payload["exp"], 1_700_003_600);
/// assert_eq!(payload["user_id"], 1);
/// # Ok::<(), jam::Error>(())
/// ```
pub fn make_payload(
    exp: Option<i64>,
    data: Map<String, Value>,
    now: Timestamp,
) -> Result<Map<String, Value>> {
    let payload = NewClaims::new(exp, now)?.into_payload();
    let given: &[&'static str] = if exp.is_some() { &["exp"] } else { &[] };
    lay_over(payload, data, given)
}

/// Lays `data` over `payload`. What was `given` explicitly may not be changed by it.
pub(crate) fn lay_over(
    mut payload: Map<String, Value>,
    data: Map<String, Value>,
    given: &[&'static str],
) -> Result<Map<String, Value>> {
    for name in given {
        if data.get(*name).is_some_and(|value| payload.get(*name) != Some(value)) {
            return Err(contradiction(name));
        }
    }
    payload.extend(data);
    Ok(payload)
}

/// The error for a claim that is given twice, with different values.
pub fn contradiction(claim: &str) -> Error {
    Error::validation(format!("the data holds another {claim:?} than the one that is given or configured"))
}

/// The milliseconds of a NumericDate (RFC 7519 section 2).
fn time(claim: Option<&ClaimValue<'_>>, name: &'static str) -> Result<Option<f64>, JwtError> {
    match claim {
        None => Ok(None),
        Some(ClaimValue::Number(seconds)) if seconds.is_finite() => Ok(Some(seconds * 1_000.0)),
        Some(other) => Err(invalid(name, format!("a number of seconds is required, not {}", other.kind()))),
    }
}

fn invalid(claim: impl Into<Cow<'static, str>>, reason: impl Into<Reason>) -> JwtError {
    JwtError::InvalidClaim { claim: claim.into(), reason: reason.into() }
}
