//! The published test vectors, which lie outside of the repository: `JAM_VECTORS`, else `../shared/vectors` from
//! the workspace's root.

use std::path::PathBuf;

use serde_json::Value;

/// Reads one JSON file of the vectors; without them prints that the test is skipped.
#[allow(clippy::disallowed_methods)] // the variable configures the tests, not the library
pub(crate) fn read(name: &str) -> Option<Value> {
    let folder = std::env::var("JAM_VECTORS").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    match std::fs::read(folder.join(name)) {
        Ok(text) => Some(serde_json::from_slice(&text).unwrap()),
        Err(_) => {
            println!("skipped: no test vectors {name}");
            None
        }
    }
}
