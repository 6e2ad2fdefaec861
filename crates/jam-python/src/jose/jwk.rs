//! JSON Web Keys and sets of them, as Python sees them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jam::jose::{Jwk, JwkSet, KeyQuery, KeyStatements, NewKey, SkippedKey, ThumbprintHash};
use jam::secret::Secret;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyEllipsis, PyIterator, PyList, PyString};

use super::{members_text, one, secret_key};
use crate::arguments::{bytes, bytes_or_text, integer, required_dict, required_text, text, texts, type_name};
use crate::{error, json};

/// A JSON Web Key (RFC 7517): a key with what it says about its use. It never changes.
///
/// Keys are checked when they are read: points lie on their curve, RSA numbers fit each other and are not weak, and a
/// private key belongs to the public key beside it. Certificates in a key, and members that Jam does not know, are
/// neither used nor kept.
///
/// Two keys are equal if they are the same key and both private or both public, whatever they say about their use.
#[pyclass(frozen, module = "jam._jam", name = "JWK")]
pub(crate) struct PyJwk(Jwk);

#[pymethods]
impl PyJwk {
    /// Reads a key from its members.
    ///
    /// Args:
    ///     members: The members of the JSON object.
    ///
    /// Raises:
    ///     JamKeyError: The members are no key, or one that cannot be used.
    #[staticmethod]
    fn from_dict(members: &Bound<'_, PyAny>) -> PyResult<Self> {
        required_dict(members, "members")?;
        Jwk::from_json(members_text(members)?.expose()).map(Self).map_err(error::to_py)
    }

    /// Reads a key from its JSON text, of at most 64 KiB.
    ///
    /// Args:
    ///     text: One JSON object, as str or bytes.
    ///
    /// Raises:
    ///     JamKeyError: The text is no key, or one that cannot be used.
    #[staticmethod]
    fn from_json(text: &Bound<'_, PyAny>) -> PyResult<Self> {
        Jwk::from_json(utf8(text, "text")?.expose()).map(Self).map_err(error::to_py)
    }

    /// Reads a key from PEM text: `PUBLIC KEY`, `PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`, `RSA PUBLIC KEY`,
    /// `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    ///
    /// Args:
    ///     text: The text, as str or bytes; never the name of a file.
    ///     password: Opens an encrypted key.
    ///
    /// Raises:
    ///     JamKeyError: The text is no key, or one that cannot be used, or the password does not open it.
    #[staticmethod]
    #[pyo3(signature = (text, password = None))]
    fn from_pem(
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        password: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (text, password) = (utf8(text, "text")?, secret(password)?);
        let key = py.detach(|| Jwk::from_pem(text.expose(), exposed(password.as_ref())));
        key.map(Self).map_err(error::to_py)
    }

    /// Reads a key from DER: the bytes that stand in base64 in PEM.
    ///
    /// Args:
    ///     data: The bytes.
    ///     password: Opens an encrypted key.
    ///
    /// Raises:
    ///     JamKeyError: The bytes are no key, or one that cannot be used, or the password does not open it.
    #[staticmethod]
    #[pyo3(signature = (data, password = None))]
    fn from_der(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        password: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (data, password) = (bytes(data, "data")?, secret(password)?);
        let key = py.detach(|| Jwk::from_der(data, exposed(password.as_ref())));
        key.map(Self).map_err(error::to_py)
    }

    /// Takes the bytes of a secret: a key of the type `oct`.
    ///
    /// Args:
    ///     secret: The bytes; one at least.
    ///
    /// Raises:
    ///     JamJWTEmptySecretKey: There are none.
    #[staticmethod]
    fn from_secret(secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        secret_key(bytes(secret, "secret")?).map(Self)
    }

    /// Makes a new random key.
    ///
    /// Args:
    ///     kty: `oct`, `RSA`, `EC` or `OKP`.
    ///     alg: The algorithm that the key is for and then bound to.
    ///     crv: `P-256`, `P-384`, `P-521` or `secp256k1` for `EC`; `Ed25519` or `X25519` for `OKP`. If left out, the curve
    ///         of the algorithm, else `P-256` or `Ed25519`.
    ///     size: Bits of an `oct` or `RSA` key. If left out, the hash of the algorithm for `oct`, else 256; 2048 for `RSA`.
    ///
    /// Raises:
    ///     JamValidationError: There is no such key, or it does not work with the algorithm.
    #[staticmethod]
    #[pyo3(signature = (kty, *, alg = None, crv = None, size = None))]
    fn generate(
        py: Python<'_>,
        kty: &Bound<'_, PyAny>,
        alg: Option<&Bound<'_, PyAny>>,
        crv: Option<&Bound<'_, PyAny>>,
        size: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let alg = alg.map(|alg| text(alg, "alg")).transpose()?;
        let crv = crv.map(|crv| text(crv, "crv")).transpose()?;
        let size = size.map(|size| integer(size, "size")).transpose()?;
        let new = NewKey::from_names(text(kty, "kty")?, crv, size, alg).map_err(error::to_py)?;
        let key = py.detach(|| Jwk::generate(new)).map_err(error::to_py)?;
        Ok(Self(match alg {
            Some(alg) => key.with_algorithm(alg),
            None => key,
        }))
    }

    /// Gives the same key with another statement about its use. What is left out stays; None takes a statement away.
    ///
    /// Args:
    ///     kid: The name of the key.
    ///     alg: The algorithm that the key is bound to.
    ///     use: `sig` for signatures, `enc` for encryption.
    ///     key_ops: The operations that the key is bound to, for instance `["sign"]`.
    ///
    /// Raises:
    ///     JamKeyMalformed: `use`, `key_ops` and `alg` contradict each other, or the kind of the key.
    #[pyo3(
        signature = (*, kid = Change::Keep, alg = Change::Keep, r#use = Change::Keep, key_ops = Change::Keep),
        text_signature = "($self, *, kid=..., alg=..., use=..., key_ops=...)"
    )]
    fn replace(
        &self,
        kid: Change<'_>,
        alg: Change<'_>,
        r#use: Change<'_>,
        key_ops: Change<'_>,
    ) -> PyResult<Self> {
        let said = self.0.statements();
        let statements = KeyStatements {
            key_id: kid.made(said.key_id, |kid| text(kid, "kid").map(str::to_owned))?,
            algorithm: alg.made(said.algorithm, |alg| text(alg, "alg").map(str::to_owned))?,
            public_key_use: r#use.made(said.public_key_use, |name| text(name, "use").map(str::to_owned))?,
            key_operations: key_ops.made(said.key_operations, |names| texts(names, "key_ops"))?,
        };
        self.0.clone().with_statements(statements).map(Self).map_err(error::to_py)
    }

    /// Gives the members of the key.
    ///
    /// Args:
    ///     private: Whether to give the secret ones, too.
    ///
    /// Raises:
    ///     JamKeyWrongKind: The public half of a symmetric key, or the private one of a public key, is asked for.
    #[pyo3(signature = (private = false))]
    fn to_dict<'py>(&self, py: Python<'py>, private: bool) -> PyResult<Bound<'py, PyAny>> {
        json::parse(py, self.json(private)?.expose().as_bytes()).map_err(|reason| error::internal(&reason))
    }

    /// Gives the key as JSON text.
    ///
    /// Args:
    ///     private: Whether to give the secret members, too.
    ///
    /// Raises:
    ///     JamKeyWrongKind: The public half of a symmetric key, or the private one of a public key, is asked for.
    #[pyo3(signature = (private = false))]
    fn to_json(&self, private: bool) -> PyResult<String> {
        self.json(private).map(|text| text.expose().clone())
    }

    /// Gives the key as PEM text: `PUBLIC KEY`, `PRIVATE KEY` or `ENCRYPTED PRIVATE KEY`.
    ///
    /// Args:
    ///     private: Whether to give the private key.
    ///     password: Encrypts the private key.
    ///
    /// Raises:
    ///     JamKeyWrongKind: The key is symmetric, or the private half of a public key is asked for.
    ///     JamKeyWeak: The password is empty.
    ///     JamValidationError: There is a password for a public key.
    #[pyo3(signature = (private = false, password = None))]
    fn to_pem(&self, py: Python<'_>, private: bool, password: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
        let password = secret_for(private, password)?;
        if !private {
            return self.0.to_pem().map_err(error::to_py);
        }
        let text = py.detach(|| self.0.to_private_pem(exposed(password.as_ref())));
        text.map(|text| text.expose().clone()).map_err(error::to_py)
    }

    /// Gives the key in DER: the bytes that stand in base64 in PEM.
    ///
    /// Args:
    ///     private: Whether to give the private key.
    ///     password: Encrypts the private key.
    ///
    /// Raises:
    ///     JamKeyWrongKind: The key is symmetric, or the private half of a public key is asked for.
    ///     JamKeyWeak: The password is empty.
    ///     JamValidationError: There is a password for a public key.
    #[pyo3(signature = (private = false, password = None))]
    fn to_der<'py>(
        &self,
        py: Python<'py>,
        private: bool,
        password: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let password = secret_for(private, password)?;
        if !private {
            return self.0.to_der().map(|der| PyBytes::new(py, &der)).map_err(error::to_py);
        }
        let der = py.detach(|| self.0.to_private_der(exposed(password.as_ref())));
        der.map(|der| PyBytes::new(py, der.expose())).map_err(error::to_py)
    }

    /// Gives the public half of the key. Where `key_ops` names what only a private key can do, it then names the
    /// counterpart, for instance `verify` for `sign`.
    ///
    /// Raises:
    ///     JamKeyWrongKind: The key is symmetric and has no public half.
    fn public(&self) -> PyResult<Self> {
        self.0.public().map(Self).map_err(error::to_py)
    }

    /// Gives the thumbprint (RFC 7638) as base64url text: the same for a private key and its public half. That of a
    /// symmetric key is a hash of the secret; keep it secret if the secret could be guessed.
    ///
    /// Args:
    ///     digest: `sha256`, `sha384` or `sha512`.
    ///
    /// Raises:
    ///     JamValidationError: There is no such digest.
    #[pyo3(signature = (digest = None), text_signature = "($self, digest='sha256')")]
    fn thumbprint(&self, digest: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
        Ok(self.0.thumbprint(thumbprint_hash(digest)?))
    }

    /// Gives the thumbprint as a URI (RFC 9278).
    ///
    /// Args:
    ///     digest: `sha256`, `sha384` or `sha512`.
    ///
    /// Raises:
    ///     JamValidationError: There is no such digest.
    #[pyo3(signature = (digest = None), text_signature = "($self, digest='sha256')")]
    fn thumbprint_uri(&self, digest: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
        Ok(self.0.thumbprint_uri(thumbprint_hash(digest)?))
    }

    /// The type: `oct`, `RSA`, `EC` or `OKP`.
    #[getter]
    fn kty(&self) -> &'static str {
        self.0.key_type()
    }

    /// The curve of an `EC` or `OKP` key.
    #[getter]
    fn crv(&self) -> Option<&'static str> {
        self.0.curve()
    }

    /// The algorithm that the key is bound to.
    #[getter]
    fn alg(&self) -> Option<&str> {
        self.0.algorithm()
    }

    /// The name of the key.
    #[getter]
    fn kid(&self) -> Option<&str> {
        self.0.key_id()
    }

    /// `sig` or `enc`.
    #[getter]
    fn r#use(&self) -> Option<&str> {
        self.0.public_key_use()
    }

    /// The operations that the key is bound to.
    #[getter]
    fn key_ops(&self) -> Option<Vec<String>> {
        self.0.key_operations().map(<[String]>::to_vec)
    }

    /// Whether the private half is known. A symmetric key is private too.
    #[getter]
    fn is_private(&self) -> bool {
        self.0.is_private()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| self.identity() == other.get().identity())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.identity().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        let curve = self.0.curve().map(|curve| format!(" {curve}")).unwrap_or_default();
        let half = if self.0.is_private() { "private" } else { "public" };
        format!("<jam.jose.JWK {}{curve}, {half}>", self.0.key_type())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("JWK"))
    }
}

/// What becomes of a statement.
enum Change<'py> {
    /// It stays, as it does where the argument is left out or is `...`.
    Keep,
    /// Another one takes its place; None is none.
    Replace(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Change<'py> {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let is_left_out = value.is(PyEllipsis::get(value.py()));
        Ok(if is_left_out { Self::Keep } else { Self::Replace(value.to_owned()) })
    }
}

impl<'py> Change<'py> {
    fn made<T>(
        self,
        own: Option<T>,
        read: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<T>,
    ) -> PyResult<Option<T>> {
        match self {
            Self::Keep => Ok(own),
            Self::Replace(value) if value.is_none() => Ok(None),
            Self::Replace(value) => read(&value).map(Some),
        }
    }
}

impl PyJwk {
    pub(super) fn of(key: Jwk) -> Self {
        Self(key)
    }

    /// The JSON text of all that is known of the key.
    pub(crate) fn text(&self) -> PyResult<Secret<String>> {
        self.json(self.0.is_private())
    }

    pub(super) fn key(&self) -> &Jwk {
        &self.0
    }

    fn json(&self, private: bool) -> PyResult<Secret<String>> {
        if private { self.0.to_private_json() } else { self.0.to_json().map(Secret::new) }
            .map_err(error::to_py)
    }

    fn identity(&self) -> (bool, String) {
        (self.0.is_private(), self.0.thumbprint(ThumbprintHash::Sha256))
    }
}

/// The most keys of a set.
const MOST_KEYS: usize = 1000;

/// Several keys (RFC 7517 section 5), for instance those that an issuer publishes. It never changes.
///
/// A key that cannot be used does not make the others useless: it is skipped, and `skipped` says which and why.
///
/// Args:
///     keys: Keys as `JWK`, dict, PEM or JSON text; at most 1000.
///
/// Raises:
///     JamKeyError: One of them is no key.
///     JamValidationError: There are too many.
#[pyclass(frozen, module = "jam._jam", name = "JWKSet")]
pub(crate) struct PyJwkSet(Arc<JwkSet>);

#[pymethods]
impl PyJwkSet {
    #[new]
    fn new(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let read = |key: &Bound<'_, PyAny>| match key.cast::<PyBytes>() {
            Ok(secret) => secret_key(secret.as_bytes()),
            Err(_) => one(key, "keys"),
        };
        if keys.is_instance_of::<PyString>()
            || keys.is_instance_of::<PyBytes>()
            || keys.is_instance_of::<PyDict>()
        {
            let message = format!(
                "keys: expected several keys, not {}; what is a set already is read by from_dict and from_json",
                type_name(keys)
            );
            return Err(PyTypeError::new_err(message));
        }
        // No more of it is read than makes too many.
        let keys = keys.try_iter()?.take(MOST_KEYS + 1).map(|key| read(&key?)).collect::<PyResult<_>>()?;
        JwkSet::new(keys).map(Self::of).map_err(error::to_py)
    }

    /// Reads a set from its members.
    ///
    /// Args:
    ///     members: The members of the JSON object; only `keys` is looked at.
    ///
    /// Raises:
    ///     JamKeyMalformed: There is no list `keys`, or it has more than 1000 keys.
    #[staticmethod]
    fn from_dict(members: &Bound<'_, PyAny>) -> PyResult<Self> {
        required_dict(members, "members")?;
        JwkSet::from_json(members_text(members)?.expose()).map(Self::of).map_err(error::to_py)
    }

    /// Reads a set from its JSON text, of at most 1 MiB.
    ///
    /// Args:
    ///     text: One JSON object, as str or bytes.
    ///
    /// Raises:
    ///     JamKeyMalformed: The text is no JSON object with a list `keys`, or has more than 1000 keys.
    #[staticmethod]
    fn from_json(text: &Bound<'_, PyAny>) -> PyResult<Self> {
        JwkSet::from_json(utf8(text, "text")?.expose()).map(Self::of).map_err(error::to_py)
    }

    /// Gives the one key that fits. A name is compared exactly. A key that names no algorithm fits every one that
    /// works with its type and curve; of one that names no use, its algorithm, its operations and its kind decide. There is no second choice: when several
    /// keys fit, none is found, and a skipped key of the same name and type counts as one of them.
    ///
    /// Args:
    ///     kid: The name of the key.
    ///     alg: The algorithm that the key must work with.
    ///     use: `sig` or `enc`.
    ///
    /// Raises:
    ///     JamKeyNotFound: No key fits, or several do.
    #[pyo3(signature = (kid = None, alg = None, r#use = None))]
    fn find(
        &self,
        kid: Option<&Bound<'_, PyAny>>,
        alg: Option<&Bound<'_, PyAny>>,
        r#use: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyJwk> {
        let query = KeyQuery {
            key_id: kid.map(|kid| required_text(kid, "kid")).transpose()?,
            algorithm: alg.map(|alg| text(alg, "alg")).transpose()?,
            public_key_use: r#use.map(|name| text(name, "use")).transpose()?,
        };
        self.0.find(&query).map(|key| PyJwk(key.clone())).map_err(error::to_py)
    }

    /// Gives the members of the set of all public halves, to be published.
    ///
    /// Args:
    ///     private: Whether to give all that is known of each key, secrets included.
    ///
    /// Raises:
    ///     JamKeyWrongKind: The public half of a symmetric key is asked for.
    #[pyo3(signature = (private = false))]
    fn to_dict<'py>(&self, py: Python<'py>, private: bool) -> PyResult<Bound<'py, PyAny>> {
        json::parse(py, self.to_json(private)?.as_bytes()).map_err(|reason| error::internal(&reason))
    }

    /// Gives the set as JSON text.
    ///
    /// Args:
    ///     private: Whether to give all that is known of each key, secrets included.
    ///
    /// Raises:
    ///     JamKeyWrongKind: The public half of a symmetric key is asked for.
    #[pyo3(signature = (private = false))]
    fn to_json(&self, private: bool) -> PyResult<String> {
        let members = if private { Ok(self.0.to_private_dict()) } else { self.0.to_dict() };
        members.map(|members| serde_json::Value::Object(members).to_string()).map_err(error::to_py)
    }

    /// The keys that cannot be used.
    #[getter]
    fn skipped(&self) -> Vec<PySkippedKey> {
        self.0.skipped().iter().map(PySkippedKey::from).collect()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.0.iter().map(|key| PyJwk(key.clone())))?.try_iter()
    }

    fn __repr__(&self) -> String {
        format!("<jam.jose.JWKSet of {} keys>", self.0.len())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("JWKSet"))
    }
}

impl PyJwkSet {
    pub(super) fn set(&self) -> Arc<JwkSet> {
        Arc::clone(&self.0)
    }

    fn of(set: JwkSet) -> Self {
        Self(Arc::new(set))
    }
}

/// A key of a set that cannot be used.
///
/// Attributes:
///     index: Its place in the set, from 0.
///     kid: Its name, if that is text.
///     kty: Its type, if that is text.
///     reason: Why it cannot be used.
///     error_code: The same as a stable text for programs.
#[pyclass(frozen, get_all, module = "jam._jam", name = "SkippedKey")]
struct PySkippedKey {
    index: usize,
    kid: Option<String>,
    kty: Option<String>,
    reason: String,
    error_code: &'static str,
}

#[pymethods]
impl PySkippedKey {
    fn __repr__(&self) -> String {
        format!("<jam.jose.SkippedKey {}: {}>", self.index, self.reason)
    }
}

impl From<&SkippedKey> for PySkippedKey {
    fn from(skipped: &SkippedKey) -> Self {
        Self {
            index: skipped.index,
            kid: skipped.key_id.clone(),
            kty: skipped.key_type.clone(),
            reason: skipped.reason.to_string(),
            error_code: skipped.reason.code(),
        }
    }
}

fn thumbprint_hash(name: Option<&Bound<'_, PyAny>>) -> PyResult<ThumbprintHash> {
    match name {
        Some(name) => text(name, "digest")?.parse().map_err(error::to_py),
        None => Ok(ThumbprintHash::Sha256),
    }
}

/// Text as str, or as bytes in UTF-8.
fn utf8(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Secret<String>> {
    String::from_utf8(bytes_or_text(value, name)?)
        .map(Secret::new)
        .map_err(|_| error::validation_at(name, "the bytes are no text in UTF-8"))
}

fn secret(password: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Secret<String>>> {
    password.map(|password| utf8(password, "password")).transpose()
}

fn secret_for(private: bool, password: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Secret<String>>> {
    if password.is_some() && !private {
        return Err(error::validation("password: a public key is not encrypted; ask for the private one"));
    }
    secret(password)
}

fn exposed(password: Option<&Secret<String>>) -> Option<&str> {
    password.map(|password| password.expose().as_str())
}

/// Adds this part's classes.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyJwk>()?;
    module.add_class::<PyJwkSet>()?;
    module.add_class::<PySkippedKey>()
}
