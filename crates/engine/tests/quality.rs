//! Every quality measure falls with its own degradation, step by step, and with little else; seen with the
//! real models. The tables of `docs/quality.md` are made here: `LIVEFACE_WRITE_DOCS=1` writes them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use liveface::{
    Component, Engine, EngineConfig, Face, Frame, ModelSource, Policy, QualityRecord, Timestamp,
};
use liveface_core::sample::{self, Border, Filter};
use liveface_core::{Affine, Point2};
use liveface_quality::{Gauge, Subject};

use Component::*;

fn path(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn fixture(name: &str) -> RgbImage {
    image::open(path("fixtures").join(name)).unwrap().to_rgb8()
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let models = ModelSource::Folder(path("models"));
        Engine::load(&EngineConfig { models, ..EngineConfig::default() }).unwrap()
    })
}

fn frame(picture: &RgbImage) -> Frame<'_> {
    Frame::rgb(picture.width(), picture.height(), picture, Timestamp::ZERO).unwrap()
}

/// The largest face of `picture` and its quality.
fn look(picture: &RgbImage) -> (Face, QualityRecord) {
    let frame = frame(picture);
    let mut vision = engine().vision();
    let faces = vision.faces(&frame, &Policy::default().tracking).unwrap();
    let face = faces.first().expect("a face");
    let learned = vision.learned_quality(&frame, face).unwrap();
    let subject = Subject {
        face,
        aligned: vision.aligned(face),
        second_face: faces.get(1).map_or(0.0, |second| second.bounds.area() / face.bounds.area()),
        learned: Some(learned),
        person: None,
    };
    (face.clone(), Gauge::default().assess(&frame, &subject))
}

fn measure(picture: &RgbImage) -> QualityRecord {
    look(picture).1
}

/// The score of `component`; `None` where it was not measured or could not be assessed.
fn score(record: &QualityRecord, component: Component) -> Option<f64> {
    record.get(component)?.score.map(f64::from)
}

/// `picture` with each channel of each pixel replaced.
fn changed(picture: &RgbImage, change: impl Fn(u32, u32, usize, u8) -> f32) -> RgbImage {
    let mut new = picture.clone();
    for (x, y, pixel) in new.enumerate_pixels_mut() {
        for (channel, level) in pixel.0.iter_mut().enumerate() {
            *level = change(x, y, channel, *level).round().clamp(0.0, 255.0) as u8;
        }
    }
    new
}

/// A gamma-coded level under so many times the light. Source: the sRGB curve.
fn lit(level: u8, times: f32) -> f32 {
    let x = f32::from(level) / 255.0;
    let linear = if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) };
    let light = (linear * times).min(1.0);
    let coded =
        if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    255.0 * coded
}

fn exposed(picture: &RgbImage, _: &Face, times: f32) -> RgbImage {
    changed(picture, |_, _, _, level| lit(level, times))
}

fn blurred(picture: &RgbImage, _: &Face, sigma: f32) -> RgbImage {
    imageops::blur(picture, sigma)
}

/// Smeared over `length` pixels at so many degrees.
fn smeared_along(picture: &RgbImage, length: f32, degrees: f32) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let steps = (4.0 * length) as i32;
    let mut sums = vec![0.0f32; picture.len()];
    let size = picture.dimensions();
    for step in 0..=steps {
        let way = length * (step as f32 / steps as f32 - 0.5);
        let mut moved = Vec::new();
        let map = Affine::scale_then_move(1.0, 1.0, way * cos, way * sin);
        sample::rgb8(&frame(picture), map, size, Filter::Bilinear, Border::Replicate, &mut moved);
        sums.iter_mut().zip(moved).for_each(|(sum, level)| *sum += f32::from(level));
    }
    let bytes = sums.iter().map(|sum| (sum / (steps + 1) as f32).round() as u8).collect();
    RgbImage::from_raw(size.0, size.1, bytes).unwrap()
}

fn smeared(picture: &RgbImage, _: &Face, length: f32) -> RgbImage {
    smeared_along(picture, length, 30.0)
}

fn compressed(picture: &RgbImage, _: &Face, quality: f32) -> RgbImage {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality as u8).encode_image(picture).unwrap();
    image::load_from_memory(&jpeg).unwrap().to_rgb8()
}

/// Gaussian noise, the same every time: a sum of twelve even numbers from a linear congruence.
fn noisy(picture: &RgbImage, _: &Face, sigma: f32) -> RgbImage {
    let state = std::cell::Cell::new(1u64);
    let even = || {
        let next = state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.set(next);
        (next >> 40) as f32 / (1u64 << 24) as f32
    };
    changed(picture, |_, _, _, level| {
        let normal = (0..12).map(|_| even()).sum::<f32>() - 6.0;
        f32::from(level) + sigma * normal
    })
}

/// Light that falls from the image left to `left` times as little at the image right of the face.
fn side_lit(picture: &RgbImage, face: &Face, left: f32) -> RgbImage {
    let bounds = face.bounds;
    changed(picture, |x, _, _, level| {
        let way = ((x as f32 - bounds.x) / bounds.width).clamp(0.0, 1.0);
        lit(level, 1.0 + way * (left - 1.0))
    })
}

fn rolled(picture: &RgbImage, face: &Face, degrees: f32) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let Point2 { x, y } = face.bounds.centre();
    let turn = Affine { a: cos, b: sin, c: -sin, d: cos, tx: 0.0, ty: 0.0 };
    let map = Affine::scale_then_move(1.0, 1.0, x, y)
        .after(turn)
        .after(Affine::scale_then_move(1.0, 1.0, -x, -y));
    let size = picture.dimensions();
    let mut rgb = Vec::new();
    sample::rgb8(&frame(picture), map, size, Filter::Bilinear, Border::Replicate, &mut rgb);
    RgbImage::from_raw(size.0, size.1, rgb).unwrap()
}

fn smaller(picture: &RgbImage, _: &Face, share: f32) -> RgbImage {
    let side = |side: u32| (side as f32 * share).round() as u32;
    let (width, height) = (side(picture.width()), side(picture.height()));
    imageops::resize(picture, width, height, FilterType::Triangle)
}

/// Surroundings of the head mixed with white light.
fn backlit(picture: &RgbImage, face: &Face, share: f32) -> RgbImage {
    let (centre, bounds) = (face.bounds.centre(), face.bounds);
    changed(picture, |x, y, _, level| {
        let beside = (x as f32 - centre.x) / (0.85 * bounds.width);
        let above = (y as f32 - centre.y) / (0.9 * bounds.height);
        let head = beside * beside + above * above < 1.0 || y as f32 > bounds.y + bounds.height;
        let level = f32::from(level);
        if head { level } else { level + share * (255.0 - level) }
    })
}

/// As many white patches as `count`, on the cheeks and the forehead and as if on glasses.
fn glaring(picture: &RgbImage, face: &Face, count: f32) -> RgbImage {
    let [start, end] = face.landmarks.eye_centres();
    let unit = start.distance(end);
    let spots = [(start, 0.1), (end, 0.1), (start, 0.55), (end, 0.55)];
    changed(picture, |x, y, _, level| {
        let hit = spots.iter().take(count as usize).any(|(eye, down)| {
            (x as f32 - eye.x).abs() < 0.14 * unit
                && (y as f32 - eye.y - down * unit).abs() < 0.07 * unit
        });
        if hit { 250.0 } else { level.into() }
    })
}

/// A way to spoil a picture of a face.
struct Degradation {
    name: &'static str,
    /// What the steps count.
    unit: &'static str,
    apply: fn(&RgbImage, &Face, f32) -> RgbImage,
    steps: &'static [f32],
    /// The components that it is meant for: each falls, step by step.
    own: &'static [Component],
    /// What else changes by more than [`LITTLE`], and rightly so.
    also: &'static [Component],
}

const DEGRADATIONS: &[Degradation] = &[
    Degradation {
        name: "Gaussian blur",
        unit: "sigma, px",
        apply: blurred,
        steps: &[1.0, 2.0, 3.0],
        own: &[Sharpness],
        also: &[UnifiedQualityScore, IlluminationUniformity, MouthOcclusionPrevention],
    },
    Degradation {
        name: "motion blur",
        unit: "px",
        apply: smeared,
        steps: &[2.0, 4.0, 6.0, 10.0],
        own: &[MotionBlur],
        also: &[Sharpness],
    },
    Degradation {
        name: "less light",
        unit: "times",
        apply: exposed,
        steps: &[0.5, 0.25, 0.12],
        own: &[LuminanceMean],
        also: &[UnderExposurePrevention, LuminanceVariance, DynamicRange, Sharpness],
    },
    Degradation {
        name: "more light",
        unit: "times",
        apply: exposed,
        steps: &[1.5, 2.0, 4.0],
        own: &[OverExposurePrevention, SceneBrightness],
        also: &[LuminanceMean, IlluminationUniformity, DynamicRange, NaturalColour],
    },
    Degradation {
        name: "JPEG",
        unit: "quality",
        apply: compressed,
        steps: &[70.0, 40.0, 20.0, 10.0],
        own: &[CompressionArtifacts],
        also: &[],
    },
    Degradation {
        name: "noise",
        unit: "sigma",
        apply: noisy,
        steps: &[5.0, 10.0, 20.0],
        own: &[Noise],
        also: &[IlluminationUniformity],
    },
    Degradation {
        name: "side light",
        unit: "times",
        apply: side_lit,
        steps: &[0.6, 0.3, 0.1],
        own: &[IlluminationUniformity],
        also: &[LuminanceMean],
    },
    Degradation {
        name: "roll",
        unit: "degrees",
        apply: rolled,
        steps: &[10.0, 20.0, 30.0],
        own: &[HeadPoseRoll],
        also: &[],
    },
    Degradation {
        name: "smaller",
        unit: "times",
        apply: smaller,
        steps: &[0.75, 0.5, 0.35],
        own: &[InterEyeDistance],
        also: &[Sharpness, UnifiedQualityScore],
    },
    Degradation {
        name: "backlight",
        unit: "share of white",
        apply: backlit,
        steps: &[0.5, 0.75, 1.0],
        own: &[Backlight],
        also: &[SceneBrightness],
    },
    Degradation {
        name: "glare",
        unit: "patches",
        apply: glaring,
        steps: &[1.0, 2.0, 4.0],
        own: &[Glare],
        also: &[],
    },
];

/// Rendered people of fair and of dark skin, and a photograph.
const FACES: [&str; 5] = [
    "sequence-m1/000.jpg",
    "clips-f1/idle/000.jpg",
    "clips-m1/idle/000.jpg",
    "clips-m2/idle/000.jpg",
    "stills/astronaut.png",
];

/// Points by which the mean score over the faces may change without being listed.
const LITTLE: f64 = 16.0;
/// Points by which a score may rise from one step to the next: landmarks are found anew in every picture.
const JITTER: f64 = 4.0;

/// For each face, the scores of every component in the clean picture, and at each step of each degradation.
struct Measured {
    clean: QualityRecord,
    steps: Vec<Vec<QualityRecord>>,
}

fn measured() -> &'static [Measured] {
    static MEASURED: OnceLock<Vec<Measured>> = OnceLock::new();
    MEASURED.get_or_init(|| {
        let spoil = |name: &&str| {
            let picture = fixture(name);
            let (face, clean) = look(&picture);
            let steps = DEGRADATIONS.iter().map(|way| {
                let step = |step: &f32| measure(&(way.apply)(&picture, &face, *step));
                way.steps.iter().map(step).collect()
            });
            Measured { clean, steps: steps.collect() }
        };
        FACES.iter().map(spoil).collect()
    })
}

#[test]
fn each_degradation_lowers_its_own_component_step_by_step() {
    let mut wrong = Vec::new();
    for (name, measured) in FACES.iter().zip(measured()) {
        for (way, steps) in DEGRADATIONS.iter().zip(&measured.steps) {
            for component in way.own {
                let all = std::iter::once(&measured.clean).chain(steps);
                let scores: Vec<f64> = all.filter_map(|record| score(record, *component)).collect();
                let falls = scores.windows(2).all(|pair| pair[1] <= pair[0] + JITTER);
                let (first, last) = (scores[0], scores[scores.len() - 1]);
                if !falls || scores.len() <= way.steps.len() || last > 0.75 * first {
                    wrong.push(format!("{name}, {}, {component:?}: {scores:?}", way.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The mean over the faces of the score of `component` in what `pick` takes; `None` where no face has one.
fn mean(component: Component, pick: impl Fn(&Measured) -> &QualityRecord) -> Option<f64> {
    let scores = measured().iter().filter_map(|one| score(pick(one), component));
    let (count, sum) = scores.fold((0, 0.0), |(count, sum), score| (count + 1, sum + score));
    (count > 0).then(|| sum / f64::from(count))
}

/// A component, its mean score in clean pictures, and at the strongest step of each degradation.
fn matrix() -> Vec<(Component, f64, Vec<Option<f64>>)> {
    let row = |component: &Component| {
        let clean = mean(*component, |one| &one.clean)?;
        let strongest = |way: usize| mean(*component, |one| one.steps[way].last().unwrap());
        Some((*component, clean, (0..DEGRADATIONS.len()).map(strongest).collect()))
    };
    Component::ALL.iter().filter_map(row).collect()
}

#[test]
fn what_a_degradation_is_not_meant_for_changes_little() {
    let mut wrong = Vec::new();
    for (component, clean, spoilt) in matrix() {
        for (way, score) in DEGRADATIONS.iter().zip(spoilt) {
            let Some(score) = score else { continue };
            let little = (score - clean).abs() <= LITTLE;
            let listed = way.also.contains(&component);
            if way.own.contains(&component) {
                continue;
            }
            if little == listed {
                wrong.push(format!("{}: {component:?} {clean:.1} to {score:.1}", way.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn movement_in_any_direction_is_seen_and_other_blur_is_not() {
    for name in FACES {
        let clean = fixture(name);
        let blur = |picture: &RgbImage| measure(picture).get(MotionBlur).unwrap().score.unwrap();
        assert!(blur(&clean) >= 90, "{name}");
        assert!(blur(&imageops::blur(&clean, 2.0)) >= 85, "{name}");
        for degrees in [0.0, 45.0, 90.0, 135.0] {
            let scores = [2.0, 4.0, 6.0, 10.0].map(|px| blur(&smeared_along(&clean, px, degrees)));
            assert!(
                scores.windows(2).all(|pair| f64::from(pair[1]) <= f64::from(pair[0]) + JITTER),
                "{name} {scores:?}"
            );
            assert!(scores[2] <= 30 && scores[3] <= 10, "{name} {degrees}: {scores:?}");
        }
    }
}

#[test]
fn the_gate_of_sharpness_has_room_on_both_sides() {
    let least = Policy::default().quality.min_sharpness;
    let sharpness = |picture: &RgbImage| measure(picture).get(Sharpness).unwrap().raw;
    for name in FACES {
        let clean = fixture(name);
        assert!(sharpness(&clean) >= 1.5 * least, "{name}");
        let blurred = imageops::blur(&clean, 2.0);
        assert!(sharpness(&blurred) < least, "{name}");
        let (face, _) = look(&clean);
        let noisy = sharpness(&noisy(&blurred, &face, 10.0));
        assert!(noisy < least, "{name}: {noisy}");
    }
}

/// Every third frame of the clips in which a person is well placed, lit and sharp.
#[test]
fn good_frames_have_no_flaw() {
    let limits = Policy::default();
    for person in ["clips-f1", "clips-m1", "clips-m2"] {
        for clip in ["idle", "turn_left", "turn_right", "look_up", "smile", "blink"] {
            for index in (0..6).step_by(3) {
                let name = format!("{person}/{clip}/{index:03}.jpg");
                let record = measure(&fixture(&name));
                let raw = record.get(Sharpness).unwrap().raw;
                assert!(raw >= 1.5 * limits.quality.min_sharpness, "{name}: {raw}");
                for component in [Glare, Backlight, CompressionArtifacts] {
                    assert!(score(&record, component) >= Some(90.0), "{name}: {component:?}");
                }
                assert!(score(&record, MotionBlur) >= Some(50.0), "{name}");
            }
        }
    }
}

#[test]
fn shut_eyes_and_an_open_mouth_score_low() {
    for person in ["clips-f1", "clips-m1", "clips-m2"] {
        let truth =
            std::fs::read_to_string(path("fixtures").join(person).join("truth.csv")).unwrap();
        let mut rows = truth.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let header = rows.next().unwrap();
        let closed = header.iter().position(|name| *name == "eye_closed").unwrap();
        let blink = rows.filter(|row| row[0] == "blink").map(|row| {
            let name = format!("{person}/blink/{:03}.jpg", row[1].parse::<u32>().unwrap());
            let eyes = measure(&fixture(&name)).get(EyesOpen).unwrap().raw;
            (row[closed].parse::<f32>().unwrap(), eyes)
        });
        let (shut, open): (Vec<_>, Vec<_>) =
            blink.filter(|(closed, _)| !(0.1..0.9).contains(closed)).partition(|eye| eye.0 > 0.5);
        let widest = shut.iter().map(|eye| eye.1).fold(0.0, f32::max);
        let narrowest = open.iter().map(|eye| eye.1).fold(1.0, f32::min);
        assert!(!shut.is_empty() && !open.is_empty());
        assert!(widest < 0.6 * narrowest, "{person}: {widest} {narrowest}");
    }
    let mouth = |still| score(&measure(&fixture(still)), MouthClosed).unwrap();
    assert!(mouth("stills/jaw.jpg") + 30.0 < mouth("sequence-m1/000.jpg"));
}

/// The three people, and what light does to a face.
const PEOPLE: [&str; 3] = ["clips-f1", "clips-m1", "clips-m2"];
const OF_LIGHT: [Component; 7] = [
    LuminanceMean,
    LuminanceVariance,
    UnderExposurePrevention,
    OverExposurePrevention,
    DynamicRange,
    IlluminationUniformity,
    NaturalColour,
];
/// What rates dark skin otherwise than fair skin in the same light; `docs/quality.md` says why.
const UNLIKE: &[Component] = &[LuminanceMean, LuminanceVariance, IlluminationUniformity];

fn people() -> Vec<(Component, [f64; 3])> {
    let records = PEOPLE.map(|person| measure(&fixture(&format!("{person}/idle/000.jpg"))));
    let row = |component: Component| {
        (component, records.each_ref().map(|record| score(record, component).unwrap()))
    };
    OF_LIGHT.into_iter().map(row).collect()
}

#[test]
fn people_under_the_same_light_score_alike_but_where_the_docs_say_so() {
    for (component, scores) in people() {
        let [low, high] = [f64::min, f64::max].map(|pick| scores.into_iter().reduce(pick).unwrap());
        assert_eq!(high - low > 10.0, UNLIKE.contains(&component), "{component:?} {scores:?}");
    }
}

fn table(name: &str, header: &[String], rows: &[Vec<String>]) -> String {
    let mut text =
        format!("<!-- {name} -->\n| {} |\n|{}\n", header.join(" | "), "---|".repeat(header.len()));
    for row in rows {
        writeln!(text, "| {} |", row.join(" | ")).unwrap();
    }
    text + &format!("<!-- /{name} -->")
}

/// The tables of the docs are those that are measured, within 3 points.
#[test]
fn the_docs_show_what_is_measured() {
    let number = |score: Option<f64>| score.map_or_else(|| "-".to_owned(), |s| format!("{s:.0}"));
    let columns = DEGRADATIONS
        .iter()
        .map(|way| format!("{} {} {}", way.name, way.steps.last().unwrap(), way.unit));
    let header = ["component".to_owned(), "clean".to_owned()].into_iter().chain(columns);
    let rows: Vec<_> = matrix()
        .into_iter()
        .map(|(component, clean, spoilt)| {
            let cell = |(way, score): (&Degradation, Option<f64>)| {
                let number = number(score);
                if way.own.contains(&component) { format!("**{number}**") } else { number }
            };
            let cells = DEGRADATIONS.iter().zip(spoilt).map(cell);
            [component.name().to_owned(), number(Some(clean))].into_iter().chain(cells).collect()
        })
        .collect();
    let degradations = table("degradations", &header.collect::<Vec<_>>(), &rows);
    let header = ["component", "f1", "m1", "m2"].map(str::to_owned);
    let rows: Vec<_> = people()
        .into_iter()
        .map(|(component, scores)| {
            let cells = scores.map(|score| number(Some(score)));
            [component.name().to_owned()].into_iter().chain(cells).collect()
        })
        .collect();
    let people = table("people", &header, &rows);

    let file = path("docs/quality.md");
    let mut text = std::fs::read_to_string(&file).unwrap();
    let write = std::env::var_os("LIVEFACE_WRITE_DOCS").is_some();
    for (name, made) in [("degradations", degradations), ("people", people)] {
        let end = format!("<!-- /{name} -->");
        let start = text.find(&format!("<!-- {name} -->")).unwrap();
        let span = start..text.find(&end).unwrap() + end.len();
        if write {
            text.replace_range(span, &made);
            continue;
        }
        let cells = |table: &str| -> Vec<String> {
            table.split(['|', '*', '\n']).map(|cell| cell.trim().to_owned()).collect()
        };
        let (shown, made) = (cells(&text[span]), cells(&made));
        assert_eq!(shown.len(), made.len(), "{name}");
        for (shown, made) in shown.iter().zip(&made) {
            let near = shown.parse::<f64>().ok().zip(made.parse::<f64>().ok());
            let near = near.is_some_and(|(shown, made)| (shown - made).abs() <= 3.0);
            assert!(near || shown == made, "{name}: the docs have {shown}, measured is {made}");
        }
    }
    if write {
        std::fs::write(file, text).unwrap();
    }
}
