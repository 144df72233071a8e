//! The eyes: they blink, and move with the face around them.
//!
//! A person's eyes blink and look together. Eyes behind the holes of a print are a second face behind the first:
//! the holes cover now this one, now that one, more or less, and the irises wander in them as the print moves.
//! What the mesh takes for lids then opens and shuts apart from the other eye's, again and again, while the irises
//! move: how fast the difference of both eyes' openness changes, times how fast the irises move between the
//! corners. Measured, per second of each: a rendered cut-out 2.6; rendered heads, replays of them and nineteen
//! recordings of fourteen people, who talk, look around and blink, at most 0.5. One of them covers the face with a
//! hand, and reaches 2.5 then: such frames do not count.

use liveface_core::{EvidenceKind, Face, Finding, Landmarks, Reason, landmark, policy};

use super::shape::share_of;

/// How far blinks make the score rise, however many: those of a replayed recording are as good.
const BLINK_GAIN: f32 = 0.3;
/// How far the score falls when none comes for very long: some people hardly blink at a screen.
const STARE_LOSS: f32 = 0.08;

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Eyes {
    track: Option<u32>,
    blinks: u32,
    blink: Blink,
    apart: Apart,
    /// The most that both eyes ever moved apart.
    most_apart: f32,
    seen: Option<[u64; 2]>,
}

impl Eyes {
    /// Takes in a frame.
    pub(crate) fn see(&mut self, face: &Face, now_ms: u64, limits: &policy::EyesLimits) {
        if self.track != Some(face.track) {
            (self.track, self.blink, self.apart) =
                (Some(face.track), Blink::default(), Apart::default());
        }
        let eyes = face.fitted.expression.eye_openness;
        let yaw = face.raw.pose.yaw_degrees.abs();
        // Whatever is not a number fails these.
        let (least, most) =
            (eyes.image_left.min(eyes.image_right), eyes.image_left.max(eyes.image_right));
        let visible = yaw <= limits.max_yaw_degrees && eyes.image_left + eyes.image_right >= 0.0;
        if !visible {
            (self.blink, self.apart) = (Blink::default(), Apart::default());
            return;
        }
        self.seen = Some([self.seen.map_or(now_ms, |[first, _]| first), now_ms]);
        self.blinks =
            self.blinks.saturating_add(u32::from(self.blink.see(least, most, now_ms, limits)));
        // An eye that is shut may look covered: that does not matter to a blink.
        let irises =
            irises(&face.landmarks).filter(|_| face.raw.occlusion.share <= limits.max_covered);
        let Some(irises) = irises else {
            self.apart = Apart::default();
            return;
        };
        let apart = self.apart.see(eyes.image_left - eyes.image_right, irises, now_ms, limits);
        self.most_apart = self.most_apart.max(apart);
    }

    /// Forgets the blinks.
    pub(crate) const fn forget_life(&mut self) {
        (self.blinks, self.seen) = (0, None);
    }

    /// What was found so far.
    pub(crate) fn finding(&self, limits: &policy::EyesLimits) -> Finding {
        let evidence = EvidenceKind::Eyes;
        let Some([first_ms, last_ms]) = self.seen else { return Finding::unseen(evidence) };
        let says = |score, reason| Finding { evidence, score: Some(score), reason };
        let cut_out = share_of(self.most_apart, limits.apart_from, limits.apart_at);
        if cut_out > 0.0 {
            return says(0.5 - 0.5 * cut_out, Some(Reason::CutOutEyes));
        }
        let seen_ms = last_ms.saturating_sub(first_ms);
        if self.blinks > 0 {
            // Each further blink adds half as much.
            let gain = 1.0 - 0.5f32.powi(self.blinks.min(16) as i32);
            return says(0.5 + BLINK_GAIN * gain, None);
        }
        if seen_ms < limits.min_seen_ms {
            return Finding::unseen(evidence);
        }
        let expected = limits.blink_expected_ms as f32;
        says(0.5 - STARE_LOSS * share_of(seen_ms as f32, expected, 3.0 * expected), None)
    }
}

/// Waits for a blink: both eyes open, both shut, both open again, soon.
#[derive(Default)]
struct Blink {
    open_ms: Option<u64>,
    shut: bool,
}

impl Blink {
    /// Whether a blink ends with an eye open by `least` and the other by `most`.
    fn see(&mut self, least: f32, most: f32, now_ms: u64, limits: &policy::EyesLimits) -> bool {
        if most < limits.shut_below {
            self.shut = self.open_ms.is_some();
        }
        if least < limits.open_from {
            return false;
        }
        let took_ms = self.open_ms.map_or(0, |open_ms| now_ms.saturating_sub(open_ms));
        let (was_shut, allowed) = (self.shut, limits.min_blink_ms..=limits.max_blink_ms);
        *self = Self { open_ms: Some(now_ms), shut: false };
        was_shut && allowed.contains(&took_ms)
    }
}

/// How fast the eyes open and shut apart from one another, and how fast their irises move: sums of the steps
/// that fade.
#[derive(Default)]
struct Apart {
    last: Option<(u64, f32, f32)>,
    difference: f32,
    irises: f32,
}

impl Apart {
    /// The product of both, each per second.
    fn see(
        &mut self,
        difference: f32,
        irises: f32,
        now_ms: u64,
        limits: &policy::EyesLimits,
    ) -> f32 {
        let Some((last_ms, last_difference, last_irises)) = self.last else {
            self.last = Some((now_ms, difference, irises));
            return 0.0;
        };
        let passed_ms = now_ms.saturating_sub(last_ms);
        if passed_ms >= limits.step_ms {
            let fading = limits.fading_ms as f32;
            let kept = (-(passed_ms as f32) / fading).exp();
            self.difference = kept * self.difference + (difference - last_difference).abs();
            self.irises = kept * self.irises + (irises - last_irises).abs();
            self.last = Some((now_ms, difference, irises));
        }
        let per_second = 1_000.0 / limits.fading_ms as f32;
        self.difference * per_second * self.irises * per_second
    }
}

/// Where the irises are between the corners of their eyes, mean of both, in eye widths.
fn irises(landmarks: &Landmarks) -> Option<f32> {
    let place = |[a, b]: [usize; 2], iris: usize| {
        let [a, b, iris] = [a, b, iris].map(|i| landmarks.xy(i));
        let (x, y) = (b.x - a.x, b.y - a.y);
        ((iris.x - a.x) * x + (iris.y - a.y) * y) / (x * x + y * y)
    };
    let [left, right] = landmark::IRIS_CENTRES;
    let mean =
        0.5 * (place(landmark::EYE_IMAGE_LEFT, left) + place(landmark::EYE_IMAGE_RIGHT, right));
    mean.is_finite().then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveface_core::{EyeOpenness, LANDMARK_COUNT, Measured, Point3, Rect};
    use proptest::prelude::*;

    const STEP_MS: u64 = 66;

    /// A face with eyes open by these, whose irises are shifted by this share of an eye's width.
    fn face([image_left, image_right]: [f32; 2], shift: f32) -> Face {
        let mut points = [Point3::default(); LANDMARK_COUNT];
        let eyes = [landmark::EYE_IMAGE_LEFT, landmark::EYE_IMAGE_RIGHT];
        for (x, ([a, b], iris)) in
            [200.0, 300.0].into_iter().zip(eyes.into_iter().zip(landmark::IRIS_CENTRES))
        {
            points[a].x = x;
            points[b].x = x + 40.0;
            points[iris].x = x + 20.0 + 40.0 * shift;
        }
        let mut fitted = Measured::default();
        fitted.expression.eye_openness = EyeOpenness { image_left, image_right };
        Face {
            track: 1,
            bounds: Rect::default(),
            detection_score: 1.0,
            presence: 1.0,
            landmarks: Landmarks::new(points),
            pose: Default::default(),
            expression: fitted.expression,
            occlusion: Default::default(),
            raw: fitted,
            fitted,
        }
    }

    fn found(frames: impl IntoIterator<Item = ([f32; 2], f32)>, step_ms: u64) -> Finding {
        let (mut eyes, limits) = (Eyes::default(), policy::EyesLimits::default());
        for (index, (openness, shift)) in frames.into_iter().enumerate() {
            eyes.see(&face(openness, shift), index as u64 * step_ms, &limits);
        }
        eyes.finding(&limits)
    }

    /// Two seconds of open eyes, with these frames in the middle.
    fn with(frames: &[[f32; 2]], step_ms: u64) -> Finding {
        let open = || std::iter::repeat_n([0.95, 0.95], (1_000 / step_ms) as usize);
        found(open().chain(frames.iter().copied()).chain(open()).map(|eyes| (eyes, 0.0)), step_ms)
    }

    #[test]
    fn blinks_speak_for_life_and_nothing_else_does() {
        let blink = [[0.5, 0.6], [0.1, 0.2], [0.55, 0.5]];
        for step_ms in [33, 66] {
            let one = with(&blink, step_ms);
            assert!(one.score.unwrap() > 0.6 && one.reason.is_none(), "{one:?}");
        }
        let two = with(&[blink.as_slice(), &[[0.9; 2]; 5], &blink].concat(), STEP_MS);
        assert!(two.score > with(&blink, STEP_MS).score);
        let wink: &[[f32; 2]] = &[[0.5, 0.9], [0.1, 0.9], [0.55, 0.9]];
        let (nap, frame): (&[_], &[_]) = (&[[0.1, 0.1]; 20], &[[0.1, 0.1]]);
        for (frames, step_ms) in [(wink, STEP_MS), (nap, STEP_MS), (frame, 25), (&[], STEP_MS)] {
            assert_eq!(with(frames, step_ms).score, Some(0.5), "{frames:?}");
        }
    }

    #[test]
    fn no_blink_for_very_long_says_a_little_and_a_moment_nothing() {
        let stare = |frames| found(std::iter::repeat_n(([0.9, 0.9], 0.0), frames), STEP_MS);
        assert_eq!(stare(5), Finding::unseen(EvidenceKind::Eyes));
        assert_eq!(stare(100).score, Some(0.5));
        let long = stare(1_000);
        assert!(
            long.score.is_some_and(|score| (0.4..0.45).contains(&score)) && long.reason.is_none()
        );
    }

    #[test]
    fn eyes_that_open_apart_while_their_irises_wander_are_cut_out() {
        let frames = |apart: f32, wandering: f32| {
            (0..20).map(move |i| {
                let odd = (i % 3 == 0) as u8 as f32;
                ([0.9 - apart * odd, 0.9 - 0.1 * odd], wandering * (i as f32 * 0.9).sin())
            })
        };
        let cut_out = found(frames(0.6, 0.15), STEP_MS);
        assert_eq!(cut_out.reason, Some(Reason::CutOutEyes));
        assert!(cut_out.score.unwrap() < 0.2);
        // One of both alone: an eye that twitches, a glance to and fro.
        for (apart, wandering) in [(0.6, 0.0), (0.1, 0.15)] {
            let finding = found(frames(apart, wandering), STEP_MS);
            assert!(finding.score.unwrap() >= 0.5 && finding.reason.is_none(), "{finding:?}");
        }
    }

    proptest! {
        #[test]
        fn no_eyes_are_too_odd(
            frames in prop::collection::vec(
                (prop::array::uniform2(any::<f32>()), any::<f32>(), any::<f32>(), any::<f32>(), 0..100_000u64), 1..40,
            ),
        ) {
            let (mut eyes, limits) = (Eyes::default(), policy::EyesLimits::default());
            for (openness, shift, yaw, covered, now_ms) in frames {
                let mut face = face(openness, shift);
                (face.raw.pose.yaw_degrees, face.raw.occlusion.share) = (yaw % 30.0, covered % 1.0);
                eyes.see(&face, now_ms, &limits);
                let score = eyes.finding(&limits).score;
                prop_assert!(score.is_none_or(|score| (0.0..=1.0).contains(&score)), "{:?}", score);
            }
        }
    }
}
