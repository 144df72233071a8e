//! Splits a `.mjpeg` file, JPEG images one after the other, into its images.
//!
//! The file has no index. Each image is walked segment by segment (ITU-T T.81, annex B): a segment
//! says how long it is; compressed data ends at the first marker that is not a restart marker.

use std::io::{self, BufRead, Read};

use thiserror::Error;

use crate::picture::MAX_ENCODED_BYTES;

const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
/// A marker without a length, for private use.
const TEMPORARY: u8 = 0x01;
const RESTARTS: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;

/// Why the bytes are not a row of whole JPEG images. Offsets count from the start of the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Another byte stands where an image or a marker must begin.
    #[error("no JPEG marker stands at byte {offset}, where one must")]
    NoMarker {
        /// Where.
        offset: u64,
    },
    /// The image breaks off.
    #[error("the JPEG image breaks off at byte {offset}")]
    CutOff {
        /// Where.
        offset: u64,
    },
    /// A segment gives a length that cannot be.
    #[error("a JPEG segment before byte {offset} has an impossible length")]
    Length {
        /// Where the length ends.
        offset: u64,
    },
    /// An image is longer than [`MAX_ENCODED_BYTES`].
    #[error(
        "the JPEG image that goes on at byte {offset} is larger than {MAX_ENCODED_BYTES} bytes"
    )]
    TooLarge {
        /// Where reading stopped.
        offset: u64,
    },
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    Read(#[from] io::Error),
}

/// Hands out the images of a `.mjpeg` stream one at a time.
#[derive(Debug)]
pub struct Splitter<R> {
    reader: R,
    offset: u64,
}

impl<R: BufRead> Splitter<R> {
    /// Splits what `reader` holds.
    pub fn new(reader: R) -> Self {
        Self { reader, offset: 0 }
    }

    /// Puts the next image into `image`, replacing what it held. `false` at the end of the stream.
    /// Zero bytes between images are skipped: cameras pad with them.
    ///
    /// # Errors
    /// When the bytes are no JPEG image, the image breaks off or is too large.
    pub fn next_image(&mut self, image: &mut Vec<u8>) -> Result<bool, SplitError> {
        image.clear();
        if !self.skip_padding()? {
            return Ok(false);
        }
        if self.marker(image)? != START_OF_IMAGE {
            return Err(SplitError::NoMarker { offset: self.offset - 2 });
        }
        let mut marker = self.marker(image)?;
        loop {
            match marker {
                END_OF_IMAGE => return Ok(true),
                0 => return Err(SplitError::NoMarker { offset: self.offset - 2 }),
                // Another image begins: this one was cut off.
                START_OF_IMAGE => return Err(SplitError::CutOff { offset: self.offset - 2 }),
                START_OF_SCAN => {
                    self.segment(image)?;
                    marker = self.scan(image)?;
                    continue;
                }
                TEMPORARY => {}
                restart if RESTARTS.contains(&restart) => {}
                _ => self.segment(image)?,
            }
            marker = self.marker(image)?;
        }
    }

    fn skip_padding(&mut self) -> Result<bool, SplitError> {
        loop {
            let ahead = self.reader.fill_buf()?;
            if ahead.is_empty() {
                return Ok(false);
            }
            let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
            let found = zeros < ahead.len();
            self.reader.consume(zeros);
            self.offset += zeros as u64;
            if found {
                return Ok(true);
            }
        }
    }

    /// A marker's code: 0xFF, any number of fill bytes 0xFF, the code.
    fn marker(&mut self, image: &mut Vec<u8>) -> Result<u8, SplitError> {
        if self.byte(image)? != 0xFF {
            return Err(SplitError::NoMarker { offset: self.offset - 1 });
        }
        self.code(image)
    }

    fn code(&mut self, image: &mut Vec<u8>) -> Result<u8, SplitError> {
        loop {
            let code = self.byte(image)?;
            if code != 0xFF {
                return Ok(code);
            }
        }
    }

    /// A segment: two bytes of length, which count themselves, and what they announce.
    fn segment(&mut self, image: &mut Vec<u8>) -> Result<(), SplitError> {
        let length = u16::from_be_bytes([self.byte(image)?, self.byte(image)?]);
        let Some(rest) = length.checked_sub(2) else {
            return Err(SplitError::Length { offset: self.offset });
        };
        let room = self.room(image)?;
        if u64::from(rest) > room {
            return Err(SplitError::TooLarge { offset: self.offset });
        }
        let read = Read::by_ref(&mut self.reader).take(u64::from(rest)).read_to_end(image)?;
        self.offset += read as u64;
        if read < usize::from(rest) {
            return Err(SplitError::CutOff { offset: self.offset });
        }
        Ok(())
    }

    /// Compressed data up to and with the marker that ends it; answers with that marker's code.
    fn scan(&mut self, image: &mut Vec<u8>) -> Result<u8, SplitError> {
        loop {
            let room = self.room(image)?;
            let read = Read::by_ref(&mut self.reader).take(room).read_until(0xFF, image)?;
            self.offset += read as u64;
            if read == 0 || image.last() != Some(&0xFF) {
                self.room(image)?;
                return Err(SplitError::CutOff { offset: self.offset });
            }
            let code = self.code(image)?;
            if code != 0 && !RESTARTS.contains(&code) {
                return Ok(code);
            }
        }
    }

    fn byte(&mut self, image: &mut Vec<u8>) -> Result<u8, SplitError> {
        self.room(image)?;
        let mut byte = [0];
        match self.reader.read_exact(&mut byte) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(SplitError::CutOff { offset: self.offset });
            }
            Err(error) => return Err(error.into()),
        }
        self.offset += 1;
        image.push(byte[0]);
        Ok(byte[0])
    }

    /// How many bytes the image may still grow by; at least 1.
    fn room(&self, image: &[u8]) -> Result<u64, SplitError> {
        match MAX_ENCODED_BYTES.saturating_sub(image.len()) {
            0 => Err(SplitError::TooLarge { offset: self.offset }),
            room => Ok(room as u64),
        }
    }
}
