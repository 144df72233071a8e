//! What the pictures' passive scores are in short, for the record.

use liveface_core::{Evidence, Policy, ShotKind, ShotRecord};

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
