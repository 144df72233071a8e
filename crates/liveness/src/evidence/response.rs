//! How the challenges were answered: how soon, how fast and how smoothly.

use liveface_core::policy::ChallengeLimits;
use liveface_core::{Challenge, EvidenceKind, Finding, Reason, Response};

use crate::turns::Motion;

/// The lowest score of an answer that came late, but in time: slow is no attack.
const SLOW: f32 = 0.5;
/// The score of a head that turns to and fro before it gets there.
const WAVERING: f32 = 0.35;
/// The score of a smile that was there sooner than it can have been seen to be asked for: chance, or a recording.
const EARLY: f32 = 0.4;
/// The score of a head that jumps: two pictures that never were one movement, or frames that were lost.
const JUMP: f32 = 0.15;

/// What the answers so far say: the least of them decides.
pub(crate) fn finding(
    responses: &[Response],
    motions: &[Motion],
    limits: &ChallengeLimits,
) -> Finding {
    let answers = responses.iter().filter_map(|response| answer(response, limits));
    let moves = motions.iter().map(|motion| movement(*motion, limits));
    let score = answers.chain(moves).min_by(f32::total_cmp);
    let reason = score.filter(|score| *score < SLOW).map(|_| Reason::UnnaturalResponse);
    Finding { evidence: EvidenceKind::Response, score, reason }
}

/// How soon an answer came.
fn answer(response: &Response, limits: &ChallengeLimits) -> Option<f32> {
    let done_ms = response.done_ms?;
    let began_ms = response.began_ms.unwrap_or(done_ms);
    let reaction_ms = began_ms.saturating_sub(response.asked_ms);
    // A turn that begins too soon is not taken for an answer at all.
    if response.challenge == Challenge::Smile && reaction_ms < limits.min_reaction_ms {
        return Some(EARLY);
    }
    let slow = reaction_ms.saturating_sub(limits.slow_reaction_ms) as f32;
    let span = limits.max_response_ms.saturating_sub(limits.slow_reaction_ms).max(1) as f32;
    Some(1.0 - (1.0 - SLOW) * (slow / span).min(1.0))
}

/// How a turn moved.
fn movement(motion: Motion, limits: &ChallengeLimits) -> f32 {
    if motion.fastest > limits.max_speed_degrees {
        JUMP
    } else if motion.back > limits.max_back {
        WAVERING
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(began: u64, done: u64) -> Response {
        Response {
            challenge: Challenge::LookUp,
            asked_ms: 1_000,
            began_ms: Some(1_000 + began),
            done_ms: Some(1_000 + done),
        }
    }

    #[test]
    fn a_person_answers_soon_and_smoothly() {
        let limits = ChallengeLimits::default();
        let smooth = Motion { fastest: 180.0, back: 0.05 };
        let score = |response, motion| finding(&[response], &[motion], &limits).score.unwrap();
        assert_eq!(score(turned(400, 900), smooth), 1.0);
        let slow = score(turned(8_000, 9_000), smooth);
        assert!((0.5..0.9).contains(&slow), "{slow}");
        assert!(score(turned(400, 900), Motion { fastest: 2_000.0, back: 0.0 }) < 0.2);
        assert!(score(turned(400, 900), Motion { fastest: 180.0, back: 0.6 }) < 0.5);
    }

    #[test]
    fn a_smile_that_was_there_first_is_doubtful_and_an_unanswered_turn_says_nothing() {
        let limits = ChallengeLimits::default();
        let smile = Response { challenge: Challenge::Smile, ..turned(30, 60) };
        let found = finding(&[smile], &[], &limits);
        assert_eq!(found.reason, Some(Reason::UnnaturalResponse));
        let open = Response { done_ms: None, ..turned(400, 0) };
        assert_eq!(finding(&[open], &[], &limits), Finding::unseen(EvidenceKind::Response));
    }
}
