//! Single face present: how large the second largest face is against the largest.
//!
//! Raw: area of the second largest face's box over that of the face that is measured; 0 when there is one
//! face. Source: OFIQ 1.0.3, `SingleFacePresent`, where the largest face is the one that is measured: there
//! it is at most 1. Failure to assess: the ratio is negative or no number. Differs from OFIQ: the boxes are
//! this engine's.

use liveface_core::Measure;

use crate::mapping::{measured, none_of};

/// The ratio that the caller found.
pub(crate) fn measure(ratio: f32) -> Measure {
    if ratio >= 0.0 { measured(f64::from(ratio), standard) } else { Measure::default() }
}

/// round(100 (1 - raw)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    none_of(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_face_takes_from_the_score_what_it_has_of_the_first() {
        assert_eq!(measure(0.0), Measure { raw: 0.0, score: Some(100) });
        assert_eq!(measure(0.25), Measure { raw: 0.25, score: Some(75) });
        assert_eq!(measure(3.0), Measure { raw: 3.0, score: Some(0) });
        assert_eq!(measure(-0.5), Measure::default());
        assert_eq!(measure(f32::NAN), Measure::default());
    }
}
