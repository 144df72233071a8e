//! Head size: height of the face over that of the picture.
//!
//! Raw: from the middle between the eyes to the tip of the chin, over the height of the upright frame.
//! Source: OFIQ, `HeadSize`. Score: 100 at 0.45, less for a smaller and for a larger face: it is made for
//! passport photos, which show little but the head. Failure to assess: no landmarks. Differs from OFIQ: the
//! points come from the mesh.

use liveface_core::Measure;

use crate::mapping::{measured, score, sigmoid};
use crate::points::Points;

/// The size of the head of the frame's `points`, in a frame of `height` pixels.
pub(crate) fn measure(points: &Points, height: u32) -> Measure {
    measured(points.height() / f64::from(height), standard)
}

/// round(200 (1 - sigmoid(|raw - 0.45|, 0, 0.05))).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(200.0 * (1.0 - sigmoid((raw - 0.45).abs(), 0.0, 0.05)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn;

    #[test]
    fn nearly_half_of_the_picture_is_best() {
        let face =
            drawn(&[(60, 90, 100), (64, 110, 100), (68, 190, 100), (72, 210, 100), (16, 150, 190)]);
        assert_eq!(measure(&face, 200), Measure { raw: 0.45, score: Some(100) });
        assert_eq!(measure(&face, 100).score, measure(&face, 100_000).score);
        // 200 (1 - 1 / (1 + exp(-2))), above and below.
        assert_eq!([standard(0.35), standard(0.55)], [Some(24); 2]);
        assert_eq!(measure(&Points::default(), 200), Measure::default());
    }
}
