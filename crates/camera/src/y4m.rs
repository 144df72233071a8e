//! Reads `.y4m` files (YUV4MPEG2): one line of header, then uncompressed 4:2:0 or grey frames.

use std::io::{self, BufRead, Read};

use liveface_core::{ColourRange, Frame, FrameError, PixelFormat, Plane, Timestamp};
use thiserror::Error;

use crate::picture::MAX_PIXELS;
use crate::timing::FrameRate;

/// The longest header line that is read, in bytes.
const MAX_LINE: u64 = 4096;

/// Why a `.y4m` file cannot be played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Y4mError {
    /// The first line is not a header.
    #[error("the file does not begin with a YUV4MPEG2 header line")]
    NoHeader,
    /// A parameter of the header is not readable or not possible.
    #[error("the header's `{parameter}` cannot be used; {expected}")]
    Parameter {
        /// The parameter as it stands in the header, cut to 32 characters.
        parameter: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The header lacks width or height.
    #[error("the header lacks {0}")]
    Missing(&'static str),
    /// A frame does not begin with its line.
    #[error("frame {frame} does not begin with a FRAME line; the file is damaged")]
    NoFrame {
        /// The frame, counted from 0.
        frame: u64,
    },
    /// The last frame is not whole.
    #[error("frame {frame} breaks off; the file was not written to its end")]
    CutOff {
        /// The frame, counted from 0.
        frame: u64,
    },
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    Read(#[from] io::Error),
}

/// What the header line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    width: u32,
    height: u32,
    grey: bool,
    range: ColourRange,
    rate: Option<FrameRate>,
}

impl Header {
    /// Reads the header line, without its line end.
    ///
    /// # Errors
    /// When it is no header, lacks a size, or asks for what is not supported: anything but
    /// progressive 8 bit 4:2:0 or grey.
    pub fn parse(line: &[u8]) -> Result<Self, Y4mError> {
        let line = std::str::from_utf8(line).map_err(|_| Y4mError::NoHeader)?;
        let mut parameters = line.split(' ').filter(|parameter| !parameter.is_empty());
        if parameters.next() != Some("YUV4MPEG2") {
            return Err(Y4mError::NoHeader);
        }
        let (mut width, mut height) = (None, None);
        let (mut grey, mut range, mut rate) = (false, ColourRange::Limited, None);
        for parameter in parameters {
            let wrong = |expected| Y4mError::Parameter {
                parameter: parameter.chars().take(32).collect(),
                expected,
            };
            let kind = parameter.chars().next().unwrap_or_default();
            let value = &parameter[kind.len_utf8()..];
            match kind {
                'W' => width = Some(side(value).ok_or_else(|| wrong("a width is 1 to 16384"))?),
                'H' => height = Some(side(value).ok_or_else(|| wrong("a height is 1 to 16384"))?),
                'F' if value != "0:0" => {
                    let rated = value.split_once(':').and_then(|(a, b)| {
                        FrameRate::from_fraction(a.parse().ok()?, b.parse().ok()?)
                    });
                    rate = Some(rated.ok_or_else(|| {
                        wrong("a frame rate is two whole numbers, such as 30:1, from 0.001 to 1000")
                    })?);
                }
                'C' => match value {
                    "420" | "420jpeg" | "420mpeg2" | "420paldv" => grey = false,
                    "mono" => grey = true,
                    _ => return Err(wrong("convert the file to 8 bit 4:2:0 or grey")),
                },
                'I' if !["p", "?"].contains(&value) => {
                    return Err(wrong("convert the file to progressive frames"));
                }
                'X' if value == "COLORRANGE=FULL" => range = ColourRange::Full,
                _ => {}
            }
        }
        let (width, height) = (
            width.ok_or(Y4mError::Missing("a width"))?,
            height.ok_or(Y4mError::Missing("a height"))?,
        );
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(Y4mError::Parameter {
                parameter: format!("W{width} H{height}"),
                expected: "a frame has at most 50 million pixels",
            });
        }
        Ok(Self { width, height, grey, range, rate })
    }

    /// Width of a frame, in pixels.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Height of a frame, in pixels.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// The file's own frame rate.
    pub(crate) const fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    const fn luma_bytes(&self) -> usize {
        self.width as usize * self.height as usize
    }

    const fn chroma_stride(&self) -> usize {
        (self.width as usize).div_ceil(2)
    }

    const fn chroma_bytes(&self) -> usize {
        self.chroma_stride() * (self.height as usize).div_ceil(2)
    }

    /// The I420 frame whose planes lie one after the other in `planes`.
    pub(crate) fn frame<'a>(
        &self,
        planes: &'a [u8],
        at: Timestamp,
    ) -> Result<Frame<'a>, FrameError> {
        let (y, chroma) = planes.split_at(self.luma_bytes().min(planes.len()));
        let (u, v) = chroma.split_at(self.chroma_bytes().min(chroma.len()));
        let half = self.chroma_stride();
        let planes = [
            Plane { data: y, stride: self.width as usize },
            Plane { data: u, stride: half },
            Plane { data: v, stride: half },
        ];
        let frame = Frame::new(PixelFormat::I420, self.width, self.height, &planes, at)?;
        Ok(frame.with_range(self.range))
    }
}

fn side(text: &str) -> Option<u32> {
    text.parse().ok().filter(|side| (1..=Frame::MAX_SIDE).contains(side))
}

/// Hands out the frames of a `.y4m` stream one at a time.
#[derive(Debug)]
pub struct Reader<R> {
    stream: R,
    header: Header,
    frame: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header of `stream`.
    ///
    /// # Errors
    /// As [`Header::parse`], and when the stream cannot be read.
    pub fn new(mut stream: R) -> Result<Self, Y4mError> {
        let line = line(&mut stream)?.ok_or(Y4mError::NoHeader)?;
        Ok(Self { stream, header: Header::parse(&line)?, frame: 0 })
    }

    /// What the header says.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Puts the next frame's Y, U and V planes one after the other into `planes`, replacing what
    /// they held; grey frames get colourless U and V planes. `false` at the end of the stream.
    ///
    /// # Errors
    /// When the frame is damaged or breaks off.
    pub fn next_frame(&mut self, planes: &mut Vec<u8>) -> Result<bool, Y4mError> {
        if self.stream.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let frame = self.frame;
        match line(&mut self.stream)? {
            Some(line) if line == b"FRAME" || line.starts_with(b"FRAME ") => {}
            _ => return Err(Y4mError::NoFrame { frame }),
        }
        let (luma, chroma) = (self.header.luma_bytes(), 2 * self.header.chroma_bytes());
        let stored = if self.header.grey { luma } else { luma + chroma };
        planes.clear();
        let read = Read::by_ref(&mut self.stream).take(stored as u64).read_to_end(planes)?;
        if read < stored {
            return Err(Y4mError::CutOff { frame });
        }
        planes.resize(luma + chroma, 128);
        self.frame += 1;
        Ok(true)
    }
}

/// A line without its end; `None` when it is not ended within [`MAX_LINE`] bytes.
fn line(stream: &mut impl BufRead) -> Result<Option<Vec<u8>>, Y4mError> {
    let mut line = Vec::new();
    stream.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(header: &str) -> String {
        Header::parse(header.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_header_gives_size_rate_and_range() {
        let header =
            Header::parse(b"YUV4MPEG2 W640 H480 F30000:1001 Ip A1:1 C420mpeg2 XCOLORRANGE=FULL");
        let header = header.unwrap();
        assert_eq!((header.width(), header.height()), (640, 480));
        assert_eq!(header.rate(), FrameRate::from_fraction(30_000, 1001));
        assert_eq!(header.range, ColourRange::Full);
        let plain = Header::parse(b"YUV4MPEG2 W3 H5").unwrap();
        assert_eq!((plain.range, plain.rate(), plain.grey), (ColourRange::Limited, None, false));
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_what_to_do() {
        assert!(refusal("YUV4MPEG2 W640 H480 C422").contains("`C422` cannot be used; convert"));
        assert!(refusal("YUV4MPEG2 W640 H480 C420p10").contains("8 bit"));
        assert!(refusal("YUV4MPEG2 W640 H480 It").contains("progressive"));
        assert!(refusal("YUV4MPEG2 W640").contains("lacks a height"));
        assert!(refusal("YUV4MPEG2 W0 H4").contains("a width is"));
        assert!(refusal("YUV4MPEG2 W16384 H16384").contains("50 million"));
        assert!(refusal("YUV4MPEG2 W4 H4 F30").contains("30:1"));
        assert!(refusal("RIFF").contains("header line"));
    }

    #[test]
    fn a_damaged_or_unfinished_file_is_named() {
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes)?;
            let (mut planes, mut frames) = (Vec::new(), 0);
            while reader.next_frame(&mut planes)? {
                frames += 1;
            }
            Ok::<_, Y4mError>(frames)
        };
        let whole = b"YUV4MPEG2 W2 H2\nFRAME\nabcdefFRAME Ip\nghijkl";
        assert_eq!(read(whole).unwrap(), 2);
        assert!(matches!(read(&whole[..whole.len() - 1]), Err(Y4mError::CutOff { frame: 1 })));
        assert!(matches!(
            read(b"YUV4MPEG2 W2 H2\nFRAME\nabcdefgFRAME\n"),
            Err(Y4mError::NoFrame { frame: 1 })
        ));
        assert!(matches!(read(b"YUV4MPEG2 W2 H2"), Err(Y4mError::NoHeader)));
        assert!(matches!(read(b""), Err(Y4mError::NoHeader)));
    }

    #[test]
    fn a_header_alone_takes_no_memory_for_frames_that_are_not_there() {
        let mut reader = Reader::new(&b"YUV4MPEG2 W7000 H7000\nFRAME\nabc"[..]).unwrap();
        let mut planes = Vec::new();
        assert!(reader.next_frame(&mut planes).is_err());
        assert!(planes.capacity() < 1 << 20);
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_refused(bytes: Vec<u8>, with_header: bool) {
            let start: &[u8] = if with_header { b"YUV4MPEG2 W3 H1\nFRAME\n" } else { b"" };
            let bytes = [start, &bytes].concat();
            if let Ok(mut reader) = Reader::new(&bytes[..]) {
                let mut planes = Vec::new();
                while let Ok(true) = reader.next_frame(&mut planes) {
                    prop_assert!(reader.header().frame(&planes, Timestamp::ZERO).is_ok());
                }
            }
        }

        #[test]
        fn any_header_is_read_or_refused(text in "YUV4MPEG2( [WHFICAX]?[0-9a-zé:?]{0,6}){0,6}") {
            let _ = Header::parse(text.as_bytes());
        }
    }
}
