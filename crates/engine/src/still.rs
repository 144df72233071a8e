//! Whether a single picture shows a live person: what can be said without a sequence.

use liveface_core::{EvidenceKind, Face, Finding, Frame, Policy, Reason, Verdict};
use liveface_liveness::{StillOutcome, judge_still};
use liveface_vision::InstrumentWatch;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Judges a single picture by itself, see [`judge_still`]. Nothing is asked of its quality; a picture without
    /// exactly one face is a retry.
    ///
    /// # Errors
    /// When a model fails.
    pub fn judge_still(
        &self,
        frame: &Frame<'_>,
        policy: &Policy,
    ) -> Result<StillOutcome, EngineError> {
        let mut vision = self.vision();
        let faces = vision.faces(frame, &policy.tracking)?;
        let face = match only_face(&faces, policy.tracking.bystander_area) {
            Ok(face) => face,
            Err(reason) => {
                let findings = vec![Finding::unseen(EvidenceKind::Passive)];
                let reasons = vec![reason];
                return Ok(StillOutcome { verdict: Verdict::Retry, reasons, live: None, findings });
            }
        };
        let pad_live = vision.presentation(frame, face)?;
        let instrument = InstrumentWatch::default().still(frame, face, &policy.texture);
        Ok(judge_still(face.bounds, (frame.width(), frame.height()), pad_live, &instrument, policy))
    }
}

/// The one face of `faces`, the largest first; those below the share `bystander` of its area do not count.
fn only_face(faces: &[Face], bystander: f32) -> Result<&Face, Reason> {
    let [face, others @ ..] = faces else { return Err(Reason::FaceLost) };
    let counts = |other: &Face| other.bounds.area() >= face.bounds.area() * bystander;
    if others.iter().any(counts) { Err(Reason::MultipleFaces) } else { Ok(face) }
}
