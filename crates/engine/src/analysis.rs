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
        let areas: Vec<f32> = faces.iter().map(|face| face.bounds.area()).collect();
        for (index, face) in faces.into_iter().enumerate() {
            let pad_live =
                options.presentation.then(|| vision.presentation(frame, &face)).transpose()?;
            let embedding = if options.embedding { vision.embedding(frame, &face)? } else { None };
            let learned =
                options.quality_models.then(|| vision.learned_quality(frame, &face)).transpose()?;
            let subject = Subject {
                face: &face,
                // The mesh was looked for where the detector saw the face; while it is tracked it is where its
                // own points are, and so it is read here.
                aligned: None,
                second_face: second_face(&areas, index),
                learned,
                person: person.as_ref(),
            };
            let quality = gauge.assess(frame, &subject);
            reports.push(FaceReport { face, quality, pad_live, embedding });
        }
        Ok(reports)
    }
}

/// The largest of the other areas over the one at `index`, 1 at most.
fn second_face(areas: &[f32], index: usize) -> f32 {
    let others = areas.iter().enumerate().filter(|(other, _)| *other != index);
    let largest = others.map(|(_, area)| *area).fold(0.0, f32::max);
    // Written so that a face without area is never the only one.
    if areas[index] > largest { largest / areas[index] } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_face_has_the_ratio_of_the_two_largest_and_any_other_has_one() {
        let ratios = |areas: &[f32]| -> Vec<f32> {
            (0..areas.len()).map(|index| second_face(areas, index)).collect()
        };
        assert_eq!(ratios(&[80.0]), [0.0]);
        assert_eq!(ratios(&[80.0, 20.0, 8.0]), [0.25, 1.0, 1.0]);
        assert_eq!(ratios(&[8.0, 20.0, 80.0]), [1.0, 1.0, 0.25]);
        assert_eq!(ratios(&[20.0, 20.0]), [1.0, 1.0]);
        assert_eq!(ratios(&[0.0, f32::NAN]), [1.0, 1.0]);
    }
}
