//! Face occlusion prevention: how much of the face is covered.
//!
//! Raw: covered share of the face from the brows to the chin, 0 to 1. It is the larger of two estimates from
//! the engine's own covered parts, from this frame alone: the parts from top to bottom, each weighed with the
//! area that it has on a face, and the mean of the two halves. The first is right where a mask, a scarf or
//! sunglasses lie across the face, the second where a hand or the picture's edge hides one side of it.
//! Failure to assess: one of the parts is not known. Differs from OFIQ, `FaceOcclusionPrevention`, which
//! counts covered pixels by a net that is not at hand. The score is OFIQ's.

use liveface_core::{CoveredParts, Measure};

use crate::mapping::{measured, none_of};

/// Area of the eyes with the brows, of the nose with the upper cheeks, and of all below, over the area
/// from the brows to the chin. Source: measured on MediaPipe's canonical face, cut below the eyes (mesh point
/// 197) and below the nose (mesh point 2).
const EYES: f64 = 0.24;
const NOSE: f64 = 0.31;
const MOUTH: f64 = 0.45;

/// The covered share of the face.
pub(crate) fn measure(covered: CoveredParts) -> Measure {
    let CoveredParts { eyes, nose, mouth, image_left, image_right } = covered;
    let [eyes, nose, mouth] = [eyes, nose, mouth].map(f64::from);
    let bands = EYES * eyes + NOSE * nose + MOUTH * mouth;
    let halves = 0.5 * (f64::from(image_left) + f64::from(image_right));
    // Not a number when either is none.
    let larger = if bands > halves || bands.is_nan() { bands } else { halves };
    measured(larger, standard)
}

/// round(100 (1 - raw)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    none_of(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: CoveredParts =
        CoveredParts { eyes: 0.0, nose: 0.0, mouth: 0.0, image_left: 0.0, image_right: 0.0 };

    #[test]
    fn parts_count_by_their_area_and_halves_by_half() {
        assert_eq!(measure(NONE), Measure { raw: 0.0, score: Some(100) });
        let sunglasses = CoveredParts { eyes: 1.0, ..NONE };
        assert_eq!(measure(sunglasses), Measure { raw: 0.24, score: Some(76) });
        let mask = CoveredParts { mouth: 1.0, nose: 1.0, ..NONE };
        assert_eq!(measure(mask).score, Some(24));
        let hand = CoveredParts { image_left: 1.0, eyes: 0.5, ..NONE };
        assert_eq!(measure(hand), Measure { raw: 0.5, score: Some(50) });
        let all =
            CoveredParts { eyes: 1.0, nose: 1.0, mouth: 1.0, image_left: 1.0, image_right: 1.0 };
        assert_eq!(measure(all), Measure { raw: 1.0, score: Some(0) });
    }

    #[test]
    fn a_part_that_is_not_known_is_not_guessed() {
        for unknown in [
            CoveredParts { nose: f32::NAN, image_left: 1.0, ..NONE },
            CoveredParts { image_right: f32::NAN, mouth: 1.0, ..NONE },
        ] {
            assert_eq!(measure(unknown), Measure::default());
        }
    }
}
