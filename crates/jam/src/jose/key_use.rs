//! What a key says about its own use: `use`, `key_ops` and `alg` (RFC 7517 sections 4.2 to 4.4).

use super::algorithm::Algorithm;
use super::jwe::{ContentEncryption, KeyManagement};
use super::jwk::{Jwk, Material};
use crate::KeyError;

/// What is about to be done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Sign, or make an authentication code.
    Sign,
    /// Verify a signature or an authentication code.
    Verify,
    /// Encrypt content with the key itself.
    Encrypt,
    /// Decrypt content with the key itself.
    Decrypt,
    /// Encrypt another key.
    WrapKey,
    /// Decrypt another key.
    UnwrapKey,
    /// Derive a key from this one, on either side.
    DeriveKey,
}

impl Operation {
    /// What `use` is called for it.
    fn public_key_use(self) -> &'static str {
        match self {
            Self::Sign | Self::Verify => "sig",
            Self::Encrypt | Self::Decrypt | Self::WrapKey | Self::UnwrapKey | Self::DeriveKey => "enc",
        }
    }

    /// What it is called in `key_ops`; one of the names is enough.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Sign => &["sign"],
            Self::Verify => &["verify"],
            Self::Encrypt => &["encrypt"],
            Self::Decrypt => &["decrypt"],
            Self::WrapKey => &["wrapKey"],
            Self::UnwrapKey => &["unwrapKey"],
            Self::DeriveKey => &["deriveKey", "deriveBits"],
        }
    }

    /// Whether a key with these `key_ops` may be used for it.
    fn is_among(self, names: &[String], key: &Jwk) -> bool {
        if names.iter().any(|name| self.names().contains(&name.as_str())) {
            return true;
        }
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        match self {
            // A private key verifies with its public half, and an HMAC secret does both.
            Self::Verify => key.is_private() && has("sign"),
            // So does a private key that unwraps; a symmetric one has no public half.
            Self::WrapKey => key.is_private() && key.key_type() != "oct" && has("unwrapKey"),
            // The sender derives with a private key of its own, made for the message; the Web Cryptography API writes
            // an empty list into the public keys that it derives with.
            Self::DeriveKey => !key.is_private() && names.is_empty(),
            _ => false,
        }
    }
}

/// Refuses an operation that the key does not allow. `algorithms` are the values of `alg` that a key for it may
/// have, the algorithm itself first.
pub(crate) fn check_use(key: &Jwk, algorithms: &[&str], operation: Operation) -> Result<(), KeyError> {
    if key.algorithm().is_some_and(|name| !algorithms.contains(&name)) {
        let wanted = algorithms.first().unwrap_or(&"this one");
        return Err(KeyError::WrongKind(
            format!("the key's \"alg\" is another algorithm than {wanted}").into(),
        ));
    }
    let expected = operation.public_key_use();
    if key.public_key_use().is_some_and(|name| name != expected) {
        return Err(KeyError::WrongKind(format!("the key's \"use\" is not {expected:?}").into()));
    }
    if key.key_operations().is_some_and(|names| !operation.is_among(names, key)) {
        let wanted = operation.names()[0];
        return Err(KeyError::WrongKind(format!("the key's \"key_ops\" do not include {wanted:?}").into()));
    }
    Ok(())
}

const SIGNATURES: &str = "sig";
const ENCRYPTION: &str = "enc";

/// The `use` of an operation in `key_ops`; `None` for one that RFC 7517 section 4.3 does not name.
fn use_of_operation(name: &str) -> Option<&'static str> {
    match name {
        "sign" | "verify" => Some(SIGNATURES),
        "encrypt" | "decrypt" | "wrapKey" | "unwrapKey" | "deriveKey" | "deriveBits" => Some(ENCRYPTION),
        _ => None,
    }
}

/// The `use` of an algorithm; `None` for one that Jam does not know.
fn use_of_algorithm(name: &str) -> Option<&'static str> {
    if name.parse::<Algorithm>().is_ok() {
        Some(SIGNATURES)
    } else if name.parse::<KeyManagement>().is_ok() || name.parse::<ContentEncryption>().is_ok() {
        Some(ENCRYPTION)
    } else {
        None
    }
}

/// Whether an algorithm works with this kind of key, whatever its length. Those that Jam does not know may work with any.
fn algorithm_takes(name: &str, key: &Material) -> bool {
    let is_symmetric = matches!(key, Material::Symmetric(_));
    if let Ok(algorithm) = name.parse::<Algorithm>() {
        algorithm.takes(key)
    } else if let Ok(algorithm) = name.parse::<KeyManagement>() {
        if is_symmetric { algorithm.is_symmetric() } else { algorithm.takes(key) }
    } else {
        is_symmetric || name.parse::<ContentEncryption>().is_err()
    }
}

/// Refuses a key of which `use`, `key_ops` and `alg` contradict each other, or `alg` what the key is: a reader that heeds
/// one of them would do what the other forbids (RFC 7517 section 4.3).
pub(crate) fn check_statements(key: &Jwk) -> Result<(), KeyError> {
    let refuse = |reason: &str| Err(KeyError::Malformed(format!("JWK: {reason}").into()));
    if key.algorithm().is_some_and(|name| !algorithm_takes(name, key.material())) {
        return refuse("\"alg\" is an algorithm for another kind of key");
    }
    let by_algorithm = key.algorithm().and_then(use_of_algorithm);
    let stated = key.public_key_use().filter(|name| [SIGNATURES, ENCRYPTION].contains(name));
    if stated.zip(by_algorithm).is_some_and(|(stated, by_algorithm)| stated != by_algorithm) {
        return refuse("\"use\" and \"alg\" contradict each other");
    }
    let Some(expected) = stated.or(by_algorithm) else { return Ok(()) };
    let contradicts = |name: &String| use_of_operation(name).is_some_and(|own| own != expected);
    if key.key_operations().is_some_and(|names| names.iter().any(contradicts)) {
        return refuse("\"key_ops\" contradicts \"use\" or \"alg\" (RFC 7517 section 4.3)");
    }
    Ok(())
}

/// Whether a key may be meant for a `use`. Without the member, `alg`, `key_ops` and the kind of the key decide; what they
/// leave open fits.
pub(crate) fn serves_for(key: &Jwk, wanted: &str) -> bool {
    use Operation::{Decrypt, DeriveKey, Encrypt, Sign, UnwrapKey, Verify, WrapKey};
    if let Some(own) = key.public_key_use() {
        return own == wanted;
    }
    let (operations, is_able): (&[Operation], _) = match wanted {
        SIGNATURES => (&[Sign, Verify], Algorithm::all().any(|algorithm| algorithm.takes(key.material()))),
        ENCRYPTION => (
            &[Encrypt, Decrypt, WrapKey, UnwrapKey, DeriveKey],
            KeyManagement::all().any(|algorithm| algorithm.takes(key.material())),
        ),
        _ => return false,
    };
    let is_allowed = |names: &[String]| operations.iter().any(|operation| operation.is_among(names, key));
    is_able
        && key.algorithm().and_then(use_of_algorithm).is_none_or(|own| own == wanted)
        && key.key_operations().is_none_or(is_allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn allows(mut key: Value, members: Value, algorithms: &[&str], operation: Operation) -> bool {
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        check_use(&Jwk::from_dict(key.as_object().unwrap()).unwrap(), algorithms, operation).is_ok()
    }

    fn secret() -> Value {
        json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8"})
    }

    /// RFC 8037 appendix A.6, the receiver's key, and the sender's.
    fn public() -> Value {
        json!({"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"})
    }

    fn private() -> Value {
        json!({"kty": "OKP", "crv": "X25519", "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo",
            "d": "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo"})
    }

    const ALL: [Operation; 7] = [
        Operation::Sign,
        Operation::Verify,
        Operation::Encrypt,
        Operation::Decrypt,
        Operation::WrapKey,
        Operation::UnwrapKey,
        Operation::DeriveKey,
    ];

    #[test]
    fn a_key_that_says_nothing_allows_everything() {
        for operation in ALL {
            assert!(allows(secret(), json!({}), &["any"], operation), "{operation:?}");
        }
    }

    #[test]
    fn a_key_for_one_use_allows_no_other() {
        for operation in ALL {
            let signs = matches!(operation, Operation::Sign | Operation::Verify);
            assert_eq!(allows(secret(), json!({"use": "sig"}), &["any"], operation), signs, "{operation:?}");
            assert_eq!(allows(secret(), json!({"use": "enc"}), &["any"], operation), !signs, "{operation:?}");
            assert!(!allows(secret(), json!({"use": "SIG"}), &["any"], operation), "{operation:?}");
        }
    }

    #[test]
    fn a_key_for_one_algorithm_allows_no_other() {
        // attack 6
        let key = json!({"alg": "A128GCM"});
        assert!(allows(secret(), key.clone(), &["dir", "A128GCM"], Operation::Encrypt));
        assert!(!allows(secret(), key.clone(), &["dir", "A256GCM"], Operation::Encrypt));
        assert!(!allows(secret(), key, &[], Operation::Encrypt));
    }

    #[test]
    fn only_the_operations_that_are_listed_are_allowed() {
        for operation in ALL {
            for name in operation.names() {
                assert!(allows(secret(), json!({"key_ops": [name]}), &["any"], operation), "{name}");
            }
            assert!(!allows(secret(), json!({"key_ops": []}), &["any"], operation), "{operation:?}");
            assert!(!allows(secret(), json!({"key_ops": ["unknown"]}), &["any"], operation), "{operation:?}");
        }
        assert!(!allows(secret(), json!({"key_ops": ["verify"]}), &["any"], Operation::Sign));
        assert!(!allows(secret(), json!({"key_ops": ["decrypt"]}), &["any"], Operation::Encrypt));
        assert!(!allows(secret(), json!({"key_ops": ["encrypt"]}), &["any"], Operation::Decrypt));
        assert!(!allows(secret(), json!({"key_ops": ["unwrapKey"]}), &["any"], Operation::WrapKey));
    }

    #[test]
    fn who_holds_the_private_key_may_use_its_public_half() {
        assert!(allows(secret(), json!({"key_ops": ["sign"]}), &["any"], Operation::Verify));
        assert!(allows(private(), json!({"key_ops": ["unwrapKey"]}), &["any"], Operation::WrapKey));
        assert!(!allows(public(), json!({"key_ops": ["unwrapKey"]}), &["any"], Operation::WrapKey));
        assert!(!allows(public(), json!({"key_ops": ["sign"]}), &["any"], Operation::Verify));
    }

    #[test]
    fn a_public_key_of_the_web_cryptography_api_can_be_derived_with() {
        assert!(allows(public(), json!({"key_ops": []}), &["any"], Operation::DeriveKey));
        assert!(!allows(private(), json!({"key_ops": []}), &["any"], Operation::DeriveKey));
    }
}
