//! What several test binaries need.

#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it

pub mod backends;
pub mod blocking;
pub mod redis_server;
