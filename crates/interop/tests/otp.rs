//! One-time passwords, with totp-rs.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use jam::Timestamp;
use jam::otp::{Digest, OtpOptions, OtpauthUri, SharedSecret, Totp};
use totp_rs::{Algorithm, Builder, Secret};

const SECRET: &[u8] = b"as many bytes as you like";
const TIMES: [i64; 7] = [0, 29, 30, 1_111_111_109, 1_700_000_000, 20_000_000_000, 4_102_444_800];

struct Pair {
    options: OtpOptions,
    jam: Totp,
    peer: totp_rs::Totp,
}

/// Every digest, number of digits and interval that both have.
fn pairs() -> Vec<Pair> {
    let digests = [
        (Digest::Sha1, Algorithm::SHA1),
        (Digest::Sha256, Algorithm::SHA256),
        (Digest::Sha512, Algorithm::SHA512),
    ];
    let mut pairs = Vec::new();
    for (digest, algorithm) in digests {
        for digits in 6..=8 {
            for interval in [1, 30, 60] {
                let options = OtpOptions { digits, digest, interval };
                let peer = Builder::new()
                    .with_algorithm(algorithm)
                    .with_digits(digits as u8)
                    .with_step_duration(interval)
                    .with_skew(1)
                    .with_secret(Secret::from(SECRET.to_vec()))
                    .with_account_name("ann@example.com")
                    .with_issuer(Some("My App"));
                let jam = Totp::new(SharedSecret::from_bytes(SECRET).unwrap(), options).unwrap();
                pairs.push(Pair { options, jam, peer: peer.build().unwrap() });
            }
        }
    }
    pairs
}

#[test]
fn both_make_the_same_codes() {
    for Pair { options, jam, peer } in pairs() {
        for time in TIMES {
            let code = peer.generate(time as u64).to_string();
            assert_eq!(jam.at(Timestamp::from_seconds(time)).unwrap(), code, "{options:?} at {time}");
        }
    }
}

#[test]
fn each_accepts_the_codes_of_the_other_and_finds_the_same_step() {
    for Pair { options, jam, peer } in pairs() {
        let now = 1_700_000_000;
        for drift in -2..=2 {
            let time = now + drift * options.interval as i64;
            let at = Timestamp::from_seconds(now);
            let theirs = jam.verify_step(&peer.generate(time as u64).to_string(), 1, at).unwrap();
            let ours = peer.check(&jam.at(Timestamp::from_seconds(time)).unwrap(), now as u64);
            let expected = (drift.abs() <= 1).then_some(time as u64 / options.interval);
            assert_eq!((ours, theirs), (expected, expected), "{options:?}, {drift} steps off");
        }
    }
}

#[test]
fn uris_go_both_ways() {
    for Pair { options, jam, peer } in pairs() {
        let uri = OtpauthUri::parse(&peer.to_url().unwrap()).unwrap();
        assert_eq!(
            (uri.options, uri.name.as_str(), uri.issuer.as_str()),
            (options, "ann@example.com", "My App")
        );
        assert_eq!(uri.secret, SharedSecret::from_bytes(SECRET).unwrap());

        let uri = jam.provisioning_uri("ann@example.com", "My App").unwrap();
        let read = totp_rs::Totp::from_url(&uri).unwrap();
        assert_eq!((read.account_name(), read.issuer()), ("ann@example.com", Some("My App")));
        assert_eq!(read.generate(59).to_string(), peer.generate(59).to_string());
    }
}

#[test]
fn names_that_need_escapes_are_the_same_to_both() {
    for (name, issuer) in [("a b+c@x.y", "R&D = 100%"), ("ümläut/\u{1f980}?", "#1"), ("%41", "%3A")] {
        let totp = Totp::new(SharedSecret::from_bytes(SECRET).unwrap(), OtpOptions::default()).unwrap();
        let uri = totp.provisioning_uri(name, issuer).unwrap();
        let read = totp_rs::Totp::from_url(&uri).unwrap();
        assert_eq!((read.account_name(), read.issuer()), (name, Some(issuer)));

        let peer = Builder::new()
            .with_secret(Secret::from(SECRET.to_vec()))
            .with_account_name(name)
            .with_issuer(Some(issuer))
            .build()
            .unwrap();
        let read = OtpauthUri::parse(&peer.to_url().unwrap()).unwrap();
        assert_eq!((read.name.as_str(), read.issuer.as_str()), (name, issuer));
    }
}
