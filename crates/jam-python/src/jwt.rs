//! JSON Web Tokens, as Python sees them: dict straight to JSON straight to the token, and back.

use std::sync::{Arc, Mutex, PoisonError};

use jam::jose::jws::{Algorithm, KeyRingOptions, VerifyingKey};
use jam::jose::{Jwt, JwtOptions};
use jam::secret::Secret;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::arguments::{Seconds, bytes_or_text, required_dict, text};
use crate::claims::{self, decode_options, expected_audiences, one_or_several, texts, token_text};
use crate::jose::PyJwk;
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
        let algorithm = text(alg, "alg")?.parse().map_err(error::to_py)?;
        let keys = key_texts(secret, private_key, public_key, password)?;
        let options = JwtOptions {
            algorithm,
            secret: keys.secret,
            private_key: keys.private_key,
            public_key: keys.public_key,
            password: keys.password,
            issuer: issuer.map(|issuer| text(issuer, "issuer").map(str::to_owned)).transpose()?,
            audience: audience.map(expected_audiences).transpose()?.unwrap_or_default(),
            subject: subject.map(|subject| text(subject, "subject").map(str::to_owned)).transpose()?,
            required: required.map(|required| texts(required, "required")).transpose()?.unwrap_or_default(),
            token_type: typ.map(|typ| text(typ, "typ").map(str::to_owned)).transpose()?,
            leeway: leeway.duration("leeway")?.unwrap_or_default(),
            expire: expire.duration("expire")?,
            ..JwtOptions::default()
        };
        let jwt = Jwt::new(options).map_err(error::to_py)?;
        log::flush(alg.py());
        let serializer = Serializer::new(alg.py(), serializer)?;
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
        encode(&self.jwt, &self.serializer, payload)
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
        let options = decode_options(check_exp, audience, issuer, leeway)?;
        let payload = self.verify(py, token_text(token)?, public_key)?;
        claims::read(py, &payload, &self.serializer, self.jwt.rules(), &options)
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
        claims::make(py, self.jwt.rules(), exp, data)
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
    fn verify(
        &self,
        py: Python<'_>,
        token: &str,
        public_key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<u8>> {
        let verified = match public_key {
            None => run(py, self.jwt.algorithm(), token.len(), || self.jwt.verify(token)),
            Some(public_key) => {
                let key = self.prepare(key_text(public_key, "public_key")?.expose())?;
                run(py, self.jwt.algorithm(), token.len(), || self.jwt.verify_with(token, &key))
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
}

/// The signed token of a payload.
pub(crate) fn encode<'py>(
    jwt: &Jwt,
    serializer: &Serializer,
    payload: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyString>> {
    let py = payload.py();
    let text = payload_text(serializer, payload)?;
    let length = jwt.token_length(text.len()).map_err(error::to_py)?;
    ascii_str(py, length, |token| {
        run(py, jwt.algorithm(), text.len(), || jwt.encode_json_into(&text, token)).map_err(error::to_py)
    })
}

/// The text of a payload, which is a dict also for a serializer of the user's own: a set of claims is an object (RFC 7519
/// section 7.1).
pub(crate) fn payload_text(serializer: &Serializer, payload: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    required_dict(payload, "payload")?;
    serializer.dump(payload, "payload")
}

/// Runs the cryptography of signatures, without the GIL when it takes long.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    algorithm: Algorithm,
    length: usize,
    work: impl FnOnce() -> jam::Result<T> + Send,
) -> jam::Result<T> {
    if algorithm.is_symmetric() && length < SHORT { work() } else { py.detach(work) }
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

/// The keys of a section, each of them one or several.
pub(crate) fn key_texts(
    secret: Option<&Bound<'_, PyAny>>,
    private_key: Option<&Bound<'_, PyAny>>,
    public_key: Option<&Bound<'_, PyAny>>,
    password: Option<&Bound<'_, PyAny>>,
) -> PyResult<KeyRingOptions> {
    let password = password.map(|password| bytes_or_text(password, "password")).transpose()?;
    Ok(KeyRingOptions {
        secret: one_or_several(secret, |secret| key_bytes(secret, "secret").map(Secret::new))?,
        private_key: one_or_several(private_key, |key| key_text(key, "private_key"))?,
        public_key: one_or_several(public_key, |key| key_text(key, "public_key"))?,
        password: password.map(|bytes| secret_text(bytes, "password")).transpose()?,
        ..KeyRingOptions::default()
    })
}

/// The bytes of a key: a dict is a JWK and stands for its JSON text, as does an object.
fn key_bytes(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<u8>> {
    if let Ok(key) = value.cast::<PyJwk>() {
        return key.get().text().map(|text| text.expose().as_bytes().to_vec());
    }
    let Ok(members) = value.cast::<PyDict>() else { return bytes_or_text(value, name) };
    // Otherwise the text of any dict would be taken for a secret.
    if !members.contains("kty")? {
        return Err(error::validation_at(name, "a dict must be a JSON Web Key and have \"kty\""));
    }
    let mut written = Vec::new();
    json::write(value, &mut written)?;
    Ok(written)
}

pub(crate) fn key_text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Secret<String>> {
    secret_text(key_bytes(value, name)?, name)
}

fn secret_text(bytes: Vec<u8>, name: &str) -> PyResult<Secret<String>> {
    String::from_utf8(bytes)
        .map(Secret::new)
        .map_err(|_| error::validation_at(name, "the bytes are no text in UTF-8"))
}

/// Adds this part's class.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyJwt>()
}
