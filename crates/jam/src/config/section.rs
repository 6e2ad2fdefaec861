//! One table of the configuration: it hands out values by name and type, remembers which names exist, and at the
//! end refuses what nobody asked for.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Environment;
use crate::encoding::json_kind;
use crate::jose::claims::LARGEST_LEEWAY;
use crate::secret::Secret;
use crate::session::MAX_TTL;
use crate::{ConfigurationError, Reason, Result};

/// What the reader of a configuration may find beyond text, numbers, tables and lists.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// Where the fallbacks of absent keys are read.
    pub(super) environment: Environment<'a>,
    /// Whether the tree stands for a Python dict, which may hold objects and name classes.
    pub(super) python: bool,
}

/// A Python object that a key takes beside plain values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Objects {
    None,
    Bytes,
    /// Bytes, or a key of `jam.jose`.
    Key,
    Any,
}

const OBJECT_TYPE: &str = "$object";
const OBJECT_INDEX: &str = "$index";

/// What stands in a tree for an object of the caller's language, which JSON cannot hold. The tree that
/// [`super::canonical`] gives back holds it where it was.
pub fn placeholder(type_name: &str, index: usize) -> Value {
    let mut members = Map::new();
    members.insert(OBJECT_TYPE.to_owned(), type_name.into());
    members.insert(OBJECT_INDEX.to_owned(), index.into());
    Value::Object(members)
}

/// The index given to [`placeholder`], if this is one.
pub fn placeholder_index(value: &Value) -> Option<usize> {
    object_type(value)?;
    value.get(OBJECT_INDEX)?.as_u64().and_then(|index| usize::try_from(index).ok())
}

fn object_type(value: &Value) -> Option<&str> {
    value.get(OBJECT_TYPE)?.as_str()
}

/// A table being read. Every getter takes the spellings of a key, the canonical one first.
pub(super) struct Section<'a> {
    path: String,
    given: Map<String, Value>,
    canonical: Map<String, Value>,
    names: Vec<&'static str>,
    /// Keys that belong into other tables, and into which.
    elsewhere: Vec<(&'static str, &'static str)>,
    takes_any_key: bool,
    context: Context<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn open(path: String, value: Value, context: Context<'a>) -> Result<Self> {
        let kind = kind(&value, context);
        match value {
            Value::Object(given) if kind == "a table" => Ok(Self {
                path,
                given,
                canonical: Map::new(),
                names: Vec::new(),
                elsewhere: Vec::new(),
                takes_any_key: false,
                context,
            }),
            _ if path.is_empty() => {
                Err(ConfigurationError::File(format!("a configuration is a table, not {kind}").into()).into())
            }
            _ => Err(ConfigurationError::key(path, format!("must be a table, not {kind}")).into()),
        }
    }

    /// Reads the table under a key.
    pub(super) fn section<T>(
        &mut self,
        names: &[&'static str],
        read: impl FnOnce(&mut Section<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some((spelling, value)) = self.take(names)? else { return Ok(None) };
        let mut section = Section::open(self.path_of(&spelling), value, self.context)?;
        let result = read(&mut section)?;
        self.canonical.insert(names[0].to_owned(), Value::Object(section.finish()?));
        Ok(Some(result))
    }

    /// Reads every table of this one, whatever its name.
    pub(super) fn sections<T>(
        &mut self,
        mut read: impl FnMut(&str, &mut Section<'a>) -> Result<T>,
    ) -> Result<Vec<(String, T)>> {
        let mut results = Vec::new();
        for (name, value) in std::mem::take(&mut self.given) {
            let mut section = Section::open(self.path_of(&name), value, self.context)?;
            results.push((name.clone(), read(&name, &mut section)?));
            self.canonical.insert(name, Value::Object(section.finish()?));
        }
        Ok(results)
    }

    pub(super) fn text(&mut self, names: &[&'static str]) -> Result<Option<String>> {
        self.read(names, "text", Objects::None, |value| value.as_str().map(str::to_owned))
    }

    /// Text, or an object of Python; of an object nothing is handed out.
    pub(super) fn text_or_object(&mut self, names: &[&'static str]) -> Result<Option<String>> {
        self.read(names, "text or an object", Objects::Any, |value| value.as_str().map(str::to_owned))
    }

    /// An object of Python: text naming nothing would be of no use.
    pub(super) fn object(&mut self, names: &[&'static str]) -> Result<()> {
        self.read(names, "an object", Objects::Any, |_| None::<()>).map(drop)
    }

    /// A secret text. Where it is absent, `variable` is asked.
    pub(super) fn secret(
        &mut self,
        names: &[&'static str],
        variable: Option<&str>,
    ) -> Result<Option<Secret<String>>> {
        self.fall_back(names, variable);
        let expected = if self.context.python { "text or bytes" } else { "text" };
        self.read(names, expected, Objects::Bytes, |value| value.as_str().map(Secret::from))
    }

    /// One key, or a list of them: text, or JSON Web Keys as tables or objects. Where it is absent, `variable` is asked.
    pub(super) fn keys(
        &mut self,
        names: &[&'static str],
        variable: Option<&str>,
    ) -> Result<Vec<Secret<String>>> {
        for name in names {
            let Some(mut value) = self.given.remove(*name) else { continue };
            match &mut value {
                Value::Array(items) => {
                    for (index, item) in items.iter_mut().enumerate() {
                        self.write_out_key(item, &format!("{name}[{index}]"))?;
                    }
                }
                one => self.write_out_key(one, name)?,
            }
            self.given.insert((*name).to_owned(), value);
        }
        self.one_or_several(names, variable, Objects::Key)
    }

    /// One key, as [`Section::keys`].
    pub(super) fn key(&mut self, names: &[&'static str]) -> Result<Option<Secret<String>>> {
        if self.given.get(names[0]).is_some_and(Value::is_array) {
            return Err(self.wrong(names[0], "must be one key, not a list"));
        }
        Ok(self.keys(names, None)?.pop())
    }

    /// Puts the JSON text of a key in the place of its table.
    fn write_out_key(&self, value: &mut Value, name: &str) -> Result<()> {
        if kind(value, self.context) != "a table" {
            return Ok(());
        }
        // Otherwise the text of any table would be taken for a secret.
        if !value.get("kty").is_some_and(Value::is_string) {
            return Err(self.wrong(name, "must be a JSON Web Key where it is a table, and have \"kty\""));
        }
        *value = Value::String(value.to_string());
        Ok(())
    }

    /// One secret, or a list of them. Where it is absent, `variable` is asked.
    pub(super) fn secrets(
        &mut self,
        names: &[&'static str],
        variable: Option<&str>,
    ) -> Result<Vec<Secret<String>>> {
        self.one_or_several(names, variable, Objects::Bytes)
    }

    fn one_or_several(
        &mut self,
        names: &[&'static str],
        variable: Option<&str>,
        objects: Objects,
    ) -> Result<Vec<Secret<String>>> {
        self.fall_back(names, variable);
        let context = self.context;
        let secret = move |value: &Value| match value {
            Value::String(text) => Some(Some(Secret::from(text.as_str()))),
            object if objects.take(object, context) => Some(None),
            _ => None,
        };
        let text = if self.context.python { "text or bytes" } else { "text" };
        let secrets =
            self.read(names, &format!("{text}, or a list of them"), objects, |value| match value {
                Value::Array(items) => items.iter().map(secret).collect::<Option<Vec<_>>>(),
                value => secret(value).map(|one| vec![one]),
            })?;
        Ok(secrets.unwrap_or_default().into_iter().flatten().collect())
    }

    /// Whether the key, which has not been read yet, holds a list.
    pub(super) fn is_list(&self, name: &str) -> bool {
        self.given.get(name).is_some_and(Value::is_array)
    }

    /// One text, or a list of them; or an object of Python.
    pub(super) fn texts_or_object(&mut self, names: &[&'static str]) -> Result<Option<Vec<String>>> {
        self.read(names, "text or a list of texts", Objects::Any, texts)
    }

    /// One text, or a list of them.
    pub(super) fn texts(&mut self, names: &[&'static str]) -> Result<Option<Vec<String>>> {
        self.read(names, "text or a list of texts", Objects::None, texts)
    }

    pub(super) fn boolean(&mut self, names: &[&'static str]) -> Result<Option<bool>> {
        self.read(names, "a boolean", Objects::None, Value::as_bool)
    }

    pub(super) fn integer(
        &mut self,
        names: &[&'static str],
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>> {
        let number = self.read(names, "an integer", Objects::None, |value| {
            // Negative integers are integers too: they fail at the range, and are told so.
            value.as_u64().or_else(|| value.as_i64().map(|_| u64::MAX))
        })?;
        match number {
            Some(number) if !range.contains(&number) => {
                Err(self.wrong(names[0], format!("must be from {} to {}", range.start(), range.end())))
            }
            number => Ok(number),
        }
    }

    /// A time in seconds, more than none.
    pub(super) fn seconds(&mut self, names: &[&'static str]) -> Result<Option<Duration>> {
        const RANGE: &str = "must be more than 0 seconds and at most a hundred years";
        match self.seconds_up_to(MAX_TTL, RANGE, names)? {
            Some(Duration::ZERO) => Err(self.wrong(names[0], RANGE)),
            seconds => Ok(seconds),
        }
    }

    /// By how much clocks may differ, in seconds.
    pub(super) fn leeway(&mut self, names: &[&'static str]) -> Result<Option<Duration>> {
        self.seconds_up_to(LARGEST_LEEWAY, "must be from 0 seconds to a day", names)
    }

    fn seconds_up_to(
        &mut self,
        limit: Duration,
        range: &'static str,
        names: &[&'static str],
    ) -> Result<Option<Duration>> {
        let number = self.read(names, "a number of seconds", Objects::None, Value::as_f64)?;
        match number {
            Some(number) if !(0.0..=limit.as_secs_f64()).contains(&number) => {
                Err(self.wrong(names[0], range))
            }
            number => Ok(number.map(Duration::from_secs_f64)),
        }
    }

    /// A time in seconds where null has a meaning of its own: `Some(None)`.
    pub(super) fn seconds_or_null(&mut self, names: &[&'static str]) -> Result<Option<Option<Duration>>> {
        self.names.extend(names);
        if self.given.get(names[0]).is_some_and(Value::is_null) {
            self.given.remove(names[0]);
            self.canonical.insert(names[0].to_owned(), Value::Null);
            return Ok(Some(None));
        }
        Ok(self.seconds(names)?.map(Some))
    }

    /// One of the given texts. They are compared without regard to case, and handed out as listed.
    pub(super) fn choice(
        &mut self,
        names: &[&'static str],
        choices: &[&'static str],
    ) -> Result<Option<&'static str>> {
        self.choice_by(names, choices, str::eq_ignore_ascii_case)
    }

    /// One of the given texts to the letter, as the names of algorithms are (RFC 7515 section 4.1.1).
    pub(super) fn exact_choice(
        &mut self,
        names: &[&'static str],
        choices: &[&'static str],
    ) -> Result<Option<&'static str>> {
        self.choice_by(names, choices, |choice, text| choice == text)
    }

    fn choice_by(
        &mut self,
        names: &[&'static str],
        choices: &[&'static str],
        is_meant: impl Fn(&str, &str) -> bool,
    ) -> Result<Option<&'static str>> {
        let Some(text) = self.text(names)? else { return Ok(None) };
        if let Some(choice) = choices.iter().copied().find(|choice| is_meant(choice, &text)) {
            self.canonical.insert(names[0].to_owned(), choice.into());
            return Ok(Some(choice));
        }
        // The text itself is not repeated: a variable may have put a secret there.
        let hint = suggestion(&text, choices.iter().copied());
        Err(self.wrong(names[0], format!("must be one of {}{hint}", quoted(choices.iter().copied()))))
    }

    /// A choice. Where it is absent, `variable` is asked.
    pub(super) fn choice_or_variable(
        &mut self,
        names: &[&'static str],
        variable: &str,
        choices: &[&'static str],
    ) -> Result<Option<&'static str>> {
        self.fall_back(names, Some(variable));
        self.choice(names, choices)
    }

    /// Whether the table names a class of the user's own, which Python loads. Then all remaining keys belong to
    /// that class.
    pub(super) fn has_custom_module(&mut self, names: &[&'static str]) -> Result<bool> {
        self.text_or_object(names)?;
        if !self.is_given(names[0]) {
            return Ok(false);
        }
        if !self.context.python {
            return Err(self.wrong(names[0], "only the Python package loads classes; use the part directly"));
        }
        self.takes_any_key = true;
        Ok(true)
    }

    /// Whether the key has a value, be it text, an object or from the environment.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.canonical.contains_key(name)
    }

    /// Fails unless the key has a value.
    pub(super) fn require(&self, name: &str, why: &str) -> Result<()> {
        if self.is_given(name) { Ok(()) } else { Err(self.missing(name, why)) }
    }

    /// An error at a key that has no value; it tells of one that was probably meant for it.
    pub(super) fn missing(&self, name: &str, why: &str) -> crate::Error {
        let meant = self.given.keys().find(|given| nearest(given, std::iter::once(name)).is_some());
        let hint = meant.map(|given| format!("; {given:?} is not its name")).unwrap_or_default();
        self.wrong(name, format!("{why}{hint}"))
    }

    /// Writes a value to the canonical form, as if the caller had.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.canonical.insert(name.to_owned(), value);
    }

    /// Takes a value back out of the canonical form.
    pub(super) fn unset(&mut self, name: &str) -> Option<Value> {
        self.canonical.remove(name)
    }

    /// An error at a key of this table.
    pub(super) fn wrong(&self, name: &str, reason: impl Into<Reason>) -> crate::Error {
        ConfigurationError::key(self.path_of(name), reason).into()
    }

    /// Tells whoever gives this key here where its place is.
    pub(super) fn stands_elsewhere(&mut self, name: &'static str, place: &'static str) {
        self.elsewhere.push((name, place));
    }

    /// Refuses the keys that nobody asked for, and hands out the canonical form.
    pub(super) fn finish(mut self) -> Result<Map<String, Value>> {
        if self.takes_any_key {
            self.canonical.append(&mut self.given);
        }
        if let Some(unknown) = self.given.keys().next() {
            let elsewhere = self.elsewhere.iter().find(|(name, _)| name == unknown);
            let mut hint = match elsewhere {
                Some((_, place)) => format!("; did you mean {place:?}?"),
                None => suggestion(unknown, self.names.iter().copied()),
            };
            if hint.is_empty() {
                hint = format!("; known are {}", quoted(self.names.iter().copied()));
            }
            return Err(self.wrong(unknown, format!("unknown key{hint}")));
        }
        Ok(self.canonical)
    }

    fn read<T>(
        &mut self,
        names: &[&'static str],
        expected: &str,
        objects: Objects,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some((spelling, value)) = self.take(names)? else { return Ok(None) };
        let result = match objects {
            _ if objects.take(&value, self.context) => None,
            _ => match convert(&value) {
                Some(result) => Some(result),
                None => {
                    let kind = match &value {
                        Value::Array(_) if expected.contains("a list") => {
                            "a list of something else".to_owned()
                        }
                        value => kind(value, self.context),
                    };
                    return Err(self.wrong(&spelling, format!("must be {expected}, not {kind}")));
                }
            },
        };
        self.canonical.insert(names[0].to_owned(), value);
        Ok(result)
    }

    /// The value of a key and the spelling it was found under. Null is the same as absent.
    fn take(&mut self, names: &[&'static str]) -> Result<Option<(String, Value)>> {
        self.names.extend(names);
        let mut found: Option<(String, Value)> = None;
        for name in names {
            match (self.given.remove(*name), &found) {
                (None | Some(Value::Null), _) => {}
                (Some(_), Some((other, _))) => {
                    return Err(self.wrong(name, format!("is another name of {other:?}; give one of them")));
                }
                (Some(value), None) => found = Some(((*name).to_owned(), value)),
            }
        }
        Ok(found)
    }

    /// Fills an absent key from the environment.
    fn fall_back(&mut self, names: &[&'static str], variable: Option<&str>) {
        let Some(variable) = variable else { return };
        if names.iter().any(|name| self.given.get(*name).is_some_and(|value| !value.is_null())) {
            return;
        }
        if let Some(value) = (self.context.environment)(variable) {
            self.given.insert(names[0].to_owned(), Value::String(value));
        }
    }

    fn path_of(&self, name: &str) -> String {
        child_path(&self.path, name)
    }
}

/// The dotted path of a key of the table at `path`.
pub(super) fn child_path(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What a value is, as a noun with its article.
fn kind(value: &Value, context: Context<'_>) -> String {
    match (value, object_type(value)) {
        (Value::Object(_), Some(name)) if context.python => format!("an object of type {name}"),
        (Value::Object(_), _) => "a table".to_owned(),
        (Value::Number(number), _) if !number.is_f64() => "an integer".to_owned(),
        _ => json_kind(value).to_owned(),
    }
}

impl Objects {
    /// Whether the value is an object of these.
    fn take(self, value: &Value, context: Context<'_>) -> bool {
        let Some(name) = object_type(value).filter(|_| context.python) else { return false };
        let is_bytes = matches!(name, "bytes" | "bytearray" | "memoryview");
        match self {
            Self::None => false,
            Self::Bytes => is_bytes,
            Self::Key => is_bytes || name == "JWK",
            Self::Any => true,
        }
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        value => value.as_str().map(|text| vec![text.to_owned()]),
    }
}

/// The name that was probably meant: one that contains the other, or that is spelled much alike.
pub(super) fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const ALIKE: f64 = 0.84;
    let text = text.to_ascii_lowercase();
    let likeness = |name: &str| {
        let name = name.to_ascii_lowercase();
        let shorter = name.len().min(text.len());
        let contains = shorter > 2 && (name.contains(&text) || text.contains(&name));
        strsim::jaro_winkler(&text, &name).max(if contains { ALIKE } else { 0.0 })
    };
    let best = names.map(|name| (likeness(name), name)).max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, name)| name)
}

fn suggestion<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> String {
    nearest(text, names).map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

fn quoted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_finds_the_name_that_was_meant() {
        let names = ["alg", "secret", "secret_key", "private_key", "session_type", "default_ttl"];
        for (typed, meant) in [
            ("secert", Some("secret")),
            ("algorithm", Some("alg")),
            ("type", Some("session_type")),
            ("ttl", Some("default_ttl")),
            ("privateKey", Some("private_key")),
            ("colour", None),
        ] {
            assert_eq!(nearest(typed, names.into_iter()), meant, "{typed}");
        }
    }
}
