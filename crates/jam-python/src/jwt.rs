//! JSON Web Tokens, as Python sees them: dict straight to JSON straight to the token, and back.

use std::sync::{Arc, Mutex, PoisonError};

use jam::jose::claims::{ClaimValue, NewClaims, Registered, Validation, contradiction, leeway_from_seconds};
use jam::jose::jws::VerifyingKey;
use jam::jose::{DecodeOptions, Jwt, JwtOptions};
use jam::secret::Secret;
use jam::{JwtError, Timestamp};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{ffi, intern};

use crate::arguments::{Seconds, bytes_or_text, integer, required_dict, required_text, text, type_name};
use crate::serializer::Serializer;
use crate::{error, json, log};

/// Signing or verifying so many bytes with HMAC takes as long as giving the GIL away and taking it back is worth.
const SHORT: usize = 16 * 1024;

/// Makes and verifies tokens with one algorithm and one key, or several keys of which the newest signs. They are prepared
/// once.
///
/// Args:
///     alg: `HS256` `HS384` `HS512` `RS256` `RS384` `RS512` `PS256` `PS384` `PS512` `ES256` `ES384` `ES512` `ES256K`
///         `EdDSA` or `Ed25519`.
///     secret: The secret of an `HS` algorithm: text, bytes, or a JWK; or a list of secrets, the newest first.
///     secret_key: The same under its older name.
///     private_key: The private key of any other algorithm: PEM text or a JWK, never the name of a file; or a list, the
///         newest first.
///     public_key: The public key; taken from the private key if left out. Alone, it verifies only. Or a list.
///     password: Opens an encrypted PEM.
///     issuer: The `iss` that `make_payload` writes and `decode` asks for.
///     audience: The `aud` that `make_payload` writes, one of which `decode` asks for.
///     subject: The `sub` that `make_payload` writes and `decode` asks for.
///     required: The claims without which `decode` refuses a token.
///     typ: The `typ` of the header that `encode` writes and `decode` asks for, such as `at+jwt`; if left out, `JWT` is
///         written and every type accepted.
///     leeway: Seconds by which clocks may differ; at most a day.
///     expire: Seconds a token lives when `make_payload` is not told.
///     serializer: Has `dumps` and `loads`; JSON if left out.
///
/// Raises:
///     JamJWTUnsupportedAlgorithm: There is no such algorithm.
///     JamJWTEmptySecretKey: The algorithm needs a secret, and there is none.
///     JamJWTEmptyPrivateKey: The algorithm needs a key, and there is none.
///     JamError: A key cannot be used.
#[pyclass(subclass, frozen, module = "jam._jam", name = "JWT")]
pub(crate) struct PyJwt {
    jwt: Jwt,
    serializer: Serializer,
    /// The last key that `decode` was given, since it is mostly the same one.
    given_key: Mutex<Option<(String, Arc<VerifyingKey>)>>,
}

#[pymethods]
impl PyJwt {
    #[new]
    #[pyo3(signature = (
        alg, secret=None, *, secret_key=None, private_key=None, public_key=None, password=None, issuer=None,
        audience=None, subject=None, required=None, typ=None, leeway=Seconds::Absent, expire=Seconds::Absent,
        serializer=None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn new(
        alg: &Bound<'_, PyAny>,
        secret: Option<&Bound<'_, PyAny>>,
        secret_key: Option<&Bound<'_, PyAny>>,
        private_key: Option<&Bound<'_, PyAny>>,
        public_key: Option<&Bound<'_, PyAny>>,
        password: Option<&Bound<'_, PyAny>>,
        issuer: Option<&Bound<'_, PyAny>>,
        audience: Option<&Bound<'_, PyAny>>,
        subject: Option<&Bound<'_, PyAny>>,
        required: Option<&Bound<'_, PyAny>>,
        typ: Option<&Bound<'_, PyAny>>,
        leeway: Seconds,
        expire: Seconds,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let secret = match (secret, secret_key) {
            (Some(_), Some(_)) => {
                return Err(error::validation(
                    "secret and secret_key are two names of one thing; give one of them",
                ));
            }
            (secret, secret_key) => secret.or(secret_key),
        };
        let options = JwtOptions {
            algorithm: text(alg, "alg")?.parse().map_err(error::to_py)?,
            secret: one_or_several(secret, |secret| key_bytes(secret, "secret").map(Secret::new))?,
            private_key: one_or_several(private_key, |key| key_text(key, "private_key"))?,
            public_key: one_or_several(public_key, |key| key_text(key, "public_key"))?,
            password: password
                .map(|password| {
                    bytes_or_text(password, "password").and_then(|bytes| secret_text(bytes, "password"))
                })
                .transpose()?,
            issuer: issuer.map(|issuer| text(issuer, "issuer").map(str::to_owned)).transpose()?,
            audience: audience.map(expected_audiences).transpose()?.unwrap_or_default(),
            subject: subject.map(|subject| text(subject, "subject").map(str::to_owned)).transpose()?,
            required: required.map(|required| texts(required, "required")).transpose()?.unwrap_or_default(),
            token_type: typ.map(|typ| text(typ, "typ").map(str::to_owned)).transpose()?,
            leeway: leeway.duration("jwt.leeway")?.unwrap_or_default(),
            expire: expire.duration("jwt.expire")?,
            ..JwtOptions::default()
        };
        let jwt = Jwt::new(options).map_err(error::to_py)?;
        log::flush(alg.py());
        let serializer = Serializer::new(serializer);
        Ok(Self { jwt, serializer, given_key: Mutex::new(None) })
    }

    /// Makes a token of the payload. What the payload says is not looked at.
    ///
    /// Args:
    ///     payload: The claims.
    ///
    /// Raises:
    ///     JamValidationError: The payload is no dict, or holds what JSON cannot hold.
    ///     JamJWTEmptyPrivateKey: Only the public key is known.
    fn encode<'py>(&self, payload: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let py = payload.py();
        // Also for a serializer of the user's own: a set of claims is an object (RFC 7519 section 7.1).
        required_dict(payload, "payload")?;
        let payload_text = self.serializer.dump(payload, "payload")?;
        let length = self.jwt.token_length(payload_text.len()).map_err(error::to_py)?;
        let sign = |token: &mut [u8]| self.jwt.encode_json_into(&payload_text, token);
        ascii_str(py, length, |token| self.run(py, payload_text.len(), || sign(token)).map_err(error::to_py))
    }

    /// Verifies a token and gives its payload. The signature comes first, then the claims.
    ///
    /// Args:
    ///     token: The compact token.
    ///     public_key: A key to verify with in place of the configured one: PEM text or a JWK.
    ///     check_exp: Whether `exp` and `nbf` are checked where they are present.
    ///     audience: The `aud` to ask for in place of the configured one.
    ///     issuer: The `iss` to ask for in place of the configured one.
    ///     leeway: Seconds by which clocks may differ, in place of the configured ones.
    ///
    /// Raises:
    ///     JamJWTExpired: `exp` has passed.
    ///     JamJWTNotYetValid: `nbf` is still to come.
    ///     JamJWTUnsupportedAlgorithm: The token is of another algorithm.
    ///     JamJWTValidationError: The token is malformed, forged, or of another issuer or audience.
    ///     JamValidationError: An argument is of a wrong type or out of range.
    #[pyo3(signature = (token, public_key=None, *, check_exp=true, audience=None, issuer=None, leeway=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'py, PyAny>,
        public_key: Option<&Bound<'py, PyAny>>,
        check_exp: bool,
        audience: Option<&Bound<'py, PyAny>>,
        issuer: Option<&Bound<'py, PyAny>>,
        leeway: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let options = DecodeOptions {
            check_exp,
            audience: audience.map(|audience| texts(audience, "audience")).transpose()?,
            issuer: issuer.map(|issuer| text(issuer, "issuer").map(str::to_owned)).transpose()?,
            leeway: leeway
                .map(|leeway| leeway_from_seconds(seconds(leeway, "leeway")?).map_err(error::to_py))
                .transpose()?,
        };
        let payload = self.verify(py, token, public_key)?;
        let claims = self.load(py, &payload)?;
        let rules = self.jwt.validation();
        rules
            .require(|name| {
                claims.get_item(name).is_ok_and(|value| value.is_some_and(|value| !value.is_none()))
            })
            .map_err(|refusal| error::to_py(refusal.into()))?;
        let registered = RegisteredObjects::of(&claims, rules)?;
        self.jwt.validate(&registered.borrow(), &options, Timestamp::now()).map_err(error::to_py)?;
        Ok(claims)
    }

    /// Gives a payload: `iat`, `exp`, `jti`, and `iss`, `aud` and `sub` where they are configured, with `data` laid over.
    ///
    /// Args:
    ///     exp: Seconds from now until the token expires; if left out, the configured `expire`, else no `exp`.
    ///     data: Claims by their names.
    ///
    /// Raises:
    ///     JamValidationError: `data` holds another `exp` than the argument, or another `iss`, `aud` or
    ///         `sub` than the configuration.
    #[pyo3(signature = (exp=None, data=None))]
    fn make_payload<'py>(
        &self,
        py: Python<'py>,
        exp: Option<&Bound<'py, PyAny>>,
        data: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let exp = lifetime(exp)?;
        let payload = start(py, &self.jwt.new_claims(exp, Timestamp::now()).map_err(error::to_py)?)?;
        let rules = self.jwt.validation();
        if let Some(issuer) = &rules.issuer {
            payload.set_item(intern!(py, "iss"), issuer)?;
        }
        match rules.audience.as_slice() {
            [] => {}
            [one] => payload.set_item(intern!(py, "aud"), one)?,
            several => payload.set_item(intern!(py, "aud"), several)?,
        }
        if let Some(subject) = &rules.subject {
            payload.set_item(intern!(py, "sub"), subject)?;
        }
        lay_over(&payload, data, &[("exp", exp.is_some()), ("iss", true), ("aud", true), ("sub", true)])?;
        Ok(payload)
    }

    /// The algorithm's name.
    #[getter]
    fn alg(&self) -> &'static str {
        self.jwt.algorithm().name()
    }

    fn __repr__(&self) -> String {
        format!("<jam.jwt.JWT {}>", self.jwt.algorithm())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("JWT"))
    }
}

impl PyJwt {
    fn load<'py>(&self, py: Python<'py>, payload: &[u8]) -> PyResult<Bound<'py, PyDict>> {
        let refuse = |reason| Err(malformed(format!("the token's payload: {reason}")));
        let claims = self.serializer.load(py, payload, refuse)?;
        claims.cast_into::<PyDict>().map_err(|_| malformed("the token's payload is no JSON object"))
    }

    fn verify(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        public_key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<u8>> {
        let token = match token.cast::<PyString>() {
            Ok(token) => token.to_str().map_err(|_| malformed("a str with a lone surrogate is no token"))?,
            Err(_) => required_text(token, "token")?,
        };
        let verified = match public_key {
            None => self.run(py, token.len(), || self.jwt.verify(token)),
            Some(public_key) => {
                let key = self.prepare(key_text(public_key, "public_key")?.expose())?;
                self.run(py, token.len(), || self.jwt.verify_with(token, &key))
            }
        };
        verified.map_err(error::to_py)
    }

    /// The key of a text, prepared once as long as no other one is given.
    fn prepare(&self, text: &str) -> PyResult<Arc<VerifyingKey>> {
        let mut given = self.given_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, key)) = given.as_ref()
            && known == text
        {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(self.jwt.public_key(text).map_err(error::to_py)?);
        *given = Some((text.to_owned(), Arc::clone(&key)));
        Ok(key)
    }

    /// Runs the cryptography, without the GIL when it takes long.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        length: usize,
        work: impl FnOnce() -> jam::Result<T> + Send,
    ) -> jam::Result<T> {
        if self.jwt.algorithm().is_symmetric() && length < SHORT { work() } else { py.detach(work) }
    }
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
    value.extract().map_err(|_| error::validation_at(name, &format!("{name}: the number is out of range")))
}

/// One text or several: a str, or a list or tuple of str.
/// The audiences of a codec. An empty list would let tokens for anybody pass, which nobody means by it.
fn expected_audiences(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let audiences = texts(value, "audience")?;
    if audiences.is_empty() {
        return Err(error::validation_at("audience", "audience: name one at least, or leave it out"));
    }
    Ok(audiences)
}

fn texts(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<String>> {
    one_or_several(Some(value), |item| text(item, name).map(str::to_owned))
}

/// What `read` makes of a value, or of each item of a list or tuple.
fn one_or_several<T>(
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

/// A str of so many ASCII characters, which `write` writes in place: no token in between to allocate and copy.
pub(crate) fn ascii_str<'py>(
    py: Python<'py>,
    length: usize,
    write: impl FnOnce(&mut [u8]) -> PyResult<()>,
) -> PyResult<Bound<'py, PyString>> {
    let size = ffi::Py_ssize_t::try_from(length).map_err(|_| error::validation("the payload is too long"))?;
    // SAFETY: the GIL is held; the call gives a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_New(size, 127))? };
    // SAFETY: a new str whose largest character is 127 has one byte for each, `length` of them, and nobody else
    // knows it yet. They are set before they are seen as a slice.
    let characters = unsafe {
        let start = ffi::PyUnicode_DATA(object.as_ptr()).cast::<u8>();
        start.write_bytes(b'.', length);
        std::slice::from_raw_parts_mut(start, length)
    };
    write(characters)?;
    debug_assert!(characters.is_ascii());
    Ok(object.cast_into::<PyString>()?)
}

/// The bytes of a key: a dict is a JWK and stands for its JSON text.
fn key_bytes(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<u8>> {
    let Ok(members) = value.cast::<PyDict>() else { return bytes_or_text(value, name) };
    // Otherwise the text of any dict would be taken for a secret.
    if !members.contains("kty")? {
        return Err(error::validation_at(
            name,
            &format!("{name}: a dict must be a JSON Web Key and have \"kty\""),
        ));
    }
    let mut written = Vec::new();
    json::write(value, &mut written)?;
    Ok(written)
}

fn key_text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Secret<String>> {
    secret_text(key_bytes(value, name)?, name)
}

fn secret_text(bytes: Vec<u8>, name: &str) -> PyResult<Secret<String>> {
    String::from_utf8(bytes)
        .map(Secret::new)
        .map_err(|_| error::validation_at(name, &format!("{name}: the bytes are no text in UTF-8")))
}

fn malformed(reason: impl Into<jam::Reason>) -> PyErr {
    error::to_py(JwtError::Malformed(reason.into()).into())
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyJwt>()?;
    module.add_function(wrap_pyfunction!(jwt_make_payload, module)?)
}
