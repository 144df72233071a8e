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
    let subject = Subject {
        face,
        aligned: vision.aligned(face),
        second_face: faces.get(1).map_or(0.0, |second| second.bounds.area() / face.bounds.area()),
        learned: None,
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
        also: &[],
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
        also: &[UnderExposurePrevention],
    },
    Degradation {
        name: "more light",
        unit: "times",
        apply: exposed,
        steps: &[2.0, 4.0, 8.0],
        own: &[OverExposurePrevention, SceneBrightness],
        also: &[LuminanceMean, Backlight],
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
        steps: &[5.0, 10.0],
        own: &[],
        also: &[],
    },
    Degradation {
        name: "side light",
        unit: "times",
        apply: side_lit,
        steps: &[0.6, 0.3, 0.1],
        own: &[IlluminationUniformity],
        also: &[],
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
        also: &[],
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

#[test]
fn report() {
    let mut out = String::new();
    for name in FACES {
        let clean = fixture(name);
        let (face, record) = look(&clean);
        let line = |record: &QualityRecord| {
            record.iter().map(|(c, m)| format!("{} {:.3}/{} ", c.code(), m.raw, m.score.map_or(-1, i32::from))).collect::<String>()
        };
        writeln!(out, "{name} clean {}", line(&record)).unwrap();
        for d in DEGRADATIONS {
            for s in d.steps {
                writeln!(out, "{name} {} {s} {}", d.name, line(&measure(&(d.apply)(&clean, &face, *s)))).unwrap();
            }
        }
    }
    std::fs::write("/tmp/w/o-report.txt", out).unwrap();
}
const FACES: [&str; 5] = [
    "sequence-m1/000.jpg",
    "clips-f1/idle/000.jpg",
    "clips-m1/idle/000.jpg",
    "clips-m2/idle/000.jpg",
    "stills/astronaut.png",
];
