//! The face's pixels, sampled once at a standard size and shared by all measures.

use std::sync::LazyLock;

use liveface_core::sample::{self, Border, Filter};
use liveface_core::{Face, Frame, Point2, RotatedSquare};

/// Side of the square that the face is sampled to, in pixels: about one to one for a face at
/// arm's length in a 640x480 picture, so that little is invented and little is lost.
pub(crate) const SIDE: usize = 160;

/// The outline of the face from brow to chin. OFIQ measures inside the convex hull of its 98 points
/// (jaw, brows, eyes, nose, mouth), which leaves out the forehead; these are the mesh's points of
/// the jaw line and of the brows' upper edges.
const OUTLINE: [usize; 31] = [
    127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288,
    361, 323, 454, 356, 300, 293, 334, 296, 336, 107, 105, 70,
];

/// Linear light, 0..=1, of each gamma-coded byte. Source: the inverse sRGB curve, as OFIQ uses it.
static LINEAR: LazyLock<[f64; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let x = byte as f64 / 255.0;
        if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
    })
});

/// A face at its standard size.
#[derive(Default)]
pub(crate) struct Region {
    /// R, G, B bytes, row by row.
    rgb: Vec<u8>,
    /// Gamma-coded luma (ITU-R BT.601), 0..=255.
    luma: Vec<f32>,
    /// First and one past the last column of each row that lie in the face; equal when none do.
    rows: Vec<(usize, usize)>,
}

impl Region {
    /// Reads the face; `false` when it has no area.
    pub(crate) fn sample(&mut self, frame: &Frame<'_>, face: &Face) -> bool {
        let side = face.bounds.width.max(face.bounds.height);
        if !side.is_finite() || side < 1.0 {
            return false;
        }
        let [left, right] = face.landmarks.eye_centres();
        let square = RotatedSquare {
            centre: face.bounds.centre(),
            side,
            angle_radians: (right.y - left.y).atan2(right.x - left.x),
        };
        let to_picture = square.to_picture(SIDE as u32);
        let Some(from_picture) = to_picture.inverse() else { return false };
        self.rgb.clear();
        let size = (SIDE as u32, SIDE as u32);
        sample::rgb8(frame, to_picture, size, Filter::Area, Border::Replicate, &mut self.rgb);
        self.luma.clear();
        self.luma.extend(
            self.rgb.chunks_exact(3).map(|p| {
                0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2])
            }),
        );
        let outline = OUTLINE.map(|index| from_picture.apply(face.landmarks.xy(index)));
        self.fill_rows(&convex_hull(outline));
        true
    }

    fn fill_rows(&mut self, hull: &[Point2]) {
        self.rows.clear();
        for row in 0..SIDE {
            let y = row as f32;
            let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
            for (index, a) in hull.iter().enumerate() {
                let b = hull[(index + 1) % hull.len()];
                if (a.y <= y) == (b.y <= y) {
                    continue;
                }
                let x = a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y);
                low = low.min(x);
                high = high.max(x);
            }
            let span = if low <= high {
                let first = low.ceil().clamp(0.0, SIDE as f32) as usize;
                let end = (high.floor() + 1.0).clamp(0.0, SIDE as f32) as usize;
                (first.min(end), end)
            } else {
                (0, 0)
            };
            self.rows.push(span);
        }
    }

    /// How many face pixels have each luminance 0..=255, in **linear** light. Source: OFIQ,
    /// floor(255 (0.2126 R + 0.7152 G + 0.0722 B) + 0.5) of the linear channels.
    pub(crate) fn luminance_histogram(&self) -> [u32; 256] {
        let mut histogram = [0; 256];
        for (row, (first, end)) in self.rows.iter().enumerate() {
            let start = row * SIDE;
            for pixel in self.rgb[(start + first) * 3..(start + end) * 3].chunks_exact(3) {
                let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(|v| LINEAR[usize::from(v)]);
                let luminance = 255.0 * (0.2126 * r + 0.7152 * g + 0.0722 * b) + 0.5;
                histogram[(luminance as usize).min(255)] += 1;
            }
        }
        histogram
    }

    pub(crate) fn luma(&self) -> &[f32] {
        &self.luma
    }

    pub(crate) fn rows(&self) -> &[(usize, usize)] {
        &self.rows
    }
}

/// The corners of the smallest convex outline, in order (Andrew's monotone chain).
fn convex_hull<const N: usize>(mut points: [Point2; N]) -> Vec<Point2> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let turns_left = |a: Point2, b: Point2, c: Point2| {
        (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x) > 0.0
    };
    let mut hull: Vec<Point2> = Vec::with_capacity(N + 1);
    let mut chain = |points: &mut dyn Iterator<Item = &Point2>| {
        let start = hull.len();
        for point in points {
            while hull.len() >= start + 2
                && !turns_left(hull[hull.len() - 2], hull[hull.len() - 1], *point)
            {
                hull.pop();
            }
            hull.push(*point);
        }
        hull.pop();
    };
    chain(&mut points.iter());
    chain(&mut points.iter().rev());
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hull_leaves_out_what_lies_inside() {
        let p = Point2::new;
        let hull = convex_hull([p(0.0, 0.0), p(4.0, 0.0), p(2.0, 1.0), p(4.0, 4.0), p(0.0, 4.0)]);
        assert_eq!(hull.len(), 4);
        assert!(!hull.contains(&p(2.0, 1.0)));
    }
}
