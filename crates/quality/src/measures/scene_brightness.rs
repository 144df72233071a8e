//! Scene brightness: how much of the whole picture is bright. A face in front of a bright wall or
//! window can be exposed well and still lose its contours; ISO/IEC 29794-5 has no such component.

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, Frame, Measure};

use crate::mapping::score;

/// Points at which the picture is looked at.
const GRID: (u32, u32) = (32, 24);
/// Gamma-coded luma, 0..=255, from which on a point is bright. Source: Smile ID iOS accepts a mean
/// brightness of up to 200.
const BRIGHT: f32 = 200.0;

/// Raw: share of the picture that is bright, 0 to 1. Score: 100 for none of it, falling straight.
pub(crate) fn brightness(frame: &Frame<'_>) -> Measure {
    let map = Affine::from_region(frame.bounds(), GRID.0, GRID.1);
    let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };
    let mut levels = [0.0; GRID.0 as usize * GRID.1 as usize * 3];
    sample::tensor(frame, map, GRID, Filter::Bilinear, Border::Replicate, &form, &mut levels);
    let (pixels, _) = levels.as_chunks();
    let bright = pixels.iter().filter(|pixel| sample::luma(**pixel) >= BRIGHT).count();
    let raw = bright as f64 / pixels.len() as f64;
    Measure { raw: raw as f32, score: score(100.0 * (1.0 - raw)) }
}
