//! Version 4. Local: XChaCha20, authenticated with keyed BLAKE2b. Public: Ed25519.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::key::Material;
use super::{Context, KeySource, Primitive, Purpose, malformed, pre_authentication_encoding};
use crate::crypto::key_encoding::KeyMaterial;
use crate::crypto::{blake2b, ed25519, random_bytes, xchacha};
use crate::secret::constant_time_eq;
use crate::{PasetoError, Reason, Result};

const KEY: usize = 32;
const SECRET_KEY: usize = 64;
const NONCE: usize = 32;
const TAG: usize = 32;

pub(super) fn generate(purpose: Purpose) -> Arc<dyn Primitive> {
    match purpose {
        Purpose::Local => Arc::new(LocalKey(random_bytes())),
        Purpose::Public => {
            let key = SecretKey::from_seed(random_bytes::<KEY>().as_slice());
            Arc::new(key.expect("every string of 32 bytes is an Ed25519 seed (RFC 8032 section 5.1.5)"))
        }
    }
}

pub(super) fn read(
    purpose: Purpose,
    key: Option<&KeySource>,
    public_key: Option<&KeySource>,
) -> Result<Arc<dyn Primitive>> {
    match purpose {
        Purpose::Local => Ok(Arc::new(LocalKey::read(key, public_key)?)),
        Purpose::Public => read_public(key, public_key),
    }
}

/// The key of v4.local.
struct LocalKey(Zeroizing<[u8; KEY]>);

impl LocalKey {
    fn read(key: Option<&KeySource>, public_key: Option<&KeySource>) -> Result<Self, PasetoError> {
        let invalid = |reason: Reason| PasetoError::InvalidSymmetricKey(reason);
        let error = |reason: &'static str| invalid(reason.into());
        if public_key.is_some() {
            return Err(error("v4.local has one shared key and no public key"));
        }
        let bytes = match key.ok_or_else(|| error("v4.local needs a key"))?.material(&[KEY], invalid)? {
            Material::Raw(bytes) => bytes,
            Material::Paserk { name, bytes } if name == "k4.local" => bytes,
            Material::Paserk { .. } => return Err(error("v4.local needs a k4.local key")),
            Material::Pem(_) => {
                return Err(error("v4.local needs a shared key; a PEM block is a key pair's"));
            }
        };
        let mut key = Zeroizing::new([0; KEY]);
        if bytes.len() != KEY {
            return Err(error("a v4.local key has 32 bytes"));
        }
        key.copy_from_slice(&bytes);
        Ok(Self(key))
    }

    fn seal(&self, message: &[u8], nonce: &[u8; NONCE], context: &Context<'_>) -> Result<Vec<u8>> {
        let keys = self.split(nonce);
        let mut body = Vec::with_capacity(NONCE + message.len() + TAG);
        body.extend_from_slice(nonce);
        body.extend_from_slice(message);
        keys.apply(&mut body[NONCE..])?;
        let tag = keys.tag(nonce, &body[NONCE..], context);
        body.extend_from_slice(&tag);
        Ok(body)
    }

    /// The keys of one token, derived from the key and the token's nonce.
    fn split(&self, nonce: &[u8]) -> TokenKeys {
        let derived = Zeroizing::new(blake2b::keyed::<56>(&self.0, &[b"paseto-encryption-key", nonce]));
        let mut keys = TokenKeys {
            encryption: Zeroizing::new([0; 32]),
            counter_nonce: [0; 24],
            authentication: Zeroizing::new(blake2b::keyed(&self.0, &[b"paseto-auth-key-for-aead", nonce])),
        };
        keys.encryption.copy_from_slice(&derived[..32]);
        keys.counter_nonce.copy_from_slice(&derived[32..]);
        keys
    }
}

struct TokenKeys {
    encryption: Zeroizing<[u8; 32]>,
    counter_nonce: [u8; 24],
    authentication: Zeroizing<[u8; 32]>,
}

impl TokenKeys {
    fn apply(&self, data: &mut [u8]) -> Result<()> {
        xchacha::apply(&self.encryption, &self.counter_nonce, data)
            .ok_or_else(|| malformed("the payload is longer than XChaCha20 can encrypt"))
    }

    fn tag(&self, nonce: &[u8], ciphertext: &[u8], context: &Context<'_>) -> [u8; TAG] {
        let Context { header, footer, implicit } = context;
        let authenticated = pre_authentication_encoding(&[header, nonce, ciphertext, footer, implicit]);
        blake2b::keyed(&self.authentication, &[&authenticated])
    }
}

impl Primitive for LocalKey {
    fn protect(&self, message: &[u8], context: &Context<'_>) -> Result<Vec<u8>> {
        self.seal(message, &random_bytes(), context)
    }

    fn open(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>> {
        if body.len() < NONCE + TAG {
            return Err(malformed("a v4.local token has a nonce and a tag of 32 bytes each"));
        }
        let (nonce, rest) = body.split_at(NONCE);
        let (ciphertext, tag) = rest.split_at(rest.len() - TAG);
        let keys = self.split(nonce);
        if !constant_time_eq(&keys.tag(nonce, ciphertext, context), tag) {
            return Err(PasetoError::KeyVerification.into());
        }
        let mut message = ciphertext.to_vec();
        keys.apply(&mut message)?;
        Ok(message)
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LocalKey([redacted])")
    }
}

/// The key pair of v4.public.
#[derive(Debug)]
struct SecretKey {
    private: ed25519::PrivateKey,
    public: PublicKey,
}

/// The public key of v4.public, which only verifies.
#[derive(Clone, Debug)]
struct PublicKey(ed25519::PublicKey);

fn ed25519_error<R: Into<Reason>>(reason: R) -> PasetoError {
    PasetoError::InvalidEd25519Key(reason.into())
}

fn read_public(key: Option<&KeySource>, public_key: Option<&KeySource>) -> Result<Arc<dyn Primitive>> {
    let public_key = public_key.map(PublicKey::read).transpose()?;
    let Some(key) = key else {
        let public_key =
            public_key.ok_or_else(|| ed25519_error("v4.public needs a private or a public key"))?;
        return Ok(Arc::new(public_key));
    };
    match (Either::read(key)?, public_key) {
        (Either::Secret(key), None) => Ok(Arc::new(key)),
        (Either::Secret(key), Some(public)) if key.public.is(&public) => Ok(Arc::new(key)),
        (Either::Public(key), None) => Ok(Arc::new(key)),
        (Either::Public(key), Some(public)) if key.is(&public) => Ok(Arc::new(key)),
        _ => Err(ed25519_error("the public key does not belong to the key beside it").into()),
    }
}

/// What may stand in the place of the private key.
enum Either {
    Secret(SecretKey),
    Public(PublicKey),
}

impl Either {
    fn read(source: &KeySource) -> Result<Self, PasetoError> {
        let secret = |bytes: &[u8]| SecretKey::from_bytes(bytes).map(Self::Secret);
        match source.material(&[SECRET_KEY, KEY], ed25519_error::<Reason>)? {
            Material::Raw(bytes) if bytes.len() == KEY => Err(ed25519_error(
                "32 bytes may be the seed of a private key or a public key; give the private key as 64 bytes, PEM or PASERK, and the public key as public_key",
            )),
            Material::Raw(bytes) => secret(&bytes),
            Material::Paserk { name, bytes } if name == "k4.secret" => secret(&bytes),
            Material::Paserk { name, bytes } if name == "k4.public" => {
                PublicKey::from_bytes(&bytes).map(Self::Public)
            }
            Material::Paserk { .. } => Err(ed25519_error("v4.public needs a k4.secret or k4.public key")),
            Material::Pem(KeyMaterial::Ed25519 { private: Some(seed), .. }) => {
                SecretKey::from_seed(seed.expose()).map(Self::Secret)
            }
            Material::Pem(KeyMaterial::Ed25519 { public, .. }) => {
                PublicKey::from_bytes(&public).map(Self::Public)
            }
            Material::Pem(_) => {
                Err(ed25519_error("the PEM text holds no Ed25519 key, which v4.public needs"))
            }
        }
    }
}

impl SecretKey {
    /// Reads the seed and the public key after it, which must belong to it.
    fn from_bytes(bytes: &[u8]) -> Result<Self, PasetoError> {
        if bytes.len() != SECRET_KEY {
            return Err(ed25519_error("a v4 private key has 64 bytes, the seed and the public key"));
        }
        let (seed, public) = bytes.split_at(KEY);
        let key = Self::from_seed(seed)?;
        if key.public.0.as_bytes() != public {
            return Err(ed25519_error("the two halves of the v4 private key do not belong together"));
        }
        Ok(key)
    }

    fn from_seed(seed: &[u8]) -> Result<Self, PasetoError> {
        let private =
            ed25519::PrivateKey::from_seed(seed).map_err(|refusal| ed25519_error(refusal.to_string()))?;
        let public = PublicKey::from_bytes(&private.public_key_bytes())?;
        Ok(Self { private, public })
    }
}

impl PublicKey {
    fn read(source: &KeySource) -> Result<Self, PasetoError> {
        match source.material(&[KEY], ed25519_error::<Reason>)? {
            Material::Raw(bytes) => Self::from_bytes(&bytes),
            Material::Paserk { name, bytes } if name == "k4.public" => Self::from_bytes(&bytes),
            Material::Pem(KeyMaterial::Ed25519 { public, private: None }) => Self::from_bytes(&public),
            _ => Err(ed25519_error(
                "public_key takes a public key: k4.public, PEM PUBLIC KEY, or its 32 bytes",
            )),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, PasetoError> {
        let key = ed25519::PublicKey::from_bytes(bytes);
        key.map(Self).map_err(|_| ed25519_error("a v4 public key is an Ed25519 point in 32 bytes"))
    }

    fn is(&self, other: &Self) -> bool {
        self.0.as_bytes() == other.0.as_bytes()
    }
}

fn signed_bytes(message: &[u8], context: &Context<'_>) -> Vec<u8> {
    let Context { header, footer, implicit } = context;
    pre_authentication_encoding(&[header, message, footer, implicit])
}

impl Primitive for SecretKey {
    fn protect(&self, message: &[u8], context: &Context<'_>) -> Result<Vec<u8>> {
        let mut body = message.to_vec();
        body.extend_from_slice(&self.private.sign(&signed_bytes(message, context)));
        Ok(body)
    }

    fn open(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>> {
        self.public.open(body, context)
    }
}

impl Primitive for PublicKey {
    fn protect(&self, _message: &[u8], _context: &Context<'_>) -> Result<Vec<u8>> {
        Err(ed25519_error("this is a public key, which only verifies; signing needs the private key").into())
    }

    fn open(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>> {
        let length = body.len().checked_sub(ed25519::SIGNATURE_LENGTH);
        let length = length.ok_or_else(|| malformed("a v4.public token ends in a signature of 64 bytes"))?;
        let (message, signature) = body.split_at(length);
        if !self.0.verify(&signed_bytes(message, context), signature) {
            return Err(PasetoError::KeyVerification.into());
        }
        Ok(message.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use serde_json::Value;

    use super::*;
    use crate::Error;
    use crate::paseto::{Paseto, PasetoOptions, Version};

    const SHARED: &str = "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f";
    const SECRET: &str = "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774\
                          1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2";
    const PUBLIC: &str = "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2";
    const SECRET_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
                              MC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0\n\
                              -----END PRIVATE KEY-----";
    const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
                              MCowBQYDK2VwAyEAHrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI=\n\
                              -----END PUBLIC KEY-----";

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    fn base64url(text: &str) -> String {
        crate::encoding::base64url_encode(hex(text))
    }

    fn paseto(
        purpose: Purpose,
        key: Option<impl Into<KeySource>>,
        public_key: Option<&str>,
    ) -> Result<Paseto> {
        let (key, public_key) = (key.map(Into::into), public_key.map(Into::into));
        Paseto::new(PasetoOptions { version: Version::V4, purpose, key, public_key })
    }

    fn local(key: impl Into<KeySource>) -> Result<Paseto> {
        paseto(Purpose::Local, Some(key), None)
    }

    fn public(key: impl Into<KeySource>) -> Result<Paseto> {
        paseto(Purpose::Public, Some(key), None)
    }

    fn code(result: Result<Paseto>) -> &'static str {
        result.unwrap_err().code()
    }

    /// Seals with a nonce from the outside, which only a test vector may do.
    fn seal(key: &str, nonce: &str, message: &str, context: &Context<'_>) -> Vec<u8> {
        let source = KeySource::from(key);
        let nonce: [u8; NONCE] = hex(nonce).try_into().unwrap();
        LocalKey::read(Some(&source), None).unwrap().seal(message.as_bytes(), &nonce, context).unwrap()
    }

    #[test]
    fn local_tokens_are_those_of_the_specification() {
        // attack 49; vectors 4-E-1 and 4-E-10, whose 40 fraction digits pass through unread
        let zeros = "00".repeat(32);
        let context = Context { header: b"v4.local.", footer: b"", implicit: b"" };
        for (message, token) in [
            (
                r#"{"data":"this is a secret message","exp":"2022-01-01T00:00:00+00:00"}"#,
                "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvSwscFlAl1pk5HC0e8kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YWAiaArVI8XJ5hOb_4v9RmDkneN0S92dx0OW4pgy7omxgf3S8c3LlQg",
            ),
            (
                r#"{"data":"this is a secret message","exp":"2022-01-01T00:00:00.1234567890123456789012345678901234567890+00:00"}"#,
                "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvSwscFlAl1pk5HC0e8kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YXQmYC7FN5TiAT7Bou4G1DMqRIzEs0H8QfAlKN-X-j7a7tAcRex7a7GVwDvJ9inDh61wlrJbn_sQUwDVv4Kpk0lvlcj9SJPN48SAsU4WGjDq4",
            ),
        ] {
            let body = seal(SHARED, &zeros, message, &context);
            assert_eq!(format!("v4.local.{}", crate::encoding::base64url_encode(body)), token);
            assert_eq!(local(SHARED).unwrap().decode(token, b"").unwrap().payload, message.as_bytes());
        }
    }

    #[test]
    fn public_tokens_are_those_of_the_specification() {
        // vector 4-S-1
        let message = r#"{"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"}"#;
        let token = "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA";
        let paseto = public(SECRET).unwrap();
        assert_eq!(paseto.encode(message.as_bytes(), b"", b"").unwrap(), token);
        assert_eq!(paseto.decode(token, b"").unwrap().payload, message.as_bytes());
    }

    #[test]
    fn the_published_vectors_hold_byte_for_byte() {
        let files = ["paseto/v4.json", "paseto/v4-extra.json"];
        let cases: Vec<Value> = files
            .into_iter()
            .filter_map(crate::test_vectors::read)
            .flat_map(|file| file["tests"].as_array().unwrap().clone())
            .collect();
        assert!(matches!(cases.len(), 0 | 18), "{} cases", cases.len());
        for case in &cases {
            drive(case);
        }
    }

    fn drive(case: &Value) {
        let text = |member: &str| case[member].as_str();
        let name = text("name").unwrap();
        let (token, implicit) = (text("token").unwrap(), text("implicit-assertion").unwrap().as_bytes());
        let paseto = match text("key") {
            Some(key) => local(key).unwrap(),
            None => public(text("secret-key").unwrap()).unwrap(),
        };
        let decoded = paseto.decode(token, implicit);
        if case["expect-fail"].as_bool().unwrap() {
            assert!(matches!(decoded, Err(Error::Paseto(_))), "{name}");
            return;
        }
        let (payload, footer) = (text("payload").unwrap(), text("footer").unwrap());
        let decoded = decoded.unwrap();
        assert_eq!(decoded.payload, payload.as_bytes(), "{name}");
        assert!(decoded.has_footer(footer.as_bytes()), "{name}");
        match text("key") {
            Some(key) => {
                let context = Context { header: b"v4.local.", footer: footer.as_bytes(), implicit };
                let body =
                    crate::encoding::base64url_encode(seal(key, text("nonce").unwrap(), payload, &context));
                assert_eq!(token.split('.').nth(2).unwrap(), body, "{name}");
            }
            None => {
                assert_eq!(
                    paseto.encode(payload.as_bytes(), footer.as_bytes(), implicit).unwrap(),
                    token,
                    "{name}"
                );
                for (private, public_key) in
                    [("secret-key", "public-key"), ("secret-key-pem", "public-key-pem")]
                {
                    let keys = (text(private).unwrap(), text(public_key).unwrap());
                    let both = super::super::Paseto::new(PasetoOptions {
                        version: Version::V4,
                        purpose: Purpose::Public,
                        key: Some(keys.0.into()),
                        public_key: Some(keys.1.into()),
                    });
                    assert!(both.unwrap().decode(token, implicit).is_ok(), "{name}");
                }
            }
        }
    }

    #[test]
    fn a_shared_key_is_read_in_every_form() {
        let token = local(SHARED).unwrap().encode(b"{}", b"", b"").unwrap();
        let encoded = base64url(SHARED);
        let forms: [KeySource; 9] = [
            SHARED.to_uppercase().into(),
            encoded.as_str().into(),
            format!("{encoded}=").into(),
            format!("\n{encoded}  ").into(),
            format!("k4.local.{encoded}").into(),
            hex(SHARED).into(),
            SHARED.as_bytes().into(),
            encoded.as_bytes().into(),
            format!("k4.local.{encoded}").into_bytes().into(),
        ];
        for (number, form) in forms.into_iter().enumerate() {
            assert!(local(form).unwrap().decode(&token, b"").is_ok(), "form {number}");
        }
    }

    #[test]
    fn a_key_pair_is_read_in_every_form() {
        let token = public(SECRET).unwrap().encode(b"{}", b"", b"").unwrap();
        let encoded = base64url(SECRET);
        let private: [KeySource; 6] = [
            SECRET_PEM.into(),
            SECRET_PEM.replace('\n', "\r\n").into(),
            encoded.as_str().into(),
            format!("{encoded}==").into(),
            format!("k4.secret.{encoded}").into(),
            hex(SECRET).into(),
        ];
        for (number, form) in private.into_iter().enumerate() {
            assert_eq!(public(form).unwrap().encode(b"{}", b"", b"").unwrap(), token, "form {number}");
        }
        let paserk = format!("k4.public.{}", base64url(PUBLIC));
        for public_key in [PUBLIC, PUBLIC_PEM, &base64url(PUBLIC), &paserk] {
            let verifier = paseto(Purpose::Public, None::<&str>, Some(public_key)).unwrap();
            assert!(verifier.decode(&token, b"").is_ok());
            assert_eq!(verifier.encode(b"{}", b"", b"").unwrap_err().code(), "paseto.invalid_ed25519_key");
            assert!(paseto(Purpose::Public, Some(SECRET), Some(public_key)).is_ok());
        }
        for public_key in [PUBLIC_PEM, &paserk] {
            assert!(public(public_key).unwrap().decode(&token, b"").is_ok());
        }
    }

    #[test]
    fn keys_of_another_version_purpose_or_kind_are_refused() {
        // attack 47
        let shared = base64url(SHARED);
        for key in [
            PUBLIC_PEM.to_owned(),
            SECRET_PEM.to_owned(),
            SECRET.to_owned(),
            format!("k4.public.{}", base64url(PUBLIC)),
            format!("k4.secret.{}", base64url(SECRET)),
            format!("k3.local.{shared}"),
            format!("k4.lid.{shared}"),
            format!("k4.local.{shared}="),
            format!("k4.local-wrap.pie.{shared}"),
            "k4.local.".to_owned(),
            "k4.".to_owned(),
            String::new(),
            "secret".to_owned(),
            // 32 characters are no 32 bytes: a passphrase is no key.
            "a".repeat(32),
            SHARED[..62].to_owned(),
            format!("{SHARED}00"),
            format!("{shared}=="),
        ] {
            assert_eq!(code(local(key.as_str())), "paseto.invalid_symmetric_key", "{key}");
        }
        assert_eq!(code(local(vec![0; 31])), "paseto.invalid_symmetric_key");
        assert_eq!(code(local(vec![0xff; 33])), "paseto.invalid_symmetric_key");
        assert_eq!(code(paseto(Purpose::Local, None::<&str>, None)), "paseto.invalid_symmetric_key");
        assert_eq!(code(paseto(Purpose::Local, Some(SHARED), Some(PUBLIC))), "paseto.invalid_symmetric_key");

        for key in [
            format!("k4.local.{shared}"),
            format!("k2.secret.{}", base64url(SECRET)),
            format!("k4.secret.{shared}"),
            format!("k4.public.{}", base64url(SECRET)),
            // The seed alone looks like a public key.
            SECRET[..64].to_owned(),
            PUBLIC.to_owned(),
            // A public key after a seed that it does not belong to.
            format!("{}{}", &SECRET[..64], SHARED),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----".to_owned(),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
        ] {
            assert_eq!(code(public(key.as_str())), "paseto.invalid_ed25519_key", "{key}");
        }
        for public_key in [SECRET, SECRET_PEM, SHARED, ""] {
            let refused = paseto(Purpose::Public, Some(SECRET), Some(public_key));
            assert_eq!(code(refused), "paseto.invalid_ed25519_key", "{public_key}");
        }
        assert_eq!(code(paseto(Purpose::Public, None::<&str>, None)), "paseto.invalid_ed25519_key");
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        for paseto in [local(SHARED).unwrap(), public(SECRET).unwrap()] {
            let token = paseto.encode(b"{\"admin\":false}", b"", b"").unwrap();
            let (header, body) = token.rsplit_once('.').unwrap();
            let body = crate::encoding::base64url_decode(body).unwrap();
            for index in 0..body.len() {
                let mut changed = body.clone();
                changed[index] ^= 1;
                let changed = format!("{header}.{}", crate::encoding::base64url_encode(changed));
                let refused = Err(PasetoError::KeyVerification.into());
                assert_eq!(paseto.decode(&changed, b""), refused, "byte {index}");
            }
            for length in 0..body.len() {
                let cut = format!("{header}.{}", crate::encoding::base64url_encode(&body[..length]));
                assert!(paseto.decode(&cut, b"").is_err(), "{length} bytes");
            }
        }
    }

    #[test]
    fn errors_and_debug_show_no_key() {
        // attack 74, fault 9
        let shown = format!("{:?} {:?}", local(SHARED).unwrap(), public(SECRET).unwrap());
        let refusal = local(format!("{SHARED}00").as_str()).unwrap_err();
        for text in [shown, format!("{refusal} {refusal:?}")] {
            assert!(!text.contains("7071") && !text.contains("112, 113") && !text.contains("b4cb"), "{text}");
        }
    }
}
