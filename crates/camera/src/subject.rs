//! Plays a person who follows the guidance, from a folder of clips.

use std::fmt;
use std::path::{Path, PathBuf};

use liveface_core::split_mix::{GOLDEN, mix};
use liveface_core::{Frame, Guidance, Timestamp};

use crate::FrameSource;
use crate::error::CameraError;
use crate::folder;
use crate::picture::{self, Layout};
use crate::timing::FrameRate;

/// Encoded images are kept in memory up to this many bytes; what is over is read again each time.
const MAX_KEPT_BYTES: usize = 256 << 20;

/// Of the idle clips in a row, this one is a blink: with clips of under a second, a blink every few
/// seconds, as people do.
const BLINK_EVERY: u64 = 5;

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
    /// The head turns to the subject's own left, the nose to image right, and back.
    TurnLeft,
    /// The head turns to the subject's own right, the nose to image left, and back.
    TurnRight,
    /// The chin goes up and down again.
    LookUp,
    /// The eyes close and open.
    Blink,
}

impl Action {
    const ALL: [Self; 7] = [
        Self::Approach,
        Self::Idle,
        Self::Smile,
        Self::TurnLeft,
        Self::TurnRight,
        Self::LookUp,
        Self::Blink,
    ];

    /// The clip's folder.
    const fn folder(self) -> &'static str {
        match self {
            Self::Approach => "approach",
            Self::Idle => "idle",
            Self::Smile => "smile",
            Self::TurnLeft => "turn_left",
            Self::TurnRight => "turn_right",
            Self::LookUp => "look_up",
            Self::Blink => "blink",
        }
    }

    /// What a person does who is shown `guidance`.
    const fn following(guidance: Guidance) -> Self {
        match guidance {
            Guidance::MoveCloser => Self::Approach,
            Guidance::Smile => Self::Smile,
            Guidance::TurnImageLeft => Self::TurnRight,
            Guidance::TurnImageRight => Self::TurnLeft,
            Guidance::LookUp => Self::LookUp,
            _ => Self::Idle,
        }
    }
}

/// An interactive subject: clips of one person, played as the guidance asks. Never ends.
///
/// The person walks up first (`approach`, if there is such a clip). Then, whenever a clip has been
/// played to its end, the one that the last shown guidance asks for begins, again if it is the same:
///
/// | Guidance | Clip |
/// |---|---|
/// | [`Guidance::MoveCloser`] | `approach` |
/// | [`Guidance::Smile`] | `smile` |
/// | [`Guidance::TurnImageLeft`] | `turn_right`: the subject's own right |
/// | [`Guidance::TurnImageRight`] | `turn_left`: the subject's own left |
/// | [`Guidance::LookUp`] | `look_up` |
/// | everything else, and in place of a clip that is missing | `idle`, every fifth time `blink` if there is such a clip |
///
/// The first frame is at time 0 and each one follows at the frame rate. Encoded images are kept
/// after they were read once.
///
/// A camera never gives the same picture twice, and pictures that come again are taken for a loop.
/// So every frame has a sensor's noise of its own: each byte is as in the image, one more or one
/// less. The noise depends on nothing but the frame's index, so that a capture can be repeated to
/// the byte.
pub struct Subject {
    clips: [Vec<Image>; Action::ALL.len()],
    rate: FrameRate,
    asked: Guidance,
    playing: Action,
    /// The image of `playing` that comes next.
    position: usize,
    /// The frame that comes next.
    index: u64,
    /// How often it was time for `idle`.
    idled: u64,
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
    /// `approach`, `smile`, `turn_left`, `turn_right`, `look_up` and `blink`; others are left alone. `fps` is 0.001 to 1000 frames a second.
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
            clips,
            rate,
            asked: Guidance::FindFace,
            playing: Action::Approach,
            position: 0,
            index: 0,
            idled: 0,
            ended: false,
            kept_bytes: 0,
            encoded: Vec::new(),
            pixels: Vec::new(),
        })
    }

    /// Begins the clip of `action`, or `idle` or `blink` if there is none.
    fn begin(&mut self, action: Action) {
        let present = |action: &Action| !self.clips[*action as usize].is_empty();
        self.playing = Some(action).filter(present).unwrap_or(Action::Idle);
        if self.playing == Action::Idle {
            self.idled += 1;
            if self.idled.is_multiple_of(BLINK_EVERY) && present(&Action::Blink) {
                self.playing = Action::Blink;
            }
        }
        self.position = 0;
    }

    /// Reads and decodes the next image into `pixels`.
    fn read(&mut self) -> Result<(Layout, Timestamp), CameraError> {
        if self.position >= self.clips[self.playing as usize].len() {
            self.begin(Action::following(self.asked));
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
        add_noise(&mut self.pixels, self.index);
        let at = self.rate.at(self.index);
        self.position += 1;
        self.index += 1;
        Ok((layout, at))
    }
}

/// Adds to each byte the noise of frame `index`: 1 with a chance of a quarter, -1 with the same.
fn add_noise(pixels: &mut [u8], index: u64) {
    /// Bytes at a time, so that the compiler makes vector code of what is done with them.
    const BLOCK: usize = 64;
    let start = scattered(index);
    for (number, block) in (0u64..).zip(pixels.chunks_mut(BLOCK)) {
        let mut bits = [[0u8; 8]; BLOCK / 8];
        for (word, bits) in (number * (BLOCK as u64 / 8)..).zip(&mut bits) {
            *bits = scattered(start.wrapping_add(word)).to_le_bytes();
        }
        for (byte, bits) in block.iter_mut().zip(bits.as_flattened()) {
            *byte = byte.saturating_add(bits & 1).saturating_sub(bits >> 1 & 1);
        }
    }
}

/// Bits all over from a number.
const fn scattered(number: u64) -> u64 {
    mix(number.wrapping_mul(GOLDEN))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_one_level_at_most_and_never_the_same() {
        let levels: Vec<u8> = (0..=u8::MAX).cycle().take(1_000).collect();
        let noisy = |index| {
            let mut pixels = levels.clone();
            add_noise(&mut pixels, index);
            pixels
        };
        let mut seen = std::collections::HashSet::new();
        for index in 0..500 {
            let pixels = noisy(index);
            assert_eq!(pixels, noisy(index));
            assert!(pixels.iter().zip(&levels).all(|(a, b)| a.abs_diff(*b) <= 1));
            let sum: i64 = pixels.iter().map(|p| i64::from(*p)).sum();
            let clean: i64 = levels.iter().map(|p| i64::from(*p)).sum();
            // The mean of 1000 bytes of a variance of a half: five sigmas and what black and white lose.
            assert!((sum - clean).abs() < 120, "{index}: {}", sum - clean);
            let changed = pixels.iter().zip(&levels).filter(|(a, b)| a != b).count();
            assert!((400..600).contains(&changed), "{index}: {changed} bytes of 1000 changed");
            assert!(seen.insert(pixels), "{index}");
        }
        add_noise(&mut [], 3);
    }
}
