//! Eyes visible: how much of the eyes is covered.
//!
//! Raw: covered share of the eyes, 0 to 1. Failure to assess: the engine's occlusion measure knows nothing.
//! Differs from OFIQ, `EyesVisible`, which counts the covered pixels of a box around each eye by a net
//! that is not at hand: here it is the engine's own estimate for the eyes and what lies between them
//! (`CoveredParts::eyes`), from this frame alone. The score is OFIQ's.

use liveface_core::{CoveredParts, Measure};

use crate::mapping::{measured, none_of};

/// The covered share of the eyes.
pub(crate) fn measure(covered: CoveredParts) -> Measure {
    measured(f64::from(covered.eyes), standard)
}

/// round(100 (1 - raw)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    none_of(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_eyes_count() {
        let covered = CoveredParts { eyes: 0.25, mouth: 1.0, ..CoveredParts::default() };
        assert_eq!(measure(covered), Measure { raw: 0.25, score: Some(75) });
        let unknown = CoveredParts { eyes: f32::NAN, ..CoveredParts::default() };
        assert_eq!(measure(unknown), Measure::default());
    }
}
