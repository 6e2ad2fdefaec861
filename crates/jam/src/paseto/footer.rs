//! What a footer holds.

use serde_json::{Map, Value};

use super::malformed;
use crate::Result;
use crate::encoding::json_object;

/// The deepest nesting of a JSON footer. It holds a key's id and little else.
const MAX_DEPTH: usize = 16;

/// A footer, told apart by its content: the token itself does not say which of them was meant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Footer {
    /// The token has none.
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
        if bytes.trim_ascii_start().starts_with(b"{") {
            if depth(&bytes) > MAX_DEPTH {
                return Err(malformed(format!("a footer in JSON nests at most {MAX_DEPTH} levels deep")));
            }
            if let Ok(members) = json_object(&bytes) {
                return Ok(Self::Object(members));
            }
        }
        Ok(String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text))
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
