//! Plays a recording: a folder of images, a `.mjpeg` file or a `.y4m` file.

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use liveface_core::{Frame, Timestamp};

use crate::FrameSource;
use crate::error::CameraError;
use crate::folder;
use crate::mjpeg::{SplitError, Splitter};
use crate::picture::{self, Layout};
use crate::timing::{Clock, FrameRate};
use crate::y4m;

/// A recording, played once from its start.
///
/// Frames are read and decoded when they are asked for. A folder's images come in the order of
/// their numbers. Timestamps come from `frames.csv` (columns `frame`, counted from 0, and
/// `timestamp_ms`) in the folder, or beside the file; without it, from the frame rate.
pub struct Recording {
    path: PathBuf,
    frames: Frames,
    clock: Clock,
    /// The frame that comes next.
    index: u64,
    ended: bool,
    encoded: Vec<u8>,
    pixels: Vec<u8>,
}

enum Frames {
    Folder(Vec<PathBuf>),
    Mjpeg(Splitter<BufReader<File>>),
    Y4m(y4m::Reader<BufReader<File>>),
}

/// How the bytes in `pixels` lie.
enum Pixels {
    Rgb(Layout),
    Planes(y4m::Header),
}

impl Recording {
    /// Opens the folder of images or the `.mjpeg`, `.mjpg` or `.y4m` file at `path`.
    ///
    /// `fps` (0.001 to 1000 frames a second) times the frames when there is no `frames.csv`; a
    /// `.y4m` file whose header gives a rate is played at that.
    ///
    /// # Errors
    /// When the path cannot be read or is no recording, `fps` is out of range, or `frames.csv` is
    /// faulty or does not fit the folder's images.
    pub fn open(path: impl AsRef<Path>, fps: f64) -> Result<Self, CameraError> {
        let path = path.as_ref();
        let mut rate = FrameRate::new(fps)?;
        let kind = std::fs::metadata(path).map_err(CameraError::read(path))?;
        let extension = path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
        let (frames, folder) = if kind.is_dir() {
            (Frames::Folder(folder::images(path)?), path)
        } else {
            let open = || File::open(path).map(BufReader::new).map_err(CameraError::read(path));
            let frames = match extension.as_deref() {
                Some("mjpeg" | "mjpg") => Frames::Mjpeg(Splitter::new(open()?)),
                Some("y4m") => {
                    let reader = y4m::Reader::new(open()?)
                        .map_err(|source| CameraError::Y4m { path: path.to_owned(), source })?;
                    rate = reader.header().rate().unwrap_or(rate);
                    Frames::Y4m(reader)
                }
                _ => return Err(CameraError::NotARecording { path: path.to_owned() }),
            };
            (frames, path.parent().unwrap_or(Path::new("")))
        };
        let clock = Clock::beside(folder, rate)?;
        if let Frames::Folder(images) = &frames {
            clock.check_count(images.len() as u64)?;
        }
        Ok(Self {
            path: path.to_owned(),
            frames,
            clock,
            index: 0,
            ended: false,
            encoded: Vec::new(),
            pixels: Vec::new(),
        })
    }

    /// How many frames there are, where that is known before they are read: in a folder.
    #[must_use]
    pub fn frame_count(&self) -> Option<u64> {
        match &self.frames {
            Frames::Folder(images) => Some(images.len() as u64),
            Frames::Mjpeg(_) | Frames::Y4m(_) => None,
        }
    }

    /// Reads and decodes the next frame into `pixels`.
    fn read(&mut self) -> Result<Option<(Pixels, Timestamp)>, CameraError> {
        let index = self.index;
        let pixels = match &mut self.frames {
            Frames::Folder(images) => {
                let image = usize::try_from(index).ok().and_then(|index| images.get(index));
                match image {
                    None => None,
                    Some(image) => {
                        folder::read_image(image, index, &mut self.encoded)?;
                        let layout = picture::decode(&self.encoded, &mut self.pixels);
                        Some(Pixels::Rgb(layout.map_err(|source| CameraError::Picture {
                            path: image.clone(),
                            frame: index,
                            source,
                        })?))
                    }
                }
            }
            Frames::Mjpeg(splitter) => {
                let found =
                    splitter.next_image(&mut self.encoded).map_err(|source| match source {
                        SplitError::Read(source) => {
                            CameraError::Read { path: self.path.clone(), source }
                        }
                        source => {
                            CameraError::Mjpeg { path: self.path.clone(), frame: index, source }
                        }
                    })?;
                if found {
                    let layout = picture::decode(&self.encoded, &mut self.pixels);
                    Some(Pixels::Rgb(layout.map_err(|source| CameraError::Picture {
                        path: self.path.clone(),
                        frame: index,
                        source,
                    })?))
                } else {
                    None
                }
            }
            Frames::Y4m(reader) => reader
                .next_frame(&mut self.pixels)
                .map_err(|source| CameraError::Y4m { path: self.path.clone(), source })?
                .then(|| Pixels::Planes(reader.header())),
        };
        let Some(pixels) = pixels else {
            self.clock.check_count(index)?;
            return Ok(None);
        };
        let at = self.clock.at(index)?;
        self.index += 1;
        Ok(Some((pixels, at)))
    }
}

impl FrameSource for Recording {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CameraError> {
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        let Some((pixels, at)) = self.read()? else { return Ok(None) };
        self.ended = false;
        Ok(Some(match pixels {
            Pixels::Rgb(layout) => layout.frame(&self.pixels, at)?,
            Pixels::Planes(header) => header.frame(&self.pixels, at)?,
        }))
    }
}

impl fmt::Debug for Recording {
    /// Where it stands: pixels are never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("path", &self.path)
            .field("index", &self.index)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
