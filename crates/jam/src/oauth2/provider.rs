//! What is known about a provider, and the requests that follow from it. Nothing here opens a socket.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::address::{check_redirect_url, endpoint};
use super::cached::Cached;
use super::client::CallOptions;
use super::client_authentication::{ClientAuthentication, Credentials, form_encode};
use super::discovery::Metadata;
use super::http::{Call, Limits, Request};
use super::key_set::KeySet;
use super::service::{Service, Services};
use super::{preset, token};
use crate::secret::Secret;
use crate::{ConfigurationError, Error, Result, Timestamp};

/// A provider's configuration. [`Client::new`](super::Client::new) checks all of it.
///
/// Addresses are `https`, or `http` on a loopback host; they have no user name, password or fragment. A
/// query in them is kept.
#[derive(Clone, Debug)]
pub struct ProviderOptions {
    /// The name the application calls the provider by. One of [`presets`](super::presets) fills in what is not given here.
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
    /// The endpoint that tells who the user is; by default the one of the preset or of the issuer's metadata, as for those
    /// that follow.
    pub userinfo_url: Option<String>,
    /// The endpoint that tells of a token whether it is good (RFC 7662).
    pub introspection_url: Option<String>,
    /// The endpoint that makes a token useless (RFC 7009).
    pub revocation_url: Option<String>,
    /// The endpoint for devices without a browser (RFC 8628).
    pub device_authorization_url: Option<String>,
    /// The page that ends the user's login with the provider (OpenID Connect RP-Initiated Logout 1.0).
    pub end_session_url: Option<String>,
    /// The endpoint that takes authorization requests before the browser comes (RFC 9126).
    pub pushed_authorization_url: Option<String>,
    /// Whether logins are begun there: then the browser, and whoever looks over its shoulder, sees no more than a reference.
    /// An issuer whose metadata ask for it gets it in any case.
    pub pushed_authorization: bool,
    /// The key of [`ClientAuthentication::PrivateKeyJwt`], as PEM or JWK text. A JWK's `alg` and `kid` are used.
    pub private_key: Option<Secret<String>>,
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
            userinfo_url: None,
            introspection_url: None,
            revocation_url: None,
            device_authorization_url: None,
            end_session_url: None,
            pushed_authorization_url: None,
            pushed_authorization: false,
            private_key: None,
            client_authentication: None,
            timeout: Duration::from_secs(10),
            response_limit: 1024 * 1024,
        }
    }
}

/// A checked configuration, and what was fetched for it.
pub(super) struct Provider {
    name: String,
    client_id: String,
    credentials: Credentials,
    redirect_url: Option<String>,
    auth_url: Option<Url>,
    token_url: Option<Url>,
    issuer: Option<Issuer>,
    authentication: Option<ClientAuthentication>,
    scope_separator: &'static str,
    omits_token_type: bool,
    omits_nonce: bool,
    services: Services,
    pushes_authorization: bool,
    email_url: Option<&'static str>,
    limits: Limits,
    pub(super) metadata: Cached<Metadata>,
    pub(super) key_set: Cached<KeySet>,
}

/// The issuer as configured, for the exact comparison, and as an address.
#[derive(Clone)]
pub(super) struct Issuer {
    pub(super) text: String,
    pub(super) url: Url,
    /// What it calls itself, where that is no single name: `{tenantid}` stands for the tenant of the token.
    template: Option<&'static str>,
}

impl Issuer {
    pub(super) fn new(text: String, url: Url) -> Self {
        Self { text, url, template: None }
    }

    /// What its metadata must call it.
    pub(super) fn in_metadata(&self) -> &str {
        self.template.unwrap_or(&self.text)
    }

    /// Whether a token with this `iss`, and this `tid`, is its own.
    pub(super) fn signs_as(&self, named: &str, tenant: Option<&str>) -> bool {
        match (self.template, tenant) {
            (Some(template), Some(tenant)) if is_tenant(tenant) => named == template.replace(TENANT, tenant),
            (Some(_), _) => false,
            (None, _) => named == self.text,
        }
    }

    /// Whether a callback with this `iss` is its own.
    pub(super) fn is_named_by(&self, named: &str) -> bool {
        let Some((before, after)) = self.template.and_then(|template| template.split_once(TENANT)) else {
            return named == self.text;
        };
        named.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(is_tenant)
    }
}

const TENANT: &str = "{tenantid}";

fn is_tenant(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Where the requests go, and how they are authenticated.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) auth_url: Url,
    pub(super) token_url: Url,
    pub(super) authentication: ClientAuthentication,
}

/// An address with further parameters in its query.
fn with_query(mut url: Url, parameters: &[(&str, Cow<'_, str>)]) -> String {
    let query = url.query().filter(|query| !query.is_empty()).map(|query| format!("{query}&"));
    url.set_query(Some(&(query.unwrap_or_default() + &query_encode(parameters))));
    url.into()
}

impl Endpoints {
    /// Whether the `Authorization` header says who the client is, and the form does not.
    pub(super) fn proves_by_header(&self) -> bool {
        self.authentication == ClientAuthentication::Basic
    }

    /// The address of an authorization request with these parameters.
    pub(super) fn authorization_url(&self, parameters: &[(&str, Cow<'_, str>)]) -> String {
        with_query(self.auth_url.clone(), parameters)
    }
}

type TokenAnswer = Map<String, Value>;
type Parameters<'a> = Vec<(&'a str, Cow<'a, str>)>;

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
        let configured = match (address("issuer", options.issuer.as_deref())?, options.issuer) {
            (Some(url), Some(_)) if url.query().is_some() => {
                return Err(refused("issuer", "must have no query")); // OpenID Connect Discovery 1.0 section 3
            }
            (Some(url), Some(text)) => Some(Issuer::new(text, url)),
            _ => None,
        };
        let preset = preset::find(&name);
        // An issuer names one tenant, so it says more than the addresses that all tenants share.
        let shared = preset.and_then(|preset| preset.endpoints).filter(|_| configured.is_none());
        let auth_url = options.auth_url.as_deref().or(shared.map(|(auth_url, _)| auth_url));
        let token_url = options.token_url.as_deref().or(shared.map(|(_, token_url)| token_url));
        let (auth_url, token_url) = (address("auth_url", auth_url)?, address("token_url", token_url)?);
        for (key, url) in [("auth_url", &auth_url), ("token_url", &token_url)] {
            match url {
                None if configured.is_none() => {
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
        let mut services = Services::default();
        for (service, configured) in [
            (Service::Userinfo, &options.userinfo_url),
            (Service::Introspection, &options.introspection_url),
            (Service::Revocation, &options.revocation_url),
            (Service::DeviceAuthorization, &options.device_authorization_url),
            (Service::EndSession, &options.end_session_url),
            (Service::PushedAuthorization, &options.pushed_authorization_url),
        ] {
            if let Some(url) = address(service.key(), configured.as_deref())? {
                services.set(service, url);
            }
        }
        // Addresses of one's own lead to an installation of one's own, which is another issuer than the well-known one.
        let is_well_known = options.auth_url.is_none() && options.token_url.is_none();
        let known = preset.and_then(|preset| preset.issuer).filter(|_| is_well_known);
        let issuer = match (configured, known) {
            (None, Some(known)) => {
                let url = address("issuer", Some(known.address))?;
                url.map(|url| Issuer { text: known.address.to_owned(), url, template: known.template })
            }
            (configured, _) => configured,
        };
        let well_known = preset.filter(|_| is_well_known && shared.is_some());
        for (service, known) in well_known.into_iter().flat_map(|preset| preset.services) {
            if let Some(url) = address(service.key(), Some(known))? {
                services.set(*service, url);
            }
        }
        let private_key = options.private_key.as_ref().map(Credentials::signing_key).transpose();
        let private_key = private_key.map_err(|error| -> Error {
            let key = format!("oauth2.providers.{name}.private_key");
            ConfigurationError::key(key, error.to_string()).into()
        })?;
        let credentials = Credentials { secret: options.client_secret, private_key };
        let authentication =
            options.client_authentication.or(preset.and_then(|preset| preset.authentication));
        if options.client_authentication.is_some_and(|way| !credentials.suffice_for(way)) {
            return Err(refused(
                "client_authentication",
                "needs the key `client_secret`, or for private_key_jwt the key `private_key`",
            ));
        }
        Ok(Self {
            client_id: options.client_id,
            credentials,
            redirect_url: options.redirect_url,
            auth_url,
            token_url,
            issuer,
            authentication,
            scope_separator: preset.map_or(" ", |preset| preset.scope_separator),
            omits_token_type: preset.is_some_and(|preset| preset.omits_token_type),
            omits_nonce: preset.is_some_and(|preset| preset.omits_nonce),
            services,
            pushes_authorization: options.pushed_authorization,
            email_url: well_known
                .and_then(|preset| preset.email_url)
                .filter(|_| options.userinfo_url.is_none()),
            limits: Limits { timeout: options.timeout, bytes: options.response_limit },
            metadata: Cached::new(),
            key_set: Cached::new(),
            name,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// The address of a service, unless the issuer must be asked for it first.
    pub(super) fn service(&self, service: Service) -> Option<&Url> {
        self.services.get(service)
    }

    /// The address that the issuer's metadata tell.
    pub(super) fn service_of(&self, service: Service, metadata: &Metadata) -> Result<Url> {
        metadata.services.get(service).cloned().ok_or_else(|| self.lacks(service))
    }

    /// The error for a service that nobody knows the address of.
    pub(super) fn lacks(&self, service: Service) -> Error {
        let key = format!("oauth2.providers.{}.{}", self.name, service.key());
        ConfigurationError::key(key, "is required, as the provider is not known to have this endpoint").into()
    }

    /// Where the user's addresses are told, if `userinfo` leaves them out.
    pub(super) fn email_url(&self, userinfo: &TokenAnswer) -> Option<Url> {
        let is_told = userinfo.get("email").is_some_and(|email| !email.is_null());
        self.email_url.filter(|_| !is_told).and_then(|url| endpoint(url).ok())
    }

    /// Whether its issuer was configured: then a login asks what the metadata say of callbacks (RFC 9207).
    pub(super) fn needs_metadata(&self) -> bool {
        self.configured_endpoints().is_none()
    }

    /// Whether its ID tokens repeat the `nonce` of the request, as OpenID Connect Core section 2 asks for.
    pub(super) fn repeats_nonce(&self) -> bool {
        !self.omits_nonce
    }

    /// The endpoints, unless the issuer must be asked for them first.
    pub(super) fn configured_endpoints(&self) -> Option<Endpoints> {
        let (auth_url, token_url) = (self.auth_url.clone()?, self.token_url.clone()?);
        let usual = [ClientAuthentication::PrivateKeyJwt, ClientAuthentication::Basic];
        let authentication = self.way(&usual)?;
        Some(Endpoints { auth_url, token_url, authentication })
    }

    /// The endpoints of the issuer's metadata; the configuration goes before it.
    pub(super) fn endpoints(&self, metadata: &Metadata) -> Result<Endpoints> {
        let authentication = self.way(&metadata.authentication);
        Ok(Endpoints {
            auth_url: self.auth_url.as_ref().unwrap_or(&metadata.auth_url).clone(),
            token_url: self.token_url.as_ref().unwrap_or(&metadata.token_url).clone(),
            authentication: authentication.ok_or_else(|| {
                token::invalid(
                    "the issuer offers no client authentication that the configuration has the keys for",
                )
            })?,
        })
    }

    /// How the client proves who it is: as configured, or as it can where the preset expects a secret that is not there.
    fn way(&self, offered: &[ClientAuthentication]) -> Option<ClientAuthentication> {
        let configured = self.authentication.filter(|way| self.credentials.suffice_for(*way));
        configured.or_else(|| self.credentials.choose(offered))
    }

    /// The authorization request (RFC 6749 section 4.1.1).
    pub(super) fn authorization_url(
        &self,
        endpoints: &Endpoints,
        scope: &[&str],
        options: &CallOptions,
    ) -> Result<String> {
        let parameters = self.authorization_parameters(endpoints, scope, Vec::new(), options)?;
        Ok(endpoints.authorization_url(&parameters))
    }

    /// The parameters of an authorization request, with those that a login adds.
    pub(super) fn authorization_parameters<'a>(
        &'a self,
        endpoints: &Endpoints,
        scope: &[&str],
        login: Vec<(&'static str, Cow<'a, str>)>,
        options: &'a CallOptions,
    ) -> Result<Parameters<'a>> {
        if options.grant_type.is_some() {
            return Err(Error::validation("an authorization URL has no grant_type"));
        }
        let mut own = self.authorization_request(scope, login, options)?;
        own.insert(1, ("client_id", self.client_id.as_str().into()));
        with_extra(own, options, &endpoints.auth_url)
    }

    /// The pushed authorization request (RFC 9126 section 2): the same parameters in a form, with the proof of who the client
    /// is. Its answer is the reference that the browser takes along.
    pub(super) fn pushed_authorization_request(
        &self,
        endpoints: &Endpoints,
        url: &Url,
        scope: &[&str],
        login: Vec<(&'static str, Cow<'_, str>)>,
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Request<String>> {
        let mut own = self.authorization_request(scope, login, options)?;
        if endpoints.proves_by_header() {
            own.push(("client_id", self.client_id.as_str().into()));
        }
        let (call, confidential) = self.authenticated(endpoints, url, own, options, now)?;
        let parse = move |answer| {
            let members = token::members(&answer, &confidential)?;
            token::require_text(&members, "request_uri").map(str::to_owned)
        };
        Ok(Request { call, parse: Box::new(parse) })
    }

    /// Where the browser takes a pushed request (RFC 9126 section 4).
    pub(super) fn pushed_url(&self, endpoints: &Endpoints, request_uri: &str) -> String {
        endpoints.authorization_url(&[
            ("client_id", self.client_id.as_str().into()),
            ("request_uri", request_uri.into()),
        ])
    }

    /// Whether a login is begun by a pushed request.
    pub(super) fn pushes_authorization(&self, metadata: Option<&Metadata>) -> bool {
        self.pushes_authorization || metadata.is_some_and(|metadata| metadata.requires_pushed_authorization)
    }

    fn authorization_request<'a>(
        &'a self,
        scope: &[&str],
        login: Vec<(&'static str, Cow<'a, str>)>,
        options: &CallOptions,
    ) -> Result<Vec<(&'static str, Cow<'a, str>)>> {
        let mut own = vec![("response_type", Cow::from("code"))];
        own.extend(self.redirect_parameter(options));
        own.extend(self.scope_parameter(scope)?);
        own.extend(login);
        Ok(own)
    }

    /// Where to send the browser to end the login with the provider (OpenID Connect RP-Initiated Logout 1.0 section 2).
    pub(super) fn logout_url(&self, url: Url, options: &CallOptions) -> Result<String> {
        let own = vec![("client_id", self.client_id.as_str().into())];
        let parameters = with_extra(own, options, &url)?;
        Ok(with_query(url, &parameters))
    }

    /// The access token request of the authorization code grant (RFC 6749 section 4.1.3).
    pub(super) fn code_grant(
        &self,
        endpoints: &Endpoints,
        code: &str,
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Request<TokenAnswer>> {
        if code.is_empty() {
            return Err(Error::validation("the authorization code must not be empty"));
        }
        let mut own = vec![("code", Cow::from(code))];
        own.extend(self.redirect_parameter(options));
        self.token_request(endpoints, "authorization_code", own, options, now)
    }

    /// The refresh request (RFC 6749 section 6).
    pub(super) fn refresh_grant(
        &self,
        endpoints: &Endpoints,
        refresh_token: &str,
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Request<TokenAnswer>> {
        if refresh_token.is_empty() {
            return Err(Error::validation("the refresh token must not be empty"));
        }
        let own = vec![("refresh_token", refresh_token.into())];
        self.token_request(endpoints, "refresh_token", own, options, now)
    }

    /// The access token request of the client credentials grant (RFC 6749 section 4.4.2).
    pub(super) fn client_credentials_grant(
        &self,
        endpoints: &Endpoints,
        scope: &[&str],
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Request<TokenAnswer>> {
        if endpoints.authentication == ClientAuthentication::None {
            let key = format!("oauth2.providers.{}.client_secret", self.name);
            return Err(ConfigurationError::key(key, "is required for the client credentials grant").into());
        }
        let own = self.scope_parameter(scope)?.into_iter().collect();
        self.token_request(endpoints, "client_credentials", own, options, now)
    }

    /// An access token request of another grant (RFC 6749 section 4.5), with its parameters in the options.
    pub(super) fn extension_grant(
        &self,
        endpoints: &Endpoints,
        grant_type: &'static str,
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Request<TokenAnswer>> {
        self.token_request(endpoints, grant_type, Vec::new(), options, now)
    }

    fn token_request<'a>(
        &'a self,
        endpoints: &Endpoints,
        grant_type: &'static str,
        mut own: Vec<(&'static str, Cow<'a, str>)>,
        options: &'a CallOptions,
        now: Timestamp,
    ) -> Result<Request<TokenAnswer>> {
        let grant_type = options.grant_type.as_deref().unwrap_or(grant_type);
        if grant_type.is_empty() {
            return Err(Error::validation("the grant_type must not be empty"));
        }
        own.insert(0, ("grant_type", grant_type.into()));
        let (call, confidential) = self.authenticated(endpoints, &endpoints.token_url, own, options, now)?;
        let omits_token_type = self.omits_token_type;
        let parse = Box::new(move |answer| token::parse(&answer, omits_token_type, &confidential));
        Ok(Request { call, parse })
    }

    /// A form for one of the provider's endpoints with the proof of who the client is, and what was sent with it and must not
    /// come back in an error, even when the provider repeats it.
    pub(super) fn authenticated<'a>(
        &'a self,
        endpoints: &Endpoints,
        url: &Url,
        mut own: Vec<(&'static str, Cow<'a, str>)>,
        options: &'a CallOptions,
        now: Timestamp,
    ) -> Result<(Call, Vec<Secret<String>>)> {
        // One audience that every endpoint of the provider knows as its own.
        let audience = self.issuer.as_ref().map_or(endpoints.token_url.as_str(), |issuer| &issuer.text);
        let proof = self.credentials.prove(endpoints.authentication, &self.client_id, audience, now)?;
        own.extend(proof.parameters);
        let parameters = with_extra(own, options, url)?;
        let sent = parameters.iter().filter(|(name, _)| !PUBLIC.contains(name));
        let mut confidential: Vec<_> = sent.map(|(_, value)| Secret::from(value.as_ref())).collect();
        confidential.extend(self.credentials.confidential(&self.client_id));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
        let call = Call { authorization: proof.authorization, ..Call::post(url.clone(), form, self.limits) };
        Ok((call, confidential))
    }

    fn redirect_parameter<'a>(&'a self, options: &CallOptions) -> Option<(&'static str, Cow<'a, str>)> {
        // An application with several callbacks names the one it means; the provider knows them all.
        let replaced = options.parameters.iter().any(|(name, _)| name == REDIRECT_URI);
        self.redirect_url.as_deref().filter(|_| !replaced).map(|url| (REDIRECT_URI, url.into()))
    }

    /// RFC 6749 section 3.3.
    pub(super) fn scope_parameter(
        &self,
        scope: &[&str],
    ) -> Result<Option<(&'static str, Cow<'static, str>)>> {
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

/// Parameters whose values are no secrets.
const PUBLIC: [&str; 6] =
    ["grant_type", "client_id", "scope", REDIRECT_URI, "client_assertion_type", "token_type_hint"];

/// What only the calls themselves set: a caller who could replace these would be another client, or ask for another answer.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "client_id"
            | "client_secret"
            | "client_assertion"
            | "client_assertion_type"
            | "response_type"
            | "grant_type"
    )
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
        if matches!(name.as_str(), REDIRECT_URI | "post_logout_redirect_uri") {
            check_redirect_url(value).map_err(|reason| Error::validation(format!("{name}: {reason}")))?;
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

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("name", &self.name)
            .field("client_id", &self.client_id)
            .field("redirect_url", &self.redirect_url)
            .finish_non_exhaustive()
    }
}
