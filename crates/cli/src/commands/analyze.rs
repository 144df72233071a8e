//! `liveface analyze`: everything that the engine sees in still images.

use std::path::Path;

use liveface::camera::Still;
use liveface::{AnalysisOptions, Engine, FaceReport, Policy};
use liveface_core::{EyeOpenness, FacePart, Gaze, Measure, Point3, QualityRecord, Rect};
use rayon::prelude::*;
use serde::Serialize;

use crate::args::{AnalyzeOptions, Common};
use crate::console::{self, Style, styled};
use crate::failure::{Exit, Failure};

#[derive(Serialize)]
struct ImageLine {
    file: String,
    width: u32,
    height: u32,
    faces: Vec<FaceLine>,
}

#[derive(Serialize)]
struct ErrorLine {
    file: String,
    error: String,
}

#[derive(Serialize)]
struct FaceLine {
    #[serde(rename = "box")]
    bounds: [f32; 4],
    detection_score: f32,
    yaw_degrees: f32,
    pitch_degrees: f32,
    roll_degrees: f32,
    eye_openness: EyeOpenness,
    eye_aspect_ratio: EyeOpenness,
    smile: f32,
    smile_ratio: f32,
    mouth_open: f32,
    gaze: Gaze,
    /// Share of the most covered part.
    occlusion: f32,
    occluded_part: Option<FacePart>,
    inter_eye_distance_px: f32,
    pad_live: Option<f32>,
    quality: QualityRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    landmarks: Option<Vec<[f32; 3]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<Vec<f32>>,
}

/// Images for one engine between two rounds of output.
const SHARE: usize = 8;

pub(crate) fn run(common: &Common, options: &AnalyzeOptions) -> Result<Exit, Failure> {
    // Engines take turns with their models, so each thread has one of its own.
    let threads = rayon::current_num_threads().min(options.images.len().div_ceil(SHARE)).max(1);
    let engines: Vec<Engine> =
        (0..threads).map(|_| super::engine(common)).collect::<Result<_, _>>()?;
    let bar = console::bar(options.images.len() as u64, "analyzing");
    let mut exit = Exit::Done;
    for round in options.images.chunks(threads * SHARE) {
        let looked: Vec<_> = engines
            .par_iter()
            .zip(round.par_chunks(SHARE))
            .flat_map_iter(|(engine, share)| share.iter().map(|path| look(engine, path, options)))
            .collect();
        for (path, result) in round.iter().zip(looked) {
            let told = bar.suspend(|| tell(common, path, result))?;
            exit = if told == Exit::Done { exit } else { told };
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(exit)
}

/// Prints what was seen in one image, or why it could not be looked at.
fn tell(common: &Common, path: &Path, result: Result<ImageLine, Failure>) -> Result<Exit, Failure> {
    match result {
        Ok(line) => {
            if common.json {
                console::json(&line)?;
            } else {
                print(&line)?;
            }
            Ok(Exit::Done)
        }
        Err(failure) if failure.exit != Exit::Input => Err(failure),
        Err(failure) => {
            let (file, error) = (path.display().to_string(), failure.to_string());
            if common.json {
                console::json(&ErrorLine { file, error })?;
            } else {
                console::note(format!("{file}: {error}"));
            }
            Ok(Exit::Input)
        }
    }
}

fn look(engine: &Engine, path: &Path, options: &AnalyzeOptions) -> Result<ImageLine, Failure> {
    let still = Still::open(path).map_err(|error| Failure::new(Exit::Input, error.to_string()))?;
    let frame = still.frame().map_err(|error| Failure::new(Exit::Input, error.to_string()))?;
    let wanted =
        AnalysisOptions { presentation: true, embedding: options.embedding, quality_models: true };
    let reports = engine.analyze(&frame, &Policy::default().tracking, wanted)?;
    Ok(ImageLine {
        file: path.display().to_string(),
        width: frame.width(),
        height: frame.height(),
        faces: reports.into_iter().map(|report| face_line(report, options)).collect(),
    })
}

fn face_line(report: FaceReport, options: &AnalyzeOptions) -> FaceLine {
    let face = report.face;
    let Rect { x, y, width, height } = face.bounds;
    let points = face.landmarks.points();
    FaceLine {
        bounds: [x, y, width, height],
        detection_score: face.detection_score,
        yaw_degrees: face.pose.yaw_degrees,
        pitch_degrees: face.pose.pitch_degrees,
        roll_degrees: face.pose.roll_degrees,
        eye_openness: face.expression.eye_openness,
        eye_aspect_ratio: face.expression.eye_aspect_ratio,
        smile: face.expression.smile,
        smile_ratio: face.expression.smile_ratio,
        mouth_open: face.expression.mouth_open,
        gaze: face.expression.gaze,
        occlusion: face.occlusion.share,
        occluded_part: face.occlusion.part,
        inter_eye_distance_px: face.landmarks.inter_eye_distance(),
        pad_live: report.pad_live,
        quality: report.quality,
        landmarks: options
            .landmarks
            .then(|| points.iter().map(|Point3 { x, y, z }| [*x, *y, *z]).collect()),
        embedding: report.embedding.map(|embedding| embedding.values().to_vec()),
    }
}

fn print(line: &ImageLine) -> Result<(), Failure> {
    let name = styled(&line.file, Style::Strong);
    let count = match line.faces.len() {
        0 => "no face".to_owned(),
        1 => "1 face".to_owned(),
        more => format!("{more} faces"),
    };
    console::line(format!("{name}  {}x{}  {count}", line.width, line.height))?;
    for face in &line.faces {
        let [x, y, width, height] = face.bounds;
        console::line(format!(
            "  box {x:.0},{y:.0} {width:.0}x{height:.0} px   detected {:.2}   eyes {:.0} px apart",
            face.detection_score, face.inter_eye_distance_px
        ))?;
        console::line(format!(
            "  yaw {:+.1}  pitch {:+.1}  roll {:+.1} degrees",
            face.yaw_degrees, face.pitch_degrees, face.roll_degrees
        ))?;
        console::line(format!(
            "  eyes open {:.2} | {:.2}   smile {:.2}   mouth open {:.2}   passive check {:.3}",
            face.eye_openness.image_left,
            face.eye_openness.image_right,
            face.smile,
            face.mouth_open,
            face.pad_live.unwrap_or(f32::NAN)
        ))?;
        let part = face.occluded_part.map_or_else(String::new, |part| format!(": {part}"));
        console::line(format!(
            "  gaze yaw {:+.1}  pitch {:+.1} degrees from the head   covered {:.2}{part}",
            face.gaze.yaw_degrees, face.gaze.pitch_degrees, face.occlusion
        ))?;
        for (component, Measure { raw, score }) in face.quality.iter() {
            let score =
                score.map_or_else(|| "not assessed".to_owned(), |score| format!("{score:3}"));
            console::line(format!("  {:<26} {score}   (raw {raw:.4})", component.code()))?;
        }
    }
    Ok(())
}
