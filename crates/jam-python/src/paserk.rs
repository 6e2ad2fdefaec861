//! The keys of PASETO and their written forms, as Python sees them.

use std::hash::{DefaultHasher, Hash, Hasher};

use jam::paseto::paserk::{self, PasswordCost, SealingKey, UnsealingKey};
use jam::paseto::{Key, KeySource, Purpose, Version};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::{bytes_or_text, integer_or, text};
use crate::error;
use crate::paseto::{key_source, version};

/// A key of PASETO, which knows its version and its type, and its written forms.
///
/// `PASERK(text)` reads a key in plain text; the other forms have a method each, to write and to read.
///
/// Args:
///     paserk: `k4.local.`, `k4.secret.` or `k4.public.`, or the same of another version.
///
/// Raises:
///     JamPASETOInvalidPASERK: The text is none of these.
///     JamPASETOError: It is, but holds no key of its version.
#[pyclass(frozen, module = "jam.paseto", name = "PASERK")]
pub(crate) struct PyPaserk {
    key: Key,
}

impl From<Key> for PyPaserk {
    fn from(key: Key) -> Self {
        Self { key }
    }
}

#[pymethods]
impl PyPaserk {
    #[new]
    fn new(paserk: &Bound<'_, PyAny>) -> PyResult<Self> {
        made(Key::from_paserk(text(paserk, "paserk")?))
    }

    /// Makes a new random key.
    ///
    /// Args:
    ///     version: `v1` to `v4`.
    ///     purpose: `local`: a shared key. `public`: a key pair.
    #[staticmethod]
    fn generate(py: Python<'_>, version: &Bound<'_, PyAny>, purpose: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (version, purpose) = (self::version(version)?, self::purpose(purpose)?);
        // An RSA key takes a tenth of a second and more.
        Ok(py.detach(|| Key::generate(version, purpose)).into())
    }

    /// Takes a key in any of its forms.
    ///
    /// Args:
    ///     version: `v1` to `v4`.
    ///     purpose: `local` or `public`.
    ///     key: PASERK, base64url, hexadecimal or PEM text, or bytes.
    ///
    /// Raises:
    ///     JamPASETOError: It is no key of this version and purpose.
    #[staticmethod]
    fn from_key(
        version: &Bound<'_, PyAny>,
        purpose: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let (version, purpose) = (self::version(version)?, self::purpose(purpose)?);
        made(Key::read(version, purpose, Some(&key_source(key, "key")?), None))
    }

    /// `v1` to `v4`.
    #[getter]
    fn version(&self) -> String {
        self.key.version().to_string()
    }

    /// `local` or `public`: the purpose of the tokens.
    #[getter]
    fn purpose(&self) -> String {
        self.key.purpose().to_string()
    }

    /// `local`, `secret` or `public`.
    #[getter]
    fn r#type(&self) -> &'static str {
        self.key.key_type().name()
    }

    /// The id of this very key: `k4.lid.`, `k4.sid.` or `k4.pid.`. It is a hash, and no secret.
    #[getter]
    fn id(&self) -> &str {
        self.key.id()
    }

    /// The id by which a token's footer names the key: that of a local key, or of the public key.
    #[getter]
    fn kid(&self) -> &str {
        self.key.kid()
    }

    /// Gives the key in plain text: `k4.local.`, `k4.secret.` or `k4.public.`. All but the last are as secret as the key.
    fn to_text<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, self.key.to_paserk().expose())
    }

    /// Gives the public key alone.
    ///
    /// Raises:
    ///     JamPASETOInvalidPurpose: A local key has none.
    fn public(&self) -> PyResult<Self> {
        made(self.key.public())
    }

    /// Wraps the key with another one: `k4.local-wrap.pie.` or `k4.secret-wrap.pie.`.
    ///
    /// Args:
    ///     wrapping_key: A local key of the same version, in any form.
    ///
    /// Raises:
    ///     JamPASETOInvalidPASERK: The key is public, and no secret.
    ///     JamPASETOInvalidSymmetricKey: The wrapping key is no local key of the version.
    fn wrap(&self, wrapping_key: &Bound<'_, PyAny>) -> PyResult<String> {
        let wrapping_key = local_key(self.key.version(), wrapping_key)?;
        paserk::wrap(&self.key, &wrapping_key).map_err(error::to_py)
    }

    /// Opens what `wrap` makes.
    ///
    /// Args:
    ///     paserk: The text.
    ///     wrapping_key: The same local key, in any form.
    ///
    /// Raises:
    ///     JamPASETOInvalidPASERK: The text is no key that is wrapped like that, or was not made with this wrapping key.
    ///     JamPASETOInvalidSymmetricKey: The wrapping key is no local key of the version.
    #[staticmethod]
    fn unwrap(paserk: &Bound<'_, PyAny>, wrapping_key: &Bound<'_, PyAny>) -> PyResult<Self> {
        let paserk = text(paserk, "paserk")?;
        let wrapping_key = local_key(Version::of_paserk(paserk).map_err(error::to_py)?, wrapping_key)?;
        made(paserk::unwrap(paserk, &wrapping_key))
    }

    /// Wraps the key with a password: `k4.local-pw.` or `k4.secret-pw.`. The more work, the longer it takes to guess.
    ///
    /// Args:
    ///     password: The password.
    ///     memory: Versions 2 and 4 (Argon2id): bytes of memory; 64 MiB if left out, 256 MiB at most.
    ///     passes: Versions 2 and 4: how often the memory is gone through; 2 if left out, 4 at most.
    ///     lanes: Versions 2 and 4: into how many lanes the memory is divided; 1 if left out, 4 at most.
    ///     iterations: Versions 1 and 3 (PBKDF2): how often the password is hashed; 250 000 if left out, 1 000 000 at most.
    ///
    /// Raises:
    ///     JamPASETOInvalidPASERK: The key is public, and no secret; the password is empty; so much work cannot be done.
    ///     JamValidationError: The version has no such work.
    #[pyo3(signature = (password, *, memory = None, passes = None, lanes = None, iterations = None))]
    fn wrap_with_password(
        &self,
        py: Python<'_>,
        password: &Bound<'_, PyAny>,
        memory: Option<&Bound<'_, PyAny>>,
        passes: Option<&Bound<'_, PyAny>>,
        lanes: Option<&Bound<'_, PyAny>>,
        iterations: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let password = bytes_or_text(password, "password")?;
        let argon2 = [("memory", memory), ("passes", passes), ("lanes", lanes)];
        refuse_unused(self.key.version(), argon2, ("iterations", iterations))?;
        let start = PasswordCost::default();
        let cost = PasswordCost {
            memory: integer_or(memory, "memory", start.memory)?,
            passes: integer_or(passes, "passes", start.passes)?,
            lanes: integer_or(lanes, "lanes", start.lanes)?,
            iterations: integer_or(iterations, "iterations", start.iterations)?,
        };
        py.detach(|| paserk::wrap_with_password(&self.key, &password, &cost)).map_err(error::to_py)
    }

    /// Opens what `wrap_with_password` makes. The text says how much work that is; beyond the limits it is refused before
    /// any is done.
    ///
    /// Args:
    ///     paserk: The text.
    ///     password: The same password.
    ///     max_memory: Versions 2 and 4: the most bytes of memory; 256 MiB if left out.
    ///     max_passes: Versions 2 and 4: the most passes; 4 if left out.
    ///     max_lanes: Versions 2 and 4: the most lanes; 4 if left out.
    ///     max_iterations: Versions 1 and 3: the most iterations; 1 000 000 if left out.
    ///
    /// Raises:
    ///     JamPASETOInvalidPASERK: The text is no key that is wrapped like that, asks for too much work, or was not made with
    ///         this password.
    #[staticmethod]
    #[pyo3(signature = (
        paserk, password, *, max_memory = None, max_passes = None, max_lanes = None, max_iterations = None,
    ))]
    fn unwrap_with_password(
        py: Python<'_>,
        paserk: &Bound<'_, PyAny>,
        password: &Bound<'_, PyAny>,
        max_memory: Option<&Bound<'_, PyAny>>,
        max_passes: Option<&Bound<'_, PyAny>>,
        max_lanes: Option<&Bound<'_, PyAny>>,
        max_iterations: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (paserk, password) = (text(paserk, "paserk")?, bytes_or_text(password, "password")?);
        let limit = PasswordCost {
            memory: integer_or(max_memory, "max_memory", PasswordCost::LIMIT.memory)?,
            passes: integer_or(max_passes, "max_passes", PasswordCost::LIMIT.passes)?,
            lanes: integer_or(max_lanes, "max_lanes", PasswordCost::LIMIT.lanes)?,
            iterations: integer_or(max_iterations, "max_iterations", PasswordCost::LIMIT.iterations)?,
        };
        made(py.detach(|| paserk::unwrap_with_password(paserk, &password, &limit)))
    }

    /// Seals a local key to a public key: `k4.seal.`. Only the holder of the private key can open it.
    ///
    /// Args:
    ///     sealing_key: The public key: RSA of 4096 bits for version 1, P-384 for version 3, Ed25519 or X25519 for versions 2
    ///         and 4; in any form.
    ///
    /// Raises:
    ///     JamPASETOInvalidPASERK: The key is not local.
    ///     JamPASETOError: The sealing key is no public key of the version's kind and size.
    fn seal(&self, py: Python<'_>, sealing_key: &Bound<'_, PyAny>) -> PyResult<String> {
        let source = match sealing_key.cast::<Self>() {
            Ok(paserk) if paserk.get().key.purpose() == Purpose::Public => paserk.get().public()?.to_source(),
            _ => key_source(sealing_key, "sealing_key")?,
        };
        let sealing_key = SealingKey::read(self.key.version(), &source).map_err(error::to_py)?;
        py.detach(|| paserk::seal(&self.key, &sealing_key)).map_err(error::to_py)
    }

    /// Opens what `seal` makes.
    ///
    /// Args:
    ///     paserk: The text.
    ///     unsealing_key: The private key, in any form.
    ///
    /// Raises:
    ///     JamPASETOInvalidPASERK: The text is no sealed key, or was sealed to another key.
    ///     JamPASETOError: The key is no private key of the version's kind and size.
    #[staticmethod]
    fn unseal(py: Python<'_>, paserk: &Bound<'_, PyAny>, unsealing_key: &Bound<'_, PyAny>) -> PyResult<Self> {
        let paserk = text(paserk, "paserk")?;
        let source = key_source(unsealing_key, "unsealing_key")?;
        let version = Version::of_paserk(paserk).map_err(error::to_py)?;
        let unsealing_key = UnsealingKey::read(version, &source).map_err(error::to_py)?;
        made(py.detach(|| paserk::unseal(paserk, &unsealing_key)))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().key == self.key)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.key.id().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        format!("<jam.paseto.PASERK {} {}>", self.key.version(), self.key.key_type().name())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("PASERK"))
    }
}

impl PyPaserk {
    /// The key, for an argument that takes other forms, too.
    pub(crate) fn to_source(&self) -> KeySource {
        self.key.to_paserk().into()
    }
}

fn made(key: jam::Result<Key>) -> PyResult<PyPaserk> {
    key.map(PyPaserk::from).map_err(error::to_py)
}

fn purpose(purpose: &Bound<'_, PyAny>) -> PyResult<Purpose> {
    text(purpose, "purpose")?.parse().map_err(error::to_py)
}

type Work<'a, 'py> = (&'static str, Option<&'a Bound<'py, PyAny>>);

/// Refuses a measure of work that the version does not have: it would be passed over. Limits are another matter: who sets
/// them need not know the version of what is read.
fn refuse_unused(version: Version, argon2: [Work<'_, '_>; 3], pbkdf2: Work<'_, '_>) -> PyResult<()> {
    let (function, unused): (_, &[Work<'_, '_>]) = match version {
        Version::V1 | Version::V3 => ("PBKDF2", &argon2),
        _ => ("Argon2id", &[pbkdf2]),
    };
    match unused.iter().find(|(_, given)| given.is_some()) {
        Some((name, _)) => {
            let message = format!("version {version} makes keys of passwords by {function}, which has none");
            Err(error::validation_at(name, &message))
        }
        None => Ok(()),
    }
}

fn local_key(version: Version, key: &Bound<'_, PyAny>) -> PyResult<Key> {
    match key.cast::<PyPaserk>() {
        Ok(paserk) => Ok(paserk.get().key.clone()),
        Err(_) => {
            let source = key_source(key, "wrapping_key")?;
            Key::read(version, Purpose::Local, Some(&source), None).map_err(error::to_py)
        }
    }
}

/// Adds this part's class.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyPaserk>()
}
