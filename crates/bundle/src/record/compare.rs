//! What differs between a record and the images that came with it.

use std::collections::BTreeMap;

use liveface_core::ShotKind;
use serde::Serialize;

use super::content::IntegrityRecord;
use super::envelope::RecordEnvelope;
use crate::error::BundleError;
use crate::info::{ImageEntry, Info};
use crate::text::sha256_hex;
use crate::upload_zip::{INFO_NAME, info_bytes, pack};
use crate::zip_reader::UploadZip;

/// An image that was received.
#[derive(Clone, Copy)]
pub struct ReceivedImage<'a> {
    /// Its file name.
    pub name: &'a str,
    /// What it is said to be for; `None` when that is not told, as in a folder.
    pub kind: Option<ShotKind>,
    /// The file.
    pub bytes: &'a [u8],
}

/// Whether the order of received images says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageOrder {
    /// They are in the order in which they came, which must be the recorded one.
    AsSent,
    /// They have none, as in a folder.
    None,
}

/// Something that is not as it was recorded. It holds names and sizes, never pixels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Difference {
    /// A recorded image is not there.
    Missing {
        /// Its name.
        name: String,
    },
    /// Something is there that is not recorded.
    Extra {
        /// Its name; empty for an image without one.
        name: String,
    },
    /// Two images have one name.
    Doubled {
        /// The name.
        name: String,
    },
    /// An image is said to be for something else.
    Kind {
        /// Its name.
        name: String,
        /// What it was for.
        recorded: ShotKind,
        /// What it is said to be for.
        found: ShotKind,
    },
    /// An image has another size.
    Size {
        /// Its name.
        name: String,
        /// The recorded size in bytes.
        recorded: u64,
        /// The size in bytes.
        found: u64,
    },
    /// An image has another sha256.
    Content {
        /// Its name.
        name: String,
    },
    /// The images are in another order.
    Order,
    /// All images are as recorded, but the bundle around them was changed: `info.json`, or the zip's
    /// own structure.
    Container,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "{name} is missing"),
            Self::Extra { name } if name.is_empty() => {
                f.write_str("an image without a name is not recorded")
            }
            Self::Extra { name } => write!(f, "{name} is not recorded"),
            Self::Doubled { name } => write!(f, "{name} is there twice"),
            Self::Kind { name, recorded, found } => {
                let word = |kind: &ShotKind| match kind {
                    ShotKind::Selfie => "a selfie",
                    ShotKind::Liveness => "a liveness image",
                };
                write!(f, "{name} was {} and is said to be {}", word(recorded), word(found))
            }
            Self::Size { name, recorded, found } => {
                write!(f, "{name} had {recorded} bytes and has {found}")
            }
            Self::Content { name } => write!(f, "{name} is not the picture that was recorded"),
            Self::Order => f.write_str("the images are not in the recorded order"),
            Self::Container => f.write_str(
                "the images are as recorded, but info.json or the zip's own structure was changed",
            ),
        }
    }
}

impl IntegrityRecord {
    /// What differs between this record and `images`; nothing when every image is there once, with
    /// its name, kind, size and sha256, and nothing else. Names that differ in case differ.
    #[must_use]
    pub fn differences(&self, images: &[ReceivedImage<'_>], order: ImageOrder) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut received = BTreeMap::new();
        for image in images {
            if received.contains_key(image.name) {
                differences.push(Difference::Doubled { name: image.name.to_owned() });
            } else {
                received.insert(image.name, image);
            }
        }
        let in_order = received.len() == self.images.len()
            && self.images.iter().zip(images).all(|(recorded, image)| recorded.file == image.name);
        for recorded in &self.images {
            let name = recorded.file.clone();
            let Some(image) = received.remove(recorded.file.as_str()) else {
                differences.push(Difference::Missing { name });
                continue;
            };
            if let Some(found) = image.kind.filter(|kind| *kind != recorded.kind) {
                let recorded = recorded.kind;
                differences.push(Difference::Kind { name: name.clone(), recorded, found });
            }
            let found = image.bytes.len() as u64;
            if found != recorded.bytes {
                differences.push(Difference::Size { name, recorded: recorded.bytes, found });
            } else if sha256_hex(image.bytes) != recorded.sha256 {
                differences.push(Difference::Content { name });
            }
        }
        let complete = received.is_empty()
            && !differences.iter().any(|d| matches!(d, Difference::Missing { .. }));
        differences
            .extend(received.into_keys().map(|name| Difference::Extra { name: name.to_owned() }));
        if order == ImageOrder::AsSent && complete && !in_order {
            differences.push(Difference::Order);
        }
        differences
    }
}

impl UploadZip {
    /// What differs between `record` and this zip, which was read from `bytes`: an upload zip as
    /// [`upload_zip`](crate::upload_zip()) writes it, whatever job its `info.json` tells. Its list of
    /// images must be the one that follows from `record`, and `bytes` what is written for it, to the
    /// last bit: nothing is left that another reader could take for an image.
    ///
    /// # Errors
    /// When the zip cannot be written again.
    pub fn differences(
        &self,
        bytes: &[u8],
        record: &IntegrityRecord,
    ) -> Result<Vec<Difference>, BundleError> {
        self.compare(bytes, record, &self.info_bytes)
    }

    /// As [`UploadZip::differences`], of a bundle as [`bundle_zip`](crate::bundle_zip) writes it: its
    /// `info.json` must tell the images and nothing else.
    ///
    /// # Errors
    /// When the zip cannot be written again.
    pub fn bundle_differences(
        &self,
        bytes: &[u8],
        record: &IntegrityRecord,
    ) -> Result<Vec<Difference>, BundleError> {
        self.compare(bytes, record, &info_bytes(&Info::of_images(info_images(record)))?)
    }

    /// What differs from `record`, when `info.json` is to be `info`.
    fn compare(
        &self,
        bytes: &[u8],
        record: &IntegrityRecord,
        info: &[u8],
    ) -> Result<Vec<Difference>, BundleError> {
        let mut images = Vec::with_capacity(self.images.len());
        let mut extra = self.unnamed_entries.clone();
        for image in &self.images {
            let kind = match () {
                () if image.is_selfie() => ShotKind::Selfie,
                () if image.is_liveness() => ShotKind::Liveness,
                () => {
                    extra.push(image.file_name.clone());
                    continue;
                }
            };
            let (name, bytes) = (image.file_name.as_str(), image.bytes.as_slice());
            images.push(ReceivedImage { name, kind: Some(kind), bytes });
        }
        let mut differences = record.differences(&images, ImageOrder::AsSent);
        differences.extend(extra.into_iter().map(|name| Difference::Extra { name }));
        if differences.is_empty() && !self.is_as_written(bytes, record, info)? {
            differences.push(Difference::Container);
        }
        Ok(differences)
    }

    /// Whether `bytes` are what is written for `record`, `info` and these images.
    fn is_as_written(
        &self,
        bytes: &[u8],
        record: &IntegrityRecord,
        info: &[u8],
    ) -> Result<bool, BundleError> {
        let listed = serde_json::to_value(info_images(record))
            .map_err(|source| BundleError::Json { what: INFO_NAME, source })?;
        if self.info.get("images") != Some(&listed) {
            return Ok(false);
        }
        // A record inside must be the same one, and in the one form that it is written in.
        let inside = match self.record.as_deref().map(RecordEnvelope::parse).transpose() {
            Ok(Some(inside)) if inside.record().as_ref() != Ok(record) => return Ok(false),
            Ok(inside) => inside.map(|inside| inside.to_bytes()),
            Err(_) => return Ok(false),
        };
        let images = self.images.iter().map(|i| (i.file_name.as_str(), i.bytes.as_slice()));
        Ok(pack(info, images, inside.as_deref())?.as_slice() == bytes)
    }
}

/// The images of `record` as `info.json` has them.
fn info_images(record: &IntegrityRecord) -> Vec<ImageEntry> {
    record.images.iter().map(|image| ImageEntry::new(image.kind, image.file.clone())).collect()
}
