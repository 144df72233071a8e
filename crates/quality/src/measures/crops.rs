//! Leftward and rightward crop: how much room there is beside the face.
//!
//! Raw, leftward: from the picture's image-left edge to the middle of the image-right eye, over the distance
//! of the eyes. Rightward: from the middle of the image-left eye to the image-right edge, over the same.
//! Source: OFIQ, `CropOfTheFaceImage`. Failure to assess: no landmarks, or the eyes are one point. Differs
//! from OFIQ: the points come from the mesh.

use liveface_core::Measure;

use crate::mapping::{measured, score, sigmoid};
use crate::points::Points;

/// The leftward crop of the frame's `points`.
pub(crate) fn leftward(points: &Points) -> Measure {
    let [_, right] = points.eyes();
    measured(f64::from(right.x) / points.eye_distance(), standard)
}

/// The rightward crop of the frame's `points`, in a frame of `width` pixels.
pub(crate) fn rightward(points: &Points, width: u32) -> Measure {
    let [left, _] = points.eyes();
    measured((f64::from(width) - f64::from(left.x)) / points.eye_distance(), standard)
}

/// round(100 sigmoid(raw, 0.9, 0.1)), of either.
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, 0.9, 0.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn;

    #[test]
    fn each_side_is_measured_from_the_far_eye() {
        let points = drawn(&[(60, 10, 100), (64, 30, 100), (68, 110, 100), (72, 130, 100)]);
        assert_eq!(leftward(&points), Measure { raw: 1.2, score: Some(95) });
        assert_eq!(rightward(&points, 100), Measure { raw: 0.8, score: Some(27) });
        assert_eq!(leftward(&Points::default()), Measure::default());
        assert_eq!(rightward(&drawn(&[]), 100), Measure::default());
    }
}
