//! Regular patterns of screens and prints.

use liveface_core::{EvidenceKind, Finding, Instrument, policy};

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Texture;

impl Texture {
    /// Takes in a frame.
    pub(crate) fn see(&mut self, _instrument: &Instrument, _limits: &policy::TextureLimits) {}

    /// What was found so far.
    pub(crate) fn finding(&self, _limits: &policy::TextureLimits) -> Finding {
        Finding::unseen(EvidenceKind::Texture)
    }
}
