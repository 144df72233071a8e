//! `liveface bench`: how long every stage takes on this machine, and whether that has changed.
//!
//! It needs the program and the runtime library alone: the models and a picture are built in.

mod device;
mod frames;
mod series;
mod stages;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use liveface::{Engine, Event, Policy, Runtime, Timestamp};
use serde::{Deserialize, Serialize};

use crate::args::{BenchOptions, Common};
use crate::console::{self, Style, counted, styled};
use crate::failure::{Exit, Failure};
use device::{Device, memory_mib, peak_memory_mib};
pub(crate) use frames::Format;
use frames::Kept;
use series::{Change, Series};

/// The layout of the figures; a file of another one cannot be compared.
const LAYOUT: u32 = 1;
/// The most sessions that are started to measure the time to the first guidance.
const SESSIONS: usize = 10;
/// Time between two frames: 15 frames a second.
const FRAME_TIME: Duration = Duration::from_nanos(66_666_667);

/// Everything that was measured.
#[derive(Serialize, Deserialize)]
struct Figures {
    layout: u32,
    engine_version: String,
    device: Device,
    models: BTreeMap<String, String>,
    setting: Setting,
    /// The library and all models, once.
    start_up_ms: f64,
    memory: Option<Memory>,
    /// Threads that looked at frames at the same time, and what they reached together.
    threads: usize,
    tracked_frames_per_second: f64,
    stages: Vec<Series>,
}

/// What was measured on: figures of another setting cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Setting {
    picture: String,
    format: String,
    threads: usize,
}

/// Memory of the process, in MiB.
#[derive(Serialize, Deserialize)]
struct Memory {
    peak: f64,
    /// What loading the runtime library alone took.
    library: f64,
    above_library: f64,
}

/// The first lines of a file: enough to see whether the rest can be read.
#[derive(Deserialize)]
struct Head {
    layout: Option<u32>,
}

pub(crate) fn run(common: &Common, options: &BenchOptions) -> Result<Exit, Failure> {
    let threads = options.threads as usize;
    let count = options.frames.max(1) as usize;
    let frames = frames::load(options.replay.as_deref(), count, options.format)?;
    let first = &frames[0];
    let setting = Setting {
        picture: format!("{}x{}, {}", first.width, first.height, counted(frames.len(), "frame")),
        format: options.format.name(),
        threads,
    };
    // A file that cannot be compared must not cost the time of measuring.
    let earlier = options.compare.as_deref().map(|path| read(path, &setting)).transpose()?;

    let config = super::engine_config(common);
    let before = memory_mib();
    let started = Instant::now();
    let runtime = Runtime::load(config.runtime.as_deref()).map_err(liveface::EngineError::from)?;
    let with_library = memory_mib();
    let engine = super::engine(common)?;
    let start_up_ms = milliseconds(started.elapsed());
    drop(runtime);

    let mut stages = stages::run(&engine, &frames, count)?;
    stages.push(first_guidance(&engine, &frames, count)?);
    let (tracked, tracked_frames_per_second) = tracked(common, &engine, &frames, count, threads)?;
    stages.extend(tracked);
    let memory = before.zip(with_library).zip(peak_memory_mib()).map(|((before, with), peak)| {
        let library = (with - before).max(0.0);
        Memory { peak, library, above_library: peak - library }
    });
    // These load models that a capture can do without, so their memory is not counted above.
    stages.extend(stages::optional(&engine, &frames, count)?);
    let figures = Figures {
        layout: LAYOUT,
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        device: Device::new(engine.runtime_library(), super::provider_line(&engine.providers())),
        models: engine.model_hashes().clone(),
        setting,
        start_up_ms,
        memory,
        threads,
        tracked_frames_per_second,
        stages,
    };
    if let Some(path) = &options.out {
        let text = serde_json::to_string_pretty(&figures)
            .map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
        std::fs::write(path, text).map_err(|error| {
            Failure::input(format!("{} cannot be written", path.display()), error)
        })?;
    }
    let changes = earlier.as_ref().map(|earlier| changes(earlier, &figures));
    if common.json {
        match &changes {
            Some(changes) => console::json(&serde_json::json!({
                "figures": figures, "changes": changes,
            }))?,
            None => console::json(&figures)?,
        }
    } else {
        print(&figures)?;
        if let (Some(earlier), Some(changes)) = (&earlier, &changes) {
            print_changes(earlier, &figures, changes)?;
        }
    }
    Ok(Exit::Done)
}

/// The figures in the file at `path`, when they can be compared.
fn read(path: &Path, setting: &Setting) -> Result<Figures, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::input(format!("{name} cannot be read"), error))?;
    let other = "measure again with --out and this version of the program";
    let head: Head = serde_json::from_str(&text)
        .map_err(|_| Failure::input(&name, format!("no figures of `liveface bench`; {other}")))?;
    if head.layout != Some(LAYOUT) {
        let found = head.layout.map_or_else(|| "none".to_owned(), |layout| layout.to_string());
        let said = format!("its layout is {found}, {LAYOUT} was expected; {other}");
        return Err(Failure::input(&name, said));
    }
    let figures: Figures = serde_json::from_str(&text)
        .map_err(|error| Failure::input(&name, format!("{error}; {other}")))?;
    if figures.setting != *setting {
        let Setting { picture, format, threads } = &figures.setting;
        let said = format!(
            "it was measured on {picture} as {format} with {}, not {} as {} with {}; give the \
             same --replay, --frames, --format and --threads",
            counted(*threads, "thread"),
            setting.picture,
            setting.format,
            setting.threads
        );
        return Err(Failure::input(&name, said));
    }
    Ok(figures)
}

/// How each stage that both have differs.
fn changes(earlier: &Figures, now: &Figures) -> Vec<ChangeLine> {
    let pairs = now.stages.iter().filter_map(|stage| {
        Some((stage, earlier.stages.iter().find(|before| before.name == stage.name)?))
    });
    let changes = pairs.map(|(stage, before)| stage.against(before));
    changes.map(|change| ChangeLine { verdict: change.verdict(), change }).collect()
}

#[derive(Serialize)]
struct ChangeLine {
    verdict: &'static str,
    #[serde(flatten)]
    change: Change,
}

/// From the creation of a session to what the person is first told, frame by frame at 15 frames a
/// second of frame time; the time in between is not waited for.
fn first_guidance(engine: &Engine, frames: &[Kept], count: usize) -> Result<Series, Failure> {
    let mut meter = stages::Meter::default();
    for seed in 0..count.min(SESSIONS) as u64 {
        meter.time(|| {
            let mut session = engine.session(Policy::default(), seed)?;
            let mut at = Timestamp::ZERO;
            for kept in frames.iter().cycle() {
                let events = session.push(&kept.frame(at)?)?;
                if events.iter().any(|event| matches!(event, Event::Guidance { .. })) {
                    break;
                }
                if session.ended() {
                    return Err(Failure::input("--replay", "the sequence gave no guidance"));
                }
                at += FRAME_TIME;
            }
            Ok(())
        })?;
    }
    Ok(meter.series("session to first guidance"))
}

/// Frames that are tracked by `threads` threads at the same time, each with models of its own: what
/// the first of them measured, and the frames a second of all.
fn tracked(
    common: &Common,
    engine: &Engine,
    frames: &[Kept],
    count: usize,
    threads: usize,
) -> Result<([Series; 2], f64), Failure> {
    let config = super::engine_config(common);
    // The first one has said already what runs the models.
    let others: Vec<Engine> =
        (1..threads).map(|_| Engine::load(&config)).collect::<Result<_, _>>()?;
    let barrier = std::sync::Barrier::new(threads);
    let work = |engine: &Engine| stages::tracked(engine, frames, count, &barrier);
    let started = Instant::now();
    let (own, others) = std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> =
            others.iter().map(|engine| scope.spawn(move || work(engine))).collect();
        (work(engine), others.into_iter().map(|thread| thread.join()).collect::<Vec<_>>())
    });
    let seconds = started.elapsed().as_secs_f64();
    for other in others {
        other.map_err(|_| Failure::new(Exit::Runtime, "a measuring thread failed"))??;
    }
    let runs = (threads * (count + stages::WARM_UP)) as f64;
    Ok((own?, runs / seconds))
}

fn print(figures: &Figures) -> Result<(), Failure> {
    let Setting { picture, format, .. } = &figures.setting;
    console::line(format!("{}; pictures of {picture}, {format}", figures.device))?;
    console::line("")?;
    console::line(format!(
        "{:<28}{:>8}{:>8}{:>8}{:>8}{:>8}   ms {:>14}",
        "stage", "min", "p50", "p95", "p99", "max", "allocations"
    ))?;
    for Series { name, min, p50, p95, p99, max, allocations, .. } in &figures.stages {
        console::line(format!(
            "{name:<28}{min:>8.2}{p50:>8.2}{p95:>8.2}{p99:>8.2}{max:>8.2}   {allocations:>17.1}"
        ))?;
    }
    console::line("")?;
    console::line(format!(
        "tracked frames a second  {:.0} ({})",
        figures.tracked_frames_per_second,
        counted(figures.threads, "thread")
    ))?;
    console::line(format!(
        "start-up                 {:.0} ms (library and models)",
        figures.start_up_ms
    ))?;
    if let Some(Memory { peak, library, above_library }) = &figures.memory {
        console::line(format!(
            "peak memory              {peak:.0} MiB; {above_library:.0} without the {library:.0} \
             of the runtime library"
        ))?;
    }
    console::line(styled(
        "Allocations are those of Rust code a run; the runtime library's own are not seen.",
        Style::Faint,
    ))
}

fn print_changes(earlier: &Figures, now: &Figures, lines: &[ChangeLine]) -> Result<(), Failure> {
    console::line("")?;
    if earlier.device != now.device {
        console::line(format!("earlier figures: {}", earlier.device))?;
    }
    console::line(format!(
        "{:<28}{:>8}{:>8}{:>9}{:>9}   median ms",
        "change", "before", "now", "by", "noise"
    ))?;
    for ChangeLine { verdict, change } in lines {
        let Change { name, before, now, difference, noise, allocations } = change;
        let noise = noise.map_or_else(|| "-".to_owned(), |noise| format!("{noise:.3}"));
        let style = match *verdict {
            "faster" => Style::Good,
            "slower" => Style::Bad,
            _ => Style::Faint,
        };
        let allocations = match allocations {
            0.0 => String::new(),
            more => format!(", {more:+.1} allocations"),
        };
        console::line(format!(
            "{name:<28}{before:>8.2}{now:>8.2}{difference:>+9.3}{noise:>9}   {}{allocations}",
            styled(verdict, style)
        ))?;
    }
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
