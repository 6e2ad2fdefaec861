//! The endpoints of an issuer (OpenID Connect Discovery 1.0 section 4).

use serde_json::{Map, Value};
use url::Url;

use super::http::{self, Answer, Call, Request};
use super::provider::{ClientAuthentication, Issuer, Provider, endpoint};
use super::token::{invalid, is_success, object};
use crate::{ConfigurationError, Result};

/// What the metadata says that the four calls need.
pub(super) struct Metadata {
    pub(super) auth_url: Url,
    pub(super) token_url: Url,
    pub(super) authentication: ClientAuthentication,
}

/// The request for the metadata of the provider's issuer.
pub(super) fn request(provider: &Provider) -> Result<Request<Metadata>> {
    let Some(Issuer { text, url }) = provider.issuer() else {
        let key = format!("oauth2.providers.{}.issuer", provider.name());
        return Err(ConfigurationError::key(key, "is required where the addresses are not given").into());
    };
    let mut well_known = url.clone();
    well_known.set_path(&format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/')));
    let call = Call { url: well_known, form: None, basic: None, limits: provider.limits() };
    let (issuer, on_this_machine) = (text.clone(), http::is_loopback(url));
    Ok(Request { call, parse: Box::new(move |answer| parse(&answer, &issuer, on_this_machine)) })
}

fn parse(answer: &Answer, issuer: &str, on_this_machine: bool) -> Result<Metadata> {
    let members = object(answer, &[])?;
    if !is_success(answer.status) {
        return Err(invalid(format!("the issuer's metadata came with status {}", answer.status)));
    }
    // Section 4.3: exactly the issuer asked for, or another server's endpoints could be slipped in.
    if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(invalid("the metadata names another issuer than the configured one"));
    }
    Ok(Metadata {
        auth_url: address(&members, "authorization_endpoint", on_this_machine)?,
        token_url: address(&members, "token_endpoint", on_this_machine)?,
        authentication: authentication(&members)?,
    })
}

fn address(members: &Map<String, Value>, name: &str, on_this_machine: bool) -> Result<Url> {
    let text = members.get(name).and_then(Value::as_str);
    let url = text
        .ok_or("is missing")
        .and_then(endpoint)
        .map_err(|reason| invalid(format!("the metadata's {name} {reason}")))?;
    // A server elsewhere must not make this machine call itself.
    if http::is_loopback(&url) && !on_this_machine {
        return Err(invalid(format!("the metadata's {name} must not lead to this machine")));
    }
    Ok(url)
}

/// `client_secret_basic` is the default where the metadata says nothing (section 3).
fn authentication(members: &Map<String, Value>) -> Result<ClientAuthentication> {
    let Some(offered) = members.get("token_endpoint_auth_methods_supported").and_then(Value::as_array) else {
        return Ok(ClientAuthentication::Basic);
    };
    let offers = |method: &str| offered.iter().any(|offer| offer.as_str() == Some(method));
    match (offers("client_secret_basic"), offers("client_secret_post"), offers("none")) {
        (true, _, _) | (false, false, true) => Ok(ClientAuthentication::Basic),
        (false, true, _) => Ok(ClientAuthentication::Post),
        (false, false, false) => {
            Err(invalid("the issuer offers neither client_secret_basic nor client_secret_post"))
        }
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
        parse(&Answer { status: 200, media_type: "application/json".into(), body }, ISSUER, false)
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
            for name in ["authorization_endpoint", "token_endpoint"] {
                let code = read(&[(name, address.into())]).map(|_| ()).unwrap_err().code();
                assert_eq!(code, "oauth2.invalid_response", "{name} {address}");
            }
        }
    }

    #[test]
    fn the_metadata_chooses_the_client_authentication() {
        let chosen = |methods: Value| {
            read(&[("token_endpoint_auth_methods_supported", methods)])
                .map(|metadata| metadata.authentication)
        };
        assert_eq!(read(&[]).unwrap().authentication, ClientAuthentication::Basic);
        assert_eq!(chosen(serde_json::json!(["client_secret_post"])), Ok(ClientAuthentication::Post));
        assert_eq!(
            chosen(serde_json::json!(["client_secret_post", "client_secret_basic"])),
            Ok(ClientAuthentication::Basic)
        );
        assert!(chosen(serde_json::json!(["private_key_jwt"])).is_err());
    }
}
