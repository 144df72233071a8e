//! The verdict over a complete set of pictures, from the evidence alone.

use liveface_core::{Evidence, Policy, Reason, ShotKind, ShotRecord, Verdict};

/// Sums up what the passive check says of the pictures. One picture without a score leaves no
/// median: it might have been the one that speaks of an attack.
pub(crate) fn passive(shots: &[ShotRecord], policy: &Policy) -> Evidence {
    let mut live: Vec<f32> = shots.iter().filter_map(|shot| shot.pad_live).collect();
    live.sort_by(f32::total_cmp);
    let scored = !live.is_empty() && live.len() == shots.len();
    let attacks = live.iter().filter(|live| **live < policy.presentation.attack_below).count();
    let selfie = shots.iter().find(|shot| shot.kind == ShotKind::Selfie);
    Evidence {
        pad_live_median: scored.then(|| {
            let (low, high) = (live[(live.len() - 1) / 2], live[live.len() / 2]);
            (low + high) * 0.5
        }),
        pad_live_min: live.first().copied(),
        pad_live_selfie: selfie.and_then(|selfie| selfie.pad_live),
        pad_attack_images: attacks as u32,
        ..Evidence::default()
    }
}

/// Judges a complete set. A set that lacks a passive score is never live, nor is one in which the
/// selfie or several pictures look like an attack, however well the others do.
pub(crate) fn judge(evidence: &Evidence, policy: &Policy) -> (Verdict, Vec<Reason>) {
    let limits = &policy.presentation;
    let few = evidence.pad_attack_images <= limits.max_attack_images;
    let selfie = evidence.pad_live_selfie.is_some_and(|live| live >= limits.attack_below);
    match evidence.pad_live_median {
        Some(live) if live < limits.attack_below => {
            (Verdict::Attack, vec![Reason::PresentationAttack])
        }
        Some(live) if live >= limits.retry_below && few && selfie => (Verdict::Live, Vec::new()),
        _ => (Verdict::Retry, vec![Reason::PresentationDoubtful]),
    }
}
