//! The stream: whether the frames are a camera's.

use liveface_core::{EvidenceKind, Finding, Observation, policy};

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Stream;

impl Stream {
    /// Takes in a frame.
    pub(crate) fn see(&mut self, _observation: &Observation, _limits: &policy::StreamLimits) {}

    /// The camera is known to be a program.
    pub(crate) const fn note_virtual_camera(&mut self) {}

    /// What was found so far.
    pub(crate) fn finding(&self, _limits: &policy::StreamLimits) -> Finding {
        Finding::unseen(EvidenceKind::Stream)
    }
}
