//! What must hold for any input of Jam's parsers: one function for each target.
//!
//! libFuzzer calls them from `fuzz_targets/` with what it makes up. The tests `corpus` and `mutations` of the library call the
//! same functions with the files of `corpus/`, and with these files changed at random.

mod config;
mod jose;
mod paseto;

pub use config::config;
pub use jose::{jwk, jws};
pub use paseto::paseto;

/// Looks at one input, and panics when something does not hold that must.
pub type Target = fn(&[u8]);

/// All targets by the name of their folder in `corpus/`.
pub const TARGETS: [(&str, Target); 4] = [("config", config), ("jwk", jwk), ("jws", jws), ("paseto", paseto)];

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
    text.as_bytes().windows(LONGEST_ECHO + 1).any(|piece| memchr::memmem::find(input, piece).is_some())
}

/// The input up to the first line break, and what stands behind it.
fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', input) {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[]),
    }
}
