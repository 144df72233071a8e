//! What can go wrong between the runtime library, the model files and a frame.

use std::path::PathBuf;

use thiserror::Error;

use crate::provider::Provider;

/// Why the models could not be loaded or run. No message holds biometric data.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VisionError {
    /// The ONNX Runtime library was found nowhere.
    #[error(
        "the ONNX Runtime library was not found (looked at: {looked}); run `cargo xtask setup` in the \
         project, or set ORT_DYLIB_PATH to a libonnxruntime of version {version} or newer"
    )]
    RuntimeMissing {
        /// Where it was looked for.
        looked: String,
        /// The oldest version that works.
        version: &'static str,
    },
    /// A library was found and cannot be used.
    #[error(
        "the ONNX Runtime library {path} cannot be used: {why}; version {version} or newer is needed: \
         run `cargo xtask setup` in the project, or set ORT_DYLIB_PATH"
    )]
    RuntimeUnusable {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        why: String,
        /// The oldest version that works.
        version: &'static str,
    },
    /// A second, different library was asked for in one process.
    #[error(
        "this process already uses the ONNX Runtime library {loaded}; {asked} cannot be loaded beside it"
    )]
    RuntimeLoaded {
        /// The library in use.
        loaded: PathBuf,
        /// The library that was asked for.
        asked: PathBuf,
    },
    /// The execution provider that was asked for is not compiled in.
    #[error(
        "this build has no execution provider `{provider}`; build with the feature `{provider}`, or \
         use `cpu`"
    )]
    ProviderNotBuiltIn {
        /// What was asked for.
        provider: Provider,
    },
    /// A file of the models folder cannot be read.
    #[error("the model file {path} cannot be read: {source}; give a complete models folder")]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list of models is not as it should be.
    #[error("{path} is no list of models: {why}")]
    Manifest {
        /// The file, or where it was built in.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A model file has changed.
    #[error(
        "the model file {file} is not the one that models.toml names: its sha256 is {found}, \
         {expected} was expected; restore the file"
    )]
    ModelHash {
        /// The file.
        file: String,
        /// Its sha256.
        found: String,
        /// The sha256 in the list.
        expected: String,
    },
    /// A model's inputs or outputs are not as the list says.
    #[error(
        "the model {file} does not fit models.toml: {what} is {found}, {expected} was expected"
    )]
    ModelShape {
        /// The file.
        file: String,
        /// Which input or output.
        what: String,
        /// What the file has.
        found: String,
        /// What the list says.
        expected: String,
    },
    /// The binary has no models built in.
    #[error(
        "this build has no models inside; give a models folder, or build with the feature `embedded-models`"
    )]
    NoEmbeddedModels,
    /// ONNX Runtime refused a model or a run.
    #[error("ONNX Runtime failed at {model}: {why}")]
    Inference {
        /// The model.
        model: String,
        /// What it said.
        why: String,
    },
}
