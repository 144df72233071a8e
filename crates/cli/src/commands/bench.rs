//! `liveface bench`: how long every stage takes on this machine.

use std::path::Path;
use std::time::{Duration, Instant};

use liveface::camera::{FrameSource, Recording, Still};
use liveface::{
    Capture, CapturedImage, EngineConfig, Face, Frame, Policy, ShotKind, Tracker, Vision,
};
use liveface_bundle::{Info, encode, upload_zip};
use liveface_core::{CaptureRecord, Evidence, FrameCounts, Rotation, Timestamp, Verdict};
use liveface_quality::Gauge;
use serde::Serialize;

use crate::args::{BenchOptions, Common};
use crate::console;
use crate::failure::{Exit, Failure};

/// A rendered person at arm's length, 640x480.
const PICTURE: &[u8] = include_bytes!("../../../../fixtures/clips-f1/idle/000.jpg");
/// Runs before measuring begins.
const WARM_UP: usize = 5;

#[derive(Serialize)]
struct Figures {
    device: String,
    engine_version: &'static str,
    models: std::collections::BTreeMap<String, String>,
    picture: String,
    start_up_ms: f64,
    peak_memory_mib: Option<f64>,
    tracked_frames_per_second: f64,
    stages: Vec<Stage>,
}

/// Milliseconds of one stage.
#[derive(Serialize)]
struct Stage {
    name: &'static str,
    min: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

/// A frame's pixels and shape, kept in memory so that decoding is not measured.
struct Kept {
    pixels: Vec<u8>,
    width: u32,
    height: u32,
}

impl Kept {
    fn frame(&self, at: Timestamp) -> Result<Frame<'_>, Failure> {
        Frame::rgb(self.width, self.height, &self.pixels, at)
            .map_err(|error| Failure::input("the recording", error))
    }
}

pub(crate) fn run(common: &Common, options: &BenchOptions) -> Result<Exit, Failure> {
    let started = Instant::now();
    let config: EngineConfig = super::engine_config(common);
    let engine = liveface::Engine::load(&config)?;
    let start_up = started.elapsed();
    let count = options.frames.max(1) as usize;
    let frames = frames(options.replay.as_deref(), count)?;
    let bar = console::bar(9, "measuring");
    let mut vision = engine.vision();
    let stages = stages(&mut vision, &frames, count, &bar)?;
    bar.finish_and_clear();
    let tracked = stages.iter().find(|stage| stage.name == "tracked frame").map_or(0.0, |s| s.p50);
    let figures = Figures {
        device: device(),
        engine_version: env!("CARGO_PKG_VERSION"),
        models: engine.model_hashes().clone(),
        picture: format!("{}x{}, {} frames", frames[0].width, frames[0].height, frames.len()),
        start_up_ms: milliseconds(start_up),
        peak_memory_mib: peak_memory_mib(),
        tracked_frames_per_second: if tracked > 0.0 { 1000.0 / tracked } else { 0.0 },
        stages,
    };
    if let Some(path) = &options.out {
        let text = serde_json::to_string_pretty(&figures)
            .map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
        std::fs::write(path, text).map_err(|error| {
            Failure::input(format!("{} cannot be written", path.display()), error)
        })?;
    }
    if common.json {
        console::json(&figures)?;
    } else {
        print(&figures)?;
    }
    Ok(Exit::Done)
}

/// At most `count` frames, decoded.
fn frames(replay: Option<&Path>, count: usize) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    let mut keep = |frame: &Frame<'_>| {
        use liveface_core::sample::{Border, Filter, rgb8};
        let (width, height) = (frame.width(), frame.height());
        let map = liveface_core::Affine::from_region(frame.bounds(), width, height);
        let mut pixels = Vec::new();
        rgb8(frame, map, (width, height), Filter::Bilinear, Border::Replicate, &mut pixels);
        kept.push(Kept { pixels, width, height });
    };
    match replay {
        Some(path) => {
            let mut recording = Recording::open(path, 30.0)?;
            for _ in 0..count {
                let Some(frame) = recording.next_frame()? else { break };
                keep(&frame);
            }
        }
        None => {
            let still = Still::decode(PICTURE).map_err(|error| Failure::input("picture", error))?;
            let frame = still.frame().map_err(|error| Failure::input("picture", error))?;
            keep(&frame.rotated(Rotation::None));
        }
    }
    if kept.is_empty() {
        return Err(Failure::input("--replay", "the recording has no frames"));
    }
    Ok(kept)
}

fn stages(
    vision: &mut Vision,
    frames: &[Kept],
    count: usize,
    bar: &indicatif::ProgressBar,
) -> Result<Vec<Stage>, Failure> {
    let policy = Policy::default();
    let limits = &policy.tracking;
    let subject = {
        let mut found = None;
        for kept in frames {
            found = vision_result(vision.faces(&kept.frame(Timestamp::ZERO)?, limits))?
                .into_iter()
                .next();
            if found.is_some() {
                break;
            }
        }
        found.ok_or_else(|| {
            Failure::input("--replay", "no frame shows a face; nothing can be measured")
        })?
    };
    let mut gauge = Gauge::default();
    let mut images = Vec::new();
    let encoding = &policy.encoding;
    let mut stages = Vec::new();
    let mut stage = |name, work: &mut dyn FnMut(&Frame<'_>) -> Result<(), Failure>| {
        let measured = measure(name, frames, count, work);
        bar.inc(1);
        measured.map(|measured| stages.push(measured))
    };
    stage("detector", &mut |frame| vision_result(vision.detect(frame, limits)).map(drop))?;
    stage("mesh, pose, expression", &mut |frame| {
        vision_result(vision.follow(frame, &subject, limits)).map(drop)
    })?;
    stage("quality", &mut |frame| {
        gauge.measure(frame, &subject);
        Ok(())
    })?;
    stage("passive check", &mut |frame| {
        vision_result(vision.presentation(frame, &subject)).map(drop)
    })?;
    stage("embedding", &mut |frame| vision_result(vision.embedding(frame, &subject)).map(drop))?;
    stage("encode liveness image", &mut |frame| {
        let index = images.len() as u32 % policy.sequence.liveness_images;
        let image = encode(
            frame,
            ShotKind::Liveness,
            index,
            encoding.liveness_side,
            encoding.jpeg_quality,
        )?;
        if images.len() < policy.sequence.liveness_images as usize {
            images.push(CapturedImage { t_ms: u64::from(index), ..image });
        }
        Ok(())
    })?;
    let mut selfie = None;
    stage("encode selfie", &mut |frame| {
        selfie =
            Some(encode(frame, ShotKind::Selfie, 0, encoding.selfie_side, encoding.jpeg_quality)?);
        Ok(())
    })?;
    images.extend(selfie);
    let capture = Capture { images, record: record() };
    stage(
        "upload zip",
        &mut |_| Ok(upload_zip(&capture, &Info::without_job(&capture)).map(drop)?),
    )?;
    let mut tracker = Tracker::new(limits.clone());
    stage("tracked frame", &mut |frame| {
        let observation = vision_result(tracker.observe(vision, frame))?;
        if let Some(face) = observation.faces.first() {
            let face: &Face = face;
            gauge.measure(frame, face);
        }
        Ok(())
    })?;
    Ok(stages)
}

fn vision_result<T>(result: Result<T, liveface::VisionError>) -> Result<T, Failure> {
    result.map_err(|error| Failure::new(Exit::Runtime, error.to_string()))
}

fn measure(
    name: &'static str,
    frames: &[Kept],
    count: usize,
    work: &mut dyn FnMut(&Frame<'_>) -> Result<(), Failure>,
) -> Result<Stage, Failure> {
    let mut times = Vec::with_capacity(count);
    for (index, kept) in frames.iter().cycle().take(count + WARM_UP).enumerate() {
        let frame = kept.frame(Timestamp::from_millis(index as u64))?;
        let started = Instant::now();
        work(&frame)?;
        if index >= WARM_UP {
            times.push(milliseconds(started.elapsed()));
        }
    }
    times.sort_by(f64::total_cmp);
    // The nearest rank: the smallest time that at least this share of all runs keeps to.
    let rank = |share: f64| {
        times[((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1]
    };
    Ok(Stage {
        name,
        min: rank(0.0),
        p50: rank(0.5),
        p95: rank(0.95),
        p99: rank(0.99),
        max: rank(1.0),
    })
}

fn record() -> CaptureRecord {
    CaptureRecord {
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        policy: String::new(),
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

fn print(figures: &Figures) -> Result<(), Failure> {
    console::line(format!("{}; pictures of {}", figures.device, figures.picture))?;
    console::line("")?;
    console::line(format!(
        "{:<24}{:>8}{:>8}{:>8}{:>8}{:>8}   ms",
        "stage", "min", "p50", "p95", "p99", "max"
    ))?;
    for Stage { name, min, p50, p95, p99, max } in &figures.stages {
        console::line(format!("{name:<24}{min:>8.2}{p50:>8.2}{p95:>8.2}{p99:>8.2}{max:>8.2}"))?;
    }
    console::line("")?;
    console::line(format!("tracked frames a second  {:.0}", figures.tracked_frames_per_second))?;
    console::line(format!(
        "start-up                 {:.0} ms (library and models)",
        figures.start_up_ms
    ))?;
    if let Some(memory) = figures.peak_memory_mib {
        console::line(format!("peak memory              {memory:.0} MiB"))?;
    }
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The processor's name where the system tells it, and the platform.
fn device() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("model name").map(str::to_owned))
    });
    let cpu = cpu.map(|name| name.trim_start_matches([' ', '\t', ':']).to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let platform = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    format!("{}, {cores} cores, {platform}", cpu.unwrap_or_else(|| "unknown processor".to_owned()))
}

/// The most memory that this process ever had, where the system tells it.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
