//! Sharpness: how much fine detail the face shows at its standard size.
//!
//! OFIQ feeds such features to a random forest that is not published; this is the classical
//! measure alone. A blurred, a moving and a much enlarged face all score low.

use liveface_core::Measure;

use crate::mapping::{score, sigmoid};
use crate::region::Region;

/// Raw value with a score of 50, and the width of the transition in powers of e. Own choice, from
/// the fixtures: sharp faces lie near 100 to 300, a Gaussian blur of 2 px below 10.
const MIDDLE: f64 = 30.0;
const WIDTH: f64 = 0.5;

/// Raw: variance of the 4-neighbour Laplacian of the face's gamma-coded luma (0..=255) at its
/// standard size. Source of the definition: Pech-Pacheco et al., 2000.
pub(crate) fn sharpness(region: &Region) -> Measure {
    let (mut count, mut sum, mut squares) = (0.0f64, 0.0f64, 0.0f64);
    let rows = region.rows();
    let (above, below) = (region.rows(), region.rows().skip(2));
    for (((above, _), (row, (first, end))), (below, _)) in above.zip(rows.skip(1)).zip(below) {
        let (first, end) = (first.max(1), end.min(row.len() - 1));
        if first >= end {
            continue;
        }
        let beside = row[first - 1..=end].windows(3);
        for ((beside, above), below) in beside.zip(&above[first..end]).zip(&below[first..end]) {
            let laplacian = beside[0] + beside[2] + above + below - 4.0 * beside[1];
            let laplacian = f64::from(laplacian);
            sum += laplacian;
            squares += laplacian * laplacian;
        }
        count += (end - first) as f64;
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
