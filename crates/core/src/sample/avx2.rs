//! What every tracked frame asks for, by hand for AVX2: whole runs of bilinear pixels out of a Y, U, V
//! picture with chroma at half the size, into a model's input with the channels side by side.
//!
//! The bytes are those of [`direct`](super::direct), operation by operation; it takes about half the
//! time because
//!
//! - **loads** are few. While a run is turned so little that eight pixels begin in at most four rows
//!   and not further than 14 columns apart, 16 bytes of each row hold all that the eight need, and a
//!   shuffle picks it out ([`near`](Bilinear::near)). Else each pixel's words are copied by plain
//!   loads and stores ([`far`](Bilinear::far)): the processors' own gather is slower, and so is
//!   what the compiler makes of such a loop, inserting word by word into vectors;
//! - offsets of a row and a column are one multiply-and-add of 16-bit pairs;
//! - between a run's loads and its floats only the words that were loaded go through memory, and
//!   the channels are mixed while they are still 16 bits wide.
//!
//! Even and odd pixels are kept apart where there are 32 bits for each, so that a shift and a blend
//! bring the halves of both together in the pixels' order.
//!
//! Unsafe are loads from places that lie anywhere, which [`Bilinear::run`] checks once for all of a
//! run, stores of vectors to arrays, and calls of functions that are compiled for AVX2; a
//! [`Bilinear`] exists only where the processor has it.
#![allow(unsafe_code, reason = "see above")]

use std::arch::x86_64::*;

use crate::frame::PixelFormat;

use super::direct::Line;
use super::format::YuvFactors;
use super::output::{Output, WHITE};
use super::{CHUNK, View};
use crate::wide::has_avx2;

type Vector = __m256i;

/// How many vectors of 16 pixels a run has.
const GROUPS: usize = CHUNK / 16;

/// 32 bits of each of a run's even pixels, then of its odd pixels.
type Halves = [[[u32; 8]; GROUPS]; 2];

/// What the four pixels around each point of a group hold, as 16-bit words, for the upper and for
/// the lower row: of luma, two neighbours; of chroma, two words that hold two samples of U and V,
/// by sample or, of a planar picture, by value.
#[derive(Clone, Copy)]
struct Taps {
    luma: [Vector; 2],
    chroma: [[Vector; 2]; 2],
}

/// The words of [`Taps`] as they are loaded, and where from. Luma has both rows in one word.
struct Words {
    luma_at: Halves,
    chroma_at: Halves,
    luma: Halves,
    chroma: [Halves; 2],
}

/// A view that whole runs can be read of.
pub(super) struct Bilinear<'v, 'a> {
    view: &'v View<'a>,
    /// Of luma and of chroma.
    strides: [usize; 2],
    /// U and V have planes of their own.
    planar: bool,
    /// For the first chroma value as U.
    factors: YuvFactors,
    /// What comes out as R, G, B goes to the model in reverse.
    reversed: bool,
    factor: f32,
    offset: f32,
    taps: [Taps; GROUPS],
    words: Words,
}

impl<'v, 'a> Bilinear<'v, 'a> {
    /// None where the processor, the format or the form of the output is another.
    pub(super) fn new(view: &'v View<'a>, output: &Output<'_>) -> Option<Self> {
        let Output::Tensor { form, factor, offset, .. } = output else { return None };
        let (planar, v_first) = match view.format {
            PixelFormat::Nv12 => (false, false),
            PixelFormat::Nv21 => (false, true),
            PixelFormat::I420 => (true, false),
            _ => return None,
        };
        let [luma, first, second] = view.planes.map(|plane| plane.stride);
        let fits = luma.max(first) <= i16::MAX as usize && (!planar || first == second);
        if !has_avx2() || form.planar || !fits {
            return None;
        }
        let mut factors = view.colours.factors()?;
        if v_first {
            // V taken for U, and red for blue.
            std::mem::swap(&mut factors.red_v, &mut factors.blue_u);
            std::mem::swap(&mut factors.green_u, &mut factors.green_v);
        }
        // SAFETY: the processor has AVX2.
        let zero = unsafe { _mm256_setzero_si256() };
        let none = [[[0; 8]; GROUPS]; 2];
        Some(Self {
            view,
            strides: [luma, first],
            planar,
            factors,
            reversed: v_first != form.bgr,
            factor: *factor,
            offset: *offset,
            taps: [Taps { luma: [zero; 2], chroma: [[zero; 2]; 2] }; GROUPS],
            words: Words { luma_at: none, chroma_at: none, luma: none, chroma: [none; 2] },
        })
    }

    /// Reads the run along `x` and `y` into `out`, if all of it is inside the picture.
    pub(super) fn run(&mut self, x: Line, y: Line, out: &mut [f32; 3 * CHUNK]) -> bool {
        let (width, height) = (i64::from(self.view.stored.0), i64::from(self.view.stored.1));
        // Each pair of pixels is read with the one after it.
        if !(x.within(CHUNK, 0, width - 3) && y.within(CHUNK, 0, height - 2)) {
            return false;
        }
        let narrow = 7 * x.step.abs() <= 14 << 16;
        let turn = 7 * y.step.abs();
        // SAFETY: the processor has AVX2. The coordinates are inside the picture, and as far from
        // its last bytes as each function asks for.
        unsafe {
            match self.planar {
                false if narrow && turn <= 1 << 16 && self.has(x, y, (3, 16), (2, 18)) => {
                    self.near::<false, 1>(x, y);
                }
                true if narrow && turn <= 1 << 16 && self.has(x, y, (3, 16), (2, 16)) => {
                    self.near::<true, 1>(x, y);
                }
                false if narrow && turn <= 3 << 16 && self.has(x, y, (5, 16), (3, 18)) => {
                    self.near::<false, 3>(x, y);
                }
                true if narrow && turn <= 3 << 16 && self.has(x, y, (5, 16), (3, 16)) => {
                    self.near::<true, 3>(x, y);
                }
                false if self.has(x, y, (2, 2), (2, 4)) => self.far::<false>(x, y),
                true if self.has(x, y, (2, 2), (2, 2)) => self.far::<true>(x, y),
                _ => return false,
            }
            if self.planar {
                self.finish::<true>(x, y, out);
            } else {
                self.finish::<false>(x, y, out);
            }
        }
        true
    }

    /// Whether from each pixel of a run inside the picture on, so many rows of luma have so many
    /// bytes, and so many rows of chroma.
    fn has(&self, x: Line, y: Line, luma: (usize, usize), chroma: (usize, usize)) -> bool {
        let furthest = |line: Line| (line.at(0).max(line.at(CHUNK - 1)) >> 16) as usize;
        let (x, y) = (furthest(x), furthest(y));
        let [first, second, third] = self.view.planes.map(|plane| plane.data.len());
        let needed = (y / 2 + chroma.0 - 1) * self.strides[1] + chroma.1;
        (y + luma.0 - 1) * self.strides[0] + x + luma.1 <= first
            && if self.planar {
                needed + x / 2 <= second.min(third)
            } else {
                needed + (x & !1) <= second
            }
    }

    /// Offsets of pixels, given as pairs of column and row, in the planes of luma and of chroma.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn offsets<const PLANAR: bool>(&self, pixels: Vector) -> [[u32; 8]; 2] {
        let at = |pixels: Vector, stride: usize, step: i32| {
            to_array(_mm256_madd_epi16(pixels, _mm256_set1_epi32((stride as i32) << 16 | step)))
        };
        let samples = _mm256_srli_epi16(pixels, 1);
        let step = if PLANAR { 1 } else { 2 };
        [at(pixels, self.strides[0], 1), at(samples, self.strides[1], step)]
    }

    /// Finds the taps of a run of which each eight pixels begin in at most `SPAN` + 1 rows and 15
    /// columns.
    ///
    /// # Safety
    /// The run must be inside the picture. From each of its pixels on, there must be 16 bytes in
    /// each of `SPAN` + 2 rows of luma, and 16 in (`SPAN` + 1) / 2 + 1 rows of chroma, or 18 where U
    /// and V have the same plane.
    #[target_feature(enable = "avx2")]
    unsafe fn near<const PLANAR: bool, const SPAN: usize>(&mut self, x: Line, y: Line) {
        // Each eight pixels' least column and row, which is the first's or the last's.
        let least = |line: Line| {
            let step = line.step as i32;
            let first = (line.first as i32).wrapping_add((7 * step).min(0));
            let index = _mm256_setr_epi32(0, 8, 16, 24, 32, 40, 48, 56);
            let steps = _mm256_mullo_epi32(_mm256_set1_epi32(step), index);
            _mm256_add_epi32(_mm256_set1_epi32(first), steps)
        };
        let [luma_at, chroma_at] = self.offsets::<PLANAR>(upper_halves(least(x), least(y)));
        let least = |line: Line| _mm256_set1_epi16(if line.step < 0 { 0x0F0E } else { 0x0100 });
        let (least_x, least_y) = (least(x), least(y));
        let (mut along_x, mut along_y) = (Axis::new(x), Axis::new(y));
        let [luma, first, second] = self.view.planes.map(|plane| plane.data.as_ptr());
        for (group, taps) in self.taps.iter_mut().enumerate() {
            let load = |plane: *const u8, at: &[u32; 8], further: usize| {
                let at = [at[2 * group], at[2 * group + 1]].map(|at| at as usize + further);
                // SAFETY: these are the first bytes of eight pixels each, which the caller knows to be
                // there.
                unsafe { _mm256_loadu2_m128i(plane.add(at[1]).cast(), plane.add(at[0]).cast()) }
            };
            // Shuffles that bring a byte and the one `step` / 256 further on into each word.
            let pick = |distance: Vector, step: i16| {
                let first = _mm256_mullo_epi16(distance, _mm256_set1_epi16(step));
                _mm256_add_epi16(first, _mm256_set1_epi16(0x0100))
            };
            let (pixel_x, pixel_y) = (along_x.pixels(), along_y.pixels());
            let first_x = _mm256_shuffle_epi8(pixel_x, least_x);
            let first_y = _mm256_shuffle_epi8(pixel_y, least_y);

            let picked = pick(_mm256_sub_epi16(pixel_x, first_x), 0x0101);
            let row = |row: usize| {
                _mm256_shuffle_epi8(load(luma, &luma_at, row * self.strides[0]), picked)
            };
            let rows_down = _mm256_sub_epi16(pixel_y, first_y);
            let mut next = row(1);
            taps.luma = [row(0), next];
            for down in 1..=SPAN {
                let lower = at_least(rows_down, down);
                taps.luma[0] = _mm256_blendv_epi8(taps.luma[0], next, lower);
                next = row(down + 1);
                taps.luma[1] = _mm256_blendv_epi8(taps.luma[1], next, lower);
            }

            let half = |pixel: Vector| _mm256_srli_epi16(pixel, 1);
            let samples = _mm256_sub_epi16(half(pixel_x), half(first_x));
            let picked = pick(samples, if PLANAR { 0x0101 } else { 0x0202 });
            let row = |row: usize| {
                let (plane, further) = if PLANAR { (second, 0) } else { (first, 2) };
                let down = row * self.strides[1];
                [
                    _mm256_shuffle_epi8(load(first, &chroma_at, down), picked),
                    _mm256_shuffle_epi8(load(plane, &chroma_at, down + further), picked),
                ]
            };
            let below = _mm256_add_epi16(pixel_y, _mm256_set1_epi16(1));
            let upper_down = _mm256_sub_epi16(half(pixel_y), half(first_y));
            let lower_down = _mm256_sub_epi16(half(below), half(first_y));
            taps.chroma = [row(0); 2];
            for down in 1..=SPAN.div_ceil(2) {
                let next = row(down);
                let lower = [at_least(upper_down, down), at_least(lower_down, down)];
                for i in 0..2 {
                    for k in 0..2 {
                        let tap = &mut taps.chroma[i][k];
                        *tap = _mm256_blendv_epi8(*tap, next[k], lower[i]);
                    }
                }
            }
            along_x.advance();
            along_y.advance();
        }
    }

    /// Finds the taps of any run.
    ///
    /// # Safety
    /// The run must be inside the picture. From each of its pixels on, there must be two bytes in
    /// each of two rows of luma, and in each of two rows of chroma two of either plane or four of
    /// one.
    #[target_feature(enable = "avx2")]
    unsafe fn far<const PLANAR: bool>(&mut self, x: Line, y: Line) {
        let (mut along_x, mut along_y) = (Axis::new(x), Axis::new(y));
        for group in 0..GROUPS {
            for (i, x, y) in [(0, along_x.even, along_y.even), (1, along_x.odd, along_y.odd)] {
                [self.words.luma_at[i][group], self.words.chroma_at[i][group]] =
                    self.offsets::<PLANAR>(upper_halves(x, y));
            }
            along_x.advance();
            along_y.advance();
        }
        // SAFETY: the offsets are those of the pixels of the run.
        unsafe { self.load::<PLANAR>() };
        let mut along_y = Axis::new(y);
        for (group, taps) in self.taps.iter_mut().enumerate() {
            let words = |words: &Halves| {
                let (even, odd) = (to_vector(&words[0][group]), to_vector(&words[1][group]));
                [lower_halves(even, odd), upper_halves(even, odd)]
            };
            let [upper, lower] = [words(&self.words.chroma[0]), words(&self.words.chroma[1])];
            // The row below an even one has the same samples.
            let odd = is_odd(along_y.pixels());
            let lower = [
                _mm256_blendv_epi8(upper[0], lower[0], odd),
                _mm256_blendv_epi8(upper[1], lower[1], odd),
            ];
            *taps = Taps { luma: words(&self.words.luma), chroma: [upper, lower] };
            along_y.advance();
        }
    }

    /// Loads the words. Not compiled for AVX2, and written as if others were looking on: or the
    /// compiler inserts word by word into vectors.
    ///
    /// # Safety
    /// There must be such words at the offsets, and a row further down.
    unsafe fn load<const PLANAR: bool>(&mut self) {
        let words = &mut self.words;
        let [luma, first, second] = self.view.planes.map(|plane| plane.data.as_ptr());
        // SAFETY: the caller knows that the words are there; what is written to is borrowed.
        unsafe {
            let two = |at: *const u8| u32::from(at.cast::<u16>().read_unaligned());
            for group in 0..GROUPS {
                for k in 0..8 {
                    for i in 0..2 {
                        let at = luma.add(words.luma_at[i][group][k] as usize);
                        let word = two(at) | two(at.add(self.strides[0])) << 16;
                        (&raw mut words.luma[i][group][k]).write_volatile(word);
                        for row in 0..2 {
                            let at = words.chroma_at[i][group][k] as usize + row * self.strides[1];
                            let word = if PLANAR {
                                two(first.add(at)) | two(second.add(at)) << 16
                            } else {
                                first.add(at).cast::<u32>().read_unaligned()
                            };
                            (&raw mut words.chroma[row][i][group][k]).write_volatile(word);
                        }
                    }
                }
            }
        }
    }

    /// Makes values for the model of the taps: what [`direct`](super::direct),
    /// [`Colours::to_rgb`](super::format::Colours::to_rgb) and [`Output::put`] do.
    #[target_feature(enable = "avx2")]
    fn finish<const PLANAR: bool>(&self, x: Line, y: Line, out: &mut [f32; 3 * CHUNK]) {
        let (mut along_x, mut along_y) = (Axis::new(x), Axis::new(y));
        let factors = self.factors;
        let words = |word: i16| _mm256_set1_epi16(word);
        for (taps, out) in self.taps.iter().zip(out.as_chunks_mut::<48>().0) {
            let (part_x, part_y) = (along_x.parts(), along_y.parts());
            let odd = is_odd(along_x.pixels());
            along_x.advance();
            along_y.advance();

            // Levels in 256ths.
            let low = |pair: Vector| _mm256_slli_epi16(pair, 8);
            let high = |pair: Vector| _mm256_and_si256(pair, words(0xFF00_u16 as i16));
            let mean = |a: Vector, of_a: Vector, b: Vector, of_b: Vector| {
                _mm256_add_epi16(_mm256_mulhi_epu16(a, of_a), _mm256_mulhi_epu16(b, of_b))
            };
            let (rest_x, rest_y) =
                (_mm256_xor_si256(part_x, words(-1)), _mm256_xor_si256(part_y, words(-1)));
            // In 32nds; 3 for what the products were rounded down by, and 4 to round.
            let down = |upper: Vector, lower: Vector| {
                let sum = _mm256_add_epi16(mean(upper, rest_y, lower, part_y), words(3 + 4));
                _mm256_min_epi16(_mm256_srli_epi16(sum, 3), words(WHITE))
            };
            let [upper, lower] = taps.luma;
            let luma = down(
                mean(low(upper), rest_x, high(upper), part_x),
                mean(low(lower), rest_x, high(lower), part_x),
            );
            // The sample that two pixels share counts for both.
            let second = _mm256_and_si256(part_x, odd);
            let first = _mm256_add_epi16(rest_x, _mm256_andnot_si256(odd, part_x));
            let across = |[a, b]: [Vector; 2]| {
                let [u, v] = if PLANAR {
                    [(low(a), high(a)), (low(b), high(b))]
                } else {
                    [(low(a), low(b)), (high(a), high(b))]
                };
                [mean(u.0, first, u.1, second), mean(v.0, first, v.1, second)]
            };
            let [upper, lower] = [across(taps.chroma[0]), across(taps.chroma[1])];
            let chroma = |value: usize| {
                let level = down(upper[value], lower[value]);
                _mm256_slli_epi16(_mm256_sub_epi16(level, words(128 * 32)), 3)
            };
            let (u, v) = (chroma(0), chroma(1));

            let times = |value: Vector, factor: i16| _mm256_mulhi_epi16(value, words(factor));
            let clamp =
                |level: Vector| _mm256_min_epi16(_mm256_max_epi16(level, words(0)), words(WHITE));
            let luma = _mm256_sub_epi16(luma, words(factors.black));
            let luma = _mm256_add_epi16(luma, times(_mm256_slli_epi16(luma, 2), factors.stretch));
            let red = clamp(_mm256_add_epi16(luma, times(v, factors.red_v)));
            let green = _mm256_sub_epi16(luma, times(u, factors.green_u));
            let green = clamp(_mm256_sub_epi16(green, times(v, factors.green_v)));
            let blue = clamp(_mm256_add_epi16(luma, times(u, factors.blue_u)));
            let (a, b, c) = if self.reversed { (blue, green, red) } else { (red, green, blue) };

            // Every third word of three vectors is a channel's: first all to their places.
            let a = _mm256_shuffle_epi8(a, places([0, 3, 6, 1, 4, 7, 2, 5]));
            let b = _mm256_shuffle_epi8(b, places([5, 0, 3, 6, 1, 4, 7, 2]));
            let c = _mm256_shuffle_epi8(c, places([2, 5, 0, 3, 6, 1, 4, 7]));
            let mixed = [
                _mm256_blend_epi16(_mm256_blend_epi16(a, b, 0x92), c, 0x24),
                _mm256_blend_epi16(_mm256_blend_epi16(a, b, 0x24), c, 0x49),
                _mm256_blend_epi16(_mm256_blend_epi16(a, b, 0x49), c, 0x92),
            ];
            let (factor, offset) = (_mm256_set1_ps(self.factor), _mm256_set1_ps(self.offset));
            let (first, last) = out.split_at_mut(24);
            for (i, levels) in mixed.into_iter().enumerate() {
                let halves = [
                    (&mut *first, _mm256_castsi256_si128(levels)),
                    (&mut *last, _mm256_extracti128_si256(levels, 1)),
                ];
                for (out, levels) in halves {
                    let levels = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(levels));
                    let values = _mm256_add_ps(_mm256_mul_ps(levels, factor), offset);
                    let out = &mut out[8 * i..8 * i + 8];
                    // SAFETY: there are eight values.
                    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), values) };
                }
            }
        }
    }
}

/// Coordinates of 16 pixels of a run, in fixed point.
struct Axis {
    even: Vector,
    odd: Vector,
    step: Vector,
}

impl Axis {
    /// The first 16.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(line: Line) -> Self {
        let step = _mm256_set1_epi32(line.step as i32);
        let steps = _mm256_mullo_epi32(step, _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14));
        let even = _mm256_add_epi32(_mm256_set1_epi32(line.first as i32), steps);
        Self { even, odd: _mm256_add_epi32(even, step), step: _mm256_slli_epi32(step, 4) }
    }

    /// The next 16.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn advance(&mut self) {
        self.even = _mm256_add_epi32(self.even, self.step);
        self.odd = _mm256_add_epi32(self.odd, self.step);
    }

    /// The pixels that they lie in.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pixels(&self) -> Vector {
        upper_halves(self.even, self.odd)
    }

    /// And how far in.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn parts(&self) -> Vector {
        lower_halves(self.even, self.odd)
    }
}

/// The lower halves of each two 32-bit values side by side.
#[inline]
#[target_feature(enable = "avx2")]
fn lower_halves(even: Vector, odd: Vector) -> Vector {
    _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xAA)
}

/// The upper halves of each two 32-bit values side by side.
#[inline]
#[target_feature(enable = "avx2")]
fn upper_halves(even: Vector, odd: Vector) -> Vector {
    _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xAA)
}

/// All ones in each word that is odd.
#[inline]
#[target_feature(enable = "avx2")]
fn is_odd(words: Vector) -> Vector {
    _mm256_srai_epi16(_mm256_slli_epi16(words, 15), 15)
}

/// All ones in each word that is `least` or more.
#[inline]
#[target_feature(enable = "avx2")]
fn at_least(words: Vector, least: usize) -> Vector {
    _mm256_cmpgt_epi16(words, _mm256_set1_epi16(least as i16 - 1))
}

/// The shuffle that brings these words to their places in either half of a vector.
#[inline]
#[target_feature(enable = "avx2")]
fn places(words: [i16; 8]) -> Vector {
    let [a, b, c, d, e, f, g, h] = words;
    let half = _mm_setr_epi16(a, b, c, d, e, f, g, h);
    let first = _mm_mullo_epi16(half, _mm_set1_epi16(0x0202));
    _mm256_broadcastsi128_si256(_mm_add_epi16(first, _mm_set1_epi16(0x0100)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn to_array(vector: Vector) -> [u32; 8] {
    let mut array = [0; 8];
    // SAFETY: the array is as large as a vector.
    unsafe { _mm256_storeu_si256(array.as_mut_ptr().cast(), vector) };
    array
}

#[inline]
#[target_feature(enable = "avx2")]
fn to_vector(array: &[u32; 8]) -> Vector {
    // SAFETY: the array is as large as a vector.
    unsafe { _mm256_loadu_si256(array.as_ptr().cast()) }
}
