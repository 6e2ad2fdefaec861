//! One-time passwords, as Python sees them.

use jam::Timestamp;
use jam::otp::{OtpOptions, SharedSecret};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments::{Text, integer, opaque_text, text};
use crate::{error, log};

/// Codes that follow a counter (RFC 4226).
///
/// Args:
///     secret: Bytes, or base32 text of any length and case; spaces, dashes and padding are skipped.
///     digits: How many digits a code has: 6 to 10.
///     digest: `sha1`, `sha256` or `sha512`.
///
/// Raises:
///     JamValidationError: A parameter is out of range, or the secret is empty or not base32.
#[pyclass(subclass, frozen, module = "jam._jam", name = "HOTP")]
pub(crate) struct Hotp(jam::otp::Hotp);

#[pymethods]
impl Hotp {
    #[new]
    #[pyo3(
        signature = (secret, digits = None, digest = None),
        text_signature = "(secret, digits=6, digest='sha1')"
    )]
    fn new(
        py: Python<'_>,
        secret: &Bound<'_, PyAny>,
        digits: Option<&Bound<'_, PyAny>>,
        digest: Option<Text>,
    ) -> PyResult<Self> {
        let options = options(digits, digest, None)?;
        let made = jam::otp::Hotp::new(shared_secret(secret)?, options).map_err(error::to_py);
        log::flush(py);
        made.map(Self)
    }

    /// Gives the code of a counter.
    fn at(&self, factor: &Bound<'_, PyAny>) -> PyResult<String> {
        Ok(self.0.at(counter(factor)?))
    }

    /// Whether the code belongs to one of the counters `factor` to `factor + look_ahead`.
    ///
    /// Args:
    ///     code: What the user typed. Anything but ASCII digits of the exact length is False.
    ///     factor: The counter.
    ///     look_ahead: How many further counters are accepted: 0 to 10.
    ///
    /// Raises:
    ///     JamValidationError: The counter is missing, or a number is out of range.
    #[pyo3(
        signature = (code, factor = None, look_ahead = None),
        text_signature = "($self, code, factor=None, look_ahead=1)"
    )]
    fn verify(
        &self,
        code: &Bound<'_, PyAny>,
        factor: Option<&Bound<'_, PyAny>>,
        look_ahead: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        Ok(self.verify_step(code, factor, look_ahead)?.is_some())
    }

    /// As `verify`, but gives the counter that matched, or None. The next code's counter is the one after it.
    #[pyo3(
        signature = (code, factor = None, look_ahead = None),
        text_signature = "($self, code, factor=None, look_ahead=1)"
    )]
    fn verify_step(
        &self,
        code: &Bound<'_, PyAny>,
        factor: Option<&Bound<'_, PyAny>>,
        look_ahead: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<u64>> {
        let factor = factor.ok_or_else(|| error::validation("factor: a HOTP code needs its counter"))?;
        let (factor, look_ahead) = (counter(factor)?, steps(look_ahead)?);
        self.0.verify_step(opaque_text(code, "code")?, factor, look_ahead).map_err(error::to_py)
    }

    /// Gives the `otpauth://` text that authenticator apps read. It contains the secret.
    ///
    /// Args:
    ///     name: The account's name, for example the mail address.
    ///     issuer: The service's name.
    ///     counter: Where the app starts to count.
    #[pyo3(
        signature = (name, issuer = None, counter = None),
        text_signature = "($self, name, issuer='', counter=0)"
    )]
    fn provisioning_uri(
        &self,
        name: Text,
        issuer: Option<Text>,
        counter: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let counter = counter.map_or(Ok(0), |counter| integer(counter, "counter"))?;
        self.0.provisioning_uri(&name.0, issuer_text(issuer.as_ref()), counter).map_err(error::to_py)
    }

    fn __repr__(&self) -> &'static str {
        "<jam.otp.HOTP>"
    }
}

/// Codes that follow the clock (RFC 6238).
///
/// Args:
///     secret: Bytes, or base32 text of any length and case; spaces, dashes and padding are skipped.
///     digits: How many digits a code has: 6 to 10.
///     digest: `sha1`, `sha256` or `sha512`.
///     interval: The seconds for which a code holds.
///
/// Raises:
///     JamValidationError: A parameter is out of range, or the secret is empty or not base32.
#[pyclass(subclass, frozen, module = "jam._jam", name = "TOTP")]
pub(crate) struct Totp(jam::otp::Totp);

#[pymethods]
impl Totp {
    #[new]
    #[pyo3(
        signature = (secret, digits = None, digest = None, interval = None),
        text_signature = "(secret, digits=6, digest='sha1', interval=30)"
    )]
    fn new(
        py: Python<'_>,
        secret: &Bound<'_, PyAny>,
        digits: Option<&Bound<'_, PyAny>>,
        digest: Option<Text>,
        interval: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let options = options(digits, digest, interval)?;
        let made = jam::otp::Totp::new(shared_secret(secret)?, options).map_err(error::to_py);
        log::flush(py);
        made.map(Self)
    }

    /// Gives the code at a time in Unix seconds.
    fn at(&self, factor: &Bound<'_, PyAny>) -> PyResult<String> {
        self.0.at(time(Some(factor))?).map_err(error::to_py)
    }

    /// The code of this moment.
    #[getter]
    fn now(&self) -> PyResult<String> {
        self.0.at(Timestamp::now()).map_err(error::to_py)
    }

    /// Whether the code belongs to the step of a time, or to one of the `look_ahead` steps before and after it.
    ///
    /// Args:
    ///     code: What the user typed. Anything but ASCII digits of the exact length is False.
    ///     factor: Unix seconds; now if left out.
    ///     look_ahead: How many steps to both sides are accepted: 0 to 10.
    ///
    /// Raises:
    ///     JamValidationError: The time lies before 1970, or a number is out of range.
    #[pyo3(
        signature = (code, factor = None, look_ahead = None),
        text_signature = "($self, code, factor=None, look_ahead=1)"
    )]
    fn verify(
        &self,
        code: &Bound<'_, PyAny>,
        factor: Option<&Bound<'_, PyAny>>,
        look_ahead: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        Ok(self.verify_step(code, factor, look_ahead)?.is_some())
    }

    /// As `verify`, but gives the step that matched, or None. Who keeps it and accepts later steps only takes
    /// each code once.
    #[pyo3(
        signature = (code, factor = None, look_ahead = None),
        text_signature = "($self, code, factor=None, look_ahead=1)"
    )]
    fn verify_step(
        &self,
        code: &Bound<'_, PyAny>,
        factor: Option<&Bound<'_, PyAny>>,
        look_ahead: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<u64>> {
        let (look_ahead, time) = (steps(look_ahead)?, time(factor)?);
        self.0.verify_step(opaque_text(code, "code")?, look_ahead, time).map_err(error::to_py)
    }

    /// Gives the `otpauth://` text that authenticator apps read. It contains the secret.
    ///
    /// Args:
    ///     name: The account's name, for example the mail address.
    ///     issuer: The service's name.
    #[pyo3(signature = (name, issuer = None), text_signature = "($self, name, issuer='')")]
    fn provisioning_uri(&self, name: Text, issuer: Option<Text>) -> PyResult<String> {
        self.0.provisioning_uri(&name.0, issuer_text(issuer.as_ref())).map_err(error::to_py)
    }

    fn __repr__(&self) -> &'static str {
        "<jam.otp.TOTP>"
    }
}

fn shared_secret(secret: &Bound<'_, PyAny>) -> PyResult<SharedSecret> {
    let secret = match secret.cast::<PyBytes>() {
        Ok(bytes) => SharedSecret::from_bytes(bytes.as_bytes()),
        Err(_) => SharedSecret::from_base32(text(secret, "secret")?),
    };
    secret.map_err(error::to_py)
}

fn options(
    digits: Option<&Bound<'_, PyAny>>,
    digest: Option<Text>,
    interval: Option<&Bound<'_, PyAny>>,
) -> PyResult<OtpOptions> {
    let default = OtpOptions::default();
    Ok(OtpOptions {
        digits: digits.map_or(Ok(default.digits), |digits| integer(digits, "digits"))?,
        digest: digest.map_or(Ok(default.digest), |digest| digest.0.parse()).map_err(error::to_py)?,
        interval: interval.map_or(Ok(default.interval), |interval| integer(interval, "interval"))?,
    })
}

fn issuer_text(issuer: Option<&Text>) -> &str {
    issuer.map_or("", |issuer| &issuer.0)
}

fn counter(factor: &Bound<'_, PyAny>) -> PyResult<u64> {
    integer(factor, "factor")
}

fn time(factor: Option<&Bound<'_, PyAny>>) -> PyResult<Timestamp> {
    factor
        .map_or_else(|| Ok(Timestamp::now()), |factor| integer(factor, "factor").map(Timestamp::from_seconds))
}

fn steps(look_ahead: Option<&Bound<'_, PyAny>>) -> PyResult<u32> {
    look_ahead.map_or(Ok(1), |look_ahead| integer(look_ahead, "look_ahead"))
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Hotp>()?;
    module.add_class::<Totp>()
}
