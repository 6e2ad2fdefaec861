//! JSON to and from Python's objects directly, with no value type in between.

use jam::Reason;
use jiter::{Jiter, JiterError, NumberAny, NumberInt, Peek};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{ffi, intern};

use crate::error;

/// Containers within containers. An object that contains itself ends here too.
const MAX_DEPTH: usize = 100;

/// More text than this is no payload. It also ends objects that share one child so often that they grow without end.
const MAX_SIZE: usize = 64 << 20;

/// Appends the JSON text of `value`: None, bool, int, finite float, str, list, tuple and dict with keys of str,
/// and their subclasses.
///
/// # Errors
///
/// `JamValidationError` for anything else; its `details["path"]` says where, as `user.roles[2]`.
pub(crate) fn write(value: &Bound<'_, PyAny>, text: &mut Vec<u8>) -> PyResult<()> {
    let start = text.len();
    let mut writer = Writer { text, limit: start.saturating_add(MAX_SIZE), depth: 0 };
    writer.value(value).map_err(|refusal| refusal.into_error())
}

/// The value of a JSON text, or a sentence that says what is wrong and at which byte, and never quotes the text.
pub(crate) fn parse<'py>(py: Python<'py>, text: &[u8]) -> Result<Bound<'py, PyAny>, Reason> {
    let mut reader = Reader { py, text: Jiter::new(text), depth: 0 };
    reader.document().map_err(|fault| fault.reason(reader.text.current_index()))
}

struct Reader<'py, 'text> {
    py: Python<'py>,
    text: Jiter<'text>,
    depth: usize,
}

enum Fault {
    Syntax(JiterError),
    DuplicateKey,
    InfiniteNumber,
    TooDeep,
    Python,
}

type Read<'py> = Result<Bound<'py, PyAny>, Fault>;

impl<'py> Reader<'py, '_> {
    fn document(&mut self) -> Read<'py> {
        let next = self.text.peek()?;
        let value = self.value(next)?;
        self.text.finish()?;
        Ok(value)
    }

    fn value(&mut self, next: Peek) -> Read<'py> {
        match next {
            Peek::String => Ok(string(self.py, self.text.known_str()?).into_any()),
            Peek::Object => self.nested(Self::object),
            Peek::Array => self.nested(Self::array),
            Peek::True | Peek::False => {
                Ok(PyBool::new(self.py, self.text.known_bool(next)?).to_owned().into_any())
            }
            Peek::Null => {
                self.text.known_null()?;
                Ok(self.py.None().into_bound(self.py))
            }
            _ => self.number(next),
        }
    }

    fn number(&mut self, first: Peek) -> Read<'py> {
        match self.text.known_number(first)? {
            NumberAny::Int(NumberInt::Int(int)) => Ok(PyInt::new(self.py, int).into_any()),
            NumberAny::Int(NumberInt::BigInt(int)) => Ok(int.into_pyobject(self.py)?.into_any()),
            // 1e400 is a JSON number; as a float it would be infinity.
            NumberAny::Float(float) if float.is_infinite() => Err(Fault::InfiniteNumber),
            NumberAny::Float(float) => Ok(PyFloat::new(self.py, float).into_any()),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Read<'py>) -> Read<'py> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Read<'py> {
        let list = PyList::empty(self.py);
        let mut next = self.text.known_array()?;
        while let Some(first) = next {
            list.append(self.value(first)?)?;
            next = self.text.array_step()?;
        }
        Ok(list.into_any())
    }

    fn object(&mut self) -> Read<'py> {
        let dict = PyDict::new(self.py);
        let mut members = 0;
        let mut key = self.text.known_object()?.map(|key| known_key(self.py, key));
        while let Some(name) = key {
            let next = self.text.peek()?;
            dict.set_item(name, self.value(next)?)?;
            members += 1;
            if dict.len() != members {
                return Err(Fault::DuplicateKey);
            }
            key = self.text.next_key()?.map(|key| known_key(self.py, key));
        }
        Ok(dict.into_any())
    }
}

/// A str; faster than `PyString::new` for ASCII.
fn string<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
    if text.is_ascii() {
        // SAFETY: the text is ASCII, as was just asked.
        unsafe { jiter::pystring_ascii_new(py, text) }
    } else {
        PyString::new(py, text)
    }
}

/// The object of a key. The same few keys come again and again, so their objects are kept, with their hashes;
/// those that every token has are not even looked up.
fn known_key<'py>(py: Python<'py>, key: &str) -> Bound<'py, PyString> {
    match key {
        "aud" => intern!(py, "aud").clone(),
        "exp" => intern!(py, "exp").clone(),
        "iat" => intern!(py, "iat").clone(),
        "iss" => intern!(py, "iss").clone(),
        "jti" => intern!(py, "jti").clone(),
        "nbf" => intern!(py, "nbf").clone(),
        "sub" => intern!(py, "sub").clone(),
        other => jiter::cached_py_string(py, other),
    }
}

impl Fault {
    /// The sentence for a fault at this byte. It never quotes the text.
    fn reason(self, index: usize) -> Reason {
        match self {
            Self::Syntax(error) => {
                format!("not valid JSON at byte {}: {}", error.index, error.error_type).into()
            }
            Self::DuplicateKey => format!("the JSON has one key twice, before byte {index}").into(),
            Self::InfiniteNumber => {
                format!("the JSON has a number beyond all floats, before byte {index}").into()
            }
            Self::TooDeep => format!("the JSON is nested more than {MAX_DEPTH} deep, at byte {index}").into(),
            // Memory ran out, or an integer has more digits than Python takes.
            Self::Python => format!("Python cannot hold the JSON's value before byte {index}").into(),
        }
    }
}

impl From<JiterError> for Fault {
    fn from(error: JiterError) -> Self {
        Self::Syntax(error)
    }
}

impl From<PyErr> for Fault {
    fn from(_: PyErr) -> Self {
        Self::Python
    }
}

/// So many parts of a path are shown.
const SHOWN_DEPTH: usize = 16;

struct Writer<'text> {
    text: &'text mut Vec<u8>,
    limit: usize,
    depth: usize,
}

/// Why a value has no JSON form, and where: the path's parts from the inside out.
struct Refusal {
    reason: String,
    path: Vec<String>,
}

type Written = Result<(), Box<Refusal>>;

impl Writer<'_> {
    fn value(&mut self, value: &Bound<'_, PyAny>) -> Written {
        // Exact types first, in the order of their frequency in claims; one pointer comparison each.
        if let Ok(string) = value.cast_exact::<PyString>() {
            self.string(string)
        } else if let Ok(int) = value.cast_exact::<PyInt>() {
            self.int(int)
        } else if value.is_none() {
            self.literal(b"null")
        } else if is_true(value) {
            self.literal(b"true")
        } else if is_false(value) {
            self.literal(b"false")
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.nested(|writer| writer.dict(dict))
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.nested(|writer| writer.list(list))
        } else if let Ok(float) = value.cast_exact::<PyFloat>() {
            self.float(float)
        } else {
            self.subclass(value)
        }
    }

    fn subclass(&mut self, value: &Bound<'_, PyAny>) -> Written {
        if let Ok(tuple) = value.cast::<PyTuple>() {
            self.nested(|writer| writer.array(tuple.iter()))
        } else if let Ok(string) = value.cast::<PyString>() {
            self.string(string)
        } else if let Ok(int) = value.cast::<PyInt>() {
            self.int(int)
        } else if let Ok(float) = value.cast::<PyFloat>() {
            self.float(float)
        } else if let Ok(dict) = value.cast::<PyDict>() {
            self.nested(|writer| writer.dict_subclass(dict))
        } else if let Ok(list) = value.cast::<PyList>() {
            self.nested(|writer| writer.list(list))
        } else {
            let name = type_name(value);
            Err(Refusal::new(format!(
                "a value of type {name} has no JSON form; use str, int, float, bool, None, list or dict"
            )))
        }
    }
}

impl Writer<'_> {
    fn literal(&mut self, literal: &[u8]) -> Written {
        self.text.extend_from_slice(literal);
        Ok(())
    }

    fn int(&mut self, value: &Bound<'_, PyInt>) -> Written {
        let mut overflow = 0;
        // SAFETY: `value` is an int, and `overflow` outlives the call. With an int it raises nothing.
        let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(value.as_ptr(), &raw mut overflow) };
        if overflow == 0 {
            return self.literal(itoa::Buffer::new().format(small).as_bytes());
        }
        // `int.__repr__`, since a subclass may spell itself otherwise.
        let digits = value.py().get_type::<PyInt>().call_method1("__repr__", (value,));
        let digits = digits.as_ref().ok().and_then(|digits| digits.cast::<PyString>().ok()?.to_str().ok());
        match digits {
            Some(digits) => self.literal(digits.as_bytes()),
            None => Err(Refusal::new("an int of so many digits has no JSON form here; use a str".to_owned())),
        }
    }

    fn float(&mut self, value: &Bound<'_, PyFloat>) -> Written {
        let value = value.value();
        if !value.is_finite() {
            return Err(Refusal::new("NaN and infinity have no JSON form; use None or a str".to_owned()));
        }
        self.literal(ryu::Buffer::new().format_finite(value).as_bytes())
    }

    fn string(&mut self, value: &Bound<'_, PyString>) -> Written {
        // Borrowed from the object: no copy for ASCII.
        let Ok(string) = value.to_str() else {
            return Err(Refusal::new("a str with a lone surrogate is no Unicode text".to_owned()));
        };
        self.text.reserve(string.len() + 2);
        self.text.push(b'"');
        if is_plain(string.as_bytes()) {
            self.text.extend_from_slice(string.as_bytes());
        } else {
            escape(string.as_bytes(), self.text);
        }
        self.text.push(b'"');
        Ok(())
    }

    /// Writes a container, unless it is too deep or there is too much already.
    fn nested(&mut self, write: impl FnOnce(&mut Self) -> Written) -> Written {
        if self.depth == MAX_DEPTH {
            let reason =
                format!("more than {MAX_DEPTH} containers within one another, or one that contains itself");
            return Err(Refusal::new(reason));
        }
        self.depth += 1;
        let written = write(self);
        self.depth -= 1;
        written
    }

    /// Ends what grows too large. One text may still pass the limit: it exists already, so it is no danger.
    fn check_size(&self) -> Written {
        if self.text.len() > self.limit {
            return Err(Refusal::new(format!("more than {MAX_SIZE} bytes of JSON")));
        }
        Ok(())
    }

    fn list(&mut self, list: &Bound<'_, PyList>) -> Written {
        // The iterator looks at the length anew for each item: code of a subclass may change the list meanwhile.
        self.array(list.iter())
    }

    fn array<'py>(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>) -> Written {
        self.text.push(b'[');
        for (index, item) in items.enumerate() {
            self.check_size()?;
            if index > 0 {
                self.text.push(b',');
            }
            self.value(&item).map_err(|refusal| refusal.within(format!("[{index}]")))?;
        }
        self.literal(b"]")
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>) -> Written {
        self.text.push(b'{');
        let py = dict.py();
        let (mut position, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        let mut first = true;
        // PyO3's own iterator panics if the dict changes under it, which code of a subclass within it can cause.
        // SAFETY: `dict` is a dict, the GIL is held, and the three places outlive the call. `PyDict_Next` checks
        // `position` against the dict as it is; what it answers with is borrowed, and owned before anything runs.
        while unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut value) } != 0
        {
            // SAFETY: both are live objects, as said above.
            let (key, value) =
                unsafe { (Bound::from_borrowed_ptr(py, key), Bound::from_borrowed_ptr(py, value)) };
            self.member(&key, &value, std::mem::take(&mut first))?;
        }
        self.literal(b"}")
    }

    /// A subclass may keep an order of its own, as `OrderedDict` does, so it is asked for its items.
    fn dict_subclass(&mut self, dict: &Bound<'_, PyDict>) -> Written {
        let unusable = |_| Refusal::new(format!("{}.items() does not give pairs", type_name(dict)));
        self.text.push(b'{');
        let mut first = true;
        for pair in dict.call_method0("items").and_then(|items| items.try_iter()).map_err(unusable)? {
            let (key, value) = pair
                .and_then(|pair| pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>())
                .map_err(unusable)?;
            self.member(&key, &value, std::mem::take(&mut first))?;
        }
        self.literal(b"}")
    }

    fn member(&mut self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, first: bool) -> Written {
        let Ok(key) = key.cast::<PyString>() else {
            return Err(Refusal::new(format!("a dict's key is of type {}; use str", type_name(key))));
        };
        self.check_size()?;
        if !first {
            self.text.push(b',');
        }
        self.string(key)?;
        self.text.push(b':');
        self.value(value).map_err(|refusal| refusal.within(format!(".{}", printable(key))))
    }
}

impl Refusal {
    fn new(reason: String) -> Box<Self> {
        Box::new(Self { reason, path: Vec::new() })
    }

    fn within(mut self: Box<Self>, part: String) -> Box<Self> {
        self.path.push(part);
        self
    }

    fn into_error(self) -> PyErr {
        let mut path: String = self.path.iter().rev().take(SHOWN_DEPTH).map(String::as_str).collect();
        if self.path.len() > SHOWN_DEPTH {
            path.push_str("...");
        }
        match path.trim_start_matches('.') {
            "" => error::validation(&self.reason),
            path => error::validation_at(path, &self.reason),
        }
    }
}

/// Which bytes cannot stand in a JSON string as they are (RFC 8259 section 7).
const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = true;
        control += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// Whether all bytes can stand in a JSON string as they are; eight are looked at in one step.
fn is_plain(string: &[u8]) -> bool {
    let Some(end) = string.last_chunk() else {
        return !string.iter().any(|byte| ESCAPED[usize::from(*byte)]);
    };
    // The last step looks at some bytes again, rather than at each of the remaining ones.
    let (words, _) = string.as_chunks();
    words.iter().all(is_plain_word) && is_plain_word(end)
}

fn is_plain_word(bytes: &[u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    let word = u64::from_ne_bytes(*bytes);
    // Not zero exactly if some byte is below the limit: only such a byte, or a borrow from one, sets a high bit.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH_BITS;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, 0x20) | equal(b'"') | equal(b'\\') == 0
}

fn escape(mut string: &[u8], text: &mut Vec<u8>) {
    while let Some(index) = string.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
        text.extend_from_slice(&string[..index]);
        match string[index] {
            b'"' => text.extend_from_slice(b"\\\""),
            b'\\' => text.extend_from_slice(b"\\\\"),
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'\t' => text.extend_from_slice(b"\\t"),
            control => text.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        string = &string[index + 1..];
    }
    text.extend_from_slice(string);
}

fn is_true(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `Py_True` lives as long as the interpreter.
    value.as_ptr() == unsafe { ffi::Py_True() }
}

fn is_false(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `Py_False` lives as long as the interpreter.
    value.as_ptr() == unsafe { ffi::Py_False() }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string())
}

/// A key as it may stand in a message: short, and without control characters.
fn printable(key: &Bound<'_, PyString>) -> String {
    key.to_string_lossy().chars().take(64).flat_map(char::escape_debug).collect()
}
