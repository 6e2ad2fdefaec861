//! Arguments from Python whose faults must be Jam's own errors.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};

use crate::error;

/// A whole number that fits `T`. Another type is a `TypeError`, another range a `JamValidationError`.
pub(crate) fn integer<T: TryFrom<i128>>(value: &Bound<'_, PyAny>, name: &str) -> PyResult<T> {
    let value = value.cast::<PyInt>().map_err(|_| wrong_type(value, name, "int"))?;
    let number = value.extract::<i128>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| error::validation_at(name, &format!("{name}: the number is out of range")))
}

/// The text of a str. Another type is a `TypeError`, a lone surrogate a `JamValidationError`.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a str> {
    let value = value.cast::<PyString>().map_err(|_| wrong_type(value, name, "str"))?;
    value.to_str().map_err(|_| {
        error::validation_at(name, &format!("{name}: a str with a lone surrogate is no Unicode text"))
    })
}

fn wrong_type(value: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyErr {
    let given = value.get_type().name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{name}: expected {expected}, not {given}"))
}
