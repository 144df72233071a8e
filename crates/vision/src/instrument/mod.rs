//! Presentation attack instruments: what the pixels say of paper or a screen that shows the face.

mod border;
mod following;
mod pattern;
mod small;

use std::time::Duration;

use liveface_core::{Face, Frame, Instrument, Point2, Timestamp, policy};

/// Looks for paper and screens around a face: in single pictures, and from frame to frame.
#[derive(Default)]
pub struct InstrumentWatch {
    last: Option<Look>,
    small: small::Small,
    border: border::Finder,
    following: following::Follower,
    pattern: pattern::Meter,
}

/// What a look is compared with the one before by: of another size or face nothing can be followed.
#[derive(Clone, Copy)]
struct Look {
    at: Timestamp,
    size: (u32, u32),
    track: u32,
}

impl InstrumentWatch {
    /// What `frame` shows around `face`, and how it moved since the last look; `None` when that was a moment
    /// ago.
    pub fn look(
        &mut self,
        frame: &Frame<'_>,
        face: &Face,
        limits: &policy::SurroundingsLimits,
        texture: &policy::TextureLimits,
    ) -> Option<Instrument> {
        let now = Look {
            at: frame.timestamp(),
            size: (frame.width(), frame.height()),
            track: face.track,
        };
        let since = self
            .last
            .filter(|last| last.size == now.size && last.track == now.track && last.at < now.at)
            .map(|last| now.at - last.at);
        if since.is_some_and(|since| since < Duration::from_millis(limits.look_every_ms)) {
            return None;
        }
        if since.is_none_or(|since| since > Duration::from_millis(limits.max_gap_ms())) {
            self.forget();
        }
        self.last = Some(now);
        let seen = self.see(frame, face, texture);
        Some(Instrument { following: self.following.follow(&mut self.small, face), ..seen })
    }

    /// What a single picture shows around `face`. What was looked at before is forgotten.
    pub fn still(
        &mut self,
        frame: &Frame<'_>,
        face: &Face,
        texture: &policy::TextureLimits,
    ) -> Instrument {
        self.forget();
        self.see(frame, face, texture)
    }

    fn forget(&mut self) {
        self.last = None;
        self.border.forget();
        self.following.forget();
    }

    fn see(
        &mut self,
        frame: &Frame<'_>,
        face: &Face,
        texture: &policy::TextureLimits,
    ) -> Instrument {
        self.small.read(frame);
        Instrument {
            border: self.border.find(&self.small, face),
            following: None,
            pattern: self.pattern.strength(frame, face, texture),
        }
    }
}

/// Points of the mesh that lie on bone and hardly move with what the face shows: corners of the eyes, root of the
/// nose, temples.
const RIGID: [usize; 8] = [33, 133, 362, 263, 168, 6, 127, 356];

/// Where they are.
fn rigid(face: &Face) -> [Point2; RIGID.len()] {
    RIGID.map(|index| face.landmarks.xy(index))
}

#[cfg(test)]
mod tests {
    use liveface_core::{
        Expression, LANDMARK_COUNT, Landmarks, Measured, Occlusion, Point3, Pose, Rect,
    };
    use proptest::prelude::*;

    use super::*;

    /// A face of which only the mesh and the box are known: an ellipse in `bounds`.
    fn face(bounds: Rect) -> Face {
        let points = std::array::from_fn(|i| {
            let (angle, reach) = (i as f32 * 2.4, (i as f32 / LANDMARK_COUNT as f32).sqrt() * 0.5);
            let (sin, cos) = angle.sin_cos();
            let (x, y) = (0.5 + reach * cos, 0.5 + reach * sin);
            Point3::new(bounds.x + x * bounds.width, bounds.y + y * bounds.height, 0.0)
        });
        Face {
            track: 0,
            bounds,
            detection_score: 1.0,
            presence: 1.0,
            landmarks: Landmarks::new(points),
            pose: Pose::default(),
            expression: Expression::default(),
            occlusion: Occlusion::default(),
            raw: Measured::default(),
            fitted: Measured::default(),
        }
    }

    /// A picture from its levels.
    fn paint(width: u32, height: u32, level: impl Fn(f32, f32) -> f32) -> Vec<u8> {
        (0..width * height)
            .flat_map(|i| {
                [level((i % width) as f32, (i / width) as f32).clamp(0.0, 255.0) as u8; 3]
            })
            .collect()
    }

    /// Uneven blotches, the same at the same place.
    fn blotches(x: f32, y: f32) -> f32 {
        40.0 * ((x * 0.11).sin() * (y * 0.13).cos()
            + (x * 0.071 - y * 0.053).sin()
            + (y * 0.09 + x * 0.03).cos())
    }

    const FACE: Rect = Rect::new(250.0, 170.0, 130.0, 160.0);

    fn frame(data: &[u8], ms: u64) -> Frame<'_> {
        Frame::rgb(640, 480, data, Timestamp::from_millis(ms)).expect("a picture")
    }

    fn pattern(data: &[u8], bounds: Rect) -> Option<f32> {
        let limits = policy::TextureLimits::default();
        InstrumentWatch::default().still(&frame(data, 0), &face(bounds), &limits).pattern
    }

    #[test]
    fn a_face_before_slanted_stripes_is_no_screen_however_small() {
        let stripes = |x: f32, y: f32| 128.0 + 50.0 * (0.9 * x + 0.5 * y).sin();
        for width in (24..=240u8).step_by(12).map(f32::from) {
            let bounds = Rect::new(320.0 - 0.5 * width, 240.0 - 0.6 * width, width, 1.2 * width);
            let person = paint(640, 480, |x, y| {
                let (u, v) = ((x - 320.0) / (0.5 * width), (y - 240.0) / (0.6 * width));
                // Chin, neck and hair are wider than the face's oval at its ends.
                if u * u + v * v * v * v < 1.0 {
                    150.0 + 0.3 * blotches(x, y)
                } else {
                    stripes(x, y)
                }
            });
            let screen = paint(640, 480, |x, y| stripes(x, y) + 0.3 * blotches(x, y));
            let limits = policy::TextureLimits::default();
            let is_large = width >= limits.min_face_tiles * 64.0;
            let (person, screen) = (pattern(&person, bounds), pattern(&screen, bounds));
            assert_eq!((person.is_some(), screen.is_some()), (is_large, is_large), "{width}");
            if let Some((person, screen)) = person.zip(screen) {
                assert!(person < limits.unclear_pattern, "{width}: {person}");
                assert!(screen > limits.attack_pattern, "{width}: {screen}");
            }
        }
    }

    #[test]
    fn one_place_does_not_count_as_several() {
        // Everything around the face is moved to the same few places of a small picture.
        for (width, is_room) in [(120, false), (200, true)] {
            let data = paint(width, 130, |x, y| 128.0 + 50.0 * (0.9 * x + 0.5 * y).sin());
            let frame = Frame::rgb(width, 130, &data, Timestamp::ZERO).expect("a picture");
            let limits = policy::TextureLimits::default();
            let bounds = Rect::new(10.0, 10.0, 100.0, 110.0);
            let seen = InstrumentWatch::default().still(&frame, &face(bounds), &limits).pattern;
            assert_eq!(seen.is_some(), is_room, "{width}: {seen:?}");
            assert!(seen.is_none_or(|strength| strength > limits.attack_pattern), "{seen:?}");
        }
    }

    #[test]
    fn a_pattern_over_the_picture_is_seen_and_blocks_and_smooth_waves_are_not() {
        let strength = |level: &dyn Fn(f32, f32) -> f32| {
            let data = paint(640, 480, level);
            pattern(&data, FACE).expect("tiles")
        };
        let fringes = |x: f32, y: f32| 128.0 + blotches(x, y) + 12.0 * (0.9 * x + 0.5 * y).sin();
        assert!(strength(&fringes) > 20.0);
        assert!(strength(&|x, y| 128.0 + blotches(x, y)) < 3.0);
        // JPEG's blocks: a level of its own in every eighth pixel's square.
        let blocks = |x: f32, y: f32| {
            let block = (x / 8.0) as u32 * 97 + (y / 8.0) as u32;
            100.0 + 0.2 * f32::from(block.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        };
        assert!(strength(&blocks) < 3.0);
        // Stripes behind the person only.
        let wall = |x: f32, y: f32| if x > 400.0 { fringes(x, y) } else { 128.0 + blotches(x, y) };
        assert!(strength(&wall) < 3.0);
    }

    /// A sheet with a dark border that moves and grows, and the face with it; the last two of three looks.
    fn held(own: f32) -> Instrument {
        let mut watch = InstrumentWatch::default();
        let limits = policy::SurroundingsLimits::default();
        let mut seen = Instrument::default();
        for look in 0..3u64 {
            let by = look as f32;
            let (grow, x0, y0) = (1.0 + 0.02 * by, 9.0 * by, -4.0 * by);
            // From the picture to the sheet, whose middle is the picture's.
            let sheet = |x: f32, y: f32| ((x - 320.0 - x0) / grow, (y - 240.0 - y0) / grow);
            let data = paint(640, 480, |x, y| {
                let (u, v) = sheet(x, y);
                let on_face = (u + 5.0).abs() < 55.0 && (v - 10.0).abs() < 70.0;
                let aside = if on_face { own * by } else { 0.0 };
                match u.abs().max(v.abs() * 1.3) {
                    edge if edge < 240.0 => 150.0 + 0.8 * blotches(u - aside, v),
                    edge if edge < 265.0 => 20.0,
                    _ => 120.0,
                }
            });
            let middle = FACE.centre();
            let (width, height) = (FACE.width * grow, FACE.height * grow);
            let at = (
                320.0 + x0 + (middle.x - 320.0) * grow + own * by,
                240.0 + y0 + (middle.y - 240.0) * grow,
            );
            let bounds = Rect::new(at.0 - width * 0.5, at.1 - height * 0.5, width, height);
            let looked = watch.look(
                &frame(&data, look * 200),
                &face(bounds),
                &limits,
                &policy::TextureLimits::default(),
            );
            seen = looked.expect("a look is due");
        }
        seen
    }

    #[test]
    fn a_sheet_carries_the_face_that_is_on_it() {
        let seen = held(0.0);
        let border = seen.border.expect("a border");
        assert!(border.strength > 0.9 && border.sides == 4, "{border:?}");
        for motion in
            [border.motion.expect("two borders"), seen.following.expect("blotches").motion]
        {
            assert!(motion.own < 1.0, "{motion:?}");
            assert!(
                (motion.carried.x - 9.0).abs() < 1.5 && (motion.carried.y + 4.0).abs() < 1.5,
                "{motion:?}"
            );
            assert!((motion.carried_growth - 0.0195).abs() < 0.004, "{motion:?}");
            assert!((motion.face_growth - 0.0195).abs() < 0.008, "{motion:?}");
        }
    }

    #[test]
    fn a_face_that_moves_before_it_is_told_apart() {
        let seen = held(6.0);
        for motion in [
            seen.border.and_then(|border| border.motion).expect("two borders"),
            seen.following.expect("blotches").motion,
        ] {
            assert!((motion.own - 6.0).abs() < 1.5, "{motion:?}");
        }
    }

    #[test]
    fn what_changes_slowly_is_followed_all_the_way() {
        for period in [120.0, 160.0, 200.0] {
            let wave = |x: f32| (x * std::f32::consts::TAU / period).sin();
            let slow = |x: f32, y: f32| {
                128.0 + 60.0 * wave(x) * wave(y + 30.0) + 50.0 * wave(0.8 * x - 0.6 * y)
            };
            let limits = policy::SurroundingsLimits::default();
            let mut watch = InstrumentWatch::default();
            let mut look = |number: u64| {
                let (x0, y0) = (9.0 * number as f32, -4.0 * number as f32);
                let data = paint(640, 480, |x, y| slow(x - x0, y - y0));
                // The mesh stands still, so that it does not tell where the patches have gone.
                watch.look(
                    &frame(&data, number * 200),
                    &face(FACE),
                    &limits,
                    &policy::TextureLimits::default(),
                )
            };
            look(0);
            let seen = look(1).expect("a look is due").following.expect("slow waves");
            let motion = seen.motion;
            let off = motion.carried.distance(Point2::new(9.0, -4.0));
            assert!(off < 0.1 * 9.0f32.hypot(4.0), "{period}: {motion:?}");
            assert!(motion.own < 0.1 * 9.0f32.hypot(4.0), "{period}: {motion:?}");
        }
    }

    #[test]
    fn looks_are_compared_with_their_neighbours_only() {
        let limits = policy::SurroundingsLimits::default();
        let draw = |width| {
            paint(width, 480, |x, y| match (x - 320.0).abs().max((y - 240.0).abs() * 1.3) {
                edge if edge < 240.0 => 150.0 + 0.8 * blotches(x, y),
                edge if edge < 265.0 => 20.0,
                _ => 120.0,
            })
        };
        let every = limits.look_every_ms;
        for (what, at, track, width, compared) in [
            ("a neighbour", 5_000 + every, 1, 640, true),
            ("the last that is near enough", 5_000 + limits.max_gap_ms(), 1, 640, true),
            ("a gap", 5_001 + limits.max_gap_ms(), 1, 640, false),
            ("time goes back", 4_900, 1, 640, false),
            ("somebody else", 5_000 + every, 2, 640, false),
            ("somebody else at once", 5_001, 2, 640, false),
            ("another size", 5_000 + every, 1, 642, false),
        ] {
            let mut watch = InstrumentWatch::default();
            let mut look = |at, track, width| {
                let data = draw(width);
                let frame = Frame::rgb(width, 480, &data, Timestamp::from_millis(at));
                let face = Face { track, ..face(FACE) };
                let texture = policy::TextureLimits::default();
                watch.look(&frame.expect("a picture"), &face, &limits, &texture)
            };
            look(5_000, 1, 640);
            let seen = look(at, track, width).expect("a look is due");
            let motion = seen.border.expect("a border").motion;
            assert_eq!(
                (motion.is_some(), seen.following.is_some()),
                (compared, compared),
                "{what}"
            );
        }
    }

    #[test]
    fn a_blank_wall_says_nothing() {
        let data = paint(640, 480, |_, _| 180.0);
        let limits = policy::SurroundingsLimits::default();
        let mut watch = InstrumentWatch::default();
        assert!(
            watch
                .look(&frame(&data, 0), &face(FACE), &limits, &policy::TextureLimits::default())
                .is_some()
        );
        assert_eq!(
            watch.look(&frame(&data, 100), &face(FACE), &limits, &policy::TextureLimits::default()),
            None,
            "too soon"
        );
        let seen = watch
            .look(&frame(&data, 200), &face(FACE), &limits, &policy::TextureLimits::default())
            .expect("a look is due");
        assert_eq!((seen.border, seen.following), (None, None));
        assert!(seen.pattern.is_some_and(|strength| strength < 0.01), "{seen:?}");
    }

    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![6 => -300.0..900.0f32, 1 => any::<f32>(), 1 => Just(f32::NAN), 1 => Just(0.0f32)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_panics(
            sizes in prop::collection::vec((1..300u32, 1..300u32), 1..3),
            boxes in prop::collection::vec(prop::array::uniform4(number()), 4),
            noise in any::<u32>(),
        ) {
            let mut watch = InstrumentWatch::default();
            let limits = policy::SurroundingsLimits::default();
            for (look, [x, y, width, height]) in boxes.into_iter().enumerate() {
                let (w, h) = sizes[look % sizes.len()];
                let data: Vec<u8> = (0..w * h * 3)
                    .map(|i| (i ^ noise).wrapping_mul(2_654_435_761).to_le_bytes()[3])
                    .collect();
                let at = Timestamp::from_millis(look as u64 * 200);
                let frame = Frame::rgb(w, h, &data, at).expect("a picture");
                let seen = watch.look(&frame, &face(Rect::new(x, y, width, height)), &limits, &policy::TextureLimits::default());
                let seen = seen.expect("a look is due");
                prop_assert_eq!(seen.pattern.is_some_and(f32::is_nan), false);
                prop_assert!(seen.border.is_none_or(|border| (0.0..=1.0).contains(&border.strength)));
            }
        }
    }
}
