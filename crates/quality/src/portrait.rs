//! The face aligned as OFIQ aligns it: what the measures of a kept picture read.
//!
//! The picture has 616 x 616 pixels; the middles of the eyes, the tip of the nose and the corners of the
//! mouth lie as near as a turn, a scale and a shift can bring them to fixed places. What lies outside the
//! frame is black. Differs from OFIQ: the points come from the mesh; they are rounded once, in this picture
//! (OFIQ also rounds them in the frame, which would move the lids of a small face by a tenth of what an
//! eye is open); the similarity is that of least squares over all five points, which moves smoothly with
//! them (OFIQ takes the least median of squares, which may leave out up to two); and the face's outline is
//! exact, not drawn at 224 pixels and enlarged.

use liveface_core::sample::{self, Border, Filter};
use liveface_core::{Affine, Frame, Landmarks, Point2};

use crate::hull::Hull;
use crate::light::{Histogram, Luminance};
use crate::points::{self, Points};

/// Width and height, in pixels. Source: OFIQ.
pub(crate) const SIDE: usize = 616;
/// Where the middles of the image-left and image-right eye, the tip of the nose and the corners of the mouth
/// go. Source: OFIQ.
const TEMPLATE: [Point2; 5] = [
    Point2::new(251.0, 272.0),
    Point2::new(364.0, 272.0),
    Point2::new(308.0, 336.0),
    Point2::new(262.0, 402.0),
    Point2::new(355.0, 402.0),
];
/// Side of a cheek over the distance of the eyes. Source: OFIQ.
const CHEEK: f64 = 0.3;

/// A face, aligned; its buffers are kept from face to face.
#[derive(Default)]
pub(crate) struct Portrait {
    /// R, G, B of each pixel in row order.
    rgb: Vec<u8>,
    /// Luminance of each pixel of the face, 0..=255 in **linear** light; 0 where no face is.
    luminance: Vec<u8>,
    histogram: Histogram,
    points: Points,
    face: Hull,
    to_frame: Option<Affine>,
}

impl Portrait {
    /// Reads the face from `frame`. Where a landmark is no number, or all are one point, what follows is no
    /// number either, and no pixel is the face's.
    pub(crate) fn take(&mut self, frame: &Frame<'_>, landmarks: &Landmarks) {
        let points = points::wflw(landmarks);
        let aligned = alignment(&points);
        self.to_frame = aligned.map(|(_, to_frame)| to_frame);
        self.points = aligned.map_or_else(Points::default, |(from_frame, _)| {
            Points::new(points.map(|point| from_frame.apply(point)))
        });
        self.face.fill(*self.points.all(), (SIDE, SIDE));
        self.rgb.clear();
        let size = (SIDE as u32, SIDE as u32);
        match self.to_frame {
            Some(map) => {
                sample::rgb8(frame, map, size, Filter::Bilinear, Border::Black, &mut self.rgb);
            }
            None => self.rgb.resize(SIDE * SIDE * 3, 0),
        }
        self.light();
    }

    fn light(&mut self) {
        self.luminance.clear();
        self.luminance.resize(SIDE * SIDE, 0);
        self.histogram = Histogram::default();
        let (luminance, (pixels, _)) = (Luminance::new(), self.rgb.as_chunks::<3>());
        for (row, (first, end)) in self.face.rows().iter().enumerate() {
            let places = row * SIDE + first..row * SIDE + end;
            for (level, rgb) in self.luminance[places.clone()].iter_mut().zip(&pixels[places]) {
                *level = luminance.of(*rgb);
                self.histogram.0[usize::from(*level)] += 1;
            }
        }
    }

    /// R, G, B of each pixel, in rows of [`SIDE`].
    pub(crate) fn pixels(&self) -> &[[u8; 3]] {
        self.rgb.as_chunks().0
    }

    /// Luminance of each pixel of the face, 0..=255 in **linear** light, in rows of [`SIDE`]; 0 where no face
    /// is.
    pub(crate) fn luminance(&self) -> &[u8] {
        &self.luminance
    }

    /// How many pixels of the face have each luminance.
    pub(crate) const fn histogram(&self) -> &[u32; 256] {
        &self.histogram.0
    }

    /// The 98 points.
    pub(crate) const fn points(&self) -> &Points {
        &self.points
    }

    /// The map from this picture's pixels to the frame's; `None` when the face cannot be aligned.
    pub(crate) const fn to_frame(&self) -> Option<Affine> {
        self.to_frame
    }

    /// Whether the face, from the brows to the chin, covers a pixel.
    pub(crate) fn covers(&self, place: usize) -> bool {
        let (first, end) = self.face.rows()[place / SIDE];
        (first..end).contains(&(place % SIDE))
    }

    /// Two squares on the cheeks: one from below the middle of the image-left eye inwards, one from below
    /// that of the image-right eye. `None` when there are none in this picture. Source: OFIQ.
    pub(crate) fn cheeks(&self) -> Option<[Square; 2]> {
        let points = &self.points;
        let side = (CHEEK * points.eye_distance()).floor();
        let drop = (0.5 * f64::from(points.between_eyes().distance(points.mouth()))).floor();
        let [left, right] = points.eyes();
        let inside = |low: f64| low >= 0.0 && low + side <= SIDE as f64;
        let square = |x: f64, y: f32| {
            let y = f64::from(y) + drop;
            let fits = side >= 1.0 && inside(x) && inside(y);
            fits.then_some(Square { x: x as usize, y: y as usize, side: side as usize })
        };
        Some([square(f64::from(left.x), left.y)?, square(f64::from(right.x) - side, right.y)?])
    }
}

/// A square of the portrait, in its pixels; it lies inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Square {
    x: usize,
    y: usize,
    side: usize,
}

impl Square {
    /// The places of its pixels.
    pub(crate) fn places(self) -> impl Iterator<Item = usize> {
        let rows = self.y..self.y + self.side;
        rows.flat_map(move |row| row * SIDE + self.x..row * SIDE + self.x + self.side)
    }

    /// How many pixels it has.
    pub(crate) const fn area(self) -> usize {
        self.side * self.side
    }
}

/// The similarity from the frame to the portrait, and the one back.
fn alignment(points: &[Point2; points::COUNT]) -> Option<(Affine, Affine)> {
    let from_frame = Affine::similarity(&points::anchors(points), &TEMPLATE)?;
    let to_frame = from_frame.inverse()?;
    let known =
        |map: Affine| [map.a, map.b, map.tx, map.c, map.d, map.ty].iter().all(|v| v.is_finite());
    (known(from_frame) && known(to_frame)).then_some((from_frame, to_frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::canonical;
    use liveface_core::Timestamp;

    #[test]
    fn a_face_of_any_size_lands_on_the_template() {
        let data = vec![90; 640 * 480 * 3];
        let frame = Frame::rgb(640, 480, &data, Timestamp::ZERO).unwrap();
        let mut portrait = Portrait::default();
        for eye_distance in [40.0, 90.0, 160.0] {
            portrait.take(&frame, &canonical(eye_distance, Point2::new(330.0, 180.0)));
            let [left, right] = portrait.points().eyes();
            // The canonical face has other proportions than the template.
            assert!(left.distance(TEMPLATE[0]) < 4.0 && right.distance(TEMPLATE[1]) < 4.0);
            let [a, b] = portrait.cheeks().unwrap();
            assert_eq!(a.side, (0.3 * portrait.points().eye_distance()) as usize);
            assert!(a.x + a.side < b.x && a.y.abs_diff(b.y) <= 1);
            assert!(a.places().chain(b.places()).all(|place| portrait.covers(place)));
        }
    }

    #[test]
    fn the_outside_of_the_frame_is_black_and_counts() {
        let data = vec![255; 200 * 200 * 3];
        let frame = Frame::rgb(200, 200, &data, Timestamp::ZERO).unwrap();
        let mut portrait = Portrait::default();
        // The image-left half of the face lies outside.
        portrait.take(&frame, &canonical(60.0, Point2::new(0.0, 80.0)));
        let histogram = portrait.histogram();
        let (black, white) = (histogram[0] as f32, histogram[255] as f32);
        let all: u32 = histogram.iter().sum();
        assert!((black / all as f32 - 0.5).abs() < 0.02 && (white / all as f32 - 0.5).abs() < 0.02);
        assert_eq!(portrait.pixels()[0], [0; 3]);
        let lit = portrait.luminance().iter().filter(|level| **level == 255).count();
        assert_eq!(lit, histogram[255] as usize);
    }

    #[test]
    fn a_point_has_no_portrait_and_leaves_nothing_of_the_last_face() {
        let data = vec![255; 200 * 200 * 3];
        let frame = Frame::rgb(200, 200, &data, Timestamp::ZERO).unwrap();
        let mut portrait = Portrait::default();
        portrait.take(&frame, &canonical(60.0, Point2::new(100.0, 80.0)));
        assert!(portrait.cheeks().is_some());
        portrait.take(&frame, &Landmarks::new([Default::default(); 478]));
        assert_eq!(portrait.to_frame(), None);
        assert_eq!(portrait.cheeks(), None);
        assert_eq!(portrait.histogram(), &[0; 256]);
        assert!(portrait.points().height().is_nan());
    }
}
