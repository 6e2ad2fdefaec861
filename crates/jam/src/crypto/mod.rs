//! The only room that names a crypto crate: one file for each primitive, under the name of its specification.

pub(crate) mod random;
