//! Recovery codes: each opens an account once, when the user's device is gone.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::crypto::hmac::HmacKey;
use crate::crypto::{Hash, random_bytes};
use crate::encoding::{base64url_decode, base64url_encode};
use crate::secret::Secret;
use crate::{Error, Result};

/// Crockford's base32: no I, L and O, which look like 1 and 0, and no U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Symbols of a code, five bits each, with a dash between groups.
///
/// The 120 bits are why the stored form is one HMAC-SHA-256 and no slow hash. Whoever has stolen it and tries 10^15
/// codes in a second, as some ten thousand of the fastest graphics cards would, tries 2^120 / 11 on the average before
/// the first of ten codes is found: that takes four million million years. NIST SP 800-63B (look-up secrets) asks for a
/// slow hash below 112 bits. The 80 bits of a code of sixteen symbols would need one; it would cost every attempt 19 MiB
/// and some ten milliseconds, and an enrolment ten times that.
const SYMBOLS: usize = 24;
const GROUP: usize = 4;

/// The most codes of a set: a set is read and compared as a whole.
const MOST_CODES: usize = 100;

const SALT: usize = 16;
const HASH: usize = 32;
const VERSION: &str = "v1";

/// What is kept of a user's recovery codes: a salt, and a hash of each code that is left.
///
/// It is a value: [`RecoveryCodes::redeem`] gives a new one, for the caller to store.
///
/// ```
/// use jam::otp::RecoveryCodes;
///
/// let (codes, kept) = RecoveryCodes::generate(10)?;
/// assert_eq!(codes[0].expose().len(), "7K3M-9QTX-2HVB-R8WD-4NPA-6CJE".len()); // shown to the user, once
/// let stored = kept.to_text(); // for the database
///
/// let kept = RecoveryCodes::from_text(&stored)?;
/// let left = kept.redeem(codes[0].expose()).expect("the code is one of them");
/// assert_eq!(left.remaining(), 9);
/// assert!(left.redeem(codes[0].expose()).is_none());
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCodes {
    salt: [u8; SALT],
    hashes: Vec<[u8; HASH]>,
}

impl RecoveryCodes {
    /// `count` new codes of 120 random bits each, and what is to be stored of them.
    ///
    /// # Errors
    /// [`Error::Validation`] for a count outside of 1 to 100.
    pub fn generate(count: usize) -> Result<(Vec<Secret<String>>, Self)> {
        if !(1..=MOST_CODES).contains(&count) {
            return Err(Error::validation(format!("there are from 1 to {MOST_CODES} recovery codes")));
        }
        let salt = *random_bytes::<SALT>();
        let symbols: Vec<_> = (0..count).map(|_| new_symbols()).collect();
        let hashes = symbols.iter().map(|symbols| hash(&salt, symbols)).collect();
        Ok((symbols.iter().map(grouped).collect(), Self { salt, hashes }))
    }

    /// Reads what [`RecoveryCodes::to_text`] wrote.
    ///
    /// # Errors
    /// [`Error::Validation`] for any other text, and for one that has a hash twice.
    pub fn from_text(stored: &str) -> Result<Self> {
        // A salt and 100 hashes have less than five thousand characters.
        let mut parts = Some(stored).filter(|text| text.len() <= 8192).ok_or_else(damaged)?.split('.');
        if parts.next() != Some(VERSION) {
            return Err(damaged());
        }
        let salt = parts.next().and_then(bytes).ok_or_else(damaged)?;
        let hashes = parts.map(bytes).collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
        // Codes are random: two of one hash were never made, and would count as two that are left.
        let is_twice = |(place, hash): (usize, &[u8; HASH])| hashes[..place].contains(hash);
        if hashes.len() > MOST_CODES || hashes.iter().enumerate().any(is_twice) {
            return Err(damaged());
        }
        Ok(Self { salt, hashes })
    }

    /// The form for a database: ASCII text of 25 characters and 44 more for each code.
    pub fn to_text(&self) -> String {
        let mut text = format!("{VERSION}.{}", base64url_encode(self.salt));
        for hash in &self.hashes {
            text.push('.');
            text.push_str(&base64url_encode(hash));
        }
        text
    }

    /// What is left when this code has been used; `None` if it is none of the codes that are left. Case, spaces and
    /// dashes do not matter, nor whether O stands for 0, or I or L for 1.
    ///
    /// Store what is left before the user gets in, and only in place of what was read: two requests at once could
    /// otherwise both use the code. In SQL that is `UPDATE ... SET codes = :left WHERE id = :id AND codes = :read`, which
    /// must have changed a row.
    pub fn redeem(&self, code: &str) -> Option<Self> {
        let typed = hash(&self.salt, &read(code)?);
        // Compared in constant time, and with every hash.
        let same: Vec<bool> = self.hashes.iter().map(|hash| hash.ct_eq(&typed).into()).collect();
        let left = self.hashes.iter().zip(&same).filter(|(_, same)| !**same).map(|(hash, _)| *hash);
        let left = Self { salt: self.salt, hashes: left.collect() };
        (left.hashes.len() < self.hashes.len()).then_some(left)
    }

    /// How many codes are left.
    pub fn remaining(&self) -> usize {
        self.hashes.len()
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RecoveryCodes").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

type Symbols = Secret<Vec<u8>>;

fn new_symbols() -> Symbols {
    let bytes = random_bytes::<SYMBOLS>();
    // 32 divides 256, so that every symbol is equally likely.
    Secret::new(bytes.iter().map(|byte| ALPHABET[usize::from(byte % 32)]).collect())
}

fn grouped(symbols: &Symbols) -> Secret<String> {
    let mut code = String::with_capacity(SYMBOLS + SYMBOLS / GROUP);
    for (index, &symbol) in symbols.expose().iter().enumerate() {
        if index > 0 && index.is_multiple_of(GROUP) {
            code.push('-');
        }
        code.push(char::from(symbol));
    }
    Secret::new(code)
}

/// The symbols of a code as a person typed it.
fn read(code: &str) -> Option<Symbols> {
    if code.len() > 4 * SYMBOLS {
        return None;
    }
    // Word processors turn a hyphen into a dash.
    let is_between =
        |character: &char| character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}');
    let symbols = code.chars().filter(|character| !is_between(character)).map(|character| {
        let symbol = match character.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        u8::try_from(symbol).ok().filter(|symbol| ALPHABET.contains(symbol))
    });
    let symbols = Secret::new(symbols.collect::<Option<Vec<u8>>>()?);
    (symbols.expose().len() == SYMBOLS).then_some(symbols)
}

fn hash(salt: &[u8; SALT], symbols: &Symbols) -> [u8; HASH] {
    let mut hash = [0; HASH];
    hash.copy_from_slice(HmacKey::new(Hash::Sha256, salt).sign(symbols.expose()).as_ref());
    hash
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    base64url_decode(text)?.try_into().ok()
}

fn damaged() -> Error {
    Error::validation("the stored recovery codes are damaged; give the text as it was made")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn ten() -> (Vec<Secret<String>>, RecoveryCodes) {
        RecoveryCodes::generate(10).unwrap()
    }

    #[test]
    fn codes_are_groups_of_symbols_that_do_not_look_alike() {
        let (codes, kept) = ten();
        assert_eq!((codes.len(), kept.remaining()), (10, 10));
        for code in &codes {
            let groups: Vec<&str> = code.expose().split('-').collect();
            assert_eq!(groups.len(), 6, "{}", code.expose());
            assert!(groups.iter().all(|group| group.len() == 4));
            assert!(!code.expose().contains(['I', 'L', 'O', 'U']));
        }
    }

    #[test]
    fn codes_are_random_in_every_symbol() {
        let (codes, _) = RecoveryCodes::generate(100).unwrap();
        let distinct: HashSet<&str> = codes.iter().map(|code| code.expose().as_str()).collect();
        assert_eq!(distinct.len(), 100);
        for place in (0..29).filter(|place| place % 5 != 4) {
            let symbols: HashSet<u8> = codes.iter().map(|code| code.expose().as_bytes()[place]).collect();
            // Of 32 symbols, a hundred random ones leave about one out.
            assert!(symbols.len() > 20, "{place}");
        }
    }

    #[test]
    fn a_code_opens_once_and_the_others_stay() {
        let (codes, mut kept) = ten();
        for (used, code) in codes.iter().enumerate() {
            let left = kept.redeem(code.expose()).unwrap();
            assert_eq!(left.remaining(), 9 - used);
            for earlier in &codes[..=used] {
                assert!(left.redeem(earlier.expose()).is_none());
            }
            // What was read stays as it is, and comes back from the database.
            assert_eq!(kept.remaining(), 10 - used);
            kept = RecoveryCodes::from_text(&left.to_text()).unwrap();
            assert_eq!(kept, left);
        }
        assert_eq!(kept.remaining(), 0);
    }

    #[test]
    fn a_code_may_be_typed_as_it_is_heard() {
        let (codes, kept) = ten();
        let code = codes[3].expose();
        for typed in [
            code.to_lowercase(),
            code.replace('-', ""),
            code.replace('-', " "),
            code.replace('-', "–"),
            format!(" {code}\r\n"),
            code.replace('0', "O").replace('1', "l"),
            code.replace('0', "o").replace('1', "I"),
        ] {
            assert_eq!(kept.redeem(&typed).unwrap().remaining(), 9, "{typed:?}");
        }
    }

    #[test]
    fn what_is_no_code_opens_nothing() {
        // attack 52
        let (codes, kept) = ten();
        let code = codes[0].expose();
        let other = if code.ends_with('0') { "1" } else { "0" };
        for typed in [
            "",
            "-",
            &code[..28],
            &format!("{code}0"),
            &format!("{}{other}", &code[..28]),
            &format!("{}U", &code[..28]),
            &format!("{}٣", &code[..28]),
            &format!("{}\0", &code[..28]),
            &"0".repeat(24),
            &"-".repeat(1_000_000),
            codes[1].expose().get(..14).unwrap(),
        ] {
            assert!(kept.redeem(typed).is_none(), "{:?}", typed.get(..40));
        }
        let (_, of_another_user) = ten();
        assert!(of_another_user.redeem(code).is_none());
    }

    #[test]
    fn what_is_stored_tells_no_code() {
        // attack 57
        let (codes, kept) = ten();
        let stored = kept.to_text();
        assert_eq!(stored.len(), 25 + 10 * 44);
        for code in &codes {
            let plain = code.expose().replace('-', "");
            assert!(!stored.contains(&plain) && !stored.contains(&base64url_encode(&plain)));
        }
        assert_eq!(format!("{kept:?}"), "RecoveryCodes { remaining: 10, .. }");
        assert_eq!(format!("{:?}", codes[0]), "[redacted]");
    }

    #[test]
    fn counts_out_of_range_are_refused() {
        for count in [0, 101, usize::MAX] {
            assert!(matches!(RecoveryCodes::generate(count), Err(Error::Validation(_))), "{count}");
        }
    }

    #[test]
    fn a_damaged_text_is_refused_and_never_an_empty_set() {
        let stored = ten().1.to_text();
        let cut = &stored[..stored.len() - 1];
        let twice = format!("{stored}.{}", &stored[26..69]);
        let one_more = format!("{}.{}", RecoveryCodes::generate(100).unwrap().1.to_text(), &stored[26..69]);
        for bad in [
            "",
            "v1",
            "v1.",
            "v2.AAAAAAAAAAAAAAAAAAAAAA",
            "v1.AAAAAAAAAAAAAAAAAAAAA",
            "v1.AAAAAAAAAAAAAAAAAAAAAA.",
            "v1.AAAAAAAAAAAAAAAAAAAAAB",
            "v1.AAAAAAAAAAAAAAAAAAAAAA==",
            cut,
            &format!("{stored}."),
            &format!("{stored}\n"),
            &format!(" {stored}"),
            &twice,
            &one_more,
            &".".repeat(1_000_000),
        ] {
            let error = RecoveryCodes::from_text(bad).unwrap_err();
            assert!(matches!(error, Error::Validation(_)), "{:?}", bad.get(..40));
        }
        assert_eq!(RecoveryCodes::from_text("v1.AAAAAAAAAAAAAAAAAAAAAA").unwrap().remaining(), 0);
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_or_stored_makes_it_fail_in_another_way(text in ".{0,120}") {
            let (_, kept) = RecoveryCodes::generate(1).unwrap();
            prop_assert!(kept.redeem(&text).is_none());
            prop_assert!(RecoveryCodes::from_text(&text).is_err());
        }
    }
}
