//! A camera frame: borrowed planes with their strides, rotation, mirroring and timestamp.

use std::time::Duration;

use thiserror::Error;

use crate::geometry::{Affine, Rect};

/// When a frame was captured, counted from any fixed start. The engine has no other clock.
pub type Timestamp = Duration;

/// How pixels lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// One plane, 3 bytes a pixel: R, G, B.
    Rgb8,
    /// One plane, 4 bytes a pixel: R, G, B, ignored.
    Rgba8,
    /// One plane, 4 bytes a pixel: B, G, R, ignored.
    Bgra8,
    /// Y plane, then a half-size plane of U, V pairs.
    Nv12,
    /// Y plane, then a half-size plane of V, U pairs.
    Nv21,
    /// Y plane, then half-size U and V planes.
    I420,
    /// One plane, two pixels in 4 bytes: Y, U, Y, V.
    Yuyv,
}

impl PixelFormat {
    /// How many planes a frame of this format has.
    #[must_use]
    pub const fn plane_count(self) -> usize {
        match self {
            Self::Rgb8 | Self::Rgba8 | Self::Bgra8 | Self::Yuyv => 1,
            Self::Nv12 | Self::Nv21 => 2,
            Self::I420 => 3,
        }
    }

    /// Bytes of one row and number of rows of plane `plane` for a `width` x `height` picture.
    const fn plane_size(self, plane: usize, width: usize, height: usize) -> (usize, usize) {
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        match (self, plane) {
            (Self::Rgb8, _) => (width * 3, height),
            (Self::Rgba8 | Self::Bgra8, _) => (width * 4, height),
            (Self::Yuyv, _) => (half_width * 4, height),
            (_, 0) => (width, height),
            (Self::I420, _) => (half_width, half_height),
            (Self::Nv12 | Self::Nv21, _) => (half_width * 2, half_height),
        }
    }
}

/// Which levels a YUV format uses for black and white (ITU-R BT.601).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourRange {
    /// Luma 16 to 235: most camera video.
    #[default]
    Limited,
    /// Luma 0 to 255: JPEG and most phone cameras.
    Full,
}

/// The clockwise turn that brings the stored picture upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Stored upright.
    #[default]
    None,
    /// Turn by 90 degrees clockwise.
    Clockwise90,
    /// Turn by 180 degrees.
    Half,
    /// Turn by 270 degrees clockwise.
    Clockwise270,
}

impl Rotation {
    /// The rotation of `degrees`, which must be 0, 90, 180 or 270.
    #[must_use]
    pub const fn from_degrees(degrees: u32) -> Option<Self> {
        match degrees {
            0 => Some(Self::None),
            90 => Some(Self::Clockwise90),
            180 => Some(Self::Half),
            270 => Some(Self::Clockwise270),
            _ => None,
        }
    }

    const fn swaps_sides(self) -> bool {
        matches!(self, Self::Clockwise90 | Self::Clockwise270)
    }
}

/// One plane of a frame.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The bytes, at least `stride` x (rows - 1) + bytes of a row.
    pub data: &'a [u8],
    /// Bytes from the start of one row to the start of the next.
    pub stride: usize,
}

/// Why a frame was refused. No message holds pixels.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A side is 0 or larger than [`Frame::MAX_SIDE`].
    #[error("a frame of {width}x{height} pixels was given; each side must be 1 to {max}", max = Frame::MAX_SIDE)]
    Size {
        /// The width that was given.
        width: u32,
        /// The height that was given.
        height: u32,
    },
    /// The format has another number of planes.
    #[error("{format:?} has {expected} planes, {given} were given")]
    PlaneCount {
        /// The format.
        format: PixelFormat,
        /// How many it has.
        expected: usize,
        /// How many were given.
        given: usize,
    },
    /// A row is longer than the stride.
    #[error("plane {plane} has a stride of {stride} bytes; a row of {width} pixels needs {row}")]
    Stride {
        /// The plane's index.
        plane: usize,
        /// The stride that was given.
        stride: usize,
        /// The frame's width.
        width: u32,
        /// Bytes of a row.
        row: usize,
    },
    /// The plane ends before its last row does.
    #[error(
        "plane {plane} has {given} bytes; {width}x{height} {format:?} at that stride needs {needed}"
    )]
    Short {
        /// The plane's index.
        plane: usize,
        /// The bytes that were given.
        given: usize,
        /// The bytes that are needed.
        needed: usize,
        /// The frame's width.
        width: u32,
        /// The frame's height.
        height: u32,
        /// The format.
        format: PixelFormat,
    },
}

/// A frame as the camera gave it: borrowed, never copied. Sizes are checked once, when it is made.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    format: PixelFormat,
    stored_width: u32,
    stored_height: u32,
    planes: [Plane<'a>; 3],
    rotation: Rotation,
    mirrored: bool,
    range: ColourRange,
    timestamp: Timestamp,
}

impl<'a> Frame<'a> {
    /// The longest side that is accepted, in pixels.
    pub const MAX_SIDE: u32 = 16_384;

    /// A frame of `width` x `height` stored pixels, upright and unmirrored.
    ///
    /// # Errors
    /// When a side is 0 or too large, or a plane is missing or too small.
    pub fn new(
        format: PixelFormat,
        width: u32,
        height: u32,
        planes: &[Plane<'a>],
        timestamp: Timestamp,
    ) -> Result<Self, FrameError> {
        let sides = 1..=Self::MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(FrameError::Size { width, height });
        }
        if planes.len() != format.plane_count() {
            return Err(FrameError::PlaneCount {
                format,
                expected: format.plane_count(),
                given: planes.len(),
            });
        }
        let mut held = [Plane { data: &[], stride: 0 }; 3];
        for (index, plane) in planes.iter().enumerate() {
            let (row, rows) = format.plane_size(index, width as usize, height as usize);
            if plane.stride < row {
                return Err(FrameError::Stride { plane: index, stride: plane.stride, width, row });
            }
            let needed = plane.stride.saturating_mul(rows - 1).saturating_add(row);
            if plane.data.len() < needed {
                return Err(FrameError::Short {
                    plane: index,
                    given: plane.data.len(),
                    needed,
                    width,
                    height,
                    format,
                });
            }
            held[index] = *plane;
        }
        Ok(Self {
            format,
            stored_width: width,
            stored_height: height,
            planes: held,
            rotation: Rotation::None,
            mirrored: false,
            range: ColourRange::Limited,
            timestamp,
        })
    }

    /// A frame of tightly packed RGB bytes.
    ///
    /// # Errors
    /// As [`Frame::new`].
    pub fn rgb(
        width: u32,
        height: u32,
        data: &'a [u8],
        timestamp: Timestamp,
    ) -> Result<Self, FrameError> {
        let plane = Plane { data, stride: width as usize * 3 };
        Self::new(PixelFormat::Rgb8, width, height, &[plane], timestamp)
    }

    /// The same frame with the turn that brings it upright.
    #[must_use]
    pub const fn rotated(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// The same frame, said to be stored mirrored (as some front cameras do). The mirroring is
    /// undone when pixels are read, before the rotation.
    #[must_use]
    pub const fn mirrored(mut self, mirrored: bool) -> Self {
        self.mirrored = mirrored;
        self
    }

    /// The same frame with the levels that its YUV format uses.
    #[must_use]
    pub const fn with_range(mut self, range: ColourRange) -> Self {
        self.range = range;
        self
    }

    /// The same frame, captured at another time.
    #[must_use]
    pub const fn at(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// How the pixels lie in memory.
    #[must_use]
    pub const fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width of the upright picture, in pixels.
    #[must_use]
    pub const fn width(&self) -> u32 {
        if self.rotation.swaps_sides() { self.stored_height } else { self.stored_width }
    }

    /// Height of the upright picture, in pixels.
    #[must_use]
    pub const fn height(&self) -> u32 {
        if self.rotation.swaps_sides() { self.stored_width } else { self.stored_height }
    }

    /// The upright picture as a box from (0, 0).
    #[must_use]
    pub fn bounds(&self) -> Rect {
        Rect::new(0.0, 0.0, self.width() as f32, self.height() as f32)
    }

    /// When it was captured.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    pub(crate) const fn range(&self) -> ColourRange {
        self.range
    }

    pub(crate) const fn plane(&self, index: usize) -> Plane<'a> {
        self.planes[index]
    }

    /// Bytes of a row and number of rows of the first plane, without padding.
    pub(crate) const fn first_plane_size(&self) -> (usize, usize) {
        self.format.plane_size(0, self.stored_width as usize, self.stored_height as usize)
    }

    pub(crate) const fn stored_size(&self) -> (u32, u32) {
        (self.stored_width, self.stored_height)
    }

    /// The map from pixels of the upright picture to stored pixels.
    pub(crate) fn stored_from_upright(&self) -> Affine {
        let (w, h) = (self.stored_width as f32 - 1.0, self.stored_height as f32 - 1.0);
        let turn = match self.rotation {
            Rotation::None => Affine { a: 1.0, b: 0.0, tx: 0.0, c: 0.0, d: 1.0, ty: 0.0 },
            Rotation::Clockwise90 => Affine { a: 0.0, b: 1.0, tx: 0.0, c: -1.0, d: 0.0, ty: h },
            Rotation::Half => Affine { a: -1.0, b: 0.0, tx: w, c: 0.0, d: -1.0, ty: h },
            Rotation::Clockwise270 => Affine { a: 0.0, b: -1.0, tx: w, c: 1.0, d: 0.0, ty: 0.0 },
        };
        if self.mirrored {
            Affine { a: -1.0, b: 0.0, tx: w, c: 0.0, d: 1.0, ty: 0.0 }.after(turn)
        } else {
            turn
        }
    }
}

impl std::fmt::Debug for Frame<'_> {
    /// Shape only: pixels are never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("format", &self.format)
            .field("width", &self.width())
            .field("height", &self.height())
            .field("rotation", &self.rotation)
            .field("mirrored", &self.mirrored)
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_refused_with_what_was_wrong() {
        let data = [0u8; 100];
        let make = |width, height, stride| {
            Frame::new(
                PixelFormat::Rgb8,
                width,
                height,
                &[Plane { data: &data, stride }],
                Timestamp::ZERO,
            )
            .map(|_| ())
        };
        assert_eq!(make(0, 5, 0), Err(FrameError::Size { width: 0, height: 5 }));
        assert!(matches!(make(10, 3, 29), Err(FrameError::Stride { row: 30, .. })));
        assert!(matches!(make(10, 4, 30), Err(FrameError::Short { needed: 120, .. })));
        assert_eq!(make(10, 3, 35), Ok(()));
        assert!(make(10, 3, usize::MAX).is_err());
    }

    #[test]
    fn yuv_planes_of_odd_sizes_round_up() {
        let (y, uv) = ([0u8; 15], [0u8; 12]);
        let planes = [Plane { data: &y, stride: 5 }, Plane { data: &uv, stride: 6 }];
        assert!(Frame::new(PixelFormat::Nv12, 5, 3, &planes, Timestamp::ZERO).is_ok());
        assert!(matches!(
            Frame::new(PixelFormat::I420, 5, 3, &planes, Timestamp::ZERO),
            Err(FrameError::PlaneCount { expected: 3, given: 2, .. })
        ));
    }
}
