//! The eyes: they blink, and move with the face around them.
//!
//! A person's eyes blink and look together. Eyes behind the holes of a print are a second face behind the first:
//! the holes cover now this one, now that one, more or less, and the irises wander in them as the print moves.
//! What the mesh takes for lids then opens and shuts apart from the other eye's, again and again, while the irises
//! move: how fast the difference of both eyes' openness changes, times how fast the irises move between the
//! corners. Measured, per second of each: a rendered cut-out 2.3; rendered heads, replays of them and seventeen
//! recordings of eleven people, who talk, look around and blink, at most 0.5.

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
        let known = [eyes.image_left, eyes.image_right, face.raw.pose.yaw_degrees];
        let visible = known.iter().all(|value| value.is_finite())
            && face.raw.pose.yaw_degrees.abs() <= limits.max_yaw_degrees
            && face.raw.occlusion.share <= limits.max_covered;
        if !visible {
            (self.blink, self.apart) = (Blink::default(), Apart::default());
            return;
        }
        self.seen = Some([self.seen.map_or(now_ms, |[first, _]| first), now_ms]);
        let (least, most) = (eyes.min(), eyes.image_left.max(eyes.image_right));
        self.blinks =
            self.blinks.saturating_add(u32::from(self.blink.see(least, most, now_ms, limits)));
        let Some(irises) = irises(&face.landmarks) else { return };
        let apart = self.apart.see(eyes.image_left - eyes.image_right, irises, now_ms, limits);
        self.most_apart = self.most_apart.max(apart);
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
        let seen_ms = last_ms - first_ms;
        if seen_ms < limits.min_seen_ms {
            return Finding::unseen(evidence);
        }
        if self.blinks > 0 {
            // Each further blink adds half as much.
            let gain = 1.0 - 0.5f32.powi(self.blinks.min(16) as i32);
            return says(0.5 + BLINK_GAIN * gain, None);
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
