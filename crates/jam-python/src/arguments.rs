//! Arguments from Python whose faults must be Jam's own errors.

use std::path::PathBuf;
use std::time::Duration;

use jam::Timestamp;
use pyo3::exceptions::{PyTypeError, PyUnicodeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::error;

/// A whole number that fits `T`. Another type is a `TypeError`, also a bool, which is an int in Python; another range a
/// `JamValidationError`.
pub(crate) fn integer<T: TryFrom<i128>>(value: &Bound<'_, PyAny>, name: &str) -> PyResult<T> {
    if value.is_instance_of::<PyBool>() {
        return Err(wrong_type(value, name, "int"));
    }
    let value = value.cast::<PyInt>().map_err(|_| wrong_type(value, name, "int"))?;
    let number = value.extract::<i128>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| error::validation_at(name, "the number is out of range"))
}

/// As [`integer`], where the argument may be left out.
pub(crate) fn integer_or<T: TryFrom<i128>>(
    value: Option<&Bound<'_, PyAny>>,
    name: &str,
    default: T,
) -> PyResult<T> {
    value.map_or(Ok(default), |value| integer(value, name))
}

/// The text of a str. Another type is a `TypeError`, a lone surrogate a `JamValidationError`.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a str> {
    let value = value.cast::<PyString>().map_err(|_| wrong_type(value, name, "str"))?;
    value.to_str().map_err(|_| error::validation_at(name, "a str with a lone surrogate is no Unicode text"))
}

/// The text of a str, for signatures. PyO3 puts the argument's name before a `TypeError`.
#[derive(Default)]
pub(crate) struct Text(pub(crate) String);

impl<'py> FromPyObject<'_, 'py> for Text {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let string = value
            .cast::<PyString>()
            .map_err(|_| PyTypeError::new_err(format!("expected str, not {}", type_name(&value))))?;
        let string = string.to_str();
        string
            .map(|text| Self(text.to_owned()))
            .map_err(|_| error::validation("a str with a lone surrogate is no Unicode text"))
    }
}

/// The path of a file: str or anything of `os.PathLike`, for signatures. PyO3 puts the argument's name before a `TypeError`.
pub(crate) struct FilePath(pub(crate) PathBuf);

impl<'py> FromPyObject<'_, 'py> for FilePath {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        value.extract().map(Self).map_err(|refusal| {
            match refusal.is_instance_of::<PyUnicodeError>(value.py()) {
                true => {
                    error::validation("a path with a lone surrogate is no Unicode text and names no file")
                }
                false => refusal,
            }
        })
    }
}

fn wrong_type(value: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyErr {
    PyTypeError::new_err(format!("{name}: expected {expected}, not {}", type_name(value)))
}

/// A time in seconds, or `None`: an int or a float, which the core gets in milliseconds.
pub(crate) enum Seconds {
    Absent,
    Number(f64),
    /// What else was given: the name of its type.
    Other(String),
}

impl<'py> FromPyObject<'_, 'py> for Seconds {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            return Ok(Self::Absent);
        }
        let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
        if !is_number || value.is_instance_of::<PyBool>() {
            return Ok(Self::Other(type_name(&value)));
        }
        // An int beyond all floats is out of every range, like infinity.
        Ok(Self::Number(value.extract().unwrap_or(f64::INFINITY)))
    }
}

impl Seconds {
    /// The time, where `key` is its name in a configuration. One that is out of every range is as long as it can be, for
    /// the core to refuse with the range.
    pub(crate) fn duration(&self, key: &str) -> PyResult<Option<Duration>> {
        match self {
            Self::Absent => Ok(None),
            Self::Number(seconds) if seconds.is_nan() => {
                Err(error::configuration(key, "must be a number, not nan"))
            }
            Self::Number(seconds) => Ok(Some(Duration::try_from_secs_f64(*seconds).unwrap_or(Duration::MAX))),
            Self::Other(type_name) => Err(error::configuration(
                key,
                &format!("must be a number of seconds or None, not {type_name}"),
            )),
        }
    }
}

/// One text or several: str, or bytes of ASCII; a list or tuple of them.
pub(crate) fn texts(value: &Bound<'_, PyAny>, path: &str) -> PyResult<Vec<String>> {
    if let Ok(list) = value.cast::<PyList>() {
        return list.iter().map(|item| one_text(&item, path)).collect();
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return tuple.iter().map(|item| one_text(&item, path)).collect();
    }
    one_text(value, path).map(|text| vec![text])
}

fn one_text(value: &Bound<'_, PyAny>, path: &str) -> PyResult<String> {
    let text = if let Ok(string) = value.cast::<PyString>() {
        string.to_str().ok().map(str::to_owned)
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        std::str::from_utf8(bytes.as_bytes()).ok().map(str::to_owned)
    } else {
        let reason = format!("must be str or bytes, or a list of them, not {}", type_name(value));
        return Err(error::configuration(path, &reason));
    };
    text.ok_or_else(|| error::configuration(path, "must be text of Unicode characters"))
}

/// A str. Whatever else is a `JamValidationError`, since such values come from requests unchecked.
pub(crate) fn required_text<'a>(value: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a str> {
    let text = value.cast::<PyString>().map_err(|_| not_a_str(value, name))?;
    text.to_str()
        .map_err(|_| error::validation(&format!("{name} has a lone surrogate, which is no Unicode text")))
}

/// A dict. Whatever else is a `JamValidationError`.
pub(crate) fn required_dict(value: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    if value.is_instance_of::<PyDict>() {
        return Ok(());
    }
    Err(error::validation(&format!("{name} must be a dict, not {}", type_name(value))))
}

/// Bytes. Another type is a `TypeError`.
pub(crate) fn bytes<'a>(value: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a [u8]> {
    value.cast::<PyBytes>().map(|bytes| bytes.as_bytes()).map_err(|_| wrong_type(value, name, "bytes"))
}

/// Bytes, or the bytes of a text.
pub(crate) fn bytes_or_text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<u8>> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.as_bytes().to_vec()),
        Err(_) if value.is_instance_of::<PyString>() => {
            text(value, name).map(|text| text.as_bytes().to_vec())
        }
        Err(_) => Err(wrong_type(value, name, "bytes or str")),
    }
}

/// The text of something that clients send. What is no Unicode text becomes the empty text, which names nothing.
pub(crate) fn opaque_text<'a>(value: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a str> {
    let text = value.cast::<PyString>().map_err(|_| not_a_str(value, name))?;
    Ok(text.to_str().unwrap_or_default())
}

fn not_a_str(value: &Bound<'_, PyAny>, name: &str) -> PyErr {
    error::validation(&format!("{name} must be a str, not {}", type_name(value)))
}

pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "an unknown type".to_owned(), |name| name.to_string())
}

/// A point in time, as seconds since 1970: an int or a float. Another type is a `TypeError`, and what is no moment a
/// `JamValidationError`.
pub(crate) fn moment(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Timestamp> {
    let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
    if !is_number || value.is_instance_of::<PyBool>() {
        return Err(wrong_type(value, name, "a number of seconds since 1970"));
    }
    let seconds: f64 = value.extract().unwrap_or(f64::INFINITY);
    if !seconds.is_finite() {
        return Err(error::validation_at(name, "the number is out of range"));
    }
    // A cast of a float saturates.
    Ok(Timestamp::from_millis((seconds * 1_000.0).floor() as i64))
}

/// A point in time as Python tells it: seconds since 1970 as a float.
pub(crate) fn unix_seconds(time: Timestamp) -> f64 {
    time.as_millis() as f64 / 1_000.0
}
