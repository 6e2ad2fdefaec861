//! The end of a login: asked for by the application (OpenID Connect RP-Initiated Logout 1.0), or told by the provider
//! (OpenID Connect Back-Channel Logout 1.0).

use serde_json::{Map, Value};

use super::access_token::{check_type, issued_claims, wrong};
use super::provider::Provider;
use crate::jose::jws::Verified;
use crate::{Result, Timestamp};

/// What happened to the user's login (Back-Channel Logout section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a logout token whose signature holds (Back-Channel Logout section 2.6).
pub(super) fn validate(
    verified: &Verified,
    provider: &Provider,
    now: Timestamp,
) -> Result<Map<String, Value>> {
    check_type(verified, &["logout+jwt", "application/logout+jwt"])?;
    let required = ["iss", "aud", "iat", "exp", "jti", "events"];
    let claims = issued_claims(verified, provider, provider.client_id(), &required, now)?;
    if !claims["events"].get(EVENT).is_some_and(Value::is_object) {
        return Err(wrong("events", "the token does not say that a login ended"));
    }
    // What has a nonce is an ID token, which anybody who signed in has one of.
    if claims.contains_key("nonce") {
        return Err(wrong("nonce", "a logout token must have none"));
    }
    let names = |name: &str| matches!(claims.get(name), Some(Value::String(text)) if !text.is_empty());
    match names("sub") || names("sid") {
        true => Ok(claims),
        false => Err(wrong("sub", "the token names neither a user nor a session")),
    }
}
