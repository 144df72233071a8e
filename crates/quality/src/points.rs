//! The 98 points that OFIQ measures on, from the 478 of the mesh.
//!
//! OFIQ's landmarks are those of the WFLW data set (Wu et al., 2018, figure 2), found by a net of its own.
//! Here they are read off the mesh: where a point of WFLW lies on a feature that the mesh has (corners,
//! lids, lips, pupils), it is the mesh's point; the outline is divided anew. "Image left" is where WFLW
//! counts from.

use liveface_core::{Landmarks, Point2, landmark};

/// Points of WFLW.
pub(crate) const COUNT: usize = 98;

/// Points of the outline on each side of the chin, which is the next one: 0 to 15, and 32 to 17.
const OUTLINE_SIDE: usize = 16;
/// 0 to 16 lie, equally spaced, on the mesh's face oval from the height of the image-left eye down to the
/// tip of the chin; so does WFLW's outline.
const OUTLINE_IMAGE_LEFT: [usize; 12] = [127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152];
/// 32 to 16: the same from the image-right eye.
const OUTLINE_IMAGE_RIGHT: [usize; 12] =
    [356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152];
/// 33 to 50: of each brow the five points of the mesh's upper edge and the inner four of its lower edge, from
/// image left along the upper and back along the lower edge. WFLW's lower edges leave out the brow's outer end.
const BROWS: [usize; 18] =
    [70, 63, 105, 66, 107, 55, 65, 52, 53, 336, 296, 334, 293, 300, 283, 282, 295, 285];
/// 51 to 59: the ridge from between the eyes to the tip, in steps of equal length on MediaPipe's canonical
/// face; then the lower edge of the nose, wing to wing. OFIQ's template has the tip 0.57 eye distances below
/// the eyes; the mesh's point 1 lies 0.60 below them, its point 4 0.49.
const NOSE: [usize; 9] = [168, 197, 5, 1, 98, 97, 2, 326, 327];
/// 60 to 75: each eye from its corner at image left along the upper lid, then back along the lower. The lid
/// points are those of [`landmark::LIDS_IMAGE_LEFT`] and [`landmark::LIDS_IMAGE_RIGHT`].
const EYES: [usize; 16] =
    [33, 160, 159, 158, 133, 153, 145, 144, 362, 385, 386, 387, 263, 373, 374, 380];
/// 76 to 87: the outer edge of the lips, corners at 76 and 82; the peaks of the upper lip at 78 and 80.
const OUTER_LIPS: [usize; 12] = [61, 40, 37, 0, 267, 270, 291, 321, 405, 17, 181, 91];
/// 88 to 95: the inner edge of the lips, corners at 88 and 92; the other points face each other.
const INNER_LIPS: [usize; 8] = [78, 81, 13, 311, 308, 402, 14, 178];
/// 96 and 97: the pupils are the middles of the irises.
const PUPILS: [usize; 2] = landmark::IRIS_CENTRES;

/// Corners of the image-left and the image-right eye, and the lid points that face each other.
const EYE_CORNERS: [[usize; 2]; 2] = [[60, 64], [68, 72]];
pub(crate) const LIDS: [[[usize; 2]; 3]; 2] =
    [[[61, 67], [62, 66], [63, 65]], [[69, 75], [70, 74], [71, 73]]];
/// Points of the inner lips that face each other, and the middle pair.
pub(crate) const LIPS: [[usize; 2]; 3] = [[89, 95], [90, 94], [91, 93]];
const MOUTH: [usize; 2] = [90, 94];
const CHIN: usize = 16;
const NOSE_TIP: usize = 54;
const MOUTH_CORNERS: [usize; 2] = [76, 82];

/// The points in the order of WFLW; none is a number when one of the mesh is not.
pub(crate) fn wflw(landmarks: &Landmarks) -> [Point2; COUNT] {
    let mut points = [Point2::new(f32::NAN, f32::NAN); COUNT];
    let known = |point: &Point2| point.x.is_finite() && point.y.is_finite();
    if !landmarks.points().iter().all(|point| known(&point.xy())) {
        return points;
    }
    let at = |index| landmarks.xy(index);
    let sides = [OUTLINE_IMAGE_LEFT, OUTLINE_IMAGE_RIGHT].map(|side| spread(side.map(at)));
    points[..=OUTLINE_SIDE].copy_from_slice(&sides[0]);
    for (point, other) in points[OUTLINE_SIDE..=2 * OUTLINE_SIDE].iter_mut().rev().zip(sides[1]) {
        *point = other;
    }
    let features = BROWS.into_iter().chain(NOSE).chain(EYES);
    let features = features.chain(OUTER_LIPS).chain(INNER_LIPS).chain(PUPILS);
    for (point, index) in points[2 * OUTLINE_SIDE + 1..].iter_mut().zip(features) {
        *point = at(index);
    }
    points
}

/// Points on `line` from end to end, equally far from each other along it.
fn spread<const N: usize>(line: [Point2; N]) -> [Point2; OUTLINE_SIDE + 1] {
    let length: f32 = line.windows(2).map(|ends| ends[0].distance(ends[1])).sum();
    std::array::from_fn(|index| {
        let mut left = length * index as f32 / OUTLINE_SIDE as f32;
        for ends in line.windows(2) {
            let step = ends[0].distance(ends[1]);
            if left < step {
                let share = left / step;
                let along = |from: f32, to: f32| from + (to - from) * share;
                return Point2::new(along(ends[0].x, ends[1].x), along(ends[0].y, ends[1].y));
            }
            left -= step;
        }
        line[N - 1]
    })
}

/// What OFIQ aligns a face by: the middles of the eyes, the tip of the nose, the corners of the mouth.
pub(crate) fn anchors(points: &[Point2; COUNT]) -> [Point2; 5] {
    let [left, right] = EYE_CORNERS.map(|[a, b]| points[a].midpoint(points[b]));
    let [corner, other] = MOUTH_CORNERS.map(|index| points[index]);
    [left, right, points[NOSE_TIP], corner, other]
}

/// The 98 points in whole pixels, as OFIQ has them.
pub(crate) struct Points([Point2; COUNT]);

impl Default for Points {
    /// Points that are no numbers.
    fn default() -> Self {
        Self([Point2::new(f32::NAN, f32::NAN); COUNT])
    }
}

impl Points {
    /// `points`, rounded.
    pub(crate) fn new(points: [Point2; COUNT]) -> Self {
        Self(points.map(rounded))
    }

    pub(crate) fn all(&self) -> &[Point2; COUNT] {
        &self.0
    }

    /// The middles of the image-left and the image-right eye, in whole pixels.
    pub(crate) fn eyes(&self) -> [Point2; 2] {
        EYE_CORNERS.map(|pair| self.middle(pair))
    }

    /// The middle between the eyes, in whole pixels.
    pub(crate) fn between_eyes(&self) -> Point2 {
        let [left, right] = self.eyes();
        rounded(left.midpoint(right))
    }

    /// The middle of the mouth, in whole pixels.
    pub(crate) fn mouth(&self) -> Point2 {
        self.middle(MOUTH)
    }

    /// The distance of the eyes' middles, in pixels.
    pub(crate) fn eye_distance(&self) -> f64 {
        let [left, right] = self.eyes();
        f64::from(left.distance(right))
    }

    /// From the middle between the eyes to the tip of the chin, in pixels: OFIQ's measure of a face's size.
    pub(crate) fn height(&self) -> f64 {
        let [left, right] = self.eyes();
        f64::from(left.midpoint(right).distance(self.0[CHIN]))
    }

    /// The largest distance of two points of a pair, in pixels.
    pub(crate) fn widest(&self, pairs: [[usize; 2]; 3]) -> f64 {
        let gap = |[a, b]: [usize; 2]| f64::from(self.0[a].distance(self.0[b]));
        pairs.map(gap).into_iter().fold(0.0, |widest, gap| if gap <= widest { widest } else { gap })
    }

    fn middle(&self, [a, b]: [usize; 2]) -> Point2 {
        rounded(self.0[a].midpoint(self.0[b]))
    }
}

fn rounded(point: Point2) -> Point2 {
    Point2::new(point.x.round(), point.y.round())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{canonical, with_points};
    use liveface_core::Point3;

    /// Point `index` of WFLW lies opposite to point `MIRRORED[index]`.
    fn mirrored() -> [usize; COUNT] {
        let mut other: [usize; COUNT] = std::array::from_fn(|index| index);
        let mut swap = |left: usize, right: usize| {
            (other[left], other[right]) = (right, left);
        };
        (0..16).for_each(|i| swap(i, 32 - i));
        (0..5).for_each(|i| swap(33 + i, 46 - i));
        (0..4).for_each(|i| swap(38 + i, 50 - i));
        (0..2).for_each(|i| swap(55 + i, 59 - i));
        (0..5).for_each(|i| swap(60 + i, 72 - i));
        (0..3).for_each(|i| swap(65 + i, 75 - i));
        (0..3).for_each(|i| swap(76 + i, 82 - i));
        (0..2).for_each(|i| swap(83 + i, 87 - i));
        (0..2).for_each(|i| swap(88 + i, 92 - i));
        swap(93, 95);
        swap(96, 97);
        other
    }

    #[test]
    fn the_two_sides_of_a_symmetric_face_mirror_each_other() {
        let points = wflw(&canonical(100.0, Point2::new(300.0, 200.0)));
        for (index, other) in mirrored().into_iter().enumerate() {
            let (point, other) = (points[index], points[other]);
            let mirrored = Point2::new(600.0 - other.x, other.y);
            assert!(point.distance(mirrored) < 0.2, "{index}");
        }
    }

    #[test]
    fn the_points_lie_as_the_data_set_has_them() {
        let points = wflw(&canonical(100.0, Point2::new(300.0, 200.0)));
        let lower = |a: usize, b: usize| assert!(points[a].y > points[b].y, "{a} below {b}");
        let righter = |a: usize, b: usize| assert!(points[a].x > points[b].x, "{a} beside {b}");
        (1..=16).for_each(|i| lower(i, i - 1));
        (5..=27).for_each(|i| righter(i, i - 1));
        let brows = [[38, 37], [39, 36], [40, 35], [41, 34], [47, 45], [50, 42]];
        brows.into_iter().for_each(|[a, b]| lower(a, b));
        (52..=57).filter(|i| *i != 55 && *i != 56).for_each(|i| lower(i, 51));
        (56..=59).for_each(|i| righter(i, i - 1));
        (61..=64).chain(69..=72).chain(77..=82).chain(89..=92).for_each(|i| righter(i, i - 1));
        LIDS.iter().flatten().chain(&LIPS).for_each(|[upper, under]| lower(*under, *upper));
        (83..=87).for_each(|i| lower(i, 79));
        // The outline's points are equally spaced.
        let steps: Vec<f32> = (1..=32).map(|i| points[i].distance(points[i - 1])).collect();
        let (least, most) =
            steps.iter().fold((f32::MAX, 0.0f32), |(a, b), s| (a.min(*s), b.max(*s)));
        assert!(most < 1.05 * least, "{least} {most}");
    }

    #[test]
    fn middles_are_whole_pixels_and_sizes_those_of_the_drawn_face() {
        let mut points = [Point2::default(); COUNT];
        for (index, x, y) in [
            (60, 90.4, 100.0),
            (64, 111.0, 101.0),
            (68, 190.0, 100.0),
            (72, 210.0, 100.0),
            (16, 150.0, 220.6),
            (90, 150.0, 180.0),
            (94, 151.0, 185.0),
            (89, 140.0, 180.0),
            (95, 140.0, 186.2),
            (91, 160.0, 180.0),
            (93, 160.0, 181.0),
        ] {
            points[index] = Point2::new(x, y);
        }
        let points = Points::new(points);
        // 100.5 and 150.5 are rounded up, away from zero.
        assert_eq!(points.eyes(), [Point2::new(101.0, 101.0), Point2::new(200.0, 100.0)]);
        assert_eq!(points.between_eyes(), Point2::new(151.0, 101.0));
        assert_eq!(points.mouth(), Point2::new(151.0, 183.0));
        assert_eq!(points.widest(LIPS), 6.0);
        assert!((points.height() - (0.5f64.powi(2) + 120.5f64.powi(2)).sqrt()).abs() < 1e-4);
    }

    #[test]
    fn one_point_that_is_no_number_leaves_none() {
        let landmarks =
            with_points(&canonical(100.0, Point2::new(300.0, 200.0)), |index, point| {
                if index == 9 { Point3::new(f32::NAN, 0.0, 0.0) } else { point }
            });
        assert!(wflw(&landmarks).iter().all(|point| point.x.is_nan()));
        assert!(Points::default().widest(LIPS).is_nan());
    }
}
