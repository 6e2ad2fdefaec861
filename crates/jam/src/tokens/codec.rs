//! The pure steps of refresh tokens: their form, their records, their rotation.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Family, Grant, MAX_CLAIMS, MAX_GRACE, TokenOptions};
use crate::crypto::{random_bytes, sha256};
use crate::encoding::{base64url_decode, base64url_encode, json_object};
use crate::secret::{Secret, constant_time_eq};
use crate::session::{self, MAX_SESSION_KEY, MAX_TTL, SessionOptions};
use crate::store::{Key, Lifetime};
use crate::{ConfigurationError, Error, Result, StoreError, Timestamp};

/// A tag of the subject, the secret of the family, the secret of this one token; with dots between.
const TOKEN_LENGTH: usize = 16 + 1 + SECRET_LENGTH + 1 + SECRET_LENGTH;
/// Thirty-two bytes in base64url.
const SECRET_LENGTH: usize = 43;
const SECRET_BYTES: usize = 32;

/// A record is the version of its format, the hash of the token that is good, an object of what Jam has to know, a line
/// feed, and the claims. All is printable if the claims are, for stores that keep text.
const VERSION: &[u8] = b"1";
const HASH_LENGTH: usize = 43;

/// The pure steps of refresh tokens. It knows no store and reads no clock.
pub struct Codec {
    /// The first two parts of a refresh token are an id of the same form as a session's: it names the family.
    ids: session::Codec,
    options: TokenOptions,
}

impl fmt::Debug for Codec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Codec").field(&self.options).finish()
    }
}

/// A refresh token that somebody has shown, if it has the form of one.
pub struct Presented {
    key: Key,
    /// The tag and the secret of the family, which the next token begins with, too.
    family_id: Secret<String>,
    /// The hash of the token, in base64url.
    hash: String,
}

impl Presented {
    /// Where its family is stored.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Presented").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A new family: where it is stored, its record, and the first token.
#[derive(Debug)]
pub struct NewFamily {
    /// Where it is stored.
    pub key: Key,
    /// What is stored.
    pub record: Vec<u8>,
    /// What is handed out.
    pub grant: Grant,
}

/// What a refresh token that was shown leads to.
#[derive(Debug)]
pub enum Rotation {
    /// It is good: the record takes the place of the one that was read, if that still begins so, and then the grant is
    /// handed out.
    Next {
        /// What the record begins with as long as nobody else has refreshed.
        expected: Vec<u8>,
        /// The new record.
        record: Vec<u8>,
        /// What is handed out.
        grant: Grant,
    },
    /// It was good once: the family has to go.
    Reused(Family),
}

impl Codec {
    /// Checks the options.
    ///
    /// # Errors
    /// [`ConfigurationError::Key`] for a time out of range.
    pub fn new(options: TokenOptions) -> Result<Self> {
        check("access_ttl", Some(options.access_ttl), Duration::from_secs(1))?;
        check("refresh_ttl", options.refresh_ttl, Duration::from_millis(1))?;
        check("refresh_absolute_ttl", options.refresh_absolute_ttl, Duration::from_millis(1))?;
        if options.grace > MAX_GRACE {
            let reason = format!("must be at most {} seconds: it is for lost answers", MAX_GRACE.as_secs());
            return Err(ConfigurationError::key("grace", reason).into());
        }
        Ok(Self { ids: session::Codec::new(SessionOptions::default())?, options })
    }

    /// The options.
    pub fn options(&self) -> &TokenOptions {
        &self.options
    }

    /// How long a family lives that is made now.
    pub fn lifetime(&self, now: Timestamp) -> Lifetime {
        Lifetime {
            idle: self.options.refresh_ttl,
            deadline: self.options.refresh_absolute_ttl.map(|ttl| now + ttl),
        }
    }

    /// The group of all families of a subject.
    ///
    /// # Errors
    /// [`Error::Validation`] for a subject longer than [`MAX_SESSION_KEY`].
    pub fn group(&self, subject: &str) -> Result<String> {
        if subject.len() > MAX_SESSION_KEY {
            return Err(Error::validation(format!("a subject has at most {MAX_SESSION_KEY} bytes")));
        }
        self.ids.group(subject)
    }

    /// Where the family of a subject with this public id is stored; `None` for text that cannot be one.
    ///
    /// # Errors
    /// Those of [`Codec::group`].
    pub fn family_key(&self, subject: &str, family: &str) -> Result<Option<Key>> {
        let group = self.group(subject)?;
        let is_hash = base64url_decode(family).is_some_and(|hash| hash.len() == SECRET_BYTES);
        Ok(is_hash.then(|| Key { group: Some(group), id: family.to_owned() }))
    }

    /// A new family with its first token. The claims are opaque bytes.
    ///
    /// # Errors
    /// Those of [`Codec::group`]; [`Error::Validation`] for claims above [`MAX_CLAIMS`].
    pub fn issue(&self, subject: &str, claims: &[u8]) -> Result<NewFamily> {
        if claims.len() > MAX_CLAIMS {
            return Err(Error::validation(format!("the claims have at most {MAX_CLAIMS} bytes as JSON")));
        }
        let new = self.ids.new_id(&self.group(subject)?)?;
        let refresh_token = next_token(&new.id);
        let head = Head { subject: subject.to_owned(), previous: None };
        let record = to_record(&hash(refresh_token.expose()), &head, claims);
        let grant = Grant { refresh_token, family: Family::of(subject, &new.key), claims: claims.to_vec() };
        Ok(NewFamily { key: new.key, record, grant })
    }

    /// Where the family of a refresh token is stored; `None` for text that cannot be one.
    pub fn locate(&self, refresh_token: &str) -> Option<Presented> {
        if refresh_token.len() != TOKEN_LENGTH {
            return None;
        }
        let (id, secret) = refresh_token.rsplit_once('.')?;
        let (_, family_secret) = id.split_once('.')?;
        // One token has one spelling.
        let is_secret = |text| base64url_decode(text).is_some_and(|bytes| bytes.len() == SECRET_BYTES);
        let key = self.ids.locate(id).filter(|_| is_secret(family_secret) && is_secret(secret))?;
        Some(Presented { key, family_id: id.into(), hash: hash(refresh_token) })
    }

    /// What becomes of a refresh token that was shown, given the record of its family.
    ///
    /// Whoever knows the secret of a family has had one of its tokens. One that is not the newest was used before (RFC 9700
    /// section 4.14.2); within the grace time, the one before the newest is taken for one whose answer got lost. Then the
    /// newest is dead, and who uses it is told so: of two who both hold a token, one is found out in any case.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a record that Jam did not write.
    pub fn rotate(&self, presented: &Presented, record: &[u8], now: Timestamp) -> Result<Rotation> {
        let (current, head, claims) = from_record(record)?;
        let is_current = same(current, &presented.hash);
        let is_lost = |previous: &Previous| {
            let distance = now.as_millis().abs_diff(previous.replaced.as_millis());
            same(&previous.hash, &presented.hash) && Duration::from_millis(distance) < self.options.grace
        };
        let previous = match head.previous {
            _ if is_current => Previous { hash: presented.hash.clone(), replaced: now },
            Some(previous) if is_lost(&previous) => previous,
            _ => {
                tracing::warn!("a refresh token was shown that had been used; its family is revoked");
                return Ok(Rotation::Reused(Family::of(&head.subject, &presented.key)));
            }
        };
        let next = next_token(presented.family_id.expose());
        let family = Family::of(&head.subject, &presented.key);
        let head = Head { previous: Some(previous), ..head };
        Ok(Rotation::Next {
            expected: [VERSION, current.as_bytes()].concat(),
            record: to_record(&hash(next.expose()), &head, claims),
            grant: Grant { refresh_token: next, family, claims: claims.to_vec() },
        })
    }

    /// The family that a record is of.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a record that Jam did not write.
    pub fn family(&self, key: &Key, record: &[u8]) -> Result<Family> {
        let (_, head, _) = from_record(record)?;
        Ok(Family::of(&head.subject, key))
    }
}

/// The part of a record that only Jam reads.
struct Head {
    subject: String,
    previous: Option<Previous>,
}

/// The token before the one that is good.
struct Previous {
    hash: String,
    /// When it was used.
    replaced: Timestamp,
}

fn to_record(current: &str, head: &Head, claims: &[u8]) -> Vec<u8> {
    let mut members = Map::from_iter([("sub".to_owned(), json!(head.subject))]);
    if let Some(Previous { hash, replaced }) = &head.previous {
        members.insert("previous".to_owned(), json!(hash));
        members.insert("replaced".to_owned(), json!(replaced.as_millis()));
    }
    let head = Value::Object(members).to_string();
    [VERSION, current.as_bytes(), head.as_bytes(), b"\n", claims].concat()
}

/// The hash of the token that is good, what Jam has to know, and the claims.
fn from_record(record: &[u8]) -> Result<(&str, Head, &[u8])> {
    let parse = || {
        let (current, rest) = record.strip_prefix(VERSION)?.split_at_checked(HASH_LENGTH)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (head, claims) = (json_object(&rest[..end]).ok()?, &rest[end + 1..]);
        let previous = match (head.get("previous"), head.get("replaced")) {
            (None, None) => None,
            (Some(hash), Some(replaced)) => Some(Previous {
                hash: hash.as_str()?.to_owned(),
                replaced: Timestamp::from_millis(replaced.as_i64()?),
            }),
            _ => return None,
        };
        let subject = head.get("sub")?.as_str()?.to_owned();
        Some((std::str::from_utf8(current).ok()?, Head { subject, previous }, claims))
    };
    parse().ok_or_else(|| StoreError::Refused("a stored refresh token is not one of Jam's".into()).into())
}

/// A new token of the family with this id.
fn next_token(family_id: &str) -> Secret<String> {
    let secret = base64url_encode(random_bytes::<SECRET_BYTES>().as_slice());
    Secret::new(format!("{family_id}.{secret}"))
}

fn hash(refresh_token: &str) -> String {
    base64url_encode(sha256(refresh_token.as_bytes()))
}

fn same(left: &str, right: &str) -> bool {
    constant_time_eq(left.as_bytes(), right.as_bytes())
}

fn check(path: &str, time: Option<Duration>, least: Duration) -> Result<()> {
    if time.is_some_and(|time| time < least || time > MAX_TTL) {
        let reason = "a time to live is more than 0 seconds (that of an access token at least 1) and at most 100 years";
        return Err(ConfigurationError::key(path, reason).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn codec(grace: u64) -> Codec {
        Codec::new(TokenOptions { grace: Duration::from_secs(grace), ..TokenOptions::default() }).unwrap()
    }

    /// What a token leads to, where the record is this.
    fn rotate(codec: &Codec, token: &Secret<String>, record: &[u8], now: Timestamp) -> Rotation {
        codec.rotate(&codec.locate(token.expose()).unwrap(), record, now).unwrap()
    }

    /// The next token and the next record.
    fn next(
        codec: &Codec,
        token: &Secret<String>,
        record: &[u8],
        now: Timestamp,
    ) -> (Secret<String>, Vec<u8>) {
        match rotate(codec, token, record, now) {
            Rotation::Next { record: next, grant, expected } => {
                assert!(record.starts_with(&expected) && !next.starts_with(&expected));
                (grant.refresh_token, next)
            }
            Rotation::Reused(_) => panic!("the token was refused"),
        }
    }

    fn is_reused(codec: &Codec, token: &Secret<String>, record: &[u8], now: Timestamp) -> bool {
        matches!(rotate(codec, token, record, now), Rotation::Reused(family) if family.subject == "u1")
    }

    #[test]
    fn a_token_carries_256_bits_of_its_own_and_none_of_them_is_stored() {
        // attacks 56 and 57
        let codec = codec(0);
        let (first, second) = (codec.issue("u1", b"{}").unwrap(), codec.issue("u1", b"{}").unwrap());
        let token = first.grant.refresh_token.expose().clone();
        let (id, secret) = token.rsplit_once('.').unwrap();
        assert_eq!(base64url_decode(secret).unwrap().len(), 32);
        assert_eq!(token.len(), TOKEN_LENGTH);
        let family_secret = id.split_once('.').unwrap().1;
        let stored = format!("{:?}{}", first.key, String::from_utf8(first.record).unwrap());
        assert!(!stored.contains(secret) && !stored.contains(family_secret));
        // One subject's families lie together, and are told apart.
        assert_eq!(first.key.group, second.key.group);
        assert_ne!(first.key.id, second.key.id);
        assert_ne!(first.key.group, codec.issue("u2", b"{}").unwrap().key.group);
        let shown = format!("{:?}{:?}", first.grant, codec.locate(&token).unwrap());
        assert!(!shown.contains(secret) && !shown.contains(family_secret));
    }

    #[test]
    fn text_that_cannot_be_a_token_is_located_nowhere() {
        // attacks 27 and 58
        let codec = codec(0);
        let token = codec.issue("u1", b"{}").unwrap().grant.refresh_token.expose().clone();
        assert!(codec.locate(&token).is_some());
        let (id, secret) = token.rsplit_once('.').unwrap();
        for bad in [
            String::new(),
            "..".to_owned(),
            "../../../etc/passwd".to_owned(),
            id.to_owned(),
            format!("{id}."),
            format!("{id}{secret}."),
            format!("{token}="),
            format!("{token}\n"),
            format!(" {token}"),
            format!("{}!", &token[1..]),
            format!("{id}.{}_", &secret[1..]).replace('.', "/"),
            // Trailing bits: another spelling of the same bytes.
            format!("{}9", &token[..token.len() - 1]),
            "é".repeat(TOKEN_LENGTH / 2),
            ".".repeat(TOKEN_LENGTH),
            "x".repeat(10 << 20),
        ] {
            let shown: String = bad.chars().take(120).collect();
            assert!(codec.locate(&bad).is_none(), "{shown:?}");
        }
    }

    #[test]
    fn each_token_is_good_once() {
        let codec = codec(0);
        let new = codec.issue("u1", b"{}").unwrap();
        let first = new.grant.refresh_token;
        let (second, record) = next(&codec, &first, &new.record, NOW);
        assert!(is_reused(&codec, &first, &record, NOW));
        let (third, record) = next(&codec, &second, &record, NOW);
        for used in [&first, &second] {
            assert!(is_reused(&codec, used, &record, NOW));
        }
        assert!(!is_reused(&codec, &third, &record, NOW));
    }

    #[test]
    fn a_token_with_another_secret_of_the_same_family_counts_as_used() {
        let codec = codec(60);
        let new = codec.issue("u1", b"{}").unwrap();
        let token = new.grant.refresh_token.expose();
        let made_up = next_token(token.rsplit_once('.').unwrap().0);
        assert!(is_reused(&codec, &made_up, &new.record, NOW));
    }

    #[test]
    fn within_the_grace_time_a_lost_answer_is_given_again_and_kills_the_lost_token() {
        let codec = codec(10);
        let at = |millis| NOW + Duration::from_millis(millis);
        let new = codec.issue("u1", b"{}").unwrap();
        let first = new.grant.refresh_token;
        let (lost, record) = next(&codec, &first, &new.record, at(0));
        let (second, again) = next(&codec, &first, &record, at(9_999));
        assert!(is_reused(&codec, &lost, &again, at(9_999)), "of two who hold a token, one is found out");
        // The time counts from the first use, however often the answer gets lost.
        assert!(is_reused(&codec, &first, &again, at(10_000)));
        let (_, record) = next(&codec, &second, &again, at(10_000));
        assert!(is_reused(&codec, &first, &record, at(10_000)));
        // A clock that is behind by more than the grace time is not believed.
        assert!(is_reused(&codec, &second, &record, at(0)));
    }

    #[test]
    fn claims_are_opaque_and_survive_as_they_are() {
        let codec = codec(0);
        for claims in [&b""[..], b"{}", b"\n\0\xff\n", &[b'\n'; 1000]] {
            let new = codec.issue("u\n1", claims).unwrap();
            let Rotation::Next { grant, record, .. } =
                rotate(&codec, &new.grant.refresh_token, &new.record, NOW)
            else {
                panic!()
            };
            assert_eq!((grant.claims.as_slice(), grant.family.subject.as_str()), (claims, "u\n1"));
            assert_eq!(codec.family(&new.key, &record).unwrap(), new.grant.family);
        }
        assert_eq!(codec.issue("u1", &vec![b' '; MAX_CLAIMS + 1]).unwrap_err().code(), "validation.invalid");
    }

    #[test]
    fn a_record_that_others_wrote_is_an_error_and_refreshes_nothing() {
        // attack 63
        let codec = codec(0);
        let new = codec.issue("u1", b"{}").unwrap();
        let presented = codec.locate(new.grant.refresh_token.expose()).unwrap();
        let length = new.record.len() - b"\n{}".len();
        for cut in 0..length {
            let error = codec.rotate(&presented, &new.record[..cut], NOW).unwrap_err();
            assert_eq!(error.code(), "store.refused", "cut to {cut} bytes");
        }
        let later = [b"2", &new.record[1..]].concat();
        assert_eq!(codec.rotate(&presented, &later, NOW).unwrap_err().code(), "store.refused");
    }

    #[test]
    fn times_out_of_range_are_errors_at_construction() {
        let day = Duration::from_secs(86_400);
        let default = TokenOptions::default();
        for options in [
            TokenOptions { access_ttl: Duration::from_millis(999), ..default },
            TokenOptions { access_ttl: MAX_TTL + day, ..default },
            TokenOptions { refresh_ttl: Some(Duration::ZERO), ..default },
            TokenOptions { refresh_absolute_ttl: Some(Duration::MAX), ..default },
            TokenOptions { grace: day, ..default },
        ] {
            assert_eq!(Codec::new(options).unwrap_err().code(), "configuration.invalid", "{options:?}");
        }
    }

    #[test]
    fn a_subject_may_be_any_text_up_to_the_cap() {
        // attack 60
        let codec = codec(0);
        for subject in ["", "*", "a:b", "\r\nDEL", "{x}", "\0", "é"] {
            let new = codec.issue(subject, b"{}").unwrap();
            assert_eq!(codec.family(&new.key, &new.record).unwrap().subject, subject);
        }
        assert_eq!(codec.issue(&"x".repeat(1 << 20), b"{}").unwrap_err().code(), "validation.invalid");
    }
}
