//! The verdict over a complete set of pictures, from the evidence alone.

use liveface_core::{Evidence, Policy, Reason, ShotRecord, Verdict};

/// Sums up what the pictures say. One picture without a passive score leaves no median: it might
/// have been the one that speaks of an attack.
pub(crate) fn evidence(shots: &[ShotRecord]) -> Evidence {
    let mut live: Vec<f32> = shots.iter().filter_map(|shot| shot.pad_live).collect();
    live.sort_by(f32::total_cmp);
    let scored = !live.is_empty() && live.len() == shots.len();
    let lowest = |values: &mut dyn Iterator<Item = f32>| values.min_by(f32::total_cmp);
    Evidence {
        pad_live_median: scored.then(|| {
            let (low, high) = (live[(live.len() - 1) / 2], live[live.len() / 2]);
            (low + high) * 0.5
        }),
        pad_live_min: live.first().copied(),
        similarity_min: lowest(&mut shots.iter().filter_map(|shot| shot.similarity)),
        restarts: Vec::new(),
    }
}

/// Judges a complete set. A set that lacks a passive score is never live.
pub(crate) fn judge(evidence: &Evidence, policy: &Policy) -> (Verdict, Vec<Reason>) {
    match evidence.pad_live_median {
        Some(live) if live < policy.presentation.attack_below => {
            (Verdict::Attack, vec![Reason::PresentationAttack])
        }
        Some(live) if live >= policy.presentation.retry_below => (Verdict::Live, Vec::new()),
        _ => (Verdict::Retry, vec![Reason::PresentationDoubtful]),
    }
}
