//! The stream: whether the frames are a camera's, as they came.
//!
//! No sensor gives the same picture twice, so pictures that come again, forwards or backwards, were recorded.
//! What an honest stream may show, too, is only doubted: a picture that stands still, a size that changes (also
//! when a phone is turned and width and height are swapped: the capture must be taken again), noise that
//! changes at once, timestamps that no camera gives. Regular timestamps say nothing: recordings have them, and
//! so have the drivers of many cameras; and two equal frames in a row are a slow camera behind a fast driver.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use liveface_core::{EvidenceKind, Finding, Noise, Observation, Reason, Timestamp, policy};

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Stream {
    frames: u32,
    last: Option<Seen>,
    resized: bool,
    /// Equal pictures in a row, the last one counted.
    equal: u32,
    /// How often that became as many as the policy takes for a frozen camera.
    frozen_stretches: u32,
    pictures: Pictures,
    clock: Clock,
    noise: NoiseLevel,
    virtual_camera: bool,
    bridge: bool,
}

/// What is remembered of the frame before.
struct Seen {
    timestamp: Timestamp,
    size: (u32, u32),
    fingerprint: u64,
}

impl Stream {
    /// Takes in a frame. `frozen_frames` equal pictures in a row are a frozen camera.
    pub(crate) fn see(
        &mut self,
        observation: &Observation,
        frozen_frames: u32,
        limits: &policy::StreamLimits,
    ) {
        let &Observation { timestamp, width, height, fingerprint, noise, .. } = observation;
        let size = (width, height);
        let last = self.last.replace(Seen { timestamp, size, fingerprint });
        self.frames = self.frames.saturating_add(1);
        self.resized |= last.as_ref().is_some_and(|last| last.size != size);
        self.clock.see(timestamp, last.as_ref().map(|last| last.timestamp), limits);
        if last.is_some_and(|last| last.fingerprint == fingerprint) {
            self.equal = self.equal.saturating_add(1);
        } else {
            self.equal = 1;
            self.pictures.see(fingerprint, limits);
        }
        if self.equal == frozen_frames {
            self.frozen_stretches = self.frozen_stretches.saturating_add(1);
        }
        if let Some(noise) = noise {
            self.noise.see(noise, limits);
        }
    }

    /// Notes that the camera is known to be a program, or a bridge to what may be a camera.
    pub(crate) const fn note_virtual_camera(&mut self, bridge: bool) {
        *(if bridge { &mut self.bridge } else { &mut self.virtual_camera }) = true;
    }

    /// What was found so far: the worst that there is.
    pub(crate) fn finding(&self, limits: &policy::StreamLimits) -> Finding {
        let clock = self.clock.too_fast || self.clock.gaps > limits.max_gaps;
        let frozen = self.frozen_stretches > limits.max_frozen_stretches;
        let worst = [
            (self.pictures.looped, Reason::LoopedFrames, limits.looped_score),
            (self.virtual_camera, Reason::VirtualCamera, limits.virtual_camera_score),
            (self.bridge, Reason::VirtualCamera, limits.bridge_camera_score),
            (self.resized || self.noise.changed, Reason::StreamChanged, limits.doubtful_score),
            (clock, Reason::ImpossibleTimestamps, limits.doubtful_score),
            (frozen, Reason::FrozenFrames, limits.doubtful_score),
        ]
        .into_iter()
        .filter(|(found, _, score)| *found && *score < 1.0)
        .min_by(|(.., a), (.., b)| a.total_cmp(b));
        let evidence = EvidenceKind::Stream;
        match worst {
            Some((_, reason, score)) => {
                Finding { evidence, score: Some(score), reason: Some(reason) }
            }
            None if self.frames >= limits.min_frames => {
                Finding { evidence, score: Some(1.0), reason: None }
            }
            None => Finding::unseen(evidence),
        }
    }
}

/// Which pictures were seen, and whether they come again. Equal neighbours count once.
#[derive(Default)]
struct Pictures {
    looped: bool,
    /// The last pictures, as many as make a loop.
    run: VecDeque<u64>,
    /// So many of the last pictures are different, up to all of `run`.
    different: usize,
    /// Pictures in all.
    count: u64,
    /// Where each run of different pictures ended, by its hash: of the newest runs, and of those before them.
    /// The older are forgotten at once, so that nothing is ever searched for what to forget.
    runs: [HashMap<u64, u64>; 2],
}

impl Pictures {
    /// Takes in a picture that is not the one before.
    fn see(&mut self, picture: u64, limits: &policy::StreamLimits) {
        if self.looped {
            return;
        }
        let length = limits.looped_frames as usize;
        let back = self.run.iter().rev().position(|earlier| *earlier == picture);
        self.different = (self.different + 1).min(back.map_or(length, |back| back + 1));
        if self.run.len() >= length {
            self.run.pop_front();
        }
        self.run.push_back(picture);
        self.count += 1;
        if self.different < length {
            // One picture again and again between others, such as a black one, is no loop.
            return;
        }
        let ended = |run| self.runs.iter().find_map(|runs| runs.get(&run)).copied();
        let run = hash(self.run.iter());
        // The way back may share the picture at which it turns, which was seen only once.
        let backwards = ended(hash(self.run.iter().rev()))
            .is_some_and(|end| end + u64::from(limits.looped_frames) <= self.count);
        self.looped = ended(run).is_some() || backwards;
        let memory = limits.loop_memory as usize;
        if self.runs[0].len() >= memory {
            self.runs.swap(0, 1);
            self.runs[0].clear();
        }
        if self.runs[0].is_empty() {
            self.runs[0].reserve(memory);
        }
        self.runs[0].insert(run, self.count);
    }
}

/// Equal for equal pictures in the same order.
fn hash<'a>(pictures: impl Iterator<Item = &'a u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    pictures.for_each(|picture| picture.hash(&mut hasher));
    hasher.finish()
}

/// Whether a camera can have given the timestamps.
#[derive(Default)]
struct Clock {
    too_fast: bool,
    gaps: u32,
    /// Since when frames are counted, and how many there were.
    counted: Option<(Timestamp, u32)>,
}

impl Clock {
    fn see(&mut self, now: Timestamp, last: Option<Timestamp>, limits: &policy::StreamLimits) {
        let longest = Duration::from_millis(limits.max_gap_ms);
        if last.is_some_and(|last| now.saturating_sub(last) > longest) {
            self.gaps = self.gaps.saturating_add(1);
        }
        let (since, frames) = self.counted.map_or((now, 0), |(since, frames)| (since, frames + 1));
        self.counted = Some((since, frames));
        if frames >= limits.fast_frames {
            let most = now.saturating_sub(since).as_secs_f64() * f64::from(limits.max_fps);
            self.too_fast |= most < f64::from(frames);
            self.counted = Some((now, 0));
        }
    }
}

/// How noisy the pictures are, and whether that changed at once.
#[derive(Default)]
struct NoiseLevel {
    changed: bool,
    looks: VecDeque<Noise>,
    sorted: Vec<f32>,
}

impl NoiseLevel {
    fn see(&mut self, noise: Noise, limits: &policy::StreamLimits) {
        if !(noise.sigma.is_finite() && noise.brightness.is_finite()) {
            return;
        }
        let half = limits.noise_looks as usize;
        if self.looks.is_empty() {
            self.looks.reserve(2 * half);
            self.sorted.reserve(half);
        }
        if self.looks.len() >= 2 * half {
            self.looks.pop_front();
        }
        self.looks.push_back(noise);
        if self.changed || self.looks.len() < 2 * half {
            return;
        }
        let mut median = |from: usize, what: fn(&Noise) -> f32| {
            self.sorted.clear();
            self.sorted.extend(self.looks.range(from..from + half).map(what));
            self.sorted.sort_by(f32::total_cmp);
            self.sorted[half / 2]
        };
        let [before, after] = [0, half].map(|from| median(from, |noise| noise.sigma));
        let [dark, bright] = [0, half].map(|from| median(from, |noise| noise.brightness));
        let steps = |a: f32, b: f32| a.max(b) >= limits.noise_step * a.min(b);
        self.changed = before.min(after) >= limits.min_noise
            && steps(before, after)
            && steps(self.looks[half - 1].sigma, self.looks[half].sigma)
            && (dark - bright).abs() <= limits.max_brightness_change * dark.max(bright);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FROZEN: u32 = 5;

    /// A stream and the frames that were given to it, 33 ms apart.
    #[derive(Default)]
    struct Given {
        stream: Stream,
        limits: policy::StreamLimits,
        now: Duration,
        size: (u32, u32),
    }

    impl Given {
        fn give(&mut self, fingerprint: u64, noise: Option<Noise>) {
            self.now += Duration::from_millis(33);
            let observation = Observation {
                timestamp: self.now,
                width: self.size.0,
                height: self.size.1,
                fingerprint,
                noise,
                ..Observation::default()
            };
            self.stream.see(&observation, FROZEN, &self.limits);
        }

        fn all(&mut self, pictures: impl IntoIterator<Item = u64>) -> &mut Self {
            pictures.into_iter().for_each(|picture| self.give(picture, None));
            self
        }

        fn found(&self) -> (Option<f32>, Option<Reason>) {
            let finding = self.stream.finding(&self.limits);
            (finding.score, finding.reason)
        }

        /// After how many of `pictures` a loop is found.
        fn looped_after(&mut self, pictures: impl IntoIterator<Item = u64>) -> Option<usize> {
            pictures
                .into_iter()
                .position(|picture| {
                    self.give(picture, None);
                    self.stream.pictures.looped
                })
                .map(|index| index + 1)
        }
    }

    const FINE: (Option<f32>, Option<Reason>) = (Some(1.0), None);

    fn doubtful(reason: Reason) -> (Option<f32>, Option<Reason>) {
        (Some(policy::StreamLimits::default().doubtful_score), Some(reason))
    }

    #[test]
    fn a_camera_is_fine_once_enough_was_seen() {
        let mut given = Given::default();
        let least = u64::from(given.limits.min_frames);
        assert_eq!(given.all(1..least).found(), (None, None));
        assert_eq!(given.all([least]).found(), FINE);
    }

    #[test]
    fn pictures_that_come_again_in_either_order_are_a_loop() {
        let found = |pictures: &[u64]| Given::default().looped_after(pictures.iter().copied());
        assert_eq!(found(&[1, 2, 3, 4, 1, 2, 3]), Some(7));
        assert_eq!(found(&[1, 2, 3, 1, 2, 3]), Some(6));
        assert_eq!(found(&[1, 2, 3, 4, 3, 2, 1]), Some(7));
        assert_eq!(found(&[1, 2, 3, 4, 4, 3, 3, 2, 1]), Some(9));
        // The last pictures before the turn, and another one: two came again.
        assert_eq!(found(&[1, 2, 3, 4, 5, 4, 3, 6]), None);
        assert_eq!(found(&[1, 2, 3, 4, 1, 2, 5, 1, 2, 6]), None);
        // Buffers that are mixed up, and a black picture between others.
        assert_eq!(found(&[1, 2, 1, 2, 1, 2, 1, 2]), None);
        assert_eq!(found(&[0, 1, 0, 2, 0, 3, 0, 0, 4, 0, 5, 0, 0, 0]), None);
        let mut given = Given::default();
        given.all([1, 2, 3, 4, 1, 2, 3].into_iter().chain(10..40));
        assert_eq!(given.found(), (Some(0.0), Some(Reason::LoopedFrames)));
    }

    #[test]
    fn a_camera_that_stands_still_again_and_again_is_doubted() {
        let mut given = Given::default();
        given.all(1..20).all([20; 50]).all(21..30);
        assert_eq!(given.found(), FINE, "once");
        given.all([30, 30, 30, 30, 31, 31, 32, 32, 32]);
        assert_eq!(given.found(), FINE, "shorter");
        given.all([33; FROZEN as usize]);
        assert_eq!(given.found(), doubtful(Reason::FrozenFrames));
    }

    #[test]
    fn a_size_that_changes_is_doubted() {
        let mut given = Given { size: (640, 480), ..Given::default() };
        assert_eq!(given.all(0..20).found(), FINE);
        given.size = (480, 640);
        assert_eq!(given.all([20]).found(), doubtful(Reason::StreamChanged));
        given.size = (640, 480);
        assert_eq!(given.all([21]).found(), doubtful(Reason::StreamChanged), "not forgotten");
    }

    /// What is found of frames so many microseconds apart.
    fn at_intervals(micros: impl IntoIterator<Item = u64>) -> (Option<f32>, Option<Reason>) {
        let mut given = Given::default();
        for (index, micros) in (0..).zip(micros) {
            // Less what `give` adds.
            given.now = (given.now + Duration::from_micros(micros))
                .saturating_sub(Duration::from_millis(33));
            given.give(index, None);
        }
        given.found()
    }

    #[test]
    fn times_are_doubted_only_when_no_camera_has_them() {
        let impossible = doubtful(Reason::ImpossibleTimestamps);
        for regular in [4_200, 16_667, 33_333, 66_667, 500_000, 2_000_000] {
            assert_eq!(at_intervals([regular; 200]), FINE, "{regular}");
        }
        assert_eq!(at_intervals([1_000; 200]), impossible);
        assert_eq!(at_intervals([4_000; 200]), impossible);
        // A second's frames that were held up and come at once, at 30 a second.
        let bunches = (0..600).map(|index| if index % 30 == 0 { 1_000_000 } else { 1 });
        assert_eq!(at_intervals(bunches), FINE);
        let gaps =
            |count| (0..200).map(move |index| if index < count { 2_001_000 } else { 50_000 });
        // No gap comes before the first frame.
        assert_eq!(at_intervals(gaps(6)), FINE);
        assert_eq!(at_intervals(gaps(7)), impossible);
    }

    /// What is found of looks at noise of so many levels, and brightness.
    fn of_noise(looks: impl IntoIterator<Item = (f32, f32)>) -> (Option<f32>, Option<Reason>) {
        let mut given = Given::default();
        for (index, (sigma, brightness)) in (0..).zip(looks) {
            given.give(2 * index, Some(Noise { sigma, brightness }));
            given.give(2 * index + 1, None);
        }
        given.found()
    }

    #[test]
    fn noise_that_becomes_anothers_at_once_is_doubted() {
        let changed = doubtful(Reason::StreamChanged);
        // A little above and below, as measured noise is.
        let level = |sigma: f32, count: usize| {
            (0..count).map(move |index| (sigma * [1.0, 1.08, 0.95, 1.03][index % 4], 120.0))
        };
        assert_eq!(of_noise(level(0.6, 9).chain(level(3.0, 9))), changed);
        assert_eq!(of_noise(level(3.0, 9).chain(level(0.6, 9))), changed);
        assert_eq!(of_noise(level(1.0, 9).chain(level(3.0, 9))), FINE, "as exposure may");
        assert_eq!(of_noise(level(0.6, 9).chain(level(3.0, 2)).chain(level(0.6, 9))), FINE, "blur");
        assert_eq!(of_noise(level(0.05, 9).chain(level(3.0, 9))), FINE, "next to none before");
        let slowly = (0..40).map(|index| (0.5 * 1.2f32.powi(index.min(13)), 120.0));
        assert_eq!(of_noise(slowly), FINE, "gradually");
        let lamp = level(3.0, 9).map(|(sigma, _)| (sigma, 60.0));
        assert_eq!(of_noise(level(0.6, 9).chain(lamp)), FINE, "with the light");
        assert_eq!(of_noise([(f32::NAN, f32::NAN); 40]), FINE);
    }

    #[test]
    fn a_program_is_no_camera_unless_the_policy_allows_it() {
        let mut given = Given::default();
        given.all(0..20).stream.note_virtual_camera(false);
        assert_eq!(given.found(), (Some(0.0), Some(Reason::VirtualCamera)));
        given.limits.virtual_camera_score = 1.0;
        assert_eq!(given.found(), FINE);
        given.stream.note_virtual_camera(true);
        let bridge = given.limits.bridge_camera_score;
        assert_eq!(given.found(), (Some(bridge), Some(Reason::VirtualCamera)));
        given.size = (1, 1);
        assert_eq!(given.all([20]).found(), doubtful(Reason::StreamChanged));
    }

    #[test]
    fn the_worst_decides() {
        let mut given = Given::default();
        given.all([1; 10]).all([2; 10]).size = (9, 9);
        given.all([3, 4, 5, 3, 4, 5]);
        assert_eq!(given.found(), (Some(0.0), Some(Reason::LoopedFrames)));
    }

    #[test]
    fn a_long_stream_takes_no_more_memory() {
        let mut given = Given::default();
        let memory = |stream: &Stream| {
            let Pictures { run, runs, .. } = &stream.pictures;
            (run.capacity(), runs.each_ref().map(HashMap::capacity), stream.noise.looks.capacity())
        };
        let noise = Some(Noise { sigma: 1.0, brightness: 100.0 });
        (0..10_000).for_each(|picture| given.give(picture, noise));
        let settled = memory(&given.stream);
        (10_000..30_000).for_each(|picture| given.give(picture, noise));
        assert_eq!(memory(&given.stream), settled);
        assert!(settled.1.iter().all(|capacity| *capacity <= 8_192), "{settled:?}");
        let kept = u64::from(given.limits.loop_memory);
        assert_eq!(given.looped_after(30_000 - kept..30_000), Some(3));
    }

    #[test]
    fn pictures_of_long_ago_are_forgotten() {
        let mut given = Given::default();
        given.limits.loop_memory = 64;
        assert_eq!(given.looped_after((0..300).chain(0..60)), None);
        assert_eq!(given.looped_after(0..60), Some(3));
    }

    /// Each picture so many times in a row.
    fn repeated(pictures: &[u64], times: &[usize]) -> Vec<u64> {
        let times = times.iter().cycle();
        pictures.iter().zip(times).flat_map(|(picture, n)| vec![*picture; *n]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_recording_of_different_pictures_is_found_when_it_begins_anew(
            before in 0..50u64,
            period in 3..300u64,
            times in prop::collection::vec(1..FROZEN as usize, 1..20),
        ) {
            let looped: Vec<u64> =
                (0..before).chain((0..3 * period).map(|index| 1_000 + index % period)).collect();
            let once = repeated(&looped[..(before + period) as usize + 3], &times).len();
            let after = Given::default().looped_after(repeated(&looped, &times));
            prop_assert!(after.is_some_and(|after| after <= once), "{after:?} {once}");
        }

        #[test]
        fn any_recording_of_three_pictures_and_more_is_found_the_second_time(
            content in prop::collection::vec(0..6u64, 3..60),
            times in prop::collection::vec(1..4usize, 1..20),
        ) {
            let mut content = content;
            content.dedup();
            while content.len() > 1 && content.first() == content.last() {
                content.pop();
            }
            let mut different = content.clone();
            different.sort_unstable();
            different.dedup();
            prop_assume!(different.len() >= 3);
            let latest = repeated(&content.repeat(3)[..2 * content.len() + 3], &times).len();
            let after = Given::default().looped_after(repeated(&content.repeat(3), &times));
            prop_assert!(after.is_some_and(|after| after <= latest), "{after:?} {latest}");
        }

        #[test]
        fn a_recording_that_is_played_back_and_forth_is_found_on_the_way_back(
            length in 4..300u64,
            times in prop::collection::vec(1..FROZEN as usize, 1..20),
        ) {
            let there_and_back: Vec<u64> = (0..length).chain((0..length - 1).rev()).collect();
            let turned = repeated(&there_and_back[..length as usize + 3], &times).len();
            let after = Given::default().looped_after(repeated(&there_and_back, &times));
            prop_assert!(after.is_some_and(|after| after <= turned), "{after:?} {turned}");
        }

        #[test]
        fn a_camera_is_never_taken_for_a_recording(
            seed: u64,
            times in prop::collection::vec(1..FROZEN as usize, 1..40),
            stale in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            // Different pictures; now and then the one before the last comes once more.
            let mut pictures: Vec<u64> =
                (0..400u64).map(|index| seed.wrapping_add(index).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            for index in stale {
                let at = 4 * index.index(99) + 4;
                pictures[at] = pictures[at - 2];
            }
            let mut given = Given::default();
            prop_assert_eq!(given.looped_after(repeated(&pictures, &times)), None);
            prop_assert_eq!(given.found(), FINE);
        }
    }
}
