//! `jam._jam`: the Rust core as Python sees it. Each file registers the classes and functions of one part; the
//! documented, public classes are in `python/jam`.

mod arguments;
mod bridge;
mod claims;
mod config;
mod cookies;
mod error;
mod jose;
mod json;
mod jwt;
mod lists;
mod log;
mod oauth2;
mod otp;
mod paserk;
mod paseto;
mod replay_guard;
mod serializer;
mod sessions;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod sqlite_locks;
mod stores;
mod tokens;
mod utils;

use pyo3::prelude::*;

/// The module. It asks for the GIL: the bindings rely on it for the order of what they do to Python's objects, and
/// nothing has been proven about an interpreter without one.
#[pymodule(gil_used = true)]
fn _jam(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    log::install();
    bridge::watch_forks()?;
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    sqlite_locks::install();
    error::register(module)?;
    config::register(module)?;
    cookies::register(module)?;
    jose::register(module)?;
    claims::register(module)?;
    jwt::register(module)?;
    lists::register(module)?;
    oauth2::register(module)?;
    otp::register(module)?;
    paserk::register(module)?;
    paseto::register(module)?;
    replay_guard::register(module)?;
    sessions::register(module)?;
    tokens::register(module)?;
    utils::register(module)
}
