//! The real eyes of a sandbox: the engine.

use liveface::{AnalysisOptions, Engine};
use liveface_core::{Frame, Policy, policy};

use crate::faces::{FaceAnalyser, SeenFace};

/// Looks at pictures with the engine's models.
pub struct EngineAnalyser {
    engine: Engine,
    tracking: policy::Tracking,
}

impl EngineAnalyser {
    /// An analyser that finds faces as `policy.tracking` says. Give it an engine of its own: clones
    /// of one engine take turns.
    #[must_use]
    pub fn new(engine: Engine, policy: &Policy) -> Self {
        Self { engine, tracking: policy.tracking.clone() }
    }
}

impl FaceAnalyser for EngineAnalyser {
    fn faces(&mut self, picture: &Frame<'_>) -> Result<Vec<SeenFace>, String> {
        let options =
            AnalysisOptions { presentation: true, embedding: true, quality_models: false };
        let reports = self.engine.analyze(picture, &self.tracking, options);
        let seen = |report: liveface::FaceReport| SeenFace {
            embedding: report.embedding,
            // Not measured is not live.
            pad_live: report.pad_live.unwrap_or(0.0),
            area: report.face.bounds.area(),
        };
        reports
            .map(|reports| reports.into_iter().map(seen).collect())
            .map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for EngineAnalyser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineAnalyser(..)")
    }
}
