//! PASETO and PASERK.

use std::sync::LazyLock;

use jam::Timestamp;
use jam::paseto::paserk::{self, PasswordCost, SealingKey, UnsealingKey};
use jam::paseto::{Key, KeySource, Paseto, Purpose, Version};

use super::{check_error, first_line};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A key, and the one token that was made with it.
macro_rules! token {
    ($name:literal, $key:literal) => {
        (include_str!(concat!("../corpus/paserk/", $key)), include_str!(concat!("../corpus/paseto/", $name)))
    };
}

static MADE: LazyLock<Vec<(Paseto, &str)>> = LazyLock::new(|| {
    let all = [
        token!("v1_local", "v1_local"),
        token!("v1_public", "v1_secret"),
        token!("v2_local", "v2_local"),
        token!("v2_public", "v2_secret"),
        token!("v3_local", "v3_local"),
        token!("v3_public", "v3_secret"),
        token!("v4_local", "v4_local"),
        token!("v4_public", "v4_secret"),
    ];
    let read = |(key, token)| Ok((Paseto::from_key(Key::from_paserk(key)?), token));
    all.into_iter().map(read).collect::<jam::Result<_>>().expect("the keys were made by Jam")
});

/// A token, or the footer and the payload of one with a line break between them.
pub fn paseto(input: &[u8]) {
    if let Ok(token) = std::str::from_utf8(input) {
        for (paseto, genuine) in MADE.iter() {
            match paseto.decode(token, b"") {
                Ok(_) => assert_eq!(token, *genuine),
                Err(error) => check_error(&error, input),
            }
        }
    }
    // Signatures take long, and what stands around them is the same for all.
    let (footer, payload) = first_line(input);
    let (paseto, _) = &MADE[input.len() % MADE.len()];
    what_is_made_is_read_as_it_stands(paseto, footer, payload);
}

fn what_is_made_is_read_as_it_stands(paseto: &Paseto, footer: &[u8], payload: &[u8]) {
    let knows_assertions = matches!(paseto.key().version(), Version::V3 | Version::V4);
    let assertion: &[u8] = if knows_assertions { b"assertion" } else { b"" };
    let token = match paseto.encode(payload, footer, assertion) {
        Ok(token) => token,
        Err(error) => return check_error(&error, payload),
    };
    let decoded = paseto.decode(&token, assertion).expect("a token that was made is read");
    assert_eq!((decoded.payload.as_slice(), decoded.footer.as_slice()), (payload, footer));
    assert!(paseto.decode(&token, b"another assertion").is_err());
    match paseto.decode_claims(&token, assertion, true, NOW) {
        Ok(claims) => {
            let again = serde_json::to_vec(&claims.payload).expect("claims that were read can be written");
            let again = paseto.encode(&again, footer, assertion).expect("and make a token");
            assert_eq!(paseto.decode_claims(&again, assertion, true, NOW), Ok(claims));
        }
        Err(error) => {
            assert!(error.code().starts_with("paseto."), "{error}");
            check_error(&error, payload);
        }
    }
}

/// What opens the keys of one version.
struct Openers {
    version: Version,
    wrapping: Key,
    sealing: SealingKey,
    unsealing: UnsealingKey,
}

static OPENERS: LazyLock<Vec<Openers>> = LazyLock::new(|| {
    let p384 = include_str!("../../crates/jam/tests/keys/p384.pem");
    let ed25519 = include_str!("../corpus/jwk/ed25519.pem");
    let all = [
        (Version::V1, include_str!("../corpus/paserk/v1_local"), include_str!("../keys/rsa4096.pem")),
        (Version::V2, include_str!("../corpus/paserk/v2_local"), ed25519),
        (Version::V3, include_str!("../corpus/paserk/v3_local"), p384),
        (Version::V4, include_str!("../corpus/paserk/v4_local"), ed25519),
    ];
    let read = |(version, wrapping, pem)| {
        let public = jam::jose::Jwk::from_pem(pem, None)?.to_pem()?;
        Ok(Openers {
            version,
            wrapping: Key::from_paserk(wrapping)?,
            sealing: SealingKey::read(version, &public.into())?,
            unsealing: UnsealingKey::read(version, &pem.into())?,
        })
    };
    all.into_iter().map(read).collect::<jam::Result<_>>().expect("the keys were made for this")
});

/// All that [`OPENERS`] and the password open.
const WRAPPED: [&str; 20] = [
    include_str!("../corpus/paserk/v1_local-wrap"),
    include_str!("../corpus/paserk/v1_secret-wrap"),
    include_str!("../corpus/paserk/v1_local-pw"),
    include_str!("../corpus/paserk/v1_secret-pw"),
    include_str!("../corpus/paserk/v1_seal"),
    include_str!("../corpus/paserk/v2_local-wrap"),
    include_str!("../corpus/paserk/v2_secret-wrap"),
    include_str!("../corpus/paserk/v2_local-pw"),
    include_str!("../corpus/paserk/v2_secret-pw"),
    include_str!("../corpus/paserk/v2_seal"),
    include_str!("../corpus/paserk/v3_local-wrap"),
    include_str!("../corpus/paserk/v3_secret-wrap"),
    include_str!("../corpus/paserk/v3_local-pw"),
    include_str!("../corpus/paserk/v3_secret-pw"),
    include_str!("../corpus/paserk/v3_seal"),
    include_str!("../corpus/paserk/v4_local-wrap"),
    include_str!("../corpus/paserk/v4_secret-wrap"),
    include_str!("../corpus/paserk/v4_local-pw"),
    include_str!("../corpus/paserk/v4_secret-pw"),
    include_str!("../corpus/paserk/v4_seal"),
];

/// So little work that the fuzzer has time for other things.
const LIMIT: PasswordCost = PasswordCost { memory: 64 << 10, passes: 2, lanes: 2, iterations: 100 };

/// A key in a form of PASERK, or in another one that a configuration may have it in.
pub fn paserk(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Key::from_paserk(text) {
        Ok(key) => {
            assert_eq!(key.to_paserk().expose(), text);
            every_form_is_the_same_key(&key);
        }
        Err(error) => check_error(&error, input),
    }
    let opened = OPENERS.iter().flat_map(|openers| {
        [paserk::unwrap(text, &openers.wrapping), paserk::unseal(text, &openers.unsealing)]
    });
    for opened in opened.chain([paserk::unwrap_with_password(text, b"password", &LIMIT)]) {
        match opened {
            Ok(_) => assert!(WRAPPED.contains(&text)),
            Err(error) => check_error(&error, input),
        }
    }
    // In other forms than those of PASERK, too; bytes may be the key itself, and no key has more than these.
    let mut sources = vec![KeySource::from(text)];
    sources.extend((input.len() <= 96).then(|| KeySource::from(input)));
    for (version, source) in
        Version::ALL.iter().flat_map(|version| sources.iter().map(move |source| (*version, source)))
    {
        let purposes = [Purpose::Local, Purpose::Public];
        let read = purposes.map(|purpose| Key::read(version, purpose, Some(source), None));
        for key in read.into_iter().chain([Key::read(version, Purpose::Public, None, Some(source))]) {
            match key {
                Ok(key) => every_form_is_the_same_key(&key),
                Err(error) => check_error(&error, input),
            }
        }
    }
}

fn every_form_is_the_same_key(key: &Key) {
    let text = key.to_paserk();
    let again = Key::from_paserk(text.expose()).expect("what was written can be read");
    assert_eq!((again.id(), again.kid()), (key.id(), key.kid()));
    assert!(Key::from_paserk(key.id()).is_err() && !format!("{key:?}").contains(text.expose()));
    if let Ok(public) = key.public() {
        assert_eq!(public.id(), key.kid());
    }
    let openers =
        OPENERS.iter().find(|openers| openers.version == key.version()).expect("every version is there");
    if let Ok(wrapped) = paserk::wrap(key, &openers.wrapping) {
        assert_eq!(
            paserk::unwrap(&wrapped, &openers.wrapping).expect("a wrapped key is opened").id(),
            key.id()
        );
    }
    // RSA with 4096 bits is too slow to be done for every input.
    if key.version() != Version::V1
        && let Ok(sealed) = paserk::seal(key, &openers.sealing)
    {
        assert_eq!(
            paserk::unseal(&sealed, &openers.unsealing).expect("a sealed key is opened").id(),
            key.id()
        );
    }
}
