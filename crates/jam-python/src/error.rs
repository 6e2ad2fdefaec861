//! Jam's errors as exceptions of `jam.exceptions`.

use jam::{ConfigurationError, Error, Failure, JwtError, OAuth2Error, PasetoError, SessionError};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// The exception for an error of the core: of the class whose `code` is the error's, with its sentence and what a
/// program may want of it in `details`. What a factory of the program's own raised comes back as it was.
pub(crate) fn to_py(error: Error) -> PyErr {
    Python::attach(|py| exception(py, &error, Vec::new()))
}

/// `details` are what the errors around this one tell.
fn exception(py: Python<'_>, error: &Error, mut details: Vec<(&str, String)>) -> PyErr {
    let reason = match error {
        Error::InFile { file, cause } => {
            details.push(("file", file.display().to_string()));
            return exception(py, cause, details);
        }
        Error::InConfiguration { path, cause } => {
            details.push(("path", path.clone()));
            return exception(py, cause, details);
        }
        Error::Session(SessionError::IdFactory(Failure(cause))) => match cause.downcast_ref::<PyErr>() {
            Some(raised) => return raised.clone_ref(py),
            None => error.to_string(),
        },
        Error::Configuration(ConfigurationError::Key { path, reason }) => {
            details.push(("path", path.clone()));
            reason.to_string()
        }
        Error::Configuration(ConfigurationError::MissingSection { section }) => {
            details.push(("section", (*section).to_owned()));
            error.to_string()
        }
        Error::Jwt(JwtError::InvalidClaim { claim, .. }) => {
            details.push(("claim", claim.to_string()));
            error.to_string()
        }
        Error::Paseto(PasetoError::InvalidClaim { claim, .. }) => {
            details.push(("claim", (*claim).to_owned()));
            error.to_string()
        }
        Error::OAuth2(OAuth2Error::Refused { error: code }) => {
            details.push(("error", code.clone()));
            error.to_string()
        }
        _ => error.to_string(),
    };
    build(py, error.code(), &reason, &details).unwrap_or_else(|failure| failure)
}

/// An argument that cannot be used: `JamValidationError`.
pub(crate) fn validation(message: &str) -> PyErr {
    raise("validation.invalid", message, &[])
}

/// An argument that cannot be used, found at `path` inside of it: `JamValidationError`, which tells the path first.
pub(crate) fn validation_at(path: &str, reason: &str) -> PyErr {
    raise("validation.invalid", reason, &[("path", path.to_owned())])
}

/// A keyword of a constructor that cannot be used: `JamConfigurationError`, which tells the keyword first.
pub(crate) fn configuration(key: &str, reason: &str) -> PyErr {
    raise("configuration.invalid", reason, &[("path", key.to_owned())])
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
    raise("internal", message, &[])
}

/// An exception of the class that has this code.
fn raise(code: &str, message: &str, details: &[(&str, String)]) -> PyErr {
    Python::attach(|py| build(py, code, message, details).unwrap_or_else(|failure| failure))
}

fn build(py: Python<'_>, code: &str, message: &str, details: &[(&str, String)]) -> PyResult<PyErr> {
    let class =
        classes(py)?.get_item(code)?.map_or_else(|| py.import("jam.exceptions")?.getattr("JamError"), Ok)?;
    let keywords = PyDict::new(py);
    keywords.set_item("error_code", code)?;
    if !details.is_empty() {
        let members = PyDict::new(py);
        for (name, value) in details {
            members.set_item(name, value)?;
        }
        keywords.set_item("details", members)?;
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
