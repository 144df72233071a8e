//! `liveface bundle`: writes the upload zip of a capture, with its integrity record, without sending it.

use liveface::{Capture, Tag};
use liveface_bundle::{Info, IntegrityRecord, RecordEnvelope, bundle_zip, upload_zip};

use crate::args::{BundleOptions, Common};
use crate::failure::{Exit, Failure};
use crate::{console, keys, output};

pub(crate) fn run(common: &Common, options: &BundleOptions) -> Result<Exit, Failure> {
    let store = super::store(&options.store)?;
    let capture = store.load(&Tag::new(&options.tag)?)?;
    let record = (!options.no_record).then(|| record(&capture, options)).transpose()?;
    let zip = match &record {
        Some(record) => bundle_zip(&capture, record)?,
        None => upload_zip(&capture, &Info::without_job(&capture))?,
    };
    output::write(&options.out, &zip)?;
    let key_id = record.as_ref().and_then(|record| record.key_ids().next());
    if common.json {
        return console::json(
            // A path need not be UTF-8, which JSON is.
            &serde_json::json!({
                "file": options.out.display().to_string(),
                "bytes": zip.len(),
                "images": capture.images.len(),
                "record": record.is_some(),
                "key_id": key_id,
            }),
        )
        .map(|()| Exit::Done);
    }
    let recorded = match (&record, key_id) {
        (None, _) => "no record".to_owned(),
        (Some(_), None) => "a record that is not signed".to_owned(),
        (Some(_), Some(id)) => format!("a record signed by key {id}"),
    };
    console::line(format!(
        "{}: {} images, {} bytes, {recorded}",
        options.out.display(),
        capture.images.len(),
        zip.len()
    ))?;
    Ok(Exit::Done)
}

/// The record of `capture`, signed if asked for.
fn record(capture: &Capture, options: &BundleOptions) -> Result<RecordEnvelope, Failure> {
    let device = super::job::pairs("--device", &options.device)?;
    let record = IntegrityRecord::of(capture, &device);
    let envelope = match &options.sign_key {
        Some(path) => RecordEnvelope::signed(&record, &keys::signer(path)?),
        None => RecordEnvelope::unsigned(&record),
    };
    envelope.map_err(|error| Failure::new(Exit::Input, error.to_string()))
}
