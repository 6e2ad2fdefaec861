//! Cookies, as Python sees them.

use std::time::Duration;

use jam::cookie::{Cookie, CookieOptions};
use pyo3::prelude::*;

use crate::arguments::{integer, required_text, text};
use crate::error;

/// The cookie that carries a session's id: writes the text of `Set-Cookie`, reads that of `Cookie`.
///
/// Args:
///     name: The name, without a prefix.
///     host_prefix: Whether the name gets the prefix `__Host-`; needs `secure`, the path `/` and no `domain`.
///     secure: Whether it is sent over https only.
///     http_only: Whether scripts of the page cannot read it.
///     same_site: `strict`, `lax` or `none`.
///     path: The path that it is sent for, and all below it.
///     domain: The domain whose hosts all get it; this host alone if left out.
///
/// Raises:
///     JamValidationError: A browser would refuse these attributes together, or a header cannot hold one of them.
#[pyclass(module = "jam._jam", name = "Cookie", frozen)]
struct PyCookie(Cookie);

#[pymethods]
impl PyCookie {
    #[new]
    #[pyo3(
        signature = (
            name = None, *, host_prefix = true, secure = true, http_only = true, same_site = None, path = None,
            domain = None,
        ),
        text_signature = "(name='session', *, host_prefix=True, secure=True, http_only=True, same_site='lax', path='/', domain=None)"
    )]
    fn new(
        name: Option<&Bound<'_, PyAny>>,
        host_prefix: bool,
        secure: bool,
        http_only: bool,
        same_site: Option<&Bound<'_, PyAny>>,
        path: Option<&Bound<'_, PyAny>>,
        domain: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut options = CookieOptions { host_prefix, secure, http_only, ..CookieOptions::default() };
        if let Some(name) = name {
            options.name = text(name, "name")?.to_owned();
        }
        if let Some(same_site) = same_site {
            options.same_site = text(same_site, "same_site")?.parse().map_err(error::to_py)?;
        }
        if let Some(path) = path {
            options.path = text(path, "path")?.to_owned();
        }
        options.domain = domain.map(|domain| text(domain, "domain").map(str::to_owned)).transpose()?;
        Cookie::new(options).map(Self).map_err(error::to_py)
    }

    /// The name as browsers know it, with its prefix.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// Gives the text of a `Set-Cookie` header.
    ///
    /// Args:
    ///     value: What the cookie holds, commonly a session's id.
    ///     max_age: Seconds until the browser forgets it; when it is closed, if left out.
    ///
    /// Raises:
    ///     JamValidationError: A cookie cannot hold the value, or the age is not from 1 second to 400 days.
    #[pyo3(signature = (value, max_age = None))]
    fn set(&self, value: &Bound<'_, PyAny>, max_age: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
        let max_age = max_age.map(|age| integer(age, "max_age").map(Duration::from_secs)).transpose()?;
        self.0.set(required_text(value, "value")?, max_age).map_err(error::to_py)
    }

    /// Gives the text of a `Set-Cookie` header that makes the browser forget the cookie.
    fn delete(&self) -> String {
        self.0.delete()
    }

    /// Gives the cookie's value in the text of a `Cookie` header; None where it is missing, or there more than once.
    fn get<'a>(&self, header: Option<&'a Bound<'_, PyAny>>) -> PyResult<Option<&'a str>> {
        let Some(header) = header else { return Ok(None) };
        Ok(self.0.get(crate::arguments::opaque_text(header, "header")?))
    }

    fn __repr__(&self) -> String {
        format!("<jam.cookies.Cookie {}>", self.0.name())
    }
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyCookie>()
}
