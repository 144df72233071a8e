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
    /// Every format.
    pub const ALL: [Self; 7] =
        [Self::Rgb8, Self::Rgba8, Self::Bgra8, Self::Nv12, Self::Nv21, Self::I420, Self::Yuyv];

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

/// How much smaller than the picture a frame's planes are, in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reduction {
    /// The planes hold every pixel.
    #[default]
    None,
    /// A stored pixel is the mean of 2 x 2 pixels.
    Half,
    /// A stored pixel is the mean of 4 x 4 pixels.
    Quarter,
    /// A stored pixel is the mean of 8 x 8 pixels.
    Eighth,
}

impl Reduction {
    /// How many pixels of the picture lie along a side of a stored one: 1, 2, 4 or 8.
    #[must_use]
    pub const fn factor(self) -> u32 {
        match self {
            Self::None => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
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
    /// A focal length that no lens has.
    #[error("a focal length of {given} pixels was given; it must be a positive number")]
    FocalLength {
        /// What was given.
        given: String,
    },
    /// The planes are not of the size that the reduction gives.
    #[error(
        "planes of {stored_width}x{stored_height} pixels were given for a picture of \
         {width}x{height} at 1/{factor} of its size, rounded up"
    )]
    Reduced {
        /// The picture's width.
        width: u32,
        /// The picture's height.
        height: u32,
        /// How many times smaller the planes were said to be.
        factor: u32,
        /// The planes' width.
        stored_width: u32,
        /// The planes' height.
        stored_height: u32,
    },
}

/// A frame as the camera gave it: borrowed, never copied. Sizes are checked once, when it is made.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    format: PixelFormat,
    /// The planes' own size, in pixels.
    stored_width: u32,
    stored_height: u32,
    /// The picture's size before it is turned, in pixels.
    picture_width: u32,
    picture_height: u32,
    reduction: Reduction,
    planes: [Plane<'a>; 3],
    rotation: Rotation,
    mirrored: bool,
    range: ColourRange,
    focal_length_px: Option<f32>,
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
            picture_width: width,
            picture_height: height,
            reduction: Reduction::None,
            planes: held,
            rotation: Rotation::None,
            mirrored: false,
            range: ColourRange::Limited,
            focal_length_px: None,
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

    /// The same frame, said to hold a picture of `width` x `height` pixels, before it is turned, at
    /// a reduced scale: stored pixel (x, y) is the mean of the pixels from (`factor` x,
    /// `factor` y) on. Everything that is said of the frame is said in pixels of the whole
    /// picture; only what is read is less fine.
    ///
    /// # Errors
    /// When the planes' sides are not the picture's over the factor, rounded up, or a side of the
    /// picture is too large.
    pub fn reduced(
        mut self,
        reduction: Reduction,
        width: u32,
        height: u32,
    ) -> Result<Self, FrameError> {
        let factor = reduction.factor();
        let (stored_width, stored_height) = self.stored_size();
        if width > Self::MAX_SIDE || height > Self::MAX_SIDE {
            return Err(FrameError::Size { width, height });
        }
        if (width.div_ceil(factor), height.div_ceil(factor)) != (stored_width, stored_height) {
            return Err(FrameError::Reduced { width, height, factor, stored_width, stored_height });
        }
        (self.picture_width, self.picture_height) = (width, height);
        self.reduction = reduction;
        Ok(self)
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

    /// The same frame with the camera's focal length, in pixels of the upright picture at its full
    /// size. Head poses rest on it; without it the lens is taken to be MediaPipe's default, with a vertical
    /// field of view of 63 degrees.
    ///
    /// # Errors
    /// When it is no positive number.
    pub fn with_focal_length_px(mut self, pixels: f32) -> Result<Self, FrameError> {
        if !(pixels.is_finite() && pixels > 0.0) {
            return Err(FrameError::FocalLength { given: pixels.to_string() });
        }
        self.focal_length_px = Some(pixels);
        Ok(self)
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
        if self.rotation.swaps_sides() { self.picture_height } else { self.picture_width }
    }

    /// Height of the upright picture, in pixels.
    #[must_use]
    pub const fn height(&self) -> u32 {
        if self.rotation.swaps_sides() { self.picture_width } else { self.picture_height }
    }

    /// How much smaller the planes are than the picture.
    #[must_use]
    pub const fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The upright picture as a box from (0, 0).
    #[must_use]
    pub fn bounds(&self) -> Rect {
        Rect::new(0.0, 0.0, self.width() as f32, self.height() as f32)
    }

    /// The camera's focal length, in pixels of the upright picture, when it is known.
    #[must_use]
    pub const fn focal_length_px(&self) -> Option<f32> {
        self.focal_length_px
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

    /// The planes' own width and height, in pixels.
    pub(crate) const fn stored_size(&self) -> (u32, u32) {
        (self.stored_width, self.stored_height)
    }

    /// The map from pixels of the upright picture to stored pixels.
    pub(crate) fn stored_from_upright(&self) -> Affine {
        let (w, h) = (self.picture_width as f32 - 1.0, self.picture_height as f32 - 1.0);
        let turn = match self.rotation {
            Rotation::None => Affine { a: 1.0, b: 0.0, tx: 0.0, c: 0.0, d: 1.0, ty: 0.0 },
            Rotation::Clockwise90 => Affine { a: 0.0, b: 1.0, tx: 0.0, c: -1.0, d: 0.0, ty: h },
            Rotation::Half => Affine { a: -1.0, b: 0.0, tx: w, c: 0.0, d: -1.0, ty: h },
            Rotation::Clockwise270 => Affine { a: 0.0, b: -1.0, tx: w, c: 1.0, d: 0.0, ty: 0.0 },
        };
        let picture = if self.mirrored {
            Affine { a: -1.0, b: 0.0, tx: w, c: 0.0, d: 1.0, ty: 0.0 }.after(turn)
        } else {
            turn
        };
        if self.reduction == Reduction::None {
            return picture;
        }
        // A stored pixel's centre is the middle of the pixels that it is the mean of.
        let factor = self.reduction.factor() as f32;
        let (scale, offset) = (1.0 / factor, 0.5 / factor - 0.5);
        Affine::scale_then_move(scale, scale, offset, offset).after(picture)
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
            .field("reduction", &self.reduction)
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
    fn a_focal_length_is_a_positive_number() {
        let frame = Frame::rgb(1, 1, &[0; 3], Timestamp::ZERO).unwrap();
        assert_eq!(frame.focal_length_px(), None);
        assert_eq!(frame.with_focal_length_px(515.6).unwrap().focal_length_px(), Some(515.6));
        for given in [0.0, -500.0, f32::NAN, f32::INFINITY] {
            let error = frame.with_focal_length_px(given).unwrap_err();
            assert_eq!(error, FrameError::FocalLength { given: given.to_string() });
        }
    }

    #[test]
    fn a_reduced_frame_speaks_of_the_whole_picture() {
        let data = [0u8; 3 * 2 * 3];
        let small = Frame::rgb(3, 2, &data, Timestamp::ZERO).unwrap();
        let frame = small.reduced(Reduction::Quarter, 11, 6).unwrap();
        assert_eq!((frame.width(), frame.height(), frame.stored_size()), (11, 6, (3, 2)));
        assert_eq!(frame.rotated(Rotation::Clockwise90).bounds(), Rect::new(0.0, 0.0, 6.0, 11.0));
        for (reduction, width, height) in [
            (Reduction::Quarter, 13, 6),
            (Reduction::Quarter, 11, 4),
            (Reduction::Half, 11, 6),
            (Reduction::None, 11, 6),
        ] {
            let refused = small.reduced(reduction, width, height).map(|_| ());
            assert!(matches!(refused, Err(FrameError::Reduced { .. })), "{reduction:?} {width}");
        }
        let refused = small.reduced(Reduction::Half, u32::MAX, 6).map(|_| ());
        assert!(matches!(refused, Err(FrameError::Size { .. })));
    }

    #[test]
    fn a_stored_pixel_lies_in_the_middle_of_the_pixels_that_it_is_the_mean_of() {
        let data = [0u8; 3 * 4 * 2];
        let small = Frame::rgb(4, 2, &data, Timestamp::ZERO).unwrap();
        let whole = small.reduced(Reduction::Half, 8, 4).unwrap();
        for (rotation, mirrored, corner) in [
            // Where the middle of the upright picture's first 2 x 2 pixels is stored.
            (Rotation::None, false, (0.0, 0.0)),
            (Rotation::None, true, (3.0, 0.0)),
            (Rotation::Clockwise90, false, (0.0, 1.0)),
            (Rotation::Clockwise90, true, (3.0, 1.0)),
            (Rotation::Half, false, (3.0, 1.0)),
            (Rotation::Clockwise270, false, (3.0, 0.0)),
        ] {
            let frame = whole.rotated(rotation).mirrored(mirrored);
            let at = frame.stored_from_upright().apply(crate::Point2::new(0.5, 0.5));
            assert_eq!((at.x, at.y), corner, "{rotation:?} {mirrored}");
        }
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
