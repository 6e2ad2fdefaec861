//! PASETO, as Python sees them.

use pyo3::prelude::*;

/// Adds this part's classes and functions.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
