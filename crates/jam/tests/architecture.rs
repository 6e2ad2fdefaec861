//! The rules of the house: which part may know which, and where sockets, files, clocks and cryptography are. They are
//! read from the sources, without the tests in them.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One source file: its path below `src`, and its text without comments and without what stands under
/// `#[cfg(test)]`.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// The part that the file belongs to: its folder below `src`, or its own name.
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn has_word(&self, word: &str) -> bool {
        let part_of_word = |character: char| character.is_alphanumeric() || character == '_';
        self.code.match_indices(word).any(|(start, _)| {
            let before = self.code[..start].chars().next_back();
            let after = self.code[start + word.len()..].chars().next();
            !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
        })
    }

    /// The parts of the crate that are named after `crate::`, alone or within braces.
    fn named_rooms(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for (start, _) in self.code.match_indices("crate::") {
            let rest = &self.code[start + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(group) => named.extend(heads_of_group(group)),
                None => named.extend(head(rest)),
            }
        }
        named
    }
}

/// The identifier at the start of a path.
fn head(path: &str) -> Option<String> {
    let path = path.trim_start();
    let end = path.find(|character: char| !character.is_alphanumeric() && character != '_')?;
    (end > 0).then(|| path[..end].to_owned())
}

/// The identifiers that the members of `{a, b::{c, d}, e}` start with.
fn heads_of_group(group: &str) -> Vec<String> {
    let (mut heads, mut depth, mut member) = (Vec::new(), 0_usize, String::new());
    for character in group.chars() {
        match (character, depth) {
            ('}', 0) => break,
            (',', 0) => heads.extend(head(&format!("{} ", std::mem::take(&mut member)))),
            (character, _) => {
                depth = match character {
                    '{' => depth + 1,
                    '}' => depth - 1,
                    _ => depth,
                };
                member.push(character);
            }
        }
    }
    heads.extend(head(&format!("{member} ")));
    heads
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let sources = files.into_iter().map(|file| {
        let text = std::fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        Source { path, code: without_tests_and_comments(&text) }
    });
    sources.filter(|source| source.path != "test_vectors.rs").collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn without_tests_and_comments(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() == "#[cfg(test)]" {
            skip_item(&mut lines, line.len() - line.trim_start().len());
        } else if !line.trim_start().starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// Skips one item: a line that ends it, or all lines to the brace that closes it at its own indentation.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>, indentation: usize) {
    for line in lines.by_ref() {
        let closes = line.len() == indentation + 1 && line.trim_start() == "}";
        if closes || (line.ends_with(';') && !line[indentation..].starts_with(' ')) {
            return;
        }
    }
}

/// Fails with every file that uses one of the words and is not allowed to.
fn only_in(words: &[&str], allowed: impl Fn(&str) -> bool) {
    let mut trespassers = Vec::new();
    for source in sources().iter().filter(|source| !allowed(&source.path)) {
        trespassers.extend(
            words.iter().filter(|word| source.has_word(word)).map(|word| format!("{}: {word}", source.path)),
        );
    }
    assert!(trespassers.is_empty(), "{trespassers:#?}");
}

#[test]
fn rooms_know_only_whom_they_may() {
    const GROUND: [&str; 5] = ["error", "secret", "encoding", "clock", "process"];
    let may_know = |room: &str| -> &[&str] {
        match room {
            "error" | "secret" | "encoding" | "clock" | "process" => &[],
            "crypto" => &[],
            "jose" | "paseto" | "otp" | "password" => &["crypto"],
            "keygen" => &["crypto", "otp"],
            "store" | "cookie" => &[],
            "session" | "token_list" => &["crypto", "store", "session"],
            "replay_guard" => &["crypto", "otp", "session", "store"],
            "tokens" => &["crypto", "jose", "paseto", "session", "store", "token_list"],
            "oauth2" => &["crypto", "jose"],
            "config" => &["jose", "oauth2", "otp", "paseto", "session", "store", "token_list", "tokens"],
            "facade" | "jam" | "aio" => &[
                "config",
                "facade",
                "jose",
                "oauth2",
                "otp",
                "paseto",
                "replay_guard",
                "session",
                "store",
                "token_list",
                "tokens",
            ],
            "lib" => &["facade"],
            other => panic!("the room {other:?} is new: say here whom it may know"),
        }
    };
    let all: BTreeSet<String> = sources().iter().map(|source| source.room().to_owned()).collect();
    let mut trespassers = Vec::new();
    for source in sources() {
        let room = source.room();
        for named in source.named_rooms() {
            let allowed =
                named == room || GROUND.contains(&named.as_str()) || may_know(room).contains(&named.as_str());
            if all.contains(&named) && !allowed {
                trespassers.push(format!("{} knows {named}", source.path));
            }
        }
    }
    assert!(trespassers.is_empty(), "{trespassers:#?}");
}

#[test]
fn the_check_of_rooms_sees_every_form_of_import() {
    let code = "use crate::jose::Jwt;\nuse crate::{Result, store::{Key, Store}, otp::Totp,\n    paseto};\nlet x = crate::config::read();";
    let source = Source { path: "x.rs".to_owned(), code: code.to_owned() };
    let named = source.named_rooms();
    for expected in ["jose", "store", "otp", "paseto", "config"] {
        assert!(named.contains(expected), "{expected}: {named:?}");
    }
    assert!(!named.contains("Key"));
    let text =
        "use a;\n#[cfg(test)]\nmod tests {\n    use b;\n}\n// use c\nuse d;\n#[cfg(test)]\nmod e;\nuse f;\n";
    assert_eq!(without_tests_and_comments(text), "use a;\nuse d;\nuse f;\n");
}

#[test]
fn only_the_crypto_room_names_a_crypto_crate() {
    let crates = [
        "aes_kw",
        "argon2",
        "aws_lc_rs",
        "blake2",
        "chacha20",
        "crypto_bigint",
        "curve25519_dalek",
        "getrandom",
        "hmac",
        "k256",
        "p384",
        "pbkdf2",
        "pkcs1",
        "pkcs8",
        "rand",
        "sec1",
        "sha1",
        "sha2",
    ];
    let uses: Vec<String> = crates.iter().map(|name| format!("{name}::")).collect();
    let mut trespassers = Vec::new();
    for source in sources().iter().filter(|source| source.room() != "crypto") {
        for (use_, name) in uses.iter().zip(crates) {
            // `crypto::hmac::` is the room's own module; only a path that begins with the name is the crate.
            let named = source.code.match_indices(use_.as_str()).any(|(start, _)| {
                let before = source.code[..start].chars().next_back();
                !before.is_some_and(|character| character.is_alphanumeric() || "_:".contains(character))
            });
            if named && source.has_word(name) && !imports_own_module(source, name) {
                trespassers.push(format!("{}: {name}", source.path));
            }
        }
    }
    assert!(trespassers.is_empty(), "{trespassers:#?}");
}

/// Whether the file takes a module of this name from the crypto room.
fn imports_own_module(source: &Source, name: &str) -> bool {
    let statements = source.code.split("use crate::crypto::").skip(1);
    statements.filter_map(|text| text.split(';').next()).any(|statement| {
        statement
            .split(|character: char| !character.is_alphanumeric() && character != '_')
            .any(|word| word == name)
    })
}

#[test]
fn only_the_clock_reads_the_clock() {
    only_in(&["SystemTime"], |path| path == "clock.rs");
}

#[test]
fn only_the_faces_ask_what_time_it_is() {
    // A test of a store on a server has to know the time.
    let faces = ["facade.rs", "jam.rs", "aio.rs", "store/contract.rs"];
    only_in(&["Timestamp::now"], |path| faces.contains(&path));
}

#[test]
fn only_the_configuration_reads_the_environment() {
    only_in(&["env::var", "env::var_os", "env::vars"], |path| path.starts_with("config"));
}

#[test]
fn sockets_and_files_are_in_the_stores_the_http_client_and_the_configuration() {
    only_in(
        &["std::fs", "std::net", "tokio::net", "tokio::fs", "TcpStream", "reqwest", "rusqlite"],
        |path| path.starts_with("store/") || path == "oauth2/http.rs" || path.starts_with("config"),
    );
    only_in(&["redis"], |path| path.starts_with("store/") || path.starts_with("config"));
    only_in(&["tokio_postgres"], |path| path.starts_with("store/postgres/"));
}

#[test]
fn nothing_is_unsafe() {
    only_in(&["unsafe"], |_| false);
}

#[test]
fn the_library_prints_nothing_and_knows_no_python() {
    only_in(&["println!", "print!", "eprintln!", "eprint!", "dbg!", "pyo3"], |_| false);
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("pyo3"));
}

#[test]
fn codes_and_secrets_are_compared_in_constant_time() {
    // attack 45
    let constant_time = ["constant_time_eq", "ct_eq", "verify_sha256", "verify_password"];
    for place in [
        "secret.rs",
        "crypto/hmac.rs",
        "crypto/aes_cbc_hmac.rs",
        "otp/hotp.rs",
        "otp/recovery.rs",
        "paseto/suite.rs",
        "paseto/mod.rs",
        "password.rs",
        "crypto/argon2.rs",
    ] {
        let source = sources().into_iter().find(|source| source.path == place).unwrap();
        assert!(constant_time.iter().any(|name| source.has_word(name)), "{place}");
    }
    for source in sources() {
        for line in source.code.lines().filter(|line| line.contains("==") || line.contains("!=")) {
            let secret = [".sign(", ".at(", "expose()"].iter().find(|name| line.contains(**name));
            let of_a_length = line.contains(".len()") || line.contains("is_empty()");
            assert!(secret.is_none() || of_a_length, "{}: {line}", source.path);
        }
    }
}
