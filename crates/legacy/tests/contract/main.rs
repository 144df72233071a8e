//! The legacy contract over the real engine, client and sandbox. Every test names the rows of
//! `docs/legacy.md` that it covers; `table` holds both against each other.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

/// The rows of `docs/legacy.md` that a test covers. Tests that loop over them look at each.
macro_rules! covers {
    ($($row:literal),+ $(,)?) => {{
        const ROWS: &[&str] = &[$($row),+];
        ROWS
    }};
}

mod arguments;
mod batch;
mod captures;
mod config;
mod errors;
mod jobs;
mod results;
mod support;
mod table;
mod tags;
