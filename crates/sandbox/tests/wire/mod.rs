//! Requests as they went over the wire: a server that keeps them, and their comparison.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod compare;
pub(crate) mod json;
pub(crate) mod recorder;
