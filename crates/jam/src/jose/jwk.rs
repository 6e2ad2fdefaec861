//! JSON Web Keys (RFC 7517) and the other texts that a key may come in.

use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::key_use::check_statements;
use crate::crypto::ecdsa::{Curve, Point};
use crate::crypto::key_encoding::KeyMaterial;
#[cfg(feature = "ml-dsa")]
use crate::crypto::ml_dsa::ParameterSet;
use crate::crypto::rsa;
use crate::encoding::{base64url_decode, base64url_encode, json_kind, json_object};
use crate::secret::Secret;
use crate::{JwtError, KeyError, Result};

/// The longest JWK that is read as text, in bytes; an RSA key of 8192 bits has 6 500.
const LONGEST_JWK: usize = 64 * 1024;

/// A key with what it says about its use. `Debug` shows no key material.
///
/// A key is checked when it is read: points lie on their curve, RSA numbers fit each other and are not weak, and a
/// private key belongs to the public key beside it. What a key says of certificates (`x5c`, `x5t`, `x5u`) and other
/// members are neither used nor kept.
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

/// What a key says about itself (RFC 7517 sections 4.2 to 4.5); `None` says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyStatements {
    /// The member `kid`: the name of the key.
    pub key_id: Option<String>,
    /// The member `alg`: the algorithm that the key is bound to.
    pub algorithm: Option<String>,
    /// The member `use`: `sig` or `enc`.
    pub public_key_use: Option<String>,
    /// The member `key_ops`: the operations that the key is bound to.
    pub key_operations: Option<Vec<String>>,
}

#[derive(Clone)]
pub(crate) enum Material {
    /// Secret bytes, `oct`.
    Symmetric(Secret<Vec<u8>>),
    /// `RSA`, `EC` or `OKP`.
    Asymmetric(KeyMaterial),
}

impl Material {
    /// The algorithm of an AKP key, which is of one, whatever it came from; other kinds serve for several.
    fn algorithm(&self) -> Option<String> {
        match self {
            #[cfg(feature = "ml-dsa")]
            Self::Asymmetric(KeyMaterial::MlDsa { parameters, .. }) => Some(parameters.name().to_owned()),
            _ => None,
        }
    }
}

impl Jwk {
    /// Reads a JWK as JSON text of at most 64 KiB. Duplicate members are refused, unknown ones are ignored (RFC 7517
    /// section 4).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the text is no key, the key's parts do not fit each other, or `use`, `key_ops` and `alg`
    /// contradict each other;
    /// [`KeyError::WrongKind`] for a key type or a curve that Jam does not know; [`KeyError::Weak`] for an RSA key
    /// under 2048 bits, and for others that protect nothing; [`JwtError::EmptySecretKey`] for an empty secret.
    pub fn from_json(text: &str) -> Result<Self> {
        if text.len() > LONGEST_JWK {
            return Err(KeyError::Malformed("JWK: the text of a key has at most 64 KiB".into()).into());
        }
        let mut members = json_object(text.as_bytes())
            .map_err(|reason| KeyError::Malformed(format!("JWK: {reason}").into()))?;
        let key = Self::from_dict(&members);
        wipe(&mut members);
        key
    }

    /// Reads a JWK from the members of its JSON object.
    ///
    /// # Errors
    /// As [`Jwk::from_json`].
    pub fn from_dict(members: &Map<String, Value>) -> Result<Self> {
        let reader = Members(members);
        let key = Self {
            material: reader.material()?,
            algorithm: reader.text("alg")?.map(str::to_owned),
            key_id: reader.text("kid")?.map(str::to_owned),
            public_key_use: reader.text("use")?.map(str::to_owned),
            key_operations: reader.operations()?,
        };
        check_statements(&key)?;
        Ok(key)
    }

    /// Reads a key in PEM form: `PUBLIC KEY`, `PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`, `RSA PUBLIC KEY`,
    /// `RSA PRIVATE KEY` or `EC PRIVATE KEY`. `password` opens an encrypted key.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the text is no key or the password does not open it, and as [`Jwk::from_json`].
    pub fn from_pem(text: &str, password: Option<&str>) -> Result<Self> {
        Ok(Self::from_material(Material::Asymmetric(KeyMaterial::from_pem(text, password)?)))
    }

    /// Reads a key in DER: the bytes that stand in base64 in one of the forms of [`Jwk::from_pem`]. `password` opens
    /// an encrypted key.
    ///
    /// # Errors
    /// As [`Jwk::from_pem`].
    pub fn from_der(bytes: &[u8], password: Option<&str>) -> Result<Self> {
        Ok(Self::from_material(Material::Asymmetric(KeyMaterial::from_der(bytes, password)?)))
    }

    /// Takes the bytes of a secret, for an `oct` key. An empty one is refused where the key is used.
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

    pub(super) fn from_material(material: Material) -> Self {
        let algorithm = material.algorithm();
        Self { material, algorithm, key_id: None, public_key_use: None, key_operations: None }
    }

    /// The member `kty`: `oct`, `RSA`, `EC` or `OKP`.
    pub fn key_type(&self) -> &'static str {
        match &self.material {
            Material::Symmetric(_) => "oct",
            Material::Asymmetric(KeyMaterial::Rsa { .. }) => "RSA",
            Material::Asymmetric(KeyMaterial::Ec { .. }) => "EC",
            Material::Asymmetric(KeyMaterial::Ed25519 { .. } | KeyMaterial::X25519 { .. }) => "OKP",
            #[cfg(feature = "ml-dsa")]
            Material::Asymmetric(KeyMaterial::MlDsa { .. }) => "AKP",
        }
    }

    /// The member `crv`: the curve of an `EC` or `OKP` key.
    pub fn curve(&self) -> Option<&'static str> {
        match &self.material {
            Material::Asymmetric(KeyMaterial::Ec { curve, .. }) => Some(curve.name()),
            Material::Asymmetric(KeyMaterial::Ed25519 { .. }) => Some("Ed25519"),
            Material::Asymmetric(KeyMaterial::X25519 { .. }) => Some("X25519"),
            Material::Symmetric(_) | Material::Asymmetric(_) => None,
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

    /// The member `use`: `sig` for signatures or `enc` for encryption. Any other text allows no use.
    pub fn public_key_use(&self) -> Option<&str> {
        self.public_key_use.as_deref()
    }

    /// The member `key_ops`: what the key may be used for.
    pub fn key_operations(&self) -> Option<&[String]> {
        self.key_operations.as_deref()
    }

    /// Names the key among others.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Binds the key to an algorithm: it refuses every other one.
    #[must_use]
    pub fn with_algorithm(mut self, name: impl Into<String>) -> Self {
        self.algorithm = Some(name.into());
        self
    }

    /// Binds the key to signatures (`sig`) or to encryption (`enc`).
    #[must_use]
    pub fn with_public_key_use(mut self, name: impl Into<String>) -> Self {
        self.public_key_use = Some(name.into());
        self
    }

    /// Binds the key to operations (RFC 7517 section 4.3); what is named twice counts once.
    ///
    /// ```
    /// use jam::jose::{Jwk, NewKey};
    ///
    /// let key = Jwk::generate(NewKey::Ed25519)?.with_key_id("2026").with_key_operations(["sign"]);
    /// assert_eq!(key.key_operations(), Some(&["sign".to_owned()][..]));
    /// assert_eq!(key.public()?.key_operations(), Some(&["verify".to_owned()][..]));
    /// # Ok::<(), jam::Error>(())
    /// ```
    #[must_use]
    pub fn with_key_operations<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.key_operations = Some(unique(names.into_iter().map(Into::into)));
        self
    }

    /// What the key says about itself.
    pub fn statements(&self) -> KeyStatements {
        KeyStatements {
            key_id: self.key_id.clone(),
            algorithm: self.algorithm.clone(),
            public_key_use: self.public_key_use.clone(),
            key_operations: self.key_operations.clone(),
        }
    }

    /// The same key with other statements in place of all its own. Unlike the `with_` methods above, after which a key that
    /// contradicts itself serves for nothing, this one refuses it.
    ///
    /// ```
    /// use jam::jose::{Jwk, KeyStatements, NewKey};
    ///
    /// let key = Jwk::generate(NewKey::EcP256)?.with_key_id("2026").with_algorithm("ES256");
    /// let unnamed = key.clone().with_statements(KeyStatements { key_id: None, ..key.statements() })?;
    /// assert_eq!((unnamed.key_id(), unnamed.algorithm()), (None, Some("ES256")));
    ///
    /// let contradiction = KeyStatements { public_key_use: Some("enc".to_owned()), ..key.statements() };
    /// assert!(key.with_statements(contradiction).is_err());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the statements contradict each other or the kind of the key, as for
    /// [`Jwk::from_json`].
    pub fn with_statements(self, statements: KeyStatements) -> Result<Self> {
        let KeyStatements { key_id, algorithm, public_key_use, key_operations } = statements;
        let key_operations = key_operations.map(|names| unique(names.into_iter()));
        let algorithm = algorithm.or_else(|| self.material.algorithm());
        let key = Self { algorithm, key_id, public_key_use, key_operations, ..self };
        check_statements(&key)?;
        Ok(key)
    }

    /// Whether the private half is known. A symmetric key is private too.
    pub fn is_private(&self) -> bool {
        match &self.material {
            Material::Symmetric(_) => true,
            Material::Asymmetric(key) => key.is_private(),
        }
    }

    /// The public half of the key. Where `key_ops` names what only a private key can do, it then names the
    /// counterpart: `verify` for `sign`, `encrypt` for `decrypt`, `wrapKey` for `unwrapKey`.
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] for a symmetric key, which has no public half.
    pub fn public(&self) -> Result<Self> {
        let material = Material::Asymmetric(self.asymmetric()?.public());
        let key_operations = self.key_operations.as_ref().map(|names| {
            unique(names.iter().map(|name| {
                match name.as_str() {
                    "sign" => "verify",
                    "decrypt" => "encrypt",
                    "unwrapKey" => "wrapKey",
                    other => other,
                }
                .to_owned()
            }))
        });
        Ok(Self { material, key_operations, ..self.clone() })
    }

    /// The members of the public half, of a private key, too.
    ///
    /// ```
    /// use jam::jose::{Jwk, NewKey};
    ///
    /// let members = Jwk::generate(NewKey::EcP256)?.with_key_id("2026").to_dict()?;
    /// let names: Vec<_> = members.keys().map(String::as_str).collect();
    /// assert_eq!(names, ["crv", "kid", "kty", "x", "y"]);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] for a symmetric key, which has no public half.
    pub fn to_dict(&self) -> Result<Map<String, Value>> {
        let key = self.public()?;
        Ok(key.members(key.public_members().unwrap_or_default()))
    }

    /// [`Jwk::to_dict`] as JSON text.
    ///
    /// # Errors
    /// As [`Jwk::to_dict`].
    pub fn to_json(&self) -> Result<String> {
        Ok(Value::Object(self.to_dict()?).to_string())
    }

    /// All members of a private or symmetric key. They are not wiped from memory when dropped.
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] for a public key.
    pub fn to_private_dict(&self) -> Result<Map<String, Value>> {
        if !self.is_private() {
            return Err(no_private_half().into());
        }
        Ok(self.all_members())
    }

    /// [`Jwk::to_private_dict`] as JSON text.
    ///
    /// # Errors
    /// As [`Jwk::to_private_dict`].
    pub fn to_private_json(&self) -> Result<Secret<String>> {
        let mut members = self.to_private_dict()?;
        let text = serde_json::to_string(&members).map(Secret::new);
        wipe(&mut members);
        text.map_err(|_| KeyError::Malformed("JWK: the key cannot be written as JSON".into()).into())
    }

    /// The public half in PEM: `PUBLIC KEY`, a SubjectPublicKeyInfo (RFC 5280 section 4.1).
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] for a symmetric key.
    pub fn to_pem(&self) -> Result<String> {
        Ok(self.asymmetric()?.to_public_pem()?)
    }

    /// The private key in PEM: `PRIVATE KEY`, PKCS#8 (RFC 5958), or with a password `ENCRYPTED PRIVATE KEY`, encrypted
    /// with AES-256-CBC under 600 000 iterations of PBKDF2 with HMAC-SHA-256 (PBES2 of RFC 8018), which takes a
    /// fraction of a second.
    ///
    /// ```
    /// use jam::jose::{Jwk, NewKey};
    ///
    /// let key = Jwk::generate(NewKey::Ed25519)?;
    /// let text = key.to_private_pem(Some("correct horse battery staple"))?;
    /// assert!(text.expose().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    /// let same = Jwk::from_pem(text.expose(), Some("correct horse battery staple"))?;
    /// assert_eq!(same.to_dict()?, key.to_dict()?);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] for a public or symmetric key, [`KeyError::Weak`] for an empty password.
    pub fn to_private_pem(&self, password: Option<&str>) -> Result<Secret<String>> {
        Ok(self.asymmetric()?.to_private_pem(password)?.ok_or_else(no_private_half)?)
    }

    /// The public half in DER: what [`Jwk::to_pem`] has in base64.
    ///
    /// # Errors
    /// As [`Jwk::to_pem`].
    pub fn to_der(&self) -> Result<Vec<u8>> {
        Ok(self.asymmetric()?.to_public_der()?)
    }

    /// The private key in DER: what [`Jwk::to_private_pem`] has in base64.
    ///
    /// # Errors
    /// As [`Jwk::to_private_pem`].
    pub fn to_private_der(&self, password: Option<&str>) -> Result<Secret<Vec<u8>>> {
        Ok(self.asymmetric()?.to_private_der(password)?.ok_or_else(no_private_half)?)
    }

    /// Whether both keys have the same public key. Symmetric keys have none.
    pub(crate) fn has_same_public_key(&self, other: &Self) -> bool {
        let public_key = self.public_members();
        public_key.is_some() && public_key == other.public_members()
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    fn asymmetric(&self) -> Result<&KeyMaterial, KeyError> {
        match &self.material {
            Material::Asymmetric(key) => Ok(key),
            Material::Symmetric(_) => Err(KeyError::WrongKind(
                "a symmetric key (kty \"oct\") has no public half, and no form but that of a private JWK"
                    .into(),
            )),
        }
    }

    /// The members that make up a public key, in the order of their names. `None` for a symmetric key.
    pub(super) fn public_members(&self) -> Option<Vec<(&'static str, String)>> {
        let Material::Asymmetric(key) = &self.material else { return None };
        let key_type = ("kty", self.key_type().to_owned());
        Some(match key {
            KeyMaterial::Rsa { public, .. } => vec![
                ("e", base64url_encode(&public.exponent)),
                key_type,
                ("n", base64url_encode(&public.modulus)),
            ],
            KeyMaterial::Ec { curve, public, .. } => vec![
                ("crv", curve.name().to_owned()),
                key_type,
                ("x", base64url_encode(&public.x)),
                ("y", base64url_encode(&public.y)),
            ],
            KeyMaterial::Ed25519 { public, .. } | KeyMaterial::X25519 { public, .. } => {
                let curve = ("crv", self.curve().unwrap_or_default().to_owned());
                vec![curve, key_type, ("x", base64url_encode(public))]
            }
            #[cfg(feature = "ml-dsa")]
            KeyMaterial::MlDsa { parameters, public, .. } => {
                vec![("alg", parameters.name().to_owned()), key_type, ("pub", base64url_encode(public))]
            }
        })
    }

    /// The members that must stay secret; none for a public key.
    pub(super) fn private_members(&self) -> Vec<(&'static str, Secret<String>)> {
        let member = |name, bytes: &Secret<Vec<u8>>| (name, base64url_encode(bytes.expose()).into());
        match &self.material {
            Material::Symmetric(secret) => vec![member("k", secret)],
            Material::Asymmetric(KeyMaterial::Rsa { private: Some(numbers), .. }) => vec![
                member("d", &numbers.exponent),
                member("p", &numbers.first_prime),
                member("q", &numbers.second_prime),
                member("dp", &numbers.first_exponent),
                member("dq", &numbers.second_exponent),
                member("qi", &numbers.coefficient),
            ],
            Material::Asymmetric(
                KeyMaterial::Ec { private: Some(bytes), .. }
                | KeyMaterial::Ed25519 { private: Some(bytes), .. }
                | KeyMaterial::X25519 { private: Some(bytes), .. },
            ) => vec![member("d", bytes)],
            #[cfg(feature = "ml-dsa")]
            Material::Asymmetric(KeyMaterial::MlDsa { private: Some(seed), .. }) => {
                vec![member("priv", seed)]
            }
            Material::Asymmetric(_) => Vec::new(),
        }
    }

    /// All that is known of the key.
    pub(super) fn all_members(&self) -> Map<String, Value> {
        let mut members = self.members(self.public_members().unwrap_or_default());
        for (name, text) in self.private_members() {
            members.insert(name.to_owned(), text.expose().as_str().into());
        }
        members
    }

    /// A JWK of these members, with what the key says about its use.
    fn members(&self, key: Vec<(&'static str, String)>) -> Map<String, Value> {
        let mut members = Map::new();
        let texts = [("alg", &self.algorithm), ("kid", &self.key_id), ("use", &self.public_key_use)];
        for (name, text) in texts {
            if let Some(text) = text {
                members.insert(name.to_owned(), text.as_str().into());
            }
        }
        if let Some(names) = &self.key_operations {
            members.insert("key_ops".to_owned(), names.as_slice().into());
        }
        // What the key is stands above what it says about itself.
        members.insert("kty".to_owned(), self.key_type().into());
        members.extend(key.into_iter().map(|(name, text)| (name.to_owned(), text.into())));
        members
    }
}

/// Overwrites the texts of a JWK, some of which may be secret.
fn wipe(members: &mut Map<String, Value>) {
    for value in members.values_mut() {
        if let Value::String(text) = value {
            text.zeroize();
        }
    }
}

fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut once = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

fn no_private_half() -> KeyError {
    KeyError::WrongKind("the key is a public one; its private half is not known".into())
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

/// Reads the members of a JWK.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn material(&self) -> Result<Material> {
        let key = match self.text("kty")? {
            Some("oct") => return self.symmetric(),
            Some("RSA") => self.rsa(),
            Some("EC") => self.elliptic_curve(),
            Some("OKP") => self.octet_key_pair(),
            #[cfg(feature = "ml-dsa")]
            Some("AKP") => self.algorithm_key_pair(),
            Some(_) => Err(KeyError::WrongKind("JWK: \"kty\" must be oct, RSA, EC or OKP".into())),
            None => Err(KeyError::Malformed("JWK: the member \"kty\" is missing".into())),
        };
        Ok(Material::Asymmetric(key?.checked()?))
    }

    fn symmetric(&self) -> Result<Material> {
        let secret = self.secret("k")?;
        if secret.expose().is_empty() {
            return Err(JwtError::EmptySecretKey("JWK: the secret in \"k\" is empty".into()).into());
        }
        Ok(Material::Symmetric(secret))
    }

    fn rsa(&self) -> Result<KeyMaterial, KeyError> {
        if self.0.contains_key("oth") {
            return Err(KeyError::Malformed(
                "JWK: RSA keys of more than two primes are not supported".into(),
            ));
        }
        let public = rsa::PublicNumbers::new(&self.bytes("n")?, &self.bytes("e")?);
        let private = if self.0.contains_key("d") {
            // RFC 7518 section 6.3.2 leaves it to the reader whether "d" alone is enough.
            if ["p", "q", "dp", "dq", "qi"].iter().any(|name| !self.0.contains_key(*name)) {
                return Err(KeyError::Malformed(
                    "JWK: a private RSA key needs \"p\", \"q\", \"dp\", \"dq\" and \"qi\" beside \"d\""
                        .into(),
                ));
            }
            Some(rsa::PrivateNumbers {
                exponent: self.number("d")?,
                first_prime: self.number("p")?,
                second_prime: self.number("q")?,
                first_exponent: self.number("dp")?,
                second_exponent: self.number("dq")?,
                coefficient: self.number("qi")?,
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
        let private = self.optional_secret("d")?;
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
        let private = self.optional_secret("d")?;
        match curve {
            Some("Ed25519") => Ok(KeyMaterial::Ed25519 { public, private }),
            Some("X25519") => Ok(KeyMaterial::X25519 { public, private }),
            _ => Err(KeyError::WrongKind("JWK: \"crv\" of an OKP key must be Ed25519 or X25519".into())),
        }
    }

    /// RFC 9964: "alg" says what "pub" and "priv", the seed, are.
    #[cfg(feature = "ml-dsa")]
    fn algorithm_key_pair(&self) -> Result<KeyMaterial, KeyError> {
        let name = self.text("alg")?;
        let parameters = ParameterSet::ALL
            .into_iter()
            .find(|parameters| Some(parameters.name()) == name)
            .ok_or_else(|| {
                KeyError::WrongKind(
                    "JWK: \"alg\" of an AKP key must be ML-DSA-44, ML-DSA-65 or ML-DSA-87".into(),
                )
            })?;
        let (public, private) = (self.bytes("pub")?, self.optional_secret("priv")?);
        Ok(KeyMaterial::MlDsa { parameters, public, private })
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

    /// A secret number, in the fewest bytes (RFC 7518 section 2, Base64urlUInt).
    fn number(&self, name: &'static str) -> Result<Secret<Vec<u8>>, KeyError> {
        let bytes = self.secret(name)?;
        Ok(Secret::new(rsa::without_leading_zeros(bytes.expose())))
    }

    fn optional_secret(&self, name: &'static str) -> Result<Option<Secret<Vec<u8>>>, KeyError> {
        if self.0.contains_key(name) { self.secret(name).map(Some) } else { Ok(None) }
    }
}

fn wrong_type(name: &str, expected: &str, found: &Value) -> KeyError {
    KeyError::Malformed(
        format!("JWK: the member {name:?} must be {expected}, not {}", json_kind(found)).into(),
    )
}
