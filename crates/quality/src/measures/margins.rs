//! Margin above and below: how much room there is above and below the face.
//!
//! Raw, above: from the picture's top edge to the middle between the eyes, over the height of the face
//! (between the eyes to the chin). Below: from there to the bottom edge, over the same. Source: OFIQ,
//! `CropOfTheFaceImage`. Failure to assess: no landmarks, or a face without height. Differs from OFIQ: the
//! points come from the mesh.

use liveface_core::Measure;

use crate::mapping::{measured, score, sigmoid};
use crate::points::Points;

/// The margin above of the frame's `points`.
pub(crate) fn above(points: &Points) -> Measure {
    measured(f64::from(points.between_eyes().y) / points.height(), standard_above)
}

/// The margin below of the frame's `points`, in a frame of `height` pixels.
pub(crate) fn below(points: &Points, height: u32) -> Measure {
    let room = f64::from(height) - f64::from(points.between_eyes().y);
    measured(room / points.height(), standard_below)
}

/// round(100 sigmoid(raw, 1.4, 0.1)).
pub(crate) fn standard_above(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, 1.4, 0.1))
}

/// round(100 sigmoid(raw, 1.8, 0.1)).
pub(crate) fn standard_below(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, 1.8, 0.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn;

    #[test]
    fn both_are_measured_from_between_the_eyes() {
        let points =
            drawn(&[(60, 90, 140), (64, 110, 140), (68, 190, 140), (72, 210, 140), (16, 150, 240)]);
        assert_eq!(above(&points), Measure { raw: 1.4, score: Some(50) });
        assert_eq!(below(&points, 300), Measure { raw: 1.6, score: Some(12) });
        assert_eq!(above(&Points::default()), Measure::default());
        assert_eq!(below(&drawn(&[]), 300), Measure::default());
    }
}
