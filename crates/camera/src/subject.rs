//! Plays a person who follows the guidance, from a folder of clips.

use std::fmt;
use std::path::{Path, PathBuf};

use liveface_core::{Frame, Guidance, Timestamp};

use crate::FrameSource;
use crate::error::CameraError;
use crate::folder;
use crate::picture::{self, Layout};
use crate::timing::FrameRate;

/// Encoded images are kept in memory up to this many bytes; what is over is read again each time.
const MAX_KEPT_BYTES: usize = 256 << 20;

/// What a clip shows. Every clip but `approach` begins and ends in the same neutral pose, and
/// `approach` ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// From far away to the neutral pose.
    Approach,
    /// The neutral pose.
    Idle,
    /// A smile that comes and goes.
    Smile,
}

impl Action {
    const ALL: [Self; 3] = [Self::Approach, Self::Idle, Self::Smile];

    /// The clip's folder.
    const fn folder(self) -> &'static str {
        match self {
            Self::Approach => "approach",
            Self::Idle => "idle",
            Self::Smile => "smile",
        }
    }

    /// What a person does who is shown `guidance`.
    const fn following(guidance: Guidance) -> Self {
        match guidance {
            Guidance::MoveCloser => Self::Approach,
            Guidance::Smile => Self::Smile,
            _ => Self::Idle,
        }
    }
}

/// An interactive subject: clips of one person, played as the guidance asks. Never ends.
///
/// The person walks up first (`approach`, if there is such a clip). Then, whenever a clip has been
/// played to its end, the one that the last shown guidance asks for begins: `approach` for
/// [`Guidance::MoveCloser`], `smile` for [`Guidance::Smile`], `idle` for everything else and in
/// place of a clip that is missing. The first frame is at time 0 and each one follows at the frame
/// rate. Encoded images are kept after they were read once.
pub struct Subject {
    clips: [Vec<Image>; Action::ALL.len()],
    rate: FrameRate,
    asked: Guidance,
    playing: Action,
    /// The image of `playing` that comes next.
    position: usize,
    /// The frame that comes next.
    index: u64,
    ended: bool,
    kept_bytes: usize,
    encoded: Vec<u8>,
    pixels: Vec<u8>,
}

struct Image {
    path: PathBuf,
    encoded: Option<Box<[u8]>>,
}

impl Subject {
    /// Opens the folder of clips at `path`: folders of numbered images named `idle` (required),
    /// `approach` and `smile`; others are left alone. `fps` is 0.001 to 1000 frames a second.
    ///
    /// # Errors
    /// When `fps` is out of range, a folder cannot be read or holds no images, or `idle` is
    /// missing.
    pub fn open(path: impl AsRef<Path>, fps: f64) -> Result<Self, CameraError> {
        let path = path.as_ref();
        let rate = FrameRate::new(fps)?;
        // Says so when the folder itself is missing or is a file.
        std::fs::read_dir(path).map_err(CameraError::read(path))?;
        let mut clips = [const { Vec::new() }; Action::ALL.len()];
        for action in Action::ALL {
            let folder = path.join(action.folder());
            if folder.is_dir() {
                let images = folder::images(&folder)?;
                clips[action as usize] =
                    images.into_iter().map(|path| Image { path, encoded: None }).collect();
            }
        }
        if clips[Action::Idle as usize].is_empty() {
            return Err(CameraError::NoIdleClip { path: path.to_owned() });
        }
        Ok(Self {
            playing: present(&clips, Action::Approach),
            clips,
            rate,
            asked: Guidance::FindFace,
            position: 0,
            index: 0,
            ended: false,
            kept_bytes: 0,
            encoded: Vec::new(),
            pixels: Vec::new(),
        })
    }

    /// Reads and decodes the next image into `pixels`.
    fn read(&mut self) -> Result<(Layout, Timestamp), CameraError> {
        if self.position >= self.clips[self.playing as usize].len() {
            self.playing = present(&self.clips, Action::following(self.asked));
            self.position = 0;
        }
        let image = &mut self.clips[self.playing as usize][self.position];
        if image.encoded.is_none() {
            folder::read_image(&image.path, self.index, &mut self.encoded)?;
            if self.kept_bytes + self.encoded.len() <= MAX_KEPT_BYTES {
                self.kept_bytes += self.encoded.len();
                image.encoded = Some(self.encoded.as_slice().into());
            }
        }
        let encoded = image.encoded.as_deref().unwrap_or(&self.encoded);
        let layout = picture::decode(encoded, &mut self.pixels).map_err(|source| {
            CameraError::Picture { path: image.path.clone(), frame: self.index, source }
        })?;
        let at = self.rate.at(self.index);
        self.position += 1;
        self.index += 1;
        Ok((layout, at))
    }
}

/// `action` if there is a clip of it, else the one that is always there.
fn present(clips: &[Vec<Image>], action: Action) -> Action {
    if clips[action as usize].is_empty() { Action::Idle } else { action }
}

impl FrameSource for Subject {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CameraError> {
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        let (layout, at) = self.read()?;
        self.ended = false;
        Ok(Some(layout.frame(&self.pixels, at)?))
    }

    fn show(&mut self, guidance: Guidance) {
        self.asked = guidance;
    }
}

impl fmt::Debug for Subject {
    /// Where it stands: pixels are never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("playing", &self.playing)
            .field("position", &self.position)
            .field("asked", &self.asked)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}
