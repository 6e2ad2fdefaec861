//! Reading the answer of a token endpoint (RFC 6749 sections 5.1 and 5.2).

use std::time::Duration;

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::http::Answer;
use crate::encoding::{json_kind, json_object};
use crate::error::Reason;
use crate::secret::Secret;
use crate::{Error, OAuth2Error, Result};

/// How much of a provider's own words goes into an error.
const QUOTED_CHARACTERS: usize = 64;
/// A shorter secret, or piece of one, would be found in harmless words.
const SHORTEST_SECRET: usize = 8;

/// The provider's own JSON object, with `expires_in` as an integer. `confidential` is what no error may repeat.
pub(super) fn parse(
    answer: &Answer,
    omits_token_type: bool,
    confidential: &[Secret<String>],
) -> Result<Map<String, Value>> {
    let mut members = members(answer, confidential)?;
    require_text(&members, "access_token")?;
    if !(omits_token_type && members.get("token_type").is_none()) {
        require_text(&members, "token_type")?;
    }
    if let Some(life_time) = members.get_mut("expires_in").filter(|life_time| !life_time.is_null()) {
        let seconds = seconds(life_time)
            .ok_or_else(|| invalid("`expires_in` is not a whole number of seconds from zero up"))?;
        *life_time = seconds.as_secs().into();
    }
    Ok(members)
}

/// The members of a successful answer.
pub(super) fn members(answer: &Answer, confidential: &[Secret<String>]) -> Result<Map<String, Value>> {
    let members = object(answer, confidential)?;
    // Some providers report errors with status 200, so the body decides.
    if let Some(error) = members.get("error").filter(|error| !error.is_null()) {
        return Err(OAuth2Error::Refused { error: error_code(error, confidential) }.into());
    }
    if !is_success(answer.status) {
        return Err(invalid(format!("the provider answered with status {}", answer.status)));
    }
    Ok(members)
}

/// The members of the answer, whatever its status. `confidential` is what no error may repeat.
pub(super) fn object(answer: &Answer, confidential: &[Secret<String>]) -> Result<Map<String, Value>> {
    if (300..400).contains(&answer.status) {
        return Err(invalid(format!(
            "the provider redirects (status {}), which is not followed; configure the address it leads to",
            answer.status
        )));
    }
    if answer.body.is_empty() {
        return Err(match is_success(answer.status) {
            true => OAuth2Error::EmptyResponse.into(),
            false => invalid(format!("the provider answered with status {} and no body", answer.status)),
        });
    }
    let members = match answer.media_type.as_str() {
        "application/x-www-form-urlencoded" => form_object(&answer.body),
        _ => json_object(&answer.body),
    };
    members.map_err(|reason| {
        let media_type = match answer.media_type.as_str() {
            "" => "no media type".to_owned(),
            media_type => quoted(media_type, confidential),
        };
        invalid(format!(
            "the provider's answer (status {}, {media_type}) cannot be read: {reason}",
            answer.status
        ))
    })
}

pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// GitHub answers in this form unless asked for JSON, and some installations of it always do.
fn form_object(body: &[u8]) -> Result<Map<String, Value>, String> {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        if members.insert(name.into_owned(), value.into_owned().into()).is_some() {
            return Err("a parameter occurs twice".into());
        }
    }
    Ok(members)
}

/// A member that must be text.
pub(super) fn require_text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str> {
    match members.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => Err(invalid(format!("the provider's answer has an empty `{name}`"))),
        Some(other) => {
            Err(invalid(format!("`{name}` of the provider's answer is {}, not text", json_kind(other))))
        }
        None => Err(invalid(format!("the provider's answer has no `{name}`"))),
    }
}

/// A number of seconds. Some providers write it as text, some as `3600.0`.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?))?,
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
        _ => return None,
    };
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

fn whole(number: f64) -> Option<i64> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation)] // whole and in the range in which every integer is exact
    (number.fract() == 0.0 && number.abs() <= LARGEST_EXACT).then_some(number as i64)
}

/// The `error` code: text, or the `type` of the object that Facebook sends.
fn error_code(error: &Value, confidential: &[Secret<String>]) -> String {
    let text = match error {
        Value::String(text) => text,
        Value::Object(members) => members.get("type").and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    };
    match quoted(text, confidential) {
        code if code.is_empty() => "no reason given".into(),
        code => code,
    }
}

/// A provider's words for an error, unless a piece of a secret is in what would be shown of them.
pub(super) fn quoted(text: &str, confidential: &[Secret<String>]) -> String {
    let shown = printable(text);
    let lower = shown.to_ascii_lowercase();
    let mut pieces = lower.as_bytes().windows(SHORTEST_SECRET);
    let secrets: Vec<_> =
        confidential.iter().map(|secret| Secret::new(secret.expose().to_ascii_lowercase())).collect();
    let is_secret = |piece: &[u8]| {
        secrets.iter().any(|secret| secret.expose().as_bytes().windows(piece.len()).any(|part| part == piece))
    };
    if pieces.any(is_secret) { "words that repeat a secret and are not shown".into() } else { shown }
}

/// A provider's words, cut to what can do no harm in a log.
fn printable(text: &str) -> String {
    text.chars().filter(|character| matches!(character, ' '..='~')).take(QUOTED_CHARACTERS).collect()
}

pub(super) fn invalid(reason: impl Into<Reason>) -> Error {
    OAuth2Error::InvalidResponse(reason.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(media_type: &str, body: &str) -> Result<Map<String, Value>> {
        parse(&Answer { status: 200, media_type: media_type.into(), body: body.into() }, false, &[])
    }

    fn life_time(value: &str) -> Result<Value> {
        let body = format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{value}}}"#);
        Ok(read("application/json", &body)?["expires_in"].clone())
    }

    #[test]
    fn a_life_time_becomes_an_integer_or_is_refused() {
        // attack 70
        for good in ["3600", r#""3600""#, "3600.0", "3.6e3"] {
            assert_eq!(life_time(good), Ok(Value::from(3600)), "{good}");
        }
        assert_eq!(life_time("0"), Ok(Value::from(0)));
        for bad in [
            "-1",
            r#""-1""#,
            "1e400",
            r#""1e400""#,
            "1e300",
            "0.5",
            "true",
            "[]",
            "{}",
            r#""""#,
            r#"" 1""#,
            r#""+1""#,
            "9223372036854775808",
            r#""9223372036854775808""#,
            r#""soon""#,
        ] {
            let error = life_time(bad).unwrap_err();
            assert_eq!(error.code(), "oauth2.invalid_response", "{bad}");
        }
    }

    #[test]
    fn a_token_answer_needs_a_token_and_its_type() {
        // attack 70
        for bad in [
            r#"{"token_type":"bearer"}"#,
            r#"{"access_token":"","token_type":"bearer"}"#,
            r#"{"access_token":1,"token_type":"bearer"}"#,
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"a","token_type":null}"#,
            r#"{"access_token":"a","access_token":"b","token_type":"bearer"}"#,
            r#"["access_token"]"#,
            "null",
        ] {
            assert_eq!(read("", bad).unwrap_err().code(), "oauth2.invalid_response", "{bad}");
        }
    }

    #[test]
    fn only_a_provider_known_for_it_may_leave_the_type_out() {
        let answer = |body: &str| Answer { status: 200, media_type: String::new(), body: body.into() };
        assert!(parse(&answer(r#"{"access_token":"a"}"#), true, &[]).is_ok());
        assert!(parse(&answer(r#"{"access_token":"a","token_type":7}"#), true, &[]).is_err());
    }

    #[test]
    fn a_refusal_shows_the_code_in_printable_ascii_and_no_secret() {
        // attack 70
        let code = |error: &str| {
            let body = format!(r#"{{"error":{error}}}"#);
            let answer = Answer { status: 200, media_type: String::new(), body: body.into() };
            match parse(&answer, false, &["hunter2-hunter2".into()]).unwrap_err() {
                Error::OAuth2(OAuth2Error::Refused { error }) => error,
                other => panic!("{other}"),
            }
        };
        assert_eq!(code(r#""invalid_grant""#), "invalid_grant");
        assert_eq!(code(r#""a\n\u001b[31mb\u00e9""#), "a[31mb");
        assert_eq!(code(r#"{"type":"OAuthException","code":100}"#), "OAuthException");
        assert_eq!(code("7"), "no reason given");
        assert_eq!(code(&format!("{:?}", "x".repeat(5000))).len(), QUOTED_CHARACTERS);
        for hidden in
            ["bad client hunter2-hunter2", "hunter2\\u0000-hunter2", "HUNTER2-HUNTER2", "unter2-hunt"]
        {
            let shown = code(&format!("\"{hidden}\"")).to_lowercase();
            assert!(!shown.contains("unter2"), "{hidden}: {shown}");
        }
    }

    #[test]
    fn a_media_type_shows_no_secret_either() {
        // attack 70
        let answer =
            Answer { status: 200, media_type: "text/hunter2-hunter2".into(), body: b"<html>".to_vec() };
        let error = parse(&answer, false, &["hunter2-hunter2".into()]).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        let answer = Answer { status: 200, media_type: "text/html".into(), body: b"<html>".to_vec() };
        let error = parse(&answer, false, &["hunter2-hunter2".into()]).unwrap_err().to_string();
        assert!(error.contains("text/html"), "{error}");
    }
}
