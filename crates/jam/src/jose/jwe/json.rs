//! The JSON forms, flattened for one recipient and general for several (RFC 7516 section 7.2).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::agreement::Parties;
use super::compact::{encoded_header, more_telling};
use super::content::{Fresh, Sealed, SealingKey};
use super::header::{Header, check_given, decode_members, malformed};
use super::key::{DecryptionKey, Delivery, EncryptionKey};
use super::message::{Content, DEFAULT_LENGTH_LIMIT, DecryptOptions, Decrypted, EncryptOptions};
use crate::encoding::{base64url_decode, base64url_encode, json_kind, json_length, json_object};
use crate::{Error, JweError, Result};

/// So many pairs of a key and a recipient are tried for one message: each may cost as much as a private RSA operation.
const MOST_PAIRS_TRIED: usize = 32;

/// A reader of a message that has several.
#[derive(Clone, Debug)]
pub struct Recipient<'a> {
    /// The key.
    pub key: &'a EncryptionKey,
    /// Further parameters for this reader, which anybody may change.
    pub header: Map<String, Value>,
    /// Who makes the message, for an agreed key: [`EncryptOptions::party_u`].
    pub party_u: Vec<u8>,
    /// Whom it is for, for an agreed key: [`EncryptOptions::party_v`].
    pub party_v: Vec<u8>,
}

impl<'a> Recipient<'a> {
    /// A reader without further parameters.
    pub fn new(key: &'a EncryptionKey) -> Self {
        Self { key, header: Map::new(), party_u: Vec::new(), party_v: Vec::new() }
    }

    fn parties(&self) -> Result<Parties<'_>> {
        Parties::new(self.key, &self.party_u, &self.party_v)
    }
}

/// Encrypts `plaintext` into the flattened JSON form (RFC 7516 section 7.2.2), which has one reader.
///
/// # Errors
/// [`Error::Validation`] as for [`encrypt`](super::encrypt), of the text of the object, and when a parameter is given as
/// protected and unprotected.
///
/// ```
/// use jam::jose::Jwk;
/// use jam::jose::jwe::{
///     ContentEncryption, DecryptionKey, EncryptOptions, EncryptionKey, KeyManagement, UndecryptedJson, encrypt_flattened,
/// };
/// use serde_json::Value;
///
/// let (algorithm, encryption) = (KeyManagement::A128Kw, ContentEncryption::A128Gcm);
/// let key = Jwk::from_secret(vec![7; 16]);
/// let options = EncryptOptions { additional_data: b"for all to see".to_vec(), ..EncryptOptions::default() };
/// let message = encrypt_flattened(b"hello", &options, &EncryptionKey::new(algorithm, encryption, &key)?)?;
///
/// let key = DecryptionKey::new(algorithm, encryption, &key)?;
/// let decrypted = UndecryptedJson::parse(&Value::Object(message).to_string())?.decrypt(&key)?;
/// assert_eq!(decrypted.plaintext(), b"hello");
/// assert_eq!(decrypted.additional_data(), b"for all to see");
/// # Ok::<(), jam::Error>(())
/// ```
pub fn encrypt_flattened(
    plaintext: &[u8],
    options: &EncryptOptions,
    key: &EncryptionKey,
) -> Result<Map<String, Value>> {
    let fresh = Fresh::new();
    let (content_key, delivery) = key.content_key(&fresh, options.parties(key)?)?;
    let Delivery { parameters, encrypted_key } = delivery;
    check_unprotected(options, &options.header)?;
    let protected = encoded_header(options, key, parameters)?;
    let mut message = seal(plaintext, options, &protected, content_key.as_ref(), &fresh)?;
    if !encrypted_key.is_empty() {
        message.insert("encrypted_key".to_owned(), base64url_encode(encrypted_key).into());
    }
    options.check_length(json_length(&message))?;
    Ok(message)
}

/// Encrypts `plaintext` into the general JSON form (RFC 7516 section 7.2.1), which may have several readers. What all have in common is protected; `alg`, `kid` and what
/// an algorithm needs stand with each reader, where RFC 7516 has no protection for them: changing them makes the
/// message unreadable, no more.
///
/// # Errors
/// [`Error::Validation`] as for [`encrypt_flattened`]; without any reader; when the readers' keys have different content
/// encryptions; and for `dir` and `ECDH-ES` alone beside other readers, since they leave no choice of the content's key.
pub fn encrypt_general(
    plaintext: &[u8],
    options: &EncryptOptions,
    recipients: &[Recipient<'_>],
) -> Result<Map<String, Value>> {
    let Some(first) = recipients.first() else {
        return Err(Error::validation("a message has one recipient at least"));
    };
    let encryption = first.key.content_encryption();
    if recipients.iter().any(|recipient| recipient.key.content_encryption() != encryption) {
        return Err(Error::validation("all recipients of a message need keys of one content encryption"));
    }
    if recipients.len() > 1
        && let Some(direct) = recipients.iter().find(|recipient| recipient.key.is_direct())
    {
        let name = direct.key.key_management();
        return Err(Error::validation(format!("{name} is for messages with one recipient")));
    }
    if !options.party_u.is_empty() || !options.party_v.is_empty() {
        return Err(Error::validation(
            "the parties (apu, apv) of a message for several stand with each of them",
        ));
    }
    check_given(&options.header, &[("enc", Some(encryption.name()))])?;
    check_absent(&options.header, &["alg", "kid"])?;
    let mut protected = options.header.clone();
    protected.insert("enc".to_owned(), encryption.name().into());
    if options.compress {
        protected.insert("zip".to_owned(), "DEF".into());
    }
    check_unprotected(options, &protected)?;

    let fresh = Fresh::new();
    let (content_key, first_delivery) = first.key.content_key(&fresh, first.parties()?)?;
    let mut first_delivery = Some(first_delivery);
    let mut entries = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let delivery = match first_delivery.take() {
            Some(delivery) => delivery,
            None => recipient.key.deliver(fresh.key(encryption), recipient.parties()?)?,
        };
        entries.push(entry(recipient, delivery, &[&protected, &options.unprotected])?);
    }
    let protected = base64url_encode(Value::Object(protected).to_string());
    let mut message = seal(plaintext, options, &protected, content_key.as_ref(), &fresh)?;
    message.insert("recipients".to_owned(), Value::Array(entries));
    options.check_length(json_length(&message))?;
    Ok(message)
}

/// One member of `recipients`.
fn entry(recipient: &Recipient<'_>, delivery: Delivery, common: &[&Map<String, Value>; 2]) -> Result<Value> {
    let mut header = recipient.header.clone();
    let own = [("alg", Some(recipient.key.key_management().name())), ("kid", recipient.key.key_id())];
    check_given(&header, &own)?;
    header.append(&mut recipient.key.recipient_parameters());
    header.append(&mut { delivery.parameters });
    check_disjoint(&[&header, common[0], common[1]])?;
    let mut entry = Map::new();
    entry.insert("header".to_owned(), Value::Object(header));
    if !delivery.encrypted_key.is_empty() {
        entry.insert("encrypted_key".to_owned(), base64url_encode(delivery.encrypted_key).into());
    }
    Ok(Value::Object(entry))
}

/// The members that both forms have.
fn seal(
    plaintext: &[u8],
    options: &EncryptOptions,
    protected: &str,
    key: &SealingKey,
    fresh: &Fresh,
) -> Result<Map<String, Value>> {
    let additional =
        (!options.additional_data.is_empty()).then(|| base64url_encode(&options.additional_data));
    let authenticated = authenticated(protected, additional.as_deref());
    let Sealed { iv, ciphertext, tag } = key.seal(fresh, &authenticated, &options.content(plaintext)?);
    let mut message = Map::new();
    message.insert("protected".to_owned(), protected.into());
    if !options.unprotected.is_empty() {
        message.insert("unprotected".to_owned(), Value::Object(options.unprotected.clone()));
    }
    if let Some(additional) = additional {
        message.insert("aad".to_owned(), additional.into());
    }
    message.insert("iv".to_owned(), base64url_encode(iv).into());
    message.insert("ciphertext".to_owned(), base64url_encode(ciphertext).into());
    message.insert("tag".to_owned(), base64url_encode(tag).into());
    Ok(message)
}

/// What the tag covers beside the ciphertext (RFC 7516 section 5.1, step 14).
fn authenticated<'a>(protected: &'a str, additional: Option<&str>) -> Cow<'a, [u8]> {
    match additional {
        None => Cow::Borrowed(protected.as_bytes()),
        Some(additional) => Cow::Owned([protected, ".", additional].concat().into_bytes()),
    }
}

fn check_disjoint(headers: &[&Map<String, Value>]) -> Result<()> {
    match common_name(headers) {
        Some(name) => Err(Error::validation(format!("the header parameter {name:?} is given twice"))),
        None => Ok(()),
    }
}

/// Refuses in the unprotected header what belongs elsewhere.
fn check_unprotected(options: &EncryptOptions, protected: &Map<String, Value>) -> Result<()> {
    check_given(&options.unprotected, &[])?;
    check_absent(&options.unprotected, &["alg", "enc", "kid"])?;
    check_disjoint(&[protected, &options.unprotected])
}

fn check_absent(header: &Map<String, Value>, names: &[&str]) -> Result<()> {
    match names.iter().find(|name| header.contains_key(**name)) {
        Some(name) => Err(Error::validation(format!(
            "the header parameter {name:?} has another place; it cannot be given here"
        ))),
        None => Ok(()),
    }
}

/// A name that is in more than one of the headers.
fn common_name<'a>(headers: &[&'a Map<String, Value>]) -> Option<&'a str> {
    headers
        .iter()
        .enumerate()
        .find_map(|(place, header)| {
            header.keys().find(|name| headers[place + 1..].iter().any(|other| other.contains_key(*name)))
        })
        .map(String::as_str)
}

/// A message in a JSON form that nobody has decrypted. Its headers are what a stranger wrote.
#[derive(Clone, Debug)]
pub struct UndecryptedJson {
    protected_text: String,
    protected: Map<String, Value>,
    unprotected: Map<String, Value>,
    recipients: Vec<Entry>,
    aad: Option<String>,
    iv: String,
    ciphertext: String,
    tag: String,
}

#[derive(Clone, Debug)]
struct Entry {
    header: Map<String, Value>,
    encrypted_key: String,
}

impl UndecryptedJson {
    /// Reads a message in the flattened or the general form.
    ///
    /// # Errors
    /// [`JweError::Malformed`] when the text is longer than [`DEFAULT_LENGTH_LIMIT`], is no JSON object of one of the
    /// forms, or has a duplicate member; when a header parameter stands in two places, `zip` or `crit` outside of the
    /// protected header, or the recipients have different `enc` (RFC 7516 section 7.2.1).
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with_limit(text, DEFAULT_LENGTH_LIMIT)
    }

    /// As [`UndecryptedJson::parse`], with another limit for the length of the text in bytes.
    ///
    /// # Errors
    /// As [`UndecryptedJson::parse`].
    pub fn parse_with_limit(text: &str, limit: usize) -> Result<Self> {
        if text.len() > limit {
            return Err(malformed(format!("the message is longer than {limit} bytes")).into());
        }
        let members =
            json_object(text.as_bytes()).map_err(|reason| malformed(format!("the message: {reason}")))?;
        Ok(Self::read(members)?)
    }

    fn read(mut members: Map<String, Value>) -> Result<Self, JweError> {
        let recipients = match members.remove("recipients") {
            None => vec![Entry::read(&mut members)?],
            Some(_) if members.contains_key("header") || members.contains_key("encrypted_key") => {
                return Err(malformed("the message has the members of both JSON forms"));
            }
            Some(Value::Array(entries)) if !entries.is_empty() => {
                entries.into_iter().map(Entry::from_value).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(malformed("\"recipients\" must be a list of one object at least")),
        };
        let protected_text = optional_text(&mut members, "protected")?.unwrap_or_default();
        let message = Self {
            protected: match protected_text.as_str() {
                "" => Map::new(),
                text => decode_members(text)?,
            },
            protected_text,
            unprotected: optional_object(&mut members, "unprotected")?,
            recipients,
            aad: optional_text(&mut members, "aad")?,
            iv: optional_text(&mut members, "iv")?.unwrap_or_default(),
            ciphertext: optional_text(&mut members, "ciphertext")?
                .ok_or_else(|| malformed("the message has no \"ciphertext\""))?,
            tag: optional_text(&mut members, "tag")?.unwrap_or_default(),
        };
        message.check_headers()?;
        Ok(message)
    }

    fn check_headers(&self) -> Result<(), JweError> {
        for name in ["zip", "crit"] {
            let is_outside = self.unprotected.contains_key(name)
                || self.recipients.iter().any(|recipient| recipient.header.contains_key(name));
            if is_outside {
                return Err(malformed(format!("the header parameter {name:?} must be protected")));
            }
        }
        let encryption = self.parameter(&self.recipients[0], "enc");
        for recipient in &self.recipients {
            if common_name(&[&self.protected, &self.unprotected, &recipient.header]).is_some() {
                return Err(malformed("a header parameter stands in two places"));
            }
            if self.parameter(recipient, "enc") != encryption {
                return Err(malformed("the recipients have different \"enc\""));
            }
        }
        Ok(())
    }

    /// The header of each recipient, in their order, for choosing among keys. Trust nothing in it.
    pub fn headers(&self) -> impl Iterator<Item = Result<Header, JweError>> {
        self.recipients.iter().map(|recipient| self.header(recipient))
    }

    /// Decrypts with a key, or with one of a list, as [`Undecrypted::decrypt`](super::Undecrypted::decrypt) does. If there
    /// are several recipients, those that the key may be are tried in their order; 32 pairs of a key and a recipient at
    /// the most.
    ///
    /// # Errors
    /// As [`Undecrypted::decrypt`](super::Undecrypted::decrypt).
    pub fn decrypt<'k, K>(self, keys: K) -> Result<Decrypted>
    where
        K: IntoIterator<Item = &'k DecryptionKey> + Clone,
    {
        self.decrypt_with(keys, &DecryptOptions::default())
    }

    /// As [`UndecryptedJson::decrypt`], with more allowed.
    ///
    /// # Errors
    /// As [`Undecrypted::decrypt_with`](super::Undecrypted::decrypt_with).
    pub fn decrypt_with<'k, K>(self, keys: K, options: &DecryptOptions) -> Result<Decrypted>
    where
        K: IntoIterator<Item = &'k DecryptionKey> + Clone,
    {
        let content = Content {
            additional_data: authenticated(&self.protected_text, self.aad.as_deref()),
            iv: &self.iv,
            ciphertext: &self.ciphertext,
            tag: &self.tag,
        };
        let (mut refusal, mut pairs, mut iterations) = (None, 0, 0);
        for key in keys.clone() {
            for (place, recipient) in self.recipients.iter().enumerate() {
                if !self.may_be(recipient, key) {
                    continue;
                }
                pairs += 1;
                if pairs > MOST_PAIRS_TRIED {
                    return Err(JweError::DecryptionFailed.into());
                }
                let decrypted = self.header(recipient).and_then(|header| {
                    let encrypted_key = &recipient.encrypted_key;
                    let plaintext = content.decrypt(key, &header, encrypted_key, &mut iterations, options)?;
                    Ok((header, plaintext))
                });
                match decrypted {
                    Ok((header, plaintext)) => return self.finish(place, header, plaintext),
                    Err(error) => refusal = Some(more_telling(refusal, error)),
                }
            }
        }
        Err(refusal.unwrap_or_else(|| self.no_candidate(keys)).into())
    }

    fn finish(&self, recipient: usize, header: Header, plaintext: Vec<u8>) -> Result<Decrypted> {
        let additional_data = match &self.aad {
            None => Vec::new(),
            Some(text) => base64url_decode(text)
                .filter(|bytes| !bytes.is_empty())
                .ok_or_else(|| malformed("\"aad\" must be base64url without padding, and not empty"))?,
        };
        Ok(Decrypted {
            header,
            protected: Some(self.protected.clone()),
            additional_data,
            recipient,
            plaintext,
        })
    }

    /// Whether the key may be this recipient's: `alg` is its own, and `kid` is if both have one.
    fn may_be(&self, recipient: &Entry, key: &DecryptionKey) -> bool {
        let text = |name| self.parameter(recipient, name).and_then(Value::as_str);
        // Of one recipient, what does not fit is told.
        (self.recipients.len() == 1 || text("alg") == Some(key.key_management().name()))
            && key.may_be(text("kid"))
    }

    /// The error where no recipient may be a key's.
    fn no_candidate<'k>(&self, keys: impl IntoIterator<Item = &'k DecryptionKey>) -> JweError {
        let algorithm = |entry| self.parameter(entry, "alg").and_then(Value::as_str);
        let is_known = |key: &DecryptionKey| {
            self.recipients.iter().any(|entry| algorithm(entry) == Some(key.key_management().name()))
        };
        if keys.into_iter().any(is_known) {
            JweError::DecryptionFailed
        } else {
            JweError::UnsupportedAlgorithm("no recipient of the message has an \"alg\" of the key".into())
        }
    }

    /// A header parameter of a recipient, wherever it stands.
    fn parameter<'a>(&'a self, recipient: &'a Entry, name: &str) -> Option<&'a Value> {
        [&self.protected, &self.unprotected, &recipient.header]
            .into_iter()
            .find_map(|header| header.get(name))
    }

    /// All header parameters of a recipient.
    fn header(&self, recipient: &Entry) -> Result<Header, JweError> {
        let mut members = self.protected.clone();
        members.append(&mut self.unprotected.clone());
        members.append(&mut recipient.header.clone());
        Header::new(members)
    }
}

impl Entry {
    fn from_value(value: Value) -> Result<Self, JweError> {
        match value {
            Value::Object(mut members) => Self::read(&mut members),
            other => Err(malformed(format!("a recipient must be an object, not {}", json_kind(&other)))),
        }
    }

    fn read(members: &mut Map<String, Value>) -> Result<Self, JweError> {
        Ok(Self {
            header: optional_object(members, "header")?,
            encrypted_key: optional_text(members, "encrypted_key")?.unwrap_or_default(),
        })
    }
}

fn optional_text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, JweError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(malformed(format!("{name:?} must be text, not {}", json_kind(&other)))),
    }
}

fn optional_object(members: &mut Map<String, Value>, name: &str) -> Result<Map<String, Value>, JweError> {
    match members.remove(name) {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(other) => Err(malformed(format!("{name:?} must be an object, not {}", json_kind(&other)))),
    }
}
