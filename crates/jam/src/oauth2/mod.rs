//! The OAuth 2.0 client (RFC 6749): the authorization code grant, refresh tokens and client credentials.
//!
//! A provider is data: the names of [`presets`] need no addresses, any other is configured by its
//! [`auth_url`](ProviderOptions::auth_url) and [`token_url`](ProviderOptions::token_url), or by its
//! [`issuer`](ProviderOptions::issuer). [`Client`] blocks the calling thread, [`aio::Client`] is its asynchronous twin;
//! both share pooled connections, follow no redirect, and bound the time and the size of every answer.
//!
//! ```
//! use jam::oauth2::{CallOptions, Client, ProviderOptions};
//!
//! let client = Client::new(ProviderOptions {
//!     name: "github".into(),
//!     client_id: "demo".into(),
//!     client_secret: Some("secret".into()),
//!     redirect_url: Some("https://example.org/callback".into()),
//!     ..ProviderOptions::default()
//! })?;
//! // The state ties the callback to the browser that asked (RFC 6749 section 10.12): keep it in its session.
//! let state = CallOptions::new().parameter("state", "Jd93kAx0");
//! assert_eq!(
//!     client.authorization_url(&["read:user", "user:email"], &state)?,
//!     "https://github.com/login/oauth/authorize?response_type=code&client_id=demo\
//!      &redirect_uri=https%3A%2F%2Fexample.org%2Fcallback&scope=read%3Auser%20user%3Aemail&state=Jd93kAx0",
//! );
//! # Ok::<(), jam::Error>(())
//! ```

mod access_token;
mod address;
mod cached;
mod client;
mod client_authentication;
mod device;
mod discovery;
mod http;
mod id_token;
mod introspection;
mod key_set;
mod login;
mod logout;
mod preset;
mod provider;
mod service;
mod signed_answer;
mod token;
mod token_set;
mod userinfo;

pub use client::{CallOptions, Client};
pub use client_authentication::ClientAuthentication;
pub use device::DeviceAuthorization;
pub use login::{Callback, CompletedLogin, LOGIN_LIFE_TIME, Login};
pub use preset::presets;
pub use provider::ProviderOptions;
pub use token_set::TokenSet;

/// The asynchronous face.
pub mod aio {
    pub use super::client::aio::Client;
    pub use super::token_set::aio::TokenSet;
}
