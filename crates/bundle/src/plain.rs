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

use crate::capture::CapturedImage;
use crate::disk;
use crate::error::BundleError;
use crate::manifest::{GENERATION_PREFIX, Manifest, PLAIN_FORMAT, Pointer, from_json};

/// A tag's capture and its job.
pub(crate) struct Plain {
    pub(crate) directory: PathBuf,
    pub(crate) pointer: Pointer,
    /// With the record as it was written, whether or not this version can read it.
    pub(crate) manifest: Manifest<serde_json::Value>,
    /// As it was written.
    pub(crate) job: Option<Zeroizing<Vec<u8>>>,
}

impl Plain {
    /// Reads what lies in the tag's directory, without the pictures; `None` when it has no pointer.
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
        Ok(Some(Self { directory: directory.to_owned(), pointer, manifest, job }))
    }

    /// Whether all that lies in the tag's directory is what saves that did not come to their end left.
    pub(crate) fn is_unfinished(directory: &Path) -> Result<bool, BundleError> {
        for name in disk::names_in(directory)? {
            if name == "current.json.tmp" {
                continue;
            }
            let digits = name.strip_prefix(GENERATION_PREFIX).unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Ok(false);
            }
            let manifest = disk::read_if_there(&directory.join(name).join("manifest.json"))?;
            if manifest.is_some_and(|bytes| from_json::<serde_json::Value>(&bytes).is_ok()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The images, every byte checked.
    pub(crate) fn images(&self) -> Result<Vec<CapturedImage>, BundleError> {
        let generation = self.generation();
        self.manifest.images(
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
