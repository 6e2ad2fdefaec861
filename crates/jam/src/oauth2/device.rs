//! The grant for devices without a browser (RFC 8628): the user goes to another device, and this one asks again and again.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use url::Url;

use super::address::endpoint;
use super::client::CallOptions;
use super::http::{Answer, Request};
use super::provider::{Endpoints, Provider};
use super::token::{invalid, members, require_text, seconds};
use crate::secret::Secret;
use crate::{Error, OAuth2Error, Result, Timestamp};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Between two requests where the provider does not say (section 3.2), and how much more each `slow_down` means (section 3.5).
const STEP: Duration = Duration::from_secs(5);
/// No provider is asked more often, and nobody waits longer between two requests.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(300);
/// Nobody waits longer for a user.
const LONGEST_LIFE_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What the user is to be shown. `Debug` shows no code.
#[derive(Clone)]
pub struct DeviceAuthorization {
    /// What the user types there.
    pub user_code: String,
    /// Where the user goes with any browser.
    pub verification_uri: String,
    /// The same with the code in it, for a QR code, where the provider has one.
    pub verification_uri_complete: Option<String>,
    /// Until when the user has time.
    pub expires: Timestamp,
    /// How long to wait between two requests.
    pub interval: Duration,
    pub(super) device_code: Secret<String>,
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DeviceAuthorization")
            .field("expires", &self.expires)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// The device authorization request (section 3.1).
pub(super) fn request(
    provider: &Provider,
    endpoints: &Endpoints,
    url: &Url,
    scope: &[&str],
    options: &CallOptions,
    now: Timestamp,
) -> Result<Request<DeviceAuthorization>> {
    if options.grant_type.is_some() {
        return Err(Error::validation("a device authorization request has no grant_type"));
    }
    let mut own: Vec<_> = provider.scope_parameter(scope)?.into_iter().collect();
    // Section 3.1: the client names itself also where a header proves who it is, which has the id in it, too.
    if endpoints.proves_by_header() {
        own.push(("client_id", provider.client_id().into()));
    }
    let (call, confidential) = provider.authenticated(endpoints, url, own, options, now)?;
    let parse = move |answer: Answer| parse(&members(&answer, &confidential)?, now);
    Ok(Request { call, parse: Box::new(parse) })
}

/// Section 3.2.
fn parse(members: &Map<String, Value>, now: Timestamp) -> Result<DeviceAuthorization> {
    let text = |name: &str| require_text(members, name).map(str::to_owned);
    // Google's older name for it.
    let address = text("verification_uri").or_else(|error| text("verification_url").map_err(|_| error));
    let address = checked(address?)?;
    let complete = members.get("verification_uri_complete").and_then(Value::as_str);
    let life_time = members.get("expires_in").and_then(seconds);
    let life_time = life_time.ok_or_else(|| invalid("`expires_in` is not a whole number of seconds"))?;
    let interval = match members.get("interval").filter(|interval| !interval.is_null()) {
        Some(interval) => {
            seconds(interval).ok_or_else(|| invalid("`interval` is not a number of seconds"))?
        }
        None => STEP,
    };
    Ok(DeviceAuthorization {
        device_code: text("device_code")?.into(),
        user_code: text("user_code")?,
        verification_uri: address,
        verification_uri_complete: complete.map(str::to_owned).map(checked).transpose()?,
        expires: now + life_time.min(LONGEST_LIFE_TIME),
        interval: interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL),
    })
}

/// An address that a person is sent to.
fn checked(address: String) -> Result<String> {
    match endpoint(&address) {
        Ok(_) => Ok(address),
        Err(reason) => Err(invalid(format!("the address for the user {reason}"))),
    }
}

/// Waiting for the user: how long until the next request, and what its answer means.
pub(super) struct Waiting {
    interval: Duration,
    began: Instant,
    now: Timestamp,
    expires: Timestamp,
}

/// What one request brought.
pub(super) enum Outcome {
    Tokens(Map<String, Value>),
    /// The user has not decided yet.
    Pending,
    /// The same, and the provider is asked too often.
    SlowDown,
}

impl Waiting {
    pub(super) fn new(device: &DeviceAuthorization, now: Timestamp) -> Self {
        Self { interval: device.interval, began: Instant::now(), now, expires: device.expires }
    }

    /// The time by the clock that the caller gave at the beginning.
    pub(super) fn now(&self) -> Timestamp {
        self.now + self.began.elapsed()
    }

    /// How long to wait before the next request; an error when it would come too late.
    pub(super) fn pause(&self) -> Result<Duration> {
        if self.now() + self.interval >= self.expires {
            return Err(OAuth2Error::Refused { error: "expired_token".into() }.into());
        }
        Ok(self.interval)
    }

    /// The tokens, or that another request is needed.
    pub(super) fn judge(&mut self, outcome: Result<Outcome>) -> Result<Option<Map<String, Value>>> {
        match outcome {
            Ok(Outcome::Tokens(tokens)) => return Ok(Some(tokens)),
            Ok(Outcome::Pending) => {}
            Ok(Outcome::SlowDown) => self.interval = (self.interval + STEP).min(LONGEST_INTERVAL),
            // Section 3.5: who is not reached is asked less often.
            Err(Error::OAuth2(OAuth2Error::Unreachable(_))) => {
                self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }
}

/// The device access token request (section 3.4).
pub(super) fn token_request(
    provider: &Provider,
    endpoints: &Endpoints,
    device: &DeviceAuthorization,
    now: Timestamp,
) -> Result<Request<Outcome>> {
    let options = CallOptions::new().parameter("device_code", device.device_code.expose());
    let Request { call, parse } = provider.extension_grant(endpoints, GRANT_TYPE, &options, now)?;
    let parse = move |answer: Answer| match parse(answer) {
        Ok(tokens) => Ok(Outcome::Tokens(tokens)),
        Err(Error::OAuth2(OAuth2Error::Refused { error })) => match error.as_str() {
            "authorization_pending" => Ok(Outcome::Pending),
            "slow_down" => Ok(Outcome::SlowDown),
            _ => Err(OAuth2Error::Refused { error }.into()),
        },
        Err(error) => Err(error),
    };
    Ok(Request { call, parse: Box::new(parse) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn read(change: Value) -> Result<DeviceAuthorization> {
        let mut members = json!({
            "device_code": "a-device-code", "user_code": "WDJB-MJHT", "expires_in": 1800,
            "verification_uri": "https://provider.example/device",
        });
        let changed = members.as_object_mut().unwrap();
        changed.extend(change.as_object().unwrap().clone());
        changed.retain(|_, value| *value != "absent");
        parse(changed, NOW)
    }

    #[test]
    fn a_provider_chooses_pace_and_time_within_reason() {
        let device = read(json!({})).unwrap();
        assert_eq!((device.interval, device.expires), (STEP, NOW + Duration::from_secs(1800)));
        assert!(!format!("{device:?}").contains("WDJB"));
        let interval = |seconds: Value| read(json!({"interval": seconds})).map(|device| device.interval);
        assert_eq!(interval(json!(0)), Ok(SHORTEST_INTERVAL));
        assert_eq!(interval(json!("7")), Ok(Duration::from_secs(7)));
        assert_eq!(interval(json!(1_000_000)), Ok(LONGEST_INTERVAL));
        assert!(interval(json!(-1)).is_err());
        let long = read(json!({"expires_in": i64::MAX})).unwrap();
        assert_eq!(long.expires, NOW + LONGEST_LIFE_TIME);
    }

    #[test]
    fn an_answer_that_cannot_be_shown_or_used_is_refused() {
        for bad in [
            json!({"device_code": "absent"}),
            json!({"user_code": ""}),
            json!({"expires_in": "absent"}),
            json!({"expires_in": "soon"}),
            json!({"verification_uri": "javascript:alert(1)"}),
            json!({"verification_uri": "http://provider.example/device"}),
            json!({"verification_uri_complete": "data:text/html,x"}),
        ] {
            assert_eq!(read(bad.clone()).unwrap_err().code(), "oauth2.invalid_response", "{bad}");
        }
        let google =
            json!({"verification_uri": "absent", "verification_url": "https://www.google.com/device"});
        assert_eq!(read(google).unwrap().verification_uri, "https://www.google.com/device");
    }

    #[test]
    fn the_provider_is_asked_less_often_when_it_says_so_or_cannot_be_reached() {
        let mut waiting = Waiting::new(&read(json!({"interval": 5})).unwrap(), NOW);
        let mut after = |outcome| {
            assert_eq!(waiting.judge(outcome), Ok(None));
            waiting.pause().unwrap().as_secs()
        };
        assert_eq!(after(Ok(Outcome::Pending)), 5);
        assert_eq!(after(Ok(Outcome::SlowDown)), 10);
        assert_eq!(after(Ok(Outcome::Pending)), 10);
        assert_eq!(after(Err(OAuth2Error::Unreachable("gone".into()).into())), 20);
        let refusal: Error = OAuth2Error::Refused { error: "access_denied".into() }.into();
        assert_eq!(waiting.judge(Err(refusal.clone())), Err(refusal));
        let late = Waiting::new(&read(json!({"interval": 5})).unwrap(), NOW + Duration::from_secs(1796));
        assert!(
            matches!(late.pause(), Err(Error::OAuth2(OAuth2Error::Refused { error })) if error == "expired_token")
        );
    }
}
