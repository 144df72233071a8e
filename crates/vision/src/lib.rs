//! What the models see: faces, their meshes and poses, presentation attacks, embeddings, and for
//! quality a learned score and where the person is.
//!
//! This is the only crate that knows ONNX Runtime. Start with [`Runtime::load`], then
//! [`Vision::load`]; follow a face through frames with [`Tracker`].

mod calibration;
mod detector;
mod embedding;
mod error;
mod expression;
mod instrument;
mod kernels;
mod learned_quality;
mod manifest;
mod mesh;
mod models;
mod net;
mod noise;
mod occlusion;
mod on_demand;
mod person;
mod pose;
mod presentation;
mod provider;
mod runtime;
mod smooth;
mod tracker;

pub use detector::Detection;
pub use error::VisionError;
pub use instrument::InstrumentWatch;
pub use models::{ModelFiles, ModelSource};
pub use provider::{ModelProvider, Provider};
pub use runtime::{ONNX_RUNTIME_VERSION, Runtime};
pub use tracker::{Tracker, Vision};
