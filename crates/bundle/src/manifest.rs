//! The two files that say what a tag holds: the pointer to the current generation, and the
//! generation's manifest with size and sha256 of every image.
//!
//! Format 1 was written unencrypted, with other file names; it is read to be encrypted.

use liveface_core::{CaptureRecord, ShotKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::capture::{Capture, CapturedImage, file_name};
use crate::error::BundleError;
use crate::sealed::FORMAT;
use crate::tag::Tag;
use crate::text::sha256_hex;
use crate::wiped::Wiped;

/// The format before files were encrypted.
pub(crate) const PLAIN_FORMAT: u32 = 1;

/// Names the generation that counts. Replacing this file is what makes a save happen.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pointer {
    format: u32,
    pub(crate) tag: Tag,
    pub(crate) generation: String,
    /// Counts the store's saves, so that their order does not depend on the clock. 0 in format 1.
    #[serde(default)]
    pub(crate) number: u64,
    /// Whether the generation was written with a job file: then a missing one was removed.
    #[serde(default)]
    pub(crate) has_job_file: bool,
    manifest_sha256: String,
}

impl Pointer {
    /// The pointer to `generation`, whose manifest is `manifest`.
    pub(crate) fn new(tag: &Tag, generation: &str, number: u64, manifest: &[u8]) -> Self {
        let generation = generation.to_owned();
        Self { generation, number, has_job_file: true, ..Self::of(FORMAT, tag, manifest) }
    }

    /// A pointer of `format` to a manifest, in no generation.
    pub(crate) fn of(format: u32, tag: &Tag, manifest: &[u8]) -> Self {
        Self {
            format,
            tag: tag.clone(),
            generation: String::new(),
            number: 0,
            has_job_file: false,
            manifest_sha256: sha256_hex(manifest),
        }
    }

    pub(crate) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, BundleError> {
        to_json("the pointer to a capture", self)
    }

    /// Reads a pointer of `format`; the error says what is wrong with it.
    pub(crate) fn parse(bytes: &[u8], format: u32) -> Result<Self, String> {
        let pointer: Self = from_json(bytes)?;
        check_format(pointer.format, format)?;
        let digits = pointer.generation.strip_prefix(GENERATION_PREFIX).unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("it does not name a generation".to_owned());
        }
        Ok(pointer)
    }
}

/// What the names of generations begin with.
pub(crate) const GENERATION_PREFIX: &str = "gen-";

/// Everything about one generation but the images' bytes.
///
/// A `record` that this version cannot read, of an older one, is kept as it is ([`serde_json::Value`]).
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest<R = CaptureRecord> {
    format: u32,
    /// When it was saved, in UTC.
    pub(crate) created: String,
    images: Vec<ImageRecord>,
    pub(crate) record: R,
}

/// An image as the manifest has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageRecord {
    /// Its name in format 1; later, [`image_file`] of its place in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    kind: ShotKind,
    index: u32,
    t_ms: u64,
    width: u32,
    height: u32,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    pub(crate) fn new(capture: &Capture, created: String) -> Self {
        let images = capture.images.iter().map(|image| ImageRecord {
            file: None,
            kind: image.kind,
            index: image.index,
            t_ms: image.t_ms,
            width: image.width,
            height: image.height,
            bytes: image.jpeg.len() as u64,
            sha256: sha256_hex(&image.jpeg),
        });
        Self { format: FORMAT, created, images: images.collect(), record: capture.record.clone() }
    }
}

impl<R: Clone + Serialize + DeserializeOwned> Manifest<R> {
    /// The same in this version's format, which names no files.
    pub(crate) fn renewed(&self) -> Self {
        let images = self.images.iter().map(|image| ImageRecord { file: None, ..image.clone() });
        Self { format: FORMAT, images: images.collect(), ..self.clone() }
    }

    /// The manifest as JSON that can be read back: a record with a number that JSON has no form
    /// for is refused here, before anything is replaced.
    pub(crate) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, BundleError> {
        let what = "the capture's record";
        let bytes = to_json(what, self)?;
        serde_json::from_slice::<Self>(&bytes)
            .map_err(|source| BundleError::Json { what, source })?;
        Ok(bytes)
    }

    /// Reads the manifest that `pointer` names, of its format; the error says what is wrong with it.
    pub(crate) fn parse(bytes: &[u8], pointer: &Pointer) -> Result<Self, String> {
        if sha256_hex(bytes) != pointer.manifest_sha256 {
            return Err("its sha256 is not the recorded one".to_owned());
        }
        let manifest: Self = from_json(bytes)?;
        check_format(manifest.format, pointer.format)?;
        let named = |image: &ImageRecord| {
            (pointer.format == PLAIN_FORMAT).then(|| file_name(image.kind, image.t_ms))
        };
        if manifest.images.iter().any(|image| image.file != named(image)) {
            return Err("it names an image that no capture has".to_owned());
        }
        Ok(manifest)
    }

    /// Number of images.
    pub(crate) fn image_count(&self) -> usize {
        self.images.len()
    }

    /// The images' names in upload order.
    pub(crate) fn image_names(&self) -> Vec<String> {
        let mut images: Vec<_> = self.images.iter().collect();
        images.sort_by_key(|i| (crate::capture::upload_rank(i.kind), i.index, i.t_ms));
        images.into_iter().map(|image| file_name(image.kind, image.t_ms)).collect()
    }

    /// The images, their bytes found by `read`, which is given file name and size.
    pub(crate) fn images(
        &self,
        read: impl Fn(&str, u64) -> Result<Zeroizing<Vec<u8>>, BundleError>,
        damaged: impl Fn(&str, &str) -> BundleError,
    ) -> Result<Vec<CapturedImage>, BundleError> {
        let mut images = Vec::with_capacity(self.images.len());
        for (number, image) in self.images.iter().enumerate() {
            let file = image.file.clone().unwrap_or_else(|| image_file(number));
            let jpeg = read(&file, image.bytes)?;
            if jpeg.len() as u64 != image.bytes || sha256_hex(&jpeg) != image.sha256 {
                let what = "its size or sha256 is not the recorded one";
                return Err(damaged(&file, what));
            }
            images.push(CapturedImage {
                kind: image.kind,
                index: image.index,
                t_ms: image.t_ms,
                width: image.width,
                height: image.height,
                jpeg,
            });
        }
        Ok(images)
    }
}

/// The file of the image that is `number` in the manifest's list, from 0.
pub(crate) fn image_file(number: usize) -> String {
    format!("image-{number}")
}

pub(crate) fn to_json(
    what: &'static str,
    value: &impl Serialize,
) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let mut bytes = Wiped::default();
    serde_json::to_writer_pretty(&mut bytes, value)
        .map_err(|source| BundleError::Json { what, source })?;
    Ok(bytes.into_inner())
}

/// The error tells the place and nothing of the content, which may speak of a person.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        format!("its content cannot be understood (line {}, {:?})", error.line(), error.classify())
    })
}

fn check_format(format: u32, expected: u32) -> Result<(), String> {
    if format == expected {
        return Ok(());
    }
    Err(format!("it has format {format} where {expected} belongs"))
}
