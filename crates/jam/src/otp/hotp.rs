//! Codes that follow a counter (RFC 4226).

use std::time::Duration;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{
    OtpKind, OtpOptions, OtpauthUri, QrCode, ReplayEntry, SharedSecret, ShortSecretWarning, check_look_ahead,
    check_resynchronization,
};
use crate::Result;
use crate::crypto::Hash;
use crate::crypto::hmac::HmacKey;
use crate::encoding::base64url_encode;

/// How long a replay guard keeps a counter. What ends a code's life is the counter that the server stores behind it
/// (RFC 4226 section 7.2); the guard decides between requests that come before that is stored.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Codes that follow a counter (RFC 4226).
#[derive(Clone, Debug)]
pub struct Hotp {
    secret: SharedSecret,
    key: HmacKey,
    options: OtpOptions,
}

impl Hotp {
    /// The widest window of [`Hotp::resynchronize`]: two codes of six digits meet one of its places by chance once
    /// in a thousand million times.
    pub const MAX_WINDOW: u32 = 1000;

    /// Prepares the secret. One shorter than 80 bits works and logs a warning.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for digits outside of 6 to 10.
    pub fn new(secret: SharedSecret, options: OtpOptions) -> Result<Self> {
        Self::with_warning(secret, options, &ShortSecretWarning::default())
    }

    /// As [`Hotp::new`], for those who prepare a secret at every call: the warning is logged once.
    ///
    /// # Errors
    /// As [`Hotp::new`].
    pub fn with_warning(
        secret: SharedSecret,
        options: OtpOptions,
        warning: &ShortSecretWarning,
    ) -> Result<Self> {
        options.check(OtpKind::Hotp)?;
        secret.warn_if_short(warning);
        let key = HmacKey::new(options.digest.hash(), secret.bytes());
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
        format!("{:0width$}", self.number(counter), width = self.options.digits as usize)
    }

    /// Whether `code` belongs to one of the counters `counter` to `counter + look_ahead`; with a
    /// `look_ahead` of 0 to `counter` alone (RFC 4226 section 7.2). Whoever accepts a code stores the matched counter plus one:
    /// use [`Hotp::verify_step`] to learn it.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) when `look_ahead` exceeds [`MAX_LOOK_AHEAD`](super::MAX_LOOK_AHEAD).
    pub fn verify(&self, code: &str, counter: u64, look_ahead: u32) -> Result<bool> {
        Ok(self.verify_step(code, counter, look_ahead)?.is_some())
    }

    /// As [`Hotp::verify`], but names the counter that matched (the last one, should two have the same code).
    ///
    /// # Errors
    /// As [`Hotp::verify`].
    pub fn verify_step(&self, code: &str, counter: u64, look_ahead: u32) -> Result<Option<u64>> {
        check_look_ahead(look_ahead)?;
        Ok(self.find(&[code], counter, counter.saturating_add(look_ahead.into())))
    }

    /// Finds a counter that has run far ahead, by 2 to 5 consecutive codes (RFC 4226 section 7.4): the first belongs to
    /// one of the counters `counter` to `counter + window`, and each further one to the counter after. Gives the counter
    /// of the last code; the server goes on from the one behind it.
    ///
    /// ```
    /// use jam::otp::{Hotp, OtpOptions, SharedSecret};
    ///
    /// let hotp = Hotp::new(SharedSecret::from_bytes(b"12345678901234567890")?, OtpOptions::default())?;
    /// // The server is at 0; the user has pressed the button seven times without logging in.
    /// assert_eq!(hotp.verify_step("162583", 0, 1)?, None);
    /// assert_eq!(hotp.resynchronize(&["162583", "399871"], 0, 100)?, Some(8));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for another number of codes, and when `window` exceeds [`Hotp::MAX_WINDOW`].
    pub fn resynchronize(&self, codes: &[impl AsRef<str>], counter: u64, window: u32) -> Result<Option<u64>> {
        check_resynchronization(codes.len(), window, Self::MAX_WINDOW)?;
        Ok(self.find(codes, counter, counter.saturating_add(window.into())))
    }

    /// What a [`replay_guard`](crate::replay_guard) keeps of a counter whose code was accepted: for 30 days, which is
    /// long after the server has stored the counter behind it.
    pub fn replay_entry(&self, counter: u64) -> ReplayEntry {
        self.entry(counter, KEPT)
    }

    /// The URI for an authenticator app (Google's key URI format): `otpauth://hotp/ISSUER:NAME?...`, whose
    /// parts are percent-encoded, with the counter that the app starts from. It contains the secret.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a name that is empty, for control characters, and for more than
    /// [`MAX_URI`](super::MAX_URI) bytes.
    pub fn provisioning_uri(&self, name: &str, issuer: &str, counter: u64) -> Result<String> {
        self.uri(OtpKind::Hotp, name, issuer, counter)
    }

    /// [`Hotp::provisioning_uri`] as a QR code.
    ///
    /// # Errors
    /// Those of [`Hotp::provisioning_uri`], and of [`QrCode::new`].
    pub fn qr_code(&self, name: &str, issuer: &str, counter: u64) -> Result<QrCode> {
        QrCode::new(&self.provisioning_uri(name, issuer, counter)?)
    }

    /// Dynamic truncation (RFC 4226 section 5.3), and of that as many digits as a code has.
    fn number(&self, counter: u64) -> u64 {
        let tag = self.key.sign(&counter.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 0x0f);
        let word = [tag[offset], tag[offset + 1], tag[offset + 2], tag[offset + 3]];
        u64::from(u32::from_be_bytes(word) & 0x7fff_ffff) % 10_u64.pow(self.options.digits)
    }

    /// The number of what was typed: ASCII digits, exactly as many as a code has.
    fn typed(&self, code: &str) -> Option<u64> {
        let is_code =
            code.len() == self.options.digits as usize && code.bytes().all(|byte| byte.is_ascii_digit());
        if is_code { code.parse().ok() } else { None }
    }

    /// The step of the last of these consecutive codes, whose first one belongs to a step from `first` to `last`: the
    /// last such step. Every step is computed and compared in constant time, whatever matched before.
    pub(super) fn find(&self, codes: &[impl AsRef<str>], first: u64, last: u64) -> Option<u64> {
        let typed = codes.iter().map(|code| self.typed(code.as_ref())).collect::<Option<Vec<_>>>()?;
        let distance = typed.len().checked_sub(1)? as u64;
        let last = last.min(u64::MAX - distance);
        let mut found = Choice::from(0);
        let mut matched = 0;
        for start in first..=last {
            let mut same = Choice::from(1);
            for (number, step) in typed.iter().zip(start..=start + distance) {
                same &= self.number(step).ct_eq(number);
            }
            matched.conditional_assign(&(start + distance), same);
            found |= same;
        }
        bool::from(found).then_some(matched)
    }

    /// The parameters.
    pub fn options(&self) -> &OtpOptions {
        &self.options
    }

    /// Only the secret and the step count, so that it does not matter how a user is called in two calls. The secret is
    /// the key of an HMAC: the entry tells neither, unless the secret can be guessed.
    pub(super) fn entry(&self, step: u64, keep: Duration) -> ReplayEntry {
        let message = [b"jam.otp.replay\0".as_slice(), &step.to_be_bytes()].concat();
        let id = base64url_encode(HmacKey::new(Hash::Sha256, self.secret.bytes()).sign(&message));
        ReplayEntry { id, keep }
    }

    pub(super) fn uri(&self, kind: OtpKind, name: &str, issuer: &str, counter: u64) -> Result<String> {
        let (secret, options) = (self.secret.clone(), self.options);
        OtpauthUri { kind, secret, name: name.to_owned(), issuer: issuer.to_owned(), options, counter }
            .to_text()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::otp::{Digest, MAX_LOOK_AHEAD};

    fn secret() -> SharedSecret {
        SharedSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    fn hotp() -> Hotp {
        Hotp::new(secret(), OtpOptions::default()).unwrap()
    }

    // RFC 4226 appendix D: the HMAC, what is truncated of it, and the code.
    const APPENDIX_D: [(&str, u64, &str); 10] = [
        ("cc93cf18508d94934c64b65d8ba7667fb7cde4b0", 1284755224, "755224"),
        ("75a48a19d4cbe100644e8ac1397eea747a2d33ab", 1094287082, "287082"),
        ("0bacb7fa082fef30782211938bc1c5e70416ff44", 137359152, "359152"),
        ("66c28227d03a2d5529262ff016a1e6ef76557ece", 1726969429, "969429"),
        ("a904c900a64b35909874b33e61c5938a8e15ed1c", 1640338314, "338314"),
        ("a37e783d7b7233c083d4f62926c7a25f238d0316", 868254676, "254676"),
        ("bc9cd28561042c83f219324d3c607256c03272ae", 1918287922, "287922"),
        ("a4fb960c0bc06e1eabb804e5b397cdc4b45596fa", 82162583, "162583"),
        ("1b3c89f65e6c9e883012052823443f048b4332db", 673399871, "399871"),
        ("1637409809a679dc698207310c8c7fc07290d9e5", 645520489, "520489"),
    ];

    #[test]
    fn every_intermediate_value_is_that_of_rfc_4226_appendix_d() {
        let ten_digits = Hotp::new(secret(), OtpOptions { digits: 10, ..OtpOptions::default() }).unwrap();
        for (counter, (hmac, truncated, code)) in (0_u64..).zip(APPENDIX_D) {
            assert_eq!(HEXLOWER.encode(hotp().key.sign(&counter.to_be_bytes()).as_ref()), hmac);
            assert_eq!(ten_digits.number(counter), truncated);
            assert_eq!(hotp().at(counter), code);
        }
    }

    #[test]
    fn ten_digits_keep_their_leading_zeros() {
        let options = OtpOptions { digits: 10, ..OtpOptions::default() };
        let hotp = Hotp::new(secret(), options).unwrap();
        assert_eq!(hotp.at(0), "1284755224");
        assert_eq!(hotp.at(7), "0082162583");
        assert!(hotp.verify("0082162583", 7, 0).unwrap());
        assert!(!hotp.verify("82162583", 7, 0).unwrap());
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        // attack 53
        for digits in [0, 1, 5, 11, 12, 1_000_000_000, u32::MAX] {
            let options = OtpOptions { digits, ..OtpOptions::default() };
            assert!(Hotp::new(secret(), options).is_err());
        }
        assert!(hotp().verify("000000", 0, MAX_LOOK_AHEAD + 1).is_err());
        assert!(hotp().resynchronize(&["000000", "000000"], 0, Hotp::MAX_WINDOW + 1).is_err());
        for count in [0, 1, 6, 1000] {
            assert!(hotp().resynchronize(&vec!["000000"; count], 0, 10).is_err(), "{count}");
        }
    }

    #[test]
    fn a_window_of_zero_is_one_counter() {
        // fault 31
        for (counter, accepted) in [(0, false), (1, true), (2, false)] {
            assert_eq!(hotp().verify("287082", counter, 0).unwrap(), accepted);
        }
    }

    #[test]
    fn the_window_lies_ahead_and_never_behind() {
        assert_eq!(hotp().verify_step("969429", 0, 3).unwrap(), Some(3));
        assert_eq!(hotp().verify_step("969429", 0, 2).unwrap(), None);
        assert_eq!(hotp().verify_step("969429", 4, 10).unwrap(), None);
        assert_eq!(hotp().verify_step("000000", u64::MAX, 10).unwrap(), None);
        let last = hotp().at(u64::MAX);
        assert_eq!(hotp().verify_step(&last, u64::MAX, 10).unwrap(), Some(u64::MAX));
        assert_eq!(hotp().verify_step(&last, u64::MAX - 10, 10).unwrap(), Some(u64::MAX));
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
            assert_eq!(hotp().resynchronize(&[code, "359152"], 0, 10).unwrap(), None, "{code:?}");
            assert_eq!(hotp().resynchronize(&["755224", code], 0, 10).unwrap(), None, "{code:?}");
        }
        assert!(hotp().verify("287082", 0, 10).unwrap());
    }

    #[test]
    fn consecutive_codes_find_a_counter_that_ran_far_ahead() {
        // RFC 4226 section 7.4
        let codes = [hotp().at(995), hotp().at(996), hotp().at(997)];
        let [first, second, third] = codes.each_ref().map(String::as_str);
        let find = |codes: &[&str], counter, window| hotp().resynchronize(codes, counter, window).unwrap();
        assert_eq!(find(&[first, second], 0, 1000), Some(996));
        assert_eq!(find(&[first, second, third], 0, 1000), Some(997));
        assert_eq!(find(&[first, second], 995, 0), Some(996));
        assert_eq!(find(&[first, second], 0, 994), None);
        // What is not consecutive, or in another order, or behind the counter, finds nothing.
        assert_eq!(find(&[first, third], 0, 1000), None);
        assert_eq!(find(&[second, first], 0, 1000), None);
        assert_eq!(find(&[first, first], 0, 1000), None);
        assert_eq!(find(&[first, second], 996, 1000), None);
    }

    #[test]
    fn a_resynchronization_at_the_end_of_all_counters_does_not_wrap() {
        let codes = [hotp().at(u64::MAX - 1), hotp().at(u64::MAX), hotp().at(0)];
        let [before, last, zero] = codes.each_ref().map(String::as_str);
        assert_eq!(hotp().resynchronize(&[before, last], u64::MAX - 3, 1000).unwrap(), Some(u64::MAX));
        assert_eq!(hotp().resynchronize(&[last, zero], u64::MAX - 3, 1000).unwrap(), None);
        assert_eq!(hotp().resynchronize(&[last, zero], u64::MAX, 1000).unwrap(), None);
    }

    #[test]
    fn an_entry_of_the_guard_is_of_one_secret_and_one_step_and_shows_neither() {
        // attack 51
        let entry = hotp().replay_entry(7);
        assert_eq!(entry, hotp().replay_entry(7));
        assert_ne!(entry.id, hotp().replay_entry(8).id);
        let other = SharedSecret::from_bytes(b"12345678901234567891").unwrap();
        assert_ne!(entry.id, Hotp::new(other, OtpOptions::default()).unwrap().replay_entry(7).id);
        // The same code must not come back through an instance with other options.
        let options = OtpOptions { digits: 8, digest: Digest::Sha256, interval: 60 };
        assert_eq!(entry.id, Hotp::new(secret(), options).unwrap().replay_entry(7).id);
        assert_eq!(entry.id.len(), 43);
    }
}
