//! PASETO and PASERK, with pasetors: versions 2, 3 and 4, as far as it has them.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use jam::paseto::{Key, Paseto, Purpose, Version};
use pasetors::keys::{AsymmetricKeyPair, AsymmetricPublicKey, AsymmetricSecretKey, Generate, SymmetricKey};
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::token::UntrustedToken;
use pasetors::version2::V2;
use pasetors::version3::V3;
use pasetors::version4::V4;
use pasetors::{Local, Public, version2, version3, version4};

const MESSAGE: &[u8] = br#"{"data":"any text","exp":"2039-01-01T00:00:00+00:00"}"#;
/// With and without a footer, JSON or not.
const FOOTERS: [&[u8]; 3] = [b"", b"not JSON", br#"{"kid":"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN"}"#];
const ASSERTIONS: [&[u8]; 2] = [b"", br#"{"implicit":"assertion"}"#];

fn paserk(key: &impl FormatAsPaserk) -> String {
    let mut text = String::new();
    key.fmt(&mut text).unwrap();
    text
}

/// `None` where there is nothing.
fn given(bytes: &[u8]) -> Option<&[u8]> {
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

/// A new key of Jam's, and the keys in PASERK with which tokens are made and read.
fn generated(version: Version, purpose: Purpose) -> (Paseto, String, String) {
    let key = Key::generate(version, purpose);
    let reading = if purpose == Purpose::Public { key.public().unwrap() } else { key.clone() };
    let texts = [&key, &reading].map(|key| key.to_paserk().expose().clone());
    let [making, reading] = texts;
    (Paseto::from_key(key), making, reading)
}

/// What pasetors makes Jam reads, and the other way round. The functions are given footer and implicit assertion.
fn exchange(
    ours: &Paseto,
    make: impl Fn(&[u8], &[u8]) -> String,
    read: impl Fn(&str, &[u8], &[u8]) -> String,
) {
    let knows_assertions = ours.key().version() != Version::V2;
    for (footer, assertion) in
        FOOTERS.iter().flat_map(|footer| ASSERTIONS.map(|assertion| (*footer, assertion)))
    {
        if assertion.is_empty() || knows_assertions {
            let decoded = ours.decode(&make(footer, assertion), assertion).unwrap();
            assert_eq!((decoded.payload.as_slice(), decoded.footer.as_slice()), (MESSAGE, footer));
            let token = ours.encode(MESSAGE, footer, assertion).unwrap();
            assert_eq!(read(&token, footer, assertion).as_bytes(), MESSAGE);
        }
    }
}

#[test]
fn encrypted_tokens_of_version_2_go_both_ways() {
    let (ours, key, _) = generated(Version::V2, Purpose::Local);
    let key = SymmetricKey::<V2>::try_from(key.as_str()).unwrap();
    exchange(
        &ours,
        |footer, _| version2::LocalToken::encrypt(&key, MESSAGE, given(footer)).unwrap(),
        |token, footer, _| {
            let token = UntrustedToken::<Local, V2>::try_from(token).unwrap();
            version2::LocalToken::decrypt(&key, &token, given(footer)).unwrap().payload().to_owned()
        },
    );
}

#[test]
fn signed_tokens_of_version_2_go_both_ways() {
    let (ours, secret, public) = generated(Version::V2, Purpose::Public);
    let secret = AsymmetricSecretKey::<V2>::try_from(secret.as_str()).unwrap();
    let public = AsymmetricPublicKey::<V2>::try_from(public.as_str()).unwrap();
    exchange(
        &ours,
        |footer, _| version2::PublicToken::sign(&secret, MESSAGE, given(footer)).unwrap(),
        |token, footer, _| {
            let token = UntrustedToken::<Public, V2>::try_from(token).unwrap();
            version2::PublicToken::verify(&public, &token, given(footer)).unwrap().payload().to_owned()
        },
    );
}

#[test]
fn signed_tokens_of_version_3_go_both_ways() {
    let (ours, secret, public) = generated(Version::V3, Purpose::Public);
    let secret = AsymmetricSecretKey::<V3>::try_from(secret.as_str()).unwrap();
    let public = AsymmetricPublicKey::<V3>::try_from(public.as_str()).unwrap();
    exchange(
        &ours,
        |footer, assertion| {
            version3::PublicToken::sign(&secret, MESSAGE, given(footer), given(assertion)).unwrap()
        },
        |token, footer, assertion| {
            let token = UntrustedToken::<Public, V3>::try_from(token).unwrap();
            let read = version3::PublicToken::verify(&public, &token, given(footer), given(assertion));
            read.unwrap().payload().to_owned()
        },
    );
}

#[test]
fn encrypted_tokens_of_version_4_go_both_ways() {
    let (ours, key, _) = generated(Version::V4, Purpose::Local);
    let key = SymmetricKey::<V4>::try_from(key.as_str()).unwrap();
    exchange(
        &ours,
        |footer, assertion| {
            version4::LocalToken::encrypt(&key, MESSAGE, given(footer), given(assertion)).unwrap()
        },
        |token, footer, assertion| {
            let token = UntrustedToken::<Local, V4>::try_from(token).unwrap();
            let read = version4::LocalToken::decrypt(&key, &token, given(footer), given(assertion));
            read.unwrap().payload().to_owned()
        },
    );
}

#[test]
fn signed_tokens_of_version_4_go_both_ways() {
    let (ours, secret, public) = generated(Version::V4, Purpose::Public);
    let secret = AsymmetricSecretKey::<V4>::try_from(secret.as_str()).unwrap();
    let public = AsymmetricPublicKey::<V4>::try_from(public.as_str()).unwrap();
    exchange(
        &ours,
        |footer, assertion| {
            version4::PublicToken::sign(&secret, MESSAGE, given(footer), given(assertion)).unwrap()
        },
        |token, footer, assertion| {
            let token = UntrustedToken::<Public, V4>::try_from(token).unwrap();
            let read = version4::PublicToken::verify(&public, &token, given(footer), given(assertion));
            read.unwrap().payload().to_owned()
        },
    );
}

/// Jam reads the key that pasetors wrote, writes it the same, and gives it the same id.
fn is_the_same_key<K>(theirs: &K)
where
    K: FormatAsPaserk,
    Id: for<'a> From<&'a K>,
{
    let text = paserk(theirs);
    let ours = Key::from_paserk(&text).unwrap();
    assert_eq!(*ours.to_paserk().expose(), text);
    assert_eq!(ours.id(), paserk(&Id::from(theirs)));
}

#[test]
fn keys_and_their_ids_are_written_alike() {
    is_the_same_key(&SymmetricKey::<V2>::generate().unwrap());
    is_the_same_key(&SymmetricKey::<V4>::generate().unwrap());
    let pair = AsymmetricKeyPair::<V2>::generate().unwrap();
    is_the_same_key(&pair.secret);
    is_the_same_key(&pair.public);
    let pair = AsymmetricKeyPair::<V3>::generate().unwrap();
    is_the_same_key(&pair.secret);
    is_the_same_key(&pair.public);
    let pair = AsymmetricKeyPair::<V4>::generate().unwrap();
    is_the_same_key(&pair.secret);
    is_the_same_key(&pair.public);
}
