//! One-time passwords.

use jam::otp::{MAX_URI, OtpauthUri, RecoveryCodes, SharedSecret};

use super::check_error;

/// An `otpauth` URI; also what people type as a secret, and what is stored of recovery codes.
pub fn otpauth_uri(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match OtpauthUri::parse(text) {
        // Escapes may make a text too long that was short enough without: an issuer is written twice, and each of its bytes
        // takes three.
        Ok(uri) => match uri.to_text() {
            Ok(written) => assert_eq!(OtpauthUri::parse(&written), Ok(uri)),
            Err(error) => {
                assert!(6 * text.len() + 100 > MAX_URI && error.code() == "validation.invalid", "{error}")
            }
        },
        Err(error) => check_error(&error, input),
    }
    match SharedSecret::from_base32(text) {
        Ok(secret) => {
            assert!(!format!("{secret:?}").contains(&secret.to_base32()) || secret.to_base32().len() < 8);
            assert_eq!(SharedSecret::from_base32(&secret.to_base32()), Ok(secret));
        }
        Err(error) => check_error(&error, input),
    }
    match RecoveryCodes::from_text(text) {
        Ok(codes) => {
            assert_eq!(codes.to_text(), text);
            assert!(codes.redeem("0000-0000-0000-0000-0000-0000").is_none());
        }
        Err(error) => check_error(&error, input),
    }
}
