//! The clips of the rendered people: what each frame was rendered with.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::collections::HashMap;

use crate::support::fixtures;

/// The rendered people.
pub(crate) const SUBJECTS: [&str; 3] = ["f1", "m1", "m2"];

/// A frame: its picture's path under the fixtures, and its truth by the names of `truth.csv`.
pub(crate) struct ClipFrame {
    pub(crate) path: String,
    pub(crate) truth: HashMap<String, f32>,
}

/// The frames of a clip.
pub(crate) fn clip(subject: &str, name: &str) -> Vec<ClipFrame> {
    let path = fixtures().join(format!("clips-{subject}/truth.csv"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|fields| fields[0] == name)
        .enumerate()
        .map(|(index, fields)| ClipFrame {
            path: format!("clips-{subject}/{name}/{index:03}.jpg"),
            truth: (names.iter().zip(&fields).skip(1))
                .map(|(name, value)| ((*name).to_owned(), value.parse().unwrap()))
                .collect(),
        })
        .collect()
}
