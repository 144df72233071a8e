//! Scene brightness: how much of the whole picture is bright. A face in front of a bright wall or
//! window can be exposed well and still lose its contours; ISO/IEC 29794-5 has no such component.

use liveface_core::sample::{self, Border, Filter};
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
    let mut bright = 0u32;
    sample::rgb(frame, map, GRID, Filter::Bilinear, Border::Replicate, |pixel| {
        bright += u32::from(sample::luma(pixel) >= BRIGHT);
    });
    let raw = f64::from(bright) / f64::from(GRID.0 * GRID.1);
    Measure { raw: raw as f32, score: score(100.0 * (1.0 - raw)) }
}
