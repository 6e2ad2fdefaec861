//! PASETO.

use std::sync::LazyLock;

use jam::Timestamp;
use jam::paseto::{Key, KeySource, Paseto, Purpose, Version};

use super::{check_error, first_line};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Keys, and the one token that was made with each of them.
static MADE: LazyLock<Vec<(Paseto, &str)>> = LazyLock::new(|| {
    let example = |version, purpose, key: &str, token| {
        let key = Key::read(version, purpose, Some(&KeySource::from(key)), None);
        (Paseto::from_key(key.expect("the key is for this version and purpose")), token)
    };
    vec![
        example(
            Version::V4,
            Purpose::Local,
            include_str!("../corpus/paserk/v4_local"),
            include_str!("../corpus/paseto/v4_local"),
        ),
        example(
            Version::V4,
            Purpose::Public,
            include_str!("../corpus/paserk/v4_secret"),
            include_str!("../corpus/paseto/v4_public"),
        ),
    ]
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
    let (footer, payload) = first_line(input);
    for (paseto, _) in MADE.iter() {
        what_is_made_is_read_as_it_stands(paseto, footer, payload);
    }
}

fn what_is_made_is_read_as_it_stands(paseto: &Paseto, footer: &[u8], payload: &[u8]) {
    let token = match paseto.encode(payload, footer, b"") {
        Ok(token) => token,
        Err(error) => return check_error(&error, payload),
    };
    let decoded = paseto.decode(&token, b"").expect("a token that was made is read");
    assert_eq!((decoded.payload.as_slice(), decoded.footer.as_slice()), (payload, footer));
    assert!(paseto.decode(&token, b"another assertion").is_err());
    match paseto.decode_claims(&token, b"", true, NOW) {
        Ok(claims) => {
            let again = serde_json::to_vec(&claims.payload).expect("claims that were read can be written");
            let again = paseto.encode(&again, footer, b"").expect("claims that were read make a token");
            assert_eq!(paseto.decode_claims(&again, b"", true, NOW), Ok(claims));
        }
        Err(error) => {
            assert!(error.code().starts_with("paseto."), "{error}");
            check_error(&error, payload);
        }
    }
}
