//! `liveface submit --all`: every job that waits.

use liveface::Tag;
use liveface_submit::{Call, QueueEntry, QueueOutcome};
use serde::Serialize;

use super::job;
use crate::args::{Common, SubmitOptions, Told};
use crate::console::{self, Style, counted, styled};
use crate::failure::{Exit, Failure};

#[derive(Serialize)]
struct JobLine<'a> {
    tag: &'a Tag,
    state: &'static str,
    job_id: Option<&'a str>,
    result_code: Option<String>,
    error: Option<String>,
}

#[derive(Serialize)]
struct ReportLine<'a> {
    jobs: Vec<JobLine<'a>>,
    approved: usize,
    provisionally_approved: usize,
    pending: usize,
    rejected: usize,
    for_later: usize,
    waiting: usize,
}

pub(crate) fn run(common: &Common, options: &SubmitOptions) -> Result<Exit, Failure> {
    let store = super::store(&options.store)?;
    let client = job::client(&options.credentials, &Told::default())?;
    let spinner = console::spinner("looking for jobs");
    let mut watch = |progress| job::show(&spinner, progress);
    let call = Call::default().watched_by(&mut watch);
    let wait = job::wait(options.no_wait, options.timeout);
    let report = client.submit_all(&store, Some(wait), call);
    spinner.finish_and_clear();
    let report = report?;
    let exit = match (report.for_later(), report.rejected()) {
        (1.., _) => Exit::Network,
        (0, 1..) => Exit::NotAccepted,
        (0, 0) => Exit::Done,
    };
    if common.json {
        console::json(&ReportLine {
            jobs: report.entries.iter().map(|entry| line(entry).0).collect(),
            approved: report.approved(),
            provisionally_approved: report.provisionally_approved(),
            pending: report.pending(),
            rejected: report.rejected(),
            for_later: report.for_later(),
            waiting: report.waiting(),
        })?;
        return Ok(exit);
    }
    for entry in &report.entries {
        let (line, style) = line(entry);
        let code =
            line.result_code.map_or(String::new(), |code| format!(" ({})", console::plain(&code)));
        console::line(format!("{}{code}  {}", styled(line.state, style), entry.tag))?;
        if let Some(error) = line.error {
            console::line(format!("  {}", console::plain(&error)))?;
        }
    }
    let provisionally = match report.provisionally_approved() {
        0 => String::new(),
        some => format!(", {some} provisionally"),
    };
    console::line(format!(
        "{}: {} approved{provisionally}, {} pending, {} rejected, {} for later ({} not tried)",
        counted(report.entries.len(), "job"),
        report.approved(),
        report.pending(),
        report.rejected(),
        report.for_later(),
        report.waiting(),
    ))?;
    Ok(exit)
}

fn line(entry: &QueueEntry) -> (JobLine<'_>, Style) {
    let tag = &entry.tag;
    let none = JobLine { tag, state: "waiting", job_id: None, result_code: None, error: None };
    match &entry.outcome {
        QueueOutcome::Sent(outcome) => {
            let (state, style, _) = job::told(outcome.decision());
            let (job_id, result_code) = (Some(outcome.job_id()), outcome.result_code());
            (JobLine { state, job_id, result_code, ..none }, style)
        }
        QueueOutcome::Failed(error) => {
            (JobLine { state: "failed", error: Some(error.to_string()), ..none }, Style::Bad)
        }
        QueueOutcome::Busy => (JobLine { state: "busy", ..none }, Style::Strong),
        _ => (none, Style::Faint),
    }
}
