//! The stages of a frame's way, each measured on its own.

use std::sync::Barrier;
use std::time::Instant;

use liveface::camera::{JpegDecoder, Still};
use liveface::{
    Capture, CapturedImage, Engine, Face, Frame, Policy, ShotKind, Timestamp, VisionError,
};
use liveface_bundle::{Info, encode, upload_zip};
use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{
    CaptureRecord, Evidence, FrameCounts, RotatedSquare, Verdict, landmark, policy,
};
use liveface_quality::Gauge;

use super::frames::{Kept, PICTURE};
use super::milliseconds;
use super::series::Series;
use crate::allocations;
use crate::console;
use crate::failure::{Exit, Failure};

/// Runs before measuring begins.
pub(super) const WARM_UP: usize = 5;
/// Side of the mesh model's picture, in pixels, and of its region over the face's box: what is read
/// out of each tracked frame.
const MESH_SIDE: u32 = 192;
const MESH_REGION: f32 = 1.5;

/// Measures runs of one thing.
#[derive(Default)]
pub(super) struct Meter {
    times: Vec<f64>,
    allocations: u64,
}

impl Meter {
    fn with_capacity(count: usize) -> Self {
        Self { times: Vec::with_capacity(count), allocations: 0 }
    }

    /// Measures one run of `work`.
    pub(super) fn time(
        &mut self,
        work: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (allocated, started) = (allocations::on_this_thread(), Instant::now());
        work()?;
        let time = milliseconds(started.elapsed());
        self.allocations += allocations::on_this_thread() - allocated;
        self.times.push(time);
        Ok(())
    }

    pub(super) fn series(&self, name: &str) -> Series {
        Series::new(name, &self.times, self.allocations)
    }
}

/// Runs `work` on `count` frames, after some that are not measured.
fn measure(
    name: &str,
    frames: &[Kept],
    count: usize,
    work: &mut dyn FnMut(&Frame<'_>) -> Result<(), Failure>,
) -> Result<Series, Failure> {
    let mut meter = Meter::with_capacity(count);
    for (index, kept) in frames.iter().cycle().take(count + WARM_UP).enumerate() {
        let frame = kept.frame(Timestamp::from_millis(index as u64))?;
        if index < WARM_UP {
            work(&frame)?;
        } else {
            meter.time(|| work(&frame))?;
        }
    }
    Ok(meter.series(name))
}

/// Measures every stage of a capture that is not a whole frame.
pub(super) fn run(engine: &Engine, frames: &[Kept], count: usize) -> Result<Vec<Series>, Failure> {
    let mut vision = engine.vision();
    let policy = Policy::default();
    let limits = &policy.tracking;
    let subject = subject(&mut vision, frames, limits)?;
    let mut gauge = Gauge::default();
    let mut images = Vec::new();
    let encoding = &policy.encoding;
    let mut stages = Vec::new();
    let bar = console::bar(11, "measuring");
    let mut stage = |name, work: &mut dyn FnMut(&Frame<'_>) -> Result<(), Failure>| {
        let measured = measure(name, frames, count, work);
        bar.inc(1);
        measured.map(|measured| stages.push(measured))
    };
    let mut decoder = JpegDecoder::new();
    stage("decode JPEG 640x480, whole", &mut |_| picture(Still::decode(PICTURE)).map(drop))?;
    stage("decode JPEG 640x480, half", &mut |_| picture(decoder.decode(PICTURE, 240)).map(drop))?;
    stage("detector", &mut |frame| seen(vision.detect(frame, limits)).map(drop))?;
    let mut input = Vec::with_capacity((MESH_SIDE * MESH_SIDE * 3) as usize);
    stage("sampling of the mesh input", &mut |frame| {
        sample_mesh_input(frame, &subject, &mut input);
        Ok(())
    })?;
    stage("mesh, pose, expression", &mut |frame| {
        seen(vision.follow(frame, &subject, limits)).map(drop)
    })?;
    // What the mesh saw last is at hand, as in a session.
    let followed = seen(vision.follow(&frames[0].frame(Timestamp::ZERO)?, &subject, limits))?;
    let followed = followed.unwrap_or_else(|| subject.clone());
    stage("quality", &mut |frame| {
        gauge.guide(frame, &followed, vision.aligned(&followed));
        Ok(())
    })?;
    stage("passive check", &mut |frame| seen(vision.presentation(frame, &subject)).map(drop))?;
    stage("embedding", &mut |frame| seen(vision.embedding(frame, &subject)).map(drop))?;
    let encoded = |frame: &Frame<'_>, kind, index, side| {
        encode(frame, kind, index, side, encoding.jpeg_quality)
    };
    stage("encode liveness image", &mut |frame| {
        let index = images.len() as u32 % policy.sequence.liveness_images;
        let image = encoded(frame, ShotKind::Liveness, index, encoding.liveness_side)?;
        if images.len() < policy.sequence.liveness_images as usize {
            images.push(CapturedImage { t_ms: u64::from(index), ..image });
        }
        Ok(())
    })?;
    let mut selfie = None;
    stage("encode selfie", &mut |frame| {
        selfie = Some(encoded(frame, ShotKind::Selfie, 0, encoding.selfie_side)?);
        Ok(())
    })?;
    images.extend(selfie);
    let capture = Capture { images, record: record() };
    stage(
        "upload zip",
        &mut |_| Ok(upload_zip(&capture, &Info::without_job(&capture)).map(drop)?),
    )?;
    bar.finish_and_clear();
    Ok(stages)
}

/// Measures the models that are loaded when they are first asked for.
pub(super) fn optional(
    engine: &Engine,
    frames: &[Kept],
    count: usize,
) -> Result<[Series; 2], Failure> {
    let mut vision = engine.vision();
    let subject = subject(&mut vision, frames, &Policy::default().tracking)?;
    Ok([
        measure("learned quality", frames, count, &mut |frame| {
            seen(vision.learned_quality(frame, &subject)).map(drop)
        })?,
        measure("person mask", frames, count, &mut |frame| seen(vision.person(frame)).map(drop))?,
    ])
}

/// Whole frames as a session looks at them while nothing is taken: tracked, their quality measured and
/// the gates judged. Then what of that was spent outside of ONNX Runtime. Waits at `barrier` so
/// that all threads begin together.
pub(super) fn tracked(
    engine: &Engine,
    frames: &[Kept],
    count: usize,
    barrier: &Barrier,
) -> Result<[Series; 2], Failure> {
    let mut session = engine.session(Policy::default().without_pictures(), 0)?;
    let (mut whole, mut outside) = (Meter::with_capacity(count), Meter::with_capacity(count));
    barrier.wait();
    for (index, kept) in frames.iter().cycle().take(count + WARM_UP).enumerate() {
        // Thirty frames a second.
        let frame = kept.frame(Timestamp::from_micros(33_333 * index as u64))?;
        let inside = engine.vision().spent();
        let mut work = || Ok(session.push(&frame).map(drop)?);
        if index < WARM_UP {
            work()?;
            continue;
        }
        whole.time(work)?;
        let inside = milliseconds(engine.vision().spent() - inside);
        outside.times.extend(whole.times.last().map(|time| time - inside));
    }
    outside.allocations = whole.allocations;
    Ok([whole.series("tracked frame"), outside.series("  outside ONNX Runtime")])
}

/// The first face that a frame shows.
fn subject(
    vision: &mut liveface::Vision,
    frames: &[Kept],
    limits: &policy::Tracking,
) -> Result<Face, Failure> {
    for kept in frames {
        let faces = seen(vision.faces(&kept.frame(Timestamp::ZERO)?, limits))?;
        if let Some(face) = faces.into_iter().next() {
            return Ok(face);
        }
    }
    Err(Failure::input("--replay", "no frame shows a face; nothing can be measured"))
}

/// Reads the face as the mesh model gets it.
fn sample_mesh_input(frame: &Frame<'_>, face: &Face, input: &mut Vec<f32>) {
    // The outer corners of the eyes, as the tracker turns the mesh's region by.
    let ends = [landmark::EYE_IMAGE_LEFT[0], landmark::EYE_IMAGE_RIGHT[1]];
    let [left, right] = ends.map(|index| face.landmarks.xy(index));
    let square = RotatedSquare {
        centre: face.bounds.centre(),
        side: face.bounds.width.max(face.bounds.height) * MESH_REGION,
        angle_radians: (right.y - left.y).atan2(right.x - left.x),
    };
    let (map, size) = (square.to_picture(MESH_SIDE), (MESH_SIDE, MESH_SIDE));
    input.resize(MESH_SIDE as usize * MESH_SIDE as usize * 3, 0.0);
    let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 255.0 };
    sample::tensor(frame, map, size, Filter::Bilinear, Border::Replicate, &form, input);
}

fn seen<T>(result: Result<T, VisionError>) -> Result<T, Failure> {
    result.map_err(|error| Failure::new(Exit::Runtime, error.to_string()))
}

fn picture<T>(result: Result<T, liveface::camera::PictureError>) -> Result<T, Failure> {
    result.map_err(|error| Failure::new(Exit::Runtime, error.to_string()))
}

fn record() -> CaptureRecord {
    CaptureRecord {
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        policy: String::new(),
        policy_sha256: None,
        seed: 0,
        models: Default::default(),
        verdict: Verdict::Retry,
        reasons: Vec::new(),
        evidence: Evidence::default(),
        shots: Vec::new(),
        guidance: Vec::new(),
        frames: FrameCounts::default(),
    }
}
