//! What the program's HTML pages share: each is one file that loads nothing.
//!
//! The plots are drawn by `plotters`: with its SVG output alone it brings in two small crates that
//! this workspace did not have.

use std::error::Error;
use std::fmt::{self, Display, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liveface::{Frame, ShotKind};
use plotters::prelude::*;

use crate::failure::{Exit, Failure};

/// Longest side of a small picture, in pixels, and its JPEG quality.
const THUMBNAIL: (u32, u8) = (96, 60);
/// Size of a histogram in pixels, and the scores in one bar of it.
const HISTOGRAM: (u32, u32) = (180, 80);
const BAR: u8 = 5;

pub(crate) type Written = Result<(), Box<dyn Error>>;

/// What `write` writes.
pub(crate) fn write(write: impl FnOnce(&mut String) -> Written) -> Result<String, Failure> {
    let mut page = String::new();
    write(&mut page).map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    Ok(page)
}

/// What scripts a page may have, in the words of its Content-Security-Policy.
pub(crate) enum Scripts {
    None,
    Inline,
}

/// The head of a page that may load nothing; `css` is added to the style that all pages have.
pub(crate) fn begin(page: &mut String, title: &str, css: &str, scripts: &Scripts) -> fmt::Result {
    let scripts = match scripts {
        Scripts::None => "'none'",
        Scripts::Inline => "'unsafe-inline'",
    };
    let common = include_str!("page.css");
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         img-src data:; style-src 'unsafe-inline'; script-src {scripts}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>\n{common}{css}</style>\n"
    )
}

/// A foreign text, for any place in HTML.
pub(crate) struct Escaped<'t>(pub(crate) &'t str);

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

/// `frame`, small, as JPEG.
pub(crate) fn thumbnail(frame: &Frame<'_>) -> Result<Vec<u8>, Failure> {
    let (side, quality) = THUMBNAIL;
    Ok(liveface_bundle::encode(frame, ShotKind::Selfie, 0, side, quality)?.jpeg.to_vec())
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn is_base64(text: &str) -> bool {
    STANDARD.decode(text).is_ok()
}

/// The JPEG picture `base64`, which must be that.
pub(crate) fn picture(page: &mut String, base64: &str, name: &Escaped<'_>) -> fmt::Result {
    write!(page, "<img src=\"data:image/jpeg;base64,{base64}\" alt=\"{name}\">")
}

/// A drawing for a place in HTML, where it needs no name space.
pub(crate) fn inline(svg: &str) -> String {
    svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")
}

/// How often each score, 0 to 100, occurs.
pub(crate) fn histogram(scores: &[u8]) -> Result<String, Box<dyn Error>> {
    let mut counts = [0_usize; (100 / BAR) as usize];
    for score in scores {
        // The last bar also has the 100.
        let last = counts.len() - 1;
        counts[usize::from(score / BAR).min(last)] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(0).max(1);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, HISTOGRAM).into_drawing_area();
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
    Ok(inline(&svg))
}
