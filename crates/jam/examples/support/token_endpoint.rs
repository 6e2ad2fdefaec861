//! A small OAuth 2.0 provider for this machine: it knows one client, and grants what that client asks for.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};
use url::form_urlencoded;

pub(crate) const CLIENT_ID: &str = "demo";
pub(crate) const CLIENT_SECRET: &str = "demo-secret";

const LARGEST_FORM: usize = 65_536;

/// Serves the token endpoint of RFC 6749 on a free port until the program ends; gives its base URL, to which
/// `/authorize` and `/token` are added.
pub(crate) fn start() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let base = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A connection that breaks concerns its client alone.
            thread::spawn(move || serve(connection));
        }
    });
    Ok(base)
}

fn serve(mut connection: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    loop {
        let form = read_form(&mut reader)?;
        let (status, members) = answer(&form);
        let body = members.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all((head + &body).as_bytes())?;
    }
}

type Form = Vec<(String, String)>;

/// Reads one request; all that matters of it is the form.
fn read_form(reader: &mut BufReader<TcpStream>) -> Result<Form> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.by_ref().take(8192).read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(Error::other)?;
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    if length > LARGEST_FORM {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(form_urlencoded::parse(&body).into_owned().collect())
}

fn answer(form: &Form) -> (&'static str, Value) {
    let field = |name: &str| {
        let found = form.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    // RFC 6749 section 2.3.1, with the credentials in the form, as the client of `github` sends them.
    if (field("client_id"), field("client_secret")) != (Some(CLIENT_ID), Some(CLIENT_SECRET)) {
        return ("401 Unauthorized", json!({"error": "invalid_client"}));
    }
    // What each grant needs besides (sections 4.1.3, 6 and 4.4.2).
    let needs: &[&str] = match field("grant_type") {
        Some("authorization_code") => &["code", "redirect_uri"],
        Some("refresh_token") => &["refresh_token"],
        Some("client_credentials") => &[],
        _ => return ("400 Bad Request", json!({"error": "unsupported_grant_type"})),
    };
    if needs.iter().any(|name| field(name).is_none()) {
        return ("400 Bad Request", json!({"error": "invalid_request"}));
    }
    let mut tokens = json!({"access_token": random(), "token_type": "Bearer", "expires_in": 3600});
    if !needs.is_empty() {
        tokens["refresh_token"] = random().into();
    }
    if let Some(scope) = field("scope") {
        tokens["scope"] = scope.into();
    }
    ("200 OK", tokens)
}

fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
