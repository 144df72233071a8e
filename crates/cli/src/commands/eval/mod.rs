//! `liveface eval`: error rates over labelled pictures and clips, after ISO/IEC 30107-3.

mod det;
mod journal;
mod judge;
mod manifest;
mod page;
mod rates;
mod summary;
mod text;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::panic;
use std::path::Path;

use liveface::{Engine, Policy, Reason, Verdict};
use serde::Serialize;

use crate::args::{Common, EvalOptions};
use crate::commands::provider_line;
use crate::console::{self, counted, plain};
use crate::failure::{Exit, Failure};
use crate::output;
use journal::{Done, Journal, Stamp};
use judge::{Judge, Judged, Outcome};
use manifest::Entry;
use summary::{Item, Summary};

/// The files in the folder of the report, beside the journal.
const PAGE: &str = "report.html";
const TABLE: &str = "results.csv";

/// A line of the manifest, and what came of it.
struct Presentation<'m> {
    entry: &'m Entry,
    is_clip: bool,
    /// Why it could not be read or judged, otherwise.
    result: Result<Done, Failure>,
}

/// How results are made: what was made in another way is made again.
#[derive(Serialize)]
struct Settings<'s> {
    engine_version: &'static str,
    /// The program itself: a version has many builds while it is worked on.
    program: Option<Stamp>,
    runtime: Option<Stamp>,
    provider: String,
    models: &'s BTreeMap<String, String>,
    policy: &'s Policy,
    seed: u64,
    /// Where the manifest's paths begin: another data set may have the same ones.
    folder: String,
}

/// Everything that was found out.
#[derive(Serialize)]
struct Report<'r> {
    manifest: String,
    engine_version: &'static str,
    policy: &'r str,
    seed: u64,
    models: &'r BTreeMap<String, String>,
    presentations: usize,
    subjects: usize,
    /// Stills, and frames of clips, each judged by itself.
    per_frame: Option<Summary>,
    /// Clips, each judged as a capture.
    per_capture: Option<Summary>,
    wrong: Vec<Decision<'r>>,
    unreadable: Vec<Unreadable<'r>>,
}

/// A wrong decision on a still or a capture.
#[derive(Serialize)]
struct Decision<'r> {
    path: &'r str,
    label: &'r str,
    subject: &'r str,
    verdict: Verdict,
    live: Option<f32>,
    reasons: &'r [Reason],
    #[serde(skip)]
    thumbnail: Option<&'r str>,
}

#[derive(Serialize)]
struct Unreadable<'r> {
    path: &'r str,
    label: &'r str,
    error: String,
}

pub(crate) fn run(common: &Common, options: &EvalOptions) -> Result<Exit, Failure> {
    let policy = super::policy(&options.policy)?;
    let entries = manifest::read(&options.manifest, options.fps)?;
    if let Some(out) = &options.out {
        // What cannot be written must not cost the time of judging.
        std::fs::create_dir_all(out)
            .map_err(|error| Failure::input(format!("{} cannot be made", out.display()), error))?;
        [PAGE, TABLE].iter().try_for_each(|name| output::check(&out.join(name)))?;
    }
    let engine = super::engine(common)?;
    let judge = Judge {
        folder: options.manifest.parent().unwrap_or(Path::new("")).to_owned(),
        policy: &policy,
        seed: options.seed,
        thumbnails: options.out.is_some(),
    };
    let settings = settings(&engine, &judge)?;
    let mut journal =
        options.out.as_deref().map(|out| Journal::open(out, &settings)).transpose()?;
    // A panic is a failure of one presentation; its text may hold anything, its place does not.
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|panic| {
        if let Some(place) = panic.location() {
            console::note(format!("note: a panic at {place}"));
        }
    }));
    let presentations =
        work::judge_all(common, options.threads, &engine, &judge, &entries, journal.as_mut());
    panic::set_hook(usual);
    let presentations = presentations?;
    let report = report(options, &settings, &presentations);
    if let Some(out) = &options.out {
        output::write(&out.join(TABLE), &text::csv(&presentations)?)?;
        output::write(&out.join(PAGE), page::html(&report)?.as_bytes())?;
    }
    if common.json {
        console::json(&report)?;
    } else {
        text::print(&report)?;
    }
    for Unreadable { path, error, .. } in &report.unreadable {
        console::note(plain(&format!("{path}: {error}")));
    }
    Ok(end(&presentations))
}

/// Tells how many presentations failed; gives what that makes of the run.
fn end(presentations: &[Presentation<'_>]) -> Exit {
    let all = counted(presentations.len(), "presentation");
    let mut end = Exit::Done;
    for (exit, what) in [(Exit::Input, "read"), (Exit::Runtime, "judged")] {
        let failures = presentations.iter().filter_map(|p| p.result.as_ref().err());
        let count = failures.filter(|failure| failure.exit == exit).count();
        if count > 0 {
            console::note(format!("{count} of {all} could not be {what}"));
            end = exit;
        }
    }
    end
}

fn settings<'s>(engine: &'s Engine, judge: &Judge<'s>) -> Result<Settings<'s>, Failure> {
    // The parent of a mere name is empty.
    let folder = Path::new(".").join(&judge.folder);
    let folder = folder
        .canonicalize()
        .map_err(|error| Failure::input(format!("{} cannot be read", folder.display()), error))?;
    Ok(Settings {
        engine_version: env!("CARGO_PKG_VERSION"),
        program: std::env::current_exe().ok().and_then(|path| Stamp::of(&path).ok()),
        runtime: Stamp::of(engine.runtime_library()).ok(),
        provider: provider_line(&engine.providers()),
        models: engine.model_hashes(),
        policy: judge.policy,
        seed: judge.seed,
        folder: folder.display().to_string(),
    })
}

fn report<'r>(
    options: &EvalOptions,
    settings: &Settings<'r>,
    presentations: &'r [Presentation<'r>],
) -> Report<'r> {
    let summary = |items: &mut dyn Iterator<Item = Item<'r>>| {
        let summary = Summary::new(items, &options.fixed_apcer);
        (!summary.is_empty()).then_some(summary)
    };
    let subjects: BTreeSet<_> = presentations.iter().map(|p| &p.entry.subject).collect();
    let mut wrong: Vec<_> = presentations.iter().filter_map(Presentation::wrong).collect();
    // Attacks that were taken for live come first, then bona fide presentations taken for attacks.
    wrong.sort_by_key(|wrong| match wrong.verdict {
        Verdict::Live => 0,
        Verdict::Attack => 1,
        Verdict::Retry | Verdict::TimedOut => 2,
    });
    let unreadable = presentations.iter().filter_map(|Presentation { entry, result, .. }| {
        let error = result.as_ref().err()?.to_string();
        Some(Unreadable { path: &entry.path, label: &entry.label, error })
    });
    Report {
        manifest: options.manifest.display().to_string(),
        engine_version: settings.engine_version,
        policy: &settings.policy.name,
        seed: settings.seed,
        models: settings.models,
        presentations: presentations.len(),
        subjects: subjects.len(),
        per_frame: summary(&mut presentations.iter().flat_map(Presentation::frames)),
        per_capture: summary(&mut presentations.iter().filter_map(Presentation::capture)),
        wrong,
        unreadable: unreadable.collect(),
    }
}

impl Presentation<'_> {
    /// The still, or the frames of the clip.
    fn frames(&self) -> Vec<Item<'_>> {
        let label = self.entry.label.as_str();
        match &self.result {
            Ok(Done { outcome: Outcome::Still(judged), .. }) => vec![(label, Some(judged))],
            Ok(Done { outcome: Outcome::Clip { frames, .. }, .. }) => {
                frames.iter().map(|frame| (label, Some(&frame.judged))).collect()
            }
            Err(_) if self.is_clip => Vec::new(),
            Err(_) => vec![(label, None)],
        }
    }

    /// The clip as a whole.
    fn capture(&self) -> Option<Item<'_>> {
        let judged = self.result.as_ref().ok().map(|done| done.outcome.whole());
        self.is_clip.then_some((self.entry.label.as_str(), judged))
    }

    fn wrong(&self) -> Option<Decision<'_>> {
        let done = self.result.as_ref().ok()?;
        let Judged { verdict, reasons, live } = done.outcome.whole();
        let Entry { path, label, subject, .. } = self.entry;
        is_wrong(self.entry, *verdict).then_some(Decision {
            path,
            label,
            subject,
            verdict: *verdict,
            live: *live,
            reasons,
            thumbnail: done.thumbnail.as_deref(),
        })
    }
}

/// Whether an attack is taken for live, or a bona fide presentation is not.
fn is_wrong(entry: &Entry, verdict: Verdict) -> bool {
    entry.is_attack() == (verdict == Verdict::Live)
}

/// The code of a verdict.
const fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Live => "live",
        Verdict::Retry => "retry",
        Verdict::Attack => "attack",
        Verdict::TimedOut => "timed_out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_broke_down_over_ends_the_run_with_5() {
        let [path, label, subject] = ["a", "print", "s"].map(str::to_owned);
        let entry = Entry { path, label, subject, fps: 15.0 };
        let failed = |exit| Presentation {
            entry: &entry,
            is_clip: false,
            result: Err(Failure::new(exit, "")),
        };
        assert_eq!(end(&[]), Exit::Done);
        assert_eq!(end(&[failed(Exit::Input)]), Exit::Input);
        assert_eq!(end(&[failed(Exit::Runtime), failed(Exit::Input)]), Exit::Runtime);
    }
}
