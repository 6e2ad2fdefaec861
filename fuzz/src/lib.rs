//! What must hold for any input of Jam's parsers: one function for each target.
//!
//! libFuzzer calls them from `fuzz_targets/` with what it makes up. The tests `corpus` and `mutations` of the library call the
//! same functions with the files of `corpus/`, and with these files changed at random.

mod config;
mod jwe;
mod jwk;
mod jws;
mod otp;
mod paseto;

pub use config::config;
pub use jwe::jwe;
pub use jwk::{jwk, jwk_set};
pub use jws::jws;
pub use otp::otpauth_uri;
pub use paseto::{paserk, paseto};

/// Looks at one input, and panics when something does not hold that must.
pub type Target = fn(&[u8]);

/// All targets by the name of their folder in `corpus/`.
pub const TARGETS: [(&str, Target); 8] = [
    ("config", config),
    ("jwe", jwe),
    ("jwk", jwk),
    ("jwk_set", jwk_set),
    ("jws", jws),
    ("otpauth_uri", otpauth_uri),
    ("paserk", paserk),
    ("paseto", paseto),
];

/// The longest piece of an input that an error may repeat. The names of algorithms and parameters are this short; no key, token or
/// password is.
const LONGEST_ECHO: usize = 20;

/// An error has a code, and repeats no longer piece of the input than a name.
fn check_error(error: &jam::Error, input: &[u8]) {
    let text = error.to_string();
    assert!(jam::Error::CODES.contains(&error.code()));
    assert!(!repeats(&text, input), "the error repeats the input: {text}");
}

fn repeats(text: &str, input: &[u8]) -> bool {
    // A piece that is too long covers one whole piece of half its length; there are few of these to look for.
    let halves = input.chunks_exact(LONGEST_ECHO / 2 + 1);
    let has = |text: &[u8], piece: &[u8]| memchr::memmem::find(text, piece).is_some();
    halves.into_iter().any(|half| has(text.as_bytes(), half))
        && text.as_bytes().windows(LONGEST_ECHO + 1).any(|piece| has(input, piece))
}

/// The input up to the first line break, and what stands behind it.
fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', input) {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[]),
    }
}
