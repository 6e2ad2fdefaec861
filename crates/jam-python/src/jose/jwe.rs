//! JSON Web Encryption, as Python sees it.

use std::sync::Arc;

use jam::jose::Jwk;
use jam::jose::jwe::{
    ContentEncryption, Decrypted, EncryptOptions, Jwe, JweKeyTexts, JweOptions, KeyManagement,
};
use jam::{JweError, Result};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::jwk::PyJwk;
use super::{Keys, header_members, keys, one, refuse_secret_text, to_dict};
use crate::arguments::{bytes, bytes_or_text, integer, text, type_name};
use crate::jwt::{key_text, key_texts};
use crate::{error, json};

/// AES over so many bytes takes as long as giving the GIL away and taking it back is worth.
const SHORT: usize = 16 * 1024;

/// Encrypts and decrypts with one algorithm and one key, which are prepared once (RFC 7516).
///
/// Args:
///     alg: How the content's key reaches the reader: `dir`, `A128KW` `A192KW` `A256KW`, `A128GCMKW` `A192GCMKW`
///         `A256GCMKW`, `RSA-OAEP` `RSA-OAEP-256` `RSA-OAEP-384` `RSA-OAEP-512`, `ECDH-ES` `ECDH-ES+A128KW`
///         `ECDH-ES+A192KW` `ECDH-ES+A256KW`, or where it is allowed `PBES2-HS256+A128KW` `PBES2-HS384+A192KW`
///         `PBES2-HS512+A256KW`.
///     enc: How the content is encrypted: `A128GCM` `A192GCM` `A256GCM`, `A128CBC-HS256` `A192CBC-HS384` `A256CBC-HS512`.
///     key: A `JWK`, its members, PEM or JWK text, or bytes: a shared key, or a password for PBES2. A public key encrypts
///         only. A list of keys, the newest first: that one encrypts, all decrypt. A `JWKSet` decrypts with those of its
///         keys that fit.
///     compress: Whether plaintexts are compressed (`zip`). How much shorter they get shows something of what is in them.
///     max_plaintext: The most bytes that a compressed plaintext may expand to. If left out, compressed tokens are refused,
///         or with `compress` expand to 1 MiB at most.
///     allow_pbes2: Whether `alg` may be one that works with a password, which can be guessed from a token.
///     p2c: How often a password is iterated; 600 000 times with SHA-256 and 210 000 with the others if left out; at most
///         `max_p2c`.
///     max_p2c: How often a token may have passwords iterated, all in all; 1 000 000 times if left out, 10 000 000 at most.
///     apu: Who makes the tokens (ECDH-ES).
///     apv: Whom they are for (ECDH-ES).
///     accept_enc: Further content encryptions that are decrypted.
///     max_length: The longest token that is read; 256 KiB if left out.
///
/// Raises:
///     JamJWEUnsupportedAlgorithm: There is no such algorithm.
///     JamKeyError: The key is not of the algorithm's kind or length, or its `use`, `key_ops` or `alg` do not allow it.
///     JamValidationError: A password that is not allowed, or an option that the algorithm does not have.
#[pyclass(subclass, frozen, module = "jam._jam", name = "JWE")]
pub(crate) struct PyJwe {
    jwe: Arc<Jwe>,
}

#[pymethods]
impl PyJwe {
    #[new]
    #[pyo3(signature = (
        alg, enc, key, *, compress = false, max_plaintext = None, allow_pbes2 = false, p2c = None, max_p2c = None, apu = None,
        apv = None, accept_enc = None, max_length = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn new(
        alg: &Bound<'_, PyAny>,
        enc: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        compress: bool,
        max_plaintext: Option<&Bound<'_, PyAny>>,
        allow_pbes2: bool,
        p2c: Option<&Bound<'_, PyAny>>,
        max_p2c: Option<&Bound<'_, PyAny>>,
        apu: Option<&Bound<'_, PyAny>>,
        apv: Option<&Bound<'_, PyAny>>,
        accept_enc: Option<&Bound<'_, PyAny>>,
        max_length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let key_management: KeyManagement = text(alg, "alg")?.parse().map_err(error::to_py)?;
        let party = |party: Option<&Bound<'_, PyAny>>, name| {
            party.map_or(Ok(Vec::new()), |party| bytes_or_text(party, name))
        };
        let default = JweOptions::default();
        let options = JweOptions {
            key_management,
            content_encryption: text(enc, "enc")?.parse().map_err(error::to_py)?,
            also_accepted: accept_enc.map_or(Ok(Vec::new()), encryptions)?,
            allow_passwords: allow_pbes2,
            iterations: p2c.map(|count| integer(count, "p2c")).transpose()?,
            iterations_limit: max_p2c.map(|count| integer(count, "max_p2c")).transpose()?,
            compress,
            expanded_limit: max_plaintext.map(|limit| integer(limit, "max_plaintext")).transpose()?,
            party_u: party(apu, "apu")?,
            party_v: party(apv, "apv")?,
            length_limit: max_length
                .map_or(Ok(default.length_limit), |limit| integer(limit, "max_length"))?,
        };
        Ok(Self { jwe: Arc::new(codec(key, options)?) })
    }

    /// Encrypts into a compact token.
    ///
    /// Args:
    ///     plaintext: The content.
    ///     header: Further header parameters, for instance `{"cty": "JWT"}`.
    ///
    /// Raises:
    ///     JamValidationError: The header holds what is the key's or the encryption's.
    ///     JamKeyWrongKind: The newest key may not encrypt, or the keys are a set, which only decrypts.
    #[pyo3(signature = (plaintext, header = None))]
    fn encrypt(
        &self,
        py: Python<'_>,
        plaintext: &Bound<'_, PyAny>,
        header: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let (plaintext, header) = (bytes(plaintext, "plaintext")?, header_members(header, "header")?);
        run(py, &self.jwe, plaintext.len(), || self.jwe.encrypt(plaintext, &header)).map_err(error::to_py)
    }

    /// Decrypts a compact token, and gives its header and its plaintext.
    ///
    /// Args:
    ///     token: The token.
    ///
    /// Raises:
    ///     JamJWEDecryptionError: The token was not encrypted to this key, or was changed.
    ///     JamJWEUnsupportedAlgorithm: The token is of another algorithm, or is compressed.
    ///     JamJWEMalformed: The text is no encrypted token, or is too long.
    fn decrypt(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<PyDecryptedJwe> {
        let token = foreign_text(token, "token")?;
        let decrypted = run(py, &self.jwe, token.len(), || self.jwe.decrypt(token)).map_err(error::to_py)?;
        Ok(PyDecryptedJwe::new(py, decrypted))
    }

    /// Encrypts into a JSON form: the flattened one, or with `recipients` the general one.
    ///
    /// Args:
    ///     plaintext: The content.
    ///     header: Further parameters of the protected header.
    ///     aad: What stands beside the ciphertext, readable by all and changeable by nobody.
    ///     unprotected: Parameters that anybody may change.
    ///     recipients: Who else can read it: further `JWE`, each with its own `alg` and key and the same `enc`.
    ///
    /// Raises:
    ///     JamValidationError: A header holds what is not its own, or the recipients do not go together.
    ///     JamKeyWrongKind: A key may not encrypt, or the keys are a set, which only decrypts.
    #[pyo3(signature = (plaintext, header = None, *, aad = None, unprotected = None, recipients = None))]
    fn encrypt_json<'py>(
        &self,
        py: Python<'py>,
        plaintext: &Bound<'py, PyAny>,
        header: Option<&Bound<'py, PyAny>>,
        aad: Option<&Bound<'py, PyAny>>,
        unprotected: Option<&Bound<'py, PyAny>>,
        recipients: Option<Vec<PyRef<'py, Self>>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let plaintext = bytes(plaintext, "plaintext")?;
        let options = EncryptOptions {
            header: header_members(header, "header")?,
            unprotected: header_members(unprotected, "unprotected")?,
            additional_data: aad.map_or(Ok(Vec::new()), |aad| bytes_or_text(aad, "aad"))?,
            ..EncryptOptions::default()
        };
        let others: Option<Vec<&Jwe>> =
            recipients.as_ref().map(|others| others.iter().map(|other| &*other.jwe).collect());
        let message = py
            .detach(|| self.jwe.encrypt_json(plaintext, &options, others.as_deref()))
            .map_err(error::to_py)?;
        to_dict(py, message)
    }

    /// Decrypts a message in one of the JSON forms.
    ///
    /// Args:
    ///     message: The dict, or its JSON text.
    ///
    /// Raises:
    ///     JamJWEDecryptionError: The message was not encrypted to this key, or was changed.
    ///     JamJWEUnsupportedAlgorithm: No recipient has the key's algorithm, or the message is compressed.
    ///     JamJWEMalformed: It is no encrypted message, or is too long.
    fn decrypt_json(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<PyDecryptedJwe> {
        let text = match message.cast::<PyDict>() {
            Ok(members) => {
                let mut text = Vec::with_capacity(1024);
                json::write(members, &mut text)?;
                String::from_utf8(text).map_err(|_| malformed("the message is no Unicode text"))?
            }
            Err(_) => foreign_text(message, "message")?.to_owned(),
        };
        let decrypted = py.detach(|| self.jwe.decrypt_json(&text)).map_err(error::to_py)?;
        Ok(PyDecryptedJwe::new(py, decrypted))
    }

    /// The key management algorithm's name.
    #[getter]
    fn alg(&self) -> &'static str {
        self.jwe.key_management().name()
    }

    /// The content encryption's name.
    #[getter]
    fn enc(&self) -> &'static str {
        self.jwe.content_encryption().name()
    }

    fn __repr__(&self) -> String {
        format!("<jam.jose.JWE {} {}>", self.alg(), self.enc())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("JWE"))
    }
}

impl PyJwe {
    pub(super) fn codec(&self) -> Arc<Jwe> {
        Arc::clone(&self.jwe)
    }
}

/// A token that was decrypted.
///
/// It was made by somebody who knows the key, and nobody changed it since; to a public key anybody can encrypt.
#[pyclass(frozen, module = "jam._jam", name = "DecryptedJWE")]
pub(crate) struct PyDecryptedJwe {
    decrypted: Decrypted,
    plaintext: Py<PyBytes>,
    /// Made when it is asked for.
    header: PyOnceLock<Py<PyAny>>,
}

#[pymethods]
impl PyDecryptedJwe {
    /// All header parameters. In the JSON forms anybody could change those that are not in `protected`.
    #[getter]
    fn header(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let members = || to_dict(py, self.decrypted.header().members().clone());
        self.header.get_or_try_init(py, || members().map(Bound::unbind)).map(|header| header.clone_ref(py))
    }

    /// The content.
    #[getter]
    fn plaintext(&self, py: Python<'_>) -> Py<PyBytes> {
        self.plaintext.clone_ref(py)
    }

    /// The header parameters that nobody could change.
    #[getter]
    fn protected<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_dict(py, self.decrypted.protected().clone())
    }

    /// What stood beside the ciphertext in a JSON form, and could be changed by nobody.
    #[getter]
    fn aad<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.decrypted.additional_data())
    }

    /// Which of the recipients the key is, from 0.
    #[getter]
    fn recipient(&self) -> usize {
        self.decrypted.recipient()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let header = self.decrypted.header();
        let length = self.plaintext.bind(py).as_bytes().len();
        format!(
            "<jam.jose.DecryptedJWE {} {}, {length} bytes>",
            header.algorithm(),
            header.content_encryption()
        )
    }
}

impl PyDecryptedJwe {
    fn new(py: Python<'_>, mut decrypted: Decrypted) -> Self {
        let plaintext = PyBytes::new(py, &decrypted.take_plaintext()).unbind();
        Self { decrypted, plaintext, header: PyOnceLock::new() }
    }
}

/// Runs the cryptography, without the GIL when it takes long.
pub(super) fn run<T: Send>(
    py: Python<'_>,
    jwe: &Jwe,
    length: usize,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let algorithm = jwe.key_management();
    let is_fast = algorithm.is_symmetric() && !algorithm.is_password_based();
    if is_fast && length < SHORT { work() } else { py.detach(work) }
}

/// The codec of the keys of an argument.
pub(super) fn codec(key: &Bound<'_, PyAny>, options: JweOptions) -> PyResult<Jwe> {
    match encryption_keys(key, options.key_management)? {
        Keys::One(key) => Jwe::new(&[*key], options),
        Keys::Several(keys) => Jwe::new(&keys, options),
        Keys::Set(set) => Jwe::from_set(&set, options),
    }
    .map_err(error::to_py)
}

/// The keys of an argument. A str is a password where the algorithm works with one, unless it is a JWK.
fn encryption_keys(value: &Bound<'_, PyAny>, algorithm: KeyManagement) -> PyResult<Keys> {
    if !algorithm.is_password_based() {
        if algorithm.is_symmetric() {
            refuse_secret_text(value, "key")?;
        }
        return keys(value, "key");
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        return several(value).iter().map(password).collect::<PyResult<_>>().map(Keys::Several);
    }
    if value.is_instance_of::<PyString>() {
        return password(value).map(Box::new).map(Keys::One);
    }
    keys(value, "key")
}

fn password(value: &Bound<'_, PyAny>) -> PyResult<Jwk> {
    match value.cast::<PyString>() {
        Ok(_) if !text(value, "key")?.trim_start().starts_with('{') => {
            Ok(Jwk::from_secret(text(value, "key")?.as_bytes()))
        }
        _ => one(value, "key"),
    }
}

/// One content encryption or several.
fn encryptions(value: &Bound<'_, PyAny>) -> PyResult<Vec<ContentEncryption>> {
    several(value).iter().map(|name| text(name, "accept_enc")?.parse().map_err(error::to_py)).collect()
}

/// Text that somebody else may have sent.
fn foreign_text<'a>(value: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a str> {
    match value.cast::<PyString>() {
        Ok(text) => text.to_str().map_err(|_| malformed("a str with a lone surrogate is no token")),
        Err(_) => Err(error::validation(&format!("{name} must be a str, not {}", type_name(value)))),
    }
}

fn malformed(reason: impl Into<jam::Reason>) -> PyErr {
    error::to_py(JweError::Malformed(reason.into()).into())
}

/// The keys of a section `jose.jwe`, as `JWE` takes them.
#[pyfunction]
#[pyo3(signature = (alg, enc, *, secret = None, private_key = None, public_key = None, password = None))]
fn jwe_keys(
    alg: &Bound<'_, PyAny>,
    enc: &Bound<'_, PyAny>,
    secret: Option<&Bound<'_, PyAny>>,
    private_key: Option<&Bound<'_, PyAny>>,
    public_key: Option<&Bound<'_, PyAny>>,
    password: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<PyJwk>> {
    let keys = key_texts(secret, private_key, None, password)?;
    let keys = JweKeyTexts {
        secret: keys.secret,
        private_key: keys.private_key,
        public_key: public_key.map(|key| key_text(key, "public_key")).transpose()?,
        password: keys.password,
    };
    let algorithm = text(alg, "alg")?.parse().map_err(error::to_py)?;
    let encryption = text(enc, "enc")?.parse().map_err(error::to_py)?;
    let keys = keys.read(algorithm, encryption).map_err(error::to_py)?;
    Ok(keys.into_iter().map(PyJwk::of).collect())
}

/// The items of a list or a tuple; anything else is the one item.
fn several<'py>(value: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    if let Ok(list) = value.cast::<PyList>() {
        list.iter().collect()
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        tuple.iter().collect()
    } else {
        vec![value.clone()]
    }
}

/// Adds this part's classes and functions.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyJwe>()?;
    module.add_class::<PyDecryptedJwe>()?;
    module.add_function(wrap_pyfunction!(jwe_keys, module)?)
}
