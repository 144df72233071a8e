//! Head pose: yaw, pitch and roll.
//!
//! Raw: the angle in degrees, signed as [`Pose`](liveface_core::Pose) has it, from this frame alone. Source
//! of the score: OFIQ, `HeadPose`. Failure to assess: no pose. Differs from OFIQ, which reads the angles off
//! a net of its own: here they are a fit of MediaPipe's canonical face to the mesh, by which the pitch of a
//! face that looks straight ahead is about -7 degrees. It is recorded as it is measured, and scored so:
//! such a face has 99, not 100. Signs may differ from OFIQ's; the score knows none.

use std::f64::consts::PI;

use liveface_core::Measure;

use crate::mapping::{measured, score};

/// One of the angles.
pub(crate) fn measure(degrees: f32) -> Measure {
    measured(f64::from(degrees), standard)
}

/// round(100 max(0, cos(raw))^2).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * (raw * PI / 180.0).cos().max(0.0).powi(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_counts_the_same_to_both_sides_and_nothing_is_seen_from_behind() {
        assert_eq!(measure(0.0), Measure { raw: 0.0, score: Some(100) });
        assert_eq!(measure(-7.0), Measure { raw: -7.0, score: Some(99) });
        assert_eq!([measure(30.0).score, measure(-30.0).score], [Some(75); 2]);
        assert_eq!(measure(90.0).score, Some(0));
        assert_eq!(measure(180.0).score, Some(0));
        assert_eq!(measure(f32::NAN), Measure::default());
    }
}
