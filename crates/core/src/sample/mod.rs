//! The one place where pixels are read out of a frame: crop, turn, resize, convert and normalise in
//! one pass, straight from the frame's own planes. Model inputs, face crops for quality and the
//! encoded pictures all come from here.
//!
//! A pixel of the result is the mean over a **box** around its point of the picture. The box's sides
//! are parallel to the stored picture's; every stored pixel is a square of one colour. With
//! [`Filter::Bilinear`] the box is one stored pixel large, wherever its middle lies: this is
//! bilinear interpolation. With [`Filter::Area`] it is as long along each axis as the steps of the
//! result are (the root of the sum of both steps' squares along that axis), but no less than one
//! pixel; where the map does not turn, it is the footprint of the result's pixel. Chroma is that of
//! the sample that covers a pixel, and is averaged before it is converted (ITU-R BT.601), as luma is.
//!
//! The result is within a few hundredths of a level of exact arithmetic, and the same to the bit on
//! every processor.

#![allow(
    clippy::needless_range_loop,
    reason = "several arrays are walked side by side; by index, each loop becomes vector code"
)]

mod area;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod direct;
mod format;
mod output;
mod vector;

use std::marker::PhantomData;

use crate::frame::{Frame, PixelFormat, Plane};
use crate::geometry::Affine;
use crate::wide;

use format::{Channel, Colours, Format, Interleaved, Packed, Planar, SemiPlanar};
use output::Output;

/// What lies outside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// The nearest pixel of the picture.
    Replicate,
    /// Black.
    Black,
}

/// How a pixel between pixels is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Bilinear at one point: what MediaPipe's models were trained on.
    Bilinear,
    /// The mean of what the pixel covers, at any scale: no aliasing when a picture is made smaller,
    /// bilinear where it is not. [This module](self) says of what exactly.
    Area,
}

/// How a model takes a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorForm {
    /// One plane for each channel (NCHW) instead of the channels of each pixel together (NHWC).
    pub planar: bool,
    /// Blue comes first instead of red.
    pub bgr: bool,
    /// What is taken from every level, in 0..=255.
    pub mean: f32,
    /// By what the difference is divided then.
    pub scale: f32,
}

/// Reads a `width` x `height` picture from `frame` into a model's input: pixel (x, y) comes from
/// `to_picture` (x, y) of the upright picture. Whatever `to_picture` is, nothing panics: what is not
/// a number is read as some point.
///
/// # Panics
/// When `data` does not have 3 `width` `height` values.
pub fn tensor(
    frame: &Frame<'_>,
    to_picture: Affine,
    (width, height): (u32, u32),
    filter: Filter,
    border: Border,
    form: &TensorForm,
    data: &mut [f32],
) {
    assert_eq!(data.len(), width as usize * height as usize * 3, "values of the input");
    let view = View::new(frame, to_picture, (width, height), filter, border);
    read(&view, Output::tensor(data, form));
}

/// As [`tensor()`], as bytes appended to `out`: R, G, B of each pixel in row order.
pub fn rgb8(
    frame: &Frame<'_>,
    to_picture: Affine,
    size: (u32, u32),
    filter: Filter,
    border: Border,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.resize(start + size.0 as usize * size.1 as usize * 3, 0);
    let view = View::new(frame, to_picture, size, filter, border);
    read(&view, Output::Bytes(&mut out[start..]));
}

/// A number that is equal for equal pictures and, with a sensor's noise, for no others: a hash of 32
/// by 64 bytes of the first plane, padding left out. It tells whether a camera stands still; it is
/// no checksum.
///
/// Each of the 32 rows gives 8 words of eight bytes, spread from its first byte to its last. One
/// multiplication mixes a word in, after a turn that brings the upper half, which a multiplication
/// carries nowhere, down to where the next one spreads it.
#[must_use]
pub fn fingerprint(frame: &Frame<'_>) -> u64 {
    const ROWS: usize = 32;
    const WORDS: usize = 8;
    let plane = frame.plane(0);
    let (row_bytes, rows) = frame.first_plane_size();
    let mut hash = 0u64;
    for row in 0..ROWS {
        let bytes = &plane.data[row * rows / ROWS * plane.stride..][..row_bytes];
        for word in 0..WORDS {
            let rest = &bytes[word * row_bytes.saturating_sub(8) / (WORDS - 1)..];
            let word = rest.first_chunk().copied().unwrap_or_else(|| {
                // A row that is shorter than a word.
                std::array::from_fn(|byte| rest.get(byte).copied().unwrap_or_default())
            });
            // 2^64 over the golden ratio: odd, so that nothing is lost, with bits all over.
            hash = (hash.rotate_left(32) ^ u64::from_le_bytes(word))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
    hash
}

/// Gamma-coded luma of R, G, B, in their range. Source: ITU-R BT.601.
#[must_use]
pub fn luma([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// How many pixels are done at once.
const CHUNK: usize = 64;

/// What is read from where.
struct View<'a> {
    format: PixelFormat,
    planes: [Plane<'a>; 3],
    channels: [Channel; 3],
    colours: Colours,
    /// The planes' size in pixels.
    stored: (u32, u32),
    /// From pixels of the result to stored pixels.
    map: Affine,
    /// The result's size in pixels.
    size: (u32, u32),
    /// The sides of the boxes in stored pixels, at least 1.
    box_size: (f64, f64),
    border: Border,
}

impl<'a> View<'a> {
    fn new(
        frame: &Frame<'a>,
        to_picture: Affine,
        size: (u32, u32),
        filter: Filter,
        border: Border,
    ) -> Self {
        let map = frame.stored_from_upright().after(to_picture);
        let side = |along_x: f32, along_y: f32| {
            // Not a number becomes 1, and so does what rounding made a little more.
            let side = f64::from(along_x).hypot(along_y.into());
            if side > 1.0 + 1e-4 { side.min(LONGEST_BOX) } else { 1.0 }
        };
        let format = frame.format();
        let (channels, colours) = match format {
            PixelFormat::Rgb8 => (Packed::<3, 0>::CHANNELS, Colours::Rgb),
            PixelFormat::Rgba8 => (Packed::<4, 0>::CHANNELS, Colours::Rgb),
            PixelFormat::Bgra8 => (Packed::<4, 2>::CHANNELS, Colours::Rgb),
            PixelFormat::Nv12 => (SemiPlanar::<0>::CHANNELS, Colours::Yuv(frame.range())),
            PixelFormat::Nv21 => (SemiPlanar::<1>::CHANNELS, Colours::Yuv(frame.range())),
            PixelFormat::I420 => (Planar::CHANNELS, Colours::Yuv(frame.range())),
            PixelFormat::Yuyv => (Interleaved::CHANNELS, Colours::Yuv(frame.range())),
        };
        Self {
            format,
            planes: [0, 1, 2].map(|index| frame.plane(index)),
            channels,
            colours,
            stored: frame.stored_size(),
            map,
            size,
            box_size: match filter {
                Filter::Bilinear => (1.0, 1.0),
                Filter::Area => (side(map.a, map.b), side(map.c, map.d)),
            },
            border,
        }
    }

    /// Where the box of the result's pixel (`x`, `y`) begins; pixel `i` reaches from `i` to `i` + 1.
    #[inline(always)]
    fn box_corner(&self, x: f64, y: f64) -> (f64, f64) {
        let at = |along_x: f32, along_y: f32, offset: f32, side: f64| {
            f64::from(along_x) * x + f64::from(along_y) * y + f64::from(offset) + 0.5 - 0.5 * side
        };
        let map = &self.map;
        (at(map.a, map.b, map.tx, self.box_size.0), at(map.c, map.d, map.ty, self.box_size.1))
    }
}

/// Boxes that are longer still, in pixels, are as good as endless.
const LONGEST_BOX: f64 = 1e6;

/// Reads `view` into `output`.
fn read(view: &View<'_>, output: Output<'_>) {
    let map = &view.map;
    let straight = map.b == 0.0 && map.c == 0.0 || map.a == 0.0 && map.d == 0.0;
    let longest = view.box_size.0.max(view.box_size.1);
    if longest > direct::LARGEST_BOX || straight && longest > 1.0 {
        return wide::run(area::Reading { view, output });
    }
    match view.format {
        PixelFormat::Rgb8 => direct::<Packed<3, 0>>(view, output),
        PixelFormat::Rgba8 => direct::<Packed<4, 0>>(view, output),
        PixelFormat::Bgra8 => direct::<Packed<4, 2>>(view, output),
        PixelFormat::Nv12 => direct::<SemiPlanar<0>>(view, output),
        PixelFormat::Nv21 => direct::<SemiPlanar<1>>(view, output),
        PixelFormat::I420 => direct::<Planar>(view, output),
        PixelFormat::Yuyv => direct::<Interleaved>(view, output),
    }
}

fn direct<F: Format>(view: &View<'_>, output: Output<'_>) {
    wide::run(direct::Reading { view, output, format: PhantomData::<F> });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::frame::{ColourRange, Rotation, Timestamp};
    use crate::geometry::Rect;

    /// Levels as they are.
    const LEVELS: TensorForm = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };

    fn read(frame: &Frame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let size = (frame.width(), frame.height());
        let map = Affine::from_region(frame.bounds(), size.0, size.1);
        rgb8(frame, map, size, Filter::Bilinear, Border::Replicate, &mut out);
        out.iter().step_by(3).copied().collect()
    }

    /// A 3x2 picture whose red channel counts 1..=6.
    fn counted() -> Vec<u8> {
        (1..=6u8).flat_map(|n| [n, 0, 0]).collect()
    }

    #[test]
    fn every_rotation_brings_the_picture_upright() {
        let data = counted();
        let frame = Frame::rgb(3, 2, &data, Timestamp::ZERO).unwrap();
        assert_eq!(read(&frame), [1, 2, 3, 4, 5, 6]);
        assert_eq!(read(&frame.rotated(Rotation::Clockwise90)), [4, 1, 5, 2, 6, 3]);
        assert_eq!(read(&frame.rotated(Rotation::Half)), [6, 5, 4, 3, 2, 1]);
        assert_eq!(read(&frame.rotated(Rotation::Clockwise270)), [3, 6, 2, 5, 1, 4]);
        assert_eq!(read(&frame.mirrored(true)), [3, 2, 1, 6, 5, 4]);
    }

    #[test]
    fn all_formats_of_one_grey_picture_read_alike() {
        // 5x3: odd sides, strides longer than a row.
        let (w, h) = (5u32, 3u32);
        let grey = |x: usize, y: usize| (20 * x + 40 * y + 30) as u8;
        let expected: Vec<u8> = (0..3).flat_map(|y| (0..5).map(move |x| grey(x, y))).collect();
        let packed = |bytes: usize| {
            let mut data = vec![0u8; 32 * 3];
            for y in 0..3 {
                for x in 0..5 {
                    for b in 0..bytes.min(3) {
                        data[y * 32 + x * bytes + b] = grey(x, y);
                    }
                }
            }
            data
        };
        let luma = packed(1);
        let chroma = vec![128u8; 64];
        let mut yuyv = vec![128u8; 32 * 3];
        for y in 0..3 {
            for x in 0..5 {
                yuyv[y * 32 + x * 2] = grey(x, y);
            }
        }
        let (rgb, rgba) = (packed(3), packed(4));
        let p = |data| Plane { data, stride: 32 };
        let make = |format, planes: &[Plane<'_>]| {
            let frame = Frame::new(format, w, h, planes, Timestamp::ZERO).unwrap();
            read(&frame.with_range(ColourRange::Full))
        };
        assert_eq!(make(PixelFormat::Rgb8, &[p(&rgb)]), expected);
        assert_eq!(make(PixelFormat::Rgba8, &[p(&rgba)]), expected);
        assert_eq!(make(PixelFormat::Bgra8, &[p(&rgba)]), expected);
        assert_eq!(make(PixelFormat::Nv12, &[p(&luma), p(&chroma)]), expected);
        assert_eq!(make(PixelFormat::Nv21, &[p(&luma), p(&chroma)]), expected);
        assert_eq!(make(PixelFormat::I420, &[p(&luma), p(&chroma), p(&chroma)]), expected);
        assert_eq!(make(PixelFormat::Yuyv, &[p(&yuyv)]), expected);
    }

    #[test]
    fn area_sampling_keeps_the_mean_where_points_would_alias() {
        // One-pixel stripes: any single bilinear point at a whole pixel is 0 or 255.
        let data: Vec<u8> =
            (0..64 * 64).flat_map(|i| [if i % 2 == 0 { 0 } else { 255 }; 3]).collect();
        let frame = Frame::rgb(64, 64, &data, Timestamp::ZERO).unwrap();
        let map = Affine::from_region(Rect::new(0.0, 0.0, 64.0, 64.0), 8, 8);
        let mut levels = [0.0; 8 * 8 * 3];
        tensor(&frame, map, (8, 8), Filter::Area, Border::Replicate, &LEVELS, &mut levels);
        let worst = levels.iter().fold(0.0f32, |worst, level| worst.max((level - 127.5).abs()));
        assert!(worst < 0.05, "{worst}");
    }

    #[test]
    fn a_fingerprint_tells_pictures_apart_and_ignores_padding() {
        let picture = |noise: u8, padding: u8| -> Vec<u8> {
            (0..96u32)
                .flat_map(|y| (0..310u32).map(move |x| (x, y)))
                .map(|(x, y)| if x < 300 { (x * 7 + y * 13) as u8 ^ noise } else { padding })
                .collect()
        };
        let print = |data: &[u8]| {
            let plane = Plane { data, stride: 310 };
            fingerprint(&Frame::new(PixelFormat::Rgb8, 100, 96, &[plane], Timestamp::ZERO).unwrap())
        };
        let first = print(&picture(0, 0));
        assert_eq!(first, print(&picture(0, 9)));
        assert_ne!(first, print(&picture(1, 0)));
        // Changes of the uppermost bits alone do not cancel each other out.
        assert_ne!(first, print(&picture(0x80, 0)));
        // Every bit of the first and of the last word of a row counts.
        for (byte, bit) in
            (0..8).chain(292..300).flat_map(|byte| (0..8).map(move |bit| (byte, bit)))
        {
            let mut data = picture(0, 0);
            data[93 * 310 + byte] ^= 1 << bit;
            assert_ne!(first, print(&data), "bit {bit} of byte {byte}");
        }
    }

    #[test]
    fn a_fingerprint_of_rows_shorter_than_a_word_counts_each_byte() {
        for width in 1..=9u32 {
            let mut data: Vec<u8> = (0..width as u8 * 2).collect();
            let print = |data: &[u8]| {
                let planes = [Plane { data, stride: width as usize }, Plane { data, stride: 10 }];
                fingerprint(
                    &Frame::new(PixelFormat::Nv12, width, 2, &planes, Timestamp::ZERO).unwrap(),
                )
            };
            data.resize(32, 0);
            let first = print(&data);
            for byte in 0..2 * width as usize {
                data[byte] ^= 0x80;
                assert_ne!(first, print(&data), "byte {byte} of a row of {width}");
                data[byte] ^= 0x80;
            }
            data[2 * width as usize..].fill(1);
            assert_eq!(first, print(&data), "what follows a row of {width}");
        }
    }

    #[test]
    fn outside_is_black_or_the_nearest_pixel() {
        let data = [9u8; 12];
        let frame = Frame::rgb(2, 2, &data, Timestamp::ZERO).unwrap();
        for (scale, border, expected) in [
            (1.0, Border::Black, 0.0),
            (1.0, Border::Replicate, 9.0),
            (30.0, Border::Black, 0.0),
            (30.0, Border::Replicate, 9.0),
        ] {
            let far = Affine::scale_then_move(scale, scale, -1e9, f32::MAX);
            for filter in [Filter::Bilinear, Filter::Area] {
                let mut levels = [f32::NAN; 12];
                tensor(&frame, far, (2, 2), filter, border, &LEVELS, &mut levels);
                assert_eq!(levels, [expected; 12]);
            }
        }
    }

    /// Numbers of maps: any, of the size of real ones, and the special ones.
    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -3.0..3.0f32,
            2 => -100.0..100.0f32,
            2 => Just(0.0f32),
            1 => any::<f32>(),
            1 => prop::sample::select(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -0.0][..]),
        ]
    }

    /// The bits of [`tensor()`]'s values.
    fn levels(
        frame: &Frame<'_>,
        map: Affine,
        size: (u32, u32),
        filter: Filter,
        border: Border,
        form: &TensorForm,
        only_portable: bool,
    ) -> Vec<u32> {
        let mut levels = vec![f32::NAN; (size.0 * size.1 * 3) as usize];
        crate::wide::tests::ONLY_PORTABLE.set(only_portable);
        tensor(frame, map, size, filter, border, form, &mut levels);
        crate::wide::tests::ONLY_PORTABLE.set(false);
        levels.into_iter().map(f32::to_bits).collect()
    }

    /// Turned and scaled in every way, into the picture's corners and beyond: whole runs are read by
    /// hand in several ways, and others are not.
    #[test]
    fn what_is_read_by_hand_is_the_same_to_the_bit() {
        let (width, height) = (231u32, 187u32);
        let mut state = 1u32;
        let mut noise = |bytes: usize| -> Vec<u8> {
            let next = |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            (0..bytes).map(next).collect()
        };
        // No byte more than there must be, and another stride for chroma.
        let luma = noise(240 * 186 + 231);
        let pairs = noise(234 * 93 + 232);
        let (u, v) = (noise(117 * 93 + 116), noise(117 * 93 + 116));
        let luma = Plane { data: &luma, stride: 240 };
        let pairs = Plane { data: &pairs, stride: 234 };
        let half = |data| Plane { data, stride: 117 };
        let cases = [
            (PixelFormat::Nv12, ColourRange::Limited, false, vec![luma, pairs]),
            (PixelFormat::Nv12, ColourRange::Full, true, vec![luma, pairs]),
            (PixelFormat::Nv21, ColourRange::Limited, true, vec![luma, pairs]),
            (PixelFormat::Nv21, ColourRange::Full, false, vec![luma, pairs]),
            (PixelFormat::I420, ColourRange::Limited, false, vec![luma, half(&u), half(&v)]),
        ];
        for (format, range, bgr, planes) in cases {
            let frame = Frame::new(format, width, height, &planes, Timestamp::ZERO).unwrap();
            let frame = frame.with_range(range);
            let form = TensorForm { planar: false, bgr, mean: 3.0, scale: 7.0 };
            for degrees in (0..360).step_by(3) {
                for (side, x, y) in [(40.0, 61.3, 50.9), (130.0, 115.5, 93.5), (187.0, 140.0, 70.0)]
                {
                    let square = crate::geometry::RotatedSquare {
                        centre: crate::geometry::Point2::new(x, y),
                        side,
                        angle_radians: (degrees as f32).to_radians(),
                    };
                    let map = square.to_picture(96);
                    let read = |only_portable| {
                        let size = (130, 96);
                        let (filter, border) = (Filter::Bilinear, Border::Black);
                        levels(&frame, map, size, filter, border, &form, only_portable)
                    };
                    assert!(read(false) == read(true), "{format:?}, {degrees} degrees, {side}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn the_processors_extensions_change_no_bit(
            noise in prop::collection::vec(any::<u8>(), 64),
            side in (1..90u32, 1..40u32),
            padding in 0..9usize,
            format in 0..7usize,
            turn in 0..4u32,
            (limited, mirrored, area, black, planar) in any::<(bool, bool, bool, bool, bool)>(),
            map in prop::array::uniform6(number()),
            size in (0..150u32, 0..9u32),
        ) {
            let format = PixelFormat::ALL[format];
            let stride = side.0 as usize * 4 + 4 + padding;
            let data: Vec<u8> = (0..stride * side.1 as usize)
                .map(|i| noise[i % 64].wrapping_mul((i / 64 + 1) as u8))
                .collect();
            let planes = vec![Plane { data: &data, stride }; format.plane_count()];
            let frame = Frame::new(format, side.0, side.1, &planes, Timestamp::ZERO)
                .unwrap()
                .rotated(Rotation::from_degrees(turn * 90).unwrap())
                .mirrored(mirrored)
                .with_range(if limited { ColourRange::Limited } else { ColourRange::Full });
            let [a, b, tx, c, d, ty] = map;
            let map = Affine { a, b, tx, c, d, ty };
            let filter = if area { Filter::Area } else { Filter::Bilinear };
            let border = if black { Border::Black } else { Border::Replicate };
            let form = TensorForm { planar, bgr: limited, ..LEVELS };
            let read = |only_portable| {
                let mut bytes = Vec::new();
                crate::wide::tests::ONLY_PORTABLE.set(only_portable);
                rgb8(&frame, map, size, filter, border, &mut bytes);
                crate::wide::tests::ONLY_PORTABLE.set(false);
                (levels(&frame, map, size, filter, border, &form, only_portable), bytes)
            };
            let (levels, bytes) = read(false);
            prop_assert!(levels.iter().all(|level| (0.0..=255.0).contains(&f32::from_bits(*level))));
            prop_assert!((levels, bytes) == read(true));
        }
    }
}
