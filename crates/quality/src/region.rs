//! The face's pixels, sampled once at a standard size and shared by all measures.

use std::sync::LazyLock;

use liveface_core::sample::{self, Border, Filter};
use liveface_core::{Affine, Face, Frame, Point2, RotatedSquare};

/// Side of the square that the face is sampled to, in pixels: about one to one for a face at
/// arm's length in a 640x480 picture, so that little is invented and little is lost.
const SIDE: usize = 160;

/// From how many picture pixels to a side of a sample on their mean is taken. Below, interpolation
/// leaves out less than half a pixel, and keeps more of the detail that sharpness is measured by.
const MINIFIED: f32 = 1.5;

/// The outline of the face from brow to chin. OFIQ measures inside the convex hull of its 98 points
/// (jaw, brows, eyes, nose, mouth), which leaves out the forehead; these are the mesh's points of
/// the jaw line and of the brows' upper edges.
const OUTLINE: [usize; 31] = [
    127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288,
    361, 323, 454, 356, 300, 293, 334, 296, 336, 107, 105, 70,
];

/// What each gamma-coded byte of red, green and blue adds to the luminance in linear light, 0..=255,
/// in parts of 2^48. Source: the inverse sRGB curve and the weights that OFIQ uses.
static LUMINANCE: LazyLock<[[u64; 256]; 3]> = LazyLock::new(|| {
    [0.2126, 0.7152, 0.0722].map(|weight| {
        std::array::from_fn(|byte| {
            let part = 255.0 * weight * linear(byte as u8);
            (part * (1u64 << 48) as f64).round() as u64
        })
    })
});

/// Linear light, 0..=1, of a gamma-coded byte.
fn linear(byte: u8) -> f64 {
    let x = f64::from(byte) / 255.0;
    if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
}

/// Luminance in linear light, rounded to 0..=255. Source: OFIQ,
/// floor(255 (0.2126 R + 0.7152 G + 0.0722 B) + 0.5) of the linear channels.
fn luminance([red, green, blue]: &[[u64; 256]; 3], [r, g, b]: [u8; 3]) -> u8 {
    let light = red[usize::from(r)] + green[usize::from(g)] + blue[usize::from(b)];
    // At most 255.5.
    ((light + (1 << 47)) >> 48) as u8
}

/// A box of whole pixels of the square.
#[derive(Clone, Copy, Default)]
struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// A face at its standard size.
#[derive(Default)]
pub(crate) struct Region {
    /// The part of the square that is read: the face, and a pixel around it.
    part: Part,
    /// R, G, B bytes, row by row.
    rgb: Vec<u8>,
    /// Gamma-coded luma (ITU-R BT.601), 0..=255.
    luma: Vec<f32>,
    /// Of each row of the part, the first and one past the last column that lie in the face; equal
    /// when none do.
    rows: Vec<(usize, usize)>,
    /// The face's outline, in pixels of the whole square.
    hull: Vec<Point2>,
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
        let outline = OUTLINE.map(|index| from_picture.apply(face.landmarks.xy(index)));
        convex_hull(outline, &mut self.hull);
        self.fill_rows();
        let Part { left, top, width, height } = self.part;
        let to_part = Affine::scale_then_move(1.0, 1.0, left as f32, top as f32);
        let size = (width as u32, height as u32);
        self.rgb.clear();
        let map = to_picture.after(to_part);
        let filter = if map.scale() < MINIFIED { Filter::Bilinear } else { Filter::Area };
        sample::rgb8(frame, map, size, filter, Border::Replicate, &mut self.rgb);
        self.luma.clear();
        let (pixels, _) = self.rgb.as_chunks();
        self.luma.extend(pixels.iter().map(|[r, g, b]: &[u8; 3]| {
            sample::luma([f32::from(*r), f32::from(*g), f32::from(*b)])
        }));
        true
    }

    fn fill_rows(&mut self) {
        let hull = &self.hull;
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
        // The rows and columns that are needed: those in the face and their neighbours.
        let used = |(first, end): &(usize, usize)| first < end;
        let (top, bottom) = (self.rows.iter().position(used), self.rows.iter().rposition(used));
        let left = self.rows.iter().filter(|row| used(row)).map(|row| row.0).min();
        let right = self.rows.iter().filter(|row| used(row)).map(|row| row.1).max();
        let (Some(top), Some(bottom), Some(left), Some(right)) = (top, bottom, left, right) else {
            self.rows.clear();
            self.part = Part::default();
            return;
        };
        let (top, left) = (top.saturating_sub(1), left.saturating_sub(1));
        let (bottom, right) = ((bottom + 2).min(SIDE), (right + 1).min(SIDE));
        self.part = Part { left, top, width: right - left, height: bottom - top };
        self.rows.truncate(bottom);
        self.rows.drain(..top);
        for (first, end) in &mut self.rows {
            (*first, *end) = (first.saturating_sub(left), end.saturating_sub(left));
        }
    }

    /// How many face pixels have each luminance 0..=255, in **linear** light.
    pub(crate) fn luminance_histogram(&self) -> [u32; 256] {
        let tables = &*LUMINANCE;
        // Neighbours are often alike; counting them by turns in two histograms is faster than in one.
        let mut counts = [[0; 256]; 2];
        let (pixels, _) = self.rgb.as_chunks();
        for (row, (first, end)) in self.rows.iter().enumerate() {
            let start = row * self.part.width;
            for (index, rgb) in pixels[start + first..start + end].iter().enumerate() {
                counts[index % 2][usize::from(luminance(tables, *rgb))] += 1;
            }
        }
        std::array::from_fn(|level| counts[0][level] + counts[1][level])
    }

    /// Gamma-coded luma of each row and the columns of it that lie in the face. Pixels of the face
    /// have neighbours on all sides, but at the square's edges.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[f32], (usize, usize))> {
        self.luma.chunks_exact(self.part.width.max(1)).zip(self.rows.iter().copied())
    }
}

/// Puts the corners of the smallest convex outline into `hull`, in order (Andrew's monotone chain).
fn convex_hull<const N: usize>(mut points: [Point2; N], hull: &mut Vec<Point2>) {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let turns_left = |a: Point2, b: Point2, c: Point2| {
        (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x) > 0.0
    };
    hull.clear();
    hull.reserve(N + 1);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_round_every_colour_as_the_formula_does() {
        let light: [f64; 256] = std::array::from_fn(|byte| linear(byte as u8));
        for colour in 0..1u32 << 24 {
            let [r, g, b, _] = colour.to_le_bytes();
            let [red, green, blue] = [r, g, b].map(|byte| light[usize::from(byte)]);
            let exact = 255.0 * (0.2126 * red + 0.7152 * green + 0.0722 * blue) + 0.5;
            assert_eq!(luminance(&LUMINANCE, [r, g, b]), exact as u8, "{r} {g} {b}");
        }
    }

    #[test]
    fn a_hull_leaves_out_what_lies_inside() {
        let p = Point2::new;
        let mut hull = Vec::new();
        convex_hull([p(0.0, 0.0), p(4.0, 0.0), p(2.0, 1.0), p(4.0, 4.0), p(0.0, 4.0)], &mut hull);
        assert_eq!(hull.len(), 4);
        assert!(!hull.contains(&p(2.0, 1.0)));
    }
}
