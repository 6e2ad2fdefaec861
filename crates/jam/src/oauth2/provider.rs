//! What is known about a provider, and the requests that follow from it. Nothing here opens a socket.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::client::CallOptions;
use super::http::{self, Call, Limits, Request};
use super::token;
use crate::secret::Secret;
use crate::{ConfigurationError, Error, Result};

/// How a client with a secret proves who it is (RFC 6749 section 2.3.1). The names are those of OpenID Connect Core section 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_secret_basic`: the `Authorization` header, id and secret form-encoded before base64. Every server
    /// must support it.
    Basic,
    /// `client_secret_post`: `client_id` and `client_secret` in the form.
    Post,
}

impl FromStr for ClientAuthentication {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "client_secret_basic" => Ok(Self::Basic),
            "client_secret_post" => Ok(Self::Post),
            _ => Err(Error::validation(
                "client_authentication: must be client_secret_basic or client_secret_post",
            )),
        }
    }
}

/// A provider's configuration. [`Client::new`](super::Client::new) checks all of it.
///
/// Addresses are `https`, or `http` on a loopback host; they have no user name, password or fragment. A
/// query in them is kept.
#[derive(Clone, Debug)]
pub struct ProviderOptions {
    /// The name the application calls the provider by. One of [`presets`] fills in what is not given here.
    pub name: String,
    /// The client identifier that the provider issued. Required.
    pub client_id: String,
    /// The client secret; `None` for a public client, which proves nothing and sends its id alone.
    pub client_secret: Option<Secret<String>>,
    /// Where the provider sends the browser back to. Sent as it stands, since providers compare it letter by letter.
    pub redirect_url: Option<String>,
    /// The authorization endpoint.
    pub auth_url: Option<String>,
    /// The token endpoint.
    pub token_url: Option<String>,
    /// The issuer (OpenID Connect Discovery 1.0). Its metadata gives the endpoints that are not given above; it is
    /// fetched at the first call that needs them, and kept.
    pub issuer: Option<String>,
    /// How the client proves who it is. By default the preset's way, else what the issuer's metadata offers, else
    /// [`ClientAuthentication::Basic`].
    pub client_authentication: Option<ClientAuthentication>,
    /// How long one request may take, from resolving the name to the last byte. 10 s by default; connecting may take
    /// 5 s of it.
    pub timeout: Duration,
    /// How many bytes an answer may have, decompressed. 1 MiB by default.
    pub response_limit: usize,
}

impl Default for ProviderOptions {
    fn default() -> Self {
        Self {
            name: "provider".into(),
            client_id: String::new(),
            client_secret: None,
            redirect_url: None,
            auth_url: None,
            token_url: None,
            issuer: None,
            client_authentication: None,
            timeout: Duration::from_secs(10),
            response_limit: 1024 * 1024,
        }
    }
}

/// What sets one well-known provider apart.
struct Preset {
    name: &'static str,
    /// The authorization and the token endpoint; `None` where every tenant has its own.
    endpoints: Option<(&'static str, &'static str)>,
    /// `None` where tenants differ: then the issuer's metadata decides.
    authentication: Option<ClientAuthentication>,
    scope_separator: &'static str,
    /// Whether its answers may lack `token_type`, which RFC 6749 section 5.1 requires.
    omits_token_type: bool,
}

impl Preset {
    const fn new(name: &'static str, auth_url: &'static str, token_url: &'static str) -> Self {
        let endpoints = Some((auth_url, token_url));
        Self { endpoints, authentication: Some(ClientAuthentication::Post), ..Self::of_tenants(name) }
    }

    const fn of_tenants(name: &'static str) -> Self {
        Self { name, endpoints: None, authentication: None, scope_separator: " ", omits_token_type: false }
    }
}

/// The providers known by name. Client authentication is the way that the provider's own documentation shows.
static PRESETS: [Preset; 12] = [
    Preset::new(
        "github",
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
    ),
    Preset::new("gitlab", "https://gitlab.com/oauth/authorize", "https://gitlab.com/oauth/token"),
    Preset::new(
        "google",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
    ),
    Preset::new("yandex", "https://oauth.yandex.ru/authorize", "https://oauth.yandex.ru/token"),
    // `common` signs in accounts of every tenant; client credentials need the tenant's own addresses or its `issuer`.
    Preset::new(
        "microsoft",
        "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    ),
    // The client secret is a JWT that the application signs with its key from Apple.
    Preset::new("apple", "https://appleid.apple.com/auth/authorize", "https://appleid.apple.com/auth/token"),
    Preset {
        authentication: Some(ClientAuthentication::Basic),
        ..Preset::new(
            "discord",
            "https://discord.com/oauth2/authorize",
            "https://discord.com/api/oauth2/token",
        )
    },
    Preset {
        scope_separator: ",",
        ..Preset::new(
            "facebook",
            "https://www.facebook.com/dialog/oauth",
            "https://graph.facebook.com/oauth/access_token",
        )
    },
    Preset {
        omits_token_type: true,
        ..Preset::new(
            "linkedin",
            "https://www.linkedin.com/oauth/v2/authorization",
            "https://www.linkedin.com/oauth/v2/accessToken",
        )
    },
    Preset::of_tenants("okta"),
    Preset::of_tenants("auth0"),
    Preset::of_tenants("keycloak"),
];

/// The names that [`ProviderOptions::name`] gives a meaning to. `okta`, `auth0` and `keycloak` need the
/// [`issuer`](ProviderOptions::issuer) of the tenant, or both of its addresses; the others need no address.
///
/// ```
/// assert!(jam::oauth2::presets().any(|name| name == "gitlab"));
/// ```
pub fn presets() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}

/// A checked configuration.
pub(super) struct Provider {
    name: String,
    client_id: String,
    client_secret: Option<Secret<String>>,
    redirect_url: Option<String>,
    auth_url: Option<Url>,
    token_url: Option<Url>,
    issuer: Option<Issuer>,
    authentication: Option<ClientAuthentication>,
    scope_separator: &'static str,
    omits_token_type: bool,
    limits: Limits,
    endpoints: OnceLock<Endpoints>,
}

/// The issuer as configured, for the exact comparison, and as an address.
pub(super) struct Issuer {
    pub(super) text: String,
    pub(super) url: Url,
}

/// Where the requests go, and how they are authenticated.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) auth_url: Url,
    pub(super) token_url: Url,
    pub(super) authentication: ClientAuthentication,
}

type TokenAnswer = Map<String, Value>;

impl Provider {
    pub(super) fn new(options: ProviderOptions) -> Result<Self> {
        let name = options.name;
        let refused = |key: &str, reason: &'static str| -> Error {
            ConfigurationError::key(format!("oauth2.providers.{name}.{key}"), reason).into()
        };
        let address = |key: &str, text: Option<&str>| {
            text.map(endpoint).transpose().map_err(|reason| refused(key, reason))
        };
        if options.client_id.is_empty() {
            return Err(refused("client_id", "the id that the provider issued is required"));
        }
        if options.client_secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
            return Err(refused("client_secret", "must not be empty; a public client leaves it out"));
        }
        if options.timeout.is_zero() {
            return Err(refused("timeout", "must be more than zero"));
        }
        if let Some(redirect_url) = &options.redirect_url {
            check_redirect_url(redirect_url).map_err(|reason| refused("redirect_url", reason))?;
        }
        let issuer = match (address("issuer", options.issuer.as_deref())?, options.issuer) {
            (Some(url), Some(_)) if url.query().is_some() => {
                return Err(refused("issuer", "must have no query")); // OpenID Connect Discovery 1.0 section 3
            }
            (Some(url), Some(text)) => Some(Issuer { text, url }),
            _ => None,
        };
        let preset = PRESETS.iter().find(|preset| preset.name == name);
        // An issuer names one tenant, so it says more than the addresses that all tenants share.
        let shared = preset.and_then(|preset| preset.endpoints).filter(|_| issuer.is_none());
        let auth_url = options.auth_url.as_deref().or(shared.map(|(auth_url, _)| auth_url));
        let token_url = options.token_url.as_deref().or(shared.map(|(_, token_url)| token_url));
        let (auth_url, token_url) = (address("auth_url", auth_url)?, address("token_url", token_url)?);
        for (key, url) in [("auth_url", &auth_url), ("token_url", &token_url)] {
            match url {
                None if issuer.is_none() => {
                    return Err(refused(
                        key,
                        "is required, or `issuer` for a provider that offers discovery",
                    ));
                }
                Some(url) if url.query_pairs().any(|(name, _)| is_reserved(&name)) => {
                    return Err(refused(
                        key,
                        "its query must not hold parameters that the calls set themselves",
                    ));
                }
                _ => {}
            }
        }
        let provider = Self {
            client_id: options.client_id,
            client_secret: options.client_secret,
            redirect_url: options.redirect_url,
            auth_url,
            token_url,
            issuer,
            authentication: options.client_authentication.or(preset.and_then(|preset| preset.authentication)),
            scope_separator: preset.map_or(" ", |preset| preset.scope_separator),
            omits_token_type: preset.is_some_and(|preset| preset.omits_token_type),
            limits: Limits { timeout: options.timeout, bytes: options.response_limit },
            endpoints: OnceLock::new(),
            name,
        };
        if let (Some(auth_url), Some(token_url)) = (&provider.auth_url, &provider.token_url) {
            provider.remember(auth_url.clone(), token_url.clone(), None);
        }
        Ok(provider)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// The endpoints, unless the issuer must be asked for them first.
    pub(super) fn endpoints(&self) -> Option<&Endpoints> {
        self.endpoints.get()
    }

    /// Keeps what the issuer's metadata said; the configuration goes before it.
    pub(super) fn remember(
        &self,
        auth_url: Url,
        token_url: Url,
        offered: Option<ClientAuthentication>,
    ) -> &Endpoints {
        self.endpoints.get_or_init(|| Endpoints {
            auth_url: self.auth_url.clone().unwrap_or(auth_url),
            token_url: self.token_url.clone().unwrap_or(token_url),
            authentication: self.authentication.or(offered).unwrap_or(ClientAuthentication::Basic),
        })
    }

    /// The authorization request (RFC 6749 section 4.1.1).
    pub(super) fn authorization_url(
        &self,
        endpoints: &Endpoints,
        scope: &[&str],
        options: &CallOptions,
    ) -> Result<String> {
        if options.grant_type.is_some() {
            return Err(Error::validation("an authorization URL has no grant_type"));
        }
        let mut own =
            vec![("response_type", Cow::from("code")), ("client_id", self.client_id.as_str().into())];
        own.extend(self.redirect_parameter(options));
        own.extend(self.scope_parameter(scope)?);
        let parameters = with_extra(own, options, &endpoints.auth_url)?;
        let mut url = endpoints.auth_url.clone();
        let query = url.query().filter(|query| !query.is_empty()).map(|query| format!("{query}&"));
        url.set_query(Some(&(query.unwrap_or_default() + &query_encode(&parameters))));
        Ok(url.into())
    }

    /// The access token request of the authorization code grant (RFC 6749 section 4.1.3).
    pub(super) fn code_grant(
        &self,
        endpoints: &Endpoints,
        code: &str,
        options: &CallOptions,
    ) -> Result<Request<TokenAnswer>> {
        if code.is_empty() {
            return Err(Error::validation("the authorization code must not be empty"));
        }
        let mut own = vec![("code", Cow::from(code))];
        own.extend(self.redirect_parameter(options));
        self.token_request(endpoints, "authorization_code", own, options)
    }

    /// The refresh request (RFC 6749 section 6).
    pub(super) fn refresh_grant(
        &self,
        endpoints: &Endpoints,
        refresh_token: &str,
        options: &CallOptions,
    ) -> Result<Request<TokenAnswer>> {
        if refresh_token.is_empty() {
            return Err(Error::validation("the refresh token must not be empty"));
        }
        self.token_request(endpoints, "refresh_token", vec![("refresh_token", refresh_token.into())], options)
    }

    /// The access token request of the client credentials grant (RFC 6749 section 4.4.2).
    pub(super) fn client_credentials_grant(
        &self,
        endpoints: &Endpoints,
        scope: &[&str],
        options: &CallOptions,
    ) -> Result<Request<TokenAnswer>> {
        if self.client_secret.is_none() {
            let key = format!("oauth2.providers.{}.client_secret", self.name);
            return Err(ConfigurationError::key(key, "is required for the client credentials grant").into());
        }
        let own = self.scope_parameter(scope)?.into_iter().collect();
        self.token_request(endpoints, "client_credentials", own, options)
    }

    fn token_request<'a>(
        &'a self,
        endpoints: &Endpoints,
        grant_type: &'static str,
        mut own: Vec<(&'static str, Cow<'a, str>)>,
        options: &'a CallOptions,
    ) -> Result<Request<TokenAnswer>> {
        let grant_type = options.grant_type.as_deref().unwrap_or(grant_type);
        if grant_type.is_empty() {
            return Err(Error::validation("the grant_type must not be empty"));
        }
        own.insert(0, ("grant_type", grant_type.into()));
        let mut basic = None;
        match (&self.client_secret, endpoints.authentication) {
            (Some(secret), ClientAuthentication::Basic) => {
                basic = Some((form_encode(&self.client_id), Secret::new(form_encode(secret.expose()))));
            }
            (Some(secret), ClientAuthentication::Post) => {
                own.push(("client_id", self.client_id.as_str().into()));
                own.push(("client_secret", secret.expose().as_str().into()));
            }
            (None, _) => own.push(("client_id", self.client_id.as_str().into())),
        }
        let parameters = with_extra(own, options, &endpoints.token_url)?;
        let confidential = self.confidential(&parameters);
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
        let call = Call {
            url: endpoints.token_url.clone(),
            form: Some(Secret::new(form)),
            basic,
            limits: self.limits,
        };
        let omits_token_type = self.omits_token_type;
        let parse = Box::new(move |answer| token::parse(answer, omits_token_type, &confidential));
        Ok(Request { call, parse })
    }

    /// What was sent and must not come back in an error, even when the provider repeats it.
    fn confidential(&self, parameters: &[(&str, Cow<'_, str>)]) -> Vec<Secret<String>> {
        let public = ["grant_type", "client_id", "scope", "redirect_uri"];
        let sent = parameters.iter().filter(|(name, _)| !public.contains(name));
        let mut confidential: Vec<_> = sent.map(|(_, value)| Secret::from(value.as_ref())).collect();
        if let Some(secret) = &self.client_secret {
            let encoded = form_encode(secret.expose());
            let credentials = format!("{}:{encoded}", form_encode(&self.client_id));
            confidential.push(Secret::new(STANDARD.encode(credentials)));
            confidential.push(Secret::new(encoded));
            confidential.push(secret.clone());
        }
        confidential
    }

    fn redirect_parameter<'a>(&'a self, options: &CallOptions) -> Option<(&'static str, Cow<'a, str>)> {
        // An application with several callbacks names the one it means; the provider knows them all.
        let replaced = options.parameters.iter().any(|(name, _)| name == REDIRECT_URI);
        self.redirect_url.as_deref().filter(|_| !replaced).map(|url| (REDIRECT_URI, url.into()))
    }

    /// RFC 6749 section 3.3.
    fn scope_parameter(&self, scope: &[&str]) -> Result<Option<(&'static str, Cow<'static, str>)>> {
        let is_scope_character = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if scope.iter().any(|token| token.trim().is_empty() || !token.bytes().all(is_scope_character)) {
            return Err(Error::validation(
                "every scope must be printable ASCII text without quotes and backslashes, and not empty",
            ));
        }
        Ok((!scope.is_empty()).then(|| ("scope", scope.join(self.scope_separator).into())))
    }
}

const REDIRECT_URI: &str = "redirect_uri";

/// What only the calls themselves set: a caller who could replace these would be another client, or ask for another answer.
fn is_reserved(name: &str) -> bool {
    matches!(name, "client_id" | "client_secret" | "response_type" | "grant_type")
}

/// The call's own parameters and then the caller's. No parameter may occur twice (RFC 6749 section 3.1), also
/// not in the query of the address.
fn with_extra<'a>(
    own: Vec<(&'static str, Cow<'a, str>)>,
    options: &'a CallOptions,
    url: &Url,
) -> Result<Vec<(&'a str, Cow<'a, str>)>> {
    let mut parameters: Vec<(&str, Cow<'_, str>)> = own;
    for (name, value) in &options.parameters {
        if name.is_empty() {
            return Err(Error::validation("an extra parameter has an empty name"));
        }
        if is_reserved(name) || parameters.iter().any(|(known, _)| known == name) {
            return Err(Error::validation(format!(
                "the parameter {name:?} is set by the call itself; leave it out"
            )));
        }
        if name == REDIRECT_URI {
            check_redirect_url(value)
                .map_err(|reason| Error::validation(format!("redirect_uri: {reason}")))?;
        }
        parameters.push((name, value.as_str().into()));
    }
    let repeated = url.query_pairs().find(|(name, _)| parameters.iter().any(|(known, _)| known == name));
    match repeated {
        Some((name, _)) => {
            Err(Error::validation(format!("the parameter {name:?} is in the provider's address already")))
        }
        None => Ok(parameters),
    }
}

/// Percent-encoded, with `%20` for a space: `+` means a space to form decoders only.
fn query_encode(parameters: &[(&str, Cow<'_, str>)]) -> String {
    let encode = |text: &str| form_encode(text).replace('+', "%20");
    let pairs = parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// `application/x-www-form-urlencoded`, as RFC 6749 appendix B asks for.
fn form_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Reads an address that requests go to, or a browser is sent to.
pub(super) fn endpoint(text: &str) -> Result<Url, &'static str> {
    check_spelling(text)?;
    let url = Url::parse(text).map_err(|_| "is no absolute URL, such as https://provider.example/token")?;
    match url.scheme() {
        "https" => {}
        "http" if http::is_loopback(&url) => {}
        "http" => {
            return Err(
                "must begin with https; http is for this machine alone (localhost, 127.0.0.1, [::1])",
            );
        }
        _ => return Err("must begin with https"),
    }
    if has_user_info(&url) {
        return Err("must hold no user name and no password");
    }
    if url.fragment().is_some() {
        return Err("must have no fragment, the part behind `#`"); // RFC 6749 sections 3.1 and 3.2
    }
    if http::is_forbidden_address(&url) {
        return Err("must not lead to a link-local or unspecified address");
    }
    Ok(url)
}

/// RFC 6749 section 3.1.2. Applications on devices have schemes of their own (RFC 8252 section 7.1).
fn check_redirect_url(text: &str) -> Result<(), &'static str> {
    check_spelling(text)?;
    let url = Url::parse(text).map_err(|_| "is no absolute URL, such as https://app.example/callback")?;
    if matches!(url.scheme(), "javascript" | "data" | "file" | "blob" | "vbscript" | "about") {
        return Err("must lead to the application");
    }
    if has_user_info(&url) {
        return Err("must hold no user name and no password");
    }
    if url.fragment().is_some() {
        return Err("must have no fragment, the part behind `#`");
    }
    Ok(())
}

/// Refuses what a lenient reader of URLs repairs, each in its own way: then two readers see two hosts.
fn check_spelling(text: &str) -> Result<(), &'static str> {
    if text.chars().any(|character| character.is_whitespace() || character.is_control() || character == '\\')
    {
        return Err("must hold no spaces, control characters and backslashes");
    }
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    if is_web && !rest.starts_with("//") {
        return Err("is no absolute URL, such as https://provider.example/path");
    }
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err("must hold no user name and no password");
    }
    Ok(())
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("name", &self.name)
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .field("redirect_url", &self.redirect_url)
            .finish_non_exhaustive()
    }
}
