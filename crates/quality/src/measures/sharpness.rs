//! Sharpness: how much fine detail the face shows in the mesh model's picture of it.
//!
//! OFIQ feeds such features to a random forest that is not published; this is the classical
//! measure, with what noise and brightness do to it taken out. A blurred, a moving and a much enlarged face
//! all score low.

use liveface_core::Measure;

use crate::detail::Layer;
use crate::mapping::{score, sigmoid};

/// Raw value with a score of 50, and the width of the transition in powers of e. Own choice, from
/// the fixtures, see `quality.min_sharpness` of the policy.
const MIDDLE: f64 = 20.0;
const WIDTH: f64 = 0.3;

/// The smoothest places of the face, skin without an edge, show what is noise: of all blocks of so many
/// pixels along each side, the one that so large a share is smoother than. Own choice: cheeks and forehead
/// are more than this.
const BLOCK: usize = 8;
const SMOOTHER: f64 = 0.2;
/// Blocks of a row; a picture that is wider than this counts what is beyond in the last one.
const MOST_BLOCKS: usize = 32;

/// The brightness, as gamma-coded luma, of a face whose raw value is the bare variance: mid-grey.
const GREY: f64 = 128.0;

/// Raw: variance of the 4-neighbour Laplacian of the face's luma (gamma-coded, 0..=255, where the face is
/// some 120 pixels wide, smoothed by the weights 1 2 1) less that of its smoothest places, times 128 over the
/// face's mean luma. Source of the definition: Pech-Pacheco et al., 2000; the rest is own choice: detail of
/// skin and edges grows with the light that falls on it, and halving the light is no blur.
#[inline(always)]
pub(crate) fn measure(fine: &Layer, blocks: &mut Vec<f32>) -> Measure {
    blocks.clear();
    blocks.reserve(fine.area() / (BLOCK * BLOCK));
    let (mut count, mut squares, mut sums) = (0, 0.0, [0.0f32; BLOCK]);
    // One row of blocks, column by column: sums of squares, and how many pixels of each lie in the face.
    let mut band = [([0.0f32; BLOCK], 0); MOST_BLOCKS];
    let mut close = |band: &mut [([f32; BLOCK], usize); MOST_BLOCKS]| {
        for (energy, pixels) in band.iter().filter(|(_, pixels)| *pixels > 0) {
            let energy: f32 = energy.iter().sum();
            squares += f64::from(energy);
            if *pixels == BLOCK * BLOCK {
                blocks.push(energy / *pixels as f32);
            }
        }
        *band = [([0.0; BLOCK], 0); MOST_BLOCKS];
    };
    for (y, (row, (first, end))) in fine.laplacian().enumerate() {
        if y > 0 && y % BLOCK == 0 {
            close(&mut band);
        }
        let mut x = first;
        while x < end {
            let (index, last) = (x / BLOCK, end.min((x / BLOCK + 1) * BLOCK));
            let (energy, pixels) = &mut band[index.min(MOST_BLOCKS - 1)];
            let mut add = |values: &[f32]| {
                for ((energy, sum), value) in energy.iter_mut().zip(&mut sums).zip(values) {
                    *energy += value * value;
                    *sum += value;
                }
            };
            // Of a known length it becomes vectors.
            match row[x..last].first_chunk::<BLOCK>() {
                Some(whole) => add(whole),
                None => add(&row[x..last]),
            }
            *pixels += last - x;
            x = last;
        }
        count += end - first;
    }
    close(&mut band);
    let sum: f64 = sums.iter().map(|sum| f64::from(*sum)).sum();
    let brightness = fine.mean();
    if count == 0 || brightness <= 0.0 {
        return Measure::default();
    }
    let mean = sum / count as f64;
    let variance = squares / count as f64 - mean * mean;
    let raw = GREY * (variance - noise(blocks).unwrap_or(0.0)).max(0.0) / brightness;
    Measure {
        raw: raw as f32,
        score: score(100.0 * sigmoid(raw.max(1e-6).ln(), MIDDLE.ln(), WIDTH)),
    }
}

/// The energy of the smoothest `blocks`, which noise leaves there; `None` when there is no whole block.
pub(crate) fn noise(blocks: &mut [f32]) -> Option<f64> {
    let index = (blocks.len() as f64 * SMOOTHER) as usize;
    if index >= blocks.len() {
        return None;
    }
    let (_, energy, _) = blocks.select_nth_unstable_by(index, f32::total_cmp);
    Some(f64::from(*energy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detail::Detail;
    use crate::testing::{canonical, face};
    use crate::view::View;
    use liveface_core::{Frame, Point2, Timestamp};

    /// Raw sharpness of a face in which `level` is what (x, y) shows.
    fn look(level: impl Fn(u32, u32) -> f32) -> f32 {
        let pixels = (0..192u32).flat_map(|y| (0..192u32).map(move |x| (x, y)));
        let data: Vec<u8> = pixels.flat_map(|(x, y)| [level(x, y) as u8; 3]).collect();
        let frame = Frame::rgb(192, 192, &data, Timestamp::ZERO).unwrap();
        let (mut view, mut detail) = (View::default(), Detail::default());
        assert!(view.take(&frame, &face(canonical(50.0, Point2::new(96.0, 80.0))), None));
        detail.take(&view);
        measure(&detail.fine, &mut Vec::new()).raw
    }

    /// Some +1 or -1 for each pixel.
    fn noise(x: u32, y: u32) -> f32 {
        let mixed =
            (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        if mixed >> 31 == 0 { 1.0 } else { -1.0 }
    }

    /// A dark bar in the middle of the face.
    fn bar(x: u32, y: u32) -> f32 {
        if (70..120).contains(&x) && (85..95).contains(&y) { 30.0 } else { 200.0 }
    }

    #[test]
    fn edges_are_sharp_and_noise_is_not() {
        let sharp = look(bar);
        assert_eq!(look(|_, _| 140.0), 0.0);
        let [clean, noisy] = [0.0, 10.0].map(|sigma| look(|x, y| bar(x, y) + sigma * noise(x, y)));
        assert!(sharp > 5.0 && clean == sharp, "{sharp} {clean}");
        assert!((noisy / sharp - 1.0).abs() < 0.5, "{sharp} {noisy}");
        assert!(look(|x, y| 140.0 + 10.0 * noise(x, y)) < 0.3 * sharp);
    }
}
