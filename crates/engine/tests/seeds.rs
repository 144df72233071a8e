//! A thousand seeds of every preset, and a recording against a thousand orders.
//!
//! The models look at every frame of the clips once, in the order idle, clip, idle. What was seen of each frame
//! (its face, its quality, what its pixels say of paper and screens, its passive score, its embedding) then stands
//! in for the models while the sequence itself runs: the clips are played as the guidance asks, with times of
//! their own.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use liveface::camera::{FrameSource, Recording};
use liveface::{
    Challenge, Embedding, Engine, EngineConfig, Guidance, ModelSource, Observation, Policy,
    QualityRecord, Reason, Tracker, Verdict, challenge_order,
};
use liveface_liveness::{Assessment, Outcome, Sequence};
use liveface_quality::{Gauge, Subject};

const SUBJECTS: [&str; 3] = ["clips-f1", "clips-m1", "clips-m2"];
const SEEDS: u64 = 1_000;
const FRAME_MS: u64 = 67;

/// What was seen of a frame.
struct Seen {
    observation: Observation,
    guide: QualityRecord,
    assessed: QualityRecord,
    pad_live: f32,
    embedding: Option<Embedding>,
}

type Clips = BTreeMap<&'static str, Vec<Seen>>;

static RECORDED: LazyLock<Vec<Clips>> = LazyLock::new(|| {
    let folder = |path: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let models = ModelSource::Folder(folder("models"));
    let engine = Engine::load(&EngineConfig { models, ..EngineConfig::default() }).unwrap();
    let look = |subject: &&str| {
        let clips = ["idle", "approach", "smile", "blink", "turn_left", "turn_right", "look_up"];
        clips
            .into_iter()
            .map(|clip| (clip, record(&engine, &folder("fixtures").join(subject), clip)))
            .collect()
    };
    SUBJECTS.iter().map(look).collect()
});

/// Lets the models look at a clip, with the idle one before it so that the track has settled.
fn record(engine: &Engine, subject: &std::path::Path, clip: &str) -> Vec<Seen> {
    let policy = Policy::default();
    let mut tracker = Tracker::new(policy.tracking.clone())
        .watching(policy.surroundings.clone(), policy.texture.clone());
    let (mut gauge, mut vision) = (Gauge::default(), engine.vision());
    let mut seen = Vec::new();
    let mut now = Duration::ZERO;
    for (name, keep) in [("idle", false), (clip, true)] {
        if name == "idle" && clip == "approach" {
            continue;
        }
        let mut frames = Recording::open(subject.join(name), 15.0).unwrap();
        while let Some(frame) = frames.next_frame().unwrap() {
            now += Duration::from_millis(FRAME_MS);
            let frame = frame.at(now);
            let observation = tracker.observe(&mut vision, &frame).unwrap().clone();
            if !keep {
                continue;
            }
            let face = &observation.faces[0];
            let guide = gauge.guide(&frame, face, vision.aligned(face));
            let learned = Some(vision.learned_quality(&frame, face).unwrap());
            let aligned = vision.aligned(face);
            let whole = Subject { face, aligned, second_face: 0.0, learned, person: None };
            let assessed = gauge.assess(&frame, &whole);
            let pad_live = vision.presentation(&frame, face).unwrap();
            let embedding = vision.embedding(&frame, face).unwrap();
            seen.push(Seen { observation, guide, assessed, pad_live, embedding });
        }
    }
    seen
}

/// Plays clips as the guidance asks, from the end of one to the beginning of the next.
struct Player<'c> {
    clips: &'c Clips,
    playing: &'static str,
    position: usize,
    asked: Guidance,
    /// Which frames were played.
    played: Vec<(&'static str, usize)>,
}

impl<'c> Player<'c> {
    fn new(clips: &'c Clips) -> Self {
        let played = Vec::new();
        Self { clips, playing: "approach", position: 0, asked: Guidance::FindFace, played }
    }

    fn next(&mut self) -> &'c Seen {
        if self.position == self.clips[self.playing].len() {
            self.position = 0;
            self.playing = match self.asked {
                Guidance::MoveCloser => "approach",
                Guidance::Smile => "smile",
                Guidance::TurnImageLeft => "turn_right",
                Guidance::TurnImageRight => "turn_left",
                Guidance::LookUp => "look_up",
                _ => "idle",
            };
        }
        self.position += 1;
        self.played.push((self.playing, self.position - 1));
        &self.clips[self.playing][self.position - 1]
    }
}

/// Everything that happened, as text: two runs are equal when this is.
fn run<'c>(
    policy: &Policy,
    seed: u64,
    mut next: impl FnMut(Option<Guidance>) -> Option<&'c Seen>,
    fingerprint: impl Fn(u64, &Seen) -> u64,
) -> (Outcome, String) {
    let mut sequence = Sequence::new(policy.clone(), seed);
    let mut shown = None;
    let mut story = String::new();
    for frame in 0.. {
        let Some(seen) = next(shown.take()) else {
            story += &format!("{:?}", sequence.end(Reason::FramesEnded));
            break;
        };
        let mut observation = seen.observation.clone();
        observation.timestamp = Duration::from_millis(frame * FRAME_MS);
        observation.fingerprint = fingerprint(frame, seen);
        observation.faces[0].track = 1;
        let step = sequence.observe(&observation, Some(&seen.guide)).unwrap();
        story += &format!("{step:?}");
        shown = step.guidance;
        if step.candidate {
            sequence.candidate(seen.pad_live);
        }
        if step.identify {
            story += &format!("{:?}", sequence.identify(seen.embedding.clone()).unwrap());
        }
        if step.shot.is_some() {
            let (pad_live, embedding) = (seen.pad_live, seen.embedding.clone());
            let assessment = Assessment { pad_live, embedding, quality: seen.assessed };
            story += &format!("{:?}", sequence.assess(assessment).unwrap());
        }
        if sequence.outcome().is_some() {
            break;
        }
    }
    let outcome = sequence.outcome().unwrap().clone();
    story += &format!("{outcome:?}{:?}", sequence.shots());
    (outcome, story)
}

/// A person who does as asked. No two of a camera's frames are equal.
fn perform(
    clips: &Clips,
    policy: &Policy,
    seed: u64,
) -> (Outcome, String, Vec<(&'static str, usize)>) {
    let mut player = Player::new(clips);
    let (outcome, story) = run(
        policy,
        seed,
        |shown| {
            player.asked = shown.unwrap_or(player.asked);
            Some(player.next())
        },
        |frame, _| frame,
    );
    (outcome, story, player.played)
}

/// Does `work` for every seed, on two threads.
fn for_seeds(work: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for half in 0..2 {
            let work = &work;
            scope.spawn(move || (half..SEEDS).step_by(2).for_each(work));
        }
    });
}

#[test]
fn everyone_who_does_as_asked_is_live_whatever_the_seed() {
    for (subject, clips) in SUBJECTS.iter().zip(RECORDED.iter()) {
        for preset in ["smart-selfie", "enhanced", "passive"] {
            let policy = Policy::preset(preset).unwrap();
            for_seeds(|seed| {
                let (outcome, ..) = perform(clips, &policy, seed);
                assert_eq!(
                    outcome.verdict,
                    Verdict::Live,
                    "{subject} {preset} {seed}: {outcome:#?}"
                );
            });
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_capture() {
    for preset in ["smart-selfie", "enhanced", "passive"] {
        let policy = Policy::preset(preset).unwrap();
        for seed in 0..20 {
            let [(_, one, _), (_, other, _)] = [0, 1].map(|_| perform(&RECORDED[0], &policy, seed));
            assert_eq!(one, other, "{preset} {seed}");
        }
    }
}

/// A recording of a capture that was live, shown again to other orders.
fn replay(policy: &Policy, played: &[(&'static str, usize)], seed: u64, loops: bool) -> Outcome {
    let clips = &RECORDED[1];
    let times = if loops { 3 } else { 1 };
    let mut frames = (0..times).flat_map(|_| played).map(|(clip, frame)| &clips[clip][*frame]);
    let length = played.len() as u64;
    run(policy, seed, |_| frames.next(), |frame, _| frame % length).0
}

#[test]
fn a_recording_meets_the_order_of_one_seed_in_a_hundred_at_most() {
    let policy = Policy::preset("enhanced").unwrap();
    let own = SEEDS + 7;
    let (outcome, _, played) = perform(&RECORDED[1], &policy, own);
    assert_eq!(outcome.verdict, Verdict::Live);
    let order = challenge_order(own, 0, &policy.challenge);
    // Only the order counts: whenever the head turns it may, as long as it is to the right side.
    let mut only_order = policy.clone();
    only_order.challenge.min_reaction_ms = 0;
    only_order.challenge.min_pause_ms = 0;
    only_order.challenge.max_pause_ms = 0;
    only_order.challenge.max_unasked_turns = u32::MAX;
    let met = std::sync::atomic::AtomicU64::new(0);
    for_seeds(|seed| {
        let outcome = replay(&only_order, &played, seed, false);
        if challenge_order(seed, 0, &policy.challenge) == order {
            met.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        } else {
            assert_ne!(outcome.verdict, Verdict::Live, "{seed}: {outcome:#?}");
        }
    });
    let met = met.into_inner();
    assert!((1..=SEEDS / 100).contains(&met), "{met}");
}

#[test]
fn a_recording_is_refused_by_the_whole_rule() {
    let policy = Policy::preset("enhanced").unwrap();
    let (_, _, played) = perform(&RECORDED[1], &policy, SEEDS + 7);
    for loops in [false, true] {
        for_seeds(|seed| {
            let outcome = replay(&policy, &played, seed, loops);
            assert_ne!(outcome.verdict, Verdict::Live, "{seed} {loops}: {outcome:#?}");
        });
    }
}

#[test]
fn a_recording_with_all_turns_one_after_the_other_is_refused() {
    let policy = Policy::preset("enhanced").unwrap();
    let clips = &RECORDED[1];
    let turns = [Challenge::TurnImageLeft, Challenge::TurnImageRight, Challenge::LookUp];
    let clip = |turn| match turn {
        Challenge::TurnImageLeft => "turn_right",
        Challenge::TurnImageRight => "turn_left",
        _ => "look_up",
    };
    let rounds = (0..4).flat_map(|_| turns).map(clip);
    let order: Vec<&str> = ["approach", "idle"]
        .into_iter()
        .chain(rounds.flat_map(|turn| [turn, "idle", "idle"]))
        .collect();
    for_seeds(|seed| {
        let mut frames = order.iter().flat_map(|clip| &clips[clip]);
        let (outcome, _) = run(&policy, seed, |_| frames.next(), |frame, _| frame);
        assert_ne!(outcome.verdict, Verdict::Live, "{seed}: {outcome:#?}");
    });
}
