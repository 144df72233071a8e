//! Decodes a camera's JPEG pictures no larger than they are needed.
//!
//! A model input has 128 to 192 pixels a side; a camera that delivers Motion JPEG at 1280x960 and
//! more must not make the engine pay for every pixel of every frame. Where the picture is large
//! enough, the blocks are decoded straight to the means of 2x2, 4x4 or 8x8 pixels, into I420 planes:
//! without upsampled colour and without a conversion to RGB. Only a picture that is kept is decoded
//! whole.
//!
//! What cameras send is read here: baseline, one scan, grey or colour, with or without Huffman
//! tables and restart markers. Whatever else is a JPEG image (progressive, RGB, several scans) is
//! decoded whole.

mod header;
mod huffman;
mod scan;

use std::fmt;

use liveface_core::{ColourRange, Frame, FrameError, PixelFormat, Plane, Reduction, Timestamp};

use crate::mjpeg::{SplitError, Splitter};
use crate::picture::{self, Layout, MAX_ENCODED_BYTES, PictureError};
use header::{Header, Parsed};
use scan::Scan;

/// Decodes JPEG pictures one after the other; keeps its buffers and tables between them.
#[derive(Default)]
pub struct JpegDecoder {
    scan: Scan,
    whole: Vec<u8>,
    pixels: Vec<u8>,
}

impl JpegDecoder {
    /// A decoder that has no buffers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the JPEG image at the start of `jpeg` at the largest reduction at which its short
    /// side still has `least_side` pixels. The frame is of time 0, neither turned nor mirrored:
    /// Exif data is not looked at, the camera's owner knows better.
    ///
    /// What is decoded whole comes as RGB, the same as from [`crate::Still`].
    ///
    /// # Errors
    /// When the bytes are no JPEG image, a damaged or unfinished one, one with four colour
    /// components (CMYK) or one larger than is decoded. The decoder can be used again.
    pub fn decode(&mut self, jpeg: &[u8], least_side: u32) -> Result<Frame<'_>, PictureError> {
        if jpeg.len() > MAX_ENCODED_BYTES {
            return Err(PictureError::TooManyBytes);
        }
        let header = match self.scan.tables.read_header(jpeg)? {
            Parsed::Here(header) => header,
            Parsed::Elsewhere => return self.decode_whole(jpeg),
        };
        let (width, height) = header.size();
        picture::check_size(width, height)?;
        let short = width.min(height);
        let fits = |reduction: &Reduction| {
            short.div_ceil(reduction.factor()) >= least_side && header.can_reduce(*reduction)
        };
        let reductions = [Reduction::Eighth, Reduction::Quarter, Reduction::Half];
        match reductions.into_iter().find(fits) {
            Some(reduction) => self.decode_reduced(jpeg, &header, reduction),
            None => self.decode_whole(jpeg),
        }
    }

    fn decode_reduced(
        &mut self,
        jpeg: &[u8],
        header: &Header,
        reduction: Reduction,
    ) -> Result<Frame<'_>, PictureError> {
        self.scan.decode(jpeg, header, reduction)?;
        let (width, height) = header.size();
        let factor = reduction.factor();
        let planes = [0, 1, 2].map(|index| {
            let plane = self.scan.plane(index);
            Plane { data: plane.data(), stride: plane.stride() }
        });
        let size = (width.div_ceil(factor), height.div_ceil(factor));
        let frame = Frame::new(PixelFormat::I420, size.0, size.1, &planes, Timestamp::ZERO)
            .and_then(|frame| frame.reduced(reduction, width, height))
            .map_err(|_| PictureError::Damaged { what: "its parts do not fit together" })?;
        Ok(frame.with_range(ColourRange::Full))
    }

    /// Decodes every pixel, as RGB.
    fn decode_whole(&mut self, jpeg: &[u8]) -> Result<Frame<'_>, PictureError> {
        // Decoders fill what is missing with grey and say nothing.
        match Splitter::new(jpeg).next_image(&mut self.whole) {
            Ok(true) => {}
            Ok(false) => return Err(PictureError::Format),
            Err(SplitError::TooLarge { .. }) => return Err(PictureError::TooManyBytes),
            Err(source) => return Err(PictureError::Jpeg(source)),
        }
        let layout: Layout = picture::decode(&self.whole, &mut self.pixels)?;
        layout
            .stored(&self.pixels, Timestamp::ZERO)
            .map_err(|_: FrameError| PictureError::Damaged { what: "its size is no frame's" })
    }
}

impl fmt::Debug for JpegDecoder {
    /// Pixels are never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JpegDecoder").finish_non_exhaustive()
    }
}
