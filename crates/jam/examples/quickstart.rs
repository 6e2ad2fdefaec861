//! Every call of Jam's awaited face, in order, on the SQLite store and a token endpoint on this machine.
//!
//! Run it with `cargo run --example quickstart`; run it twice to see the sessions of the first run again. The blocking face,
//! `jam::Jam`, has the same methods without `.await`.
#![allow(clippy::print_stdout)] // it is there to be read

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use jam::aio::Jam;
use jam::jose::{DecodeOptions, Jwt, JwtOptions};
use jam::oauth2::CallOptions;
use jam::otp::SharedSecret;
use jam::session::{SessionOptions, Sessions};
use jam::store::SqliteStore;
use jam::{CodeOptions, PasetoCreateOptions, PasetoDecodeOptions, PayloadOptions, Timestamp, VerifyOptions};
use serde::Serialize;
use serde_json::{Value, json};

/// Makes a call and prints it beside its result.
macro_rules! told {
    ($object:ident.$method:ident($($argument:expr),* $(,)?).await) => {{
        let result = $object.$method($($argument),*).await?;
        let arguments: &[&str] = &[$(stringify!($argument)),*];
        tell(&format!("{}.{}({}).await", stringify!($object), stringify!($method), arguments.join(", ")), &result);
        result
    }};
    ($object:ident.$method:ident($($argument:expr),* $(,)?)) => {{
        let result = $object.$method($($argument),*)?;
        let arguments: &[&str] = &[$(stringify!($argument)),*];
        tell(&format!("{}.{}({})", stringify!($object), stringify!($method), arguments.join(", ")), &result);
        result
    }};
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.demo");
    std::fs::create_dir_all(&folder)?;
    let sessions_file = folder.join("sessions.sqlite3");
    let jam = Jam::from_value(configuration(&token_endpoint()?, &sessions_file))?;

    sessions(&jam).await?;
    oauth2(&jam).await?;
    tokens_and_codes(&jam).await?;
    jam.aclose().await;
    parts_used_directly(sessions_file)?;
    heading("Every call gave what it should.");
    Ok(())
}

/// The configuration that the calls below need: a section for each part.
fn configuration(endpoint: &str, sessions_file: &Path) -> Value {
    json!({
        "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
        "session": {"sqlite_path": sessions_file},
        "otp": {"type": "totp", "digits": 6, "digest": "sha1", "interval": 30},
        "paseto": {"version": "v4", "purpose": "local", "key": "707172737475767778797a7b7c7d7e7f".repeat(2)},
        "oauth2": {"providers": {"github": {
            "client_id": "demo",
            "client_secret": "demo-secret",
            "redirect_url": "http://127.0.0.1:8000/callback",
            "auth_url": format!("{endpoint}/authorize"),
            "token_url": format!("{endpoint}/token"),
        }}},
    })
}

async fn sessions(jam: &Jam) -> Outcome {
    heading("Rust: sessions");
    // The Python quickstart has an owner of its own in the same file.
    let survivors = jam.session_list("Rust visitor").await?;
    tell("sessions of Rust visitors that survived earlier runs", &survivors.len());
    told!(jam.session_create("Rust visitor", &json!({"run": 1 + survivors.len()})).await);

    let session_id = told!(jam.session_create("user", &json!({"user_id": 1})).await);
    let data = told!(jam.session_get(&session_id).await);
    assert_eq!(data, Some(json!({"user_id": 1})));
    told!(jam.session_update(&session_id, &json!({"role": "admin"})).await);
    told!(jam.session_delete(&session_id).await);
    told!(jam.session_clear("user").await);

    let session_id = told!(jam.session_create("user", &json!({"user_id": 1})).await);
    let new_session_id = told!(jam.session_rework(&session_id).await);
    assert_eq!(told!(jam.session_get(&session_id).await), None);
    assert_eq!(told!(jam.session_get(&new_session_id).await), Some(json!({"user_id": 1})));
    Ok(())
}

async fn oauth2(jam: &Jam) -> Outcome {
    heading("Rust: OAuth2");
    let options = CallOptions::new();
    let auth_url = told!(jam.oauth2_get_authorized_url("github", &["user:email"], &options).await);
    assert!(auth_url.contains("scope=user%3Aemail"));
    let token = told!(jam.oauth2_fetch_token("github", "auth_code", &options).await);
    let new_token = told!(jam.oauth2_refresh_token("github", "refresh_token", &options).await);
    assert_ne!(new_token["access_token"], token["access_token"]);
    let token = told!(jam.oauth2_client_credentials_flow("github", &["read"], &options).await);
    assert_eq!(token["token_type"], "Bearer");
    Ok(())
}

async fn tokens_and_codes(jam: &Jam) -> Outcome {
    heading("Rust: JWT, OTP, PASETO");
    let payload = told!(jam.jwt_make_payload(PayloadOptions::new().exp(3600).claim("user_id", 1)).await);
    let token = told!(jam.jwt_create_token(&payload).await);
    let decoded = told!(jam.jwt_verify_token(&token, &VerifyOptions::new()).await);
    assert_eq!(decoded, payload);

    let secret = SharedSecret::from_base32("secret")?;
    let code = told!(jam.otp_code(&secret, None).await);
    assert!(told!(jam.otp_verify_code(&secret, &code, CodeOptions::new()).await));

    let payload = told!(jam.paseto_make_payload(PayloadOptions::new().exp(3600).claim("user_id", 1)).await);
    let token = told!(jam.paseto_create(&payload, &PasetoCreateOptions::new()).await);
    let decoded = jam.paseto_decode(&token, &PasetoDecodeOptions::new()).await?;
    tell("jam.paseto_decode(&token, &PasetoDecodeOptions::new()).await", &decoded.payload);
    assert_eq!(decoded.payload, payload);
    Ok(())
}

/// Each part works without the others; `now` is an argument there.
fn parts_used_directly(sessions_file: PathBuf) -> Outcome {
    heading("Rust: parts used directly");
    let now = Timestamp::now();
    let store = SqliteStore::open(sessions_file, "sessions")?;
    let sessions = Sessions::new(std::sync::Arc::new(store), SessionOptions::default())?;
    let session_id = told!(sessions.create("user", br#"{"data": 1}"#, now));
    assert_eq!(sessions.get(&session_id, now)?, Some(br#"{"data": 1}"#.to_vec()));

    let secret = vec![b"a secret of at least thirty-two bytes"[..].into()];
    let jwt = Jwt::new(JwtOptions { secret, ..JwtOptions::default() })?;
    let payload = json!({"user_id": 1}).as_object().cloned().unwrap_or_default();
    let token = told!(jwt.encode(&payload));
    assert_eq!(told!(jwt.decode(&token, &DecodeOptions::default(), now)), payload);
    Ok(())
}

fn heading(text: &str) {
    println!("\n{text}");
}

/// Prints one call with its result as JSON, of which the beginning is enough, in the columns of the Python quickstart.
fn tell(call: &str, result: &impl Serialize) {
    const CALL_WIDTH: usize = 60;
    const RESULT_WIDTH: usize = 34;
    let mut shown = serde_json::to_string(result).unwrap_or_default();
    if shown.chars().count() > RESULT_WIDTH {
        shown = shown.chars().take(RESULT_WIDTH - 3).chain("...".chars()).collect();
    }
    let call = if call.len() > CALL_WIDTH {
        println!("  {call}");
        ""
    } else {
        call
    };
    println!("  {call:CALL_WIDTH$} -> {shown}");
}

/// A small OAuth 2.0 provider on a free port of this machine; gives its base URL. It ends with the program.
fn token_endpoint() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let base = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            // A client that went away is no concern of the others.
            let _ = answer(stream, number);
        }
    });
    Ok(base)
}

/// Reads one request and answers with a new token (RFC 6749 section 5.1).
fn answer(mut stream: TcpStream, number: usize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > "\r\n".len() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let body = json!({
        "access_token": format!("access-{number}"),
        "refresh_token": format!("refresh-{number}"),
        "token_type": "Bearer",
        "expires_in": 3600,
    })
    .to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
