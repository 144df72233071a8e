//! Expression neutrality: how relaxed the face is.
//!
//! Raw: the smallest of three, each 0 to 1: how little the face smiles, how far the mouth is closed, how open
//! the less open eye is; by the person's own neutral face where one is tracked, from this frame alone.
//! Failure to assess: one of them is not known. Differs from OFIQ, `ExpressionNeutrality`, which adds up
//! a boosted vote over the features of two nets that are not at hand: neither the raw value, nor the score
//! that [`own`] gives it, is comparable with OFIQ's; [`standard`] maps OFIQ's.

use liveface_core::{Expression, Measure};

use crate::mapping::{measured, score, sigmoid};

/// Raw value with a score of 50, and the width of the transition. Own choice, from the policy: a smile of
/// 0.5, from which on a face does not count as relaxed, scores 50, one of 0.8, which counts as a smile, 5. A
/// relaxed face has a raw value of 0.7 and more.
const MIDDLE: f64 = 0.5;
const WIDTH: f64 = 0.1;

/// How relaxed a face that shows `expression` is.
pub(crate) fn measure(expression: &Expression) -> Measure {
    let Expression { smile, mouth_open, eye_openness, .. } = *expression;
    let parts = [1.0 - smile, 1.0 - mouth_open, eye_openness.image_left, eye_openness.image_right];
    // Not a number when one of them is none.
    let smallest = parts.into_iter().reduce(|a, b| if a < b || a.is_nan() { a } else { b });
    measured(smallest.map_or(f64::NAN, f64::from), own)
}

/// The score of this crate's raw value: round(100 sigmoid(raw, 0.5, 0.1)).
fn own(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, MIDDLE, WIDTH))
}

/// OFIQ's score of its own raw value: round(100 sigmoid(raw, -5000, 5000)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, -5000.0, 5000.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveface_core::{EyeOpenness, Gaze};

    const RELAXED: Expression = Expression {
        eye_openness: EyeOpenness { image_left: 0.96875, image_right: 0.9375 },
        eye_aspect_ratio: EyeOpenness { image_left: 0.28, image_right: 0.27 },
        smile: 0.125,
        smile_ratio: 0.62,
        mouth_open: 0.0,
        gaze: Gaze { yaw_degrees: 0.0, pitch_degrees: 0.0 },
    };

    #[test]
    fn the_least_relaxed_of_smile_mouth_and_eyes_counts() {
        assert_eq!(measure(&RELAXED), Measure { raw: 0.875, score: Some(98) });
        let smiling = Expression { smile: 0.5, ..RELAXED };
        assert_eq!(measure(&smiling), Measure { raw: 0.5, score: Some(50) });
        let talking = Expression { mouth_open: 0.75, ..RELAXED };
        assert_eq!(measure(&talking), Measure { raw: 0.25, score: Some(8) });
        let winking = EyeOpenness { image_left: 0.0, ..RELAXED.eye_openness };
        let winking = Expression { eye_openness: winking, ..RELAXED };
        assert_eq!(measure(&winking), Measure { raw: 0.0, score: Some(1) });
    }

    #[test]
    fn what_is_not_known_is_not_taken_for_relaxed() {
        assert_eq!(measure(&Expression { smile: f32::NAN, ..RELAXED }), Measure::default());
        let eyes = EyeOpenness { image_right: f32::NAN, ..RELAXED.eye_openness };
        assert_eq!(measure(&Expression { eye_openness: eyes, ..RELAXED }), Measure::default());
    }
}
