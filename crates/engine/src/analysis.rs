//! Everything that the engine sees in a single picture.

use liveface_core::{Embedding, Face, Frame, QualityRecord, policy};
use liveface_quality::{Gauge, Subject};

use crate::engine::Engine;
use crate::error::EngineError;

/// What to find out beside faces and quality; each costs a model run a face, or one a picture.
#[derive(Clone, Copy, Debug)]
pub struct AnalysisOptions {
    /// Run the passive presentation attack check.
    pub presentation: bool,
    /// Make the embedding.
    pub embedding: bool,
    /// Run the models that are for quality alone: the learned score of each face, and where the person is.
    pub quality_models: bool,
}

/// One face of a picture.
#[derive(Clone, Debug)]
pub struct FaceReport {
    /// The face.
    pub face: Face,
    /// Its quality components. Those that compare it with the other faces take the largest of them, which
    /// counts as large as this one at most: the largest face has the ratio of the two largest, as in OFIQ,
    /// and any other has 1.
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
        let faces = vision.faces(frame, limits)?;
        let wanted = options.quality_models && !faces.is_empty();
        let person = wanted.then(|| vision.person(frame)).transpose()?;
        let second_faces = second_faces(&faces);
        for (face, second_face) in faces.into_iter().zip(second_faces) {
            let pad_live =
                options.presentation.then(|| vision.presentation(frame, &face)).transpose()?;
            let embedding = if options.embedding { vision.embedding(frame, &face)? } else { None };
            let learned =
                options.quality_models.then(|| vision.learned_quality(frame, &face)).transpose()?;
            let subject = Subject {
                face: &face,
                aligned: vision.aligned(&face),
                second_face,
                learned,
                person: person.as_ref(),
            };
            let quality = gauge.assess(frame, &subject);
            reports.push(FaceReport { face, quality, pad_live, embedding });
        }
        Ok(reports)
    }
}

/// For each face, the area of the largest other one over its own, 1 at most; the largest comes first.
fn second_faces(faces: &[Face]) -> Vec<f32> {
    let area = |index: usize| faces.get(index).map_or(0.0, |face| face.bounds.area());
    let ratio = |index: usize| {
        let (own, other) = (area(index), area(usize::from(index == 0)));
        if own > 0.0 { (other / own).min(1.0) } else { 1.0 }
    };
    (0..faces.len()).map(ratio).collect()
}
