//! What the engine says of one presentation: a still by itself, a clip as a whole capture.

use std::path::{Path, PathBuf};

use liveface::camera::{FrameSource as _, Recording, Still};
use liveface::{Engine, Frame, Policy, Reason, StillOutcome, Verdict};
use serde::{Deserialize, Serialize};

use super::manifest::Entry;
use crate::failure::{Exit, Failure};
use crate::page;

/// Frames of a clip that are judged as stills: the first in every such part of frame time, in milliseconds.
const FRAME_EVERY_MS: u64 = 200;

/// A verdict and the score beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) reasons: Vec<Reason>,
    /// 0 (attack) to 1 (live); `None` when there was nothing to score.
    pub(super) live: Option<f32>,
}

/// A frame of a clip, judged as a still.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JudgedFrame {
    pub(super) t_ms: u64,
    #[serde(flatten)]
    pub(super) judged: Judged,
}

/// A presentation, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Outcome {
    Still(Judged),
    Clip {
        /// The verdict of a whole capture.
        capture: Judged,
        frames: Vec<JudgedFrame>,
    },
}

impl Outcome {
    /// What is said of the presentation as a whole.
    pub(super) fn whole(&self) -> &Judged {
        match self {
            Self::Still(judged) | Self::Clip { capture: judged, .. } => judged,
        }
    }
}

/// Whether the presentation at `path` is a clip and not a single picture.
pub(super) fn is_clip(path: &Path) -> bool {
    let extension = path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
    path.is_dir() || !matches!(extension.as_deref(), Some("jpg" | "jpeg" | "png"))
}

/// How presentations are judged.
pub(super) struct Judge<'j> {
    /// Where the manifest's paths begin.
    pub(super) folder: PathBuf,
    pub(super) policy: &'j Policy,
    pub(super) seed: u64,
    /// Whether a small picture of each presentation is made.
    pub(super) thumbnails: bool,
}

impl Judge<'_> {
    pub(super) fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.join(&entry.path)
    }

    /// Judges the presentation; also gives a small picture of it, as base64.
    pub(super) fn judge(
        &self,
        engine: &Engine,
        entry: &Entry,
    ) -> Result<(Outcome, Option<String>), Failure> {
        let path = self.path(entry);
        if is_clip(&path) { self.clip(engine, &path, entry.fps) } else { self.still(engine, &path) }
    }

    fn still(&self, engine: &Engine, path: &Path) -> Result<(Outcome, Option<String>), Failure> {
        let unreadable =
            |error: &dyn std::fmt::Display| Failure::new(Exit::Input, error.to_string());
        let still = Still::open(path).map_err(|error| unreadable(&error))?;
        let frame = still.frame().map_err(|error| unreadable(&error))?;
        let judged = self.frame(engine, &frame)?;
        let thumbnail = self.thumbnails.then(|| page::thumbnail(&frame)).transpose()?;
        Ok((Outcome::Still(judged), thumbnail.map(|jpeg| page::base64(&jpeg))))
    }

    fn clip(
        &self,
        engine: &Engine,
        path: &Path,
        fps: f64,
    ) -> Result<(Outcome, Option<String>), Failure> {
        let mut source = Recording::open(path, fps)?;
        let mut session = engine.session(self.policy.clone(), self.seed)?;
        let mut frames = Vec::<JudgedFrame>::new();
        // Of the first frame with a face, or of the first one.
        let (mut thumbnail, mut shows_face) = (None, false);
        while let Some(frame) = source.next_frame()? {
            if !session.ended() {
                session.push(&frame)?;
            }
            let t_ms = u64::try_from(frame.timestamp().as_millis()).unwrap_or(u64::MAX);
            let part = |t_ms: u64| t_ms / FRAME_EVERY_MS;
            if frames.last().is_some_and(|last| part(last.t_ms) == part(t_ms)) {
                continue;
            }
            let judged = self.frame(engine, &frame)?;
            if self.thumbnails && (frames.is_empty() || (judged.live.is_some() && !shows_face)) {
                thumbnail = Some(page::thumbnail(&frame)?);
                shows_face = judged.live.is_some();
            }
            frames.push(JudgedFrame { t_ms, judged });
        }
        if !session.ended() {
            session.end(Reason::FramesEnded);
        }
        let record = session.finish().record;
        let capture = judged(record.verdict, record.reasons, record.evidence.live);
        Ok((Outcome::Clip { capture, frames }, thumbnail.map(|jpeg| page::base64(&jpeg))))
    }

    /// A frame by itself.
    fn frame(&self, engine: &Engine, frame: &Frame<'_>) -> Result<Judged, Failure> {
        let StillOutcome { verdict, reasons, live, .. } = engine.judge_still(frame, self.policy)?;
        Ok(judged(verdict, reasons, live))
    }
}

/// A score that is no number is none.
fn judged(verdict: Verdict, reasons: Vec<Reason>, live: Option<f32>) -> Judged {
    Judged { verdict, reasons, live: live.filter(|live| live.is_finite()) }
}
