//! What can go wrong with a source of frames.

use std::io;
use std::path::PathBuf;

use liveface_core::FrameError;
use thiserror::Error;

use crate::mjpeg::SplitError;
use crate::picture::PictureError;
use crate::y4m::Y4mError;

/// Why a source could not be opened or a frame not be read. No message holds pixels.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CameraError {
    /// A file or folder could not be read.
    #[error("{path} could not be read: {source}", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path is no recording.
    #[error(
        "{path} is not a recording; give a folder of numbered .jpg or .png images, a .mjpeg file \
         or a .y4m file",
        path = path.display()
    )]
    NotARecording {
        /// The path that was given.
        path: PathBuf,
    },
    /// A folder has no images.
    #[error(
        "{path} holds no .jpg, .jpeg or .png image; give a folder that holds them directly",
        path = path.display()
    )]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// The frame rate is not usable.
    #[error("a frame rate of {fps} per second was given; it must be 0.001 to 1000")]
    FrameRate {
        /// The rate that was given.
        fps: f64,
    },
    /// A row of `frames.csv` is not what it must be.
    #[error("{path}, line {line}: {what}", path = path.display())]
    TimestampRow {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong, and what is right.
        what: String,
    },
    /// `frames.csv` has another number of rows than there are frames.
    #[error(
        "{path} has {rows} rows, but the recording {has} frames; write one row per frame, or \
         remove the file to time the frames by their rate",
        path = path.display(),
        has = if *ended { format!("has {frames}") } else { format!("has at least {frames}") }
    )]
    TimestampCount {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: u64,
        /// The frames that were found.
        frames: u64,
        /// Whether those are all frames.
        ended: bool,
    },
    /// An image could not be decoded.
    #[error(
        "frame {frame} ({path}): {source}; replace the image, or remove it together with its \
         row in frames.csv",
        path = path.display()
    )]
    Picture {
        /// The file.
        path: PathBuf,
        /// The frame, counted from 0.
        frame: u64,
        /// What is wrong with it.
        source: PictureError,
    },
    /// A `.mjpeg` file is not a row of whole JPEG images.
    #[error(
        "frame {frame} of {path}: {source}; the file must be whole JPEG images one after the \
         other: cut it before that frame, or record it again",
        path = path.display()
    )]
    Mjpeg {
        /// The file.
        path: PathBuf,
        /// The frame, counted from 0.
        frame: u64,
        /// What is wrong.
        source: SplitError,
    },
    /// A `.y4m` file is not one that can be played.
    #[error("{path}: {source}", path = path.display())]
    Y4m {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Y4mError,
    },
    /// The folder of a subject has no `idle` clip.
    #[error(
        "{path} has no folder `idle`; a subject needs at least that clip, a folder of numbered \
         images",
        path = path.display()
    )]
    NoIdleClip {
        /// The folder that was given.
        path: PathBuf,
    },
    /// The decoded picture is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl CameraError {
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }
}
