//! The configuration, from files and from trees.

use std::io::Write;
use std::path::Path;

use jam::config::{self, Config};
use jam::{ConfigurationError, Error};
use serde_json::Value;

use super::{LONGEST_ECHO, check_error, first_line, repeats};

fn environment(name: &str) -> Option<String> {
    (name == "VARIABLE").then(|| "a value that no error may repeat".to_owned())
}

/// A file: a line that says `toml`, `yaml` or `json`, and the text below it.
pub fn config(input: &[u8]) {
    let (format, text) = first_line(input);
    let suffix = match format {
        b"toml" => ".toml",
        b"yaml" => ".yaml",
        _ => ".json",
    };
    let tree = match read(text, suffix, "jam") {
        Ok(tree) => tree,
        // Which table is missing, which one is probably meant, and where a variable is not set is told by the names of keys.
        Err(Error::Configuration(ConfigurationError::Key { .. }) | Error::InFile { .. }) => return,
        Err(error) => return check_error(&error, text),
    };
    assert!(tree.is_object());
    let written = tree_with_plain_dollars(&tree).to_string();
    assert_eq!(read(written.as_bytes(), ".json", "").as_ref(), Ok(&tree));

    let accepted = Config::from_value_with(tree.clone(), &environment);
    if let Err(error) = &accepted {
        no_value_is_repeated(error, &tree);
    }
    match config::canonical_with(tree.clone(), &environment) {
        Ok(canonical) => {
            assert_eq!(config::canonical_with(canonical.clone(), &environment), Ok(canonical));
        }
        Err(error) => {
            assert!(accepted.is_err(), "one face takes what the other refuses: {error}");
            no_value_is_repeated(&error, &tree);
        }
    }
}

fn read(text: &[u8], suffix: &str, pointer: &str) -> jam::Result<Value> {
    // A file in memory where the system has such a folder.
    let folder = Some(Path::new("/dev/shm")).filter(|folder| folder.is_dir());
    let folder = folder.map_or_else(std::env::temp_dir, Path::to_owned);
    let mut file =
        tempfile::Builder::new().suffix(suffix).tempfile_in(folder).expect("there is room for a file");
    file.write_all(text).expect("there is room for a file");
    config::read_with(file.path(), pointer, &environment).map(|(tree, _)| tree)
}

/// The same tree written so that nothing in it is taken for a variable.
fn tree_with_plain_dollars(tree: &Value) -> Value {
    match tree {
        Value::String(text) => Value::String(text.replace('$', "$$")),
        Value::Array(items) => Value::Array(items.iter().map(tree_with_plain_dollars).collect()),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), tree_with_plain_dollars(value))).collect()
        }
        other => other.clone(),
    }
}

/// The error names keys of the configuration, and never a value.
fn no_value_is_repeated(error: &Error, tree: &Value) {
    let mut text = error.to_string();
    for name in names(tree) {
        text = text.replace(name, "").replace(&format!("{name:?}"), "");
    }
    for value in values(tree) {
        assert!(!repeats(&text, value.as_bytes()), "the error repeats a value: {text}");
    }
}

fn names(tree: &Value) -> Vec<&str> {
    match tree {
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Object(members) => {
            let longer = members.keys().map(String::as_str).filter(|name| name.len() > LONGEST_ECHO);
            longer.chain(members.values().flat_map(names)).collect()
        }
        _ => Vec::new(),
    }
}

fn values(tree: &Value) -> Vec<&str> {
    match tree {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(values).collect(),
        Value::Object(members) => members.values().flat_map(values).collect(),
        _ => Vec::new(),
    }
}
