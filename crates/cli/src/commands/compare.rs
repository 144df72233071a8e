//! `liveface match`: are two faces one person's?

use std::path::Path;

use liveface::camera::Still;
use liveface::{AnalysisOptions, Embedding, Engine, Policy};
use serde::Serialize;

use crate::args::{Common, MatchOptions};
use crate::console::{self, Style, styled};
use crate::failure::{Exit, Failure};

#[derive(Serialize)]
struct MatchLine {
    similarity: f32,
    threshold: f32,
    #[serde(rename = "match")]
    matched: bool,
}

pub(crate) fn run(common: &Common, options: &MatchOptions) -> Result<Exit, Failure> {
    let policy = super::policy(&options.policy)?;
    let engine = super::engine(common)?;
    let a = embedding(&engine, &options.a, &policy)?;
    let b = embedding(&engine, &options.b, &policy)?;
    let similarity = a.similarity(&b);
    let threshold = policy.identity.match_similarity;
    let matched = similarity >= threshold;
    if common.json {
        console::json(&MatchLine { similarity, threshold, matched })?;
    } else {
        let (word, style) = if matched {
            ("the same person", Style::Good)
        } else {
            ("different people", Style::Bad)
        };
        console::line(format!(
            "{} (similarity {similarity:.3}, threshold {threshold})",
            styled(word, style)
        ))?;
    }
    Ok(if matched { Exit::Done } else { Exit::NotAccepted })
}

/// The embedding of the one face in an image.
fn embedding(engine: &Engine, path: &Path, policy: &Policy) -> Result<Embedding, Failure> {
    let name = &path.display();
    let still = Still::open(path).map_err(|error| Failure::input(name, error))?;
    let frame = still.frame().map_err(|error| Failure::input(name, error))?;
    let options = AnalysisOptions { presentation: false, embedding: true, quality_models: false };
    let mut faces = engine.analyze(&frame, &policy.tracking, options)?;
    match (faces.len(), faces.pop().and_then(|face| face.embedding)) {
        (1, Some(embedding)) => Ok(embedding),
        (0, _) => {
            Err(Failure::input(name, "no face was found; give a picture that shows one face"))
        }
        (1, None) => {
            Err(Failure::input(name, "the face cannot be aligned; give a clearer picture"))
        }
        (count, _) => Err(Failure::input(
            name,
            format!("{count} faces were found; give a picture that shows one"),
        )),
    }
}
