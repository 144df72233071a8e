//! Under- and over-exposure prevention: how much of the face is nearly black or nearly white.

use liveface_core::Measure;

use crate::mapping::{score, sigmoid};

/// Luminance levels that count as nearly black. Source: OFIQ, 0 to 25.
const DARK: std::ops::Range<usize> = 0..26;
/// Luminance levels that count as nearly white. Source: OFIQ, 247 to 255.
const BRIGHT: std::ops::Range<usize> = 247..256;

/// Raw: share of face pixels that are nearly black, 0 to 1. Source: OFIQ,
/// `UnderExposurePrevention`; here the whole face counts, occluded or not.
pub(crate) fn under(histogram: &[u32; 256]) -> Measure {
    share(histogram, DARK, map_under)
}

/// Raw: share of face pixels that are nearly white, 0 to 1. Source: OFIQ,
/// `OverExposurePrevention`; here the whole face counts, occluded or not.
pub(crate) fn over(histogram: &[u32; 256]) -> Measure {
    share(histogram, BRIGHT, map_over)
}

fn share(
    histogram: &[u32; 256],
    levels: std::ops::Range<usize>,
    map: fn(f64) -> Option<u8>,
) -> Measure {
    let count: u32 = histogram.iter().sum();
    if count == 0 {
        return Measure::default();
    }
    let raw = f64::from(histogram[levels].iter().sum::<u32>()) / f64::from(count);
    Measure { raw: raw as f32, score: map(raw) }
}

/// round(120 (0.832 - sigmoid(raw, 0.92, 0.05))).
fn map_under(raw: f64) -> Option<u8> {
    score(120.0 * (0.832 - sigmoid(raw, 0.92, 0.05)))
}

/// round(1 / (raw + 0.01)).
fn map_over(raw: f64) -> Option<u8> {
    score(1.0 / (raw + 0.01))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every pair of `component` in a table of component, raw, mapped, image.
    pub(crate) fn check_pairs(text: &str, component: &str, map: fn(f64) -> Option<u8>) {
        let mut pairs = 0;
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            if fields[0] != component {
                continue;
            }
            let (raw, mapped): (f64, i32) =
                (fields[1].parse().unwrap(), fields[2].parse().unwrap());
            assert_eq!(map(raw).map(i32::from), Some(mapped), "{line}");
            pairs += 1;
        }
        assert!(pairs > 5, "{component} is hardly in the table");
    }

    #[test]
    fn the_mappings_reproduce_the_reference() {
        let text = include_str!("../../../../fixtures/reference/ofiq-mapping-sample.tsv");
        check_pairs(text, "UnderExposurePrevention", map_under);
        check_pairs(text, "OverExposurePrevention", map_over);
    }
}
