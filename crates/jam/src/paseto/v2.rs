//! Version 2, for tokens that exist already: version 4 is made for the same rules. Local: XChaCha20-Poly1305. Public:
//! Ed25519, as in version 4.

use zeroize::Zeroizing;

use super::malformed;
use super::primitive::{Context, Local};
use crate::crypto::{blake2b, xchacha};
use crate::{PasetoError, Result};

/// The key of v2.local.
pub(super) struct LocalKey(pub(super) Zeroizing<[u8; 32]>);

/// The body of the token: nonce, ciphertext, tag.
impl Local for LocalKey {
    fn seal(&self, message: &[u8], seed: &[u8; 32], context: &Context<'_>) -> Vec<u8> {
        // Where random numbers repeat, tokens are alike only if their messages are.
        let nonce = blake2b::keyed::<[u8; NONCE]>(&seed[..NONCE], &[message]);
        let mut body = Vec::with_capacity(NONCE + message.len() + xchacha::TAG_LENGTH);
        body.extend_from_slice(&nonce);
        body.extend_from_slice(message);
        let authenticated = context.encode(&[&nonce]).to_vec();
        let tag = xchacha::seal(&self.0, &nonce, &authenticated, &mut body[NONCE..]);
        body.extend_from_slice(&tag);
        body
    }

    fn open(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>> {
        let pieces = body.split_first_chunk::<NONCE>().and_then(|(nonce, rest)| {
            let (ciphertext, tag) = rest.split_last_chunk::<{ xchacha::TAG_LENGTH }>()?;
            Some((nonce, ciphertext, tag))
        });
        let (nonce, ciphertext, tag) =
            pieces.ok_or_else(|| malformed("the token is too short for a nonce and a tag"))?;
        let authenticated = context.encode(&[nonce]).to_vec();
        xchacha::open(&self.0, nonce, &authenticated, ciphertext, tag)
            .ok_or_else(|| PasetoError::KeyVerification.into())
    }
}

const NONCE: usize = 24;

#[cfg(test)]
mod tests {
    use super::super::testing::{key, seal_with};
    use super::super::{Paseto, Purpose, Version};

    #[test]
    fn local_tokens_are_those_of_the_specification() {
        // attack 49; vectors 2-E-1 and 2-E-5
        let key = key(Version::V2, Purpose::Local);
        for (seed, message, footer, token) in [
            (
                "000000000000000000000000000000000000000000000000",
                r#"{"data":"this is a signed message","exp":"2019-01-01T00:00:00+00:00"}"#,
                "",
                "v2.local.97TTOvgwIxNGvV80XKiGZg_kD3tsXM_-qB4dZGHOeN1cTkgQ4PnW8888l802W8d9AvEGnoNBY3BnqHORy8a5cC8aKpbA0En8XELw2yDk2f1sVODyfnDbi6rEGMY3pSfCbLWMM2oHJxvlEl2XbQ",
            ),
            (
                "45742c976d684ff84ebdc0de59809a97cda2f64c84fda19b",
                r#"{"data":"this is a signed message","exp":"2019-01-01T00:00:00+00:00"}"#,
                r#"{"kid":"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN"}"#,
                "v2.local.5K4SCXNhItIhyNuVIZcwrdtaDKiyF81-eWHScuE0idiVqCo72bbjo07W05mqQkhLZdVbxEa5I_u5sgVk1QLkcWEcOSlLHwNpCkvmGGlbCdNExn6Qclw3qTKIIl5-zSLIrxZqOLwcFLYbVK1SrQ.eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9",
            ),
        ] {
            assert_eq!(seal_with(&key, seed, message, footer, ""), token);
            let decoded = Paseto::from_key(key.clone()).decode(token, b"").unwrap();
            assert_eq!(decoded.payload, message.as_bytes());
            assert!(decoded.has_footer(footer.as_bytes()));
        }
    }

    #[test]
    fn public_tokens_are_those_of_the_specification() {
        // vector 2-S-1
        let message = r#"{"data":"this is a signed message","exp":"2019-01-01T00:00:00+00:00"}"#;
        let token = "v2.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAxOS0wMS0wMVQwMDowMDowMCswMDowMCJ9HQr8URrGntTu7Dz9J2IF23d1M7-9lH9xiqdGyJNvzp4angPW5Esc7C5huy_M8I8_DjJK2ZXC2SUYuOFM-Q_5Cw";
        let paseto = Paseto::from_key(key(Version::V2, Purpose::Public));
        assert_eq!(paseto.encode(message.as_bytes(), b"", b"").unwrap(), token);
        assert_eq!(paseto.decode(token, b"").unwrap().payload, message.as_bytes());
    }
}
