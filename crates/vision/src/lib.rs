//! What the models see: faces, their meshes and poses, presentation attacks, embeddings.
//!
//! This is the only crate that knows ONNX Runtime. Start with [`Runtime::load`], then
//! [`Vision::load`]; follow a face through frames with [`Tracker`].

mod detector;
mod embedding;
mod error;
mod expression;
mod manifest;
mod mesh;
mod models;
mod net;
mod pose;
mod presentation;
mod runtime;
mod tracker;

pub use detector::Detection;
pub use error::VisionError;
pub use models::{ModelFiles, ModelSource};
pub use runtime::{ONNX_RUNTIME_VERSION, Runtime};
pub use tracker::{Tracker, Vision};
