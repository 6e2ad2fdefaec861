//! How payloads and session data become bytes, and come back.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::{required_dict, type_name};
use crate::error::{configuration, is_own, validation};
use crate::json;

/// A serializer of the user's own, with `dumps` and `loads`; JSON without one.
pub(crate) struct Serializer(Option<Py<PyAny>>);

impl Serializer {
    pub(crate) const JSON: Self = Self(None);

    /// The serializer that a program gives as a keyword.
    pub(crate) fn new(py: Python<'_>, custom: Option<Py<PyAny>>) -> PyResult<Self> {
        if let Some(custom) = custom.as_ref().map(|custom| custom.bind(py)) {
            for method in [intern!(py, "dumps"), intern!(py, "loads")] {
                if !custom.getattr_opt(method)?.is_some_and(|method| method.is_callable()) {
                    let reason = format!(
                        "must have dumps and loads, as jam.encoders.BaseEncoder has; {} has not",
                        type_name(custom)
                    );
                    return Err(configuration("serializer", &reason));
                }
            }
        }
        Ok(Self(custom))
    }

    /// The bytes of `value`, which is the argument `name`. As JSON it has to be a dict.
    pub(crate) fn dump(&self, value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<u8>> {
        let py = value.py();
        if let Some(custom) = &self.0 {
            let written = custom.bind(py).call_method1(intern!(py, "dumps"), (value,));
            return bytes_of(&written.map_err(|cause| {
                let kind = kind_of(py, &cause);
                caused_by(py, cause, || {
                    validation(&format!("{name}: the serializer's dumps cannot write it ({kind})"))
                })
            })?);
        }
        required_dict(value, name)?;
        let mut text = Vec::with_capacity(512);
        json::write(value, &mut text)?;
        Ok(text)
    }

    /// The value of the bytes. `refuse` decides what becomes of bytes that are no JSON. Where a serializer of the user's
    /// own raises, `refuse` gives the error that is raised in its place: the bytes may come from anywhere.
    pub(crate) fn load<'py>(
        &self,
        py: Python<'py>,
        bytes: &[u8],
        refuse: impl FnOnce(jam::Reason) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match &self.0 {
            Some(custom) => {
                let read = custom.bind(py).call_method1(intern!(py, "loads"), (PyBytes::new(py, bytes),));
                read.map_err(|cause| {
                    let reason = format!("the serializer's loads cannot read it ({})", kind_of(py, &cause));
                    caused_by(py, cause, || {
                        refuse(reason.clone().into()).err().unwrap_or_else(|| validation(&reason))
                    })
                })
            }
            None => json::parse(py, bytes).or_else(refuse),
        }
    }
}

/// The type of an exception. Its words may quote the data, so they are not repeated.
fn kind_of(py: Python<'_>, cause: &PyErr) -> String {
    cause.get_type(py).name().map_or_else(|_| "an error".to_owned(), |name| name.to_string())
}

/// An error of Jam's with `cause` behind it. What ends the program, such as `KeyboardInterrupt`, and Jam's own errors
/// stay as they are.
fn caused_by(py: Python<'_>, cause: PyErr, refusal: impl FnOnce() -> PyErr) -> PyErr {
    if !cause.is_instance_of::<PyException>(py) || is_own(py, &cause) {
        return cause;
    }
    let refusal = refusal();
    refusal.set_cause(py, Some(cause));
    refusal
}

/// What `dumps` of a serializer gave: bytes, or str in UTF-8.
fn bytes_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    match value.cast::<PyString>().map(|text| text.to_str().map(str::as_bytes)) {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        _ => Err(validation(&format!("the serializer's dumps must give bytes, not {}", type_name(value)))),
    }
}
