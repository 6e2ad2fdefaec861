//! JSON Web Encryption (RFC 7516): the compact form, `header.key.iv.ciphertext.tag`, and the JSON forms.
//!
//! ```
//! use jam::jose::Jwk;
//! use jam::jose::jwe::{ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, Undecrypted, encrypt};
//!
//! let (algorithm, encryption) = (KeyManagement::A256Kw, ContentEncryption::A256Gcm);
//! let secret = Jwk::from_secret(vec![7; 32]);
//! let token = encrypt(b"hello", &Default::default(), &EncryptionKey::new(algorithm, encryption, &secret)?)?;
//!
//! let decrypted = Undecrypted::parse(&token)?.decrypt(&DecryptionKey::new(algorithm, encryption, &secret)?)?;
//! assert_eq!(decrypted.plaintext(), b"hello");
//! # Ok::<(), jam::Error>(())
//! ```

mod agreement;
mod algorithm;
mod codec;
mod compact;
mod content;
mod deflate;
mod header;
mod json;
mod key;
mod key_texts;
mod message;
mod password;

pub(super) use algorithm::Management;
pub use algorithm::{ContentEncryption, KeyManagement};
pub use codec::{DEFAULT_EXPANDED_LIMIT, Jwe, JweOptions};
pub use compact::{Undecrypted, encrypt, encrypt_with};
pub use header::Header;
pub use json::{Recipient, UndecryptedJson, encrypt_flattened, encrypt_general};
pub use key::{DecryptionKey, EncryptionKey};
pub use key_texts::JweKeyTexts;
pub use message::{DEFAULT_LENGTH_LIMIT, DecryptOptions, Decrypted, EncryptOptions};
pub use password::{DEFAULT_ITERATIONS_LIMIT, FEWEST_ITERATIONS, MOST_ITERATIONS};

#[cfg(test)]
mod vectors;
