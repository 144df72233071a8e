//! The loaded runtime and models, shared by sessions and analyses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use liveface_core::Policy;
use liveface_vision::{ModelFiles, ModelSource, Runtime, Vision, VisionError};

use crate::error::EngineError;
use crate::session::Session;

/// Where to find what the engine needs. The default takes the models that are built in and looks
/// for the runtime library at its usual places.
#[derive(Clone, Debug, Default)]
pub struct EngineConfig {
    /// The ONNX Runtime library; `None` looks for it, see [`liveface_vision::Runtime::load`].
    pub runtime: Option<PathBuf>,
    /// The models.
    pub models: ModelSource,
}

/// The runtime library and the models, loaded once. Cheap to clone; clones share the models and
/// take turns with them, so load several engines to work on several threads at full speed.
#[derive(Clone)]
pub struct Engine {
    vision: Arc<Mutex<Vision>>,
    models: BTreeMap<String, String>,
    library: PathBuf,
}

impl Engine {
    /// Loads the runtime library and all models.
    ///
    /// # Errors
    /// When the library or a model is missing, changed or unusable; the message says which and what
    /// to do.
    pub fn load(config: &EngineConfig) -> Result<Self, EngineError> {
        let runtime = Runtime::load(config.runtime.as_deref())?;
        let files = ModelFiles::read(&config.models)?;
        Ok(Self {
            vision: Arc::new(Mutex::new(Vision::load(&runtime, &files)?)),
            models: files.hashes(),
            library: runtime.library().to_path_buf(),
        })
    }

    /// Starts a capture. Everything random in the sequence comes from `seed`.
    ///
    /// # Errors
    /// When the policy has a value that cannot work.
    pub fn session(&self, policy: Policy, seed: u64) -> Result<Session, EngineError> {
        Session::new(self.clone(), policy, seed)
    }

    /// sha256 of every model by its name, lower-case hex.
    #[must_use]
    pub const fn model_hashes(&self) -> &BTreeMap<String, String> {
        &self.models
    }

    /// The runtime library in use.
    #[must_use]
    pub fn runtime_library(&self) -> &Path {
        &self.library
    }

    /// The models, for this thread alone until the guard is dropped.
    ///
    /// # Errors
    /// When a thread panicked while it held them.
    pub fn vision(&self) -> Result<MutexGuard<'_, Vision>, EngineError> {
        Ok(self.vision.lock().map_err(|_| VisionError::Poisoned)?)
    }
}
