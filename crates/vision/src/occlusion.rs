//! Which part of the face something covers, from the face's own pixels: no model.
//!
//! Two things are looked at. **Structure**: across a mouth and across an eye the picture changes
//! from skin to lip, lash or iris and back, in brightness and in redness; what covers them is
//! smooth there. It is measured along lines down the face, as what a straight slope (shading) does
//! not explain, and against the strongest of the three, so that a blurred, dark or hazy picture has
//! no weaker face. **Colour**: the mouth's surroundings and the nose against the skin between the
//! eyes, the lids against the cheek. Only differences of logarithms are used, so brightness, white
//! balance and the tone of the skin drop out. What lies outside the frame is covered. Where a point or a
//! pixel is no number, neither is the share, which no limit lets pass.
//!
//! The weights were fitted to 51 photographed and 12 rendered faces that were painted over (12 masks,
//! 8 sunglasses, 8 hands, a phone, an eye patch, half a face) and changed in 34 harmless ways (light
//! from one side or above, darkness, colour casts, blur, noise, tones of skin, make-up, beards,
//! glasses, fringes), then rounded: every score rises or falls with each measure. On them, 93 % of
//! the harmless pictures score below 0.2 and 96 % below 0.4; 97 % and more of the masks of one
//! colour, of hands and phones over the mouth and of black sunglasses score above 0.4. Known to
//! fail: a striped or checked mask passes for a mouth, a hand beside the eyes is seen half of the
//! time; lips made up in the tone of the skin, a grey picture, a white beard or a closed eye under a
//! thick eyeliner may count as covered.

use liveface_core::{
    AlignedFace, CoveredParts, FacePart, Occlusion, Point2, Point3, landmark, sample,
};

use crate::detector::sigmoid;
use crate::expression::foreshortening;

/// Half the length of the lines across the mouth and the eyes, over the height of the face.
const MOUTH_REACH: f32 = 0.0625;
const EYE_REACH: f32 = 0.075;
/// Pixels of a line.
const STEPS: usize = 13;
/// A change of redness counts for so much of a change of brightness. Fitted: 1 to 3.
const REDNESS_WEIGHT: f32 = 3.0;
/// The strongest structure that a face in a clear picture has at least. Measured: the twentieth part
/// of photos has less.
const CLEAR_STRUCTURE: f32 = 0.30;
/// A weaker picture is strengthened at most so much: beyond that it is noise.
const MAX_GAIN: f32 = 2.5;
/// Structure beyond this is surely a face's.
const SURE_STRUCTURE: f32 = 0.2;
/// Added to a channel before its logarithm: the noise of a dark picture.
const NOISE_FLOOR: f32 = 0.03;
/// Weights of structure, of a cooler colour, of a warmer one, and what is left.
const MOUTH: [f32; 4] = [-60.0, 4.0, 2.0, 7.5];
/// Weights of structure, of darkness under the eye, of another colour, and what is left.
const EYE: [f32; 4] = [-80.0, 7.0, 2.5, 10.0];
/// Distance of colour from which a nose, or a cheek from the other, is covered rather than not.
const OTHER_NOSE: f32 = 0.6;
const OTHER_CHEEK: f32 = 0.3;
/// How sharp that limit is.
const COLOUR_STEEPNESS: f32 = 20.0;
/// An eye's width in the picture over its width in space from which the eye begins to be seen, and
/// from which it is seen well: the far eye of a head turned by 60 degrees and by 35.
const EYE_SEEN: [f32; 2] = [0.4, 0.7];
/// A part that is covered less than this is not worth a name.
const NAMED_FROM: f32 = 0.3;

/// Mesh points: skin between and above the eyes, where masks and hands seldom reach.
const BETWEEN_EYES: [usize; 14] = [9, 8, 168, 6, 193, 417, 122, 351, 28, 258, 27, 257, 188, 412];
/// Mesh points: around the mouth, chin and lower cheeks.
const AROUND_MOUTH: [usize; 26] = [
    164, 167, 393, 18, 200, 199, 83, 313, 201, 421, 202, 422, 204, 424, 210, 430, 212, 432, 214,
    434, 207, 427, 216, 436, 187, 411,
];
/// Mesh points: ridge and tip of the nose.
const NOSE: [usize; 12] = [5, 4, 1, 45, 275, 195, 51, 281, 44, 274, 220, 440];
/// Mesh points of each side: the cheek, the skin under the eye, the upper lid.
const CHEEKS: [[usize; 8]; 2] =
    [[50, 101, 118, 36, 205, 187, 117, 123], [280, 330, 347, 266, 425, 411, 346, 352]];
const UNDER_EYES: [[usize; 9]; 2] =
    [[110, 24, 23, 22, 228, 229, 230, 231, 232], [339, 254, 253, 252, 448, 449, 450, 451, 452]];
const UPPER_LIDS: [[usize; 4]; 2] = [[29, 27, 28, 30], [259, 257, 258, 260]];
/// Points of the upper and lower lip's inner edge that lines across the mouth go through.
const MOUTH_LINES: [[usize; 2]; 7] =
    [[13, 14], [82, 87], [312, 317], [81, 178], [311, 402], [80, 88], [310, 318]];

/// What covers `face`. `outside` tells which of its points lie outside the frame, where the picture
/// repeats the frame's edge.
pub(crate) fn occlusion(face: AlignedFace<'_>, outside: impl Fn(usize) -> bool) -> Occlusion {
    let landmarks = face.landmarks;
    let known = |point: &Point3| point.x.is_finite() && point.y.is_finite() && point.z.is_finite();
    if !landmarks.points().iter().all(known) {
        return UNKNOWN;
    }
    let face = Skin { face };
    let lids = [landmark::LIDS_IMAGE_LEFT, landmark::LIDS_IMAGE_RIGHT];
    let corners = [landmark::EYE_IMAGE_LEFT, landmark::EYE_IMAGE_RIGHT];
    let eye_structure = lids.map(|lines| face.structure(&lines, EYE_REACH));
    let mouth_structure = face.structure(&MOUTH_LINES, MOUTH_REACH);
    let strongest = larger(larger(eye_structure[0], eye_structure[1]), mouth_structure);
    let gain = (CLEAR_STRUCTURE / strongest).clamp(1.0, MAX_GAIN);
    let clear = |structure: f32| (structure * gain).clamp(0.0, SURE_STRUCTURE);
    let lost = |points: &[usize]| {
        points.iter().filter(|index| outside(**index)).count() as f32 / points.len() as f32
    };

    let between = face.tone(&BETWEEN_EYES);
    let around = face.tone(&AROUND_MOUTH);
    let cooler = (around.blue - between.blue) - (around.red - between.red);
    let mouth = [clear(mouth_structure), cooler.clamp(0.0, 1.0), (-cooler).clamp(0.0, 1.0)];
    let mouth = larger(weigh(MOUTH, mouth), lost(&AROUND_MOUTH));
    let nose = limit(face.tone(&NOSE).colour_distance(between), OTHER_NOSE);
    let nose = larger(nose, lost(&NOSE));

    let cheeks = CHEEKS.map(|points| face.tone(&points));
    let cheek_distance = limit(cheeks[0].distance(cheeks[1]), OTHER_CHEEK);
    let sides = [0, 1].map(|side| {
        let (under, cheek) = (face.tone(&UNDER_EYES[side]), cheeks[side]);
        let mut around = [0; 13];
        around[..9].copy_from_slice(&UNDER_EYES[side]);
        around[9..].copy_from_slice(&UPPER_LIDS[side]);
        let darker = (cheek.brightness - under.brightness).clamp(0.0, 1.5);
        let other = face.tone(&around).colour_distance(cheek);
        let eye = weigh(EYE, [clear(eye_structure[side]), darker, other]);
        let turned = foreshortening(landmarks, corners[side]);
        let seen = ((turned - EYE_SEEN[0]) / (EYE_SEEN[1] - EYE_SEEN[0])).clamp(0.0, 1.0);
        let (eye_lost, cheek_lost) = (lost(&around), lost(&CHEEKS[side]));
        let half = smaller(eye, cheek_distance) * seen;
        (larger(eye * seen, eye_lost), larger(half, eye_lost.min(cheek_lost)))
    });
    let covered = CoveredParts {
        eyes: 0.5 * (sides[0].0 + sides[1].0),
        nose,
        mouth,
        image_left: sides[0].1,
        image_right: sides[1].1,
    };
    let parts = [
        (FacePart::Mouth, covered.mouth),
        (FacePart::Eyes, covered.eyes),
        (FacePart::Nose, covered.nose),
        (FacePart::ImageLeft, covered.image_left),
        (FacePart::ImageRight, covered.image_right),
    ];
    let (mut part, mut share) = parts[0];
    if !parts.iter().all(|(_, covered)| covered.is_finite()) {
        return UNKNOWN;
    }
    for (other, covered) in parts {
        if covered > share {
            (part, share) = (other, covered);
        }
    }
    Occlusion { share, part: (share >= NAMED_FROM).then_some(part), parts: covered }
}

/// What is told where a number is missing.
const UNKNOWN: Occlusion = Occlusion {
    share: f32::NAN,
    part: None,
    parts: CoveredParts {
        eyes: f32::NAN,
        nose: f32::NAN,
        mouth: f32::NAN,
        image_left: f32::NAN,
        image_right: f32::NAN,
    },
};

/// The larger of two numbers, or that which is none: `f32::max` would drop it.
fn larger(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

/// As [`larger`].
fn smaller(a: f32, b: f32) -> f32 {
    -larger(-a, -b)
}

/// Logarithms of what a piece of skin reflects: differences do not depend on the light's strength,
/// nor on the white balance.
#[derive(Clone, Copy)]
struct Tone {
    brightness: f32,
    /// Red over green.
    red: f32,
    /// Blue over green.
    blue: f32,
}

impl Tone {
    fn of(rgb: [f32; 3]) -> Self {
        let luma = sample::luma(rgb);
        let [red, green, blue, luma] =
            [rgb[0], rgb[1], rgb[2], luma].map(|v| (v + NOISE_FLOOR).ln());
        Self { brightness: luma, red: red - green, blue: blue - green }
    }

    fn colour_distance(self, other: Self) -> f32 {
        (self.red - other.red).hypot(self.blue - other.blue)
    }

    /// As [`Self::colour_distance`], with half of the difference in brightness: light from a side
    /// makes one.
    fn distance(self, other: Self) -> f32 {
        self.colour_distance(other).hypot(0.5 * (self.brightness - other.brightness))
    }
}

/// The picture of a face, read at its mesh.
struct Skin<'a> {
    face: AlignedFace<'a>,
}

impl Skin<'_> {
    /// The median tone at mesh points, each the mean of 3 x 3 pixels.
    fn tone<const N: usize>(&self, points: &[usize; N]) -> Tone {
        let tones = points.map(|index| {
            let at = self.face.landmarks.xy(index);
            let [x, y] = [at.x, at.y].map(|value| self.inside(value.round(), 1.0) as usize);
            let mut sum = [0.0; 3];
            for row in y - 1..=y + 1 {
                for column in x - 1..=x + 1 {
                    let pixel = self.pixel(column, row);
                    (0..3).for_each(|channel| sum[channel] += pixel[channel]);
                }
            }
            Tone::of(sum.map(|channel| channel * (1.0 / 9.0)))
        });
        Tone {
            brightness: median(tones.map(|tone| tone.brightness)),
            red: median(tones.map(|tone| tone.red)),
            blue: median(tones.map(|tone| tone.blue)),
        }
    }

    /// How much the picture changes along lines down the face, each through the middle of a pair of
    /// mesh points: the spread of their mean about a straight slope.
    fn structure(&self, lines: &[[usize; 2]], reach: f32) -> f32 {
        let [top, chin] = landmark::FACE_HEIGHT.map(|index| self.face.landmarks.xy(index));
        let down = Point2::new(chin.x - top.x, chin.y - top.y);
        let mut brightness = [0.0; STEPS];
        let mut redness = [0.0; STEPS];
        for [upper, lower] in lines {
            let middle = self.face.landmarks.xy(*upper).midpoint(self.face.landmarks.xy(*lower));
            for step in 0..STEPS {
                let along = reach * (2.0 * step as f32 / (STEPS - 1) as f32 - 1.0);
                let at = Point2::new(middle.x + along * down.x, middle.y + along * down.y);
                let tone = Tone::of(self.between(at));
                brightness[step] += tone.brightness;
                redness[step] += tone.red;
            }
        }
        let spread =
            spread_about_slope(brightness).hypot(REDNESS_WEIGHT * spread_about_slope(redness));
        // Of the mean over the lines.
        spread / lines.len() as f32
    }

    /// The picture between its pixels, bilinear.
    fn between(&self, at: Point2) -> [f32; 3] {
        let [x, y] = [at.x, at.y].map(|value| self.inside(value, 1.0));
        let (column, row) = (x as usize, y as usize);
        let (right, below) = (x - column as f32, y - row as f32);
        let [a, b] = [row, row + 1].map(|row| {
            let (left, other) = (self.pixel(column, row), self.pixel(column + 1, row));
            [0, 1, 2].map(|channel| left[channel] + right * (other[channel] - left[channel]))
        });
        [0, 1, 2].map(|channel| a[channel] + below * (b[channel] - a[channel]))
    }

    /// `value` moved to at least `margin` pixels inside the picture.
    fn inside(&self, value: f32, margin: f32) -> f32 {
        value.max(margin).min(self.face.side as f32 - 1.0 - margin)
    }

    fn pixel(&self, x: usize, y: usize) -> [f32; 3] {
        let start = (y * self.face.side + x) * 3;
        [self.face.rgb[start], self.face.rgb[start + 1], self.face.rgb[start + 2]]
    }
}

/// Standard deviation about the best straight line.
fn spread_about_slope(values: [f32; STEPS]) -> f32 {
    let middle = (STEPS - 1) as f32 / 2.0;
    let count = STEPS as f32;
    let mean = values.iter().sum::<f32>() / count;
    let offsets = || (0..STEPS).map(|step| step as f32 - middle);
    let slope = offsets().zip(values).map(|(x, y)| x * y).sum::<f32>()
        / offsets().map(|x| x * x).sum::<f32>();
    let rest = offsets().zip(values).map(|(x, y)| (y - mean - slope * x).powi(2)).sum::<f32>();
    (rest / count).sqrt()
}

/// No number when one of `values` is none.
fn median<const N: usize>(mut values: [f32; N]) -> f32 {
    // What is not finite comes first or last.
    values.sort_unstable_by(f32::total_cmp);
    if !(values[0].is_finite() && values[N - 1].is_finite()) {
        return f32::NAN;
    }
    0.5 * (values[(N - 1) / 2] + values[N / 2])
}

/// 0 to 1 from measures and their weights, the last of which stands alone.
fn weigh(weights: [f32; 4], measures: [f32; 3]) -> f32 {
    let sum: f32 = weights.iter().zip(measures).map(|(weight, measure)| weight * measure).sum();
    sigmoid(sum + weights[3])
}

fn limit(distance: f32, from: f32) -> f32 {
    sigmoid(COLOUR_STEEPNESS * (distance - from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveface_core::{LANDMARK_COUNT, Landmarks};

    const SIDE: usize = 64;

    fn landmarks(at: impl Fn(usize) -> (f32, f32)) -> Landmarks {
        Landmarks::new(std::array::from_fn(|index| {
            let (x, y) = at(index);
            Point3::new(x, y, 0.0)
        }))
    }

    fn spread_out() -> Landmarks {
        landmarks(|index| ((index % 48) as f32 + 8.0, (index / 10) as f32 + 8.0))
    }

    #[test]
    fn any_mesh_on_any_picture_gives_a_share_or_no_number() {
        let numbers = [0.0, 1.0, -1.0, 1e9, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        for value in numbers {
            let rgb = vec![value; SIDE * SIDE * 3];
            for place in numbers {
                let landmarks = landmarks(|index| (place, (index % 60) as f32));
                let face = AlignedFace { side: SIDE, rgb: &rgb, landmarks: &landmarks };
                let seen = occlusion(face, |_| false);
                // Nothing is darker than black: such a pixel has no tone.
                let known = value.is_finite() && value >= 0.0 && place.is_finite();
                let fits = if known {
                    (0.0..=1.0).contains(&seen.share)
                } else {
                    seen.share.is_nan() && seen.part.is_none()
                };
                assert!(fits, "{value} at {place}: {seen:?}");
            }
        }
    }

    #[test]
    fn one_missing_number_leaves_no_share() {
        let whole = vec![0.5; SIDE * SIDE * 3];
        let (nobody, everything) = (|_| false, |_| true);
        for outside in [nobody as fn(usize) -> bool, everything] {
            let share = |rgb: &[f32], landmarks: &Landmarks| {
                occlusion(AlignedFace { side: SIDE, rgb, landmarks }, outside).share
            };
            let known = spread_out();
            assert!((0.0..=1.0).contains(&share(&whole, &known)));
            for missing in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for index in [NOSE[0], BETWEEN_EYES[3], CHEEKS[1][2], UPPER_LIDS[0][1]] {
                    let at = known.xy(index);
                    let mut rgb = whole.clone();
                    rgb[(at.y as usize * SIDE + at.x as usize) * 3] = missing;
                    assert!(share(&rgb, &known).is_nan(), "pixel at {index}");
                    let mut points = *known.points();
                    points[index].z = missing;
                    assert!(share(&whole, &Landmarks::new(points)).is_nan(), "point {index}");
                }
            }
        }
    }

    #[test]
    fn what_lies_outside_the_frame_is_covered() {
        let rgb = vec![0.5; SIDE * SIDE * 3];
        let landmarks = spread_out();
        let face = AlignedFace { side: SIDE, rgb: &rgb, landmarks: &landmarks };
        let all = occlusion(face, |_| true);
        assert_eq!((all.share, all.part.is_some()), (1.0, true));
    }

    #[test]
    fn structure_is_what_shading_does_not_explain() {
        let straight = std::array::from_fn(|step| 0.3 * step as f32 - 1.0);
        assert!(spread_about_slope(straight) < 1e-5);
        let mut line = straight;
        line[STEPS / 2] -= 0.5;
        let mut deeper = straight;
        deeper[STEPS / 2] -= 1.0;
        assert!(spread_about_slope(line) > 0.1);
        assert!(spread_about_slope(deeper) > spread_about_slope(line));
    }

    #[test]
    fn tones_differ_by_the_skin_and_not_by_its_light() {
        let skin = Tone::of([0.62, 0.44, 0.36]);
        let (dimmer, bluer) = (Tone::of([0.46, 0.32, 0.26]), Tone::of([0.36, 0.44, 0.62]));
        assert!(skin.colour_distance(dimmer) < 0.05 && skin.distance(dimmer) > 0.1);
        assert!(skin.colour_distance(bluer) > 0.5);
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn each_measure_only_raises_or_only_lowers_a_score() {
        for weights in [MOUTH, EYE] {
            let score = |measures| weigh(weights, measures);
            assert!(score([0.0, 0.0, 0.0]) > 0.99 && score([SURE_STRUCTURE, 0.0, 0.0]) < 0.02);
            assert!(score([0.1, 0.5, 0.0]) > score([0.1, 0.0, 0.0]));
            assert!(score([0.1, 0.0, 0.5]) > score([0.1, 0.0, 0.0]));
            assert!(score([0.12, 0.3, 0.3]) < score([0.1, 0.3, 0.3]));
        }
    }

    #[test]
    fn every_point_that_is_read_is_in_the_mesh() {
        let lists: [&[usize]; 9] = [
            &BETWEEN_EYES,
            &AROUND_MOUTH,
            &NOSE,
            &CHEEKS[0],
            &CHEEKS[1],
            &UNDER_EYES[0],
            &UNDER_EYES[1],
            &UPPER_LIDS[0],
            &UPPER_LIDS[1],
        ];
        for list in lists {
            assert!(list.iter().all(|index| *index < LANDMARK_COUNT));
        }
    }
}
