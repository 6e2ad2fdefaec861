//! The configured codec for encrypted tokens.

use serde_json::{Map, Value};

use super::algorithm::{ContentEncryption, KeyManagement, Management};
use super::compact::{Undecrypted, encrypt_with};
use super::json::{Recipient, UndecryptedJson, encrypt_flattened, encrypt_general};
use super::key::{DecryptionKey, EncryptionKey};
use super::message::{DEFAULT_LENGTH_LIMIT, DecryptOptions, Decrypted, EncryptOptions};
use super::password::DEFAULT_ITERATIONS_LIMIT;
use crate::jose::{Jwk, JwkSet, KeyQuery};
use crate::{Error, KeyError, Result};

/// The most bytes that a compressed plaintext may expand to where compression is asked for and no other limit is given.
pub const DEFAULT_EXPANDED_LIMIT: usize = 1024 * 1024;

/// How tokens are encrypted and decrypted.
#[derive(Clone, Debug)]
pub struct JweOptions {
    /// How the content's key reaches the reader; `dir` unless set.
    pub key_management: KeyManagement,
    /// How the content is encrypted; A256GCM unless set.
    pub content_encryption: ContentEncryption,
    /// Further content encryptions that are decrypted.
    pub also_accepted: Vec<ContentEncryption>,
    /// Whether the algorithm may be one of PBES2: the key is a password, which can be guessed from a token, and whoever can
    /// send a token can make its reader work.
    pub allow_passwords: bool,
    /// How often a password is iterated, if not the usual number of times ([`EncryptionKey::from_password`]); not more often
    /// than `iterations_limit`.
    pub iterations: Option<u32>,
    /// How often a token may have passwords iterated, all in all, if not 1 000 000 times.
    pub iterations_limit: Option<u32>,
    /// Whether plaintexts are compressed ([`EncryptOptions::compress`]).
    pub compress: bool,
    /// The most bytes that a compressed plaintext may expand to. `None` refuses compressed tokens, unless `compress` is
    /// set: then it is [`DEFAULT_EXPANDED_LIMIT`].
    pub expanded_limit: Option<usize>,
    /// Who makes the tokens: `apu` ([`EncryptOptions::party_u`]).
    pub party_u: Vec<u8>,
    /// Whom the tokens are for: `apv` ([`EncryptOptions::party_v`]).
    pub party_v: Vec<u8>,
    /// The longest token that is made or read, in bytes.
    pub length_limit: usize,
}

impl Default for JweOptions {
    fn default() -> Self {
        Self {
            key_management: KeyManagement::default(),
            content_encryption: ContentEncryption::default(),
            also_accepted: Vec::new(),
            allow_passwords: false,
            iterations: None,
            iterations_limit: None,
            compress: false,
            expanded_limit: None,
            party_u: Vec::new(),
            party_v: Vec::new(),
            length_limit: DEFAULT_LENGTH_LIMIT,
        }
    }
}

impl JweOptions {
    fn check(&self) -> Result<()> {
        let management = self.key_management;
        if management.is_password_based() && !self.allow_passwords {
            return Err(Error::validation(format!(
                "{management} works with a password, which can be guessed from a token; it has to be allowed"
            )));
        }
        let iterates = self.iterations.is_some() || self.iterations_limit.is_some();
        if iterates && !management.is_password_based() {
            return Err(Error::validation(format!("{management} has no password that could be iterated")));
        }
        let Management::Password { iterations: usual, .. } = management.management() else { return Ok(()) };
        let iterations = self.iterations.unwrap_or(usual);
        let limit = self.iterations_limit.unwrap_or(DEFAULT_ITERATIONS_LIMIT);
        if iterations > limit {
            return Err(Error::validation(format!(
                "p2c is {iterations} and max_p2c {limit}: what is encrypted could not be decrypted; p2c must not be larger"
            )));
        }
        Ok(())
    }

    fn encryption_key(&self, key: &Jwk) -> Result<EncryptionKey> {
        if self.key_management.is_password_based() {
            EncryptionKey::from_password(self.key_management, self.content_encryption, key, self.iterations)
        } else {
            EncryptionKey::new(self.key_management, self.content_encryption, key)
        }
    }

    fn decryption_key(&self, key: &Jwk) -> Result<DecryptionKey> {
        if self.key_management.is_password_based() {
            DecryptionKey::from_password(
                self.key_management,
                self.content_encryption,
                key,
                self.iterations_limit,
            )
        } else {
            DecryptionKey::new(self.key_management, self.content_encryption, key)
        }?
        .accepting(&self.also_accepted)
    }

    /// The key, with a name where several keys decrypt. The thumbprint of a password would be a way to guess it without
    /// any iterations.
    fn named(&self, key: &Jwk, decrypting: usize) -> Jwk {
        if decrypting < 2 || self.key_management.is_password_based() { key.clone() } else { key.named() }
    }
}

/// A codec for encrypted tokens: one algorithm, one key or several. Share it between threads freely.
///
/// The first key, the newest, encrypts; all that can, decrypt. To change a key, put the new one in front, and take the old
/// one away when the last of its tokens is gone. Of several keys that decrypt each has a name: its `kid`, or else its
/// thumbprint (RFC 7638). A token is decrypted with the key that its `kid` names, and with no other; one without `kid` with
/// the eight newest keys in turn. Passwords have no other name than their `kid`; as many of them are tried as
/// `iterations_limit` allows for all together.
///
/// ```
/// use jam::jose::Jwk;
/// use jam::jose::jwe::{Jwe, JweOptions};
///
/// let (old, new) = (Jwk::from_secret(vec![1; 32]), Jwk::from_secret(vec![2; 32]));
/// let token = Jwe::new(&[old.clone()], JweOptions::default())?.encrypt(b"hello", &Default::default())?;
///
/// let jwe = Jwe::new(&[new, old], JweOptions::default())?;
/// assert_eq!(jwe.decrypt(&token)?.plaintext(), b"hello");
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Debug)]
pub struct Jwe {
    key_management: KeyManagement,
    content_encryption: ContentEncryption,
    /// Or why the newest key cannot encrypt.
    encryption: Result<EncryptionKey>,
    decryption: Vec<DecryptionKey>,
    encrypting: EncryptOptions,
    decrypting: DecryptOptions,
    length_limit: usize,
}

impl Jwe {
    /// Checks the options and prepares the keys, the newest first. Public keys only encrypt. A key whose `key_ops` allow one
    /// direction serves for that one.
    ///
    /// # Errors
    /// [`KeyError::NotFound`] for no key at all; the errors of [`EncryptionKey::new`] and [`DecryptionKey::new`] for a key
    /// that can do neither what its place asks for; [`Error::Validation`] when two keys have the same name, for PBES2 that is
    /// not allowed, and for parties or iterations that the algorithm does not have.
    pub fn new(keys: &[Jwk], options: JweOptions) -> Result<Self> {
        options.check()?;
        let newest = keys.first().ok_or_else(|| {
            KeyError::NotFound(format!("{} needs one key at least", options.key_management).into())
        })?;
        let opening: Vec<&Jwk> = keys.iter().filter(|key| key.is_private()).collect();
        let named = |key: &Jwk| options.named(key, opening.len());
        let encryption = options.encryption_key(&named(newest));
        let mut decryption = Vec::with_capacity(opening.len());
        for key in &opening {
            match options.decryption_key(&named(key)) {
                Ok(key) => decryption.push(key),
                // The newest key may be there to encrypt alone.
                Err(Error::Key(_)) if std::ptr::eq(*key, newest) && encryption.is_ok() => {}
                Err(error) => return Err(error),
            }
        }
        Self::finish(encryption, decryption, options)
    }

    /// A codec that decrypts with those keys of a set that fit the options. A key that shares its name with another one is
    /// left out: which of the two is meant would not be clear. A set has no newest key, so that none encrypts: give the key
    /// to encrypt to by itself, as [`JwkSet::find`] has it.
    ///
    /// # Errors
    /// [`KeyError::NotFound`] when no key remains that decrypts; [`Error::Validation`] as for [`Jwe::new`].
    pub fn from_set(set: &JwkSet, options: JweOptions) -> Result<Self> {
        options.check()?;
        let algorithm = options.key_management.name();
        let is_unique = |key: &&Jwk| {
            let query = KeyQuery { key_id: key.key_id(), algorithm: Some(algorithm), ..KeyQuery::default() };
            key.key_id().is_none() || set.find(&query).is_ok()
        };
        let opening: Vec<_> =
            set.iter().filter(is_unique).filter(|key| options.decryption_key(key).is_ok()).collect();
        let decryption = opening
            .iter()
            .map(|key| options.decryption_key(&options.named(key, opening.len())))
            .collect::<Result<Vec<_>>>()?;
        let refusal = if decryption.is_empty() {
            KeyError::NotFound(
                format!(
                    "the set has no key that can decrypt with {algorithm}; to encrypt, give the key itself"
                )
                .into(),
            )
        } else {
            KeyError::WrongKind(
                "a set of keys decrypts only, since none of them is the newest; to encrypt, give the key itself, or a list \
                 of keys with the newest first"
                    .into(),
            )
        };
        Self::finish(Err(refusal.into()), decryption, options)
    }

    fn finish(
        encryption: Result<EncryptionKey>,
        decryption: Vec<DecryptionKey>,
        options: JweOptions,
    ) -> Result<Self> {
        let encryption = match encryption {
            Err(error) if decryption.is_empty() || !matches!(error, Error::Key(_)) => return Err(error),
            other => other,
        };
        check_names(&decryption)?;
        let encrypting = EncryptOptions {
            compress: options.compress,
            party_u: options.party_u,
            party_v: options.party_v,
            length_limit: options.length_limit,
            ..EncryptOptions::default()
        };
        if let Ok(key) = &encryption {
            encrypting.parties(key)?;
        }
        let default_limit = options.compress.then_some(DEFAULT_EXPANDED_LIMIT);
        Ok(Self {
            key_management: options.key_management,
            content_encryption: options.content_encryption,
            encryption,
            decryption,
            encrypting,
            decrypting: DecryptOptions { expanded_limit: options.expanded_limit.or(default_limit) },
            length_limit: options.length_limit,
        })
    }

    /// The one key management algorithm of this codec.
    pub fn key_management(&self) -> KeyManagement {
        self.key_management
    }

    /// The content encryption of new tokens.
    pub fn content_encryption(&self) -> ContentEncryption {
        self.content_encryption
    }

    /// Encrypts into a compact token. `header` holds further parameters.
    ///
    /// # Errors
    /// As [`encrypt`](super::encrypt), and why the newest key cannot encrypt.
    pub fn encrypt(&self, plaintext: &[u8], header: &Map<String, Value>) -> Result<String> {
        let key = self.encryption_key()?;
        self.check_expanded(plaintext)?;
        if header.is_empty() {
            return encrypt_with(plaintext, &self.encrypting, key);
        }
        encrypt_with(plaintext, &EncryptOptions { header: header.clone(), ..self.encrypting.clone() }, key)
    }

    /// Encrypts into a JSON form: the flattened one, or with `others` the general one, which they can read too. Of the
    /// options the codec's own win where it has them: compression, parties and the longest message.
    ///
    /// # Errors
    /// As [`encrypt_flattened`] and [`encrypt_general`], and why the newest key of a codec cannot encrypt.
    pub fn encrypt_json(
        &self,
        plaintext: &[u8],
        options: &EncryptOptions,
        others: Option<&[&Jwe]>,
    ) -> Result<Map<String, Value>> {
        self.check_expanded(plaintext)?;
        let EncryptOptions { compress, length_limit, .. } = self.encrypting;
        let options = EncryptOptions { compress, length_limit, ..options.clone() };
        let Some(others) = others else {
            let EncryptOptions { party_u, party_v, .. } = self.encrypting.clone();
            return encrypt_flattened(
                plaintext,
                &EncryptOptions { party_u, party_v, ..options },
                self.encryption_key()?,
            );
        };
        let recipients = std::iter::once(&self).chain(others).map(|reader| reader.recipient());
        encrypt_general(plaintext, &options, &recipients.collect::<Result<Vec<_>>>()?)
    }

    /// Decrypts a compact token.
    ///
    /// # Errors
    /// As [`Undecrypted::parse`] and [`Undecrypted::decrypt`]; [`KeyError::WrongKind`] when no key can decrypt.
    pub fn decrypt(&self, token: &str) -> Result<Decrypted> {
        let token = Undecrypted::parse_with_limit(token, self.length_limit)?;
        token.decrypt_with(self.decryption_keys()?, &self.decrypting)
    }

    /// Decrypts a message in a JSON form.
    ///
    /// # Errors
    /// As [`UndecryptedJson::parse`] and [`UndecryptedJson::decrypt`]; [`KeyError::WrongKind`] when no key can decrypt.
    pub fn decrypt_json(&self, text: &str) -> Result<Decrypted> {
        let message = UndecryptedJson::parse_with_limit(text, self.length_limit)?;
        message.decrypt_with(self.decryption_keys()?, &self.decrypting)
    }

    /// Refuses a plaintext that would be compressed and not expanded again.
    fn check_expanded(&self, plaintext: &[u8]) -> Result<()> {
        match self.decrypting.expanded_limit {
            Some(limit) if self.encrypting.compress && plaintext.len() > limit => {
                Err(Error::validation(format!(
                    "a plaintext that is compressed has at most {limit} bytes, which is the most that is read"
                )))
            }
            _ => Ok(()),
        }
    }

    fn recipient(&self) -> Result<Recipient<'_>> {
        let EncryptOptions { party_u, party_v, .. } = self.encrypting.clone();
        Ok(Recipient { party_u, party_v, ..Recipient::new(self.encryption_key()?) })
    }

    fn encryption_key(&self) -> Result<&EncryptionKey> {
        self.encryption.as_ref().map_err(Error::clone)
    }

    fn decryption_keys(&self) -> Result<&[DecryptionKey]> {
        if self.decryption.is_empty() {
            let reason = format!("{} decrypts with a private key, and there is none", self.key_management);
            return Err(KeyError::WrongKind(reason.into()).into());
        }
        Ok(&self.decryption)
    }
}

fn check_names(keys: &[DecryptionKey]) -> Result<()> {
    for (place, key) in keys.iter().enumerate() {
        if key.key_id().is_some() && keys[..place].iter().any(|newer| newer.key_id() == key.key_id()) {
            return Err(Error::validation(
                "two of the keys have the same \"kid\", or are the same key; each needs a name of its own",
            ));
        }
    }
    Ok(())
}
