//! Sharpness: how much fine detail the face shows at its standard size.
//!
//! OFIQ feeds such features to a random forest that is not published; this is the classical
//! measure alone. A blurred, a moving and a much enlarged face all score low.

use liveface_core::Measure;

use crate::mapping::{score, sigmoid};
use crate::region::{Region, SIDE};

/// Raw value with a score of 50, and the width of the transition in powers of e. Own choice, from
/// the fixtures: sharp faces lie near 100 to 300, a Gaussian blur of 2 px below 10.
const MIDDLE: f64 = 30.0;
const WIDTH: f64 = 0.5;

/// Raw: variance of the 4-neighbour Laplacian of the face's gamma-coded luma (0..=255) at its
/// standard size. Source of the definition: Pech-Pacheco et al., 2000.
pub(crate) fn sharpness(region: &Region) -> Measure {
    let (luma, rows) = (region.luma(), region.rows());
    let (mut count, mut sum, mut squares) = (0.0f64, 0.0f64, 0.0f64);
    for (y, (first, end)) in rows.iter().enumerate().take(SIDE - 1).skip(1) {
        for x in (*first).max(1)..(*end).min(SIDE - 1) {
            let at = y * SIDE + x;
            let laplacian =
                luma[at - 1] + luma[at + 1] + luma[at - SIDE] + luma[at + SIDE] - 4.0 * luma[at];
            let laplacian = f64::from(laplacian);
            count += 1.0;
            sum += laplacian;
            squares += laplacian * laplacian;
        }
    }
    if count == 0.0 {
        return Measure::default();
    }
    let mean = sum / count;
    let raw = (squares / count - mean * mean).max(0.0);
    Measure {
        raw: raw as f32,
        score: score(100.0 * sigmoid(raw.max(1e-6).ln(), MIDDLE.ln(), WIDTH)),
    }
}
