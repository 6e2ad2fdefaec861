//! A user's login: the authorization request that begins it, and the callback that ends it. Nothing here opens a socket.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use zeroize::{Zeroize, Zeroizing};

use super::client::CallOptions;
use super::discovery::Metadata;
use super::http::Request;
use super::id_token::Expectation;
use super::provider::{Endpoints, Provider};
use super::token::{invalid, quoted};
use crate::crypto::seal::Sealer;
use crate::crypto::{random_bytes, sha256};
use crate::encoding::base64url_encode;
use crate::secret::Secret;
use crate::{ConfigurationError, Error, OAuth2Error, Result, Timestamp};

/// A login that was begun must be completed within ten minutes.
pub const LOGIN_LIFE_TIME: Duration = Duration::from_secs(10 * 60);

/// The longest callback that is read, in bytes.
const LONGEST_CALLBACK: usize = 64 * 1024;
/// The most parameters of a callback.
const MOST_PARAMETERS: usize = 100;

/// The scope that asks for an ID token (OpenID Connect Core 1.0 section 3.1.2.1).
const OPENID: &str = "openid";

/// A login that was begun. `Debug` shows neither address nor secret.
///
/// [`url`](Self::url) is for the browser to go to, and [`binding`](Self::binding) for a cookie of this browser. The
/// [`record`](Self::record) belongs into a store under the [`state`](Self::state), to be taken out once, within
/// [`LOGIN_LIFE_TIME`]; [`Jam::oauth2_begin`](crate::Jam::oauth2_begin) has put it there.
#[derive(Clone)]
pub struct Login {
    /// Where to send the browser.
    pub url: String,
    /// What only this browser has: keep it in a cookie that is `Secure`, `HttpOnly` and `SameSite=Lax`, for ten minutes.
    pub binding: Secret<String>,
    /// What the callback will name the login by.
    pub state: Secret<String>,
    /// What completing the login needs, sealed with the binding.
    pub record: Vec<u8>,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Login").finish_non_exhaustive()
    }
}

/// A login that was completed. `Debug` shows the names of the members alone.
#[derive(Clone, PartialEq)]
pub struct CompletedLogin {
    /// The provider's token answer, with `expires_in` as an integer.
    pub tokens: Map<String, Value>,
    /// The claims of the validated ID token; `None` where none was asked for.
    pub claims: Option<Map<String, Value>>,
}

impl fmt::Debug for CompletedLogin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |members: &Map<String, Value>| members.keys().cloned().collect::<Vec<_>>();
        formatter
            .debug_struct("CompletedLogin")
            .field("tokens", &names(&self.tokens))
            .field("claims", &self.claims.as_ref().map(names))
            .finish()
    }
}

/// What the browser brought back from the provider. Anybody may have written it. `Debug` shows the names alone.
///
/// ```
/// use jam::oauth2::Callback;
///
/// let callback = Callback::from_url("https://app.example/callback?code=SplxlOBe&state=af0ifjsldkj")?;
/// assert_eq!(callback.state()?, "af0ifjsldkj");
/// assert!(Callback::from_url("https://app.example/callback?state=a&state=b").is_err());
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct Callback(Vec<(String, String)>);

impl Callback {
    /// Reads the address that the browser came back to: the whole of it, or from its path on.
    ///
    /// # Errors
    /// [`OAuth2Error::InvalidCallback`] for an address without a query, a parameter that occurs twice, and for more than
    /// 64 KiB or 100 parameters.
    pub fn from_url(url: &str) -> Result<Self> {
        if url.len() > LONGEST_CALLBACK {
            return Err(refused("the callback is longer than 64 KiB"));
        }
        let (_, query) = url.split_once('?').ok_or_else(|| refused("the callback's address has no query"))?;
        let query = query.split('#').next().unwrap_or_default();
        Self::from_parameters(form_urlencoded::parse(query.as_bytes()).into_owned())
    }

    /// Takes the parameters of the query, or of the form that the browser was made to post.
    ///
    /// # Errors
    /// As [`Callback::from_url`].
    pub fn from_parameters(parameters: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut known: Vec<(String, String)> = Vec::new();
        for (name, value) in parameters.into_iter().take(MOST_PARAMETERS + 1) {
            if known.iter().any(|(other, _)| *other == name) {
                return Err(refused("a parameter of the callback occurs twice")); // RFC 6749 section 3.1
            }
            known.push((name, value));
        }
        let length: usize = known.iter().map(|(name, value)| name.len() + value.len()).sum();
        if known.len() > MOST_PARAMETERS || length > LONGEST_CALLBACK {
            return Err(refused("the callback has more than 100 parameters, or more than 64 KiB of them"));
        }
        Ok(Self(known))
    }

    /// What names the login that is to be completed.
    ///
    /// # Errors
    /// [`OAuth2Error::InvalidCallback`] when it is missing.
    pub fn state(&self) -> Result<&str> {
        self.parameter("state").ok_or_else(|| refused("the callback has no state"))
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let parameter = self.0.iter().find(|(known, value)| known == name && !value.is_empty());
        parameter.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What must be known when the browser comes back.
#[derive(Serialize, Deserialize)]
pub(super) struct PendingLogin {
    provider: String,
    redirect_uri: Option<String>,
    code_verifier: String,
    /// Whether an ID token was asked for.
    is_openid: bool,
    nonce: Option<String>,
    max_age: Option<u64>,
    acr_values: Option<String>,
}

impl Drop for PendingLogin {
    fn drop(&mut self) {
        self.code_verifier.zeroize();
    }
}

/// A login whose authorization request is still to be written.
pub(super) struct Begun<'a> {
    scope: Vec<&'a str>,
    options: &'a CallOptions,
    state: Secret<String>,
    pending: PendingLogin,
}

/// Makes what a login needs, and checks what was asked for.
pub(super) fn begin<'a>(
    provider: &Provider,
    scope: Option<&[&'a str]>,
    options: &'a CallOptions,
) -> Result<Begun<'a>> {
    let default: &[&str] = if provider.issuer().is_some() { &[OPENID] } else { &[] };
    let scope = scope.unwrap_or(default).to_vec();
    let is_openid = scope.contains(&OPENID);
    if is_openid && provider.issuer().is_none() {
        let key = format!("oauth2.providers.{}.issuer", provider.name());
        let reason = "is required for the scope \"openid\": it tells whose ID tokens to accept";
        return Err(ConfigurationError::key(key, reason).into());
    }
    let given = |name: &str| options.parameters.iter().find(|(known, _)| known == name);
    let max_age = given("max_age").map(|(_, seconds)| {
        seconds.parse().map_err(|_| Error::validation("max_age: must be a whole number of seconds"))
    });
    let pending = PendingLogin {
        provider: provider.name().to_owned(),
        redirect_uri: given("redirect_uri").map(|(_, url)| url.clone()),
        code_verifier: random_text(),
        is_openid,
        nonce: (is_openid && provider.repeats_nonce()).then(random_text),
        max_age: max_age.transpose()?,
        acr_values: given("acr_values").map(|(_, values)| values.clone()),
    };
    Ok(Begun { scope, options, state: Secret::new(random_text()), pending })
}

impl Begun<'_> {
    /// The login with the whole request in the browser's address.
    pub(super) fn in_address(self, provider: &Provider, endpoints: &Endpoints) -> Result<Login> {
        let own = self.parameters();
        let parameters = provider.authorization_parameters(endpoints, &self.scope, own, self.options)?;
        let url = endpoints.authorization_url(&parameters);
        Ok(self.login(url))
    }

    /// The request to be pushed to the provider.
    pub(super) fn pushed_request(
        &self,
        provider: &Provider,
        endpoints: &Endpoints,
        url: &Url,
        now: Timestamp,
    ) -> Result<Request<String>> {
        let (own, options) = (self.parameters(), self.options);
        provider.pushed_authorization_request(endpoints, url, &self.scope, own, options, now)
    }

    /// The login at this address.
    pub(super) fn login(self, url: String) -> Login {
        let binding = Secret::new(random_text());
        Login { url, record: self.pending.seal(&binding, &self.state), binding, state: self.state }
    }

    fn parameters(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut own = vec![
            ("state", Cow::from(self.state.expose().as_str())),
            ("code_challenge", code_challenge(&self.pending.code_verifier).into()),
            ("code_challenge_method", "S256".into()),
        ];
        own.extend(self.pending.nonce.as_deref().map(|nonce| ("nonce", nonce.into())));
        own
    }
}

/// The code of a callback that belongs to the login of this record. All that can be refused without asking the provider
/// is refused here.
pub(super) fn accept(
    provider: &Provider,
    metadata: Option<&Metadata>,
    callback: &Callback,
    binding: &str,
    record: Option<&[u8]>,
) -> Result<(Secret<String>, PendingLogin)> {
    let state = callback.state()?;
    let record = record.ok_or_else(|| {
        refused("no login waits for this callback: it was completed, has expired, or never began here")
    })?;
    let pending = PendingLogin::open(record, binding, state)
        .ok_or_else(|| refused("the callback came to another browser than the one that began the login"))?;
    if pending.provider != provider.name() {
        return Err(refused("the login was begun with another provider"));
    }
    check_issuer(provider, metadata, callback.parameter("iss"))?;
    if let Some(error) = callback.parameter("error") {
        let error = match quoted(error, &[]) {
            error if error.is_empty() => "no reason given".to_owned(),
            error => error,
        };
        return Err(OAuth2Error::Refused { error }.into());
    }
    let code = callback.parameter("code").ok_or_else(|| refused("the callback has no code"))?;
    Ok((code.into(), pending))
}

/// RFC 9207 section 2.4: a code must not reach another server than the one that issued it.
fn check_issuer(provider: &Provider, metadata: Option<&Metadata>, named: Option<&str>) -> Result<()> {
    let Some(named) = named else {
        return match metadata.is_some_and(|metadata| metadata.names_issuer_in_callback) {
            true => Err(refused("the callback does not name its issuer, as the provider says that it does")),
            false => Ok(()),
        };
    };
    match provider.issuer() {
        Some(issuer) if issuer.is_named_by(named) => Ok(()),
        Some(_) => Err(refused("the callback comes from another issuer than the login began with")),
        None => {
            let key = format!("oauth2.providers.{}.issuer", provider.name());
            let reason =
                "is required: the provider names its issuer in the callback, and it must be compared";
            Err(ConfigurationError::key(key, reason).into())
        }
    }
}

impl PendingLogin {
    /// What the token request says beside the code.
    pub(super) fn call_options(&self) -> CallOptions {
        let options = CallOptions::new().parameter("code_verifier", self.code_verifier.as_str());
        match &self.redirect_uri {
            Some(url) => options.parameter("redirect_uri", url),
            None => options,
        }
    }

    /// The ID token of the answer, where one was asked for.
    pub(super) fn id_token<'a>(&self, tokens: &'a Map<String, Value>) -> Result<Option<&'a str>> {
        if !self.is_openid {
            return Ok(None);
        }
        let token = tokens.get("id_token").and_then(Value::as_str);
        token.map(Some).ok_or_else(|| invalid("the provider's answer has no ID token"))
    }

    /// What the ID token must say.
    pub(super) fn expectation<'a>(
        &'a self,
        tokens: &'a Map<String, Value>,
        code: &'a Secret<String>,
    ) -> Expectation<'a> {
        Expectation {
            nonce: self.nonce.as_deref(),
            access_token: tokens.get("access_token").and_then(Value::as_str),
            code: Some(code.expose()),
            max_age: self.max_age.map(Duration::from_secs),
            acr_values: self.acr_values.as_deref(),
        }
    }

    fn seal(&self, binding: &Secret<String>, state: &Secret<String>) -> Vec<u8> {
        let plaintext = Zeroizing::new(serde_json::to_vec(self).expect("texts and numbers have a JSON form"));
        let mut record = Vec::new();
        sealer(binding.expose()).seal(&plaintext, state.expose().as_bytes(), &mut record);
        record
    }

    fn open(record: &[u8], binding: &str, state: &str) -> Option<Self> {
        let plaintext = Zeroizing::new(sealer(binding).open(record, state.as_bytes())?);
        serde_json::from_slice(&plaintext).ok()
    }
}

/// Whoever reads the store learns neither verifier nor nonce: the key is the browser's alone.
fn sealer(binding: &str) -> Sealer {
    let key = Zeroizing::new(sha256(&[b"jam.oauth2.login\0", binding.as_bytes()].concat()));
    Sealer::new(&[key]).expect("32 bytes are a key")
}

/// 256 bits from the operating system, as 43 characters of base64url.
pub(super) fn random_text() -> String {
    base64url_encode(random_bytes::<32>().as_slice())
}

/// RFC 7636 section 4.2.
fn code_challenge(code_verifier: &str) -> String {
    base64url_encode(sha256(code_verifier.as_bytes()))
}

fn refused(reason: impl Into<crate::Reason>) -> Error {
    OAuth2Error::InvalidCallback(reason.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
        // attack 67
        assert_eq!(
            code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        assert_eq!(random_text().len(), 43);
        assert_ne!(random_text(), random_text());
    }

    #[test]
    fn a_callback_is_read_within_limits_and_names_nothing_twice() {
        let callback = Callback::from_url("/callback?code=a%20b+c&state=s#_=_").unwrap();
        assert_eq!((callback.parameter("code"), callback.state()), (Some("a b c"), Ok("s")));
        assert_eq!(format!("{callback:?}"), r#"["code", "state"]"#);
        let many = (0..101).map(|number| format!("p{number}=1&")).collect::<String>();
        for bad in [
            "https://app.example/callback",
            "?state=1&state=1",
            "?code=1&%63ode=2&state=1",
            &format!("?{many}state=1"),
            &format!("?state={}", "s".repeat(LONGEST_CALLBACK)),
        ] {
            assert_eq!(Callback::from_url(bad).unwrap_err().code(), "oauth2.invalid_callback");
        }
        for bad in ["?code=1", "?code=1&state="] {
            assert_eq!(
                Callback::from_url(bad).unwrap().state().unwrap_err().code(),
                "oauth2.invalid_callback"
            );
        }
    }

    #[test]
    fn a_record_opens_with_its_binding_and_its_state_alone() {
        // attack 65
        let pending = PendingLogin {
            provider: "test".into(),
            redirect_uri: None,
            code_verifier: "verifier".into(),
            is_openid: true,
            nonce: Some("nonce".into()),
            max_age: None,
            acr_values: None,
        };
        let record = pending.seal(&"binding".into(), &"state".into());
        assert_eq!(PendingLogin::open(&record, "binding", "state").unwrap().code_verifier, "verifier");
        assert!(PendingLogin::open(&record, "another", "state").is_none());
        assert!(PendingLogin::open(&record, "binding", "another").is_none());
        assert!(PendingLogin::open(b"", "binding", "state").is_none());
        assert!(!String::from_utf8_lossy(&record).contains("nonce"));
    }
}
