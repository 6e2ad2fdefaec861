//! A blocking store behind the awaited trait: every check is written once for both faces.

pub use jam::store::contract::Blocking;
