//! From a file to a tree: parsing, the pointer, and `${VAR}`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::section::{child_path, nearest};
use super::{Environment, Origin};
use crate::encoding::{json_kind, json_value};
use crate::{ConfigurationError, Reason, Result};

/// More than this is no configuration that a person wrote.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Deeper than this is no configuration that a person wrote; the deepest of Jam's keys has four steps.
const MAX_DEPTH: usize = 64;

/// The section at `pointer` of a file, with its variables filled in, and where it was found.
pub(super) fn read(path: &Path, pointer: &str, environment: Environment<'_>) -> Result<(Value, Origin)> {
    let format = Format::of(path)?;
    let tree = format.parse(&read_text(path, MAX_FILE_BYTES)?, path)?;
    let (section, pointer) = match (locate(&tree, pointer), format) {
        (Some(section), _) => (section, pointer),
        (None, Format::Json | Format::Yaml) => (&tree, ""),
        (None, Format::Toml) => return Err(missing(&tree, pointer, path)),
    };
    if !section.is_object() {
        return Err(table_required(section, path).into());
    }
    let origin = Origin { file: path.to_owned(), pointer: pointer.to_owned() };
    let filled = substitute(section, "", environment).map_err(|error| origin.name_in(error.into()))?;
    Ok((filled, origin))
}

fn table_required(section: &Value, path: &Path) -> ConfigurationError {
    let kind = json_kind(section);
    ConfigurationError::File(format!("{}: a configuration is a table, not {kind}", path.display()).into())
}

/// The text of a file of at most `limit` bytes.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, ConfigurationError> {
    let refused = |why: &str| ConfigurationError::File(format!("{}: {why}", path.display()).into());
    // Opening a pipe waits for its writer, which may never come.
    let kind = std::fs::metadata(path).map_err(|error| refused(&error.to_string()))?.file_type();
    if kind.is_dir() {
        return Err(refused("is a directory, not a file"));
    }
    if !kind.is_file() {
        return Err(refused("is a device, a pipe or a socket, not a file"));
    }
    let file = File::open(path).map_err(|error| refused(&error.to_string()))?;
    let mut text = String::new();
    // One byte more than allowed tells a file of the limit from a larger one, whatever its metadata says.
    file.take(limit + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => refused("the file is not UTF-8 text"),
        _ => refused(&error.to_string()),
    })?;
    if text.len() as u64 > limit {
        return Err(refused(&format!("the file is larger than {limit} bytes")));
    }
    Ok(text)
}

#[derive(Clone, Copy)]
enum Format {
    Toml,
    Yaml,
    Json,
}

impl Format {
    fn of(path: &Path) -> Result<Self, ConfigurationError> {
        let extension = path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("toml") => Ok(Self::Toml),
            Some("yaml" | "yml") => Ok(Self::Yaml),
            Some("json") => Ok(Self::Json),
            _ if path.as_os_str().is_empty() => Err(ConfigurationError::File(
                "the path of the configuration is empty; give that of a .toml, .yaml, .yml or .json file"
                    .into(),
            )),
            _ => Err(ConfigurationError::File(
                format!("{path:?}: the name must end in .toml, .yaml, .yml or .json").into(),
            )),
        }
    }

    fn parse(self, text: &str, path: &Path) -> Result<Value, ConfigurationError> {
        let tree = match self {
            Self::Toml => parse_toml(text),
            Self::Yaml => parse_yaml(text),
            Self::Json => json_value(text.as_bytes()),
        };
        tree.map_err(|why| ConfigurationError::File(format!("{}: {why}", path.display()).into()))
    }
}

/// The parsers' own sentences may quote the file, and the file holds secrets: only the place is told.
fn parse_toml(text: &str) -> Result<Value, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&character| character != '\n').count() + 1;
        format!("the text is not valid TOML at line {line}, column {column}")
    })?;
    from_toml(toml::Value::Table(table))
}

fn from_toml(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Boolean(boolean) => Value::Bool(boolean),
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(from_toml).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => {
            let members = table.into_iter().map(|(key, value)| Ok((key, from_toml(value)?)));
            Value::Object(members.collect::<Result<_, String>>()?)
        }
        // JSON, the common form of all configurations, knows neither.
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or("`inf` and `nan` have no use in a configuration")?,
        toml::Value::Datetime(moment) => Value::String(moment.to_string()),
    })
}

fn parse_yaml(text: &str) -> Result<Value, String> {
    // Aliases multiply: a few hundred bytes can stand for gigabytes. These limits are far above any file that
    // a person wrote, and far below what would be felt.
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_events: 100_000,
            max_nodes: 50_000,
            max_aliases: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 16,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| match error.location() {
        Some(place) => {
            format!("the text is not valid YAML at line {}, column {}", place.line(), place.column())
        }
        None => "the text is not valid YAML".to_owned(),
    })
}

/// What lies at a dotted path; the empty path is the whole tree.
fn locate<'tree>(tree: &'tree Value, pointer: &str) -> Option<&'tree Value> {
    if pointer.is_empty() {
        return Some(tree);
    }
    pointer.split('.').try_fold(tree, |value, step| value.get(step))
}

fn missing(tree: &Value, pointer: &str, path: &Path) -> crate::Error {
    let file = path.display();
    // `pyproject.toml` keeps the settings of tools in tables under `tool`.
    let in_tool = format!("tool.{pointer}");
    let names = tree.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let hint = if locate(tree, &in_tool).is_some() {
        format!("; did you mean the pointer {in_tool:?}?")
    } else if let Some(name) = nearest(pointer, names) {
        format!("; did you mean the pointer {name:?}?")
    } else {
        String::new()
    };
    ConfigurationError::key(pointer, format!("{file} has no table of this name{hint}")).into()
}

/// Fills in the variables of every text below `value`. Keys stay as they are.
fn substitute(value: &Value, path: &str, environment: Environment<'_>) -> Result<Value, ConfigurationError> {
    Ok(match value {
        Value::String(text) => Value::String(
            substitute_text(text, environment).map_err(|why| ConfigurationError::key(path, why))?,
        ),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let filled =
                items.map(|(index, item)| substitute(item, &format!("{path}[{index}]"), environment));
            Value::Array(filled.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let filled = members.iter().map(|(name, member)| {
                Ok((name.clone(), substitute(member, &child_path(path, name), environment)?))
            });
            Value::Object(filled.collect::<Result<_, ConfigurationError>>()?)
        }
        other => other.clone(),
    })
}

/// `${VAR}` and `$VAR` are replaced, `${VAR:-default}` where the variable is unset or empty by its default, `$$` by
/// one dollar; any other dollar stays. What was put in is not looked at again.
fn substitute_text(text: &str, environment: Environment<'_>) -> Result<String, Reason> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            filled.push('$');
            after
        } else if let Some(after) = after.strip_prefix('{') {
            let (inner, after) =
                after.split_once('}').ok_or("a ${ has no closing }; write $$ for a dollar")?;
            let (name, default) = match inner.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inner, None),
            };
            if name.is_empty() || variable_length(name) != name.len() {
                return Err("between ${ and } stands VAR or VAR:-default; write $$ for a dollar".into());
            }
            filled.push_str(&variable(name, default, environment)?);
            after
        } else {
            let (name, after) = after.split_at(variable_length(after));
            if name.is_empty() {
                filled.push('$');
            } else {
                filled.push_str(&variable(name, None, environment)?);
            }
            after
        };
    }
    filled.push_str(rest);
    Ok(filled)
}

/// How many bytes at the start of `text` are a variable's name (POSIX 8.1: letters, digits, `_`, no digit first).
fn variable_length(text: &str) -> usize {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(text.len())
}

fn variable(name: &str, default: Option<&str>, environment: Environment<'_>) -> Result<String, Reason> {
    let value = environment(name);
    match (value, default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(unset(name).into()),
    }
}

/// A password with a dollar in it looks like a variable. Names of variables are written in capitals; anything else
/// may be a piece of a secret and is not repeated.
fn unset(name: &str) -> String {
    let subject = if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        "the environment variable named here".to_owned()
    } else {
        format!("the environment variable {name}")
    };
    format!("{subject} is not set; write $$ for a dollar, or ${{VAR:-default}} for a default")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("example.org".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST} $HOST $$".to_owned()),
            _ => None,
        }
    }

    fn filled(text: &str) -> Result<String, Reason> {
        substitute_text(text, &environment)
    }

    #[test]
    fn every_spelling_of_a_variable_is_filled_in() {
        for (text, expected) in [
            ("https://${HOST}/cb", "https://example.org/cb"),
            ("$HOST.", "example.org."),
            ("$HOST$HOST", "example.orgexample.org"),
            ("${MISSING:-spare}", "spare"),
            ("${MISSING:-}", ""),
            ("${EMPTY:-spare}", "spare"),
            ("[${EMPTY}]", "[]"),
            ("${HOST:-spare}", "example.org"),
            ("$$HOST", "$HOST"),
            ("$$$HOST", "$example.org"),
            ("costs 5$", "costs 5$"),
            ("$5 $-", "$5 $-"),
            ("é$HOST", "éexample.org"),
            ("no dollar", "no dollar"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_value_is_not_substituted_again() {
        assert_eq!(filled("$NESTED").as_deref(), Ok("${HOST} $HOST $$"));
    }

    #[test]
    fn an_unset_variable_and_a_broken_form_are_refused() {
        for bad in ["$MISSING", "${MISSING}", "${HOST", "${}", "${:-x}", "${1A}", "${A B}", "${HOST:?no}"] {
            assert!(filled(bad).is_err(), "{bad}");
        }
        assert!(filled("$MISSING").unwrap_err().contains("MISSING"));
    }

    #[test]
    fn a_piece_of_a_password_is_not_repeated() {
        assert!(!filled("hunter$hunter2").unwrap_err().contains("hunter2"));
    }
}
