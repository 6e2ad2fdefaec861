//! PASETO, as Python sees it.

use jam::paseto::{Footer, KeySource, Paseto, PasetoOptions, Purpose, Version, claims};
use jam::{Error, PasetoError, Timestamp};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple, PyType};
use serde_json::{Map, Value};

use crate::arguments::{bytes_or_text, integer, opaque_text, required_dict, text};
use crate::serializer::Serializer;
use crate::{error, json};

/// Version 4: `local` by XChaCha20 and BLAKE2b, `public` by Ed25519.
///
/// Args:
///     purpose: `local`: encrypted with a shared key. `public`: signed.
///     key: The shared key, or the key that signs: PASERK, base64url, hexadecimal or PEM text, or bytes.
///     public_key: The key that verifies; alone it only verifies, beside `key` it must belong to it.
///     serializer: What turns payloads into bytes; JSON if left out.
///
/// Raises:
///     JamPASETOInvalidPurpose: The purpose is neither local nor public.
///     JamPASETOInvalidSymmetricKey: The key is no v4.local key.
///     JamPASETOInvalidED25519Key: The key is no v4.public key.
#[pyclass(subclass, frozen, module = "jam._jam", name = "PASETOv4")]
pub(crate) struct PasetoV4 {
    paseto: Paseto,
    serializer: Serializer,
}

#[pymethods]
impl PasetoV4 {
    #[new]
    #[pyo3(signature = (purpose, key = None, *, public_key = None, serializer = None))]
    fn new(
        purpose: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        public_key: Option<&Bound<'_, PyAny>>,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let options = PasetoOptions {
            version: Version::V4,
            purpose: text(purpose, "purpose")?.parse::<Purpose>().map_err(error::to_py)?,
            key: key.map(|key| key_source(key, "key")).transpose()?,
            public_key: public_key.map(|key| key_source(key, "public_key")).transpose()?,
        };
        let paseto = Paseto::new(options).map_err(error::to_py)?;
        Ok(Self { paseto, serializer: Serializer::new(serializer) })
    }

    /// Takes a key for one purpose.
    ///
    /// Args:
    ///     purpose: `local` or `public`.
    ///     key: The shared key, or the key that signs. A public key in PEM or PASERK form only verifies.
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
    ///     footer: What anybody may read, but nobody change: a dict becomes JSON; at most 8192 bytes.
    ///     implicit_assertion: What is not in the token, but must be given again to decode it.
    ///
    /// Raises:
    ///     JamValidationError: The payload or the footer cannot be written, or is too long.
    ///     JamPASETOInvalidED25519Key: Only the public key is known.
    #[pyo3(signature = (payload, footer = None, *, implicit_assertion = None))]
    fn encode(
        &self,
        payload: &Bound<'_, PyAny>,
        footer: Option<&Bound<'_, PyAny>>,
        implicit_assertion: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        // Also for a serializer of the user's own: a set of claims is an object.
        required_dict(payload, "payload")?;
        let payload = self.serializer.dump(payload, "payload")?;
        let footer = footer.map_or(Ok(Vec::new()), write_footer)?;
        // What this class would refuse to read, it does not write either.
        Footer::read(footer.clone()).map_err(|refusal| error::validation(&refusal.to_string()))?;
        let implicit = implicit(implicit_assertion)?;
        self.paseto.encode(&payload, &footer, &implicit).map_err(error::to_py)
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
    ///     JamPASETOKeyVerificationError: It was not made with this key, footer and implicit assertion.
    ///     JamPASETOExpired: `exp` lies in the past.
    ///     JamPASETONotYetValid: `nbf` lies in the future.
    #[pyo3(signature = (token, *, check_exp = true, implicit_assertion = None))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'py, PyAny>,
        check_exp: bool,
        implicit_assertion: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let token = opaque_text(token, "token")?;
        let decoded = self.paseto.decode(token, &implicit(implicit_assertion)?).map_err(error::to_py)?;
        let payload = self.load(py, &decoded.payload)?;
        if check_exp {
            claims::validate(&times(&payload)?, Timestamp::now()).map_err(error::to_py)?;
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
}

impl PasetoV4 {
    fn load<'py>(&self, py: Python<'py>, payload: &[u8]) -> PyResult<Bound<'py, PyDict>> {
        let refuse = |reason| Err(malformed(&format!("the payload is {reason}")));
        let claims = self.serializer.load(py, payload, refuse)?;
        claims.cast_into::<PyDict>().map_err(|_| malformed("the payload of the PASETO is no JSON object"))
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

fn key_source(key: &Bound<'_, PyAny>, name: &str) -> PyResult<KeySource> {
    match key.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.as_bytes().into()),
        Err(_) => text(key, name).map(KeySource::from),
    }
}

fn implicit(assertion: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<u8>> {
    assertion.map_or(Ok(Vec::new()), |assertion| bytes_or_text(assertion, "implicit_assertion"))
}

fn write_footer(footer: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if !footer.is_instance_of::<PyDict>() {
        return bytes_or_text(footer, "footer");
    }
    let mut bytes = Vec::with_capacity(128);
    json::write(footer, &mut bytes)?;
    Ok(bytes)
}

fn read_footer(py: Python<'_>, footer: Vec<u8>) -> PyResult<Bound<'_, PyAny>> {
    let bytes = footer.clone();
    match Footer::read(footer).map_err(error::to_py)? {
        Footer::None => Ok(py.None().into_bound(py)),
        Footer::Object(_) => json::parse(py, &bytes).map_err(|reason| malformed(&reason)),
        Footer::Text(text) => Ok(PyString::new(py, &text).into_any()),
        _ => Ok(PyBytes::new(py, &bytes).into_any()),
    }
}

/// The times of a payload. What has no JSON form is no time either, and stands as null.
fn times(payload: &Bound<'_, PyDict>) -> PyResult<Map<String, Value>> {
    let mut times = Map::new();
    for name in ["exp", "nbf"] {
        if let Some(value) = payload.get_item(name)? {
            let mut bytes = Vec::new();
            let value =
                json::write(&value, &mut bytes).ok().and_then(|()| serde_json::from_slice(&bytes).ok());
            times.insert(name.to_owned(), value.unwrap_or_default());
        }
    }
    Ok(times)
}

fn malformed(reason: &str) -> PyErr {
    error::to_py(Error::Paseto(PasetoError::InvalidTokenFormat(reason.to_owned().into())))
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PasetoV4>()?;
    module.add_function(wrap_pyfunction!(paseto_make_payload, module)?)
}
