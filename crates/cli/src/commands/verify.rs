//! `liveface verify`: tells a changed bundle by its integrity record.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use liveface_bundle::record::{
    Difference, ImageOrder, IntegrityRecord, RECORD_NAME, ReceivedImage, RecordEnvelope,
    RecordError,
};
use liveface_bundle::{PublicKey, UploadZip, ZipLimits, read_upload_zip};
use serde::Serialize;

use crate::args::{Common, VerifyOptions};
use crate::console::{self, Style, counted, plain, styled};
use crate::failure::{Exit, Failure};
use crate::keys;

/// A file of an upload that its record does not name.
const INFO_NAME: &str = "info.json";

/// Largest file with a record, in bytes: a job's metadata may hold more than the record.
const MAX_RECORD_FILE: u64 = 1 << 20;

#[derive(Serialize)]
struct VerifyLine<'a> {
    /// Nothing differs, and the key that was given signed it.
    whole: bool,
    /// Nothing differs from the record, whoever wrote it; `None` where that was not looked at, because
    /// the key that was given did not sign the record.
    consistent: Option<bool>,
    /// The key that was given signed the record.
    trusted: bool,
    signature: Signature,
    /// The key that was given, where it signed the record.
    key_ids: Vec<&'a str>,
    /// Keys that are said to have signed it: anybody can write that.
    unchecked_key_ids: Vec<&'a str>,
    images: Option<usize>,
    differences: Option<&'a [Difference]>,
    record: Option<&'a IntegrityRecord>,
}

/// What was found of a record's signature.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Signature {
    /// There is none.
    None,
    /// It was not checked, for want of a key.
    Unchecked,
    /// It is the key's.
    Valid,
    /// It is another key's.
    OtherKey,
    /// It is of something else.
    Wrong,
}

pub(crate) fn run(common: &Common, options: &VerifyOptions) -> Result<Exit, Failure> {
    let key = options.public_key.as_deref().map(keys::public_key).transpose()?;
    let received = Received::read(&options.path)?;
    let envelope = match &options.record {
        Some(path) => record_file(path, &read(path, MAX_RECORD_FILE)?)?,
        None => {
            let bytes = received.record().ok_or_else(|| {
                let why = "it carries no integrity record; give the record with --record";
                Failure::input(options.path.display(), why)
            })?;
            RecordEnvelope::parse(bytes).map_err(|e| Failure::input(options.path.display(), e))?
        }
    };
    let unreadable = |error: RecordError| Failure::input(options.path.display(), error);
    // What the key did not sign is not looked at.
    let (signature, record) = match &key {
        Some(key) => signed(&envelope, key).map_err(unreadable)?,
        None => {
            let is_signed = envelope.key_ids().next().is_some();
            let signature = if is_signed { Signature::Unchecked } else { Signature::None };
            (signature, Some(envelope.record().map_err(unreadable)?))
        }
    };
    let compared =
        record.as_ref().map(|record| received.differences(record, options.record.is_none()));
    let differences = compared.transpose()?;
    let trusted = signature == Signature::Valid;
    let consistent = differences.as_ref().map(Vec::is_empty);
    let id = key.as_ref().filter(|_| trusted).map(PublicKey::id);
    let (key_ids, unchecked_key_ids) =
        envelope.key_ids().partition(|signer| Some(*signer) == id.as_deref());
    let line = VerifyLine {
        whole: trusted && consistent == Some(true),
        consistent,
        trusted,
        signature,
        key_ids,
        unchecked_key_ids,
        images: record.as_ref().map(|record| record.images.len()),
        differences: differences.as_deref(),
        record: record.as_ref(),
    };
    if common.json {
        console::json(&line)?;
    } else {
        tell(&line)?;
    }
    Ok(if line.consistent == Some(true) { Exit::Done } else { Exit::NotAccepted })
}

/// Whether `key` signed it, and the record if so. An error is not about signatures.
fn signed(
    envelope: &RecordEnvelope,
    key: &PublicKey,
) -> Result<(Signature, Option<IntegrityRecord>), RecordError> {
    match envelope.verify(key) {
        Ok(record) => Ok((Signature::Valid, Some(record))),
        Err(RecordError::Unsigned) => Ok((Signature::None, None)),
        Err(RecordError::OtherKey(_)) => Ok((Signature::OtherKey, None)),
        Err(RecordError::Signature) => Ok((Signature::Wrong, None)),
        Err(error) => Err(error),
    }
}

fn tell(line: &VerifyLine<'_>) -> Result<(), Failure> {
    let (keys, others) = (line.key_ids.join(", "), plain(&line.unchecked_key_ids.join(", ")));
    let mut signed = match line.signature {
        Signature::None => "not signed".to_owned(),
        Signature::Unchecked => {
            format!("said to be signed by key {others} (not checked: give --public-key)")
        }
        Signature::Valid => format!("signed by key {keys}"),
        Signature::OtherKey => format!("not signed by this key, but said to be by {others}"),
        Signature::Wrong => "the signature is wrong: the record was changed".to_owned(),
    };
    if line.trusted && !others.is_empty() {
        signed = format!("{signed} (not checked: {others})");
    }
    let word = match (line.consistent, line.trusted) {
        (Some(true), true) => styled("whole", Style::Good),
        (Some(true), false) => {
            styled("consistent, but anybody could have made this record", Style::Strong)
        }
        (Some(false), _) => styled("changed", Style::Bad),
        (None, _) => styled("not to be trusted", Style::Bad),
    };
    let images = line.images.map(|images| format!(" {},", counted(images, "image")));
    console::line(format!("{word}:{} {signed}", images.unwrap_or_default()))?;
    for difference in line.differences.unwrap_or_default() {
        console::line(format!("  {}", plain(&difference.to_string())))?;
    }
    Ok(())
}

/// What is to be verified.
enum Received {
    Zip { bytes: Vec<u8>, zip: UploadZip },
    Folder { files: Vec<(String, Vec<u8>)>, record: Option<Vec<u8>> },
}

impl Received {
    fn read(path: &Path) -> Result<Self, Failure> {
        let limits = ZipLimits::default();
        if path.is_dir() {
            return Self::folder(path, &limits);
        }
        let bytes = read(path, limits.zip_bytes as u64)?;
        let zip = read_upload_zip(&bytes, &limits)?;
        Ok(Self::Zip { bytes, zip })
    }

    fn folder(path: &Path, limits: &ZipLimits) -> Result<Self, Failure> {
        let failed = |error| Failure::input(format!("{} cannot be read", path.display()), error);
        let (mut files, mut record, mut total) = (Vec::new(), None, 0);
        for (number, entry) in fs::read_dir(path).map_err(failed)?.enumerate() {
            if number >= limits.entries {
                let why = format!("it has more than {} files", limits.entries);
                return Err(Failure::input(path.display(), why));
            }
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // A folder, or what is no file, is something that was not recorded: it is not opened.
            let is_file = entry.path().is_file();
            match name.as_str() {
                INFO_NAME if is_file => {}
                RECORD_NAME if is_file => record = Some(read(&entry.path(), MAX_RECORD_FILE)?),
                _ => {
                    let bytes =
                        if is_file { read(&entry.path(), limits.entry_bytes)? } else { Vec::new() };
                    total += bytes.len() as u64;
                    if total > limits.total_bytes {
                        let why = format!("it has more than {} bytes", limits.total_bytes);
                        return Err(Failure::input(path.display(), why));
                    }
                    files.push((name, bytes));
                }
            }
        }
        files.sort();
        Ok(Self::Folder { files, record })
    }

    /// The record that came with it.
    fn record(&self) -> Option<&[u8]> {
        match self {
            Self::Zip { zip, .. } => zip.record.as_deref(),
            Self::Folder { record, .. } => record.as_deref(),
        }
    }

    /// What differs; a zip that is verified by the record in it is a bundle, whose `info.json` tells the
    /// images and nothing else.
    fn differences(&self, record: &IntegrityRecord, own: bool) -> Result<Vec<Difference>, Failure> {
        Ok(match self {
            Self::Zip { bytes, zip } if own => zip.bundle_differences(bytes, record)?,
            Self::Zip { bytes, zip } => zip.differences(bytes, record)?,
            Self::Folder { files, .. } => {
                let images: Vec<_> = files
                    .iter()
                    .map(|(name, bytes)| ReceivedImage { name, kind: None, bytes })
                    .collect();
                record.differences(&images, ImageOrder::None)
            }
        })
    }
}

/// The record in the file `path`: an envelope, or the metadata of a job.
fn record_file(path: &Path, bytes: &[u8]) -> Result<RecordEnvelope, Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::input(path.display(), error);
    if bytes.trim_ascii_start().first() != Some(&b'[') {
        return RecordEnvelope::parse(bytes).map_err(|error| refused(&error));
    }
    let entries: Vec<serde_json::Value> =
        serde_json::from_slice(bytes).map_err(|_| refused(&"it is not a list in JSON"))?;
    let envelope = RecordEnvelope::from_metadata(&entries).map_err(|error| refused(&error))?;
    envelope.ok_or_else(|| refused(&"there is no integrity record in this metadata"))
}

/// The bytes of the file `path`, at most `most`.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::input(format!("{} cannot be read", path.display()), error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        let why = format!("it is larger than {most} bytes");
        return Err(Failure::input(path.display(), why));
    }
    Ok(bytes)
}
