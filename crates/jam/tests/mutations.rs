//! Tokens with random changes: none of them is accepted, and every refusal is one of Jam's own errors. Inputs of the
//! fuzzer with random changes: what must hold for any input holds for them.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

#[allow(unreachable_pub)] // a library in its own right
#[path = "../../../fuzz/src/lib.rs"]
mod fuzz;

use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use jam::Timestamp;
use jam::jose::{DecodeOptions, Jwt, JwtOptions, jws::Algorithm};
use jam::paseto::{Key, Paseto, Purpose, Version};
use serde_json::Map;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const CLAIMS: &str =
    r#"{"sub":"1234567890","exp":1700003600,"nbf":1699999999,"aud":["a","b"],"x":{"y":[1.5,null,true]}}"#;

/// A small generator (xorshift64*), so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    /// `text` with one to four changes: a byte replaced, put in, taken out, a piece doubled, moved or cut off.
    fn change(&mut self, text: &[u8]) -> Vec<u8> {
        const BYTES: &[u8] = b"Aa0-_.=+/ \"\\{}[]:,\0\n\xff\xc3e19";
        let mut changed = text.to_vec();
        for _ in 0..=self.roll(4) {
            let length = changed.len().max(1);
            let (place, other) = (self.roll(length), self.roll(length));
            let (start, end) = (place.min(other), place.max(other).min(place.min(other) + 40));
            match self.roll(7) {
                0 if !changed.is_empty() => changed[place] = BYTES[self.roll(BYTES.len())],
                1 if !changed.is_empty() => changed[place] ^= 1 << self.roll(7),
                2 => changed.insert(place.min(changed.len()), BYTES[self.roll(BYTES.len())]),
                3 if !changed.is_empty() => drop(changed.remove(place)),
                4 if !changed.is_empty() => {
                    let piece = changed[start..end].to_vec();
                    changed.splice(start..start, piece);
                }
                5 if !changed.is_empty() => changed.swap(place, other),
                _ if self.roll(8) == 0 => changed.truncate(place),
                _ => {}
            }
        }
        changed
    }

    fn change_text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.change(text.as_bytes())).into_owned()
    }
}

/// The files of a target's corpus, in the same order on every machine.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target}");
    files
}

#[test]
fn what_must_hold_for_any_input_holds_for_the_corpus() {
    for (name, target) in fuzz::TARGETS {
        for file in corpus(name) {
            println!("{}", file.display());
            target(&std::fs::read(file).unwrap());
        }
    }
}

#[test]
fn what_must_hold_for_any_input_holds_for_the_corpus_with_random_changes() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for (name, target) in fuzz::TARGETS {
        let files = corpus(name);
        for file in &files {
            let input = std::fs::read(file).unwrap();
            for _ in 0..4_000 / files.len() {
                let changed = dice.change(&input);
                println!("{}: {}", file.display(), changed.escape_ascii());
                target(&changed);
            }
        }
    }
}

fn refuses_every_change(token: &str, rounds: usize, part: &str, decode: impl Fn(&str) -> jam::Result<()>) {
    decode(token).unwrap();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for _ in 0..rounds {
        let changed = dice.change_text(token);
        if changed == token {
            continue;
        }
        let error = decode(&changed).expect_err(&changed);
        assert!(error.code().starts_with(part), "{}: {changed}", error.code());
        refused += 1;
    }
    assert!(refused > rounds / 2);
}

fn jwt(algorithm: Algorithm) -> Jwt {
    let read = |name: &str| {
        std::fs::read_to_string(format!("{}/tests/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let (secret, private_key) = match algorithm {
        Algorithm::EdDsa => (vec![], vec![read("ed25519").into()]),
        Algorithm::Es256 => (vec![], vec![read("p256").into()]),
        _ => (vec![b"a secret of at least 32 bytes, for HS256"[..].into()], vec![]),
    };
    Jwt::new(JwtOptions { algorithm, secret, private_key, ..JwtOptions::default() }).unwrap()
}

#[test]
fn no_changed_token_verifies() {
    // attacks 1, 12, 14, 27, 28 and 31
    for (algorithm, rounds) in
        [(Algorithm::Hs256, 130_000), (Algorithm::EdDsa, 10_000), (Algorithm::Es256, 10_000)]
    {
        let jwt = jwt(algorithm);
        let token = jwt.encode_json(CLAIMS.as_bytes()).unwrap();
        refuses_every_change(&token, rounds, "jwt.", |token| {
            jwt.decode(token, &DecodeOptions::default(), NOW).map(drop)
        });
    }
}

#[test]
fn no_changed_paseto_opens() {
    // attacks 27, 47 and 48
    for version in Version::ALL {
        for (purpose, rounds) in [(Purpose::Local, 20_000), (Purpose::Public, 5_000)] {
            let paseto = Paseto::from_key(Key::generate(version, purpose));
            let implicit: &[u8] = if version.takes_implicit_assertion() { b"implicit" } else { b"" };
            let token = paseto.encode(CLAIMS.as_bytes(), b"{\"kid\":\"1\"}", implicit).unwrap();
            refuses_every_change(&token, rounds, "paseto.", |token| {
                paseto.decode_claims(token, implicit, false, NOW).map(drop)
            });
        }
    }
}

#[test]
fn no_changed_paserk_is_another_key() {
    // attacks 27 and 47: what is read is written in the same way again
    let mut dice = Dice(11);
    for version in Version::ALL {
        for purpose in [Purpose::Local, Purpose::Public] {
            let text = Key::generate(version, purpose).to_paserk();
            for _ in 0..3_000 {
                let changed = dice.change_text(text.expose());
                match Key::from_paserk(&changed) {
                    Ok(key) => assert_eq!(*key.to_paserk().expose(), changed),
                    Err(error) => assert!(error.code().starts_with("paseto."), "{}: {changed}", error.code()),
                }
            }
        }
    }
}

/// Who holds the key may sign anything: it is read as it stands, or refused.
#[test]
fn changed_claims_and_headers_below_a_good_signature_are_read_or_refused() {
    // attacks 26, 30, 31, 32, 33 and 35
    use hmac::{KeyInit, Mac};
    let (jwt, mut dice) = (jwt(Algorithm::Hs256), Dice(7));
    let header = r#"{"alg":"HS256","typ":"JWT","kid":"1"}"#;
    for _ in 0..50_000 {
        let header =
            if dice.roll(2) == 0 { header.as_bytes().to_vec() } else { dice.change(header.as_bytes()) };
        let claims = dice.change(CLAIMS.as_bytes());
        let signed = format!("{}.{}", BASE64URL_NOPAD.encode(&header), BASE64URL_NOPAD.encode(&claims));
        let mut mac =
            hmac::Hmac::<sha2::Sha256>::new_from_slice(b"a secret of at least 32 bytes, for HS256").unwrap();
        mac.update(signed.as_bytes());
        let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()));
        match jwt.decode(&token, &DecodeOptions::default(), NOW) {
            Ok(read) => assert_eq!(read, serde_json::from_slice::<Map<_, _>>(&claims).unwrap()),
            Err(error) => assert!(error.code().starts_with("jwt."), "{}", error.code()),
        }
    }
}
