//! Simulated attacks and people who cannot be captured, with the real models, in every preset.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use liveface::camera::{FrameSource, Recording, Subject};
use liveface::{
    Engine, EngineConfig, Event, Evidence, EvidenceKind, Finding, Frame, Guidance, ModelSource,
    Policy, Reason, Verdict,
};

const PRESETS: [&str; 3] = ["smart-selfie", "enhanced", "passive"];

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn engine() -> Engine {
    let models = ModelSource::Folder(folder("models"));
    Engine::load(&EngineConfig { models, ..EngineConfig::default() }).unwrap()
}

/// How a capture ended, and what was shown.
struct Ended {
    verdict: Verdict,
    reasons: Vec<Reason>,
    evidence: Evidence,
    guidance: Vec<Guidance>,
    restarts: Vec<Reason>,
    pictures: usize,
}

impl Ended {
    fn finding(&self, kind: EvidenceKind) -> Finding {
        *self.evidence.findings.iter().find(|finding| finding.evidence == kind).unwrap()
    }
}

/// Shows `source` to a session of `preset` until it ends, or the frames do.
fn show(engine: &Engine, preset: &str, source: &mut dyn FrameSource, most: usize) -> Ended {
    let mut session = engine.session(Policy::preset(preset).unwrap(), 7).unwrap();
    let (mut guidance, mut restarts) = (Vec::new(), Vec::new());
    for _ in 0..most {
        let events = match source.next_frame().unwrap() {
            Some(frame) => session.push(&frame).unwrap(),
            None => session.end(Reason::FramesEnded),
        };
        for event in events {
            match event {
                Event::Guidance { guidance: shown, .. } => {
                    source.show(shown);
                    guidance.push(shown);
                }
                Event::Restart { reason, .. } => restarts.push(reason),
                _ => {}
            }
        }
        if session.ended() {
            break;
        }
    }
    session.end(Reason::FramesEnded);
    let capture = session.finish();
    let (record, pictures) = (capture.record, capture.images.len());
    let (verdict, reasons, evidence) = (record.verdict, record.reasons, record.evidence);
    Ended { verdict, reasons, evidence, guidance, restarts, pictures }
}

fn replay(engine: &Engine, preset: &str, path: &str) -> Ended {
    let mut source = Recording::open(folder("fixtures").join(path), 15.0).unwrap();
    show(engine, preset, &mut source, 1_000)
}

#[test]
fn every_kind_of_attack_is_refused_for_its_own_reason() {
    use EvidenceKind::{Eyes, Surroundings, Texture};
    let engine = engine();
    for preset in PRESETS {
        for (attack, causes) in [
            ("attack-m1-print", vec![(Surroundings, Reason::BorderAroundFace)]),
            ("attack-m1-printbent", vec![(Surroundings, Reason::SurroundingsFollow)]),
            ("attack-m1-printclose", vec![(Surroundings, Reason::SurroundingsFollow)]),
            (
                "attack-m1-cutout",
                vec![(Eyes, Reason::CutOutEyes), (Surroundings, Reason::BorderAroundFace)],
            ),
            ("attack-m1-replay", vec![(Texture, Reason::ScreenPattern)]),
            ("attack-m1-replayclose", vec![(Texture, Reason::ScreenPattern)]),
        ] {
            let ended = replay(&engine, preset, attack);
            assert_eq!(ended.verdict, Verdict::Attack, "{preset} {attack}: {:?}", ended.evidence);
            for (evidence, cause) in causes {
                assert_eq!(ended.finding(evidence).reason, Some(cause), "{preset} {attack}");
                assert!(ended.reasons.contains(&cause), "{preset} {attack}: {:?}", ended.reasons);
            }
        }
    }
}

#[test]
fn a_screen_that_answers_the_guidance_is_refused() {
    let engine = engine();
    for preset in PRESETS {
        for person in ["f1", "m1"] {
            for kind in ["bezel", "closeup"] {
                let attack = format!("attack-clips-{person}-replay-{kind}");
                let mut source = Subject::open(folder("fixtures").join(&attack), 15.0).unwrap();
                // The verdict of what was seen within eight seconds.
                let ended = show(&engine, preset, &mut source, 120);
                assert_eq!(ended.verdict, Verdict::Attack, "{preset} {attack}");
                assert!(ended.reasons.contains(&Reason::ScreenPattern), "{preset} {attack}");
            }
        }
    }
}

#[test]
fn who_does_as_asked_is_live_in_every_preset() {
    let engine = engine();
    for preset in PRESETS {
        for person in ["clips-f1", "clips-m1", "clips-m2"] {
            let mut source = Subject::open(folder("fixtures").join(person), 15.0).unwrap();
            let ended = show(&engine, preset, &mut source, 1_000);
            assert_eq!(ended.verdict, Verdict::Live, "{preset} {person}: {:?}", ended.evidence);
            assert!(ended.reasons.is_empty() && ended.restarts.is_empty());
            assert!(ended.evidence.live.unwrap() > 0.9);
            let wrong = ended.evidence.findings.iter().find(|finding| finding.reason.is_some());
            assert_eq!(wrong, None, "{preset} {person}");
        }
    }
}

#[test]
fn nothing_that_is_no_attack_is_called_one() {
    let engine = engine();
    for preset in PRESETS {
        for path in ["sequence-m1", "sequence-f1"] {
            // Nobody follows guidance here.
            let ended = replay(&engine, preset, path);
            assert_eq!(ended.verdict, Verdict::Retry, "{preset} {path}: {:?}", ended.evidence);
        }
    }
}

/// Shows pictures again and again, each a little different: a camera has noise.
struct Shown {
    pictures: Vec<(u32, u32, Vec<u8>)>,
    pixels: Vec<u8>,
    index: u64,
    /// Which picture is shown as which frame.
    plan: fn(u64, usize) -> usize,
    noisy: bool,
}

impl Shown {
    fn new(paths: &[&str], plan: fn(u64, usize) -> usize) -> Self {
        let open = |path: &&str| {
            let rgb = image::open(folder("fixtures").join(path)).unwrap().to_rgb8();
            (rgb.width(), rgb.height(), rgb.into_raw())
        };
        let pictures = paths.iter().map(open).collect();
        Self { pictures, pixels: Vec::new(), index: 0, plan, noisy: true }
    }
}

impl FrameSource for Shown {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, liveface::camera::CameraError> {
        let (width, height, rgb) = &self.pictures[(self.plan)(self.index, self.pictures.len())];
        self.pixels.clear();
        let seed = self.index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.pixels.extend(rgb.iter().enumerate().map(|(at, level)| {
            let mixed = (at as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ seed;
            let up = self.noisy && (mixed.wrapping_mul(0x94d0_49bb_1331_11eb) >> 63) == 1;
            level.saturating_add(u8::from(up))
        }));
        let at = Duration::from_millis(self.index * 67);
        self.index += 1;
        Ok(Some(Frame::rgb(*width, *height, &self.pixels, at)?))
    }
}

#[test]
fn a_covered_face_is_asked_to_uncover_itself_and_never_taken() {
    let engine = engine();
    for still in ["occl_mask", "occl_sunglasses", "occl_hand", "occl_halfframe"] {
        for preset in PRESETS {
            let path = format!("stills/{still}.jpg");
            let ended = show(&engine, preset, &mut Shown::new(&[&path], |_, _| 0), 45);
            assert_eq!(ended.guidance.last(), Some(&Guidance::UncoverFace), "{preset} {still}");
            assert_eq!((ended.verdict, ended.pictures), (Verdict::Retry, 0), "{preset} {still}");
            assert_eq!(ended.reasons, [Reason::FramesEnded, Reason::GuidanceNotFollowed]);
        }
    }
}

#[test]
fn two_faces_are_asked_apart_and_never_taken() {
    let engine = engine();
    for preset in PRESETS {
        let mut source = Shown::new(&["stills/two.jpg"], |_, _| 0);
        let ended = show(&engine, preset, &mut source, 45);
        assert_eq!(ended.guidance.last(), Some(&Guidance::OnlyOneFace), "{preset}");
        assert_eq!((ended.verdict, ended.pictures), (Verdict::Retry, 0));
        assert_eq!(ended.reasons, [Reason::FramesEnded, Reason::MultipleFaces]);
    }
}

/// A person who does as asked until something else is shown.
struct Until<'s> {
    person: Subject,
    then: &'s mut dyn FrameSource,
    frames: u64,
    from: u64,
}

impl FrameSource for Until<'_> {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, liveface::camera::CameraError> {
        let at = Duration::from_millis(self.frames * 67);
        self.frames += 1;
        let source: &mut dyn FrameSource =
            if self.frames > self.from { self.then } else { &mut self.person };
        Ok(source.next_frame()?.map(|frame| frame.at(at)))
    }

    fn show(&mut self, guidance: Guidance) {
        self.person.show(guidance);
        self.then.show(guidance);
    }
}

fn swapped(engine: &Engine, preset: &str, then: &mut dyn FrameSource, most: usize) -> Ended {
    let person = Subject::open(folder("fixtures/clips-m1"), 15.0).unwrap();
    // In every preset, pictures are being taken or turns are asked for by then.
    let mut source = Until { person, then, frames: 0, from: 32 };
    show(engine, preset, &mut source, most)
}

#[test]
fn what_happens_in_the_middle_restarts_the_capture_for_its_own_reason() {
    let engine = engine();
    for preset in PRESETS {
        let mut nobody = Shown::new(&["stills/noface.jpg"], |_, _| 0);
        let lost = swapped(&engine, preset, &mut nobody, 100);
        assert_eq!(lost.restarts, [Reason::FaceLost], "{preset}");

        let mut two = Shown::new(&["stills/two.jpg"], |_, _| 0);
        let several = swapped(&engine, preset, &mut two, 100);
        let first = several.restarts.first();
        let expected = [Reason::MultipleFaces, Reason::PersonChanged];
        assert!(first.is_some_and(|reason| expected.contains(reason)), "{preset} {first:?}");

        let mut other = Subject::open(folder("fixtures/clips-f1"), 15.0).unwrap();
        let changed = swapped(&engine, preset, &mut other, 60);
        assert_eq!(changed.restarts.first(), Some(&Reason::PersonChanged), "{preset}");

        let mut frozen = Shown::new(&["clips-m1/idle/000.jpg"], |_, _| 0);
        frozen.noisy = false;
        let frozen = swapped(&engine, preset, &mut frozen, 60);
        assert_eq!(frozen.restarts.first(), Some(&Reason::FrozenFrames), "{preset}");

        for ended in [lost, several, changed, frozen] {
            assert_ne!(ended.verdict, Verdict::Live, "{preset}");
        }
    }
}

#[test]
fn a_clip_that_is_played_again_and_again_is_a_loop() {
    let engine = engine();
    let paths: Vec<String> = (0..12).map(|frame| format!("clips-m1/idle/{frame:03}.jpg")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let forwards = |frame: u64, count: usize| (frame % count as u64) as usize;
    let to_and_fro = |frame: u64, count: usize| {
        let at = (frame % (2 * count as u64 - 2)) as usize;
        at.min(2 * count - 2 - at)
    };
    for preset in PRESETS {
        for plan in [forwards as fn(u64, usize) -> usize, to_and_fro] {
            let mut source = Shown::new(&paths, plan);
            source.noisy = false;
            let ended = show(&engine, preset, &mut source, 60);
            assert_eq!(ended.verdict, Verdict::Attack, "{preset}");
            assert!(ended.reasons.contains(&Reason::LoopedFrames), "{:?}", ended.reasons);
        }
    }
}

#[test]
fn a_camera_that_is_a_program_is_refused() {
    let engine = engine();
    let mut session = engine.session(Policy::default(), 1).unwrap();
    session.camera("Integrated Camera");
    session.camera("OBS Virtual Camera");
    let mut source = Subject::open(folder("fixtures/clips-m1"), 15.0).unwrap();
    while !session.ended() {
        let frame = source.next_frame().unwrap().unwrap();
        for event in session.push(&frame).unwrap() {
            if let Event::Guidance { guidance, .. } = event {
                source.show(guidance);
            }
        }
    }
    let record = session.finish().record;
    assert_eq!((record.verdict, record.reasons), (Verdict::Attack, vec![Reason::VirtualCamera]));
}
