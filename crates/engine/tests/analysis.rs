//! Analyses of single pictures with the real models.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use liveface::camera::Still;
use liveface::{AnalysisOptions, Engine, EngineConfig, ModelSource, Policy};

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[test]
fn models_for_quality_alone_are_loaded_when_they_are_asked_for() {
    let models = ModelSource::Folder(folder("models"));
    let engine = Engine::load(&EngineConfig { models, ..EngineConfig::default() }).unwrap();
    let analyze = |still: &str, quality_models| {
        let still = Still::open(folder("fixtures/stills").join(still)).unwrap();
        let options = AnalysisOptions { presentation: true, embedding: true, quality_models };
        engine.analyze(&still.frame().unwrap(), &Policy::default().tracking, options).unwrap()
    };
    let loaded = || -> Vec<String> {
        engine.providers().into_iter().map(|provider| provider.model).collect()
    };
    assert_eq!(analyze("two.jpg", false).len(), 2);
    // Where there is no face, there is nothing to ask them.
    assert_eq!(analyze("noface.jpg", true).len(), 0);
    assert_eq!(loaded().len(), 4);
    let spent = engine.vision().spent();
    assert_eq!(analyze("two.jpg", true).len(), 2);
    assert!(engine.vision().spent() > spent);
    let loaded = loaded();
    assert_eq!(loaded.len(), 6, "{loaded:?}");
    for model in ["qualityface", "selfie_segmentation"] {
        assert!(loaded.iter().any(|file| file.starts_with(model)), "{loaded:?}");
    }
}
