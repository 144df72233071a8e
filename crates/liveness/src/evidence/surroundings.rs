//! What moves with the face: a border around it, what is behind it.

use liveface_core::{EvidenceKind, Face, Finding, Instrument, policy};

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Surroundings;

impl Surroundings {
    /// Takes in a frame.
    pub(crate) fn see(
        &mut self,
        _face: &Face,
        _instrument: &Instrument,
        _now_ms: u64,
        _limits: &policy::SurroundingsLimits,
    ) {
    }

    /// What was found so far.
    pub(crate) fn finding(&self, _limits: &policy::SurroundingsLimits) -> Finding {
        Finding::unseen(EvidenceKind::Surroundings)
    }
}
