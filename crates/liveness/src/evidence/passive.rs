//! The passive check: what its model says of the pictures, and of frames between them.

use liveface_core::{EvidenceKind, Finding, Policy, Reason, ShotRecord};

use crate::summary;

/// Steps in which scores are counted.
const STEPS: usize = 100;

/// Scores of frames that are no pictures.
pub(crate) struct Candidates([u32; STEPS + 1]);

impl Default for Candidates {
    fn default() -> Self {
        Self([0; STEPS + 1])
    }
}

impl Candidates {
    /// Takes in a frame's score, 0 (attack) to 1 (live); anything else is none.
    pub(crate) fn note(&mut self, live: f32) {
        if (0.0..=1.0).contains(&live) {
            self.0[(live * STEPS as f32).round() as usize] += 1;
        }
    }

    /// The median of these scores and those of the pictures.
    fn median_with(&self, shots: &[ShotRecord]) -> Option<f32> {
        let mut all = Self(self.0);
        shots.iter().filter_map(|shot| shot.pad_live).for_each(|live| all.note(live));
        let count = all.0.iter().sum::<u32>();
        let ranked = |rank: u32| {
            let mut passed = 0;
            let step = all.0.iter().position(|here| {
                passed += here;
                passed > rank
            });
            step.map(|step| step as f32 / STEPS as f32)
        };
        let [low, high] = [ranked(count.checked_sub(1)? / 2)?, ranked(count / 2)?];
        Some((low + high) * 0.5)
    }
}

/// What the passive check says of the capture: the median of the pictures' scores or of all scores, whichever is
/// less; no more than `presentation.doubtful_score` when the selfie or several pictures look like an attack, however well the others
/// do. A picture without a score leaves no finding: it might have been the one that speaks of an attack.
pub(crate) fn finding(shots: &[ShotRecord], candidates: &Candidates, policy: &Policy) -> Finding {
    let limits = &policy.presentation;
    let scored = shots.iter().all(|shot| shot.pad_live.is_some());
    let pictures = summary::passive(shots, policy);
    let few = pictures.pad_attack_images <= limits.max_attack_images;
    let selfie_passes = !pictures.pad_live_selfie.is_some_and(|live| live < limits.attack_below);
    let medians = [candidates.median_with(shots), Candidates::default().median_with(shots)];
    let median = medians.into_iter().flatten().min_by(f32::total_cmp);
    let score = median.filter(|_| scored).map(|median| {
        if few && selfie_passes { median } else { median.min(limits.doubtful_score) }
    });
    judged(score, scored, policy)
}

/// What the passive check says of a single picture.
pub(crate) fn of_one(live: f32, policy: &Policy) -> Finding {
    judged(Some(live).filter(|live| (0.0..=1.0).contains(live)), false, policy)
}

/// `score` with what speaks against a live person; without one, that speaks against, unless nothing was to be
/// scored.
fn judged(score: Option<f32>, none_is_fine: bool, policy: &Policy) -> Finding {
    let fusion = &policy.fusion.passive;
    let reason = match score {
        Some(score) if score < fusion.attack_below => Some(Reason::PresentationAttack),
        Some(score) if score < fusion.retry_below => Some(Reason::PresentationDoubtful),
        None if !none_is_fine => Some(Reason::PresentationDoubtful),
        _ => None,
    };
    Finding { evidence: EvidenceKind::Passive, score, reason }
}
