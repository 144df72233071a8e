//! 3-D shape: a head is solid and alive, a picture is flat and still.
//!
//! A turn shows in two ways. The face gets *shorter* across the axis that it turns about; a picture does that
//! as a head does. And points of different *depth* move against one another; only a head does that. Both are
//! fitted to the landmarks' places in the picture, against those of the first frames of the track:
//!
//! ```text
//! seen = A p + t + v d + k d p        p: place before, from the middle of the face, in inter-eye distances
//!                                     d: depth before, as the mesh guessed it, in the same unit
//! ```
//!
//! For a rigid head in weak perspective that turned by an angle, the singular values of A are s and s cos(angle),
//! and v is s sin(angle) long. For a picture that turned, A is the same, and v is nothing. k is what another
//! distance does. The depths are those of the first frames alone: what the mesh, which always sees a face, guesses
//! later plays no part.
//!
//! Measured with the mesh that is shipped, on eight portraits turned as prints by 25 to 45 degrees to all sides,
//! flat and bent: they get as much shorter as they should, or somewhat less, while the part of v says 11 degrees at
//! most and below 0.35 of what A says. Rendered heads that turn by 20 to 30 degrees: 16 to 42 degrees. So the mesh
//! is hardly deceived: a print that turns has next to no pose either.
//!
//! What this cannot tell: a print that hardly turns, a recording of a head (it is as solid as the head), and a
//! print bent round like half a tube, which is a solid.

use liveface_core::{EvidenceKind, Face, Finding, Landmarks, Point2, Reason, policy};

/// Points that hardly move when the face does: the corners of the eyes, the ridge, tip and base of the nose, the
/// hairline, the temples and the outline of the face down to the lobes of the ears.
const RIGID: [usize; 27] = [
    33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 234, 454, 127, 356, 93, 323, 10, 54,
    284, 21, 251, 132, 361,
];
/// The mouth, to see whether the face moves by itself.
const MOUTH: [usize; 6] = [61, 291, 13, 14, 0, 17];
/// A, t, v and k.
const UNKNOWNS: usize = 9;
/// An opening of the mouth or a smile also moves the outline: so much of what the mouth's points move by itself is
/// taken off how much shorter the face became. Measured: full smiles of rendered faces and of people look 0.04 to
/// 0.07 shorter, and their mouths move by 0.10 to 0.17.
const EXPRESSION_SHARE: f64 = 0.3;
/// A parallax of less than this share of what the shortening says is a picture's: see above.
const PICTURE_SHARE: f64 = 0.4;
/// And from this share on a head's. Measured: 0.6 and more for heads that look up, 1 and more for heads that turn.
const HEAD_SHARE: f64 = 0.5;
/// How far a solid head's score rises. A replayed recording of a head is as solid.
const SOLID_GAIN: f32 = 0.4;
/// How far a still picture's score falls. A person may hold still, too.
const STILL_LOSS: f32 = 0.2;

/// A place or a direction in the picture.
type Vector = [f64; 2];

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Shape {
    track: Option<Track>,
    frames: u32,
    /// The largest of each that lasted, as a share and in degrees.
    shortest: f64,
    most_solid_degrees: f64,
    stillness: Option<Stillness>,
}

impl Shape {
    /// Takes in a frame.
    pub(crate) fn see(&mut self, face: &Face, now_ms: u64, limits: &policy::ShapeLimits) {
        let size = face.landmarks.inter_eye_distance();
        let seen = size >= limits.min_inter_eye_px
            && size.is_finite()
            && face.raw.occlusion.share <= limits.max_covered
            && RIGID.iter().chain(&MOUTH).all(|i| {
                let point = face.landmarks.points()[*i];
                point.x.is_finite() && point.y.is_finite() && point.z.is_finite()
            });
        if !seen {
            return;
        }
        let outgrown = |track: &Track| {
            track.id != face.track
                || f64::from(size) > track.size * f64::from(limits.renewed_at_growth)
        };
        if self.track.as_ref().is_none_or(outgrown) {
            self.track = Some(Track::new(face.track, size));
        }
        let Some(track) = &mut self.track else { return };
        let moved = match track.motion(&face.landmarks, limits.reference_frames) {
            Some(motion) => {
                track.lasting.see(&motion, now_ms, limits);
                self.shortest = self.shortest.max(track.lasting.shorter);
                self.most_solid_degrees =
                    self.most_solid_degrees.max(track.lasting.parallax_degrees);
                motion.mouth
            }
            None => 0.0,
        };
        self.frames = self.frames.saturating_add(1);
        self.stillness.get_or_insert_with(|| Stillness::new(face, now_ms)).see(face, moved, now_ms);
    }

    /// Forgets how solid and how alive the face was.
    pub(crate) const fn forget_life(&mut self) {
        (self.frames, self.most_solid_degrees, self.stillness) = (0, 0.0, None);
    }

    /// What was found so far.
    pub(crate) fn finding(&self, limits: &policy::ShapeLimits) -> Finding {
        let evidence = EvidenceKind::Shape;
        if self.frames < limits.min_frames {
            return Finding::unseen(evidence);
        }
        let says = |score, reason| Finding { evidence, score: Some(score), reason };
        let flat = share_of(self.shortest as f32, limits.flat_from, limits.flat_at);
        if flat > 0.0 {
            return says(0.5 - 0.5 * flat, Some(Reason::FlatPicture));
        }
        let (turned, least) = (self.most_solid_degrees as f32, limits.min_turn_degrees);
        let solid = share_of(turned, least, 2.0 * least);
        let still = self.stillness.as_ref().map_or(0.0, |stillness| stillness.share(limits));
        if still > 0.0 && solid == 0.0 {
            return says(0.5 - STILL_LOSS * still, Some(Reason::StillPicture));
        }
        says(0.5 + SOLID_GAIN * solid, None)
    }
}

/// How far `value` is on its way from `from` (0) to `at` (1).
pub(super) fn share_of(value: f32, from: f32, at: f32) -> f32 {
    if value > from { ((value - from) / (at - from)).min(1.0) } else { 0.0 }
}

/// A track, as long as its face does not come much nearer.
struct Track {
    id: u32,
    /// Inter-eye distance of the first frame, in pixels.
    size: f64,
    /// Sums over the first frames: x, y and z of the rigid points, then of the mouth.
    sums: [[f64; 3]; RIGID.len() + MOUTH.len()],
    summed: u32,
    reference: Option<Box<Reference>>,
    lasting: Lasting,
}

impl Track {
    fn new(id: u32, size: f32) -> Self {
        let sums = [[0.0; 3]; RIGID.len() + MOUTH.len()];
        Self {
            id,
            size: size.into(),
            sums,
            summed: 0,
            reference: None,
            lasting: Lasting::default(),
        }
    }

    /// How the face has moved since the first frames; `None` in these, and where it cannot be told.
    fn motion(&mut self, landmarks: &Landmarks, reference_frames: u32) -> Option<Motion> {
        if self.summed < reference_frames {
            for (sum, i) in self.sums.iter_mut().zip(RIGID.iter().chain(&MOUTH)) {
                let point = landmarks.points()[*i];
                for (sum, value) in sum.iter_mut().zip([point.x, point.y, point.z]) {
                    *sum += f64::from(value);
                }
            }
            self.summed += 1;
            if self.summed == reference_frames {
                self.reference = Reference::new(&self.sums, f64::from(self.summed)).map(Box::new);
            }
            return None;
        }
        self.reference.as_ref()?.motion(landmarks)
    }
}

/// How the face moved, over what a change of place, size and roll does.
struct Motion {
    /// How much shorter the face became across one axis, as a share.
    shorter: f64,
    /// The turn that the shortening is of, in degrees.
    turn_degrees: f64,
    /// The turn that points of different depth show, in degrees.
    parallax_degrees: f64,
    /// How far the mouth is from where the rigid face would have it, in inter-eye distances.
    mouth: f64,
}

/// The first frames of a track.
struct Reference {
    /// Each landmark's row of the fit: x, y, 1, depth, depth x, depth y.
    rigid: [[f64; 6]; RIGID.len()],
    mouth: [[f64; 6]; MOUTH.len()],
    /// The eyes' middle and the way from the image-left eye to the image-right one, as fitted.
    eyes: (Vector, Vector),
    /// The normal equations' left side, inverted: it depends on the reference alone.
    inverse: [[f64; UNKNOWNS]; UNKNOWNS],
}

impl Reference {
    /// `None` when the points do not determine a fit.
    fn new(sums: &[[f64; 3]], count: f64) -> Option<Self> {
        let mean = |i: usize| sums[i].map(|sum| sum / count);
        let mut middle = [0.0; 3];
        for i in 0..RIGID.len() {
            (0..3).for_each(|k| middle[k] += mean(i)[k] / RIGID.len() as f64);
        }
        // The first four are the corners of the eyes.
        let eye = |a: usize| [0, 1].map(|k| 0.5 * (mean(a)[k] + mean(a + 1)[k]) - middle[k]);
        let (left, right) = (eye(0), eye(2));
        let size = (right[0] - left[0]).hypot(right[1] - left[1]);
        let row = |i: usize| {
            let [x, y, z] = mean(i);
            let (x, y) = ((x - middle[0]) / size, (y - middle[1]) / size);
            // The mesh's z grows away from the camera.
            let depth = (middle[2] - z) / size;
            [x, y, 1.0, depth, depth * x, depth * y]
        };
        let rigid = std::array::from_fn(row);
        let mut normal = [[0.0; UNKNOWNS]; UNKNOWNS];
        for equation in rigid.iter().flat_map(equations) {
            for (i, sums) in normal.iter_mut().enumerate() {
                sums.iter_mut().zip(&equation).for_each(|(sum, value)| *sum += equation[i] * value);
            }
        }
        Some(Self {
            rigid,
            mouth: std::array::from_fn(|i| row(RIGID.len() + i)),
            eyes: (
                [0, 1].map(|k| 0.5 * (left[k] + right[k]) / size),
                [0, 1].map(|k| (right[k] - left[k]) / size),
            ),
            inverse: inverse(normal)?,
        })
    }

    fn motion(&self, landmarks: &Landmarks) -> Option<Motion> {
        // The eyes are laid on those of the reference, so that place, size and roll are as they were.
        let [left, right] = landmarks.eye_centres().map(wide);
        let way = [right[0] - left[0], right[1] - left[1]];
        let (middle, eyes) = self.eyes;
        let square = way[0] * way[0] + way[1] * way[1];
        let turn = [
            (eyes[0] * way[0] + eyes[1] * way[1]) / square,
            (eyes[1] * way[0] - eyes[0] * way[1]) / square,
        ];
        let laid = |index: usize| {
            let point = wide(landmarks.xy(index));
            let [x, y] = [0, 1].map(|k| point[k] - 0.5 * (left[k] + right[k]));
            [turn[0] * x - turn[1] * y + middle[0], turn[1] * x + turn[0] * y + middle[1]]
        };
        let mut right_side = [0.0; UNKNOWNS];
        for (row, index) in self.rigid.iter().zip(RIGID) {
            for (equation, place) in equations(row).iter().zip(laid(index)) {
                right_side.iter_mut().zip(equation).for_each(|(sum, value)| *sum += value * place);
            }
        }
        let found = self.inverse.map(|row| dot(&row, &right_side));
        let [a, b, _, c, d, _, vx, vy, _] = found;
        // The singular values of A are `sum` and `difference` of these.
        let (even, uneven) =
            ((0.5 * (a + d)).hypot(0.5 * (c - b)), (0.5 * (a - d)).hypot(0.5 * (b + c)));
        let largest = even + uneven;
        let shortness = ((even - uneven).abs() / largest).min(1.0);
        let mut square_sum = 0.0;
        for (row, index) in self.mouth.iter().zip(MOUTH) {
            for (equation, place) in equations(row).iter().zip(laid(index)) {
                square_sum += (dot(equation, &found) - place).powi(2);
            }
        }
        let motion = Motion {
            shorter: 1.0 - shortness,
            turn_degrees: shortness.acos().to_degrees(),
            parallax_degrees: (vx.hypot(vy) / largest).min(1.0).asin().to_degrees(),
            mouth: (square_sum / MOUTH.len() as f64).sqrt() / largest,
        };
        let known = [motion.shorter, motion.parallax_degrees, motion.mouth];
        known.iter().all(|value| value.is_finite()).then_some(motion)
    }
}

fn wide(point: Point2) -> Vector {
    [point.x.into(), point.y.into()]
}

/// The two equations of a landmark, for its x and its y: factors of A's first row and t's x, of the second and
/// t's y, of v and of k.
fn equations(&[x, y, one, depth, dx, dy]: &[f64; 6]) -> [[f64; UNKNOWNS]; 2] {
    [[x, y, one, 0.0, 0.0, 0.0, depth, 0.0, dx], [0.0, 0.0, 0.0, x, y, one, 0.0, depth, dy]]
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The inverse of a symmetric matrix by Gauss and Jordan with pivots; `None` when it has none worth the name.
fn inverse<const N: usize>(mut matrix: [[f64; N]; N]) -> Option<[[f64; N]; N]> {
    // Below this a pivot is rounding error: those of a face are some 0.1 and more.
    const SMALLEST_PIVOT: f64 = 1e-6;
    let mut inverse = [[0.0; N]; N];
    (0..N).for_each(|i| inverse[i][i] = 1.0);
    for column in 0..N {
        let pivot = (column..N)
            .max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()))?;
        let value = matrix[pivot][column];
        if !value.is_finite() || value.abs() < SMALLEST_PIVOT {
            return None;
        }
        matrix.swap(column, pivot);
        inverse.swap(column, pivot);
        for of in [&mut matrix, &mut inverse] {
            of[column].iter_mut().for_each(|entry| *entry /= value);
        }
        for row in (0..N).filter(|row| *row != column) {
            let factor = matrix[row][column];
            for of in [&mut matrix, &mut inverse] {
                let pivot_row = of[column];
                of[row]
                    .iter_mut()
                    .zip(pivot_row)
                    .for_each(|(entry, other)| *entry -= factor * other);
            }
        }
    }
    Some(inverse)
}

/// What lasted for a while of what the frames show.
#[derive(Default)]
struct Lasting {
    last_ms: Option<u64>,
    shorter: f64,
    parallax_degrees: f64,
}

impl Lasting {
    fn see(&mut self, motion: &Motion, now_ms: u64, limits: &policy::ShapeLimits) {
        let of_turn = |share: f64| share * motion.turn_degrees;
        let expression = EXPRESSION_SHARE * motion.mouth;
        let flat = motion.parallax_degrees < of_turn(PICTURE_SHARE);
        let shorter = if flat { (motion.shorter - expression).max(0.0) } else { 0.0 };
        let solid = motion.parallax_degrees >= of_turn(HEAD_SHARE);
        let parallax = if solid { motion.parallax_degrees } else { 0.0 };
        // A low pass; one frame, however long it stood, counts half at most.
        let lasting = limits.lasting_ms as f64;
        let passed = now_ms.saturating_sub(self.last_ms.unwrap_or(now_ms)) as f64;
        let weight = passed.min(lasting) / (passed.min(lasting) + lasting);
        self.shorter += weight * (shorter - self.shorter);
        self.parallax_degrees += weight * (parallax - self.parallax_degrees);
        self.last_ms = Some(now_ms);
    }
}

/// Whether anything in the face moved by itself while the whole of it moved.
struct Stillness {
    since_ms: u64,
    now_ms: u64,
    first_place: Point2,
    /// The farthest that the whole face was from its first place, in inter-eye distances.
    moved: f32,
    /// Least and largest lid distance over eye width, mean of both eyes.
    lids: [f32; 2],
    /// The farthest that the mouth was from a rigid face's.
    mouth: f32,
}

impl Stillness {
    fn new(face: &Face, now_ms: u64) -> Self {
        let first_place = Self::place(&face.landmarks);
        let lids = [f32::INFINITY, f32::NEG_INFINITY];
        Self { since_ms: now_ms, now_ms, first_place, moved: 0.0, lids, mouth: 0.0 }
    }

    fn place(landmarks: &Landmarks) -> Point2 {
        let [left, right] = landmarks.eye_centres();
        left.midpoint(right)
    }

    fn see(&mut self, face: &Face, mouth: f64, now_ms: u64) {
        self.now_ms = now_ms;
        let way = Self::place(&face.landmarks).distance(self.first_place);
        self.moved = self.moved.max(way / face.landmarks.inter_eye_distance());
        let aspect = face.raw.expression.eye_aspect_ratio;
        let lids = 0.5 * (aspect.image_left + aspect.image_right);
        self.lids = [self.lids[0].min(lids), self.lids[1].max(lids)];
        self.mouth = self.mouth.max(mouth as f32);
    }

    /// How still it was, 0 to 1.
    fn share(&self, limits: &policy::ShapeLimits) -> f32 {
        let alive = self.lids[1] - self.lids[0] >= limits.min_lid_motion
            || self.mouth >= limits.min_mouth_motion
            || self.moved < limits.min_whole_motion;
        let after = limits.still_after_ms as f32;
        let passed = self.now_ms.saturating_sub(self.since_ms) as f32;
        if alive { 0.0 } else { share_of(passed, after, 3.0 * after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveface_core::{LANDMARK_COUNT, Point3, Rect};
    use proptest::prelude::*;

    const LIMITS: fn() -> policy::ShapeLimits = policy::ShapeLimits::default;
    /// Milliseconds between two frames.
    const STEP_MS: u64 = 66;

    /// The canonical face's vertices, centimetres, y up and z out of the face; the irises, which it lacks, lie
    /// between the corners of the eyes.
    fn canonical() -> Vec<[f64; 3]> {
        let text = include_str!("../../../../models/canonical_face.toml");
        let (_, rows) = text.split_once("vertices = [").unwrap();
        let (rows, _) = rows.split_once("\n]").unwrap();
        let mut vertices: Vec<[f64; 3]> = rows
            .lines()
            .filter_map(|line| line.trim().strip_prefix('[')?.strip_suffix("],"))
            .map(|row| {
                let values: Vec<f64> = row.split(',').map(|v| v.trim().parse().unwrap()).collect();
                values.try_into().unwrap()
            })
            .collect();
        vertices.resize(LANDMARK_COUNT, [0.0, 3.0, 4.0]);
        vertices
    }

    /// A camera's picture of points, in pixels, after they were turned about their middle and moved away.
    fn project(points: &[[f64; 3]], [yaw, pitch, roll]: [f64; 3], distance: f64) -> Vec<[f64; 3]> {
        let turn = |a: f64, b: f64, degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            (a * cos - b * sin, a * sin + b * cos)
        };
        points
            .iter()
            .map(|&[x, y, z]| {
                let (x, y) = turn(x, y, -roll);
                let (z, y) = turn(z, y, pitch);
                let (z, x) = turn(z, x, yaw);
                let scale = 600.0 / (distance - z);
                [320.0 + scale * x, 240.0 - scale * y, -z * 600.0 / distance]
            })
            .collect()
    }

    fn face(points: &[[f64; 3]]) -> Face {
        let points = std::array::from_fn(|i| {
            let [x, y, z] = points[i];
            Point3::new(x as f32, y as f32, z as f32)
        });
        Face {
            track: 1,
            bounds: Rect::default(),
            detection_score: 1.0,
            presence: 1.0,
            landmarks: Landmarks::new(points),
            pose: Default::default(),
            expression: Default::default(),
            occlusion: Default::default(),
            raw: Default::default(),
            fitted: Default::default(),
        }
    }

    /// What is found of ten frames of the first points and ten of each of the others.
    fn found(pictures: &[Vec<[f64; 3]>]) -> Finding {
        let mut shape = Shape::default();
        let frames = pictures.iter().flat_map(|points| std::iter::repeat_n(points, 10));
        for (index, points) in frames.enumerate() {
            shape.see(&face(points), index as u64 * STEP_MS, &LIMITS());
        }
        shape.finding(&LIMITS())
    }

    /// The picture of a head as a print, 32 cm wide, whose middle is the picture's.
    fn print() -> Vec<[f64; 3]> {
        let seen = project(&canonical(), [0.0; 3], 45.0);
        seen.iter().map(|[x, y, _]| [(x - 320.0) / 20.0, (240.0 - y) / 20.0, 0.0]).collect()
    }

    /// The same with the depths that the mesh sees in any face.
    fn with_guessed_depths(mut picture: Vec<[f64; 3]>) -> Vec<[f64; 3]> {
        let guessed = project(&canonical(), [0.0; 3], 45.0);
        picture.iter_mut().zip(guessed).for_each(|(point, guess)| point[2] = guess[2]);
        picture
    }

    proptest! {
        #[test]
        fn a_head_that_turns_is_solid(
            start in (-8.0..8.0f64, -12.0..4.0f64, -15.0..15.0f64),
            turn in 18.0..40.0f64,
            towards in 0.0..std::f64::consts::TAU,
            distance in 35.0..70.0f64,
            // Not so near that it is a new start.
            nearer in 0.85..1.4f64,
        ) {
            let start = [start.0, start.1, start.2];
            let (up, aside) = towards.sin_cos();
            let end = [start[0] + turn * aside, start[1] + turn * up, start[2]];
            let (from, to) = (distance, distance * nearer);
            let finding = found(&[project(&canonical(), start, from), project(&canonical(), end, to)]);
            prop_assert!(finding.score.unwrap() > 0.6 && finding.reason.is_none(), "{:?}", finding);
        }

        #[test]
        fn a_print_that_turns_is_flat(
            start in (-8.0..8.0f64, -8.0..8.0f64, -15.0..15.0f64),
            turn in 32.0..55.0f64,
            towards in 0.0..std::f64::consts::TAU,
            distance in 25.0..40.0f64,
            // Not so near that it is a new start.
            nearer in 0.85..1.3f64,
        ) {
            let (up, aside) = towards.sin_cos();
            let seen = |turn: f64, distance| {
                let pose = [start.0 + turn * aside, start.1 + turn * up, start.2];
                with_guessed_depths(project(&print(), pose, distance))
            };
            // Away from the start, so that both together are no smaller a turn.
            let away = if start.0 * aside + start.1 * up < 0.0 { -turn } else { turn };
            let finding = found(&[seen(0.0, distance), seen(away, distance * nearer)]);
            prop_assert!(finding.score.unwrap() < 0.2, "{:?}", finding);
            prop_assert_eq!(finding.reason, Some(Reason::FlatPicture));
        }

        #[test]
        fn whatever_is_near_a_still_head_says_nothing(
            poses in prop::collection::vec((-7.0..7.0f64, -7.0..7.0f64, -25.0..25.0f64, 35.0..70.0f64), 2..8),
        ) {
            let seen: Vec<_> = poses
                .iter()
                .map(|&(yaw, pitch, roll, distance)| project(&canonical(), [yaw, pitch, roll], distance))
                .collect();
            let finding = found(&seen);
            prop_assert!(finding.score.unwrap() >= 0.5, "{:?}", finding);
        }

        #[test]
        fn no_landmarks_are_too_odd(
            values in prop::collection::vec(
                prop_oneof![
                    Just(f64::NAN), Just(f64::INFINITY), Just(0.0), Just(1e30), Just(-1e-30), -1e3..1e3f64,
                ],
                3 * LANDMARK_COUNT,
            ),
            on_a_line in any::<bool>(),
        ) {
            let points: Vec<[f64; 3]> = values
                .chunks_exact(3)
                .map(|v| if on_a_line { [v[0], v[0], v[0]] } else { [v[0], v[1], v[2]] })
                .collect();
            let good = project(&canonical(), [0.0; 3], 45.0);
            for pictures in [vec![points.clone()], vec![good, points.clone()], vec![points]] {
                let finding = found(&pictures);
                prop_assert!(finding.score.is_none_or(|score| (0.0..=1.0).contains(&score)), "{:?}", finding);
            }
        }
    }

    #[test]
    fn a_collapsed_mesh_is_no_evidence() {
        let collapsed = vec![[100.0; 3]; LANDMARK_COUNT];
        assert_eq!(found(&[collapsed]), Finding::unseen(EvidenceKind::Shape));
        let good = project(&canonical(), [0.0; 3], 45.0);
        let unknown = vec![[f64::NAN; 3]; LANDMARK_COUNT];
        let finding = found(&[good.clone(), unknown, good]);
        assert_eq!((finding.score, finding.reason), (Some(0.5), None));
    }

    #[test]
    fn one_odd_frame_is_no_turn() {
        let mut shape = Shape::default();
        let head = |yaw| face(&project(&canonical(), [yaw, 0.0, 0.0], 45.0));
        let turned = face(&with_guessed_depths(project(&print(), [30.0, 0.0, 0.0], 35.0)));
        for index in 0..30 {
            let seen = if index == 15 { &turned } else { &head(0.0) };
            shape.see(seen, index * STEP_MS, &LIMITS());
        }
        assert_eq!(shape.finding(&LIMITS()).score, Some(0.5));
    }

    #[test]
    fn what_never_moves_by_itself_while_it_is_moved_is_a_still_picture_in_time() {
        let limits = LIMITS();
        let see = |seconds: u64, swayed: f64, lids: f32| {
            let mut shape = Shape::default();
            for index in 0..seconds * 15 {
                let way = swayed * (index as f64 / 10.0).sin();
                let mut points = project(&canonical(), [0.0; 3], 45.0);
                points.iter_mut().for_each(|point| point[0] += way);
                let mut face = face(&points);
                let aspect = 0.3 - if index == 60 { lids } else { 0.0 };
                face.raw.expression.eye_aspect_ratio.image_left = aspect;
                face.raw.expression.eye_aspect_ratio.image_right = aspect;
                shape.see(&face, index * STEP_MS, &limits);
            }
            shape.finding(&limits)
        };
        let (soon, late) = (limits.still_after_ms / 1_000 - 2, limits.still_after_ms / 1_000 * 3);
        let still = see(late, 40.0, 0.0);
        assert_eq!(still.reason, Some(Reason::StillPicture));
        assert!(still.score.unwrap() < 0.4);
        // Too soon; a head that rests; a blink.
        for finding in [see(soon, 40.0, 0.0), see(late, 2.0, 0.0), see(late, 40.0, 0.2)] {
            assert_eq!((finding.score, finding.reason), (Some(0.5), None));
        }
    }
}
