//! JSON Web Keys (RFC 7517) and the other texts that a key may come in.

use std::fmt;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use serde_json::{Map, Value};

use crate::crypto::ecdsa::{Curve, Point};
use crate::crypto::key_encoding::{KeyMaterial, is_der_key};
use crate::crypto::{ed25519, rsa, x25519};
use crate::encoding::{base64url_decode, json_kind, json_object};
use crate::secret::Secret;
use crate::{KeyError, Result};

/// A key with what it says about its use. `Debug` shows no key material.
///
/// ```
/// use jam::jose::Jwk;
///
/// let key = Jwk::from_json(r#"{"kty": "OKP", "crv": "Ed25519", "kid": "2026",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// assert_eq!((key.key_type(), key.key_id()), ("OKP", Some("2026")));
/// assert!(!key.is_private());
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct Jwk {
    material: Material,
    algorithm: Option<String>,
    key_id: Option<String>,
    public_key_use: Option<String>,
    key_operations: Option<Vec<String>>,
}

#[derive(Clone)]
pub(crate) enum Material {
    /// Secret bytes, `oct`.
    Symmetric(Secret<Vec<u8>>),
    /// `RSA`, `EC` or `OKP`.
    Asymmetric(KeyMaterial),
}

impl Jwk {
    /// Reads a JWK as JSON text. Duplicate members are refused, unknown ones are ignored (RFC 7517 section 4).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the text is no key, [`KeyError::WrongKind`] for a key type or a curve that
    /// Jam does not know.
    pub fn from_json(text: &str) -> Result<Self> {
        let members = json_object(text.as_bytes())
            .map_err(|reason| KeyError::Malformed(format!("JWK: {reason}").into()))?;
        Self::from_dict(&members)
    }

    /// Reads a JWK from the members of its JSON object.
    ///
    /// # Errors
    /// As [`Jwk::from_json`].
    pub fn from_dict(members: &Map<String, Value>) -> Result<Self> {
        let reader = Members(members);
        Ok(Self {
            material: reader.material()?,
            algorithm: reader.text("alg")?.map(str::to_owned),
            key_id: reader.text("kid")?.map(str::to_owned),
            public_key_use: reader.text("use")?.map(str::to_owned),
            key_operations: reader.operations()?,
        })
    }

    /// Reads a key in PEM form: `PUBLIC KEY`, `PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`, `RSA PUBLIC KEY`,
    /// `RSA PRIVATE KEY` or `EC PRIVATE KEY`. `password` opens an encrypted key.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the text is no key or the password does not open it.
    pub fn from_pem(text: &str, password: Option<&str>) -> Result<Self> {
        Ok(Self::from_material(Material::Asymmetric(KeyMaterial::from_pem(text, password)?)))
    }

    /// Takes the bytes of an HMAC secret.
    pub fn from_secret(secret: impl Into<Secret<Vec<u8>>>) -> Self {
        Self::from_material(Material::Symmetric(secret.into()))
    }

    /// Reads PEM or JWK text, whichever it is. A path is not read: text stays text.
    ///
    /// # Errors
    /// As [`Jwk::from_pem`] and [`Jwk::from_json`].
    pub fn from_text(text: &str, password: Option<&str>) -> Result<Self> {
        if text.trim_start().starts_with('{') {
            Self::from_json(text)
        } else {
            Self::from_pem(text, password)
        }
    }

    fn from_material(material: Material) -> Self {
        Self { material, algorithm: None, key_id: None, public_key_use: None, key_operations: None }
    }

    /// The member `kty`: `oct`, `RSA`, `EC` or `OKP`.
    pub fn key_type(&self) -> &'static str {
        match &self.material {
            Material::Symmetric(_) => "oct",
            Material::Asymmetric(KeyMaterial::Rsa { .. }) => "RSA",
            Material::Asymmetric(KeyMaterial::Ec { .. }) => "EC",
            Material::Asymmetric(KeyMaterial::Ed25519 { .. } | KeyMaterial::X25519 { .. }) => "OKP",
        }
    }

    /// The member `alg`: the algorithm that the key is meant for.
    pub fn algorithm(&self) -> Option<&str> {
        self.algorithm.as_deref()
    }

    /// The member `kid`: the name of the key among others.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The member `use`: `sig` or `enc`.
    pub fn public_key_use(&self) -> Option<&str> {
        self.public_key_use.as_deref()
    }

    /// The member `key_ops`: what the key may be used for.
    pub fn key_operations(&self) -> Option<&[String]> {
        self.key_operations.as_deref()
    }

    /// Whether the key can sign. An HMAC secret is private too.
    pub fn is_private(&self) -> bool {
        match &self.material {
            Material::Symmetric(_) => true,
            Material::Asymmetric(KeyMaterial::Rsa { private, .. }) => private.is_some(),
            Material::Asymmetric(
                KeyMaterial::Ec { private, .. }
                | KeyMaterial::Ed25519 { private, .. }
                | KeyMaterial::X25519 { private, .. },
            ) => private.is_some(),
        }
    }

    /// Whether both keys have the same public key. Symmetric keys have none.
    pub(crate) fn has_same_public_key(&self, other: &Self) -> bool {
        match (&self.material, &other.material) {
            (Material::Asymmetric(left), Material::Asymmetric(right)) => match (left, right) {
                (KeyMaterial::Rsa { public: left, .. }, KeyMaterial::Rsa { public: right, .. }) => {
                    left == right
                }
                (
                    KeyMaterial::Ec { curve: left_curve, public: left, .. },
                    KeyMaterial::Ec { curve: right_curve, public: right, .. },
                ) => left_curve == right_curve && left == right,
                (KeyMaterial::Ed25519 { public: left, .. }, KeyMaterial::Ed25519 { public: right, .. })
                | (KeyMaterial::X25519 { public: left, .. }, KeyMaterial::X25519 { public: right, .. }) => {
                    left == right
                }
                _ => false,
            },
            _ => false,
        }
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Jwk")
            .field("key_type", &self.key_type())
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Whether bytes that are meant as an HMAC secret are a key of another kind in any of its usual texts: PEM,
/// OpenSSH, DER, JWK or JWK Set, or base64 of one of these. Who knows such a public key would otherwise know
/// the secret.
pub(crate) fn is_key_text(bytes: &[u8]) -> bool {
    is_plain_key_text(bytes) || decoded_base64(bytes).is_some_and(|inner| is_plain_key_text(&inner))
}

fn is_plain_key_text(bytes: &[u8]) -> bool {
    if is_der_key(bytes.trim_ascii_end()) || is_der_key(bytes) || is_openssh_blob(bytes) {
        return true;
    }
    // Text in UTF-16, as some systems write files, is the same text with zeros between the letters.
    if bytes.contains(&0) {
        let marks: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
        let unmarked = marks.iter().find_map(|mark| bytes.strip_prefix(*mark)).unwrap_or(bytes);
        let letters: Vec<u8> = unmarked.iter().copied().filter(|byte| *byte != 0).collect();
        return is_plain_key_text(&letters);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    const OPENSSH: [&str; 3] = ["ssh-", "ecdsa-sha2-", "sk-"];
    const MEMBERS: [&str; 4] = ["\"kty\"", "\"keys\"", "'kty'", "'keys'"];
    text.contains("-----BEGIN")
        || text.contains("---- BEGIN")
        || (OPENSSH.iter().any(|prefix| text.starts_with(prefix)) && text.contains(" AAAA"))
        || text.contains("<RSAKeyValue>")
        || ["k1.public.", "k2.public.", "k3.public.", "k4.public."].iter().any(|form| text.starts_with(form))
        || (text.starts_with(['{', '[']) && (MEMBERS.iter().any(|name| text.contains(name)) || is_jwk(text)))
}

/// Whether the bytes are what stands in base64 in an OpenSSH public key: a length and the algorithm's name (RFC 4253
/// section 6.6).
fn is_openssh_blob(bytes: &[u8]) -> bool {
    let name = bytes.strip_prefix(&[0, 0, 0]).and_then(|rest| rest.split_first()).map(|(_, name)| name);
    name.is_some_and(|name| {
        [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-"].iter().any(|prefix| name.starts_with(prefix))
    })
}

/// Whether JSON text is a key or a set of keys, however its members are spelled.
fn is_jwk(text: &str) -> bool {
    json_object(text.as_bytes())
        .is_ok_and(|members| members.contains_key("kty") || members.contains_key("keys"))
}

/// The bytes of base64 text of either alphabet, with or without padding and line breaks.
fn decoded_base64(text: &[u8]) -> Option<Vec<u8>> {
    let letters: Vec<u8> =
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').collect();
    BASE64_NOPAD.decode(&letters).or_else(|_| BASE64URL_NOPAD.decode(&letters)).ok()
}

/// Reads the members of a JWK.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn material(&self) -> Result<Material, KeyError> {
        match self.text("kty")? {
            Some("oct") => Ok(Material::Symmetric(self.secret("k")?)),
            Some("RSA") => self.rsa().map(Material::Asymmetric),
            Some("EC") => self.elliptic_curve().map(Material::Asymmetric),
            Some("OKP") => self.octet_key_pair().map(Material::Asymmetric),
            Some(_) => Err(KeyError::WrongKind("JWK: \"kty\" must be oct, RSA, EC or OKP".into())),
            None => Err(KeyError::Malformed("JWK: the member \"kty\" is missing".into())),
        }
    }

    fn rsa(&self) -> Result<KeyMaterial, KeyError> {
        if self.0.contains_key("oth") {
            return Err(KeyError::Malformed(
                "JWK: RSA keys of more than two primes are not supported".into(),
            ));
        }
        let public = rsa::PublicNumbers::new(&self.bytes("n")?, &self.bytes("e")?);
        let private = if self.0.contains_key("d") {
            Some(rsa::PrivateNumbers {
                exponent: self.secret("d")?,
                first_prime: self.secret("p")?,
                second_prime: self.secret("q")?,
                first_exponent: self.secret("dp")?,
                second_exponent: self.secret("dq")?,
                coefficient: self.secret("qi")?,
            })
        } else {
            None
        };
        Ok(KeyMaterial::Rsa { public, private })
    }

    /// RFC 7518 section 6.2: every number has the full length of the curve.
    fn elliptic_curve(&self) -> Result<KeyMaterial, KeyError> {
        let name = self.text("crv")?;
        let curve = [Curve::P256, Curve::P384, Curve::P521, Curve::Secp256k1]
            .into_iter()
            .find(|curve| Some(curve.name()) == name)
            .ok_or_else(|| {
                KeyError::WrongKind(
                    "JWK: \"crv\" of an EC key must be P-256, P-384, P-521 or secp256k1".into(),
                )
            })?;
        let public = Point { x: self.bytes("x")?, y: self.bytes("y")? };
        let private = if self.0.contains_key("d") { Some(self.secret("d")?) } else { None };
        let lengths =
            [Some(public.x.len()), Some(public.y.len()), private.as_ref().map(|d| d.expose().len())];
        if lengths.into_iter().flatten().any(|length| length != curve.length()) {
            return Err(KeyError::Malformed(
                format!("JWK: every number of a key on {} has {} bytes", curve.name(), curve.length()).into(),
            ));
        }
        Ok(KeyMaterial::Ec { curve, public, private })
    }

    fn octet_key_pair(&self) -> Result<KeyMaterial, KeyError> {
        let curve = self.text("crv")?;
        let public = self.bytes("x")?;
        let private = if self.0.contains_key("d") { Some(self.secret("d")?) } else { None };
        match curve {
            Some("Ed25519") => {
                if public.len() != ed25519::KEY_LENGTH {
                    return Err(KeyError::Malformed("JWK: \"x\" of an Ed25519 key has 32 bytes".into()));
                }
                Ok(KeyMaterial::Ed25519 { public, private })
            }
            Some("X25519") => {
                x25519::check_public_key(&public)?;
                if let Some(private) = &private {
                    x25519::check_pair(private.expose(), &public)?;
                }
                Ok(KeyMaterial::X25519 { public, private })
            }
            _ => Err(KeyError::WrongKind("JWK: \"crv\" of an OKP key must be Ed25519 or X25519".into())),
        }
    }

    fn text(&self, name: &'static str) -> Result<Option<&'a str>, KeyError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, "text", other)),
        }
    }

    fn operations(&self) -> Result<Option<Vec<String>>, KeyError> {
        let Some(value) = self.0.get("key_ops") else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| wrong_type("key_ops", "a list of text", value))?;
        let mut operations = Vec::with_capacity(items.len().min(8));
        for item in items {
            let name = item.as_str().ok_or_else(|| wrong_type("key_ops", "a list of text", item))?;
            // RFC 7517 section 4.3.
            if operations.iter().any(|known| known == name) {
                return Err(KeyError::Malformed("JWK: \"key_ops\" names an operation twice".into()));
            }
            operations.push(name.to_owned());
        }
        Ok(Some(operations))
    }

    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, KeyError> {
        let text = self
            .text(name)?
            .ok_or_else(|| KeyError::Malformed(format!("JWK: the member {name:?} is missing").into()))?;
        base64url_decode(text).ok_or_else(|| {
            KeyError::Malformed(format!("JWK: the member {name:?} is not base64url without padding").into())
        })
    }

    fn secret(&self, name: &'static str) -> Result<Secret<Vec<u8>>, KeyError> {
        self.bytes(name).map(Secret::new)
    }
}

fn wrong_type(name: &str, expected: &str, found: &Value) -> KeyError {
    KeyError::Malformed(
        format!("JWK: the member {name:?} must be {expected}, not {}", json_kind(found)).into(),
    )
}
