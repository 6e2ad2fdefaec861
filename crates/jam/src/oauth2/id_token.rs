//! The rules for an ID token (OpenID Connect Core 1.0 section 3.1.3.7).

use std::time::Duration;

use serde_json::{Map, Value};

use super::discovery::Metadata;
use super::provider::Provider;
use crate::crypto::Hash;
use crate::encoding::{base64url_encode, json_object};
use crate::jose::claims::{Registered, Validation};
use crate::jose::jws::{Header, Verified};
use crate::secret::constant_time_eq;
use crate::{Error, JwtError, OAuth2Error, Reason, Result, Timestamp};

/// By how much the clocks of provider and application may differ.
const LEEWAY: Duration = Duration::from_secs(60);

/// What one ID token must say, beyond being the provider's for this client.
#[derive(Default)]
pub(super) struct Expectation<'a> {
    pub(super) nonce: Option<&'a str>,
    /// The access token that came with it.
    pub(super) access_token: Option<&'a str>,
    /// The code that it was exchanged for.
    pub(super) code: Option<&'a str>,
    /// How long ago the user may have proven who they are.
    pub(super) max_age: Option<Duration>,
    /// Of which `acr` must be one, with spaces between them.
    pub(super) acr_values: Option<&'a str>,
}

/// The claims of a token whose signature holds.
pub(super) fn validate(
    verified: &Verified,
    provider: &Provider,
    metadata: &Metadata,
    expected: &Expectation<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>> {
    check_header(verified.header(), metadata)?;
    let claims = json_object(verified.payload()).map_err(|reason| refused(format!("claims: {reason}")))?;
    let rules = Validation {
        audience: vec![provider.client_id().to_owned()],
        required: ["iss", "sub", "aud", "exp", "iat"].map(str::to_owned).into(),
        leeway: LEEWAY,
        ..Validation::default()
    };
    rules
        .require(|name| claims.get(name).is_some_and(|claim| !claim.is_null()))
        .and_then(|()| rules.validate(&Registered::from(&claims), now))
        .map_err(|error: JwtError| refused(error.to_string()))?;
    check_issuer(&claims, provider)?;
    if text(&claims, "sub")?.is_none_or(str::is_empty) {
        return Err(wrong("sub", "is empty"));
    }
    check_authorized_party(&claims, provider.client_id())?;
    if seconds(&claims, "iat")?.is_some_and(|issued| issued > latest(now)) {
        return Err(wrong("iat", "lies in the future"));
    }
    if let Some(nonce) = expected.nonce {
        let is_same = |given: &str| constant_time_eq(given.as_bytes(), nonce.as_bytes());
        if !text(&claims, "nonce")?.is_some_and(is_same) {
            return Err(wrong("nonce", "is not the one of this login"));
        }
    }
    check_hash(&claims, "at_hash", expected.access_token, verified.header())?;
    check_hash(&claims, "c_hash", expected.code, verified.header())?;
    if let Some(max_age) = expected.max_age {
        let proven = seconds(&claims, "auth_time")?.ok_or_else(|| wrong("auth_time", "is missing"))?;
        let oldest = now.as_millis() as f64 / 1e3 - max_age.as_secs_f64() - LEEWAY.as_secs_f64();
        if proven < oldest || proven > latest(now) {
            return Err(wrong("auth_time", "lies too far back, or in the future"));
        }
    }
    if let Some(values) = expected.acr_values
        && !text(&claims, "acr")?.is_some_and(|given| values.split(' ').any(|value| value == given))
    {
        return Err(wrong("acr", "is none of those that were asked for"));
    }
    Ok(claims)
}

/// The algorithm must be one that the issuer says it uses, and a token of another kind is none for a login.
fn check_header(header: &Header, metadata: &Metadata) -> Result<()> {
    let offered = metadata.id_token_algorithms.as_ref();
    if offered.is_some_and(|offered| !offered.iter().any(|name| name == header.algorithm())) {
        return Err(refused("its algorithm is none of those that the issuer announces"));
    }
    match header.token_type() {
        Some(kind) if !kind.eq_ignore_ascii_case("JWT") => Err(refused("it is a token of another kind")),
        _ => Ok(()),
    }
}

fn check_issuer(claims: &Map<String, Value>, provider: &Provider) -> Result<()> {
    let named = text(claims, "iss")?.unwrap_or_default();
    let tenant = text(claims, "tid")?;
    match provider.issuer() {
        Some(issuer) if issuer.signs_as(named, tenant) => Ok(()),
        _ => Err(wrong("iss", "is another issuer")),
    }
}

/// A token for several audiences says which of them it was given to (section 2).
fn check_authorized_party(claims: &Map<String, Value>, client_id: &str) -> Result<()> {
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|names| names.len() > 1);
    match text(claims, "azp")? {
        Some(party) if party != client_id => Err(wrong("azp", "is another client")),
        None if several => Err(wrong("azp", "is missing, and the token is for several audiences")),
        _ => Ok(()),
    }
}

/// The left half of the hash of what came with the token (section 3.1.3.6), where the token has it.
fn check_hash(claims: &Map<String, Value>, name: &str, of: Option<&str>, header: &Header) -> Result<()> {
    let Some(given) = text(claims, name)? else { return Ok(()) };
    let Some(of) = of else { return Ok(()) };
    let hash = match header.algorithm() {
        name if name.ends_with("256") || name == "ES256K" => Hash::Sha256,
        name if name.ends_with("384") => Hash::Sha384,
        // Ed25519 hashes with SHA-512 itself (RFC 8032 section 5.1).
        name if name.ends_with("512") || matches!(name, "EdDSA" | "Ed25519") => Hash::Sha512,
        _ => return Err(wrong(name, "cannot be checked for this algorithm")),
    };
    let digest = hash.digest(of.as_bytes());
    let expected = base64url_encode(&digest[..digest.len() / 2]);
    match constant_time_eq(given.as_bytes(), expected.as_bytes()) {
        true => Ok(()),
        false => Err(wrong(name, "belongs to something else than what came with the token")),
    }
}

/// A claim that is text where it is there.
fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(name, "must be text")),
    }
}

/// A claim that is a number of seconds since 1970 where it is there.
fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| wrong(name, "must be a number")),
    }
}

/// The latest time, in seconds since 1970, that is not in the future on the provider's clock.
fn latest(now: Timestamp) -> f64 {
    now.as_millis() as f64 / 1e3 + LEEWAY.as_secs_f64()
}

fn wrong(claim: &str, reason: &str) -> Error {
    refused(format!("claim {claim:?} {reason}"))
}

/// What refused the signature, as a refusal of the ID token; what kept the keys from being fetched stays what it is.
pub(super) fn refused_by(error: Error) -> Error {
    match error {
        Error::Jwt(error) => refused(error.to_string()),
        other => other,
    }
}

fn refused(reason: impl Into<Reason>) -> Error {
    OAuth2Error::InvalidIdToken(format!("the ID token was refused: {}", reason.into()).into()).into()
}
