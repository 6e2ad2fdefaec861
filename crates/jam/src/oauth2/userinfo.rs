//! Who the user of an access token is (OpenID Connect Core 1.0 section 5.3).

use serde_json::{Map, Value};
use url::Url;

use super::http::{Answer, Call, Request};
use super::provider::Provider;
use super::signed_answer::{self, Said};
use super::token::{invalid, is_success, members};
use crate::encoding::json_value;
use crate::jose::jws::Verified;
use crate::secret::Secret;
use crate::{Error, Result};

/// The request with an access token (RFC 6750 section 2.1).
pub(super) fn request(provider: &Provider, url: Url, access_token: &str) -> Result<Request<Said>> {
    let (call, confidential) = bearer(provider, url, access_token)?;
    let call = Call { accept: "application/json, application/jwt", ..call };
    let parse = move |answer: Answer| match answer.media_type.as_str() {
        "application/jwt" if is_success(answer.status) => signed_answer::signed(answer),
        _ => members(&answer, &confidential).map(Said::Plain),
    };
    Ok(Request { call, parse: Box::new(parse) })
}

/// The claims of a signed answer, which names its issuer and its reader (section 5.3.2).
pub(super) fn claims(verified: &Verified, provider: &Provider) -> Result<Map<String, Value>> {
    signed_answer::claims(verified, provider, &["JWT"])
}

/// The request for the user's addresses, where the provider tells them by a second call.
pub(super) fn email_request(
    provider: &Provider,
    url: Url,
    access_token: &str,
) -> Result<Request<Option<String>>> {
    let (call, _) = bearer(provider, url, access_token)?;
    Ok(Request { call, parse: Box::new(|answer| email(&answer)) })
}

/// The address that the user prefers, if the provider has verified it. Who may not see it gets none.
fn email(answer: &Answer) -> Result<Option<String>> {
    if !is_success(answer.status) {
        return Ok(None);
    }
    let addresses = json_value(&answer.body)
        .map_err(|reason| invalid(format!("the user's addresses cannot be read: {reason}")))?;
    let is_true = |address: &Value, name: &str| address.get(name) == Some(&Value::Bool(true));
    let mut addresses = addresses.as_array().into_iter().flatten();
    let preferred = addresses.find(|address| is_true(address, "primary") && is_true(address, "verified"));
    Ok(preferred.and_then(|address| address.get("email")?.as_str()).map(str::to_owned))
}

fn bearer(provider: &Provider, url: Url, access_token: &str) -> Result<(Call, Vec<Secret<String>>)> {
    let is_token_character = |byte: u8| byte.is_ascii_graphic();
    if access_token.is_empty() || !access_token.bytes().all(is_token_character) {
        return Err(Error::validation("the access token must be printable ASCII text, and not empty"));
    }
    let authorization = Some(Secret::new(format!("Bearer {access_token}")));
    Ok((Call { authorization, ..Call::get(url, provider.limits()) }, vec![access_token.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verified_address_that_the_user_prefers_is_taken() {
        let read = |status, body: &str| {
            email(&Answer { status, media_type: "application/json".into(), body: body.into() })
        };
        let list = r#"[{"email":"a@x.example","primary":false,"verified":true},
            {"email":"b@x.example","primary":true,"verified":true}]"#;
        assert_eq!(read(200, list), Ok(Some("b@x.example".into())));
        for none in [
            r#"[{"email":"a@x.example","primary":true,"verified":false}]"#,
            r#"[{"email":"a@x.example","primary":"true","verified":"true"}]"#,
            r#"[{"primary":true,"verified":true}]"#,
            "{}",
            "[7]",
        ] {
            assert_eq!(read(200, none), Ok(None), "{none}");
        }
        assert_eq!(read(403, list), Ok(None));
        assert!(read(200, "<html>").is_err());
    }
}
