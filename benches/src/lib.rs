//! What the benchmarks measure on: one rendered person at arm's length, decoded once.

use liveface::camera::Still;
use liveface::{Engine, EngineConfig};

/// A 640x480 frame of a fixture clip.
const PICTURE: &[u8] = include_bytes!("../../fixtures/clips-f1/idle/000.jpg");

/// The decoded fixture picture.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn picture() -> Still {
    match Still::decode(PICTURE) {
        Ok(still) => still,
        Err(error) => panic!("the fixture cannot be decoded: {error}"),
    }
}

/// The engine with the models that are built in.
///
/// # Panics
/// When ONNX Runtime is missing; the message says what to run.
#[must_use]
pub fn engine() -> Engine {
    match Engine::load(&EngineConfig::default()) {
        Ok(engine) => engine,
        Err(error) => panic!("{error}"),
    }
}
