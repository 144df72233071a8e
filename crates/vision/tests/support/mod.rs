//! The models and the fixture pictures.

use std::path::PathBuf;

use liveface_core::{Frame, Timestamp};
use liveface_vision::{ModelFiles, ModelSource, Runtime, Vision};

/// The folder of the fixtures.
pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// All models, from the models folder.
pub(crate) fn vision() -> Vision {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let files = ModelFiles::read(&ModelSource::Folder(models)).unwrap();
    Vision::load(&Runtime::load(None).unwrap(), &files).unwrap()
}

/// A fixture picture.
pub(crate) fn picture(path: &str) -> image::RgbImage {
    image::open(fixtures().join(path)).unwrap().to_rgb8()
}

/// A picture as a frame of time 0.
pub(crate) fn frame(picture: &image::RgbImage) -> Frame<'_> {
    Frame::rgb(picture.width(), picture.height(), picture.as_raw(), Timestamp::ZERO).unwrap()
}
