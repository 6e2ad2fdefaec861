//! The secret that a server and a user's device share, and its base32 form.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::{BASE32_NOPAD, Encoding, Specification};

use crate::crypto::random_bytes;
use crate::secret::Secret;
use crate::{Error, Result};

/// Secrets below this length log a warning: 80 bits are what authenticator apps commonly issue, and
/// RFC 4226 section 4 asks for 128.
const SHORT_SECRET: usize = 10;

/// The secret that the server and the user's device share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSecret(Secret<Vec<u8>>);

impl SharedSecret {
    /// Takes the secret's bytes.
    ///
    /// # Errors
    /// [`Error::Validation`] when there are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::validation("the secret of one-time passwords is empty"));
        }
        Ok(Self(Secret::from(bytes)))
    }

    /// Reads base32 (RFC 4648 section 6) as people type it: either case, any length; spaces, dashes and the
    /// padding are skipped, and bits that fill no byte are dropped, as authenticator apps do.
    ///
    /// ```
    /// use jam::otp::SharedSecret;
    ///
    /// assert_eq!(SharedSecret::from_base32("secret")?, SharedSecret::from_bytes(&[0x91, 0x05, 0x12])?);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`] for any other character, and when no byte is left.
    pub fn from_base32(text: &str) -> Result<Self> {
        let symbols = Secret::new(
            text.bytes()
                .filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'-'))
                .collect::<Vec<_>>(),
        );
        let symbols = symbols.expose();
        let padding = symbols.iter().rev().take_while(|&&byte| byte == b'=').count();
        let mut symbols = &symbols[..symbols.len() - padding];
        // Lengths of 1, 3 and 6 over a multiple of 8 end in a symbol that adds no whole byte.
        if matches!(symbols.len() % 8, 1 | 3 | 6) {
            let (last, rest) = symbols.split_last().unwrap_or((&b'A', &[]));
            if !last.is_ascii_alphabetic() && !matches!(last, b'2'..=b'7') {
                return Err(not_base32());
            }
            symbols = rest;
        }
        Self::from_bytes(&LENIENT_BASE32.decode(symbols).map_err(|_| not_base32())?)
    }

    /// A new random secret of 20 bytes, the length of SHA-1 that RFC 4226 section 4 recommends.
    pub fn generate() -> Self {
        Self(Secret::from(random_bytes::<20>().as_slice()))
    }

    /// The secret in base32: upper case, no padding.
    pub fn to_base32(&self) -> String {
        BASE32_NOPAD.encode(self.0.expose())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }

    pub(super) fn warn_if_short(&self, warning: &ShortSecretWarning) {
        let bytes = self.bytes().len();
        if bytes < SHORT_SECRET && !warning.0.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a secret of one-time passwords has {} bits and can be guessed; it should have 128 or more (RFC 4226 section 4)",
                bytes * 8
            );
        }
    }
}

/// Whether it was logged that a secret is short: once for all passwords that are made with the same one of these, be it at
/// every login.
#[derive(Debug, Default)]
pub struct ShortSecretWarning(AtomicBool);

/// Base32 in either case; the bits after the last whole byte may have any value.
static LENIENT_BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    specification.translate.from.push_str("abcdefghijklmnopqrstuvwxyz");
    specification.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    specification.check_trailing_bits = false;
    specification.encoding().expect("the specification is a constant that the tests build")
});

fn not_base32() -> Error {
    Error::validation("the secret of one-time passwords is not base32: letters, and the digits 2 to 7")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(bytes: &[u8]) -> SharedSecret {
        SharedSecret::from_bytes(bytes).unwrap()
    }

    #[test]
    fn a_secret_is_read_as_authenticator_apps_read_it() {
        // fault 23
        let expected = secret(b"Hello!\xde\xad\xbe\xef");
        for text in [
            "JBSWY3DPEHPK3PXP",
            "jbswy3dpehpk3pxp",
            "JBSW Y3DP EHPK 3PXP",
            "jbsw-y3dp-ehpk-3pxp",
            " JBSWY3DPEHPK3PXP\n",
        ] {
            assert_eq!(SharedSecret::from_base32(text).unwrap(), expected, "{text}");
        }
        assert_eq!(SharedSecret::from_base32("secret").unwrap(), secret(&[0x91, 0x05, 0x12]));
        assert_eq!(SharedSecret::from_base32("MZXW6YQ=").unwrap(), secret(b"foob"));
        for length in 2..40 {
            let bytes = length * 5 / 8;
            assert_eq!(SharedSecret::from_base32(&"7".repeat(length)).unwrap(), secret(&vec![0xff; bytes]));
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        // attack 53
        for text in ["", " ", "A", "====", "--", "A=", "ABC1", "AB=CD", "ABCDEFG!", "AB8", "ÄB", "A\0"] {
            let error = SharedSecret::from_base32(text).unwrap_err();
            assert!(matches!(error, Error::Validation(_)), "{text:?}");
        }
        assert!(SharedSecret::from_bytes(b"").is_err());
    }

    #[test]
    fn every_secret_comes_back_from_its_base32() {
        for length in 1..70 {
            let bytes: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(151)).collect();
            assert_eq!(SharedSecret::from_base32(&secret(&bytes).to_base32()).unwrap(), secret(&bytes));
        }
        assert_ne!(SharedSecret::generate(), SharedSecret::generate());
    }
}
