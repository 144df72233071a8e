//! Writes captures as version 0.1 did before stores were encrypted (format 1).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// An image: name, kind (`selfie` or `liveness`), index, time in milliseconds, width, height, bytes.
pub(crate) type Image<'i> = (String, &'i str, u32, u64, u32, u32, &'i [u8]);

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap();
    bytes.push(b'\n');
    bytes
}

/// The tag's directory in the store `root`.
pub(crate) fn directory(root: &Path, tag: &str) -> PathBuf {
    let readable: String = tag
        .chars()
        .take(40)
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    root.join(format!("tag-{readable}-{}", &sha256(tag.as_bytes())[..32]))
}

/// The generation's directory.
pub(crate) fn generation(root: &Path, tag: &str) -> PathBuf {
    directory(root, tag).join("gen-0123456789abcdef")
}

/// Keeps a capture under `tag` in the store `root`.
pub(crate) fn write(
    root: &Path,
    tag: &str,
    created: &str,
    images: &[Image<'_>],
    record: &Value,
    job: Option<&Value>,
) {
    let generation = generation(root, tag);
    fs::create_dir_all(&generation).unwrap();
    fs::write(root.join(".lock"), b"").unwrap();
    let list: Vec<_> = images
        .iter()
        .map(|(file, kind, index, t_ms, width, height, bytes)| {
            fs::write(generation.join(file), bytes).unwrap();
            json!({
                "file": file, "kind": kind, "index": index, "t_ms": t_ms, "width": width,
                "height": height, "bytes": bytes.len(), "sha256": sha256(bytes),
            })
        })
        .collect();
    let manifest =
        pretty(&json!({ "format": 1, "created": created, "images": list, "record": record }));
    fs::write(generation.join("manifest.json"), &manifest).unwrap();
    if let Some(job) = job {
        fs::write(generation.join("job.json"), pretty(job)).unwrap();
        fs::write(generation.join("job.lock"), b"").unwrap();
    }
    let pointer = json!({
        "format": 1, "tag": tag, "generation": "gen-0123456789abcdef",
        "manifest_sha256": sha256(&manifest),
    });
    fs::write(directory(root, tag).join("current.json"), pretty(&pointer)).unwrap();
}
