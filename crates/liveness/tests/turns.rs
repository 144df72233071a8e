//! What the capture sequence does with a person who is asked to turn the head.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use common::{Scene, Who, turn_of};
use liveface_core::{Challenge, Guidance, Policy, Reason, ShotKind, Verdict};
use liveface_liveness::{Phase, Sequence, challenge_order};

fn enhanced() -> Policy {
    let mut policy = Policy::preset("enhanced").unwrap();
    // The scripted head is a ball, and has no shape to tell.
    policy.fusion.shape.required = false;
    policy
}

fn scene(seed: u64) -> Scene {
    let mut scene = Scene::with_policy(enhanced());
    scene.sequence = Sequence::new(enhanced(), seed);
    scene.sways = false;
    scene
}

/// Runs until a turn is asked for.
fn run_to_turn(scene: &mut Scene) -> Guidance {
    for _ in 0..400 {
        scene.frame();
        if let Some(guidance) = scene.guidance().filter(|g| turn_of(*g) != (0.0, 0.0)) {
            return guidance;
        }
    }
    panic!("no turn was asked for: {:?}", scene.sequence.outcome());
}

/// Runs until a turn is asked for that was not before; `None` when the capture ends first.
fn run_until_turn(scene: &mut Scene) -> Option<Guidance> {
    for _ in 0..400 {
        if scene.ended() {
            return None;
        }
        scene.frame();
        if let Some(guidance) = scene.guidance().filter(|g| turn_of(*g) != (0.0, 0.0)) {
            return Some(guidance);
        }
    }
    None
}

#[test]
fn who_turns_as_asked_is_live_whatever_the_order() {
    for seed in 0..200 {
        let mut scene = scene(seed);
        let outcome = scene.run_to_end().clone();
        assert_eq!((outcome.verdict, &outcome.reasons[..]), (Verdict::Live, &[][..]), "{seed}");
        let shots = scene.shots();
        assert_eq!(shots.len(), 7);
        assert!(shots[..6].iter().all(|shot| shot.kind == ShotKind::Liveness));
        assert_eq!((shots[6].kind, shots[6].challenge), (ShotKind::Selfie, None));
        let order = challenge_order(seed, 0, &enhanced().challenge);
        let challenges = &outcome.evidence.challenges;
        assert_eq!(challenges.order, order);
        assert_eq!(challenges.possible_orders, 540);
        assert!(challenges.left_out.is_empty());
        let asked: Vec<_> =
            challenges.responses.iter().map(|response| response.challenge).collect();
        assert_eq!(asked, order);
        assert_eq!(challenges.unasked_turns, 0);
        // Two pictures of each direction: half-way first, then the end.
        for direction in [Challenge::TurnImageLeft, Challenge::TurnImageRight, Challenge::LookUp] {
            let of: Vec<_> = shots.iter().filter(|s| s.challenge == Some(direction)).collect();
            assert_eq!(of.len(), 2, "{seed}");
            let way = |pose: liveface_core::Pose| match direction {
                Challenge::LookUp => (pose.pitch_degrees + 7.0) / 13.0,
                Challenge::TurnImageLeft => -pose.yaw_degrees / 20.0,
                _ => pose.yaw_degrees / 20.0,
            };
            assert!((0.5..1.0).contains(&way(of[0].pose)), "{seed} {}", way(of[0].pose));
            assert!(way(of[1].pose) >= 1.0);
        }
        let gap = enhanced().timing.min_gap_ms;
        assert!(shots.windows(2).all(|pair| pair[1].t_ms - pair[0].t_ms >= gap));
    }
}

#[test]
fn a_turn_to_another_side_ends_the_capture() {
    for seed in 0..50 {
        let mut scene = scene(seed);
        let asked = run_to_turn(&mut scene);
        scene.obeys = false;
        scene.run_ms(200);
        let (yaw, pitch) = turn_of(asked);
        scene.turns_to = if yaw == 0.0 { (30.0, 0.0) } else { (-yaw, pitch) };
        scene.run_ms(3_000);
        let outcome = scene.sequence.outcome().unwrap();
        assert_eq!(outcome.verdict, Verdict::Retry);
        assert_eq!(outcome.reasons[0], Reason::WrongDirection);
    }
}

#[test]
fn a_diagonal_is_no_turn_at_all() {
    for seed in 0..50 {
        let mut scene = scene(seed);
        let (yaw, _) = turn_of(run_to_turn(&mut scene));
        scene.obeys = false;
        scene.run_ms(200);
        scene.turns_to = (if yaw == 0.0 { 30.0 } else { yaw }, 20.0);
        scene.run_ms(20_000);
        let outcome = scene.sequence.outcome().unwrap();
        assert_eq!(outcome.reasons[0], Reason::NoResponse, "{seed}");
        assert!(scene.shots().iter().all(|shot| shot.pose.yaw_degrees.abs() < 20.0));
    }
}

#[test]
fn one_movement_round_a_corner_is_one_turn() {
    // To one side with the chin half up, then up with the head half aside: two complete turns in one movement.
    for seed in 0..100 {
        let mut scene = scene(seed);
        for _ in 0..40 {
            if scene.ended() {
                break;
            }
            let asked = run_until_turn(&mut scene);
            let Some(asked) = asked else { break };
            scene.obeys = false;
            scene.run_ms(250);
            let side = if asked == Guidance::TurnImageLeft { -1.0 } else { 1.0 };
            for corner in [(side * 21.5, 8.5), (side * 13.0, 14.5), (0.0, 0.0)] {
                scene.turns_to = corner;
                scene.run_ms(700);
            }
        }
        let outcome = scene.sequence.outcome();
        assert_ne!(outcome.map(|outcome| outcome.verdict), Some(Verdict::Live), "{seed}");
        // No look up was ever taken.
        let ups = scene.shots().iter().filter(|shot| {
            shot.challenge == Some(Challenge::LookUp) && shot.pose.pitch_degrees > 6.0
        });
        assert_eq!(ups.count(), 0, "{seed}");
    }
}

#[test]
fn turns_that_nothing_asked_for_end_the_capture() {
    let mut scene = scene(3);
    scene.run_ms(600);
    scene.obeys = false;
    let (mut back, mut turns) = (false, 0);
    while !scene.ended() && turns < 20 {
        // As soon as the head is straight, it turns again, before it is asked to.
        scene.turns_to = if back { (0.0, 0.0) } else { (30.0, 0.0) };
        scene.run_ms(300);
        back = !back;
        turns += 1;
    }
    let outcome = scene.sequence.outcome().unwrap();
    assert!(
        matches!(outcome.reasons[0], Reason::UnaskedTurn | Reason::WrongDirection),
        "{:?}",
        outcome.reasons
    );
    assert!(scene.shots().is_empty());
}

#[test]
fn one_glance_aside_is_forgiven_and_counted() {
    let mut scene = scene(4);
    // Into the first pause.
    scene.run_ms(500);
    assert_eq!(scene.guidance(), Some(Guidance::LookStraight));
    scene.turns_to = (15.0, 0.0);
    scene.obeys = false;
    scene.run_ms(200);
    scene.obeys = true;
    scene.turns_to = (0.0, 0.0);
    let outcome = scene.run_to_end().clone();
    assert_eq!(outcome.verdict, Verdict::Live);
    assert_eq!(outcome.evidence.challenges.unasked_turns, 1);
}

#[test]
fn who_does_nothing_is_not_waited_for_forever() {
    let mut scene = scene(5);
    run_to_turn(&mut scene);
    (scene.obeys, scene.turns_to) = (false, (0.0, 0.0));
    scene.run_ms(15_000);
    let outcome = scene.sequence.outcome().unwrap();
    assert_eq!((outcome.verdict, outcome.reasons[0]), (Verdict::Retry, Reason::NoResponse));
}

#[test]
fn a_head_that_jumps_is_a_recording() {
    let mut policy = enhanced();
    // Nothing is seen between the centre and the end: without pictures of the way, the capture goes on.
    policy.challenge.half_way = 0.99;
    policy.sequence.liveness_images = 1;
    policy.sequence.smile_from = 1;
    let mut scene = Scene::with_policy(policy);
    (scene.turn_speed, scene.frame_ms, scene.sways) = (5_000.0, 33, false);
    let outcome = scene.run_to_end().clone();
    assert_eq!(outcome.verdict, Verdict::Retry);
    assert_eq!(outcome.reasons, [Reason::UnnaturalResponse]);
}

#[test]
fn a_turn_without_a_picture_of_its_way_is_asked_for_again_and_taken_only_once() {
    let mut scene = scene(6);
    (scene.turn_speed, scene.frame_ms) = (5_000.0, 33);
    scene.run_ms(60_000);
    assert_eq!(scene.shots().len(), 1);
    scene.turn_speed = 150.0;
    scene.run_to_end();
    let shots = scene.shots();
    assert_eq!(shots.len(), 7);
    let ends = shots.iter().filter(|shot| shot.challenge == shots[0].challenge);
    assert_eq!(ends.count(), 2);
}

#[test]
fn nobody_else_takes_over_while_the_head_is_turned() {
    let swapped = |who, turned_link_similarity| {
        let mut policy = enhanced();
        policy.identity.turned_link_similarity = turned_link_similarity;
        let mut scene = Scene::with_policy(policy);
        scene.sways = false;
        run_to_turn(&mut scene);
        scene.run_ms(300);
        scene.person.who = who;
        scene
    };
    let limit = enhanced().identity.turned_link_similarity;
    assert_eq!(swapped(Who::Bob, limit).run_to_restart().reason, Reason::PersonChanged);
    // A twin may be as alike as a face looks to itself from frame to frame in a turn: only a stricter limit tells.
    assert_eq!(swapped(Who::Twin, limit).run_to_end().verdict, Verdict::Live);
    assert_eq!(swapped(Who::Twin, 0.86).run_to_restart().reason, Reason::PersonChanged);
}

#[test]
fn after_a_restart_another_order_is_asked_for() {
    let mut scene = scene(8);
    run_to_turn(&mut scene);
    scene.present = false;
    assert_eq!(scene.run_to_restart().reason, Reason::FaceLost);
    scene.present = true;
    let outcome = scene.run_to_end().clone();
    assert_eq!(outcome.verdict, Verdict::Live);
    assert_eq!(outcome.evidence.challenges.order, challenge_order(8, 1, &enhanced().challenge));
}

#[test]
fn directions_can_be_left_out_and_the_record_says_so() {
    for directions in [
        vec![Challenge::TurnImageLeft, Challenge::TurnImageRight],
        vec![Challenge::LookUp],
        vec![Challenge::LookUp, Challenge::TurnImageLeft],
    ] {
        let mut policy = enhanced();
        policy.challenge.directions.clone_from(&directions);
        let mut scene = Scene::with_policy(policy);
        scene.sways = false;
        let outcome = scene.run_to_end().clone();
        assert_eq!(outcome.verdict, Verdict::Live);
        assert_eq!(scene.shots().len(), 7);
        let left_out = &outcome.evidence.challenges.left_out;
        assert_eq!(left_out.len() + directions.len(), 3);
        assert!(left_out.iter().all(|direction| !directions.contains(direction)));
    }
}

#[test]
fn progress_goes_from_nothing_to_the_end_of_each_turn() {
    let mut scene = scene(9);
    let (mut turns, mut highest) = (0, [0.0f32; 6]);
    while !scene.ended() {
        scene.frame();
        let progress = scene.sequence.progress();
        assert!((0.0..=1.0).contains(&progress.fraction));
        if progress.of == 6 {
            assert!(progress.done >= turns && progress.done < 6);
            turns = progress.done;
            let highest = &mut highest[progress.done as usize];
            *highest = highest.max(progress.fraction);
        }
    }
    assert!(highest.iter().all(|fraction| *fraction > 0.7), "{highest:?}");
}

#[test]
fn who_was_on_the_way_before_being_asked_did_not_answer() {
    let sideways = |seed: &u64| {
        challenge_order(*seed, 0, &enhanced().challenge)[0] == Challenge::TurnImageRight
    };
    let mut scene = scene((0..100).find(sideways).unwrap());
    scene.obeys = false;
    while scene.sequence.phase() != Phase::Centring {
        scene.frame();
    }
    // Just within the centre, and on as soon as it is asked: half-way after a tenth of a second.
    scene.turns_to = (8.6, 0.0);
    run_to_turn(&mut scene);
    (scene.turn_speed, scene.turns_to) = (20.0, (30.0, 0.0));
    scene.run_ms(250);
    assert!(scene.shots().is_empty());
    scene.call(|sequence| sequence.end(Reason::Cancelled));
    let challenges = &scene.sequence.outcome().unwrap().evidence.challenges;
    assert_eq!(challenges.unasked_turns, 1);
    assert!(challenges.responses.iter().all(|response| response.done_ms.is_none()));
}

#[test]
fn no_picture_of_a_turn_is_taken_while_something_else_is_asked_for() {
    let mut scene = scene(2);
    let asked = run_to_turn(&mut scene);
    let near = scene.person.height;
    scene.run_ms(250);
    scene.person.height = 470.0;
    while scene.guidance() != Some(Guidance::MoveBack) {
        scene.frame();
    }
    scene.person.height = near;
    while scene.taken.is_empty() {
        let shown = scene.guidance();
        let pictures = scene.taken.len();
        scene.frame();
        assert!(scene.taken.len() == pictures || shown == Some(asked), "{shown:?}");
    }
}

#[test]
fn nothing_is_asked_for_once_the_capture_has_ended() {
    let mut scene = scene(1);
    run_to_turn(&mut scene);
    assert!(scene.sequence.progress().challenge.is_some());
    scene.call(|sequence| sequence.end(Reason::Cancelled));
    assert_eq!(scene.sequence.progress().challenge, None);
}
