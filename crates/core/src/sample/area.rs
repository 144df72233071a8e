//! The mean over boxes whose sides follow the picture's, for a whole grid of boxes at once: first
//! the rows under a line of boxes become one row, then each box takes its part of it.

use super::format::Channel;
use super::output::{Output, WHITE};
use super::{Border, CHUNK, LONGEST_BOX, View};
use crate::wide::Work;

/// How many values a line of boxes may cover in each plane; longer ones are done in parts.
const LANES: usize = 2048;
/// The most bytes that two neighbouring pixels take in one plane.
const PAIR_BYTES: usize = 8;
/// How many pixels are summed up at once.
const COLUMNS: usize = LANES * 2 / PAIR_BYTES - 2;

/// How many samples of a box are listed at most; boxes with more are summed up one by one.
const TAPS: usize = 18;

/// The part of one side of the picture that a box covers, and what lies beyond.
#[derive(Clone, Copy)]
struct Span {
    /// Where the part inside begins and ends; pixel `i` reaches from `i` to `i` + 1.
    low: f64,
    high: f64,
    /// What counts as if it were the first or the last pixel, in pixels.
    before: f64,
    after: f64,
    length: f64,
}

impl Span {
    fn new(start: f64, length: f64, side: u32, border: Border) -> Self {
        let side = f64::from(side);
        // Further away, no box reaches the picture. Not a number becomes 0.
        let far = 2.0 * LONGEST_BOX;
        let start = if start.is_nan() { 0.0 } else { start.clamp(-far, far) };
        let end = start + length;
        let beyond = |beyond: f64| match border {
            Border::Replicate => beyond.max(0.0),
            Border::Black => 0.0,
        };
        Self {
            low: start.clamp(0.0, side),
            high: end.clamp(0.0, side),
            before: beyond(end.min(0.0) - start),
            after: beyond(end - start.max(side)),
            length,
        }
    }

    /// The share of the box that is not black.
    fn share(self) -> f32 {
        ((self.high - self.low + self.before + self.after) / self.length) as f32
    }

    /// The same in samples that cover `1 << half` of the `side` pixels.
    fn weights(self, side: u32, half: bool) -> Weights {
        let unit = if half { 2.0 } else { 1.0 };
        let samples = (side as usize).div_ceil(unit as usize);
        let (low, high) = (self.low / unit, self.high / unit);
        let first = (low as usize).min(samples - 1);
        let last = (high.ceil() as usize).clamp(first + 1, samples) - 1;
        let covered = |sample: usize| {
            (high.min(sample as f64 + 1.0) - low.max(sample as f64)).max(0.0) * unit
        };
        let (mut head, mut tail) = (covered(first) + self.before, self.after);
        if last == first {
            head += self.after;
        } else {
            tail += covered(last);
        }
        let share = |length: f64| (length / self.length) as f32;
        Weights { first, last, head: share(head), middle: share(unit), tail: share(tail) }
    }
}

/// How much the samples `first` to `last` count.
#[derive(Clone, Copy, Default)]
struct Weights {
    first: usize,
    last: usize,
    head: f32,
    /// Of each sample in between.
    middle: f32,
    /// Of the last one, when it is not the first as well.
    tail: f32,
}

impl Weights {
    #[inline(always)]
    fn of(self, sample: usize) -> f32 {
        if sample == self.first {
            self.head
        } else if sample == self.last {
            self.tail
        } else {
            self.middle
        }
    }
}

/// A view of any boxes, and where it goes.
pub(super) struct Reading<'v, 'a, 'o> {
    pub(super) view: &'v View<'a>,
    pub(super) output: Output<'o>,
}

impl Work for Reading<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        fill(self.view, &mut self.output);
    }
}

#[inline(always)]
fn fill(view: &View<'_>, output: &mut Output<'_>) {
    let (width, height) = (view.size.0 as usize, view.size.1 as usize);
    let mut space = Space {
        sums: [[0.0; LANES]; 3],
        taps: [[Taps { places: [0; CHUNK], weights: [0.0; CHUNK] }; TAPS]; 2],
    };
    let upright = view.map.b == 0.0 && view.map.c == 0.0;
    let turned = view.map.a == 0.0 && view.map.d == 0.0;
    if !upright && !turned {
        for at in 0..width * height {
            let (x, y) = view.box_corner((at % width) as f64, (at / width) as f64);
            Line::new(view, 1, |_| x).fill(y, &mut space, output, (at, 1));
        }
        return;
    }
    // Lines of boxes are rows of the output, or its columns.
    let (count, lines, along, across) =
        if upright { (width, height, 1, width) } else { (height, width, width, 1) };
    let corner = |k: usize, line: usize| {
        let (k, line) = (k as f64, line as f64);
        if upright { view.box_corner(k, line) } else { view.box_corner(line, k) }
    };
    let mut done = 0;
    while done < count {
        let mut boxes = Line::new(view, count - done, |k| corner(done + k, 0).0);
        boxes.list_taps(&mut space.taps);
        for line in 0..lines {
            let place = (done * along + line * across, along);
            boxes.fill(corner(0, line).1, &mut space, output, place);
        }
        done += boxes.count;
    }
}

/// A sample of each box of a line.
#[derive(Clone, Copy)]
struct Taps {
    /// The sample, counted from the first that any box covers.
    places: [u16; CHUNK],
    /// What it counts.
    weights: [f32; CHUNK],
}

/// Working space.
struct Space {
    /// The rows under a line of boxes, added up: the bytes of each plane.
    sums: [[f32; LANES]; 3],
    /// Of full and of half as many samples: the first of each box, the second and so on.
    taps: [[Taps; TAPS]; 2],
}

/// Boxes beside each other, all at the same height.
struct Line<'v, 'a> {
    view: &'v View<'a>,
    count: usize,
    /// The pixels of a row that any of them covers: from `low` to `high` - 1.
    low: usize,
    high: usize,
    /// Of each box, in pixels and in samples that cover two pixels.
    weights: [[Weights; CHUNK]; 2],
    shares: [f32; CHUNK],
    /// How many samples of each box are listed; none when that is not possible.
    listed: [usize; 2],
}

impl<'v, 'a> Line<'v, 'a> {
    /// As many of `wanted` boxes as fit together; box `k` begins at `start(k)`.
    #[inline(always)]
    fn new(view: &'v View<'a>, wanted: usize, start: impl Fn(usize) -> f64) -> Self {
        let mut line = Self {
            view,
            count: 0,
            low: usize::MAX,
            high: 0,
            weights: [[Weights::default(); CHUNK]; 2],
            shares: [0.0; CHUNK],
            listed: [0; 2],
        };
        let side = view.stored.0;
        for k in 0..wanted.min(CHUNK) {
            let span = Span::new(start(k), view.box_size.0, side, view.border);
            let weights = [false, true].map(|half| span.weights(side, half));
            // Even, so that no sample is cut in two.
            let low = line.low.min(weights[0].first & !1);
            let high = line.high.max(weights[0].last + 1);
            if k > 0 && high - low > COLUMNS {
                break;
            }
            (line.low, line.high, line.count) = (low, high, k + 1);
            (line.weights[0][k], line.weights[1][k]) = (weights[0], weights[1]);
            line.shares[k] = span.share();
        }
        line
    }

    /// Lists the samples of all boxes, when they are few and are summed up in one part.
    fn list_taps(&mut self, taps: &mut [[Taps; TAPS]; 2]) {
        if self.high - self.low > COLUMNS {
            return;
        }
        for (half, taps) in taps.iter_mut().enumerate() {
            let weights = &self.weights[half][..self.count];
            let most = weights.iter().map(|weights| weights.last - weights.first + 1).max();
            let Some(taps) = taps.get_mut(..most.unwrap_or(0)) else { continue };
            self.listed[half] = taps.len();
            for (tap, taps) in taps.iter_mut().enumerate() {
                for (k, weights) in self.weights[half][..self.count].iter().enumerate() {
                    let sample = weights.first + tap;
                    let is_covered = sample <= weights.last;
                    taps.weights[k] = if is_covered { weights.of(sample) } else { 0.0 };
                    taps.places[k] = (sample.min(weights.last) - (self.low >> half)) as u16;
                }
            }
        }
    }

    /// Fills one pixel for each box; the boxes begin at height `start`. The first pixel goes to place
    /// `at` of the output, each next one `step` further on.
    #[inline(always)]
    fn fill(
        &self,
        start: f64,
        space: &mut Space,
        output: &mut Output<'_>,
        (at, step): (usize, usize),
    ) {
        let view = self.view;
        let rows = Span::new(start, view.box_size.1, view.stored.1, view.border);
        let mut levels = [[0.0f32; CHUNK]; 3];
        for first in (self.low..self.high).step_by(COLUMNS) {
            let end = self.high.min(first + COLUMNS);
            self.add_rows(rows, (first, end), &mut space.sums);
            for (channel, levels) in view.channels.iter().zip(&mut levels) {
                let half = usize::from(channel.half_x);
                let sums = &space.sums[channel.plane];
                match self.listed[half] {
                    0 => self.add_samples(*channel, (first, end), sums, levels),
                    taps => add_taps(*channel, &space.taps[half][..taps], sums, levels),
                }
            }
        }
        let mut values = [[0i16; CHUNK]; 3];
        for i in 0..3 {
            let black = f32::from(view.colours.black()[i]);
            for k in 0..CHUNK {
                let outside = 1.0 - self.shares[k] * rows.share();
                let level = levels[i][k] + outside * black;
                // Adding this brings the nearest whole number into the lowest bits.
                let bits = (level * 32.0 + 8_388_608.0).to_bits();
                values[i][k] = (bits as i16).min(WHITE);
            }
        }
        view.colours.to_rgb(&mut values);
        output.put(at, step, self.count, &values);
    }

    /// Sums up the rows under the boxes, from pixel `first` of each row to `end` - 1.
    #[inline(always)]
    fn add_rows(&self, rows: Span, (first, end): (usize, usize), sums: &mut [[f32; LANES]; 3]) {
        for (index, sums) in sums.iter_mut().enumerate() {
            // Where channels of one plane differ, the last has the longest step.
            let channels = &self.view.channels;
            let Some(channel) = channels.iter().rfind(|channel| channel.plane == index) else {
                continue;
            };
            let plane = self.view.planes[index];
            let half = usize::from(channel.half_x);
            let first = (first >> half) * channel.step;
            let end = ((end + half) >> half) * channel.step;
            let weights = rows.weights(self.view.stored.1, channel.half_y);
            let sums = &mut sums[..end - first];
            for row in weights.first..=weights.last {
                let bytes = &plane.data[row * plane.stride + first..row * plane.stride + end];
                let weight = weights.of(row);
                if row == weights.first {
                    for (sum, byte) in sums.iter_mut().zip(bytes) {
                        *sum = weight * f32::from(*byte);
                    }
                } else {
                    for (sum, byte) in sums.iter_mut().zip(bytes) {
                        *sum += weight * f32::from(*byte);
                    }
                }
            }
        }
    }

    /// Adds to each box's level what it covers of the pixels `first` to `end` - 1.
    fn add_samples(
        &self,
        channel: Channel,
        (first, end): (usize, usize),
        sums: &[f32; LANES],
        levels: &mut [f32; CHUNK],
    ) {
        let half = usize::from(channel.half_x);
        let (first, end) = (first >> half, (end + half) >> half);
        for (weights, level) in self.weights[half][..self.count].iter().zip(levels) {
            for sample in weights.first.max(first)..=weights.last.min(end - 1) {
                let sum = sums[(sample - first) * channel.step + channel.offset];
                *level += weights.of(sample) * sum;
            }
        }
    }
}

/// Adds to each box's level what it covers: all boxes' first samples, then their second.
#[inline(always)]
fn add_taps(channel: Channel, taps: &[Taps], sums: &[f32; LANES], levels: &mut [f32; CHUNK]) {
    for taps in taps {
        for k in 0..CHUNK {
            let place = usize::from(taps.places[k]) * channel.step + channel.offset;
            // Always below the length; the compiler is told so.
            levels[k] += taps.weights[k] * sums[place % LANES];
        }
    }
}
