//! The frames that are measured on: decoded once and kept in memory in a camera's format.

use std::path::Path;

use clap::ValueEnum;
use liveface::camera::{FrameSource, Recording, Still};
use liveface::{ColourRange, Frame, PixelFormat, Plane, Timestamp};
use liveface_core::Affine;
use liveface_core::sample::{Border, Filter, rgb8};

use crate::failure::Failure;

/// A rendered person at arm's length, 640x480.
pub(super) const PICTURE: &[u8] = include_bytes!("../../../../../fixtures/clips-f1/idle/000.jpg");

/// How pixels lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// What most cameras give
    Nv12,
    /// What Android gives
    Nv21,
    I420,
    Yuyv,
    Rgb,
    Rgba,
    Bgra,
}

impl Format {
    const fn pixels(self) -> PixelFormat {
        match self {
            Self::Nv12 => PixelFormat::Nv12,
            Self::Nv21 => PixelFormat::Nv21,
            Self::I420 => PixelFormat::I420,
            Self::Yuyv => PixelFormat::Yuyv,
            Self::Rgb => PixelFormat::Rgb8,
            Self::Rgba => PixelFormat::Rgba8,
            Self::Bgra => PixelFormat::Bgra8,
        }
    }

    pub(super) fn name(self) -> String {
        format!("{:?}", self.pixels()).to_lowercase()
    }
}

/// A frame kept in memory, so that decoding is not measured with it.
pub(super) struct Kept {
    format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes and stride of each plane.
    planes: Vec<(Vec<u8>, usize)>,
}

impl Kept {
    /// The upright picture of `frame` in another format.
    fn new(frame: &Frame<'_>, format: PixelFormat) -> Self {
        let (width, height) = (frame.width(), frame.height());
        let map = Affine::from_region(frame.bounds(), width, height);
        let mut rgb = Vec::new();
        rgb8(frame, map, (width, height), Filter::Bilinear, Border::Replicate, &mut rgb);
        let (across, down) = (width as usize, height as usize);
        let packed = |order: [usize; 3]| {
            let pixel = |p: &[u8]| [p[order[0]], p[order[1]], p[order[2]], 255];
            (rgb.chunks_exact(3).flat_map(pixel).collect(), across * 4)
        };
        let luma = || rgb.chunks_exact(3).map(|pixel| yuv(pixel)[0]).collect::<Vec<u8>>();
        // The colour of each group of pixels is that of its first one.
        let colours = |step_down: usize, parts: &[usize]| {
            let mut bytes = Vec::new();
            for y in (0..down).step_by(step_down) {
                for x in (0..across).step_by(2) {
                    let colour = yuv(&rgb[(y * across + x) * 3..]);
                    bytes.extend(parts.iter().map(|part| colour[*part]));
                }
            }
            (bytes, across.div_ceil(2) * parts.len())
        };
        let planes = match format {
            PixelFormat::Rgba8 => vec![packed([0, 1, 2])],
            PixelFormat::Bgra8 => vec![packed([2, 1, 0])],
            PixelFormat::Nv12 => vec![(luma(), across), colours(2, &[1, 2])],
            PixelFormat::Nv21 => vec![(luma(), across), colours(2, &[2, 1])],
            PixelFormat::I420 => vec![(luma(), across), colours(2, &[1]), colours(2, &[2])],
            PixelFormat::Yuyv => {
                let (uv, _) = colours(1, &[1, 2]);
                let mut bytes = Vec::new();
                let luma = luma();
                for (row, uv) in
                    luma.chunks_exact(across).zip(uv.chunks_exact(across.div_ceil(2) * 2))
                {
                    for (pair, uv) in row.chunks(2).zip(uv.chunks_exact(2)) {
                        bytes.extend([pair[0], uv[0], pair[pair.len() - 1], uv[1]]);
                    }
                }
                vec![(bytes, across.div_ceil(2) * 4)]
            }
            PixelFormat::Rgb8 => vec![(rgb, across * 3)],
        };
        Self { format, width, height, planes }
    }

    pub(super) fn frame(&self, at: Timestamp) -> Result<Frame<'_>, Failure> {
        let planes: Vec<_> =
            self.planes.iter().map(|(data, stride)| Plane { data, stride: *stride }).collect();
        Frame::new(self.format, self.width, self.height, &planes, at)
            .map(|frame| frame.with_range(ColourRange::Full))
            .map_err(|error| Failure::input("the recording", error))
    }
}

/// Y, Cb and Cr of R, G and B, all levels used. Source: ITU-R BT.601, as JPEG has it.
fn yuv(pixel: &[u8]) -> [u8; 3] {
    let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
    let y = liveface_core::sample::luma([r, g, b]);
    let colour = |difference: f32, range: f32| (128.5 + difference / range) as u8;
    [(y + 0.5) as u8, colour(b - y, 1.772), colour(r - y, 1.402)]
}

/// At most `count` frames of a recording, or the one built into the program.
pub(super) fn load(
    replay: Option<&Path>,
    count: usize,
    format: Format,
) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    match replay {
        Some(path) => {
            let mut recording = Recording::open(path, 30.0)?;
            while let Some(frame) = recording.next_frame()?.filter(|_| kept.len() < count) {
                kept.push(Kept::new(&frame, format.pixels()));
            }
        }
        None => {
            let still = Still::decode(PICTURE).map_err(|error| Failure::input("picture", error))?;
            let frame = still.frame().map_err(|error| Failure::input("picture", error))?;
            kept.push(Kept::new(&frame, format.pixels()));
        }
    }
    if kept.is_empty() {
        return Err(Failure::input("--replay", "the recording has no frames"));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_holds_the_same_picture() {
        // Pairs of columns and rows alike, so that no colour is lost; odd sides.
        let (width, height) = (7u32, 5u32);
        let pixel = |x: u32, y: u32| [60 + x / 2 * 30, 90 + y / 2 * 20, 200 - x / 2 * 25];
        let rgb: Vec<u8> = (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)))
            .map(|value| value as u8)
            .collect();
        let original = Frame::rgb(width, height, &rgb, Timestamp::ZERO).unwrap();
        for format in Format::value_variants() {
            let kept = Kept::new(&original, format.pixels());
            let frame = kept.frame(Timestamp::ZERO).unwrap();
            let again = Kept::new(&frame, PixelFormat::Rgb8);
            let worst = again.planes[0].0.iter().zip(&rgb).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(3), "{format:?}: {worst:?}");
        }
    }
}
