//! Background uniformity: how little the background shows.
//!
//! The upper part of the portrait, 492 x 406 pixels beside and above the head and shoulders, is brought to
//! 354 x 295. Raw: mean length of the Scharr gradient of its luminance (linear light, 0..=255) over what is
//! background: what the mask takes for no person and lies in the frame, less a rim of two pixels. 0 for a
//! plain wall, 200 and more for a busy scene. Source: OFIQ, `BackgroundUniformity`. Failure to assess: no
//! background is seen, or the face cannot be aligned; without a mask nothing is recorded. Differs from OFIQ:
//! the portrait, and the mask, which tells persons from the rest and not skin, hair, cloth and hats.

use liveface_core::{Affine, Measure, PersonMask, Point2};

use crate::light::Luminance;
use crate::mapping::{measured, score, sigmoid};
use crate::portrait::{self, Portrait};

/// What is left out of the portrait at both sides and at the bottom, in pixels. Source: OFIQ.
const CROP_SIDES: usize = 62;
const CROP_BOTTOM: usize = 210;
/// Width and height of the picture that is measured. Source: OFIQ.
const WIDTH: usize = 354;
const HEIGHT: usize = 295;
/// Portrait pixels for each of its own, along rows and along columns.
const STEP: [f32; 2] = [
    (portrait::SIDE - 2 * CROP_SIDES) as f32 / WIDTH as f32,
    (portrait::SIDE - CROP_BOTTOM) as f32 / HEIGHT as f32,
];
/// Weights of the Scharr gradient beside its direction.
const SCHARR: [i32; 3] = [3, 10, 3];
/// How many neighbours before and behind a pixel must be background, along rows and columns. Source: OFIQ, an
/// erosion by 4 x 4.
const RIM: [usize; 2] = [2, 1];
/// From which confidence on a pixel shows a person. Source: MediaPipe, whose mask this is made for, cuts at
/// one half.
const PERSON: f32 = 0.5;

/// Measures backgrounds; keeps its buffers from picture to picture.
#[derive(Default)]
pub(crate) struct Background {
    luminance: Vec<u8>,
    /// Where the background is.
    seen: Vec<bool>,
    /// The same, eroded along rows.
    eroded: Vec<bool>,
}

impl Background {
    /// Measures what is behind the face of `portrait` in a frame of `frame` pixels.
    pub(crate) fn measure(
        &mut self,
        portrait: &Portrait,
        person: &PersonMask,
        frame: (u32, u32),
    ) -> Measure {
        let Some(to_frame) = portrait.to_frame() else { return Measure::default() };
        let Some(to_mask) = person.to_picture.inverse() else { return Measure::default() };
        shrink(portrait.pixels(), &mut self.luminance);
        background(to_frame, to_mask, person, frame, &mut self.seen);
        erode(&mut self.seen, &mut self.eroded);
        measured(mean_gradient(&self.luminance, &self.seen), standard)
    }
}

/// The portrait's pixel that column `x` and row `y` are the middle of.
fn place(x: usize, y: usize) -> Point2 {
    let [across, down] = STEP;
    let middle = |index: usize, step: f32| (index as f32 + 0.5) * step - 0.5;
    Point2::new(CROP_SIDES as f32 + middle(x, across), middle(y, down))
}

/// Luminance of the measured picture, each pixel of it interpolated between the four nearest of the portrait.
fn shrink(pixels: &[[u8; 3]], out: &mut Vec<u8>) {
    let luminance = Luminance::new();
    // In parts of 256, which is finer than the rounding of the result.
    let taps = |at: f32| {
        let first = (at.max(0.0) as usize).min(portrait::SIDE - 2);
        let share = (256.0 * (at - first as f32)).round().clamp(0.0, 256.0) as u32;
        (first, share)
    };
    let columns: [(usize, u32); WIDTH] = std::array::from_fn(|x| taps(place(x, 0).x));
    out.clear();
    for y in 0..HEIGHT {
        let (row, down) = taps(place(0, y).y);
        let rows =
            pixels[row * portrait::SIDE..(row + 2) * portrait::SIDE].split_at(portrait::SIDE);
        out.extend(columns.iter().map(|&(column, across)| {
            let [above, below] = [&rows.0[column..column + 2], &rows.1[column..column + 2]];
            let mut rgb = [0; 3];
            for (channel, level) in rgb.iter_mut().enumerate() {
                let mix = |pair: &[[u8; 3]]| {
                    u32::from(pair[0][channel]) * (256 - across)
                        + u32::from(pair[1][channel]) * across
                };
                let mixed = mix(above) * (256 - down) + mix(below) * down;
                *level = ((mixed + (1 << 15)) >> 16) as u8;
            }
            luminance.of(rgb)
        }));
    }
}

/// Where the measured picture shows something of the frame that is no person.
fn background(
    to_frame: Affine,
    to_mask: Affine,
    person: &PersonMask,
    (width, height): (u32, u32),
    out: &mut Vec<bool>,
) {
    let nearest = |at: Point2, (width, height): (u32, u32)| {
        // Pixel 0 reaches from -0.5 to 0.5.
        let (x, y) = (at.x + 0.5, at.y + 0.5);
        let inside = x >= 0.0 && y >= 0.0 && x < width as f32 && y < height as f32;
        inside.then(|| y as usize * width as usize + x as usize)
    };
    out.clear();
    for y in 0..HEIGHT {
        out.extend((0..WIDTH).map(|x| {
            let at = to_frame.apply(place(x, y));
            let value = nearest(at, (width, height))
                .and_then(|_| nearest(to_mask.apply(at), person.size))
                .and_then(|index| person.values.get(index));
            value.is_some_and(|person| *person < PERSON)
        }));
    }
}

/// Leaves of `seen` what has all its neighbours in it, as far as they lie in the picture.
fn erode(seen: &mut [bool], rows: &mut Vec<bool>) {
    let [before, behind] = RIM;
    rows.clear();
    for row in seen.chunks_exact(WIDTH) {
        let near = |x: usize| x.saturating_sub(before)..(x + behind + 1).min(WIDTH);
        rows.extend((0..WIDTH).map(|x| row[near(x)].iter().all(|seen| *seen)));
    }
    for y in 0..HEIGHT {
        let near = y.saturating_sub(before)..(y + behind + 1).min(HEIGHT);
        let out = &mut seen[y * WIDTH..(y + 1) * WIDTH];
        out.fill(true);
        for row in near {
            let rows = &rows[row * WIDTH..(row + 1) * WIDTH];
            out.iter_mut().zip(rows).for_each(|(out, seen)| *out &= seen);
        }
    }
}

/// Mean length of the Scharr gradient where `seen`; beyond the edges the picture is mirrored about its outer
/// pixels. Not a number where nothing is seen.
fn mean_gradient(luminance: &[u8], seen: &[bool]) -> f64 {
    let (mut sum, mut count) = (0.0, 0u32);
    // Of each column, with one more before the first and behind the last: the three rows weighed, and the
    // difference of the outer ones.
    let (mut weighed, mut rise) = ([0i32; WIDTH + 2], [0i32; WIDTH + 2]);
    for (y, seen) in seen.chunks_exact(WIDTH).enumerate() {
        let row = |y: usize| &luminance[y * WIDTH..(y + 1) * WIDTH];
        let above = row(if y == 0 { 1 } else { y - 1 });
        let below = row(if y + 1 == HEIGHT { HEIGHT - 2 } else { y + 1 });
        let columns = weighed[1..].iter_mut().zip(&mut rise[1..]);
        let levels = above.iter().zip(row(y)).zip(below);
        for ((weighed, rise), ((above, here), below)) in columns.zip(levels) {
            let [above, here, below] = [above, here, below].map(|level| i32::from(*level));
            *weighed = SCHARR[0] * above + SCHARR[1] * here + SCHARR[2] * below;
            *rise = below - above;
        }
        for columns in [&mut weighed, &mut rise] {
            (columns[0], columns[WIDTH + 1]) = (columns[2], columns[WIDTH - 1]);
        }
        for ((weighed, rise), _) in
            weighed.windows(3).zip(rise.windows(3)).zip(seen).filter(|(_, seen)| **seen)
        {
            let across = weighed[2] - weighed[0];
            let down: i32 = rise.iter().zip(SCHARR).map(|(rise, weight)| rise * weight).sum();
            sum += f64::from(across * across + down * down).sqrt();
            count += 1;
        }
    }
    sum / f64::from(count)
}

/// round(190 (1 - sigmoid(raw, 10, 100))).
pub(crate) fn standard(raw: f64) -> Option<u8> {
    score(190.0 * (1.0 - sigmoid(raw, 10.0, 100.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{canonical, lit};

    /// A mask of one pixel for each of a 320 x 240 picture.
    fn mask(person: impl Fn(u32, u32) -> bool) -> PersonMask {
        let places = (0..240).flat_map(|y| (0..320).map(move |x| (x, y)));
        PersonMask {
            size: (320, 240),
            to_picture: Affine::scale_then_move(1.0, 1.0, 0.0, 0.0),
            values: places.map(|(x, y)| if person(x, y) { 1.0 } else { 0.0 }).collect(),
        }
    }

    fn measure(colour: impl Fn(u32, u32) -> [u8; 3], person: &PersonMask) -> Measure {
        // The measured picture lies within the frame.
        let face = canonical(60.0, Point2::new(160.0, 156.0));
        lit(&face, colour, |portrait| Background::default().measure(portrait, person, (320, 240)))
    }

    #[test]
    fn a_plain_wall_is_uniform_and_a_busy_one_is_not() {
        let head = mask(|x, y| x.abs_diff(160) < 50 && y > 80);
        assert_eq!(measure(|_, _| [180; 3], &head), Measure { raw: 0.0, score: Some(100) });
        let busy =
            |x: u32, y: u32| if (x / 6 + y / 6).is_multiple_of(2) { [250; 3] } else { [20; 3] };
        let found = measure(busy, &head);
        assert!(found.raw > 300.0 && found.score < Some(11), "{found:?}");
        // The person does not count, nor does the outline of the head.
        let dressed = |x: u32, y: u32| {
            if x.abs_diff(160) < 47 && y > 84 { busy(x, y) } else { [180; 3] }
        };
        assert_eq!(measure(dressed, &head).score, Some(100));
    }

    #[test]
    fn where_no_background_is_seen_it_cannot_be_assessed() {
        assert_eq!(measure(|_, _| [180; 3], &mask(|_, _| true)), Measure::default());
        let flat = PersonMask {
            to_picture: Affine::scale_then_move(0.0, 0.0, 0.0, 0.0),
            ..mask(|_, _| false)
        };
        assert_eq!(measure(|_, _| [180; 3], &flat), Measure::default());
        let short = PersonMask { values: Vec::new(), ..mask(|_, _| false) };
        assert_eq!(measure(|_, _| [180; 3], &short), Measure::default());
        let unknown = PersonMask { values: vec![f32::NAN; 320 * 240], ..mask(|_, _| false) };
        assert_eq!(measure(|_, _| [180; 3], &unknown), Measure::default());
    }

    #[test]
    fn the_gradient_of_a_ramp_is_its_slope() {
        let seen = vec![true; WIDTH * HEIGHT];
        let across: Vec<u8> = (0..WIDTH * HEIGHT).map(|i| (i % WIDTH / 2) as u8).collect();
        let down: Vec<u8> = (0..WIDTH * HEIGHT).map(|i| (i / WIDTH).min(255) as u8).collect();
        let inner: Vec<bool> = (0..WIDTH * HEIGHT)
            .map(|i| (1..WIDTH - 1).contains(&(i % WIDTH)) && (1..254).contains(&(i / WIDTH)))
            .collect();
        // 16 weights, each of what two pixels rise by.
        assert_eq!(mean_gradient(&down, &inner), 32.0);
        assert_eq!(mean_gradient(&across, &inner), 16.0);
        // Mirrored edges are flat.
        assert_eq!(mean_gradient(&across, &seen), 16.0 * (WIDTH - 2) as f64 / WIDTH as f64);
        assert!(mean_gradient(&across, &vec![false; WIDTH * HEIGHT]).is_nan());
    }

    #[test]
    fn an_erosion_takes_two_pixels_before_and_one_behind() {
        let mut seen = vec![true; WIDTH * HEIGHT];
        seen[100 * WIDTH + 200] = false;
        erode(&mut seen, &mut Vec::new());
        let gone: Vec<usize> = (0..seen.len()).filter(|place| !seen[*place]).collect();
        let around = |y: usize| (0..4).map(move |x| (99 + y) * WIDTH + 199 + x);
        assert_eq!(gone, (0..4).flat_map(around).collect::<Vec<_>>());
    }

    #[test]
    fn a_picture_is_made_smaller_about_its_middle() {
        let pixels: Vec<[u8; 3]> = (0..portrait::SIDE * portrait::SIDE)
            .map(|place| [(place % portrait::SIDE / 3) as u8; 3])
            .collect();
        let mut luminance = Vec::new();
        shrink(&pixels, &mut luminance);
        assert_eq!(luminance.len(), WIDTH * HEIGHT);
        let level = |x: usize| f32::from(luminance[x + 7 * WIDTH]);
        // The middle of the picture is that of the portrait, level 102.5 of 255: 0.133 in linear light.
        assert!((level(176) - 34.0).abs() < 1.5, "{}", level(176));
        // The first pixel lies 62.2 pixels from the edge: level 20, 1.8 in linear light.
        assert_eq!(level(0), 2.0);
    }
}
