//! A hold on one capture while its job is under way.

use std::fs::File;

use crate::capture::Capture;
use crate::error::BundleError;
use crate::job::JobState;
use crate::manifest::Pointer;
use crate::store::Store;
use crate::tag::Tag;

/// The right to submit one capture, from [`Store::submission`]. It ends when it is dropped or its
/// process ends.
///
/// It belongs to the capture that the tag had when it began: when the tag is captured again or
/// cleared, every call fails with [`BundleError::Replaced`], so that a job's progress is never
/// recorded with another capture.
pub struct Submission {
    store: Store,
    pointer: Pointer,
    /// Held, not used.
    _lock: File,
}

impl Submission {
    pub(crate) fn new(store: Store, pointer: Pointer, lock: File) -> Self {
        Self { store, pointer, _lock: lock }
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> &Tag {
        &self.pointer.tag
    }

    /// The capture, every byte checked.
    ///
    /// # Errors
    /// When it was replaced or cleared, or a file is damaged.
    pub fn capture(&self) -> Result<Capture, BundleError> {
        self.store.submission_capture(&self.pointer)
    }

    /// How far the job has come; `None` when none was begun.
    ///
    /// # Errors
    /// When the capture was replaced or cleared, or the job's file is damaged.
    pub fn job(&self) -> Result<Option<JobState>, BundleError> {
        self.store.submission_job(&self.pointer)
    }

    /// Records how far the job has come. A process that is killed leaves the earlier state or
    /// this one.
    ///
    /// # Errors
    /// When the capture was replaced or cleared, or the state cannot be written.
    pub fn set_job(&self, job: &JobState) -> Result<(), BundleError> {
        self.store.set_submission_job(&self.pointer, job)
    }

    /// Forgets the job, as if none had been begun.
    ///
    /// # Errors
    /// When the capture was replaced or cleared, or the record cannot be removed.
    pub fn forget_job(&self) -> Result<(), BundleError> {
        self.store.forget_submission_job(&self.pointer)
    }
}

impl std::fmt::Debug for Submission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submission").field("tag", self.tag()).finish_non_exhaustive()
    }
}
