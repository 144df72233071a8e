//! The gates: what must hold of the one face in a frame before a picture is taken, in the order in
//! which the person can do something about it. The first that fails is the guidance.

use liveface_core::{Component, Face, Guidance, Observation, Point2, Policy, QualityRecord, Rect};

/// The part of the picture that a portrait viewfinder shows: the centred crop of a landscape
/// picture, the whole of a portrait one. So a webcam and a phone mean the same thing.
pub(crate) fn viewfinder(width: u32, height: u32, aspect: f32) -> Rect {
    let (width, height) = (width as f32, height as f32);
    let seen = width.min(height * aspect);
    Rect::new((width - seen) * 0.5, 0.0, seen, height)
}

/// The gates that need no memory: faces, distance, place, light, pose, eyes, sharpness.
///
/// # Errors
/// The guidance of the first gate that fails.
pub(crate) fn check<'o>(
    observation: &'o Observation,
    quality: Option<&QualityRecord>,
    policy: &Policy,
) -> Result<&'o Face, Guidance> {
    let face = match (observation.faces.first(), observation.face_count) {
        (None, _) | (_, 0) => return Err(Guidance::FindFace),
        (Some(face), 1) => face,
        _ => return Err(Guidance::OnlyOneFace),
    };
    place(observation, face, policy)?;
    light(quality, policy)?;
    let (pose, limits) = (face.pose, &policy.pose);
    let straight = pose.yaw_degrees.abs() <= limits.max_yaw_degrees
        && (pose.pitch_degrees - limits.neutral_pitch_degrees).abs() <= limits.max_pitch_degrees
        && pose.roll_degrees.abs() <= limits.max_roll_degrees;
    require(straight, Guidance::LookStraight)?;
    let open = face.expression.eye_openness.min() >= policy.expression.min_eye_openness;
    require(open, Guidance::OpenEyes)?;
    let sharpness = quality.and_then(|record| record.get(Component::Sharpness));
    let sharp = sharpness.is_some_and(|measure| measure.raw >= policy.quality.min_sharpness);
    require(sharp, Guidance::HoldStill)?;
    Ok(face)
}

fn place(observation: &Observation, face: &Face, policy: &Policy) -> Result<(), Guidance> {
    let limits = &policy.viewfinder;
    let view = viewfinder(observation.width, observation.height, limits.aspect);
    let share = face.bounds.area() / view.area();
    // Too close comes first: a face that is too close is also cut off, and moving back mends both.
    require(share <= limits.max_face_area, Guidance::MoveBack)?;
    let margin = face.bounds.height * limits.min_margin;
    let picture = Rect::new(
        margin,
        margin,
        observation.width as f32 - 2.0 * margin,
        observation.height as f32 - 2.0 * margin,
    );
    require(picture.contains(face.bounds), Guidance::WholeFace)?;
    require(share >= limits.min_face_area, Guidance::MoveCloser)?;
    let off = offset(face.bounds.centre(), view);
    require(off.x.max(off.y) <= limits.max_offset, Guidance::CentreFace)
}

/// How far `point` is from the middle of `view`, as shares of its width and height.
fn offset(point: Point2, view: Rect) -> Point2 {
    let centre = view.centre();
    Point2::new((point.x - centre.x).abs() / view.width, (point.y - centre.y).abs() / view.height)
}

fn light(quality: Option<&QualityRecord>, policy: &Policy) -> Result<(), Guidance> {
    let limits = &policy.quality;
    let raw = |component| quality.and_then(|record| record.get(component)).map(|m| m.raw);
    // A face that cannot be measured is not good enough: fail closed.
    let mean = raw(Component::LuminanceMean).ok_or(Guidance::MoreLight)?;
    require(mean >= limits.min_luminance, Guidance::MoreLight)?;
    let white = raw(Component::OverExposurePrevention).unwrap_or(1.0);
    let scene = raw(Component::SceneBrightness).unwrap_or(1.0);
    let bright = mean > limits.max_luminance
        || white > limits.max_over_exposed
        || scene > limits.max_scene_brightness;
    require(!bright, Guidance::LessLight)
}

fn require(holds: bool, otherwise: Guidance) -> Result<(), Guidance> {
    holds.then_some(()).ok_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webcam_and_a_phone_have_the_same_viewfinder() {
        let webcam = viewfinder(640, 480, 0.75);
        assert_eq!(webcam, Rect::new(140.0, 0.0, 360.0, 480.0));
        assert_eq!(viewfinder(360, 480, 0.75), Rect::new(0.0, 0.0, 360.0, 480.0));
        assert_eq!(viewfinder(270, 480, 0.75), Rect::new(0.0, 0.0, 270.0, 480.0));
    }
}
