//! The eyes: they blink, and move with the face around them.

use liveface_core::{EvidenceKind, Face, Finding, policy};

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Eyes;

impl Eyes {
    /// Takes in a frame.
    pub(crate) fn see(&mut self, _face: &Face, _now_ms: u64, _limits: &policy::EyesLimits) {}

    /// What was found so far.
    pub(crate) fn finding(&self, _limits: &policy::EyesLimits) -> Finding {
        Finding::unseen(EvidenceKind::Eyes)
    }
}
