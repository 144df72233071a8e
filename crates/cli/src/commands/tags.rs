//! `liveface tags`: what lies in the store.

use std::time::{Duration, SystemTime};

use liveface::{BundleError, Tag};
use liveface_bundle::{JobState, Retention, TagState};
use liveface_core::CaptureRecord;
use serde::Serialize;

use crate::args::{Common, TagsAction, TagsOptions};
use crate::console;
use crate::failure::{Exit, Failure};
use crate::sheet;

#[derive(Serialize)]
struct ShowLine<'a> {
    tag: &'a Tag,
    /// Their names in the upload zip and when they are exported.
    images: Vec<String>,
    record: &'a CaptureRecord,
    job: Option<JobState>,
}

pub(crate) fn run(common: &Common, options: &TagsOptions) -> Result<Exit, Failure> {
    let Some(store) = super::existing_store(&options.store)? else {
        return without_store(common, &options.action);
    };
    match &options.action {
        TagsAction::List { idle } => {
            let mut tags = store.tags()?;
            tags.retain(|summary| !idle || summary.state == TagState::Idle);
            if common.json {
                console::json(&serde_json::json!({ "tags": tags }))?;
            } else if tags.is_empty() {
                console::line("No captures.")?;
            }
            for summary in tags.iter().filter(|_| !common.json) {
                let state = match summary.state {
                    TagState::Idle => "idle",
                    TagState::Submitting => "submitting",
                    TagState::Submitted => "submitted",
                    TagState::Damaged => "damaged",
                    _ => "unknown",
                };
                console::line(format!(
                    "{:<11} {:>2} images  {}",
                    state, summary.images, summary.tag
                ))?;
            }
        }
        TagsAction::Show { tag, sheet: path } => {
            let tag = Tag::new(tag)?;
            let capture = store.load(&tag)?;
            let images = store.image_names(&tag)?;
            if common.json {
                let (record, job) = (&capture.record, store.job(&tag)?);
                console::json(&ShowLine { tag: &tag, images, record, job })?;
            } else {
                console::line(format!(
                    "{tag}: {:?}, policy {}",
                    capture.record.verdict, capture.record.policy
                ))?;
                for image in images {
                    console::line(format!("  {image}"))?;
                }
                if let Some(job) = store.job(&tag)? {
                    console::line(format!("  job {} ({:?})", job.job_id, job.stage))?;
                }
            }
            if let Some(path) = path {
                sheet::write(&capture, path)?;
            }
        }
        TagsAction::Export { tag, out, replace } => {
            let tag = Tag::new(tag)?;
            let files = match replace {
                false => store.export_images(&tag, out)?,
                true => store.replace_exported_images(&tag, out)?,
            };
            // A path need not be UTF-8, which JSON is.
            let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            said(common, &serde_json::json!({ "files": files }), &files.join("\n"))?;
        }
        TagsAction::Retain { max_age, max_count } => {
            let max_age = max_age.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
            let limits = Retention { max_age, max_count: *max_count };
            let removed = store.retain(&limits, SystemTime::now())?;
            let text = format!("Cleared {}.", removed.len());
            said(common, &serde_json::json!({ "cleared": removed.len(), "tags": removed }), &text)?;
        }
        TagsAction::Clear { tag: Some(tag), .. } => {
            store.clear(&Tag::new(tag)?)?;
            said(common, &serde_json::json!({ "cleared": 1 }), "Cleared.")?;
        }
        TagsAction::Clear { tag: None, .. } => {
            let count = store.clear_submitted()?;
            said(common, &serde_json::json!({ "cleared": count }), &format!("Cleared {count}."))?;
        }
    }
    Ok(Exit::Done)
}

/// What is said when there is no store yet, and none is made.
fn without_store(common: &Common, action: &TagsAction) -> Result<Exit, Failure> {
    match action {
        TagsAction::List { .. } => {
            said(common, &serde_json::json!({ "tags": [] }), "No captures.")?;
        }
        TagsAction::Retain { .. } => {
            said(common, &serde_json::json!({ "cleared": 0, "tags": [] }), "Cleared 0.")?;
        }
        TagsAction::Clear { tag: None, .. } => {
            said(common, &serde_json::json!({ "cleared": 0 }), "Cleared 0.")?;
        }
        TagsAction::Show { tag, .. }
        | TagsAction::Export { tag, .. }
        | TagsAction::Clear { tag: Some(tag), .. } => {
            return Err(BundleError::NoSuchTag { tag: Tag::new(tag)? }.into());
        }
    }
    Ok(Exit::Done)
}

fn said(common: &Common, json: &serde_json::Value, text: &str) -> Result<(), Failure> {
    if common.json { console::json(json) } else { console::line(text) }
}
