//! Compression artefacts: how much the edges of a lossy compression's 8x8 blocks show around the face.
//!
//! OFIQ asks a network that is not published. This looks for the blocks themselves, in the frame's own
//! pixels, and so sees nothing of a compression whose blocks were blurred or resampled afterwards.

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, Face, Frame, Measure, Reduction};

use crate::mapping::{score, sigmoid};

/// Side of a block, in stored pixels. Source: JPEG; the transforms of video codecs are 4 to 32, mostly 8.
const BLOCK: usize = 8;

/// Fewest pixels along a side of the face's box: below, the few block edges say nothing. Own choice.
const LEAST_SIDE: u32 = 64;
/// At most so many pixels along each side are looked at, in the middle of the face. Own choice: more say
/// nothing new.
const MOST_SIDE: u32 = 512;

/// Raw value with a score of 50, and the width of the transition. Own choice, from JPEG pictures made of the
/// fixtures: see `docs/quality.md`.
const MIDDLE: f64 = 0.17;
const WIDTH: f64 = 0.03;

/// Raw: at the places where neighbouring pixels differ most on the average, of the eight that recur every
/// 8 pixels, the mean of d / (d + a + 1) less that at the other seven places, where d is the luma difference
/// of two neighbours and a the mean of the differences before and after it; mean of rows and columns. 0
/// (no blocks) to 1. "Failure to assess" where the face is less than 64 pixels large or the frame was reduced
/// when it was decoded.
pub(crate) fn measure(frame: &Frame<'_>, face: &Face) -> Measure {
    let bounds = face.bounds;
    let span = |start: f32, length: f32, side: u32| {
        let first = start.max(0.0) as u32;
        let end = ((start + length).max(0.0) as u32).min(side);
        let count = end.saturating_sub(first);
        (first + count.saturating_sub(MOST_SIDE) / 2, count.min(MOST_SIDE))
    };
    let (x, width) = span(bounds.x, bounds.width, frame.width());
    let (y, height) = span(bounds.y, bounds.height, frame.height());
    if frame.reduction() != Reduction::None || width.min(height) < LEAST_SIDE {
        return Measure::default();
    }
    let mut rgb = vec![0.0; width as usize * height as usize * 3];
    // Pixel by pixel, so nothing is resampled.
    let map = Affine::scale_then_move(1.0, 1.0, x as f32, y as f32);
    let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };
    let size = (width, height);
    sample::tensor(frame, map, size, Filter::Bilinear, Border::Replicate, &form, &mut rgb);
    let (pixels, _) = rgb.as_chunks();
    let luma: Vec<f32> = pixels.iter().map(|rgb| sample::luma(*rgb)).collect();
    let (width, height) = (width as usize, height as usize);
    let rows = blockiness(height, width, |y, x| luma[y * width + x]);
    let columns = blockiness(width, height, |x, y| luma[y * width + x]);
    let raw = (rows + columns) / 2.0;
    Measure { raw: raw as f32, score: score(100.0 * (1.0 - sigmoid(raw, MIDDLE, WIDTH))) }
}

/// How much the differences along `lines` lines of `length` pixels stand out at one of eight places.
fn blockiness(lines: usize, length: usize, luma: impl Fn(usize, usize) -> f32) -> f64 {
    let mut places = [0.0f64; BLOCK];
    // As many of each place.
    let end = (length - 3) / BLOCK * BLOCK;
    for line in 0..lines {
        let difference = |at: usize| (luma(line, at + 1) - luma(line, at)).abs();
        for at in 1..=end {
            let here = difference(at);
            let beside = (difference(at - 1) + difference(at + 1)) / 2.0;
            places[at % BLOCK] += f64::from(here / (here + beside + 1.0));
        }
    }
    let largest = places.iter().copied().fold(0.0, f64::max);
    let others = (places.iter().sum::<f64>() - largest) / (BLOCK - 1) as f64;
    (largest - others) * BLOCK as f64 / (lines * end) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{canonical, face};
    use liveface_core::{Point2, Timestamp};

    /// Smooth light in steps of 8 pixels, which begin at `phase`.
    fn blocks(phase: u32) -> Vec<u8> {
        let level =
            |x: u32, y: u32| 100 + 4 * (((x + phase) / 8) % 3 + ((y + phase) / 8) % 3) as u8;
        (0..200).flat_map(|y| (0..200).flat_map(move |x| [level(x, y); 3])).collect()
    }

    fn look(data: &[u8], side: f32) -> Measure {
        let frame = Frame::rgb(200, 200, data, Timestamp::ZERO).unwrap();
        let mut face = face(canonical(30.0, Point2::new(100.0, 80.0)));
        face.bounds = liveface_core::Rect::new(40.0, 40.0, side, side);
        measure(&frame, &face)
    }

    #[test]
    fn blocks_are_seen_wherever_the_grid_begins() {
        for phase in 0..8 {
            assert!(look(&blocks(phase), 120.0).score < Some(10), "{phase}");
        }
        let level = |x: u32, y: u32| 100 + ((x * x * 7 + y * y * 13 + x * y) / 5 % 9) as u8;
        let rough = (0..200).flat_map(|y| (0..200).flat_map(move |x| [level(x, y); 3]));
        let rough: Vec<u8> = rough.collect();
        assert!(look(&rough, 120.0).score > Some(95));
    }

    #[test]
    fn a_small_or_reduced_face_cannot_be_assessed() {
        let data = blocks(0);
        assert_eq!(look(&data, 60.0).score, None);
        let frame = Frame::rgb(200, 200, &data, Timestamp::ZERO).unwrap();
        let reduced = frame.reduced(Reduction::Half, 400, 400).unwrap();
        let mut face = face(canonical(30.0, Point2::new(100.0, 80.0)));
        face.bounds = liveface_core::Rect::new(40.0, 40.0, 120.0, 120.0);
        assert_eq!(measure(&reduced, &face).score, None);
    }
}
