//! Under-exposure prevention: how much of the face is nearly black.
//!
//! Raw: share of the face's pixels whose luminance is 0 to 25 of 255 in linear light, 0 to 1. Source: OFIQ,
//! `UnderExposurePrevention`. Failure to assess: no pixel of a face. Differs from OFIQ: what covers the face
//! counts as well (OFIQ leaves it out by a net that is not at hand), and the outline of the face (see
//! `portrait` and `view`).

use std::ops::Range;

use liveface_core::Measure;

use crate::light::share;
use crate::mapping::{measured, score, sigmoid};

/// Luminance that counts as nearly black. Source: OFIQ, 0 to 25.
const DARK: Range<usize> = 0..26;

/// The dark share of `histogram`.
pub(crate) fn measure(histogram: &[u32; 256]) -> Measure {
    measured(share(histogram, DARK), standard)
}

/// round(120 (0.832 - sigmoid(raw, 0.92, 0.05))).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(120.0 * (0.832 - sigmoid(raw, 0.92, 0.05)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_nearly_black_counts() {
        let mut histogram = [0; 256];
        (histogram[0], histogram[25], histogram[26], histogram[200]) = (1, 2, 4, 5);
        assert_eq!(measure(&histogram), Measure { raw: 0.25, score: Some(100) });
        histogram[26..].fill(0);
        // 120 (0.832 - 1 / (1 + exp(-1.6)))
        assert_eq!(measure(&histogram), Measure { raw: 1.0, score: Some(0) });
        assert_eq!(standard(0.92), Some(40));
        assert_eq!(measure(&[0; 256]), Measure::default());
    }
}
