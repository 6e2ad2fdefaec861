//! What holds for every payload, footer and assertion, in every version of PASETO and every form of PASERK.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use jam::keygen;
use jam::paseto::paserk::{self, PasswordCost, SealingKey, UnsealingKey};
use jam::paseto::{Footer, Key, Paseto, Purpose, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// One key of every version and purpose, and another one of the same kind.
static KEYS: LazyLock<Vec<[Key; 2]>> = LazyLock::new(|| {
    let purposes = [Purpose::Local, Purpose::Public];
    let kinds = Version::ALL.into_iter().flat_map(|version| purposes.map(|purpose| (version, purpose)));
    kinds.map(|(version, purpose)| [0, 1].map(|_| Key::generate(version, purpose))).collect()
});

/// A pair that seals for every version.
static SEALING: LazyLock<Vec<(SealingKey, UnsealingKey)>> = LazyLock::new(|| {
    let pair = |version| match version {
        Version::V1 => keygen::generate_rsa_key_pair(4096),
        Version::V3 => keygen::generate_ecdsa_p384_keypair(),
        _ => keygen::generate_ed25519_keypair(),
    };
    let keys = |version| {
        let pair = pair(version).unwrap();
        (
            SealingKey::read(version, &pair.public.into()).unwrap(),
            UnsealingKey::read(version, &pair.private.into()).unwrap(),
        )
    };
    Version::ALL.map(keys).into()
});

const CHEAP: PasswordCost = PasswordCost { memory: 8 << 10, passes: 1, lanes: 1, iterations: 1 };

fn keys() -> impl Strategy<Value = [Key; 2]> {
    any::<Index>().prop_map(|index| index.get(&KEYS[..]).clone())
}

/// The bytes of the last or the only part of a text, with one bit changed.
fn flip(text: &str, part: usize, index: Index, bit: u8) -> String {
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    let mut bytes = BASE64URL_NOPAD.decode(parts[part].as_bytes()).unwrap();
    let at = index.index(bytes.len());
    bytes[at] ^= 1 << bit;
    parts[part] = BASE64URL_NOPAD.encode(&bytes);
    parts.join(".")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_into_a_token_comes_out_of_it(
        [key, other] in keys(),
        payload in vec(any::<u8>(), 0..700),
        footer in vec(any::<u8>(), 0..100),
        assertion in vec(any::<u8>(), 0..40),
    ) {
        let assertion = if key.version().takes_implicit_assertion() { assertion } else { Vec::new() };
        // What looks like a deep JSON object is refused; nothing of random bytes gets so deep.
        let paseto = Paseto::from_key(key.clone());
        let token = paseto.encode(&payload, footer.clone(), &assertion).unwrap();
        let decoded = paseto.decode(&token, &assertion).unwrap();
        prop_assert_eq!(&decoded.payload, &payload);
        prop_assert!(decoded.has_footer(&footer));
        let (refused, both) = (Paseto::from_key(other.clone()), Paseto::from_keys(vec![other, key]).unwrap());
        prop_assert_eq!(refused.decode(&token, &assertion).unwrap_err().code(), "paseto.key_verification");
        prop_assert_eq!(both.decode(&token, &assertion).unwrap().payload, payload);
    }

    #[test]
    fn no_bit_of_a_token_can_be_changed(
        [key, _] in keys(),
        payload in vec(any::<u8>(), 1..300),
        footer in vec(any::<u8>(), 1..50),
        index in any::<Index>(),
        bit in 0..8_u8,
        in_footer in any::<bool>(),
    ) {
        let paseto = Paseto::from_key(key);
        let token = paseto.encode(&payload, footer, b"").unwrap();
        let changed = flip(&token, if in_footer { 3 } else { 2 }, index, bit);
        prop_assert_eq!(paseto.decode(&changed, b"").unwrap_err().code(), "paseto.key_verification");
    }

    #[test]
    fn a_token_cut_anywhere_is_refused(
        [key, _] in keys(), payload in vec(any::<u8>(), 0..200), index in any::<Index>(),
    ) {
        let paseto = Paseto::from_key(key);
        let token = paseto.encode(&payload, Footer::None, b"").unwrap();
        let error = paseto.decode(&token[..index.index(token.len())], b"").unwrap_err();
        prop_assert!(error.code().starts_with("paseto."));
    }

    #[test]
    fn any_text_is_refused_or_is_a_key(text in "k[0-9]\\.(local|secret|public|seal|lid|local-wrap\\.pie|secret-pw)\\.[A-Za-z0-9_-]{0,80}") {
        match Key::from_paserk(&text) {
            Ok(key) => {
                let written = key.to_paserk();
                prop_assert_eq!(written.expose(), &text);
            }
            Err(error) => prop_assert!(error.code().starts_with("paseto."), "{}", error),
        }
    }

    #[test]
    fn a_wrapped_key_comes_back_and_no_bit_of_it_can_be_changed(
        [key, _] in keys(), index in any::<Index>(), bit in 0..8_u8, password in vec(any::<u8>(), 1..40),
    ) {
        let wrapping_key = Key::generate(key.version(), Purpose::Local);
        let wrapped = paserk::wrap(&key, &wrapping_key).unwrap();
        prop_assert_eq!(&paserk::unwrap(&wrapped, &wrapping_key).unwrap(), &key);
        let changed = flip(&wrapped, 3, index, bit);
        prop_assert_eq!(paserk::unwrap(&changed, &wrapping_key).unwrap_err().code(), "paseto.invalid_paserk");

        let wrapped = paserk::wrap_with_password(&key, &password, &CHEAP).unwrap();
        let open = |text: &str| paserk::unwrap_with_password(text, &password, &CHEAP);
        prop_assert_eq!(&open(&wrapped).unwrap(), &key);
        let changed = flip(&wrapped, 2, index, bit);
        prop_assert_eq!(open(&changed).unwrap_err().code(), "paseto.invalid_paserk");
    }
}

proptest! {
    // RSA with 4096 bits takes its time.
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_sealed_key_comes_back_and_no_bit_of_it_can_be_changed(
        number in 0..4_usize, index in any::<Index>(), bit in 0..8_u8,
    ) {
        let (sealing, unsealing) = &SEALING[number];
        let key = Key::generate(Version::ALL[number], Purpose::Local);
        let sealed = paserk::seal(&key, sealing).unwrap();
        prop_assert_eq!(paserk::unseal(&sealed, unsealing).unwrap(), key);
        let changed = flip(&sealed, 2, index, bit);
        prop_assert_eq!(paserk::unseal(&changed, unsealing).unwrap_err().code(), "paseto.invalid_paserk");
    }
}
