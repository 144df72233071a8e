//! The face as the mesh model saw it: what the measures of every frame read.

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{
    Affine, AlignedFace, Face, Frame, Landmarks, Point2, Point3, RotatedSquare, wide,
};

use crate::hull::Hull;
use crate::light::{Histogram, Luminance};

/// Side of the picture where the mesh model's own is not at hand, in pixels, and of its region over the
/// face's box. Source: the mesh model's.
pub(crate) const SIDE: usize = 192;
const REGION: f32 = 1.5;

/// Every so many pixels, along rows and columns, one is counted: the light on a face is smooth.
const COUNTED: usize = 4;

/// The outline of the face from brow to chin. OFIQ measures inside the convex hull of its 98 points
/// (jaw, brows, eyes, nose, mouth), which leaves out the forehead; these are the mesh's points of
/// the jaw line and of the brows' upper edges.
pub(crate) const OUTLINE: [usize; 31] = [
    127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288,
    361, 323, 454, 356, 300, 293, 334, 296, 336, 107, 105, 70,
];

/// A face upright in a square picture, where a face from ear to ear is some 120 pixels wide, whatever
/// its size in the frame.
#[derive(Default)]
pub(crate) struct View {
    /// Filled when the mesh model's picture is not at hand.
    own: Vec<f32>,
    side: usize,
    hull: Hull,
    /// Gamma-coded luma (ITU-R BT.601), 0..=255, of the face and the pixels beside it.
    luma: Vec<f32>,
    /// How many of the counted face pixels have each luminance 0..=255, in **linear** light.
    histogram: Histogram,
}

impl View {
    /// Takes in the face; reads it from `frame` when the mesh model's picture is not given. `false` when it
    /// has no area.
    pub(crate) fn take(
        &mut self,
        frame: &Frame<'_>,
        face: &Face,
        aligned: Option<AlignedFace<'_>>,
    ) -> bool {
        match aligned {
            Some(aligned) => self.read(aligned),
            None => self.sample(frame, face),
        }
    }

    /// Reads the face as the mesh model gets it.
    fn sample(&mut self, frame: &Frame<'_>, face: &Face) -> bool {
        let side = face.bounds.width.max(face.bounds.height);
        if !side.is_finite() || side < 1.0 {
            return false;
        }
        let to_picture = square(face).to_picture(SIDE as u32);
        let Some(from_picture) = to_picture.inverse() else { return false };
        let landmarks = moved(&face.landmarks, from_picture);
        let mut rgb = std::mem::take(&mut self.own);
        rgb.resize(SIDE * SIDE * 3, 0.0);
        let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 255.0 };
        let size = (SIDE as u32, SIDE as u32);
        let (filter, border) = (Filter::Bilinear, Border::Replicate);
        sample::tensor(frame, to_picture, size, filter, border, &form, &mut rgb);
        let seen = self.read(AlignedFace { side: SIDE, rgb: &rgb, landmarks: &landmarks });
        self.own = rgb;
        seen
    }

    fn read(&mut self, face: AlignedFace<'_>) -> bool {
        let side = face.side;
        self.side = side;
        self.hull.fill(OUTLINE.map(|index| face.landmarks.xy(index)), (side, side));
        let rows = self.hull.rows();
        let inside = |(first, end): &(usize, usize)| first < end;
        let Some(top) = rows.iter().position(inside) else { return false };
        let bottom = rows.iter().rposition(inside).unwrap_or(top);
        let columns = |pick: fn(&(usize, usize)) -> usize| rows[top..=bottom].iter().map(pick);
        let first = columns(|row| row.0).min().unwrap_or(0).saturating_sub(1);
        let end = (columns(|row| row.1).max().unwrap_or(0) + 1).min(side);
        self.luma.resize(side * side, 0.0);
        let (pixels, _) = face.rgb.as_chunks::<3>();
        for row in top.saturating_sub(1)..=(bottom + 1).min(side - 1) {
            let places = row * side + first..row * side + end;
            wide::run(Row { luma: &mut self.luma[places.clone()], pixels: &pixels[places] });
        }
        self.count(pixels);
        true
    }

    fn count(&mut self, pixels: &[[f32; 3]]) {
        let luminance = Luminance::new();
        self.histogram = Histogram::default();
        for (row, (first, end)) in self.hull.rows().iter().enumerate().step_by(COUNTED) {
            let start = row * self.side;
            for rgb in pixels[start + first..start + end].iter().step_by(COUNTED) {
                let bytes = rgb.map(|level| (255.0 * level + 0.5) as u8);
                self.histogram.0[usize::from(luminance.of(bytes))] += 1;
            }
        }
    }

    /// How many of the counted face pixels have each luminance 0..=255, in **linear** light.
    pub(crate) const fn histogram(&self) -> &[u32; 256] {
        &self.histogram.0
    }

    /// Gamma-coded luma of each row and the columns of it that lie in the face. Pixels of the face have
    /// neighbours on all sides, but at the picture's edges.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[f32], (usize, usize))> {
        self.luma.chunks_exact(self.side.max(1)).zip(self.hull.rows().iter().copied())
    }
}

/// What the mesh model looks at when it follows `face`.
pub(crate) fn square(face: &Face) -> RotatedSquare {
    let [start, end] = face.landmarks.eye_centres();
    RotatedSquare {
        centre: face.bounds.centre(),
        side: face.bounds.width.max(face.bounds.height) * REGION,
        angle_radians: (end.y - start.y).atan2(end.x - start.x),
    }
}

/// Pixels whose luma is to be found.
struct Row<'v> {
    luma: &'v mut [f32],
    pixels: &'v [[f32; 3]],
}

impl wide::Work for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (luma, rgb) in self.luma.iter_mut().zip(self.pixels) {
            *luma = 255.0 * sample::luma(*rgb);
        }
    }
}

/// `landmarks`, each point moved by `map`; depths stay.
fn moved(landmarks: &Landmarks, map: Affine) -> Landmarks {
    Landmarks::new(landmarks.points().map(|point| {
        let Point2 { x, y } = map.apply(point.xy());
        Point3::new(x, y, point.z)
    }))
}
