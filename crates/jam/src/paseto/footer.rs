//! What a footer holds.

use serde_json::{Map, Value};

use super::malformed;
use crate::encoding::json_object;
use crate::{Error, Result};

/// The deepest nesting of a JSON footer. It holds a key's id and little else.
const MAX_DEPTH: usize = 16;

/// A footer. In a token it is told apart by its content: the token itself does not say which of them was meant.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Footer {
    /// The token has none.
    #[default]
    None,
    /// A JSON object.
    Object(Map<String, Value>),
    /// Other text in UTF-8; also JSON that is no object, and what looks like an object and is none.
    Text(String),
    /// Everything else.
    Bytes(Vec<u8>),
}

impl Footer {
    /// Reads the footer of a token that was opened; before that, a footer proves nothing.
    ///
    /// # Errors
    /// [`PasetoError::InvalidTokenFormat`](crate::PasetoError::InvalidTokenFormat) when it begins like a JSON
    /// object and nests deeper than 16 levels.
    pub fn read(bytes: Vec<u8>) -> Result<Self> {
        if bytes.is_empty() {
            return Ok(Self::None);
        }
        if is_like_object(&bytes) {
            if depth(&bytes) > MAX_DEPTH {
                return Err(malformed(format!("a footer in JSON nests at most {MAX_DEPTH} levels deep")));
            }
            if let Ok(members) = json_object(&bytes) {
                return Ok(Self::Object(members));
            }
        }
        Ok(String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text))
    }

    /// The footer's bytes. With `kid`, an object that has none is given it, and so is a token without a footer; text and
    /// bytes stay as they are.
    pub(super) fn write(self, kid: Option<&str>) -> Result<Vec<u8>> {
        let bytes = match self {
            Self::Object(members) => return write_object(members, kid),
            Self::None => Vec::new(),
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
        };
        if bytes.is_empty() && kid.is_some() {
            return write_object(Map::new(), kid);
        }
        // What would be refused at reading is not written either.
        if is_like_object(&bytes) && depth(&bytes) > MAX_DEPTH {
            return Err(too_deep_to_make());
        }
        Ok(bytes)
    }
}

fn write_object(mut members: Map<String, Value>, kid: Option<&str>) -> Result<Vec<u8>> {
    if let Some(kid) = kid
        && !members.contains_key("kid")
    {
        members.insert("kid".to_owned(), kid.into());
    }
    let bytes = Value::Object(members).to_string().into_bytes();
    if depth(&bytes) > MAX_DEPTH { Err(too_deep_to_make()) } else { Ok(bytes) }
}

/// The text `kid` of a footer that is a JSON object. The footer is not authenticated yet, so it says no more than which key to
/// try.
pub(super) fn kid(footer: &[u8]) -> Option<String> {
    if !is_like_object(footer) || depth(footer) > MAX_DEPTH {
        return None;
    }
    match json_object(footer).ok()?.remove("kid") {
        Some(Value::String(kid)) => Some(kid),
        _ => None,
    }
}

fn is_like_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

fn too_deep_to_make() -> Error {
    Error::validation(format!("a footer in JSON nests at most {MAX_DEPTH} levels deep"))
}

impl From<Map<String, Value>> for Footer {
    fn from(members: Map<String, Value>) -> Self {
        Self::Object(members)
    }
}

impl From<&str> for Footer {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Footer {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Footer {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Footer {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Footer {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// The deepest nesting of brackets outside of JSON strings, found without parsing.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_is_told_by_its_content() {
        let read = |text: &str| Footer::read(text.as_bytes().to_vec()).unwrap();
        assert_eq!(read(""), Footer::None);
        assert!(matches!(read(r#" {"kid": "1"}"#), Footer::Object(_)));
        for text in ["plain", "123", "[1]", "\"quoted\"", "{broken", r#"{"a":1,"a":2}"#] {
            assert_eq!(read(text), Footer::Text(text.to_owned()));
        }
        assert_eq!(Footer::read(vec![0xff]).unwrap(), Footer::Bytes(vec![0xff]));
    }

    #[test]
    fn deep_footers_are_refused() {
        // attack 48
        let nested =
            |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels)).into_bytes();
        assert!(matches!(Footer::read(nested(16)), Ok(Footer::Object(_))));
        for levels in [17, 127, 1_600] {
            assert_eq!(Footer::read(nested(levels)).unwrap_err().code(), "paseto.invalid_token_format");
        }
        let brackets_in_text = format!(r#"{{"a":"\"{}"}}"#, "[".repeat(100)).into_bytes();
        assert!(matches!(Footer::read(brackets_in_text), Ok(Footer::Object(_))));
    }
}
