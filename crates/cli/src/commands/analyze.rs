//! `liveface analyze`: everything that the engine sees in still images.

use liveface::{AnalysisOptions, Engine, FaceReport, Policy};
use liveface_core::{EyeOpenness, FacePart, Frame, Gaze, Point3, QualityRecord, Rect};
use serde::Serialize;

use crate::args::{AnalyzeOptions, Common};
use crate::commands::measures::{GROUPS, bar, raw_text, words};
use crate::commands::stills::{self, ErrorLine};
use crate::console::{self, Style, counted, plain, styled};
use crate::failure::{Exit, Failure};

#[derive(Serialize)]
struct ImageLine {
    file: String,
    #[serde(flatten)]
    seen: Seen,
}

#[derive(Serialize)]
struct Seen {
    width: u32,
    height: u32,
    faces: Vec<FaceLine>,
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

pub(crate) fn run(common: &Common, options: &AnalyzeOptions) -> Result<Exit, Failure> {
    let look = |engine: &Engine, frame: &Frame<'_>| look(engine, frame, options);
    stills::each(common, &options.images, look, |file, seen| match seen {
        Ok(seen) if common.json => console::json(&ImageLine { file, seen }),
        Ok(seen) => print(&file, &seen),
        Err(error) if common.json => console::json(&ErrorLine { file: &file, error: &error }),
        Err(error) => {
            console::note(plain(&format!("{file}: {error}")));
            Ok(())
        }
    })
}

fn look(engine: &Engine, frame: &Frame<'_>, options: &AnalyzeOptions) -> Result<Seen, Failure> {
    let wanted =
        AnalysisOptions { presentation: true, embedding: options.embedding, quality_models: true };
    let reports = engine.analyze(frame, &Policy::default().tracking, wanted)?;
    Ok(Seen {
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

fn print(file: &str, seen: &Seen) -> Result<(), Failure> {
    let Seen { width, height, faces } = seen;
    let name = styled(plain(file), Style::Strong);
    let count = match faces.len() {
        0 => "no face".to_owned(),
        some => counted(some, "face"),
    };
    console::line(format!("{name}  {width}x{height}  {count}"))?;
    for face in faces {
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
        print_quality(&face.quality)?;
    }
    Ok(())
}

/// The components that were measured, by what they speak of.
fn print_quality(quality: &QualityRecord) -> Result<(), Failure> {
    for (group, components) in GROUPS {
        let measured = components.iter().filter_map(|c| Some((*c, quality.get(*c)?)));
        for (index, (component, measure)) in measured.enumerate() {
            if index == 0 {
                console::line(format!("  {}", styled(group, Style::Strong)))?;
            }
            let (name, raw) = (words(component), raw_text(component, measure));
            let value = match measure.score {
                Some(score) => format!("{} {score:>3}   raw {raw}", bar(score)),
                None => "not assessed".to_owned(),
            };
            console::line(format!("    {name:<33}{value}"))?;
        }
    }
    Ok(())
}
