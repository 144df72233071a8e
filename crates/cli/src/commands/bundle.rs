//! `liveface bundle`: writes the upload zip of a capture without sending it.

use liveface::Tag;
use liveface_bundle::{Info, upload_zip};

use crate::args::{BundleOptions, Common};
use crate::console;
use crate::failure::{Exit, Failure};

pub(crate) fn run(common: &Common, options: &BundleOptions) -> Result<Exit, Failure> {
    let store = super::store(&options.store)?;
    let capture = store.load(&Tag::new(&options.tag)?)?;
    let zip = upload_zip(&capture, &Info::without_job(&capture))?;
    std::fs::write(&options.out, &zip).map_err(|error| {
        Failure::input(format!("{} cannot be written", options.out.display()), error)
    })?;
    if common.json {
        console::json(
            // A path need not be UTF-8, which JSON is.
            &serde_json::json!({
                "file": options.out.display().to_string(),
                "bytes": zip.len(),
                "images": capture.images.len(),
            }),
        )?;
    } else {
        console::line(format!(
            "{}: {} images, {} bytes",
            options.out.display(),
            capture.images.len(),
            zip.len()
        ))?;
    }
    Ok(Exit::Done)
}
