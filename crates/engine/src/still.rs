//! Whether a single picture shows a live person: what can be said without a sequence.

use liveface_core::{EvidenceKind, Face, Finding, Frame, Policy, Reason, Verdict, policy};

use crate::engine::Engine;
use crate::error::EngineError;

/// What was found in a single picture.
#[derive(Clone, Debug, PartialEq)]
pub struct StillJudgement {
    /// [`Verdict::Retry`] when there is not exactly one face; never [`Verdict::TimedOut`].
    pub verdict: Verdict,
    /// Why it is not live.
    pub reasons: Vec<Reason>,
    /// 0 (attack) to 1 (live); `None` when there is not exactly one face.
    pub live: Option<f32>,
    /// Every kind of evidence that a single picture can give.
    pub findings: Vec<Finding>,
}

impl Engine {
    /// Judges a single picture. Nothing is asked of its quality.
    ///
    /// # Errors
    /// When a model fails.
    pub fn judge_still(
        &self,
        frame: &Frame<'_>,
        policy: &Policy,
    ) -> Result<StillJudgement, EngineError> {
        let mut vision = self.vision();
        let faces = vision.faces(frame, &policy.tracking)?;
        let face = match only_face(&faces, policy.tracking.bystander_area) {
            Ok(face) => face,
            Err(reason) => {
                return Ok(StillJudgement {
                    verdict: Verdict::Retry,
                    reasons: vec![reason],
                    live: None,
                    findings: vec![Finding::unseen(EvidenceKind::Passive)],
                });
            }
        };
        let live = vision.presentation(frame, face)?;
        let (verdict, reason) = passive(live, &policy.presentation);
        Ok(StillJudgement {
            verdict,
            reasons: reason.into_iter().collect(),
            live: Some(live),
            findings: vec![Finding { evidence: EvidenceKind::Passive, score: Some(live), reason }],
        })
    }
}

/// The one face of `faces`, the largest first; those below the share `bystander` of its area do not count.
fn only_face(faces: &[Face], bystander: f32) -> Result<&Face, Reason> {
    let [face, others @ ..] = faces else { return Err(Reason::FaceLost) };
    let counts = |other: &Face| other.bounds.area() >= face.bounds.area() * bystander;
    if others.iter().any(counts) { Err(Reason::MultipleFaces) } else { Ok(face) }
}

fn passive(live: f32, limits: &policy::Presentation) -> (Verdict, Option<Reason>) {
    if live < limits.attack_below {
        (Verdict::Attack, Some(Reason::PresentationAttack))
    } else if live >= limits.retry_below {
        (Verdict::Live, None)
    } else {
        // A score that is no number is doubtful, too.
        (Verdict::Retry, Some(Reason::PresentationDoubtful))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_live_only_from_the_higher_limit_on() {
        let limits = policy::Presentation {
            attack_below: 0.2,
            retry_below: 0.6,
            ..policy::Presentation::default()
        };
        let verdict = |live| passive(live, &limits).0;
        assert_eq!([0.0, 0.19].map(verdict), [Verdict::Attack; 2]);
        assert_eq!([0.2, 0.59, f32::NAN].map(verdict), [Verdict::Retry; 3]);
        assert_eq!([0.6, 1.0].map(verdict), [Verdict::Live; 2]);
    }
}
