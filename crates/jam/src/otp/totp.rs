//! Codes that follow the clock (RFC 6238).

use std::time::Duration;

use super::{
    Hotp, OtpKind, OtpOptions, QrCode, ReplayEntry, SharedSecret, ShortSecretWarning, check_look_ahead,
    check_resynchronization,
};
use crate::{Error, Result, Timestamp};

/// A replay guard keeps a step for no less, so that servers whose clocks differ agree, however short the interval.
const SHORTEST_KEPT: Duration = Duration::from_secs(60 * 60);

/// Codes that follow the clock (RFC 6238), counted in steps of `interval` seconds since 1970.
#[derive(Clone, Debug)]
pub struct Totp(Hotp);

impl Totp {
    /// The widest window of [`Totp::resynchronize`]: 50 minutes to both sides, with the common interval.
    pub const MAX_WINDOW: u32 = 100;

    /// Prepares the secret. One shorter than 80 bits works and logs a warning.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for digits outside of 6 to 10 and for an interval outside of a second
    /// to a day.
    pub fn new(secret: SharedSecret, options: OtpOptions) -> Result<Self> {
        Self::with_warning(secret, options, &ShortSecretWarning::default())
    }

    /// As [`Totp::new`], for those who prepare a secret at every call: the warning is logged once.
    ///
    /// # Errors
    /// As [`Totp::new`].
    pub fn with_warning(
        secret: SharedSecret,
        options: OtpOptions,
        warning: &ShortSecretWarning,
    ) -> Result<Self> {
        options.check(OtpKind::Totp)?;
        Ok(Self(Hotp::with_warning(secret, options, warning)?))
    }

    /// The parameters.
    pub fn options(&self) -> &OtpOptions {
        self.0.options()
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
    /// [`Error::Validation`] for a time before 1970, and when `look_ahead` exceeds
    /// [`MAX_LOOK_AHEAD`](super::MAX_LOOK_AHEAD).
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
        self.find(&[code], look_ahead, now)
    }

    /// Finds out how far a device's clock has drifted, by 2 to 5 consecutive codes (RFC 6238 section 6): the first
    /// belongs to the step of `now` or to one of the `window` steps before and after it, and each further one to the step
    /// after. Gives the step of the last code. Accept it only if it is later than the last step that was accepted, and
    /// verify from then on at a time that is shifted by as many steps.
    ///
    /// ```
    /// use jam::Timestamp;
    /// use jam::otp::{OtpOptions, SharedSecret, Totp};
    ///
    /// let totp = Totp::new(SharedSecret::from_bytes(b"12345678901234567890")?, OtpOptions::default())?;
    /// let device = [totp.at(Timestamp::from_seconds(900))?, totp.at(Timestamp::from_seconds(930))?];
    /// let now = Timestamp::from_seconds(600); // ten steps behind the device
    /// assert_eq!(totp.resynchronize(&device, 20, now)?, Some(31));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`] for another number of codes, for a time before 1970, and when `window` exceeds
    /// [`Totp::MAX_WINDOW`].
    pub fn resynchronize(
        &self,
        codes: &[impl AsRef<str>],
        window: u32,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        check_resynchronization(codes.len(), window, Self::MAX_WINDOW)?;
        self.find(codes, window, now)
    }

    /// What a [`replay_guard`](crate::replay_guard) keeps of a step whose code was accepted: for as long as any call
    /// could accept it again, at the widest window.
    pub fn replay_entry(&self, step: u64) -> ReplayEntry {
        let steps = u64::from(2 * Self::MAX_WINDOW + 1);
        let acceptable = Duration::from_secs(self.0.options().interval.saturating_mul(steps));
        self.0.entry(step, acceptable.max(SHORTEST_KEPT))
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
    /// [`Error::Validation`] for a name that is empty, for control characters, and for more than
    /// [`MAX_URI`](super::MAX_URI) bytes.
    pub fn provisioning_uri(&self, name: &str, issuer: &str) -> Result<String> {
        self.0.uri(OtpKind::Totp, name, issuer, 0)
    }

    /// [`Totp::provisioning_uri`] as a QR code.
    ///
    /// # Errors
    /// Those of [`Totp::provisioning_uri`], and of [`QrCode::new`].
    pub fn qr_code(&self, name: &str, issuer: &str) -> Result<QrCode> {
        QrCode::new(&self.provisioning_uri(name, issuer)?)
    }

    fn find(&self, codes: &[impl AsRef<str>], reach: u32, now: Timestamp) -> Result<Option<u64>> {
        let (step, reach) = (self.step(now)?, u64::from(reach));
        Ok(self.0.find(codes, step.saturating_sub(reach), step.saturating_add(reach)))
    }

    fn step(&self, now: Timestamp) -> Result<u64> {
        let seconds = u64::try_from(now.as_seconds())
            .map_err(|_| Error::validation("one-time passwords exist for times from 1970 on"))?;
        Ok(seconds / self.0.options().interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::{Digest, LONGEST_INTERVAL};

    fn secret(text: &[u8]) -> SharedSecret {
        SharedSecret::from_bytes(text).unwrap()
    }

    fn totp() -> Totp {
        Totp::new(secret(b"12345678901234567890"), OtpOptions::default()).unwrap()
    }

    fn with_interval(interval: u64) -> Totp {
        let options = OtpOptions { interval, ..OtpOptions::default() };
        Totp::new(secret(b"12345678901234567890"), options).unwrap()
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
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
    fn parameters_out_of_range_are_refused() {
        // attack 53
        for options in [
            OtpOptions { interval: 0, ..OtpOptions::default() },
            OtpOptions { interval: LONGEST_INTERVAL + 1, ..OtpOptions::default() },
            OtpOptions { digits: 5, ..OtpOptions::default() },
            OtpOptions { digits: 11, ..OtpOptions::default() },
        ] {
            assert!(Totp::new(secret(b"1234567890"), options).is_err());
        }
        assert!(totp().at(seconds(-1)).is_err());
        assert!(totp().verify("000000", 1, seconds(-1)).is_err());
        assert!(totp().verify("000000", 1_000_000, seconds(59)).is_err());
        assert!(totp().resynchronize(&["000000", "000000"], 1, seconds(-1)).is_err());
        assert!(totp().resynchronize(&["000000", "000000"], Totp::MAX_WINDOW + 1, seconds(59)).is_err());
        assert!(totp().resynchronize(&["000000"], 1, seconds(59)).is_err());
    }

    #[test]
    fn a_window_of_zero_is_one_step() {
        // fault 31
        for (time, accepted) in [(29, false), (30, true), (59, true), (60, false)] {
            assert_eq!(totp().verify("287082", 0, seconds(time)).unwrap(), accepted);
        }
    }

    #[test]
    fn the_window_lies_to_both_sides_and_ends_at_1970() {
        for (time, matched) in [(29, None), (30, Some(3)), (90, Some(3)), (179, Some(3)), (180, None)] {
            assert_eq!(totp().verify_step("969429", 2, seconds(time)).unwrap(), matched, "{time}");
        }
        assert_eq!(totp().verify_step("755224", 10, seconds(0)).unwrap(), Some(0));
    }

    #[test]
    fn any_interval_counts() {
        for interval in [1, 7, 60, LONGEST_INTERVAL] {
            let (totp, time) = (with_interval(interval), 1_700_000_000);
            let hotp = Hotp::new(secret(b"12345678901234567890"), OtpOptions::default()).unwrap();
            assert_eq!(totp.at(seconds(time)).unwrap(), hotp.at(time as u64 / interval), "{interval}");
        }
    }

    #[test]
    fn consecutive_codes_tell_how_far_a_clock_has_drifted() {
        // RFC 6238 section 6
        let codes: Vec<String> = (0..3).map(|step| totp().at(seconds(9_000 + step * 30)).unwrap()).collect();
        let find =
            |codes: &[String], window, time| totp().resynchronize(codes, window, seconds(time)).unwrap();
        for time in [9_000 - 3_000, 9_000, 9_000 + 3_029] {
            assert_eq!(find(&codes[..2], 100, time), Some(301), "{time}");
            assert_eq!(find(&codes, 100, time), Some(302), "{time}");
        }
        assert_eq!(find(&codes[..2], 100, 9_000 - 3_001), None);
        assert_eq!(find(&codes[..2], 100, 9_000 + 3_030), None);
        assert_eq!(find(&[codes[1].clone(), codes[0].clone()], 100, 9_000), None);
        assert_eq!(find(&[codes[0].clone(), codes[2].clone()], 100, 9_000), None);
    }

    #[test]
    fn a_guard_keeps_a_step_for_as_long_as_a_call_could_accept_it() {
        // attack 51: accepted at the one end of the widest window, seen again at the other
        for (interval, kept) in [(1, 3_600), (17, 3_600), (18, 3_618), (30, 6_030), (86_400, 17_366_400)] {
            assert_eq!(with_interval(interval).replay_entry(1).keep, Duration::from_secs(kept), "{interval}");
            assert!(kept >= interval * 201);
        }
    }
}
