//! What a face shows, measured against the person's own neutral face.
//!
//! Eyes open differently wide, and some mouths turn up at rest. While the head is frontal and the
//! mouth shut, the widest that each eye keeps open and the least that the mouth smiles over the last
//! seconds are taken for the person's own, within the policy's bounds: whoever starts with shut
//! eyes or a smile cannot make shut eyes open ones, nor a broad smile a neutral face.

use std::time::Duration;

use liveface_core::{Expression, EyeOpenness, Measured, Timestamp, policy};

use crate::expression::{OPENNESS, SMILE};

/// Frames that are remembered, spread evenly over the window.
const SLOTS: usize = 32;
/// Rank of the eye aspect that counts as open: above blinks and the mesh's noise.
const OPEN_RANK: f32 = 0.75;
/// Rank of the smile ratio that counts as neutral: below what talking and smiling add.
const NEUTRAL_RANK: f32 = 0.25;
/// Open eye aspect that [`OPENNESS`] is made for. Measured: 0.26 to 0.32 on rendered faces, 0.20 to
/// 0.40 on photos.
const TYPICAL_OPEN_EYE: f32 = 0.28;
/// Neutral smile ratio that [`SMILE`] is made for. Measured: 0.50 to 0.67 on rendered faces.
const TYPICAL_NEUTRAL_SMILE: f32 = 0.60;

/// Follows one person's neutral face along a track. It holds its memory inline.
#[derive(Clone)]
pub(crate) struct Calibration {
    limits: policy::Calibration,
    /// When a frame was remembered last.
    last: Option<Timestamp>,
    /// Frames remembered since the track began, and so which slot comes next.
    count: usize,
    open_eyes: [Own; 2],
    neutral_smile: Own,
}

impl Calibration {
    /// A calibration of a person of whom nothing is known yet.
    pub(crate) fn new(limits: &policy::Calibration) -> Self {
        let open_eye = Own::new(TYPICAL_OPEN_EYE);
        Self {
            limits: limits.clone(),
            last: None,
            count: 0,
            open_eyes: [open_eye.clone(), open_eye],
            neutral_smile: Own::new(TYPICAL_NEUTRAL_SMILE),
        }
    }

    /// Learns from what the frame `at` measured, and says what the face shows by the person's own
    /// measure. Time that stands still or runs back teaches nothing.
    pub(crate) fn apply(&mut self, measured: &Measured, at: Timestamp) -> Expression {
        let raw = &measured.expression;
        let eyes = [raw.eye_openness.image_left, raw.eye_openness.image_right]
            .map(|openness| OPENNESS.ratio(openness));
        let apart = Duration::from_millis(self.limits.window_ms) / SLOTS as u32;
        let due = self.last.is_none_or(|last| at.saturating_sub(last) >= apart && at > last);
        if due && self.is_neutral(measured) {
            self.learn(eyes, raw.smile_ratio);
            self.last = Some(at);
        }
        let [image_left, image_right] =
            [0, 1].map(|eye| OPENNESS.of(eyes[eye] * TYPICAL_OPEN_EYE / self.open_eyes[eye].value));
        let smile = raw.smile_ratio - self.neutral_smile.value + TYPICAL_NEUTRAL_SMILE;
        Expression {
            eye_openness: EyeOpenness { image_left, image_right },
            smile: SMILE.of(smile),
            ..*raw
        }
    }

    /// Whether the frame can show the neutral face. Eyes are presumed open: blinks are few.
    fn is_neutral(&self, measured: &Measured) -> bool {
        let (pose, raw, limits) = (&measured.pose, &measured.expression, &self.limits);
        let eyes = raw.eye_openness;
        pose.yaw_degrees.abs() <= limits.max_yaw_degrees
            && pose.pitch_degrees.abs() <= limits.max_pitch_degrees
            && raw.mouth_open <= limits.max_mouth_open
            && raw.smile <= limits.max_smile
            && (eyes.image_left + eyes.image_right).is_finite()
    }

    fn learn(&mut self, eyes: [f32; 2], smile_ratio: f32) {
        let limits = &self.limits;
        let slot = self.count % SLOTS;
        self.count += 1;
        // Trust grows with the neutral time seen, so that nothing jumps.
        let seen_ms = self.count as u64 * limits.window_ms / SLOTS as u64;
        let trust = (seen_ms as f32 / limits.trusted_after_ms as f32).min(1.0);
        let open = [limits.min_open_eye_aspect, limits.max_open_eye_aspect];
        for (own, aspect) in self.open_eyes.iter_mut().zip(eyes) {
            own.learn(slot, aspect, OPEN_RANK, open, trust);
        }
        let neutral = [limits.min_neutral_smile_ratio, limits.max_neutral_smile_ratio];
        self.neutral_smile.learn(slot, smile_ratio, NEUTRAL_RANK, neutral, trust);
    }
}

/// One measure of a person's own: a rank of what was remembered, within bounds.
#[derive(Clone)]
struct Own {
    typical: f32,
    value: f32,
    remembered: [f32; SLOTS],
    filled: usize,
}

impl Own {
    fn new(typical: f32) -> Self {
        Self { typical, value: typical, remembered: [0.0; SLOTS], filled: 0 }
    }

    fn learn(&mut self, slot: usize, measured: f32, rank: f32, [low, high]: [f32; 2], trust: f32) {
        self.remembered[slot] = measured;
        self.filled = self.filled.max(slot + 1);
        let mut sorted = self.remembered;
        let sorted = &mut sorted[..self.filled];
        let at = ((self.filled - 1) as f32 * rank + 0.5) as usize;
        let (_, own, _) = sorted.select_nth_unstable_by(at, f32::total_cmp);
        self.value = self.typical + trust * (own.clamp(low, high) - self.typical);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveface_core::Pose;

    /// A frontal frame with both eyes open to `aspect` and a mouth of `smile_ratio`.
    fn measured(aspect: f32, smile_ratio: f32) -> Measured {
        let openness = OPENNESS.of(aspect);
        Measured {
            pose: Pose { pitch_degrees: -7.0, ..Pose::default() },
            expression: Expression {
                eye_openness: EyeOpenness { image_left: openness, image_right: openness },
                smile_ratio,
                smile: SMILE.of(smile_ratio),
                ..Expression::default()
            },
            ..Measured::default()
        }
    }

    /// What `aspect` and `smile_ratio` mean after `seconds` of another face at `fps`.
    fn after(
        seconds: u64,
        fps: u64,
        seen: impl Fn(u64) -> Measured,
        aspect: f32,
        smile_ratio: f32,
    ) -> Expression {
        let mut calibration = Calibration::new(&policy::Calibration::default());
        let frames = seconds * fps;
        for frame in 0..frames {
            calibration.apply(&seen(frame), Timestamp::from_millis(frame * 1000 / fps));
        }
        let at = Timestamp::from_millis(frames * 1000 / fps);
        calibration.apply(&measured(aspect, smile_ratio), at)
    }

    #[test]
    fn the_first_frame_is_taken_nearly_as_it_is() {
        for (aspect, smile_ratio) in [(0.05, 0.5), (0.2, 0.6), (0.3, 0.9)] {
            let seen = measured(aspect, smile_ratio);
            let given = after(0, 15, |_| seen, aspect, smile_ratio);
            let raw = seen.expression;
            assert!((given.eye_openness.min() - raw.eye_openness.min()).abs() < 0.05);
            assert!((given.smile - raw.smile).abs() < 0.05);
        }
    }

    #[test]
    fn narrow_and_wide_eyes_come_to_count_alike() {
        let limit = policy::ExpressionLimits::default().min_eye_openness;
        let open = |own: f32| after(4, 15, |_| measured(own, 0.6), own, 0.6).eye_openness.min();
        assert!((open(0.21) - open(0.36)).abs() < 0.02);
        // Half shut is half shut for both, though the wide eye's half is the narrow eye's whole.
        let half = |own: f32| {
            after(4, 15, |_| measured(own, 0.6), own * 0.4, 0.6).eye_openness.image_right
        };
        assert!(half(0.21) < limit && half(0.36) < limit);
        assert!((half(0.21) - half(0.36)).abs() < 0.02);
        // Blinks do not make the eye a narrow one.
        let blinking = |frame| measured(if frame % 15 < 3 { 0.05 } else { 0.36 }, 0.6);
        let given = after(4, 15, blinking, 0.36, 0.6).eye_openness.min();
        assert!((given - open(0.36)).abs() < 0.02, "{given}");
    }

    #[test]
    fn an_upturned_mouth_comes_to_count_as_neutral_and_its_smile_as_a_smile() {
        let limits = policy::ExpressionLimits::default();
        for own in [0.52, 0.60, 0.68] {
            let given = after(4, 15, |_| measured(0.28, own), 0.28, own);
            assert!((given.smile - SMILE.of(TYPICAL_NEUTRAL_SMILE)).abs() < 1e-3, "{own}");
            let smiling = after(4, 15, |_| measured(0.28, own), 0.28, own + 0.25);
            assert!(smiling.smile > limits.min_smile, "{own}: {}", smiling.smile);
        }
        // Without knowing the person the least of these would not have been one.
        assert!(SMILE.of(0.52 + 0.25) < limits.min_smile);
    }

    #[test]
    fn an_odd_start_moves_no_verdict() {
        let limits = policy::ExpressionLimits::default();
        let shut = 0.08;
        // Eyes shut for as long as one likes stay shut.
        let given = after(60, 15, |_| measured(0.03, 0.6), shut, 0.6);
        assert!(given.eye_openness.min() < limits.min_eye_openness);
        // Eyes torn open do not make relaxed ones shut.
        let given = after(60, 15, |_| measured(0.8, 0.6), 0.24, 0.6);
        assert!(given.eye_openness.min() > limits.min_eye_openness);
        for held in [0.3, 0.74, 0.79, 1.0, 1.5] {
            // A broad smile is one and no neutral face, whatever was held before it.
            let given = after(60, 15, |_| measured(0.28, held), 0.28, 0.92);
            assert!(given.smile > limits.min_smile, "{held}: {}", given.smile);
            // A relaxed face is no smile, whatever was held before it.
            let given = after(60, 15, |_| measured(0.28, held), 0.28, 0.67);
            assert!(given.smile < limits.min_smile, "{held}: {}", given.smile);
        }
    }

    #[test]
    fn frames_that_cannot_be_neutral_teach_nothing() {
        let untaught = after(0, 15, |_| measured(0.3, 0.6), 0.36, 0.7);
        let neutral = measured(0.2, 0.5);
        for odd in [
            Measured { pose: Pose { yaw_degrees: 25.0, ..Pose::default() }, ..neutral },
            Measured { pose: Pose { yaw_degrees: f32::NAN, ..Pose::default() }, ..neutral },
            Measured {
                expression: Expression { mouth_open: 0.8, ..neutral.expression },
                ..neutral
            },
            measured(f32::NAN, 0.5),
            measured(0.2, f32::NAN),
            measured(0.2, 0.95),
        ] {
            let given = after(4, 15, |_| odd, 0.36, 0.7);
            assert_eq!(given, untaught, "{odd:?}");
        }
        // Nor does a frame that comes again and again at one time.
        let mut calibration = Calibration::new(&policy::Calibration::default());
        let at = Timestamp::from_millis(1000);
        let first = calibration.apply(&neutral, at);
        for _ in 0..100 {
            assert_eq!(calibration.apply(&neutral, at), first);
            calibration.apply(&neutral, Timestamp::ZERO);
        }
    }

    #[test]
    fn the_rate_of_frames_does_not_matter() {
        let given = |fps| after(3, fps, |_| measured(0.22, 0.66), 0.15, 0.75);
        for fps in [10, 15, 30, 60] {
            let (given, expected) = (given(fps), given(120));
            assert!((given.smile - expected.smile).abs() < 0.01, "{fps}");
            assert!((given.eye_openness.min() - expected.eye_openness.min()).abs() < 0.01);
        }
    }
}
