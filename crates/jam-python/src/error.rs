//! Jam's errors as exceptions of `jam.exceptions`.

use jam::{ConfigurationError, Error, JwtError, OAuth2Error, PasetoError};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// The exception for an error of the core: of the class whose `code` is the error's, with its sentence and what a
/// program may want of it in `details`.
pub(crate) fn to_py(error: Error) -> PyErr {
    let details = match &error {
        Error::Configuration(ConfigurationError::Key { path, .. }) => Some(("path", path.as_str())),
        Error::Configuration(ConfigurationError::MissingSection { section }) => Some(("section", *section)),
        Error::Jwt(JwtError::InvalidClaim { claim, .. }) => Some(("claim", claim.as_ref())),
        Error::Paseto(PasetoError::InvalidClaim { claim, .. }) => Some(("claim", *claim)),
        Error::OAuth2(OAuth2Error::Refused { error }) => Some(("error", error.as_str())),
        _ => None,
    };
    raise(error.code(), &error.to_string(), details)
}

/// An argument that cannot be used: `JamValidationError`.
pub(crate) fn validation(message: &str) -> PyErr {
    raise("validation.invalid", message, None)
}

/// An argument that cannot be used, found at `path` inside of it: `JamValidationError`.
pub(crate) fn validation_at(path: &str, message: &str) -> PyErr {
    raise("validation.invalid", message, Some(("path", path)))
}

/// The answer to `pickle` and `copy`: neither a key nor a connection may leave its object unnoticed.
pub(crate) fn not_picklable(class: &str) -> PyErr {
    PyTypeError::new_err(format!("{class} holds keys or connections and cannot be pickled or copied"))
}

/// Whether this is an exception of Jam's already.
pub(crate) fn is_own(py: Python<'_>, error: &PyErr) -> bool {
    let class = py.import("jam.exceptions").and_then(|exceptions| exceptions.getattr("JamError"));
    class.is_ok_and(|class| error.is_instance(py, &class))
}

/// What Jam itself did wrong: `JamError`.
pub(crate) fn internal(message: &str) -> PyErr {
    raise("internal", message, None)
}

/// An exception of the class that has this code.
fn raise(code: &str, message: &str, details: Option<(&str, &str)>) -> PyErr {
    Python::attach(|py| build(py, code, message, details).unwrap_or_else(|failure| failure))
}

fn build(py: Python<'_>, code: &str, message: &str, details: Option<(&str, &str)>) -> PyResult<PyErr> {
    let class =
        classes(py)?.get_item(code)?.map_or_else(|| py.import("jam.exceptions")?.getattr("JamError"), Ok)?;
    let keywords = PyDict::new(py);
    keywords.set_item("error_code", code)?;
    if let Some((name, value)) = details {
        let details = PyDict::new(py);
        details.set_item(name, value)?;
        keywords.set_item("details", details)?;
    }
    Ok(PyErr::from_value(class.call((message,), Some(&keywords))?))
}

/// The exception classes by their codes.
fn classes(py: Python<'_>) -> PyResult<&Bound<'_, PyDict>> {
    static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    CLASSES
        .get_or_try_init(py, || {
            let classes = py.import("jam.exceptions")?.getattr("CLASSES_BY_CODE")?;
            Ok(classes.cast_into::<PyDict>()?.unbind())
        })
        .map(|classes| classes.bind(py))
}

/// Every code that an error of the core can have.
#[pyfunction]
fn error_codes() -> &'static [&'static str] {
    Error::CODES
}

/// Adds this part's functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(error_codes, module)?)
}
