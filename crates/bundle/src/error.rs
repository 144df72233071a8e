//! Everything that can go wrong with captures, the store and upload zips.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::tag::Tag;

/// Why a bundle operation failed. No message holds pixels, user ids or keys.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A tag that cannot be used.
    #[error("this cannot be a tag: {rule}")]
    Tag {
        /// What is asked of a tag.
        rule: &'static str,
    },
    /// A size or quality that pictures cannot be encoded with.
    #[error("pictures cannot be encoded with {name} {value}; it must be {rule}")]
    Encoding {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: u32,
        /// What is allowed.
        rule: &'static str,
    },
    /// The JPEG encoder failed.
    #[error("a {width}x{height} picture could not be encoded as JPEG: {source}")]
    Jpeg {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// What the encoder said.
        source: image::ImageError,
    },
    /// A file operation failed.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store's key cannot be had.
    #[error(transparent)]
    Key(#[from] crate::keys::KeyError),
    /// The store is encrypted, and its key is not there.
    #[error(
        "the captures in {} are encrypted and {keys} holds no key; put the key back where it was, or remove the store's directory to begin anew without its captures",
        store.display()
    )]
    KeyMissing {
        /// The store's directory.
        store: PathBuf,
        /// Where the key was looked for.
        keys: String,
    },
    /// The store is encrypted with another key.
    #[error(
        "the captures in {} are encrypted with another key than that of {keys}; give the key that belongs to this store",
        store.display()
    )]
    WrongKey {
        /// The store's directory.
        store: PathBuf,
        /// Where the key came from.
        keys: String,
    },
    /// The store was written by another version, which this one does not know.
    #[error(
        "{} says that the store has format {format}, and this version knows up to {known}; use the version that wrote it, or a newer one",
        path.display()
    )]
    StoreFormat {
        /// The store's header file.
        path: PathBuf,
        /// The format it has.
        format: u32,
        /// The newest format that this version knows.
        known: u32,
    },
    /// The store's header cannot be used.
    #[error(
        "{}: {what}; without this file no capture of the store can be decrypted: put it back from a copy, or remove the store's directory to begin anew without its captures",
        path.display()
    )]
    Header {
        /// The header file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// What an older version kept unencrypted could not be encrypted when the store was opened.
    #[error(
        "{} was kept unencrypted by an older version and could not be encrypted: {source}; nothing is lost, open the store again when that is put right",
        path.display()
    )]
    Migration {
        /// The directory of the capture or, where nothing could be begun, of the store.
        path: PathBuf,
        /// What stood in the way.
        source: Arc<BundleError>,
    },
    /// The cipher refused to encrypt.
    #[error("a file of the store could not be encrypted")]
    Sealing,
    /// There is a capture under this tag already.
    #[error(
        "there is a capture under the tag `{tag}` already; replace it on purpose, clear it, or take another tag"
    )]
    TagInUse {
        /// The tag.
        tag: Tag,
    },
    /// Pictures cannot be exported to this folder.
    #[error("pictures cannot be exported to {}: {rule}", path.display())]
    Export {
        /// The folder.
        path: PathBuf,
        /// What is asked of it.
        rule: &'static str,
    },
    /// The store has no capture under this tag.
    #[error("there is no capture under the tag `{tag}`")]
    NoSuchTag {
        /// The tag.
        tag: Tag,
    },
    /// A file of the store is not what was written.
    #[error(
        "{} is damaged: {what}; the capture cannot be used, clear its tag (or remove its directory) and capture again",
        path.display()
    )]
    Damaged {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Two images of a capture have one file name.
    #[error(
        "two images are both called {name}; images of one kind need timestamps that differ by a millisecond"
    )]
    SameName {
        /// The file name.
        name: String,
    },
    /// Another process or thread is submitting the tag's capture.
    #[error("the capture under the tag `{tag}` is being submitted elsewhere; wait for that to end")]
    Busy {
        /// The tag.
        tag: Tag,
    },
    /// The capture was replaced or cleared while its job was under way.
    #[error(
        "the capture under the tag `{tag}` was replaced or cleared meanwhile; this job's progress is not recorded"
    )]
    Replaced {
        /// The tag.
        tag: Tag,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// Something could not be written as JSON.
    #[error("could not write {what} as JSON: {source}")]
    Json {
        /// What was to be written.
        what: &'static str,
        /// What the writer said.
        source: serde_json::Error,
    },
    /// The info names other images than the capture has.
    #[error(
        "info.json names other images than the capture holds; make the info from the same capture"
    )]
    InfoMismatch,
    /// The integrity record cannot be made, read or trusted.
    #[error(transparent)]
    Record(#[from] crate::record::RecordError),
    /// The zip could not be written.
    #[error("the upload zip could not be written: {0}")]
    ZipWrite(zip::result::ZipError),
    /// A zip that was received cannot be used.
    #[error("the upload zip is refused: {0}")]
    ZipRefused(String),
}

impl BundleError {
    /// Turns a system error into [`BundleError::Io`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn damaged(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), what: what.into() }
    }
}
