//! PASETO, as Python sees it: one class, of which `jam.paseto` derives one for each version.

use jam::paseto::claims::{self, Time};
use jam::paseto::{Footer, KeySource, Paseto, PasetoOptions, Purpose, Version};
use jam::{Error, PasetoError, Timestamp};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use serde_json::Map;

use crate::arguments::{bytes_or_text, integer, opaque_text, required_dict, text};
use crate::jwt::ascii_str;
use crate::paserk::PyPaserk;
use crate::serializer::Serializer;
use crate::{error, json};

/// Makes and reads tokens of one purpose, of the version that the class names as `VERSION`.
///
/// Args:
///     purpose: `local`: encrypted with a shared key. `public`: signed.
///     key: The shared key, or the key that signs: PASERK, base64url, hexadecimal or PEM text, bytes, or a `PASERK`; or a
///         list of them. The first one makes tokens, and every one opens them.
///     public_key: The key that verifies; alone it only verifies, beside `key` it must belong to it. Or a list of them, of
///         which the first belongs to the first of `key`.
///     serializer: What turns payloads into bytes; JSON if left out.
///
/// Raises:
///     JamPASETOInvalidPurpose: The purpose is neither local nor public.
///     JamPASETOInvalidSymmetricKey: A key is no local key of the version.
///     JamPASETOInvalidRSAKey: A key is no v1.public key.
///     JamPASETOInvalidED25519Key: A key is no v2.public or v4.public key.
///     JamPASETOInvalidSecp384r1Key: A key is no v3.public key.
///     JamValidationError: There are more than 16 keys.
#[pyclass(subclass, frozen, module = "jam._jam", name = "PASETO")]
pub(crate) struct PyPaseto {
    paseto: Paseto,
    serializer: Serializer,
}

#[pymethods]
impl PyPaseto {
    #[new]
    #[classmethod]
    #[pyo3(signature = (purpose, key = None, *, public_key = None, serializer = None))]
    fn new(
        class: &Bound<'_, PyType>,
        purpose: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        public_key: Option<&Bound<'_, PyAny>>,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let py = class.py();
        let options = PasetoOptions {
            version: version(&class.getattr(intern!(py, "VERSION"))?)?,
            purpose: text(purpose, "purpose")?.parse::<Purpose>().map_err(error::to_py)?,
            keys: key.map(|key| key_sources(key, "key")).transpose()?.unwrap_or_default(),
            public_keys: public_key
                .map(|key| key_sources(key, "public_key"))
                .transpose()?
                .unwrap_or_default(),
        };
        let paseto = Paseto::new(options).map_err(error::to_py)?;
        Ok(Self { paseto, serializer: Serializer::new(py, serializer)? })
    }

    /// Takes a key for one purpose.
    ///
    /// Args:
    ///     purpose: `local` or `public`.
    ///     key: The shared key, or the key that signs, or a list of them. A public key in PEM or PASERK form only verifies.
    #[classmethod]
    #[pyo3(signature = (purpose, key, **options))]
    fn key<'py>(
        class: &Bound<'py, PyType>,
        purpose: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.call((purpose, key), options)
    }

    /// Makes a token.
    ///
    /// Args:
    ///     payload: The claims.
    ///     footer: What anybody may read, but nobody change: a dict becomes JSON; at most 8192 bytes. With several keys, a
    ///         missing footer and a dict without `kid` are given the id of the key as `kid`.
    ///     implicit_assertion: What is not in the token, but must be given again to decode it. Versions 1 and 2 know none.
    ///
    /// Raises:
    ///     JamValidationError: The payload or the footer cannot be written, or is too long; the version knows no implicit
    ///         assertion.
    ///     JamPASETOError: Only the public key is known.
    #[pyo3(signature = (payload, footer = None, *, implicit_assertion = None))]
    fn encode<'py>(
        &self,
        payload: &Bound<'py, PyAny>,
        footer: Option<&Bound<'py, PyAny>>,
        implicit_assertion: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let py = payload.py();
        // Also for a serializer of the user's own: a set of claims is an object.
        required_dict(payload, "payload")?;
        let payload = self.serializer.dump(payload, "payload")?;
        let footer = footer.map_or(Ok(Vec::new()), |footer| self.write_footer(footer))?;
        let implicit = implicit(implicit_assertion)?;
        let protect = || self.paseto.protect(&payload, footer, &implicit);
        let protected = self.run(py, protect).map_err(error::to_py)?;
        ascii_str(py, protected.length(), |token| {
            protected.write(token).ok_or_else(|| error::internal("a token is longer than it says"))
        })
    }

    /// Opens or verifies a token, and gives its payload and its footer: a dict for a JSON object, else a str, else
    /// bytes, and None when there is none.
    ///
    /// Args:
    ///     token: The token.
    ///     check_exp: Whether `exp` and `nbf` are checked where they are present: RFC 3339 text or a number.
    ///     implicit_assertion: What was given when it was made.
    ///
    /// Raises:
    ///     JamPASETOInvalidTokenFormat: The text is no token of this version, or the payload no JSON object.
    ///     JamPASETOInvalidPurpose: The token is of the other purpose.
    ///     JamPASETOKeyVerificationError: It was not made with one of the keys, this footer and implicit assertion.
    ///     JamPASETOExpired: `exp` lies in the past.
    ///     JamPASETONotYetValid: `nbf` lies in the future.
    ///     JamValidationError: The token is no str; the version knows no implicit assertion.
    #[pyo3(signature = (token, *, check_exp = true, implicit_assertion = None))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'py, PyAny>,
        check_exp: bool,
        implicit_assertion: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let token = opaque_text(token, "token")?;
        let implicit = implicit(implicit_assertion)?;
        let decoded = self.run(py, || self.paseto.decode(token, &implicit)).map_err(error::to_py)?;
        let payload = self.load(py, &decoded.payload)?;
        if check_exp {
            check_times(&payload)?;
        }
        let footer = read_footer(py, decoded.footer)?;
        (payload, footer).into_pyobject(py)
    }

    /// Gives a payload: `iat`, `exp` and `jti`, with the claims laid over.
    ///
    /// Args:
    ///     exp: Seconds from now until the token expires; no `exp` if left out.
    ///     data: Claims by their names.
    #[pyo3(signature = (exp = None, data = None))]
    fn make_payload<'py>(
        &self,
        py: Python<'py>,
        exp: Option<&Bound<'py, PyAny>>,
        data: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        paseto_make_payload(py, exp, data)
    }

    /// `local` or `public`.
    #[getter]
    fn purpose(&self) -> String {
        self.paseto.key().purpose().to_string()
    }

    fn __repr__(&self) -> String {
        let key = self.paseto.key();
        format!("<jam.paseto.PASETO{} {}>", key.version(), key.purpose())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable(&format!("PASETO{}", self.paseto.key().version())))
    }
}

impl PyPaseto {
    fn load<'py>(&self, py: Python<'py>, payload: &[u8]) -> PyResult<Bound<'py, PyDict>> {
        let refuse = |reason| Err(malformed(&format!("the payload: {reason}")));
        let claims = self.serializer.load(py, payload, refuse)?;
        claims.cast_into::<PyDict>().map_err(|_| malformed("the payload of the PASETO is no JSON object"))
    }

    fn write_footer(&self, footer: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
        let Ok(members) = footer.cast::<PyDict>() else { return bytes_or_text(footer, "footer") };
        let py = footer.py();
        let mut bytes = Vec::with_capacity(128);
        match self.paseto.kid() {
            Some(kid) if !members.contains(intern!(py, "kid"))? => {
                let named = PyDict::new(py);
                named.set_item(intern!(py, "kid"), kid)?;
                named.update(members.as_mapping())?;
                json::write(&named, &mut bytes)?;
            }
            _ => json::write(footer, &mut bytes)?,
        }
        Ok(bytes)
    }

    /// Runs the cryptography, without the GIL where it takes long: with RSA and on P-384.
    fn run<T: Send>(&self, py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
        let key = self.paseto.key();
        let is_slow = matches!((key.purpose(), key.version()), (Purpose::Public, Version::V1 | Version::V3));
        if is_slow { py.detach(work) } else { work() }
    }
}

/// Gives a payload: `iat`, `exp` and `jti` as the specification of PASETO has them, with the claims laid over.
///
/// Args:
///     exp: Seconds from now until the token expires; no `exp` if left out.
///     data: Claims by their names.
///
/// Raises:
///     JamValidationError: `exp` leads out of the years 0 to 9999.
#[pyfunction]
#[pyo3(signature = (exp = None, data = None))]
fn paseto_make_payload<'py>(
    py: Python<'py>,
    exp: Option<&Bound<'py, PyAny>>,
    data: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let exp = exp.map(|exp| integer(exp, "exp")).transpose()?;
    let made = claims::make_payload(exp, Map::new(), Timestamp::now()).map_err(error::to_py)?;
    let payload = PyDict::new(py);
    for name in ["iat", "exp", "jti"] {
        if let Some(value) = made.get(name) {
            payload.set_item(name, value.as_str())?;
        }
    }
    if let Some(data) = data {
        payload.update(data.as_mapping())?;
    }
    Ok(payload)
}

/// The version of a text, `v1` to `v4`.
pub(crate) fn version(version: &Bound<'_, PyAny>) -> PyResult<Version> {
    text(version, "version")?.parse().map_err(error::to_py)
}

/// One key, or a list or tuple of them.
fn key_sources(keys: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<KeySource>> {
    if let Ok(list) = keys.cast::<PyList>() {
        return list.iter().map(|key| key_source(&key, name)).collect();
    }
    if let Ok(tuple) = keys.cast::<PyTuple>() {
        return tuple.iter().map(|key| key_source(&key, name)).collect();
    }
    key_source(keys, name).map(|key| vec![key])
}

/// A key as text or bytes, or a `PASERK`.
pub(crate) fn key_source(key: &Bound<'_, PyAny>, name: &str) -> PyResult<KeySource> {
    if let Ok(bytes) = key.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().into());
    }
    match key.cast::<PyPaserk>() {
        Ok(paserk) => Ok(paserk.get().to_source()),
        Err(_) => text(key, name).map(KeySource::from),
    }
}

fn implicit(assertion: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<u8>> {
    assertion.map_or(Ok(Vec::new()), |assertion| bytes_or_text(assertion, "implicit_assertion"))
}

fn read_footer(py: Python<'_>, footer: Vec<u8>) -> PyResult<Bound<'_, PyAny>> {
    if footer.is_empty() {
        return Ok(py.None().into_bound(py));
    }
    let bytes = footer.clone();
    match Footer::read(footer).map_err(error::to_py)? {
        Footer::None => Ok(py.None().into_bound(py)),
        Footer::Object(_) => json::parse(py, &bytes).map_err(|reason| malformed(&reason)),
        Footer::Text(text) => Ok(PyString::new(py, &text).into_any()),
        _ => Ok(PyBytes::new(py, &bytes).into_any()),
    }
}

fn check_times(payload: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = payload.py();
    let (exp, nbf) = (payload.get_item(intern!(py, "exp"))?, payload.get_item(intern!(py, "nbf"))?);
    claims::validate_times(exp.as_ref().map(time), nbf.as_ref().map(time), Timestamp::now())
        .map_err(error::to_py)
}

/// What stands for a time. A text that is no Unicode is none, and neither is a bool, though it is an int in Python.
fn time<'a>(value: &'a Bound<'_, PyAny>) -> Time<'a> {
    if let Ok(text) = value.cast::<PyString>() {
        text.to_str().map_or(Time::Malformed, Time::Text)
    } else if value.is_instance_of::<PyBool>() {
        Time::Malformed
    } else if value.is_instance_of::<PyInt>() {
        // An int beyond all others is a float here, or beyond those, too.
        match value.extract::<i128>() {
            Ok(integer) => Time::Integer(integer),
            Err(_) => value.extract().map_or(Time::Malformed, Time::Float),
        }
    } else if let Ok(float) = value.cast::<PyFloat>() {
        Time::Float(float.value())
    } else {
        Time::Malformed
    }
}

fn malformed(reason: &str) -> PyErr {
    error::to_py(Error::Paseto(PasetoError::InvalidTokenFormat(reason.to_owned().into())))
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyPaseto>()?;
    module.add_function(wrap_pyfunction!(paseto_make_payload, module)?)
}
