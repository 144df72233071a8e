//! Luminance mean: how bright the face is.
//!
//! Raw: mean luminance of the face in linear light, 0 to 1. Source: OFIQ, `LuminanceMean`. Score: 100 where
//! neither too dark nor too bright. Failure to assess: no pixel of a face. Differs from OFIQ: the outline of
//! the face (see `portrait` and `view`).

use liveface_core::Measure;

use crate::mapping::{measured, score, sigmoid};

/// The mean of `histogram`.
pub(crate) fn measure(histogram: &[u32; 256]) -> Measure {
    measured(mean(histogram), standard)
}

/// Mean luminance, 0 to 1; not a number without pixels.
pub(crate) fn mean(histogram: &[u32; 256]) -> f64 {
    let count: f64 = histogram.iter().map(|n| f64::from(*n)).sum();
    let sum: f64 =
        histogram.iter().enumerate().map(|(level, n)| level as f64 * f64::from(*n)).sum();
    sum / count / 255.0
}

/// round(100 sigmoid(raw, 0.2, 0.05) (1 - sigmoid(raw, 0.8, 0.05))).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, 0.2, 0.05) * (1.0 - sigmoid(raw, 0.8, 0.05)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_all_pixels() {
        let mut histogram = [0; 256];
        (histogram[0], histogram[51], histogram[102]) = (1, 2, 1);
        let luminance = measure(&histogram);
        assert_eq!(luminance.raw, 0.2);
        assert_eq!(luminance.score, Some(50));
    }

    #[test]
    fn a_face_without_pixels_cannot_be_assessed() {
        assert_eq!(measure(&[0; 256]), Measure::default());
    }
}
