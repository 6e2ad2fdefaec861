//! The configuration, from the outside: files, variables, sections, messages.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use std::path::PathBuf;
use std::time::Duration;

use jam::config::{self, Backend, Config, JwtConfig, OtpKind};
use jam::otp::Digest;
use jam::paseto::KeySource;
use jam::store::{RedisOptions, RedisServers};
use jam::token_list::Kind;
use jam::{ConfigurationError, Error};
use serde_json::{Value, json};

fn no_environment(_: &str) -> Option<String> {
    None
}

fn typed(tree: Value) -> jam::Result<Config> {
    Config::from_value_with(tree, &no_environment)
}

fn canonical(tree: Value) -> jam::Result<Value> {
    config::canonical_with(tree, &no_environment)
}

fn is_at(options: &RedisOptions, expected: &str) -> bool {
    matches!(&options.servers, RedisServers::Single(url) if url.expose() == expected)
}

/// The sentence that a tree is refused with.
fn refused(tree: Value) -> String {
    let as_python = canonical(tree.clone()).expect_err("Python's form must refuse it").to_string();
    let as_rust = typed(tree).expect_err("the typed form must refuse it").to_string();
    assert_eq!(as_python.replace("text or bytes", "text"), as_rust, "both forms refuse for the same reason");
    as_rust
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

const TOML: &str = r#"
[jam]
log_level = "debug"
[jam.jwt]
alg = "HS256"
secret = "${SECRET}"
leeway = 10
[jam.oauth2.providers.local]
client_id = "me"
auth_url = "https://${HOST:-example.org}/authorize"
token_url = "https://example.org/token"
"#;

const YAML: &str = r#"
jam:
  log_level: debug
  jwt: {alg: HS256, secret: "${SECRET}", leeway: 10}
  oauth2:
    providers:
      local:
        client_id: me
        auth_url: https://${HOST:-example.org}/authorize
        token_url: https://example.org/token
"#;

const JSON: &str = r#"{"jam": {"log_level": "debug", "jwt": {"alg": "HS256", "secret": "${SECRET}", "leeway": 10},
  "oauth2": {"providers": {"local": {"client_id": "me", "auth_url": "https://${HOST:-example.org}/authorize",
  "token_url": "https://example.org/token"}}}}}"#;

#[test]
fn the_same_configuration_reads_the_same_from_every_format() {
    let folder = Folder::new();
    let environment = |name: &str| (name == "SECRET").then(|| "from the environment".to_owned());
    let expected = json!({
        "log_level": "debug",
        "jwt": {"alg": "HS256", "secret": "from the environment", "leeway": 10},
        "oauth2": {"providers": {"local": {
            "client_id": "me",
            "auth_url": "https://example.org/authorize",
            "token_url": "https://example.org/token",
        }}},
    });
    for (name, text) in
        [("a.toml", TOML), ("a.yaml", YAML), ("a.yml", YAML), ("a.json", JSON), ("A.TOML", TOML)]
    {
        let tree = config::read_with(folder.file(name, text), "jam", &environment).unwrap().0;
        assert_eq!(tree, expected, "{name}");
    }
}

#[test]
fn the_pointer_is_a_dotted_path_and_the_empty_one_is_the_whole_file() {
    let folder = Folder::new();
    let path = folder.file("pyproject.toml", "[tool.jam.otp]\ndigits = 8\n");
    let read = |path: &PathBuf, pointer| config::read_with(path, pointer, &no_environment).unwrap().0;
    assert_eq!(read(&path, "tool.jam"), json!({"otp": {"digits": 8}}));
    assert_eq!(read(&path, "tool.jam.otp"), json!({"digits": 8}));
    let path = folder.file("whole.toml", "[otp]\ndigits = 8\n");
    assert_eq!(read(&path, ""), json!({"otp": {"digits": 8}}));
}

#[test]
fn json_and_yaml_without_the_key_are_read_whole_and_toml_is_refused() {
    let folder = Folder::new();
    let whole = json!({"otp": {"digits": 8}});
    let json_file = folder.file("a.json", whole.to_string());
    let yaml_file = folder.file("a.yaml", "otp:\n  digits: 8\n");
    assert_eq!(config::read_with(json_file, "jam", &no_environment).unwrap().0, whole);
    assert_eq!(config::read_with(yaml_file, "jam", &no_environment).unwrap().0, whole);

    let toml_file = folder.file("pyproject.toml", "[tool.jam.otp]\ndigits = 8\n");
    let error = config::read_with(toml_file, "jam", &no_environment).unwrap_err();
    let at_pointer =
        matches!(&error, Error::Configuration(ConfigurationError::Key { path, .. }) if path == "jam");
    assert!(at_pointer, "{error:?}");
    assert!(error.to_string().contains("\"tool.jam\""), "{error}");
}

#[test]
fn an_unset_variable_names_the_path_of_its_key() {
    let folder = Folder::new();
    let error = config::read_with(folder.file("a.toml", TOML), "jam", &no_environment).unwrap_err();
    assert!(
        error.to_string().contains("a.toml: jam.jwt.secret: the environment variable SECRET is not set"),
        "{error}"
    );
    let lists = folder.file("b.json", r#"{"session": {"session_aes_secret": ["a", "$MISSING"]}}"#);
    let error = config::read_with(lists, "jam", &no_environment).unwrap_err();
    assert!(error.to_string().contains("b.json: session.session_aes_secret[1]: "), "{error}");
}

#[test]
fn variables_outside_of_the_pointer_and_in_keys_are_left_alone() {
    let folder = Folder::new();
    let path = folder.file("a.toml", "[other]\nx = \"$MISSING\"\n[jam]\n\"$KEY\" = \"a$$b\"\n");
    assert_eq!(config::read_with(path, "jam", &no_environment).unwrap().0, json!({"$KEY": "a$b"}));
}

#[test]
fn what_a_variable_holds_cannot_change_the_tree() {
    let folder = Folder::new();
    let environment = |_: &str| Some("\"}, \"alg\": \"none\", {\"\n[jam.otp]\nx: &a [*a]".to_owned());
    let path = folder.file("a.yaml", "jam: {jwt: {secret: \"$X\"}}");
    let tree = config::read_with(path, "jam", &environment).unwrap().0;
    assert_eq!(tree, json!({"jwt": {"secret": environment("X").unwrap()}}));
}

#[test]
fn a_tree_given_in_code_is_taken_as_it_is() {
    let config = typed(json!({"jwt": {"alg": "HS256", "secret": "$NOT_A_VARIABLE"}})).unwrap();
    assert_eq!(config.jwt.unwrap().options.secret[0].expose(), b"$NOT_A_VARIABLE");
}

#[test]
fn files_that_are_no_configuration_are_refused_without_quoting_them() {
    let folder = Folder::new();
    let deep = "[".repeat(100_000);
    for (name, text) in [
        ("a.txt", "[jam]\n".to_owned()),
        ("noextension", "[jam]\n".to_owned()),
        ("a.toml", "[jam]\nsecret = hunter2\n".to_owned()),
        ("a.toml", "[jam]\nhunter2 = 1\nhunter2 = 2\n".to_owned()),
        ("a.toml", "[jam]\nx = nan\n".to_owned()),
        ("a.toml", format!("jam = {deep}")),
        ("a.yaml", "jam: {secret: hunter2: }".to_owned()),
        ("a.yaml", "jam: {hunter2: 1, hunter2: 2}".to_owned()),
        ("a.yaml", "jam: {x: .nan}".to_owned()),
        ("a.yaml", deep.clone()),
        ("a.json", r#"{"jam": hunter2}"#.to_owned()),
        ("a.json", r#"{"jam": {"hunter2": 1, "hunter2": 2}}"#.to_owned()),
        ("a.json", deep),
        ("a.json", format!("{{\"jam\": \"{}\"}}", "x".repeat(1024 * 1024))),
    ] {
        let error = config::read_with(folder.file(name, &text), "jam", &no_environment).unwrap_err();
        assert!(matches!(error, Error::Configuration(ConfigurationError::File(_))), "{name} {error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let not_text = folder.file("b.json", b"{\"jam\": \"\xff\"}");
    assert_eq!(config::read_with(not_text, "jam", &no_environment).unwrap_err().code(), "configuration.file");
    let absent = folder.0.path().join("absent.toml");
    assert_eq!(config::read_with(absent, "jam", &no_environment).unwrap_err().code(), "configuration.file");
}

#[test]
fn a_table_is_a_key_only_if_it_says_so() {
    for key in [json!({}), json!({"k": "c2VjcmV0"}), json!({"kty": 5})] {
        let message = refused(json!({"jwt": {"alg": "HS256", "secret": key}}));
        assert!(message.starts_with("jwt.secret: "), "{message}");
    }
}

#[test]
fn a_file_without_a_table_is_refused() {
    let folder = Folder::new();
    for (name, text) in [("a.yaml", ""), ("b.yaml", "- otp"), ("c.json", "5"), ("d.json", "{\"jam\": []}")] {
        let error = config::read(folder.file(name, text), "jam").unwrap_err();
        assert_eq!(error.code(), "configuration.file", "{name}");
        assert!(error.to_string().contains("a configuration is a table"), "{error}");
    }
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let pipe = folder.0.path().join("pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let directory = folder.0.path().join("directory.toml");
    std::fs::create_dir(&directory).unwrap();
    for path in [pipe, directory, folder.0.path().join("missing.toml")] {
        assert_eq!(
            config::read(&path, "jam").unwrap_err().code(),
            "configuration.file",
            "{}",
            path.display()
        );
    }
}

#[test]
fn aliases_of_yaml_work_and_cannot_be_multiplied_without_end() {
    let folder = Folder::new();
    let useful = folder.file("a.yaml", "a: &a {digits: 8}\njam: {otp: *a}\n");
    assert_eq!(config::read_with(useful, "jam", &no_environment).unwrap().0, json!({"otp": {"digits": 8}}));

    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(",")));
    }
    let error = config::read_with(folder.file("b.yaml", bomb), "jam", &no_environment).unwrap_err();
    assert_eq!(error.code(), "configuration.file");
}

#[test]
fn dates_of_toml_and_yaml_are_text() {
    let folder = Folder::new();
    let toml_file = folder.file("a.toml", "[jam]\nx = 2026-01-02\n");
    let yaml_file = folder.file("a.yaml", "jam: {x: 2026-01-02}\n");
    for path in [toml_file, yaml_file] {
        assert_eq!(config::read_with(path, "jam", &no_environment).unwrap().0, json!({"x": "2026-01-02"}));
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    // fault 30: unknown keys were ignored
    for (tree, message) in [
        (json!({"jwtt": {}}), "jwtt: unknown key; did you mean \"jwt\"?"),
        (
            json!({"jwt": {"alg": "HS256", "secert": "x"}}),
            "jwt.secert: unknown key; did you mean \"secret\"?",
        ),
        (
            json!({"jwt": {"alg": "HS256", "list": {"type": "black", "backnd": "memory"}}}),
            "jwt.list.backnd: unknown key; did you mean \"backend\"?",
        ),
        (
            json!({"session": {"session_tipe": "memory"}}),
            "session.session_tipe: unknown key; did you mean \"session_type\"?",
        ),
        (
            json!({"oauth2": {"providers": {"x": {"client_id": "a", "redirect_ur": "b"}}}}),
            "oauth2.providers.x.redirect_ur: unknown key; did you mean \"redirect_uri\"?",
        ),
        (json!({"jwt": {"alg": "HS256", "type": "at+jwt"}}), "jwt.type: unknown key; did you mean \"typ\"?"),
        (
            json!({"jwt": {"alg": "HS256", "require": ["exp"]}}),
            "jwt.require: unknown key; did you mean \"required\"?",
        ),
        (json!({"jwt": {"alg": "HS256", "sub": "me"}}), "jwt.sub: unknown key; did you mean \"subject\"?"),
        (
            json!({"otp": {"colour": 1}}),
            "otp.colour: unknown key; known are \"replay_guard\", \"custom_module\", \"digits\", \"digest\", \"interval\", \"type\"",
        ),
        (json!({"otp": {"replay": {}}}), "otp.replay: unknown key; did you mean \"replay_guard\"?"),
        (
            json!({"otp": {"repaly_guard": {}}}),
            "otp.repaly_guard: unknown key; did you mean \"replay_guard\"?",
        ),
        (
            json!({"otp": {"replay_guard": {"bakend": "memory"}}}),
            "otp.replay_guard.bakend: unknown key; did you mean \"backend\"?",
        ),
        (
            json!({"otp": {"replay_guard": {"backend": "memory", "sqlite_pth": "a"}}}),
            "otp.replay_guard.sqlite_pth: unknown key; did you mean \"sqlite_path\"?",
        ),
    ] {
        assert_eq!(refused(tree), message);
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_path_and_type() {
    for (tree, message) in [
        (json!([]), "a configuration is a table, not a list"),
        (json!({"jwt": "HS256"}), "jwt: must be a table, not text"),
        (json!({"jwt": {"alg": 256}}), "jwt.alg: must be text, not an integer"),
        (
            json!({"jwt": {"alg": "HS256", "secret": 1}}),
            "jwt.secret: must be text, or a list of them, not an integer",
        ),
        (json!({"jwt": {"alg": "HS256", "issuer": ["a"]}}), "jwt.issuer: must be text, not a list"),
        (
            json!({"jwt": {"alg": "HS256", "audience": ["a", 1]}}),
            "jwt.audience: must be text or a list of texts, not a list of something else",
        ),
        (
            json!({"jwt": {"alg": "HS256", "required": true}}),
            "jwt.required: must be text or a list of texts, not a boolean",
        ),
        (json!({"jwt": {"alg": "HS256", "typ": ["at+jwt"]}}), "jwt.typ: must be text, not a list"),
        (json!({"jwt": {"alg": "HS256", "subject": 1}}), "jwt.subject: must be text, not an integer"),
        (
            json!({"jwt": {"alg": "HS256", "expire": "3600"}}),
            "jwt.expire: must be a number of seconds, not text",
        ),
        (
            json!({"jwt": {"alg": "HS256", "leeway": true}}),
            "jwt.leeway: must be a number of seconds, not a boolean",
        ),
        (
            json!({"session": {"is_session_crypt": 1}}),
            "session.is_session_crypt: must be a boolean, not an integer",
        ),
        (json!({"otp": {"digits": 6.5}}), "otp.digits: must be an integer, not a number"),
        (json!({"otp": {"digits": {}}}), "otp.digits: must be an integer, not a table"),
        (json!({"otp": {"replay_guard": "memory"}}), "otp.replay_guard: must be a table, not text"),
        (json!({"oauth2": {"providers": {"x": 1}}}), "oauth2.providers.x: must be a table, not an integer"),
    ] {
        assert_eq!(refused(tree), message);
    }
}

#[test]
fn a_value_out_of_range_is_refused() {
    for (tree, path) in [
        (json!({"jwt": {"alg": "HS265"}}), "jwt.alg"),
        (json!({"jwt": {"alg": "none"}}), "jwt.alg"), // attack 1
        (json!({"jwt": {}}), "jwt.alg"),
        (json!({"jwt": {"alg": "HS256", "leeway": -1}}), "jwt.leeway"), // attack 34
        (json!({"jwt": {"alg": "HS256", "leeway": 1e300}}), "jwt.leeway"), // attack 34
        (json!({"jwt": {"alg": "HS256", "leeway": 86_401}}), "jwt.leeway"), // attack 34
        (json!({"jwt": {"alg": "HS256", "expire": 0}}), "jwt.expire"),
        (json!({"jwt": {"alg": "HS256", "list": {"backend": "memory"}}}), "jwt.list.type"),
        (json!({"session": {"default_ttl": 0}}), "session.default_ttl"),
        (json!({"session": {"default_ttl": -5}}), "session.default_ttl"),
        (json!({"session": {"session_type": "redsi"}}), "session.session_type"),
        (json!({"session": {"session_type": "custom"}}), "session.custom_module"),
        (json!({"session": {"redis_sessions_key": ""}}), "session.redis_sessions_key"),
        (json!({"session": {"session_type": "json", "json_path": ""}}), "session.json_path"),
        (json!({"session": {"redis_uri": "redis://h"}}), "session.redis_uri"),
        (json!({"otp": {"replay_guard": {"backend": "redsi"}}}), "otp.replay_guard.backend"),
        (json!({"otp": {"replay_guard": {"backend": "custom"}}}), "otp.replay_guard.custom_module"),
        (json!({"otp": {"replay_guard": {"redis_uri": "redis://h"}}}), "otp.replay_guard.redis_uri"),
        (json!({"session": {"redis_retries": 1}}), "session.redis_retries"),
        (json!({"session": {"session_type": "redis", "redis_retries": 101}}), "session.redis_retries"),
        (json!({"session": {"session_type": "redis", "redis_pool_size": 0}}), "session.redis_pool_size"),
        (
            json!({"session": {"session_type": "redis", "redis_client_key": "Cargo.toml"}}),
            "session.redis_client_certificate",
        ),
        (
            json!({"session": {"session_type": "redis", "redis_ca_file": "nowhere.pem"}}),
            "session.redis_ca_file",
        ),
        (
            json!({"session": {"session_type": "redis", "redis_sentinel_password": "hunter2"}}),
            "session.redis_sentinel_password",
        ),
        (json!({"session": {"session_type": "redis", "redis_sentinel_master": "m"}}), "session.redis_uri"),
        (json!({"otp": {"digits": 0}}), "otp.digits"), // attack 53
        (json!({"otp": {"digits": 11}}), "otp.digits"), // attack 53
        (json!({"otp": {"digits": -6}}), "otp.digits"),
        (json!({"otp": {"interval": 0}}), "otp.interval"), // attack 53
        (json!({"otp": {"digest": "md5"}}), "otp.digest"), // fault 23
        (json!({"paseto": {"version": "v5", "purpose": "local", "key": "k"}}), "paseto.version"),
        (json!({"paseto": {"version": "v0", "purpose": "local", "key": "k"}}), "paseto.version"),
        (json!({"paseto": {"version": "4", "purpose": "local", "key": "k"}}), "paseto.version"),
        (json!({"paseto": {"version": "v4", "key": "k"}}), "paseto.purpose"),
        (json!({"paseto": {"version": "v4", "purpose": "local"}}), "paseto.key"),
        (json!({"paseto": {"version": "v4", "purpose": "local", "public_key": "k"}}), "paseto.key"),
        (json!({"paseto": {"version": "v4", "purpose": "local", "key": []}}), "paseto.key"),
        (json!({"paseto": {"version": "v4", "purpose": "local", "key": ["k", 1]}}), "paseto.key"),
        (json!({"oauth2": {}}), "oauth2.providers"),
        (json!({"oauth2": {"providers": {"x": {}}}}), "oauth2.providers.x.client_id"),
        (json!({"log_level": "LOUD"}), "log_level"),
    ] {
        let message = refused(tree);
        assert!(message.starts_with(&format!("{path}: ")), "{message}");
    }
    assert!(refused(json!({"jwt": {"alg": "HS265"}})).ends_with("did you mean \"HS256\"?"));
}

#[test]
fn a_message_does_not_repeat_a_value() {
    for tree in [
        json!({"jwt": {"alg": "hunter2"}}),
        json!({"session": {"session_type": "hunter2"}}),
        json!({"session": ["hunter2"]}),
        json!({"jwt": {"alg": "HS256", "secret": [["hunter2"]]}}),
        json!({"paseto": {"version": "v4", "purpose": "hunter2"}}),
    ] {
        let message = refused(tree);
        assert!(!message.contains("hunter2"), "{message}");
    }
    let config = typed(json!({"jwt": {"alg": "HS256", "secret": "hunter2", "password": "hunter2"}})).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_key_may_be_a_list_of_keys_in_every_format() {
    let folder = Folder::new();
    let jwk = json!({"kty": "oct", "k": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", "kid": "old"});
    for (name, text) in [
        (
            "a.toml",
            r#"
            [jam.jwt]
            alg = "HS256"
            secret = ["${NEW}", {kty = "oct", k = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", kid = "old"}]
            "#
            .to_owned(),
        ),
        (
            "a.yaml",
            "jam:\n  jwt:\n    alg: HS256\n    secret:\n      - ${NEW}\n      - {kty: oct, k: \
             BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc, kid: old}\n"
                .to_owned(),
        ),
        ("a.json", json!({"jam": {"jwt": {"alg": "HS256", "secret": ["${NEW}", jwk]}}}).to_string()),
    ] {
        let environment = |name: &str| (name == "NEW").then(|| "the newest secret of all".to_owned());
        let tree = config::read_with(folder.file(name, text), "jam", &environment).unwrap().0;
        let canonical = canonical(tree.clone()).unwrap();
        assert_eq!(canonical["jwt"]["secret"][0], "the newest secret of all", "{name}");
        let text = canonical["jwt"]["secret"][1].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), jwk, "{name}");
        let secrets = typed(tree).unwrap().jwt.unwrap().options.secret;
        assert_eq!(secrets.len(), 2, "{name}");
    }
    for key in ["private_key", "public_key"] {
        let tree = json!({"jwt": {"alg": "ES256", key: [{"kty": "EC"}, "PEM"]}});
        let options = typed(tree).unwrap().jwt.unwrap().options;
        let keys = [options.private_key, options.public_key].concat();
        assert_eq!(
            keys.iter().map(|key| key.expose().as_str()).collect::<Vec<_>>(),
            [r#"{"kty":"EC"}"#, "PEM"]
        );
    }
    for (tree, message) in [
        (
            json!({"jwt": {"alg": "HS256", "secret": ["a", {"k": "b"}]}}),
            "jwt.secret[1]: must be a JSON Web Key where it is a table, and have \"kty\"",
        ),
        (
            json!({"jwt": {"alg": "HS256", "secret": ["a", 1]}}),
            "jwt.secret: must be text, or a list of them, not a list of something else",
        ),
        (
            json!({"jwt": {"alg": "ES256", "private_key": ["a", null]}}),
            "jwt.private_key: must be text, or a list of them, not a list of something else",
        ),
    ] {
        assert_eq!(refused(tree), message);
    }
}

#[test]
fn the_section_of_encryption_stands_within_jose() {
    let jwk = json!({"kty": "oct", "k": "BwcHBwcHBwcHBwcHBwcHBw"});
    let tree = json!({"jose": {"jwe": {
        "alg": "A128KW", "enc": "A128CBC-HS256", "secret": ["AAECAwQFBgcICQoLDA0ODw", jwk], "accept_enc": "A256GCM",
        "compress": true, "max_plaintext": 5000, "max_length": 1000,
    }}});
    let canonical = canonical(tree.clone()).unwrap();
    assert_eq!(canonical["jose"]["jwe"]["alg"], "A128KW");
    assert_eq!(canonical["jose"]["jwe"]["enc"], "A128CBC-HS256");
    assert_eq!(canonical["jose"]["jwe"]["secret"][1], jwk.to_string());
    let jwe = typed(tree).unwrap().jwe.unwrap();
    assert_eq!(jwe.keys.secret.len(), 2);
    assert_eq!((jwe.options.expanded_limit, jwe.options.length_limit), (Some(5000), 1000));

    let pbes2 = json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "secret": "a", "allow_pbes2": true, "p2c": 5000});
    let options = typed(json!({"jose": {"jwe": pbes2}})).unwrap().jwe.unwrap().options;
    assert_eq!(
        (options.allow_passwords, options.iterations, options.iterations_limit),
        (true, Some(5000), None)
    );
    let agreed =
        json!({"alg": "ECDH-ES", "enc": "A128GCM", "public_key": "PEM", "apu": "Alice", "apv": "Bob"});
    let jwe = typed(json!({"jose": {"jwe": agreed}})).unwrap().jwe.unwrap();
    assert_eq!(
        (jwe.options.party_u.as_slice(), jwe.options.party_v.as_slice()),
        (&b"Alice"[..], &b"Bob"[..])
    );
    assert_eq!(jwe.keys.public_key.unwrap().expose(), "PEM");

    for (section, message) in [
        (json!({}), "jose.jwe.alg: is required, for example \"dir\""),
        (json!({"alg": "dir"}), "jose.jwe.enc: is required, for example \"A256GCM\""),
        (
            json!({"alg": "dir", "enc": "A256GCM", "secrt": "a"}),
            "jose.jwe.secrt: unknown key; did you mean \"secret\"?",
        ),
        (
            json!({"alg": "dir", "enc": "A256GCM", "secret": {"k": "a"}}),
            "jose.jwe.secret: must be a JSON Web Key where it is a table, and have \"kty\"",
        ),
        (
            json!({"alg": "ECDH-ES", "enc": "A256GCM", "public_key": ["a"]}),
            "jose.jwe.public_key: must be one key, not a list",
        ),
        (
            json!({"alg": "dir", "enc": "A256GCM", "p2c": 999}),
            "jose.jwe.p2c: must be from 1000 to 4294967295",
        ),
        (
            json!({"alg": "dir", "enc": "A256GCM", "compress": 1}),
            "jose.jwe.compress: must be a boolean, not an integer",
        ),
        (
            json!({"alg": "dir", "enc": "A256GCM", "max_length": -1}),
            "jose.jwe.max_length: must be from 0 to 4294967295",
        ),
    ] {
        assert_eq!(refused(json!({"jose": {"jwe": section}})), message);
    }
    for (section, hint) in [
        (json!({"alg": "RSA-OEAP", "enc": "A256GCM"}), "did you mean \"RSA-OAEP\"?"),
        (json!({"alg": "DIR", "enc": "A256GCM"}), "jose.jwe.alg: must be one of"),
        (json!({"alg": "dir", "enc": "a256gcm"}), "did you mean \"A256GCM\"?"),
        (json!({"alg": "dir", "enc": "A256-GCM"}), "did you mean \"A256GCM\"?"),
        // attack 41
        (json!({"alg": "RSA1_5", "enc": "A256GCM"}), "must be one of"),
    ] {
        let message = refused(json!({"jose": {"jwe": section}}));
        assert!(message.contains(hint), "{message}");
    }
}

#[test]
fn the_section_of_signatures_stands_within_jose() {
    let tree =
        json!({"jose": {"jws": {"alg": "HS256", "secret_key": ["a", "b"], "allow_short_secret": true}}});
    let expected =
        json!({"jose": {"jws": {"alg": "HS256", "secret": ["a", "b"], "allow_short_secret": true}}});
    assert_eq!(canonical(tree.clone()).unwrap(), expected);
    let jws = typed(tree).unwrap().jws.unwrap();
    assert_eq!((jws.secret.len(), jws.allow_short_secret), (2, true));
    assert!(!typed(json!({"jose": {"jws": {"alg": "HS256"}}})).unwrap().jws.unwrap().allow_short_secret);

    let both =
        json!({"jose": {"jws": {"alg": "HS256", "secret": "a"}, "jwt": {"alg": "HS256", "secret": "b"}}});
    let canonical = canonical(both).unwrap();
    assert_eq!(canonical["jose"], json!({"jws": {"alg": "HS256", "secret": "a"}}));
    assert_eq!(canonical["jwt"], json!({"alg": "HS256", "secret": "b"}));
    for (tree, message) in [
        (json!({"jose": {"jws": {}}}), "jose.jws.alg: is required, for example \"HS256\""),
        (
            json!({"jose": {"jws": {"alg": "HS256", "secrets": "a"}}}),
            "jose.jws.secrets: unknown key; did you mean \"secret\"?",
        ),
        (
            json!({"jose": {"jws": {"alg": "HS256", "allow_short_secrets": true}}}),
            "jose.jws.allow_short_secrets: unknown key; did you mean \"allow_short_secret\"?",
        ),
        (
            json!({"jose": {"jws": {"alg": "HS256", "allow_short_secret": "yes"}}}),
            "jose.jws.allow_short_secret: must be a boolean, not text",
        ),
    ] {
        assert_eq!(refused(tree), message);
    }
    // The environment has keys for JWT only.
    let environment = |name: &str| name.starts_with("JAM_JWT").then(|| "x".to_owned());
    let tree = json!({"jose": {"jws": {"alg": "HS256"}}});
    assert!(Config::from_value_with(tree, &environment).unwrap().jws.unwrap().secret.is_empty());
}

#[test]
fn every_alias_reads_as_its_key() {
    let aliased = json!({
        "jose": {"jwt": {"alg": "HS256", "secret_key": "s"}},
        "sessions": {"sessions_type": "redis", "redis_uri": "redis://h", "session_path": "mine"},
        "oauth2": {"providers": {"x": {"client_id": "a", "redirect_uri": "https://me/cb"}}},
        "paseto": {"version": "v4", "purpose": "local", "secret_key": "k"},
    });
    let plain = json!({
        "jwt": {"alg": "HS256", "secret": "s"},
        "session": {"session_type": "redis", "redis_uri": "redis://h", "redis_sessions_key": "mine"},
        "oauth2": {"providers": {"x": {"client_id": "a", "redirect_url": "https://me/cb"}}},
        "paseto": {"version": "v4", "purpose": "local", "key": "k"},
    });
    assert_eq!(canonical(aliased.clone()).unwrap(), plain);
    assert_eq!(canonical(plain.clone()).unwrap(), plain, "the canonical form is its own");
    let (aliased, plain) = (typed(aliased).unwrap(), typed(plain).unwrap());
    assert_eq!(aliased.jwt.unwrap().options.secret, plain.jwt.unwrap().options.secret);
    assert_eq!(format!("{:?}", aliased.paseto), format!("{:?}", plain.paseto));
    assert_eq!(format!("{:?}", aliased.session), format!("{:?}", plain.session));
    assert_eq!(format!("{:?}", aliased.oauth2), format!("{:?}", plain.oauth2));
}

#[test]
fn both_spellings_of_a_key_at_once_are_refused() {
    for (tree, path) in [
        (json!({"jwt": {"alg": "HS256", "secret": "a", "secret_key": "a"}}), "jwt.secret_key"),
        (json!({"session": {}, "sessions": {}}), "sessions"),
        (json!({"jwt": {"alg": "HS256"}, "jose": {"jwt": {"alg": "HS256"}}}), "jose.jwt"),
        (json!({"session": {"session_type": "memory", "sessions_type": "json"}}), "session.sessions_type"),
        (
            json!({"paseto": {"version": "v4", "purpose": "local", "key": "a", "secret_key": "b"}}),
            "paseto.secret_key",
        ),
    ] {
        let message = refused(tree);
        assert!(message.starts_with(&format!("{path}: ")), "{message}");
    }
}

#[test]
fn a_section_that_is_broken_inside_jose_is_named_there() {
    assert_eq!(
        refused(json!({"jose": {"jwt": {"alg": "HS256", "secert": "x"}}})),
        "jose.jwt.secert: unknown key; did you mean \"secret\"?"
    );
}

#[test]
fn absent_keys_come_from_the_environment_and_only_where_they_are_used() {
    let environment = |name: &str| {
        Some(match name {
            "JAM_LOG_LEVEL" => "warning".to_owned(),
            name => format!("from {name}"),
        })
    };
    let read = |tree| config::canonical_with(tree, &environment).unwrap();
    assert_eq!(read(json!({})), json!({"log_level": "WARNING"}));
    assert_eq!(
        read(json!({
            "log_level": "INFO",
            "jwt": {"alg": "HS256"},
            "session": {"session_type": "memory", "is_session_crypt": true},
            "paseto": {"version": "v4", "purpose": "local"},
        })),
        json!({
            "log_level": "INFO",
            "jwt": {"alg": "HS256", "secret": "from JAM_JWT_SECRET_KEY"},
            "session": {
                "session_type": "memory",
                "is_session_crypt": true,
                "session_aes_secret": "from JAM_SESSION_AES_SECRET",
            },
            "paseto": {"version": "v4", "purpose": "local", "key": "from JAM_PASETO_KEY"},
        })
    );
    assert_eq!(
        read(json!({"jwt": {"alg": "ES256", "public_key": null}, "session": {"session_type": "memory"}})),
        json!({
            "log_level": "WARNING",
            "jwt": {
                "alg": "ES256",
                "private_key": "from JAM_JWT_PRIVATE_KEY",
                "public_key": "from JAM_JWT_PUBLIC_KEY",
            },
            "session": {"session_type": "memory"},
        })
    );
    assert_eq!(
        read(json!({"jwt": {"alg": "HS256", "secret_key": "given"}}))["jwt"]["secret"],
        json!("given")
    );
}

#[test]
fn a_level_of_the_environment_that_is_none_is_refused() {
    let environment = |name: &str| (name == "JAM_LOG_LEVEL").then(|| "loud".to_owned());
    let error = config::canonical_with(json!({}), &environment).unwrap_err();
    assert!(error.to_string().starts_with("log_level: "), "{error}");
}

#[test]
fn the_typed_form_holds_what_was_given() {
    let config = typed(json!({
        "jwt": {
            "alg": "ES256", "private_key": {"kty": "EC"}, "expire": 90, "issuer": "me", "audience": "you",
            "leeway": 0.5, "subject": "him", "required": ["exp", "jti"], "typ": "at+jwt",
            "list": {"type": "black", "backend": "redis", "redis_uri": "redis://h", "in_list_life_time": 60},
        },
        "session": {"session_type": "json", "json_path": "s.json", "default_ttl": null, "absolute_ttl": 7200},
        "otp": {
            "type": "hotp", "digits": 8, "digest": "SHA512",
            "replay_guard": {"backend": "redis", "redis_uri": "redis://h"},
        },
        "paseto": {"version": "v4", "purpose": "public", "public_key": "k"},
    }))
    .unwrap();
    let JwtConfig { options: jwt, list } = config.jwt.unwrap();
    assert_eq!(jwt.private_key[0].expose(), r#"{"kty":"EC"}"#);
    assert_eq!((jwt.expire, jwt.leeway), (Some(Duration::from_secs(90)), Duration::from_millis(500)));
    assert_eq!((jwt.issuer.as_deref(), jwt.audience), (Some("me"), vec!["you".to_owned()]));
    assert_eq!((jwt.subject.as_deref(), jwt.token_type.as_deref()), (Some("him"), Some("at+jwt")));
    assert_eq!(jwt.required, ["exp", "jti"]);
    let list = list.unwrap();
    assert_eq!((list.kind, list.life_time), (Kind::Black, Some(Duration::from_secs(60))));
    assert!(
        matches!(&list.backend, Backend::Redis(options) if is_at(options, "redis://h") && options.namespace == "jwt_list")
    );
    let session = config.session.unwrap();
    assert!(matches!(session.backend, Backend::Json { path } if path.ends_with("s.json")));
    assert_eq!(
        (session.options.default_ttl, session.options.absolute_ttl),
        (None, Some(Duration::from_secs(7200)))
    );
    let otp = config.otp.unwrap();
    assert_eq!((otp.kind, otp.options.digits), (OtpKind::Hotp, 8));
    assert_eq!((otp.options.digest, otp.options.interval), (Digest::Sha512, 30));
    assert!(
        matches!(&otp.replay_guard, Some(Backend::Redis(options)) if is_at(options, "redis://h") && options.namespace == "otp_replay")
    );
    assert!(
        matches!(&config.paseto.unwrap().public_keys[..], [KeySource::Text(text)] if text.expose() == "k")
    );
}

#[test]
fn sessions_without_a_type_are_kept_in_sqlite_for_an_hour() {
    // fault 24: configured lifetimes were dropped on the way
    let session = typed(json!({"session": {}})).unwrap().session.unwrap();
    assert!(matches!(session.backend, Backend::Sqlite { path } if path.ends_with("jam.sqlite3")));
    assert_eq!(session.options.default_ttl, Some(Duration::from_secs(3600)));
    assert_eq!(
        canonical(json!({"session": {}})).unwrap(),
        json!({"session": {"session_type": "sqlite", "sqlite_path": "jam.sqlite3"}})
    );
}

#[test]
fn encryption_at_rest_without_a_key_is_refused_with_its_own_code() {
    let tree = json!({"session": {"is_session_crypt": true}});
    assert_eq!(typed(tree.clone()).unwrap_err().code(), "sessions.empty_aes_key");
    assert_eq!(canonical(tree).unwrap_err().code(), "sessions.empty_aes_key");
    let keys = json!({"session": {"is_session_crypt": true, "session_aes_secret": ["new", "old"]}});
    let keys = typed(keys).unwrap().session.unwrap().options.encryption_keys.unwrap();
    assert_eq!(keys.iter().map(|key| key.expose().as_str()).collect::<Vec<_>>(), ["new", "old"]);
    let off = json!({"session": {"is_session_crypt": false, "session_aes_secret": "unused"}});
    assert!(typed(off).unwrap().session.unwrap().options.encryption_keys.is_none());
}

#[test]
fn a_paseto_key_may_lie_in_a_file_and_a_jwt_key_is_never_a_path() {
    // fault 8: a key's text was tried as the name of a file
    let folder = Folder::new();
    let path = folder.file("key", "k4.local.AAAA\n");
    let from_file = format!("file:{}", path.display());
    let tree = json!({
        "paseto": {"version": "v4", "purpose": "local", "key": from_file},
        "jwt": {"alg": "ES256", "private_key": from_file, "public_key": path.display().to_string()},
    });
    let canonical = canonical(tree).unwrap();
    assert_eq!(canonical["paseto"]["key"], json!("k4.local.AAAA"));
    assert_eq!(canonical["jwt"]["private_key"], json!(from_file));
    assert_eq!(canonical["jwt"]["public_key"], json!(path.display().to_string()));
    let absent = json!({"paseto": {"version": "v4", "purpose": "local", "key": "file:/absent/key"}});
    assert!(refused(absent).starts_with("paseto.key: /absent/key: "));
}

#[test]
fn paseto_keys_are_one_or_a_list_in_every_version() {
    let folder = Folder::new();
    let path = folder.file("key", "old\n");
    for version in ["v1", "v2", "v3", "v4"] {
        let tree = json!({"paseto": {
            "version": version,
            "purpose": "public",
            "key": ["new", format!("file:{}", path.display())],
            "public_key": ["new public", "old public"],
        }});
        let options = typed(tree.clone()).unwrap().paseto.unwrap();
        assert_eq!(options.version.to_string(), version);
        let texts = |keys: &[KeySource]| -> Vec<String> {
            let text = |key: &KeySource| match key {
                KeySource::Text(text) => text.expose().clone(),
                other => panic!("{other:?}"),
            };
            keys.iter().map(text).collect()
        };
        assert_eq!(texts(&options.keys), ["new", "old"]);
        assert_eq!(texts(&options.public_keys), ["new public", "old public"]);
        assert_eq!(canonical(tree).unwrap()["paseto"]["key"], json!(["new", "old"]));
    }
    let absent = json!({"paseto": {"version": "v4", "purpose": "local", "key": ["k", "file:/absent/key"]}});
    assert!(refused(absent).starts_with("paseto.key[1]: /absent/key: "));
}

#[test]
fn the_keys_of_postgresql_say_where_the_database_is_and_how_it_is_reached() {
    let postgres = |mut keys: Value| {
        keys["session_type"] = "postgresql".into();
        match typed(json!({"session": keys})).unwrap().session.unwrap().backend {
            Backend::Postgres(options) => *options,
            other => panic!("{other:?}"),
        }
    };
    let default = postgres(json!({"postgresql_uri": "postgresql://h/d"}));
    assert_eq!(default.url.expose(), "postgresql://h/d");
    assert_eq!((default.table.as_str(), default.pool_size), ("jam_store", 8));
    assert!(default.prepared_statements && default.tls.authorities.is_none() && default.tls.client.is_none());
    let all = postgres(json!({
        "postgresql_uri": "postgresql://h/d", "postgresql_table": "auth.kept", "postgresql_pool_size": 3,
        "postgresql_connect_timeout": 0.5, "postgresql_response_timeout": 3,
        "postgresql_ca_file": "tests/keys/certificate.pem", "postgresql_prepared_statements": false,
        "postgresql_client_certificate": "tests/keys/certificate.pem", "postgresql_client_key": "tests/keys/rsa.pem",
    }));
    assert_eq!((all.table.as_str(), all.pool_size, all.prepared_statements), ("auth.kept", 3, false));
    assert_eq!(all.connect_timeout, Duration::from_millis(500));
    assert_eq!(all.response_timeout, Duration::from_secs(3));
    assert!(all.tls.authorities.is_some() && all.tls.client.is_some());

    for (keys, path) in [
        (json!({"session_type": "postgresql"}), "session.postgresql_uri"),
        (json!({"postgresql_uri": "postgresql://h/d"}), "session.postgresql_uri"),
        (json!({"postgresql_pool_size": 3}), "session.postgresql_pool_size"),
        (json!({"session_type": "postgresql", "postgresql_pool_size": 0}), "session.postgresql_pool_size"),
        (
            json!({"session_type": "postgresql", "postgresql_client_key": "Cargo.toml"}),
            "session.postgresql_client_certificate",
        ),
        (
            json!({"session_type": "postgresql", "postgresql_ca_file": "nowhere.pem"}),
            "session.postgresql_ca_file",
        ),
    ] {
        let refusal = refused(json!({"session": keys}));
        assert!(refusal.starts_with(&format!("{path}: ")), "{refusal}");
    }
    let meant = refused(json!({"session": {"session_type": "postgres"}}));
    assert!(meant.ends_with("did you mean \"postgresql\"?"), "{meant}");
    let meant =
        refused(json!({"session": {"session_type": "postgresql", "postgres_uri": "postgresql://h/d"}}));
    assert!(meant.ends_with("\"postgres_uri\" is not its name"), "{meant}");
}

#[test]
fn the_keys_of_redis_say_which_servers_there_are_and_how_they_are_reached() {
    let redis = |mut keys: Value| {
        keys["session_type"] = "redis".into();
        match typed(json!({"session": keys})).unwrap().session.unwrap().backend {
            Backend::Redis(options) => *options,
            other => panic!("{other:?}"),
        }
    };
    let default = redis(json!({}));
    assert_eq!(format!("{default:?}"), format!("{:?}", RedisOptions::default()));
    let single = redis(json!({
        "redis_uri": "rediss://h", "redis_connect_timeout": 0.5, "redis_response_timeout": 3, "redis_retries": 0,
        "redis_pool_size": 4, "redis_ca_file": "tests/keys/certificate.pem",
        "redis_client_certificate": "tests/keys/certificate.pem", "redis_client_key": "tests/keys/rsa.pem",
    }));
    assert_eq!(
        (single.connect_timeout, single.response_timeout, single.retries, single.pool_size),
        (Duration::from_millis(500), Duration::from_secs(3), 0, 4)
    );
    let client = single.tls.client.unwrap();
    assert!(single.tls.authorities.unwrap().starts_with("-----BEGIN CERTIFICATE"));
    assert!(client.certificate.starts_with("-----BEGIN") && client.key.expose().starts_with("-----BEGIN"));
    let cluster = redis(json!({"redis_uri": ["redis://h"], "redis_read_from_replicas": true}));
    assert!(cluster.read_from_replicas);
    assert!(matches!(&cluster.servers, RedisServers::Cluster(urls) if urls[0].expose() == "redis://h"));
    for uri in [json!("redis://h"), json!(["redis://h"])] {
        let sentinel = redis(json!({
            "redis_uri": uri, "redis_sentinel_master": "m", "redis_sentinel_username": "u",
            "redis_sentinel_password": "hunter2",
        }));
        assert!(!format!("{sentinel:?}").contains("hunter2"));
        let RedisServers::Sentinel(sentinel) = sentinel.servers else { panic!("{sentinel:?}") };
        assert_eq!((sentinel.urls.len(), sentinel.master.as_str()), (1, "m"));
        assert_eq!(sentinel.username.as_deref(), Some("u"));
        assert_eq!(sentinel.password.unwrap().expose(), "hunter2");
    }
    let meant = refused(json!({"session": {"session_type": "redis", "redis_conect_timeout": 1}}));
    assert!(meant.ends_with("did you mean \"redis_connect_timeout\"?"), "{meant}");
    let with_client = json!({"session": {
        "session_type": "redis", "redis_uri": config::placeholder("Redis", 1), "redis_retries": 1,
    }});
    let refused = canonical(with_client).unwrap_err().to_string();
    assert!(refused.starts_with("session.redis_retries: is for a redis_uri"), "{refused}");
}

#[test]
fn objects_of_python_are_taken_where_the_contract_says_and_named_elsewhere() {
    let object = |kind| config::placeholder(kind, 7);
    assert_eq!(config::placeholder_index(&object("bytes")), Some(7));
    let good = json!({
        "logger": object("Logger"),
        "serializer": object("MyEncoder"),
        "jwt": {
            "alg": "HS256", "secret": object("bytes"),
            "list": {"type": "white", "backend": "custom", "custom_module": object("type"), "own": object("x")},
        },
        "session": {
            "session_type": "redis", "redis_uri": object("Redis"), "id_factory": object("function"),
            "is_session_crypt": true, "session_aes_secret": [object("bytes"), "old"],
        },
        "paseto": {"version": "v4", "purpose": "local", "key": object("bytes")},
        "oauth2": {"providers": {"mine": {"custom_module": object("type"), "anything": {"goes": object("x")}}}},
    });
    assert_eq!(canonical(good.clone()).unwrap(), good);
    let keys =
        json!({"jwt": {"alg": "ES256", "private_key": [object("JWK"), "PEM"], "public_key": object("JWK")}});
    assert_eq!(canonical(keys.clone()).unwrap(), keys);
    for (tree, message) in [
        (
            json!({"session": {"default_ttl": object("timedelta")}}),
            "session.default_ttl: must be a number of seconds, not an object of type timedelta",
        ),
        (
            json!({"session": {"is_session_crypt": true, "session_aes_secret": object("JWK")}}),
            "session.session_aes_secret: must be text or bytes, or a list of them, not an object of type JWK",
        ),
        (json!({"session": object("Redis")}), "session: must be a table, not an object of type Redis"),
        (
            json!({"jwt": {"alg": "HS256", "secret": object("Logger")}}),
            "jwt.secret: must be text or bytes, or a list of them, not an object of type Logger",
        ),
        (json!({"logger": "name"}), "logger: must be an object, not text"),
    ] {
        assert_eq!(canonical(tree).unwrap_err().to_string(), message);
    }
    // In Rust there are no objects: what looks like one is a table.
    assert!(typed(json!({"session": {"session_type": "redis", "redis_uri": object("Redis")}})).is_err());
}

#[test]
fn a_class_of_the_users_own_takes_all_other_keys_of_its_section() {
    let tree = json!({
        "jwt": {"custom_module": "pkg.MyJWT", "anything": [1, 2]},
        "session": {"custom_module": "pkg.MySessions", "dsn": "x"},
        "oauth2": {"providers": {"mine": {"module": "pkg.MyClient", "tenant": "t"}}},
    });
    assert_eq!(
        canonical(tree.clone()).unwrap(),
        json!({
            "jwt": {"custom_module": "pkg.MyJWT", "anything": [1, 2]},
            "session": {"session_type": "custom", "custom_module": "pkg.MySessions", "dsn": "x"},
            "oauth2": {"providers": {"mine": {"custom_module": "pkg.MyClient", "tenant": "t"}}},
        })
    );
    let error = typed(tree).unwrap_err();
    assert!(error.to_string().starts_with("jwt.custom_module: only the Python package"), "{error}");
}

#[test]
fn a_missing_key_is_named_with_what_was_probably_meant_for_it() {
    let error =
        Config::from_value(json!({"jwt": {"algorithm": "HS256", "secret": "long and hard to guess"}}));
    let message = error.unwrap_err().to_string();
    assert!(message.starts_with("jwt.alg: is required"), "{message}");
    assert!(message.ends_with("\"algorithm\" is not its name"), "{message}");
}
