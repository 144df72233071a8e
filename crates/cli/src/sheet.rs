//! A capture on one picture: its images with their scores, and its guidance over time.

use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use imageproc::drawing::{draw_filled_rect_mut, draw_line_segment_mut};
use imageproc::rect::Rect;
use liveface::{Capture, CapturedImage, ShotKind, Verdict};
use liveface_core::{GuidanceRecord, ShotRecord};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use crate::failure::Failure;

const WIDTH: u32 = 1000;
const MARGIN: u32 = 20;
const COLUMNS: u32 = 4;
const THUMBNAIL: (u32, u32) = (228, 200);
const LINE: u32 = 20;
const PAPER: Rgb<u8> = Rgb([250, 250, 248]);
const INK: Rgb<u8> = Rgb([30, 30, 30]);
const FAINT: Rgb<u8> = Rgb([120, 120, 120]);
const GOOD: Rgb<u8> = Rgb([20, 120, 60]);
const BAD: Rgb<u8> = Rgb([170, 30, 30]);
/// One colour a guidance, in the order in which they first appear.
const BANDS: [Rgb<u8>; 8] = [
    Rgb([86, 140, 200]),
    Rgb([232, 158, 70]),
    Rgb([110, 170, 110]),
    Rgb([200, 110, 150]),
    Rgb([150, 130, 200]),
    Rgb([200, 190, 80]),
    Rgb([90, 180, 180]),
    Rgb([170, 120, 90]),
];

/// Writes the sheet of `capture` as a PNG file.
pub(crate) fn write(capture: &Capture, path: &Path) -> Result<(), Failure> {
    draw(capture)
        .save_with_format(path, image::ImageFormat::Png)
        .map_err(|error| Failure::input(format!("{} cannot be written", path.display()), error))
}

fn draw(capture: &Capture) -> RgbImage {
    let record = &capture.record;
    let kinds = guidance_kinds(&record.guidance);
    let rows = (capture.images.len() as u32).div_ceil(COLUMNS);
    let cell = THUMBNAIL.1 + 3 * LINE + 14;
    let timeline = 3 * LINE + 40 + LINE * (kinds.len() as u32).div_ceil(2);
    let height = 2 * MARGIN + 4 * LINE + rows * cell + timeline;
    let mut sheet = RgbImage::from_pixel(WIDTH, height, PAPER);

    let (word, colour) = match record.verdict {
        Verdict::Live => ("live", GOOD),
        Verdict::Retry => ("retry", BAD),
        Verdict::Attack => ("attack", BAD),
        Verdict::TimedOut => ("timed out", BAD),
    };
    let mut y = MARGIN;
    text(&mut sheet, MARGIN, y, &format!("Verdict: {word}"), colour);
    let policy = format!(
        "policy {}   seed {}   engine {}",
        record.policy, record.seed, record.engine_version
    );
    text(&mut sheet, MARGIN + 260, y, &policy, FAINT);
    y += LINE;
    text(&mut sheet, MARGIN, y, &summary(capture), INK);
    y += LINE;
    let reasons: Vec<_> = record.reasons.iter().map(|reason| reason.text()).collect();
    text(&mut sheet, MARGIN, y, &reasons.join("; "), BAD);
    y += 2 * LINE;

    for (index, image) in capture.images.iter().enumerate() {
        let (column, row) = (index as u32 % COLUMNS, index as u32 / COLUMNS);
        let x = MARGIN + column * (THUMBNAIL.0 + 16);
        let shot = record.shots.iter().find(|s| s.kind == image.kind && s.index == image.index);
        picture(&mut sheet, x, y + row * cell, image, shot);
    }
    y += rows * cell;
    guidance_over_time(&mut sheet, y, capture, &kinds);
    sheet
}

fn summary(capture: &Capture) -> String {
    let evidence = &capture.record.evidence;
    let value = |value: Option<f32>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
    format!(
        "passive check {} (median), {} (lowest)   same person {} (lowest)   restarts {}   frames {}",
        value(evidence.pad_live_median),
        value(evidence.pad_live_min),
        value(evidence.similarity_min),
        evidence.restarts.len(),
        capture.record.frames.seen,
    )
}

fn picture(sheet: &mut RgbImage, x: u32, y: u32, image: &CapturedImage, shot: Option<&ShotRecord>) {
    if let Ok(decoded) = image::load_from_memory(&image.jpeg) {
        let small = imageops::thumbnail(
            &decoded.to_rgb8(),
            THUMBNAIL.0,
            THUMBNAIL.1.min(THUMBNAIL.0 * image.height / image.width.max(1)),
        );
        imageops::replace(sheet, &small, i64::from(x), i64::from(y));
    }
    let mut y = y + THUMBNAIL.1 + 2;
    let name = match image.kind {
        ShotKind::Liveness => format!("liveness {}", image.index + 1),
        ShotKind::Selfie => "selfie".to_owned(),
    };
    let challenge = shot.and_then(|shot| shot.challenge).map(|c| format!(" {}", c.code()));
    let title =
        format!("{name}{}  {:.2} s", challenge.unwrap_or_default(), image.t_ms as f64 / 1000.0);
    text(sheet, x, y, &title, INK);
    let Some(shot) = shot else { return };
    y += LINE;
    let live = shot.pad_live.map_or("-".to_owned(), |v| format!("{v:.3}"));
    text(sheet, x, y, &format!("live {live}  smile {:.2}", shot.smile), FAINT);
    y += LINE;
    let pose = format!("yaw {:+.1}  pitch {:+.1}", shot.pose.yaw_degrees, shot.pose.pitch_degrees);
    text(sheet, x, y, &pose, FAINT);
}

/// The different guidances, in the order in which they first appear.
fn guidance_kinds(guidance: &[GuidanceRecord]) -> Vec<liveface::Guidance> {
    let mut kinds = Vec::new();
    for record in guidance {
        if !kinds.contains(&record.guidance) {
            kinds.push(record.guidance);
        }
    }
    kinds
}

fn guidance_over_time(
    sheet: &mut RgbImage,
    y: u32,
    capture: &Capture,
    kinds: &[liveface::Guidance],
) {
    let record = &capture.record;
    let Some(first) = record.guidance.first() else { return };
    let last_shot = record.shots.last().map_or(0, |shot| shot.t_ms);
    let end = record.guidance.last().map_or(0, |g| g.t_ms).max(last_shot).max(first.t_ms + 1);
    let width = WIDTH - 2 * MARGIN;
    let place = |t_ms: u64| {
        MARGIN + ((t_ms - first.t_ms.min(t_ms)) * u64::from(width) / (end - first.t_ms)) as u32
    };
    text(sheet, MARGIN, y, "Guidance over time (a mark is a picture)", INK);
    let top = y + LINE + 4;
    let colour = |guidance| {
        kinds.iter().position(|kind| *kind == guidance).map_or(FAINT, |i| BANDS[i % BANDS.len()])
    };
    for (index, band) in record.guidance.iter().enumerate() {
        let until = record.guidance.get(index + 1).map_or(end, |next| next.t_ms);
        let (left, right) = (place(band.t_ms), place(until));
        let area = Rect::at(left as i32, top as i32).of_size((right - left).max(1), 24);
        draw_filled_rect_mut(sheet, area, colour(band.guidance));
    }
    for shot in &record.shots {
        let x = place(shot.t_ms) as f32;
        draw_line_segment_mut(sheet, (x, top as f32 - 3.0), (x, top as f32 + 27.0), INK);
    }
    text(sheet, MARGIN, top + 28, &format!("{:.1} s", first.t_ms as f64 / 1000.0), FAINT);
    let end_label = format!("{:.1} s", end as f64 / 1000.0);
    text(sheet, WIDTH - MARGIN - 70, top + 28, &end_label, FAINT);
    for (index, kind) in kinds.iter().enumerate() {
        let (column, row) = (index as u32 % 2, index as u32 / 2);
        let (x, y) = (MARGIN + column * (width / 2), top + 52 + row * LINE);
        let swatch = Rect::at(x as i32, y as i32 + 3).of_size(14, 12);
        draw_filled_rect_mut(sheet, swatch, colour(*kind));
        text(sheet, x + 22, y, kind.text(), INK);
    }
}

/// Draws one line of basic Latin text; other characters become question marks.
fn text(sheet: &mut RgbImage, x: u32, y: u32, line: &str, colour: Rgb<u8>) {
    let (weight, size) = (FontWeight::Regular, RasterHeight::Size16);
    let step = get_raster_width(weight, size) as u32;
    for (index, character) in line.chars().enumerate() {
        let glyph = get_raster(character, weight, size).or_else(|| get_raster('?', weight, size));
        let Some(glyph) = glyph else { continue };
        let left = x + index as u32 * step;
        for (row, values) in glyph.rows().enumerate() {
            for (column, alpha) in values.iter().enumerate() {
                let (px, py) = (left + column as u32, y + row as u32);
                if let Some(pixel) = sheet.get_pixel_mut_checked(px, py) {
                    let mix = |paper: u8, ink: u8| {
                        let alpha = u32::from(*alpha);
                        ((u32::from(paper) * (255 - alpha) + u32::from(ink) * alpha) / 255) as u8
                    };
                    *pixel = Rgb(std::array::from_fn(|c| mix(pixel[c], colour[c])));
                }
            }
        }
    }
}
