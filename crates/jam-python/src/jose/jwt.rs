//! JSON Web Tokens from the keys of `jam.jose`, as Python sees them.

use jam::jose::jwe::JweOptions;
use jam::jose::jws::Algorithm;
use jam::jose::{EncryptedJwt, Jwt, JwtOptions, TokenRules};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::jwe::{self, PyJwe};
use super::jws::key_ring;
use crate::arguments::{Seconds, text};
use crate::claims::{self, decode_options, expected_audiences, texts, token_text};
use crate::jwt::{encode, payload_text, run};
use crate::serializer::Serializer;
use crate::{error, json};

/// Makes and reads JSON Web Tokens with one algorithm and one key, or several keys of which the newest makes them (RFC 7519).
/// They are prepared once. Tokens are signed, or with `enc` encrypted, or with `encryption` both.
///
/// Args:
///     alg: `HS256` `HS384` `HS512` `RS256` `RS384` `RS512` `PS256` `PS384` `PS512` `ES256` `ES384` `ES512` `ES256K`
///         `EdDSA` or `Ed25519`; with `enc` one of the `alg` of `JWE`.
///     key: A `JWK`, its members, PEM or JWK text, or the bytes of a secret. A public key verifies only, or encrypts only. A
///         list of keys, the newest first: that one makes tokens, all read them. A `JWKSet` reads with those of its keys that
///         fit.
///     enc: How claims are encrypted, as of `JWE`; if left out, they are signed.
///     encryption: The `JWE` that encrypts signed tokens (RFC 7519 section 5.2). Then only such tokens are read.
///     issuer: The `iss` that is asked for.
///     audience: The `aud`, or several of which one is asked for.
///     subject: The `sub` that is asked for.
///     leeway: Seconds by which clocks may differ; at most a day.
///     required: The claims without which a token is refused.
///     typ: The type that is written into the header and asked for, such as `at+jwt`; if left out, `JWT` is written and
///         every type accepted.
///     allow_short_secret: Whether a secret may be shorter than the hash. It can be guessed from one token, and is logged as a
///         warning.
///
/// Raises:
///     JamJWTUnsupportedAlgorithm: There is no such algorithm.
///     JamKeyError: The key is not of the algorithm's kind, or too weak, or its `use`, `key_ops` or `alg` do not allow it.
///     JamValidationError: Two keys have the same name, or a rule cannot be used.
#[pyclass(subclass, frozen, module = "jam._jam", name = "JWT")]
pub(crate) struct PyJoseJwt {
    codec: Codec,
    alg: &'static str,
    serializer: Serializer,
}

enum Codec {
    Signed(Box<Jwt>),
    Encrypted(EncryptedJwt),
    Nested(EncryptedJwt, Algorithm),
}

#[pymethods]
impl PyJoseJwt {
    #[new]
    #[pyo3(signature = (
        alg, key, *, enc = None, encryption = None, issuer = None, audience = None, subject = None, leeway = Seconds::Absent, required = None, typ = None,
        allow_short_secret = false,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn new(
        alg: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        enc: Option<&Bound<'_, PyAny>>,
        encryption: Option<PyRef<'_, PyJwe>>,
        issuer: Option<&Bound<'_, PyAny>>,
        audience: Option<&Bound<'_, PyAny>>,
        subject: Option<&Bound<'_, PyAny>>,
        leeway: Seconds,
        required: Option<&Bound<'_, PyAny>>,
        typ: Option<&Bound<'_, PyAny>>,
        allow_short_secret: bool,
    ) -> PyResult<Self> {
        let owned = |value: Option<&Bound<'_, PyAny>>, name| {
            value.map(|value| text(value, name).map(str::to_owned)).transpose()
        };
        let options = JwtOptions {
            issuer: owned(issuer, "issuer")?,
            audience: audience.map_or(Ok(Vec::new()), expected_audiences)?,
            subject: owned(subject, "subject")?,
            required: required.map_or(Ok(Vec::new()), |required| texts(required, "required"))?,
            token_type: owned(typ, "typ")?,
            leeway: leeway.duration("leeway")?.unwrap_or_default(),
            ..JwtOptions::default()
        };
        let (codec, alg) = match (enc, encryption) {
            (Some(_), Some(_)) => {
                return Err(error::validation(
                    "enc encrypts claims, encryption signed tokens; give one of them",
                ));
            }
            (Some(enc), None) => {
                let key_management = text(alg, "alg")?.parse().map_err(error::to_py)?;
                let content_encryption = text(enc, "enc")?.parse().map_err(error::to_py)?;
                let jwe = JweOptions { key_management, content_encryption, ..JweOptions::default() };
                let jwt = EncryptedJwt::new(jwe::codec(key, jwe)?, options).map_err(error::to_py)?;
                (Codec::Encrypted(jwt), key_management.name())
            }
            (None, encryption) => {
                let keys = key_ring(alg, key, allow_short_secret)?;
                let jwt = Jwt::with_keys(keys, options).map_err(error::to_py)?;
                let algorithm = jwt.algorithm();
                let codec = match encryption {
                    None => Codec::Signed(Box::new(jwt)),
                    Some(jwe) => Codec::Nested(EncryptedJwt::nested(jwt, jwe.codec()), algorithm),
                };
                (codec, algorithm.name())
            }
        };
        Ok(Self { codec, alg, serializer: Serializer::JSON })
    }

    /// Makes a token of the claims. What they say is not looked at.
    ///
    /// Args:
    ///     claims: The claims.
    ///
    /// Raises:
    ///     JamValidationError: The claims are no dict, or hold what JSON cannot hold.
    ///     JamJWTEmptyPrivateKey: The newest key is a public one, which cannot sign.
    ///     JamKeyWrongKind: The newest key may not sign or encrypt, or the keys are a set, which only reads.
    fn encode<'py>(&self, claims: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let jwt = match &self.codec {
            Codec::Signed(jwt) => return encode(jwt, &self.serializer, claims),
            Codec::Encrypted(jwt) | Codec::Nested(jwt, _) => jwt,
        };
        let (py, payload) = (claims.py(), payload_text(&self.serializer, claims)?);
        let token = self.run(py, jwt, payload.len(), || jwt.encode_json(&payload)).map_err(error::to_py)?;
        Ok(PyString::new(py, &token))
    }

    /// Reads a token and gives its claims. Encryption and signature come first, then the claims.
    ///
    /// Args:
    ///     token: The compact token.
    ///     check_exp: Whether `exp` and `nbf` are checked where they are present.
    ///     audience: The `aud` to ask for in place of the configured one.
    ///     issuer: The `iss` to ask for in place of the configured one.
    ///     leeway: Seconds by which clocks may differ, in place of the configured ones.
    ///
    /// Raises:
    ///     JamJWTExpired: `exp` has passed.
    ///     JamJWTNotYetValid: `nbf` is still to come.
    ///     JamJWTUnsupportedAlgorithm: The token is of another algorithm.
    ///     JamJWTValidationError: The token is malformed, forged, or does not have the claims that are asked for.
    ///     JamJWEError: An encrypted token is asked for, and this is none of the key's.
    ///     JamValidationError: An argument is of a wrong type or out of range.
    #[pyo3(signature = (token, *, check_exp = true, audience = None, issuer = None, leeway = None))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'py, PyAny>,
        check_exp: bool,
        audience: Option<&Bound<'py, PyAny>>,
        issuer: Option<&Bound<'py, PyAny>>,
        leeway: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let options = decode_options(check_exp, audience, issuer, leeway)?;
        let token = token_text(token)?;
        let read =
            |payload: &[u8], rules: &TokenRules| claims::read(py, payload, &self.serializer, rules, &options);
        let jwt = match &self.codec {
            Codec::Signed(jwt) => {
                let payload = run(py, jwt.algorithm(), token.len(), || jwt.verify(token));
                return read(&payload.map_err(error::to_py)?, jwt.rules());
            }
            Codec::Encrypted(jwt) | Codec::Nested(jwt, _) => jwt,
        };
        let (payload, replicated) =
            self.run(py, jwt, token.len(), || jwt.decrypt(token)).map_err(error::to_py)?;
        let claims = read(&payload, jwt.rules())?;
        let is_same = |name: &str, value: &serde_json::Value| {
            let value = json::parse(py, value.to_string().as_bytes());
            let claim = claims.get_item(name).ok().flatten();
            claim.zip(value.ok()).is_some_and(|(claim, value)| claim.eq(value).unwrap_or(false))
        };
        EncryptedJwt::check_replicated(replicated, is_same)
            .map_err(|refusal| error::to_py(refusal.into()))?;
        Ok(claims)
    }

    /// The algorithm's name.
    #[getter]
    fn alg(&self) -> &'static str {
        self.alg
    }

    /// How tokens are encrypted, if they are.
    #[getter]
    fn enc(&self) -> Option<&'static str> {
        match &self.codec {
            Codec::Signed(_) => None,
            Codec::Encrypted(jwt) | Codec::Nested(jwt, _) => Some(jwt.jwe().content_encryption().name()),
        }
    }

    fn __repr__(&self) -> String {
        match self.enc() {
            Some(enc) => format!("<jam.jose.JWT {} {enc}>", self.alg),
            None => format!("<jam.jose.JWT {}>", self.alg),
        }
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("JWT"))
    }
}

impl PyJoseJwt {
    /// Runs the cryptography of encrypted tokens, without the GIL when it takes long.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        jwt: &EncryptedJwt,
        length: usize,
        work: impl FnOnce() -> jam::Result<T> + Send,
    ) -> jam::Result<T> {
        match self.codec {
            // A signature inside takes as long as any.
            Codec::Nested(_, algorithm) if !algorithm.is_symmetric() => py.detach(work),
            _ => jwe::run(py, jwt.jwe(), length, work),
        }
    }
}

/// Adds this part's class.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Messages of Python call it by the name that users know, which another class of this module has, too.
    module.add("JoseJWT", module.py().get_type::<PyJoseJwt>())
}
