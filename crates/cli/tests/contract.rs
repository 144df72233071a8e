//! What scripts may rely on: exit codes, the shape of the JSON, and that stdout holds nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Cursor, Read as _};
use std::process::Stdio;

use liveface_bundle::ZipReader;
use serde_json::Value;
use support::{Ended, Place, clip, fixture, keys, root, run, text};
