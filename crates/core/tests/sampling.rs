//! The sampler against the long way round: the whole frame decoded in plain arithmetic, brought
//! upright by `image`, and then warped by `imageproc` or averaged pixel by pixel.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::LazyLock;

use image::{ImageBuffer, Rgb, RgbImage, imageops};
use imageproc::geometric_transformations::{self as warping, Interpolation};
use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, ColourRange, Frame, PixelFormat, Plane, Rotation, Timestamp};
use proptest::prelude::*;

/// A picture in 256ths of a level.
type Fine = ImageBuffer<Rgb<u16>, Vec<u16>>;

/// A photo of a person, 512x512.
static PHOTO: LazyLock<RgbImage> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/stills/astronaut.png");
    image::open(path).unwrap().into_rgb8()
});

/// What a camera might deliver: the planes of one picture.
struct Stored {
    format: PixelFormat,
    range: ColourRange,
    width: usize,
    height: usize,
    /// Bytes and stride of each plane.
    planes: Vec<(Vec<u8>, usize)>,
}

impl Stored {
    fn new(picture: &RgbImage, format: PixelFormat, range: ColourRange, padding: usize) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        // Not a level of the picture, so that reading the padding is noticed.
        let plane = |row: usize, rows: usize| (vec![0xAA; (row + padding) * rows], row + padding);
        let mut planes = match format {
            PixelFormat::Rgb8 => vec![plane(width * 3, height)],
            PixelFormat::Rgba8 | PixelFormat::Bgra8 => vec![plane(width * 4, height)],
            PixelFormat::Nv12 | PixelFormat::Nv21 => {
                vec![plane(width, height), plane(half_width * 2, half_height)]
            }
            PixelFormat::I420 => {
                // The planes' strides differ.
                let (u, v) = (plane(half_width, half_height), plane(half_width + 3, half_height));
                vec![plane(width, height), u, v]
            }
            PixelFormat::Yuyv => vec![plane(half_width * 4, height)],
        };
        for (x, y, Rgb(rgb)) in picture.enumerate_pixels() {
            let yuv = encode(range, *rgb);
            for channel in 0..3 {
                let (plane, offset) = place(format, x as usize, y as usize, channel);
                let is_yuv = planes.len() > 1 || format == PixelFormat::Yuyv;
                let value = if is_yuv { yuv[channel] } else { rgb[channel] };
                let (data, stride) = &mut planes[plane];
                data[offset.1 * *stride + offset.0] = value;
            }
        }
        Self { format, range, width, height, planes }
    }

    fn frame(&self) -> Frame<'_> {
        let planes: Vec<_> =
            self.planes.iter().map(|(data, stride)| Plane { data, stride: *stride }).collect();
        let (width, height) = (self.width as u32, self.height as u32);
        Frame::new(self.format, width, height, &planes, Timestamp::ZERO)
            .unwrap()
            .with_range(self.range)
    }

    fn is_yuv(&self) -> bool {
        self.planes.len() > 1 || self.format == PixelFormat::Yuyv
    }

    /// The whole picture as `of` makes it from stored values: each pixel has the chroma that covers it.
    fn whole(&self, of: impl Fn([f64; 3]) -> [f64; 3]) -> Fine {
        ImageBuffer::from_fn(self.width as u32, self.height as u32, |x, y| {
            let values = [0, 1, 2].map(|channel| {
                let (plane, (column, row)) = place(self.format, x as usize, y as usize, channel);
                let (data, stride) = &self.planes[plane];
                f64::from(data[row * stride + column])
            });
            Rgb(of(values).map(|value| (value * 256.0).round() as u16))
        })
    }

    /// R, G, B of stored values, beyond black and white where YUV values are no colour.
    fn uncut(&self, values: [f64; 3]) -> [f64; 3] {
        if self.is_yuv() { decode(self.range, values) } else { values }
    }

    /// R, G, B of stored values.
    fn rgb(&self, values: [f64; 3]) -> [f64; 3] {
        self.uncut(values).map(within)
    }

    /// How far these were beyond black or white.
    fn cut(&self, values: [f64; 3]) -> [f64; 3] {
        self.uncut(values).map(|level| (level - within(level)).abs())
    }

    /// What black is stored as.
    fn black(&self) -> [u8; 3] {
        if self.is_yuv() { encode(self.range, [0; 3]) } else { [0; 3] }
    }
}

/// The plane of a value of pixel (x, y), and where in the plane it lies: the byte of the row, the row.
fn place(format: PixelFormat, x: usize, y: usize, channel: usize) -> (usize, (usize, usize)) {
    let chroma = |offset: usize| (1, (x / 2 * 2 + offset, y / 2));
    match (format, channel) {
        (PixelFormat::Rgb8, _) => (0, (x * 3 + channel, y)),
        (PixelFormat::Rgba8, _) => (0, (x * 4 + channel, y)),
        (PixelFormat::Bgra8, _) => (0, (x * 4 + 2 - channel, y)),
        (PixelFormat::Yuyv, 0) => (0, (x * 2, y)),
        (PixelFormat::Yuyv, _) => (0, (x / 2 * 4 + channel * 2 - 1, y)),
        (_, 0) => (0, (x, y)),
        (PixelFormat::Nv12, _) => chroma(channel - 1),
        (PixelFormat::Nv21, _) => chroma(2 - channel),
        (PixelFormat::I420, _) => (channel, (x / 2, y / 2)),
    }
}

/// ITU-R BT.601, from R, G, B to Y, U, V.
fn encode(range: ColourRange, rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(f64::from);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    let (u, v) = ((b - y) / 1.772, (r - y) / 1.402);
    let yuv = match range {
        ColourRange::Full => [y, 128.0 + u, 128.0 + v],
        ColourRange::Limited => {
            [16.0 + y * 219.0 / 255.0, 128.0 + u * 224.0 / 255.0, 128.0 + v * 224.0 / 255.0]
        }
    };
    yuv.map(|value| value.round().clamp(0.0, 255.0) as u8)
}

/// And back.
fn decode(range: ColourRange, [y, u, v]: [f64; 3]) -> [f64; 3] {
    let (y, u, v) = match range {
        ColourRange::Full => (y, u - 128.0, v - 128.0),
        ColourRange::Limited => {
            ((y - 16.0) * 255.0 / 219.0, (u - 128.0) * 255.0 / 224.0, (v - 128.0) * 255.0 / 224.0)
        }
    };
    [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u]
}

fn within(level: f64) -> f64 {
    level.clamp(0.0, 255.0)
}

fn upright(stored: Fine, rotation: Rotation, mirrored: bool) -> Fine {
    let stored = if mirrored { imageops::flip_horizontal(&stored) } else { stored };
    match rotation {
        Rotation::None => stored,
        Rotation::Clockwise90 => imageops::rotate90(&stored),
        Rotation::Half => imageops::rotate180(&stored),
        Rotation::Clockwise270 => imageops::rotate270(&stored),
    }
}

/// What a pixel beside the picture is.
fn beside(picture: &Fine, x: i64, y: i64, (border, black): (Border, [u8; 3])) -> [f64; 3] {
    let (right, bottom) = (i64::from(picture.width()) - 1, i64::from(picture.height()) - 1);
    if border == Border::Black && (x < 0 || y < 0 || x > right || y > bottom) {
        return black.map(f64::from);
    }
    let Rgb(fine) = picture.get_pixel(x.clamp(0, right) as u32, y.clamp(0, bottom) as u32);
    fine.map(|value| f64::from(value) / 256.0)
}

/// The mean over every part of a pixel that lies in the box around `map` (x, y).
fn mean_of_box(
    picture: &Fine,
    map: Affine,
    (x, y): (f64, f64),
    border: (Border, [u8; 3]),
) -> [f64; 3] {
    let [a, b, tx, c, d, ty] = [map.a, map.b, map.tx, map.c, map.d, map.ty].map(f64::from);
    let (width, height) = (a.hypot(b).max(1.0), c.hypot(d).max(1.0));
    // Pixel i reaches from i - 0.5 to i + 0.5.
    let (left, top) = (a * x + b * y + tx - width / 2.0, c * x + d * y + ty - height / 2.0);
    let covered = |pixel: i64, start: f64, length: f64| {
        let pixel = pixel as f64;
        ((pixel + 0.5).min(start + length) - (pixel - 0.5).max(start)).max(0.0)
    };
    let range = |start: f64, length: f64| {
        (start - 1.0).floor() as i64..=(start + length + 1.0).ceil() as i64
    };
    let mut sum = [0.0; 3];
    for row in range(top, height) {
        for column in range(left, width) {
            let weight = covered(row, top, height) * covered(column, left, width);
            let pixel = beside(picture, column, row, border);
            (0..3).for_each(|i| sum[i] += weight * pixel[i]);
        }
    }
    sum.map(|sum| sum / (width * height))
}

/// The values of the reference, three of each pixel in row order. Beside the picture lies what
/// `border` says: its nearest pixel, or black.
fn reference(
    picture: &Fine,
    map: Affine,
    (width, height): (u32, u32),
    filter: Filter,
    border: (Border, [u8; 3]),
) -> Vec<[f64; 3]> {
    match filter {
        Filter::Bilinear => {
            let extend = match border {
                (Border::Replicate, _) => warping::Border::Replicate,
                (Border::Black, black) => {
                    warping::Border::Constant(Rgb(black.map(|value| u16::from(value) * 256)))
                }
            };
            let mut out = Fine::new(width, height);
            let to_picture =
                |x: f32, y: f32| (map.a * x + map.b * y + map.tx, map.c * x + map.d * y + map.ty);
            let bilinear = Interpolation::Bilinear;
            warping::warp_into_with(picture, to_picture, bilinear, extend, &mut out);
            out.pixels().map(|pixel| pixel.0.map(|value| f64::from(value) / 256.0)).collect()
        }
        Filter::Area => (0..height)
            .flat_map(|y| (0..width).map(move |x| (f64::from(x), f64::from(y))))
            .map(|point| mean_of_box(picture, map, point, border))
            .collect(),
    }
}

/// Mean and largest difference, in levels.
fn differences(seen: &[f32], expected: &[[f64; 3]]) -> (f64, f64) {
    let expected = expected.as_flattened();
    assert_eq!(seen.len(), expected.len());
    let all = seen.iter().zip(expected).map(|(seen, expected)| (f64::from(*seen) - expected).abs());
    (all.clone().sum::<f64>() / seen.len() as f64, all.fold(0.0, f64::max))
}

const LEVELS: TensorForm = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };

/// A made-up picture: soft gradients with stripes of any direction, and a hard edge.
fn made_up(width: u32, height: u32, seed: u32) -> RgbImage {
    let wave = |x: u32, y: u32, of: u32| {
        let (fx, fy) = ((seed >> of & 15) as f32 / 12.0, (seed >> (of + 4) & 15) as f32 / 12.0);
        (x as f32 * fx + y as f32 * fy).sin() * 40.0 + 128.0
    };
    RgbImage::from_fn(width, height, |x, y| {
        let edge = if x * 2 + y > width { 40.0 } else { -40.0 };
        let slope = (x * 40 / width) as f32 - (y * 40 / height) as f32;
        Rgb([0, 8, 16].map(|of| (wave(x, y, of) + edge + slope * 0.5) as u8))
    })
}

#[derive(Debug)]
struct Case {
    format: PixelFormat,
    range: ColourRange,
    rotation: Rotation,
    mirrored: bool,
    padding: usize,
    /// A cut of the photo, or a made-up picture.
    photo: bool,
    side: (u32, u32),
    seed: u32,
    size: (u32, u32),
    /// Turn in radians; 0 in a part of the cases.
    angle: f32,
    scale: (f32, f32),
    /// Where the result's middle lies in the picture, in its sides.
    middle: (f32, f32),
    border: Border,
}

fn case() -> impl Strategy<Value = Case> {
    let look = (
        prop::sample::select(&PixelFormat::ALL[..]),
        prop::sample::select(&[ColourRange::Full, ColourRange::Limited][..]),
        prop::sample::select(&[0, 90, 180, 270][..]),
        any::<bool>(),
        prop_oneof![Just(0usize), 1..40usize],
    );
    let picture = (any::<bool>(), (1..180u32, 1..180u32), any::<u32>());
    let view = (
        (1..90u32, 1..50u32),
        prop_oneof![Just(0.0f32), -3.2..3.2f32],
        (-1.6..2.08f32, prop_oneof![Just(1.0f32), 0.5..2.0f32]),
        (-0.1..1.1f32, -0.1..1.1f32),
        prop::sample::select(&[Border::Replicate, Border::Black][..]),
    );
    (look, picture, view).prop_map(|(look, picture, view)| Case {
        format: look.0,
        range: look.1,
        rotation: Rotation::from_degrees(look.2).unwrap(),
        mirrored: look.3,
        padding: look.4,
        photo: picture.0,
        side: picture.1,
        seed: picture.2,
        size: view.0,
        angle: view.1,
        // 0.2 to 8, as many below 1 as above 2.
        scale: (view.2.0.exp(), view.2.0.exp() * view.2.1),
        middle: view.3,
        border: view.4,
    })
}

impl Case {
    fn stored(&self) -> Stored {
        let (width, height) = self.side;
        let picture = if self.photo {
            let (x, y) = (self.seed % (512 - width), (self.seed >> 16) % (512 - height));
            imageops::crop_imm(&*PHOTO, x, y, width, height).to_image()
        } else {
            made_up(width, height, self.seed)
        };
        Stored::new(&picture, self.format, self.range, self.padding)
    }

    fn map(&self, frame: &Frame<'_>) -> Affine {
        let (sin, cos) = self.angle.sin_cos();
        let (sx, sy) = self.scale;
        let (a, b, c, d) = (cos * sx, -sin * sy, sin * sx, cos * sy);
        let (x, y) = (self.size.0 as f32 / 2.0, self.size.1 as f32 / 2.0);
        let tx = self.middle.0 * frame.width() as f32 - a * x - b * y;
        Affine { a, b, tx, c, d, ty: self.middle.1 * frame.height() as f32 - c * x - d * y }
    }
}

proptest! {
    /// Chroma and luma are averaged and then converted. With a reference that does the same, no value
    /// is off by more than 0.4 of a level. A reference that converts every pixel first differs only
    /// where YUV values are no colours, as at edges, where pixels share chroma: it cuts off what is
    /// beyond black or white before it averages. That moves a mean by no more than the mean of what
    /// is cut off under the same weights, so this is what a value may differ by in addition.
    #[test]
    fn the_sampler_gives_what_the_long_way_round_gives(case in case()) {
        let stored = case.stored();
        let frame = stored.frame().rotated(case.rotation).mirrored(case.mirrored);
        let turned = |picture| upright(picture, case.rotation, case.mirrored);
        let values = turned(stored.whole(|values| values));
        let colours = turned(stored.whole(|values| stored.rgb(values)));
        let cuts = turned(stored.whole(|values| stored.cut(values)));
        prop_assert_eq!((frame.width(), frame.height()), values.dimensions());
        let map = case.map(&frame);
        for filter in [Filter::Bilinear, Filter::Area] {
            let mut levels = vec![f32::NAN; (case.size.0 * case.size.1 * 3) as usize];
            sample::tensor(&frame, map, case.size, filter, case.border, &LEVELS, &mut levels);

            let border = (case.border, stored.black());
            let mut expected = reference(&values, map, case.size, filter, border);
            expected.iter_mut().for_each(|values| *values = stored.rgb(*values));
            let (mean, largest) = differences(&levels, &expected);
            prop_assert!(mean < 0.1 && largest < 0.4, "{filter:?}: {mean}, up to {largest}");

            // Black is a colour: nothing of it is cut off.
            let border = (case.border, [0; 3]);
            let expected = reference(&colours, map, case.size, filter, border);
            let cut = reference(&cuts, map, case.size, filter, border);
            let (expected, cut) = (expected.as_flattened(), cut.as_flattened());
            for ((level, expected), cut) in levels.iter().zip(expected).zip(cut) {
                let off = (f64::from(*level) - expected).abs();
                prop_assert!(off < cut + 0.4, "{filter:?}: {off}, where {cut} is cut off");
            }
        }
    }

    /// Whatever the form, a model is given the same picture; bytes are its rounded levels.
    #[test]
    fn every_form_holds_the_same_picture(
        case in case(), planar: bool, bgr: bool, mean in -10.0..140.0f32, scale in 0.5..300.0f32,
    ) {
        let stored = case.stored();
        let frame = stored.frame().rotated(case.rotation).mirrored(case.mirrored);
        let map = case.map(&frame);
        let (width, height) = case.size;
        let pixels = (width * height) as usize;
        let read = |form| {
            let mut data = vec![f32::NAN; pixels * 3];
            sample::tensor(&frame, map, case.size, Filter::Area, case.border, &form, &mut data);
            data
        };
        let levels = read(LEVELS);
        let seen = read(TensorForm { planar, bgr, mean, scale });
        let mut bytes = Vec::new();
        sample::rgb8(&frame, map, case.size, Filter::Area, case.border, &mut bytes);
        for pixel in 0..pixels {
            for channel in 0..3 {
                let level = levels[pixel * 3 + channel];
                prop_assert_eq!(bytes[pixel * 3 + channel], (level + 0.5) as u8);
                let place = if bgr { 2 - channel } else { channel };
                let at = if planar { place * pixels + pixel } else { pixel * 3 + place };
                let expected = (level - mean) / scale;
                prop_assert!((seen[at] - expected).abs() < 1e-4 * (1.0 + expected.abs()));
            }
        }
    }
}

/// At whole factors `image` makes a photo smaller by plain averages.
#[test]
fn a_smaller_photo_looks_as_image_makes_it() {
    for side in [256, 128, 32] {
        for format in PixelFormat::ALL {
            let stored = Stored::new(&PHOTO, format, ColourRange::Full, 0);
            let expected = imageops::thumbnail(&stored.whole(|v| stored.rgb(v)), side, side);
            let expected: Vec<_> =
                expected.pixels().map(|p| p.0.map(|v| f64::from(v) / 256.0)).collect();
            let frame = stored.frame();
            let map = Affine::from_region(frame.bounds(), side, side);
            let mut seen = vec![f32::NAN; expected.len() * 3];
            let size = (side, side);
            sample::tensor(&frame, map, size, Filter::Area, Border::Replicate, &LEVELS, &mut seen);
            let (mean, largest) = differences(&seen, &expected);
            assert!(mean < 0.1, "{format:?} to {side}: {mean}, up to {largest}");
        }
    }
}
