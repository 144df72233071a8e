//! The rule for a single picture: the evidence that needs no time.

use liveface_core::policy::TextureLimits;
use liveface_core::{Finding, Instrument, Policy, Reason, Rect, Verdict};

use crate::evidence::{fusion, passive, texture::Texture};
use crate::gates;

/// What a single picture is, by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct StillOutcome {
    /// Live, an attack, or a retry where neither can be said.
    pub verdict: Verdict,
    /// Why it is not live.
    pub reasons: Vec<Reason>,
    /// 0 (attack) to 1 (live); `None` when nothing could be assessed.
    pub live: Option<f32>,
    /// Every kind of evidence that a single picture can give.
    pub findings: Vec<Finding>,
}

/// Judges a `face` in a picture of `picture` pixels by the passive check, `pad_live` 0 (attack) to 1 (live), and by the
/// patterns in its pixels, with the weights and limits that a capture has. A border around the face says nothing in
/// a single picture: a door has one, too.
#[must_use]
pub fn judge_still(
    face: Rect,
    picture: (u32, u32),
    pad_live: f32,
    instrument: &Instrument,
    policy: &Policy,
) -> StillOutcome {
    let mut texture = Texture::default();
    let limits = TextureLimits { min_frames: 1, ..policy.texture.clone() };
    texture.see(instrument, &limits);
    let has_room = gates::room(picture, face) >= policy.presentation.min_room;
    let pad_live = if has_room { pad_live } else { f32::NAN };
    let findings = vec![passive::of_one(pad_live, policy), texture.finding(&limits)];
    let (verdict, reasons) = fusion::judge(&findings, &policy.fusion);
    let live = fusion::score(&findings, &policy.fusion);
    StillOutcome { verdict, reasons, live, findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passive_check_decides_within_its_limits_and_what_is_no_score_is_doubtful() {
        let policy = Policy::default();
        let face = Rect::new(250.0, 150.0, 140.0, 180.0);
        let with = |live, pattern| {
            judge_still(
                face,
                (640, 480),
                live,
                &Instrument { pattern, ..Instrument::default() },
                &policy,
            )
        };
        let judged = |live| with(live, Some(1.5));
        assert_eq!(judged(0.05).verdict, Verdict::Attack);
        assert_eq!(judged(0.05).reasons, [Reason::PresentationAttack]);
        assert_eq!(judged(0.3).verdict, Verdict::Retry);
        assert_eq!(judged(0.9).verdict, Verdict::Live);
        for none in [f32::NAN, -0.1, 1.1] {
            let outcome = judged(none);
            assert_eq!(outcome.verdict, Verdict::Retry);
            assert_eq!(outcome.reasons, [Reason::PresentationDoubtful]);
        }
        assert_eq!(with(0.9, Some(40.0)).reasons, [Reason::ScreenPattern]);
        assert_eq!(with(0.9, Some(40.0)).verdict, Verdict::Attack);
        let near = Rect::new(100.0, 20.0, 320.0, 440.0);
        let instrument = Instrument { pattern: Some(1.5), ..Instrument::default() };
        let near = judge_still(near, (640, 480), 0.9, &instrument, &policy);
        assert_eq!(
            (near.verdict, near.reasons),
            (Verdict::Retry, vec![Reason::PresentationDoubtful])
        );
        assert_eq!(with(0.9, None).verdict, Verdict::Live);
    }
}
