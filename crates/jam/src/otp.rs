//! One-time passwords: HOTP (RFC 4226), TOTP (RFC 6238), and the `otpauth` URI that authenticator apps read.
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

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::LazyLock;

use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::crypto::hmac::HmacKey;
use crate::crypto::{Hash, random_bytes};
use crate::secret::Secret;
use crate::{Error, Result, Timestamp};

/// The widest window of [`Hotp::verify`] and [`Totp::verify`]. Every further step is one more code that a
/// guess may meet (RFC 4226 section 7.4).
pub const MAX_LOOK_AHEAD: u32 = 10;

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

    fn warn_if_short(&self) {
        let bytes = self.0.expose().len();
        if bytes < SHORT_SECRET {
            tracing::warn!(
                "a secret of one-time passwords has {} bits and can be guessed; it should have 128 or more (RFC 4226 section 4)",
                bytes * 8
            );
        }
    }
}

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
    /// TOTP only: the seconds for which a code holds, greater than zero. Default 30.
    pub interval: u64,
}

impl Default for OtpOptions {
    fn default() -> Self {
        Self { digits: 6, digest: Digest::Sha1, interval: 30 }
    }
}

/// Codes that follow a counter (RFC 4226).
#[derive(Clone, Debug)]
pub struct Hotp {
    secret: SharedSecret,
    key: HmacKey,
    options: OtpOptions,
}

impl Hotp {
    /// Prepares the secret. One shorter than 80 bits works and logs a warning.
    ///
    /// # Errors
    /// [`Error::Validation`] for digits outside of 6 to 10.
    pub fn new(secret: SharedSecret, options: OtpOptions) -> Result<Self> {
        if !(6..=10).contains(&options.digits) {
            return Err(Error::validation("one-time passwords have from 6 to 10 digits"));
        }
        secret.warn_if_short();
        let key = HmacKey::new(options.digest.hash(), secret.0.expose());
        Ok(Self { secret, key, options })
    }

    /// The code of a counter (RFC 4226 section 5.3).
    ///
    /// ```
    /// use jam::otp::{Hotp, OtpOptions, SharedSecret};
    ///
    /// let secret = SharedSecret::from_bytes(b"12345678901234567890")?;
    /// assert_eq!(Hotp::new(secret, OtpOptions::default())?.at(1), "287082");
    /// # Ok::<(), jam::Error>(())
    /// ```
    pub fn at(&self, counter: u64) -> String {
        let tag = self.key.sign(&counter.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 0x0f);
        let word = [tag[offset], tag[offset + 1], tag[offset + 2], tag[offset + 3]];
        let number = u64::from(u32::from_be_bytes(word) & 0x7fff_ffff) % 10_u64.pow(self.options.digits);
        format!("{number:0width$}", width = self.options.digits as usize)
    }

    /// Whether `code` belongs to one of the counters `counter` to `counter + look_ahead`; with a
    /// `look_ahead` of 0 to `counter` alone (RFC 4226 section 7.2). Whoever accepts a code stores the matched counter plus one:
    /// use [`Hotp::verify_step`] to learn it.
    ///
    /// # Errors
    /// [`Error::Validation`] when `look_ahead` exceeds [`MAX_LOOK_AHEAD`].
    pub fn verify(&self, code: &str, counter: u64, look_ahead: u32) -> Result<bool> {
        Ok(self.verify_step(code, counter, look_ahead)?.is_some())
    }

    /// As [`Hotp::verify`], but names the counter that matched (the last one, should two have the same code).
    ///
    /// # Errors
    /// As [`Hotp::verify`].
    pub fn verify_step(&self, code: &str, counter: u64, look_ahead: u32) -> Result<Option<u64>> {
        check_look_ahead(look_ahead)?;
        Ok(self.find(code, counter, counter.saturating_add(look_ahead.into())))
    }

    /// The URI for an authenticator app (Google's key URI format): `otpauth://hotp/ISSUER:NAME?...`, whose
    /// parts are percent-encoded, with the counter that the app starts from. It contains the secret.
    ///
    /// # Errors
    /// [`Error::Validation`] when `name` is empty.
    pub fn provisioning_uri(&self, name: &str, issuer: &str, counter: u64) -> Result<String> {
        self.uri("hotp", name, issuer, ("counter", counter))
    }

    /// The last step from `first` to `last` whose code this is. Every step is computed and compared in
    /// constant time, whatever matched before.
    fn find(&self, code: &str, first: u64, last: u64) -> Option<u64> {
        if code.len() != self.options.digits as usize || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut found = Choice::from(0);
        let mut matched = 0;
        for step in first..=last {
            let same = self.at(step).as_bytes().ct_eq(code.as_bytes());
            matched.conditional_assign(&step, same);
            found |= same;
        }
        bool::from(found).then_some(matched)
    }

    fn uri(&self, kind: &str, name: &str, issuer: &str, moving: (&str, u64)) -> Result<String> {
        if name.is_empty() {
            return Err(Error::validation("the account's name in an otpauth URI is empty"));
        }
        let (name, issuer) = (percent_encode(name), percent_encode(issuer));
        let mut uri = format!("otpauth://{kind}/");
        if !issuer.is_empty() {
            let _ = write!(uri, "{issuer}:");
        }
        let _ = write!(uri, "{name}?secret={}", self.secret.to_base32());
        if !issuer.is_empty() {
            let _ = write!(uri, "&issuer={issuer}");
        }
        let OtpOptions { digits, digest, .. } = self.options;
        let _ = write!(uri, "&algorithm={digest}&digits={digits}&{}={}", moving.0, moving.1);
        Ok(uri)
    }
}

/// Codes that follow the clock (RFC 6238), counted in steps of `interval` seconds since 1970.
#[derive(Clone, Debug)]
pub struct Totp(Hotp);

impl Totp {
    /// Prepares the secret. One shorter than 80 bits works and logs a warning.
    ///
    /// # Errors
    /// [`Error::Validation`] for digits outside of 6 to 10 and for an interval of 0.
    pub fn new(secret: SharedSecret, options: OtpOptions) -> Result<Self> {
        if options.interval == 0 {
            return Err(Error::validation("the interval of one-time passwords is at least one second"));
        }
        Ok(Self(Hotp::new(secret, options)?))
    }

    /// The code of the step that `now` lies in.
    ///
    /// # Errors
    /// [`Error::Validation`] for a time before 1970.
    pub fn at(&self, now: Timestamp) -> Result<String> {
        Ok(self.0.at(self.step(now)?))
    }

    /// Whether `code` belongs to the step of `now` or to one of the `look_ahead` steps before and after it
    /// (RFC 6238 section 5.2 advises 1 at most); with a `look_ahead` of 0 to the step of `now` alone. The same code
    /// verifies again while its step is in the window; [`Totp::verify_step`] names the step for those who refuse that.
    ///
    /// # Errors
    /// [`Error::Validation`] for a time before 1970, and when `look_ahead` exceeds [`MAX_LOOK_AHEAD`].
    pub fn verify(&self, code: &str, look_ahead: u32, now: Timestamp) -> Result<bool> {
        Ok(self.verify_step(code, look_ahead, now)?.is_some())
    }

    /// As [`Totp::verify`], but names the step that matched (the last one, should two have the same code). A
    /// server that stores it and accepts later steps only takes each code once (RFC 6238 section 5.2).
    ///
    /// # Errors
    /// As [`Totp::verify`].
    pub fn verify_step(&self, code: &str, look_ahead: u32, now: Timestamp) -> Result<Option<u64>> {
        check_look_ahead(look_ahead)?;
        let step = self.step(now)?;
        let reach = u64::from(look_ahead);
        Ok(self.0.find(code, step.saturating_sub(reach), step.saturating_add(reach)))
    }

    /// The URI for an authenticator app (Google's key URI format): `otpauth://totp/ISSUER:NAME?...`, whose
    /// parts are percent-encoded. It contains the secret.
    ///
    /// ```
    /// use jam::otp::{OtpOptions, SharedSecret, Totp};
    ///
    /// let totp = Totp::new(SharedSecret::from_bytes(b"12345678901234567890")?, OtpOptions::default())?;
    /// assert_eq!(
    ///     totp.provisioning_uri("ann@example.com", "My App")?,
    ///     "otpauth://totp/My%20App:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
    ///      &issuer=My%20App&algorithm=SHA1&digits=6&period=30"
    /// );
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`] when `name` is empty.
    pub fn provisioning_uri(&self, name: &str, issuer: &str) -> Result<String> {
        self.0.uri("totp", name, issuer, ("period", self.0.options.interval))
    }

    fn step(&self, now: Timestamp) -> Result<u64> {
        let seconds = u64::try_from(now.as_seconds())
            .map_err(|_| Error::validation("one-time passwords exist for times from 1970 on"))?;
        Ok(seconds / self.0.options.interval)
    }
}

fn check_look_ahead(look_ahead: u32) -> Result<()> {
    if look_ahead > MAX_LOOK_AHEAD {
        return Err(Error::validation(format!("look_ahead is at most {MAX_LOOK_AHEAD}")));
    }
    Ok(())
}

/// Percent-encodes all but the unreserved characters of RFC 3986 section 2.3; a space becomes `%20`, since
/// authenticator apps show a `+` as it stands.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &[u8]) -> SharedSecret {
        SharedSecret::from_bytes(text).unwrap()
    }

    fn hotp() -> Hotp {
        Hotp::new(secret(b"12345678901234567890"), OtpOptions::default()).unwrap()
    }

    fn totp() -> Totp {
        Totp::new(secret(b"12345678901234567890"), OtpOptions::default()).unwrap()
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn hotp_codes_are_those_of_rfc_4226_appendix_d() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(hotp().at(counter), code);
        }
    }

    #[test]
    fn totp_codes_are_those_of_rfc_6238_appendix_b() {
        // Erratum 2866: the secret is repeated to the length of the hash.
        let digits = b"1234567890".repeat(7);
        for (digest, length, codes) in [
            (Digest::Sha1, 20, ["94287082", "07081804", "14050471", "89005924", "69279037", "65353130"]),
            (Digest::Sha256, 32, ["46119246", "68084774", "67062674", "91819424", "90698825", "77737706"]),
            (Digest::Sha512, 64, ["90693936", "25091201", "99943326", "93441116", "38618901", "47863826"]),
        ] {
            let options = OtpOptions { digits: 8, digest, interval: 30 };
            let totp = Totp::new(secret(&digits[..length]), options).unwrap();
            let times = [59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000];
            for (time, code) in times.into_iter().zip(codes) {
                assert_eq!(totp.at(seconds(time)).unwrap(), code, "{digest} at {time}");
            }
        }
    }

    #[test]
    fn codes_are_those_of_the_published_vectors() {
        let Some(vectors) = crate::test_vectors::read("otp/otp.json") else { return };
        for case in vectors["hotp"].as_array().unwrap() {
            assert_eq!(hotp().at(case["counter"].as_u64().unwrap()), case["code"].as_str().unwrap());
        }
        let cases = vectors["totp"].as_array().unwrap();
        for case in cases {
            let algorithm = case["algorithm"].as_str().unwrap();
            let options = OtpOptions {
                digits: case["digits"].as_u64().unwrap() as u32,
                digest: algorithm.parse().unwrap(),
                interval: case["period"].as_u64().unwrap(),
            };
            let text = vectors["secrets_base32"][algorithm].as_str().unwrap();
            let totp = Totp::new(SharedSecret::from_base32(text).unwrap(), options).unwrap();
            let time = seconds(case["time"].as_i64().unwrap());
            assert_eq!(totp.at(time).unwrap(), case["code"].as_str().unwrap());
            let step = case["step"].as_u64();
            assert_eq!(totp.verify_step(case["code"].as_str().unwrap(), 0, time).unwrap(), step);
        }
        assert_eq!(cases.len(), 18);
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
    fn parameters_out_of_range_are_refused() {
        // attack 53
        for digits in [0, 1, 5, 11, 12, 1_000_000_000, u32::MAX] {
            let options = OtpOptions { digits, ..OtpOptions::default() };
            assert!(Hotp::new(secret(b"1234567890"), options).is_err());
            assert!(Totp::new(secret(b"1234567890"), options).is_err());
        }
        let options = OtpOptions { interval: 0, ..OtpOptions::default() };
        assert!(Totp::new(secret(b"1234567890"), options).is_err());
        assert!(totp().at(seconds(-1)).is_err());
        assert!(totp().verify("000000", 1, seconds(-1)).is_err());
        assert!(totp().verify("000000", 1_000_000, seconds(59)).is_err());
        assert!(hotp().verify("000000", 0, MAX_LOOK_AHEAD + 1).is_err());
        for name in ["md5", "", "sha-1", "sha384"] {
            assert!(name.parse::<Digest>().is_err(), "{name}");
        }
    }

    #[test]
    fn ten_digits_keep_their_leading_zeros() {
        let options = OtpOptions { digits: 10, ..OtpOptions::default() };
        let hotp = Hotp::new(secret(b"12345678901234567890"), options).unwrap();
        assert_eq!(hotp.at(0), "1284755224");
        assert_eq!(hotp.at(7), "0082162583");
    }

    #[test]
    fn a_window_of_zero_is_one_step() {
        // fault 31
        for (counter, accepted) in [(0, false), (1, true), (2, false)] {
            assert_eq!(hotp().verify("287082", counter, 0).unwrap(), accepted);
        }
        for (time, accepted) in [(29, false), (30, true), (59, true), (60, false)] {
            assert_eq!(totp().verify("287082", 0, seconds(time)).unwrap(), accepted);
        }
    }

    #[test]
    fn hotp_looks_ahead_and_totp_to_both_sides() {
        assert_eq!(hotp().verify_step("969429", 0, 3).unwrap(), Some(3));
        assert_eq!(hotp().verify_step("969429", 0, 2).unwrap(), None);
        assert_eq!(hotp().verify_step("969429", 4, 10).unwrap(), None);
        for (time, matched) in [(29, None), (30, Some(3)), (90, Some(3)), (179, Some(3)), (180, None)] {
            assert_eq!(totp().verify_step("969429", 2, seconds(time)).unwrap(), matched, "{time}");
        }
        assert_eq!(totp().verify_step("755224", 10, seconds(0)).unwrap(), Some(0));
        assert_eq!(hotp().verify_step("000000", u64::MAX, 10).unwrap(), None);
    }

    #[test]
    fn only_ascii_digits_of_the_exact_length_are_compared() {
        // attack 52
        let bad = [
            "",
            "28708",
            "2870820",
            "0287082",
            "+87082",
            "-87082",
            " 87082",
            "28 082",
            "287082\n",
            "２８７０８２",
            "٢٨٧٠٨٢",
            "28708a",
            "287082\0",
        ];
        for code in bad {
            assert!(!hotp().verify(code, 0, 10).unwrap(), "{code:?}");
        }
        assert!(hotp().verify("287082", 0, 10).unwrap());
    }

    #[test]
    fn uri_parts_cannot_break_out_of_their_place() {
        // attack 54
        let uri = totp().provisioning_uri("a:b&secret=x", "Ä pp/+?#").unwrap();
        assert_eq!(
            uri,
            "otpauth://totp/%C3%84%20pp%2F%2B%3F%23:a%3Ab%26secret%3Dx?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=%C3%84%20pp%2F%2B%3F%23&algorithm=SHA1&digits=6&period=30"
        );
        assert!(totp().provisioning_uri("", "issuer").is_err());
    }

    #[test]
    fn uris_carry_every_parameter() {
        // fault 23
        let options = OtpOptions { digits: 8, digest: Digest::Sha512, interval: 60 };
        let totp = Totp::new(secret(b"1234567890"), options).unwrap();
        assert_eq!(
            totp.provisioning_uri("ann", "").unwrap(),
            "otpauth://totp/ann?secret=GEZDGNBVGY3TQOJQ&algorithm=SHA512&digits=8&period=60"
        );
        let hotp = Hotp::new(secret(b"1234567890"), options).unwrap();
        assert_eq!(
            hotp.provisioning_uri("ann", "Jam", 7).unwrap(),
            "otpauth://hotp/Jam:ann?secret=GEZDGNBVGY3TQOJQ&issuer=Jam&algorithm=SHA512&digits=8&counter=7"
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        // attack 74
        let shown = format!("{:?} {:?}", totp(), hotp());
        assert!(!shown.contains("GEZDG") && !shown.contains("[49, 50"), "{shown}");
    }
}
