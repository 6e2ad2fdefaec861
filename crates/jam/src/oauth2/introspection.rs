//! Whether a token is good (RFC 7662), and making it useless (RFC 7009).

use serde_json::{Map, Value};
use url::Url;

use super::client::CallOptions;
use super::http::{Answer, Call, Request};
use super::provider::{Endpoints, Provider};
use super::signed_answer::{self, Said, refused};
use super::token::{invalid, is_success, members};
use crate::jose::jws::Verified;
use crate::{Error, Result, Timestamp};

/// The media type of a signed answer (RFC 9701 section 5).
const SIGNED: &str = "application/token-introspection+jwt";

/// The introspection request (RFC 7662 section 2.1).
pub(super) fn request(
    provider: &Provider,
    endpoints: &Endpoints,
    url: &Url,
    token: &str,
    now: Timestamp,
) -> Result<Request<Said>> {
    let (call, confidential) = call(provider, endpoints, url, token, now)?;
    let call = Call { accept: "application/json, application/token-introspection+jwt;q=0.9", ..call };
    let parse = move |answer: Answer| {
        if answer.media_type == SIGNED && is_success(answer.status) {
            return signed_answer::signed(answer);
        }
        members(&answer, &confidential).and_then(checked).map(Said::Plain)
    };
    Ok(Request { call, parse: Box::new(parse) })
}

/// What a signed answer says of the token (RFC 9701 section 5).
pub(super) fn claims(verified: &Verified, provider: &Provider) -> Result<Map<String, Value>> {
    let claims = signed_answer::claims(verified, provider, &["token-introspection+jwt"])?;
    match claims.get("token_introspection") {
        Some(Value::Object(members)) => checked(members.clone()),
        _ => Err(refused("it does not say anything of the token")),
    }
}

/// The revocation request (RFC 7009 section 2.1).
pub(super) fn revocation_request(
    provider: &Provider,
    endpoints: &Endpoints,
    url: &Url,
    token: &str,
    now: Timestamp,
) -> Result<Request<()>> {
    let (call, confidential) = call(provider, endpoints, url, token, now)?;
    // Section 2.2: the body of a success says nothing.
    let parse = move |answer: Answer| match is_success(answer.status) {
        true => Ok(()),
        false => members(&answer, &confidential).map(drop),
    };
    Ok(Request { call, parse: Box::new(parse) })
}

fn call(
    provider: &Provider,
    endpoints: &Endpoints,
    url: &Url,
    token: &str,
    now: Timestamp,
) -> Result<(Call, Vec<crate::secret::Secret<String>>)> {
    if token.is_empty() {
        return Err(Error::validation("the token must not be empty"));
    }
    let options = CallOptions::new();
    provider.authenticated(endpoints, url, vec![("token", token.into())], &options, now)
}

/// Section 2.2: `active` is what everything hangs on.
fn checked(members: Map<String, Value>) -> Result<Map<String, Value>> {
    match members.get("active") {
        Some(Value::Bool(_)) => Ok(members),
        _ => Err(invalid("the provider's answer does not say whether the token is active")),
    }
}
