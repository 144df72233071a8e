//! The committed fixtures are the ones that `fixtures/SHA256SUMS` lists, all of them and no others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Listed are recordings, their truth and references; not what is written or made here.
const UNLISTED: [&str; 4] = ["README.md", "SHA256SUMS", "generator", "golden"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_fixture_is_the_listed_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let list = fs::read_to_string(root.join("SHA256SUMS")).unwrap();
    let listed: BTreeMap<_, _> = list
        .lines()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(sum, name)| (name, sum))
        .collect();
    assert!(listed.len() > 600);

    let mut paths = Vec::new();
    files(&root, &mut paths);
    let mut names = Vec::new();
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        if UNLISTED.iter().any(|start| name.split('/').next() == Some(start)) {
            continue;
        }
        let digest = Sha256::digest(fs::read(&path).unwrap());
        let sum: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            listed.get(name.as_str()),
            Some(&sum.as_str()),
            "{name} is not as it was listed"
        );
        names.push(name);
    }
    names.sort();
    let missing: Vec<_> = listed.keys().filter(|name| !names.iter().any(|n| n == *name)).collect();
    assert!(missing.is_empty(), "listed but missing: {missing:?}");
}
