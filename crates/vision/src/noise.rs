//! How noisy a picture is: by the flattest of small blocks in fixed places, so that what the picture shows
//! counts little.
//!
//! The estimator is Immerkaer's (Computer Vision and Image Understanding 64, 1996): the mean absolute response
//! of the difference of two Laplacians, which is blind to edges along the axes and to slopes, and whose mean
//! over Gaussian noise of standard deviation 1 is 6 sqrt(2 / pi).

use std::f32::consts::FRAC_PI_2;

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, Frame, Noise};

/// Strips side by side, and below one another, evenly spread: a face covers some of them at most.
const STRIPS: (u32, u32) = (2, 4);
/// Side of a block, in stored pixels.
const BLOCK: usize = 8;
/// Blocks of a strip, side by side.
const BLOCKS: usize = 7;
/// A strip's size: a pixel more than the blocks on every side, for their neighbours.
const WIDTH: usize = BLOCKS * BLOCK + 2;
const HEIGHT: usize = BLOCK + 2;
/// Luma, 0 to 255, between which noise is not cut off by black and white. Beyond is the headroom and footroom
/// of ITU-R BT.601's levels and as much again.
const UNCLIPPED: std::ops::RangeInclusive<f32> = 16.0..=239.0;
/// The block that is taken is noisier than one in so many: the flattest show mostly noise.
const FLATTEST: usize = 4;
/// At least so many blocks must not be cut off.
const MIN_BLOCKS: usize = 14;

/// Measures it, in buffers of its own.
#[derive(Default)]
pub(crate) struct NoiseMeter {
    rgb: Vec<f32>,
    blocks: Vec<Noise>,
}

impl NoiseMeter {
    /// How noisy `frame` is as it is stored; `None` when it is too small, too dark or too bright.
    pub(crate) fn measure(&mut self, frame: &Frame<'_>) -> Option<Noise> {
        let factor = frame.reduction().factor();
        let (width, height) = (WIDTH as u32 * factor, HEIGHT as u32 * factor);
        // Strips that do not overlap.
        let (share_x, share_y) = (frame.width() / STRIPS.0, frame.height() / STRIPS.1);
        let (free_x, free_y) = (share_x.checked_sub(width)?, share_y.checked_sub(height)?);
        self.blocks.clear();
        self.rgb.resize(3 * WIDTH * HEIGHT, 0.0);
        for (row, column) in (0..STRIPS.1).flat_map(|row| (0..STRIPS.0).map(move |at| (row, at))) {
            // In the middle of its share of the picture, on the grid of stored pixels.
            let on_grid = |pixel: u32| pixel / factor * factor;
            let x = on_grid(column * share_x + free_x / 2);
            let y = on_grid(row * share_y + free_y / 2);
            self.see(frame, (x, y), factor as f32);
        }
        let index = self.blocks.len() / FLATTEST;
        if self.blocks.len() < MIN_BLOCKS {
            return None;
        }
        let by_sigma = |a: &Noise, b: &Noise| a.sigma.total_cmp(&b.sigma);
        let sigma = self.blocks.select_nth_unstable_by(index, by_sigma).1.sigma;
        let sum: f32 = self.blocks.iter().map(|block| block.brightness).sum();
        Some(Noise { sigma, brightness: sum / self.blocks.len() as f32 })
    }

    /// Adds the blocks of the strip that begins at a place of the upright picture, with so many pixels of it
    /// to a stored one.
    fn see(&mut self, frame: &Frame<'_>, (x, y): (u32, u32), factor: f32) {
        let middle = (factor - 1.0) / 2.0;
        let to_picture =
            Affine::scale_then_move(factor, factor, x as f32 + middle, y as f32 + middle);
        let size = (WIDTH as u32, HEIGHT as u32);
        let form = TensorForm { planar: true, bgr: false, mean: 0.0, scale: 1.0 };
        let (filter, border) = (Filter::Bilinear, Border::Replicate);
        sample::tensor(frame, to_picture, size, filter, border, &form, &mut self.rgb);
        let (red, rest) = self.rgb.split_at(WIDTH * HEIGHT);
        let (green, blue) = rest.split_at(WIDTH * HEIGHT);
        let mut luma = [[0.0f32; WIDTH]; HEIGHT];
        for (luma, ((red, green), blue)) in
            luma.as_flattened_mut().iter_mut().zip(red.iter().zip(green).zip(blue))
        {
            *luma = sample::luma([*red, *green, *blue]);
        }
        // Column by column, so that the compiler makes vector code of it.
        let (mut response, mut brightness) = ([0.0f32; WIDTH - 2], [0.0f32; WIDTH - 2]);
        for rows in luma.windows(3) {
            let down: [f32; WIDTH] =
                std::array::from_fn(|x| rows[0][x] - 2.0 * rows[1][x] + rows[2][x]);
            for x in 0..WIDTH - 2 {
                response[x] += (down[x] - 2.0 * down[x + 1] + down[x + 2]).abs();
                brightness[x] += rows[1][x + 1];
            }
        }
        let mean = |columns: &[f32]| columns.iter().sum::<f32>() / (BLOCK * BLOCK) as f32;
        for (response, brightness) in response.chunks(BLOCK).zip(brightness.chunks(BLOCK)) {
            let brightness = mean(brightness);
            if UNCLIPPED.contains(&brightness) {
                let sigma = FRAC_PI_2.sqrt() / 6.0 * mean(response);
                self.blocks.push(Noise { sigma, brightness });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveface_core::{ColourRange, PixelFormat, Plane, Reduction, Rotation, Timestamp};

    const SIZE: (usize, usize) = (640, 480);

    /// Luma of `level`, with Gaussian noise of `sigma`.
    fn picture(sigma: f32, level: impl Fn(usize, usize) -> f32) -> Vec<u8> {
        let mut state = 7u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let at = |index: usize| level(index % SIZE.0, index / SIZE.0);
        (0..SIZE.0 * SIZE.1)
            .map(|index| {
                // The sum of twelve has a standard deviation of 1, and nearly a Gaussian's shape.
                let normal = (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
                (at(index) + sigma * normal).round() as u8
            })
            .collect()
    }

    fn grey(luma: &[u8]) -> Frame<'_> {
        let planes = [
            Plane { data: luma, stride: SIZE.0 },
            Plane { data: &[128; 320 * 240], stride: 320 },
            Plane { data: &[128; 320 * 240], stride: 320 },
        ];
        let (width, height) = (SIZE.0 as u32, SIZE.1 as u32);
        let frame = Frame::new(PixelFormat::I420, width, height, &planes, Timestamp::ZERO);
        frame.unwrap().with_range(ColourRange::Full)
    }

    fn measure(frame: &Frame<'_>) -> Option<Noise> {
        NoiseMeter::default().measure(frame)
    }

    #[test]
    fn noise_is_measured_whatever_the_picture_shows() {
        let flat = |_: usize, _: usize| 120.0;
        let slope = |x: usize, y: usize| 40.0 + 0.15 * x as f32 + 0.1 * y as f32;
        // Half of the picture is finely striped, aslant.
        let striped = |x: usize, y: usize| {
            if x < 320 { 100.0 } else { 100.0 + 60.0 * ((x + y) as f32 * 0.9).sin() }
        };
        for sigma in [1.0, 2.0, 5.0, 10.0] {
            for (name, luma) in [
                ("flat", picture(sigma, flat)),
                ("slope", picture(sigma, slope)),
                ("striped", picture(sigma, striped)),
            ] {
                let measured = measure(&grey(&luma)).unwrap().sigma;
                assert!((0.8..1.1).contains(&(measured / sigma)), "{name} {sigma}: {measured}");
            }
        }
        let none = picture(0.0, flat);
        let Noise { sigma, brightness } = measure(&grey(&none)).unwrap();
        assert!(sigma < 0.01 && (brightness - 120.0).abs() < 0.1, "{sigma} {brightness}");
    }

    #[test]
    fn a_picture_that_is_turned_or_reduced_is_measured_as_it_is_stored() {
        let luma = picture(4.0, |_, _| 90.0);
        let frame = grey(&luma);
        let frames = [
            frame.rotated(Rotation::Clockwise90),
            frame.rotated(Rotation::Half).mirrored(true),
            frame.reduced(Reduction::Half, 1280, 960).unwrap(),
            frame.reduced(Reduction::Quarter, 2560, 1920).unwrap().rotated(Rotation::Clockwise270),
        ];
        for frame in frames {
            let sigma = measure(&frame).unwrap().sigma;
            assert!((3.4..4.2).contains(&sigma), "{frame:?}: {sigma}");
        }
    }

    #[test]
    fn what_is_too_small_dark_or_bright_is_not_measured() {
        for level in [0.0, 8.0, 255.0] {
            assert_eq!(measure(&grey(&picture(3.0, |_, _| level))), None);
        }
        for (width, height) in [(1, 1), (115, 480), (640, 39)] {
            let data = vec![120; 3 * 640 * 480];
            let frame = Frame::rgb(width, height, &data, Timestamp::ZERO).unwrap();
            assert_eq!(measure(&frame), None, "{width}x{height}");
        }
        let data = vec![120; 3 * 116 * 40];
        assert!(measure(&Frame::rgb(116, 40, &data, Timestamp::ZERO).unwrap()).is_some());
    }
}
