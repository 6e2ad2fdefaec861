//! jam
