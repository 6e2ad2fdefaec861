//! Keys, passwords and other helpers, as Python sees them.

use jam::keygen::{self, KeyPair};
use jam::{encoding, password};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{integer_or, required_text, text};
use crate::error;

/// Gives a key for encrypted sessions: 32 bytes as url-safe base64 text with padding.
#[pyfunction]
fn generate_aes_key() -> String {
    keygen::generate_aes_key().expose().clone()
}

/// Gives a shared key of `n` bytes (16 to 1024) as base64url text without padding.
#[pyfunction]
#[pyo3(signature = (n = None), text_signature = "(n=32)")]
fn generate_symmetric_key(n: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let length = integer_or(n, "n", 32)?;
    keygen::generate_symmetric_key(length).map(|key| key.expose().clone()).map_err(error::to_py)
}

/// Gives a secret for one-time passwords as base32 text: 160 bits, or from 80 to 4096.
#[pyfunction]
#[pyo3(signature = (entropy_bits = None), text_signature = "(entropy_bits=160)")]
fn generate_otp_key(entropy_bits: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let bits = integer_or(entropy_bits, "entropy_bits", 160)?;
    keygen::generate_otp_key(bits).map(|key| key.expose().clone()).map_err(error::to_py)
}

/// Gives an RSA key pair of 2048, 3072, 4096 or 8192 bits as PEM text: `{"private": ..., "public": ...}`.
#[pyfunction]
#[pyo3(signature = (key_size = None), text_signature = "(key_size=2048)")]
fn generate_rsa_key_pair<'py>(
    py: Python<'py>,
    key_size: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let bits = integer_or(key_size, "key_size", 2048)?;
    pair(py, py.detach(|| keygen::generate_rsa_key_pair(bits)))
}

/// Gives an Ed25519 key pair as PEM text: `{"private": ..., "public": ...}`.
#[pyfunction]
fn generate_ed25519_keypair(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    pair(py, keygen::generate_ed25519_keypair())
}

/// Gives an ECDSA key pair on P-384 as PEM text: `{"private": ..., "public": ...}`.
#[pyfunction]
fn generate_ecdsa_p384_keypair(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    pair(py, py.detach(keygen::generate_ecdsa_p384_keypair))
}

fn pair(py: Python<'_>, pair: jam::Result<KeyPair>) -> PyResult<Bound<'_, PyDict>> {
    let pair = pair.map_err(error::to_py)?;
    let keys = PyDict::new(py);
    keys.set_item("private", pair.private.expose())?;
    keys.set_item("public", pair.public)?;
    Ok(keys)
}

/// Hashes a password with Argon2id. The text holds the salt and the parameters; store it as it is.
#[pyfunction]
fn hash_password(py: Python<'_>, password: &Bound<'_, PyAny>) -> PyResult<String> {
    let password = required_text(password, "password")?;
    py.detach(|| password::hash(password)).map_err(error::to_py)
}

/// Whether a password belongs to a stored hash.
///
/// Args:
///     password: What the user typed.
///     password_hash: What `hash_password` gave, or the older `salt$hash`; or the older salt alone, in hexadecimal.
///     hash_hex: The older hash that belongs to the salt alone, in hexadecimal.
///     iterations: The rounds of PBKDF2 that `hash_hex` was made with; 100 000 if left out.
///
/// Raises:
///     JamValidationError: The stored hash has no known form, or the password is no text.
#[pyfunction]
#[pyo3(
    signature = (password, password_hash, hash_hex = None, iterations = None),
    text_signature = "(password, password_hash, hash_hex=None, iterations=100000)"
)]
fn check_password(
    py: Python<'_>,
    password: &Bound<'_, PyAny>,
    password_hash: &Bound<'_, PyAny>,
    hash_hex: Option<&Bound<'_, PyAny>>,
    iterations: Option<&Bound<'_, PyAny>>,
) -> PyResult<bool> {
    let (password, stored) = (required_text(password, "password")?, text(password_hash, "password_hash")?);
    let hash_hex = hash_hex.map(|hash| text(hash, "hash_hex")).transpose()?;
    let iterations = integer_or(iterations, "iterations", password::PBKDF2_ITERATIONS)?;
    py.detach(|| match hash_hex {
        Some(hash) => password::verify_pbkdf2(password, stored, hash, iterations),
        None => password::verify(password, stored),
    })
    .map_err(error::to_py)
}

/// Whether a password that was just checked should be hashed and stored anew: the stored hash is of the older form,
/// or was made with less work.
#[pyfunction]
fn password_needs_rehash(password_hash: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(password::needs_rehash(text(password_hash, "password_hash")?))
}

/// Gives the credentials of HTTP Basic authentication (RFC 7617), without the word `Basic`.
///
/// Raises:
///     JamValidationError: The login holds a colon, or one of the two a control character.
#[pyfunction]
fn basic_auth_encode(login: &Bound<'_, PyAny>, password: &Bound<'_, PyAny>) -> PyResult<String> {
    encoding::basic_auth_encode(text(login, "login")?, text(password, "password")?).map_err(error::to_py)
}

/// Reads the credentials of HTTP Basic authentication (RFC 7617), with or without the word `Basic`: login and password.
///
/// Raises:
///     JamValidationError: The text is no such credentials.
#[pyfunction]
fn basic_auth_decode(data: &Bound<'_, PyAny>) -> PyResult<(String, String)> {
    encoding::basic_auth_decode(required_text(data, "data")?).map_err(error::to_py)
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(generate_aes_key, module)?)?;
    module.add_function(wrap_pyfunction!(generate_symmetric_key, module)?)?;
    module.add_function(wrap_pyfunction!(generate_otp_key, module)?)?;
    module.add_function(wrap_pyfunction!(generate_rsa_key_pair, module)?)?;
    module.add_function(wrap_pyfunction!(generate_ed25519_keypair, module)?)?;
    module.add_function(wrap_pyfunction!(generate_ecdsa_p384_keypair, module)?)?;
    module.add_function(wrap_pyfunction!(hash_password, module)?)?;
    module.add_function(wrap_pyfunction!(check_password, module)?)?;
    module.add_function(wrap_pyfunction!(password_needs_rehash, module)?)?;
    module.add_function(wrap_pyfunction!(basic_auth_encode, module)?)?;
    module.add_function(wrap_pyfunction!(basic_auth_decode, module)?)
}
