//! Strict text encodings: base64url without padding, and JSON objects without duplicate members.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{self, STANDARD};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::Error;

/// The engine that uses AVX2 or NEON where the machine has it.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
static BASE64URL: std::sync::LazyLock<base64::engine::Simd> =
    std::sync::LazyLock::new(|| base64::engine::Simd::url_safe(general_purpose::NO_PAD));
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
static BASE64URL: general_purpose::GeneralPurpose = general_purpose::URL_SAFE_NO_PAD;

/// Base64url without padding (RFC 4648 section 5, RFC 7515 section 2).
pub fn base64url_encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL.encode(bytes)
}

/// Writes the base64url form of `bytes` into `text`, which must have exactly [`base64url_length`] bytes for it;
/// `None` if it has not.
pub fn base64url_encode_into(bytes: impl AsRef<[u8]>, text: &mut [u8]) -> Option<()> {
    let bytes = bytes.as_ref();
    if text.len() != base64url_length(bytes.len()) {
        return None;
    }
    BASE64URL.encode_slice(bytes, text).ok().map(drop)
}

/// How many characters `length` bytes have in base64url without padding.
pub const fn base64url_length(length: usize) -> usize {
    length / 3 * 4 + (length % 3 * 4).div_ceil(3)
}

/// Reads base64url without padding. `None` for padding, white space, characters of the plain alphabet, and
/// non-zero trailing bits: one byte string has exactly one spelling.
///
/// ```
/// use jam::encoding::base64url_decode;
///
/// assert_eq!(base64url_decode("-_8"), Some(vec![0xfb, 0xff]));
/// assert_eq!(base64url_decode("-_9"), None); // the same bytes, spelled otherwise
/// ```
pub fn base64url_decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

/// The credentials of HTTP Basic authentication (RFC 7617 section 2): what stands after `Basic ` in the header.
///
/// # Errors
/// [`Error::Validation`] when the login holds a colon, which would end it, or one of the two a control character.
///
/// ```
/// use jam::encoding::{basic_auth_decode, basic_auth_encode};
///
/// let credentials = basic_auth_encode("Aladdin", "open sesame")?;
/// assert_eq!(credentials, "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// assert_eq!(basic_auth_decode(&credentials)?, ("Aladdin".to_owned(), "open sesame".to_owned()));
/// # Ok::<(), jam::Error>(())
/// ```
pub fn basic_auth_encode(login: &str, password: &str) -> crate::Result<String> {
    if login.contains(':') {
        return Err(Error::validation("the login of HTTP Basic authentication holds no colon"));
    }
    if login.chars().chain(password.chars()).any(char::is_control) {
        return Err(Error::validation("HTTP Basic authentication takes no control characters"));
    }
    Ok(STANDARD.encode(format!("{login}:{password}")))
}

/// Reads what [`basic_auth_encode`] makes, with or without `Basic ` before it: the login and the password.
///
/// # Errors
/// [`Error::Validation`] when the text is not base64 of UTF-8 with a colon in it.
pub fn basic_auth_decode(credentials: &str) -> crate::Result<(String, String)> {
    let credentials = match credentials.split_at_checked(6) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("Basic ") => rest.trim_start_matches(' '),
        _ => credentials,
    };
    let text = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref()
        .and_then(|text| text.split_once(':'))
        .map(|(login, password)| (login.to_owned(), password.to_owned()))
        .ok_or_else(|| Error::validation("the credentials are not base64 of login, colon and password"))
}

/// Reads one JSON object (RFC 8259). Refused with a reason: anything else at the top, duplicate members
/// (also where one of the two is spelled with escapes), nesting deeper than 127, numbers outside of the range of
/// `f64`, text that is not UTF-8, a byte order mark.
///
/// ```
/// use jam::encoding::json_object;
///
/// assert!(json_object(br#"{"a": 1}"#).is_ok());
/// assert!(json_object(br#"{"a": 1, "\u0061": 2}"#).is_err());
/// ```
pub fn json_object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match json_value(bytes)? {
        Value::Object(members) => Ok(members),
        other => Err(format!("a JSON object is required, not {}", json_kind(&other))),
    }
}

/// Reads one JSON value under the rules of [`json_object`].
pub fn json_value(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = UniqueMembers.deserialize(&mut reader).map_err(reason)?;
    reader.end().map_err(reason)?;
    Ok(value)
}

/// Whether a number among the values is beyond 64 bits: it was rounded when it was read, and would be another one when it
/// is written again.
pub(crate) fn has_rounded_number(members: &Map<String, Value>) -> bool {
    fn is_rounded(value: &Value) -> bool {
        const LEAST: f64 = i64::MIN as f64;
        const MOST: f64 = u64::MAX as f64;
        match value {
            Value::Number(number) if number.is_f64() => {
                number.as_f64().is_none_or(|number| number <= LEAST || number >= MOST)
            }
            Value::Array(items) => items.iter().any(is_rounded),
            Value::Object(members) => members.values().any(is_rounded),
            _ => false,
        }
    }
    members.values().any(is_rounded)
}

/// The length of the text of an object, in bytes.
pub(crate) fn json_length(members: &Map<String, Value>) -> usize {
    serde_json::to_string(members).map_or(usize::MAX, |text| text.len())
}

/// What kind of JSON value this is, as a noun with its article.
pub fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The position and the kind of a JSON error. The parser's own sentence may quote the input, and the
/// input may be secret.
fn reason(error: serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "ends too early",
        serde_json::error::Category::Data => "has a duplicate member",
        _ => "is not valid JSON",
    };
    format!("the text {what} at line {}, column {}", error.line(), error.column())
}

/// Builds a [`Value`] and refuses objects in which a member occurs twice.
struct UniqueMembers;

impl<'de> DeserializeSeed<'de> for UniqueMembers {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(UniqueMembers)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(UniqueMembers)?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(base64url_decode("Zg"), Some(b"f".to_vec()));
        for bad in ["Zg==", "Zh", "Z", "Zg ", "Z g", "Zg\n", "Z+8", "Z/8", "é"] {
            assert_eq!(base64url_decode(bad), None, "{bad:?}");
        }
    }

    // Long texts take another way through the decoder than short ones.
    #[test]
    fn long_base64url_has_one_spelling_too() {
        for length in 0..300 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let mut text = base64url_encode(&bytes);
            assert_eq!(text.len(), base64url_length(bytes.len()));
            let mut written = vec![0; text.len()];
            assert_eq!(base64url_encode_into(&bytes, &mut written), Some(()));
            assert_eq!(written, text.as_bytes());
            written.push(0);
            assert_eq!(base64url_encode_into(&bytes, &mut written), None);
            assert_eq!(base64url_decode(&text).as_ref(), Some(&bytes));
            for bad in [format!("{text}="), format!("{text}!"), format!("+{text}"), format!("{text}\n")] {
                assert_eq!(base64url_decode(&bad), None, "{bad}");
            }
            if bytes.len() % 3 == 1 {
                // The last character carries four bits too many, all zero: A, Q, g, w.
                let last = char::from(text.pop().unwrap() as u8 + 1);
                assert_eq!(base64url_decode(format!("{text}{last}")), None);
            }
        }
    }

    #[test]
    fn basic_credentials_have_one_login() {
        assert_eq!(basic_auth_decode("basic  YTpiOmM=").unwrap(), ("a".to_owned(), "b:c".to_owned()));
        assert_eq!(basic_auth_decode("Og==").unwrap(), (String::new(), String::new()));
        for bad in ["", "YQ==", "YTpi=", "YTo", "Basic", "Bearer YTpi", "/zo=", "YTp i", "é"] {
            assert!(basic_auth_decode(bad).is_err(), "{bad}");
        }
        for (login, password) in [("a:b", "c"), ("a\n", "c"), ("a", "c\0")] {
            assert!(basic_auth_encode(login, password).is_err());
        }
        assert_eq!(basic_auth_encode("ä", "ö:").unwrap(), "w6Q6w7Y6");
    }

    #[test]
    fn json_refuses_what_two_readers_could_read_differently() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            "\u{feff}{}",
            "[]",
            "{} {}",
            r#"{"a":1e400}"#,
            r#"{"a":NaN}"#,
            r#"{"a":"\ud800"}"#,
        ] {
            assert!(json_object(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(json_object(b"{\"a\":\"\xff\"}").is_err());
        assert!(json_object("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_json_number_is_read_as_the_nearest_one_and_written_back_the_same() {
        for (text, number) in
            [("1.5e038", 1.5e38), ("18004444444444444000025", 18_004_444_444_444_444_000_025.0)]
        {
            let read = json_value(text.as_bytes()).unwrap();
            assert_eq!(read, Value::from(number));
            assert_eq!(json_value(read.to_string().as_bytes()), Ok(read));
        }
    }

    #[test]
    fn json_errors_do_not_quote_the_input() {
        let error = json_object(br#"{"password": hunter2}"#).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
