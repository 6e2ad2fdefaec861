//! The rules of a resource server for an access token that is a JWT (RFC 9068 section 4).

use std::time::Duration;

use serde_json::{Map, Value};

use super::provider::Provider;
use crate::encoding::json_object;
use crate::jose::claims::{Registered, Validation};
use crate::jose::jws::Verified;
use crate::{JwtError, Result, Timestamp};

/// By how much the clocks of the issuer and of this machine may differ.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

/// The claims of a token whose signature holds, if it was issued for this resource.
pub(super) fn validate(
    verified: &Verified,
    provider: &Provider,
    audience: &str,
    now: Timestamp,
) -> Result<Map<String, Value>> {
    // An ID token is no access token: it says who the user is, not what may be done.
    check_type(verified, &["at+jwt", "application/at+jwt"])?;
    let required = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];
    let claims = issued_claims(verified, provider, audience, &required, now)?;
    if claims.contains_key("cnf") {
        return Err(wrong("cnf", "the token is bound to a key, and whoever sent it has not shown that key"));
    }
    Ok(claims)
}

/// The type of a token must be one of these.
pub(super) fn check_type(verified: &Verified, types: &[&str]) -> Result<()> {
    let kind = verified.header().token_type().unwrap_or_default();
    match types.iter().any(|expected| expected.eq_ignore_ascii_case(kind)) {
        true => Ok(()),
        false => Err(JwtError::Malformed(format!("the token's type must be {}", types[0]).into()).into()),
    }
}

/// The claims of a token of the provider's for this audience, in its time.
pub(super) fn issued_claims(
    verified: &Verified,
    provider: &Provider,
    audience: &str,
    required: &[&str],
    now: Timestamp,
) -> Result<Map<String, Value>> {
    let claims = json_object(verified.payload())
        .map_err(|reason| JwtError::Malformed(format!("the token's claims: {reason}").into()))?;
    let rules = Validation {
        audience: vec![audience.to_owned()],
        required: required.iter().map(|name| (*name).to_owned()).collect(),
        leeway: LEEWAY,
        ..Validation::default()
    };
    rules.require(|name| claims.get(name).is_some_and(|claim| !claim.is_null()))?;
    rules.validate(&Registered::from(&claims), now)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_own =
        provider.issuer().is_some_and(|issuer| issuer.signs_as(text("iss").unwrap_or(""), text("tid")));
    if is_own { Ok(claims) } else { Err(wrong("iss", "the token is of another issuer")) }
}

pub(super) fn wrong(claim: &'static str, reason: &'static str) -> crate::Error {
    JwtError::InvalidClaim { claim: claim.into(), reason: reason.into() }.into()
}
