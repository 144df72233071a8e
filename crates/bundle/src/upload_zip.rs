//! The upload zip: `info.json`, then the selfie, then the liveness images.

use std::io::Write as _;

use zeroize::Zeroizing;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::capture::Capture;
use crate::error::BundleError;
use crate::info::{Info, entries};
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
    let mut json = Wiped::default();
    serde_json::to_writer(&mut json, info)
        .map_err(|source| BundleError::Json { what: INFO_NAME, source })?;
    let mut zip = ZipWriter::new(Wiped::default());
    let mut add = |name: &str, bytes: &[u8]| {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644);
        zip.start_file(name, options).map_err(BundleError::ZipWrite)?;
        zip.write_all(bytes).map_err(|error| BundleError::ZipWrite(error.into()))
    };
    add(INFO_NAME, &json.into_inner())?;
    for image in capture.upload_order() {
        add(&image.file_name(), &image.jpeg)?;
    }
    Ok(zip.finish().map_err(BundleError::ZipWrite)?.into_inner())
}
