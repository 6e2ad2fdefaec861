//! JSON Web Signatures, as Python sees them.

use jam::jose::jws::{
    self, Algorithm, Header, KeyRing, KeyRingOptions, SignOptions, Unverified, UnverifiedJson,
    sign_flattened, sign_general,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::jwk::PyJwk;
use super::{Keys, header_members, keys, refuse_secret_text, to_dict};
use crate::arguments::{text, type_name};
use crate::claims::{malformed, token_text};
use crate::jwt::{key_texts, run};
use crate::{error, json, log};

/// Signs and verifies any bytes with one algorithm and one key, or several keys of which the newest signs (RFC 7515). They are
/// prepared once.
///
/// Args:
///     alg: `HS256` `HS384` `HS512` `RS256` `RS384` `RS512` `PS256` `PS384` `PS512` `ES256` `ES384` `ES512` `ES256K`
///         `EdDSA` or `Ed25519`.
///     key: A `JWK`, its members, PEM or JWK text, or the bytes of a secret. A public key verifies only. A list of keys, the
///         newest first: that one signs, all verify. A `JWKSet` verifies with those of its keys that fit.
///     allow_short_secret: Whether a secret may be shorter than the hash. It can be guessed from one token, and is logged as a
///         warning.
///
/// Raises:
///     JamJWTUnsupportedAlgorithm: There is no such algorithm.
///     JamKeyError: The key is not of the algorithm's kind, or too weak, or its `use`, `key_ops` or `alg` do not allow it.
///     JamValidationError: Two keys have the same name.
#[pyclass(subclass, frozen, module = "jam._jam", name = "JWS")]
pub(crate) struct PyJws {
    keys: KeyRing,
}

#[pymethods]
impl PyJws {
    #[new]
    #[pyo3(signature = (alg, key, *, allow_short_secret = false))]
    fn new(alg: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>, allow_short_secret: bool) -> PyResult<Self> {
        key_ring(alg, key, allow_short_secret).map(|keys| Self { keys })
    }

    /// Signs into a compact token.
    ///
    /// Args:
    ///     payload: Any bytes, or a str for its UTF-8.
    ///     header: Further parameters of the header, beside `alg` and `kid`, which are the key's.
    ///     detached: Whether the payload is left out of the token (RFC 7515 appendix F).
    ///     b64: Whether the payload is encoded. If not (RFC 7797), it stands in the token as it is, and then has to be
    ///         printable ASCII without a dot; or it is detached, and then nothing is asked of it.
    ///
    /// Raises:
    ///     JamValidationError: The header contradicts the key, or the payload cannot stand in the token.
    ///     JamJWTEmptyPrivateKey: The newest key is a public one.
    ///     JamKeyWrongKind: The newest key may not sign, or the keys are a set, which only verifies.
    #[pyo3(signature = (payload, header = None, *, detached = false, b64 = true))]
    fn sign(
        &self,
        py: Python<'_>,
        payload: &Bound<'_, PyAny>,
        header: Option<&Bound<'_, PyAny>>,
        detached: bool,
        b64: bool,
    ) -> PyResult<String> {
        let payload = bytes_of(payload, "payload")?;
        let key = self.keys.signing_key().map_err(error::to_py)?;
        let header = header_members(header, "header")?;
        let token = if detached || !b64 {
            let options = SignOptions { header, detached, encode_payload: b64, ..SignOptions::default() };
            run(py, key.algorithm(), payload.len(), || jws::sign_with(payload, &options, key))
        } else {
            run(py, key.algorithm(), payload.len(), || jws::sign(payload, &header, key))
        };
        token.map_err(error::to_py)
    }

    /// Verifies a compact token, and gives its header and its payload.
    ///
    /// Args:
    ///     token: The token.
    ///     payload: The payload, where it was detached from the token.
    ///
    /// Raises:
    ///     JamJWTUnsupportedAlgorithm: The token is of another algorithm.
    ///     JamJWTInvalidSignature: The token is of another key, or was changed.
    ///     JamJWTMalformed: The text is no token, or asks for an extension that is not understood; or the payload is both in
    ///         the token and beside it, or in neither.
    #[pyo3(signature = (token, *, payload = None))]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'py, PyAny>,
        payload: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<PyVerifiedJws> {
        let token = token_text(token)?;
        let Some(payload) = payload else {
            let verified =
                run(py, self.keys.algorithm(), token.len(), || Unverified::parse(token)?.verify(&self.keys));
            let (header, payload) = verified.map_err(error::to_py)?.into_parts();
            return Ok(PyVerifiedJws::new(vec![(0, header)], PyBytes::new(py, &payload)));
        };
        let bytes = bytes_of(payload, "payload")?;
        let header = run(py, self.keys.algorithm(), token.len() + bytes.len(), || {
            Unverified::parse(token)?.verify_detached(bytes, &self.keys)
        });
        let header = header.map_err(error::to_py)?;
        Ok(PyVerifiedJws::new(vec![(0, header)], given_bytes(payload, bytes)))
    }

    /// Signs into a JSON form: the flattened one, or with `signers` the general one (RFC 7515 section 7.2).
    ///
    /// Args:
    ///     payload: Any bytes, or a str for its UTF-8.
    ///     header: Further parameters of the protected header.
    ///     unprotected: Parameters that anybody may change. A `kid` here keeps that of the key out of the protected header.
    ///     detached: Whether the payload is left out.
    ///     b64: Whether the payload is encoded. If not, it has to be UTF-8, unless it is detached.
    ///     signers: Who else signs: further `JWS`, each with its own `alg` and key.
    ///
    /// Raises:
    ///     JamValidationError: A header contradicts the key, or the payload cannot stand in the object.
    ///     JamJWTEmptyPrivateKey: The newest key of a signer is a public one.
    ///     JamKeyWrongKind: The newest key of a signer may not sign, or its keys are a set, which only verifies.
    #[pyo3(signature = (
        payload, header = None, *, unprotected = None, detached = false, b64 = true, signers = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn sign_json<'py>(
        &self,
        py: Python<'py>,
        payload: &Bound<'py, PyAny>,
        header: Option<&Bound<'py, PyAny>>,
        unprotected: Option<&Bound<'py, PyAny>>,
        detached: bool,
        b64: bool,
        signers: Option<Vec<PyRef<'py, Self>>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let payload = bytes_of(payload, "payload")?;
        let options = SignOptions {
            header: header_members(header, "header")?,
            unprotected: header_members(unprotected, "unprotected")?,
            detached,
            encode_payload: b64,
            ..SignOptions::default()
        };
        let own = self.keys.signing_key().map_err(error::to_py)?;
        let signed = match &signers {
            None => py.detach(|| sign_flattened(payload, &options, own)),
            Some(others) => {
                let others = others.iter().map(|other| other.keys.signing_key());
                let keys: Vec<_> =
                    std::iter::once(Ok(own)).chain(others).collect::<Result<_, _>>().map_err(error::to_py)?;
                let signers: Vec<_> = keys.into_iter().map(|key| (&options, key)).collect();
                py.detach(|| sign_general(payload, &signers))
            }
        };
        to_dict(py, signed.map_err(error::to_py)?)
    }

    /// Verifies a signed object in one of the JSON forms. One signature at least is of a key of this instance; the answer
    /// says which ones are. Whether others must hold is for the program to decide: verify with each key that must have
    /// signed.
    ///
    /// Args:
    ///     token: The dict, or its JSON text.
    ///     payload: The payload, where it was detached from the object.
    ///
    /// Raises:
    ///     JamJWTUnsupportedAlgorithm: No signature is of the key's algorithm.
    ///     JamJWTInvalidSignature: No signature is of the key, or the payload was changed.
    ///     JamJWTMalformed: It is no signed object, or is too long; or the payload is both in the object and beside it.
    #[pyo3(signature = (token, *, payload = None))]
    fn verify_json<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'py, PyAny>,
        payload: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<PyVerifiedJws> {
        let text = json_text(token, "token")?;
        let held = |signatures: Vec<jws::HeldSignature>| {
            signatures.into_iter().map(|one| (one.index(), one.into_header())).collect()
        };
        let Some(payload) = payload else {
            let verified = py.detach(|| UnverifiedJson::parse(&text)?.verify(&self.keys));
            let (payload, signatures) = verified.map_err(error::to_py)?.into_parts();
            return Ok(PyVerifiedJws::new(held(signatures), PyBytes::new(py, &payload)));
        };
        let bytes = bytes_of(payload, "payload")?;
        let signatures = py.detach(|| UnverifiedJson::parse(&text)?.verify_detached(bytes, &self.keys));
        Ok(PyVerifiedJws::new(held(signatures.map_err(error::to_py)?), given_bytes(payload, bytes)))
    }

    /// The algorithm's name.
    #[getter]
    fn alg(&self) -> &'static str {
        self.keys.algorithm().name()
    }

    fn __repr__(&self) -> String {
        format!("<jam.jose.JWS {}>", self.keys.algorithm())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("JWS"))
    }
}

/// What was signed by a key that is trusted.
#[pyclass(frozen, module = "jam._jam", name = "VerifiedJWS")]
pub(crate) struct PyVerifiedJws {
    /// The place and the protected header of each signature that holds.
    signatures: Vec<(usize, Header)>,
    payload: Py<PyBytes>,
    /// That of the first one, made when it is asked for.
    header: PyOnceLock<Py<PyAny>>,
}

#[pymethods]
impl PyVerifiedJws {
    /// The protected header of the signature that holds, or of the first one that does. Of unprotected headers nothing is
    /// told: anybody could change them.
    #[getter]
    fn header(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let made = || to_dict(py, self.signatures[0].1.members().clone()).map(Bound::unbind);
        self.header.get_or_try_init(py, made).map(|header| header.clone_ref(py))
    }

    /// The payload.
    #[getter]
    fn payload(&self, py: Python<'_>) -> Py<PyBytes> {
        self.payload.clone_ref(py)
    }

    /// Which signatures hold: their places in the object, from 0, and their protected headers.
    #[getter]
    fn signatures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let held = PyDict::new(py);
        for (index, header) in &self.signatures {
            held.set_item(index, to_dict(py, header.members().clone())?)?;
        }
        Ok(held)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (algorithm, length) = (self.signatures[0].1.algorithm(), self.payload.bind(py).as_bytes().len());
        format!("<jam.jose.VerifiedJWS {algorithm}, {length} bytes>")
    }
}

impl PyVerifiedJws {
    /// `signatures` has one at least.
    fn new(signatures: Vec<(usize, Header)>, payload: Bound<'_, PyBytes>) -> Self {
        Self { signatures, payload: payload.unbind(), header: PyOnceLock::new() }
    }
}

/// The keys of an argument, prepared for an algorithm.
pub(super) fn key_ring(
    alg: &Bound<'_, PyAny>,
    key: &Bound<'_, PyAny>,
    allow_short_secret: bool,
) -> PyResult<KeyRing> {
    let algorithm: Algorithm = text(alg, "alg")?.parse().map_err(error::to_py)?;
    if algorithm.is_symmetric() {
        refuse_secret_text(key, "key")?;
    }
    let prepare = match allow_short_secret {
        true => KeyRing::with_short_secrets,
        false => KeyRing::new,
    };
    let keys = match keys(key, "key")? {
        Keys::One(key) => prepare(algorithm, &[*key]),
        Keys::Several(keys) => prepare(algorithm, &keys),
        Keys::Set(set) => KeyRing::from_set(algorithm, &set),
    };
    log::flush(alg.py());
    keys.map_err(error::to_py)
}

/// The keys of a section `jose.jws`, as `JWS` takes them.
#[pyfunction]
#[pyo3(signature = (alg, *, secret = None, private_key = None, public_key = None, password = None))]
fn jws_keys(
    alg: &Bound<'_, PyAny>,
    secret: Option<&Bound<'_, PyAny>>,
    private_key: Option<&Bound<'_, PyAny>>,
    public_key: Option<&Bound<'_, PyAny>>,
    password: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<PyJwk>> {
    let algorithm = text(alg, "alg")?.parse().map_err(error::to_py)?;
    let keys = key_texts(secret, private_key, public_key, password)?;
    let keys = KeyRingOptions { algorithm, ..keys }.keys().map_err(error::to_py)?;
    Ok(keys.into_iter().map(PyJwk::of).collect())
}

/// The bytes of a payload, as they are.
fn bytes_of<'a>(value: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a [u8]> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.as_bytes()),
        Err(_) if value.is_instance_of::<PyString>() => text(value, name).map(str::as_bytes),
        Err(_) => {
            Err(PyTypeError::new_err(format!("{name}: expected bytes or str, not {}", type_name(value))))
        }
    }
}

/// The object of bytes that are an argument already.
fn given_bytes<'py>(value: &Bound<'py, PyAny>, bytes: &[u8]) -> Bound<'py, PyBytes> {
    value.cast::<PyBytes>().map_or_else(|_| PyBytes::new(value.py(), bytes), Clone::clone)
}

/// The JSON text of a dict, or a str that is such text.
fn json_text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    if value.is_instance_of::<PyDict>() {
        let mut text = Vec::with_capacity(1024);
        json::write(value, &mut text)?;
        return String::from_utf8(text).map_err(|_| malformed("the object is no Unicode text"));
    }
    match value.cast::<PyString>() {
        Ok(text) => text.to_str().map(str::to_owned).map_err(|_| malformed("a lone surrogate is no JSON")),
        Err(_) => {
            Err(error::validation(&format!("{name} must be a dict or a str, not {}", type_name(value))))
        }
    }
}

/// Adds this part's classes and function.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyJws>()?;
    module.add_class::<PyVerifiedJws>()?;
    module.add_function(wrap_pyfunction!(jws_keys, module)?)
}
