//! Unified quality score: how useful the face is for recognition, all in all.
//!
//! Raw: what a learned model says, 0 (useless) to 1; the model is run by the caller, and without it nothing
//! is recorded. Failure to assess: the model's answer is no number from 0 to 1. Differs from OFIQ,
//! `UnifiedQualityScore`, which is the length of the `MagFace` net's embedding (about 15 to 30), a net that is
//! not at hand: neither the raw value, nor the score that [`own`] gives it, is comparable with OFIQ's;
//! [`standard`] maps OFIQ's.

use liveface_core::Measure;

use crate::mapping::{measured, score, sigmoid};

/// Raw value with a score of 50, and the width of the transition. Own choice, between what the shipped model
/// says of sharp faces (0.88 to 0.97: 95 to 98), of a Gaussian blur of 2 px (0.55 to 0.62: 22 to 41) and of
/// one of 5 px (0.32 to 0.44: 2 to 7).
const MIDDLE: f64 = 0.65;
const WIDTH: f64 = 0.08;

/// What the model said.
pub(crate) fn measure(learned: f32) -> Measure {
    if (0.0..=1.0).contains(&learned) {
        measured(f64::from(learned), own)
    } else {
        Measure::default()
    }
}

/// The score of this engine's raw value: round(100 sigmoid(raw, 0.65, 0.08)).
fn own(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, MIDDLE, WIDTH))
}

/// OFIQ's score of its own raw value: round(100 sigmoid(raw, 23, 2.6)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, 23.0, 2.6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharp_and_blurred_faces_lie_far_apart() {
        let scores = [0.97, 0.88, 0.65, 0.62, 0.55, 0.44, 0.32].map(|raw| measure(raw).score);
        assert_eq!(scores, [98, 95, 50, 41, 22, 7, 2].map(Some));
        for odd in [f32::NAN, -0.01, 1.01, f32::INFINITY] {
            assert_eq!(measure(odd), Measure::default());
        }
    }
}
