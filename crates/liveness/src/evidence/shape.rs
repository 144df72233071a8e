//! 3-D shape: a head is solid and alive, a picture is flat and still.

use liveface_core::{EvidenceKind, Face, Finding, policy};

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Shape;

impl Shape {
    /// Takes in a frame.
    pub(crate) fn see(&mut self, _face: &Face, _now_ms: u64, _limits: &policy::ShapeLimits) {}

    /// What was found so far.
    pub(crate) fn finding(&self, _limits: &policy::ShapeLimits) -> Finding {
        Finding::unseen(EvidenceKind::Shape)
    }
}
