//! Smoothing along a track: the one-euro filter of Casiez, Roussel and Vogel (CHI 2012).
//!
//! A low pass follows the value with a cutoff that rises with the value's speed: a still head gives still
//! numbers, a moving one is followed without delay. The shares of the old and the new value are those of
//! the continuous filter over the time between two frames, so that the camera's rate does not matter.

use std::f32::consts::TAU;
use std::time::Duration;

use liveface_core::policy::{OneEuro, Smoothing};
use liveface_core::{Expression, EyeOpenness, Gaze, Measured, Occlusion, Pose, Timestamp};

/// The time that passes between two frames at least: timestamps that stand still or run backwards must
/// not stop a filter for ever.
const SHORTEST_STEP: Duration = Duration::from_millis(1);

/// The filters of everything that is smoothed of one face. A new track has new ones.
pub(crate) struct Smoother {
    limits: Smoothing,
    yaw: Filter,
    pitch: Filter,
    roll: Filter,
    eye_image_left: Filter,
    eye_image_right: Filter,
    smile: Filter,
    mouth_open: Filter,
    gaze_yaw: Filter,
    gaze_pitch: Filter,
    covered: Filter,
}

impl Smoother {
    pub(crate) fn new(limits: Smoothing) -> Self {
        Self {
            limits,
            yaw: Filter::default(),
            pitch: Filter::default(),
            roll: Filter::default(),
            eye_image_left: Filter::default(),
            eye_image_right: Filter::default(),
            smile: Filter::default(),
            mouth_open: Filter::default(),
            gaze_yaw: Filter::default(),
            gaze_pitch: Filter::default(),
            covered: Filter::default(),
        }
    }

    /// `new`, smoothed with what came before it. Ratios "as measured" and the covered part stay as they
    /// are. What is no number stays none: nobody may take it for a measured one.
    pub(crate) fn smooth(&mut self, new: Measured, at: Timestamp) -> Measured {
        let Smoothing { pose, expression, gaze, occlusion } = self.limits;
        let Measured { pose: head, expression: shown, occlusion: cover } = new;
        Measured {
            pose: Pose {
                yaw_degrees: self.yaw.turn(pose, head.yaw_degrees, at),
                pitch_degrees: self.pitch.turn(pose, head.pitch_degrees, at),
                roll_degrees: self.roll.turn(pose, head.roll_degrees, at),
            },
            expression: Expression {
                eye_openness: EyeOpenness {
                    image_left: self.eye_image_left.step(
                        expression,
                        shown.eye_openness.image_left,
                        at,
                    ),
                    image_right: self.eye_image_right.step(
                        expression,
                        shown.eye_openness.image_right,
                        at,
                    ),
                },
                smile: self.smile.step(expression, shown.smile, at),
                mouth_open: self.mouth_open.step(expression, shown.mouth_open, at),
                gaze: Gaze {
                    yaw_degrees: self.gaze_yaw.step(gaze, shown.gaze.yaw_degrees, at),
                    pitch_degrees: self.gaze_pitch.step(gaze, shown.gaze.pitch_degrees, at),
                },
                ..shown
            },
            occlusion: Occlusion { share: self.covered.step(occlusion, cover.share, at), ..cover },
        }
    }
}

/// The filter of one value.
#[derive(Clone, Copy, Default)]
struct Filter(Option<State>);

/// What a filter knows after its last number.
#[derive(Clone, Copy)]
struct State {
    at: Timestamp,
    /// As it was given.
    raw: f32,
    smooth: f32,
    /// Smoothed change of `raw` in a second.
    speed: f32,
}

impl Filter {
    /// The smoothed value after `raw` at the time `at`. A `raw` that is no finite number is given back and
    /// forgotten.
    fn step(&mut self, with: OneEuro, raw: f32, at: Timestamp) -> f32 {
        if !raw.is_finite() {
            return raw;
        }
        let next = self.0.and_then(|last| {
            let seconds = at.saturating_sub(last.at).max(SHORTEST_STEP).as_secs_f32();
            // The share of the new value over that time.
            let share = |cutoff_hz: f32| -(-TAU * cutoff_hz * seconds).exp_m1();
            let speed_now = (raw - last.raw) / seconds;
            let speed = last.speed + share(with.speed_cutoff_hz) * (speed_now - last.speed);
            let cutoff_hz = with.min_cutoff_hz + with.speed_coefficient * speed.abs();
            let smooth = last.smooth + share(cutoff_hz) * (raw - last.smooth);
            // Rounding must not carry it past the value.
            let smooth = smooth.clamp(last.smooth.min(raw), last.smooth.max(raw));
            (speed.is_finite() && smooth.is_finite()).then_some(State { at, raw, smooth, speed })
        });
        let next = next.unwrap_or(State { at, raw, smooth: raw, speed: 0.0 });
        self.0 = Some(next);
        next.smooth
    }

    /// As [`Filter::step`] for an angle in degrees, which takes the short way round.
    fn turn(&mut self, with: OneEuro, raw: f32, at: Timestamp) -> f32 {
        let turns = self.0.map_or(0.0, |last| ((last.raw - raw) / 360.0).round());
        let smooth = self.step(with, raw + 360.0 * turns, at);
        smooth - 360.0 * turns_beyond_half(smooth)
    }
}

/// The whole turns by which an angle lies outside -180 to 180 degrees.
fn turns_beyond_half(degrees: f32) -> f32 {
    if degrees.abs() <= 180.0 { 0.0 } else { (degrees / 360.0).round() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings() -> [OneEuro; 4] {
        let Smoothing { pose, expression, gaze, occlusion } = Smoothing::default();
        [pose, expression, gaze, occlusion]
    }

    /// The filtered values of `signal` from 0 to `seconds`, at `rate` frames a second.
    fn filtered(with: OneEuro, rate: u32, seconds: u32, signal: impl Fn(f64) -> f64) -> Vec<f32> {
        let mut filter = Filter::default();
        (0..=rate * seconds)
            .map(|frame| {
                let at = Duration::from_secs(u64::from(frame)) / rate;
                filter.step(with, signal(at.as_secs_f64()) as f32, at)
            })
            .collect()
    }

    proptest! {
        #[test]
        fn the_frame_rate_does_not_matter(
            size in 0.5f64..40.0, hertz in 0.1f64..1.0, phase in 0.0f64..6.0,
            start in 0.2f64..1.5, rise in 0.3f64..1.0, which in 0usize..4,
        ) {
            // The signals are in units of the setting: degrees, or shares of 1.
            let with = settings()[which];
            let size = if which % 2 == 0 { size } else { size / 40.0 };
            // A step that takes its time, then a swing, then rest.
            let signal = |t: f64| {
                let risen = ((t - start) / rise).clamp(0.0, 1.0);
                let swing = 0.3 * (std::f64::consts::TAU * hertz * t + phase).sin();
                let rests = ((4.0 - t) / 0.5).clamp(0.0, 1.0);
                size * (risen * risen * (3.0 - 2.0 * risen) + swing * rests)
            };
            let [slow, middle, fast] = [15, 30, 60].map(|rate| filtered(with, rate, 6, signal));
            let range = size * 1.6;
            for (index, value) in slow.iter().enumerate() {
                for other in [middle[index * 2], fast[index * 4]] {
                    let off = f64::from((value - other).abs());
                    prop_assert!(off < 0.12 * range, "frame {index}: {off} of {range}");
                }
            }
            let end = |values: &[f32]| values[values.len() - 1];
            for other in [end(&middle), end(&fast)] {
                prop_assert!(f64::from((end(&slow) - other).abs()) < 0.01 * range);
            }
        }

        #[test]
        fn nothing_leaves_the_range_of_what_was_given(
            frames in prop::collection::vec((-1e3f32..1e3, 0u64..3_000), 1..60),
            which in 0usize..4,
        ) {
            let mut filter = Filter::default();
            let low = frames.iter().map(|f| f.0).fold(f32::INFINITY, f32::min);
            let high = frames.iter().map(|f| f.0).fold(f32::NEG_INFINITY, f32::max);
            // Times in any order, some of them twice.
            for (value, ms) in frames {
                let smooth = filter.step(settings()[which], value, Duration::from_millis(ms));
                prop_assert!((low..=high).contains(&smooth), "{smooth} outside {low} to {high}");
            }
        }

        #[test]
        fn a_constant_stays_the_same_constant(
            value in -1e6f32..1e6, steps in prop::collection::vec(0u64..500, 1..40),
        ) {
            let (mut filter, mut angle) = (Filter::default(), Filter::default());
            let mut at = Duration::ZERO;
            for step in steps {
                at += Duration::from_millis(step);
                prop_assert_eq!(filter.step(settings()[0], value, at), value);
                let degrees = value % 180.0;
                prop_assert_eq!(angle.turn(settings()[0], degrees, at), degrees);
            }
        }

        #[test]
        fn what_is_no_number_is_passed_on_and_forgotten(
            before in prop::collection::vec(-50.0f32..50.0, 0..20),
            bad in prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY]),
            after in prop::collection::vec(-50.0f32..50.0, 1..20),
        ) {
            let at = |frame: usize| Duration::from_millis(frame as u64 * 67);
            let (mut with_bad, mut without) = (Filter::default(), Filter::default());
            let mut frame = 0;
            for value in &before {
                with_bad.step(settings()[0], *value, at(frame));
                without.step(settings()[0], *value, at(frame));
                frame += 1;
            }
            let passed = with_bad.turn(settings()[0], bad, at(frame));
            prop_assert!(!passed.is_finite());
            frame += 1;
            for value in after {
                let smooth = with_bad.step(settings()[0], value, at(frame));
                prop_assert_eq!(smooth, without.step(settings()[0], value, at(frame)));
                frame += 1;
            }
        }
    }

    #[test]
    fn numbers_too_large_to_subtract_do_not_poison_the_filter() {
        let mut filter = Filter::default();
        for (frame, value) in [f32::MAX, f32::MIN, f32::MAX, 1.0].into_iter().enumerate() {
            let smooth = filter.step(settings()[0], value, Duration::from_millis(frame as u64));
            assert!(smooth.is_finite());
        }
        let end = (4..400).map(|s| filter.step(settings()[0], 1.0, Duration::from_secs(s))).last();
        assert!((end.unwrap() - 1.0).abs() < 1e-3, "{end:?}");
    }

    #[test]
    fn timestamps_that_stand_still_do_not_stop_a_filter() {
        let mut filter = Filter::default();
        filter.step(settings()[0], 0.0, Duration::ZERO);
        let end = (0..5_000).map(|_| filter.step(settings()[0], 10.0, Duration::ZERO)).last();
        assert!(end.unwrap() > 9.9, "{end:?}");
    }

    #[test]
    fn an_upside_down_head_does_not_swing_through_upright() {
        let mut filter = Filter::default();
        for frame in 0..60u64 {
            let raw = if frame % 2 == 0 { 179.0 } else { -179.0 };
            let smooth = filter.turn(settings()[0], raw, Duration::from_millis(frame * 67));
            assert!((179.0..=180.0).contains(&smooth.abs()), "{smooth}");
        }
    }
}
