//! Luminance variance: how much the luminance of the face varies.
//!
//! Raw: variance of the luminance of the face in linear light, where white is 1; 0 to 0.25. Source: OFIQ,
//! `LuminanceVariance`. Score: 100 at a sixtieth, less for a flatter or a harder light. Failure to assess:
//! no pixel of a face. Differs from OFIQ: the outline of the face (see `portrait`).

use std::f64::consts::PI;

use liveface_core::Measure;

use crate::mapping::{measured, score};
use crate::measures::luminance_mean;

/// The variance of `histogram`.
pub(crate) fn measure(histogram: &[u32; 256]) -> Measure {
    let mean = luminance_mean::mean(histogram);
    let (mut count, mut squares) = (0.0, 0.0);
    for (level, n) in histogram.iter().enumerate() {
        let (n, away) = (f64::from(*n), level as f64 / 255.0 - mean);
        count += n;
        squares += n * away * away;
    }
    measured(squares / count, standard)
}

/// round(100 sin(pi 60 raw / (60 raw + 1))).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * (60.0 * raw / (60.0 * raw + 1.0) * PI).sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_black_and_half_white_varies_most() {
        let mut histogram = [0; 256];
        (histogram[0], histogram[255]) = (7, 7);
        assert_eq!(measure(&histogram).raw, 0.25);
        // sin(15 pi / 16)
        assert_eq!(measure(&histogram).score, Some(20));
        histogram[0] = 0;
        assert_eq!(measure(&histogram), Measure { raw: 0.0, score: Some(0) });
    }

    #[test]
    fn a_sixtieth_is_best_and_no_pixels_are_a_failure() {
        assert_eq!(standard(1.0 / 60.0), Some(100));
        assert_eq!(measure(&[0; 256]), Measure::default());
    }
}
