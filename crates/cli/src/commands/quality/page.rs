//! The quality of many pictures as a page.

use std::fmt::{self, Write as _};
use std::path::Path;

use liveface_core::Component;

use super::{Picture, Seen, table};
use crate::commands::measures::{GROUPS, raw_text, words};
use crate::failure::Failure;
use crate::page::{self, Escaped, Scripts, Written};

/// The page of the `pictures` of `folder`, in their order.
pub(super) fn html(folder: &Path, pictures: &[Picture]) -> Result<String, Failure> {
    // A column without a single score would say nothing.
    let columns = GROUPS.iter().flat_map(|(_, members)| *members).copied();
    let columns: Vec<_> =
        columns.filter(|c| pictures.iter().any(|picture| picture.score(*c).is_some())).collect();
    page::write(|page| write_page(page, folder, pictures, &columns))
}

fn write_page(
    page: &mut String,
    folder: &Path,
    pictures: &[Picture],
    columns: &[Component],
) -> Written {
    page::begin(page, "Face image quality", include_str!("page.css"), &Scripts::Inline)?;
    let folder = folder.display().to_string();
    write!(
        page,
        "<header>\n<h1>Face image quality: {}</h1>\n<p>{}. Engine {}.</p>\n\
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
        page.push_str(&page::histogram(&scores)?);
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
    let script = include_str!("page.js");
    write!(page, "</tbody>\n</table></div>\n<script>\n{script}</script>\n</html>\n")?;
    Ok(())
}

fn write_row(page: &mut String, picture: &Picture, columns: &[Component]) -> fmt::Result {
    let name = Escaped(&picture.file);
    page.push_str("<tr><td>");
    if let Ok(Seen { thumbnail: Some(jpeg), .. }) = &picture.result {
        page::picture(page, &page::base64(jpeg), &name)?;
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
