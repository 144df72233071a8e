//! Sharpness: how much fine detail the face shows in the mesh model's picture of it.
//!
//! OFIQ feeds such features to a random forest that is not published; this is the classical
//! measure alone. A blurred, a moving and a much enlarged face all score low.

use liveface_core::Measure;

use crate::mapping::{score, sigmoid};
use crate::view::View;

/// Raw value with a score of 50, and the width of the transition in powers of e. Own choice, from
/// the fixtures: sharp faces lie near 100 to 300, a Gaussian blur of 2 px below 10.
const MIDDLE: f64 = 30.0;
const WIDTH: f64 = 0.5;

/// Sums are kept in so many parts, which become vectors: the order of adding is the same everywhere.
const LANES: usize = 16;

/// Raw: variance of the 4-neighbour Laplacian of the face's gamma-coded luma (0..=255) where the face is
/// some 120 pixels wide. Source of the definition: Pech-Pacheco et al., 2000.
pub(crate) fn sharpness(view: &View) -> Measure {
    let (mut count, mut sums, mut squares) = (0, [0.0f32; LANES], [0.0f32; LANES]);
    let rows = view.rows();
    let (above, below) = (view.rows(), view.rows().skip(2));
    for (((above, _), (row, (first, end))), (below, _)) in above.zip(rows.skip(1)).zip(below) {
        let (first, end) = (first.max(1), end.min(row.len() - 1));
        if first >= end {
            continue;
        }
        let pixels = [&above[first..end], &row[first - 1..end - 1], &row[first..end]];
        let [above, before, here] = pixels;
        let (after, below) = (&row[first + 1..=end], &below[first..end]);
        for start in (0..here.len()).step_by(LANES) {
            let part = start..here.len().min(start + LANES);
            let around = above[part.clone()].iter().zip(&below[part.clone()]);
            let beside = before[part.clone()].iter().zip(&after[part.clone()]);
            let lanes = sums.iter_mut().zip(&mut squares);
            for ((lane, here), ((a, b), (c, d))) in lanes.zip(&here[part]).zip(around.zip(beside)) {
                let laplacian = c + d + a + b - 4.0 * here;
                *lane.0 += laplacian;
                *lane.1 += laplacian * laplacian;
            }
        }
        count += end - first;
    }
    let [sum, squares] = [sums, squares].map(|parts| parts.map(f64::from).iter().sum::<f64>());
    let count = count as f64;
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
