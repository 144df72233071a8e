//! What holds of the challenge of turns, whoever is asked and whatever they do.
//!
//! A script is a policy that passes its own check, a seed, and frame by frame what the person does with what the
//! guidance says and what goes wrong around them. The rules are written here a second time, over what was
//! recorded while the script was played.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Person, Who, good_quality, observation, turn_of, watched};
use liveface_core::policy::{ChallengeKind, ChallengeLimits};
use liveface_core::{
    Challenge, Component, EvidenceKind, Guidance, Measure, Observation, Policy, Pose,
    QualityRecord, Reason, ShotKind, ShotRecord, Verdict,
};
use liveface_liveness::{
    Assessment, Outcome, Phase, Progress, Sequence, Step, challenge_order, possible_orders,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const DIRECTIONS: [Challenge; 3] =
    [Challenge::TurnImageLeft, Challenge::TurnImageRight, Challenge::LookUp];

// Scripts.

#[derive(Clone, Debug)]
struct Script {
    policy: Policy,
    seed: u64,
    habits: Habits,
    /// Played again and again until the capture has ended.
    moments: Vec<Moment>,
    /// Whether what goes wrong does so every time, or only at first.
    repeats: bool,
}

/// How somebody turns the head.
#[derive(Clone, Copy, Debug)]
struct Habits {
    /// Degrees a second.
    speed: f32,
    /// From what is shown to the beginning of the movement, milliseconds.
    reaction_ms: u64,
    /// Degrees, in each frame anew, to either side.
    jitter: f32,
    /// How much of the pose before stays in the smoothed one, 0 to 1.
    smoothing: f32,
    /// How far a turn to a side and a lift of the chin go, degrees.
    reach: (f32, f32),
}

/// What somebody does with what was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Follows,
    /// To the other side, or to a side instead of up.
    Opposite,
    /// To a side and up at once.
    Diagonal,
    Ignores,
    /// Turns, whatever is asked.
    Fidgets(f32, f32),
}

/// What goes wrong in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    Absent,
    /// A second face: its mesh, or only its detection.
    Second {
        meshed: bool,
    },
    Covered,
    Blurred,
    Dark,
    /// So near that it is cut off.
    Near,
    NewTrack,
    Frozen,
    NoNumber,
    Swap(Who),
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    ms: u64,
    /// Of the pose, -1 to 1.
    jitter: [f32; 2],
    manner: Manner,
    trouble: Trouble,
    pad_live: f32,
    /// The learned score of a picture.
    unified: f32,
    abandons: bool,
}

fn habits() -> impl Strategy<Value = Habits> {
    (
        prop_oneof![8 => 60.0f32..250.0, 1 => 250.0f32..5_000.0, 1 => 5.0f32..60.0],
        prop_oneof![8 => 200u64..900, 1 => 0u64..200, 2 => 900u64..4_000],
        prop_oneof![3 => Just(0.0f32), 2 => 0.0f32..2.0, 1 => 2.0f32..12.0],
        0.0f32..0.7,
        (25.0f32..45.0, 15.0f32..25.0),
    )
        .prop_map(|(speed, reaction_ms, jitter, smoothing, reach)| Habits {
            speed,
            reaction_ms,
            jitter,
            smoothing,
            reach,
        })
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        3 => Just(Trouble::Absent),
        1 => any::<bool>().prop_map(|meshed| Trouble::Second { meshed }),
        1 => Just(Trouble::Covered),
        2 => Just(Trouble::Blurred),
        1 => Just(Trouble::Dark),
        1 => Just(Trouble::Near),
        2 => Just(Trouble::NewTrack),
        1 => Just(Trouble::Frozen),
        1 => Just(Trouble::NoNumber),
        1 => select(vec![Who::Ann, Who::Bob, Who::Twin]).prop_map(Trouble::Swap),
    ]
}

/// Runs of moments; `odd` in a thousand are such that something goes wrong.
fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let manner = prop_oneof![
        3 => Just(Manner::Opposite),
        2 => Just(Manner::Diagonal),
        3 => Just(Manner::Ignores),
        2 => (-40.0f32..40.0, -20.0f32..25.0).prop_map(|(yaw, up)| Manner::Fidgets(yaw, up)),
    ];
    let moment = |manner: BoxedStrategy<Manner>, trouble: BoxedStrategy<Trouble>| {
        let ms = prop_oneof![8 => 25u64..80, 1 => 1u64..25, 1 => 80u64..400];
        let scores = (0.6f32..1.0, prop_oneof![30 => Just(0.9f32), 1 => 0.0f32..1.0]);
        (ms, [-1.0f32..1.0, -1.0f32..1.0], manner, trouble, scores, prop::bool::weighted(0.005))
            .prop_map(|(ms, jitter, manner, trouble, (pad_live, unified), abandons)| Moment {
                ms,
                jitter,
                manner,
                trouble,
                pad_live,
                unified,
                abandons,
            })
    };
    select(vec![0u32, 0, 2, 4, 20, 100]).prop_flat_map(move |odd| {
        let good = moment(Just(Manner::Follows).boxed(), Just(Trouble::None).boxed());
        let mannered = moment(manner.clone().boxed(), Just(Trouble::None).boxed());
        let troubled = moment(Just(Manner::Follows).boxed(), trouble().boxed());
        let run = prop_oneof![
            1_000 - odd => good.prop_map(|moment| vec![moment]),
            odd => (mannered, 1usize..40).prop_map(|(moment, times)| vec![moment; times]),
            odd => (troubled, 1usize..15).prop_map(|(moment, times)| vec![moment; times]),
        ];
        prop::collection::vec(run, 50..300).prop_map(|runs| runs.concat())
    })
}

/// The preset, or any other policy of turns that passes its own check.
fn policies() -> impl Strategy<Value = Policy> {
    let directions = subsequence(DIRECTIONS.to_vec(), 1..=3).prop_shuffle();
    let degrees = (10.0f32..24.0, 8.0f32..14.0, 45.0f32..90.0);
    let shares = (0.3f32..0.8, 0.2f32..0.6, 0.2f32..=1.0, 0.0f32..=1.0);
    let times = (0u64..500, 0u64..600, 0u64..1_200, 0u64..600, 1_000u64..8_000, 300u64..1_500);
    let counts = (1u32..9, 0u32..5, 0u32..4, 1u32..18, 0u32..4);
    let timeout = prop_oneof![4 => 20_000u64..60_000, 1 => 3_000u64..20_000];
    let timing = (0u64..600, 0u64..700, 0u64..500, 100u64..4_000, timeout);
    let other = (directions, degrees, shares, times, counts, timing, 100.0f32..3_000.0).prop_map(
        |(directions, degrees, shares, times, counts, timing, speed)| {
            let mut policy = Policy::preset("enhanced").unwrap();
            let limits = &mut policy.challenge;
            limits.turns = counts.0.max(directions.len() as u32);
            limits.directions = directions;
            (limits.turn_degrees, limits.up_degrees, limits.max_turn_degrees) = degrees;
            (limits.half_way, limits.centre, limits.max_aside, limits.max_back) = shares;
            limits.hold_ms = times.0;
            (limits.min_pause_ms, limits.max_pause_ms) = (times.1, times.1 + times.2);
            (limits.min_reaction_ms, limits.max_response_ms) = (times.3, times.4);
            limits.slow_reaction_ms = times.5;
            limits.max_speed_degrees = speed;
            limits.max_extra_turns = counts.1;
            limits.max_unasked_turns = counts.2;
            policy.sequence.liveness_images = counts.3;
            policy.sequence.max_restarts = counts.4;
            let times = &mut policy.timing;
            (times.min_gap_ms, times.hold_ms) = (timing.0, timing.1);
            (times.guidance_debounce_ms, times.face_lost_ms) = (timing.2, timing.3);
            times.timeout_ms = timing.4;
            policy
        },
    );
    prop_oneof![
        1 => Just(Policy::preset("enhanced").unwrap()),
        2 => other.prop_filter("a policy that passes its check", |policy| policy.check().is_ok()),
    ]
    .prop_map(|mut policy| {
        // The scripted head is a ball, and has no shape to tell.
        policy.fusion.shape.required = false;
        policy
    })
}

fn scripts() -> impl Strategy<Value = Script> {
    (policies(), any::<u64>(), habits(), moments(), any::<bool>()).prop_map(
        |(policy, seed, habits, moments, repeats)| Script {
            policy,
            seed,
            habits,
            moments,
            repeats,
        },
    )
}

// Playing a script.

/// What happened at a frame.
#[derive(Debug)]
struct Entry {
    t_ms: u64,
    faces: usize,
    /// Of the one face: smoothed, and of this frame alone.
    poses: Option<[Pose; 2]>,
    /// Nothing was wrong with this frame nor the one before it.
    clean: bool,
    phases: [Phase; 2],
    /// What the person saw when the frame was taken, and since when.
    shown: Option<(u64, Guidance)>,
    step: Step,
    /// What an answer to the step led to.
    said: Option<Step>,
    /// The pictures kept so far.
    shots: Vec<ShotRecord>,
    progress: Progress,
}

#[derive(Debug)]
struct Record {
    entries: Vec<Entry>,
    guidance: Vec<(u64, Guidance)>,
    outcome: Option<Outcome>,
}

impl Record {
    /// All of it as text, which is the same when the record is, numbers that are none included.
    fn story(&self) -> String {
        format!("{self:?}")
    }
}

/// The one in front of the camera.
struct Actor {
    habits: Habits,
    person: Person,
    turned: (f32, f32),
    towards: (f32, f32),
    /// What will be done, and when.
    next: Option<(u64, (f32, f32))>,
    saw: Option<Guidance>,
    smooth: Option<Pose>,
    frame: u64,
    fingerprint: u64,
    last_trouble: Trouble,
}

impl Actor {
    fn new(habits: Habits) -> Self {
        Self {
            habits,
            person: Person::default(),
            turned: (0.0, 0.0),
            towards: (0.0, 0.0),
            next: None,
            saw: None,
            smooth: None,
            frame: 0,
            fingerprint: 0,
            last_trouble: Trouble::None,
        }
    }

    fn target(&self, manner: Manner, shown: Guidance) -> (f32, f32) {
        let (side, up) = self.habits.reach;
        let (yaw, pitch) = turn_of(shown);
        let (yaw, pitch) = (side * yaw / 30.0, up * pitch / 20.0);
        match manner {
            Manner::Follows => (yaw, pitch),
            _ if (yaw, pitch) == (0.0, 0.0) => (0.0, 0.0),
            Manner::Opposite if yaw == 0.0 => (side, 0.0),
            Manner::Opposite => (-yaw, 0.0),
            Manner::Diagonal if yaw == 0.0 => (side, pitch),
            Manner::Diagonal => (yaw, up),
            Manner::Ignores => (0.0, 0.0),
            Manner::Fidgets(yaw, pitch) => (yaw, pitch),
        }
    }

    fn observation(&mut self, now: u64, moment: &Moment, shown: Option<Guidance>) -> Observation {
        if shown != self.saw {
            self.saw = shown;
            let target = shown.map_or((0.0, 0.0), |shown| self.target(moment.manner, shown));
            self.next = Some((now + self.habits.reaction_ms, target));
        }
        if let Manner::Fidgets(yaw, pitch) = moment.manner {
            self.next = Some((now, (yaw, pitch)));
        }
        if let Some((_, target)) = self.next.take_if(|(at, _)| *at <= now) {
            self.towards = target;
        }
        let most = self.habits.speed * moment.ms as f32 / 1_000.0;
        self.turned.0 += (self.towards.0 - self.turned.0).clamp(-most, most);
        self.turned.1 += (self.towards.1 - self.turned.1).clamp(-most, most);
        match moment.trouble {
            Trouble::Swap(who) => self.person.who = who,
            Trouble::NewTrack => self.person.track += 1,
            _ => {}
        }
        self.frame += 1;
        if moment.trouble != Trouble::Frozen {
            self.fingerprint = self.frame;
        }
        let mut person = self.person.clone();
        person.pose.yaw_degrees += self.turned.0 + self.habits.jitter * moment.jitter[0];
        person.pose.pitch_degrees += self.turned.1 + self.habits.jitter * moment.jitter[1];
        match moment.trouble {
            Trouble::Covered => person.covered = 0.9,
            Trouble::Near => person.height = 470.0,
            _ => {}
        }
        let mut face = person.face(self.frame);
        let (alone, kept) = (face.pose, self.habits.smoothing);
        let smooth = self.smooth.map_or(alone, |before| Pose {
            yaw_degrees: kept * before.yaw_degrees + (1.0 - kept) * alone.yaw_degrees,
            pitch_degrees: kept * before.pitch_degrees + (1.0 - kept) * alone.pitch_degrees,
            ..alone
        });
        self.smooth = Some(smooth);
        face.pose = smooth;
        if moment.trouble == Trouble::NoNumber {
            face.fitted.pose.yaw_degrees = f32::NAN;
        }
        let mut faces = vec![face];
        match moment.trouble {
            Trouble::Absent => faces.clear(),
            Trouble::Second { meshed: true } => faces.push(faces[0].clone()),
            _ => {}
        }
        let mut observation = observation(Duration::from_millis(now), faces);
        let uncounted = moment.trouble == Trouble::Second { meshed: false };
        observation.face_count += usize::from(uncounted);
        observation.fingerprint = self.fingerprint;
        observation
    }
}

fn quality(moment: &Moment) -> QualityRecord {
    let mut quality = good_quality();
    let mut set = |component, raw| quality.set(component, Measure { raw, score: Some(50) });
    set(Component::UnifiedQualityScore, moment.unified);
    match moment.trouble {
        Trouble::Blurred => set(Component::Sharpness, 1.0),
        Trouble::Dark => set(Component::LuminanceMean, 0.01),
        _ => {}
    }
    quality
}

fn play(script: &Script) -> Record {
    let mut sequence = Sequence::new(script.policy.clone(), script.seed);
    let mut actor = Actor::new(script.habits);
    let mut entries: Vec<Entry> = Vec::new();
    let mut now = 500;
    let over = now + script.policy.timing.timeout_ms + 1_000;
    let first = script.moments.iter().copied();
    let calm = |moment: Moment| match script.repeats {
        true => moment,
        false => Moment { manner: Manner::Follows, trouble: Trouble::None, ..moment },
    };
    let later = script.moments.iter().cycle().map(|moment| calm(*moment));
    for moment in first.chain(later) {
        if sequence.outcome().is_some() || now > over {
            break;
        }
        now += moment.ms;
        let shown = sequence.guidance().last().map(|record| (record.t_ms, record.guidance));
        let seen = actor.observation(now, &moment, shown.map(|(_, guidance)| guidance));
        let quality = quality(&moment);
        let (step, (before, mut after)) =
            watched(&mut sequence, |s| s.observe(&seen, Some(&quality)).unwrap());
        let embedding = Some(actor.person.who.embedding(0.1));
        let mut said = None;
        if (step.shot.is_some() || step.identify) && moment.abandons {
            sequence.abandon();
        } else if step.shot.is_some() {
            let assessment = Assessment { pad_live: moment.pad_live, embedding, quality };
            let (step, change) = watched(&mut sequence, |s| s.assess(assessment).unwrap());
            (said, after) = (Some(step), change.1);
        } else if step.identify {
            let (step, change) = watched(&mut sequence, |s| s.identify(embedding).unwrap());
            (said, after) = (Some(step), change.1);
        }
        let clean = |trouble| matches!(trouble, Trouble::None | Trouble::Blurred | Trouble::Dark);
        let (fitted, smooth) = (seen.faces.first().map(|f| f.fitted.pose), actor.smooth);
        entries.push(Entry {
            t_ms: now,
            faces: seen.face_count,
            poses: smooth.zip(fitted).map(|(smooth, fitted)| [smooth, fitted]),
            clean: clean(moment.trouble) && clean(actor.last_trouble),
            phases: [before, after],
            shown,
            step,
            said,
            shots: sequence.shots().to_vec(),
            progress: sequence.progress(),
        });
        actor.last_trouble = moment.trouble;
    }
    let guidance = sequence.guidance().iter().map(|record| (record.t_ms, record.guidance));
    Record { entries, guidance: guidance.collect(), outcome: sequence.outcome().cloned() }
}

// The rules, a second time.

/// How far a pose is from `neutral` towards each direction, where 1 is a complete turn.
fn ways(pose: Pose, neutral: Pose, limits: &ChallengeLimits) -> BTreeMap<&'static str, f32> {
    let yaw = (pose.yaw_degrees - neutral.yaw_degrees) / limits.turn_degrees;
    let up = (pose.pitch_degrees - neutral.pitch_degrees) / limits.up_degrees;
    let [left, right, chin] = DIRECTIONS.map(Challenge::code);
    BTreeMap::from([(left, -yaw), (right, yaw), (chin, up)])
}

/// How far a pose is from `neutral` in the direction that a turn does not go, in complete turns.
fn aside(pose: Pose, neutral: Pose, challenge: Challenge, limits: &ChallengeLimits) -> f32 {
    let ways = ways(pose, neutral, limits);
    let other = match challenge {
        Challenge::LookUp => Challenge::TurnImageLeft,
        _ => Challenge::LookUp,
    };
    ways[other.code()].abs()
}

fn asks_for(guidance: Guidance) -> Option<Challenge> {
    match guidance {
        Guidance::TurnImageLeft => Some(Challenge::TurnImageLeft),
        Guidance::TurnImageRight => Some(Challenge::TurnImageRight),
        Guidance::LookUp => Some(Challenge::LookUp),
        _ => None,
    }
}

/// How many pictures each direction gets in an order: two of the first turn to each, then of the others, while there
/// are any left.
fn planned(order: &[Challenge], images: u32) -> BTreeMap<&'static str, u32> {
    let mut first: Vec<Challenge> = Vec::new();
    let mut others: Vec<Challenge> = Vec::new();
    for turn in order {
        let place = if first.contains(turn) { &mut others } else { &mut first };
        place.push(*turn);
    }
    let mut plan = BTreeMap::new();
    let slots = first.iter().chain(&others).flat_map(|turn| [turn, turn]);
    for turn in slots.take(images as usize) {
        *plan.entry(turn.code()).or_default() += 1;
    }
    plan
}

/// The pose against which the turns of each frame count: the one at which they began, or began again.
fn neutrals(record: &Record) -> Vec<Option<Pose>> {
    let mut neutral = None;
    let each = record.entries.iter().map(|entry| {
        if entry.phases == [Phase::Holding, Phase::Centring] {
            neutral = entry.poses.map(|[smooth, _]| smooth);
        }
        neutral
    });
    each.collect()
}

/// How often everything was thrown away before each frame, and after the last.
fn attempts(record: &Record) -> Vec<u32> {
    let mut attempt = 0;
    let mut all = vec![0];
    for entry in &record.entries {
        attempt += u32::from(entry.step.restart.is_some());
        attempt += u32::from(entry.said.as_ref().is_some_and(|said| said.restart.is_some()));
        all.push(attempt);
    }
    all
}

fn fail<T>(what: String) -> Result<T, TestCaseError> {
    Err(TestCaseError::fail(what))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_capture_ends_within_its_time(script in scripts()) {
        let record = play(&script);
        let Some(last) = record.entries.last() else { return fail("no frame".to_owned()) };
        prop_assert!(record.outcome.is_some(), "{} ms", last.t_ms);
        prop_assert_eq!(last.phases[1], Phase::Ended);
        let start = record.entries[0].t_ms;
        let timeout = script.policy.timing.timeout_ms;
        prop_assert!(record.entries.iter().rev().skip(1).all(|entry| entry.t_ms - start < timeout));
    }

    #[test]
    fn no_more_pictures_than_the_policy_asks_for_and_of_each_direction_than_planned(script in scripts()) {
        let record = play(&script);
        let images = script.policy.sequence.liveness_images;
        for (entry, attempt) in record.entries.iter().zip(attempts(&record).iter().skip(1)) {
            prop_assert!(entry.shots.len() <= images as usize + 1);
            let order = challenge_order(script.seed, *attempt, &script.policy.challenge);
            let plan = planned(&order, images);
            prop_assert_eq!(plan.values().sum::<u32>(), images);
            for direction in DIRECTIONS {
                let taken = entry.shots.iter().filter(|s| s.challenge == Some(direction)).count();
                let planned = plan.get(direction.code()).copied().unwrap_or(0);
                prop_assert!(taken as u32 <= planned, "{} of {:?}", taken, direction);
            }
            for (place, shot) in entry.shots.iter().enumerate() {
                let is_selfie = place as u32 == images;
                prop_assert_eq!(shot.kind == ShotKind::Selfie, is_selfie);
                prop_assert_eq!(shot.challenge.is_none(), is_selfie, "only the selfie is of no turn");
            }
            let gap = script.policy.timing.min_gap_ms;
            prop_assert!(entry.shots.windows(2).all(|pair| pair[1].t_ms - pair[0].t_ms >= gap));
        }
    }

    #[test]
    fn a_picture_has_one_face_that_is_turned_as_is_asked_for_just_then(script in scripts()) {
        let record = play(&script);
        let limits = &script.policy.challenge;
        let mut turning_ms = 0;
        for (entry, neutral) in record.entries.iter().zip(neutrals(&record)) {
            if entry.phases[0] != Phase::Turning && entry.phases[1] == Phase::Turning {
                turning_ms = entry.t_ms;
            }
            let Some(shot) = entry.step.shot else { continue };
            prop_assert_eq!(entry.faces, 1);
            let (Some(poses), Some(neutral)) = (entry.poses, neutral) else {
                return fail("a picture without a pose".to_owned());
            };
            prop_assert!(poses.iter().all(|pose| pose.yaw_degrees.is_finite()));
            let Some(challenge) = shot.challenge else {
                prop_assert!(matches!(entry.phases[0], Phase::Holding | Phase::Taking));
                prop_assert_eq!(shot.kind, ShotKind::Selfie);
                continue;
            };
            prop_assert_eq!(entry.phases[0], Phase::Turning);
            // Once the end is taken, the person may be asked back while the half-way picture is still wanted.
            let shown = entry.shown.map(|(_, guidance)| guidance);
            let back = shown == Some(Guidance::LookStraight);
            prop_assert!(back || shown.and_then(asks_for) == Some(challenge), "{:?}", shown);
            // It counts from when it was shown first: something else may have been asked for in between.
            let ended = |place: usize| record.guidance.get(place + 1).is_none_or(|(t_ms, _)| *t_ms > turning_ms);
            let asked = record.guidance.iter().enumerate().find(|(place, (_, guidance))| {
                asks_for(*guidance) == Some(challenge) && ended(*place)
            });
            let reaction_ms = entry.t_ms.checked_sub(asked.map_or(u64::MAX, |(_, (t_ms, _))| *t_ms));
            prop_assert!(reaction_ms.is_some_and(|ms| ms >= limits.min_reaction_ms), "{:?}", reaction_ms);
            for pose in poses {
                let own = ways(pose, neutral, limits)[challenge.code()];
                prop_assert!(own >= limits.half_way - 1e-4, "{}", own);
                prop_assert!(aside(pose, neutral, challenge, limits) <= limits.max_aside + 1e-4);
            }
        }
    }

    #[test]
    fn who_is_live_answered_every_turn_in_order(script in scripts()) {
        let record = play(&script);
        let outcome = record.outcome.as_ref().unwrap();
        let challenges = &outcome.evidence.challenges;
        let limits = &script.policy.challenge;
        let attempt = *attempts(&record).last().unwrap();
        let base = challenge_order(script.seed, attempt, limits);
        prop_assert_eq!(&challenges.order[..limits.turns as usize], &base[..]);
        prop_assert!(challenges.order.len() as u32 <= limits.turns + limits.max_extra_turns);
        prop_assert!(challenges.order.iter().all(|turn| limits.directions.contains(turn)));
        prop_assert_eq!(challenges.possible_orders, possible_orders(limits.directions.len(), limits.turns));
        prop_assert_eq!(challenges.left_out.len() + limits.directions.len(), 3);
        for response in &challenges.responses {
            let begun = response.began_ms.unwrap_or(response.asked_ms);
            prop_assert!(response.asked_ms <= begun);
            prop_assert!(response.done_ms.is_none_or(|done| begun <= done));
            let took = response.done_ms.map_or(0, |done| done - response.asked_ms);
            prop_assert!(took <= limits.max_response_ms);
        }
        if outcome.verdict != Verdict::Live {
            prop_assert!(!outcome.reasons.is_empty());
            return Ok(());
        }
        prop_assert!(outcome.reasons.is_empty());
        prop_assert!(challenges.unasked_turns <= limits.max_unasked_turns);
        prop_assert_eq!(record.entries.last().unwrap().shots.len() as u32, script.policy.sequence.liveness_images + 1);
        // A turn may be asked for more than once before it is over, but no other meanwhile.
        let mut responses = challenges.responses.iter().peekable();
        let turns: Vec<&[Challenge]> = challenges.order.chunk_by(|a, b| a == b).collect();
        for same in turns {
            let mut done = 0;
            while let Some(response) = responses.next_if(|response| response.challenge == same[0]) {
                done += usize::from(response.done_ms.is_some());
            }
            prop_assert!(done >= same.len(), "{:?} {:?}", challenges.order, challenges.responses);
        }
        prop_assert!(responses.next().is_none());
        // Late answers were made up for, as far as the policy goes.
        let late = |r: &&liveface_core::Response| {
            r.began_ms.is_some_and(|began| began - r.asked_ms > limits.slow_reaction_ms)
        };
        let late = challenges.responses.iter().filter(late).count();
        let extra = challenges.order.len() - limits.turns as usize;
        prop_assert!(extra >= late.min(limits.max_extra_turns as usize), "{} {}", extra, late);
    }

    #[test]
    fn who_turns_to_another_side_is_never_live(script in scripts()) {
        let record = play(&script);
        let limits = &script.policy.challenge;
        for (entry, neutral) in record.entries.iter().zip(neutrals(&record)) {
            let asked = entry.shown.and_then(|(_, guidance)| asks_for(guidance));
            let (Phase::Turning, true, Some(asked), Some(poses)) =
                (entry.phases[0], entry.clean, asked, entry.poses)
            else {
                continue;
            };
            let Some(neutral) = neutral else { return fail("turning without a neutral pose".to_owned()) };
            let all = poses.map(|pose| ways(pose, neutral, limits));
            let clear = 1e-3;
            let own = all[0][asked.code()].min(all[1][asked.code()]);
            let wrong = DIRECTIONS.iter().filter(|turn| **turn != asked).any(|turn| {
                all.iter().all(|way| way[turn.code()] >= 1.0 + clear)
            });
            if wrong && own < limits.half_way - clear {
                prop_assert!(entry.step.ended || entry.step.restart.is_some() || entry.phases[1] == Phase::Centring);
            }
            if entry.step.ended && wrong {
                let verdict = record.outcome.as_ref().map(|outcome| outcome.verdict);
                prop_assert!(verdict != Some(Verdict::Live));
            }
        }
    }

    #[test]
    fn a_diagonal_is_no_answer(policy in policies(), seed: u64, habits in habits(), moments in moments()) {
        let mut script = Script { policy, seed, habits, moments, repeats: true };
        // Always aside by more than is allowed, and never to another side alone.
        script.policy.challenge.max_aside = script.policy.challenge.max_aside.min(0.7);
        script.habits.jitter = 0.0;
        let limits = &script.policy.challenge;
        script.habits.reach = (1.2 * limits.turn_degrees, 1.2 * limits.up_degrees);
        // Both ways are gone at the same speed, as shares.
        script.habits.speed = script.habits.speed.max(1_000.0);
        for moment in &mut script.moments {
            (moment.manner, moment.trouble, moment.ms) = (Manner::Diagonal, Trouble::None, moment.ms.max(30));
        }
        let record = play(&script);
        let outcome = record.outcome.as_ref().unwrap();
        prop_assert!(outcome.verdict != Verdict::Live);
        prop_assert!(record.entries.iter().all(|entry| entry.shots.is_empty()));
        prop_assert!(outcome.evidence.challenges.responses.iter().all(|r| r.done_ms.is_none()));
    }

    #[test]
    fn guidance_never_changes_faster_than_it_can_be_read(script in scripts()) {
        let record = play(&script);
        for pair in record.guidance.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= script.policy.timing.guidance_debounce_ms);
            prop_assert_ne!(pair[1].1, pair[0].1);
        }
        // A turn is only asked for while it is one of the order.
        for (_, guidance) in &record.guidance {
            if let Some(asked) = asks_for(*guidance) {
                prop_assert!(script.policy.challenge.directions.contains(&asked));
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_everything(script in scripts()) {
        prop_assert!(play(&script).story() == play(&script).story());
    }

    #[test]
    fn seeds_differ_in_nothing_before_the_first_turn_is_asked_for(script in scripts(), other: u64) {
        let one = play(&script);
        let other = play(&Script { seed: other, ..script.clone() });
        // But for what is counted, which does not depend on the seed either.
        for (a, b) in one.entries.iter().zip(&other.entries) {
            // The frame in which it is asked for may be one that starts the capture again.
            let asked = |entry: &&Entry| entry.step.guidance.is_some_and(|g| asks_for(g).is_some());
            if [a, b].iter().any(|entry| entry.phases[1] == Phase::Turning || asked(entry)) {
                return Ok(());
            }
            if a.step.ended || b.step.ended {
                // The order is in the evidence.
                prop_assert_eq!((&a.step, &a.said), (&b.step, &b.said));
            } else {
                prop_assert!(format!("{a:?}") == format!("{b:?}"), "{:?}", a);
            }
        }
    }

    #[test]
    fn without_turns_the_seed_changes_nothing(script in scripts(), other: u64, smiles: bool) {
        let mut script = script;
        script.policy.challenge.kind = if smiles { ChallengeKind::Smile } else { ChallengeKind::None };
        let other = Script { seed: other, ..script.clone() };
        prop_assert!(play(&script).story() == play(&other).story());
    }

    #[test]
    fn who_obeys_is_live_whatever_the_seed(seed: u64, reaction_ms in 250u64..900, speed in 60.0f32..200.0, ms in 30u64..70) {
        let mut policy = Policy::preset("enhanced").unwrap();
        policy.fusion.shape.required = false;
        let habits = Habits { speed, reaction_ms, jitter: 0.0, smoothing: 0.3, reach: (30.0, 20.0) };
        let moment = Moment {
            ms,
            jitter: [0.0; 2],
            manner: Manner::Follows,
            trouble: Trouble::None,
            pad_live: 0.95,
            unified: 0.9,
            abandons: false,
        };
        let record = play(&Script { policy, seed, habits, moments: vec![moment], repeats: true });
        let outcome = record.outcome.unwrap();
        prop_assert_eq!((outcome.verdict, outcome.reasons), (Verdict::Live, vec![]));
    }

    #[test]
    fn progress_stays_within_its_bounds_and_only_goes_back_with_a_restart(script in scripts()) {
        let record = play(&script);
        let limits = &script.policy.challenge;
        let images = script.policy.sequence.liveness_images;
        let attempts = attempts(&record);
        let mut before: Option<(u32, bool, u32)> = None;
        for (entry, attempt) in record.entries.iter().zip(attempts.iter().skip(1)) {
            let progress = entry.progress;
            prop_assert!((0.0..=1.0).contains(&progress.fraction), "{:?}", progress);
            prop_assert!(progress.done <= progress.of, "{:?}", progress);
            let counts_turns = progress.done < progress.of
                && (limits.turns..=limits.turns + limits.max_extra_turns).contains(&progress.of)
                && (progress.done, progress.of) != (images, images + 1);
            prop_assert!(counts_turns || progress.of == images + 1, "{:?}", progress);
            if let Some(challenge) = progress.challenge {
                prop_assert_eq!(entry.phases[1], Phase::Turning);
                let order = challenge_order(script.seed, *attempt, limits);
                let expected = order.get(progress.done as usize);
                prop_assert!(expected.is_none_or(|expected| *expected == challenge));
            }
            if let Some((earlier, counted_turns, done)) = before
                && (earlier, counted_turns) == (*attempt, counts_turns)
            {
                prop_assert!(progress.done >= done, "{:?} after {}", progress, done);
            }
            before = Some((*attempt, counts_turns, progress.done));
        }
        let live = record.outcome.is_some_and(|outcome| outcome.verdict == Verdict::Live);
        let last = record.entries.last().unwrap().progress;
        prop_assert!(!live || (last.done, last.of) == (images + 1, images + 1), "{:?}", last);
    }

    #[test]
    fn every_kind_of_evidence_is_there_once_in_order_and_within_bounds(script in scripts()) {
        let evidence = play(&script).outcome.unwrap().evidence;
        let kinds: Vec<_> = evidence.findings.iter().map(|finding| finding.evidence).collect();
        prop_assert_eq!(&kinds[..], EvidenceKind::ALL);
        for finding in &evidence.findings {
            prop_assert!(finding.score.is_none_or(|score| (0.0..=1.0).contains(&score)), "{:?}", finding);
        }
        prop_assert!(evidence.live.is_none_or(|live| (0.0..=1.0).contains(&live)), "{:?}", evidence.live);
    }
}

/// The properties say nothing of scripts in which nothing happens: these are the things that do.
#[test]
fn the_scripts_reach_everything_that_the_properties_speak_of() {
    let mut runner = TestRunner::deterministic();
    let strategy = scripts();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut count = |what, times: usize| *counts.entry(what).or_default() += times as u32;
    for _ in 0..500 {
        let script = strategy.new_tree(&mut runner).unwrap().current();
        let record = play(&script);
        let outcome = record.outcome.as_ref().unwrap();
        let reason = outcome.reasons.first().copied();
        let challenges = &outcome.evidence.challenges;
        let live = outcome.verdict == Verdict::Live;
        count("live", usize::from(live));
        count("live after a restart", usize::from(live && !outcome.evidence.restarts.is_empty()));
        count("timed out", usize::from(outcome.verdict == Verdict::TimedOut));
        count("wrong", usize::from(reason == Some(Reason::WrongDirection)));
        count("unasked", usize::from(reason == Some(Reason::UnaskedTurn)));
        count("no response", usize::from(reason == Some(Reason::NoResponse)));
        count("unnatural", usize::from(reason == Some(Reason::UnnaturalResponse)));
        count("restarts", outcome.evidence.restarts.len());
        let extra = challenges.order.len() - script.policy.challenge.turns as usize;
        count("turns on top", extra);
        count("live with turns on top", usize::from(live && extra > 0));
        let again = challenges.responses.iter().filter(|r| r.done_ms.is_none()).count();
        count("asked again", if live { again } else { 0 });
        let shots = record.entries.last().unwrap().shots.iter();
        count("turned pictures", shots.filter(|shot| shot.challenge.is_some()).count());
    }
    let least = [
        ("live", 60),
        ("live after a restart", 2),
        ("timed out", 10),
        ("wrong", 10),
        ("unasked", 10),
        ("no response", 5),
        ("unnatural", 3),
        ("restarts", 40),
        ("turns on top", 50),
        ("live with turns on top", 5),
        ("asked again", 10),
        ("turned pictures", 500),
    ];
    for (what, least) in least {
        assert!(counts[what] >= least, "{what}: {counts:?}");
    }
}
