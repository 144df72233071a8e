//! Over-exposure prevention: how much of the face is nearly white.
//!
//! Raw: share of the face's pixels whose luminance is 247 to 255 of 255 in linear light, 0 to 1. Source:
//! OFIQ, `OverExposurePrevention`. Failure to assess: no pixel of a face. Differs from OFIQ: what covers the
//! face counts as well (OFIQ leaves it out by a net that is not at hand), and the outline of the face (see
//! `portrait` and `view`).

use std::ops::Range;

use liveface_core::Measure;

use crate::light::share;
use crate::mapping::{measured, score};

/// Luminance that counts as nearly white. Source: OFIQ, 247 to 255.
const BRIGHT: Range<usize> = 247..256;

/// The bright share of `histogram`.
pub(crate) fn measure(histogram: &[u32; 256]) -> Measure {
    measured(share(histogram, BRIGHT), standard)
}

/// round(1 / (raw + 0.01)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(1.0 / (raw + 0.01))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_nearly_white_counts() {
        let mut histogram = [0; 256];
        (histogram[0], histogram[246], histogram[247], histogram[255]) = (50, 30, 10, 10);
        // 1 / 0.21
        assert_eq!(measure(&histogram), Measure { raw: 0.2, score: Some(5) });
        histogram[247..].fill(0);
        assert_eq!(measure(&histogram), Measure { raw: 0.0, score: Some(100) });
        assert_eq!(measure(&[0; 256]), Measure::default());
    }
}
