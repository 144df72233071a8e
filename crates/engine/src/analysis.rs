//! Everything that the engine sees in a single picture.

use liveface_core::{Embedding, Face, Frame, QualityRecord, policy};
use liveface_quality::Gauge;

use crate::engine::Engine;
use crate::error::EngineError;

/// What to find out beside faces and quality; each costs a model run a face.
#[derive(Clone, Copy, Debug)]
pub struct AnalysisOptions {
    /// Run the passive presentation attack check.
    pub presentation: bool,
    /// Make the embedding.
    pub embedding: bool,
}

/// One face of a picture.
#[derive(Clone, Debug)]
pub struct FaceReport {
    /// The face.
    pub face: Face,
    /// Its quality components.
    pub quality: QualityRecord,
    /// The passive check, 0 (attack) to 1 (live), when asked for.
    pub pad_live: Option<f32>,
    /// The embedding, when asked for and the face can be aligned.
    pub embedding: Option<Embedding>,
}

impl Engine {
    /// Looks at a single picture: every face, the largest first.
    ///
    /// # Errors
    /// When a model fails.
    pub fn analyze(
        &self,
        frame: &Frame<'_>,
        limits: &policy::Tracking,
        options: AnalysisOptions,
    ) -> Result<Vec<FaceReport>, EngineError> {
        let mut vision = self.vision();
        let mut gauge = Gauge::default();
        let mut reports = Vec::new();
        for face in vision.faces(frame, limits)? {
            let pad_live =
                options.presentation.then(|| vision.presentation(frame, &face)).transpose()?;
            let embedding = if options.embedding { vision.embedding(frame, &face)? } else { None };
            let quality = gauge.guide(frame, &face, None);
            reports.push(FaceReport { face, quality, pad_live, embedding });
        }
        Ok(reports)
    }
}
