//! Answers that a provider may sign: about a user, about a token.

use serde_json::{Map, Value};

use super::http::Answer;
use super::provider::Provider;
use super::token::invalid;
use crate::encoding::json_object;
use crate::jose::claims::{Registered, Validation};
use crate::jose::jws::Verified;
use crate::{Error, Result, Timestamp};

/// What a provider said.
pub(super) enum Said {
    /// In words that TLS alone protects.
    Plain(Map<String, Value>),
    /// As a JWT, which is still to be verified.
    Signed(String),
}

/// An answer that is a JWT.
pub(super) fn signed(answer: Answer) -> Result<Said> {
    let token = String::from_utf8(answer.body).ok();
    token.map(Said::Signed).ok_or_else(|| invalid("the provider's signed answer is no text"))
}

/// The claims of a signed answer of one of these types: it is this provider's, and for this client.
pub(super) fn claims(verified: &Verified, provider: &Provider, types: &[&str]) -> Result<Map<String, Value>> {
    let kind = verified.header().token_type().unwrap_or("JWT");
    if !types.iter().any(|expected| expected.eq_ignore_ascii_case(kind)) {
        return Err(refused("it is a token of another kind"));
    }
    let claims = json_object(verified.payload()).map_err(refused)?;
    let rules = Validation {
        issuer: provider.issuer().map(|issuer| issuer.text.clone()),
        audience: vec![provider.client_id().to_owned()],
        check_exp: false, // it was asked for and answered just now
        ..Validation::default()
    };
    let outcome = rules.validate(&Registered::from(&claims), Timestamp::from_seconds(0));
    outcome.map_err(|error| refused(error.to_string()))?;
    Ok(claims)
}

pub(super) fn refused(reason: impl Into<crate::Reason>) -> Error {
    invalid(format!("the provider's signed answer was refused: {}", reason.into()))
}
