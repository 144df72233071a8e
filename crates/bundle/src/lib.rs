//! Captured images under a tag: how they are encoded, kept on disk and packed for upload.
//!
//! A [`Capture`] is what a session leaves behind: the pictures and the record of how they were
//! taken. [`Store`] keeps captures under a [`Tag`], encrypted, one directory for each tag, so that a
//! process that is killed at any moment leaves the old capture or the new one and nothing between.
//! [`upload_zip()`] packs a capture for a server, [`read_upload_zip`] reads such a zip from a
//! stranger.
//!
//! ```
//! use liveface_bundle::{Capture, KeyFile, Store, Tag, encode};
//! use liveface_core::{CaptureRecord, Frame, ShotKind, Timestamp, Verdict};
//!
//! # let directory = tempfile::tempdir()?;
//! let pixels = vec![127; 64 * 48 * 3];
//! let frame = Frame::rgb(64, 48, &pixels, Timestamp::from_millis(1500))?;
//! let selfie = encode(&frame, ShotKind::Selfie, 0, 640, 90)?;
//! let record = CaptureRecord {
//!     engine_version: "0.1.0".into(),
//!     policy: "smart-selfie".into(),
//!     policy_sha256: None,
//!     seed: 1,
//!     models: Default::default(),
//!     verdict: Verdict::Live,
//!     reasons: vec![],
//!     evidence: Default::default(),
//!     shots: vec![],
//!     guidance: vec![],
//!     frames: Default::default(),
//! };
//! let path = directory.path().join("captures");
//! let store = Store::open(&path, &KeyFile::beside(&path))?;
//! let tag = Tag::generate()?;
//! store.save(&tag, &Capture { images: vec![selfie], record })?;
//! assert_eq!(store.load(&tag)?.images[0].file_name(), "si_selfie_1500.jpg");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capture;
mod disk;
mod encode;
mod error;
mod fuzzing;
mod info;
mod job;
mod keys;
mod manifest;
mod plain;
pub mod record;
mod sealed;
mod store;
mod strict_json;
mod submission;
mod tag;
mod text;
mod upload_zip;
mod wiped;
mod zip_reader;

pub use capture::{Capture, CapturedImage};
pub use encode::encode;
pub use error::BundleError;
#[doc(hidden)]
pub use fuzzing::fuzz_store_file;
pub use info::{
    ApiVersion, ImageEntry, Info, InfoRequest, MiscInformation, PackageInformation, PartnerParams,
    UserData, image_type,
};
pub use job::{Consent, JobStage, JobState, Protocol};
pub use keys::{KeyError, KeyFile, KeyProvider, StoreKey};
pub use record::{IntegrityRecord, PublicKey, RecordEnvelope, RecordError, RecordSigner};
pub use store::{Retention, Store, TagState, TagSummary};
pub use submission::Submission;
pub use tag::Tag;
pub use text::{hex, now, sha256_hex};
pub use upload_zip::{bundle_zip, upload_zip};
pub use zeroize::Zeroizing;
pub use zip_reader::{UploadImage, UploadZip, ZipLimits, read_upload_zip};
