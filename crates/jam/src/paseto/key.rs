//! Keys: they carry their version and purpose.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::key_source::{KeySource, Material};
use super::primitive::{Context, KeyPair, Local};
use super::{Purpose, Version, malformed};
use crate::crypto::key_encoding::KeyMaterial;
use crate::crypto::random_bytes;
use crate::encoding::base64url_encode;
use crate::secret::Secret;
use crate::{Error, KeyError, PasetoError, Reason, Result};

/// The length of every local key in bytes.
const LOCAL_KEY: usize = 32;

/// A key for one version and one purpose. It cannot be used for another: a token of another version or
/// purpose is refused before any cryptography.
#[derive(Clone)]
pub struct Key(Arc<Prepared>);

/// What a key is, in the words of PASERK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// The shared key of local tokens.
    Local,
    /// The private key of public tokens, with its public key.
    Secret,
    /// The public key of public tokens alone, which only verifies.
    Public,
}

struct Prepared {
    version: Version,
    primitive: Primitive,
    /// What tokens begin with: `v4.local.`.
    header: String,
    id: String,
    /// The id of the public key, where `id` is that of the private one.
    public_id: Option<String>,
}

enum Primitive {
    Local { bytes: Zeroizing<[u8; LOCAL_KEY]>, prepared: Box<dyn Local> },
    Pair(KeyPair),
}

impl KeyType {
    /// `local`, `secret` or `public`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Secret => "secret",
            Self::Public => "public",
        }
    }

    /// The type of its id: `lid`, `sid` or `pid`.
    const fn id_name(self) -> &'static str {
        match self {
            Self::Local => "lid",
            Self::Secret => "sid",
            Self::Public => "pid",
        }
    }
}

impl Key {
    /// Reads the shared key (local), or the private key, the public key, or both (public).
    ///
    /// # Errors
    /// [`PasetoError::InvalidSymmetricKey`], [`PasetoError::InvalidRsaKey`], [`PasetoError::InvalidP384Key`] or
    /// [`PasetoError::InvalidEd25519Key`] when a key is missing, has an unknown form or length, or is of another version
    /// or purpose; when a private and a public key are given that do not belong together.
    pub fn read(
        version: Version,
        purpose: Purpose,
        key: Option<&KeySource>,
        public_key: Option<&KeySource>,
    ) -> Result<Self> {
        match purpose {
            Purpose::Local => read_local(version, key, public_key),
            Purpose::Public => Ok(Self::from_pair(version, read_pair(version, key, public_key)?)),
        }
    }

    /// A new random key. For version 1 it takes a tenth of a second and more to find a public one.
    pub fn generate(version: Version, purpose: Purpose) -> Self {
        match purpose {
            Purpose::Local => Self::from_local(version, random_bytes()),
            Purpose::Public => {
                let asymmetric = version.asymmetric();
                let pair = asymmetric.generate().and_then(|material| asymmetric.prepare(&material).ok());
                let pair = pair.expect("an operating system that runs this program has a random generator");
                Self::from_pair(version, pair)
            }
        }
    }

    /// A key of what its PASERK holds.
    pub(super) fn from_data(version: Version, key_type: KeyType, data: &[u8]) -> Result<Self, PasetoError> {
        let asymmetric = version.asymmetric();
        let material = match key_type {
            KeyType::Local => {
                let mut key = Zeroizing::new([0; LOCAL_KEY]);
                if data.len() != LOCAL_KEY {
                    return Err(PasetoError::InvalidSymmetricKey(
                        format!("a {version}.local key has {LOCAL_KEY} bytes").into(),
                    ));
                }
                key.copy_from_slice(data);
                return Ok(Self::from_local(version, key));
            }
            KeyType::Secret => asymmetric.read_secret(data),
            KeyType::Public => asymmetric.read_public(data),
        };
        let pair = material.and_then(|material| asymmetric.prepare(&material));
        pair.map(|pair| Self::from_pair(version, pair)).map_err(|error| refuse(version, error))
    }

    fn from_local(version: Version, bytes: Zeroizing<[u8; LOCAL_KEY]>) -> Self {
        let id = id(version, KeyType::Local, bytes.as_slice());
        let primitive = Primitive::Local { prepared: version.local(&bytes), bytes };
        Self(Arc::new(Prepared {
            version,
            primitive,
            header: format!("{version}.local."),
            id,
            public_id: None,
        }))
    }

    fn from_pair(version: Version, pair: KeyPair) -> Self {
        let public_id = id(version, KeyType::Public, &pair.public);
        let (id, public_id) = match &pair.secret {
            Some(secret) => (id(version, KeyType::Secret, secret), Some(public_id)),
            None => (public_id, None),
        };
        let (primitive, header) = (Primitive::Pair(pair), format!("{version}.public."));
        Self(Arc::new(Prepared { version, primitive, header, id, public_id }))
    }

    /// The version of the key's tokens.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// The purpose of the key's tokens.
    pub fn purpose(&self) -> Purpose {
        match self.key_type() {
            KeyType::Local => Purpose::Local,
            KeyType::Secret | KeyType::Public => Purpose::Public,
        }
    }

    /// Whether the key is shared, private or public.
    pub fn key_type(&self) -> KeyType {
        match &self.0.primitive {
            Primitive::Local { .. } => KeyType::Local,
            Primitive::Pair(KeyPair { secret: Some(_), .. }) => KeyType::Secret,
            Primitive::Pair(_) => KeyType::Public,
        }
    }

    /// The PASERK id of this very key: `k4.lid.` of a local, `k4.sid.` of a private, `k4.pid.` of a public key. It is a hash:
    /// it can be shown, and it tells nothing about the key.
    ///
    /// ```
    /// use jam::paseto::Key;
    ///
    /// let key = Key::from_paserk("k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8")?;
    /// assert_eq!(key.id(), "k4.lid.iVtYQDjr5gEijCSjJC3fQaJm7nCeQSeaty0Jixy8dbsk");
    /// # Ok::<(), jam::Error>(())
    /// ```
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The PASERK id by which a token's footer names the key that opens it: that of a local key, or of the public key.
    ///
    /// ```
    /// use jam::paseto::{Key, Purpose, Version};
    ///
    /// let key = Key::generate(Version::V4, Purpose::Public);
    /// assert!(key.id().starts_with("k4.sid.") && key.kid().starts_with("k4.pid."));
    /// assert_eq!(key.kid(), key.public()?.id());
    /// # Ok::<(), jam::Error>(())
    /// ```
    pub fn kid(&self) -> &str {
        self.0.public_id.as_ref().unwrap_or(&self.0.id)
    }

    /// Whether a text begins as the [`kid`](Self::kid) of a key of this version and purpose does.
    pub(super) fn is_like_kid(&self, text: &str) -> bool {
        let name = match self.purpose() {
            Purpose::Local => KeyType::Local,
            Purpose::Public => KeyType::Public,
        };
        text.strip_prefix(&id_header(self.version(), name)).is_some()
    }

    /// The public key alone.
    ///
    /// # Errors
    /// [`PasetoError::InvalidPurpose`] for a local key, which has none.
    pub fn public(&self) -> Result<Self> {
        match &self.0.primitive {
            Primitive::Local { .. } => {
                Err(PasetoError::InvalidPurpose("a local key has no public half".into()).into())
            }
            Primitive::Pair(pair) => Ok(Self::from_data(self.version(), KeyType::Public, &pair.public)?),
        }
    }

    /// What the key's PASERK holds.
    pub(super) fn data(&self) -> &[u8] {
        match &self.0.primitive {
            Primitive::Local { bytes, .. } => bytes.as_slice(),
            Primitive::Pair(pair) => pair.secret.as_deref().unwrap_or(&pair.public),
        }
    }

    /// The bytes of a local key.
    pub(super) fn local_bytes(&self) -> Option<&[u8; LOCAL_KEY]> {
        match &self.0.primitive {
            Primitive::Local { bytes, .. } => Some(bytes),
            Primitive::Pair(_) => None,
        }
    }

    pub(super) fn header(&self) -> &str {
        &self.0.header
    }

    /// What a token of this key is bound to.
    pub(super) fn context<'a>(&'a self, footer: &'a [u8], implicit: &'a [u8]) -> Result<Context<'a>> {
        let implicit = match self.version().takes_implicit_assertion() {
            true => Some(implicit),
            false if implicit.is_empty() => None,
            false => {
                let reason = format!("{} knows no implicit assertion; v3 and v4 do", self.version());
                return Err(Error::validation(reason));
            }
        };
        Ok(Context { header: self.header().as_bytes(), footer, implicit })
    }

    /// The body of a token before base64: the message, encrypted or signed within `context`.
    pub(super) fn protect(&self, message: &[u8], seed: &[u8; 32], context: &Context<'_>) -> Result<Vec<u8>> {
        let pair = match &self.0.primitive {
            Primitive::Local { prepared, .. } => return Ok(prepared.seal(message, seed, context)),
            Primitive::Pair(pair) => pair,
        };
        let signing = pair.signing.as_ref().ok_or_else(|| {
            let reason = "this is a public key, which only verifies; signing needs the private key";
            self.version().asymmetric().refuse(reason.into())
        })?;
        let signed = context.encode_after(pair.verifying.bound_key(), &[message]).to_vec();
        let signature = signing.sign(&signed).map_err(|error| refuse(self.version(), error))?;
        Ok([message, &signature].concat())
    }

    /// The message of a body that was protected with this key within the same `context`.
    pub(super) fn open(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>> {
        let verifying = match &self.0.primitive {
            Primitive::Local { prepared, .. } => return prepared.open(body, context),
            Primitive::Pair(pair) => &pair.verifying,
        };
        let length = verifying.signature_length();
        let Some(message_length) = body.len().checked_sub(length) else {
            return Err(malformed(format!("a {} token ends in {length} bytes of signature", self.header())));
        };
        let (message, signature) = body.split_at(message_length);
        let signed = context.encode_after(verifying.bound_key(), &[message]).to_vec();
        if !verifying.verify(&signed, signature) {
            return Err(PasetoError::KeyVerification.into());
        }
        Ok(message.to_vec())
    }
}

/// Two keys are one if they have one [id](Key::id), which is a hash of all that they are.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({}.{}.[redacted])", self.version().paserk(), self.key_type().name())
    }
}

/// The PASERK id of a key with this data.
pub(super) fn id(version: Version, key_type: KeyType, data: &[u8]) -> String {
    let header = id_header(version, key_type);
    let paserk = Secret::new(paserk(version, key_type, data));
    let hash = version.suite().identify(&[header.as_bytes(), paserk.expose().as_bytes()]);
    header + &base64url_encode(hash)
}

fn id_header(version: Version, key_type: KeyType) -> String {
    format!("{}.{}.", version.paserk(), key_type.id_name())
}

/// The plain PASERK of a key with this data.
pub(super) fn paserk(version: Version, key_type: KeyType, data: &[u8]) -> String {
    let encoded = Zeroizing::new(base64url_encode(data));
    format!("{}.{}.{}", version.paserk(), key_type.name(), encoded.as_str())
}

fn refuse(version: Version, error: KeyError) -> PasetoError {
    version.asymmetric().refuse(error.to_string().into())
}

fn read_local(version: Version, key: Option<&KeySource>, public_key: Option<&KeySource>) -> Result<Key> {
    let invalid = |reason: Reason| PasetoError::InvalidSymmetricKey(reason);
    if public_key.is_some() {
        return Err(invalid(format!("{version}.local has one shared key and no public key").into()).into());
    }
    let key = key.ok_or_else(|| invalid(format!("{version}.local needs a key").into()))?;
    let bytes = match key.material(&[LOCAL_KEY], invalid)? {
        Material::Raw(bytes) => bytes,
        Material::Paserk { name, bytes } if name == format!("{}.local", version.paserk()) => bytes,
        Material::Paserk { .. } => {
            let reason = format!(
                "{version}.local needs a {}.local key; a wrapped or sealed one has to be opened first",
                version.paserk()
            );
            return Err(invalid(reason.into()).into());
        }
        Material::Pem(_) => {
            let reason = format!("{version}.local needs a shared key; a PEM block is a key pair's");
            return Err(invalid(reason.into()).into());
        }
    };
    Ok(Key::from_data(version, KeyType::Local, &bytes)?)
}

fn read_pair(
    version: Version,
    key: Option<&KeySource>,
    public_key: Option<&KeySource>,
) -> Result<KeyPair, PasetoError> {
    let asymmetric = version.asymmetric();
    let prepare = |key, half| {
        let material = read_material(version, key, half)?;
        asymmetric.prepare(&material).map_err(|error| refuse(version, error))
    };
    let public = public_key.map(|key| prepare(key, Half::Public)).transpose()?;
    match (key.map(|key| prepare(key, Half::Either)).transpose()?, public) {
        (Some(key), Some(public)) if key.public != public.public => {
            Err(asymmetric.refuse("the public key does not belong to the key beside it".into()))
        }
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => {
            Err(asymmetric.refuse(format!("{version}.public needs a private or a public key").into()))
        }
    }
}

/// Which half of a key pair is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Either,
    Private,
    Public,
}

/// The numbers of a key pair, or of the half that is asked for.
pub(super) fn read_material(
    version: Version,
    key: &KeySource,
    half: Half,
) -> Result<KeyMaterial, PasetoError> {
    let asymmetric = version.asymmetric();
    let wrong_half = |reason: String| KeyError::WrongKind(reason.into());
    let material = match key.material(asymmetric.lengths(), |reason| asymmetric.refuse(reason))? {
        Material::Raw(bytes) => match half {
            Half::Either | Half::Private => asymmetric.read_unnamed(&bytes),
            Half::Public => asymmetric.read_public(&bytes),
        },
        Material::Paserk { name, bytes } => match name.strip_prefix(version.paserk()) {
            Some(".secret") => asymmetric.read_secret(&bytes),
            Some(".public") => asymmetric.read_public(&bytes),
            _ => Err(wrong_half(format!(
                "{version}.public needs a {0}.secret or {0}.public key; a wrapped one has to be opened first",
                version.paserk()
            ))),
        },
        Material::Pem(material) => Ok(material),
    };
    let material = material.and_then(|material| match (half, material.is_private()) {
        (Half::Public, true) => {
            Err(wrong_half("a public key is needed here, and this is a private one".into()))
        }
        (Half::Private, false) => {
            Err(wrong_half("a private key is needed here, and this is a public one".into()))
        }
        _ => Ok(material),
    });
    material.map_err(|error| refuse(version, error))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Paseto, PasetoOptions};
    use super::*;

    const SECRET_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
                              MC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0\n\
                              -----END PRIVATE KEY-----";
    const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
                              MCowBQYDK2VwAyEAHrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI=\n\
                              -----END PUBLIC KEY-----";

    fn public(version: Version, key: impl Into<KeySource>) -> Result<Key> {
        read(version, Purpose::Public, key)
    }

    fn local(version: Version, key: impl Into<KeySource>) -> Result<Key> {
        read(version, Purpose::Local, key)
    }

    /// With a key in both places.
    fn both(version: Version, key: &str, public_key: &str) -> Result<Key> {
        Key::read(version, Purpose::Public, Some(&key.into()), Some(&public_key.into()))
    }

    /// With a key in the place of the public one only.
    fn verifier(version: Version, public_key: impl Into<KeySource>) -> Result<Key> {
        Key::read(version, Purpose::Public, None, Some(&public_key.into()))
    }

    fn code(result: Result<Key>) -> &'static str {
        result.unwrap_err().code()
    }

    #[test]
    fn a_shared_key_is_read_in_every_form() {
        for version in Version::ALL {
            let expected = local(version, SHARED).unwrap();
            let (name, encoded) = (version.paserk(), base64url(SHARED));
            let forms: [KeySource; 10] = [
                SHARED.to_uppercase().into(),
                encoded.as_str().into(),
                format!("{encoded}=").into(),
                format!("\n{encoded}  ").into(),
                format!("{name}.local.{encoded}").into(),
                hex(SHARED).into(),
                SHARED.as_bytes().into(),
                encoded.as_bytes().into(),
                format!("{name}.local.{encoded}").into_bytes().into(),
                expected.to_paserk().into(),
            ];
            for (number, form) in forms.into_iter().enumerate() {
                assert_eq!(local(version, form).unwrap().id(), expected.id(), "{version}, form {number}");
            }
        }
    }

    #[test]
    fn an_ed25519_pair_is_read_in_every_form() {
        for version in [Version::V2, Version::V4] {
            let (name, encoded) = (version.paserk(), base64url(SECRET));
            let expected = public(version, SECRET).unwrap();
            let private: [KeySource; 6] = [
                SECRET_PEM.into(),
                SECRET_PEM.replace('\n', "\r\n").into(),
                encoded.as_str().into(),
                format!("{encoded}==").into(),
                format!("{name}.secret.{encoded}").into(),
                hex(SECRET).into(),
            ];
            for (number, form) in private.into_iter().enumerate() {
                assert_eq!(public(version, form).unwrap().id(), expected.id(), "{version}, form {number}");
            }
            let paserk = format!("{name}.public.{}", base64url(PUBLIC));
            for public_key in [PUBLIC, PUBLIC_PEM, &base64url(PUBLIC), &paserk] {
                assert_eq!(verifier(version, public_key).unwrap().id(), expected.kid());
                assert_eq!(both(version, SECRET, public_key).unwrap().id(), expected.id());
            }
            for public_key in [PUBLIC_PEM, &paserk] {
                let key = public(version, public_key).unwrap();
                assert_eq!((key.key_type(), key.id()), (KeyType::Public, expected.kid()));
            }
        }
    }

    #[test]
    fn a_p384_pair_is_read_in_every_form() {
        let expected = public(Version::V3, P384_SECRET).unwrap();
        let encoded = base64url(P384_SECRET);
        let private: [KeySource; 3] =
            [encoded.as_str().into(), format!("k3.secret.{encoded}").into(), hex(P384_SECRET).into()];
        for form in private {
            assert_eq!(public(Version::V3, form).unwrap().id(), expected.id());
        }
        let paserk = format!("k3.public.{}", base64url(P384_PUBLIC));
        for public_key in [P384_PUBLIC, &base64url(P384_PUBLIC), &paserk] {
            assert_eq!(verifier(Version::V3, public_key).unwrap().id(), expected.kid());
            // Unlike in Ed25519, nothing else is so long.
            assert_eq!(public(Version::V3, public_key).unwrap().id(), expected.kid());
            assert_eq!(both(Version::V3, P384_SECRET, public_key).unwrap().id(), expected.id());
        }
        let pem = include_str!("../../tests/keys/p384.pem");
        let public_pem = include_str!("../../tests/keys/p384_public.pem");
        assert_eq!(both(Version::V3, pem, public_pem).unwrap().key_type(), KeyType::Secret);
        assert_eq!(code(both(Version::V3, P384_SECRET, public_pem)), "paseto.invalid_secp384r1_key");
    }

    #[test]
    fn an_rsa_pair_is_read_in_every_form() {
        let expected = public(Version::V1, RSA).unwrap();
        let data = expected.data().to_vec();
        let encoded = base64url_encode(&data);
        let pkcs8 = KeyMaterial::from_pem(RSA, None).unwrap().to_private_der(None).unwrap().unwrap();
        let private: [KeySource; 5] = [
            pkcs8.expose().as_slice().into(),
            include_str!("../../tests/keys/rsa_pkcs1.pem").into(),
            encoded.as_str().into(),
            format!("k1.secret.{encoded}").into(),
            data.into(),
        ];
        for (number, form) in private.into_iter().enumerate() {
            assert_eq!(public(Version::V1, form).unwrap().id(), expected.id(), "form {number}");
        }
        let der = expected.public().unwrap().data().to_vec();
        let public_keys: [KeySource; 5] = [
            RSA_PUBLIC.into(),
            include_str!("../../tests/keys/rsa_public_pkcs1.pem").into(),
            base64url_encode(&der).into(),
            format!("k1.public.{}", base64url_encode(&der)).into(),
            der.into(),
        ];
        for (number, form) in public_keys.into_iter().enumerate() {
            assert_eq!(verifier(Version::V1, form.clone()).unwrap().id(), expected.kid(), "form {number}");
            assert_eq!(public(Version::V1, form).unwrap().id(), expected.kid(), "form {number}");
        }
    }

    #[test]
    fn what_is_no_local_key_of_the_version_is_refused() {
        // attack 47
        let shared = base64url(SHARED);
        for version in Version::ALL {
            let name = version.paserk();
            let other = if version == Version::V3 { "k4" } else { "k3" };
            for key in [
                PUBLIC_PEM.to_owned(),
                SECRET_PEM.to_owned(),
                RSA.to_owned(),
                SECRET.to_owned(),
                P384_SECRET.to_owned(),
                P384_PUBLIC.to_owned(),
                format!("{name}.public.{}", base64url(PUBLIC)),
                format!("{name}.secret.{}", base64url(SECRET)),
                format!("{other}.local.{shared}"),
                format!("{name}.lid.{shared}"),
                format!("{name}.seal.{shared}"),
                format!("{name}.local.{shared}="),
                format!("{name}.local.{}", &shared[..42]),
                format!("{name}.local-wrap.pie.{shared}"),
                format!("{name}.local."),
                format!("{name}."),
                String::new(),
                "secret".to_owned(),
                // 32 characters are no 32 bytes: a passphrase is no key.
                "a".repeat(32),
                SHARED[..62].to_owned(),
                format!("{SHARED}00"),
                format!("{shared}=="),
            ] {
                assert_eq!(
                    code(local(version, key.as_str())),
                    "paseto.invalid_symmetric_key",
                    "{version} {key}"
                );
            }
            assert_eq!(code(local(version, vec![0; 31])), "paseto.invalid_symmetric_key");
            assert_eq!(code(local(version, vec![0xff; 33])), "paseto.invalid_symmetric_key");
            let missing = Key::read(version, Purpose::Local, None, None);
            assert_eq!(code(missing), "paseto.invalid_symmetric_key");
            let two = Key::read(version, Purpose::Local, Some(&SHARED.into()), Some(&PUBLIC.into()));
            assert_eq!(code(two), "paseto.invalid_symmetric_key");
        }
    }

    #[test]
    fn what_is_no_key_pair_of_the_version_is_refused() {
        // attack 47: every key against every version that it is not for
        let ed25519 = [SECRET, SECRET_PEM, PUBLIC_PEM];
        let p384 = [P384_SECRET, P384_PUBLIC, include_str!("../../tests/keys/p384.pem")];
        let rsa = [RSA, RSA_PUBLIC];
        let never = [
            SHARED.to_owned(),
            base64url(SHARED),
            // The seed alone looks like a public key.
            SECRET[..64].to_owned(),
            // A public key after a seed that it does not belong to.
            format!("{}{SHARED}", &SECRET[..64]),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----".to_owned(),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            include_str!("../../tests/keys/p256.pem").to_owned(),
            include_str!("../../tests/keys/p521.pem").to_owned(),
            include_str!("../../tests/keys/secp256k1.pem").to_owned(),
            include_str!("../../tests/keys/rsa1024.pem").to_owned(),
            include_str!("../../tests/keys/certificate.pem").to_owned(),
            "00".repeat(48),
            "ff".repeat(48),
            format!("02{}", "ff".repeat(48)),
            format!("04{}", "00".repeat(48)),
            "3082".to_owned(),
            String::new(),
            "secret".to_owned(),
        ];
        let paserks = [
            format!("local.{}", base64url(SHARED)),
            format!("secret.{}", base64url(SHARED)),
            format!("public.{}", base64url(SECRET)),
            format!("sid.{}", base64url(SHARED)),
            format!("secret-wrap.pie.{}", base64url(SECRET)),
            format!("secret-pw.{}", base64url(SECRET)),
            "secret.".to_owned(),
        ];
        for version in Version::ALL {
            let expected = match version {
                Version::V1 => "paseto.invalid_rsa_key",
                Version::V2 | Version::V4 => "paseto.invalid_ed25519_key",
                Version::V3 => "paseto.invalid_secp384r1_key",
            };
            let mut keys: Vec<String> = never.to_vec();
            keys.extend(paserks.iter().map(|paserk| format!("{}.{paserk}", version.paserk())));
            let foreign: Vec<&str> = match version {
                Version::V1 => [ed25519, p384].concat(),
                Version::V2 | Version::V4 => [&p384[..], &rsa].concat(),
                Version::V3 => [&ed25519[..], &rsa].concat(),
            };
            keys.extend(foreign.into_iter().map(str::to_owned));
            for other in kinds().filter(|(other, purpose)| *other != version && *purpose == Purpose::Public) {
                keys.push(key(other.0, other.1).to_paserk().expose().clone());
            }
            for key in &keys {
                assert_eq!(code(public(version, key.as_str())), expected, "{version} {key}");
                assert!(public(version, hex_or_text(key)).is_err(), "{version} {key}");
            }
            assert_eq!(code(Key::read(version, Purpose::Public, None, None)), expected);
            // What stands in the place of the public key is none.
            let own = key_text(version, Purpose::Public);
            for public_key in [own, "", "secret", &"00".repeat(32)] {
                assert_eq!(code(both(version, own, public_key)), expected, "{version} {public_key}");
                assert_eq!(code(verifier(version, public_key)), expected, "{version} {public_key}");
            }
        }
    }

    fn hex_or_text(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap_or_else(|_| text.as_bytes().to_vec())
    }

    #[test]
    fn version_1_signs_with_2048_bits_and_the_usual_exponent_only() {
        for bits in [3072, 4096] {
            let pair = crate::keygen::generate_rsa_key_pair(bits).unwrap();
            assert_eq!(code(public(Version::V1, pair.private.expose().as_str())), "paseto.invalid_rsa_key");
            assert_eq!(code(verifier(Version::V1, pair.public)), "paseto.invalid_rsa_key");
        }
    }

    #[test]
    fn a_public_key_only_verifies() {
        for version in Version::ALL {
            let pair = key(version, Purpose::Public);
            let token = Paseto::from_key(pair.clone()).encode(b"{}", b"", b"").unwrap();
            let verifier = Paseto::from_key(pair.public().unwrap());
            assert!(verifier.decode(&token, b"").is_ok());
            let refusal = verifier.encode(b"{}", b"", b"").unwrap_err();
            assert_eq!(
                refusal,
                refuse(
                    version,
                    KeyError::WrongKind(
                        "this is a public key, which only verifies; signing needs the private key".into()
                    )
                )
                .into()
            );
            assert_eq!(code(key(version, Purpose::Local).public()), "paseto.invalid_purpose");
        }
    }

    #[test]
    fn new_keys_differ_and_are_what_they_say() {
        for (version, purpose) in kinds() {
            let (one, other) = (Key::generate(version, purpose), Key::generate(version, purpose));
            assert_ne!(one.id(), other.id());
            assert_eq!((one.version(), one.purpose()), (version, purpose));
            let again = Key::from_paserk(one.to_paserk().expose()).unwrap();
            assert_eq!((again.id(), again.kid()), (one.id(), one.kid()));
        }
    }

    #[test]
    fn errors_and_debug_show_no_key() {
        // attack 74, fault 9
        for (version, purpose) in kinds() {
            let key = key(version, purpose);
            let text = key.to_paserk();
            let options = PasetoOptions::new(version, purpose).key(text.expose().as_str());
            let shown = format!("{key:?} {options:?} {:?} {:?}", Paseto::from_key(key.clone()), text);
            let refusal = read(version, purpose, format!("{}AAAA", text.expose()).as_str()).unwrap_err();
            let secret = text.expose().rsplit_once('.').unwrap().1;
            for text in [shown, format!("{refusal} {refusal:?}")] {
                assert!(
                    !text.contains(&secret[..8]) && !text.contains("112, 113") && !text.contains("7071"),
                    "{text}"
                );
            }
        }
    }
}
