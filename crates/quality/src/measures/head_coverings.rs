//! No head coverings: how much of the head is covered.
//!
//! **Never measured**: it needs a net that tells hats and cloth from hair and skin, and none may be shipped.
//! The component is left out of every record. What stands here is OFIQ's score of OFIQ's raw value.
//!
//! Raw, in OFIQ's `NoHeadCoverings`: share of the upper part of the aligned face that is cloth or a hat, 0 to
//! 1.

use crate::mapping::{score, sigmoid};

/// Up to where nothing is covered, and from where all is. Source: OFIQ.
const NONE: f64 = 0.0;
const ALL: f64 = 0.95;

/// 100 up to 0, 0 from 0.95 on; between, with s = sigmoid(raw, 0.02, 0.1), round(100 (s(0.95) - s) /
/// (s(0.95) - s(0))).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    let curve = |raw: f64| sigmoid(raw, 0.02, 0.1);
    if raw <= NONE {
        score(100.0)
    } else if raw >= ALL {
        score(0.0)
    } else {
        score(100.0 * (curve(ALL) - curve(raw)) / (curve(ALL) - curve(NONE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_cut_off_at_both_ends() {
        let scores = [-0.1, 0.0, 1e-9, 0.02, 0.949, 0.95, 1.0].map(standard);
        assert_eq!(scores, [100, 100, 100, 91, 0, 0, 0].map(Some));
        assert_eq!(standard(f64::NAN), None);
    }
}
