//! A whole capture at a camera's pace: pushes the frames of a person who does as guided into a session as
//! they fall due, thirty a second of real time, and says how far the engine fell behind.
//!
//! `live_stream [SUBJECT]`, where SUBJECT is a folder of clips (default: `fixtures/clips-f1`). Run it on
//! one core: `taskset -c 0 cargo run --release -p liveface-benches --example live_stream`. As a camera does,
//! it drops a frame when the next one is there before it could be looked at; a frame is decoded before it
//! falls due.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use liveface::camera::{FrameSource, Subject};
use liveface::{Event, Policy};

const FRAMES_A_SECOND: f64 = 30.0;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1);
    let folder = folder
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/clips-f1").to_owned());
    let engine = liveface_benches::engine();
    let mut source = Subject::open(folder, FRAMES_A_SECOND)?;
    let mut session = engine.session(Policy::default(), 1)?;
    let period = Duration::from_secs_f64(1.0 / FRAMES_A_SECOND);
    // What each frame took to be looked at, and how long after it fell due that was done.
    let (mut busy, mut late) = (Vec::new(), Vec::new());
    let (mut pictures, mut dropped) = (Vec::new(), 0u64);
    let started = Instant::now();
    let mut due = started;
    while !session.ended() {
        let Some(frame) = source.next_frame()? else { break };
        due += period;
        if Instant::now() > due + period {
            dropped += 1;
            session.count_dropped(1);
            continue;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let begun = Instant::now();
        let events = session.push(&frame)?;
        busy.push(begun.elapsed());
        late.push(due.elapsed());
        for event in events {
            match event {
                Event::Guidance { guidance, .. } => source.show(guidance),
                Event::Shot { .. } => pictures.push(begun.elapsed()),
                _ => {}
            }
        }
    }
    let elapsed = started.elapsed();
    let record = session.finish().record;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:?} after {:.1} s of real time", record.verdict, elapsed.as_secs_f64())?;
    writeln!(out, "{} frames seen, {dropped} dropped, {} pictures", busy.len(), pictures.len())?;
    let share = busy.iter().sum::<Duration>().as_secs_f64() / elapsed.as_secs_f64();
    writeln!(out, "busy for {:.0} % of the time", 100.0 * share)?;
    for (what, mut times) in [
        ("looking at a frame", busy),
        ("of them pictures", pictures),
        ("done after it fell due", late),
    ] {
        times.sort();
        let at = |part: usize| {
            let index = (times.len() * part / 100).min(times.len().saturating_sub(1));
            times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
        };
        writeln!(out, "{what:<24} p50 {:5.1}  p95 {:5.1}  max {:5.1} ms", at(50), at(95), at(100))?;
    }
    Ok(())
}
