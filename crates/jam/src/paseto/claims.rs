//! The registered claims of PASETO: times as RFC 3339 text.

use jiff::civil::{Date, date};
use serde_json::{Map, Value, json};

use crate::crypto::random_bytes;
use crate::{Error, PasetoError, Result, Timestamp};

const NANOSECONDS: i128 = 1_000_000_000;

/// Makes a payload: `iat` (now), `exp` (`exp` seconds from now; absent when `exp` is `None`) as RFC 3339 text, `jti` (a random UUID),
/// and the members of `data`, which win over the three.
///
/// ```
/// use jam::{Timestamp, paseto::claims};
/// use serde_json::Map;
///
/// let payload = claims::make_payload(Some(60), Map::new(), Timestamp::from_seconds(0))?;
/// assert_eq!(payload["iat"], "1970-01-01T00:00:00+00:00");
/// assert_eq!(payload["exp"], "1970-01-01T00:01:00+00:00");
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`Error::Validation`] when a time leaves the years 0 to 9999, which are all that RFC 3339 can write.
pub fn make_payload(
    exp: Option<i64>,
    data: Map<String, Value>,
    now: Timestamp,
) -> Result<Map<String, Value>> {
    let mut payload = Map::new();
    payload.insert("iat".to_owned(), Value::String(format_time(now.as_seconds())?));
    if let Some(lifetime) = exp {
        let expiry = now.as_seconds().saturating_add(lifetime);
        payload.insert("exp".to_owned(), Value::String(format_time(expiry)?));
    }
    let jti = uuid::Builder::from_random_bytes(*random_bytes()).into_uuid();
    payload.insert("jti".to_owned(), json!(jti.to_string()));
    payload.extend(data);
    Ok(payload)
}

/// Checks the times of a payload: `exp` must lie after `now`, `nbf` must not. Each may be absent; then it does not limit.
/// A present one is either
///
/// - text of RFC 3339: `2022-01-01T00:00:00Z`, with any offset and any number of fraction digits (those after
///   the ninth are dropped); the second 60 is the first of the next minute. A date alone, a time without offset
///   and a year of five digits are malformed;
/// - or a number: seconds since 1970, with or without fraction, as older tokens have it. A negative one lies before 1970.
///
/// Everything else, `null` too, is malformed, and malformed is not absent: the token is refused.
///
/// # Errors
/// [`PasetoError::Expired`], [`PasetoError::NotYetValid`], [`PasetoError::InvalidClaim`].
pub fn validate(payload: &Map<String, Value>, now: Timestamp) -> Result<()> {
    let time = |claim| payload.get(claim).map(Time::from);
    validate_times(time("exp"), time("nbf"), now)
}

/// As [`validate`], for a payload that is held in another form.
///
/// # Errors
/// As [`validate`].
pub fn validate_times(exp: Option<Time<'_>>, nbf: Option<Time<'_>>, now: Timestamp) -> Result<()> {
    let now = i128::from(now.as_millis()) * (NANOSECONDS / 1_000);
    if nanoseconds("exp", exp)?.is_some_and(|expiry| expiry <= now) {
        return Err(PasetoError::Expired.into());
    }
    if nanoseconds("nbf", nbf)?.is_some_and(|start| start > now) {
        return Err(PasetoError::NotYetValid.into());
    }
    Ok(())
}

/// What stands in a payload where a time should.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Time<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// Nothing that could be a time.
    Malformed,
}

impl<'a> From<&'a Value> for Time<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            Value::Number(number) => match (number.as_i128(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) => Self::Float(float),
                (None, None) => Self::Malformed,
            },
            _ => Self::Malformed,
        }
    }
}

/// The claim's time in nanoseconds since 1970.
fn nanoseconds(claim: &'static str, time: Option<Time<'_>>) -> Result<Option<i128>, PasetoError> {
    let nanoseconds = match time {
        None => return Ok(None),
        Some(Time::Text(text)) => parse_time(text),
        Some(Time::Integer(seconds)) => Some(seconds.saturating_mul(NANOSECONDS)),
        // A conversion from f64 stops at the ends of i128, which are past and future like the number itself.
        Some(Time::Float(seconds)) if !seconds.is_nan() => Some((seconds * 1e9) as i128),
        Some(Time::Float(_) | Time::Malformed) => None,
    };
    nanoseconds.map(Some).ok_or(PasetoError::InvalidClaim {
        claim,
        reason: "a time is RFC 3339 text with an offset, or a number of seconds since 1970".into(),
    })
}

/// Reads RFC 3339 section 5.6 and nothing else: nanoseconds since 1970.
fn parse_time(text: &str) -> Option<i128> {
    let text = text.as_bytes();
    let (head, tail) = text.split_at_checked(19)?;
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        shape => byte.eq_ignore_ascii_case(shape),
    };
    if !head.iter().zip(shape).all(fits) {
        return None;
    }
    let day = Date::new(number(&head[..4])? as i16, number(&head[5..7])? as i8, number(&head[8..10])? as i8)
        .ok()?;
    let (fraction, offset) = split_fraction(tail)?;
    let seconds = day_seconds(&head[11..], 60)? - offset_seconds(offset)?;
    let days = i128::from(day.duration_since(date(1970, 1, 1)).as_secs());
    Some((days + i128::from(seconds)) * NANOSECONDS + fraction)
}

/// Seconds of `hh:mm` or `hh:mm:ss` with the greatest value that the seconds may have.
fn day_seconds(text: &[u8], most_seconds: i64) -> Option<i64> {
    let (hours, minutes) = (number(&text[..2])?, number(&text[3..5])?);
    let seconds = text.get(6..8).map_or(Some(0), number)?;
    (hours < 24 && minutes < 60 && seconds <= most_seconds).then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// The nanoseconds of the fraction, if there is one, and what follows it.
fn split_fraction(text: &[u8]) -> Option<(i128, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(count);
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = padded.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    (count > 0).then_some((nanoseconds, rest))
}

fn offset_seconds(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), digits @ ..] if digits.len() == 5 && digits[2] == b':' => {
            let offset = day_seconds(digits, 0)?;
            Some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// RFC 3339 in whole seconds, with the offset written as the specification of PASETO does.
fn format_time(seconds: i64) -> Result<String> {
    jiff::Timestamp::from_second(seconds)
        .ok()
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
        .filter(|text| text.len() == 25)
        .ok_or_else(|| Error::validation("the token's times must lie in the years 0 to 9999"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(claims: Value, now: i64) -> &'static str {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        validate(&claims, Timestamp::from_millis(now)).map_or_else(|error| error.code(), |()| "accepted")
    }

    #[test]
    fn a_payload_has_text_times_and_the_callers_claims() {
        // fault 20
        let data = json!({"user_id": 1, "jti": "mine"}).as_object().unwrap().clone();
        let now = Timestamp::from_millis(1_640_995_200_999);
        let payload = make_payload(Some(3600), data, now).unwrap();
        let expected = json!({
            "iat": "2022-01-01T00:00:00+00:00",
            "exp": "2022-01-01T01:00:00+00:00",
            "jti": "mine",
            "user_id": 1,
        });
        assert_eq!(Value::Object(payload.clone()), expected);
        assert!(validate(&payload, now).is_ok());

        let (one, two) =
            (make_payload(None, Map::new(), now).unwrap(), make_payload(None, Map::new(), now).unwrap());
        assert!(!one.contains_key("exp"));
        assert_ne!(one["jti"], two["jti"]);
        assert_eq!(one["jti"].as_str().unwrap().len(), 36);
    }

    #[test]
    fn a_lifetime_of_zero_is_not_no_lifetime() {
        // fault 6
        let now = Timestamp::from_seconds(1_000);
        let payload = make_payload(Some(0), Map::new(), now).unwrap();
        assert_eq!(validate(&payload, now), Err(PasetoError::Expired.into()));
        for lifetime in [i64::MAX, i64::MIN, 300_000_000_000] {
            assert_eq!(
                make_payload(Some(lifetime), Map::new(), now).unwrap_err().code(),
                "validation.invalid"
            );
        }
    }

    #[test]
    fn text_and_numbers_of_one_time_are_the_same() {
        // attack 50, fault 4; 2022-01-01T00:00:00Z is 1640995200
        let same = [
            json!("2022-01-01T00:00:00Z"),
            json!("2022-01-01T00:00:00+00:00"),
            json!("2022-01-01t00:00:00z"),
            json!("2022-01-01T00:00:00-00:00"),
            json!("2022-01-01T01:30:00+01:30"),
            json!("2021-12-31T16:00:00-08:00"),
            json!("2021-12-31T23:59:60Z"),
            json!("2022-01-01T00:00:00.0000000000000000000000000000000000000001Z"),
            json!(1_640_995_200),
            json!(1_640_995_200.0),
        ];
        for time in same {
            assert_eq!(check(json!({"exp": time}), 1_640_995_199_999), "accepted", "{time}");
            assert_eq!(check(json!({"exp": time}), 1_640_995_200_000), "paseto.token_expired", "{time}");
            assert_eq!(
                check(json!({"nbf": time}), 1_640_995_199_999),
                "paseto.token_not_yet_valid",
                "{time}"
            );
            assert_eq!(check(json!({"nbf": time}), 1_640_995_200_000), "accepted", "{time}");
        }
        assert_eq!(check(json!({"exp": "2022-01-01T00:00:00.5Z"}), 1_640_995_200_499), "accepted");
        assert_eq!(
            check(json!({"exp": "2022-01-01T00:00:00.5Z"}), 1_640_995_200_500),
            "paseto.token_expired"
        );
        assert_eq!(check(json!({"exp": 1_640_995_200.5}), 1_640_995_200_499), "accepted");
    }

    #[test]
    fn an_absent_time_does_not_limit() {
        assert_eq!(check(json!({}), 0), "accepted");
        assert_eq!(check(json!({"iat": "whenever"}), 0), "accepted");
    }

    #[test]
    fn a_malformed_time_is_refused_and_not_skipped() {
        // attacks 32 and 50, fault 6
        let malformed = [
            json!("2022-01-01"),
            json!("2022-01-01T00:00:00"),
            json!("2022-01-01 00:00:00Z"),
            json!("2022-01-01T00:00Z"),
            json!("2022-01-01T24:00:00Z"),
            json!("2022-01-01T00:60:00Z"),
            json!("2022-01-01T00:00:61Z"),
            json!("2022-02-29T00:00:00Z"),
            json!("2022-13-01T00:00:00Z"),
            json!("2022-01-01T00:00:00.Z"),
            json!("2022-01-01T00:00:00,5Z"),
            json!("2022-01-01T00:00:00+0000"),
            json!("2022-01-01T00:00:00+24:00"),
            json!("2022-01-01T00:00:00+00:00:00"),
            json!("2022-01-01T00:00:00Z[UTC]"),
            json!("2022-01-01T00:00:00Z "),
            json!("10000-01-01T00:00:00Z"),
            json!("+10000-01-01T00:00:00Z"),
            json!("２022-01-01T00:00:00Z"),
            json!("9999999999"),
            json!("never"),
            json!(""),
            json!(true),
            json!(null),
            json!([]),
            json!({}),
        ];
        for time in malformed {
            for claim in ["exp", "nbf"] {
                let claims = Value::Object(Map::from_iter([(claim.to_owned(), time.clone())]));
                assert_eq!(check(claims, 0), "paseto.invalid_claim", "{claim} {time}");
            }
        }
    }

    #[test]
    fn extreme_numbers_neither_wrap_nor_saturate_into_the_other_side() {
        // attack 33
        let now = 1_640_995_200_000;
        for past in [json!(-1), json!(i64::MIN), json!(-1e300), json!(0), json!(-0.0), json!(1.9)] {
            assert_eq!(check(json!({"exp": past}), now), "paseto.token_expired", "{past}");
            assert_eq!(check(json!({"nbf": past}), now), "accepted", "{past}");
        }
        for future in [json!(i64::MAX), json!(u64::MAX), json!(1e300), json!("9999-12-31T23:59:59Z")] {
            assert_eq!(check(json!({"exp": future}), now), "accepted", "{future}");
            assert_eq!(check(json!({"nbf": future}), now), "paseto.token_not_yet_valid", "{future}");
        }
    }
}
