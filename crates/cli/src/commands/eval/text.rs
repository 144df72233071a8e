//! The figures for a terminal, and every result as CSV.

use liveface::Reason;

use super::judge::{Judged, Outcome};
use super::rates::{Point, Rate};
use super::summary::{Counts, Summary, Thresholds};
use super::{Decision, Presentation, Report, code};
use crate::console::{self, Style, counted, plain, styled};
use crate::failure::Failure;
use crate::output;

/// The most wrong decisions that are listed; all of them are on the page and in JSON.
const LISTED: usize = 20;

/// "9.1 %", with a decimal.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// "9.1 % (1.6 to 37.7)": the rate and its interval.
pub(super) fn with_interval(rate: Rate) -> String {
    match rate.interval() {
        Some((low, high)) => {
            format!("{} ({:.1} to {:.1})", percent(rate.value()), low * 100.0, high * 100.0)
        }
        None => percent(None),
    }
}

/// "0.4123", or that no score is high enough.
pub(super) fn threshold(point: &Point) -> String {
    point.threshold.map_or("above all".to_owned(), |threshold| format!("{threshold:.4}"))
}

/// "4.2 % at 0.4123".
pub(super) fn equal_error(Thresholds { equal_error: point, .. }: &Thresholds) -> String {
    let rates = [point.apcer, point.bpcer].map(|rate| rate.value().unwrap_or(0.0));
    format!("{} at {}", percent(Some((rates[0] + rates[1]) / 2.0)), threshold(point))
}

/// Codes, each with its count, the most frequent first.
pub(super) fn reasons(summary: &Summary) -> String {
    let mut reasons: Vec<_> = summary.bona_fide.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let reasons: Vec<_> = reasons.iter().map(|(code, count)| format!("{code} {count}")).collect();
    reasons.join(", ")
}

/// Codes of reasons, with `between` between them.
pub(super) fn codes(reasons: &[Reason], between: &str) -> String {
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code()).collect();
    codes.join(between)
}

pub(super) fn score(live: Option<f32>) -> String {
    live.map_or("-".to_owned(), |live| format!("{live:.4}"))
}

/// The names of the columns of [`row`].
pub(super) const COLUMNS: [&str; 7] =
    ["label", "presented", "live", "attack", "retry", "timed out", "no response"];

pub(super) fn row(label: &str, counts: &Counts) -> [String; 7] {
    let Counts { presentations, live, attack, retry, timed_out, no_response } = counts;
    let numbers =
        [presentations, live, attack, retry, timed_out, no_response].map(usize::to_string);
    let [a, b, c, d, e, f] = numbers;
    [label.to_owned(), a, b, c, d, e, f]
}

pub(super) fn print(report: &Report<'_>) -> Result<(), Failure> {
    for (title, summary) in [
        ("Per frame: stills, and frames of clips, each by itself", &report.per_frame),
        ("Per capture: clips, by the verdict of a whole capture", &report.per_capture),
    ] {
        if let Some(summary) = summary {
            console::line(styled(title, Style::Strong))?;
            print_summary(summary)?;
            console::line("")?;
        }
    }
    for Decision { path, label, verdict, live, .. } in report.wrong.iter().take(LISTED) {
        let line = format!("{label} judged {}, score {}: {path}", code(*verdict), score(*live));
        console::line(plain(&line))?;
    }
    if let Some(more) = report.wrong.len().checked_sub(LISTED).filter(|more| *more > 0) {
        console::line(format!("and {more} more wrong decisions"))?;
    }
    console::line(format!(
        "{} of {}, {} wrong, {} unreadable; rates with their 95 % interval",
        counted(report.presentations, "presentation"),
        counted(report.subjects, "subject"),
        report.wrong.len(),
        report.unreadable.len()
    ))
}

fn print_summary(summary: &Summary) -> Result<(), Failure> {
    let bona_fide = &summary.bona_fide;
    let rates = std::iter::once(("BPCER", bona_fide.bpcer, "BPNRR", bona_fide.bpnrr))
        .chain(summary.species.iter().map(|s| ("APCER", s.apcer, "APNRR", s.apnrr)));
    let rows: Vec<_> =
        summary.labels().map(|(label, counts, _)| row(&plain(label), counts)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    let aligned = |cells: &[&str]| {
        let mut line = format!("  {:<1$}", cells[0], widths[0]);
        for (cell, width) in cells.iter().zip(widths).skip(1) {
            line += &format!("  {cell:>width$}");
        }
        line
    };
    console::line(styled(aligned(&COLUMNS), Style::Faint))?;
    for (row, (name, rate, no_response_name, no_response)) in rows.iter().zip(rates) {
        let cells: Vec<_> = row.iter().map(String::as_str).collect();
        console::line(format!(
            "{}  {name} {}  {no_response_name} {}",
            aligned(&cells),
            with_interval(rate),
            percent(no_response.value())
        ))?;
    }
    if let Some(worst) = &summary.max_apcer {
        let (species, rate) = (plain(&worst.species), with_interval(worst.apcer));
        console::line(format!("  highest APCER {rate}, of {species}"))?;
    }
    if summary.acer.is_some() {
        console::line(format!("  ACER {} (no longer in the standard)", percent(summary.acer)))?;
    }
    let refused = bona_fide.refused;
    if refused.count > 0 {
        let (rate, reasons) = (with_interval(refused), reasons(summary));
        console::line(format!("  bona fide not taken for live {rate}: {reasons}"))?;
    }
    if let Some(limits) = &summary.thresholds {
        console::line(format!("  by the score alone: equal error {}", equal_error(limits)))?;
        for fixed in &limits.fixed {
            let (rate, at) = (with_interval(fixed.point.bpcer), threshold(&fixed.point));
            console::line(format!("    {} {rate} at {at}", fixed.name))?;
        }
    }
    Ok(())
}

/// A row for each presentation, and below a clip's those of its frames.
pub(super) fn csv(presentations: &[Presentation<'_>]) -> Result<Vec<u8>, Failure> {
    let head = ["path", "label", "subject", "kind", "t_ms", "verdict", "live", "reasons", "error"];
    let mut rows = vec![head.map(str::to_owned)];
    for Presentation { entry, is_clip, result } in presentations {
        let mut row = |kind: &str, t_ms: String, judged: Result<&Judged, &Failure>| {
            let (verdict, live, reasons) = judged.map_or_else(
                |_| Default::default(),
                |Judged { verdict, reasons, live }| {
                    let live = live.map_or_else(String::new, |live| live.to_string());
                    (code(*verdict).to_owned(), live, codes(reasons, " "))
                },
            );
            let error = judged.err().map(ToString::to_string).unwrap_or_default();
            let [path, label, subject] =
                [&entry.path, &entry.label, &entry.subject].map(String::clone);
            rows.push([path, label, subject, kind.to_owned(), t_ms, verdict, live, reasons, error]);
        };
        let whole = result.as_ref().map(|done| done.outcome.whole());
        row(if *is_clip { "clip" } else { "still" }, String::new(), whole);
        if let Ok(Outcome::Clip { frames, .. }) = result.as_ref().map(|done| &done.outcome) {
            for frame in frames {
                row("frame", frame.t_ms.to_string(), Ok(&frame.judged));
            }
        }
    }
    output::csv(rows)
}
