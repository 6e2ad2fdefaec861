//! The configuration of the Python faces: dicts in, checked dicts out. Objects that only Python can hold are
//! put aside while the core looks at the rest, and come back where they were.

use std::path::PathBuf;

use jam::config::{self, placeholder, placeholder_index};
use pyo3::exceptions::PyUnicodeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::{Map, Number, Value};

use crate::arguments::text as argument_text;
use crate::error::{configuration, to_py};
use crate::log;

/// Deeper than this is no configuration that a person wrote; a dict that holds itself ends here too.
const MAX_DEPTH: usize = 64;

/// Reads the table at `pointer` of a TOML, YAML or JSON file, with the variables of its texts filled in. Gives the table and
/// the pointer at which it was found, which is empty where the whole file is the table.
#[pyfunction]
#[pyo3(signature = (path, pointer = None), text_signature = "(path, pointer='jam')")]
fn read_config(
    py: Python<'_>,
    path: &Bound<'_, PyAny>,
    pointer: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Py<PyAny>, String)> {
    let path: PathBuf =
        path.extract().map_err(|error: PyErr| match error.is_instance_of::<PyUnicodeError>(py) {
            true => configuration("config", "a lone surrogate is in no name of a file"),
            false => error,
        })?;
    let pointer = pointer.map_or(Ok(config::DEFAULT_POINTER), |pointer| argument_text(pointer, "pointer"))?;
    let (tree, origin) = py.detach(|| config::read(path, pointer)).map_err(to_py)?;
    Ok((to_python(py, tree, &[])?, origin.pointer))
}

/// Checks a configuration and gives a new dict: every key under its first name, with what the environment adds.
/// `config` itself stays as it is.
#[pyfunction]
fn canonical_config(config: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let mut objects = Vec::new();
    let tree = from_python(config, "", 0, &mut objects)?;
    let canonical = config::canonical(tree);
    log::flush(config.py());
    to_python(config.py(), canonical.map_err(to_py)?, &objects)
}

/// A dict of keys that takes no objects.
pub(crate) fn plain_table(dict: &Bound<'_, PyDict>, path: &str) -> PyResult<Map<String, Value>> {
    match table(dict, path, 0, &mut Vec::new())? {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}

fn from_python(
    value: &Bound<'_, PyAny>,
    path: &str,
    depth: usize,
    objects: &mut Vec<Py<PyAny>>,
) -> PyResult<Value> {
    if depth > MAX_DEPTH {
        return Err(wrong(path, "is nested too deep"));
    }
    if value.is_none() {
        Ok(Value::Null)
    } else if let Ok(boolean) = value.cast::<PyBool>() {
        Ok(Value::Bool(boolean.is_true()))
    } else if value.is_instance_of::<PyInt>() {
        let number = value.extract::<i64>().map_err(|_| wrong(path, "is too large an integer"))?;
        Ok(number.into())
    } else if let Ok(number) = value.cast::<PyFloat>() {
        let number = Number::from_f64(number.value());
        number.map(Value::Number).ok_or_else(|| wrong(path, "must be a finite number"))
    } else if let Ok(string) = value.cast::<PyString>() {
        Ok(text(string, path)?.into())
    } else if let Ok(dict) = value.cast::<PyDict>() {
        table(dict, path, depth, objects)
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.enumerate();
        let items =
            items.map(|(index, item)| from_python(&item?, &format!("{path}[{index}]"), depth + 1, objects));
        Ok(Value::Array(items.collect::<PyResult<_>>()?))
    } else if let Ok(file) = value.call_method0("__fspath__")
        && let Ok(name) = file.cast::<PyString>()
    {
        Ok(text(name, path)?.into())
    } else {
        objects.push(value.clone().unbind());
        Ok(placeholder(&value.get_type().name()?.to_string_lossy(), objects.len() - 1))
    }
}

fn table(
    dict: &Bound<'_, PyDict>,
    path: &str,
    depth: usize,
    objects: &mut Vec<Py<PyAny>>,
) -> PyResult<Value> {
    let mut members = Map::new();
    // A list of the pairs: `__fspath__` of a value is code of its own, which may change the dict meanwhile.
    for pair in dict.items() {
        let (key, value) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let key = key.cast::<PyString>().map_err(|_| wrong(path, "has a key that is no text"))?;
        let key = text(key, path)?;
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let value = from_python(&value, &path, depth + 1, objects)?;
        members.insert(key, value);
    }
    let members = Value::Object(members);
    // Otherwise a dict could pass for an object that was put aside.
    if placeholder_index(&members).is_some() { Err(wrong(path, "has an unknown key")) } else { Ok(members) }
}

fn text(string: &Bound<'_, PyString>, path: &str) -> PyResult<String> {
    let text = string.to_str().map_err(|_| wrong(path, "is no valid Unicode: it has a lone surrogate"))?;
    Ok(text.to_owned())
}

fn wrong(path: &str, reason: &'static str) -> PyErr {
    let path = if path.is_empty() { "config" } else { path };
    configuration(path, reason)
}

fn to_python(py: Python<'_>, value: Value, objects: &[Py<PyAny>]) -> PyResult<Py<PyAny>> {
    if let Some(object) = placeholder_index(&value).and_then(|index| objects.get(index)) {
        return Ok(object.clone_ref(py));
    }
    Ok(match value {
        Value::Null => py.None(),
        Value::Bool(boolean) => PyBool::new(py, boolean).to_owned().into_any().unbind(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into_pyobject(py)?.into_any().unbind(),
            None => number.as_f64().unwrap_or_default().into_pyobject(py)?.into_any().unbind(),
        },
        Value::String(text) => PyString::new(py, &text).into_any().unbind(),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| to_python(py, item, objects));
            PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind()
        }
        Value::Object(members) => {
            let dict = PyDict::new(py);
            for (key, value) in members {
                dict.set_item(key, to_python(py, value, objects)?)?;
            }
            dict.into_any().unbind()
        }
    })
}

/// Adds this part's functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_config, module)?)?;
    module.add_function(wrap_pyfunction!(canonical_config, module)?)
}
