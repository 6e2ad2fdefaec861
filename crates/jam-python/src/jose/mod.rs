//! `jam.jose`, as Python sees it; here, what turns an argument into keys.

mod jwe;
mod jwk;
mod jws;
mod jwt;

use std::sync::Arc;

use jam::encoding::json_object;
use jam::jose::{Jwk, JwkSet};
use jam::secret::Secret;
use jam::{Error, JwtError, KeyError};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use serde_json::{Map, Value};

use crate::arguments::{required_dict, text, type_name};
use crate::{error, json};
pub(crate) use jwk::PyJwk;
use jwk::PyJwkSet;

/// What a program gives where keys are asked for.
#[derive(Clone)]
pub(crate) enum Keys {
    /// One key: a `JWK`, its members, its text, or the bytes of a secret.
    One(Box<Jwk>),
    /// Several keys in an order of their own, the newest first: a list or a tuple.
    Several(Vec<Jwk>),
    /// A set to choose from by `kid`: a `JWKSet`, its members or its text.
    Set(Arc<JwkSet>),
}

/// The keys of an argument. `str` is PEM or JSON text and never the name of a file; `bytes` are the secret itself.
///
/// # Errors
///
/// `TypeError` for another type, `JamError` when it is no key.
pub(crate) fn keys(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Keys> {
    if let Ok(set) = value.cast::<PyJwkSet>() {
        return Ok(Keys::Set(set.get().set()));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let keys = value.try_iter()?.map(|key| one(&key?, name));
        return Ok(Keys::Several(keys.collect::<PyResult<_>>()?));
    }
    if let Some(text) = json_text(value, name)?
        && json_object(text.expose().as_bytes()).is_ok_and(|members| members.contains_key("keys"))
    {
        return JwkSet::from_json(text.expose()).map(Arc::new).map(Keys::Set).map_err(error::to_py);
    }
    one(value, name).map(Box::new).map(Keys::One)
}

/// The one key of an argument, as [`keys`].
///
/// # Errors
///
/// As [`keys`]; a set is none.
pub(crate) fn one(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Jwk> {
    if let Ok(key) = value.cast::<PyJwk>() {
        return Ok(key.get().key().clone());
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Jwk::from_secret(bytes.as_bytes()));
    }
    let key = match json_text(value, name)? {
        Some(text) => Jwk::from_json(text.expose()),
        None if value.is_instance_of::<PyString>() => Jwk::from_text(text(value, name)?, None),
        None => {
            return Err(PyTypeError::new_err(format!(
                "{name}: expected JWK, dict, str or bytes, not {}",
                type_name(value)
            )));
        }
    };
    key.map_err(error::to_py)
}

/// The members of a dict that is a header; none at all without one.
fn header_members(header: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Map<String, Value>> {
    let Some(header) = header else { return Ok(Map::new()) };
    required_dict(header, name)?;
    let mut text = Vec::new();
    json::write(header, &mut text)?;
    json_object(&text).map_err(|reason| error::validation_at(name, &reason))
}

/// The key of a secret, which must not be empty: a key that signs nothing is found where it is made.
fn secret_key(secret: &[u8]) -> PyResult<Jwk> {
    if secret.is_empty() {
        return Err(error::to_py(JwtError::EmptySecretKey("the secret of a key is empty".into()).into()));
    }
    Ok(Jwk::from_secret(secret))
}

/// Refuses a str, or one in a list, that is neither PEM nor JSON, where the bytes of a secret are expected.
fn refuse_secret_text(key: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    let is_plain = |key: &Bound<'_, PyAny>| {
        let text = key.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
        text.is_some_and(|text| !text.trim_start().starts_with('{') && !text.contains("-----BEGIN"))
    };
    let is_plain_item = key.cast::<PyList>().is_ok_and(|keys| keys.iter().any(|key| is_plain(&key)))
        || key.cast::<PyTuple>().is_ok_and(|keys| keys.iter().any(|key| is_plain(&key)));
    if is_plain(key) || is_plain_item {
        return Err(error::validation_at(name, "a secret is given as bytes; a str is PEM or JWK text"));
    }
    Ok(())
}

/// The dict of members.
fn to_dict(py: Python<'_>, members: Map<String, Value>) -> PyResult<Bound<'_, PyAny>> {
    let text = Value::Object(members).to_string();
    json::parse(py, text.as_bytes()).map_err(|reason| error::internal(&reason))
}

/// The text of a dict, and a str that begins as a JSON object does.
fn json_text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<Secret<String>>> {
    if value.is_instance_of::<PyDict>() {
        return members_text(value).map(Some);
    }
    if !value.is_instance_of::<PyString>() {
        return Ok(None);
    }
    let text = text(value, name)?;
    Ok(text.trim_start().starts_with('{').then(|| Secret::from(text)))
}

/// The JSON text of a dict.
fn members_text(members: &Bound<'_, PyAny>) -> PyResult<Secret<String>> {
    let mut text = Vec::new();
    json::write(members, &mut text)?;
    String::from_utf8(text)
        .map(Secret::new)
        .map_err(|_| error::to_py(Error::Key(KeyError::Malformed("the members of a key are text".into()))))
}

/// Adds this part's classes.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    jwk::register(module)?;
    jwe::register(module)?;
    jws::register(module)?;
    jwt::register(module)
}
