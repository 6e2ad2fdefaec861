//! Pairs of access and refresh tokens, and the revocation of many tokens at once: on every store, by both faces.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::collections::HashSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use jam::jose::{DecodeOptions, Jwt, JwtOptions};
use jam::store::{AsyncRedisStore, RedisOptions, RedisServers, RedisStore};
use jam::token_list::{self, Kind, ListOptions, TokenList};
use jam::tokens::{self, AccessTokens, Families, FamilyInfo, Refreshed, TokenOptions, TokenPair, Tokens};
use jam::{Timestamp, VerifyOptions};
use serde_json::{Map, Value, json};
use support::backends::{Backend, backends};
use support::postgres_server::PostgresServer;
use support::redis_cluster::RedisCluster;
use support::redis_server::RedisServer;
use tokio::runtime::Runtime;

const SECRET: &str = "a secret of at least thirty-two bytes";
const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// One of the two faces.
#[derive(Clone)]
enum Face {
    Blocking(jam::Jam),
    Awaited(jam::aio::Jam, Arc<Runtime>),
}

impl Face {
    fn both(config: &Value) -> [Self; 2] {
        let runtime = Arc::new(Runtime::new().unwrap());
        let awaited = jam::aio::Jam::from_value(config.clone()).unwrap();
        [Self::Blocking(jam::Jam::from_value(config.clone()).unwrap()), Self::Awaited(awaited, runtime)]
    }

    fn issue(&self, subject: &str, claims: &Value) -> jam::Result<TokenPair> {
        let claims = claims.as_object().unwrap();
        match self {
            Self::Blocking(jam) => jam.tokens_issue(subject, claims),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.tokens_issue(subject, claims)),
        }
    }

    fn refresh(&self, refresh_token: &str) -> jam::Result<TokenPair> {
        match self {
            Self::Blocking(jam) => jam.tokens_refresh(refresh_token),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.tokens_refresh(refresh_token)),
        }
    }

    fn revoke(&self, refresh_token: &str) {
        match self {
            Self::Blocking(jam) => jam.tokens_revoke(refresh_token),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.tokens_revoke(refresh_token)),
        }
        .unwrap();
    }

    fn revoke_family(&self, subject: &str, handle: &str) -> bool {
        match self {
            Self::Blocking(jam) => jam.tokens_revoke_family(subject, handle),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.tokens_revoke_family(subject, handle)),
        }
        .unwrap()
    }

    fn revoke_all(&self, subject: &str) {
        match self {
            Self::Blocking(jam) => jam.tokens_revoke_all(subject),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.tokens_revoke_all(subject)),
        }
        .unwrap();
    }

    fn list(&self, subject: &str) -> Vec<FamilyInfo> {
        match self {
            Self::Blocking(jam) => jam.tokens_list(subject),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.tokens_list(subject)),
        }
        .unwrap()
    }

    fn verify(&self, token: &str) -> jam::Result<Map<String, Value>> {
        let options = VerifyOptions::new();
        match self {
            Self::Blocking(jam) => jam.jwt_verify_token(token, &options),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.jwt_verify_token(token, &options)),
        }
    }

    fn revoke_subject(&self, subject: &str, issued_before: Option<Timestamp>) -> jam::Result<()> {
        match self {
            Self::Blocking(jam) => jam.jwt_revoke_subject(subject, issued_before),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.jwt_revoke_subject(subject, issued_before)),
        }
    }

    /// The code of the error that a refresh ends with.
    fn refusal(&self, refresh_token: &str) -> &'static str {
        self.refresh(refresh_token).map_or_else(|error| error.code(), |_| "refreshed")
    }

    /// The code of the error that an access token is refused with.
    fn verdict(&self, pair: &TokenPair) -> &'static str {
        self.verify(pair.access_token.expose()).map_or_else(|error| error.code(), |_| "accepted")
    }
}

fn refresh_token(pair: &TokenPair) -> &str {
    pair.refresh_token.expose()
}

/// The keys of each store; those in files and on servers are empty.
fn places(mut test: impl FnMut(&str, &Value)) {
    for name in ["memory", "json", "sqlite", "redis", "postgresql"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store").display().to_string();
        let redis = (name == "redis").then(RedisServer::start);
        let postgres = (name == "postgresql").then(PostgresServer::start);
        test(
            name,
            &match name {
                "memory" => json!({"backend": "memory"}),
                "json" => json!({"backend": "json", "json_path": path}),
                "sqlite" => json!({"backend": "sqlite", "sqlite_path": path}),
                "redis" => json!({"backend": "redis", "redis_uri": redis.as_ref().unwrap().url()}),
                _ => json!({"backend": "postgresql", "postgresql_uri": postgres.as_ref().unwrap().url()}),
            },
        );
    }
}

/// A configuration with tokens and a list in this place.
fn config(place: &Value, list: Option<&str>) -> Value {
    let mut config = json!({"jwt": {"alg": "HS256", "secret": SECRET}, "tokens": place});
    if let Some(kind) = list {
        config["jwt"]["list"] = place.clone();
        config["jwt"]["list"]["type"] = kind.into();
    }
    config
}

/// Both faces on every store.
fn faces(list: Option<&str>, mut test: impl FnMut(&str, &Face)) {
    places(|name, place| {
        for face in Face::both(&config(place, list)) {
            test(name, &face);
        }
    });
}

#[test]
fn a_pair_names_its_subject_its_family_and_the_claims_and_goes_on_with_each_refresh() {
    faces(None, |store, face| {
        let first = face.issue("user 1", &json!({"role": "admin"})).unwrap();
        let second = face.refresh(refresh_token(&first)).unwrap();
        let (one, two) = (
            face.verify(first.access_token.expose()).unwrap(),
            face.verify(second.access_token.expose()).unwrap(),
        );
        let handle = &face.list("user 1")[0].handle;
        for payload in [&one, &two] {
            assert_eq!((&payload["sub"], &payload["role"]), (&json!("user 1"), &json!("admin")), "{store}");
            assert_eq!(payload["sid"], json!(handle), "{store}");
            assert_eq!(payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap(), 900);
        }
        assert_ne!(one["jti"], two["jti"]);
        assert_ne!(refresh_token(&first), refresh_token(&second));
        let members = second.to_map();
        for name in ["access_token", "token_type", "expires_in", "refresh_token"] {
            assert!(members.contains_key(name), "{name}");
        }
        assert_eq!((&members["token_type"], &members["expires_in"]), (&json!("Bearer"), &json!(900)));
        face.revoke_all("user 1");
    });
}

#[test]
fn a_refresh_token_that_is_shown_again_revokes_its_family_and_no_other() {
    // RFC 9700 section 4.14.2
    faces(None, |store, face| {
        let other = face.issue("user 1", &json!({})).unwrap();
        let first = face.issue("user 1", &json!({})).unwrap();
        let second = face.refresh(refresh_token(&first)).unwrap();
        let third = face.refresh(refresh_token(&second)).unwrap();
        assert_eq!(face.refusal(refresh_token(&first)), "tokens.reused", "{store}");
        for dead in [&first, &second, &third] {
            assert_eq!(face.refusal(refresh_token(dead)), "tokens.invalid", "{store}");
        }
        assert_eq!(face.list("user 1").len(), 1, "{store}");
        assert!(face.refresh(refresh_token(&other)).is_ok(), "{store}");
        face.revoke_all("user 1");
    });
}

#[test]
fn what_is_forged_or_malformed_is_no_token_and_revokes_nothing() {
    // attacks 27, 55 and 58
    faces(None, |store, face| {
        let pair = face.issue("user 1", &json!({})).unwrap();
        let token = refresh_token(&pair).to_owned();
        let other = face.issue("user 2", &json!({})).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let others: Vec<&str> = refresh_token(&other).split('.').collect();
        let sid = face.verify(pair.access_token.expose()).unwrap()["sid"].as_str().unwrap().to_owned();
        let zeros = "A".repeat(43);
        for forged in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "../../etc/passwd".to_owned(),
            "\0".repeat(104),
            "é".repeat(52),
            format!("{token}="),
            format!("{token} "),
            format!("{token}.{zeros}"),
            parts[..2].join("."),
            // Secrets that nobody was given.
            format!("{}.{zeros}.{}", parts[0], parts[2]),
            format!("{}.{}.{}", others[0], parts[1], parts[2]),
            format!("{}.{}.{}", parts[0], others[1], parts[2]),
            // The public name of the family in place of its secret.
            format!("{}.{sid}.{}", parts[0], parts[2]),
            pair.access_token.expose().clone(),
            "x".repeat(1 << 20),
        ] {
            let shown: String = forged.chars().take(120).collect();
            assert_eq!(face.refusal(&forged), "tokens.invalid", "{store}: {shown:?}");
            face.revoke(&forged);
        }
        assert!(!face.revoke_family("user 1", &token), "a token is no handle");
        assert!(!face.revoke_family("user 2", &sid), "somebody else's handle");
        assert!(face.refresh(&token).is_ok(), "{store}: the family lives on");
        face.revoke_all("user 1");
        face.revoke_all("user 2");
    });
}

#[test]
fn one_login_or_all_of_a_subject_can_be_ended() {
    faces(None, |store, face| {
        let pairs: Vec<TokenPair> = (0..4).map(|_| face.issue("user 1", &json!({})).unwrap()).collect();
        let stranger = face.issue("user 2", &json!({})).unwrap();
        face.revoke(refresh_token(&pairs[0]));
        face.revoke(refresh_token(&pairs[0]));
        assert_eq!(face.refusal(refresh_token(&pairs[0])), "tokens.invalid", "{store}");
        // A used token can end its login, too.
        let next = face.refresh(refresh_token(&pairs[1])).unwrap();
        face.revoke(refresh_token(&pairs[1]));
        assert_eq!(face.refusal(refresh_token(&next)), "tokens.invalid", "{store}");
        let handles: Vec<String> = face.list("user 1").into_iter().map(|info| info.handle).collect();
        assert_eq!(handles.len(), 2, "{store}");
        assert!(face.revoke_family("user 1", &handles[0]), "{store}");
        assert!(!face.revoke_family("user 1", &handles[0]), "{store}");
        face.revoke_all("user 1");
        face.revoke_all("user 1");
        for pair in &pairs[2..] {
            assert_eq!(face.refusal(refresh_token(pair)), "tokens.invalid", "{store}");
        }
        assert!(face.list("user 1").is_empty(), "{store}");
        assert!(face.refresh(refresh_token(&stranger)).is_ok(), "{store}");
        face.revoke_all("user 2");
    });
}

#[test]
fn with_a_list_the_access_tokens_of_what_is_revoked_are_refused_at_once() {
    for (kind, refusal) in [("black", "jwt.blacklist"), ("white", "jwt.whitelist")] {
        faces(Some(kind), |store, face| {
            let [kept, reused, revoked, handled] =
                [(); 4].map(|()| face.issue("user 1", &json!({})).unwrap());
            let next = face.refresh(refresh_token(&reused)).unwrap();
            assert_eq!(face.verdict(&next), "accepted", "{store} {kind}");
            assert_eq!(face.refusal(refresh_token(&reused)), "tokens.reused", "{store} {kind}");
            face.revoke(refresh_token(&revoked));
            let handle = face.verify(handled.access_token.expose()).unwrap()["sid"].clone();
            assert!(face.revoke_family("user 1", handle.as_str().unwrap()));
            for dead in [&reused, &next, &revoked, &handled] {
                assert_eq!(face.verdict(dead), refusal, "{store} {kind}");
            }
            assert_eq!(face.verdict(&kept), "accepted", "{store} {kind}");

            let stranger = face.issue("user 2", &json!({})).unwrap();
            face.revoke_all("user 1");
            assert_eq!(face.verdict(&kept), refusal, "{store} {kind}");
            assert_eq!(face.verdict(&stranger), "accepted", "{store} {kind}");
            // Who logs in again at once is let in.
            let again = face.issue("user 1", &json!({})).unwrap();
            assert_eq!(face.verdict(&again), "accepted", "{store} {kind}");
            face.revoke_all("user 1");
            face.revoke_all("user 2");
        });
    }
}

#[test]
fn of_eight_threads_with_one_refresh_token_exactly_one_wins() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 50;
    faces(None, |store, face| {
        let tokens: Arc<Vec<String>> = Arc::new(
            (0..ROUNDS)
                .map(|_| refresh_token(&face.issue("user 1", &json!({})).unwrap()).to_owned())
                .collect(),
        );
        let start = Arc::new(Barrier::new(THREADS));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (face, tokens, start) = (face.clone(), Arc::clone(&tokens), Arc::clone(&start));
                thread::spawn(move || {
                    let refresh = |token: &String| {
                        start.wait();
                        face.refresh(token).map_err(|error| error.code())
                    };
                    tokens.iter().map(refresh).collect::<Vec<_>>()
                })
            })
            .collect();
        let answers: Vec<Vec<_>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        for round in 0..ROUNDS {
            let of_round: Vec<_> = answers.iter().map(|answers| &answers[round]).collect();
            let won: Vec<_> = of_round.iter().filter_map(|answer| answer.as_ref().ok()).collect();
            assert_eq!(won.len(), 1, "{store}, round {round}");
            let reasons: HashSet<_> = of_round.iter().filter_map(|answer| answer.as_ref().err()).collect();
            assert!(reasons.contains(&"tokens.reused"), "{store}: {reasons:?}");
            assert!(reasons.iter().all(|code| code.starts_with("tokens.")), "{store}: {reasons:?}");
            // The others had the token, too: nobody can tell which of them is the thief.
            assert_eq!(face.refusal(refresh_token(won[0])), "tokens.invalid", "{store}");
        }
        assert!(face.list("user 1").is_empty(), "{store}");
    });
}

#[test]
fn within_the_grace_time_the_last_answer_counts() {
    places(|store, place| {
        let mut config = config(place, None);
        config["tokens"]["grace"] = 30.into();
        for face in Face::both(&config) {
            let first = face.issue("user 1", &json!({})).unwrap();
            let lost = face.refresh(refresh_token(&first)).unwrap();
            let second = face.refresh(refresh_token(&first)).unwrap();
            let third = face.refresh(refresh_token(&second)).unwrap();
            assert_eq!(face.refusal(refresh_token(&lost)), "tokens.reused", "{store}");
            assert_eq!(face.refusal(refresh_token(&third)), "tokens.invalid", "{store}");

            // Once the answer has arrived, what came before it is used up.
            let first = face.issue("user 1", &json!({})).unwrap();
            let second = face.refresh(refresh_token(&first)).unwrap();
            face.refresh(refresh_token(&second)).unwrap();
            assert_eq!(face.refusal(refresh_token(&first)), "tokens.reused", "{store}");
        }
    });
}

#[test]
fn the_store_keeps_no_token() {
    // attack 57
    for backend in backends() {
        let families = Families::new(backend.blocking.clone(), TokenOptions::default()).unwrap();
        let now = Timestamp::now();
        let first = families.issue("user 1", b"{}", now).unwrap().refresh_token;
        let Refreshed::Granted(second) = families.refresh(first.expose(), now).unwrap() else { panic!() };
        let secrets: Vec<&str> =
            first.expose().split('.').chain(second.refresh_token.expose().split('.')).collect();
        for stored in backend.everything_it_stores() {
            let stored = String::from_utf8_lossy(&stored);
            for secret in secrets.iter().filter(|part| part.len() == 43) {
                assert!(!stored.contains(secret), "{}", backend.name);
            }
        }
    }
}

#[test]
fn families_end_by_idling_and_at_their_deadline() {
    for backend in backends().into_iter().filter(|backend| !backend.has_its_own_clock) {
        let options = TokenOptions {
            refresh_ttl: Some(Duration::from_secs(100)),
            refresh_absolute_ttl: Some(Duration::from_secs(250)),
            ..TokenOptions::default()
        };
        let families = Families::new(backend.blocking.clone(), options).unwrap();
        let at = |seconds| START + Duration::from_secs(seconds);
        let refresh = |token: &str, seconds| match families.refresh(token, at(seconds)) {
            Ok(Refreshed::Granted(grant)) => grant.refresh_token.expose().clone(),
            Ok(Refreshed::Reused(_)) => "reused".to_owned(),
            Err(error) => error.code().to_owned(),
        };
        let idle = families.issue("user 1", b"{}", at(0)).unwrap().refresh_token;
        assert_eq!(refresh(idle.expose(), 100), "tokens.invalid", "{}", backend.name);
        let mut busy = families.issue("user 1", b"{}", at(0)).unwrap().refresh_token.expose().clone();
        for seconds in [99, 198, 249] {
            busy = refresh(&busy, seconds);
        }
        let told = &families.list("user 1", at(249)).unwrap()[0];
        assert_eq!((told.created, told.last_used, told.expires), (at(0), Some(at(249)), Some(at(250))));
        assert_eq!(refresh(&busy, 250), "tokens.invalid", "{}", backend.name);
        assert!(families.list("user 1", at(250)).unwrap().is_empty());
    }
}

#[test]
fn a_server_that_is_killed_is_told_of_and_found_again() {
    // attack 64
    let mut server = RedisServer::start();
    let place = json!({"backend": "redis", "redis_uri": server.url()});
    let faces = Face::both(&config(&place, Some("black")));
    let pairs = faces.clone().map(|face| face.issue("user 1", &json!({})).unwrap());
    server.kill();
    for (face, pair) in faces.iter().zip(&pairs) {
        assert_eq!(face.refusal(refresh_token(pair)), "store.unavailable");
        assert_eq!(face.verdict(pair), "store.unavailable", "who cannot ask the list lets nobody in");
        assert_eq!(face.revoke_subject("user 1", None).unwrap_err().code(), "store.unavailable");
        // What is no token is told without it.
        assert_eq!(face.refusal("x"), "tokens.invalid");
    }
    server.restart();
    for (face, pair) in faces.iter().zip(&pairs) {
        // It kept nothing on disk.
        assert_eq!(face.refusal(refresh_token(pair)), "tokens.invalid");
        let pair = face.issue("user 1", &json!({})).unwrap();
        assert!(face.refresh(refresh_token(&pair)).is_ok());
    }
}

#[test]
fn claims_that_are_made_for_each_token_or_cannot_be_read_again_are_refused() {
    for face in Face::both(&config(&json!({"backend": "memory"}), None)) {
        for name in ["iat", "exp", "jti", "sub", "sid"] {
            let error = face.issue("user 1", &json!({name: 1})).unwrap_err();
            assert_eq!(error.code(), "validation.invalid");
            assert!(error.to_string().contains(name), "{error}");
        }
        let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(face.issue("user 1", &json!({"deep": deep})).unwrap_err().code(), "validation.invalid");
        let long = "x".repeat(tokens::MAX_CLAIMS);
        assert_eq!(face.issue("user 1", &json!({"long": long})).unwrap_err().code(), "validation.invalid");
        assert!(face.list("user 1").is_empty());
    }
}

#[test]
fn access_tokens_may_be_pasetos_or_of_a_type_of_their_own() {
    let key = jam::keygen::generate_symmetric_key(32).unwrap();
    let tokens = json!({"backend": "memory", "access_ttl": 60});
    let jam = jam::Jam::from_value(json!({
        "paseto": {"purpose": "local", "key": key.expose().as_str()}, "tokens": tokens,
    }))
    .unwrap();
    let claims = json!({"role": "admin"});
    let pair = jam.tokens_issue("user 1", claims.as_object().unwrap()).unwrap();
    let options = jam::PasetoDecodeOptions::new();
    let payload = jam.paseto_decode(pair.access_token.expose(), &options).unwrap().payload;
    assert_eq!((&payload["sub"], &payload["role"]), (&json!("user 1"), &json!("admin")));
    assert_eq!(pair.expires_in, 60);
    let handle = jam.tokens_list("user 1").unwrap()[0].handle.clone();
    assert_eq!(payload["sid"], json!(handle));

    // RFC 9068 section 2.1
    let jam = jam::Jam::from_value(json!({
        "jwt": {"alg": "HS256", "secret": SECRET, "typ": "at+jwt", "issuer": "https://issuer.example", "audience": "shop"},
        "tokens": tokens,
    }))
    .unwrap();
    let pair = jam.tokens_issue("user 1", &Map::new()).unwrap();
    let payload = jam.jwt_verify_token(pair.access_token.expose(), &VerifyOptions::new()).unwrap();
    assert_eq!((&payload["iss"], &payload["aud"]), (&json!("https://issuer.example"), &json!("shop")));
}

#[test]
fn sections_that_are_missing_are_named() {
    let code_of = |config: Value| jam::Jam::from_value(config).unwrap_err();
    let error = code_of(json!({"tokens": {"backend": "memory"}}));
    assert!(error.to_string().starts_with("tokens: "), "{error}");
    let error = code_of(json!({
        "jwt": {"alg": "HS256", "secret": SECRET}, "tokens": {"backend": "memory", "access_token": "paseto"},
    }));
    assert!(error.to_string().starts_with("tokens: "), "{error}");
    let error = code_of(json!({
        "jwt": {"alg": "HS256", "secret": SECRET}, "tokens": {"backend": "memory", "grace": 61},
    }));
    assert!(error.to_string().starts_with("tokens.grace: "), "{error}");

    let jam = jam::Jam::from_value(json!({"jwt": {"alg": "HS256", "secret": SECRET}})).unwrap();
    let error = jam.tokens_issue("user 1", &Map::new()).unwrap_err();
    assert!(error.to_string().contains("\"tokens\""), "{error}");
    let error = jam.jwt_revoke_subject("user 1", None).unwrap_err();
    assert!(error.to_string().contains("\"jwt.list\""), "{error}");
    assert!(jam.tokens().is_none());
}

#[test]
fn a_closed_face_says_so() {
    let jam = jam::Jam::from_value(config(&json!({"backend": "memory"}), None)).unwrap();
    let pair = jam.tokens_issue("user 1", &Map::new()).unwrap();
    jam.close();
    assert_eq!(jam.tokens_refresh(refresh_token(&pair)).unwrap_err().code(), "store.closed");
}

#[test]
fn nothing_that_is_shown_holds_a_token() {
    // attack 74
    let jam = jam::Jam::from_value(config(&json!({"backend": "memory"}), None)).unwrap();
    let pair = jam.tokens_issue("user 1", &Map::new()).unwrap();
    jam.tokens_refresh(refresh_token(&pair)).unwrap();
    let error = jam.tokens_refresh(refresh_token(&pair)).unwrap_err();
    let shown = format!("{pair:?} {jam:?} {:?} {error} {error:?}", jam.tokens());
    for secret in [refresh_token(&pair), pair.access_token.expose()] {
        assert!(!shown.contains(secret));
    }
}

// Revocation of all tokens of a subject.

/// A token of this subject that was issued so many seconds after the start.
fn token_of(subject: &str, seconds: i64) -> String {
    let jwt =
        Jwt::new(JwtOptions { secret: vec![SECRET.as_bytes().into()], ..JwtOptions::default() }).unwrap();
    let payload = json!({
        "sub": subject, "iat": START.as_seconds() + seconds, "jti": format!("{subject} {seconds}"),
    });
    let token = jwt.encode(payload.as_object().unwrap()).unwrap();
    let now = START + Duration::from_secs(1_000_000);
    jwt.decode(&token, &DecodeOptions::default(), now).unwrap();
    token
}

/// A list by either face.
enum List {
    Blocking(TokenList),
    Awaited(token_list::aio::TokenList, Runtime),
}

impl List {
    fn both(backend: &Backend, kind: Kind, options: ListOptions) -> [Self; 2] {
        let awaited = token_list::aio::TokenList::new(backend.asynchronous.clone(), kind, options).unwrap();
        [
            Self::Blocking(TokenList::new(backend.blocking.clone(), kind, options).unwrap()),
            Self::Awaited(awaited, Runtime::new().unwrap()),
        ]
    }

    fn revoke(&self, subject: &str, issued_before: Timestamp, now: Timestamp) {
        match self {
            Self::Blocking(list) => list.revoke_subject(subject, Some(issued_before), now),
            Self::Awaited(list, runtime) => {
                runtime.block_on(list.revoke_subject(subject, Some(issued_before), now))
            }
        }
        .unwrap();
    }

    fn add(&self, token: &str, now: Timestamp) {
        match self {
            Self::Blocking(list) => list.add(token, now),
            Self::Awaited(list, runtime) => runtime.block_on(list.add(token, now)),
        }
        .unwrap();
    }

    fn check(&self, token: &str, now: Timestamp) -> bool {
        match self {
            Self::Blocking(list) => list.check(token, now),
            Self::Awaited(list, runtime) => runtime.block_on(list.check(token, now)),
        }
        .unwrap()
    }
}

#[test]
fn a_subject_can_be_logged_out_everywhere_without_naming_its_tokens() {
    for backend in backends() {
        for (number, list) in List::both(&backend, Kind::Black, ListOptions::default()).iter().enumerate() {
            // A subject for each face: both share the store.
            let (subject, other) = (&*format!("user {number}"), &*format!("other {number}"));
            let now = START + Duration::from_secs(1000);
            let (early, late) = (token_of(subject, 500), token_of(subject, 1001));
            assert!(!list.check(&early, now), "{}", backend.name);
            list.revoke(subject, now, now);
            assert!(list.check(&early, now), "{}", backend.name);
            assert!(list.check(&token_of(subject, 1000), now), "{}: of the same second", backend.name);
            assert!(!list.check(&late, now), "{}: issued later", backend.name);
            assert!(!list.check(&token_of(other, 500), now), "{}: another subject", backend.name);
            // Going on, and never back.
            list.revoke(subject, now + Duration::from_secs(1), now);
            assert!(list.check(&late, now), "{}", backend.name);
            list.revoke(subject, START, now);
            assert!(list.check(&late, now), "{}", backend.name);
        }
    }
}

#[test]
fn a_white_list_forgets_what_a_subject_was_issued() {
    for backend in backends() {
        for (number, list) in List::both(&backend, Kind::White, ListOptions::default()).iter().enumerate() {
            let subject = &*format!("user {number}");
            let now = START + Duration::from_secs(1000);
            let (early, late) = (token_of(subject, 500), token_of(subject, 1001));
            list.add(&early, now);
            list.add(&late, now);
            list.revoke(subject, now, now);
            assert!(!list.check(&early, now), "{}", backend.name);
            assert!(list.check(&late, now), "{}", backend.name);
            list.add(&early, now);
            assert!(!list.check(&early, now), "{}: it cannot be put back", backend.name);
        }
    }
}

#[test]
fn a_revocation_is_forgotten_when_no_token_can_be_left() {
    let options = ListOptions { token_life_time: Some(Duration::from_secs(100)), ..ListOptions::default() };
    for backend in backends().into_iter().filter(|backend| !backend.has_its_own_clock) {
        for (number, list) in List::both(&backend, Kind::Black, options).iter().enumerate() {
            let subject = &*format!("user {number}");
            let at = |seconds| START + Duration::from_secs(seconds);
            let token = token_of(subject, 0);
            list.revoke(subject, at(0), at(0));
            assert!(list.check(&token, at(100)), "{}", backend.name);
            // It is kept a minute longer, as clocks differ.
            assert!(!list.check(&token, at(160)), "{}", backend.name);
            list.revoke(subject, at(0), at(0));
            list.revoke(subject, at(100), at(100));
            assert!(list.check(&token, at(259)) && !list.check(&token, at(260)), "{}", backend.name);
        }
    }
}

#[test]
fn of_many_revocations_at_once_the_latest_moment_holds() {
    // attack 62
    const THREADS: u64 = 8;
    for backend in backends() {
        let list = TokenList::new(backend.blocking.clone(), Kind::Black, ListOptions::default()).unwrap();
        let now = START + Duration::from_secs(10_000);
        let start = Arc::new(Barrier::new(THREADS as usize));
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (list, start) = (list.clone(), Arc::clone(&start));
                thread::spawn(move || {
                    for round in 0..20 {
                        // Each of them once, and by every thread in another order.
                        let seconds = (number * 20 + round) * 77 % (THREADS * 20);
                        start.wait();
                        list.revoke_subject("user", Some(START + Duration::from_secs(seconds)), now).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let last = THREADS as i64 * 20 - 1;
        assert!(list.check(&token_of("user", last), now).unwrap(), "{}", backend.name);
        assert!(!list.check(&token_of("user", last + 1), now).unwrap(), "{}", backend.name);
    }
}

#[test]
fn a_check_asks_the_server_once() {
    let server = RedisServer::start();
    let options =
        RedisOptions { servers: RedisServers::Single(server.url().into()), ..RedisOptions::default() };
    let blocking = TokenList::new(
        Arc::new(RedisStore::open(options.clone()).unwrap()),
        Kind::Black,
        ListOptions::default(),
    );
    let list = token_list::aio::TokenList::new(
        Arc::new(AsyncRedisStore::open(options).unwrap()),
        Kind::Black,
        ListOptions::default(),
    );
    let (blocking, list, runtime) = (blocking.unwrap(), list.unwrap(), Runtime::new().unwrap());
    let token = token_of("user", 0);
    let processed = || {
        let info: String = server.query(&["INFO", "stats"]).unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    // The first call connects.
    blocking.check(&token, START).unwrap();
    runtime.block_on(list.check(&token, START)).unwrap();
    let idle = {
        let before = processed();
        processed() - before
    };
    let before = processed();
    blocking.check(&token, START).unwrap();
    runtime.block_on(list.check(&token, START)).unwrap();
    assert_eq!(processed() - before, idle + 2);
}

#[test]
fn pairs_and_revocations_live_in_a_cluster() {
    let cluster = RedisCluster::start();
    let options = || cluster.options();
    let list_options = || RedisOptions { namespace: "list".to_owned(), ..options() };
    let list = TokenList::new(
        Arc::new(RedisStore::open(list_options()).unwrap()),
        Kind::Black,
        ListOptions::default(),
    )
    .unwrap();
    let jwt =
        Jwt::new(JwtOptions { secret: vec![SECRET.as_bytes().into()], ..JwtOptions::default() }).unwrap();
    let access = AccessTokens::Jwt(Arc::new(jwt));
    let store = Arc::new(RedisStore::open(options()).unwrap());
    let tokens = Tokens::new(store, access, Some(list.clone()), TokenOptions::default()).unwrap();
    let now = Timestamp::now();
    for number in 0..20 {
        let subject = format!("user {number}");
        let pairs = [(); 3].map(|()| tokens.issue(&subject, &Map::new(), now).unwrap());
        let next = tokens.refresh(refresh_token(&pairs[0]), now).unwrap();
        assert_eq!(tokens.refresh(refresh_token(&pairs[0]), now).unwrap_err().code(), "tokens.reused");
        assert!(list.check(next.access_token.expose(), now).unwrap());
        assert!(!list.check(pairs[1].access_token.expose(), now).unwrap());
        tokens.revoke_all(&subject, now).unwrap();
        assert!(list.check(pairs[1].access_token.expose(), now).unwrap());
        assert!(list.check(pairs[2].access_token.expose(), now).unwrap());
    }
}

#[test]
fn a_list_answers_while_the_slot_of_a_subject_is_moving() {
    let cluster = RedisCluster::start();
    let options = || RedisOptions { namespace: "list".to_owned(), ..cluster.options() };
    let codec = token_list::Codec::new(Kind::Black, ListOptions::default()).unwrap();
    let list =
        TokenList::new(Arc::new(RedisStore::open(options()).unwrap()), Kind::Black, ListOptions::default())
            .unwrap();
    let awaited = token_list::aio::TokenList::new(
        Arc::new(AsyncRedisStore::open(options()).unwrap()),
        Kind::Black,
        ListOptions::default(),
    )
    .unwrap();
    let runtime = Runtime::new().unwrap();
    let now = Timestamp::now();
    for (subject, revoked) in [("user 1", false), ("user 2", true)] {
        let token = token_of(subject, 0);
        if revoked {
            list.revoke_subject(subject, None, now).unwrap();
        }
        let group = codec.lookup(&token).unwrap().keys()[0].group.clone().unwrap();
        let slot: u16 = cluster.query(0, &["CLUSTER", "KEYSLOT", &format!("{{{group}}}")]).unwrap();
        let from = (0..3)
            .find(|place| RedisCluster::slots_of(u16::try_from(*place).unwrap()).contains(&slot))
            .unwrap();
        let to = usize::from(from == 0);
        // Some of the keys that a check reads are not there, so the servers do not answer for all of them at once.
        cluster.begin_to_move_slot(slot, from, to);
        assert_eq!(list.check(&token, now).unwrap(), revoked, "{subject}");
        assert_eq!(runtime.block_on(awaited.check(&token, now)).unwrap(), revoked, "{subject}");
        cluster.move_slot(slot, from, to);
        assert_eq!(list.check(&token, now).unwrap(), revoked, "{subject}");
        assert_eq!(runtime.block_on(awaited.check(&token, now)).unwrap(), revoked, "{subject}");
    }
}
