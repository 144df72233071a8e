//! Regular patterns of screens and prints.

use liveface_core::{EvidenceKind, Finding, Instrument, Reason, policy};

/// The strengths of so many frames are remembered, the last ones.
const REMEMBERED: usize = policy::TextureLimits::MOST_FRAMES as usize;

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Texture {
    strengths: [f32; REMEMBERED],
    /// How many frames were looked at.
    seen: usize,
    /// The largest median so far: what speaks of an attack is not forgotten.
    largest: Option<f32>,
}

impl Texture {
    /// Takes in a frame.
    pub(crate) fn see(&mut self, instrument: &Instrument, limits: &policy::TextureLimits) {
        let Some(strength) = instrument.pattern.filter(|strength| strength.is_finite()) else {
            return;
        };
        self.strengths[self.seen % REMEMBERED] = strength;
        self.seen += 1;
        if self.seen < limits.min_frames as usize {
            return;
        }
        let mut sorted = self.strengths;
        let sorted = &mut sorted[..self.seen.min(REMEMBERED)];
        sorted.sort_by(f32::total_cmp);
        let median = sorted[sorted.len() / 2];
        self.largest = Some(self.largest.map_or(median, |largest| largest.max(median)));
    }

    /// What was found so far. No pattern says nothing: prints and good screens show none.
    pub(crate) fn finding(&self, limits: &policy::TextureLimits) -> Finding {
        let score = self.largest.map(|strength| {
            // By the logarithm: twice as strong is a step, whatever it is twice of.
            let range = (limits.attack_pattern / limits.unclear_pattern).ln();
            let beyond = (strength.max(limits.unclear_pattern) / limits.unclear_pattern).ln();
            0.5 * (1.0 - (beyond / range).min(1.0))
        });
        let reason = score.filter(|score| *score < 0.5).map(|_| Reason::ScreenPattern);
        Finding { evidence: EvidenceKind::Texture, score, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(strengths: &[Option<f32>]) -> Finding {
        let limits = policy::TextureLimits::default();
        let mut texture = Texture::default();
        for pattern in strengths {
            texture.see(&Instrument { pattern: *pattern, ..Instrument::default() }, &limits);
        }
        texture.finding(&limits)
    }

    #[test]
    fn one_frame_alone_says_nothing() {
        assert_eq!(found(&[]), Finding::unseen(EvidenceKind::Texture));
        assert_eq!(found(&[Some(50.0), None, Some(50.0)]), Finding::unseen(EvidenceKind::Texture));
        let mostly_none = found(&[Some(1.5), Some(50.0), Some(1.2), Some(1.8), Some(30.0)]);
        assert_eq!((mostly_none.score, mostly_none.reason), (Some(0.5), None));
    }

    #[test]
    fn a_pattern_on_most_frames_is_an_attack_and_stays_one() {
        let replay = found(&[Some(7.0), Some(9.0), Some(30.0)]);
        assert_eq!((replay.score, replay.reason), (Some(0.0), Some(Reason::ScreenPattern)));
        let put_away: Vec<_> = [20.0; 3].into_iter().chain([1.0; 100]).map(Some).collect();
        assert_eq!(found(&put_away).score, Some(0.0));
    }

    proptest! {
        #[test]
        fn the_stronger_the_pattern_the_lower_the_score(a in 0f32..100.0, b in 0f32..100.0) {
            let score = |strength| found(&[Some(strength); 3]).score.unwrap();
            prop_assert!((score(a) - score(b)) * (a - b) <= 0.0);
            prop_assert!((0.0..=0.5).contains(&score(a)));
        }

        #[test]
        fn any_number_is_taken(strengths in prop::collection::vec(any::<Option<f32>>(), 0..40)) {
            let finding = found(&strengths);
            prop_assert!(finding.score.is_none_or(|score| (0.0..=0.5).contains(&score)));
        }
    }
}
