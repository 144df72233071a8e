//! What holds of the capture sequence whatever it is shown.
//!
//! A script is a policy and a list of moments: mostly someone who follows the guidance, and any
//! share of moments in which anything may happen. The properties are checked on what was recorded
//! while it was played, by rules written here a second time.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use std::time::Duration;

use common::{Person, Who, observation, watched};
use liveface_core::{
    Challenge, Component, Embedding, EyeOpenness, Face, Guidance, Landmarks, Measure, Measured,
    Observation, Policy, Pose, QualityRecord, Reason, ShotKind, ShotRecord, Verdict,
};
use liveface_liveness::{Assessment, Outcome, Sequence, SequenceError, Step};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

// Scripts.

#[derive(Clone, Debug)]
struct Script {
    policy: Policy,
    start: Duration,
    moments: Vec<Moment>,
}

/// A frame, and what is answered should it become a picture or be asked about.
#[derive(Clone, Debug)]
struct Moment {
    time: Passing,
    /// Another person sits down from here on.
    swap: Option<Who>,
    /// The track is another from here on.
    new_track: bool,
    /// The camera shows the picture of the frame before.
    frozen: bool,
    faces: Vec<Looks>,
    /// Faces that were detected and have no mesh.
    unmeshed: usize,
    quality: Option<[Option<f32>; 6]>,
    reply: Reply,
}

/// How time goes on to a moment.
#[derive(Clone, Copy, Debug)]
enum Passing {
    By(Duration),
    Back(Duration),
}

/// How a face looks, beside its owner's own place and pose.
#[derive(Clone, Debug)]
struct Looks {
    centre: (f32, f32),
    height: f32,
    pose: [f32; 3],
    eyes: [f32; 2],
    /// `None` grows to a smile when it is asked to, and fades from it.
    smile: Option<f32>,
    /// Share of the face that is covered.
    covered: f32,
    /// Any of the face's numbers, and any number for it.
    spoilt: Option<(usize, f32)>,
}

#[derive(Clone, Debug)]
enum Reply {
    Answer {
        pad_live: f32,
        aligned: bool,
        /// The unified score.
        unified: Option<f32>,
    },
    /// Only after the next frame was refused.
    AnswerLate {
        pad_live: f32,
    },
    Abandon,
    End,
}

const COMPONENTS: [Component; 6] = [
    Component::LuminanceMean,
    Component::OverExposurePrevention,
    Component::SceneBrightness,
    Component::Sharpness,
    Component::Backlight,
    Component::MotionBlur,
];

fn any_number() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0]),
        -2.0f32..2.0,
    ]
}

fn good_looks() -> impl Strategy<Value = Looks> {
    let pose = [-6.0f32..6.0, -12.0f32..-2.0, -3.0f32..3.0];
    let shares = (0.6f32..1.0, 0.0f32..0.2);
    ((318.0f32..322.0, 238.0f32..242.0), pose, shares).prop_map(|(centre, pose, (eye, covered))| {
        Looks { centre, height: 200.0, pose, eyes: [eye, eye], smile: None, covered, spoilt: None }
    })
}

fn odd_looks() -> impl Strategy<Value = Looks> {
    let spoilt = proptest::option::of((0usize..18, any_number()));
    let pose = [-30.0f32..30.0, -40.0f32..30.0, -40.0f32..40.0];
    let smile = proptest::option::of(0.0f32..1.0);
    (
        (-50.0f32..700.0, -50.0f32..550.0),
        0.0f32..600.0,
        pose,
        [0.0f32..1.0, 0.0f32..1.0],
        smile,
        0.0f32..1.0,
        spoilt,
    )
        .prop_map(|(centre, height, pose, eyes, smile, covered, spoilt)| Looks {
            centre,
            height,
            pose,
            eyes,
            smile,
            covered,
            spoilt,
        })
}

/// A good face but for one thing.
fn nearly_good_looks() -> impl Strategy<Value = Looks> {
    (good_looks(), odd_looks(), 0..7).prop_map(|(good, odd, which)| match which {
        0 => Looks { centre: odd.centre, ..good },
        1 => Looks { height: odd.height, ..good },
        2 => Looks { pose: odd.pose, ..good },
        3 => Looks { eyes: odd.eyes, ..good },
        4 => Looks { smile: odd.smile, ..good },
        5 => Looks { covered: odd.covered, ..good },
        _ => Looks { spoilt: odd.spoilt, ..good },
    })
}

fn good_values() -> [Option<f32>; 6] {
    [Some(0.2), Some(0.01), Some(0.1), Some(150.0), Some(0.0), Some(0.9)]
}

fn good_moment() -> impl Strategy<Value = Moment> {
    (30u64..90, good_looks(), 0.6f32..1.0).prop_map(|(ms, face, pad_live)| Moment {
        time: Passing::By(Duration::from_millis(ms)),
        swap: None,
        new_track: false,
        frozen: false,
        faces: vec![face],
        unmeshed: 0,
        quality: Some(good_values()),
        reply: Reply::Answer { pad_live, aligned: true, unified: Some(0.9) },
    })
}

/// A good moment but for one thing.
fn odd_moment() -> impl Strategy<Value = Moment> {
    let time = prop_oneof![
        4 => (0u64..10_000).prop_map(|us| Passing::By(Duration::from_micros(us))),
        4 => (0u64..6_000).prop_map(|ms| Passing::By(Duration::from_millis(ms))),
        8 => (0u64..500).prop_map(|ms| Passing::Back(Duration::from_millis(ms))),
        1 => select(vec![Passing::By(Duration::MAX), Passing::Back(Duration::MAX)]),
    ];
    let quality =
        proptest::option::of(proptest::array::uniform6(proptest::option::of(any_number())));
    let quality = prop_oneof![
        quality.boxed(),
        (0usize..6, proptest::option::of(any_number()))
            .prop_map(|(which, value)| {
                let mut values = good_values();
                values[which] = value;
                Some(values)
            })
            .boxed(),
    ];
    let faces = prop_oneof![
        3 => nearly_good_looks().prop_map(|face| vec![face]),
        1 => proptest::collection::vec(odd_looks(), 0..=3),
        1 => proptest::collection::vec(good_looks(), 0..=3),
    ];
    let reply = prop_oneof![
        (any_number(), any::<bool>(), proptest::option::of(any_number()))
            .prop_map(|(pad_live, aligned, unified)| Reply::Answer { pad_live, aligned, unified }),
        (0.0f32..1.0).prop_map(|pad_live| Reply::AnswerLate { pad_live }),
        Just(Reply::Abandon),
        Just(Reply::End),
    ];
    let swap = select(vec![Who::Ann, Who::Bob, Who::Cho, Who::Twin]);
    (good_moment(), time, quality, faces, reply, swap, 1usize..3, 0..8).prop_map(
        |(mut moment, time, quality, faces, reply, swap, unmeshed, which)| {
            match which {
                0 => moment.time = time,
                1 => moment.quality = quality,
                2 => moment.faces = faces,
                3 => moment.reply = reply,
                4 => moment.swap = Some(swap),
                5 => moment.unmeshed = unmeshed,
                6 => moment.new_track = true,
                _ => moment.frozen = true,
            }
            moment
        },
    )
}

/// Some scripts are all good, some all odd; odd things last for some moments.
fn moments() -> impl Strategy<Value = Vec<Moment>> {
    select(vec![0u32, 2, 5, 20, 60]).prop_flat_map(|odd| {
        let single = good_moment().prop_map(|moment| vec![moment]).boxed();
        let lasting = (odd_moment(), 1usize..4).prop_map(|(odd, times)| vec![odd; times]);
        let long = (odd_moment(), 4usize..60).prop_map(|(odd, times)| vec![odd; times]);
        let run = prop_oneof![
            100 - odd => single,
            odd => prop_oneof![6 => lasting, 1 => long],
        ];
        proptest::collection::vec(run, 1..250).prop_map(|runs| runs.concat())
    })
}

/// The preset, or any other policy that passes its own check. The similarities of identity stay:
/// with others two strangers could be one person.
fn policies() -> impl Strategy<Value = Policy> {
    let sequence = (1u32..10, 1u32..10, 0.0f32..2.0, 2u32..9);
    let limit = || prop_oneof![9 => 5.0f32..60.0, 1 => Just(f32::MAX)];
    let pose = (limit(), limit(), limit(), limit());
    let share = || prop_oneof![8 => 0.0f32..=1.0, 1 => Just(0.0f32), 1 => Just(1.0f32)];
    let shares = proptest::collection::vec(share(), 13);
    let ms = || prop_oneof![20 => 0u64..1_000, 1 => any::<u64>()];
    let timing =
        (ms(), ms(), 100u64..5_000, ms(), ms(), prop_oneof![5_000u64..60_000, any::<u64>()]);
    let counts = (prop_oneof![8 => 0u64..120, 1 => any::<u64>()], 0u32..12);
    let other = (sequence, pose, shares, timing, 0.25f32..4.0, counts, any::<u16>()).prop_map(
        |(sequence, pose, shares, timing, aspect, counts, changed)| {
            let mut policy = Policy::default();
            let change = |bit: u32| changed & (1 << bit) != 0;
            if change(0) {
                policy.sequence.liveness_images = sequence.0;
                policy.sequence.smile_from = sequence.1;
            }
            if change(1) {
                policy.sequence.min_motion_degrees = sequence.2;
                policy.sequence.frozen_frames = sequence.3;
            }
            if change(2) {
                policy.pose.max_yaw_degrees = pose.0;
                policy.pose.max_pitch_degrees = pose.1;
                policy.pose.max_roll_degrees = pose.2;
            }
            if change(3) {
                policy.pose.max_speed = pose.3;
            }
            if change(4) {
                policy.timing.min_gap_ms = timing.0;
                policy.timing.hold_ms = timing.1;
            }
            if change(5) {
                policy.timing.face_lost_ms = timing.2;
                policy.timing.guidance_debounce_ms = timing.3;
                policy.timing.motion_hint_ms = timing.4;
                policy.timing.hint_ms = timing.0;
            }
            if change(6) {
                policy.timing.timeout_ms = timing.5;
            }
            if change(7) {
                policy.viewfinder.aspect = aspect;
                policy.viewfinder.min_face_area = shares[0];
                policy.viewfinder.max_face_area = shares[1];
            }
            if change(8) {
                policy.viewfinder.max_offset = shares[2];
                policy.viewfinder.min_margin = shares[3];
            }
            if change(9) {
                policy.expression.min_eye_openness = shares[4];
                policy.expression.min_smile = shares[5];
                policy.expression.max_neutral_smile = shares[6];
            }
            if change(10) {
                policy.quality.max_luminance = shares[7];
                policy.quality.max_over_exposed = shares[8];
                policy.quality.max_scene_brightness = shares[9];
            }
            if change(11) {
                policy.fusion.passive.retry_below = shares[10];
                policy.fusion.passive.attack_below = shares[11];
            }
            if change(12) {
                policy.identity.link_every_ms = counts.0;
            }
            if change(13) {
                policy.presentation.max_attack_images = counts.1;
            }
            if change(14) {
                policy.occlusion.max_share = shares[12];
            }
            policy
        },
    );
    prop_oneof![
        Just(Policy::default()),
        other.prop_filter("a policy that passes its check", |policy| policy.check().is_ok()),
    ]
}

fn scripts() -> impl Strategy<Value = Script> {
    (policies(), 0u64..1 << 40, moments()).prop_map(|(policy, start_us, moments)| Script {
        policy,
        start: Duration::from_micros(start_us),
        moments,
    })
}

// Playing a script.

/// What happened at a frame.
#[derive(Debug)]
struct Entry {
    observation: Observation,
    quality: Option<QualityRecord>,
    /// What the person saw when the frame was taken.
    shown: Option<Guidance>,
    /// The pictures kept before it.
    kept: Vec<ShotRecord>,
    seen: Result<Step, SequenceError>,
    answer: Answer,
}

/// What the sequence was told of a frame, and what it said to that.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few hundred of them")]
enum Answer {
    NotAsked,
    Assessed(Assessment, Step),
    Identified(Option<Embedding>, Step),
    Abandoned,
}

impl Answer {
    fn step(&self) -> Option<&Step> {
        match self {
            Self::Assessed(_, step) | Self::Identified(_, step) => Some(step),
            Self::NotAsked | Self::Abandoned => None,
        }
    }
}

struct Record {
    policy: Policy,
    entries: Vec<Entry>,
    guidance: Vec<(u64, Guidance)>,
    shots: Vec<ShotRecord>,
    outcome: Option<Outcome>,
    /// Whose each kept picture is, as it was after each assessment.
    persons: Vec<Vec<Who>>,
    refusals: Vec<SequenceError>,
}

type Snapshot = (Vec<ShotRecord>, Vec<(u64, Guidance)>, Option<Outcome>);

fn snapshot(sequence: &Sequence) -> Snapshot {
    (sequence.shots().to_vec(), guidance(sequence), sequence.outcome().cloned())
}

fn guidance(sequence: &Sequence) -> Vec<(u64, Guidance)> {
    sequence.guidance().iter().map(|record| (record.t_ms, record.guidance)).collect()
}

/// The cast of a script and where it stands.
struct Stage {
    now: Duration,
    who: Who,
    track: u32,
    frame: u64,
    smile: f32,
    /// What the camera showed last.
    fingerprint: u64,
    mesh: Option<Landmarks>,
}

impl Stage {
    fn observation(&mut self, moment: &Moment, shown: Option<Guidance>) -> Observation {
        self.now = match moment.time {
            Passing::By(step) => self.now.saturating_add(step),
            Passing::Back(_) => self.now,
        };
        let given = match moment.time {
            Passing::By(_) => self.now,
            Passing::Back(step) => self.now.saturating_sub(step),
        };
        self.who = moment.swap.unwrap_or(self.who);
        self.track += u32::from(moment.new_track);
        self.frame += 1;
        let asked = if shown == Some(Guidance::Smile) { 0.95 } else { 0.1 };
        self.smile += (asked - self.smile).clamp(-0.2, 0.2);
        if !moment.frozen {
            self.fingerprint = self.frame;
        }
        let mut faces: Vec<Face> = Vec::new();
        for (index, looks) in moment.faces.iter().enumerate() {
            let track = self.track + 1_000 * index as u32;
            faces.push(face(looks, self.who, track, self.frame, self.smile));
        }
        if let Some(first) = faces.first_mut() {
            if moment.frozen
                && let Some(mesh) = &self.mesh
            {
                first.landmarks = mesh.clone();
            }
            self.mesh = Some(first.landmarks.clone());
        }
        let mut observation = observation(given, faces);
        observation.face_count += moment.unmeshed;
        observation.fingerprint = self.fingerprint;
        observation
    }
}

fn face(looks: &Looks, who: Who, track: u32, frame: u64, smile: f32) -> Face {
    let [yaw_degrees, pitch_degrees, roll_degrees] = looks.pose;
    let person = Person {
        who,
        track,
        centre: looks.centre,
        height: looks.height,
        pose: Pose { yaw_degrees, pitch_degrees, roll_degrees },
        eyes: EyeOpenness { image_left: looks.eyes[0], image_right: looks.eyes[1] },
        smile: looks.smile.unwrap_or(smile),
        covered: looks.covered,
    };
    let mut face = person.face(frame);
    if let Some((which, value)) = looks.spoilt {
        let numbers: [&mut f32; 17] = [
            &mut face.bounds.x,
            &mut face.bounds.y,
            &mut face.bounds.width,
            &mut face.bounds.height,
            &mut face.pose.yaw_degrees,
            &mut face.pose.pitch_degrees,
            &mut face.pose.roll_degrees,
            &mut face.expression.eye_openness.image_left,
            &mut face.expression.eye_openness.image_right,
            &mut face.expression.smile,
            &mut face.occlusion.share,
            &mut face.fitted.pose.yaw_degrees,
            &mut face.fitted.pose.pitch_degrees,
            &mut face.fitted.expression.eye_openness.image_left,
            &mut face.fitted.expression.eye_openness.image_right,
            &mut face.fitted.expression.smile,
            &mut face.fitted.occlusion.share,
        ];
        match numbers.into_iter().nth(which) {
            Some(number) => *number = value,
            None => {
                let mut points = *face.landmarks.points();
                points[frame as usize % points.len()].x = value;
                face.landmarks = Landmarks::new(points);
            }
        }
    }
    face
}

fn play(script: &Script) -> Record {
    let mut sequence = Sequence::new(script.policy.clone(), 1);
    let mut stage = Stage {
        now: script.start,
        who: Who::Ann,
        track: 1,
        frame: 0,
        smile: 0.1,
        fingerprint: 0,
        mesh: None,
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut persons: Vec<Vec<Who>> = vec![Vec::new()];
    let mut refusals = Vec::new();
    for moment in &script.moments {
        let shown = sequence.guidance().last().map(|record| record.guidance);
        let observation = stage.observation(moment, shown);
        let quality = moment.quality.map(|values| {
            let mut record = QualityRecord::default();
            for (component, value) in COMPONENTS.into_iter().zip(values) {
                if let Some(raw) = value {
                    record.set(component, Measure { raw, score: Some(50) });
                }
            }
            record
        });
        let before = snapshot(&sequence);
        let kept = before.0.clone();
        let (seen, _) = watched(&mut sequence, |s| s.observe(&observation, quality.as_ref()));
        if let Err(error) = &seen {
            assert_eq!(snapshot(&sequence), before, "a refused frame changes nothing");
            refusals.push(error.clone());
        }
        let mut who = persons.last().cloned().unwrap_or_default();
        if matches!(&seen, Ok(Step { restart: Some(_), .. })) {
            who.clear();
        }
        let step = seen.clone().unwrap_or_default();
        refuse_wrong_answers(&mut sequence, &step, stage.who);
        let mut answer = Answer::NotAsked;
        if step.shot.is_some() || step.identify {
            if let Reply::AnswerLate { .. } = moment.reply {
                let before = snapshot(&sequence);
                let early = observation.timestamp.saturating_add(Duration::from_millis(1));
                let early = common::observation(early, Vec::new());
                let refused = sequence.observe(&early, None).unwrap_err();
                assert_eq!(refused, SequenceError::NotAnswered);
                assert_eq!(snapshot(&sequence), before, "a refused frame changes nothing");
                refusals.push(refused);
            }
            answer = match moment.reply {
                Reply::Answer { pad_live, aligned, unified } => {
                    let embedding = stage.who.embedding(observation.faces[0].expression.smile);
                    tell(
                        &mut sequence,
                        &step,
                        pad_live,
                        Some(embedding).filter(|_| aligned),
                        unified,
                    )
                }
                Reply::AnswerLate { pad_live } => {
                    let embedding = stage.who.embedding(observation.faces[0].expression.smile);
                    tell(&mut sequence, &step, pad_live, Some(embedding), Some(0.9))
                }
                Reply::Abandon => {
                    sequence.abandon();
                    Answer::Abandoned
                }
                Reply::End => {
                    watched(&mut sequence, |s| s.end(Reason::Cancelled));
                    Answer::Abandoned
                }
            };
            match answer.step() {
                Some(Step { restart: Some(_), .. }) => who.clear(),
                Some(Step { kept: true, .. }) => who.push(stage.who),
                _ => {}
            }
            refuse_wrong_answers(&mut sequence, &Step::default(), stage.who);
        }
        persons.push(who);
        entries.push(Entry { observation, quality, shown, kept, seen, answer });
    }
    // An end that the app brought is not part of a replay.
    let (shots, guidance, outcome) = snapshot(&sequence);
    Record { policy: script.policy.clone(), entries, guidance, shots, outcome, persons, refusals }
}

/// Answers what `step` asked.
fn tell(
    sequence: &mut Sequence,
    step: &Step,
    pad_live: f32,
    embedding: Option<Embedding>,
    unified: Option<f32>,
) -> Answer {
    if step.identify {
        let said = watched(sequence, |s| s.identify(embedding.clone())).0.unwrap();
        return Answer::Identified(embedding, said);
    }
    let mut quality = QualityRecord::default();
    if let Some(raw) = unified {
        quality.set(Component::UnifiedQualityScore, Measure { raw, score: Some(50) });
    }
    let assessment = Assessment { pad_live, embedding, quality };
    let said = watched(sequence, |s| s.assess(assessment.clone())).0.unwrap();
    Answer::Assessed(assessment, said)
}

/// Whatever `step` did not ask for is refused. That it changes nothing shows in the replay, which
/// goes without.
fn refuse_wrong_answers(sequence: &mut Sequence, step: &Step, who: Who) {
    if step.shot.is_none() {
        let wrong = Assessment { pad_live: 0.0, embedding: None, quality: common::good_quality() };
        assert_eq!(sequence.assess(wrong), Err(SequenceError::NotAsked));
        let embedding = Some(who.embedding(0.1));
        let wrong = Assessment { pad_live: 1.0, embedding, quality: common::good_quality() };
        assert_eq!(sequence.assess(wrong), Err(SequenceError::NotAsked));
    }
    if !step.identify {
        assert_eq!(sequence.identify(None), Err(SequenceError::NotAsked));
        assert_eq!(sequence.identify(Some(who.embedding(0.1))), Err(SequenceError::NotAsked));
    }
}

// The rules, a second time.

/// Relative room for a different order of the same arithmetic.
const ROUNDING: f64 = 1e-4;

fn at_most(value: f32, limit: f32) -> bool {
    let (value, limit) = (f64::from(value), f64::from(limit));
    value.is_finite() && value <= limit + ROUNDING * limit.abs().max(1.0)
}

/// The face, if exactly one is in the frame and all its numbers are numbers.
fn only_face(observation: &Observation) -> Option<&Face> {
    let [face] = &observation.faces[..] else { return None };
    let bounds = face.bounds;
    let is_measured = |Measured { pose, expression, .. }: &Measured| {
        let eyes = expression.eye_openness;
        let angles = [pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees];
        let shown = [eyes.image_left, eyes.image_right, expression.smile];
        angles.iter().chain(&shown).all(|v| v.is_finite())
    };
    let measured = observation.face_count == 1
        && bounds.width > 0.0
        && bounds.height > 0.0
        && [bounds.x, bounds.y, bounds.right(), bounds.bottom()].iter().all(|v| v.is_finite())
        && face.shown().iter().all(is_measured)
        && face.landmarks.points().iter().all(|p| [p.x, p.y, p.z].iter().all(|v| v.is_finite()));
    measured.then_some(face)
}

/// Whether exactly one face is in the frame and every gate but the smile holds of it; hints need not once the
/// capture has lasted for as long as they stand in the way.
fn holds(entry: &Entry, start: Duration, policy: &Policy) -> bool {
    let (observation, quality) = (&entry.observation, entry.quality.as_ref());
    let hints_may_pass = millis(observation.timestamp) - millis(start) >= policy.timing.hint_ms;
    let Some(face) = only_face(observation) else { return false };
    let (width, height) = (observation.width as f32, observation.height as f32);
    let (view, bounds) = (&policy.viewfinder, face.bounds);
    let view_width = width.min(height * view.aspect);
    let share = bounds.width * bounds.height / (view_width * height);
    let margin = view.min_margin * bounds.height;
    let raw = |component| {
        quality.and_then(|record| record.get(component)).map_or(f32::NAN, |measure| measure.raw)
    };
    let shown_well = |shown: &Measured| {
        let (pose, eyes) = (shown.pose, shown.expression.eye_openness);
        at_most(pose.yaw_degrees.abs(), policy.pose.max_yaw_degrees)
            && at_most(
                (pose.pitch_degrees - policy.pose.neutral_pitch_degrees).abs(),
                policy.pose.max_pitch_degrees,
            )
            && at_most(pose.roll_degrees.abs(), policy.pose.max_roll_degrees)
            && at_most(shown.occlusion.share, policy.occlusion.max_share)
            && at_most(-shown.occlusion.share, 0.0)
            && at_most(-eyes.image_left, -policy.expression.min_eye_openness)
            && at_most(-eyes.image_right, -policy.expression.min_eye_openness)
    };
    at_most(share, view.max_face_area)
        && at_most(-share, -view.min_face_area)
        && at_most(-bounds.x, -margin)
        && at_most(-bounds.y, -margin)
        && at_most(bounds.x + bounds.width, width - margin)
        && at_most(bounds.y + bounds.height, height - margin)
        && at_most((bounds.centre().x - width / 2.0).abs() / view_width, view.max_offset)
        && at_most((bounds.centre().y - height / 2.0).abs() / height, view.max_offset)
        && at_most(-face.landmarks.inter_eye_distance(), -view.min_inter_eye_px)
        && face.shown().iter().all(shown_well)
        && COMPONENTS.iter().all(|component| raw(*component).is_finite())
        && (hints_may_pass
            || at_most(raw(Component::LuminanceMean), policy.quality.max_luminance)
                && at_most(-raw(Component::LuminanceMean), -policy.quality.min_luminance)
                && at_most(raw(Component::OverExposurePrevention), policy.quality.max_over_exposed)
                && at_most(raw(Component::SceneBrightness), policy.quality.max_scene_brightness)
                && at_most(raw(Component::Backlight), policy.quality.max_backlight))
        && at_most(-raw(Component::MotionBlur), -policy.quality.min_detail_along_motion)
        && at_most(-raw(Component::Sharpness), -policy.quality.min_sharpness)
}

/// Whether the one face moved no faster than it may since the frame before, if it was alone and on
/// the same track there too.
fn is_slow(before: Option<&Entry>, observation: &Observation, policy: &Policy) -> bool {
    let Some(face) = only_face(observation) else { return false };
    let Some(before) = before.map(|entry| &entry.observation) else { return true };
    let Some(last) = only_face(before).filter(|last| last.track == face.track) else { return true };
    let seconds = (observation.timestamp - before.timestamp).as_secs_f32();
    let moved = last.bounds.centre().distance(face.bounds.centre()) / face.bounds.width;
    at_most(moved / seconds.max(1e-3), policy.pose.max_speed)
}

/// Whether the last so many pictures are equal.
fn is_frozen(up_to_here: &[&Entry], policy: &Policy) -> bool {
    let frames = policy.sequence.frozen_frames as usize;
    let last = up_to_here.iter().rev().map(|entry| entry.observation.fingerprint);
    let newest = up_to_here.last().map(|entry| entry.observation.fingerprint);
    last.take_while(|fingerprint| Some(*fingerprint) == newest).take(frames).count() == frames
}

/// How alike two embeddings of unit length are.
fn likeness(one: &Embedding, other: &Embedding) -> f64 {
    let pairs = one.values().iter().zip(other.values());
    pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Record {
    /// The frames that were not refused.
    fn accepted(&self) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| entry.seen.is_ok()).collect()
    }

    /// The time of the first frame that was accepted.
    fn start(&self) -> Duration {
        self.accepted().first().map_or(Duration::ZERO, |entry| entry.observation.timestamp)
    }

    fn step<'r>(&self, entry: &'r Entry) -> &'r Step {
        entry.seen.as_ref().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_picture_has_exactly_one_face_for_which_every_gate_holds(script in scripts()) {
        let record = play(&script);
        let (policy, accepted) = (&record.policy, record.accepted());
        for (at, entry) in accepted.iter().enumerate() {
            let Some(shot) = record.step(entry).shot else { continue };
            prop_assert!(holds(entry, record.start(), policy));
            let face = &entry.observation.faces[0];
            match shot.challenge {
                Some(Challenge::Smile) => {
                    prop_assert!(face.shown().iter().all(|s| s.expression.smile >= policy.expression.min_smile));
                    prop_assert_eq!(entry.shown, Some(Guidance::Smile), "smiles answer a request");
                    prop_assert!(shot.index >= policy.sequence.smile_from);
                }
                Some(other) => return Err(TestCaseError::fail(format!("nobody asked for {other:?}"))),
                None => prop_assert!(
                    face.shown()
                        .iter()
                        .all(|s| s.expression.smile <= policy.expression.max_neutral_smile)
                ),
            }
            // The same face alone in the frame before, not far away.
            let before = accepted[at - 1];
            let Some(last) = only_face(&before.observation) else {
                return Err(TestCaseError::fail("the frame before had no single face"));
            };
            prop_assert_eq!(last.track, face.track);
            prop_assert!(is_slow(Some(before), &entry.observation, policy));
            prop_assert!(!is_frozen(&accepted[..=at], policy));
        }
    }

    #[test]
    fn nobody_is_asked_about_while_a_gate_fails_nor_in_a_picture(script in scripts()) {
        let record = play(&script);
        let (policy, accepted) = (&record.policy, record.accepted());
        for (at, entry) in accepted.iter().enumerate() {
            let step = record.step(entry);
            if !step.identify {
                continue;
            }
            prop_assert!(step.shot.is_none() && step.restart.is_none() && !step.ended);
            prop_assert!(holds(entry, record.start(), policy));
            let before = at.checked_sub(1).map(|before| accepted[before]);
            prop_assert!(is_slow(before, &entry.observation, policy));
            prop_assert!(!is_frozen(&accepted[..=at], policy));
        }
    }

    #[test]
    fn a_chain_of_faces_that_look_alike_ties_every_picture_to_the_first(script in scripts()) {
        let record = play(&script);
        let limits = &record.policy.identity;
        // The last face that was looked at, its time, and the pictures.
        let mut last: Option<(u64, Embedding)> = None;
        let mut pictures: Vec<Embedding> = Vec::new();
        let mut weakest: Option<f64> = None;
        for entry in record.accepted() {
            let step = record.step(entry);
            let now = millis(entry.observation.timestamp);
            if step.restart.is_some() {
                (last, weakest) = (None, None);
                pictures.clear();
            }
            prop_assert!(!step.identify || !pictures.is_empty(), "asked before the first picture");
            if step.identify {
                let passed_ms = last.as_ref().map_or(0, |(t_ms, _)| now - t_ms);
                prop_assert!(passed_ms >= limits.link_every_ms, "asked after {} ms", passed_ms);
            }
            let (embedding, said) = match &entry.answer {
                Answer::Assessed(assessment, said) => (assessment.embedding.as_ref(), said),
                Answer::Identified(embedding, said) => (embedding.as_ref(), said),
                Answer::NotAsked | Answer::Abandoned => continue,
            };
            if let Answer::Assessed(assessment, Step { kept: false, restart: None, .. }) = &entry.answer {
                // Not good enough to be kept; before the first picture, nor to say who it shows.
                let unified = assessment.quality.get(Component::UnifiedQualityScore);
                let unified = unified.map_or(f32::NAN, |measure| measure.raw);
                prop_assert!(!unified.is_finite() || unified < record.policy.quality.min_unified);
                if pictures.is_empty() {
                    continue;
                }
            }
            let earlier = last.iter().map(|(_, face)| face).chain(&pictures);
            let alike = embedding.map(|face| {
                let likeness = earlier.map(|other| likeness(other, face)).max_by(f64::total_cmp);
                likeness.unwrap_or(1.0)
            });
            // No script has a likeness so near the limit that rounding decides.
            let tied = alike.filter(|alike| *alike >= f64::from(limits.link_similarity));
            let expected = tied.is_none().then_some(Reason::PersonChanged);
            prop_assert_eq!(said.restart.map(|restart| restart.reason), expected, "{:?}", alike);
            match (tied, embedding) {
                (Some(alike), Some(face)) => {
                    weakest = Some(weakest.map_or(alike, |weakest| weakest.min(alike)));
                    last = Some((now, face.clone()));
                    pictures.extend(said.kept.then(|| face.clone()));
                }
                _ => {
                    (last, weakest) = (None, None);
                    pictures.clear();
                }
            }
        }
        prop_assert_eq!(record.shots.len(), pictures.len());
        if let Some(outcome) = &record.outcome {
            let told = outcome.evidence.similarity_min.map(f64::from);
            prop_assert_eq!(told.is_some(), weakest.is_some());
            let off = told.zip(weakest).map_or(0.0, |(told, weakest)| (told - weakest).abs());
            prop_assert!(off < 1e-5, "{:?} instead of {:?}", told, weakest);
        }
    }

    #[test]
    fn before_the_first_picture_everything_held_for_the_whole_time(script in scripts()) {
        let record = play(&script);
        let (policy, accepted) = (&record.policy, record.accepted());
        for (at, entry) in accepted.iter().enumerate() {
            let step = record.step(entry);
            if step.shot.is_none() || !entry.kept.is_empty() {
                continue;
            }
            let now = millis(entry.observation.timestamp);
            let mut held_ms = 0;
            for other in accepted[..=at].iter().rev() {
                if held_ms >= policy.timing.hold_ms {
                    break;
                }
                let relaxed = other.observation.faces.first().is_some_and(|face| {
                    face.expression.smile <= policy.expression.max_neutral_smile
                });
                prop_assert!(relaxed);
                prop_assert!(holds(other, record.start(), policy));
                held_ms = now - millis(other.observation.timestamp);
            }
            prop_assert!(held_ms >= policy.timing.hold_ms);
        }
    }

    #[test]
    fn pictures_are_counted_spaced_and_in_motion(script in scripts()) {
        let record = play(&script);
        let policy = &record.policy;
        let images = policy.sequence.liveness_images;
        let kept = record.entries.iter().map(|entry| &entry.kept).chain([&record.shots]);
        for shots in kept {
            prop_assert!(shots.len() <= images as usize + 1);
            for (place, shot) in shots.iter().enumerate() {
                let place = place as u32;
                let expected = if place < images {
                    let smiles = place >= policy.sequence.smile_from;
                    (ShotKind::Liveness, place, smiles.then_some(Challenge::Smile))
                } else {
                    (ShotKind::Selfie, 0, None)
                };
                prop_assert_eq!((shot.kind, shot.index, shot.challenge), expected);
            }
            for pair in shots.windows(2) {
                prop_assert!(pair[1].t_ms - pair[0].t_ms >= policy.timing.min_gap_ms);
                let moved = pair[1].pose.largest_difference(pair[0].pose);
                prop_assert!(moved >= policy.sequence.min_motion_degrees);
            }
        }
    }

    #[test]
    fn the_kept_pictures_are_of_one_person(script in scripts()) {
        let record = play(&script);
        for persons in &record.persons {
            prop_assert!(persons.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", persons);
        }
        let last = record.persons.last().map_or(0, Vec::len);
        prop_assert_eq!(record.shots.len(), last, "the record of persons is the sequence's own");
    }

    #[test]
    fn a_capture_ends_once_its_time_is_used_up(script in scripts()) {
        let mut script = script;
        let last = script.moments.last().cloned();
        // One more frame when the time is over, whatever there is to see.
        let over = Duration::from_millis(script.policy.timing.timeout_ms);
        script.moments.extend(last.map(|last| Moment { time: Passing::By(over), ..last }));
        let record = play(&script);
        let accepted = record.accepted();
        let start = accepted.first().map_or(0, |entry| millis(entry.observation.timestamp));
        let mut restarts = 0;
        for entry in &accepted {
            let passed = millis(entry.observation.timestamp) - start;
            let over = passed >= record.policy.timing.timeout_ms;
            let step = record.step(entry);
            restarts += u32::from(step.restart.is_some());
            let often = step.restart.is_some() && restarts > record.policy.sequence.max_restarts;
            prop_assert_eq!(step.ended, over || often);
            restarts += u32::from(entry.answer.step().is_some_and(|said| said.restart.is_some()));
        }
        if start.checked_add(record.policy.timing.timeout_ms).is_some() {
            prop_assert!(record.outcome.is_some());
        }
    }

    #[test]
    fn only_a_complete_set_is_judged_and_only_a_set_with_every_score_is_live(script in scripts()) {
        let record = play(&script);
        let Some(outcome) = &record.outcome else { return Ok(()) };
        let complete = record.shots.len() == record.policy.sequence.liveness_images as usize + 1;
        if outcome.verdict == Verdict::Live {
            prop_assert!(complete);
        }
        let mut scores: Vec<f32> = record.shots.iter().filter_map(|shot| shot.pad_live).collect();
        prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
        if outcome.verdict == Verdict::Live {
            prop_assert!(outcome.reasons.is_empty());
            prop_assert_eq!(scores.len(), record.shots.len());
            let limits = &record.policy.presentation;
            let attacks = scores.iter().filter(|score| **score < limits.attack_below).count();
            prop_assert!(attacks <= limits.max_attack_images as usize);
            let selfie = record.shots.last().and_then(|shot| shot.pad_live);
            prop_assert!(selfie.is_some_and(|score| score >= limits.attack_below));
            // At least half of the scores reach what the median must reach, but for the mean of two.
            scores.sort_by(f32::total_cmp);
            prop_assert!(scores[scores.len() / 2] >= record.policy.fusion.passive.retry_below);
        } else {
            prop_assert!(!outcome.reasons.is_empty());
        }
    }

    #[test]
    fn guidance_never_changes_faster_than_it_can_be_read(script in scripts()) {
        let record = play(&script);
        for pair in record.guidance.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= record.policy.timing.guidance_debounce_ms);
            prop_assert_ne!(pair[1].1, pair[0].1);
        }
        let shown: Vec<_> = record
            .accepted()
            .iter()
            .filter_map(|entry| {
                let guidance = record.step(entry).guidance?;
                Some((millis(entry.observation.timestamp), guidance))
            })
            .collect();
        prop_assert_eq!(&shown, &record.guidance, "the record is what the steps said");
    }

    #[test]
    fn the_same_frames_give_the_same_steps_with_or_without_the_refused_ones(script in scripts()) {
        let record = play(&script);
        let mut again = Sequence::new(script.policy.clone(), 1);
        for entry in record.accepted() {
            prop_assert_eq!(&again.observe(&entry.observation, entry.quality.as_ref()), &entry.seen);
            match &entry.answer {
                Answer::Assessed(assessment, said) => {
                    prop_assert_eq!(&again.assess(assessment.clone()), &Ok(said.clone()));
                }
                Answer::Identified(embedding, said) => {
                    prop_assert_eq!(&again.identify(embedding.clone()), &Ok(said.clone()));
                }
                Answer::Abandoned => again.abandon(),
                Answer::NotAsked => {}
            }
        }
        prop_assert_eq!(again.shots(), &record.shots[..]);
        prop_assert_eq!(guidance(&again), record.guidance);
    }
}

/// The properties say nothing of scripts in which nothing happens: these are the things that do.
#[test]
fn the_scripts_reach_everything_that_the_properties_speak_of() {
    let mut runner = TestRunner::deterministic();
    let strategy = scripts();
    let (mut verdicts, mut restarts, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
    let (mut smiles, mut odd_policies) = (0, 0);
    let (mut identified, mut changed_between, mut unaligned_between) = (0, 0, 0);
    let (mut shots_abandoned, mut questions_abandoned) = (0, 0);
    for _ in 0..300 {
        let script = strategy.new_tree(&mut runner).unwrap().current();
        let record = play(&script);
        verdicts.extend(record.outcome.map(|outcome| outcome.verdict));
        let steps = record.entries.iter().filter_map(|entry| entry.seen.as_ref().ok());
        restarts.extend(steps.filter_map(|step| step.restart).map(|restart| restart.reason));
        for entry in &record.entries {
            let said = entry.answer.step();
            restarts.extend(said.and_then(|step| step.restart).map(|restart| restart.reason));
            let asked = entry.seen.as_ref().is_ok_and(|step| step.identify);
            match &entry.answer {
                Answer::Identified(embedding, step) => {
                    identified += 1;
                    let changed = step.restart.is_some();
                    changed_between += usize::from(changed && embedding.is_some());
                    unaligned_between += usize::from(changed && embedding.is_none());
                }
                Answer::Abandoned if asked => questions_abandoned += 1,
                Answer::Abandoned => shots_abandoned += 1,
                Answer::Assessed(..) | Answer::NotAsked => {}
            }
        }
        refusals.extend(record.refusals);
        let shots = record.shots.iter();
        smiles += shots.filter(|shot| shot.challenge.is_some()).count();
        let complete = record.shots.len() as u32 > script.policy.sequence.liveness_images;
        odd_policies += usize::from(complete && script.policy != Policy::default());
    }
    let of = |verdict| verdicts.iter().filter(|v| **v == verdict).count();
    let because = |reason| restarts.iter().filter(|r| **r == reason).count();
    let time = |e: &&SequenceError| matches!(e, SequenceError::TimeNotIncreasing { .. });
    let unanswered = |e: &&SequenceError| **e == SequenceError::NotAnswered;
    let reached = [
        ("live", of(Verdict::Live), 50),
        ("retry", of(Verdict::Retry), 5),
        ("timed out", of(Verdict::TimedOut), 5),
        ("lost", because(Reason::FaceLost), 5),
        ("several", because(Reason::MultipleFaces), 3),
        ("changed", because(Reason::PersonChanged), 5),
        ("frozen", because(Reason::FrozenFrames), 3),
        ("time refused", refusals.iter().filter(time).count(), 20),
        ("not answered", refusals.iter().filter(unanswered).count(), 3),
        ("smiles", smiles, 100),
        ("identified", identified, 1_000),
        ("changed between pictures", changed_between, 5),
        ("unaligned between pictures", unaligned_between, 3),
        ("pictures abandoned", shots_abandoned, 5),
        ("questions abandoned", questions_abandoned, 5),
        ("complete under other policies", odd_policies, 10),
    ];
    for (what, count, least) in reached {
        assert!(count >= least, "{what}: {count}; all: {reached:?}");
    }
}
