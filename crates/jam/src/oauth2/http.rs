//! The only sockets of this room: one request, one bounded answer, over pooled connections.

use std::error::Error as _;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use url::{Host, Url};

use crate::process::PerProcess;
use crate::secret::Secret;
use crate::{Error, OAuth2Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than the usual patience of servers, so that a request seldom meets a connection about to be closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("jam-auth/", env!("CARGO_PKG_VERSION"));
/// Enough for every route of a few runtimes; programs that make runtimes without end must not pile up clients.
const CLIENTS_KEPT: usize = 12;

/// One HTTP request, and how to read its answer.
pub(super) struct Request<T> {
    pub(super) call: Call,
    pub(super) parse: Box<dyn FnOnce(Answer) -> Result<T> + Send>,
}

/// What is sent: a POST when there is a form, else a GET.
pub(super) struct Call {
    pub(super) url: Url,
    pub(super) form: Option<Secret<String>>,
    /// What stands in the `Authorization` header.
    pub(super) authorization: Option<Secret<String>>,
    /// The media types that the answer may have.
    pub(super) accept: &'static str,
    pub(super) limits: Limits,
}

/// How much a server may take of the caller's time and memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) bytes: usize,
}

/// What came back, decompressed, within the limits.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The media type without its parameters, in lower case; empty when the server named none.
    pub(super) media_type: String,
    pub(super) body: Vec<u8>,
}

/// Sends the request and reads its answer, blocking the calling thread.
pub(super) fn send<T>(request: Request<T>) -> Result<T> {
    (request.parse)(exchange_outside_of_runtimes(&request.call)?)
}

/// The asynchronous twin of [`send`]. It needs a tokio runtime with its time and I/O drivers.
pub(super) async fn send_async<T>(request: Request<T>) -> Result<T> {
    (request.parse)(exchange_async(&request.call).await?)
}

/// Whether requests to this address stay on this machine (RFC 6761 section 6.3 for the name).
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether the host is an address that no provider has, but that reaches into a cloud machine or the host itself.
pub(super) fn is_forbidden_address(url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => {
            embedded_ipv4(address).map_or_else(|| address.to_canonical(), IpAddr::V4)
        }
        _ => return false,
    };
    match address {
        IpAddr::V4(address) => address.is_link_local() || address == Ipv4Addr::UNSPECIFIED,
        IpAddr::V6(address) => address.is_unicast_link_local() || address == Ipv6Addr::UNSPECIFIED,
    }
}

/// The IPv4 address that a translator would put in the place of this one (RFC 6052 section 2.1), or that the old form
/// of compatible addresses means (RFC 4291 section 2.5.5.1).
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] if high > 0 => {
            Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

/// The blocking client must not wait on a thread that drives a runtime, so there the call moves to a thread of
/// its own. It blocks the caller all the same: inside of a runtime the asynchronous face is the better one.
fn exchange_outside_of_runtimes(call: &Call) -> Result<Answer> {
    if Handle::try_current().is_err() {
        return exchange(call);
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .spawn_scoped(scope, || exchange(call))
            .map_err(|_| unreachable("no thread could be started for the request"))?;
        thread.join().map_err(|_| unreachable("the request ended unexpectedly"))?
    })
}

fn exchange(call: &Call) -> Result<Answer> {
    let mut request = reqwest::blocking::Request::new(call.method(), call.url.clone());
    *request.timeout_mut() = Some(call.limits.timeout);
    *request.headers_mut() = call.headers()?;
    *request.body_mut() = call.form.as_ref().map(|form| form.expose().clone().into());
    let mut response = blocking_client(call)?.execute(request).map_err(|error| call.failure(&error))?;
    let (status, media_type) = (response.status().as_u16(), media_type(response.headers()));
    let mut body = Vec::new();
    let bound = u64::try_from(call.limits.bytes).unwrap_or(u64::MAX).saturating_add(1);
    response.by_ref().take(bound).read_to_end(&mut body).map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>()) {
            Some(inner) => call.failure(inner),
            None => broken_answer(),
        }
    })?;
    call.limits.check(body.len())?;
    Ok(Answer { status, media_type, body })
}

async fn exchange_async(call: &Call) -> Result<Answer> {
    let mut request = reqwest::Request::new(call.method(), call.url.clone());
    *request.timeout_mut() = Some(call.limits.timeout);
    *request.headers_mut() = call.headers()?;
    *request.body_mut() = call.form.as_ref().map(|form| form.expose().clone().into());
    let client = async_client(call).await?;
    let mut response = client.execute(request).await.map_err(|error| call.failure(&error))?;
    let (status, media_type) = (response.status().as_u16(), media_type(response.headers()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| call.failure(&error))? {
        call.limits.check(body.len().saturating_add(chunk.len()))?;
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, media_type, body })
}

impl Call {
    /// A GET that asks for JSON.
    pub(super) fn get(url: Url, limits: Limits) -> Self {
        // GitHub answers form-encoded unless asked for JSON.
        Self { url, form: None, authorization: None, accept: "application/json", limits }
    }

    /// A POST of form-encoded parameters that asks for JSON.
    pub(super) fn post(url: Url, form: String, limits: Limits) -> Self {
        Self { form: Some(Secret::new(form)), ..Self::get(url, limits) }
    }

    fn method(&self) -> reqwest::Method {
        if self.form.is_some() { reqwest::Method::POST } else { reqwest::Method::GET }
    }

    fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(self.accept));
        if self.form.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        if let Some(authorization) = &self.authorization {
            let mut value = HeaderValue::from_str(authorization.expose())
                .map_err(|_| Error::validation("the credentials cannot be sent in a header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    /// What went wrong on the way, in a sentence that names the host at most: paths and queries may hold secrets.
    fn failure(&self, error: &reqwest::Error) -> Error {
        let host = self.url.host_str().unwrap_or_default();
        if error.is_timeout() {
            return unreachable(format!("{host} did not answer within {:?}", self.limits.timeout));
        }
        if error.is_connect() {
            return unreachable(format!("{host} cannot be reached: {}", root_cause(error)));
        }
        if error.is_body() || error.is_decode() {
            return broken_answer();
        }
        unreachable(format!("{host} closed the connection before it answered"))
    }
}

impl Limits {
    fn check(&self, bytes: usize) -> Result<()> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let reason = format!("the provider's answer is larger than the {} bytes allowed", self.bytes);
        Err(OAuth2Error::InvalidResponse(reason.into()).into())
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The innermost error says what happened ("connection refused", "invalid peer certificate"); it knows the
/// address and the certificate, not the request.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause.and_then(|cause| cause.source()) {
        cause = Some(inner);
    }
    cause.map_or_else(|| "no connection".to_owned(), |cause| cause.to_string())
}

fn unreachable(reason: impl Into<crate::error::Reason>) -> Error {
    OAuth2Error::Unreachable(reason.into()).into()
}

fn broken_answer() -> Error {
    OAuth2Error::InvalidResponse("the provider's answer breaks off, or is not encoded as it says".into())
        .into()
}

/// How a server is reached. Each way has its own client, so that a machine without certificates or with a proxy
/// still talks to a server of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    /// Unencrypted, to this machine, never through a proxy.
    LoopbackHttp,
    /// TLS to this machine, never through a proxy.
    LoopbackHttps,
    /// TLS to anywhere else, through the proxy of the environment if it names one.
    Https,
}

impl Route {
    fn to(url: &Url) -> Self {
        match (is_loopback(url), url.scheme()) {
            (true, "http") => Self::LoopbackHttp,
            (true, _) => Self::LoopbackHttps,
            (false, _) => Self::Https,
        }
    }
}

/// A client with the place it belongs to. An asynchronous one belongs to a runtime too: its connections are tasks there, and
/// stand still when that runtime does.
struct Pooled<C> {
    route: Route,
    runtime: Option<tokio::runtime::Id>,
    client: C,
}

type Pool<C> = Mutex<Vec<Pooled<C>>>;

static BLOCKING: PerProcess<Pool<reqwest::blocking::Client>> = PerProcess::new(Mutex::new(Vec::new()));
static ASYNC: PerProcess<Pool<reqwest::Client>> = PerProcess::new(Mutex::new(Vec::new()));

fn blocking_client(call: &Call) -> Result<reqwest::blocking::Client> {
    let (pool, route) = (BLOCKING.get(Mutex::default), Route::to(&call.url));
    if let Some(known) = find(pool, route, None) {
        return Ok(known);
    }
    let builder = reqwest::blocking::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT);
    let builder = match route {
        Route::LoopbackHttp => builder.no_proxy().tls_certs_only([]),
        Route::LoopbackHttps => builder.no_proxy(),
        Route::Https => builder,
    };
    let client = builder.build().map_err(|error| no_tls(&error))?;
    Ok(keep(pool, Pooled { route, runtime: None, client }))
}

async fn async_client(call: &Call) -> Result<reqwest::Client> {
    let runtime = Handle::try_current().map_err(|_| {
        Error::validation("the asynchronous OAuth2 client must be awaited in a tokio runtime")
    })?;
    let (pool, route) = (ASYNC.get(Mutex::default), Route::to(&call.url));
    if let Some(known) = find(pool, route, Some(runtime.id())) {
        return Ok(known);
    }
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT);
    let builder = match route {
        Route::LoopbackHttp => builder.no_proxy().tls_certs_only([]),
        Route::LoopbackHttps => builder.no_proxy(),
        Route::Https => builder,
    };
    // Reading the machine's certificates takes milliseconds, which other tasks must not wait for.
    let client = runtime.spawn_blocking(move || builder.build()).await;
    let client =
        client.map_err(|_| unreachable("the runtime is shutting down"))?.map_err(|error| no_tls(&error))?;
    Ok(keep(pool, Pooled { route, runtime: Some(runtime.id()), client }))
}

fn find<C: Clone>(pool: &Pool<C>, route: Route, runtime: Option<tokio::runtime::Id>) -> Option<C> {
    let clients = pool.lock().unwrap_or_else(PoisonError::into_inner);
    let known = clients.iter().find(|known| known.route == route && known.runtime == runtime);
    known.map(|known| known.client.clone())
}

/// Keeps the client, unless another thread kept one of its kind meanwhile. Gives the one that is kept.
fn keep<C: Clone>(pool: &Pool<C>, made: Pooled<C>) -> C {
    let mut clients = pool.lock().unwrap_or_else(PoisonError::into_inner);
    let mut known = clients.iter().filter(|known| known.route == made.route && known.runtime == made.runtime);
    if let Some(known) = known.next() {
        return known.client.clone();
    }
    if clients.len() >= CLIENTS_KEPT {
        clients.remove(0);
    }
    let client = made.client.clone();
    clients.push(made);
    client
}

fn no_tls(error: &reqwest::Error) -> Error {
    unreachable(format!("no connection can be secured on this machine: {}", root_cause(error)))
}
