//! A single picture, decoded whole.

use std::path::Path;

use liveface_core::{Frame, FrameError, Timestamp};

use crate::picture::{self, Layout, MAX_ENCODED_BYTES, PictureError};

/// A decoded JPEG or PNG image.
pub struct Still {
    pixels: Vec<u8>,
    layout: Layout,
}

impl Still {
    /// Reads and decodes the image file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`Still::decode`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PictureError> {
        let path = path.as_ref();
        let length = std::fs::metadata(path).map_err(PictureError::Read)?.len();
        if length > MAX_ENCODED_BYTES as u64 {
            return Err(PictureError::TooManyBytes);
        }
        Self::decode(&std::fs::read(path).map_err(PictureError::Read)?)
    }

    /// Decodes an image; its Exif orientation is honoured.
    ///
    /// # Errors
    /// When the bytes are no JPEG or PNG image, a damaged one, or one larger than is decoded.
    pub fn decode(encoded: &[u8]) -> Result<Self, PictureError> {
        let mut pixels = Vec::new();
        let layout = picture::decode(encoded, &mut pixels)?;
        Ok(Self { pixels, layout })
    }

    /// The picture as a frame of time 0.
    ///
    /// # Errors
    /// When a side is longer than a frame's may be.
    pub fn frame(&self) -> Result<Frame<'_>, FrameError> {
        self.layout.frame(&self.pixels, Timestamp::ZERO)
    }
}
