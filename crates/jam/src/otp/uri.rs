//! The `otpauth` URI, by which a secret and its parameters get into an authenticator app (Google's key URI format).
//!
//! ```text
//! otpauth://totp/ISSUER:NAME?secret=BASE32&issuer=ISSUER&algorithm=SHA1&digits=6&period=30
//! otpauth://hotp/ISSUER:NAME?secret=BASE32&issuer=ISSUER&algorithm=SHA1&digits=6&counter=0
//! ```

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Digest, LONGEST_INTERVAL, OtpKind, OtpOptions, SharedSecret};
use crate::secret::Secret;
use crate::{Error, Result};

/// The longest URI that is written or read, in bytes. The largest QR code holds 2953.
pub const MAX_URI: usize = 4096;

const SCHEME: &str = "otpauth://";

/// The parameters that mean something; every other one is skipped.
const KNOWN: [&str; 6] = ["secret", "issuer", "algorithm", "digits", "period", "counter"];

/// What an `otpauth` URI says. `Debug` does not show the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtpauthUri {
    /// Whether the codes follow the time or a counter.
    pub kind: OtpKind,
    /// The secret.
    pub secret: SharedSecret,
    /// The account's name.
    pub name: String,
    /// The service; empty where the URI names none.
    pub issuer: String,
    /// Digits, hash, and for TOTP the interval.
    pub options: OtpOptions,
    /// HOTP only: the counter to begin with.
    pub counter: u64,
}

impl OtpauthUri {
    /// Reads a URI. It is strict where two readers could come to different codes, and knows one text in one way only:
    ///
    /// - `secret` must be there: base32 in either case, padded or not. `digits` (6 to 10), `period`, `counter` are
    ///   decimal numbers without sign and leading zeros; `counter` must be there for `hotp`. `algorithm` is `SHA1`,
    ///   `SHA256` or `SHA512`. No parameter may occur twice. What the format does not know is skipped.
    /// - Escapes are `%` and two hexadecimal digits, of UTF-8 without control characters. A `+` is a plus.
    /// - The first `:` of the label ends the issuer. If the label names one and the parameter `issuer` another, the
    ///   URI is refused. An escaped `%3A` ends the issuer only where what stands before it is the parameter
    ///   `issuer`; otherwise it belongs to the name. Spaces around the issuer and the name are dropped.
    ///
    /// ```
    /// use jam::otp::{OtpKind, OtpauthUri, Totp};
    ///
    /// let uri = OtpauthUri::parse("otpauth://totp/Jam:ann?secret=GEZDGNBVGY3TQOJQ&issuer=Jam&digits=8")?;
    /// assert_eq!((uri.kind, uri.issuer.as_str(), uri.name.as_str()), (OtpKind::Totp, "Jam", "ann"));
    /// assert_eq!((uri.options.digits, uri.options.interval), (8, 30));
    /// let totp = Totp::new(uri.secret, uri.options)?;
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`] says what is wrong, and never shows the secret.
    pub fn parse(uri: &str) -> Result<Self> {
        if uri.len() > MAX_URI {
            return Err(too_long());
        }
        let scheme = uri.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
        let rest = &uri[scheme.ok_or_else(|| refusal("begins with otpauth://"))?.len()..];
        let (kind, rest) = rest.split_once('/').ok_or_else(no_kind)?;
        let kind = [OtpKind::Totp, OtpKind::Hotp]
            .into_iter()
            .find(|known| known.to_string().eq_ignore_ascii_case(kind))
            .ok_or_else(no_kind)?;
        if rest.contains('#') {
            return Err(refusal("has no fragment; a # in a text is written %23"));
        }
        let (label, query) = rest.split_once('?').ok_or_else(no_secret)?;

        let parameters = Parameters::parse(query)?;
        let (issuer, name) = issuer_and_name(label, parameters.text("issuer")?)?;
        let default = OtpOptions::default();
        let digits = parameters.number("digits")?.unwrap_or(default.digits.into());
        let options = OtpOptions {
            digits: u32::try_from(digits)
                .ok()
                .filter(|digits| (6..=10).contains(digits))
                .ok_or_else(bad_digits)?,
            digest: match parameters.text("algorithm")? {
                Some(name) => name.parse::<Digest>()?,
                None => default.digest,
            },
            interval: match (kind, parameters.number("period")?) {
                (OtpKind::Totp, Some(period)) if !(1..=LONGEST_INTERVAL).contains(&period) => {
                    return Err(refusal("has a period from a second to a day"));
                }
                (OtpKind::Totp, Some(period)) => period,
                _ => default.interval,
            },
        };
        let counter = match (kind, parameters.number("counter")?) {
            (OtpKind::Totp, _) => 0,
            (OtpKind::Hotp, counter) => {
                counter.ok_or_else(|| refusal("of the type hotp has the parameter counter"))?
            }
        };
        Ok(Self { kind, secret: parameters.secret()?, name, issuer, options, counter })
    }

    /// Writes the URI. Its texts are percent-encoded throughout, and every parameter is there. It contains the secret.
    ///
    /// # Errors
    /// [`Error::Validation`] for a name that is empty, for control characters in the name or the issuer, and for
    /// more than [`MAX_URI`] bytes.
    pub fn to_text(&self) -> Result<String> {
        let (name, issuer) = (shown(&self.name)?, shown(&self.issuer)?);
        if name.is_empty() {
            return Err(no_name());
        }
        // An escape is three bytes, so that larger texts are refused before they are written.
        if name.len().saturating_add(issuer.len()) > MAX_URI {
            return Err(too_long());
        }
        let (name, issuer) = (percent_encode(name), percent_encode(issuer));
        let OtpOptions { digits, digest, interval } = self.options;
        let mut uri = format!("{SCHEME}{}/", self.kind);
        if !issuer.is_empty() {
            let _ = write!(uri, "{issuer}:");
        }
        let _ = write!(uri, "{name}?secret={}", self.secret.to_base32());
        if !issuer.is_empty() {
            let _ = write!(uri, "&issuer={issuer}");
        }
        let _ = write!(uri, "&algorithm={digest}&digits={digits}");
        let _ = match self.kind {
            OtpKind::Totp => write!(uri, "&period={interval}"),
            OtpKind::Hotp => write!(uri, "&counter={}", self.counter),
        };
        if uri.len() > MAX_URI { Err(too_long()) } else { Ok(uri) }
    }
}

/// The parameters of a URI by their names. Values stand as they were given, escapes and all.
struct Parameters<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Parameters<'a> {
    fn parse(query: &'a str) -> Result<Self> {
        let mut known: Vec<(&str, &str)> = Vec::new();
        let mut others: Vec<Cow<'_, str>> = Vec::new();
        for parameter in query.split('&') {
            let (name, value) = parameter
                .split_once('=')
                .ok_or_else(|| refusal("has parameters of the form name=value, with an & between them"))?;
            let name = decode(name)?;
            let twice = match KNOWN.iter().find(|known| known.eq_ignore_ascii_case(&name)) {
                // A reader that minds the case would skip it, and come to other codes.
                Some(wanted) if *wanted != name => {
                    return Err(refusal("has its parameters' names in lower case"));
                }
                Some(wanted) => {
                    let twice = known.iter().any(|(name, _)| name == wanted);
                    known.push((wanted, value));
                    twice
                }
                None => {
                    let twice = others.contains(&name);
                    others.push(name);
                    twice
                }
            };
            if twice {
                return Err(refusal("has each parameter once"));
            }
        }
        Ok(Self(known))
    }

    fn raw(&self, wanted: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
    }

    fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>> {
        self.raw(name).map(decode).transpose()
    }

    fn number(&self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let is_decimal =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        let number = text.parse().ok().filter(|_| is_decimal);
        number
            .map(Some)
            .ok_or_else(|| refusal("has its numbers in decimal digits, without sign and leading zeros"))
    }

    fn secret(&self) -> Result<SharedSecret> {
        let text = Secret::new(self.text("secret")?.ok_or_else(no_secret)?.into_owned());
        // People type spaces and dashes; URIs are not typed.
        let is_symbol = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'=';
        if !text.expose().bytes().all(is_symbol) {
            return Err(refusal("has its secret in base32: letters, and the digits 2 to 7"));
        }
        SharedSecret::from_base32(text.expose())
    }
}

fn issuer_and_name(label: &str, parameter: Option<Cow<'_, str>>) -> Result<(String, String)> {
    let parameter = parameter.unwrap_or_default();
    let parameter = shown(&parameter)?;
    let (prefix, name) = match label.split_once(':') {
        Some((prefix, name)) => (decode(prefix)?, decode(name)?),
        None => {
            let label = decode(label)?;
            let behind = label.strip_prefix(parameter).and_then(|rest| rest.strip_prefix(':'));
            match behind.filter(|_| !parameter.is_empty()) {
                Some(name) => (Cow::Borrowed(parameter), Cow::Owned(name.to_owned())),
                None => (Cow::Borrowed(""), label),
            }
        }
    };
    let (prefix, name) = (shown(&prefix)?, shown(&name)?);
    if name.is_empty() {
        return Err(no_name());
    }
    // An app may show either; so only one may be there.
    if !prefix.is_empty() && !parameter.is_empty() && prefix != parameter {
        return Err(refusal("names the same issuer in its label and in its parameter issuer"));
    }
    let issuer = if parameter.is_empty() { prefix } else { parameter };
    Ok((issuer.to_owned(), name.to_owned()))
}

/// A text as it is shown: without the spaces around it. Control characters would do harm where it is shown, and those that
/// turn the direction of writing (Bidi_Control of Unicode) let it be read as another one.
fn shown(text: &str) -> Result<&str> {
    if text.chars().any(|character| character.is_control() || turns_direction(character)) {
        return Err(refusal(
            "has no control characters in its name and issuer, and none that turn the direction of text",
        ));
    }
    Ok(text.trim())
}

fn turns_direction(character: char) -> bool {
    matches!(
        character,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    )
}

/// Percent-encodes all but the unreserved characters of RFC 3986 section 2.3; a space becomes `%20`, since
/// authenticator apps show a `+` as it stands.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Replaces the escapes of RFC 3986 section 2.1.
fn decode(text: &str) -> Result<Cow<'_, str>> {
    let mut pieces = text.split('%');
    let first = pieces.next().unwrap_or_default();
    if first.len() == text.len() {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = first.as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.as_bytes().get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(bad_escape)?;
        decoded.push(byte);
        decoded.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| bad_escape())
}

/// Nothing of the URI is repeated: any part of it may hold the secret.
fn refusal(what_is_right: &str) -> Error {
    Error::validation(format!("an otpauth URI {what_is_right}"))
}

fn too_long() -> Error {
    refusal("has at most 4096 bytes")
}

fn no_kind() -> Error {
    refusal("is of the type totp or hotp: otpauth://totp/... or otpauth://hotp/...")
}

fn no_name() -> Error {
    refusal("names the account")
}

fn no_secret() -> Error {
    refusal("has the parameter secret")
}

fn bad_digits() -> Error {
    refusal("has from 6 to 10 digits")
}

fn bad_escape() -> Error {
    refusal("escapes UTF-8: % and two hexadecimal digits for each byte")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::otp::{Hotp, Totp};

    const SECRET: &str = "GEZDGNBVGY3TQOJQ";

    fn secret() -> SharedSecret {
        SharedSecret::from_base32(SECRET).unwrap()
    }

    fn totp(options: OtpOptions) -> Totp {
        Totp::new(secret(), options).unwrap()
    }

    fn parsed(label: &str, query: &str) -> OtpauthUri {
        OtpauthUri::parse(&format!("otpauth://totp/{label}?secret={SECRET}{query}")).unwrap()
    }

    fn refused(uri: &str) -> String {
        let error = OtpauthUri::parse(uri).expect_err(uri);
        assert!(matches!(error, Error::Validation(_)), "{uri}");
        error.to_string()
    }

    #[test]
    fn uri_parts_cannot_break_out_of_their_place() {
        // attack 54
        let uri = totp(OtpOptions::default()).provisioning_uri("a:b&secret=x", "Ä pp/+?#").unwrap();
        assert_eq!(
            uri,
            "otpauth://totp/%C3%84%20pp%2F%2B%3F%23:a%3Ab%26secret%3Dx?secret=GEZDGNBVGY3TQOJQ\
             &issuer=%C3%84%20pp%2F%2B%3F%23&algorithm=SHA1&digits=6&period=30"
        );
        let read = OtpauthUri::parse(&uri).unwrap();
        assert_eq!((read.issuer.as_str(), read.name.as_str()), ("Ä pp/+?#", "a:b&secret=x"));
    }

    #[test]
    fn uris_carry_every_parameter() {
        // fault 23
        let options = OtpOptions { digits: 8, digest: Digest::Sha512, interval: 60 };
        assert_eq!(
            totp(options).provisioning_uri("ann", "").unwrap(),
            "otpauth://totp/ann?secret=GEZDGNBVGY3TQOJQ&algorithm=SHA512&digits=8&period=60"
        );
        assert_eq!(
            Hotp::new(secret(), options).unwrap().provisioning_uri("ann", "Jam", 7).unwrap(),
            "otpauth://hotp/Jam:ann?secret=GEZDGNBVGY3TQOJQ&issuer=Jam&algorithm=SHA512&digits=8&counter=7"
        );
    }

    #[test]
    fn what_no_app_could_show_is_not_written() {
        let totp = totp(OtpOptions::default());
        let long = "ä".repeat(MAX_URI);
        for (name, issuer) in
            [("", "App"), (" ", "App"), ("a\nb", "App"), ("a", "\0"), (&long, ""), ("a", &long)]
        {
            assert!(totp.provisioning_uri(name, issuer).is_err(), "{name:?}");
        }
        // attack 54: "moc.elpmaxe" turned around reads as the name of somebody else
        for turn in ["\u{202E}", "\u{202A}", "\u{2066}", "\u{2069}", "\u{200F}", "\u{200E}", "\u{061C}"] {
            let name = format!("ann@{turn}moc.elpmaxe");
            assert!(
                totp.provisioning_uri(&name, "App").is_err() && totp.provisioning_uri("ann", &name).is_err()
            );
            let escaped = percent_encode(&name);
            refused(&format!("otpauth://totp/{escaped}?secret={SECRET}"));
            refused(&format!("otpauth://totp/ann?secret={SECRET}&issuer={escaped}"));
        }
        assert!(totp.provisioning_uri("דנה", "تطبيق").is_ok());
        assert_eq!(totp.provisioning_uri(" ann ", " ").unwrap(), totp.provisioning_uri("ann", "").unwrap());
    }

    #[test]
    fn what_is_left_out_is_what_apps_assume() {
        let uri = parsed("ann", "");
        assert_eq!((uri.kind, uri.options, uri.counter), (OtpKind::Totp, OtpOptions::default(), 0));
        assert_eq!((uri.secret, uri.name.as_str(), uri.issuer.as_str()), (secret(), "ann", ""));
    }

    #[test]
    fn the_issuer_is_found_in_the_label_and_in_the_parameter() {
        for (label, query, issuer, name) in [
            ("ann", "", "", "ann"),
            ("ann", "&issuer=Jam", "Jam", "ann"),
            ("Jam:ann", "", "Jam", "ann"),
            ("Jam:ann", "&issuer=Jam", "Jam", "ann"),
            ("Jam:%20ann", "&issuer=Jam%20", "Jam", "ann"),
            ("Jam:ann", "&issuer=", "Jam", "ann"),
            (":ann", "&issuer=Jam", "Jam", "ann"),
            ("Jam:a:b", "", "Jam", "a:b"),
            ("Jam%3Aann", "&issuer=Jam", "Jam", "ann"),
            ("Jam%3Aann", "", "", "Jam:ann"),
            ("Jam%3Aann", "&issuer=Jelly", "Jelly", "Jam:ann"),
            ("%3Aann", "&issuer=", "", ":ann"),
            ("Big%20Corp:ann%40big.example", "&issuer=Big%20Corp", "Big Corp", "ann@big.example"),
            ("A+B:ann", "&issuer=A+B", "A+B", "ann"),
            ("Ä b:ann/1", "&issuer=%C3%84%20b", "Ä b", "ann/1"),
        ] {
            let uri = parsed(label, query);
            assert_eq!((uri.issuer.as_str(), uri.name.as_str()), (issuer, name), "{label} {query}");
        }
    }

    #[test]
    fn a_label_and_a_parameter_that_name_two_issuers_are_refused() {
        for issuer in ["Jelly", "jam", "Jam:", "J%61m%2E"] {
            let told = refused(&format!("otpauth://totp/Jam:ann?secret={SECRET}&issuer={issuer}"));
            assert_eq!(told, "an otpauth URI names the same issuer in its label and in its parameter issuer");
        }
    }

    #[test]
    fn the_scheme_and_the_type_have_either_case_and_no_other_spelling() {
        let query = format!("ann?secret={SECRET}");
        assert!(OtpauthUri::parse(&format!("OTPAUTH://TOTP/{query}")).is_ok());
        for start in [
            "",
            "otpauth:",
            "otpauth:/totp/",
            "otpauths://totp/",
            "https://totp/",
            " otpauth://totp/",
            "otpauth://",
            "otpauth:///",
            "otpauth://steam/",
            "otpauth://totp:80/",
            "otpauth://a@totp/",
            "otpauth://t%6Ftp/",
            "otpauth-migration://offline/",
            "ötpauth://totp/",
        ] {
            refused(&format!("{start}{query}"));
        }
    }

    #[test]
    fn parameters_that_could_be_read_in_two_ways_are_refused() {
        // attack 54, fault 23
        for query in [
            "",
            "secret",
            "secret=",
            "secret=GEZD1NBV",
            "secret=GEZD GNBV",
            "secret=GEZD-GNBV",
            "secret=GEZD%20GNBV",
            "secret=GEZD+GNBV",
            "secret=A",
            "secret=ÄÄÄÄÄÄÄÄ",
            "Secret=GEZDGNBV",
            "secret=GEZDGNBV&secret=GEZDGNBV",
            "secret=GEZDGNBV&%73ecret=AAAAAAAA",
            "secret=GEZDGNBV&SECRET=AAAAAAAA",
            "secret=GEZDGNBV&x=1&x=2",
            "secret=GEZDGNBV&digits=6&digits=8",
            "secret=GEZDGNBV&",
            "&secret=GEZDGNBV",
            "secret=GEZDGNBV&&digits=6",
            "secret=GEZDGNBV&digits",
            "secret=GEZDGNBV&digits=",
            "secret=GEZDGNBV&digits=5",
            "secret=GEZDGNBV&digits=11",
            "secret=GEZDGNBV&digits=06",
            "secret=GEZDGNBV&digits=+6",
            "secret=GEZDGNBV&digits=6.0",
            "secret=GEZDGNBV&digits=٦",
            "secret=GEZDGNBV&digits=4294967302",
            "secret=GEZDGNBV&digits=99999999999999999999999999",
            "secret=GEZDGNBV&period=0",
            "secret=GEZDGNBV&period=86401",
            "secret=GEZDGNBV&period=-30",
            "secret=GEZDGNBV&period=030",
            "secret=GEZDGNBV&period=3e1",
            "secret=GEZDGNBV&period=18446744073709551616",
            "secret=GEZDGNBV&algorithm=",
            "secret=GEZDGNBV&algorithm=MD5",
            "secret=GEZDGNBV&algorithm=SHA-1",
            "secret=GEZDGNBV&algorithm=HmacSHA1",
            "secret=GEZDGNBV&algorithm=SHA384",
            "secret=GEZDGNBV&issuer=%",
            "secret=GEZDGNBV&issuer=%4",
            "secret=GEZDGNBV&issuer=%4g",
            "secret=GEZDGNBV&issuer=%+4",
            "secret=GEZDGNBV&issuer=%ff",
            "secret=GEZDGNBV&issuer=%é",
            "secret=GEZDGNBV&issuer=%00",
            "secret=GEZDGNBV&issuer=a%0Ab",
            "secret=GEZDGNBV#digits=8",
        ] {
            refused(&format!("otpauth://totp/ann?{query}"));
        }
        for query in ["", "&counter=-1", "&counter=x", "&counter=18446744073709551616"] {
            refused(&format!("otpauth://hotp/ann?secret={SECRET}{query}"));
        }
        for label in ["", "Jam:", ":", "Jam:%20", "%00", "a\tb", "%C3"] {
            refused(&format!("otpauth://totp/{label}?secret={SECRET}"));
        }
    }

    #[test]
    fn what_other_programs_write_is_read() {
        let with_all =
            parsed("ann", "&algorithm=sha256&digits=10&period=1&counter=5&image=http%3A%2F%2Fx&lock=");
        assert_eq!(with_all.options, OtpOptions { digits: 10, digest: Digest::Sha256, interval: 1 });
        assert_eq!(with_all.counter, 0);
        let hotp = format!("otpauth://hotp/ann?counter=18446744073709551615&period=7&secret={SECRET}");
        let hotp = OtpauthUri::parse(&hotp).unwrap();
        assert_eq!((hotp.kind, hotp.counter, hotp.options.interval), (OtpKind::Hotp, u64::MAX, 30));
        for spelling in ["gezdgnbvgy3tqojq", "GEZDGNBVGY3TQOJQ%3D%3D", "GEZDGNBVGY3TQOJQ===="] {
            let uri = format!("otpauth://totp/ann?secret={spelling}");
            assert_eq!(OtpauthUri::parse(&uri).unwrap().secret, secret(), "{spelling}");
        }
    }

    #[test]
    fn size_comes_first_and_no_error_shows_the_secret() {
        // attack 28
        refused(&format!("otpauth://totp/ann?secret={SECRET}&x={}", "&".repeat(100 << 20)));
        let fits = format!("otpauth://totp/ann?secret={SECRET}&x=");
        assert!(OtpauthUri::parse(&format!("{fits}{}", "y".repeat(MAX_URI - fits.len()))).is_ok());
        refused(&format!("{fits}{}", "y".repeat(MAX_URI - fits.len() + 1)));
        for uri in [
            "otpauth://GEZDGNBV/ann?secret=GEZDGNBV",
            "otpauth://totp/ann?secret=GEZDGNBV8",
            "otpauth://totp/ann?secret=GEZDGNBV&digits=GEZDGNBV",
            "otpauth://totp/ann?secret=GEZDGNBV&algorithm=GEZDGNBV",
            "otpauth://totp/ann?GEZDGNBV",
            "otpauth://totp/GEZDGNBV:ann?secret=GEZDGNBV&issuer=x",
        ] {
            let told = refused(uri);
            assert!(!told.contains("GEZD"), "{told}");
        }
    }

    fn any_uri() -> impl Strategy<Value = OtpauthUri> {
        let digests = prop_oneof![Just(Digest::Sha1), Just(Digest::Sha256), Just(Digest::Sha512)];
        let secrets = proptest::collection::vec(any::<u8>(), 1..80);
        let kinds = prop_oneof![Just(OtpKind::Totp), Just(OtpKind::Hotp)];
        let options = (6_u32..=10, digests, 1..=LONGEST_INTERVAL);
        (kinds, secrets, "\\PC{1,30}", "\\PC{0,30}", options, any::<u64>()).prop_map(
            |(kind, secret, name, issuer, (digits, digest, interval), counter)| OtpauthUri {
                kind,
                secret: SharedSecret::from_bytes(&secret).unwrap(),
                name,
                issuer,
                options: OtpOptions { digits, digest, interval },
                counter,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(written in any_uri()) {
            prop_assume!(!written.name.trim().is_empty());
            let read = OtpauthUri::parse(&written.to_text().unwrap()).unwrap();
            prop_assert_eq!(&read.secret, &written.secret);
            prop_assert_eq!(read.name.as_str(), written.name.trim());
            prop_assert_eq!(read.issuer.as_str(), written.issuer.trim());
            prop_assert_eq!((read.options.digits, read.options.digest), (written.options.digits, written.options.digest));
            match read.kind {
                OtpKind::Totp => prop_assert_eq!(read.options.interval, written.options.interval),
                OtpKind::Hotp => prop_assert_eq!(read.counter, written.counter),
            }
            prop_assert_eq!(read.to_text().unwrap(), written.to_text().unwrap());
        }

        #[test]
        fn whatever_is_read_is_written_in_one_form(
            label in "[ -~é]{0,12}", query in "(&?(issuer|digits|period|counter|x)=[ -~]{0,8}){0,4}", hotp: bool,
        ) {
            let kind = if hotp { "hotp" } else { "totp" };
            if let Ok(read) = OtpauthUri::parse(&format!("otpauth://{kind}/{label}?secret=GEZDGNBV{query}")) {
                let text = read.to_text().unwrap();
                prop_assert_eq!(OtpauthUri::parse(&text).unwrap(), read);
            }
        }

        #[test]
        fn no_text_makes_the_reader_fail_in_another_way(text in ".{0,60}", start in 0_usize..4) {
            let start = ["", "otpauth://", "otpauth://totp/", "otpauth://totp/ann?secret="][start];
            if let Err(error) = OtpauthUri::parse(&format!("{start}{text}")) {
                prop_assert_eq!(error.code(), "validation.invalid");
            }
        }
    }
}
