//! paseto
