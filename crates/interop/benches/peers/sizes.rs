//! What a token costs as its payload grows.

use jam::jose::jwe::{self, ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, Undecrypted};
use jam::jose::jws::Algorithm;
use jam::jose::{DecodeOptions, Jwk};
use jam::paseto::{Key, Paseto, Purpose, Version};
use jam_interop::{Bench, Row};
use serde_json::{Map, Value};

use crate::{NOW, jwt};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];

/// One row for each kind of token, direction and size.
pub(crate) fn tokens(bench: &mut Bench) {
    for algorithm in [Algorithm::Hs256, Algorithm::EdDsa] {
        let (jwt, options) = (jwt(algorithm), DecodeOptions::default());
        for size in SIZES {
            let claims = claims_of(size);
            let token = jwt.encode(&claims).unwrap();
            let name = format!("JWT {algorithm}");
            both(bench, &name, size, || jwt.encode(&claims), || jwt.decode(&token, &options, NOW));
        }
    }
    let paseto = Paseto::from_key(Key::generate(Version::V4, Purpose::Local));
    for size in SIZES {
        let payload = Value::Object(claims_of(size)).to_string().into_bytes();
        let token = paseto.encode(&payload, b"", b"").unwrap();
        let name = "PASETO v4.local";
        both(bench, name, size, || paseto.encode(&payload, b"", b""), || paseto.decode(&token, b""));
    }
    let secret = Jwk::from_secret(vec![7; 32]);
    let encrypt = EncryptionKey::new(KeyManagement::Direct, ContentEncryption::A256Gcm, &secret).unwrap();
    let decrypt = DecryptionKey::new(KeyManagement::Direct, ContentEncryption::A256Gcm, &secret).unwrap();
    for size in SIZES {
        let plaintext = Value::Object(claims_of(size)).to_string().into_bytes();
        let token = jwe::encrypt(&plaintext, &Map::new(), &encrypt).unwrap();
        let make = || jwe::encrypt(&plaintext, &Map::new(), &encrypt);
        both(bench, "JWE dir, A256GCM", size, make, || Undecrypted::parse(&token)?.decrypt(&decrypt));
    }
}

fn both<M, R>(
    bench: &mut Bench,
    name: &str,
    size: usize,
    mut make: impl FnMut() -> jam::Result<M>,
    mut read: impl FnMut() -> jam::Result<R>,
) {
    let row = |direction| Row::new("sizes", format!("{name}, {direction}")).bytes(size);
    bench.row(row("encode").contestant("jam", || make().unwrap()));
    bench.row(row("decode").contestant("jam", || read().unwrap()));
}

/// One claim; so many bytes as JSON.
fn claims_of(size: usize) -> Map<String, Value> {
    let length = size - r#"{"data":""}"#.len();
    Map::from_iter([("data".to_owned(), Value::from("x".repeat(length)))])
}
