//! The endpoints that a provider may have beside the two of RFC 6749.

use url::Url;

/// What an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Tells who the user is (OpenID Connect Core 1.0 section 5.3).
    Userinfo,
    /// Tells of a token whether it is good (RFC 7662).
    Introspection,
    /// Makes a token useless (RFC 7009).
    Revocation,
    /// Begins the grant for devices without a browser (RFC 8628).
    DeviceAuthorization,
    /// Ends the user's login with the provider (OpenID Connect RP-Initiated Logout 1.0).
    EndSession,
    /// Takes an authorization request before the browser comes (RFC 9126).
    PushedAuthorization,
}

impl Service {
    pub(super) const ALL: [Self; 6] = [
        Self::Userinfo,
        Self::Introspection,
        Self::Revocation,
        Self::DeviceAuthorization,
        Self::EndSession,
        Self::PushedAuthorization,
    ];

    /// The key of the configuration.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Userinfo => "userinfo_url",
            Self::Introspection => "introspection_url",
            Self::Revocation => "revocation_url",
            Self::DeviceAuthorization => "device_authorization_url",
            Self::EndSession => "end_session_url",
            Self::PushedAuthorization => "pushed_authorization_url",
        }
    }

    /// The member of an issuer's metadata.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Userinfo => "userinfo_endpoint",
            Self::Introspection => "introspection_endpoint",
            Self::Revocation => "revocation_endpoint",
            Self::DeviceAuthorization => "device_authorization_endpoint",
            Self::EndSession => "end_session_endpoint",
            Self::PushedAuthorization => "pushed_authorization_request_endpoint",
        }
    }
}

/// The addresses that are known.
#[derive(Clone, Default)]
pub(super) struct Services(Vec<(Service, Url)>);

impl Services {
    pub(super) fn get(&self, service: Service) -> Option<&Url> {
        self.0.iter().find(|(known, _)| *known == service).map(|(_, url)| url)
    }

    pub(super) fn set(&mut self, service: Service, url: Url) {
        self.0.push((service, url));
    }
}
