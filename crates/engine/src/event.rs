//! What a session tells the app, in the order in which it happens.

use liveface_core::{Challenge, Guidance, Reason, ShotKind, Verdict};
use serde::Serialize;

/// Something happened. Times are the frames' own, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Show this from now on.
    Guidance {
        /// When.
        t_ms: u64,
        /// What to show.
        guidance: Guidance,
    },
    /// A picture was taken and kept.
    Shot {
        /// When.
        t_ms: u64,
        /// What it is for.
        kind: ShotKind,
        /// Counts the pictures of its kind from 0.
        index: u32,
        /// What the person was asked to show.
        challenge: Option<Challenge>,
    },
    /// Everything taken so far was thrown away.
    Restart {
        /// When.
        t_ms: u64,
        /// Why.
        reason: Reason,
    },
    /// The capture has ended.
    Verdict {
        /// When.
        t_ms: u64,
        /// How.
        verdict: Verdict,
        /// Why it did not end live.
        reasons: Vec<Reason>,
    },
}
