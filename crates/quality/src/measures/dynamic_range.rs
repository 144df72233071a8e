//! Dynamic range: how many levels of luminance the face shows.
//!
//! Raw: Shannon entropy of the luminance of the face in linear light, 0 to 8 bits. Source: OFIQ,
//! `DynamicRange`. Failure to assess: no pixel of a face. Differs from OFIQ: the outline of the face (see
//! `portrait`).

use liveface_core::Measure;

use crate::mapping::{measured, score};

/// The entropy of `histogram`.
pub(crate) fn measure(histogram: &[u32; 256]) -> Measure {
    let count: f64 = histogram.iter().map(|n| f64::from(*n)).sum();
    if count == 0.0 {
        return Measure::default();
    }
    let shares = histogram.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / count);
    // Each share is at most 1, its logarithm at most 0.
    let entropy: f64 = shares.map(|share| share * share.log2().abs()).sum();
    measured(entropy, standard)
}

/// round(12.5 raw).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(12.5 * raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_that_are_equally_frequent_have_the_bits_that_tell_them_apart() {
        assert_eq!(measure(&[3; 256]), Measure { raw: 8.0, score: Some(100) });
        let mut histogram = [0; 256];
        histogram[100] = 9;
        assert_eq!(measure(&histogram), Measure { raw: 0.0, score: Some(0) });
        histogram[7] = 9;
        // Half away from zero.
        assert_eq!(measure(&histogram), Measure { raw: 1.0, score: Some(13) });
        assert_eq!(measure(&[0; 256]), Measure::default());
    }
}
