//! The figures of a run as a page.

use std::fmt::{self, Write as _};

use plotters::style::RGBColor;

use super::rates::Point;
use super::summary::{Summary, Thresholds};
use super::text::{self, percent, with_interval};
use super::{Decision, Report, Unreadable, code, det};
use crate::console::counted;
use crate::failure::Failure;
use crate::page::{self, Escaped, Scripts, Written};

/// The name of the curve over all species.
const WORST: &str = "worst species";

pub(super) fn html(report: &Report<'_>) -> Result<String, Failure> {
    page::write(|page| write_page(page, report))
}

fn write_page(page: &mut String, report: &Report<'_>) -> Written {
    page::begin(page, "Presentation attack detection", include_str!("page.css"), &Scripts::None)?;
    write!(
        page,
        "<header>\n<h1>Presentation attack detection: {}</h1>\n<p>{} of {}. Policy {}, seed {}. Engine {}.</p>\n\
         </header>\n{}",
        Escaped(&report.manifest),
        counted(report.presentations, "presentation"),
        counted(report.subjects, "subject"),
        Escaped(report.policy),
        report.seed,
        report.engine_version,
        include_str!("definitions.html"),
    )?;
    for (title, summary) in [
        ("Per frame: stills, and frames of clips, each by itself", &report.per_frame),
        ("Per capture: clips, by the verdict of a whole capture", &report.per_capture),
    ] {
        if let Some(summary) = summary {
            write!(page, "<section>\n<h2>{title}</h2>\n")?;
            write_rates(page, summary)?;
            write_thresholds(page, summary)?;
            write_plots(page, summary)?;
            page.push_str("</section>\n");
        }
    }
    write_wrong(page, &report.wrong)?;
    if !report.unreadable.is_empty() {
        page.push_str("<section>\n<h2>Unreadable</h2>\n<ul>\n");
        for Unreadable { path, label, error } in &report.unreadable {
            let (path, label, error) = (Escaped(path), Escaped(label), Escaped(error));
            writeln!(page, "<li>{path} ({label}): {error}")?;
        }
        page.push_str("</ul>\n</section>\n");
    }
    page.push_str("</html>\n");
    Ok(())
}

fn write_rates(page: &mut String, summary: &Summary) -> fmt::Result {
    page.push_str("<table>\n<thead><tr>");
    for name in text::COLUMNS.iter().chain(&["error", "no response"]) {
        write!(page, "<th scope=\"col\">{name}")?;
    }
    page.push_str("</thead>\n");
    let bona_fide = &summary.bona_fide;
    let rates = std::iter::once(("BPCER", bona_fide.bpcer, "BPNRR", bona_fide.bpnrr))
        .chain(summary.species.iter().map(|s| ("APCER", s.apcer, "APNRR", s.apnrr)));
    for ((label, counts, _), (name, rate, no_response_name, no_response)) in
        summary.labels().zip(rates)
    {
        let [label, numbers @ ..] = text::row(label, counts);
        write!(page, "<tr><th scope=\"row\">{}", Escaped(&label))?;
        numbers.iter().try_for_each(|number| write!(page, "<td>{number}"))?;
        let rates = (with_interval(rate), with_interval(no_response));
        writeln!(page, "<td>{name} {}<td>{no_response_name} {}", rates.0, rates.1)?;
    }
    page.push_str("</table>\n");
    if let Some(worst) = &summary.max_apcer {
        let (rate, species) = (with_interval(worst.apcer), Escaped(&worst.species));
        writeln!(page, "<p>Highest APCER: <b>{rate}</b>, of {species}.</p>")?;
    }
    if summary.acer.is_some() {
        writeln!(page, "<p>ACER: {} (no longer in the standard).</p>", percent(summary.acer))?;
    }
    let refused = with_interval(bona_fide.refused);
    write!(page, "<p>Bona fide not taken for live, for whatever reason: <b>{refused}</b>")?;
    match text::reasons(summary) {
        none if none.is_empty() => page.push_str(".</p>\n"),
        reasons => writeln!(page, ": {reasons}.</p>")?,
    }
    Ok(())
}

/// Every curve with its name: the worst of all species where there are several, then each.
fn curves(summary: &Summary) -> Vec<(&str, &Thresholds)> {
    let worst = summary.thresholds.as_ref().map(|limits| (WORST, limits));
    let each = summary.species.iter();
    let each = each.filter_map(|s| Some((s.species.as_str(), s.thresholds.as_ref()?)));
    worst.filter(|_| summary.species.len() > 1).into_iter().chain(each).collect()
}

fn write_thresholds(page: &mut String, summary: &Summary) -> fmt::Result {
    let curves = curves(summary);
    let Some((_, first)) = curves.first() else { return Ok(()) };
    page.push_str(
        "<table>\n<thead><tr><th scope=\"col\">by the score alone<th scope=\"col\">equal error",
    );
    first.fixed.iter().try_for_each(|fixed| write!(page, "<th scope=\"col\">{}", fixed.name))?;
    page.push_str("</thead>\n");
    for (name, limits) in &curves {
        let name = Escaped(name);
        write!(page, "<tr><th scope=\"row\">{name}<td>{}", text::equal_error(limits))?;
        for fixed in &limits.fixed {
            let rate = with_interval(fixed.point.bpcer);
            write!(page, "<td>{rate} at {}", text::threshold(&fixed.point))?;
        }
        page.push('\n');
    }
    page.push_str("</table>\n");
    Ok(())
}

fn write_plots(page: &mut String, summary: &Summary) -> Written {
    page.push_str("<div class=\"plots\"><div>\n");
    let curves = curves(summary);
    if !curves.is_empty() {
        page.push_str("<figure class=\"det\"><figcaption>");
        for (index, (name, _)) in curves.iter().enumerate() {
            let RGBColor(red, green, blue) = det::colour(index, curves.len());
            let name = Escaped(name);
            write!(page, "<b style=\"color:rgb({red},{green},{blue})\">{name}</b>")?;
        }
        page.push_str("</figcaption>");
        let points: Vec<&[Point]> = curves.iter().map(|(_, limits)| &limits.curve[..]).collect();
        page.push_str(&det::plot(&points)?);
        page.push_str("</figure>\n");
    }
    for (label, _, scores) in summary.labels().filter(|(_, _, scores)| !scores.is_empty()) {
        let (label, count) = (Escaped(label), scores.len());
        write!(page, "<figure><figcaption>{label} <span>{count}</span></figcaption>")?;
        let percents: Vec<_> =
            scores.iter().map(|score| (score.clamp(0.0, 1.0) * 100.0) as u8).collect();
        page.push_str(&page::histogram(&percents)?);
        page.push_str("</figure>\n");
    }
    page.push_str("</div></div>\n");
    Ok(())
}

fn write_wrong(page: &mut String, wrong: &[Decision<'_>]) -> fmt::Result {
    let count = counted(wrong.len(), "wrong decision");
    write!(page, "<section>\n<h2>{count}</h2>\n")?;
    if wrong.is_empty() {
        page.push_str("</section>\n");
        return Ok(());
    }
    page.push_str("<table>\n<thead><tr>");
    for name in ["", "path", "label", "subject", "judged", "score", "because"] {
        write!(page, "<th scope=\"col\">{name}")?;
    }
    page.push_str("</thead>\n");
    for Decision { path, label, subject, verdict, live, reasons, thumbnail } in wrong {
        let path = Escaped(path);
        page.push_str("<tr><td>");
        if let Some(base64) = thumbnail {
            page::picture(page, base64, &path)?;
        }
        let (label, subject) = (Escaped(label), Escaped(subject));
        write!(page, "<th scope=\"row\">{path}<td>{label}<td>{subject}<td>{}", code(*verdict))?;
        writeln!(page, "<td>{}<td>{}", text::score(*live), text::codes(reasons, ", "))?;
    }
    page.push_str("</table>\n</section>\n");
    Ok(())
}
