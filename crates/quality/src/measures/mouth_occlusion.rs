//! Mouth occlusion prevention: how much of the mouth is covered.
//!
//! Raw: covered share of the mouth, 0 to 1. Failure to assess: the engine's occlusion measure knows nothing.
//! Differs from OFIQ, `MouthOcclusionPrevention`, which counts the covered pixels between the outer edges of
//! the lips by a net that is not at hand: here it is the engine's own estimate for the mouth, the chin and
//! the lower cheeks (`CoveredParts::mouth`), from this frame alone. The score is OFIQ's.

use liveface_core::{CoveredParts, Measure};

use crate::mapping::{measured, none_of};

/// The covered share of the mouth.
pub(crate) fn measure(covered: CoveredParts) -> Measure {
    measured(f64::from(covered.mouth), standard)
}

/// round(100 (1 - raw)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    none_of(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_mouth_counts() {
        let covered = CoveredParts { mouth: 0.75, eyes: 1.0, ..CoveredParts::default() };
        assert_eq!(measure(covered), Measure { raw: 0.75, score: Some(25) });
        let unknown = CoveredParts { mouth: f32::NAN, ..CoveredParts::default() };
        assert_eq!(measure(unknown), Measure::default());
    }
}
