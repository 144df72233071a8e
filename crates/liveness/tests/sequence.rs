//! What the capture sequence does with a person in front of the camera.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use std::time::Duration;

use common::{Person, Scene, Who, good_quality, observation, quality};
use liveface_core::{
    Challenge, Component, Embedding, EyeOpenness, Face, Guidance, Landmarks, Measure, Policy,
    QualityRecord, Reason, Rect, ShotKind, Verdict, Warning,
};
use liveface_liveness::{Assessment, Outcome, Sequence, SequenceError, Step};

/// What a new capture says to its very first frame.
fn first_guidance(change: impl FnOnce(&mut Scene)) -> Guidance {
    let mut scene = Scene::new();
    scene.obeys = false;
    scene.sways = false;
    change(&mut scene);
    scene.frame().guidance.expect("the first frame always has guidance")
}

fn put(record: &mut QualityRecord, component: Component, raw: f32) {
    record.set(component, Measure { raw, score: Some(50) });
}

fn with(component: Component, raw: f32) -> QualityRecord {
    let mut record = good_quality();
    put(&mut record, component, raw);
    record
}

// The gates.

#[test]
fn nobody_is_asked_to_come_into_the_frame() {
    assert_eq!(first_guidance(|s| s.present = false), Guidance::FindFace);
    // The detector saw a face where the mesh saw none.
    let detected_only = |s: &mut Scene| (s.present, s.bystanders) = (false, 1);
    assert_eq!(first_guidance(detected_only), Guidance::FindFace);
}

#[test]
fn two_faces_are_one_too_many() {
    assert_eq!(first_guidance(|s| s.bystanders = 1), Guidance::OnlyOneFace);
    let only_detected = |s: &mut Scene| (s.present, s.bystanders) = (false, 2);
    assert_eq!(first_guidance(only_detected), Guidance::OnlyOneFace);
}

#[test]
fn two_meshes_are_two_faces_whatever_the_count_says() {
    let mut seen = observation(Duration::ZERO, vec![Person::default().face(1); 2]);
    seen.face_count = 1;
    let step = Sequence::new(Policy::default(), 1).observe(&seen, Some(&good_quality())).unwrap();
    assert_eq!(step.guidance, Some(Guidance::OnlyOneFace));
}

#[test]
fn the_face_must_be_near_but_not_too_near() {
    assert_eq!(first_guidance(|s| s.person.height = 120.0), Guidance::MoveCloser);
    assert_eq!(first_guidance(|s| s.person.height = 150.0), Guidance::HoldStill);
    assert_eq!(first_guidance(|s| s.person.height = 250.0), Guidance::HoldStill);
    assert_eq!(first_guidance(|s| s.person.height = 300.0), Guidance::MoveBack);
}

#[test]
fn the_whole_face_must_be_in_the_picture() {
    for centre in [(40.0, 240.0), (600.0, 240.0), (320.0, 80.0), (320.0, 400.0)] {
        assert_eq!(first_guidance(|s| s.person.centre = centre), Guidance::WholeFace, "{centre:?}");
    }
}

#[test]
fn a_face_that_is_too_near_and_cut_off_moves_back() {
    let near = |s: &mut Scene| (s.person.height, s.person.centre) = (400.0, (320.0, 100.0));
    assert_eq!(first_guidance(near), Guidance::MoveBack);
}

#[test]
fn the_face_must_be_in_the_middle_of_the_viewfinder() {
    // The viewfinder of a 640x480 picture is 360x480: 20 % are 72 and 96 pixels.
    for (centre, expected) in [
        ((320.0 + 66.0, 240.0), Guidance::HoldStill),
        ((320.0 - 80.0, 240.0), Guidance::CentreFace),
        ((320.0 + 80.0, 240.0), Guidance::CentreFace),
        ((320.0, 240.0 + 90.0), Guidance::HoldStill),
        ((320.0, 240.0 + 110.0), Guidance::CentreFace),
        ((320.0, 240.0 - 110.0), Guidance::CentreFace),
    ] {
        assert_eq!(first_guidance(|s| s.person.centre = centre), expected, "{centre:?}");
    }
}

#[test]
fn the_face_must_be_lit_and_not_blinded() {
    for (component, raw, expected) in [
        (Component::LuminanceMean, 0.044, Guidance::MoreLight),
        (Component::LuminanceMean, 0.045, Guidance::HoldStill),
        (Component::LuminanceMean, 0.57, Guidance::HoldStill),
        (Component::LuminanceMean, 0.58, Guidance::LessLight),
        (Component::OverExposurePrevention, 0.25, Guidance::HoldStill),
        (Component::OverExposurePrevention, 0.26, Guidance::LessLight),
        (Component::SceneBrightness, 0.4, Guidance::HoldStill),
        (Component::SceneBrightness, 0.41, Guidance::LessLight),
        (Component::Backlight, 0.4, Guidance::HoldStill),
        (Component::Backlight, 0.41, Guidance::LessLight),
    ] {
        let seen = first_guidance(|s| s.quality = with(component, raw));
        assert_eq!(seen, expected, "{component:?} {raw}");
    }
}

#[test]
fn light_that_nobody_mends_gives_way_in_time_and_is_recorded() {
    for (component, raw, hint) in [
        (Component::LuminanceMean, 0.01, Guidance::MoreLight),
        (Component::OverExposurePrevention, 0.9, Guidance::LessLight),
        (Component::SceneBrightness, 0.9, Guidance::LessLight),
        (Component::Backlight, 0.9, Guidance::LessLight),
    ] {
        let mut scene = Scene::new();
        scene.quality = with(component, raw);
        let limit = scene.sequence.policy().timing.hint_ms;
        scene.run_ms(limit - 1_000);
        assert!(scene.taken.is_empty());
        let outcome = scene.run_to_end();
        assert_eq!(outcome.verdict, Verdict::Live);
        let expected = Warning { t_ms: 1_000 + limit, guidance: hint, component };
        assert_eq!(outcome.evidence.warnings, [expected]);
        assert_eq!(scene.shots()[0].quality.get(component).map(|m| m.raw), Some(raw));
    }
}

#[test]
fn what_is_well_lit_between_two_dark_moments_counts_for_neither() {
    let mut scene = Scene::new();
    scene.quality = with(Component::LuminanceMean, 0.01);
    scene.run_ms(200);
    scene.quality = good_quality();
    scene.person.smile = 0.1;
    (scene.obeys, scene.smiles_to) = (false, None);
    // Nobody smiles: the capture goes on.
    scene.run_ms(30_000);
    scene.quality = with(Component::LuminanceMean, 0.01);
    scene.run_ms(1_000);
    scene.quality = good_quality();
    scene.obeys = true;
    assert!(scene.run_to_end().evidence.warnings.is_empty());
}

#[test]
fn one_kind_of_light_that_gave_way_leaves_the_others() {
    let mut scene = Scene::new();
    scene.quality = with(Component::SceneBrightness, 0.9);
    scene.run_ms(11_000);
    put(&mut scene.quality, Component::OverExposurePrevention, 0.9);
    let kept = scene.shots().len();
    scene.run_ms(5_000);
    assert_eq!(scene.shots().len(), kept);
    assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::LessLight);
}

#[test]
fn light_that_is_mended_is_no_warning() {
    let mut scene = Scene::new();
    scene.quality = with(Component::LuminanceMean, 0.01);
    scene.run_ms(5_000);
    scene.quality = good_quality();
    assert!(scene.run_to_end().evidence.warnings.is_empty());
}

#[test]
fn what_could_not_be_measured_does_not_give_way() {
    let numbers = [f32::NAN, f32::INFINITY].map(|raw| Measure { raw, score: Some(100) });
    for component in [
        Component::LuminanceMean,
        Component::OverExposurePrevention,
        Component::Backlight,
        Component::MotionBlur,
        Component::UnifiedQualityScore,
    ] {
        // A failure to assess, and what is no number.
        for measure in [Measure::default()].into_iter().chain(numbers) {
            let mut scene = Scene::new();
            scene.quality.set(component, measure);
            scene.run_ms(60_000);
            assert!(scene.shots().is_empty(), "{component:?} {measure:?}");
        }
    }
}

#[test]
fn a_picture_of_a_low_unified_score_is_dropped_and_taken_again() {
    let mut scene = Scene::new();
    scene.quality = with(Component::UnifiedQualityScore, 0.49);
    scene.run_ms(60_000);
    assert!(scene.shots().is_empty());
    let gap = scene.sequence.policy().timing.min_gap_ms;
    assert!(scene.taken.len() > 60);
    assert!(scene.taken.windows(2).all(|pair| pair[1].t_ms - pair[0].t_ms >= gap));
    assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::ClearPicture);
    scene.quality = with(Component::UnifiedQualityScore, 0.5);
    scene.run_to_shots(3);
    scene.quality = with(Component::UnifiedQualityScore, 0.2);
    scene.run_ms(2_000);
    assert_eq!(scene.shots().len(), 3);
    scene.quality = good_quality();
    assert_eq!(scene.run_to_end().verdict, Verdict::Live);
    assert!(scene.restarts.is_empty());
}

#[test]
fn a_picture_that_is_dropped_still_says_who_it_shows() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.quality = with(Component::UnifiedQualityScore, 0.2);
    scene.person.who = Who::Bob;
    assert_eq!(scene.run_to_restart().reason, Reason::PersonChanged);
}

#[test]
fn eyes_must_be_far_enough_apart_whatever_the_share_of_the_picture() {
    let mut policy = Policy::default();
    policy.viewfinder.min_inter_eye_px = 200.0;
    let mut scene = Scene::with_policy(policy);
    scene.run_ms(1_000);
    assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::MoveCloser);
}

#[test]
fn the_head_must_look_straight_ahead_from_where_straight_is_measured() {
    // yaw, pitch, roll; straight ahead is measured as a pitch of -7.
    for (angles, expected) in [
        ([15.0, -7.0, 0.0], Guidance::HoldStill),
        ([15.1, -7.0, 0.0], Guidance::LookStraight),
        ([-15.1, -7.0, 0.0], Guidance::LookStraight),
        ([0.0, 11.0, 0.0], Guidance::HoldStill),
        ([0.0, 11.1, 0.0], Guidance::LookStraight),
        ([0.0, -25.0, 0.0], Guidance::HoldStill),
        ([0.0, -25.1, 0.0], Guidance::LookStraight),
        ([0.0, -7.0, 20.0], Guidance::HoldStill),
        ([0.0, -7.0, -20.1], Guidance::LookStraight),
    ] {
        let seen = first_guidance(|s| {
            let pose = &mut s.person.pose;
            [pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees] = angles;
        });
        assert_eq!(seen, expected, "{angles:?}");
    }
}

#[test]
fn both_eyes_must_be_open() {
    assert_eq!(first_guidance(|s| s.person.eyes.image_left = 0.29), Guidance::OpenEyes);
    assert_eq!(first_guidance(|s| s.person.eyes.image_right = 0.29), Guidance::OpenEyes);
    assert_eq!(first_guidance(|s| s.person.eyes.image_right = 0.3), Guidance::HoldStill);
}

#[test]
fn a_covered_face_is_not_taken() {
    let limit = Policy::default().occlusion.max_share;
    for covered in [limit + 0.01, 1.0, f32::NAN] {
        assert_eq!(first_guidance(|s| s.person.covered = covered), Guidance::UncoverFace);
    }
    assert_eq!(first_guidance(|s| s.person.covered = limit), Guidance::HoldStill);
}

#[test]
fn the_first_pictures_need_a_relaxed_face() {
    assert_eq!(first_guidance(|s| s.person.smile = 0.51), Guidance::RelaxFace);
    assert_eq!(first_guidance(|s| s.person.smile = 0.5), Guidance::HoldStill);
}

#[test]
fn a_blurred_face_is_never_taken() {
    for (component, blurred, least) in
        [(Component::Sharpness, 19.9, 20.0), (Component::MotionBlur, 0.39, 0.4)]
    {
        let mut scene = Scene::new();
        scene.quality = with(component, blurred);
        scene.run_ms(30_000);
        assert!(scene.taken.is_empty());
        assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::HoldStill);
        scene.quality = with(component, least);
        scene.run_to_shots(1);
    }
}

#[test]
fn a_moving_face_is_never_taken() {
    let mut scene = Scene::new();
    // 10 pixels in 50 ms are 1.3 face widths a second.
    for frame in 0..100 {
        scene.person.centre.0 = if frame % 2 == 0 { 315.0 } else { 325.0 };
        scene.frame();
    }
    assert!(scene.taken.is_empty());
    assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::HoldStill);
}

#[test]
fn one_thing_is_asked_at_a_time_in_the_order_in_which_the_person_can_mend_it() {
    type Mend = fn(&mut Scene);
    let steps: [(Guidance, Mend); 12] = [
        (Guidance::OnlyOneFace, |s| s.bystanders = 0),
        (Guidance::MoveBack, |s| s.person.height = 220.0),
        (Guidance::WholeFace, |s| (s.person.height, s.person.centre.1) = (120.0, 90.0)),
        (Guidance::MoveCloser, |s| (s.person.height, s.person.centre.1) = (200.0, 125.0)),
        (Guidance::CentreFace, |s| s.person.centre = (320.0, 240.0)),
        (Guidance::MoreLight, |s| s.quality = with(Component::SceneBrightness, 0.9)),
        (Guidance::LessLight, |s| s.quality = with(Component::Sharpness, 3.0)),
        (Guidance::LookStraight, |s| s.person.pose.yaw_degrees = 0.0),
        (Guidance::UncoverFace, |s| s.person.covered = 0.0),
        (Guidance::OpenEyes, |s| s.person.eyes.image_left = 0.9),
        (Guidance::HoldStill, |s| s.quality = good_quality()),
        (Guidance::RelaxFace, |s| s.person.smile = 0.1),
    ];
    let mut scene = Scene::new();
    scene.obeys = false;
    scene.bystanders = 1;
    scene.quality = QualityRecord::default();
    scene.person = Person {
        centre: (320.0, 50.0),
        height: 400.0,
        smile: 1.0,
        covered: 0.9,
        eyes: EyeOpenness { image_left: 0.0, image_right: 0.9 },
        ..Person::default()
    };
    scene.person.pose.yaw_degrees = 40.0;
    for (expected, mend) in steps {
        scene.run_ms(500);
        assert_eq!(scene.sequence.guidance().last().unwrap().guidance, expected);
        assert!(scene.taken.is_empty());
        mend(&mut scene);
    }
    scene.obeys = true;
    assert_eq!(scene.run_to_end().verdict, Verdict::Live);
}

#[test]
fn whatever_was_not_measured_is_not_good_enough() {
    for component in [
        Component::LuminanceMean,
        Component::OverExposurePrevention,
        Component::SceneBrightness,
        Component::Backlight,
        Component::Sharpness,
        Component::MotionBlur,
    ] {
        let mut scene = Scene::new();
        let good = good_quality();
        let others: Vec<_> = good.iter().filter(|(c, _)| *c != component).collect();
        scene.quality = quality(&others.iter().map(|(c, m)| (*c, m.raw)).collect::<Vec<_>>());
        scene.run_ms(5_000);
        assert!(scene.taken.is_empty(), "without {component:?}");
    }
    let mut sequence = Sequence::new(Policy::default(), 1);
    for frame in 0..100 {
        let seen =
            observation(Duration::from_millis(frame * 50), vec![Person::default().face(frame)]);
        assert_eq!(sequence.observe(&seen, None).unwrap().shot, None);
    }
}

/// What a step is called and how it spoils a face or its quality with a value.
type Spoiler = (&'static str, fn(&mut Face, &mut QualityRecord, f32));

const SPOILERS: [Spoiler; 18] = [
    ("left edge", |face, _, value| face.bounds.x = value),
    ("top edge", |face, _, value| face.bounds.y = value),
    ("width", |face, _, value| face.bounds.width = value),
    ("height", |face, _, value| face.bounds.height = value),
    ("yaw", |face, _, value| face.pose.yaw_degrees = value),
    ("pitch", |face, _, value| face.pose.pitch_degrees = value),
    ("roll", |face, _, value| face.pose.roll_degrees = value),
    ("pitch of this frame", |face, _, value| face.fitted.pose.pitch_degrees = value),
    ("eye of this frame", |face, _, value| {
        face.fitted.expression.eye_openness.image_right = value;
    }),
    ("smile of this frame", |face, _, value| face.fitted.expression.smile = value),
    ("one eye", |face, _, value| face.expression.eye_openness.image_left = value),
    ("other eye", |face, _, value| face.expression.eye_openness.image_right = value),
    ("smile", |face, _, value| face.expression.smile = value),
    ("landmark", |face, _, value| {
        let mut points = *face.landmarks.points();
        points[200].z = value;
        face.landmarks = Landmarks::new(points);
    }),
    ("luminance", |_, quality, value| put(quality, Component::LuminanceMean, value)),
    ("exposure", |_, quality, value| put(quality, Component::OverExposurePrevention, value)),
    ("scene", |_, quality, value| put(quality, Component::SceneBrightness, value)),
    ("sharpness", |_, quality, value| put(quality, Component::Sharpness, value)),
];

/// Whether the face was asked about or became a picture within 50 frames that are spoilt, after
/// some that are not.
#[derive(Debug, PartialEq)]
struct Passed {
    asked: bool,
    taken: bool,
}

const NEVER: Passed = Passed { asked: false, taken: false };

fn passed(shots_before: usize, spoil: impl Fn(&mut Face, &mut QualityRecord)) -> Passed {
    let mut scene = Scene::new();
    scene.run_to_shots(shots_before);
    let mut asked = false;
    let taken = (0..50).any(|_| {
        let (mut seen, mut quality) = (scene.observation(), good_quality());
        // The fourth picture asks for a smile.
        let smile = if shots_before < 3 { 0.1 } else { 0.95 };
        seen.faces[0].expression.smile = smile;
        seen.faces[0].fitted.expression.smile = smile;
        spoil(&mut seen.faces[0], &mut quality);
        scene.now_ms += scene.frame_ms;
        let step = scene.sequence.observe(&seen, Some(&quality)).unwrap();
        if step.identify {
            asked = true;
            scene.sequence.identify(Some(Who::Ann.embedding(0.1))).unwrap();
        }
        step.shot.is_some()
    });
    Passed { asked, taken }
}

#[test]
fn no_picture_is_taken_of_what_smoothing_hides() {
    type Spoil = fn(&mut Face, &mut QualityRecord);
    let hidden: [(&str, usize, Spoil); 6] = [
        ("a blink", 1, |face, _| face.fitted.expression.eye_openness.image_left = 0.2),
        ("a hand", 1, |face, _| face.fitted.occlusion.share = 0.6),
        ("a glance aside", 1, |face, _| face.fitted.pose.yaw_degrees = 25.0),
        ("a twitch of the mouth", 1, |face, _| face.fitted.expression.smile = 0.7),
        ("a smile that has gone", 3, |face, _| face.fitted.expression.smile = 0.6),
        ("no smile before the frame", 3, |face, _| face.expression.smile = 0.6),
    ];
    for (what, shots_before, spoil) in hidden {
        assert!(passed(shots_before, |_, _| {}).taken, "nothing else is in the way of {what}");
        assert!(!passed(shots_before, spoil).taken, "{what}");
    }
}

#[test]
fn no_gate_lets_a_number_pass_that_is_none() {
    for shots_before in [0, 3] {
        let unspoilt = passed(shots_before, |_, _| ());
        assert_eq!(unspoilt, Passed { asked: shots_before > 0, taken: true });
        for (name, spoil) in SPOILERS {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let spoilt = passed(shots_before, |face, quality| spoil(face, quality, value));
                assert_eq!(spoilt, NEVER, "{name} {value} after {shots_before} pictures");
            }
        }
    }
}

#[test]
fn a_box_that_is_inside_out_is_no_face() {
    let turned = |face: &mut Face, _: &mut QualityRecord| {
        let (bounds, right, bottom) = (face.bounds, face.bounds.right(), face.bounds.bottom());
        face.bounds = Rect::new(right, bottom, -bounds.width, -bounds.height);
    };
    assert_eq!(passed(0, turned), NEVER);
    assert_eq!(passed(1, turned), NEVER);
}

#[test]
fn a_face_that_comes_from_nowhere_is_not_taken_at_once() {
    // The frame before had no numbers to tell the speed from.
    let mut scene = Scene::new();
    scene.run_to_shots(1);
    scene.run_ms(500);
    let taken = scene.taken.len();
    let mut seen = scene.observation();
    seen.faces[0].bounds.x = f32::NAN;
    scene.now_ms += scene.frame_ms;
    scene.sequence.observe(&seen, Some(&good_quality())).unwrap();
    let back_ms = scene.now_ms;
    scene.run_to_shots(taken + 1);
    assert!(scene.shots()[taken].t_ms >= back_ms + 400);
}

// The way to a complete set.

#[test]
fn a_person_who_follows_the_guidance_is_captured_live() {
    let mut scene = Scene::new();
    let outcome = scene.run_to_end().clone();
    assert_eq!((outcome.verdict, outcome.reasons), (Verdict::Live, Vec::new()));
    assert_eq!(outcome.evidence.pad_live_median, Some(0.98));
    assert_eq!(outcome.evidence.pad_live_min, Some(0.98));
    assert_eq!(outcome.evidence.pad_live_selfie, Some(0.98));
    assert_eq!(outcome.evidence.pad_attack_images, 0);
    assert!(outcome.evidence.similarity_min.unwrap() >= 0.86);
    assert!(outcome.evidence.restarts.is_empty());

    let kinds: Vec<_> = scene.shots().iter().map(|s| (s.kind, s.index, s.challenge)).collect();
    let liveness = |index, challenge| (ShotKind::Liveness, index, challenge);
    let expected = [
        liveness(0, None),
        liveness(1, None),
        liveness(2, None),
        liveness(3, Some(Challenge::Smile)),
        liveness(4, Some(Challenge::Smile)),
        liveness(5, Some(Challenge::Smile)),
        liveness(6, Some(Challenge::Smile)),
        (ShotKind::Selfie, 0, None),
    ];
    assert_eq!(kinds, expected);
    for pair in scene.shots().windows(2) {
        assert!(pair[1].t_ms - pair[0].t_ms >= 350);
        assert!(pair[1].pose.largest_difference(pair[0].pose) >= 0.75);
    }
    for shot in scene.shots() {
        assert_eq!(shot.smile >= 0.8, shot.challenge.is_some());
        assert_eq!(shot.eye_openness, 0.8);
        assert_eq!(shot.quality, good_quality());
    }
    let shown: Vec<_> = scene.sequence.guidance().iter().map(|g| g.guidance).collect();
    use Guidance::{Capturing, HoldStill, RelaxFace, Smile};
    assert_eq!(shown, [HoldStill, Capturing, Smile, RelaxFace, Capturing]);
}

#[test]
fn a_replay_gives_the_same_steps() {
    let run = || {
        let mut scene = Scene::new();
        let mut steps: Vec<Step> = Vec::new();
        while !scene.ended() {
            steps.push(scene.frame());
        }
        (
            steps,
            scene.sequence.outcome().cloned(),
            scene.shots().to_vec(),
            scene.sequence.guidance().to_vec(),
        )
    };
    assert_eq!(run(), run());
}

#[test]
fn the_face_is_held_before_the_first_picture() {
    let mut scene = Scene::new();
    scene.present = false;
    scene.run_ms(500);
    scene.present = true;
    let began_ms = scene.now_ms;
    scene.run_to_shots(1);
    assert_eq!(scene.shots()[0].t_ms, began_ms + 400);
}

#[test]
fn a_gate_that_fails_while_holding_starts_the_hold_anew() {
    let mut scene = Scene::new();
    scene.run_ms(350);
    scene.person.eyes.image_left = 0.0;
    scene.frame();
    scene.person.eyes.image_left = 0.8;
    let again_ms = scene.now_ms;
    scene.run_to_shots(1);
    assert_eq!(scene.shots()[0].t_ms, again_ms + 400);
}

#[test]
fn a_gate_that_fails_between_pictures_makes_the_next_one_wait() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.person.eyes.image_left = 0.0;
    scene.run_ms(2_000);
    assert_eq!(scene.shots().len(), 2);
    scene.person.eyes.image_left = 0.8;
    let open_ms = scene.now_ms;
    scene.run_to_shots(3);
    // Not a new hold: one frame may be lost to too little motion.
    assert!(scene.shots()[2].t_ms - open_ms <= 100);
    assert!(scene.restarts.is_empty());
}

#[test]
fn a_head_that_does_not_move_is_not_taken_again() {
    let mut scene = Scene::new();
    scene.sways = false;
    scene.run_to_shots(1);
    let first_ms = scene.shots()[0].t_ms;
    scene.run_ms(10_000);
    assert_eq!(scene.shots().len(), 1);
    let hint = scene.sequence.guidance().last().unwrap();
    assert_eq!((hint.guidance, hint.t_ms), (Guidance::MoveSlightly, first_ms + 1_500));

    scene.person.pose.yaw_degrees += 0.74;
    scene.run_ms(1_000);
    assert_eq!(scene.shots().len(), 1);
    scene.person.pose.yaw_degrees += 0.02;
    scene.run_ms(100);
    assert_eq!(scene.shots().len(), 2);
}

#[test]
fn motion_about_any_axis_counts() {
    for turn in [
        |p: &mut Person| p.pose.yaw_degrees -= 1.0,
        |p: &mut Person| p.pose.pitch_degrees += 1.0,
        |p: &mut Person| p.pose.roll_degrees -= 1.0,
    ] {
        let mut scene = Scene::new();
        scene.sways = false;
        scene.run_to_shots(1);
        turn(&mut scene.person);
        scene.run_ms(500);
        assert_eq!(scene.shots().len(), 2);
    }
}

#[test]
fn the_smile_must_come() {
    let mut scene = Scene::new();
    scene.run_to_shots(3);
    (scene.obeys, scene.smiles_to) = (false, Some(0.79));
    scene.run_ms(10_000);
    assert_eq!(scene.shots().len(), 3);
    assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::Smile);
    scene.smiles_to = Some(0.8);
    scene.run_to_shots(7);
    assert!(scene.restarts.is_empty());
}

#[test]
fn a_smile_counts_only_after_it_was_asked_for() {
    // Guidance changes so slowly that the smile comes before the request does.
    let mut policy = Policy::default();
    policy.timing.guidance_debounce_ms = 3_000;
    let mut scene = Scene::with_policy(policy);
    scene.run_to_shots(3);
    (scene.obeys, scene.smiles_to) = (false, Some(1.0));
    scene.run_to_shots(4);
    assert!(scene.restarts.is_empty());
    let asked = scene.sequence.guidance().iter().find(|g| g.guidance == Guidance::Smile).unwrap();
    assert!(scene.shots()[3].t_ms > asked.t_ms, "{:?}", scene.sequence.guidance());
    assert!(scene.shots()[3].t_ms - scene.shots()[2].t_ms > 350);
}

#[test]
fn the_selfie_is_relaxed() {
    let mut scene = Scene::new();
    scene.run_to_shots(7);
    (scene.obeys, scene.smiles_to) = (false, Some(0.9));
    scene.run_ms(5_000);
    assert_eq!(scene.shots().len(), 7);
    assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::RelaxFace);
    scene.smiles_to = Some(0.2);
    assert_eq!(scene.run_to_end().verdict, Verdict::Live);
    assert!(scene.restarts.is_empty());
}

#[test]
fn a_policy_sets_how_many_pictures_there_are_and_how_fast_they_come() {
    let mut policy = Policy::default();
    policy.sequence.liveness_images = 2;
    policy.sequence.smile_from = 9;
    policy.timing.min_gap_ms = 1_000;
    let mut scene = Scene::with_policy(policy);
    assert_eq!(scene.run_to_end().verdict, Verdict::Live);
    let shots = scene.shots();
    assert_eq!(shots.len(), 3);
    assert!(shots.windows(2).all(|pair| pair[1].t_ms - pair[0].t_ms >= 1_000));
    assert!(shots.iter().all(|shot| shot.challenge.is_none()));
}

// Guidance.

#[test]
fn guidance_stays_for_its_time_and_then_tells_what_is_so() {
    let mut scene = Scene::new();
    scene.present = false;
    assert_eq!(scene.frame().guidance, Some(Guidance::FindFace));
    scene.present = true;
    scene.person.height = 100.0;
    // Frames at 50, 100, 150 and 200 ms.
    for _ in 0..4 {
        assert_eq!(scene.frame().guidance, None);
    }
    assert_eq!(scene.frame().guidance, Some(Guidance::MoveCloser));
    assert_eq!(scene.frame().guidance, None);
}

#[test]
fn a_flicker_is_not_shown() {
    let mut scene = Scene::new();
    scene.person.height = 100.0;
    scene.frame();
    scene.bystanders = 1;
    scene.frame();
    scene.bystanders = 0;
    scene.run_ms(2_000);
    let shown: Vec<_> = scene.sequence.guidance().iter().map(|g| g.guidance).collect();
    assert_eq!(shown, [Guidance::MoveCloser]);
}

#[test]
fn guidance_that_changes_with_every_frame_is_still_shown_in_turns() {
    let mut scene = Scene::new();
    for frame in 0..100 {
        scene.person.height = if frame % 2 == 0 { 100.0 } else { 320.0 };
        scene.frame();
    }
    let shown = scene.sequence.guidance();
    assert!(shown.len() >= 10, "{} pieces of guidance", shown.len());
    assert!(shown.windows(2).all(|pair| pair[1].t_ms - pair[0].t_ms >= 250));
    assert!(shown.windows(2).all(|pair| pair[1].guidance != pair[0].guidance));
}

// Restarts.

#[test]
fn a_face_that_is_gone_for_a_while_restarts() {
    let mut scene = Scene::new();
    scene.run_to_shots(4);
    let gone_ms = scene.now_ms;
    scene.present = false;
    scene.run_ms(2_900);
    assert_eq!(scene.shots().len(), 4);
    scene.run_ms(200);
    assert_eq!(scene.restart_reasons(), [Reason::FaceLost]);
    assert_eq!(scene.restarts[0].t_ms, gone_ms - scene.frame_ms + 3_000);
    assert!(scene.shots().is_empty());

    scene.run_ms(20_000);
    assert_eq!(scene.restarts.len(), 1, "nothing is lost twice");
    scene.present = true;
    let outcome = scene.run_to_end().clone();
    assert_eq!(outcome.verdict, Verdict::Live);
    assert_eq!(outcome.evidence.restarts, scene.restarts);
    assert_eq!(scene.shots().len(), 8);
}

#[test]
fn a_face_that_is_gone_for_a_moment_keeps_its_pictures_and_holds_anew() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.present = false;
    scene.run_ms(1_000);
    (scene.present, scene.person.track) = (true, 2);
    let back_ms = scene.now_ms;
    scene.run_to_shots(3);
    assert!(scene.restarts.is_empty());
    assert!(scene.shots()[2].t_ms >= back_ms + 400);
}

#[test]
fn a_camera_that_stalls_for_too_long_restarts() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.now_ms += 3_000;
    scene.frame();
    assert_eq!(scene.restart_reasons(), [Reason::FaceLost]);
    assert_eq!(scene.run_to_end().verdict, Verdict::Live);
}

#[test]
fn several_faces_never_capture_and_restart_after_a_while() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.bystanders = 1;
    scene.run_ms(2_900);
    assert_eq!(scene.taken.len(), 2);
    assert_eq!(scene.shots().len(), 2);
    scene.run_ms(20_000);
    assert_eq!(scene.taken.len(), 2);
    assert_eq!(scene.restart_reasons(), [Reason::MultipleFaces]);
    assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::OnlyOneFace);
}

#[test]
fn a_second_face_for_a_moment_makes_the_first_hold_anew() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.bystanders = 1;
    scene.frame();
    scene.bystanders = 0;
    let alone_ms = scene.now_ms;
    scene.run_to_shots(3);
    assert!(scene.restarts.is_empty());
    assert!(scene.shots()[2].t_ms >= alone_ms + 400);
}

#[test]
fn a_new_track_keeps_the_pictures_and_holds_anew() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.person.track = 2;
    let new_ms = scene.now_ms;
    scene.run_to_shots(3);
    assert!(scene.restarts.is_empty());
    assert!(scene.shots()[2].t_ms >= new_ms + 400);
}

// Who it is.

/// Lets someone take the person's place; gives how long that stays unnoticed, in milliseconds.
fn take_over(scene: &mut Scene, who: Who) -> u64 {
    scene.person.who = who;
    let swapped_ms = scene.now_ms;
    let restart = scene.run_to_restart();
    assert_eq!(restart.reason, Reason::PersonChanged);
    assert!(scene.shots().is_empty());
    restart.t_ms - swapped_ms
}

/// `who` has no picture from before the last restart, unless it is the one that caused it.
fn assert_picture_free_until_restart(scene: &Scene, who: Who) {
    let restart_ms = scene.restarts.last().unwrap().t_ms;
    let mut theirs = scene.taken.iter().filter(|taken| taken.who == who);
    assert!(theirs.all(|taken| taken.t_ms >= restart_ms), "{:?}", scene.taken);
}

#[test]
fn another_person_restarts_at_any_picture() {
    for kept in 1..8 {
        let mut scene = Scene::new();
        scene.run_to_shots(kept);
        assert!(take_over(&mut scene, Who::Bob) < 60, "after {kept} pictures");
        assert_eq!(scene.taken.len(), kept);
        // From here on the capture is the other person's alone.
        assert_eq!(scene.run_to_end().verdict, Verdict::Live);
        assert_eq!(scene.restarts.len(), 1);
        assert_eq!(scene.taken.len(), kept + 8);
        assert!(scene.taken[kept..].iter().all(|taken| taken.who == Who::Bob));
    }
}

#[test]
fn a_look_alike_who_takes_over_at_any_frame_is_found_out_at_once() {
    let mut faces = [0; 3];
    for frames in 0.. {
        let mut scene = Scene::new();
        scene.run_to_shots(1);
        scene.run_frames(frames);
        if scene.ended() {
            break;
        }
        faces[match scene.person.smile {
            ..0.11 => 0,
            ..0.94 => 1,
            _ => 2,
        }] += 1;
        assert!(take_over(&mut scene, Who::Twin) < 60, "after {frames} frames");
        assert_picture_free_until_restart(&scene, Who::Twin);
    }
    // Relaxed, while a smile comes or goes, smiling.
    assert!(faces.iter().all(|count| *count >= 5), "{faces:?}");
}

#[test]
fn a_look_alike_who_smiles_for_somebody_is_found_out_however_soon_that_person_is_back() {
    for frames in 1..30 {
        let mut scene = Scene::new();
        scene.run_to_shots(3);
        while scene.person.smile < 0.3 {
            scene.frame();
        }
        scene.person.who = Who::Twin;
        scene.run_frames(frames);
        scene.person.who = Who::Ann;
        assert_eq!(scene.run_to_end().verdict, Verdict::Live);
        // A single frame may pass unseen, but not become a picture.
        if frames > 1 {
            assert_eq!(scene.restart_reasons()[0], Reason::PersonChanged, "{frames} frames");
        }
        let kept = &scene.taken[scene.taken.len() - 8..];
        assert!(kept.iter().all(|taken| taken.who == Who::Ann), "{frames} frames: {kept:?}");
    }
}

#[test]
fn a_first_person_who_returns_for_the_selfie_is_found_out() {
    let mut scene = Scene::new();
    scene.run_to_shots(3);
    while scene.person.smile < 0.3 {
        scene.frame();
    }
    take_over(&mut scene, Who::Twin);
    scene.run_to_shots(7);
    let taken = scene.taken.len();
    assert!(take_over(&mut scene, Who::Ann) < 60);
    assert_eq!(scene.taken.len(), taken);
    // Their pictures from before are gone; they begin from the first.
    assert_eq!(scene.run_to_end().verdict, Verdict::Live);
    assert_eq!(scene.restart_reasons(), [Reason::PersonChanged; 2]);
    assert_eq!(scene.taken.len(), taken + 8);
}

/// Something that keeps the face from being looked at, and its end.
type Interruption = (&'static str, fn(&mut Scene), fn(&mut Scene));

const INTERRUPTIONS: [Interruption; 6] = [
    ("nobody", |s| s.present = false, |s| (s.present, s.person.track) = (true, 2)),
    ("a bystander", |s| s.bystanders = 1, |s| s.bystanders = 0),
    ("a new track", |s| s.person.track = 2, |_| ()),
    ("closed eyes", |s| s.person.eyes.image_left = 0.0, |s| s.person.eyes.image_left = 0.8),
    ("a turned head", |s| s.person.pose.yaw_degrees = 40.0, |s| s.person.pose.yaw_degrees = 0.0),
    ("blur", |s| s.quality = with(Component::Sharpness, 1.0), |s| s.quality = good_quality()),
];

#[test]
fn an_interruption_does_not_make_somebody_another_person() {
    for (name, begins, is_over) in INTERRUPTIONS {
        for kept in 1..8 {
            for ms in [50, 1_000] {
                let mut scene = Scene::new();
                scene.run_to_shots(kept);
                begins(&mut scene);
                scene.run_ms(ms);
                is_over(&mut scene);
                let outcome = scene.run_to_end();
                assert_eq!(outcome.verdict, Verdict::Live);
                assert!(outcome.evidence.similarity_min.unwrap() >= 0.86);
                assert!(scene.restarts.is_empty(), "{name} for {ms} ms after {kept} pictures");
            }
        }
    }
}

#[test]
fn nobody_takes_over_behind_an_interruption() {
    for (name, begins, is_over) in INTERRUPTIONS {
        for kept in 1..8 {
            let mut scene = Scene::new();
            scene.run_to_shots(kept);
            begins(&mut scene);
            scene.person.who = Who::Twin;
            scene.run_ms(1_000);
            is_over(&mut scene);
            scene.run_to_end();
            assert_eq!(scene.restart_reasons(), [Reason::PersonChanged], "{name}, {kept} pictures");
            assert_picture_free_until_restart(&scene, Who::Twin);
            let set = &scene.taken[scene.taken.len() - 8..];
            assert!(set.iter().all(|taken| taken.who == Who::Twin), "{name}, {kept} pictures");
        }
    }
}

#[test]
fn a_smile_that_grew_while_nobody_looked_counts_as_another_person() {
    // Between two frames, or behind an interruption: nothing ties it to the relaxed face.
    for ms in [0, 1_000] {
        let mut scene = Scene::new();
        scene.run_to_shots(3);
        scene.present = ms == 0;
        scene.run_ms(ms);
        scene.present = true;
        (scene.obeys, scene.smiles_to, scene.person.smile) = (false, None, 1.0);
        assert_eq!(scene.run_to_restart().reason, Reason::PersonChanged);
        assert_eq!(scene.taken.len(), 3, "before the first smile was taken");
        scene.obeys = true;
        assert_eq!(scene.run_to_end().verdict, Verdict::Live);
    }
}

#[test]
fn a_smile_that_went_while_nobody_looked_is_tied_to_the_relaxed_pictures() {
    for kept in 4..8 {
        let mut scene = Scene::new();
        scene.run_to_shots(kept);
        assert!(scene.person.smile > 0.8);
        scene.person.smile = 0.1;
        assert_eq!(scene.run_to_end().verdict, Verdict::Live);
        assert!(scene.restarts.is_empty());
    }
}

#[test]
fn the_chain_may_break_before_there_is_a_smile() {
    for kept in 1..=3 {
        let mut scene = Scene::new();
        (scene.obeys, scene.person.smile) = (false, 0.0);
        scene.run_to_shots(kept);
        // Relaxed enough for a picture, yet a face that is too far from the one before.
        scene.person.who = Who::Cho;
        scene.person.smile = 0.5;
        assert_eq!(scene.run_to_restart().reason, Reason::PersonChanged);
        assert_eq!((scene.taken.len(), scene.shots().len()), (kept, 0));
    }
}

#[test]
fn a_face_that_cannot_be_compared_counts_as_another_person() {
    // In a picture.
    for kept in [0, 2, 7] {
        let mut scene = Scene::new();
        scene.run_to_shots(kept);
        scene.run_to_unassessed();
        let step =
            scene.sequence.assess(Assessment { embedding: None, ..scene.assessment() }).unwrap();
        assert_eq!(step.restart.map(|r| r.reason), Some(Reason::PersonChanged));
        assert_eq!((step.ended, scene.shots().len()), (false, 0));
        assert_eq!(scene.run_to_end().verdict, Verdict::Live);
    }
    // Between pictures.
    for kept in 1..8 {
        let mut scene = Scene::new();
        scene.run_to_shots(kept);
        scene.aligned = false;
        let changed_ms = scene.now_ms;
        let restart = scene.run_to_restart();
        assert_eq!(restart.reason, Reason::PersonChanged);
        assert!(restart.t_ms - changed_ms < 60);
        assert_eq!((scene.taken.len(), scene.shots().len()), (kept, 0));
        scene.aligned = true;
        assert_eq!(scene.run_to_end().verdict, Verdict::Live);
    }
}

#[test]
fn an_embedding_of_another_model_counts_as_another_person() {
    let mut scene = Scene::new();
    scene.run_to_shots(1);
    scene.run_to_unidentified();
    let step = scene.sequence.identify(Embedding::new(&[1.0, 0.0])).unwrap();
    assert_eq!(step.restart.map(|r| r.reason), Some(Reason::PersonChanged));
}

#[test]
fn who_it_is_is_asked_from_the_first_picture_on_as_often_as_the_policy_says() {
    for (frame_ms, link_every_ms) in [(20, 0), (20, 60), (33, 60), (50, 60), (70, 60), (50, 120)] {
        let mut policy = Policy::default();
        policy.identity.link_every_ms = link_every_ms;
        let mut scene = Scene::with_policy(policy);
        scene.frame_ms = frame_ms;
        assert_eq!(scene.run_to_end().verdict, Verdict::Live);
        assert!(scene.restarts.is_empty());
        // Every picture is a look at the person too; a picture may come early, a question not.
        let shots = scene.taken.iter().map(|taken| (taken.t_ms, false));
        let asked = scene.asked_ms.iter().map(|t_ms| (*t_ms, true));
        let mut looks: Vec<_> = shots.chain(asked).collect();
        looks.sort_unstable();
        assert_eq!(looks[0], (scene.taken[0].t_ms, false), "not before the first picture");
        for pair in looks.windows(2) {
            let passed_ms = pair[1].0 - pair[0].0;
            assert!(passed_ms < link_every_ms.max(1) + frame_ms, "{passed_ms} ms unseen");
            assert!(passed_ms > 0, "a picture is not asked about");
            assert!(!pair[1].1 || passed_ms >= link_every_ms, "asked after {passed_ms} ms");
        }
        assert!(scene.asked_ms.len() > 10, "{}", scene.asked_ms.len());
    }
}

#[test]
fn nobody_is_asked_about_while_a_gate_fails() {
    type Fail = fn(&mut Scene);
    let fails: [(&str, Fail); 9] = [
        ("nobody", |s| s.present = false),
        ("two faces", |s| s.bystanders = 1),
        ("far", |s| s.person.height = 120.0),
        ("aside", |s| s.person.centre.0 = 420.0),
        ("dark", |s| s.quality = with(Component::LuminanceMean, 0.01)),
        ("turned", |s| s.person.pose.yaw_degrees = 40.0),
        ("closed eyes", |s| s.person.eyes.image_right = 0.0),
        ("blurred", |s| s.quality = with(Component::Sharpness, 1.0)),
        ("moving", |s| s.person.centre.0 += if s.frames % 2 == 0 { 10.0 } else { -10.0 }),
    ];
    for (name, fail) in fails {
        let mut scene = Scene::new();
        scene.run_to_shots(1);
        let asked = scene.asked_ms.len();
        for _ in 0..20 {
            fail(&mut scene);
            scene.frame();
        }
        assert_eq!(scene.asked_ms.len(), asked, "{name}");
    }
    let mut scene = Scene::new();
    scene.run_to_shots(1);
    scene.frozen = true;
    scene.run_ms(300);
    let asked = scene.asked_ms.len();
    scene.run_ms(1_000);
    assert_eq!(scene.asked_ms.len(), asked, "frozen");
}

#[test]
fn nobody_is_asked_about_between_a_restart_and_the_next_first_picture() {
    let mut scene = Scene::new();
    scene.run_to_shots(4);
    take_over(&mut scene, Who::Bob);
    let asked = scene.asked_ms.len();
    scene.run_to_shots(1);
    assert_eq!(scene.asked_ms.len(), asked);
    scene.run_ms(200);
    assert!(scene.asked_ms.len() > asked);
}

#[test]
fn the_evidence_tells_the_weakest_link_since_the_last_restart() {
    let similarity = |smiles: [f32; 2]| {
        let [one, other] = smiles.map(|smile| Who::Ann.embedding(smile));
        one.similarity(&other)
    };
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    // More in one frame than is ever between two looks otherwise, and in no picture.
    (scene.obeys, scene.smiles_to, scene.person.smile) = (false, None, 0.6);
    scene.run_ms(100);
    scene.obeys = true;
    let outcome = scene.run_to_end();
    assert_eq!(outcome.verdict, Verdict::Live);
    let weakest = outcome.evidence.similarity_min.unwrap();
    assert!((weakest - similarity([0.1, 0.6])).abs() < 1e-5, "{weakest}");
    assert_eq!(scene.shots()[0].similarity, Some(1.0));
    assert!(scene.shots().iter().all(|shot| shot.similarity.unwrap() > weakest + 0.01));

    let mut scene = Scene::new();
    scene.run_to_shots(2);
    (scene.obeys, scene.smiles_to, scene.person.smile) = (false, None, 0.6);
    scene.run_ms(100);
    scene.obeys = true;
    take_over(&mut scene, Who::Bob);
    let weakest = scene.run_to_end().evidence.similarity_min.unwrap();
    assert!(weakest > similarity([0.1, 0.6]) + 0.01, "{weakest}");
}

// Frozen pictures.

#[test]
fn a_frozen_camera_never_begins() {
    let mut scene = Scene::new();
    scene.frozen = true;
    scene.run_ms(10_000);
    assert!(scene.taken.is_empty());
    assert_eq!(scene.sequence.guidance().last().unwrap().guidance, Guidance::MoveSlightly);
    assert!(scene.restarts.is_empty(), "nothing was taken that could be lost");
    scene.frozen = false;
    assert_eq!(scene.run_to_end().verdict, Verdict::Live);
}

#[test]
fn a_camera_that_freezes_restarts_once() {
    let mut scene = Scene::new();
    scene.run_to_shots(3);
    scene.frozen = true;
    for _ in 0..3 {
        scene.frame();
    }
    assert!(scene.restarts.is_empty(), "four equal frames are not five");
    scene.run_ms(10_000);
    assert_eq!(scene.restart_reasons(), [Reason::FrozenFrames]);
    assert!(scene.shots().is_empty());
    let step = scene.sequence.end(Reason::Cancelled);
    assert!(step.ended);
    let reasons = &scene.sequence.outcome().unwrap().reasons;
    assert_eq!(reasons, &[Reason::Cancelled, Reason::FrozenFrames]);
}

#[test]
fn a_camera_that_stands_still_is_frozen_whoever_is_in_its_picture() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.present = false;
    scene.frame();
    scene.frozen = true;
    scene.run_ms(1_000);
    assert_eq!(scene.restart_reasons(), [Reason::FrozenFrames]);
    scene.sequence.end(Reason::FramesEnded);
    let reasons = &scene.sequence.outcome().unwrap().reasons;
    assert_eq!(reasons, &[Reason::FramesEnded, Reason::FrozenFrames]);
}

#[test]
fn a_freeze_is_over_with_the_first_new_picture() {
    let mut scene = Scene::new();
    scene.frozen = true;
    scene.run_ms(1_000);
    (scene.frozen, scene.present) = (false, false);
    scene.run_ms(1_000);
    scene.sequence.end(Reason::FramesEnded);
    let reasons = &scene.sequence.outcome().unwrap().reasons;
    assert_eq!(reasons, &[Reason::FramesEnded, Reason::FaceLost]);
}

#[test]
fn equal_pictures_are_frozen_and_equal_meshes_are_not() {
    for (pictures_change, restarts) in [(false, vec![Reason::FrozenFrames]), (true, vec![])] {
        let mut scene = Scene::new();
        scene.run_to_shots(1);
        let mesh = scene.person.face(7).landmarks;
        let mut restarted = Vec::new();
        for frame in 0..20 {
            let mut seen = scene.observation();
            if pictures_change {
                // A mesh that is followed so well that it stands still before a sensor with noise.
                seen.faces[0].landmarks = mesh.clone();
            } else {
                seen.fingerprint = 7;
            }
            scene.now_ms += scene.frame_ms;
            let step = scene.sequence.observe(&seen, Some(&good_quality())).unwrap();
            restarted.extend(step.restart.map(|restart| restart.reason));
            scene.sequence.abandon();
            assert!(frame < 4 || pictures_change || !step.identify, "frozen");
        }
        assert_eq!(restarted, restarts);
    }
}

#[test]
fn pictures_that_repeat_in_turns_are_not_frozen() {
    let mut scene = Scene::new();
    scene.run_to_shots(1);
    for frame in 0..20 {
        let mut seen = scene.observation();
        seen.fingerprint = frame % 2;
        scene.now_ms += scene.frame_ms;
        let step = scene.sequence.observe(&seen, Some(&good_quality())).unwrap();
        scene.sequence.abandon();
        assert_eq!(step.restart, None);
    }
}

// The end.

#[test]
fn the_time_is_used_up_whatever_happens_and_the_reasons_say_what_stood_in_the_way() {
    type Act = fn(&mut Scene);
    let acts: [(Act, &[Reason]); 5] = [
        (|s| s.present = false, &[Reason::TimeUsedUp, Reason::FaceLost]),
        (|s| s.bystanders = 2, &[Reason::TimeUsedUp, Reason::MultipleFaces]),
        (|s| s.frozen = true, &[Reason::TimeUsedUp, Reason::FrozenFrames]),
        (|s| s.person.height = 90.0, &[Reason::TimeUsedUp, Reason::GuidanceNotFollowed]),
        (|s| s.obeys = false, &[Reason::TimeUsedUp, Reason::GuidanceNotFollowed]),
    ];
    for (act, expected) in acts {
        let mut scene = Scene::new();
        let began_ms = scene.now_ms;
        act(&mut scene);
        let outcome = scene.run_to_end();
        assert_eq!((outcome.verdict, &outcome.reasons[..]), (Verdict::TimedOut, expected));
        assert_eq!(scene.now_ms - scene.frame_ms - began_ms, 120_000);
    }
}

#[test]
fn a_capture_that_changes_persons_forever_still_ends() {
    let mut scene = Scene::new();
    for round in 0.. {
        if scene.ended() {
            break;
        }
        scene.person.who = if round % 2 == 0 { Who::Ann } else { Who::Bob };
        scene.run_ms(1_200);
    }
    let outcome = scene.sequence.outcome().unwrap();
    assert_eq!(outcome.verdict, Verdict::Retry);
    assert_eq!(outcome.reasons[0], Reason::PersonChanged);
    assert_eq!(outcome.evidence.restarts, scene.restarts);
    let most = scene.sequence.policy().sequence.max_restarts;
    assert_eq!(scene.restarts.len(), most as usize + 1);
}

#[test]
fn the_app_can_end_the_capture() {
    for (reason, shots) in [(Reason::FramesEnded, 0), (Reason::Cancelled, 3)] {
        let mut scene = Scene::new();
        scene.run_to_shots(shots);
        assert!(scene.sequence.end(reason).ended);
        let outcome = scene.sequence.outcome().unwrap().clone();
        assert_eq!((outcome.verdict, outcome.reasons[0]), (Verdict::Retry, reason));
        assert_eq!(scene.shots().len(), shots);
        // The first end stands.
        assert_eq!(scene.sequence.end(Reason::Cancelled), Step::default());
        assert_eq!(scene.sequence.outcome(), Some(&outcome));
    }
}

#[test]
fn ending_while_all_is_well_blames_nobody() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.sequence.end(Reason::FramesEnded);
    assert_eq!(scene.sequence.outcome().unwrap().reasons, [Reason::FramesEnded]);
}

#[test]
fn an_end_between_a_step_and_its_answer_stands() {
    let mut scene = Scene::new();
    scene.run_to_shots(7);
    assert_eq!(scene.run_to_unassessed().kind, ShotKind::Selfie);
    scene.sequence.end(Reason::Cancelled);
    let embedding = Some(Who::Bob.embedding(0.0));
    let late = Assessment { embedding, ..scene.assessment() };
    assert_eq!(scene.sequence.assess(late), Err(SequenceError::NotAsked));
    assert_eq!(scene.sequence.outcome().unwrap().verdict, Verdict::Retry);
    assert_eq!(scene.shots().len(), 7);
    let seen = scene.observation();
    assert_eq!(scene.sequence.observe(&seen, None), Err(SequenceError::Ended));

    let mut scene = Scene::new();
    scene.run_to_shots(7);
    scene.run_to_unidentified();
    scene.sequence.end(Reason::Cancelled);
    assert_eq!(scene.sequence.identify(None), Err(SequenceError::NotAsked));
    let outcome = scene.sequence.outcome().unwrap();
    assert_eq!(outcome.verdict, Verdict::Retry);
    assert!(outcome.evidence.restarts.is_empty());
    assert_eq!(scene.shots().len(), 7);
}

/// How a capture ends whose pictures have these passive scores, the selfie's last.
fn judged(scores: [f32; 8], policy: Policy) -> Outcome {
    let mut scene = Scene::with_policy(policy);
    while !scene.ended() {
        scene.pad_live = scores[scene.shots().len()];
        scene.frame();
    }
    assert_eq!(scene.shots().len(), 8);
    scene.sequence.outcome().unwrap().clone()
}

#[test]
fn the_passive_check_decides_by_the_median_the_selfie_and_how_many_look_like_an_attack() {
    use Verdict::{Attack, Live, Retry};
    const NAN: f32 = f32::NAN;
    for (scores, verdict) in [
        ([0.98; 8], Live),
        ([0.5; 8], Live),
        ([0.49; 8], Retry),
        ([0.1; 8], Retry),
        ([0.09; 8], Attack),
        // Of eight, the median lies between the fourth and the fifth.
        ([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9], Live),
        ([0.1, 0.1, 0.1, 0.1, 0.88, 0.9, 0.9, 0.9], Retry),
        ([1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0], Attack),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0], Attack),
        // One picture that looks like an attack may be a bad one; two may not.
        ([0.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], Live),
        ([0.9, 0.9, 0.9, 0.09, 0.9, 0.9, 0.1, 0.9], Live),
        ([0.9, 0.9, 0.9, 0.09, 0.9, 0.9, 0.09, 0.9], Retry),
        ([0.0, 0.9, 0.9, 0.0, 0.9, 0.9, 0.0, 0.9], Retry),
        ([0.0, 0.0, 0.0, 0.9, 0.9, 0.9, 0.9, 0.9], Retry),
        // The selfie may not.
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.09], Retry),
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.1], Live),
        // A picture without a score leaves the capture in doubt, never live and never an attack.
        ([NAN, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], Retry),
        ([-NAN, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], Retry),
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 1.1], Retry),
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, NAN], Retry),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NAN], Retry),
        ([NAN; 8], Retry),
    ] {
        let outcome = judged(scores, Policy::default());
        let reasons = match verdict {
            Live => vec![],
            Attack => vec![Reason::PresentationAttack],
            _ => vec![Reason::PresentationDoubtful],
        };
        assert_eq!((outcome.verdict, outcome.reasons), (verdict, reasons), "{scores:?}");
    }
}

#[test]
fn the_policy_says_how_many_pictures_may_look_like_an_attack() {
    let policy = |max_attack_images| {
        let mut policy = Policy::default();
        policy.presentation.max_attack_images = max_attack_images;
        policy
    };
    let two = [0.9, 0.0, 0.9, 0.9, 0.0, 0.9, 0.9, 0.9];
    assert_eq!(judged(two, policy(2)).verdict, Verdict::Live);
    assert_eq!(judged(two, policy(1)).verdict, Verdict::Retry);
    assert_eq!(judged([0.9; 8], policy(0)).verdict, Verdict::Live);
    assert_eq!(judged([0.9, 0.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], policy(0)).verdict, Verdict::Retry);
    // Neither the selfie nor the median is outvoted.
    let selfie = [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.0];
    assert_eq!(judged(selfie, policy(8)).verdict, Verdict::Retry);
    assert_eq!(judged([0.0; 8], policy(8)).verdict, Verdict::Attack);
}

#[test]
fn the_evidence_tells_what_the_passive_check_says() {
    let evidence = judged([0.9, 0.0, 0.7, 0.05, 0.8, 1.0, 0.1, 0.6], Policy::default()).evidence;
    assert_eq!(evidence.pad_live_median, Some((0.6 + 0.7) * 0.5));
    assert_eq!(evidence.pad_live_min, Some(0.0));
    assert_eq!(evidence.pad_live_selfie, Some(0.6));
    assert_eq!(evidence.pad_attack_images, 2);
    let unscored = judged([0.9, 0.9, 0.9, 0.0, 0.9, 0.9, 0.9, 2.0], Policy::default()).evidence;
    assert_eq!((unscored.pad_live_median, unscored.pad_live_selfie), (None, None));
    assert_eq!((unscored.pad_live_min, unscored.pad_attack_images), (Some(0.0), 1));
    // Before the selfie there is none.
    let mut scene = Scene::new();
    scene.run_to_shots(7);
    scene.sequence.end(Reason::Cancelled);
    let evidence = &scene.sequence.outcome().unwrap().evidence;
    assert_eq!((evidence.pad_live_selfie, evidence.pad_live_min), (None, Some(0.98)));
}

// Mistakes of the caller.

#[test]
fn time_that_stands_still_or_runs_backwards_is_refused() {
    let mut scene = Scene::new();
    scene.frame();
    let last = Duration::from_millis(scene.now_ms - scene.frame_ms);
    for (given, given_ms) in [
        (last, last.as_millis()),
        (last - Duration::from_nanos(1), last.as_millis() - 1),
        (Duration::ZERO, 0),
    ] {
        let refused = SequenceError::TimeNotIncreasing { last_ms: last.as_millis(), given_ms };
        assert_eq!(scene.sequence.check_time(given), Err(refused));
        let seen = observation(given, Vec::new());
        assert!(scene.sequence.observe(&seen, None).is_err());
    }
    scene.sequence.check_time(last + Duration::from_nanos(1)).unwrap();
    // The refused frames had no face; the hold went on as if they had never come.
    scene.run_to_shots(1);
    assert_eq!(scene.shots()[0].t_ms, 1_400);
}

#[test]
fn a_step_is_answered_before_anything_else() {
    let mut scene = Scene::new();
    scene.run_to_unassessed();
    let seen = scene.observation();
    let refused = scene.sequence.observe(&seen, Some(&good_quality()));
    assert_eq!(refused, Err(SequenceError::NotAnswered));
    let assessment = scene.assessment();
    scene.sequence.assess(assessment.clone()).unwrap();
    assert_eq!(scene.sequence.assess(assessment), Err(SequenceError::NotAsked));
    scene.sequence.observe(&seen, Some(&good_quality())).unwrap();
    assert_eq!(scene.shots().len(), 1);

    scene.now_ms += scene.frame_ms;
    scene.run_to_unidentified();
    let seen = scene.observation();
    let refused = scene.sequence.observe(&seen, Some(&good_quality()));
    assert_eq!(refused, Err(SequenceError::NotAnswered));
    assert_eq!(scene.sequence.check_time(seen.timestamp), Err(SequenceError::NotAnswered));
    let embedding = scene.embedding();
    assert_eq!(scene.sequence.identify(embedding.clone()), Ok(Step::default()));
    assert_eq!(scene.sequence.identify(embedding), Err(SequenceError::NotAsked));
    scene.sequence.observe(&seen, Some(&good_quality())).unwrap();
}

#[test]
fn answers_that_no_step_asked_for_are_refused_and_change_nothing() {
    let run = |meddles: bool| {
        let mut scene = Scene::new();
        let mut steps = Vec::new();
        // Bob's face, or none, would restart; a score of 0 in place of the right one would show.
        let meddle = |scene: &mut Scene, may_assess: bool, may_identify: bool| {
            if !meddles {
                return;
            }
            for embedding in [None, Some(Who::Bob.embedding(0.1)), scene.embedding()] {
                if !may_assess {
                    let embedding = embedding.clone();
                    let wrong = Assessment { pad_live: 0.0, embedding, ..scene.assessment() };
                    assert_eq!(scene.sequence.assess(wrong), Err(SequenceError::NotAsked));
                }
                if !may_identify {
                    assert_eq!(scene.sequence.identify(embedding), Err(SequenceError::NotAsked));
                }
            }
        };
        meddle(&mut scene, false, false);
        while !scene.ended() {
            let step = scene.glance();
            meddle(&mut scene, step.shot.is_some(), step.identify);
            if step.identify {
                let embedding = scene.embedding();
                steps.push(scene.sequence.identify(embedding).unwrap());
            }
            if step.shot.is_some() {
                let assessment = scene.assessment();
                steps.push(scene.sequence.assess(assessment).unwrap());
            }
            steps.push(step);
            meddle(&mut scene, false, false);
        }
        let outcome = scene.sequence.outcome().cloned().unwrap();
        assert_eq!(outcome.verdict, Verdict::Live);
        (steps, outcome, scene.shots().to_vec(), scene.sequence.guidance().to_vec())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_shot_that_failed_is_taken_again() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    let failed = scene.run_to_unassessed();
    scene.sequence.abandon();
    assert_eq!(scene.shots().len(), 2);
    assert_eq!(scene.run_to_unassessed(), failed);
}

#[test]
fn a_question_without_an_answer_is_asked_again_with_the_next_frame() {
    let mut scene = Scene::new();
    scene.run_to_shots(2);
    scene.run_to_unidentified();
    for _ in 0..3 {
        scene.sequence.abandon();
        assert!(scene.glance().identify);
    }
    scene.sequence.abandon();
    assert!(scene.restarts.is_empty());
    assert_eq!(scene.shots().len(), 2);
    // What nobody answered ties nobody.
    assert_eq!(take_over(&mut scene, Who::Twin), 0);
}

#[test]
fn after_a_first_shot_that_failed_a_gate_that_fails_starts_the_hold_anew() {
    let mut scene = Scene::new();
    scene.run_to_unassessed();
    scene.sequence.abandon();
    scene.person.eyes.image_left = 0.0;
    scene.frame();
    scene.person.eyes.image_left = 0.8;
    let open_ms = scene.now_ms;
    scene.run_to_shots(1);
    assert_eq!(scene.shots()[0].t_ms, open_ms + 400);
}

#[test]
fn a_first_shot_that_failed_ties_nobody() {
    let mut scene = Scene::new();
    scene.run_to_unassessed();
    scene.sequence.abandon();
    scene.person.who = Who::Bob;
    assert_eq!(scene.run_to_end().verdict, Verdict::Live);
    assert!(scene.restarts.is_empty());
}

#[test]
fn nothing_is_looked_at_after_the_end() {
    let mut scene = Scene::new();
    scene.run_to_end();
    let seen = scene.observation();
    assert_eq!(scene.sequence.observe(&seen, None), Err(SequenceError::Ended));
    assert_eq!(scene.sequence.check_time(seen.timestamp), Err(SequenceError::Ended));
    let late = scene.assessment();
    assert_eq!(scene.sequence.assess(late), Err(SequenceError::NotAsked));
    assert_eq!(scene.sequence.identify(None), Err(SequenceError::NotAsked));
    assert_eq!(scene.sequence.outcome().unwrap().verdict, Verdict::Live);
}

#[test]
fn refusals_say_what_to_do() {
    let late = SequenceError::TimeNotIncreasing { last_ms: 70, given_ms: 70 };
    assert!(late.to_string().contains("must be later"));
    assert!(SequenceError::NotAnswered.to_string().contains("before the next observation"));
    assert!(SequenceError::NotAsked.to_string().contains("once after each step"));
    assert!(SequenceError::Ended.to_string().contains("start a new one"));
}
