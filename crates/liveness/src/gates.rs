//! The gates: what must hold of the one face in a frame before a picture is taken, in the order in
//! which the person can do something about it. The first that fails is the guidance.
//!
//! Every gate fails closed: what was not measured, or could not be, does not pass. Gates of light are
//! **hints**: a dark room stays dark, so each gives way after `timing.hint_ms` and is recorded as a warning
//! (see [`crate::hints`]). The others never do: OFIQ's study found yaw, the unified score, sharpness,
//! occlusion, eyes and inter-eye distance to matter for recognition, in this order, and exposure and colour
//! little.

use std::ops::RangeInclusive;

use liveface_core::{
    Component, Face, Guidance, Measured, Observation, Point2, Policy, QualityRecord, Rect,
};

use crate::hints::Hints;

/// The part of the picture that a portrait viewfinder shows: the centred crop of a landscape
/// picture, the whole of a portrait one. So a webcam and a phone mean the same thing.
pub(crate) fn viewfinder(width: u32, height: u32, aspect: f32) -> Rect {
    let (width, height) = (width as f32, height as f32);
    let seen = width.min(height * aspect);
    Rect::new((width - seen) * 0.5, 0.0, seen, height)
}

/// Why a frame cannot be a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What the person can do about it.
    pub(crate) guidance: Guidance,
    /// What was measured of the light, when that is all that is wrong: the person may be unable to do
    /// something about it, and it gives way in time.
    pub(crate) hint: Option<Component>,
}

impl From<Guidance> for Refusal {
    fn from(guidance: Guidance) -> Self {
        Self { guidance, hint: None }
    }
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

/// The gates that need no memory: faces, distance, place, light, pose, cover, eyes, sharpness. Hints of
/// which `hints` says that they gave way pass.
///
/// # Errors
/// The first gate that fails.
pub(crate) fn check<'o>(
    observation: &'o Observation,
    quality: Option<&QualityRecord>,
    policy: &Policy,
    hints: &Hints,
) -> Result<&'o Face, Refusal> {
    let face = only_face(observation)?;
    place(observation, face, policy)?;
    for (component, within, guidance) in light(policy) {
        let raw = raw(quality, component).ok_or(guidance)?;
        if !within.contains(&raw) && !hints.gave_way(guidance, component) {
            return Err(Refusal { guidance, hint: Some(component) });
        }
    }
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
    require(is_sharp(quality, policy), Guidance::HoldStill)?;
    Ok(face)
}

/// The gates of a face that may be turned: faces, distance, cover. Light was asked about before, and eyes and
/// quality are measured of faces that look ahead.
///
/// # Errors
/// The first gate that fails.
pub(crate) fn check_turned<'o>(
    observation: &'o Observation,
    policy: &Policy,
) -> Result<&'o Face, Guidance> {
    let face = only_face(observation)?;
    let limits = &policy.viewfinder;
    let view = viewfinder(observation.width, observation.height, limits.aspect);
    distance(observation, face, view, policy)?;
    let near = eye_distance(face).is_some_and(|pixels| pixels >= limits.min_inter_eye_px);
    require(near, Guidance::MoveCloser)?;
    let shares = 0.0..=policy.occlusion.max_share;
    let uncovered = face.shown().iter().all(|shown| shares.contains(&shown.occlusion.share));
    require(uncovered, Guidance::UncoverFace)?;
    Ok(face)
}

/// Whether the face has enough detail for a picture.
pub(crate) fn is_sharp(quality: Option<&QualityRecord>, policy: &Policy) -> bool {
    let detail = [
        (Component::Sharpness, policy.quality.min_sharpness),
        (Component::MotionBlur, policy.quality.min_detail_along_motion),
    ];
    detail
        .iter()
        .all(|(component, least)| raw(quality, *component).is_some_and(|detail| detail >= *least))
}

/// Whether the passive check can say something of the face: it needs surroundings.
pub(crate) fn has_room(observation: &Observation, face: &Face, policy: &Policy) -> bool {
    room((observation.width, observation.height), face.bounds) >= policy.presentation.min_room
}

/// The picture's width and height over the face's, the smaller.
pub(crate) fn room((width, height): (u32, u32), face: Rect) -> f32 {
    (width as f32 / face.width).min(height as f32 / face.height)
}

/// The gate of what is only measured of a picture that is about to be kept: the unified score.
pub(crate) fn is_good_picture(quality: &QualityRecord, policy: &Policy) -> bool {
    let unified = raw(Some(quality), Component::UnifiedQualityScore);
    unified.is_some_and(|unified| unified >= policy.quality.min_unified)
}

fn place(observation: &Observation, face: &Face, policy: &Policy) -> Result<(), Guidance> {
    let limits = &policy.viewfinder;
    let view = viewfinder(observation.width, observation.height, limits.aspect);
    distance(observation, face, view, policy)?;
    let share = face.bounds.area() / view.area();
    let near = share >= limits.min_face_area
        && eye_distance(face).is_some_and(|pixels| pixels >= limits.min_inter_eye_px);
    require(near, Guidance::MoveCloser)?;
    let off = offset(face.bounds.centre(), view);
    require(off.x.max(off.y) <= limits.max_offset, Guidance::CentreFace)
}

/// Not too near, and whole.
fn distance(
    observation: &Observation,
    face: &Face,
    view: Rect,
    policy: &Policy,
) -> Result<(), Guidance> {
    let limits = &policy.viewfinder;
    let near = face.bounds.area() / view.area() > limits.max_face_area;
    // Too close comes first: a face that is too close is also cut off, and moving back mends both.
    let far_enough = !near && has_room(observation, face, policy);
    require(far_enough, Guidance::MoveBack)?;
    let margin = face.bounds.height * limits.min_margin;
    let picture = Rect::new(
        margin,
        margin,
        observation.width as f32 - 2.0 * margin,
        observation.height as f32 - 2.0 * margin,
    );
    require(picture.contains(face.bounds), Guidance::WholeFace)
}

/// How far `point` is from the middle of `view`, as shares of its width and height.
fn offset(point: Point2, view: Rect) -> Point2 {
    let centre = view.centre();
    Point2::new((point.x - centre.x).abs() / view.width, (point.y - centre.y).abs() / view.height)
}

/// Distance of the eyes in pixels, as if the head were not turned.
fn eye_distance(face: &Face) -> Option<f32> {
    let turned = face.fitted.pose.yaw_degrees.to_radians().cos();
    Some(face.landmarks.inter_eye_distance() / turned).filter(|pixels| pixels.is_finite())
}

/// What must hold of the light, and what to do where it does not.
fn light(policy: &Policy) -> [(Component, RangeInclusive<f32>, Guidance); 5] {
    let limits = &policy.quality;
    let (more, less) = (Guidance::MoreLight, Guidance::LessLight);
    [
        (Component::LuminanceMean, limits.min_luminance..=f32::INFINITY, more),
        (Component::LuminanceMean, f32::NEG_INFINITY..=limits.max_luminance, less),
        (Component::OverExposurePrevention, 0.0..=limits.max_over_exposed, less),
        (Component::SceneBrightness, 0.0..=limits.max_scene_brightness, less),
        (Component::Backlight, f32::NEG_INFINITY..=limits.max_backlight, less),
    ]
}

/// A measure's own value, when it could be assessed.
fn raw(quality: Option<&QualityRecord>, component: Component) -> Option<f32> {
    let measure = quality.and_then(|record| record.get(component));
    measure
        .filter(|measure| measure.score.is_some())
        .map(|measure| measure.raw)
        .filter(|raw| raw.is_finite())
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
