//! Every call of both faces, on all four stores, and the promise that the faces are twins.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use jam::config::{Backend, Config, SessionConfig};
use jam::oauth2::{CallOptions, Callback};
use jam::otp::SharedSecret;
use jam::paseto::{Footer, Key, Purpose, Version};
use jam::{CodeOptions, PasetoCreateOptions, PasetoDecodeOptions, PayloadOptions, VerifyOptions};
use serde_json::{Map, Value, json};
use support::redis_server::RedisServer;
use tokio::runtime::Runtime;

const SECRET: &str = "a secret of at least thirty-two bytes";
const PASETO_KEY: &str = "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f";

/// One of the two faces; `call!` makes the same call on either.
enum Face {
    Blocking(jam::Jam),
    Awaited(jam::aio::Jam, Runtime),
}

macro_rules! call {
    ($face:expr, $method:ident($($argument:expr),*)) => {
        match &$face {
            Face::Blocking(jam) => jam.$method($($argument),*),
            Face::Awaited(jam, runtime) => runtime.block_on(jam.$method($($argument),*)),
        }
    };
}

impl Face {
    fn both(config: &Value) -> [Self; 2] {
        Self::try_both(config).map(Result::unwrap)
    }

    fn try_both(config: &Value) -> [jam::Result<Self>; 2] {
        // The awaited one is made outside of its runtime, as a program's `main` may do.
        let awaited = jam::aio::Jam::from_value(config.clone());
        [
            jam::Jam::from_value(config.clone()).map(Self::Blocking),
            awaited.map(|awaited| Self::Awaited(awaited, Runtime::new().unwrap())),
        ]
    }

    fn close(&self) {
        match self {
            Self::Blocking(jam) => jam.close(),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.aclose()),
        }
    }

    fn list_add(&self, token: &str) {
        let now = jam::Timestamp::now();
        match self {
            Self::Blocking(jam) => jam.jwt_list().unwrap().add(token, now).unwrap(),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.jwt_list().unwrap().add(token, now)).unwrap(),
        }
    }

    fn list_delete(&self, token: &str) {
        let now = jam::Timestamp::now();
        match self {
            Self::Blocking(jam) => jam.jwt_list().unwrap().delete(token, now).unwrap(),
            Self::Awaited(jam, runtime) => {
                runtime.block_on(jam.jwt_list().unwrap().delete(token, now)).unwrap();
            }
        }
    }
}

/// A configuration for each store, with the keys of `section` beside those of the store.
fn on_every_store(type_key: &str, section: &Value, mut test: impl FnMut(&Value, &Value)) {
    let folder = tempfile::tempdir().unwrap();
    let redis = RedisServer::start();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for store in [
        json!({type_key: "memory"}),
        json!({type_key: "json", "json_path": at("kept.json")}),
        json!({type_key: "sqlite", "sqlite_path": at("kept.sqlite3")}),
        json!({type_key: "redis", "redis_uri": redis.url()}),
    ] {
        let mut merged = section.clone();
        let members = merged.as_object_mut().unwrap();
        members.append(&mut store.as_object().unwrap().clone());
        test(&merged, &store);
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn code<T: std::fmt::Debug>(result: jam::Result<T>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn sessions_do_on_every_store_what_the_page_says() {
    on_every_store("session_type", &json!({}), |section, store| {
        for face in Face::both(&json!({"session": section})) {
            let session_id = call!(face, session_create("user", &json!({"user_id": 1}))).unwrap();
            assert_eq!(
                call!(face, session_get(&session_id)).unwrap(),
                Some(json!({"user_id": 1})),
                "{store}"
            );
            call!(face, session_update(&session_id, &json!({"role": "admin"}))).unwrap();
            assert_eq!(call!(face, session_get(&session_id)).unwrap(), Some(json!({"role": "admin"})));

            let new_session_id = call!(face, session_rework(&session_id)).unwrap();
            assert_ne!(new_session_id, session_id);
            assert_eq!(call!(face, session_get(&session_id)).unwrap(), None);
            assert_eq!(call!(face, session_get(&new_session_id)).unwrap(), Some(json!({"role": "admin"})));

            let listed = call!(face, session_list("user")).unwrap();
            assert_eq!(listed.len(), 1, "{store}");
            assert!(!new_session_id.contains(&listed[0].handle));
            assert_eq!(call!(face, session_get(&listed[0].handle)).unwrap(), None);

            call!(face, session_delete(&new_session_id)).unwrap();
            call!(face, session_delete(&new_session_id)).unwrap();
            assert_eq!(call!(face, session_get(&new_session_id)).unwrap(), None);

            let ids = [(); 3].map(|()| call!(face, session_create("user", &json!({}))).unwrap());
            let other = call!(face, session_create("other", &json!({}))).unwrap();
            call!(face, session_clear("user")).unwrap();
            for id in &ids {
                assert_eq!(call!(face, session_get(id)).unwrap(), None);
            }
            assert_eq!(call!(face, session_get(&other)).unwrap(), Some(json!({})));
            call!(face, session_clear("other")).unwrap();
            assert!(call!(face, session_list("other")).unwrap().is_empty());
        }
    });
}

#[test]
fn a_supplied_id_never_makes_a_session() {
    // attacks 55 and 62
    on_every_store("session_type", &json!({}), |section, store| {
        for face in Face::both(&json!({"session": section})) {
            let dead = call!(face, session_create("user", &json!({}))).unwrap();
            call!(face, session_delete(&dead)).unwrap();
            for id in [dead.as_str(), "", "guessed", "../../etc/passwd", "a\0b", "é", &"x".repeat(100_000)] {
                assert_eq!(call!(face, session_get(id)).unwrap(), None, "{store}");
                assert_eq!(code(call!(face, session_update(id, &json!({})))), "sessions.not_found");
                assert_eq!(code(call!(face, session_rework(id))), "sessions.not_found");
                call!(face, session_delete(id)).unwrap();
            }
            assert!(call!(face, session_list("user")).unwrap().is_empty());
        }
    });
}

#[test]
fn sessions_in_files_survive_the_instance_and_are_shared_by_the_faces() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, key) in [("json", "json_path"), ("sqlite", "sqlite_path")] {
        let config = json!({"session": {"session_type": kind, key: folder.path().join(kind)}});
        let [blocking, awaited] = Face::both(&config);
        let session_id = call!(blocking, session_create("user", &json!({"from": "blocking"}))).unwrap();
        blocking.close();
        let read = call!(awaited, session_get(&session_id)).unwrap();
        assert_eq!(read, Some(json!({"from": "blocking"})), "{kind}");
        awaited.close();
        let [again, _] = Face::both(&config);
        assert!(call!(again, session_get(&session_id)).unwrap().is_some(), "{kind}");
    }
}

#[test]
fn configured_lifetimes_and_encryption_reach_the_sessions() {
    // fault 24
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.json");
    let config = json!({"session": {
        "session_type": "json", "json_path": path, "default_ttl": 600, "absolute_ttl": 900,
        "is_session_crypt": true, "session_aes_secret": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }});
    for face in Face::both(&config) {
        let session_id = call!(face, session_create("user", &json!({"plain": "text to find"}))).unwrap();
        let listed = call!(face, session_list("user")).unwrap();
        let expires = listed[0].expires.unwrap().saturating_since(listed[0].created);
        assert!(expires <= Duration::from_secs(600) && expires > Duration::from_secs(590), "{expires:?}");
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(!kept.contains("text to find") && !kept.contains(&session_id));
        call!(face, session_clear("user")).unwrap();
    }
}

#[test]
fn sessions_hold_any_json_and_refuse_what_could_not_be_read_again() {
    for face in Face::both(&json!({"session": {"session_type": "memory"}})) {
        for data in [json!(null), json!([1, "two"]), json!("text"), json!({"a": {"b": [1.5, true, null]}})] {
            let session_id = call!(face, session_create("user", &data)).unwrap();
            assert_eq!(call!(face, session_get(&session_id)).unwrap(), Some(data));
        }
        // attack 30
        let deep = (0..1_000).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(code(call!(face, session_create("user", &deep))), "validation.invalid");
    }
}

#[test]
fn a_black_list_refuses_on_every_store_what_was_put_on_it() {
    on_every_store("backend", &json!({"type": "black"}), |list, store| {
        for face in Face::both(&json!({"jwt": {"alg": "HS256", "secret": SECRET, "list": list}})) {
            let payload = call!(face, jwt_make_payload(PayloadOptions::new().exp(600))).unwrap();
            let token = call!(face, jwt_create_token(&payload)).unwrap();
            let options = VerifyOptions::new();
            assert_eq!(call!(face, jwt_verify_token(&token, &options)).unwrap(), payload, "{store}");
            face.list_add(&token);
            assert_eq!(code(call!(face, jwt_verify_token(&token, &options))), "jwt.blacklist", "{store}");
            let unlisted = VerifyOptions::new().check_list(false);
            assert_eq!(call!(face, jwt_verify_token(&token, &unlisted)).unwrap(), payload);
            // fault 1: another spelling of the token escaped the list
            for other in [format!("{token}="), format!("{token}!!!!"), format!(" {token}")] {
                assert_eq!(code(call!(face, jwt_verify_token(&other, &unlisted))), "jwt.malformed");
            }
            face.list_delete(&token);
            assert_eq!(call!(face, jwt_verify_token(&token, &options)).unwrap(), payload);
            // The list forgets a token when it has expired: a larger leeway would admit a revoked one then.
            let lenient = VerifyOptions::new().leeway(std::time::Duration::from_secs(60));
            assert_eq!(code(call!(face, jwt_verify_token(&token, &lenient))), "validation.invalid");
        }
    });
}

#[test]
fn a_white_list_admits_on_every_store_only_what_was_created() {
    on_every_store("backend", &json!({"type": "white"}), |list, store| {
        for face in Face::both(&json!({"jwt": {"alg": "HS256", "secret": SECRET, "list": list}})) {
            let payload = call!(face, jwt_make_payload(PayloadOptions::new().exp(600))).unwrap();
            let token = call!(face, jwt_create_token(&payload)).unwrap();
            let options = VerifyOptions::new();
            assert_eq!(call!(face, jwt_verify_token(&token, &options)).unwrap(), payload, "{store}");
            face.list_delete(&token);
            assert_eq!(code(call!(face, jwt_verify_token(&token, &options))), "jwt.whitelist", "{store}");
        }
    });
}

#[test]
fn the_signature_is_told_before_the_list_and_the_times() {
    // attack 37
    let config =
        json!({"jwt": {"alg": "HS256", "secret": SECRET, "list": {"type": "white", "backend": "memory"}}});
    for face in Face::both(&config) {
        let payload = call!(face, jwt_make_payload(PayloadOptions::new().exp(-60))).unwrap();
        let token = call!(face, jwt_create_token(&payload)).unwrap();
        assert_eq!(code(call!(face, jwt_verify_token(&token, &VerifyOptions::new()))), "jwt.token_expired");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
        let refused = code(call!(face, jwt_verify_token(&forged, &VerifyOptions::new())));
        assert!(["jwt.invalid_signature", "jwt.malformed"].contains(&refused), "{refused}");
    }
}

#[test]
fn the_configured_rules_reach_the_tokens_and_a_call_can_replace_them() {
    let config = json!({"jwt": {
        "alg": "HS256", "secret": SECRET, "expire": 600, "issuer": "me", "audience": ["shop", "desk"], "leeway": 120,
    }});
    for face in Face::both(&config) {
        let payload = call!(face, jwt_make_payload(PayloadOptions::new().claim("role", "admin"))).unwrap();
        assert_eq!(payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap(), 600);
        assert_eq!((&payload["iss"], &payload["role"]), (&json!("me"), &json!("admin")));
        let token = call!(face, jwt_create(&payload)).unwrap();
        assert_eq!(call!(face, jwt_decode(&token, &VerifyOptions::new())).unwrap(), payload);
        assert_eq!(call!(face, jwt_encode(&payload)).unwrap(), token);
        for options in [VerifyOptions::new().issuer("ME"), VerifyOptions::new().audience("sho")] {
            assert_eq!(code(call!(face, jwt_verify_token(&token, &options))), "jwt.invalid_claim"); // attack 36
        }
        let options = VerifyOptions::new().audience("other").audience("desk");
        assert!(call!(face, jwt_verify_token(&token, &options)).is_ok());

        let late = call!(face, jwt_make_payload(PayloadOptions::new().exp(-60))).unwrap();
        let late = call!(face, jwt_create_token(&late)).unwrap();
        assert!(call!(face, jwt_verify_token(&late, &VerifyOptions::new())).is_ok());
        let strict = VerifyOptions::new().leeway(Duration::ZERO);
        assert_eq!(code(call!(face, jwt_verify_token(&late, &strict))), "jwt.token_expired");
        assert!(call!(face, jwt_verify_token(&late, &strict.check_exp(false))).is_ok());
    }
}

#[test]
fn a_token_without_list_and_without_exp_verifies() {
    // fault 31
    for face in Face::both(&json!({"jwt": {"alg": "HS256", "secret": SECRET}})) {
        let payload = object(json!({"user_id": 1}));
        let token = call!(face, jwt_create_token(&payload)).unwrap();
        assert_eq!(call!(face, jwt_verify_token(&token, &VerifyOptions::new())).unwrap(), payload);
        let payload = call!(face, jwt_make_payload(PayloadOptions::new().data(payload))).unwrap();
        assert!(!payload.contains_key("exp") && payload["iat"].is_i64() && payload["jti"].is_string());
    }
}

#[test]
fn one_time_passwords_honour_every_configured_parameter() {
    // fault 31; the numbers are those of RFC 6238 appendix B and RFC 4226 appendix D
    let seed = SharedSecret::from_bytes(b"12345678901234567890123456789012").unwrap();
    let config = json!({"otp": {"type": "totp", "digits": 8, "digest": "sha256", "interval": 30}});
    for face in Face::both(&config) {
        assert_eq!(call!(face, otp_code(&seed, Some(59))).unwrap(), "46119246");
        let at = |factor| CodeOptions::new().factor(factor);
        assert!(call!(face, otp_verify_code(&seed, "46119246", at(89))).unwrap());
        assert!(!call!(face, otp_verify_code(&seed, "46119246", at(120))).unwrap());
        assert!(!call!(face, otp_verify_code(&seed, "46119246", at(60).look_ahead(0))).unwrap());
        assert_eq!(call!(face, otp_verify_step(&seed, "46119246", at(89))).unwrap(), Some(1));
        assert_eq!(call!(face, otp_verify_step(&seed, "46119246", at(120))).unwrap(), None);
        let svg = call!(face, otp_qr_svg(&seed, "ann", "My App", None)).unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
        let uri = call!(face, otp_uri(&seed, "ann", "My App", None)).unwrap();
        assert!(uri.contains("digits=8") && uri.contains("SHA256") && uri.contains("My%20App"), "{uri}");
    }
    let seed = SharedSecret::from_bytes(b"12345678901234567890").unwrap();
    for face in Face::both(&json!({"otp": {"type": "hotp"}})) {
        assert_eq!(call!(face, otp_code(&seed, Some(0))).unwrap(), "755224");
        assert!(call!(face, otp_verify_code(&seed, "287082", CodeOptions::new().factor(0))).unwrap());
        assert_eq!(
            call!(face, otp_verify_step(&seed, "287082", CodeOptions::new().factor(0))).unwrap(),
            Some(1)
        );
        assert_eq!(code(call!(face, otp_code(&seed, None))), "validation.invalid");
        let uri = call!(face, otp_uri(&seed, "ann", "me", Some(5))).unwrap();
        assert!(uri.starts_with("otpauth://hotp/") && uri.contains("counter=5"), "{uri}");
    }
    // The page's own secret.
    let secret = SharedSecret::from_base32("secret").unwrap();
    for face in Face::both(&json!({"otp": {}})) {
        let code = call!(face, otp_code(&secret, None)).unwrap();
        assert!(call!(face, otp_verify_code(&secret, &code, CodeOptions::new())).unwrap());
    }
}

#[test]
fn paseto_makes_and_reads_every_version_and_purpose() {
    for version in Version::ALL {
        for purpose in [Purpose::Local, Purpose::Public] {
            let key = Key::generate(version, purpose).to_paserk();
            let section =
                json!({"version": version.to_string(), "purpose": purpose.to_string(), "key": key.expose()});
            for face in Face::both(&json!({"paseto": section})) {
                let options = PayloadOptions::new().exp(600).claim("user_id", 1);
                let payload = call!(face, paseto_make_payload(options)).unwrap();
                assert!(payload["exp"].is_string(), "RFC 3339 text");
                let assertion = if version.takes_implicit_assertion() { "tenant" } else { "" };
                let bound = PasetoCreateOptions::new().footer(r#"{"kid":"1"}"#).implicit_assertion(assertion);
                let token = call!(face, paseto_create(&payload, &bound)).unwrap();
                assert!(token.starts_with(&format!("{version}.{purpose}.")));
                let bound = PasetoDecodeOptions::new().implicit_assertion(assertion);
                let decoded = call!(face, paseto_decode(&token, &bound)).unwrap();
                assert_eq!(decoded.payload, payload);
                assert_eq!(decoded.footer, Footer::Object(object(json!({"kid": "1"}))));
                let other = PasetoDecodeOptions::new().implicit_assertion("other");
                let expected =
                    if assertion.is_empty() { "validation.invalid" } else { "paseto.key_verification" };
                assert_eq!(code(call!(face, paseto_decode(&token, &other))), expected);

                let late = call!(face, paseto_make_payload(PayloadOptions::new().exp(-60))).unwrap();
                let late = call!(face, paseto_create(&late, &PasetoCreateOptions::new())).unwrap();
                let unbound = PasetoDecodeOptions::new();
                assert_eq!(code(call!(face, paseto_decode(&late, &unbound))), "paseto.token_expired"); // fault 4
                assert!(call!(face, paseto_decode(&late, &unbound.clone().check_exp(false))).is_ok());
            }
        }
    }
}

#[test]
fn paseto_keys_can_be_changed_while_tokens_live() {
    let keys: Vec<Key> = (0..2).map(|_| Key::generate(Version::V4, Purpose::Local)).collect();
    let texts: Vec<String> = keys.iter().map(|key| key.to_paserk().expose().clone()).collect();
    let section =
        |key: serde_json::Value| json!({"paseto": {"version": "v4", "purpose": "local", "key": key}});
    let create = PasetoCreateOptions::new();
    for (before, after) in
        Face::both(&section(json!(texts[1]))).into_iter().zip(Face::both(&section(json!(texts))))
    {
        let payload = object(json!({"user_id": 1}));
        let token = call!(before, paseto_create(&payload, &create)).unwrap();
        let decode = PasetoDecodeOptions::new();
        let decoded = call!(after, paseto_decode(&token, &decode)).unwrap();
        assert_eq!((decoded.payload, decoded.footer), (payload.clone(), Footer::None));
        let with_footer = create.clone().footer(object(json!({"a": 1})));
        for (options, expected) in
            [(&create, json!({"kid": keys[0].kid()})), (&with_footer, json!({"a": 1, "kid": keys[0].kid()}))]
        {
            let token = call!(after, paseto_create(&payload, options)).unwrap();
            let decoded = call!(after, paseto_decode(&token, &decode)).unwrap();
            assert_eq!(decoded.footer, Footer::Object(object(expected)));
            assert_eq!(code(call!(before, paseto_decode(&token, &decode))), "paseto.key_verification");
        }
    }
}

/// A provider that answers every request with tokens named after the grant.
fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut form = vec![0; length];
            reader.read_exact(&mut form).unwrap();
            let form: Vec<(String, String)> = url::form_urlencoded::parse(&form).into_owned().collect();
            let grant = form.iter().find(|(name, _)| name == "grant_type").map(|(_, value)| value.as_str());
            let body = json!({"access_token": grant, "token_type": "Bearer", "expires_in": 60}).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    base
}

#[test]
fn the_four_oauth2_calls_of_the_page_work() {
    // fault 29
    let base = provider();
    let config = json!({"oauth2": {"providers": {"github": {
        "client_id": "demo", "client_secret": "demo-secret", "redirect_uri": "http://127.0.0.1:8000/callback",
        "auth_url": format!("{base}/authorize?tenant=1"), "token_url": format!("{base}/token"),
    }}}});
    let options = CallOptions::new();
    for face in Face::both(&config) {
        let with_state = CallOptions::new().parameter("state", "s1");
        let url = call!(face, oauth2_get_authorized_url("github", &["user:email"], &with_state)).unwrap();
        for part in ["tenant=1", "client_id=demo", "scope=user%3Aemail", "state=s1", "response_type=code"] {
            assert!(url.contains(part), "{url}");
        }
        let token = call!(face, oauth2_fetch_token("github", "auth_code", &options)).unwrap();
        assert_eq!(token["access_token"], "authorization_code");
        let token = call!(face, oauth2_refresh_token("github", "old", &options)).unwrap();
        assert_eq!(token["access_token"], "refresh_token");
        let token = call!(face, oauth2_client_credentials_flow("github", &["read"], &options)).unwrap();
        assert_eq!(token["access_token"], "client_credentials");

        let unknown = call!(face, oauth2_fetch_token("gitlab", "auth_code", &options)).unwrap_err();
        assert_eq!(unknown.code(), "oauth2.configuration.provider_not_configured");
        assert!(unknown.to_string().contains("\"github\""), "{unknown}");
    }
}

#[test]
fn providers_known_by_name_need_no_addresses() {
    let providers = ["github", "gitlab", "google", "yandex"];
    let section = |name: &&str| ((*name).to_owned(), json!({"client_id": "demo"}));
    let sections: Map<String, Value> = providers.iter().map(section).collect();
    for face in Face::both(&json!({"oauth2": {"providers": sections}})) {
        for name in providers {
            let url = call!(face, oauth2_get_authorized_url(name, &["read"], &CallOptions::new())).unwrap();
            assert!(url.starts_with("https://") && url.contains("client_id=demo"), "{url}");
        }
    }
}

#[test]
fn any_bytes_are_signed_and_verified_with_the_keys_of_the_configuration() {
    let old = "another secret of more than thirty-two bytes";
    let config = |secret: Value| json!({"jose": {"jws": {"alg": "HS256", "secret": secret}}});
    for (face, before) in
        Face::both(&config(json!([SECRET, old]))).into_iter().zip(Face::both(&config(json!(old))))
    {
        let header = json!({"typ": "note", "cty": "text/plain"});
        let token = call!(face, jws_sign(b"\xff bytes", header.as_object())).unwrap();
        let verified = call!(face, jws_verify(&token)).unwrap();
        assert_eq!(verified.payload(), b"\xff bytes");
        assert_eq!(verified.header().token_type(), Some("note"));
        assert!(verified.header().key_id().is_some());
        assert_eq!(call!(before, jws_verify(&token)).unwrap_err().code(), "jwt.invalid_signature");
        let token = call!(before, jws_sign(b"", None)).unwrap();
        assert_eq!(call!(face, jws_verify(&token)).unwrap().payload(), b"");
        let contradiction = json!({"alg": "none"});
        let error = call!(face, jws_sign(b"", contradiction.as_object())).unwrap_err();
        assert_eq!(error.code(), "validation.invalid");
    }
    // attack 9
    for (secret, more, code) in
        [("secret", json!({}), Some("key.weak")), ("secret", json!({"allow_short_secret": true}), None)]
    {
        let mut section = json!({"alg": "HS256", "secret": secret});
        section.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        for face in Face::try_both(&json!({"jose": {"jws": section}})) {
            assert_eq!(face.err().map(|error| error.code()), code);
        }
    }
}

#[test]
fn any_bytes_are_encrypted_and_decrypted_with_the_keys_of_the_configuration() {
    let [old, new] =
        ["BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg="];
    let config =
        |secret: Value| json!({"jose": {"jwe": {"alg": "A256KW", "enc": "A256GCM", "secret": secret}}});
    for (face, before) in
        Face::both(&config(json!([new, old]))).into_iter().zip(Face::both(&config(json!(old))))
    {
        let header = json!({"cty": "text/plain"});
        let token = call!(face, jwe_encrypt(b"\xff bytes", header.as_object())).unwrap();
        let decrypted = call!(face, jwe_decrypt(&token)).unwrap();
        assert_eq!(decrypted.plaintext(), b"\xff bytes");
        assert_eq!(decrypted.header().content_type(), Some("text/plain"));
        assert!(decrypted.header().key_id().is_some());
        assert_eq!(call!(before, jwe_decrypt(&token)).unwrap_err().code(), "jwe.decryption_failed");
        let token = call!(before, jwe_encrypt(b"", None)).unwrap();
        assert_eq!(call!(face, jwe_decrypt(&token)).unwrap().plaintext(), b"");
        let contradiction = json!({"alg": "dir"});
        let error = call!(face, jwe_encrypt(b"", contradiction.as_object())).unwrap_err();
        assert_eq!(error.code(), "validation.invalid");
    }
    let pair = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n-----END PRIVATE KEY-----\n";
    let public = json!({"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"});
    for (section, code) in [
        (json!({"alg": "ECDH-ES", "enc": "A128GCM", "private_key": pair}), None),
        (json!({"alg": "ECDH-ES", "enc": "A128GCM", "public_key": public}), None),
        (json!({"alg": "ECDH-ES", "enc": "A128GCM", "public_key": public, "private_key": pair}), None),
        (json!({"alg": "ECDH-ES", "enc": "A128GCM"}), Some("key.not_found")),
        (json!({"alg": "ECDH-ES", "enc": "A128GCM", "secret": "a"}), Some("configuration.invalid")),
        (
            json!({"alg": "ECDH-ES", "enc": "A128GCM", "private_key": pair, "password": "a"}),
            Some("key.malformed"),
        ),
        (json!({"alg": "RSA-OAEP", "enc": "A128GCM", "private_key": pair}), Some("key.wrong_kind")),
        (json!({"alg": "dir", "enc": "A128GCM"}), Some("key.not_found")),
        (json!({"alg": "dir", "enc": "A128GCM", "public_key": public}), Some("configuration.invalid")),
        (json!({"alg": "dir", "enc": "A128GCM", "secret": "sixteen letters."}), None),
        (json!({"alg": "dir", "enc": "A128GCM", "secret": "another length"}), Some("key.wrong_kind")),
        (
            json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "secret": "a"}),
            Some("configuration.invalid"),
        ),
        (json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "secret": "a", "allow_pbes2": true}), None),
    ] {
        for face in Face::try_both(&json!({"jose": {"jwe": section}})) {
            assert_eq!(face.err().map(|error| error.code()), code, "{section}");
        }
    }
}

#[test]
fn a_part_without_a_section_names_the_section() {
    let secret = SharedSecret::from_base32("secret").unwrap();
    let (empty, call_options) = (Map::new(), CallOptions::new());
    let named = |error: jam::Error, section: &str| {
        assert_eq!(error.code(), "configuration.missing_section");
        assert!(error.to_string().contains(&format!("{section:?}")), "{error}");
    };
    for face in Face::both(&json!({})) {
        named(call!(face, jwt_make_payload(PayloadOptions::new())).unwrap_err(), "jwt");
        named(call!(face, jwt_create_token(&empty)).unwrap_err(), "jwt");
        named(call!(face, jwt_verify_token("t", &VerifyOptions::new())).unwrap_err(), "jwt");
        named(call!(face, jws_sign(b"x", None)).unwrap_err(), "jose.jws");
        named(call!(face, jws_verify("t")).unwrap_err(), "jose.jws");
        named(call!(face, jwe_encrypt(b"x", None)).unwrap_err(), "jose.jwe");
        named(call!(face, jwe_decrypt("t")).unwrap_err(), "jose.jwe");
        named(call!(face, session_create("user", &json!({}))).unwrap_err(), "session");
        named(call!(face, session_get("id")).unwrap_err(), "session");
        named(call!(face, session_update("id", &json!({}))).unwrap_err(), "session");
        named(call!(face, session_delete("id")).unwrap_err(), "session");
        named(call!(face, session_clear("user")).unwrap_err(), "session");
        named(call!(face, session_rework("id")).unwrap_err(), "session");
        named(call!(face, session_list("user")).unwrap_err(), "session");
        named(call!(face, otp_code(&secret, None)).unwrap_err(), "otp");
        named(call!(face, otp_uri(&secret, "a", "b", None)).unwrap_err(), "otp");
        named(call!(face, otp_verify_code(&secret, "1", CodeOptions::new())).unwrap_err(), "otp");
        named(call!(face, otp_verify_step(&secret, "1", CodeOptions::new())).unwrap_err(), "otp");
        named(call!(face, otp_verify_once(&secret, "1", CodeOptions::new())).unwrap_err(), "otp");
        named(call!(face, otp_qr_svg(&secret, "a", "b", None)).unwrap_err(), "otp");
        named(call!(face, oauth2_get_authorized_url("github", &[], &call_options)).unwrap_err(), "oauth2");
        named(call!(face, oauth2_fetch_token("github", "c", &call_options)).unwrap_err(), "oauth2");
        named(call!(face, oauth2_refresh_token("github", "t", &call_options)).unwrap_err(), "oauth2");
        named(
            call!(face, oauth2_client_credentials_flow("github", &[], &call_options)).unwrap_err(),
            "oauth2",
        );
        let callback = Callback::from_url("?code=c&state=s").unwrap();
        named(call!(face, oauth2_begin("github", None, &call_options)).unwrap_err(), "oauth2");
        named(call!(face, oauth2_complete("github", &callback, "b")).unwrap_err(), "oauth2");
        named(call!(face, oauth2_userinfo("github", "t")).unwrap_err(), "oauth2");
        named(call!(face, oauth2_introspect("github", "t")).unwrap_err(), "oauth2");
        named(call!(face, oauth2_revoke("github", "t")).unwrap_err(), "oauth2");
        named(call!(face, oauth2_device_begin("github", &[])).unwrap_err(), "oauth2");
        named(call!(face, paseto_make_payload(PayloadOptions::new())).unwrap_err(), "paseto");
        named(call!(face, paseto_create(&empty, &PasetoCreateOptions::new())).unwrap_err(), "paseto");
        named(call!(face, paseto_decode("t", &PasetoDecodeOptions::new())).unwrap_err(), "paseto");
    }
}

#[test]
fn a_broken_section_is_refused_at_construction_and_leaves_no_file_behind() {
    // fault 30
    let folder = tempfile::tempdir().unwrap();
    let session = json!({"session_type": "json", "json_path": folder.path().join("kept.json")});
    for (section, expected) in [
        (json!({"jwt": {"alg": "HS256", "secret": ""}}), "jwt.empty_secret_key"), // attack 8
        (json!({"jwt": {"alg": "ES256", "private_key": "no key"}}), "key.malformed"),
        (json!({"jwt": {"alg": "HS256", "secret": SECRET, "leeway": 1e9}}), "configuration.invalid"), // attack 34
        (
            json!({"paseto": {"version": "v4", "purpose": "local", "key": "short"}}),
            "paseto.invalid_symmetric_key",
        ),
        (
            json!({"paseto": {"version": "v5", "purpose": "local", "key": PASETO_KEY}}),
            "configuration.invalid",
        ),
        (json!({"otp": {"digits": 5}}), "configuration.invalid"),
        (json!({"otp": {"replay_guard": {"backend": "none"}}}), "configuration.invalid"),
        (json!({"oauth2": {"providers": {"mine": {"client_id": "a"}}}}), "configuration.invalid"),
        (json!({"jwtt": {}}), "configuration.invalid"),
    ] {
        let mut config = section.clone();
        config["session"] = session.clone();
        for refused in Face::try_both(&config) {
            let error = refused.err().unwrap();
            assert_eq!(error.code(), expected, "{section}: {error}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_public_key_of_an_asymmetric_algorithm_is_no_hmac_secret() {
    // attacks 2 and 3
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAHuVqSMgv+ZFioUvFRGEmdOXWH7kxfmXUBVeA/by03DU=\n-----END PUBLIC KEY-----\n";
    for refused in Face::try_both(&json!({"jwt": {"alg": "HS256", "secret": pem}})) {
        assert!(refused.err().unwrap().code().starts_with("key."));
    }
}

#[test]
fn a_closed_instance_says_so_and_its_other_parts_work_on() {
    let config = json!({"jwt": {"alg": "HS256", "secret": SECRET}, "session": {"session_type": "memory"}});
    for face in Face::both(&config) {
        face.close();
        face.close();
        assert_eq!(code(call!(face, session_create("user", &json!({})))), "store.closed");
        assert!(call!(face, jwt_create_token(&Map::new())).is_ok());
    }
}

#[test]
fn a_configuration_can_be_made_in_code_and_in_a_file() {
    let session = SessionConfig { backend: Backend::Memory, ..SessionConfig::default() };
    let jam = jam::Jam::new(Config { session: Some(session), ..Config::default() }).unwrap();
    assert!(jam.session().is_some() && jam.jwt().is_none() && jam.jwt_list().is_none());
    assert!(jam.otp().is_none() && jam.paseto().is_none() && jam.oauth2("github").is_none());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jam.toml");
    std::fs::write(&path, "[jam.otp]\ndigits = 8\n").unwrap();
    assert_eq!(jam::Jam::from_path(&path).unwrap().otp().unwrap().options.digits, 8);
    assert_eq!(jam::aio::Jam::from_path(&path).unwrap().otp().unwrap().options.digits, 8);
}

#[test]
fn nothing_secret_is_shown() {
    // attack 74
    let config = json!({
        "jwt": {"alg": "HS256", "secret": SECRET},
        "paseto": {"version": "v4", "purpose": "local", "key": PASETO_KEY},
        "session": {"session_type": "memory"},
    });
    let blocking = jam::Jam::from_value(config.clone()).unwrap();
    let awaited = jam::aio::Jam::from_value(config).unwrap();
    for shown in [format!("{blocking:?}"), format!("{awaited:?}"), format!("{:?}", blocking.jwt())] {
        assert!(!shown.contains(SECRET) && !shown.contains(PASETO_KEY), "{shown}");
    }
}

#[test]
fn clones_share_everything_between_threads() {
    let jam = jam::Jam::from_value(json!({"session": {"session_type": "memory"}})).unwrap();
    let threads = (0..8).map(|thread| {
        let jam = jam.clone();
        std::thread::spawn(move || {
            let ids = (0..25).map(|count| jam.session_create("user", &json!([thread, count])).unwrap());
            ids.collect::<Vec<_>>()
        })
    });
    let threads: Vec<_> = threads.collect();
    for (thread, handle) in threads.into_iter().enumerate() {
        for (count, id) in handle.join().unwrap().iter().enumerate() {
            assert_eq!(jam.session_get(id).unwrap(), Some(json!([thread, count])));
        }
    }
    assert_eq!(jam.session_list("user").unwrap().len(), 200);
}

/// Tasks move between threads, so the futures of the awaited face must too.
#[allow(dead_code)] // it is enough that it compiles
fn every_future_can_be_sent(jam: jam::aio::Jam, secret: SharedSecret, map: Map<String, Value>) {
    fn sent<T: Send>(_: T) {}
    let (verify, call) = (VerifyOptions::new(), CallOptions::new());
    sent(jam.clone());
    sent(jam.jwt_make_payload(PayloadOptions::new()));
    sent(jam.jwt_create_token(&map));
    sent(jam.jwt_verify_token("", &verify));
    sent(jam.session_create("", &Value::Null));
    sent(jam.session_get(""));
    sent(jam.session_update("", &Value::Null));
    sent(jam.session_delete(""));
    sent(jam.session_clear(""));
    sent(jam.session_rework(""));
    sent(jam.session_list(""));
    sent(jam.otp_code(&secret, None));
    sent(jam.otp_verify_once(&secret, "", CodeOptions::new()));
    sent(jam.oauth2_get_authorized_url("", &[], &call));
    sent(jam.oauth2_fetch_token("", "", &call));
    sent(jam.oauth2_begin("", None, &call));
    sent(jam.oauth2_complete("", &Callback::from_url("?").unwrap(), ""));
    sent(jam.oauth2_userinfo("", ""));
    sent(jam.oauth2_device_begin("", &[]));
    sent(jam.paseto_create(&map, &PasetoCreateOptions::new()));
}

/// The public methods of a face as `name(arguments) -> result`, without the keyword that tells the faces apart.
fn methods(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let source = std::fs::read_to_string(path).unwrap();
    let methods = source.split("    pub ").skip(1).filter_map(|text| {
        let text = text.strip_prefix("async ").unwrap_or(text).strip_prefix("fn ")?;
        let signature = text.split(" {\n").next()?;
        let words: Vec<_> = signature.split_whitespace().collect();
        Some(words.join(" ").replace("( ", "(").replace(", )", ")"))
    });
    methods.collect()
}

#[test]
fn the_faces_have_the_same_methods_with_the_same_arguments() {
    let (blocking, awaited) = (methods("jam.rs"), methods("aio.rs"));
    let closing = |awaited: &String| awaited.replace("aclose(", "close(");
    assert_eq!(blocking, awaited.iter().map(closing).collect::<Vec<_>>());

    // Every call of the page and the aliases, so that the comparison above cannot pass by finding nothing.
    let names: Vec<_> = blocking.iter().filter_map(|method| method.split('(').next()).collect();
    for expected in [
        "jwt_make_payload",
        "jwt_create_token",
        "jwt_verify_token",
        "jwt_create",
        "jwt_encode",
        "jwt_decode",
        "session_create",
        "session_get",
        "session_update",
        "session_delete",
        "session_clear",
        "session_rework",
        "session_list",
        "otp_code",
        "otp_uri",
        "otp_verify_code",
        "otp_verify_step",
        "otp_verify_once",
        "otp_qr_svg",
        "oauth2_get_authorized_url",
        "oauth2_fetch_token",
        "oauth2_refresh_token",
        "oauth2_client_credentials_flow",
        "oauth2_begin",
        "oauth2_complete",
        "oauth2_userinfo",
        "oauth2_introspect",
        "oauth2_revoke",
        "oauth2_device_begin",
        "oauth2_device_complete",
        "paseto_make_payload",
        "paseto_create",
        "paseto_decode",
        "close",
    ] {
        assert!(names.contains(&expected), "{expected}");
    }
}

#[test]
fn the_methods_of_the_awaited_face_are_async() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aio.rs");
    let source = std::fs::read_to_string(path).unwrap();
    for part in ["jwt", "session", "otp", "oauth2", "paseto"] {
        let calls = source.lines().filter(|line| line.trim_start().starts_with(&format!("pub fn {part}_")));
        let calls: Vec<_> = calls.filter(|line| !line.contains("jwt_list(")).collect();
        assert!(calls.is_empty(), "{calls:?}");
    }
}

#[test]
fn what_could_not_be_read_again_is_not_made() {
    let config = json!({
        "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
        "jose": {
            "jws": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
            "jwe": {"alg": "dir", "enc": "A128GCM", "secret": "sixteen letters.", "compress": true},
        },
    });
    for face in Face::both(&config) {
        let claims = object(json!({"a": "x".repeat(190_000)}));
        let token = call!(face, jwt_create_token(&claims)).unwrap();
        assert_eq!(call!(face, jwt_verify_token(&token, &VerifyOptions::new())).unwrap(), claims);
        let claims = object(json!({"a": "x".repeat(300_000)}));
        assert_eq!(code(call!(face, jwt_create_token(&claims))), "validation.invalid");
        assert_eq!(code(call!(face, jws_sign(&[0; 300_000], None))), "validation.invalid");
        let token = call!(face, jwe_encrypt(&[0; 1 << 20], None)).unwrap();
        assert_eq!(call!(face, jwe_decrypt(&token)).unwrap().plaintext(), [0; 1 << 20]);
        assert_eq!(code(call!(face, jwe_encrypt(&[0; (1 << 20) + 1], None))), "validation.invalid");
    }
}

#[test]
fn what_a_part_refuses_has_the_path_of_its_key_and_the_name_of_its_file() {
    let refusal = |config: &Value| {
        let [blocking, awaited] = Face::try_both(config).map(|face| face.err().unwrap());
        assert_eq!(blocking, awaited);
        blocking.to_string()
    };
    for (config, path) in [
        (json!({"session": {"session_type": "redis", "redis_uri": "nowhere"}}), "session.redis_uri"),
        (json!({"session": {"session_type": "json", "json_path": "/"}}), "session.json_path"),
        (json!({"session": {"session_type": "sqlite", "sqlite_path": ":memory:"}}), "session.sqlite_path"),
        (
            json!({"otp": {"replay_guard": {"backend": "sqlite", "sqlite_path": "/"}}}),
            "otp.replay_guard.sqlite_path",
        ),
        (json!({"jwt": {"alg": "HS256", "secret": ""}}), "jwt.secret"),
        (json!({"jwt": {"alg": "RS256", "private_key": ["a", "b"]}}), "jwt.private_key[0]"),
        (json!({"jose": {"jws": {"alg": "HS256", "secret": "short"}}}), "jose.jws.secret"),
        (json!({"jose": {"jwe": {"alg": "dir", "enc": "A128GCM", "secret": "short"}}}), "jose.jwe.secret"),
    ] {
        assert!(refusal(&config).starts_with(&format!("{path}: ")), "{}", refusal(&config));
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jam.toml");
    for (text, path) in [
        ("[jam.session]\nsession_type = \"json\"\njson_path = \"/\"\n", "jam.session.json_path"),
        ("[jam.jwt]\nalg = \"HS256\"\nsecret = \"\"\n", "jam.jwt.secret"),
        ("[jam.jwt]\nalg = \"HS256\"\nsecert = \"\"\n", "jam.jwt.secert"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = jam::Jam::from_path(&file).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: {path}: ", file.display())), "{error}");
    }
}
