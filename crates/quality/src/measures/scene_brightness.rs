//! Scene brightness: how much of the whole picture is bright. A face in front of a bright wall or
//! window can be exposed well and still lose its contours; ISO/IEC 29794-5 has no such component.

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, Frame, Measure, Point2};

use crate::mapping::score;

/// Points at which the picture is looked at.
const GRID: (u32, u32) = (16, 12);
const POINTS: usize = GRID.0 as usize * GRID.1 as usize;
/// Gamma-coded luma, 0..=255, from which on a point is bright. Source: Smile ID iOS accepts a mean
/// brightness of up to 200.
const BRIGHT: f32 = 200.0;

/// The picture at a coarse grid of points.
pub(crate) struct Scene {
    levels: [f32; POINTS * 3],
    to_picture: Affine,
}

impl Scene {
    pub(crate) fn new(frame: &Frame<'_>) -> Self {
        let to_picture = Affine::from_region(frame.bounds(), GRID.0, GRID.1);
        let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };
        let mut levels = [0.0; POINTS * 3];
        let (filter, border) = (Filter::Bilinear, Border::Replicate);
        sample::tensor(frame, to_picture, GRID, filter, border, &form, &mut levels);
        Self { levels, to_picture }
    }

    /// R, G, B of each point, gamma-coded, 0..=255, and where in the upright picture it lies.
    pub(crate) fn points(&self) -> impl Iterator<Item = (Point2, [f32; 3])> {
        let (pixels, _) = self.levels.as_chunks();
        pixels.iter().enumerate().map(|(index, rgb)| {
            let (x, y) = (index as u32 % GRID.0, index as u32 / GRID.0);
            (self.to_picture.apply(Point2::new(x as f32, y as f32)), *rgb)
        })
    }
}

/// Raw: share of the picture that is bright, 0 to 1. Score: 100 for none of it, falling straight.
pub(crate) fn measure(scene: &Scene) -> Measure {
    let bright = scene.points().filter(|(_, rgb)| sample::luma(*rgb) >= BRIGHT).count();
    let raw = bright as f64 / POINTS as f64;
    Measure { raw: raw as f32, score: score(100.0 * (1.0 - raw)) }
}
