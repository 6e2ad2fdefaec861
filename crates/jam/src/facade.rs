//! What the two faces share: the parts that a configuration asks for, the steps that need no store and no
//! server, and the options of the calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{
    AccessTokenKind, Backend, Config, JweConfig, ListConfig, OtpConfig, OtpKind, SessionConfig, TokensConfig,
};
use crate::encoding::json_value;
use crate::jose::jwe::{Decrypted, Jwe};
use crate::jose::jws::{KeyRing, Unverified, Verified};
use crate::jose::{DecodeOptions, Jwt, jws};
use crate::oauth2::ProviderOptions;
use crate::otp::{Hotp, QrCode, ReplayEntry, SharedSecret, ShortSecretWarning, Totp};
use crate::paseto::{self, Footer, Paseto};
use crate::token_list::Kind;
use crate::tokens::AccessTokens;
use crate::{ConfigurationError, Error, OAuth2Error, Result, StoreError, Timestamp};

/// Session data nest at most so deep; more could be written but not read again.
const MAX_DEPTH: usize = 100;

/// What a new payload holds beyond `iat` and `jti`.
///
/// ```
/// let options = jam::PayloadOptions::new().exp(900).claim("role", "admin");
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct PayloadOptions {
    exp: Option<i64>,
    data: Map<String, Value>,
}

impl PayloadOptions {
    /// The configured life time, and no further claims.
    pub fn new() -> Self {
        Self::default()
    }

    /// The payload expires so many seconds from now. Negative: it has expired already.
    pub fn exp(mut self, seconds: i64) -> Self {
        self.exp = Some(seconds);
        self
    }

    /// Lays the claims over those that are there; the last one of a name counts.
    pub fn data(mut self, mut data: Map<String, Value>) -> Self {
        self.data.append(&mut data);
        self
    }

    /// Lays one claim over those that are there.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.data.insert(name.into(), value.into());
        self
    }
}

/// How strictly a JSON Web Token is verified. The signature is always.
///
/// ```
/// let options = jam::VerifyOptions::new().audience("shop").leeway(std::time::Duration::from_secs(5));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifyOptions {
    decode: DecodeOptions,
    check_list: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { decode: DecodeOptions::default(), check_list: true }
    }
}

impl VerifyOptions {
    /// Everything is checked, against what is configured.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `exp` and `nbf` are checked where they are present (true). A black list forgets a token once it has
    /// expired: without this check it would be accepted again.
    pub fn check_exp(mut self, check: bool) -> Self {
        self.decode.check_exp = check;
        self
    }

    /// Whether the list is asked where one is configured (true).
    pub fn check_list(mut self, check: bool) -> Self {
        self.check_list = check;
        self
    }

    /// Asks for this `aud` instead of the configured one; called again, for one of several.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.decode.audience.get_or_insert_default().push(audience.into());
        self
    }

    /// Asks for this `iss` instead of the configured one.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.decode.issuer = Some(issuer.into());
        self
    }

    /// How far clocks may differ, instead of the configured time. A black list remembers its tokens for the configured
    /// time only: configure the longest one that is used.
    pub fn leeway(mut self, leeway: std::time::Duration) -> Self {
        self.decode.leeway = Some(leeway);
        self
    }
}

/// Which codes are accepted.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct CodeOptions {
    factor: Option<u64>,
    look_ahead: u32,
}

impl Default for CodeOptions {
    fn default() -> Self {
        Self { factor: None, look_ahead: 1 }
    }
}

impl CodeOptions {
    /// The codes of now, with one step before and after (TOTP).
    pub fn new() -> Self {
        Self::default()
    }

    /// The Unix time in seconds (TOTP), or the counter (HOTP, which needs it).
    pub fn factor(mut self, factor: u64) -> Self {
        self.factor = Some(factor);
        self
    }

    /// How many steps before and after (TOTP) or counters after (HOTP) are good too (1).
    pub fn look_ahead(mut self, steps: u32) -> Self {
        self.look_ahead = steps;
        self
    }
}

/// What a PASETO is bound to beside its payload.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct PasetoCreateOptions {
    footer: Footer,
    implicit_assertion: Vec<u8>,
}

impl PasetoCreateOptions {
    /// No footer, no implicit assertion.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the token shows to everybody, protected against changes: text, bytes, or the members of a JSON object.
    ///
    /// With several keys configured, a token without a footer gets one that names its key as `kid`, and so does a JSON
    /// object without `kid`.
    pub fn footer(mut self, footer: impl Into<Footer>) -> Self {
        self.footer = footer.into();
        self
    }

    /// What both sides must know; it is not in the token.
    pub fn implicit_assertion(mut self, assertion: impl Into<Vec<u8>>) -> Self {
        self.implicit_assertion = assertion.into();
        self
    }
}

/// How strictly a PASETO is checked. Its key is always.
#[derive(Clone, Debug)]
#[must_use]
pub struct PasetoDecodeOptions {
    check_exp: bool,
    implicit_assertion: Vec<u8>,
}

impl Default for PasetoDecodeOptions {
    fn default() -> Self {
        Self { check_exp: true, implicit_assertion: Vec::new() }
    }
}

impl PasetoDecodeOptions {
    /// `exp` and `nbf` are checked; no implicit assertion.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `exp` and `nbf` are checked where they are present (true).
    pub fn check_exp(mut self, check: bool) -> Self {
        self.check_exp = check;
        self
    }

    /// What the maker of the token gave.
    pub fn implicit_assertion(mut self, assertion: impl Into<Vec<u8>>) -> Self {
        self.implicit_assertion = assertion.into();
        self
    }
}

/// The parts of a face, which brings its own sessions, lists, pairs of tokens, guards and OAuth 2.0 clients.
pub(crate) struct Parts<Sessions, List, Pairs, Guard, Client> {
    pub(crate) jwt: Option<Arc<Jwt>>,
    pub(crate) jws: Option<KeyRing>,
    pub(crate) jwe: Option<Jwe>,
    pub(crate) list: Option<(Kind, List)>,
    /// For so long after its expiry a token is accepted, and so kept on the list.
    leeway: std::time::Duration,
    pub(crate) session: Option<Sessions>,
    pub(crate) oauth2: Option<BTreeMap<String, Client>>,
    pub(crate) otp: Option<OtpConfig>,
    short_secret: ShortSecretWarning,
    pub(crate) replay_guard: Option<Guard>,
    pub(crate) paseto: Option<Arc<Paseto>>,
    pub(crate) tokens: Option<Pairs>,
}

impl<Sessions, List: Clone, Pairs, Guard, Client> Parts<Sessions, List, Pairs, Guard, Client> {
    pub(crate) fn build(
        config: Config,
        sessions: impl FnOnce(SessionConfig) -> Result<Sessions>,
        list: impl FnOnce(ListConfig, std::time::Duration) -> Result<List>,
        pairs: impl FnOnce(TokensConfig, AccessTokens, Option<List>) -> Result<Pairs>,
        guard: impl FnOnce(&Backend) -> Result<Guard>,
        client: impl Fn(ProviderOptions) -> Result<Client>,
    ) -> Result<Self> {
        let origin = config.origin.clone();
        Self::build_at_top(config, sessions, list, pairs, guard, client).map_err(|error| match origin {
            Some(origin) => origin.name_in(error),
            None => error,
        })
    }

    /// As [`Parts::build`]; errors have their path from the top of the configuration.
    fn build_at_top(
        config: Config,
        sessions: impl FnOnce(SessionConfig) -> Result<Sessions>,
        list: impl FnOnce(ListConfig, std::time::Duration) -> Result<List>,
        pairs: impl FnOnce(TokensConfig, AccessTokens, Option<List>) -> Result<Pairs>,
        guard: impl FnOnce(&Backend) -> Result<Guard>,
        client: impl Fn(ProviderOptions) -> Result<Client>,
    ) -> Result<Self> {
        let (jwt, list_config) = match config.jwt {
            Some(jwt) => (Some(jwt.options), jwt.list),
            None => (None, None),
        };
        // An entry must outlive its token by as much as the token is accepted late.
        let leeway = jwt.as_ref().map(|options| options.leeway).unwrap_or_default();
        let clients = config.oauth2.map(|providers| {
            let clients = providers.into_iter().map(|(name, options)| Ok((name, client(options)?)));
            clients.collect::<Result<BTreeMap<_, _>>>()
        });
        let otp = config.otp;
        // Parameters that cannot be used show now, not at the first login.
        otp.as_ref().map_or(Ok(()), |otp| otp.options.check(otp.kind)).map_err(at("otp"))?;
        let guard_config = otp.as_ref().and_then(|otp| otp.replay_guard.as_ref());
        let jwt = jwt.map(Jwt::new).transpose().map_err(at("jwt"))?.map(Arc::new);
        let paseto = config.paseto.map(Paseto::new).transpose().map_err(at("paseto"))?.map(Arc::new);
        let (jws, jwe) = (
            config.jws.as_ref().map(KeyRing::from_options).transpose().map_err(at("jose.jws"))?,
            config.jwe.map(encryption).transpose().map_err(at("jose.jwe"))?,
        );
        let oauth2 = clients.transpose()?;
        let tokens = config.tokens.map(|config| {
            let access = access_tokens(config.access_token, jwt.as_ref(), paseto.as_ref())?;
            Ok::<_, Error>((config, access))
        });
        let tokens = tokens.transpose()?;
        // What opens files comes last: a mistake elsewhere leaves none behind.
        let list = list_config
            .map(|config| Ok::<_, Error>((config.kind, list(config, leeway)?)))
            .transpose()
            .map_err(at("jwt.list"))?;
        Ok(Self {
            jwt,
            jws,
            jwe,
            paseto,
            oauth2,
            tokens: tokens
                .map(|(config, access)| {
                    // A list knows JSON Web Tokens only.
                    let list = list.as_ref().filter(|_| matches!(access, AccessTokens::Jwt(_)));
                    pairs(config, access, list.map(|(_, list)| list.clone()))
                })
                .transpose()
                .map_err(at("tokens"))?,
            list,
            replay_guard: guard_config.map(guard).transpose().map_err(at("otp.replay_guard"))?,
            otp,
            short_secret: ShortSecretWarning::default(),
            session: config.session.map(sessions).transpose().map_err(at("session"))?,
            leeway,
        })
    }

    pub(crate) fn jwt(&self) -> Result<&Jwt> {
        self.jwt.as_deref().ok_or_else(|| missing("jwt"))
    }

    pub(crate) fn tokens(&self) -> Result<&Pairs> {
        self.tokens.as_ref().ok_or_else(|| missing("tokens"))
    }

    /// The list, for what needs one.
    pub(crate) fn list(&self) -> Result<&List> {
        let section = if self.jwt.is_some() { "jwt.list" } else { "jwt" };
        self.list.as_ref().map(|(_, list)| list).ok_or_else(|| missing(section))
    }

    /// The list that new tokens are put on.
    pub(crate) fn white_list(&self) -> Option<&List> {
        self.list.as_ref().filter(|(kind, _)| *kind == Kind::White).map(|(_, list)| list)
    }

    /// The list to ask, if it shall be asked.
    pub(crate) fn list_for(&self, options: &VerifyOptions) -> Option<&List> {
        self.list.as_ref().filter(|_| options.check_list).map(|(_, list)| list)
    }

    pub(crate) fn session(&self) -> Result<&Sessions> {
        self.session.as_ref().ok_or_else(|| missing("session"))
    }

    pub(crate) fn client(&self, provider: &str) -> Result<&Client> {
        let clients = self.oauth2.as_ref().ok_or_else(|| missing("oauth2"))?;
        clients.get(provider).ok_or_else(|| {
            let known = clients.keys().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
            let reason = format!("this provider is not configured; configured are: {known}");
            OAuth2Error::ProviderNotConfigured(reason.into()).into()
        })
    }

    pub(crate) fn jwt_make_payload(&self, options: PayloadOptions) -> Result<Map<String, Value>> {
        self.jwt()?.make_payload(options.exp, options.data, Timestamp::now())
    }

    pub(crate) fn jwt_decode(&self, token: &str, options: &VerifyOptions) -> Result<Map<String, Value>> {
        self.check_leeway(options)?;
        self.jwt()?.decode(token, &options.decode, Timestamp::now())
    }

    /// Refuses what would accept tokens that the black list has forgotten: it keeps them for the configured leeway.
    fn check_leeway(&self, options: &VerifyOptions) -> Result<()> {
        let forgets = options.check_list && self.list.as_ref().is_some_and(|(kind, _)| *kind == Kind::Black);
        if forgets && options.decode.leeway > Some(self.leeway) {
            let reason = "with a black list, the leeway of a call must not be larger than the configured jwt.leeway, after \
                          which the list forgets a token; configure the largest one";
            return Err(Error::validation(reason));
        }
        Ok(())
    }

    fn jws(&self) -> Result<&KeyRing> {
        self.jws.as_ref().ok_or_else(|| missing("jose.jws"))
    }

    pub(crate) fn jws_sign(&self, payload: &[u8], header: Option<&Map<String, Value>>) -> Result<String> {
        jws::sign(payload, header.unwrap_or(&Map::new()), self.jws()?.signing_key()?)
    }

    pub(crate) fn jws_verify(&self, token: &str) -> Result<Verified> {
        let keys = self.jws()?;
        Unverified::parse(token)?.verify(keys)
    }

    fn jwe(&self) -> Result<&Jwe> {
        self.jwe.as_ref().ok_or_else(|| missing("jose.jwe"))
    }

    pub(crate) fn jwe_encrypt(
        &self,
        plaintext: &[u8],
        header: Option<&Map<String, Value>>,
    ) -> Result<String> {
        match header {
            Some(header) => self.jwe()?.encrypt(plaintext, header),
            None => self.jwe()?.encrypt(plaintext, &Map::new()),
        }
    }

    pub(crate) fn jwe_decrypt(&self, token: &str) -> Result<Decrypted> {
        self.jwe()?.decrypt(token)
    }

    pub(crate) fn otp_code(&self, secret: &SharedSecret, factor: Option<u64>) -> Result<String> {
        match self.one_time(secret)? {
            OneTime::Totp(totp) => totp.at(moment(factor)),
            OneTime::Hotp(hotp) => Ok(hotp.at(counter(factor)?)),
        }
    }

    pub(crate) fn otp_uri(
        &self,
        secret: &SharedSecret,
        name: &str,
        issuer: &str,
        counter: Option<u64>,
    ) -> Result<String> {
        match self.one_time(secret)? {
            OneTime::Totp(totp) => totp.provisioning_uri(name, issuer),
            OneTime::Hotp(hotp) => hotp.provisioning_uri(name, issuer, counter.unwrap_or(0)),
        }
    }

    pub(crate) fn otp_verify_code(
        &self,
        secret: &SharedSecret,
        code: &str,
        options: CodeOptions,
    ) -> Result<bool> {
        Ok(self.otp_verify_step(secret, code, options)?.is_some())
    }

    pub(crate) fn otp_verify_step(
        &self,
        secret: &SharedSecret,
        code: &str,
        options: CodeOptions,
    ) -> Result<Option<u64>> {
        self.one_time(secret)?.verify_step(code, options)
    }

    /// The step of a good code, and what the guard has to keep of it.
    pub(crate) fn otp_verify_for_guard(
        &self,
        secret: &SharedSecret,
        code: &str,
        options: CodeOptions,
    ) -> Result<Option<(u64, ReplayEntry)>> {
        let one_time = self.one_time(secret)?;
        let step = one_time.verify_step(code, options)?;
        Ok(step.map(|step| (step, one_time.replay_entry(step))))
    }

    pub(crate) fn replay_guard(&self) -> Result<&Guard> {
        let section = if self.otp.is_some() { "otp.replay_guard" } else { "otp" };
        self.replay_guard.as_ref().ok_or_else(|| missing(section))
    }

    pub(crate) fn otp_qr_svg(
        &self,
        secret: &SharedSecret,
        name: &str,
        issuer: &str,
        counter: Option<u64>,
    ) -> Result<String> {
        Ok(QrCode::new(&self.otp_uri(secret, name, issuer, counter)?)?.to_svg())
    }

    fn one_time(&self, secret: &SharedSecret) -> Result<OneTime> {
        let OtpConfig { kind, options, .. } = self.otp.as_ref().ok_or_else(|| missing("otp"))?;
        let secret = secret.clone();
        Ok(match kind {
            OtpKind::Totp => OneTime::Totp(Totp::with_warning(secret, *options, &self.short_secret)?),
            OtpKind::Hotp => OneTime::Hotp(Hotp::with_warning(secret, *options, &self.short_secret)?),
        })
    }

    fn paseto(&self) -> Result<&Paseto> {
        self.paseto.as_deref().ok_or_else(|| missing("paseto"))
    }

    pub(crate) fn paseto_make_payload(&self, options: PayloadOptions) -> Result<Map<String, Value>> {
        self.paseto()?;
        paseto::claims::make_payload(options.exp, options.data, Timestamp::now())
    }

    pub(crate) fn paseto_create(
        &self,
        payload: &Map<String, Value>,
        options: &PasetoCreateOptions,
    ) -> Result<String> {
        let payload = serde_json::to_vec(payload).map_err(not_json)?;
        self.paseto()?.encode(&payload, options.footer.clone(), &options.implicit_assertion)
    }

    pub(crate) fn paseto_decode(&self, token: &str, options: &PasetoDecodeOptions) -> Result<paseto::Claims> {
        let PasetoDecodeOptions { check_exp, implicit_assertion } = options;
        self.paseto()?.decode_claims(token, implicit_assertion, *check_exp, Timestamp::now())
    }

    /// `Debug` of both faces: which parts there are.
    pub(crate) fn describe(&self, name: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct(name)
            .field("jwt", &self.jwt.is_some())
            .field("jws", &self.jws.is_some())
            .field("jwe", &self.jwe.is_some())
            .field("session", &self.session.is_some())
            .field("oauth2", &self.oauth2.is_some())
            .field("otp", &self.otp.is_some())
            .field("paseto", &self.paseto.is_some())
            .field("tokens", &self.tokens.is_some())
            .finish_non_exhaustive()
    }
}

/// The stored form of session data.
pub(crate) fn to_bytes(data: &Value) -> Result<Vec<u8>> {
    if is_deeper_than(data, MAX_DEPTH) {
        return Err(Error::validation(format!("session data nest at most {MAX_DEPTH} levels deep")));
    }
    serde_json::to_vec(data).map_err(not_json)
}

/// Session data from their stored form.
pub(crate) fn from_bytes(bytes: Option<Vec<u8>>) -> Result<Option<Value>> {
    bytes.as_deref().map(to_value).transpose()
}

pub(crate) fn to_value(bytes: &[u8]) -> Result<Value> {
    json_value(bytes).map_err(|_| {
        StoreError::Refused("the session's data are not JSON; another program wrote them".into()).into()
    })
}

fn is_deeper_than(value: &Value, levels: usize) -> bool {
    match (value, levels) {
        (Value::Array(_) | Value::Object(_), 0) => true,
        (Value::Array(items), _) => items.iter().any(|item| is_deeper_than(item, levels - 1)),
        (Value::Object(members), _) => members.values().any(|member| is_deeper_than(member, levels - 1)),
        _ => false,
    }
}

/// What access tokens are made with.
fn access_tokens(
    kind: Option<AccessTokenKind>,
    jwt: Option<&Arc<Jwt>>,
    paseto: Option<&Arc<Paseto>>,
) -> Result<AccessTokens> {
    let kind = kind.unwrap_or(match (jwt, paseto) {
        (None, Some(_)) => AccessTokenKind::Paseto,
        _ => AccessTokenKind::Jwt,
    });
    let access = match kind {
        AccessTokenKind::Jwt => jwt.cloned().map(AccessTokens::Jwt),
        AccessTokenKind::Paseto => paseto.cloned().map(AccessTokens::Paseto),
    };
    access.ok_or_else(|| {
        let reason = "access tokens are made by another section: add \"jwt\", or \"paseto\" and access_token = \"paseto\"";
        ConfigurationError::key("tokens", reason).into()
    })
}

fn encryption(config: JweConfig) -> Result<Jwe> {
    let JweConfig { keys, options } = config;
    let jwe = Jwe::new(&keys.read(options.key_management, options.content_encryption)?, options);
    jwe.map_err(|error| match error {
        Error::Key(_) if !keys.secret.is_empty() => error.at("secret"),
        Error::Key(_) if keys.public_key.is_some() => error.at("public_key"),
        Error::Key(_) => error.at("private_key"),
        error => error,
    })
}

enum OneTime {
    Totp(Totp),
    Hotp(Hotp),
}

impl OneTime {
    fn verify_step(
        &self,
        code: &str,
        CodeOptions { factor, look_ahead }: CodeOptions,
    ) -> Result<Option<u64>> {
        match self {
            Self::Totp(totp) => totp.verify_step(code, look_ahead, moment(factor)),
            Self::Hotp(hotp) => hotp.verify_step(code, counter(factor)?, look_ahead),
        }
    }

    fn replay_entry(&self, step: u64) -> ReplayEntry {
        match self {
            Self::Totp(totp) => totp.replay_entry(step),
            Self::Hotp(hotp) => hotp.replay_entry(step),
        }
    }
}

fn moment(factor: Option<u64>) -> Timestamp {
    factor.map_or_else(Timestamp::now, |seconds| {
        Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    })
}

fn counter(factor: Option<u64>) -> Result<u64> {
    factor.ok_or_else(|| Error::validation("factor: a HOTP code needs its counter"))
}

/// The error of a part whose section stands at this path.
fn at(path: &'static str) -> impl Fn(Error) -> Error {
    move |error| error.at(path)
}

fn missing(section: &'static str) -> Error {
    ConfigurationError::MissingSection { section }.into()
}

fn not_json(_: serde_json::Error) -> Error {
    Error::validation("the value has no JSON form")
}
