//! The claims of JSON Web Tokens as Python's objects: made, read and held against the rules.

use jam::jose::claims::{ClaimValue, NewClaims, Registered, Validation, contradiction, leeway_from_seconds};
use jam::jose::{DecodeOptions, TokenRules};
use jam::{JwtError, Timestamp};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::arguments::{integer, required_text, text, type_name};
use crate::error;
use crate::serializer::Serializer;

/// What one call changes in the configured rules.
pub(crate) fn decode_options(
    check_exp: bool,
    audience: Option<&Bound<'_, PyAny>>,
    issuer: Option<&Bound<'_, PyAny>>,
    leeway: Option<&Bound<'_, PyAny>>,
) -> PyResult<DecodeOptions> {
    Ok(DecodeOptions {
        check_exp,
        audience: audience.map(|audience| texts(audience, "audience")).transpose()?,
        issuer: issuer.map(|issuer| text(issuer, "issuer").map(str::to_owned)).transpose()?,
        leeway: leeway
            .map(|leeway| leeway_from_seconds(seconds(leeway, "leeway")?).map_err(error::to_py))
            .transpose()?,
    })
}

/// The claims of a payload that can be trusted, if they fit the rules.
pub(crate) fn read<'py>(
    py: Python<'py>,
    payload: &[u8],
    serializer: &Serializer,
    rules: &TokenRules,
    options: &DecodeOptions,
) -> PyResult<Bound<'py, PyDict>> {
    let refuse = |reason| Err(malformed(format!("the token's payload: {reason}")));
    let claims = serializer.load(py, payload, refuse)?;
    let claims =
        claims.cast_into::<PyDict>().map_err(|_| malformed("the token's payload is no JSON object"))?;
    let validation = rules.validation();
    validation
        .require(|name| claims.get_item(name).is_ok_and(|value| value.is_some_and(|value| !value.is_none())))
        .map_err(|refusal| error::to_py(refusal.into()))?;
    let registered = RegisteredObjects::of(&claims, validation)?;
    rules.validate(&registered.borrow(), options, Timestamp::now()).map_err(error::to_py)?;
    Ok(claims)
}

/// A payload of `iat`, `exp`, `jti`, and `iss`, `aud` and `sub` where there are rules for them, with `data` laid over.
pub(crate) fn make<'py>(
    py: Python<'py>,
    rules: &TokenRules,
    exp: Option<&Bound<'py, PyAny>>,
    data: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let exp = lifetime(exp)?;
    let payload = start(py, &rules.new_claims(exp, Timestamp::now()).map_err(error::to_py)?)?;
    let Validation { issuer, audience, subject, .. } = rules.validation();
    if let Some(issuer) = issuer {
        payload.set_item(intern!(py, "iss"), issuer)?;
    }
    match audience.as_slice() {
        [] => {}
        [one] => payload.set_item(intern!(py, "aud"), one)?,
        several => payload.set_item(intern!(py, "aud"), several)?,
    }
    if let Some(subject) = subject {
        payload.set_item(intern!(py, "sub"), subject)?;
    }
    lay_over(&payload, data, &[("exp", exp.is_some()), ("iss", true), ("aud", true), ("sub", true)])?;
    Ok(payload)
}

/// The claims of a payload that have rules, as Python's objects.
struct RegisteredObjects<'py> {
    expiration: Option<Bound<'py, PyAny>>,
    not_before: Option<Bound<'py, PyAny>>,
    issued_at: Option<Bound<'py, PyAny>>,
    issuer: Option<Bound<'py, PyAny>>,
    audience: Option<Bound<'py, PyAny>>,
    /// The items of `audience` where it is a list.
    audiences: Option<Vec<Bound<'py, PyAny>>>,
    /// Only where there is a rule for it.
    subject: Option<Bound<'py, PyAny>>,
}

impl<'py> RegisteredObjects<'py> {
    fn of(claims: &Bound<'py, PyDict>, rules: &Validation) -> PyResult<Self> {
        let py = claims.py();
        let audience = claims.get_item(intern!(py, "aud"))?;
        let list = audience.as_ref().and_then(|audience| audience.cast::<PyList>().ok());
        Ok(Self {
            expiration: claims.get_item(intern!(py, "exp"))?,
            not_before: claims.get_item(intern!(py, "nbf"))?,
            issued_at: claims.get_item(intern!(py, "iat"))?,
            issuer: claims.get_item(intern!(py, "iss"))?,
            audiences: list.map(|list| list.iter().collect()),
            audience,
            subject: match rules.subject {
                Some(_) => claims.get_item(intern!(py, "sub"))?,
                None => None,
            },
        })
    }

    fn borrow(&self) -> Registered<'_> {
        Registered {
            expiration: self.expiration.as_ref().map(claim_value),
            not_before: self.not_before.as_ref().map(claim_value),
            issued_at: self.issued_at.as_ref().map(claim_value),
            issuer: self.issuer.as_ref().map(claim_value),
            audience: match &self.audiences {
                Some(items) => Some(text_list(items)),
                None => self.audience.as_ref().map(claim_value),
            },
            subject: self.subject.as_ref().map(claim_value),
        }
    }
}

fn text_list<'a>(items: &'a [Bound<'_, PyAny>]) -> ClaimValue<'a> {
    let text = |item: &'a Bound<'_, PyAny>| item.cast::<PyString>().ok()?.to_str().ok();
    items
        .iter()
        .map(text)
        .collect::<Option<Vec<_>>>()
        .map_or(ClaimValue::Other("a list with something else than text"), ClaimValue::TextList)
}

fn claim_value<'a>(value: &'a Bound<'_, PyAny>) -> ClaimValue<'a> {
    if let Ok(text) = value.cast::<PyString>() {
        text.to_str().map_or(ClaimValue::Other("text with a lone surrogate"), ClaimValue::Text)
    } else if value.is_instance_of::<PyBool>() {
        ClaimValue::Other("a boolean")
    } else if let Ok(small) =
        value.cast::<PyInt>().map_err(drop).and_then(|int| int.extract::<i64>().map_err(drop))
    {
        // Beyond 2^53 a float is off by less than the time is long.
        ClaimValue::Number(small as f64)
    } else if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
        value.extract().map_or(ClaimValue::Other("a number too large"), ClaimValue::Number)
    } else if value.is_none() {
        ClaimValue::Other("null")
    } else {
        ClaimValue::Other(if value.is_instance_of::<PyList>() { "a list" } else { "an object" })
    }
}

/// Gives a payload: `iat`, `exp` and `jti`, with `data` laid over.
///
/// Args:
///     exp: Seconds from now until the token expires; no `exp` if left out.
///     data: Claims by their names.
///
/// Raises:
///     JamValidationError: `data` holds another `exp` than the argument.
#[pyfunction]
#[pyo3(signature = (exp=None, data=None))]
fn jwt_make_payload<'py>(
    py: Python<'py>,
    exp: Option<&Bound<'py, PyAny>>,
    data: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let exp = lifetime(exp)?;
    let payload = start(py, &NewClaims::new(exp, Timestamp::now()).map_err(error::to_py)?)?;
    lay_over(&payload, data, &[("exp", exp.is_some())])?;
    Ok(payload)
}

fn start<'py>(py: Python<'py>, new: &NewClaims) -> PyResult<Bound<'py, PyDict>> {
    let payload = PyDict::new(py);
    payload.set_item(intern!(py, "iat"), new.issued_at)?;
    if let Some(expiration) = new.expiration {
        payload.set_item(intern!(py, "exp"), expiration)?;
    }
    payload.set_item(intern!(py, "jti"), &new.token_id)?;
    Ok(payload)
}

/// Lays `data` over the payload. Of the claims that are `given` explicitly none may change by it.
fn lay_over(
    payload: &Bound<'_, PyDict>,
    data: Option<&Bound<'_, PyDict>>,
    given: &[(&str, bool)],
) -> PyResult<()> {
    let Some(data) = data else { return Ok(()) };
    for (name, _) in given.iter().filter(|(_, is_given)| *is_given) {
        if let (Some(own), Some(other)) = (payload.get_item(name)?, data.get_item(name)?)
            && !own.eq(&other)?
        {
            return Err(error::to_py(contradiction(name)));
        }
    }
    payload.update(data.as_mapping())
}

/// A lifetime in whole seconds.
fn lifetime(exp: Option<&Bound<'_, PyAny>>) -> PyResult<Option<i64>> {
    match exp {
        Some(exp) if exp.is_instance_of::<PyBool>() => {
            Err(PyTypeError::new_err("exp: expected int, not bool"))
        }
        Some(exp) => integer(exp, "exp").map(Some),
        None => Ok(None),
    }
}

fn seconds(value: &Bound<'_, PyAny>, name: &str) -> PyResult<f64> {
    let is_number = value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>();
    if !is_number || value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{name}: expected a number, not {}", type_name(value))));
    }
    value.extract().map_err(|_| error::validation_at(name, "the number is out of range"))
}

/// The audiences of a codec. An empty list would let tokens for anybody pass, which nobody means by it.
pub(crate) fn expected_audiences(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let audiences = texts(value, "audience")?;
    if audiences.is_empty() {
        return Err(error::validation_at("audience", "name one at least, or leave it out"));
    }
    Ok(audiences)
}

/// One text or several: a str, or a list or tuple of str.
pub(crate) fn texts(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<String>> {
    one_or_several(Some(value), |item| text(item, name).map(str::to_owned))
}

/// What `read` makes of a value, or of each item of a list or tuple.
pub(crate) fn one_or_several<T>(
    value: Option<&Bound<'_, PyAny>>,
    read: impl Fn(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    if let Ok(list) = value.cast::<PyList>() {
        list.iter().map(|item| read(&item)).collect()
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        tuple.iter().map(|item| read(&item)).collect()
    } else {
        Ok(vec![read(value)?])
    }
}

/// A token, which somebody else may have sent.
pub(crate) fn token_text<'a>(token: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    match token.cast::<PyString>() {
        Ok(token) => token.to_str().map_err(|_| malformed("a str with a lone surrogate is no token")),
        Err(_) => required_text(token, "token"),
    }
}

pub(crate) fn malformed(reason: impl Into<jam::Reason>) -> PyErr {
    error::to_py(JwtError::Malformed(reason.into()).into())
}

/// Adds this part's function.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(jwt_make_payload, module)?)
}
