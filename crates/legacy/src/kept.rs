//! Everything that depends on how the store keeps captures and hands out their images.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use liveface::{BundleError, Capture, Store, Tag};
use sha2::{Digest as _, Sha256};

/// Keeps `capture` under `tag`, in place of what was there.
pub(crate) fn replace(store: &Store, tag: &Tag, capture: &Capture) -> Result<(), BundleError> {
    store.save(tag, capture)
}

/// Keeps `capture` under `tag` if nothing is there; whether it did.
pub(crate) fn keep_new(store: &Store, tag: &Tag, capture: &Capture) -> Result<bool, BundleError> {
    let is_taken = store.tags()?.iter().any(|summary| summary.tag == *tag);
    if !is_taken {
        store.save(tag, capture)?;
    }
    Ok(!is_taken)
}

/// Whether `error` says that there is no such tag.
pub(crate) const fn is_missing(error: &BundleError) -> bool {
    matches!(error, BundleError::NoSuchTag { .. })
}

/// Readable copies of the images, for an app that shows them: a folder for each tag.
pub(crate) struct Copies {
    folder: PathBuf,
}

impl Copies {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder of `tag`: a tag is a name and not a path.
    fn of(&self, tag: &Tag) -> PathBuf {
        let digest = Sha256::digest(tag.as_str().as_bytes());
        let name = digest.iter().take(16).fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
        self.folder.join(name)
    }

    /// Copies the images of `tag` there, the selfie first.
    pub(crate) fn make(&self, store: &Store, tag: &Tag) -> Result<Vec<PathBuf>, ExportError> {
        let folder = self.of(tag);
        self.remove(tag)?;
        let made = make_folder(&folder).and_then(|()| export(store, tag, &folder));
        if made.is_err() {
            // What was copied before it failed is of no use.
            self.remove(tag)?;
        }
        made
    }

    /// Removes the copies of `tag`.
    pub(crate) fn remove(&self, tag: &Tag) -> Result<(), ExportError> {
        let folder = self.of(tag);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(ExportError::Folder(error)),
            _ => Ok(()),
        }
    }
}

/// Why images could not be copied, or copies not be removed.
pub(crate) enum ExportError {
    /// The folder.
    Folder(std::io::Error),
    /// The store.
    Store(BundleError),
}

impl From<BundleError> for ExportError {
    fn from(error: BundleError) -> Self {
        Self::Store(error)
    }
}

/// A folder for its owner alone.
fn make_folder(folder: &Path) -> Result<(), ExportError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(ExportError::Folder)
}

fn export(store: &Store, tag: &Tag, folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let copy = |file: PathBuf| {
        let copy = folder.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &copy).map(|_| copy).map_err(ExportError::Folder)
    };
    store.image_files(tag)?.into_iter().map(copy).collect()
}
