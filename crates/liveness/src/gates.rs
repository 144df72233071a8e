//! The gates: what must hold of the one face in a frame before a picture is taken, in the order in
//! which the person can do something about it. The first that fails is the guidance.
//!
//! Every gate fails closed: what was not measured, or is no finite number, does not pass.

use liveface_core::{
    Component, Face, Guidance, Measured, Observation, Point2, Policy, QualityRecord, Rect,
};

/// The part of the picture that a portrait viewfinder shows: the centred crop of a landscape
/// picture, the whole of a portrait one. So a webcam and a phone mean the same thing.
pub(crate) fn viewfinder(width: u32, height: u32, aspect: f32) -> Rect {
    let (width, height) = (width as f32, height as f32);
    let seen = width.min(height * aspect);
    Rect::new((width - seen) * 0.5, 0.0, seen, height)
}

/// The one face of the frame. A face that a number is missing from was not seen.
///
/// # Errors
/// [`Guidance::OnlyOneFace`] when there are more, [`Guidance::FindFace`] when there is none.
pub(crate) fn only_face(observation: &Observation) -> Result<&Face, Guidance> {
    let count = observation.face_count.max(observation.faces.len());
    require(count <= 1, Guidance::OnlyOneFace)?;
    let face = observation.faces.first().filter(|face| count == 1 && is_measured(face));
    face.ok_or(Guidance::FindFace)
}

fn is_measured(face: &Face) -> bool {
    let bounds = face.bounds;
    let place = [bounds.x, bounds.y, bounds.width, bounds.height];
    let shown = face.shown().map(|Measured { pose, expression, .. }| {
        let eyes = expression.eye_openness;
        let angles = [pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees];
        [angles, [eyes.image_left, eyes.image_right, expression.smile]]
    });
    let mut numbers = place.iter().chain(shown.as_flattened().as_flattened());
    numbers.all(|number| number.is_finite())
        && bounds.width > 0.0
        && bounds.height > 0.0
        && face.landmarks.points().iter().all(|p| (p.x + p.y + p.z).is_finite())
}

/// The gates that need no memory: faces, distance, place, light, pose, cover, eyes, sharpness.
///
/// # Errors
/// The guidance of the first gate that fails.
pub(crate) fn check<'o>(
    observation: &'o Observation,
    quality: Option<&QualityRecord>,
    policy: &Policy,
) -> Result<&'o Face, Guidance> {
    let face = only_face(observation)?;
    place(observation, face, policy)?;
    light(quality, policy)?;
    let (shown, limits) = (face.shown(), &policy.pose);
    let straight = shown.iter().all(|Measured { pose, .. }| {
        pose.yaw_degrees.abs() <= limits.max_yaw_degrees
            && (pose.pitch_degrees - limits.neutral_pitch_degrees).abs() <= limits.max_pitch_degrees
            && pose.roll_degrees.abs() <= limits.max_roll_degrees
    });
    require(straight, Guidance::LookStraight)?;
    let shares = 0.0..=policy.occlusion.max_share;
    let uncovered = shown.iter().all(|shown| shares.contains(&shown.occlusion.share));
    require(uncovered, Guidance::UncoverFace)?;
    let least = policy.expression.min_eye_openness;
    let open = shown.iter().all(|shown| shown.expression.eye_openness.min() >= least);
    require(open, Guidance::OpenEyes)?;
    let sharpness = raw(quality, Component::Sharpness);
    let sharp = sharpness.is_some_and(|sharpness| sharpness >= policy.quality.min_sharpness);
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
    let mean = raw(quality, Component::LuminanceMean).ok_or(Guidance::MoreLight)?;
    require(mean >= limits.min_luminance, Guidance::MoreLight)?;
    let at_most = |component, limit| raw(quality, component).is_some_and(|value| value <= limit);
    let bearable = mean <= limits.max_luminance
        && at_most(Component::OverExposurePrevention, limits.max_over_exposed)
        && at_most(Component::SceneBrightness, limits.max_scene_brightness);
    require(bearable, Guidance::LessLight)
}

/// A measure's own value, when it is a number.
fn raw(quality: Option<&QualityRecord>, component: Component) -> Option<f32> {
    let measure = quality.and_then(|record| record.get(component));
    measure.map(|measure| measure.raw).filter(|raw| raw.is_finite())
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
