//! One-time passwords: HOTP (RFC 4226), TOTP (RFC 6238), the `otpauth` URI and the QR code that authenticator apps
//! read, and recovery codes for users who have lost their device.
//!
//! ```
//! use jam::Timestamp;
//! use jam::otp::{OtpOptions, SharedSecret, Totp};
//!
//! let secret = SharedSecret::from_base32("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")?;
//! let totp = Totp::new(secret, OtpOptions { digits: 8, ..OtpOptions::default() })?;
//! let now = Timestamp::from_seconds(59);
//! assert_eq!(totp.at(now)?, "94287082");
//! assert!(totp.verify("94287082", 1, now)?);
//! # Ok::<(), jam::Error>(())
//! ```
//!
//! A code that was accepted must not be accepted again (RFC 6238 section 5.2). [`Totp::verify_step`] names the step
//! for servers that keep track of it; [`replay_guard`](crate::replay_guard) keeps track in a store.

mod hotp;
mod qr;
mod recovery;
mod secret;
mod totp;
mod uri;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use self::hotp::Hotp;
pub use self::qr::QrCode;
pub use self::recovery::RecoveryCodes;
pub use self::secret::{SharedSecret, ShortSecretWarning};
pub use self::totp::Totp;
pub use self::uri::{MAX_URI, OtpauthUri};
use crate::crypto::Hash;
use crate::{Error, Result};

/// The widest window of [`Hotp::verify`] and [`Totp::verify`]. Every further step is one more code that a
/// guess may meet (RFC 4226 section 7.4).
pub const MAX_LOOK_AHEAD: u32 = 10;

/// The longest time that a code may hold, in seconds: a day.
pub const LONGEST_INTERVAL: u64 = 86_400;

/// What one-time passwords are made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtpKind {
    /// The time (RFC 6238).
    #[default]
    Totp,
    /// A counter (RFC 4226).
    Hotp,
}

/// The name in the `otpauth` URI and in configurations: `totp`, `hotp`.
impl fmt::Display for OtpKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
        })
    }
}

/// The hash function inside of HMAC (RFC 6238 section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Digest {
    /// SHA-1, which every authenticator app knows. Its collisions do not touch HMAC.
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Digest {
    fn hash(self) -> Hash {
        match self {
            Self::Sha1 => Hash::Sha1,
            Self::Sha256 => Hash::Sha256,
            Self::Sha512 => Hash::Sha512,
        }
    }
}

/// The name in the `otpauth` URI: `SHA1`, `SHA256`, `SHA512`.
impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        })
    }
}

/// Reads `sha1`, `sha256` or `sha512`, in either case.
impl FromStr for Digest {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|digest| digest.to_string().eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::validation("the digest of one-time passwords is sha1, sha256 or sha512"))
    }
}

/// The parameters of one-time passwords. The defaults are what every authenticator app assumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtpOptions {
    /// Digits of a code: 6 to 10 (RFC 4226 section 5.3 asks for 6 at least). Default 6.
    pub digits: u32,
    /// The hash function inside of HMAC. Default SHA-1.
    pub digest: Digest,
    /// TOTP only: the seconds for which a code holds, from 1 to 86 400. Default 30.
    pub interval: u64,
}

impl OtpOptions {
    /// Refuses parameters that cannot be used for this kind.
    ///
    /// # Errors
    /// [`Error::Validation`] for digits outside of 6 to 10 and, for TOTP, an interval outside of a second to a day.
    pub fn check(&self, kind: OtpKind) -> Result<()> {
        if !(6..=10).contains(&self.digits) {
            return Err(Error::validation("one-time passwords have from 6 to 10 digits"));
        }
        if kind == OtpKind::Totp && !(1..=LONGEST_INTERVAL).contains(&self.interval) {
            let reason =
                format!("the interval of one-time passwords is from 1 to {LONGEST_INTERVAL} seconds");
            return Err(Error::validation(reason));
        }
        Ok(())
    }
}

impl Default for OtpOptions {
    fn default() -> Self {
        Self { digits: 6, digest: Digest::Sha1, interval: 30 }
    }
}

/// What [`replay_guard`](crate::replay_guard) keeps of an accepted code, so that it is not accepted again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayEntry {
    /// Names the secret and the step, and tells neither.
    pub id: String,
    /// For how long the step might be accepted again.
    pub keep: Duration,
}

fn check_look_ahead(look_ahead: u32) -> Result<()> {
    if look_ahead > MAX_LOOK_AHEAD {
        return Err(Error::validation(format!("look_ahead is at most {MAX_LOOK_AHEAD}")));
    }
    Ok(())
}

fn check_resynchronization(codes: usize, window: u32, widest: u32) -> Result<()> {
    if !(2..=5).contains(&codes) {
        return Err(Error::validation("a resynchronization takes from 2 to 5 consecutive codes"));
    }
    if window > widest {
        return Err(Error::validation(format!("the window of a resynchronization is at most {widest}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn only_the_three_digests_of_the_rfc_have_a_name() {
        // fault 23
        for name in ["md5", "", "sha-1", "sha384", "SHA1 ", "hmac-sha1"] {
            assert!(name.parse::<Digest>().is_err(), "{name}");
        }
        assert_eq!("Sha256".parse::<Digest>().unwrap(), Digest::Sha256);
    }

    #[test]
    fn codes_are_those_of_the_published_vectors() {
        let Some(vectors) = crate::test_vectors::read("otp/otp.json") else { return };
        let secret = |algorithm: &str| {
            SharedSecret::from_base32(vectors["secrets_base32"][algorithm].as_str().unwrap()).unwrap()
        };
        let counters = vectors["hotp"].as_array().unwrap();
        for case in counters {
            let counter = case["counter"].as_u64().unwrap();
            for (digits, expected) in [
                (6, case["code"].as_str().unwrap().to_owned()),
                (10, format!("{:010}", case["truncated"].as_u64().unwrap())),
            ] {
                let options = OtpOptions { digits, ..OtpOptions::default() };
                assert_eq!(Hotp::new(secret("SHA1"), options).unwrap().at(counter), expected);
            }
        }
        let times = vectors["totp"].as_array().unwrap();
        for case in times {
            let algorithm = case["algorithm"].as_str().unwrap();
            let options = OtpOptions {
                digits: case["digits"].as_u64().unwrap() as u32,
                digest: algorithm.parse().unwrap(),
                interval: case["period"].as_u64().unwrap(),
            };
            let totp = Totp::new(secret(algorithm), options).unwrap();
            let (time, code) = (Timestamp::from_seconds(case["time"].as_i64().unwrap()), &case["code"]);
            assert_eq!(totp.at(time).unwrap(), code.as_str().unwrap());
            let step = totp.verify_step(code.as_str().unwrap(), 0, time).unwrap();
            assert_eq!(step, case["step"].as_u64());
        }
        assert_eq!((counters.len(), times.len()), (10, 18));
    }

    #[test]
    fn debug_shows_no_secret() {
        // attack 74
        let secret = SharedSecret::from_bytes(b"12345678901234567890").unwrap();
        let (hotp, totp) = (
            Hotp::new(secret.clone(), OtpOptions::default()).unwrap(),
            Totp::new(secret, OtpOptions::default()).unwrap(),
        );
        let uri = OtpauthUri::parse(&totp.provisioning_uri("ann", "Jam").unwrap()).unwrap();
        let shown = format!("{hotp:?} {totp:?} {uri:?} {:?}", totp.qr_code("ann", "Jam").unwrap());
        assert!(!shown.contains("GEZDG") && !shown.contains("[49, 50") && !shown.contains("true"), "{shown}");
    }
}
