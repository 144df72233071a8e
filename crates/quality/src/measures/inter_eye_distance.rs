//! Inter-eye distance: how large the face is in the picture.
//!
//! Raw: distance of the middles of the eyes over the cosine of the yaw, in pixels of the upright frame.
//! Source: OFIQ, `InterEyeDistance`. Failure to assess: no landmarks or no pose, or the face looks aside by
//! 90 degrees or more. Differs from OFIQ: the points come from the mesh, the yaw from the engine's fit to it,
//! from this frame alone.

use liveface_core::{Measure, Pose};

use crate::mapping::{measured, score, sigmoid};
use crate::points::Points;

/// The distance of the eyes of the frame's `points`.
pub(crate) fn measure(points: &Points, pose: Pose) -> Measure {
    let foreshortening = f64::from(pose.yaw_degrees).to_radians().cos();
    if foreshortening > 0.0 {
        measured(points.eye_distance() / foreshortening, standard)
    } else {
        Measure::default()
    }
}

/// round(100 sigmoid(raw, 70, 20)).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(100.0 * sigmoid(raw, 70.0, 20.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn;

    #[test]
    fn a_turn_of_the_head_is_undone() {
        let points = drawn(&[(60, 90, 100), (64, 110, 100), (68, 125, 100), (72, 145, 100)]);
        let yaw = |yaw_degrees| measure(&points, Pose { yaw_degrees, ..Pose::default() });
        assert_eq!(yaw(0.0), Measure { raw: 35.0, score: Some(15) });
        assert!((yaw(60.0).raw - 70.0).abs() < 1e-3);
        assert_eq!(yaw(-60.0).score, Some(50));
        assert_eq!(yaw(100.0), Measure::default());
        assert_eq!(yaw(f32::NAN), Measure::default());
        assert_eq!(measure(&Points::default(), Pose::default()), Measure::default());
    }
}
