//! `liveface quality`: the quality of many pictures, and whether scores are those of the reference.

mod conformance;
mod page;
mod table;

use std::path::Path;

use liveface::{AnalysisOptions, Engine, Policy};
use liveface_core::{Component, Frame, QualityRecord};
use serde::Serialize;

use crate::args::{Common, QualityOptions};
use crate::commands::stills::{self, ErrorLine};
use crate::console;
use crate::failure::{Exit, Failure};
use crate::output;

/// A picture of the folder.
struct Picture {
    file: String,
    /// What was seen, or why it could not be looked at.
    result: Result<Seen, String>,
}

#[derive(Serialize)]
struct Seen {
    width: u32,
    height: u32,
    faces: usize,
    /// That of the largest face.
    quality: Option<QualityRecord>,
    /// JPEG, when there will be a page.
    #[serde(skip)]
    thumbnail: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct PictureLine<'p> {
    file: &'p str,
    #[serde(flatten)]
    seen: &'p Seen,
}

impl Picture {
    fn quality(&self) -> Option<&QualityRecord> {
        self.result.as_ref().ok()?.quality.as_ref()
    }

    fn score(&self, component: Component) -> Option<u8> {
        self.quality()?.get(component)?.score
    }

    /// The scores of all components but the unified one, the lowest first.
    fn lowest(&self) -> Vec<(u8, Component)> {
        let scored = self.quality().into_iter().flat_map(QualityRecord::iter);
        let parts = scored.filter(|(component, _)| *component != Component::UnifiedQualityScore);
        let mut parts: Vec<_> =
            parts.filter_map(|(component, measure)| Some((measure.score?, component))).collect();
        parts.sort_unstable();
        parts
    }

    /// "no face" or why it could not be looked at, where there is no quality to show.
    fn trouble(&self) -> Option<String> {
        match &self.result {
            Err(error) => Some(format!("unreadable: {error}")),
            Ok(Seen { quality: None, .. }) => Some("no face".to_owned()),
            Ok(_) => None,
        }
    }
}

pub(crate) fn run(common: &Common, options: &QualityOptions) -> Result<Exit, Failure> {
    match (&options.conformance, &options.folder) {
        (Some(pairs), _) => conformance::run(common, pairs),
        (None, Some(folder)) => measure(common, options, folder),
        (None, None) => Err(Failure::new(Exit::Input, "give a folder or --conformance")),
    }
}

fn measure(common: &Common, options: &QualityOptions, folder: &Path) -> Result<Exit, Failure> {
    // What cannot be written must not cost the time of measuring.
    if options.out.is_some() && options.out == options.csv {
        return Err(Failure::new(Exit::Input, "--out and --csv name the same file"));
    }
    [&options.out, &options.csv].into_iter().flatten().try_for_each(|path| output::check(path))?;
    let paths = liveface::camera::images(folder)?;
    let look = |engine: &Engine, frame: &Frame<'_>| look(engine, frame, options.out.is_some());
    let mut pictures = Vec::with_capacity(paths.len());
    let exit = stills::each(common, &paths, look, |file, result| {
        if common.json {
            match &result {
                Ok(seen) => console::json(&PictureLine { file: &file, seen })?,
                Err(error) => console::json(&ErrorLine { file: &file, error })?,
            }
        }
        pictures.push(Picture { file, result });
        Ok(())
    })?;
    if let Some(path) = &options.csv {
        output::write(path, &table::csv(&pictures)?)?;
    }
    // Worst first: by the unified score, then by the lowest other one; those without come last.
    pictures.sort_by_cached_key(|picture| {
        let unified = picture.score(Component::UnifiedQualityScore);
        let lowest = picture.lowest().first().map_or(u8::MAX, |(score, _)| *score);
        (unified.unwrap_or(u8::MAX), lowest, picture.result.is_err())
    });
    if let Some(path) = &options.out {
        output::write(path, page::html(folder, &pictures)?.as_bytes())?;
    }
    if !common.json {
        table::print(&pictures)?;
        let unreadable = pictures.iter().filter(|picture| picture.result.is_err()).count();
        if unreadable > 0 {
            let all = console::counted(pictures.len(), "picture");
            console::note(format!("{unreadable} of {all} could not be read"));
        }
    }
    Ok(exit)
}

fn look(engine: &Engine, frame: &Frame<'_>, with_thumbnail: bool) -> Result<Seen, Failure> {
    let wanted = AnalysisOptions { presentation: false, embedding: false, quality_models: true };
    let reports = engine.analyze(frame, &Policy::default().tracking, wanted)?;
    let thumbnail = with_thumbnail.then(|| crate::page::thumbnail(frame)).transpose()?;
    Ok(Seen {
        width: frame.width(),
        height: frame.height(),
        faces: reports.len(),
        quality: reports.first().map(|report| report.quality),
        thumbnail,
    })
}
