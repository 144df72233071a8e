//! Captures as they were kept before stores were encrypted (format 1): read, to be encrypted.
//!
//! ```text
//! tag-<name>-<hash>/
//!   current.json          the pointer
//!   gen-<random>/         manifest.json, the pictures by their names, job.json, job.lock
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::capture::Capture;
use crate::disk;
use crate::error::BundleError;
use crate::job::JobState;
use crate::manifest::{Manifest, PLAIN_FORMAT, Pointer, from_json};

/// A tag's capture and its job.
pub(crate) struct Plain {
    pub(crate) directory: PathBuf,
    pub(crate) pointer: Pointer,
    pub(crate) manifest: Manifest,
    /// As it was written.
    pub(crate) job: Option<Zeroizing<Vec<u8>>>,
}

impl Plain {
    /// Reads what lies in the tag's directory, without the pictures; `None` when its first save did
    /// not come to its end.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, BundleError> {
        let path = directory.join("current.json");
        let Some(bytes) = disk::read_if_there(&path)? else { return Ok(None) };
        let pointer = Pointer::parse(&bytes, PLAIN_FORMAT)
            .map_err(|what| BundleError::damaged(&path, what))?;
        if directory.file_name() != Some(pointer.tag.plain_directory_name().as_ref()) {
            return Err(BundleError::damaged(path, "it names another tag"));
        }
        let generation = directory.join(&pointer.generation);
        let path = generation.join("manifest.json");
        let manifest = Manifest::parse(&disk::read(&path)?, &pointer)
            .map_err(|what| BundleError::damaged(path, what))?;
        let path = generation.join("job.json");
        let job = disk::read_if_there(&path)?;
        if let Some(Err(what)) = job.as_ref().map(|job| from_json::<JobState>(job)) {
            return Err(BundleError::damaged(path, what));
        }
        Ok(Some(Self { directory: directory.to_owned(), pointer, manifest, job }))
    }

    /// The capture, every byte checked.
    pub(crate) fn capture(&self) -> Result<Capture, BundleError> {
        let generation = self.generation();
        self.manifest.clone().into_capture(
            |file, size| disk::read_sized(&generation.join(file), size),
            |file, what| BundleError::damaged(generation.join(file), what),
        )
    }

    /// As long as this is held, nobody submits the capture.
    pub(crate) fn hold(&self) -> Result<File, BundleError> {
        disk::try_lock(&self.generation().join("job.lock"))?
            .ok_or_else(|| BundleError::Busy { tag: self.pointer.tag.clone() })
    }

    fn generation(&self) -> PathBuf {
        self.directory.join(&self.pointer.generation)
    }
}
