//! The published vectors: PASETO v1 to v4 and PASERK k1 to k4.

use serde_json::Value;

use super::paserk::{PasswordCost, SealingKey, UnsealingKey};
use super::testing::{hex, seal_with};
use super::*;
use crate::encoding::base64url_encode;

fn text<'a>(case: &'a Value, member: &str) -> Option<&'a str> {
    case[member].as_str()
}

fn must_fail(case: &Value) -> bool {
    case["expect-fail"].as_bool().unwrap()
}

fn cases(file: &str) -> Vec<Value> {
    crate::test_vectors::read(file).map_or_else(Vec::new, |file| file["tests"].as_array().unwrap().clone())
}

#[test]
fn the_tokens_of_the_specification_hold_byte_for_byte() {
    // attack 49, fault 20
    let files = [
        ("v1.json", Version::V1),
        ("v2.json", Version::V2),
        ("v3.json", Version::V3),
        ("v4.json", Version::V4),
        ("v4-extra.json", Version::V4),
    ];
    let mut seen = 0;
    for (file, version) in files {
        for case in cases(&format!("paseto/{file}")) {
            drive_token(version, &case);
            seen += 1;
        }
    }
    assert!(matches!(seen, 0 | 64), "{seen} cases");
}

fn drive_token(version: Version, case: &Value) {
    let name = text(case, "name").unwrap();
    let token = text(case, "token").unwrap();
    // The files of versions 1 and 2 name assertions, too, which their tokens are not bound to.
    let implicit =
        if version.takes_implicit_assertion() { text(case, "implicit-assertion").unwrap() } else { "" };
    let options = match (text(case, "key"), text(case, "secret-key")) {
        (Some(key), _) => PasetoOptions::new(version, Purpose::Local).key(key),
        (None, key) => PasetoOptions::new(version, Purpose::Public).key(key.unwrap()),
    };
    let paseto = Paseto::new(options.clone()).unwrap();
    let decoded = paseto.decode(token, implicit.as_bytes());
    if must_fail(case) {
        assert!(matches!(decoded, Err(Error::Paseto(_))), "{name}");
        return;
    }
    let (payload, footer) = (text(case, "payload").unwrap(), text(case, "footer").unwrap());
    let decoded = decoded.unwrap();
    assert_eq!(decoded.payload, payload.as_bytes(), "{name}");
    assert!(decoded.has_footer(footer.as_bytes()), "{name}");
    if let Some(nonce) = text(case, "nonce") {
        assert_eq!(seal_with(paseto.key(), nonce, payload, footer, implicit), token, "{name}");
        return;
    }
    let implicit = implicit.as_bytes();
    let made = paseto.encode(payload.as_bytes(), footer, implicit).unwrap();
    assert_eq!(paseto.decode(&made, implicit).unwrap(), decoded, "{name}");
    // RSASSA-PSS has a random salt, and ECDSA a random number, which is none here (RFC 6979) and was one there.
    if matches!(version, Version::V2 | Version::V4) {
        assert_eq!(made, token, "{name}");
    }
    for (private, public) in [("secret-key", "public-key"), ("secret-key-pem", "public-key-pem")] {
        let (Some(private), Some(public)) = (text(case, private), text(case, public)) else { continue };
        let options = PasetoOptions::new(version, Purpose::Public).key(private).public_key(public);
        assert!(Paseto::new(options).unwrap().decode(token, implicit).is_ok(), "{name}");
        let options = PasetoOptions::new(version, Purpose::Public).public_key(public);
        assert!(Paseto::new(options).unwrap().decode(token, implicit).is_ok(), "{name}");
    }
}

/// Cases that write a public key, without using it, which no private key has: 32 zeros are a point of order 4, and under
/// such a key anybody can sign (attack 14). Jam refuses it, and the rest of the case holds.
const NO_KEYS: [&str; 4] = ["k2.pid-1", "k2.public-1", "k4.pid-1", "k4.public-1"];

#[test]
fn the_paserks_of_the_specification_hold_byte_for_byte() {
    let types = [
        "lid",
        "pid",
        "sid",
        "local",
        "public",
        "secret",
        "seal",
        "local-wrap.pie",
        "secret-wrap.pie",
        "local-pw",
        "secret-pw",
    ];
    let (mut seen, mut failed, mut exceptions) = (0, 0, Vec::new());
    for version in Version::ALL {
        for kind in types {
            for case in cases(&format!("paseto/PASERK/{}.{kind}.json", version.paserk())) {
                seen += 1;
                failed += usize::from(must_fail(&case));
                let name = text(&case, "name").unwrap();
                if NO_KEYS.contains(&name) {
                    drive_no_key(version, kind, &case);
                    exceptions.push(name.to_owned());
                } else {
                    drive_paserk(version, kind, &case);
                }
            }
        }
    }
    assert!(matches!((seen, failed), (0, 0) | (197, 87)), "{seen} cases, of which {failed} must fail");
    assert!(seen == 0 || exceptions.len() == NO_KEYS.len(), "{exceptions:?}");
}

/// The key of a case: hexadecimal, or PEM.
fn read_key(version: Version, kind: &str, key: &str) -> Result<Key> {
    let source = KeySource::from(key);
    match kind {
        "lid" | "local" | "local-wrap.pie" | "local-pw" | "seal" => {
            Key::read(version, Purpose::Local, Some(&source), None)
        }
        "pid" | "public" => Key::read(version, Purpose::Public, None, Some(&source)),
        _ => Key::read(version, Purpose::Public, Some(&source), None)
            // A public key stands where a private one may, but is none.
            .and_then(|key| match key.key_type() {
                KeyType::Secret => Ok(key),
                _ => Err(malformed("no private key")),
            }),
    }
}

fn drive_no_key(version: Version, kind: &str, case: &Value) {
    let (name, key, paserk) =
        (text(case, "name").unwrap(), text(case, "key").unwrap(), text(case, "paserk").unwrap());
    let refused = Err(PasetoError::InvalidEd25519Key(
        "this Ed25519 public key is a point of small order, which no private key has".into(),
    ));
    assert_eq!(read_key(version, kind, key).map(drop), refused.map_err(Error::from), "{name}");
    let text = key::paserk(version, KeyType::Public, &hex(key));
    match kind {
        "pid" => assert_eq!(key::id(version, KeyType::Public, &hex(key)), paserk, "{name}"),
        _ => assert_eq!(text, paserk, "{name}"),
    }
}

fn drive_paserk(version: Version, kind: &str, case: &Value) {
    let name = text(case, "name").unwrap();
    let paserk = text(case, "paserk");
    let opened = paserk.map(|paserk| open(version, kind, case, paserk));
    if must_fail(case) {
        assert!(
            opened.is_none_or(|opened| matches!(opened, Err(Error::Paseto(_)))),
            "{name}: the text is accepted"
        );
        if let (Some(key), None) = (text(case, "key"), paserk) {
            assert!(
                matches!(read_key(version, kind, key), Err(Error::Paseto(_))),
                "{name}: the key is accepted"
            );
        }
        return;
    }
    let member = if kind == "seal" { "unsealed" } else { "unwrapped" };
    let key = text(case, "key").or_else(|| text(case, member)).unwrap();
    let key = read_key(version, kind, key).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (paserk, opened) = (paserk.unwrap(), opened.unwrap());
    let opened = || opened.clone().unwrap_or_else(|error| panic!("{name}: {error}"));
    match kind {
        "lid" | "sid" | "pid" => assert_eq!(key.id(), paserk, "{name}"),
        "local" | "secret" | "public" => {
            assert_eq!(key.to_paserk().expose(), paserk, "{name}");
            assert_eq!(opened().id(), key.id(), "{name}");
        }
        _ => {
            assert_eq!(opened().id(), key.id(), "{name}");
            if let Some(again) = write(kind, case, &key, paserk) {
                assert_eq!(again, paserk, "{name}");
            }
        }
    }
}

/// Reads the text of a case as what it must be: a key of this version and type.
fn open(version: Version, kind: &str, case: &Value, paserk: &str) -> Result<Key> {
    let wrong = || malformed("another version or type");
    let key = match kind {
        "lid" | "pid" | "sid" => return Err(wrong()),
        "local" | "secret" | "public" => Key::from_paserk(paserk)?,
        "local-wrap.pie" | "secret-wrap.pie" => paserk::unwrap(paserk, &wrapping_key(version, case)?)?,
        "local-pw" | "secret-pw" => paserk::unwrap_with_password(
            paserk,
            text(case, "password").unwrap().as_bytes(),
            &PasswordCost::LIMIT,
        )?,
        _ => {
            let key = KeySource::from(text(case, "sealing-secret-key").unwrap());
            paserk::unseal(paserk, &UnsealingKey::read(version, &key)?)?
        }
    };
    let expected = if kind.starts_with("local") || kind == "seal" { KeyType::Local } else { KeyType::Secret };
    let expected = if kind == "public" { KeyType::Public } else { expected };
    if key.version() == version && key.key_type() == expected { Ok(key) } else { Err(wrong()) }
}

fn wrapping_key(version: Version, case: &Value) -> Result<Key> {
    let key = KeySource::from(text(case, "wrapping-key").unwrap());
    Key::read(version, Purpose::Local, Some(&key), None)
}

/// The text that is made of the key with the random numbers of the case; `None` where they cannot be given.
fn write(kind: &str, case: &Value, key: &Key, paserk: &str) -> Option<String> {
    let (header, data) = paserk.rsplit_once('.').unwrap();
    let data = base64url_decode(data).unwrap();
    let suite = key.version().suite();
    assert_eq!(format!("{header}.{}", base64url_encode(&data)), paserk);
    match kind {
        // Here the vectors wrap the PEM text of the key, and not its DER (types/secret.md of the specification).
        "secret-pw" if key.version() == Version::V1 => None,
        "local-wrap.pie" | "secret-wrap.pie" => {
            let nonce = data[suite.tag_length()..].first_chunk().unwrap();
            let wrapping_key = wrapping_key(key.version(), case).unwrap();
            Some(paserk::wrap_with_nonce(key, &wrapping_key, nonce).unwrap())
        }
        "local-pw" | "secret-pw" => {
            let (salt, cost_length) = paserk::password_lengths(suite);
            // The cost is that of the text; "options" beside it name another one in some cases.
            let cost = PasswordCost::read(suite, &data[salt..salt + cost_length]).unwrap();
            // The password is the text as it stands, though it looks like hexadecimal.
            let password = text(case, "password").unwrap().as_bytes();
            let nonce = &data[salt + cost_length..];
            Some(paserk::wrap_with_salt(key, password, &cost, &data, nonce).unwrap())
        }
        "seal" => {
            let public = KeySource::from(text(case, "sealing-public-key").unwrap());
            let public = SealingKey::read(key.version(), &public).unwrap();
            let private = KeySource::from(text(case, "sealing-secret-key").unwrap());
            let private = UnsealingKey::read(key.version(), &private).unwrap();
            let sealed = paserk::seal(key, &public).unwrap();
            assert_eq!(paserk::unseal(&sealed, &private).unwrap().id(), key.id());
            None
        }
        _ => None,
    }
}
