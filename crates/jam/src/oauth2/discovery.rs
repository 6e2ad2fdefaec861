//! The metadata of an issuer (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3).

use serde_json::{Map, Value};
use url::Url;

use super::address::endpoint;
use super::client_authentication::ClientAuthentication;
use super::http::{self, Answer, Call, Request};
use super::provider::{Issuer, Provider};
use super::service::{Service, Services};
use super::token::{invalid, is_success, object};
use crate::{ConfigurationError, Result};

/// What an issuer says about itself.
#[derive(Clone)]
pub(super) struct Metadata {
    pub(super) auth_url: Url,
    pub(super) token_url: Url,
    /// `jwks_uri`.
    pub(super) key_set_url: Option<Url>,
    pub(super) services: Services,
    /// How clients may prove who they are, in the provider's order.
    pub(super) authentication: Vec<ClientAuthentication>,
    /// The algorithms of its ID tokens, where it announces them.
    pub(super) id_token_algorithms: Option<Vec<String>>,
    /// Whether it takes no authorization request from a browser (RFC 9126 section 5).
    pub(super) requires_pushed_authorization: bool,
    /// Whether every callback names its issuer (RFC 9207 section 3).
    pub(super) names_issuer_in_callback: bool,
}

/// The request for the metadata in the form of OpenID Connect. A provider that knows only the other form has none.
pub(super) fn openid_request(provider: &Provider) -> Result<Request<Option<Metadata>>> {
    let issuer = issuer(provider)?;
    let mut url = issuer.url.clone();
    url.set_path(&format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/')));
    let known = issuer.clone();
    let parse = move |answer: Answer| match answer.status {
        400..500 => Ok(None),
        _ => parse(&answer, &known).map(Some),
    };
    Ok(Request { call: Call::get(url, provider.limits()), parse: Box::new(parse) })
}

/// The request for the metadata in the form of RFC 8414.
pub(super) fn oauth_request(provider: &Provider) -> Result<Request<Metadata>> {
    let issuer = issuer(provider)?;
    let mut url = issuer.url.clone();
    // Section 3.1: the well-known part goes before the issuer's path.
    url.set_path(&format!("/.well-known/oauth-authorization-server{}", url.path().trim_end_matches('/')));
    let known = issuer.clone();
    let parse = move |answer: Answer| parse(&answer, &known);
    Ok(Request { call: Call::get(url, provider.limits()), parse: Box::new(parse) })
}

fn issuer(provider: &Provider) -> Result<&Issuer> {
    provider.issuer().ok_or_else(|| {
        let key = format!("oauth2.providers.{}.issuer", provider.name());
        ConfigurationError::key(key, "is required: its metadata says where and how").into()
    })
}

fn parse(answer: &Answer, issuer: &Issuer) -> Result<Metadata> {
    let members = object(answer, &[])?;
    if !is_success(answer.status) {
        return Err(invalid(format!("the issuer's metadata came with status {}", answer.status)));
    }
    // Section 4.3: exactly the issuer asked for, or another server's endpoints could be slipped in.
    if members.get("issuer").and_then(Value::as_str) != Some(issuer.in_metadata()) {
        return Err(invalid("the metadata names another issuer than the configured one"));
    }
    let required = |name: &str| {
        let url = address(&members, name, issuer)?;
        url.ok_or_else(|| invalid(format!("the metadata's {name} is missing")))
    };
    let is_true = |name: &str| members.get(name) == Some(&Value::Bool(true));
    let mut services = Services::default();
    for service in Service::ALL {
        if let Some(url) = address(&members, service.member(), issuer)? {
            services.set(service, url);
        }
    }
    Ok(Metadata {
        auth_url: required("authorization_endpoint")?,
        token_url: required("token_endpoint")?,
        key_set_url: address(&members, "jwks_uri", issuer)?,
        services,
        authentication: authentication(&members),
        id_token_algorithms: names(&members, "id_token_signing_alg_values_supported")
            .map(|names| names.map(str::to_owned).collect()),
        requires_pushed_authorization: is_true("require_pushed_authorization_requests"),
        names_issuer_in_callback: is_true("authorization_response_iss_parameter_supported"),
    })
}

fn address(members: &Map<String, Value>, name: &str, issuer: &Issuer) -> Result<Option<Url>> {
    let Some(member) = members.get(name).filter(|member| !member.is_null()) else { return Ok(None) };
    let url = member
        .as_str()
        .ok_or("is not text")
        .and_then(endpoint)
        .map_err(|reason| invalid(format!("the metadata's {name} {reason}")))?;
    // A server elsewhere must not make this machine call itself.
    if http::is_loopback(&url) && !http::is_loopback(&issuer.url) {
        return Err(invalid(format!("the metadata's {name} must not lead to this machine")));
    }
    Ok(Some(url))
}

fn names<'a>(members: &'a Map<String, Value>, name: &str) -> Option<impl Iterator<Item = &'a str>> {
    Some(members.get(name)?.as_array()?.iter().filter_map(Value::as_str))
}

/// `client_secret_basic` is the default where the metadata says nothing (section 3).
fn authentication(members: &Map<String, Value>) -> Vec<ClientAuthentication> {
    match names(members, "token_endpoint_auth_methods_supported") {
        Some(offered) => offered.filter_map(|name| name.parse().ok()).collect(),
        None => vec![ClientAuthentication::Basic],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://issuer.example/tenant";

    fn read(change: &[(&str, Value)]) -> Result<Metadata> {
        let mut members = Map::new();
        members.insert("issuer".into(), ISSUER.into());
        members.insert("authorization_endpoint".into(), "https://issuer.example/authorize?tenant=1".into());
        members.insert("token_endpoint".into(), "https://issuer.example/token".into());
        members.extend(change.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let body = serde_json::to_vec(&members).unwrap();
        let issuer = Issuer::new(ISSUER.into(), Url::parse(ISSUER).unwrap());
        parse(&Answer { status: 200, media_type: "application/json".into(), body }, &issuer)
    }

    #[test]
    fn hostile_metadata_is_refused() {
        // attack 69
        assert_eq!(read(&[]).unwrap().auth_url.query(), Some("tenant=1"));
        for issuer in
            ["https://issuer.example/tenant/", "https://issuer.example/TENANT", "https://evil.example"]
        {
            assert!(read(&[("issuer", issuer.into())]).is_err(), "{issuer}");
        }
        for address in [
            "javascript:alert(1)",
            "http://localhost:80@evil.example/token",
            "http://issuer.example/token",
            "https://169.254.169.254/latest",
            "https://[fe80::1]/token",
            "https://[::ffff:169.254.169.254]/token",
            "https://localhost/token",
            "http://127.0.0.1/token",
            "https://user@issuer.example/token",
            "/token",
        ] {
            for name in ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"] {
                let code = read(&[(name, address.into())]).map(|_| ()).unwrap_err().code();
                assert_eq!(code, "oauth2.invalid_response", "{name} {address}");
            }
        }
    }

    #[test]
    fn the_metadata_names_the_client_authentications() {
        let offered = |methods: Value| {
            read(&[("token_endpoint_auth_methods_supported", methods)])
                .map(|metadata| metadata.authentication)
                .unwrap()
        };
        assert_eq!(read(&[]).unwrap().authentication, [ClientAuthentication::Basic]);
        let methods = serde_json::json!(["client_secret_post", "tls_client_auth", "private_key_jwt", 7]);
        assert_eq!(offered(methods), [ClientAuthentication::Post, ClientAuthentication::PrivateKeyJwt]);
    }
}
