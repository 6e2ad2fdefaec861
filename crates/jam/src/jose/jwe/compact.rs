//! The compact form (RFC 7516 section 7.1).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::content::Fresh;
use super::header::{Header, check_given, malformed};
use super::key::{DecryptionKey, EncryptionKey};
use super::message::{
    Content, DEFAULT_LENGTH_LIMIT, DecryptOptions, Decrypted, EncryptOptions, MOST_KEYS_TRIED,
};
use crate::encoding::{base64url_encode, base64url_encode_into, base64url_length};
use crate::{Error, JweError, Result};

/// Encrypts `plaintext` into a compact token. The header is `header` with `alg`, `enc`, what the algorithm needs and,
/// when the key has a name, `kid`. The content's key, the initialization vector and every key pair are new each time.
///
/// # Errors
/// [`Error::Validation`] when `header` holds another `alg`, `enc` or `kid` than the key's, `crit`, or what is written
/// here: `zip`, `epk`, `apu`, `apv`, `iv`, `tag`, `p2s`, `p2c`; and for a plaintext whose token would be longer than
/// [`DEFAULT_LENGTH_LIMIT`].
pub fn encrypt(plaintext: &[u8], header: &Map<String, Value>, key: &EncryptionKey) -> Result<String> {
    if header.is_empty() {
        return encrypt_with(plaintext, &EncryptOptions::default(), key);
    }
    encrypt_with(plaintext, &EncryptOptions { header: header.clone(), ..EncryptOptions::default() }, key)
}

/// As [`encrypt`], with more to say.
///
/// # Errors
/// As [`encrypt`]; [`Error::Validation`] for parties where no key is agreed on, and for an unprotected header or
/// additional data, which only the JSON forms have.
///
/// ```
/// use jam::jose::Jwk;
/// use jam::jose::jwe::{ContentEncryption, EncryptOptions, EncryptionKey, KeyManagement, encrypt_with};
///
/// let key = Jwk::from_secret(vec![7; 32]);
/// let key = EncryptionKey::new(KeyManagement::Direct, ContentEncryption::A256Gcm, &key)?;
/// let options = EncryptOptions { compress: true, ..EncryptOptions::default() };
/// let token = encrypt_with(&[b'a'; 10_000], &options, &key)?;
/// assert!(token.len() < 200);
/// # Ok::<(), jam::Error>(())
/// ```
pub fn encrypt_with(plaintext: &[u8], options: &EncryptOptions, key: &EncryptionKey) -> Result<String> {
    if !options.unprotected.is_empty() || !options.additional_data.is_empty() {
        return Err(Error::validation(
            "an unprotected header and additional data stand in the JSON forms only",
        ));
    }
    let fresh = Fresh::new();
    let (content_key, delivery) = key.content_key(&fresh, options.parties(key)?)?;
    let is_plain = options.header.is_empty() && delivery.parameters.is_empty() && !options.compress;
    let header = match is_plain {
        true => Cow::Borrowed(key.plain_header.as_str()),
        false => Cow::Owned(encoded_header(options, key, delivery.parameters)?),
    };
    let sealed = content_key.as_ref().seal(&fresh, header.as_bytes(), &options.content(plaintext)?);
    let parts: [&[u8]; 4] =
        [&delivery.encrypted_key, sealed.iv.as_ref(), &sealed.ciphertext, sealed.tag.as_ref()];
    let token =
        join(&header, parts).ok_or_else(|| Error::validation("the plaintext is too long for a token"))?;
    options.check_length(token.len())?;
    Ok(token)
}

/// The protected header of a token that has one reader.
pub(super) fn encoded_header(
    options: &EncryptOptions,
    key: &EncryptionKey,
    mut parameters: Map<String, Value>,
) -> Result<String> {
    check_given(
        &options.header,
        &[
            ("alg", Some(key.key_management().name())),
            ("enc", Some(key.content_encryption().name())),
            ("kid", key.key_id()),
        ],
    )?;
    let mut members = options.header.clone();
    members.append(&mut key.own_parameters());
    members.append(&mut parameters);
    if options.compress {
        members.insert("zip".to_owned(), "DEF".into());
    }
    Ok(base64url_encode(Value::Object(members).to_string()))
}

/// The header, which is encoded already, and the parts that follow it, in one allocation.
fn join(header: &str, parts: [&[u8]; 4]) -> Option<String> {
    let length = header.len() + parts.iter().map(|part| 1 + base64url_length(part.len())).sum::<usize>();
    let mut token = vec![b'.'; length];
    token[..header.len()].copy_from_slice(header.as_bytes());
    let mut start = header.len();
    for part in parts {
        let end = start + 1 + base64url_length(part.len());
        base64url_encode_into(part, &mut token[start + 1..end])?;
        start = end;
    }
    String::from_utf8(token).ok()
}

/// A compact token that nobody has decrypted. Its header is what a stranger wrote.
#[derive(Clone, Debug)]
pub struct Undecrypted<'a> {
    header: Header,
    encrypted_key: &'a str,
    content: Content<'a>,
}

impl<'a> Undecrypted<'a> {
    /// Takes a compact token apart and reads its header.
    ///
    /// # Errors
    /// [`JweError::Malformed`] when the text is longer than [`DEFAULT_LENGTH_LIMIT`] or does not have exactly five
    /// parts, or the header is not base64url of one JSON object with `alg` and `enc`, has a duplicate member, or asks
    /// for an extension by `crit`, none of which Jam knows.
    pub fn parse(token: &'a str) -> Result<Self> {
        Self::parse_with_limit(token, DEFAULT_LENGTH_LIMIT)
    }

    /// As [`Undecrypted::parse`], with another limit for the length of the token in bytes.
    ///
    /// # Errors
    /// As [`Undecrypted::parse`].
    pub fn parse_with_limit(token: &'a str, limit: usize) -> Result<Self> {
        if token.len() > limit {
            return Err(malformed(format!("the token is longer than {limit} bytes")).into());
        }
        let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), Some(third), Some(fourth), None) =
            (dots.next(), dots.next(), dots.next(), dots.next(), dots.next())
        else {
            return Err(malformed("an encrypted token has five parts with a dot between them").into());
        };
        let header = &token[..first];
        Ok(Self {
            header: Header::decode(header)?,
            encrypted_key: &token[first + 1..second],
            content: Content {
                additional_data: Cow::Borrowed(header.as_bytes()),
                iv: &token[second + 1..third],
                ciphertext: &token[third + 1..fourth],
                tag: &token[fourth + 1..],
            },
        })
    }

    /// The header, for choosing among keys by [`Header::key_id`]. Trust nothing else in it.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Decrypts with a key, or with one of a list.
    ///
    /// The header must name exactly the key's algorithm, a content encryption that it accepts and, when both have one, its
    /// name. Of several keys those are tried that fit so, in their order, eight at the most.
    ///
    /// # Errors
    /// [`JweError::UnsupportedAlgorithm`] for other algorithms and for a compressed token; [`JweError::Malformed`] when
    /// a part is not base64url, or what the algorithm needs in the header is missing or out of range;
    /// [`JweError::DecryptionFailed`] for everything else, without a word about what it was.
    pub fn decrypt<'k>(self, keys: impl IntoIterator<Item = &'k DecryptionKey>) -> Result<Decrypted> {
        self.decrypt_with(keys, &DecryptOptions::default())
    }

    /// As [`Undecrypted::decrypt`], with more allowed.
    ///
    /// # Errors
    /// As [`Undecrypted::decrypt`]; [`JweError::Malformed`] for a plaintext that expands to more than allowed.
    pub fn decrypt_with<'k>(
        self,
        keys: impl IntoIterator<Item = &'k DecryptionKey>,
        options: &DecryptOptions,
    ) -> Result<Decrypted> {
        let (mut refusal, mut iterations) = (None, 0);
        let fitting = keys.into_iter().filter(|key| key.may_be(self.header.key_id()));
        for key in fitting.take(MOST_KEYS_TRIED) {
            match self.content.decrypt(key, &self.header, self.encrypted_key, &mut iterations, options) {
                Ok(plaintext) => {
                    return Ok(Decrypted {
                        header: self.header,
                        protected: None,
                        additional_data: Vec::new(),
                        recipient: 0,
                        plaintext,
                    });
                }
                Err(error) => refusal = Some(more_telling(refusal, error)),
            }
        }
        Err(refusal.unwrap_or(JweError::DecryptionFailed).into())
    }
}

/// Of the refusals by several keys the one that came furthest: an algorithm that one of them does not have says nothing
/// when another one does.
pub(super) fn more_telling(earlier: Option<JweError>, later: JweError) -> JweError {
    match (earlier, later) {
        (None, later) => later,
        (Some(JweError::UnsupportedAlgorithm(_)), later) => later,
        // What went wrong here went wrong before anything was decrypted, or after it.
        (Some(JweError::DecryptionFailed), later @ JweError::Malformed(_)) => later,
        (Some(earlier), _) => earlier,
    }
}
