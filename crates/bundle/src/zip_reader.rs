//! Reads an upload zip that a stranger made, within limits.
//!
//! All known writers are read: server libraries that name files or put base64 into `info.json`,
//! mobile SDKs that write `image_type_id` as text, and clients that leave junk entries behind.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zip::ZipArchive;

use crate::error::BundleError;
use crate::info::image_type;
use crate::record::RECORD_NAME;
use crate::strict_json::Strict;
use crate::upload_zip::INFO_NAME;

/// How much a zip may hold. All sizes are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipLimits {
    /// The zip itself.
    pub zip_bytes: usize,
    /// Its entries.
    pub entries: usize,
    /// One entry, unpacked.
    pub entry_bytes: u64,
    /// All entries together, unpacked.
    pub total_bytes: u64,
    /// An entry's unpacked size over its packed size.
    pub ratio: u64,
}

impl Default for ZipLimits {
    /// Room for a few dozen photographs from a phone.
    fn default() -> Self {
        Self {
            zip_bytes: 64 << 20,
            entries: 256,
            entry_bytes: 32 << 20,
            total_bytes: 128 << 20,
            ratio: 200,
        }
    }
}

/// An image of a zip that was received.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadImage {
    /// What it is said to be: see [`image_type`].
    pub image_type_id: u8,
    /// Its file name in the zip; empty for an image that came as base64.
    pub file_name: String,
    /// The image as it came; not decoded, it may be anything.
    pub bytes: Vec<u8>,
}

impl UploadImage {
    /// Whether it is said to be a selfie.
    #[must_use]
    pub fn is_selfie(&self) -> bool {
        matches!(self.image_type_id, image_type::SELFIE | image_type::SELFIE_BASE64)
    }

    /// Whether it is said to be a liveness image.
    #[must_use]
    pub fn is_liveness(&self) -> bool {
        matches!(self.image_type_id, image_type::LIVENESS | image_type::LIVENESS_BASE64)
    }
}

impl std::fmt::Debug for UploadImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadImage")
            .field("image_type_id", &self.image_type_id)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// A zip that was received.
#[derive(Clone, PartialEq)]
pub struct UploadZip {
    /// `info.json` as it came.
    pub info: Value,
    /// The images that it names, in its order.
    pub images: Vec<UploadImage>,
    /// The entry `liveface_record.json` as it came: see
    /// [`RecordEnvelope::parse`](crate::RecordEnvelope::parse). `None` when there is none, or `info.json`
    /// names it.
    pub record: Option<Vec<u8>>,
    /// Names of entries that it does not name; they were not read.
    pub unnamed_entries: Vec<String>,
    /// The bytes of `info.json`.
    pub(crate) info_bytes: Vec<u8>,
}

impl std::fmt::Debug for UploadZip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadZip")
            .field("images", &self.images)
            .field("unnamed_entries", &self.unnamed_entries.len())
            .finish_non_exhaustive()
    }
}

/// Reads the upload zip `bytes`.
///
/// # Errors
/// [`BundleError::ZipRefused`] when it is no zip, is larger than `limits`, has folders or names
/// that are paths, has no `info.json` or two, when an object in that has a key twice, or when an image
/// that it names is missing, doubtful or not base64.
pub fn read_upload_zip(bytes: &[u8], limits: &ZipLimits) -> Result<UploadZip, BundleError> {
    if bytes.len() > limits.zip_bytes {
        return refused(format!("it is larger than {} bytes", limits.zip_bytes));
    }
    let mut reader = Reader::new(bytes, limits)?;
    let info_bytes = reader.entry(INFO_NAME)?;
    // The parser's message may hold what it read.
    let Strict(info) = serde_json::from_slice(&info_bytes)
        .or_else(|_| refused(format!("its {INFO_NAME} is not JSON, or has a key twice")))?;
    let listed = match info.get("images") {
        Some(Value::Array(listed)) => listed.as_slice(),
        _ => return refused(format!("its {INFO_NAME} has no list `images`")),
    };
    if listed.len() > limits.entries {
        return refused(format!("its {INFO_NAME} names more than {} images", limits.entries));
    }
    let mut images = Vec::with_capacity(listed.len());
    let mut named = vec![INFO_NAME];
    for (number, entry) in listed.iter().enumerate() {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let image_type_id = type_id(entry.get("image_type_id"))
            .map_or_else(|| refused(format!("image {number} has no image_type_id 0 to 7")), Ok)?;
        let (file_name, data) = (text("file_name"), text("image"));
        let bytes = match (file_name, data) {
            ("", "") => return refused(format!("image {number} has no file_name and no image")),
            ("", data) => STANDARD
                .decode(data)
                .or_else(|_| refused(format!("image {number} is not base64")))?,
            (INFO_NAME, _) => return refused(format!("image {number} is {INFO_NAME} itself")),
            (file_name, _) => {
                named.push(file_name);
                reader.entry(file_name)?
            }
        };
        images.push(UploadImage { image_type_id, file_name: file_name.to_owned(), bytes });
    }
    let has_record = reader.counts.contains_key(RECORD_NAME) && !named.contains(&RECORD_NAME);
    let record = has_record.then(|| reader.entry(RECORD_NAME)).transpose()?;
    if has_record {
        named.push(RECORD_NAME);
    }
    let unnamed_entries =
        reader.counts.keys().filter(|name| !named.contains(&name.as_str())).cloned();
    let mut unnamed_entries: Vec<_> = unnamed_entries.collect();
    unnamed_entries.sort();
    Ok(UploadZip { images, record, unnamed_entries, info, info_bytes })
}

/// An `image_type_id` as number or text.
fn type_id(value: Option<&Value>) -> Option<u8> {
    let id = match value? {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    u8::try_from(id).ok().filter(|id| *id <= image_type::ID_CARD_BACK_BASE64)
}

struct Reader<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    limits: &'a ZipLimits,
    /// How often each name is in the zip's directory.
    counts: HashMap<String, usize>,
    unpacked: u64,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], limits: &'a ZipLimits) -> Result<Self, BundleError> {
        let archive = ZipArchive::new(Cursor::new(bytes))
            .or_else(|_| refused("it is not a zip, or is damaged".to_owned()))?;
        let start = usize::try_from(archive.central_directory_start()).unwrap_or(usize::MAX);
        let directory = bytes.get(start..).unwrap_or_default();
        let mut counts = HashMap::new();
        for (number, name) in directory_names(directory).enumerate() {
            if number >= limits.entries {
                return refused(format!("it has more than {} entries", limits.entries));
            }
            *counts.entry(plain_name(name)?.to_owned()).or_default() += 1;
        }
        // The archive's own view and ours must agree before a name is trusted.
        let known = |name: Result<std::borrow::Cow<'_, str>, _>| {
            name.is_ok_and(|name| counts.contains_key(name.as_ref()))
        };
        if archive.len() != counts.len() || !archive.file_names().all(known) {
            return refused("its directory can be read in two ways".to_owned());
        }
        Ok(Self { archive, limits, counts, unpacked: 0 })
    }

    /// The unpacked bytes of the entry `name`, which must be there once.
    fn entry(&mut self, name: &str) -> Result<Vec<u8>, BundleError> {
        match self.counts.get(name) {
            Some(1) => {}
            Some(_) => return refused(format!("it has {} twice", shown(name))),
            None => return refused(format!("it has no {}", shown(name))),
        }
        let unreadable = || BundleError::ZipRefused(format!("its {} is damaged", shown(name)));
        let entry = self.archive.by_name(name).map_err(|_| unreadable())?;
        if !entry.is_file() || entry.encrypted() {
            return refused(format!("its {} is not a plain file", shown(name)));
        }
        let left = self.limits.total_bytes - self.unpacked;
        let most = self.limits.entry_bytes.min(left);
        let by_ratio = entry.compressed_size().saturating_mul(self.limits.ratio);
        let most = most.min(by_ratio);
        let mut bytes = Vec::new();
        // The declared size is a claim: what comes out is counted.
        entry.take(most + 1).read_to_end(&mut bytes).map_err(|_| unreadable())?;
        if bytes.len() as u64 > most {
            return refused(format!("its {} is too large when unpacked", shown(name)));
        }
        self.unpacked += bytes.len() as u64;
        Ok(bytes)
    }
}

/// The names in a zip's central directory, each as often as it is there.
fn directory_names(mut directory: &[u8]) -> impl Iterator<Item = &[u8]> {
    const SIGNATURE: &[u8] = b"PK\x01\x02";
    const FIXED: usize = 46;
    std::iter::from_fn(move || {
        let fixed = directory.get(..FIXED).filter(|fixed| fixed.starts_with(SIGNATURE))?;
        let length = |at: usize| usize::from(u16::from_le_bytes([fixed[at], fixed[at + 1]]));
        let (name, extra, comment) = (length(28), length(30), length(32));
        let found = directory.get(FIXED..FIXED + name)?;
        directory = directory.get(FIXED + name + extra + comment..).unwrap_or_default();
        Some(found)
    })
}

/// A name that is a plain file name, and not a path in any system's eyes.
pub(crate) fn plain_name(name: &[u8]) -> Result<&str, BundleError> {
    let Ok(name) = std::str::from_utf8(name) else {
        return refused("a name in it is not UTF-8".to_owned());
    };
    let path_like = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    if name.is_empty() || name.contains(path_like) || name.chars().all(|c| c == '.') {
        return refused("a name in it is a path".to_owned());
    }
    Ok(name)
}

/// A stranger's name in a message: short and printable.
fn shown(name: &str) -> String {
    name.chars().take(40).flat_map(char::escape_debug).collect()
}

fn refused<T>(why: String) -> Result<T, BundleError> {
    Err(BundleError::ZipRefused(why))
}
