//! The OAuth2 client against a small HTTP server of this file, on both faces.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jam::oauth2::{CallOptions, Client, ClientAuthentication, ProviderOptions, aio};
use jam::{Error, OAuth2Error, Result, Timestamp};
use serde_json::{Map, Value, json};

const TOKENS: &str = r#"{"access_token":"new-access-token","token_type":"Bearer","expires_in":"3600"}"#;
const JSON: &str = "Content-Type: application/json\r\n";

/// What the server saw of one request.
#[derive(Clone, Debug)]
struct Seen {
    target: String,
    headers: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Answers every request with bytes that the test chose; counts connections and keeps requests.
struct Server {
    base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

type Answering = dyn Fn(&Seen, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

impl Server {
    fn new(answer: impl Fn(&Seen, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections) = (server.seen.clone(), server.connections.clone());
        let answer: Arc<Answering> = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        server
    }

    /// A server that gives every request the same answer.
    fn answering(status: u16, headers: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::new(move |_, stream| respond(stream, status, headers, &body))
    }

    fn options(&self) -> ProviderOptions {
        ProviderOptions {
            name: "test".into(),
            client_id: "demo".into(),
            client_secret: Some("client-secret-value".into()),
            redirect_url: Some("https://app.example/callback".into()),
            auth_url: Some(format!("{}/authorize", self.base)),
            token_url: Some(format!("{}/token", self.base)),
            ..ProviderOptions::default()
        }
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().cloned().unwrap()
    }

    fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Seen>>, answer: &Answering) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read_request(&mut reader) {
        seen.lock().unwrap().push(request.clone());
        if answer(&request, &mut stream).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    Some(Seen { target, headers, form })
}

fn respond(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 {status} Any\r\n{headers}Content-Length: {length}\r\n\r\n").into_bytes();
    answer.extend_from_slice(body);
    stream.write_all(&answer)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs one call on both faces, which must agree, and gives their result.
fn on_both_faces<T: PartialEq + std::fmt::Debug>(
    options: &ProviderOptions,
    blocking: impl FnOnce(&Client) -> Result<T>,
    asynchronous: impl AsyncFnOnce(&aio::Client) -> Result<T>,
) -> Result<T> {
    let first = blocking(&Client::new(options.clone())?);
    let client = aio::Client::new(options.clone())?;
    let second = runtime().block_on(asynchronous(&client));
    assert_eq!(first, second);
    first
}

fn fetch(options: &ProviderOptions) -> Result<Map<String, Value>> {
    fetch_with(options, &CallOptions::new())
}

fn fetch_with(options: &ProviderOptions, call: &CallOptions) -> Result<Map<String, Value>> {
    on_both_faces(
        options,
        |client| client.fetch_token("the-code-of-the-callback", call, Timestamp::now()),
        async |client| client.fetch_token("the-code-of-the-callback", call, Timestamp::now()).await,
    )
}

fn refusal(server: &Server) -> OAuth2Error {
    match fetch(&server.options()) {
        Err(Error::OAuth2(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_code_is_exchanged_for_the_providers_own_answer() {
    let server = Server::answering(200, JSON, TOKENS);
    let call = CallOptions::new().parameter("code_verifier", "v e+r%");
    let answer = fetch_with(&server.options(), &call).unwrap();
    let expected = json!({"access_token": "new-access-token", "token_type": "Bearer", "expires_in": 3600});
    assert_eq!(Value::Object(answer), expected);
    let seen = server.last();
    assert_eq!(seen.target, "/token");
    let expected = [
        ("grant_type", "authorization_code"),
        ("code", "the-code-of-the-callback"),
        ("redirect_uri", "https://app.example/callback"),
        ("code_verifier", "v e+r%"),
    ];
    assert_eq!(seen.form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert!(seen.header("user-agent").unwrap().starts_with("jam-auth/"));
}

#[test]
fn a_refresh_and_client_credentials_send_what_the_grants_ask_for() {
    let server = Server::answering(200, JSON, TOKENS);
    let call = CallOptions::new();
    on_both_faces(
        &server.options(),
        |client| client.refresh_token("old", &call, Timestamp::now()),
        async |client| client.refresh_token("old", &call, Timestamp::now()).await,
    )
    .unwrap();
    let seen = server.last();
    assert_eq!((seen.field("grant_type"), seen.field("refresh_token")), (Some("refresh_token"), Some("old")));
    assert_eq!(seen.field("redirect_uri"), None);
    on_both_faces(
        &server.options(),
        |client| client.client_credentials(&["a", "b"], &call, Timestamp::now()),
        async |client| client.client_credentials(&["a", "b"], &call, Timestamp::now()).await,
    )
    .unwrap();
    let seen = server.last();
    assert_eq!((seen.field("grant_type"), seen.field("scope")), (Some("client_credentials"), Some("a b")));

    let public = ProviderOptions { client_secret: None, ..server.options() };
    let error = Client::new(public).unwrap().client_credentials(&[], &call, Timestamp::now()).unwrap_err();
    assert!(error.to_string().starts_with("oauth2.providers.test.client_secret: is required"), "{error}");
}

#[test]
fn id_and_secret_are_form_encoded_before_base64() {
    // attack 71
    let server = Server::answering(200, JSON, TOKENS);
    let odd = ProviderOptions {
        client_id: "odd:id".into(),
        client_secret: Some("50% + a space/é".into()),
        ..server.options()
    };
    fetch(&odd).unwrap();
    let seen = server.last();
    // base64 of `odd%3Aid:50%25+%2B+a+space%2F%C3%A9`
    assert_eq!(seen.header("authorization"), Some("Basic b2RkJTNBaWQ6NTAlMjUrJTJCK2Erc3BhY2UlMkYlQzMlQTk="));
    assert_eq!((seen.field("client_id"), seen.field("client_secret")), (None, None));

    fetch(&ProviderOptions { client_authentication: Some(ClientAuthentication::Post), ..odd.clone() })
        .unwrap();
    let seen = server.last();
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(
        (seen.field("client_id"), seen.field("client_secret")),
        (Some("odd:id"), Some("50% + a space/é"))
    );

    fetch(&ProviderOptions { client_secret: None, ..odd }).unwrap();
    let seen = server.last();
    assert_eq!((seen.header("authorization"), seen.field("client_id")), (None, Some("odd:id")));
}

#[test]
fn a_redirect_is_an_error_and_never_followed() {
    // attack 68
    let target = Server::answering(200, JSON, TOKENS);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/token\r\n", target.base);
        let server = Server::new(move |_, stream| respond(stream, status, &location, TOKENS.as_bytes()));
        let error = refusal(&server);
        assert!(
            matches!(&error, OAuth2Error::InvalidResponse(reason) if reason.contains(&status.to_string())),
            "{error}"
        );
    }
    assert_eq!(target.requests(), 0);
}

#[test]
fn an_answer_that_is_no_token_answer_is_a_typed_error() {
    // attack 70
    let html = "<!doctype html><title>Sign in</title>";
    for (status, headers, body) in [
        (200, "Content-Type: text/html; charset=utf-8\r\n", html),
        (200, JSON, html),
        (200, JSON, "{}"),
        (200, JSON, r#"{"access_token":"a"}"#),
        (200, JSON, r#"{"access_token":"a","token_type":"b","expires_in":1e400}"#),
        (200, JSON, r#"{"access_token":"a","token_type":"b","expires_in":-1}"#),
        (200, JSON, r#"{"access_token":"a","access_token":"b","token_type":"b"}"#),
        (
            200,
            "Content-Type: application/x-www-form-urlencoded\r\n",
            "access_token=a&access_token=b&token_type=b",
        ),
        (200, "Content-Encoding: gzip\r\n", TOKENS),
        (404, JSON, TOKENS),
        (500, "", ""),
        (503, "", html),
    ] {
        let error = refusal(&Server::answering(status, headers, body));
        assert!(matches!(error, OAuth2Error::InvalidResponse(_)), "{status} {headers} {body}: {error}");
    }
    let deep = format!(r#"{{"access_token":"a","token_type":"b","x":{}"#, "[".repeat(100_000));
    assert!(matches!(refusal(&Server::answering(200, JSON, deep)), OAuth2Error::InvalidResponse(_)));
    assert_eq!(refusal(&Server::answering(200, JSON, "")), OAuth2Error::EmptyResponse);
}

#[test]
fn an_error_body_is_an_error_whatever_the_status() {
    // attack 70, fault 29
    for status in [200, 400, 401, 500] {
        let body =
            r#"{"error":"invalid_grant","error_description":"the-code-of-the-callback","access_token":"a"}"#;
        let error = refusal(&Server::answering(status, JSON, body));
        assert_eq!(error, OAuth2Error::Refused { error: "invalid_grant".into() });
    }
}

#[test]
fn no_error_repeats_what_was_sent() {
    // attacks 70 and 74, fault 9
    for name in ["code", "client_secret"] {
        let server = Server::new(move |seen, stream| {
            let echo = json!({"error": format!("bad {}", seen.field(name).unwrap())});
            respond(stream, 400, JSON, echo.to_string().as_bytes())
        });
        let options =
            ProviderOptions { client_authentication: Some(ClientAuthentication::Post), ..server.options() };
        let error = fetch(&options).unwrap_err();
        let text = format!("{error} {error:?} {:?} {options:?}", Client::new(options.clone()).unwrap());
        assert!(
            !text.contains("the-code-of-the-callback") && !text.contains("client-secret-value"),
            "{text}"
        );
    }
    let call = CallOptions::new().parameter("code_verifier", "a-secret-verifier");
    assert!(!format!("{call:?}").contains("a-secret-verifier"));
}

#[test]
fn an_answer_without_end_stops_at_the_limit() {
    // attack 70
    let server = Server::new(|_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
        loop {
            stream.write_all(&[b' '; 65536])?;
        }
    });
    let error = refusal(&server).to_string();
    assert!(error.contains("larger than the 1048576 bytes"), "{error}");
}

#[test]
fn a_compressed_answer_is_bounded_after_decompression() {
    // attack 70
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    let error = refusal(&Server::answering(200, "Content-Encoding: gzip\r\n", bomb)).to_string();
    assert!(error.contains("larger than the 1048576 bytes"), "{error}");

    let server = Server::answering(200, "Content-Encoding: gzip\r\n", gzip(TOKENS.as_bytes()));
    assert_eq!(fetch(&server.options()).unwrap()["access_token"], "new-access-token");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_server_that_drips_or_stays_silent_runs_into_the_time_out() {
    // attack 70
    let dripping = Server::new(|_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
        loop {
            stream.write_all(b" ")?;
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    // Waits for more from the client, which has sent all and waits for the answer.
    let silent = Server::new(|_, stream| stream.read_exact(&mut [0]));
    for server in [dripping, silent] {
        let options = ProviderOptions { timeout: Duration::from_millis(300), ..server.options() };
        let error = fetch(&options).unwrap_err();
        assert_eq!(error.to_string(), "127.0.0.1 did not answer within 300ms");
        assert_eq!(error.code(), "oauth2.unreachable");
    }
}

#[test]
fn a_broken_or_absent_server_is_a_typed_error() {
    let cut = Server::new(|_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{{")?;
        Err(std::io::ErrorKind::BrokenPipe.into())
    });
    assert!(matches!(refusal(&cut), OAuth2Error::InvalidResponse(_)));
    let closing = Server::new(|_, _| Err(std::io::ErrorKind::BrokenPipe.into()));
    assert!(matches!(refusal(&closing), OAuth2Error::Unreachable(_)));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let absent =
        ProviderOptions { token_url: Some(format!("http://localhost:{port}/token")), ..closing.options() };
    let error = fetch(&absent).unwrap_err();
    assert!(error.to_string().starts_with("localhost cannot be reached: "), "{error}");
}

#[test]
fn ten_calls_use_one_connection() {
    // fault 34
    let server = Server::answering(200, JSON, TOKENS);
    for _ in 0..10 {
        // Each call has a client of its own: the connections belong to the process.
        Client::new(server.options())
            .unwrap()
            .fetch_token("code", &CallOptions::new(), Timestamp::now())
            .unwrap();
    }
    assert_eq!((server.requests(), server.connections.load(Ordering::SeqCst)), (10, 1));

    let server = Server::answering(200, JSON, TOKENS);
    runtime().block_on(async {
        for _ in 0..10 {
            let client = aio::Client::new(server.options()).unwrap();
            client.fetch_token("code", &CallOptions::new(), Timestamp::now()).await.unwrap();
        }
    });
    assert_eq!((server.requests(), server.connections.load(Ordering::SeqCst)), (10, 1));
}

#[test]
fn one_client_serves_runtime_after_runtime() {
    let server = Server::answering(200, JSON, TOKENS);
    let client = aio::Client::new(server.options()).unwrap();
    let idle: Vec<_> = (0..20)
        .map(|_| {
            let runtime = runtime();
            runtime.block_on(client.fetch_token("code", &CallOptions::new(), Timestamp::now())).unwrap();
            runtime // kept, but nobody drives its connections any more
        })
        .collect();
    assert_eq!(idle.len(), server.requests());
}

#[test]
fn the_blocking_face_works_inside_of_a_runtime() {
    let server = Server::answering(200, JSON, TOKENS);
    let answer = runtime().block_on(async {
        Client::new(server.options()).unwrap().fetch_token("code", &CallOptions::new(), Timestamp::now())
    });
    assert_eq!(answer.unwrap()["expires_in"], 3600);
}

#[test]
fn the_query_of_an_address_is_kept() {
    // fault 29
    let server = Server::answering(200, JSON, TOKENS);
    let options = ProviderOptions {
        auth_url: Some("https://provider.example/authorize?tenant=a%20b".into()),
        token_url: Some(format!("{}/token?tenant=a%20b", server.base)),
        ..server.options()
    };
    fetch(&options).unwrap();
    assert_eq!(server.last().target, "/token?tenant=a%20b");
    let client = Client::new(options).unwrap();
    let url = client
        .authorization_url(&["openid", "user:email"], &CallOptions::new().parameter("state", "s+&= é"))
        .unwrap();
    assert_eq!(
        url,
        "https://provider.example/authorize?tenant=a%20b&response_type=code&client_id=demo\
         &redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=openid%20user%3Aemail&state=s%2B%26%3D%20%C3%A9"
    );
    let error = client.authorization_url(&[], &CallOptions::new().parameter("tenant", "b")).unwrap_err();
    assert_eq!(error.code(), "validation.invalid");
}

#[test]
fn addresses_are_https_or_this_machine_and_nothing_else() {
    // attack 69
    let options = |url: &str| ProviderOptions {
        client_id: "demo".into(),
        auth_url: Some(url.into()),
        token_url: Some("https://provider.example/token".into()),
        ..ProviderOptions::default()
    };
    for good in [
        "https://provider.example/authorize",
        "http://localhost:8000/authorize",
        "http://127.0.0.1/authorize",
        "http://127.8.9.10/authorize",
        "http://[::1]:80/authorize",
    ] {
        assert!(Client::new(options(good)).is_ok(), "{good}");
    }
    for bad in [
        "",
        "/authorize",
        "provider.example/authorize",
        "http://provider.example/authorize",
        "http://localhost.evil.example/authorize",
        "http://localhost:80@evil.example/authorize",
        "https://user:password@provider.example/authorize",
        "https://provider.example/authorize#fragment",
        "https://169.254.169.254/authorize",
        "http://169.254.169.254/authorize",
        "https://0.0.0.0/authorize",
        "http://0.0.0.0/authorize",
        "https://[fe80::1]/authorize",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://provider.example/authorize",
        "https://provider.example/authorize?client_id=another",
        "https://@provider.example/authorize",
        "https://:@provider.example/authorize",
        "https://evil.example\\@provider.example/authorize",
        "https:/\\provider.example/authorize",
        "https:provider.example/authorize",
        "https://provider.\texample/authorize",
        "https://provider.example/\r\nX: y",
        " https://provider.example/authorize",
        "https://[::ffff:169.254.169.254]/authorize",
        "https://[64:ff9b::169.254.169.254]/authorize",
        "https://[::169.254.169.254]/authorize",
        "http://[::ffff:127.0.0.1]/authorize",
        "http://127.0.0.1.evil.example/authorize",
    ] {
        let error = Client::new(options(bad)).unwrap_err();
        assert!(error.to_string().starts_with("oauth2.providers.provider.auth_url: "), "{bad}: {error}");
    }
}

#[test]
fn no_text_of_the_caller_ends_a_line_or_a_parameter() {
    let options = ProviderOptions {
        client_id: "id\r\nX: y&a=b".into(),
        auth_url: Some("https://provider.example/authorize".into()),
        token_url: Some("https://provider.example/token".into()),
        ..ProviderOptions::default()
    };
    let client = Client::new(options.clone()).unwrap();
    let url = client
        .authorization_url(&["a"], &CallOptions::new().parameter("state", "x\r\nX: y&scope=admin#f?"))
        .unwrap();
    assert!(!url.contains(['\r', '\n', ' ', '#', '+']), "{url}");
    assert_eq!(url.matches("scope=").count(), 1, "{url}");
    assert_eq!(url.matches('?').count(), 1, "{url}");
    assert!(client.authorization_url(&["a\r\nb"], &CallOptions::new()).is_err());
    for bad in ["java\nscript:alert(1)", "https://app.example/\r\nSet-Cookie: x", "https://app@evil.example/"]
    {
        let options = ProviderOptions { redirect_url: Some(bad.into()), ..options.clone() };
        assert_eq!(Client::new(options).unwrap_err().code(), "configuration.invalid", "{bad}");
    }
}

#[test]
fn what_the_call_sets_cannot_be_replaced() {
    let server = Server::answering(200, JSON, TOKENS);
    let client = Client::new(server.options()).unwrap();
    for name in ["client_id", "client_secret", "response_type", "grant_type", "code", ""] {
        let error = client
            .fetch_token("code", &CallOptions::new().parameter(name, "x"), Timestamp::now())
            .unwrap_err();
        assert_eq!(error.code(), "validation.invalid", "{name}");
    }
    for name in ["client_id", "client_secret", "response_type", "grant_type", "scope"] {
        let error = client.authorization_url(&["a"], &CallOptions::new().parameter(name, "x")).unwrap_err();
        assert_eq!(error.code(), "validation.invalid", "{name}");
    }
    let twice = CallOptions::new().parameter("state", "a").parameter("state", "b");
    assert!(client.authorization_url(&[], &twice).is_err());
    for scope in ["", " ", "a\nb", "é", "a\"b"] {
        assert!(client.authorization_url(&[scope], &CallOptions::new()).is_err(), "{scope:?}");
    }
    assert_eq!(
        client.fetch_token("", &CallOptions::new(), Timestamp::now()).unwrap_err().code(),
        "validation.invalid"
    );
    assert_eq!(
        client.refresh_token("", &CallOptions::new(), Timestamp::now()).unwrap_err().code(),
        "validation.invalid"
    );
    assert_eq!(server.requests(), 0);

    let other = CallOptions::new()
        .parameter("redirect_uri", "com.example.app:/callback")
        .grant_type("urn:example:another-grant");
    client.fetch_token("code", &other, Timestamp::now()).unwrap();
    let seen = server.last();
    assert_eq!(seen.field("redirect_uri"), Some("com.example.app:/callback"));
    assert_eq!(seen.field("grant_type"), Some("urn:example:another-grant"));
}

#[test]
fn a_preset_needs_no_address_unless_tenants_have_their_own() {
    for name in jam::oauth2::presets() {
        let options =
            ProviderOptions { name: name.into(), client_id: "demo".into(), ..ProviderOptions::default() };
        let url = Client::new(options)
            .and_then(|client| client.authorization_url(&["a", "b"], &CallOptions::new()));
        match name {
            "okta" | "auth0" | "keycloak" => {
                let error = url.unwrap_err().to_string();
                assert!(error.contains("auth_url") && error.contains("issuer"), "{error}");
            }
            "facebook" => assert!(url.unwrap().ends_with("?response_type=code&client_id=demo&scope=a%2Cb")),
            _ => assert!(url.unwrap().ends_with("?response_type=code&client_id=demo&scope=a%20b"), "{name}"),
        }
    }
}

#[test]
fn githubs_form_encoded_answers_are_read() {
    // fault 29. The bodies are those of GitHub's documentation and of a refused code.
    let form = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";
    let server = Server::answering(
        200,
        form,
        "access_token=gho_16C7e42F292c6912E7710c838347Ae178B4a&scope=repo%2Cgist&token_type=bearer",
    );
    let github = ProviderOptions { name: "github".into(), ..server.options() };
    let expected = json!({
        "access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a",
        "scope": "repo,gist",
        "token_type": "bearer",
    });
    assert_eq!(Value::Object(fetch(&github).unwrap()), expected);
    let server = Server::answering(
        200,
        form,
        "error=bad_verification_code&error_description=The+code+passed+is+incorrect+or+expired.",
    );
    assert_eq!(refusal(&server), OAuth2Error::Refused { error: "bad_verification_code".into() });
}

/// An issuer that offers one way of authentication, and calls itself by what `name` makes of its base URL.
fn issuer(method: &'static str, name: impl Fn(&str) -> String + Send + Sync + 'static) -> Server {
    Server::new(move |seen, stream| {
        let base = format!("http://{}", seen.header("host").unwrap());
        let body = match seen.target.as_str() {
            "/realms/one/.well-known/openid-configuration" => json!({
                "issuer": name(&base),
                "authorization_endpoint": format!("{base}/authorize"),
                "token_endpoint": format!("{base}/token"),
                "token_endpoint_auth_methods_supported": [method],
            })
            .to_string(),
            _ => TOKENS.to_owned(),
        };
        respond(stream, 200, JSON, body.as_bytes())
    })
}

#[test]
fn an_issuer_is_asked_once_for_its_endpoints() {
    let server = issuer("client_secret_post", |base| format!("{base}/realms/one"));
    let options = ProviderOptions {
        name: "keycloak".into(),
        auth_url: None,
        token_url: None,
        issuer: Some(format!("{}/realms/one", server.base)),
        ..server.options()
    };
    let client = Client::new(options.clone()).unwrap();
    assert_eq!(server.requests(), 0);
    let url = client.authorization_url(&[], &CallOptions::new()).unwrap();
    assert!(url.starts_with(&format!("{}/authorize?response_type=code", server.base)), "{url}");
    client.fetch_token("code", &CallOptions::new(), Timestamp::now()).unwrap();
    client.refresh_token("token", &CallOptions::new(), Timestamp::now()).unwrap();
    assert_eq!(server.requests(), 3);
    assert_eq!(server.last().field("client_secret"), Some("client-secret-value"));
    fetch(&options).unwrap();
}

#[test]
fn an_issuer_with_another_name_is_refused_and_asked_again_later() {
    // attack 69
    let server = issuer("client_secret_basic", |base| format!("{base}/realms/one/"));
    let options = ProviderOptions {
        auth_url: None,
        token_url: None,
        issuer: Some(format!("{}/realms/one", server.base)),
        ..server.options()
    };
    let client = Client::new(options).unwrap();
    let refused = |asked| {
        let error = client.fetch_token("code", &CallOptions::new(), Timestamp::now()).unwrap_err();
        assert!(matches!(error, Error::OAuth2(OAuth2Error::InvalidResponse(_))), "{error}");
        assert_eq!(server.requests(), asked);
    };
    refused(1);
    std::thread::sleep(Duration::from_millis(1100)); // it is not asked twice within a second
    refused(2);
}
