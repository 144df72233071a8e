//! Noise: how strong the sensor's noise is on the face. The standard has no such component, and none of its
//! own falls with noise.
//!
//! Sharpness leaves out what its smoothest blocks show: skin without an edge. What it leaves out is noise.

use liveface_core::Measure;

use crate::mapping::{score, sigmoid};

/// Energy that noise of one level leaves in the smoothed Laplacian: the sum of its squared weights.
const GAIN: f64 = 0.40625;

/// Raw value with a score of 50, and the width of the transition. Own choice: the clean fixtures have some
/// 3 levels, and noise of sigma 20 in a 640x480 frame leaves 10 and more.
const MIDDLE: f64 = 6.0;
const WIDTH: f64 = 1.2;

/// Raw: standard deviation of white noise that would leave `energy`, that of the smoothest blocks in the mesh
/// model's picture, in levels of gamma-coded luma (0..=255). Score: 100 without any.
pub(crate) fn measure(energy: Option<f64>) -> Measure {
    let Some(energy) = energy else { return Measure::default() };
    let raw = (energy / GAIN).sqrt();
    Measure { raw: raw as f32, score: score(100.0 * (1.0 - sigmoid(raw, MIDDLE, WIDTH))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_lowers_the_score() {
        assert_eq!(measure(None).score, None);
        let scores = [0.0, 2.0, 5.0, 10.0].map(|sigma| measure(Some(sigma * sigma * GAIN)));
        assert!(scores.is_sorted_by(|a, b| a.score > b.score), "{scores:?}");
        assert!((scores[2].raw - 5.0).abs() < 1e-4);
    }

    #[test]
    fn the_gain_is_that_of_the_filter() {
        let [smooth, edge] = [[1.0, 2.0, 1.0], [1.0, -2.0, 1.0]];
        let weight = |x: i32, y: i32| -> f64 {
            let at = |kernel: [f64; 3], i: i32| kernel.get(i as usize).copied().unwrap_or(0.0);
            // The Laplacian is a second difference along x and one along y.
            let along = |a: i32, b: i32| -> f64 {
                (0..3).map(|k| at(edge, k) * at(smooth, a - k)).sum::<f64>() * at(smooth, b - 1)
            };
            (along(x, y) + along(y, x)) / 16.0
        };
        let sum: f64 = (0..5).flat_map(|y| (0..5).map(move |x| weight(x, y).powi(2))).sum();
        assert!((sum - GAIN).abs() < 1e-12, "{sum}");
    }
}
