//! Where each pixel format keeps a pixel's three values.

use crate::frame::ColourRange;

use super::CHUNK;
use super::output::WHITE;

/// Where one of a pixel's three values (R, G, B or Y, U, V) lies.
#[derive(Clone, Copy)]
pub(super) struct Channel {
    pub(super) plane: usize,
    /// Bytes from one sample of a row to the next, and to the first.
    pub(super) step: usize,
    pub(super) offset: usize,
    /// One sample covers two pixels of a row, or of a column. A pixel has the value of the sample
    /// that covers it; nothing is interpolated between chroma samples alone.
    pub(super) half_x: bool,
    pub(super) half_y: bool,
}

impl Channel {
    const fn full(plane: usize, step: usize, offset: usize) -> Self {
        Self { plane, step, offset, half_x: false, half_y: false }
    }

    const fn half(step: usize, offset: usize) -> Self {
        Self { plane: 0, step, offset, half_x: true, half_y: false }
    }

    const fn quarter(plane: usize, step: usize, offset: usize) -> Self {
        Self { plane, step, offset, half_x: true, half_y: true }
    }
}

/// In which word a value lies, and at which bit.
type Bits = (usize, u32);

/// One load of up to four bytes.
#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) plane: usize,
    /// Four bytes instead of two.
    pub(super) wide: bool,
}

const fn two(plane: usize) -> Option<Word> {
    Some(Word { plane, wide: false })
}

const fn four(plane: usize) -> Option<Word> {
    Some(Word { plane, wide: true })
}

/// A pixel format, as the sampler reads it: two neighbouring pixels of a row at a time, in words
/// that are loaded as they lie in memory and taken apart many at a time.
pub(super) trait Format {
    const CHANNELS: [Channel; 3];
    const WORDS: [Option<Word>; 3];
    /// Where the words hold each value of the first and of the second pixel. Of a value that two
    /// pixels share, the second is the next sample's; it counts only when the first pixel is odd.
    const BITS: [[Bits; 2]; 3];

    /// Offsets of the words of the pixels `x` and `x` + 1 of row `y`, in their planes. No word
    /// reaches further than pixel `x` + 2.
    fn offsets(strides: [u32; 3], x: u32, y: u32) -> [u32; 3];
}

/// R, G, B in one plane, `STEP` bytes a pixel, red at byte `RED` and blue at byte 2 - `RED`.
pub(super) struct Packed<const STEP: usize, const RED: usize>;

/// Y, then pairs of chroma at half the size with U at byte `U` of each pair.
pub(super) struct SemiPlanar<const U: usize>;

/// Y, then U and V at half the size.
pub(super) struct Planar;

/// Y, U, Y, V in one plane.
pub(super) struct Interleaved;

impl<const STEP: usize, const RED: usize> Format for Packed<STEP, RED> {
    const CHANNELS: [Channel; 3] =
        [Channel::full(0, STEP, RED), Channel::full(0, STEP, 1), Channel::full(0, STEP, 2 - RED)];
    const WORDS: [Option<Word>; 3] = [four(0), four(0), None];
    const BITS: [[Bits; 2]; 3] = {
        let (red, blue) = (8 * RED as u32, 16 - 8 * RED as u32);
        [[(0, red), (1, red)], [(0, 8), (1, 8)], [(0, blue), (1, blue)]]
    };

    #[inline(always)]
    fn offsets(strides: [u32; 3], x: u32, y: u32) -> [u32; 3] {
        let first = y.wrapping_mul(strides[0]).wrapping_add(x.wrapping_mul(STEP as u32));
        [first, first.wrapping_add(STEP as u32), 0]
    }
}

impl<const U: usize> Format for SemiPlanar<U> {
    const CHANNELS: [Channel; 3] =
        [Channel::full(0, 1, 0), Channel::quarter(1, 2, U), Channel::quarter(1, 2, 1 - U)];
    const WORDS: [Option<Word>; 3] = [two(0), four(1), None];
    const BITS: [[Bits; 2]; 3] = {
        let (u, v) = (8 * U as u32, 8 - 8 * U as u32);
        [[(0, 0), (0, 8)], [(1, u), (1, 16 + u)], [(1, v), (1, 16 + v)]]
    };

    #[inline(always)]
    fn offsets(strides: [u32; 3], x: u32, y: u32) -> [u32; 3] {
        let luma = y.wrapping_mul(strides[0]).wrapping_add(x);
        let chroma = (y / 2).wrapping_mul(strides[1]).wrapping_add(x & !1);
        [luma, chroma, 0]
    }
}

impl Format for Planar {
    const CHANNELS: [Channel; 3] =
        [Channel::full(0, 1, 0), Channel::quarter(1, 1, 0), Channel::quarter(2, 1, 0)];
    const WORDS: [Option<Word>; 3] = [two(0), two(1), two(2)];
    const BITS: [[Bits; 2]; 3] = [[(0, 0), (0, 8)], [(1, 0), (1, 8)], [(2, 0), (2, 8)]];

    #[inline(always)]
    fn offsets(strides: [u32; 3], x: u32, y: u32) -> [u32; 3] {
        let at = |stride: u32, x: u32, y: u32| y.wrapping_mul(stride).wrapping_add(x);
        [at(strides[0], x, y), at(strides[1], x / 2, y / 2), at(strides[2], x / 2, y / 2)]
    }
}

impl Format for Interleaved {
    const CHANNELS: [Channel; 3] =
        [Channel::full(0, 2, 0), Channel::half(4, 1), Channel::half(4, 3)];
    const WORDS: [Option<Word>; 3] = [four(0); 3];
    const BITS: [[Bits; 2]; 3] = [[(0, 0), (0, 16)], [(1, 8), (2, 8)], [(1, 24), (2, 24)]];

    #[inline(always)]
    fn offsets(strides: [u32; 3], x: u32, y: u32) -> [u32; 3] {
        let row = y.wrapping_mul(strides[0]);
        let pair = row.wrapping_add((x & !1).wrapping_mul(2));
        [row.wrapping_add(x.wrapping_mul(2)), pair, pair.wrapping_add(4)]
    }
}

/// How a format's values become R, G, B. Levels are in 32nds here.
#[derive(Clone, Copy)]
pub(super) enum Colours {
    Rgb,
    Yuv(ColourRange),
}

/// ITU-R BT.601 in 8,192nds. Limited range stretches chroma by 255 / 224.
#[derive(Clone, Copy)]
pub(super) struct YuvFactors {
    /// The luma of black, in 32nds of a level.
    pub(super) black: i16,
    /// By how much more than 1 luma is stretched, in 16,384ths: limited range by 255 / 219.
    pub(super) stretch: i16,
    /// What V adds to red.
    pub(super) red_v: i16,
    /// What U and V take from green.
    pub(super) green_u: i16,
    pub(super) green_v: i16,
    /// What U adds to blue.
    pub(super) blue_u: i16,
}

impl Colours {
    /// What black is stored as.
    pub(super) const fn black(self) -> [u8; 3] {
        match self {
            Self::Rgb => [0; 3],
            Self::Yuv(ColourRange::Full) => [0, 128, 128],
            Self::Yuv(ColourRange::Limited) => [16, 128, 128],
        }
    }

    /// How Y, U, V become R, G, B, if they must.
    pub(super) const fn factors(self) -> Option<YuvFactors> {
        let Self::Yuv(range) = self else { return None };
        let black = self.black()[0] as i16 * 32;
        Some(match range {
            ColourRange::Full => YuvFactors {
                black,
                stretch: 0,
                red_v: 11_485,
                green_u: 2_819,
                green_v: 5_850,
                blue_u: 14_516,
            },
            ColourRange::Limited => YuvFactors {
                black,
                stretch: 2_694,
                red_v: 13_075,
                green_u: 3_209,
                green_v: 6_660,
                blue_u: 16_525,
            },
        })
    }

    /// Turns stored values into R, G, B, in 0..=[`WHITE`].
    #[inline(always)]
    pub(super) fn to_rgb(self, values: &mut [[i16; CHUNK]; 3]) {
        let Some(factors) = self.factors() else { return };
        let YuvFactors { black, stretch, red_v, green_u, green_v, blue_u } = factors;
        let [first, second, third] = values;
        for k in 0..CHUNK {
            let luma = first[k] - black;
            let luma = luma + high(luma << 2, stretch);
            let (u, v) = ((second[k] - 128 * 32) << 3, (third[k] - 128 * 32) << 3);
            first[k] = (luma + high(v, red_v)).clamp(0, WHITE);
            second[k] = (luma - high(u, green_u) - high(v, green_v)).clamp(0, WHITE);
            third[k] = (luma + high(u, blue_u)).clamp(0, WHITE);
        }
    }
}

/// The upper half of a product: `a` times `b` / 65,536, rounded down.
#[inline(always)]
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}
