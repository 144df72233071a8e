//! Motion blur: how much less fine detail a face has in one direction than in the others.
//!
//! The standard has no such component; OFIQ's authors tried one and left it out. A face has directions of its
//! own (lids, lips), but nearly the same ones at every scale: what a movement of the camera or the head takes
//! away along its way is missed in the finest detail alone. So the finest detail is compared with that of the
//! picture at a quarter of its size, direction by direction; blur in all directions, light and noise act on
//! all alike and cancel.

use liveface_core::Measure;

use crate::detail::Detail;
use crate::mapping::{score, sigmoid};

/// Raw value with a score of 50, and the width of the transition. Own choice, from the fixtures, see
/// `docs/quality.md`.
const MIDDLE: f64 = 0.5;
const WIDTH: f64 = 0.08;

/// Raw: with the matrices of the mean products of the changes of the Laplacian along x and y, F of the finest
/// detail and C of the coarse one, the least over the largest eigenvalue of F over C: the detail that is left
/// along the way of the movement over what is left across it, 0 (smeared) to 1 (alike in all directions).
#[inline(always)]
pub(crate) fn measure(detail: &Detail) -> Measure {
    let Some(raw) = detail.fine.tensor().zip(detail.coarse.tensor()).and_then(least_over_largest)
    else {
        return Measure::default();
    };
    Measure { raw: raw as f32, score: score(100.0 * sigmoid(raw, MIDDLE, WIDTH)) }
}

/// The eigenvalues solve det C s² - (Fxx Cyy + Fyy Cxx - 2 Fxy Cxy) s + det F = 0. `None` where a matrix has
/// no detail in some direction.
fn least_over_largest((fine, coarse): ([f64; 3], [f64; 3])) -> Option<f64> {
    let determinant = |[xx, xy, yy]: [f64; 3]| xx * yy - xy * xy;
    let (a, c) = (determinant(coarse), determinant(fine));
    let half = (fine[0] * coarse[2] + fine[2] * coarse[0]) / 2.0 - fine[1] * coarse[1];
    let root = (half * half - a * c).max(0.0).sqrt();
    let ratio = (half - root) / (half + root);
    (a > 0.0 && ratio.is_finite()).then_some(ratio.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_at_both_scales_is_no_movement() {
        // Four times as much detail along y as along x, turned by any angle, at both scales.
        let tensor = |along: f64, across: f64, angle: f64| {
            let (sin, cos) = angle.sin_cos();
            let xx = along * cos * cos + across * sin * sin;
            [xx, (along - across) * sin * cos, along + across - xx]
        };
        for angle in [0.0, 0.5, 1.1, 2.0] {
            let coarse = tensor(1.0, 4.0, angle);
            let ratio = |fine| least_over_largest((fine, coarse)).unwrap();
            assert!((ratio(tensor(0.1, 0.4, angle)) - 1.0).abs() < 1e-6);
            // A tenth of the detail is left along the way.
            assert!((ratio(tensor(0.01, 0.4, angle)) - 0.1).abs() < 1e-6);
        }
        assert_eq!(least_over_largest(([1.0, 0.0, 1.0], [0.0; 3])), None);
        assert_eq!(least_over_largest(([0.0; 3], [1.0, 0.0, 1.0])), None);
    }
}
