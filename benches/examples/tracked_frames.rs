//! LiveFace's side of `benches/compare/compare.py`: tracks one face through frames, measures its
//! quality and judges the capture's gates, and says how long each frame took.
//!
//! `tracked_frames WIDTH HEIGHT FILE`, where FILE holds NV12 frames one after the other. Each line on
//! stdin is a number of frames to go on by, from the first again after the last; each line on stdout
//! is what they took: `{"ms": [..], "faces": ..}`.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use liveface::{Frame, PixelFormat, Plane, Policy, Timestamp, Tracker};
use liveface_liveness::Sequence;
use liveface_quality::Gauge;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [width, height, file] = arguments.as_slice() else {
        return Err("usage: tracked_frames WIDTH HEIGHT FILE".into());
    };
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let bytes = std::fs::read(file)?;
    let (stride, luma) = (width.next_multiple_of(2) as usize, width as usize * height as usize);
    let frame_bytes = luma + stride * height.div_ceil(2) as usize;
    let pictures: Vec<&[u8]> = bytes.chunks_exact(frame_bytes.max(1)).collect();
    if pictures.is_empty() {
        return Err("the file holds no whole frame".into());
    }

    let engine = liveface_benches::engine();
    let mut vision = engine.vision();
    // A capture in which nobody ever holds still for long enough: every gate, no picture.
    let mut policy = Policy::default();
    (policy.timing.hold_ms, policy.timing.timeout_ms) = (u64::MAX / 4, u64::MAX / 2);
    policy.check()?;
    let mut tracker = Tracker::new(policy.tracking.clone());
    let mut gauge = Gauge::default();
    let mut sequence = Sequence::new(policy);
    let mut next = 0;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let count: usize = line?.trim().parse()?;
        let (mut times, mut faces) = (Vec::with_capacity(count), 0);
        for _ in 0..count {
            let (y, uv) = pictures[next % pictures.len()].split_at(luma);
            let planes = [Plane { data: y, stride: width as usize }, Plane { data: uv, stride }];
            let at = Timestamp::from_millis(next as u64 * 67);
            next += 1;
            let started = Instant::now();
            let frame = Frame::new(PixelFormat::Nv12, width, height, &planes, at)?;
            let seen = tracker.observe(&mut vision, &frame)?;
            let quality = seen.faces.first().map(|face| gauge.measure(&frame, face));
            sequence.observe(seen, quality.as_ref())?;
            faces += seen.faces.len();
            times.push(format!("{:.4}", started.elapsed().as_secs_f64() * 1000.0));
        }
        writeln!(out, "{{\"ms\": [{}], \"faces\": {faces}}}", times.join(", "))?;
        out.flush()?;
    }
    Ok(())
}
