//! Models that are loaded when they are first asked for: most captures never ask.

use std::time::Duration;

use crate::error::VisionError;
use crate::manifest::{Decode, Entry};
use crate::models::{ModelFiles, ModelSource, none_of};
use crate::net::Net;
use crate::runtime::Runtime;

/// A model that a capture can do without.
pub(crate) trait Optional: Sized {
    /// What `models.toml` calls its decoder.
    const KIND: &'static str;
    /// How its output is decoded.
    type Decode: Copy;

    /// The decoder, when it is this model's.
    fn pick(decode: &Decode) -> Option<Self::Decode>;

    fn load(
        runtime: &Runtime,
        entry: &Entry,
        bytes: &[u8],
        decode: Self::Decode,
    ) -> Result<Self, VisionError>;

    fn net(&self) -> &Net;
}

/// The model `M`, loaded or to be loaded.
pub(crate) struct OnDemand<M: Optional> {
    runtime: Runtime,
    source: ModelSource,
    /// `None` when `models.toml` has no such model.
    listed: Option<(Entry, M::Decode)>,
    loaded: Option<M>,
}

impl<M: Optional> OnDemand<M> {
    pub(crate) fn new(runtime: &Runtime, files: &ModelFiles) -> Self {
        Self {
            runtime: runtime.clone(),
            source: files.source().clone(),
            listed: files.find_optional(M::pick),
            loaded: None,
        }
    }

    /// The model. Where it is not loaded yet, its file is read and checked by its sha256 again: it may have
    /// changed since, and is not kept in memory for nothing.
    pub(crate) fn get(&mut self) -> Result<&mut M, VisionError> {
        let model = match self.loaded.take() {
            Some(model) => model,
            None => {
                let (entry, decode) = self.listed.as_ref().ok_or_else(|| none_of(M::KIND))?;
                let bytes = self.source.checked(&entry.file, &entry.sha256)?;
                M::load(&self.runtime, entry, &bytes, *decode)?
            }
        };
        Ok(self.loaded.insert(model))
    }

    /// The time spent in ONNX Runtime since the model was loaded.
    pub(crate) fn spent(&self) -> Duration {
        self.loaded.as_ref().map_or(Duration::ZERO, |model| model.net().spent())
    }
}
