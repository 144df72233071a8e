//! The loaded runtime and models, shared by sessions and analyses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use liveface_core::Policy;
use liveface_vision::{ModelFiles, ModelProvider, ModelSource, Provider, Runtime, Vision};

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
    /// What runs the models; [`Engine::providers`] says what really does.
    pub provider: Provider,
}

/// The runtime library and the models, loaded once. Cheap to clone; clones share the models and
/// take turns with them, so load several engines to work on several threads at full speed.
#[derive(Clone)]
pub struct Engine(Arc<Loaded>);

struct Loaded {
    vision: Mutex<Vision>,
    models: BTreeMap<String, String>,
    runtime: Runtime,
}

impl Engine {
    /// Loads the runtime library and the models; those that a capture can do without, when they are first
    /// asked for.
    ///
    /// # Errors
    /// When the library or a model is missing, changed or unusable; the message says which and what
    /// to do.
    pub fn load(config: &EngineConfig) -> Result<Self, EngineError> {
        let runtime = Runtime::load(config.runtime.as_deref())?.with_provider(config.provider)?;
        let files = ModelFiles::read(&config.models)?;
        let vision = Vision::load(&runtime, &files)?;
        Ok(Self(Arc::new(Loaded {
            vision: Mutex::new(vision),
            models: files.hashes().clone(),
            runtime,
        })))
    }

    /// Starts a capture. Everything random in the sequence comes from `seed`.
    ///
    /// # Errors
    /// When the policy has a value that cannot work.
    pub fn session(&self, policy: Policy, seed: u64) -> Result<Session, EngineError> {
        Session::new(self.clone(), policy, seed)
    }

    /// sha256 of every model, and of the canonical face, by its name; lower-case hex.
    #[must_use]
    pub fn model_hashes(&self) -> &BTreeMap<String, String> {
        &self.0.models
    }

    /// The runtime library in use.
    #[must_use]
    pub fn runtime_library(&self) -> &Path {
        self.0.runtime.library()
    }

    /// What runs each model that was loaded so far, and why where it is not what [`EngineConfig`] asked for.
    #[must_use]
    pub fn providers(&self) -> Vec<ModelProvider> {
        self.0.runtime.providers()
    }

    /// The models, for this thread alone until the guard is dropped.
    ///
    /// A thread that panicked while it held them leaves nothing behind that matters: every run fills
    /// its inputs anew.
    pub fn vision(&self) -> MutexGuard<'_, Vision> {
        self.0.vision.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
