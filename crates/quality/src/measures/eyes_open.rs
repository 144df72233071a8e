//! Eyes open: how open the less open eye is.
//!
//! Raw: of each eye the largest distance of two lid points that face each other; the smaller of both over
//! the height of the face (between the eyes to the chin). Source: OFIQ, `EyesOpen`, on the aligned points.
//! Failure to assess: no landmarks. Differs from OFIQ: the points come from the mesh.

use liveface_core::Measure;

use crate::mapping::{measured, score, sigmoid};
use crate::points::{LIDS, Points};

/// The less open eye of aligned `points`.
pub(crate) fn measure(points: &Points) -> Measure {
    let [left, right] = LIDS.map(|lids| points.widest(lids));
    let smaller = if left < right { left } else { right };
    measured(smaller / points.height(), standard)
}

/// round(100 sigmoid(raw, 0.02, 0.01)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, 0.02, 0.01))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn;

    #[test]
    fn the_less_open_eye_counts_by_its_widest_pair() {
        // Eyes at height 100, the chin 200 pixels lower.
        let eyes = [(60, 90, 100), (64, 110, 100), (68, 190, 100), (72, 210, 100), (16, 150, 300)];
        let open = [(62, 100, 94), (66, 100, 104), (70, 200, 97), (74, 200, 103)];
        let points = drawn(&[&eyes[..], &open[..]].concat());
        assert_eq!(measure(&points), Measure { raw: 0.03, score: Some(73) });
        assert_eq!(measure(&drawn(&eyes)), Measure { raw: 0.0, score: Some(12) });
        assert_eq!(measure(&Points::default()), Measure::default());
        // Without height, nothing is known.
        assert_eq!(measure(&drawn(&[])), Measure::default());
    }
}
