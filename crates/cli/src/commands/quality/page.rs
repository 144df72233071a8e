//! The quality of many pictures as one HTML file that loads nothing.
//!
//! The plots are drawn by `plotters`: with its SVG output alone it brings in two small crates that
//! this workspace did not have.

use std::fmt::{self, Display, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liveface_core::Component;
use plotters::prelude::*;

use super::{Picture, Seen, table};
use crate::commands::measures::{GROUPS, raw_text, words};
use crate::failure::{Exit, Failure};

/// Size of a plot in pixels, and the scores in one bar of it.
const PLOT: (u32, u32) = (180, 80);
const BAR: u8 = 5;

/// A foreign text, for any place in HTML.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

/// The page of the `pictures` of `folder`, in their order.
pub(super) fn html(folder: &Path, pictures: &[Picture]) -> Result<String, Failure> {
    // A column without a single score would say nothing.
    let columns = GROUPS.iter().flat_map(|(_, members)| *members).copied();
    let columns: Vec<_> =
        columns.filter(|c| pictures.iter().any(|picture| picture.score(*c).is_some())).collect();
    let mut page = String::new();
    write_page(&mut page, folder, pictures, &columns)
        .map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    Ok(page)
}

type Written = Result<(), Box<dyn std::error::Error>>;

fn write_page(
    page: &mut String,
    folder: &Path,
    pictures: &[Picture],
    columns: &[Component],
) -> Written {
    let (css, script) = (include_str!("page.css"), include_str!("page.js"));
    let folder = folder.display().to_string();
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Face image quality</title>\n<style>\n{css}</style>\n\
         <header>\n<h1>Face image quality: {}</h1>\n<p>{}. Engine {}.</p>\n\
         <p class=\"faint\">Scores go from 0 (worst) to 100 (best); &ndash; is not assessed. The worst \
         picture comes first, by the unified score and then by its lowest one. Click on a column's \
         name to sort, on a row for raw values.</p>\n</header>\n",
        Escaped(&folder),
        table::summary(pictures),
        env!("CARGO_PKG_VERSION"),
    )?;

    page.push_str("<details class=\"plots\" open><summary>Distributions</summary>\n<div>\n");
    for component in columns {
        let scores: Vec<_> = pictures.iter().filter_map(|p| p.score(*component)).collect();
        let (name, count) = (words(*component), scores.len());
        write!(page, "<figure><figcaption>{name} <span>{count}</span></figcaption>")?;
        // In HTML the drawing needs no name space.
        page.push_str(&plot(&scores)?.replace(" xmlns=\"http://www.w3.org/2000/svg\"", ""));
        page.push_str("</figure>\n");
    }
    page.push_str("</div>\n</details>\n<div class=\"scroll\"><table id=\"pictures\">\n<thead><tr>");
    page.push_str("<th scope=\"col\">picture");
    for name in ["file".to_owned(), "faces".to_owned()]
        .into_iter()
        .chain(columns.iter().copied().map(words))
    {
        write!(page, "<th scope=\"col\"><button type=\"button\">{name}</button>")?;
    }
    page.push_str("</thead>\n<tbody>\n");
    for picture in pictures {
        write_row(page, picture, columns)?;
    }
    write!(page, "</tbody>\n</table></div>\n<script>\n{script}</script>\n</html>\n")?;
    Ok(())
}

fn write_row(page: &mut String, picture: &Picture, columns: &[Component]) -> fmt::Result {
    let name = Escaped(&picture.file);
    page.push_str("<tr><td>");
    if let Ok(Seen { thumbnail: Some(jpeg), .. }) = &picture.result {
        let data = STANDARD.encode(jpeg);
        write!(page, "<img src=\"data:image/jpeg;base64,{data}\" alt=\"{name}\">")?;
    }
    write!(page, "<th scope=\"row\"><details><summary>{name}</summary>")?;
    match &picture.result {
        Ok(Seen { width, height, .. }) => write!(page, "<p>{width}&times;{height} px</p>")?,
        Err(error) => write!(page, "<p>{}</p>", Escaped(error))?,
    }
    write_record(page, picture)?;
    page.push_str("</details>");
    match &picture.result {
        Ok(seen) if seen.quality.is_none() => page.push_str("<span class=\"faint\">no face</span>"),
        Ok(_) => {}
        Err(_) => page.push_str("<span class=\"faint\">unreadable</span>"),
    }
    match &picture.result {
        Ok(seen) => write!(page, "<td>{}", seen.faces)?,
        Err(_) => page.push_str("<td>&ndash;"),
    }
    for component in columns {
        match picture.score(*component) {
            Some(score) => write!(page, "<td style=\"--s:{score}\">{score}")?,
            None => page.push_str("<td>&ndash;"),
        }
    }
    page.push('\n');
    Ok(())
}

/// Every component that was measured, with its raw value.
fn write_record(page: &mut String, picture: &Picture) -> fmt::Result {
    let Some(quality) = picture.quality() else { return Ok(()) };
    page.push_str("<table>");
    for (group, components) in GROUPS {
        let measured = components.iter().filter_map(|c| Some((*c, quality.get(*c)?)));
        for (index, (component, measure)) in measured.enumerate() {
            if index == 0 {
                write!(page, "<tr><th colspan=\"3\">{group}")?;
            }
            let score = measure.score.map_or("not assessed".to_owned(), |score| score.to_string());
            let (name, raw) = (words(component), raw_text(component, measure));
            write!(page, "<tr><td>{name}<td>{score}<td>{raw}")?;
        }
    }
    page.push_str("</table>");
    Ok(())
}

/// How often each score occurs, as SVG.
fn plot(scores: &[u8]) -> Result<String, Box<dyn std::error::Error>> {
    let mut counts = [0_usize; (100 / BAR) as usize];
    for score in scores {
        // The last bar also has the 100.
        let last = counts.len() - 1;
        counts[usize::from(score / BAR).min(last)] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(0).max(1);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, PLOT).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(6)
            .margin_right(14)
            .x_label_area_size(16)
            .y_label_area_size(28)
            .build_cartesian_2d(0_u32..100, 0..most)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(3)
            .y_labels(3)
            .label_style(("sans-serif", 11))
            .draw()?;
        chart.draw_series(counts.iter().zip((0..).step_by(BAR.into())).map(|(count, from)| {
            let colour = HSLColor(f64::from(from) / 100.0 / 3.0, 0.55, 0.45);
            Rectangle::new([(from, 0), (from + u32::from(BAR), *count)], colour.filled())
        }))?;
        root.present()?;
    }
    Ok(svg)
}
