//! The providers known by name: what sets each apart is data.

use super::client_authentication::ClientAuthentication;
use super::service::Service;

/// What sets one well-known provider apart.
pub(super) struct Preset {
    name: &'static str,
    /// The authorization and the token endpoint; `None` where every tenant has its own.
    pub(super) endpoints: Option<(&'static str, &'static str)>,
    /// `None` where tenants differ: then the issuer's metadata decides.
    pub(super) authentication: Option<ClientAuthentication>,
    pub(super) scope_separator: &'static str,
    /// Whether its answers may lack `token_type`, which RFC 6749 section 5.1 requires.
    pub(super) omits_token_type: bool,
    /// Endpoints that no metadata tell.
    pub(super) services: &'static [(Service, &'static str)],
    /// Where the user's e-mail addresses are told, if the userinfo endpoint leaves them out.
    pub(super) email_url: Option<&'static str>,
    /// Whose ID tokens it hands out, where that is the same for everybody.
    pub(super) issuer: Option<KnownIssuer>,
    /// Whether its ID tokens lack the `nonce` of the request, which OpenID Connect Core section 2 requires.
    pub(super) omits_nonce: bool,
}

/// A well-known issuer.
#[derive(Clone, Copy)]
pub(super) struct KnownIssuer {
    /// Where its metadata are found.
    pub(super) address: &'static str,
    /// What it calls itself, where every tenant has a name of its own.
    pub(super) template: Option<&'static str>,
}

impl Preset {
    const fn new(name: &'static str, auth_url: &'static str, token_url: &'static str) -> Self {
        let endpoints = Some((auth_url, token_url));
        Self { endpoints, authentication: Some(ClientAuthentication::Post), ..Self::of_tenants(name) }
    }

    const fn of_tenants(name: &'static str) -> Self {
        Self {
            name,
            endpoints: None,
            authentication: None,
            scope_separator: " ",
            omits_token_type: false,
            services: &[],
            email_url: None,
            issuer: None,
            omits_nonce: false,
        }
    }

    const fn with_issuer(self, address: &'static str) -> Self {
        Self { issuer: Some(KnownIssuer { address, template: None }), ..self }
    }
}

/// The providers known by name. Client authentication is the way that the provider's own documentation shows.
static PRESETS: [Preset; 12] = [
    Preset {
        services: &[
            (Service::Userinfo, "https://api.github.com/user"),
            (Service::DeviceAuthorization, "https://github.com/login/device/code"),
        ],
        email_url: Some("https://api.github.com/user/emails"),
        ..Preset::new(
            "github",
            "https://github.com/login/oauth/authorize",
            "https://github.com/login/oauth/access_token",
        )
    },
    Preset::new("gitlab", "https://gitlab.com/oauth/authorize", "https://gitlab.com/oauth/token")
        .with_issuer("https://gitlab.com"),
    Preset::new(
        "google",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
    )
    .with_issuer("https://accounts.google.com"),
    Preset {
        services: &[
            (Service::Userinfo, "https://login.yandex.ru/info?format=json"),
            (Service::Revocation, "https://oauth.yandex.ru/revoke_token"),
        ],
        ..Preset::new("yandex", "https://oauth.yandex.ru/authorize", "https://oauth.yandex.ru/token")
    },
    // `common` signs in accounts of every tenant; client credentials need the tenant's own addresses or its `issuer`.
    Preset {
        issuer: Some(KnownIssuer {
            address: "https://login.microsoftonline.com/common/v2.0",
            template: Some("https://login.microsoftonline.com/{tenantid}/v2.0"),
        }),
        ..Preset::new(
            "microsoft",
            "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
            "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        )
    },
    // The client secret is a JWT that the application signs with its key from Apple.
    Preset::new("apple", "https://appleid.apple.com/auth/authorize", "https://appleid.apple.com/auth/token")
        .with_issuer("https://appleid.apple.com"),
    Preset {
        authentication: Some(ClientAuthentication::Basic),
        ..Preset::new(
            "discord",
            "https://discord.com/oauth2/authorize",
            "https://discord.com/api/oauth2/token",
        )
        .with_issuer("https://discord.com")
    },
    Preset {
        scope_separator: ",",
        services: &[(Service::Userinfo, "https://graph.facebook.com/me?fields=id,name,email")],
        ..Preset::new(
            "facebook",
            "https://www.facebook.com/dialog/oauth",
            "https://graph.facebook.com/oauth/access_token",
        )
        .with_issuer("https://www.facebook.com")
    },
    Preset {
        omits_token_type: true,
        omits_nonce: true,
        ..Preset::new(
            "linkedin",
            "https://www.linkedin.com/oauth/v2/authorization",
            "https://www.linkedin.com/oauth/v2/accessToken",
        )
        .with_issuer("https://www.linkedin.com/oauth")
    },
    Preset::of_tenants("okta"),
    Preset::of_tenants("auth0"),
    Preset::of_tenants("keycloak"),
];

/// What is known of the provider of this name.
pub(super) fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The names that [`ProviderOptions::name`](super::ProviderOptions::name) gives a meaning to. `okta`, `auth0` and `keycloak` need the
/// [`issuer`](super::ProviderOptions::issuer) of the tenant, or both of its addresses; the others need no address.
///
/// ```
/// assert!(jam::oauth2::presets().any(|name| name == "gitlab"));
/// ```
pub fn presets() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}
