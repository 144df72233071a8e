//! Illumination uniformity: how alike the light on both cheeks is.
//!
//! Raw: the histograms of the luminance of a square on each cheek, each summing to 1, overlap by so much; 0
//! (nothing in common) to 1 (equal). Pixels outside the face have luminance 0. Source: OFIQ,
//! `IlluminationUniformity`. Failure to assess: the squares do not lie in the portrait. Differs from OFIQ:
//! the portrait.

use liveface_core::Measure;

use crate::light::Histogram;
use crate::mapping::{measured, score};
use crate::portrait::Portrait;

/// The overlap of the cheeks of `portrait`.
pub(crate) fn measure(portrait: &Portrait) -> Measure {
    let Some(cheeks) = portrait.cheeks() else { return Measure::default() };
    let [one, other] = cheeks.map(|cheek| {
        let mut histogram = Histogram::default();
        cheek.places().for_each(|place| {
            histogram.0[usize::from(portrait.luminance()[place])] += 1;
        });
        histogram
    });
    measured(overlap(&one.0, &other.0), standard)
}

/// What two histograms have in common, 0 to 1; not a number when one is empty.
fn overlap(one: &[u32; 256], other: &[u32; 256]) -> f64 {
    let [one_sum, other_sum] = [one, other].map(|levels| f64::from(levels.iter().sum::<u32>()));
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| (f64::from(*a) / one_sum).min(f64::from(*b) / other_sum)).sum()
}

/// round(100 raw^0.3).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * raw.powf(0.3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{canonical, lit};
    use liveface_core::Point2;

    #[test]
    fn histograms_overlap_by_what_they_share() {
        let (mut one, mut other) = ([0; 256], [0; 256]);
        (one[10], one[20]) = (1, 3);
        (other[20], other[30]) = (4, 4);
        assert_eq!(overlap(&one, &other), 0.5);
        assert_eq!(overlap(&one, &one), 1.0);
    }

    #[test]
    fn light_from_one_side_has_nothing_in_common() {
        let face = canonical(90.0, Point2::new(160.0, 120.0));
        let even = lit(&face, |_, _| [120; 3], measure);
        assert_eq!(even, Measure { raw: 1.0, score: Some(100) });
        let side = |x: u32, _| if x < 160 { [60; 3] } else { [180; 3] };
        assert_eq!(lit(&face, side, measure), Measure { raw: 0.0, score: Some(0) });
    }
}
