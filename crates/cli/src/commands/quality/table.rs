//! The quality of many pictures as a table: for a terminal, and as CSV.

use liveface_core::{Component, Measure};

use super::Picture;
use crate::commands::measures::words;
use crate::console::{self, Style, counted, plain, styled};
use crate::failure::Failure;
use crate::output;

/// How many of a picture's lowest components are named.
const NAMED: usize = 3;

/// One line for each picture.
pub(super) fn print(pictures: &[Picture]) -> Result<(), Failure> {
    let rows = pictures.iter().map(|picture| {
        let worst = picture.trouble().map_or_else(
            || {
                let worst = picture.lowest().into_iter().take(NAMED);
                let worst: Vec<_> = worst
                    .map(|(score, component)| format!("{} {score}", words(component)))
                    .collect();
                worst.join(", ")
            },
            |trouble| plain(&trouble),
        );
        let unified = picture.score(Component::UnifiedQualityScore);
        (unified.map_or("-".to_owned(), |score| score.to_string()), worst, plain(&picture.file))
    });
    let rows: Vec<_> = rows.collect();
    let width = rows.iter().map(|(_, worst, _)| worst.chars().count()).max().unwrap_or(0);
    let head = format!("{:>7}  {:<width$}  picture", "unified", "lowest scores");
    console::line(styled(head, Style::Strong))?;
    for (unified, worst, file) in &rows {
        console::line(format!("{unified:>7}  {worst:<width$}  {file}"))?;
    }
    console::line("")?;
    console::line(summary(pictures))
}

/// "3 pictures: 1 with a face, 1 without, 1 unreadable".
pub(super) fn summary(pictures: &[Picture]) -> String {
    let unreadable = pictures.iter().filter(|picture| picture.result.is_err()).count();
    let with = pictures.iter().filter(|picture| picture.quality().is_some()).count();
    format!(
        "{}: {with} with a face, {} without, {unreadable} unreadable",
        counted(pictures.len(), "picture"),
        pictures.len() - unreadable - with
    )
}

/// One row for each picture; what was not assessed is empty.
pub(super) fn csv(pictures: &[Picture]) -> Result<Vec<u8>, Failure> {
    let columns = Component::ALL
        .iter()
        .flat_map(|component| ["raw", "score"].map(|what| format!("{}_{what}", component.code())));
    let head: Vec<_> = ["file".to_owned(), "faces".to_owned()].into_iter().chain(columns).collect();
    let rows = pictures.iter().map(|picture| {
        let faces = picture.result.as_ref().map_or_else(|_| String::new(), |s| s.faces.to_string());
        let cells = Component::ALL.iter().flat_map(|component| {
            match picture.quality().and_then(|quality| quality.get(*component)) {
                Some(Measure { raw, score: Some(score) }) => [raw.to_string(), score.to_string()],
                _ => [String::new(), String::new()],
            }
        });
        [picture.file.clone(), faces].into_iter().chain(cells).collect()
    });
    output::csv(std::iter::once(head).chain(rows))
}
