//! Mouth closed: how far the mouth is open.
//!
//! Raw: the largest distance of two points of the lips' inner edges that face each other, over the height of
//! the face (between the eyes to the chin). Source: OFIQ, `MouthClosed`, on the aligned points. Failure to
//! assess: no landmarks. Differs from OFIQ: the points come from the mesh.

use liveface_core::Measure;

use crate::mapping::{measured, score, sigmoid};
use crate::points::{LIPS, Points};

/// The opening of the mouth of aligned `points`.
pub(crate) fn measure(points: &Points) -> Measure {
    measured(points.widest(LIPS) / points.height(), standard)
}

/// round(100 (1 - sigmoid(raw, 0.2, 0.06))).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * (1.0 - sigmoid(raw, 0.2, 0.06)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn;

    #[test]
    fn the_widest_pair_of_the_inner_lips_counts() {
        let face = [(60, 90, 100), (64, 110, 100), (68, 190, 100), (72, 210, 100), (16, 150, 300)];
        let open = [(89, 140, 240), (95, 140, 270), (90, 150, 240), (94, 150, 280)];
        let points = drawn(&[&face[..], &open[..]].concat());
        assert_eq!(measure(&points), Measure { raw: 0.2, score: Some(50) });
        assert_eq!(measure(&drawn(&face)), Measure { raw: 0.0, score: Some(97) });
        assert_eq!(measure(&Points::default()), Measure::default());
    }
}
