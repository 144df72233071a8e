//! Everything that depends on how the store keeps captures and hands out their images.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use liveface::{BundleError, Capture, Store, Tag};
use liveface_bundle::{JobStage, JobState};
use sha2::{Digest as _, Sha256};

/// Keeps `capture` under `tag`, in place of what was there.
pub(crate) fn replace(store: &Store, tag: &Tag, capture: &Capture) -> Result<(), BundleError> {
    store.replace(tag, capture)
}

/// Keeps `capture` under `tag` if nothing is there; whether it did.
pub(crate) fn keep_new(store: &Store, tag: &Tag, capture: &Capture) -> Result<bool, BundleError> {
    match store.save(tag, capture) {
        Err(BundleError::TagInUse { .. }) => Ok(false),
        saved => saved.map(|()| true),
    }
}

/// The tags whose images no server has, oldest first.
pub(crate) fn idle_tags(store: &Store) -> Result<Vec<String>, BundleError> {
    let is_idle = |tag: &Tag| match store.job(tag) {
        Ok(job) => job.is_none_or(|job| job.stage == JobStage::Prepared),
        // It went away, or is damaged.
        Err(_) => false,
    };
    let tags = store.tags()?.into_iter().filter(|summary| summary.verdict.is_some());
    Ok(tags.map(|s| s.tag).filter(is_idle).map(String::from).collect())
}

/// What is recorded of a job.
type Recorded = Result<JobState, BundleError>;

/// The jobs, first those that cannot be read, then, unless `only_open`, those that are done, then
/// the others; each kind in the order in which they were begun.
pub(crate) fn jobs(store: &Store, only_open: bool) -> Result<Vec<(Tag, Recorded)>, BundleError> {
    let mut jobs = Vec::new();
    for tag in store.tags()?.into_iter().map(|summary| summary.tag) {
        match store.job(&tag) {
            Ok(Some(job)) if !only_open || job.stage != JobStage::Final => {
                jobs.push((tag, Ok(job)));
            }
            Ok(_) | Err(BundleError::NoSuchTag { .. }) => {}
            Err(error) => jobs.push((tag, Err(error))),
        }
    }
    jobs.sort_by_cached_key(|(tag, job)| {
        let job = job.as_ref().ok();
        (job.map(|job| (job.stage != JobStage::Final, job.created.clone())), tag.clone())
    });
    Ok(jobs)
}

/// Whether what is under `tag` is not needed any more: its job's final answer is here, or it is gone
/// or damaged. Not so of a capture that was taken meanwhile.
pub(crate) fn is_done(store: &Store, tag: &Tag) -> bool {
    let is_final = |job: JobState| job.stage == JobStage::Final;
    store.job(tag).map_or(true, |job| job.is_some_and(is_final))
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
        let name =
            digest.iter().take(16).fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
        self.folder.join(name)
    }

    /// Copies the images of `tag` there, the selfie first.
    pub(crate) fn make(&self, store: &Store, tag: &Tag) -> Result<Vec<PathBuf>, ExportError> {
        store.replace_exported_images(tag, self.of(tag)).map_err(|error| match error {
            BundleError::Io { path, source, .. } if path.starts_with(&self.folder) => {
                ExportError::Folder(source)
            }
            error => ExportError::Store(error),
        })
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
