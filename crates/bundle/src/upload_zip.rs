//! The upload zip: `info.json`, then the selfie, then the liveness images.

use std::io::Write as _;

use zeroize::Zeroizing;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::capture::Capture;
use crate::error::BundleError;
use crate::info::{Info, entries};
use crate::record::{ImageOrder, RECORD_NAME, ReceivedImage, RecordEnvelope, RecordError};
use crate::wiped::Wiped;

/// The name of the entry that describes the others.
pub(crate) const INFO_NAME: &str = "info.json";

/// Packs `capture` with `info`. The same capture and info give the same bytes: entries are stored
/// as they are (JPEG cannot be made smaller), all dated 1980-01-01. It is wiped when it is dropped.
///
/// # Errors
/// When `info` is of another capture, two images have one name, or the zip cannot be written.
pub fn upload_zip(capture: &Capture, info: &Info) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    capture.check_names()?;
    if info.images != entries(capture) {
        return Err(BundleError::InfoMismatch);
    }
    pack(&info_bytes(info)?, files(capture), None)
}

/// Packs `capture` for keeping or for another program: as [`upload_zip`] without a job, with its
/// integrity record as the last entry, `liveface_record.json`.
///
/// # Errors
/// When `record` is of another capture or no record, two images have one name, or the zip cannot be
/// written.
pub fn bundle_zip(
    capture: &Capture,
    record: &RecordEnvelope,
) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    capture.check_names()?;
    let names: Vec<_> = files(capture).collect();
    let images = capture
        .upload_order()
        .into_iter()
        .zip(&names)
        .map(|(image, (name, bytes))| ReceivedImage { name, kind: Some(image.kind), bytes });
    let images: Vec<_> = images.collect();
    if !record.record()?.differences(&images, ImageOrder::AsSent).is_empty() {
        return Err(RecordError::OtherCapture.into());
    }
    pack(&info_bytes(&Info::without_job(capture))?, files(capture), Some(&record.to_bytes()))
}

/// The images' names and bytes in upload order.
fn files(capture: &Capture) -> impl Iterator<Item = (String, &[u8])> {
    capture.upload_order().into_iter().map(|image| (image.file_name(), &image.jpeg[..]))
}

/// `info` as it stands in a zip.
pub(crate) fn info_bytes(info: &Info) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let mut json = Wiped::default();
    serde_json::to_writer(&mut json, info)
        .map_err(|source| BundleError::Json { what: INFO_NAME, source })?;
    Ok(json.into_inner())
}

/// Packs files of these names and bytes, between `info` and `record`.
pub(crate) fn pack<'a>(
    info: &[u8],
    images: impl Iterator<Item = (impl AsRef<str>, &'a [u8])>,
    record: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let mut zip = ZipWriter::new(Wiped::default());
    let mut add = |name: &str, bytes: &[u8]| {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644);
        zip.start_file(name, options).map_err(BundleError::ZipWrite)?;
        zip.write_all(bytes).map_err(|error| BundleError::ZipWrite(error.into()))
    };
    add(INFO_NAME, info)?;
    for (name, bytes) in images {
        add(name.as_ref(), bytes)?;
    }
    if let Some(record) = record {
        add(RECORD_NAME, record)?;
    }
    Ok(zip.finish().map_err(BundleError::ZipWrite)?.into_inner())
}
