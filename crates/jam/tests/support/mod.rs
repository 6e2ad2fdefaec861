//! What several test binaries need.

#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it

pub mod backends;
pub mod blocking;
pub mod certificates;
pub mod file_stores;
pub mod load;
pub mod postgres_server;
pub mod postgres_stores;
pub mod redis_cluster;
pub mod redis_sentinel;
pub mod redis_server;
pub mod redis_stores;
