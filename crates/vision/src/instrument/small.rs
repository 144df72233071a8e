//! The whole picture in brightness alone, small: what edges and movements are looked for in.

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, Frame, Point2, Rect};

/// The longer side of the small picture, in its own pixels. Movements are found to about a twentieth of a
/// pixel, at 640 pixels a fifth of one.
const LONGER_SIDE: u32 = 160;
/// From a larger picture, so many points a pixel are read along each side, not all pixels: each is the mean of 2 x 2,
/// which at 640 pixels are all.
const POINTS: u32 = 2;

/// A small picture and how it lies in the large one.
#[derive(Default)]
pub(super) struct Small {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Brightness in row order, 0 to 255.
    pub(super) levels: Vec<f32>,
    /// Pixels of the large picture along a side of a small pixel.
    pub(super) scale: Point2,
    rgb: Vec<f32>,
}

impl Small {
    /// Reads `frame`.
    pub(super) fn read(&mut self, frame: &Frame<'_>) {
        const LEVELS: TensorForm = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };
        let bounds = frame.bounds();
        let shrink = (bounds.width.max(bounds.height) / LONGER_SIDE as f32).max(1.0);
        let side = |length: f32| (length / shrink).round().max(1.0) as u32;
        let (width, height) = (side(bounds.width), side(bounds.height));
        (self.width, self.height) = (width as usize, height as usize);
        self.scale = Point2::new(bounds.width / width as f32, bounds.height / height as f32);
        let points = if shrink > POINTS as f32 { POINTS } else { 1 };
        let filter = if points == 1 { Filter::Area } else { Filter::Bilinear };
        let size = (width * points, height * points);
        self.rgb.resize(size.0 as usize * size.1 as usize * 3, 0.0);
        let map = Affine::from_region(bounds, size.0, size.1);
        sample::tensor(frame, map, size, filter, Border::Replicate, &LEVELS, &mut self.rgb);
        self.levels.clear();
        self.levels.resize(self.width * self.height, 0.0);
        let points = points as usize;
        let share = 1.0 / (points * points) as f32;
        for (y, row) in self.rgb.chunks_exact(self.width * points * 3).enumerate() {
            let out = &mut self.levels[y / points * self.width..][..self.width];
            for (level, group) in out.iter_mut().zip(row.chunks_exact(points * 3)) {
                for rgb in group.chunks_exact(3) {
                    *level += share * sample::luma([rgb[0], rgb[1], rgb[2]]);
                }
            }
        }
    }

    /// Where a point of the large picture lies in the small one.
    pub(super) fn place(&self, at: Point2) -> Point2 {
        Point2::new((at.x + 0.5) / self.scale.x - 0.5, (at.y + 0.5) / self.scale.y - 0.5)
    }

    /// Where a point of the small picture lies in the large one.
    pub(super) fn to_large(&self, at: Point2) -> Point2 {
        Point2::new((at.x + 0.5) * self.scale.x - 0.5, (at.y + 0.5) * self.scale.y - 0.5)
    }

    /// A box of the large picture in the small one; `None` when it is none.
    pub(super) fn face(&self, large: Rect) -> Option<Rect> {
        let start = self.place(Point2::new(large.x, large.y));
        let end = self.place(Point2::new(large.right(), large.bottom()));
        let (width, height) = (end.x - start.x, end.y - start.y);
        let sound = [start.x, start.y, width, height].iter().all(|v| v.is_finite());
        (sound && width >= 1.0 && height >= 1.0).then(|| Rect::new(start.x, start.y, width, height))
    }

    /// Whether all pixels within `reach` of the point are in the picture.
    pub(super) fn holds(&self, at: Point2, reach: f32) -> bool {
        at.x >= reach
            && at.y >= reach
            && at.x + reach <= self.width as f32 - 1.0
            && at.y + reach <= self.height as f32 - 1.0
    }
}
