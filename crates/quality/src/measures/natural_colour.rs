//! Natural colour: how far the skin's colour lies from those that skin has.
//!
//! The mean colour of both cheeks' squares is turned into CIELAB (D50). Raw: its distance from the box
//! 5 <= a <= 25, 5 <= b <= 35; 100 where a or b is negative, which no skin has, and for a picture without
//! colours. Source: OFIQ, `NaturalColour`, with its constants as they are: kappa is 24289 / 27 there, not
//! CIE's 24389 / 27. Failure to assess: the squares do not lie in the portrait, or not on the face. Differs from OFIQ: the
//! portrait; a picture counts as one without colours when every pixel of the squares is grey.

use liveface_core::Measure;

use crate::light::linear;
use crate::mapping::{measured, score, sigmoid};
use crate::portrait::Portrait;

/// Raw value of what has no colour that skin has. Source: OFIQ.
const NO_SKIN: f64 = 100.0;
/// The colours that skin has. Source: OFIQ.
const SKIN_A: [f64; 2] = [5.0, 25.0];
const SKIN_B: [f64; 2] = [5.0, 35.0];
/// From linear red, green and blue to X, Y and Z, and X, Y and Z of white. Source: OFIQ, sRGB for D50.
const TO_XYZ: [[f64; 3]; 3] =
    [[0.43605, 0.38508, 0.14309], [0.22249, 0.71689, 0.06062], [0.01393, 0.09710, 0.71419]];
const WHITE: [f64; 3] = [0.964221, 1.0, 0.825211];
/// Where CIELAB's root becomes a line, and the line's slope. Source: OFIQ.
const EPSILON: f64 = 216.0 / 24389.0;
const KAPPA: f64 = 24289.0 / 27.0;

/// The distance of the cheeks of `portrait`.
pub(crate) fn measure(portrait: &Portrait) -> Measure {
    let Some(cheeks) = portrait.cheeks() else { return Measure::default() };
    let (mut sums, mut grey, mut covered) = ([0u32; 3], true, false);
    for place in cheeks.into_iter().flat_map(|cheek| cheek.places()) {
        if portrait.covers(place) {
            let rgb = portrait.pixels()[place];
            sums.iter_mut().zip(rgb).for_each(|(sum, level)| *sum += u32::from(level));
            covered = true;
            grey &= rgb[0] == rgb[1] && rgb[1] == rgb[2];
        }
    }
    if !covered {
        return Measure::default();
    }
    let area = cheeks.map(|cheek| cheek.area()).iter().sum::<usize>() as f64;
    let raw = if grey { NO_SKIN } else { distance(lab(sums.map(|sum| f64::from(sum) / area))) };
    measured(raw, standard)
}

/// a and b in CIELAB of red, green and blue, gamma-coded, 0 to 255.
fn lab(rgb: [f64; 3]) -> [f64; 2] {
    let rgb = rgb.map(|level| linear(level / 255.0));
    let [x, y, z] = [0, 1, 2].map(|row| {
        let weights = TO_XYZ[row];
        let sum: f64 = weights.iter().zip(rgb).map(|(weight, level)| weight * level).sum();
        let level = sum / WHITE[row];
        if level <= EPSILON { (KAPPA * level + 16.0) / 116.0 } else { level.cbrt() }
    });
    [500.0 * (x - y), 200.0 * (y - z)]
}

/// How far a and b lie from those of skin.
fn distance([a, b]: [f64; 2]) -> f64 {
    if a < 0.0 || b < 0.0 {
        return NO_SKIN;
    }
    let beyond = |value: f64, [low, high]: [f64; 2]| (low - value).max(value - high).max(0.0);
    beyond(a, SKIN_A).hypot(beyond(b, SKIN_B))
}

/// round(200 (1 - sigmoid(raw, 0, 10))).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(200.0 * (1.0 - sigmoid(raw, 0.0, 10.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{canonical, lit};
    use liveface_core::Point2;

    #[test]
    fn colours_have_the_places_that_cielab_gives_them() {
        // a and b of sRGB for D50; reference values of CIE 15, which kappa hardly changes.
        let known = [
            ([255.0, 0.0, 0.0], [80.82, 69.90]),
            ([0.0, 255.0, 0.0], [-79.28, 80.99]),
            ([0.0, 0.0, 255.0], [68.30, -112.03]),
            ([255.0, 255.0, 255.0], [0.0, 0.0]),
        ];
        for (rgb, expected) in known {
            let found = lab(rgb);
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 0.1, "{rgb:?}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn only_what_lies_outside_the_box_counts() {
        assert_eq!(distance([5.0, 35.0]), 0.0);
        assert_eq!(distance([2.0, 39.0]), 5.0);
        assert_eq!(distance([28.0, 1.0]), 5.0);
        assert_eq!(distance([-0.1, 20.0]), NO_SKIN);
        assert_eq!(standard(NO_SKIN), Some(0));
        assert_eq!(standard(0.0), Some(100));
    }

    #[test]
    fn skin_is_natural_and_neither_grey_nor_blue_is() {
        let face = canonical(90.0, Point2::new(160.0, 120.0));
        let score = |rgb| lit(&face, |_, _| rgb, measure);
        assert_eq!(score([200, 150, 120]), Measure { raw: 0.0, score: Some(100) });
        assert_eq!(score([90, 60, 45]), Measure { raw: 0.0, score: Some(100) });
        assert_eq!(score([128, 128, 128]), Measure { raw: 100.0, score: Some(0) });
        assert_eq!(score([80, 100, 200]), Measure { raw: 100.0, score: Some(0) });
        assert!(score([255, 120, 40]).score < Some(60));
    }
}
