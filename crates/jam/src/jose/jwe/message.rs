//! What all forms of a JWE have in common.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::agreement::Parties;
use super::deflate::{deflate, inflate};
use super::header::{Header, malformed};
use super::key::{DecryptionKey, EncryptionKey};
use crate::encoding::{base64url_decode, base64url_length};
use crate::{Error, JweError, Result};

/// The longest token that is made or read unless another limit is given, in bytes.
pub const DEFAULT_LENGTH_LIMIT: usize = 256 * 1024;

/// So many keys are tried for one token whose header does not tell them apart: each may cost as much as a private RSA
/// operation, and anybody can send such a token.
pub(super) const MOST_KEYS_TRIED: usize = 8;

/// What a token holds beside the plaintext.
///
/// ```
/// use jam::jose::jwe::EncryptOptions;
/// use serde_json::json;
///
/// let header = json!({"cty": "JWT"}).as_object().cloned().unwrap_or_default();
/// let options = EncryptOptions { header, compress: true, ..EncryptOptions::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptOptions {
    /// Further parameters of the protected header.
    pub header: Map<String, Value>,
    /// Whether the plaintext is compressed before it is encrypted. How much shorter it gets shows something of what is
    /// in it: leave this off where somebody else has a say in parts of the plaintext.
    pub compress: bool,
    /// Who makes the token: `apu`, which an agreed key (ECDH-ES) is bound to.
    pub party_u: Vec<u8>,
    /// Whom the token is for: `apv`, which an agreed key (ECDH-ES) is bound to.
    pub party_v: Vec<u8>,
    /// Parameters that anybody may change; for the JSON forms.
    pub unprotected: Map<String, Value>,
    /// What stands beside the ciphertext, readable by all and changeable by nobody; for the JSON forms.
    pub additional_data: Vec<u8>,
    /// The longest token that is made, in bytes. Whoever reads longer ones, with `parse_with_limit`, says so here.
    pub length_limit: usize,
}

impl Default for EncryptOptions {
    /// No further parameters, no compression.
    fn default() -> Self {
        Self {
            header: Map::new(),
            compress: false,
            party_u: Vec::new(),
            party_v: Vec::new(),
            unprotected: Map::new(),
            additional_data: Vec::new(),
            length_limit: DEFAULT_LENGTH_LIMIT,
        }
    }
}

/// What may be read of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecryptOptions {
    /// The most bytes that a compressed plaintext may expand to; `None` refuses compressed tokens.
    pub expanded_limit: Option<usize>,
}

/// A token that was decrypted: it was made by somebody who knows the key, and nobody changed it since. To a public key
/// anybody can encrypt.
#[derive(Clone, Debug)]
pub struct Decrypted {
    pub(super) header: Header,
    /// The protected parameters, where the header has others too.
    pub(super) protected: Option<Map<String, Value>>,
    pub(super) additional_data: Vec<u8>,
    pub(super) recipient: usize,
    pub(super) plaintext: Vec<u8>,
}

impl Decrypted {
    /// The header. In the JSON forms it may hold parameters that anybody could change: see [`Decrypted::protected`].
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The parameters that nobody could change.
    pub fn protected(&self) -> &Map<String, Value> {
        self.protected.as_ref().unwrap_or_else(|| self.header.members())
    }

    /// What stood beside the ciphertext in a JSON form, and could be changed by nobody.
    pub fn additional_data(&self) -> &[u8] {
        &self.additional_data
    }

    /// Which of the recipients the key is: 0 for the first, and where there is one only.
    pub fn recipient(&self) -> usize {
        self.recipient
    }

    /// The plaintext.
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// The plaintext, moved out; after that there is none.
    pub fn take_plaintext(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plaintext)
    }

    /// The plaintext alone.
    pub fn into_plaintext(self) -> Vec<u8> {
        self.plaintext
    }

    /// The header and the plaintext.
    pub fn into_parts(self) -> (Header, Vec<u8>) {
        (self.header, self.plaintext)
    }
}

impl EncryptOptions {
    /// The parties of an agreement with the key.
    pub(super) fn parties(&self, key: &EncryptionKey) -> Result<Parties<'_>> {
        Parties::new(key, &self.party_u, &self.party_v)
    }

    /// What is encrypted: the plaintext or its compressed form. Refuses what makes a token longer than allowed by itself,
    /// before any work is done with it.
    pub(super) fn content<'a>(&self, plaintext: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        let content = if self.compress { Cow::Owned(deflate(plaintext)) } else { Cow::Borrowed(plaintext) };
        self.check_length(base64url_length(content.len()))?;
        Ok(content)
    }

    /// Refuses a token that could not be read again.
    pub(super) fn check_length(&self, length: usize) -> Result<()> {
        let limit = self.length_limit;
        if length <= limit {
            return Ok(());
        }
        Err(Error::validation(format!(
            "the token would have more than {limit} bytes, which is the most that is read"
        )))
    }
}

/// The encrypted content, as it is written.
#[derive(Clone, Debug)]
pub(super) struct Content<'a> {
    pub(super) additional_data: Cow<'a, [u8]>,
    pub(super) iv: &'a str,
    pub(super) ciphertext: &'a str,
    pub(super) tag: &'a str,
}

impl Content<'_> {
    /// The plaintext, with one key of one recipient.
    pub(super) fn decrypt(
        &self,
        key: &DecryptionKey,
        header: &Header,
        encrypted_key: &str,
        iterations_done: &mut u32,
        options: &DecryptOptions,
    ) -> Result<Vec<u8>, JweError> {
        let encryption = key.accepts(header)?;
        let limit = match (header.is_compressed()?, options.expanded_limit) {
            (false, _) => None,
            (true, Some(limit)) => Some(limit),
            (true, None) => {
                return Err(JweError::UnsupportedAlgorithm(
                    "the token is compressed (\"zip\"), which has to be allowed".into(),
                ));
            }
        };
        let encrypted_key = decode("encrypted key", encrypted_key)?;
        let iv = decode("initialization vector", self.iv)?;
        let tag = decode("tag", self.tag)?;
        let mut data = decode("ciphertext", self.ciphertext)?;
        let content_key = key.content_key(encryption, header, &encrypted_key, iterations_done)?;
        content_key
            .as_ref()
            .open(&iv, &self.additional_data, &mut data, &tag)
            .ok_or(JweError::DecryptionFailed)?;
        match limit {
            None => Ok(data),
            Some(limit) => inflate(&data, limit).ok_or_else(|| {
                malformed("the compressed plaintext is no DEFLATE data, or longer than allowed")
            }),
        }
    }
}

fn decode(part: &str, text: &str) -> Result<Vec<u8>, JweError> {
    base64url_decode(text)
        .ok_or_else(|| malformed(format!("the token's {part} is not base64url without padding")))
}
