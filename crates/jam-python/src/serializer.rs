//! How payloads and session data become bytes, and come back.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::{required_dict, type_name};
use crate::error::validation;
use crate::json;

/// A serializer of the user's own, with `dumps` and `loads`; JSON without one.
pub(crate) struct Serializer(Option<Py<PyAny>>);

impl Serializer {
    pub(crate) fn new(custom: Option<Py<PyAny>>) -> Self {
        Self(custom)
    }

    /// The bytes of `value`, which is the argument `name`. As JSON it has to be a dict.
    pub(crate) fn dump(&self, value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<u8>> {
        let py = value.py();
        if let Some(custom) = &self.0 {
            return bytes_of(&custom.bind(py).call_method1(intern!(py, "dumps"), (value,))?);
        }
        required_dict(value, name)?;
        let mut text = Vec::with_capacity(512);
        json::write(value, &mut text)?;
        Ok(text)
    }

    /// The value of the bytes. `refuse` decides what becomes of bytes that are no JSON.
    pub(crate) fn load<'py>(
        &self,
        py: Python<'py>,
        bytes: &[u8],
        refuse: impl FnOnce(jam::Reason) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match &self.0 {
            Some(custom) => custom.bind(py).call_method1(intern!(py, "loads"), (PyBytes::new(py, bytes),)),
            None => json::parse(py, bytes).or_else(refuse),
        }
    }
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
