//! LiveFace's side of `benches/compare/compare.py`: pushes the frames of a camera of 30 frames a second
//! into a session that takes no pictures, and says how long each took.
//!
//! `tracked_frames WIDTH HEIGHT FILE`, where FILE holds NV12 frames one after the other. Each line on
//! stdin is a number of frames to go on by, from the first again after the last; each line on stdout
//! is what they took and how many showed a face: `{"ms": [..], "faces": ..}`.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use liveface::{Frame, PixelFormat, Plane, Policy, Timestamp};

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
    let mut session = engine.session(Policy::default().without_pictures(), 0)?;
    let mut next = 0;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let count: usize = line?.trim().parse()?;
        let (mut times, mut faces) = (Vec::with_capacity(count), 0);
        for _ in 0..count {
            let (y, uv) = pictures[next % pictures.len()].split_at(luma);
            let planes = [Plane { data: y, stride: width as usize }, Plane { data: uv, stride }];
            let at = Timestamp::from_micros(next as u64 * 33_333);
            next += 1;
            let started = Instant::now();
            let frame = Frame::new(PixelFormat::Nv12, width, height, &planes, at)?;
            session.push(&frame)?;
            times.push(format!("{:.4}", started.elapsed().as_secs_f64() * 1000.0));
            faces += session.last().faces.len();
        }
        writeln!(out, "{{\"ms\": [{}], \"faces\": {faces}}}", times.join(", "))?;
        out.flush()?;
    }
    Ok(())
}
