//! The asyncio bridge.

use pyo3::prelude::*;

/// Runs blocking work without the GIL.
pub(crate) fn block<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let result = py.detach(work);
    crate::log::flush(py);
    result
}

/// Adds this part's classes.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
