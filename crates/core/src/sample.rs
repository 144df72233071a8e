//! The one place where pixels are read out of a frame: crop, turn, resize and convert in one pass.
//!
//! Model inputs, face crops for quality and the encoded pictures all come from here, straight from
//! the frame's own planes.

use crate::frame::{ColourRange, Frame, PixelFormat, Plane};
use crate::geometry::{Affine, Point2};

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
    /// The mean of as many bilinear points as source pixels are covered: no aliasing when a
    /// picture is made smaller.
    Area,
}

/// Reads a `width` x `height` picture from `frame`: pixel (x, y) comes from `to_picture` (x, y) of
/// the upright picture. `put` is given each pixel in row order as R, G, B in 0.0..=255.0.
pub fn rgb(
    frame: &Frame<'_>,
    to_picture: Affine,
    (width, height): (u32, u32),
    filter: Filter,
    border: Border,
    mut put: impl FnMut([f32; 3]),
) {
    let map = frame.stored_from_upright().after(to_picture);
    let range = frame.range();
    let (y, second, third) = (frame.plane(0), frame.plane(1), frame.plane(2));
    let at = Sampler { frame, map, width, height, filter, border };
    match frame.format() {
        PixelFormat::Rgb8 => at.run(|x, row| triple::<3, 0, 1, 2>(y, x, row), &mut put),
        PixelFormat::Rgba8 => at.run(|x, row| triple::<4, 0, 1, 2>(y, x, row), &mut put),
        PixelFormat::Bgra8 => at.run(|x, row| triple::<4, 2, 1, 0>(y, x, row), &mut put),
        PixelFormat::Nv12 => at.run(
            |x, row| {
                let chroma = (row / 2) * second.stride + (x / 2) * 2;
                yuv(range, y.data[row * y.stride + x], second.data[chroma], second.data[chroma + 1])
            },
            &mut put,
        ),
        PixelFormat::Nv21 => at.run(
            |x, row| {
                let chroma = (row / 2) * second.stride + (x / 2) * 2;
                yuv(range, y.data[row * y.stride + x], second.data[chroma + 1], second.data[chroma])
            },
            &mut put,
        ),
        PixelFormat::I420 => at.run(
            |x, row| {
                let u = second.data[(row / 2) * second.stride + x / 2];
                let v = third.data[(row / 2) * third.stride + x / 2];
                yuv(range, y.data[row * y.stride + x], u, v)
            },
            &mut put,
        ),
        PixelFormat::Yuyv => at.run(
            |x, row| {
                let pair = row * y.stride + (x / 2) * 4;
                yuv(range, y.data[row * y.stride + x * 2], y.data[pair + 1], y.data[pair + 3])
            },
            &mut put,
        ),
    }
}

/// As [`rgb()`], rounded to bytes and appended to `out` as R, G, B.
pub fn rgb8(
    frame: &Frame<'_>,
    to_picture: Affine,
    size: (u32, u32),
    filter: Filter,
    border: Border,
    out: &mut Vec<u8>,
) {
    out.reserve(size.0 as usize * size.1 as usize * 3);
    rgb(frame, to_picture, size, filter, border, |pixel| {
        out.extend(pixel.map(|value| (value + 0.5) as u8));
    });
}

/// A number that is equal for equal pictures and, with a sensor's noise, for no others: FNV-1a over
/// 64 by 128 bytes of the first plane. It tells whether a camera stands still; it is no checksum.
#[must_use]
pub fn fingerprint(frame: &Frame<'_>) -> u64 {
    const ROWS: usize = 64;
    const COLUMNS: usize = 128;
    let plane = frame.plane(0);
    let (row_bytes, rows) = frame.first_plane_size();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for row in 0..ROWS {
        let start = row * rows / ROWS * plane.stride;
        for column in 0..COLUMNS {
            let byte = plane.data[start + column * row_bytes / COLUMNS];
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

/// Gamma-coded luma of R, G, B, in their range. Source: ITU-R BT.601.
#[must_use]
pub fn luma([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

fn triple<const STEP: usize, const R: usize, const G: usize, const B: usize>(
    plane: Plane<'_>,
    x: usize,
    row: usize,
) -> [f32; 3] {
    let start = row * plane.stride + x * STEP;
    let pixel = &plane.data[start..start + STEP];
    [f32::from(pixel[R]), f32::from(pixel[G]), f32::from(pixel[B])]
}

/// ITU-R BT.601 to R, G, B.
fn yuv(range: ColourRange, y: u8, u: u8, v: u8) -> [f32; 3] {
    let (u, v) = (f32::from(u) - 128.0, f32::from(v) - 128.0);
    let (y, chroma) = match range {
        ColourRange::Full => (f32::from(y), 1.0),
        ColourRange::Limited => ((f32::from(y) - 16.0) * (255.0 / 219.0), 255.0 / 224.0),
    };
    [
        (y + chroma * 1.402 * v).clamp(0.0, 255.0),
        (y - chroma * (0.344_136 * u + 0.714_136 * v)).clamp(0.0, 255.0),
        (y + chroma * 1.772 * u).clamp(0.0, 255.0),
    ]
}

struct Sampler<'f, 'a> {
    frame: &'f Frame<'a>,
    map: Affine,
    width: u32,
    height: u32,
    filter: Filter,
    border: Border,
}

impl Sampler<'_, '_> {
    fn run(&self, fetch: impl Fn(usize, usize) -> [f32; 3], put: &mut impl FnMut([f32; 3])) {
        let (stored_width, stored_height) = self.frame.stored_size();
        let (right, bottom) = (stored_width as i32 - 1, stored_height as i32 - 1);
        let pixel = |x: i32, y: i32| {
            if self.border == Border::Black && (x < 0 || y < 0 || x > right || y > bottom) {
                return [0.0; 3];
            }
            fetch(x.clamp(0, right) as usize, y.clamp(0, bottom) as usize)
        };
        let bilinear = |point: Point2| {
            // A point far outside is as good as one just outside, and stays in i32.
            let x = point.x.clamp(-2.0, right as f32 + 2.0);
            let y = point.y.clamp(-2.0, bottom as f32 + 2.0);
            let (x0, y0) = (x.floor(), y.floor());
            let (fx, fy) = (x - x0, y - y0);
            let (x0, y0) = (x0 as i32, y0 as i32);
            // Nearly every point lies inside, where no border needs looking at.
            let inside = x0 >= 0 && y0 >= 0 && x0 < right && y0 < bottom;
            let [p00, p10, p01, p11] = if inside {
                let (x0, y0) = (x0 as usize, y0 as usize);
                [fetch(x0, y0), fetch(x0 + 1, y0), fetch(x0, y0 + 1), fetch(x0 + 1, y0 + 1)]
            } else {
                [pixel(x0, y0), pixel(x0 + 1, y0), pixel(x0, y0 + 1), pixel(x0 + 1, y0 + 1)]
            };
            std::array::from_fn::<f32, 3, _>(|c| {
                let top = p00[c] + (p10[c] - p00[c]) * fx;
                let low = p01[c] + (p11[c] - p01[c]) * fx;
                top + (low - top) * fy
            })
        };
        let steps = match self.filter {
            Filter::Bilinear => 1,
            Filter::Area => (self.map.scale().round() as usize).clamp(1, 16),
        };
        let weight = 1.0 / (steps * steps) as f32;
        for y in 0..self.height {
            for x in 0..self.width {
                let (x, y) = (x as f32, y as f32);
                if steps == 1 {
                    put(bilinear(self.map.apply(Point2::new(x, y))));
                    continue;
                }
                let mut sum = [0.0; 3];
                for sub_y in 0..steps {
                    for sub_x in 0..steps {
                        let at = |sub: usize| (sub as f32 + 0.5) / steps as f32 - 0.5;
                        let value =
                            bilinear(self.map.apply(Point2::new(x + at(sub_x), y + at(sub_y))));
                        for c in 0..3 {
                            sum[c] += value[c];
                        }
                    }
                }
                put(sum.map(|value| value * weight));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Rotation, Timestamp};
    use crate::geometry::Rect;

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
        let mut worst = 0.0f32;
        rgb(&frame, map, (8, 8), Filter::Area, Border::Replicate, |p| {
            worst = worst.max((p[0] - 127.5).abs());
        });
        assert!(worst < 1.0, "{worst}");
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
        assert_eq!(print(&picture(0, 0)), print(&picture(0, 9)));
        assert_ne!(print(&picture(0, 0)), print(&picture(1, 0)));
        // The smallest picture there is.
        print(&vec![1; 310 * 96]);
        let dot = Frame::rgb(1, 1, &[1, 2, 3], Timestamp::ZERO).unwrap();
        assert_eq!(fingerprint(&dot), fingerprint(&dot));
    }

    #[test]
    fn outside_is_black_or_the_nearest_pixel() {
        let data = [9u8; 12];
        let frame = Frame::rgb(2, 2, &data, Timestamp::ZERO).unwrap();
        let far = Affine::scale_then_move(1.0, 1.0, -1e9, f32::MAX);
        for (border, expected) in [(Border::Black, 0.0), (Border::Replicate, 9.0)] {
            rgb(&frame, far, (2, 2), Filter::Bilinear, border, |p| assert_eq!(p[0], expected));
        }
    }
}
