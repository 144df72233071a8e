//! Luminance mean: how bright the face is.

use liveface_core::Measure;

use crate::mapping::{score, sigmoid};

/// Raw: mean luminance of the face in linear light, 0 to 1. Score: 100 where neither too dark nor
/// too bright. Source: OFIQ, `LuminanceMean`.
pub(crate) fn mean(histogram: &[u32; 256]) -> Measure {
    let count: f64 = histogram.iter().map(|n| f64::from(*n)).sum();
    if count == 0.0 {
        return Measure::default();
    }
    let sum: f64 =
        histogram.iter().enumerate().map(|(level, n)| level as f64 * f64::from(*n)).sum();
    let raw = sum / count / 255.0;
    Measure { raw: raw as f32, score: map_mean(raw) }
}

/// round(100 sigmoid(raw, 0.2, 0.05) (1 - sigmoid(raw, 0.8, 0.05))).
pub(crate) fn map_mean(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, 0.2, 0.05) * (1.0 - sigmoid(raw, 0.8, 0.05)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_reproduces_the_reference() {
        let text = include_str!("../../../../fixtures/reference/ofiq-mapping-sample.tsv");
        crate::measures::exposure::tests::check_pairs(text, "LuminanceMean", map_mean);
    }

    #[test]
    fn a_face_without_pixels_cannot_be_assessed() {
        assert_eq!(mean(&[0; 256]).score, None);
    }
}
