//! The cookie that carries a session's id (RFC 6265 and its revision, draft-ietf-httpbis-rfc6265bis): the text of
//! `Set-Cookie` written safely, and the text of `Cookie` read, for any framework or none.
//!
//! ```
//! use jam::cookie::{Cookie, CookieOptions};
//!
//! let cookie = Cookie::new(CookieOptions::default())?;
//! assert_eq!(
//!     cookie.set("opaque-id", None)?,
//!     "__Host-session=opaque-id; Path=/; Secure; HttpOnly; SameSite=Lax"
//! );
//! assert_eq!(cookie.get("theme=dark; __Host-session=opaque-id"), Some("opaque-id"));
//! # Ok::<(), jam::Error>(())
//! ```

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use crate::{Error, Result};

/// Readers cut or drop larger cookies (draft-ietf-httpbis-rfc6265bis section 5.6).
const MAX_NAME_AND_VALUE: usize = 4096;

/// Browsers keep a cookie for so long at most (draft-ietf-httpbis-rfc6265bis section 5.5).
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

const HOST_PREFIX: &str = "__Host-";
const SECURE_PREFIX: &str = "__Secure-";

/// When a browser sends the cookie along with requests that other sites cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// Never. Who follows a link from another site arrives without the session.
    Strict,
    /// Only when the user follows a link to the site.
    #[default]
    Lax,
    /// Always; needs `Secure`, and protection against forged requests in another way.
    None,
}

impl fmt::Display for SameSite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        })
    }
}

impl FromStr for SameSite {
    type Err = Error;

    /// Reads `strict`, `lax` or `none`, in either case.
    fn from_str(name: &str) -> Result<Self> {
        [Self::Strict, Self::Lax, Self::None]
            .into_iter()
            .find(|same_site| same_site.to_string().eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::validation("same_site must be strict, lax or none"))
    }
}

/// How a cookie is written. The defaults are the safe ones: only over https, not for scripts, for this host alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieOptions {
    /// The name, without the prefix.
    pub name: String,
    /// Whether the name gets the prefix `__Host-`: browsers then accept the cookie from this very host over https
    /// only, and no neighbouring host can plant one. Needs `secure`, the path `/` and no `domain`.
    pub host_prefix: bool,
    /// Whether it is sent over https only.
    pub secure: bool,
    /// Whether scripts of the page cannot read it.
    pub http_only: bool,
    /// Whether requests that other sites cause bring it.
    pub same_site: SameSite,
    /// The path that it is sent for, and all below it.
    pub path: String,
    /// The domain whose hosts all get it; `None` for this host alone.
    pub domain: Option<String>,
}

impl Default for CookieOptions {
    fn default() -> Self {
        Self {
            name: "session".to_owned(),
            host_prefix: true,
            secure: true,
            http_only: true,
            same_site: SameSite::Lax,
            path: "/".to_owned(),
            domain: None,
        }
    }
}

/// A cookie of one name with fixed attributes.
#[derive(Clone, Debug)]
pub struct Cookie {
    name: String,
    attributes: String,
}

impl Cookie {
    /// Checks the options.
    ///
    /// # Errors
    /// [`Error::Validation`] for a name that is no token (RFC 9110 section 5.6.2) or brings its own prefix, for a path or
    /// domain that a header cannot hold, and for attributes that browsers refuse together: `__Host-` without
    /// `Secure`, with a domain or another path than `/`; `SameSite=None` without `Secure`.
    pub fn new(options: CookieOptions) -> Result<Self> {
        options.check()?;
        let CookieOptions { name, host_prefix, secure, http_only, same_site, path, domain } = options;
        let mut attributes = format!("; Path={path}");
        if let Some(domain) = domain {
            let _ = write!(attributes, "; Domain={domain}");
        }
        if secure {
            attributes.push_str("; Secure");
        }
        if http_only {
            attributes.push_str("; HttpOnly");
        }
        let _ = write!(attributes, "; SameSite={same_site}");
        Ok(Self { name: if host_prefix { format!("{HOST_PREFIX}{name}") } else { name }, attributes })
    }

    /// The name as browsers know it, with its prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of a `Set-Cookie` header that gives the browser this value. Without `max_age` the browser forgets it
    /// when it is closed; the server's own expiry holds in any case.
    ///
    /// # Errors
    /// [`Error::Validation`] for a value that a cookie cannot hold (RFC 6265 section 4.1.1: printable ASCII without
    /// white space, quotes, commas, semicolons and backslashes) or that is longer than 4096 bytes with the name,
    /// and for a `max_age` of less than a second or more than 400 days.
    pub fn set(&self, value: &str, max_age: Option<Duration>) -> Result<String> {
        if value.is_empty() || !value.bytes().all(is_cookie_octet) {
            return Err(Error::validation(
                "a cookie's value is printable ASCII without white space, quotes, commas, semicolons and backslashes",
            ));
        }
        if self.name.len() + value.len() > MAX_NAME_AND_VALUE {
            return Err(Error::validation(format!(
                "the name and the value of a cookie have at most {MAX_NAME_AND_VALUE} bytes"
            )));
        }
        let mut text = format!("{}={value}{}", self.name, self.attributes);
        if let Some(age) = max_age {
            if age < Duration::from_secs(1) || age > MAX_AGE {
                return Err(Error::validation("a cookie's max_age is from 1 second to 400 days"));
            }
            let _ = write!(text, "; Max-Age={}", age.as_secs());
        }
        Ok(text)
    }

    /// The text of a `Set-Cookie` header that makes the browser forget the cookie.
    pub fn delete(&self) -> String {
        format!("{}={}; Max-Age=0", self.name, self.attributes)
    }

    /// The value of the cookie in the text of a `Cookie` header. `None` when it is not there, or is there more than
    /// once: then somebody else may have planted one of them, and which it is cannot be told (RFC 6265 section
    /// 8.6).
    pub fn get<'a>(&self, header: &'a str) -> Option<&'a str> {
        let mut values = header.split(';').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name.trim_matches([' ', '\t']) == self.name).then(|| value.trim_matches([' ', '\t']))
        });
        let value = values.next()?;
        let is_clear = values.next().is_none() && !value.is_empty() && value.bytes().all(is_cookie_octet);
        is_clear.then_some(value)
    }
}

impl CookieOptions {
    fn check(&self) -> Result<()> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            return Err(Error::validation(
                "a cookie's name is letters, digits and ! # $ % & ' * + - . ^ _ ` | ~",
            ));
        }
        // Browsers compare the prefixes without regard to case.
        let lower = self.name.to_ascii_lowercase();
        if lower.starts_with(&HOST_PREFIX.to_ascii_lowercase())
            || (lower.starts_with(&SECURE_PREFIX.to_ascii_lowercase()) && (self.host_prefix || !self.secure))
        {
            return Err(Error::validation(
                "a cookie's name is given without its prefix; host_prefix writes \"__Host-\"",
            ));
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b';';
        if !self.path.starts_with('/') || !self.path.bytes().all(is_plain) {
            return Err(Error::validation(
                "a cookie's path starts with / and is printable ASCII without semicolons",
            ));
        }
        let is_of_a_domain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if self.domain.as_ref().is_some_and(|name| name.is_empty() || !name.bytes().all(is_of_a_domain)) {
            return Err(Error::validation("a cookie's domain is letters, digits, dots and hyphens"));
        }
        if self.host_prefix && (!self.secure || self.path != "/" || self.domain.is_some()) {
            return Err(Error::validation(
                "browsers accept the prefix \"__Host-\" only with secure, the path / and no domain; \
                 set host_prefix to false to go without",
            ));
        }
        if self.same_site == SameSite::None && !self.secure {
            return Err(Error::validation("browsers accept same_site none only with secure"));
        }
        Ok(())
    }
}

/// What a cookie's value may hold (RFC 6265 section 4.1.1).
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(change: impl FnOnce(&mut CookieOptions)) -> Result<Cookie> {
        let mut options = CookieOptions::default();
        change(&mut options);
        Cookie::new(options)
    }

    #[test]
    fn a_cookie_is_safe_unless_it_is_asked_not_to_be() {
        let text = cookie(|_| ()).unwrap().set("id", Some(Duration::from_secs(3600))).unwrap();
        assert_eq!(text, "__Host-session=id; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600");
        let open = cookie(|options| {
            options.host_prefix = false;
            options.secure = false;
            options.http_only = false;
            options.same_site = SameSite::Strict;
            options.path = "/app".to_owned();
            options.domain = Some("example.org".to_owned());
        });
        let text = open.unwrap().set("id", None).unwrap();
        assert_eq!(text, "session=id; Path=/app; Domain=example.org; SameSite=Strict");
    }

    #[test]
    fn deleting_names_the_same_cookie() {
        // A browser takes another path or domain for another cookie (RFC 6265 section 5.3).
        let cookie = cookie(|_| ()).unwrap();
        assert_eq!(cookie.delete(), "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn what_browsers_refuse_together_is_refused_here() {
        type Change = fn(&mut CookieOptions);
        let refused: [Change; 5] = [
            |options| options.secure = false,
            |options| options.path = "/app".to_owned(),
            |options| options.domain = Some("example.org".to_owned()),
            |options| {
                options.host_prefix = false;
                options.secure = false;
                options.same_site = SameSite::None;
            },
            |options| {
                options.name = "__Secure-x".to_owned();
                options.host_prefix = false;
                options.secure = false;
            },
        ];
        for change in refused {
            assert_eq!(cookie(change).unwrap_err().code(), "validation.invalid");
        }
        assert!(cookie(|options| options.same_site = SameSite::None).is_ok());
    }

    #[test]
    fn nothing_that_ends_a_header_or_a_pair_gets_into_one() {
        for bad in ["", "a b", "a;b", "a=b", "a\r\nX: y", "a\0", "é", "__Host-a", "__HOST-a", "\"a\""] {
            assert!(cookie(|options| options.name = bad.to_owned()).is_err(), "{bad:?}");
        }
        for bad in ["", "app", "/a;b", "/a\r\nX: y", "/é"] {
            let changed = cookie(|options| {
                options.host_prefix = false;
                options.path = bad.to_owned();
            });
            assert!(changed.is_err(), "{bad:?}");
        }
        for bad in ["", "a;b", "a b", "a\r\n"] {
            let changed = cookie(|options| {
                options.host_prefix = false;
                options.domain = Some(bad.to_owned());
            });
            assert!(changed.is_err(), "{bad:?}");
        }
        let cookie = cookie(|_| ()).unwrap();
        for bad in ["", "a b", "a;b", "a,b", "a\"b", "a\\b", "a\r\nSet-Cookie: x=y", "é", "\0"] {
            assert!(cookie.set(bad, None).is_err(), "{bad:?}");
        }
        assert!(cookie.set(&"x".repeat(4097), None).is_err());
        for bad in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(401 * 24 * 60 * 60)] {
            assert!(cookie.set("id", Some(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_value_is_read_only_where_it_is_clear() {
        let cookie = cookie(|_| ()).unwrap();
        let read = |header| cookie.get(header);
        assert_eq!(read("__Host-session=a.b-c_d~e"), Some("a.b-c_d~e"));
        assert_eq!(read("a=1;__Host-session=id ;b=2"), Some("id"));
        assert_eq!(read("__Host-session=a=b"), Some("a=b"));
        for nothing in [
            "",
            "session=id",
            "__host-session=id",
            "x__Host-session=id",
            "__Host-session",
            "__Host-session=",
            "__Host-session=one; __Host-session=two",
            "__Host-session=one; __Host-session=one",
            "__Host-session=a b",
            "__Host-session=\"id\"",
            "__Host-session=é",
        ] {
            assert_eq!(read(nothing), None, "{nothing:?}");
        }
        assert_eq!(read(&"=;".repeat(1_000_000)), None);
    }

    #[test]
    fn names_of_same_site_are_read_in_either_case() {
        assert_eq!("lax".parse(), Ok(SameSite::Lax));
        assert_eq!("Strict".parse(), Ok(SameSite::Strict));
        assert!("".parse::<SameSite>().is_err());
    }
}
