//! A capture: its encoded pictures and the record of how they were taken.

use std::collections::HashSet;

use liveface_core::{CaptureRecord, ShotKind};
use zeroize::Zeroizing;

use crate::error::BundleError;

/// An encoded picture.
#[derive(Clone, PartialEq, Eq)]
pub struct CapturedImage {
    /// What it is for.
    pub kind: ShotKind,
    /// Counts the pictures of its kind from 0.
    pub index: u32,
    /// The frame's timestamp, in milliseconds.
    pub t_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The picture as JPEG; wiped from memory when it is dropped.
    pub jpeg: Zeroizing<Vec<u8>>,
}

impl CapturedImage {
    /// The name that the picture has in the upload zip and when it is exported.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(self.kind, self.t_ms)
    }
}

impl std::fmt::Debug for CapturedImage {
    /// Shape only: pixels are never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CapturedImage")
            .field("kind", &self.kind)
            .field("index", &self.index)
            .field("t_ms", &self.t_ms)
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

/// What a session leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// The pictures, in the order in which they were taken.
    pub images: Vec<CapturedImage>,
    /// Everything else about the capture.
    pub record: CaptureRecord,
}

impl Capture {
    /// The selfie; `None` when the capture ended before it was taken.
    #[must_use]
    pub fn selfie(&self) -> Option<&CapturedImage> {
        self.images.iter().find(|image| image.kind == ShotKind::Selfie)
    }

    /// The pictures as servers get them: the selfie first, then the liveness images in order.
    #[must_use]
    pub fn upload_order(&self) -> Vec<&CapturedImage> {
        let mut images: Vec<_> = self.images.iter().collect();
        images.sort_by_key(|image| (upload_rank(image.kind), image.index, image.t_ms));
        images
    }

    /// Fails when two pictures have one name.
    pub(crate) fn check_names(&self) -> Result<(), BundleError> {
        let mut names = HashSet::new();
        for image in &self.images {
            let name = image.file_name();
            if names.contains(&name) {
                return Err(BundleError::SameName { name });
            }
            names.insert(name);
        }
        Ok(())
    }
}

/// Selfies come before liveness images.
pub(crate) fn upload_rank(kind: ShotKind) -> u8 {
    match kind {
        ShotKind::Selfie => 0,
        ShotKind::Liveness => 1,
    }
}

/// The name of the picture of `kind` that was taken at `t_ms`, as Smile ID's mobile SDKs name them.
pub(crate) fn file_name(kind: ShotKind, t_ms: u64) -> String {
    match kind {
        ShotKind::Selfie => format!("si_selfie_{t_ms}.jpg"),
        ShotKind::Liveness => format!("si_liveness_{t_ms}.jpg"),
    }
}

/// Whether `name` is the [`file_name`] of some picture.
pub(crate) fn is_file_name(name: &str) -> bool {
    let time = name.strip_prefix("si_").and_then(|name| {
        name.strip_prefix("selfie_").or(name.strip_prefix("liveness_"))?.strip_suffix(".jpg")
    });
    time.is_some_and(|t| !t.is_empty() && t.bytes().all(|digit| digit.is_ascii_digit()))
}
