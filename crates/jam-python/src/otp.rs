//! One-time passwords, as Python sees them.

use jam::Timestamp;
use jam::otp::{OtpKind, OtpOptions, QrCode, ReplayEntry, SharedSecret, ShortSecretWarning};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::{Text, integer, integer_or, opaque_text, required_text, text};
use crate::error::{self, not_picklable};
use crate::log;

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
        Ok(self.0.at(counter(Some(factor))?))
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
        let (counter, look_ahead) = (counter(factor)?, integer_or(look_ahead, "look_ahead", 1)?);
        self.0.verify_step(opaque_text(code, "code")?, counter, look_ahead).map_err(error::to_py)
    }

    /// Finds a counter that has run far ahead, by consecutive codes (RFC 4226 section 7.4).
    ///
    /// Args:
    ///     codes: From 2 to 5 codes, in the order in which the device showed them.
    ///     factor: The counter that the server expects.
    ///     window: How many counters further the first code may lie: 0 to 1000.
    ///
    /// Returns:
    ///     The counter of the last code, or None. The next code's counter is the one after it.
    ///
    /// Raises:
    ///     JamValidationError: The counter is missing, or a number is out of range.
    #[pyo3(
        signature = (codes, factor = None, window = None),
        text_signature = "($self, codes, factor=None, window=100)"
    )]
    fn resynchronize(
        &self,
        codes: &Bound<'_, PyAny>,
        factor: Option<&Bound<'_, PyAny>>,
        window: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<u64>> {
        let (codes, counter) = (typed_codes(codes)?, counter(factor)?);
        let window = integer_or(window, "window", 100)?;
        self.0.resynchronize(&codes, counter, window).map_err(error::to_py)
    }

    /// Gives what a replay guard keeps of an accepted counter: a key, and for how many seconds.
    fn replay_entry(&self, step: &Bound<'_, PyAny>) -> PyResult<(String, u64)> {
        Ok(entry(self.0.replay_entry(integer(step, "step")?)))
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
        let counter = integer_or(counter, "counter", 0)?;
        self.0.provisioning_uri(&name.0, issuer_text(issuer.as_ref()), counter).map_err(error::to_py)
    }

    /// Gives the QR code of `provisioning_uri` as a document of SVG, which can stand in a page of HTML as it is.
    #[pyo3(
        signature = (name, issuer = None, counter = None),
        text_signature = "($self, name, issuer='', counter=0)"
    )]
    fn qr_svg(
        &self,
        py: Python<'_>,
        name: Text,
        issuer: Option<Text>,
        counter: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        draw(py, &self.provisioning_uri(name, issuer, counter)?, QrCode::to_svg)
    }

    /// Gives the QR code of `provisioning_uri` as a PNG file.
    #[pyo3(
        signature = (name, issuer = None, counter = None),
        text_signature = "($self, name, issuer='', counter=0)"
    )]
    fn qr_png<'py>(
        &self,
        py: Python<'py>,
        name: Text,
        issuer: Option<Text>,
        counter: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        draw(py, &self.provisioning_uri(name, issuer, counter)?, QrCode::to_png)
            .map(|file| PyBytes::new(py, &file))
    }

    /// Gives the QR code of `provisioning_uri` as text for a terminal.
    #[pyo3(
        signature = (name, issuer = None, counter = None),
        text_signature = "($self, name, issuer='', counter=0)"
    )]
    fn qr_text(
        &self,
        py: Python<'_>,
        name: Text,
        issuer: Option<Text>,
        counter: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        draw(py, &self.provisioning_uri(name, issuer, counter)?, QrCode::to_text)
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("HOTP"))
    }

    fn __repr__(&self) -> String {
        let OtpOptions { digits, digest, .. } = self.0.options();
        format!("<jam.otp.HOTP {digest}, {digits} digits>")
    }
}

/// Codes that follow the clock (RFC 6238).
///
/// Args:
///     secret: Bytes, or base32 text of any length and case; spaces, dashes and padding are skipped.
///     digits: How many digits a code has: 6 to 10.
///     digest: `sha1`, `sha256` or `sha512`.
///     interval: The seconds for which a code holds: 1 to 86400.
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
        let (look_ahead, time) = (integer_or(look_ahead, "look_ahead", 1)?, time(factor)?);
        self.0.verify_step(opaque_text(code, "code")?, look_ahead, time).map_err(error::to_py)
    }

    /// Finds out how far a device's clock has drifted, by consecutive codes (RFC 6238 section 6).
    ///
    /// Args:
    ///     codes: From 2 to 5 codes, in the order in which the device showed them.
    ///     factor: Unix seconds; now if left out.
    ///     window: How many steps to both sides the first code may lie: 0 to 100.
    ///
    /// Returns:
    ///     The step of the last code, or None. Accept it only if it is later than the last step that was accepted.
    ///
    /// Raises:
    ///     JamValidationError: The time lies before 1970, or a number is out of range.
    #[pyo3(
        signature = (codes, factor = None, window = None),
        text_signature = "($self, codes, factor=None, window=100)"
    )]
    fn resynchronize(
        &self,
        codes: &Bound<'_, PyAny>,
        factor: Option<&Bound<'_, PyAny>>,
        window: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<u64>> {
        let (codes, time) = (typed_codes(codes)?, time(factor)?);
        let window = integer_or(window, "window", 100)?;
        self.0.resynchronize(&codes, window, time).map_err(error::to_py)
    }

    /// Gives what a replay guard keeps of an accepted step: a key, and for how many seconds.
    fn replay_entry(&self, step: &Bound<'_, PyAny>) -> PyResult<(String, u64)> {
        Ok(entry(self.0.replay_entry(integer(step, "step")?)))
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

    /// Gives the QR code of `provisioning_uri` as a document of SVG, which can stand in a page of HTML as it is.
    #[pyo3(signature = (name, issuer = None), text_signature = "($self, name, issuer='')")]
    fn qr_svg(&self, py: Python<'_>, name: Text, issuer: Option<Text>) -> PyResult<String> {
        draw(py, &self.provisioning_uri(name, issuer)?, QrCode::to_svg)
    }

    /// Gives the QR code of `provisioning_uri` as a PNG file.
    #[pyo3(signature = (name, issuer = None), text_signature = "($self, name, issuer='')")]
    fn qr_png<'py>(
        &self,
        py: Python<'py>,
        name: Text,
        issuer: Option<Text>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        draw(py, &self.provisioning_uri(name, issuer)?, QrCode::to_png).map(|file| PyBytes::new(py, &file))
    }

    /// Gives the QR code of `provisioning_uri` as text for a terminal.
    #[pyo3(signature = (name, issuer = None), text_signature = "($self, name, issuer='')")]
    fn qr_text(&self, py: Python<'_>, name: Text, issuer: Option<Text>) -> PyResult<String> {
        draw(py, &self.provisioning_uri(name, issuer)?, QrCode::to_text)
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("TOTP"))
    }

    fn __repr__(&self) -> String {
        let OtpOptions { digits, digest, interval } = self.0.options();
        format!("<jam.otp.TOTP {digest}, {digits} digits, {interval} seconds>")
    }
}

/// The parameters of one-time passwords, checked once; called with a secret, it gives the `TOTP` or `HOTP` of that secret.
///
/// That a secret is short is logged for the first one, and not at every call.
///
/// Args:
///     type: `totp` or `hotp`.
///     digits: How many digits a code has: 6 to 10.
///     digest: `sha1`, `sha256` or `sha512`.
///     interval: The seconds for which a TOTP code holds: 1 to 86400.
///
/// Raises:
///     JamValidationError: A parameter is out of range.
#[pyclass(frozen, module = "jam._jam")]
pub(crate) struct OTPParameters {
    kind: OtpKind,
    options: OtpOptions,
    warning: ShortSecretWarning,
}

#[pymethods]
impl OTPParameters {
    #[new]
    #[pyo3(
        signature = (r#type, digits = None, digest = None, interval = None),
        text_signature = "(type, digits=6, digest='sha1', interval=30)"
    )]
    fn new(
        r#type: Text,
        digits: Option<&Bound<'_, PyAny>>,
        digest: Option<Text>,
        interval: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let kind = match r#type.0.as_str() {
            "totp" => OtpKind::Totp,
            "hotp" => OtpKind::Hotp,
            _ => return Err(error::configuration("type", "must be \"totp\" or \"hotp\"")),
        };
        let options = options(digits, digest, interval)?;
        options.check(kind).map_err(error::to_py)?;
        Ok(Self { kind, options, warning: ShortSecretWarning::default() })
    }

    fn __call__(&self, py: Python<'_>, secret: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let secret = shared_secret(secret)?;
        let made = match self.kind {
            OtpKind::Totp => {
                let totp = jam::otp::Totp::with_warning(secret, self.options, &self.warning);
                Py::new(py, Totp(totp.map_err(error::to_py)?))?.into_any()
            }
            OtpKind::Hotp => {
                let hotp = jam::otp::Hotp::with_warning(secret, self.options, &self.warning);
                Py::new(py, Hotp(hotp.map_err(error::to_py)?))?.into_any()
            }
        };
        log::flush(py);
        Ok(made)
    }
}

/// What an `otpauth://` text says; `parse_uri` gives it.
#[pyclass(frozen, module = "jam._jam", name = "OtpauthURI")]
pub(crate) struct OtpauthUri(jam::otp::OtpauthUri);

#[pymethods]
impl OtpauthUri {
    /// `totp` or `hotp`.
    #[getter]
    fn r#type(&self) -> String {
        self.0.kind.to_string()
    }

    /// The secret as base32 text.
    #[getter]
    fn secret(&self) -> String {
        self.0.secret.to_base32()
    }

    /// The account's name.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// The service's name; empty where there is none.
    #[getter]
    fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// How many digits a code has.
    #[getter]
    fn digits(&self) -> u32 {
        self.0.options.digits
    }

    /// `sha1`, `sha256` or `sha512`.
    #[getter]
    fn digest(&self) -> String {
        self.0.options.digest.to_string().to_ascii_lowercase()
    }

    /// The seconds for which a code holds; None for `hotp`.
    #[getter]
    fn interval(&self) -> Option<u64> {
        (self.0.kind == OtpKind::Totp).then_some(self.0.options.interval)
    }

    /// The counter to begin with; None for `totp`.
    #[getter]
    fn counter(&self) -> Option<u64> {
        (self.0.kind == OtpKind::Hotp).then_some(self.0.counter)
    }

    /// The `TOTP` or `HOTP` of the secret and the parameters.
    #[getter]
    fn otp(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let (secret, options) = (self.0.secret.clone(), self.0.options);
        let made = match self.0.kind {
            OtpKind::Totp => {
                let totp = jam::otp::Totp::new(secret, options).map_err(error::to_py)?;
                Py::new(py, Totp(totp))?.into_any()
            }
            OtpKind::Hotp => {
                let hotp = jam::otp::Hotp::new(secret, options).map_err(error::to_py)?;
                Py::new(py, Hotp(hotp))?.into_any()
            }
        };
        log::flush(py);
        Ok(made)
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("OtpauthURI"))
    }

    fn __repr__(&self) -> String {
        format!("<jam.otp.OtpauthURI of a {}>", self.0.kind)
    }
}

/// Reads an `otpauth://` text, the content of the QR codes that authenticator apps scan.
///
/// It is strict where two readers could come to different codes: numbers have one spelling, no parameter stands twice,
/// and the label and the parameter `issuer` name the same one.
///
/// Raises:
///     JamValidationError: The text is no such URI; the message says why, without the secret.
#[pyfunction]
fn parse_uri(uri: &Bound<'_, PyAny>) -> PyResult<OtpauthUri> {
    jam::otp::OtpauthUri::parse(required_text(uri, "uri")?).map(OtpauthUri).map_err(error::to_py)
}

/// What is kept of a user's recovery codes: a salt, and a hash of each code that is left.
///
/// It is never changed: `redeem` gives a new one.
#[pyclass(frozen, module = "jam._jam")]
pub(crate) struct RecoveryCodes(jam::otp::RecoveryCodes);

#[pymethods]
impl RecoveryCodes {
    /// Makes new codes of 120 random bits each.
    ///
    /// Args:
    ///     count: How many: 1 to 100.
    ///
    /// Returns:
    ///     The codes, to be shown to the user once, and what is to be stored of them.
    #[staticmethod]
    #[pyo3(signature = (count = None), text_signature = "(count=10)")]
    fn generate(count: Option<&Bound<'_, PyAny>>) -> PyResult<(Vec<String>, Self)> {
        let count = integer_or(count, "count", 10)?;
        let (codes, kept) = jam::otp::RecoveryCodes::generate(count).map_err(error::to_py)?;
        Ok((codes.iter().map(|code| code.expose().clone()).collect(), Self(kept)))
    }

    /// Reads what `to_text` wrote.
    ///
    /// Raises:
    ///     JamValidationError: The text is damaged.
    #[staticmethod]
    fn from_text(stored: &Bound<'_, PyAny>) -> PyResult<Self> {
        jam::otp::RecoveryCodes::from_text(text(stored, "stored")?).map(Self).map_err(error::to_py)
    }

    /// Gives the form for a database: ASCII text of 25 characters, and 44 more for each code.
    fn to_text(&self) -> String {
        self.0.to_text()
    }

    /// Gives what is left when a code has been used, or None if it is none of the codes that are left.
    ///
    /// Store what is left before the user gets in, and only in place of what was read: two requests at once could
    /// otherwise both use the code.
    ///
    /// Args:
    ///     code: What the user typed. Case, spaces and dashes do not matter, nor whether O stands for 0, or I or L for 1.
    fn redeem(&self, code: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        Ok(self.0.redeem(opaque_text(code, "code")?).map(Self))
    }

    /// How many codes are left.
    #[getter]
    fn remaining(&self) -> usize {
        self.0.remaining()
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("RecoveryCodes"))
    }

    fn __repr__(&self) -> String {
        format!("<jam.otp.RecoveryCodes, {} left>", self.0.remaining())
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
        digits: integer_or(digits, "digits", default.digits)?,
        digest: digest.map_or(Ok(default.digest), |digest| digest.0.parse()).map_err(error::to_py)?,
        interval: integer_or(interval, "interval", default.interval)?,
    })
}

fn issuer_text(issuer: Option<&Text>) -> &str {
    issuer.map_or("", |issuer| &issuer.0)
}

fn counter(factor: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
    integer(factor.ok_or_else(|| error::validation("factor: a HOTP code needs its counter"))?, "factor")
}

fn time(factor: Option<&Bound<'_, PyAny>>) -> PyResult<Timestamp> {
    match factor {
        Some(factor) => integer(factor, "factor").map(Timestamp::from_seconds),
        None => Ok(Timestamp::now()),
    }
}

/// The texts of `codes`, an iterable; no more of it is read than makes too many.
fn typed_codes(codes: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if codes.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("codes: expected several codes, not one str"));
    }
    codes.try_iter()?.take(6).map(|code| Ok(opaque_text(&code?, "code")?.to_owned())).collect()
}

/// Draws a QR code, which takes milliseconds, without the GIL.
fn draw<T: Send>(py: Python<'_>, uri: &str, form: fn(&QrCode) -> T) -> PyResult<T> {
    py.detach(|| QrCode::new(uri).map(|code| form(&code))).map_err(error::to_py)
}

fn entry(entry: ReplayEntry) -> (String, u64) {
    (entry.id, entry.keep.as_secs())
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Hotp>()?;
    module.add_class::<Totp>()?;
    module.add_class::<OTPParameters>()?;
    module.add_class::<OtpauthUri>()?;
    module.add_class::<RecoveryCodes>()?;
    module.add_function(wrap_pyfunction!(parse_uri, module)?)
}
