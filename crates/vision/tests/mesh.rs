//! The mesh in the engine's own operators against the same net in ONNX's standard ones.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use liveface_core::policy;
use liveface_vision::{ModelFiles, ModelSource, Runtime, Vision, VisionError};
use sha2::{Digest, Sha256};
use support::{fixtures, frame, picture, vision};

const FUSED: &str = "facemesh_attention478_192.fused.w16.onnx";
const STANDARD: &str = "facemesh_attention478_192.w16.onnx";

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// A models folder whose mesh is `mesh`.
fn folder_with(mesh: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(models()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    std::fs::write(folder.path().join(FUSED), mesh).unwrap();
    let hash = |bytes: &[u8]| -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let manifest = folder.path().join("models.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let shipped = hash(&std::fs::read(models().join(FUSED)).unwrap());
    assert!(text.contains(&shipped));
    std::fs::write(&manifest, text.replace(&shipped, &hash(mesh))).unwrap();
    folder
}

fn load(folder: &Path) -> Result<Vision, VisionError> {
    let files = ModelFiles::read(&ModelSource::Folder(folder.to_path_buf()))?;
    Vision::load(&Runtime::load(None)?, &files)
}

#[test]
fn our_operators_give_the_points_of_the_standard_ones() {
    let standard = folder_with(&std::fs::read(models().join("reference").join(STANDARD)).unwrap());
    let (mut ours, mut theirs) = (vision(), load(standard.path()).unwrap());
    let limits = policy::Tracking::default();
    let mut compared = 0;
    let mut stills: Vec<PathBuf> =
        std::fs::read_dir(fixtures().join("stills")).unwrap().map(|e| e.unwrap().path()).collect();
    stills.retain(|path| path.extension().is_some_and(|end| end == "jpg" || end == "png"));
    for path in stills {
        let picture = picture(path.strip_prefix(fixtures()).unwrap().to_str().unwrap());
        let frame = frame(&picture);
        let seen = ours.faces(&frame, &limits).unwrap();
        let expected = theirs.faces(&frame, &limits).unwrap();
        assert_eq!(seen.len(), expected.len(), "{}", path.display());
        for (seen, expected) in seen.iter().zip(&expected) {
            assert!((seen.presence - expected.presence).abs() < 1e-4);
            for (a, b) in seen.landmarks.points().iter().zip(expected.landmarks.points()) {
                let apart = (a.x - b.x).abs().max((a.y - b.y).abs()).max((a.z - b.z).abs());
                // Both add up the same products, in another order.
                assert!(apart < 0.01, "{}: {apart} px", path.display());
            }
            compared += 1;
        }
    }
    assert!(compared > 15, "only {compared} faces were compared");
}

#[test]
fn a_mesh_whose_chains_do_not_fit_is_an_error_that_says_so() {
    // The first chain is for pictures of 192 x 192; in the file, attributes come as name and number.
    let shipped = std::fs::read(models().join(FUSED)).unwrap();
    let at = shipped.windows(6).position(|bytes| bytes == b"height").unwrap();
    let number = shipped[at..].windows(2).position(|bytes| bytes == [0xC0, 0x01]).unwrap();
    assert!(number < 16, "192 does not follow `height`");
    for (value, why) in [([0xC4, 0x01], "numbers came in where"), ([0xC1, 0x01], "stride 2")] {
        let mut changed = shipped.clone();
        changed[at + number..][..2].copy_from_slice(&value);
        let folder = folder_with(&changed);
        let error = match load(folder.path()) {
            Err(error) => error,
            Ok(mut vision) => {
                let picture = picture("stills/astronaut.png");
                vision.faces(&frame(&picture), &policy::Tracking::default()).unwrap_err()
            }
        };
        let message = error.to_string();
        assert!(message.contains(FUSED) && message.contains(why), "{message}");
    }
}
