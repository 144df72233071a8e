//! Tags: what is listed, shown and cleared.

use std::fs;

use liveface_legacy::{DONE, PluginCode, SidError};
use serde_json::{Value, json};

use crate::support::{Place, map, tag};

#[test]
fn idle_tags_are_listed_and_cleared() {
    let _ =
        covers!["call.getCurrentTags", "call.clearTag", "code.clearTag", "result.tags", "tag.name"];
    let place = Place::with(&["first", "stranger"]);
    let legacy = place.builder().build();
    assert_eq!(legacy.get_current_tags().unwrap(), map(json!({ "tags": ["first", "stranger"] })));
    let cleared = map(json!({ "SID_RESULT_CODE": 1 }));
    assert_eq!(legacy.clear_tag("first").unwrap(), cleared);
    assert_eq!(cleared["SID_RESULT_CODE"], DONE);
    assert_eq!(legacy.get_current_tags().unwrap(), map(json!({ "tags": ["stranger"] })));
    // Cleared is cleared; and a tag leads nowhere.
    assert_eq!(legacy.clear_tag("first").unwrap(), cleared);
    fs::create_dir(place.images()).unwrap();
    fs::write(place.path("precious"), "x").unwrap();
    for name in ["../precious", "..", "precious", "/"] {
        assert_eq!(legacy.clear_tag(name).unwrap(), cleared);
    }
    assert!(place.path("precious").exists());
    assert_eq!(legacy.get_current_tags().unwrap(), map(json!({ "tags": ["stranger"] })));
}

#[test]
fn images_are_readable_copies_the_selfie_first() {
    let _ = covers!["call.getImagesForTag", "result.images", "call.clearTag"];
    let place = Place::with(&["first"]);
    let legacy = place.builder().build();
    let images = legacy.get_images_for_tag("first").unwrap();
    assert_eq!(images.keys().collect::<Vec<_>>(), ["images"]);
    let paths: Vec<_> =
        images["images"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    let capture = place.store.load(&tag("first")).unwrap();
    let kept: Vec<_> = capture.upload_order().iter().map(|image| image.jpeg.to_vec()).collect();
    assert_eq!(paths.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), kept);
    assert!(paths[0].contains("selfie") && paths[1..].iter().all(|p| p.contains("liveness")));
    assert!(paths.iter().all(|path| std::path::Path::new(path).starts_with(place.images())));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::path::Path::new(paths[0]).parent().unwrap();
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
    // Asked again, they are the same; cleared, they are gone.
    assert_eq!(legacy.get_images_for_tag("first").unwrap(), images);
    legacy.clear_tag("first").unwrap();
    assert!(paths.iter().all(|path| !std::path::Path::new(path).exists()));
    let none: Vec<Value> = Vec::new();
    assert_eq!(legacy.get_images_for_tag("first").unwrap()["images"], Value::from(none));
}

#[test]
fn what_cannot_be_done_with_a_tag_is_an_error() {
    let _ = covers![
        "plugin.tagError",
        "error.UNABLE_TO_CREATE_SELFIE_PREVIEW_UI_IMAGE",
        "error.TAG_NOT_FOUND"
    ];
    let place = Place::with(&["first"]);
    let legacy = place.builder().build();
    for error in [legacy.clear_tag("").unwrap_err(), legacy.get_images_for_tag("a\0").unwrap_err()]
    {
        assert_eq!((error.code, error.name), (PluginCode::TagError, SidError::TagNotFound));
    }
    // A file where the folder should be.
    fs::write(place.images(), "x").unwrap();
    let error = legacy.get_images_for_tag("first").unwrap_err();
    assert_eq!(error.code, PluginCode::TagError);
    assert_eq!(error.name, SidError::UnableToCreateSelfiePreviewUiImage);
}
