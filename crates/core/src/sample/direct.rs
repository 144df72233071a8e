//! Reading at points that lie anywhere: the mean over a box around each point, from single pixels.
//!
//! Integers only, so that every processor gives the same bytes. A row is done in runs of [`CHUNK`]
//! pixels; each step is a loop over a run without branches, which the compiler turns into vector
//! code, but for the loads themselves.

use std::marker::PhantomData;

use crate::frame::Plane;

use super::format::Format;
use super::output::{Output, WHITE};
use super::vector::gather;
use super::{Border, CHUNK, View};
use crate::wide::Work;

/// The largest side of a box that is read in this way, in pixels. Beyond it most of a box is far
/// from its edges, and [`super::area`] is faster.
pub(super) const LARGEST_BOX: f64 = 16.0;

/// One pixel in fixed point.
const ONE: i64 = 1 << 16;
/// Coordinates beyond this, in fixed point, are as good as infinite; products with them still fit.
const FAR: f64 = (1u64 << 46) as f64;

/// One value of each pixel of a run.
type Run<T> = [T; CHUNK];

/// The most samples that a side of a box touches.
const TAPS: usize = LARGEST_BOX as usize + 2;

/// One side of the boxes: how many samples it covers and how much each counts.
#[derive(Clone, Copy)]
struct Side {
    taps: usize,
    /// Length in fixed point, at least [`ONE`].
    length: u32,
    /// What a length is shifted down by, so that its product with `factor` fits.
    shift: u32,
    /// From covered length, shifted, to weight: all weights sum up to 65,535 of 65,536.
    factor: u32,
}

impl Side {
    fn new(length: f64) -> Self {
        let length = (length.min(LARGEST_BOX) * ONE as f64).round() as u32;
        let shift = length.ilog2() - ONE.ilog2();
        Self {
            taps: length.div_ceil(ONE as u32) as usize + 1,
            length,
            shift,
            factor: ((65_535u64 << 16) / u64::from(length >> shift)) as u32,
        }
    }

    /// Whether a box is one pixel long: the mean over it is what bilinear interpolation gives.
    fn is_bilinear(self) -> bool {
        i64::from(self.length) == ONE
    }

    /// Of each box that begins `starts` (65,536ths) into its first sample, what each sample counts.
    #[inline(always)]
    fn weigh(self, starts: &Run<u16>, weights: &mut [Run<u16>; TAPS]) {
        // Differences of rounded sums, so that the rounding does not add up.
        let mut before = [0; CHUNK];
        for (tap, weights) in (1..).zip(&mut weights[..self.taps]) {
            for k in 0..CHUNK {
                let end = ((tap << 16) - u32::from(starts[k])).min(self.length);
                let covered = ((end >> self.shift) * self.factor) >> 16;
                weights[k] = (covered - before[k]) as u16;
                before[k] = covered;
            }
        }
    }
}

/// What is known of the pixels of a run, kept from run to run so that it need not be cleared.
struct Scratch {
    /// The pixel that each box begins in, and how far into it.
    x: Run<i32>,
    y: Run<i32>,
    start_x: Run<u16>,
    start_y: Run<u16>,
    /// What the columns and the rows of each box count.
    columns: [Run<u16>; TAPS],
    rows: [Run<u16>; TAPS],
    /// All ones where the second of two chroma values counts.
    second: Run<u16>,
    offsets: [Run<u32>; 3],
    words: [Run<u32>; 3],
    /// The lower and the upper halves of the words.
    halves: [[Run<u16>; 2]; 3],
    /// Levels in 256ths, of one row of a box and of the box.
    across: [Run<u16>; 3],
    sums: [Run<u16>; 3],
}

/// Coordinate 0 and step of a run along one axis, in fixed point.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) first: i64,
    pub(super) step: i64,
}

impl Line {
    fn new(first: f64, step: f64) -> Self {
        // Not a number becomes 0.
        let fixed = |value: f64| {
            let value = (value * ONE as f64).clamp(-FAR, FAR);
            (value + 0.5f64.copysign(value)) as i64
        };
        Self { first: fixed(first), step: fixed(step) }
    }

    #[inline(always)]
    pub(super) fn at(self, index: usize) -> i64 {
        self.first + self.step * index as i64
    }

    /// Whether the first `count` pixels stay within `low` and `high`, both included.
    #[inline(always)]
    pub(super) fn within(self, count: usize, low: i64, high: i64) -> bool {
        let (a, b) = (self.at(0) >> 16, self.at(count - 1) >> 16);
        a.min(b) >= low && a.max(b) <= high
    }

    /// The integer parts and the fractions, of coordinates that are known to be inside the picture.
    #[inline(always)]
    fn split_inside(self, whole: &mut Run<i32>, part: &mut Run<u16>) {
        let (first, step) = (self.first as i32, self.step as i32);
        for k in 0..CHUNK {
            // Beyond the run's end this may wrap round; nothing is read there.
            let at = first.wrapping_add(step.wrapping_mul(k as i32));
            whole[k] = at >> 16;
            part[k] = at as u16;
        }
    }

    /// The same of any coordinates; where nothing of a box is inside it may be moved.
    #[inline(always)]
    fn split(self, low: i64, high: i64, whole: &mut Run<i32>, part: &mut Run<u16>) {
        for k in 0..CHUNK {
            let at = self.at(k).clamp(low << 16, high << 16);
            whole[k] = (at >> 16) as i32;
            part[k] = at as u16;
        }
    }
}

/// The pixels of a frame, and what lies around them.
struct Picture<'v, 'a> {
    planes: &'v [Plane<'a>; 3],
    strides: [u32; 3],
    /// Whether offsets into the planes fit 32 bits.
    small: bool,
    right: i32,
    bottom: i32,
    border: Border,
    black: [u8; 3],
}

impl<'v, 'a> Picture<'v, 'a> {
    fn new(view: &'v View<'a>) -> Self {
        let fits = |plane: &Plane<'_>| {
            u32::try_from(plane.data.len()).is_ok() && u32::try_from(plane.stride).is_ok()
        };
        Self {
            planes: &view.planes,
            strides: view.planes.map(|plane| plane.stride as u32),
            small: view.planes.iter().all(fits),
            right: view.stored.0 as i32 - 1,
            bottom: view.stored.1 as i32 - 1,
            border: view.border,
            black: view.colours.black(),
        }
    }

    /// Whether the pixels `x` to `x` + 2 of row `y` exist: what the words may reach.
    #[inline(always)]
    fn has(&self, x: i32, y: i32) -> bool {
        self.small && x >= 0 && x < self.right - 1 && y >= 0 && y <= self.bottom
    }

    /// The words of the pixels `x` and `x` + 1 of row `y`, wherever they are, and whether the second
    /// values count although `x` is even.
    fn pair<F: Format>(&self, x: i32, y: i32) -> ([u32; 3], bool) {
        let mut words = [0; 3];
        for (pixel, x) in [x, x + 1].into_iter().enumerate() {
            for (value, bits) in self.pixel::<F>(x, y).into_iter().zip(F::BITS) {
                let (word, shift) = bits[pixel];
                words[word] |= u32::from(value) << shift;
            }
        }
        (words, x < 0 || x >= self.right)
    }

    fn pixel<F: Format>(&self, x: i32, y: i32) -> [u8; 3] {
        let inside = x >= 0 && y >= 0 && x <= self.right && y <= self.bottom;
        if !inside && self.border == Border::Black {
            return self.black;
        }
        let (x, y) = (x.clamp(0, self.right) as usize, y.clamp(0, self.bottom) as usize);
        F::CHANNELS.map(|channel| {
            let (x, y) = (x >> u32::from(channel.half_x), y >> u32::from(channel.half_y));
            let plane = self.planes[channel.plane];
            plane.data[y * plane.stride + x * channel.step + channel.offset]
        })
    }
}

/// A view of boxes that are at most [`LARGEST_BOX`] long, and where it goes.
pub(super) struct Reading<'v, 'a, 'o, F> {
    pub(super) view: &'v View<'a>,
    pub(super) output: Output<'o>,
    pub(super) format: PhantomData<F>,
}

impl<F: Format> Work for Reading<'_, '_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        fill::<F>(self.view, &mut self.output);
    }
}

#[inline(always)]
fn fill<F: Format>(view: &View<'_>, output: &mut Output<'_>) {
    let picture = Picture::new(view);
    let sides = (Side::new(view.box_size.0), Side::new(view.box_size.1));
    // Twice, so that what is constant for bilinear boxes is known to the compiler.
    if sides.0.is_bilinear() && sides.1.is_bilinear() {
        fill_boxes::<F, true>(view, &picture, sides, output);
    } else {
        fill_boxes::<F, false>(view, &picture, sides, output);
    }
}

#[inline(always)]
fn fill_boxes<F: Format, const BILINEAR: bool>(
    view: &View<'_>,
    picture: &Picture<'_, '_>,
    sides: (Side, Side),
    output: &mut Output<'_>,
) {
    let (width, height) = (view.size.0 as usize, view.size.1 as usize);
    let mut scratch = Scratch {
        x: [0; CHUNK],
        y: [0; CHUNK],
        start_x: [0; CHUNK],
        start_y: [0; CHUNK],
        columns: [[0; CHUNK]; TAPS],
        rows: [[0; CHUNK]; TAPS],
        second: [0; CHUNK],
        offsets: [[0; CHUNK]; 3],
        words: [[0; CHUNK]; 3],
        halves: [[[0; CHUNK]; 2]; 3],
        across: [[0; CHUNK]; 3],
        sums: [[0; CHUNK]; 3],
    };
    let mut values = [[0; CHUNK]; 3];
    #[cfg(target_arch = "x86_64")]
    let mut by_hand = if BILINEAR { super::avx2::Bilinear::new(view, output) } else { None };
    for row in 0..height {
        for column in (0..width).step_by(CHUNK) {
            let count = CHUNK.min(width - column);
            let (x, y) = view.box_corner(column as f64, row as f64);
            let lines = (Line::new(x, view.map.a.into()), Line::new(y, view.map.c.into()));
            #[cfg(target_arch = "x86_64")]
            if let Some(by_hand) = &mut by_hand
                && let Some(place) = output.run_of_values(row * width + column, count)
                && by_hand.run(lines.0, lines.1, place)
            {
                continue;
            }
            run::<F, BILINEAR>(picture, sides, lines, count, &mut scratch);
            for i in 0..3 {
                for k in 0..CHUNK {
                    let level = scratch.sums[i][k].wrapping_add(4) >> 3;
                    values[i][k] = (level as i16).min(WHITE);
                }
            }
            view.colours.to_rgb(&mut values);
            output.put(row * width + column, 1, count, &values);
        }
    }
}

/// Finds the means of the boxes of one run: `sums` of `s`.
#[inline(always)]
fn run<F: Format, const BILINEAR: bool>(
    picture: &Picture<'_, '_>,
    (across, down): (Side, Side),
    (line_x, line_y): (Line, Line),
    count: usize,
    s: &mut Scratch,
) {
    let pairs = if BILINEAR { 1 } else { across.taps.div_ceil(2) };
    let rows = if BILINEAR { 2 } else { down.taps };
    let (right, bottom) = (i64::from(picture.right), i64::from(picture.bottom));
    // Each pair of pixels is read with the one after it.
    let inside = picture.small
        && line_x.within(count, 0, right - 2 * pairs as i64)
        && line_y.within(count, 0, bottom + 1 - rows as i64);
    if inside {
        line_x.split_inside(&mut s.x, &mut s.start_x);
        line_y.split_inside(&mut s.y, &mut s.start_y);
    } else {
        line_x.split(-2 * pairs as i64, right + 1, &mut s.x, &mut s.start_x);
        line_y.split(-(rows as i64), bottom + 1, &mut s.y, &mut s.start_y);
    }
    if !BILINEAR {
        across.weigh(&s.start_x, &mut s.columns);
        down.weigh(&s.start_y, &mut s.rows);
    }
    // Every product is rounded down: half of what that costs at most comes first.
    s.sums = [[(across.taps + down.taps).div_ceil(2) as u16 + 1; CHUNK]; 3];
    find_seconds::<F>(s);
    for row in 0..rows {
        if !BILINEAR {
            s.across = [[0; CHUNK]; 3];
        }
        for pair in 0..pairs {
            load::<F>(picture, (2 * pair as i32, row as i32), inside, count, s);
            for k in 0..CHUNK {
                let (first, second) = if BILINEAR {
                    (!s.start_x[k], s.start_x[k])
                } else {
                    (s.columns[2 * pair][k], s.columns[2 * pair + 1][k])
                };
                // What two pixels share counts for both, unless the second has its own.
                let shared = (first.wrapping_add(second & !s.second[k]), second & s.second[k]);
                for i in 0..3 {
                    let (first, second) =
                        if F::CHANNELS[i].half_x { shared } else { (first, second) };
                    let (level0, level1) = (level(s, F::BITS[i][0], k), level(s, F::BITS[i][1], k));
                    let two = times(level0, first).wrapping_add(times(level1, second));
                    s.across[i][k] = if BILINEAR { two } else { s.across[i][k].wrapping_add(two) };
                }
            }
        }
        // A loop of its own: the sum above must be cut to 16 bits before it is multiplied again.
        for i in 0..3 {
            for k in 0..CHUNK {
                let weight = match row {
                    0 if BILINEAR => !s.start_y[k],
                    _ if BILINEAR => s.start_y[k],
                    _ => s.rows[row][k],
                };
                let part = times(s.across[i][k], weight);
                s.sums[i][k] = s.sums[i][k].wrapping_add(part);
            }
        }
    }
}

/// The level of pixel `k` at `shift` of `word`, in the upper half of the result. A function, not a
/// closure handed to an array: only what is inlined is compiled for the processor.
#[inline(always)]
fn level(s: &Scratch, (word, shift): (usize, u32), k: usize) -> u16 {
    let half = s.halves[word][shift as usize / 16][k];
    if shift % 16 == 0 { half << 8 } else { half & 0xFF00 }
}

/// Whether the pixels that boxes begin with, and all an even number further on, are odd.
#[inline(always)]
fn find_seconds<F: Format>(s: &mut Scratch) {
    if F::CHANNELS.iter().any(|channel| channel.half_x) {
        for k in 0..CHUNK {
            s.second[k] = (s.x[k] as u16 & 1).wrapping_neg();
        }
    }
}

/// Loads the words of each pixel that lies (`dx`, `dy`) from the beginning of a box.
#[inline(always)]
fn load<F: Format>(
    picture: &Picture<'_, '_>,
    (dx, dy): (i32, i32),
    inside: bool,
    count: usize,
    s: &mut Scratch,
) {
    if !inside {
        // Changed below, from row to row.
        find_seconds::<F>(s);
    }
    for k in 0..CHUNK {
        let (x, y) = (s.x[k].wrapping_add(dx), s.y[k].wrapping_add(dy));
        let offsets = F::offsets(picture.strides, x as u32, y as u32);
        for i in 0..3 {
            s.offsets[i][k] = offsets[i];
        }
    }
    for (i, word) in F::WORDS.into_iter().enumerate() {
        let Some(word) = word else { continue };
        let (data, offsets, words) =
            (picture.planes[word.plane].data, &mut s.offsets[i], &mut s.words[i]);
        if word.wide {
            gather(data, offsets, words, |bytes: [u8; 4]| u32::from_le_bytes(bytes));
        } else {
            gather(data, offsets, words, |bytes: [u8; 2]| u16::from_le_bytes(bytes).into());
        }
    }
    if !inside {
        for k in 0..count.min(CHUNK) {
            let (x, y) = (s.x[k] + dx, s.y[k] + dy);
            if picture.has(x, y) {
                continue;
            }
            let (words, both) = picture.pair::<F>(x, y);
            for (run, word) in s.words.iter_mut().zip(words) {
                run[k] = word;
            }
            if both {
                s.second[k] = u16::MAX;
            }
        }
    }
    for (i, word) in F::WORDS.into_iter().enumerate() {
        if word.is_none() {
            continue;
        }
        for k in 0..CHUNK {
            s.halves[i][0][k] = s.words[i][k] as u16;
        }
        if word.is_some_and(|word| word.wide) {
            for k in 0..CHUNK {
                s.halves[i][1][k] = (s.words[i][k] >> 16) as u16;
            }
        }
    }
}

/// `value` times `weight` / 65,536, rounded down.
#[inline(always)]
fn times(value: u16, weight: u16) -> u16 {
    ((u32::from(value) * u32::from(weight)) >> 16) as u16
}
