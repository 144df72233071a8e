//! Eyes, smile and mouth from the mesh: geometry, no model.
//!
//! The eye aspect ratio separates open from closed eyes with an AUC of 0.991 on 2,400 labelled
//! faces, the smile ratio smiles with 0.975 on 2,000 (measured on this mesh).

use liveface_core::{Expression, EyeOpenness, Landmarks, Point2, landmark};

/// Eye aspect ratio of a shut and of an open eye. Measured: 0.05 to 0.06 shut, 0.27 to 0.30 open.
const EYE_ASPECT_SHUT: f32 = 0.08;
const EYE_ASPECT_OPEN: f32 = 0.25;
/// Smile ratio of a relaxed face and of a clear smile. Measured: rendered faces 0.50 to 0.67
/// relaxed and 0.91 to 0.99 with a full smile, a broad smile on a photo 0.93.
const SMILE_RATIO_RELAXED: f32 = 0.62;
const SMILE_RATIO_CLEAR: f32 = 0.84;
/// Weight of the corners' lift beside the mouth's width.
const SMILE_LIFT_WEIGHT: f32 = 2.0;
/// Gap between the inner lips over the mouth's width when the mouth counts as wide open.
const MOUTH_WIDE_OPEN: f32 = 0.6;

pub(crate) fn expression(landmarks: &Landmarks) -> Expression {
    let eye_aspect_ratio = EyeOpenness {
        image_left: eye_aspect(landmarks, landmark::EYE_IMAGE_LEFT, landmark::LIDS_IMAGE_LEFT),
        image_right: eye_aspect(landmarks, landmark::EYE_IMAGE_RIGHT, landmark::LIDS_IMAGE_RIGHT),
    };
    let openness = |aspect| ramp(aspect, EYE_ASPECT_SHUT, EYE_ASPECT_OPEN);
    let smile_ratio = smile_ratio(landmarks);
    let [corner, other] = landmark::MOUTH_CORNERS.map(|i| landmarks.xy(i));
    let [upper, lower] = landmark::INNER_LIPS.map(|i| landmarks.xy(i));
    let gap = ratio(upper.distance(lower), corner.distance(other));
    Expression {
        eye_openness: EyeOpenness {
            image_left: openness(eye_aspect_ratio.image_left),
            image_right: openness(eye_aspect_ratio.image_right),
        },
        eye_aspect_ratio,
        smile: ramp(smile_ratio, SMILE_RATIO_RELAXED, SMILE_RATIO_CLEAR),
        smile_ratio,
        mouth_open: ramp(gap, 0.0, MOUTH_WIDE_OPEN),
    }
}

/// Mean distance of the lids over the distance of the eye's corners.
fn eye_aspect(landmarks: &Landmarks, [a, b]: [usize; 2], lids: [[usize; 2]; 3]) -> f32 {
    let opening: f32 = lids.iter().map(|[u, l]| landmarks.xy(*u).distance(landmarks.xy(*l))).sum();
    ratio(opening / lids.len() as f32, landmarks.xy(a).distance(landmarks.xy(b)))
}

/// Mouth width over the distance of the outer eye corners, plus twice the corners' lift above the
/// middle of the lips (along the face's own vertical) over the same distance.
fn smile_ratio(landmarks: &Landmarks) -> f32 {
    let left = landmarks.xy(landmark::EYE_IMAGE_LEFT[0]);
    let right = landmarks.xy(landmark::EYE_IMAGE_RIGHT[1]);
    let eyes = left.distance(right);
    // Down the face: the eye line turned by 90 degrees.
    let down = Point2::new(-ratio(right.y - left.y, eyes), ratio(right.x - left.x, eyes));
    let depth = |point: Point2| point.x * down.x + point.y * down.y;
    let [corner, other] = landmark::MOUTH_CORNERS.map(|i| landmarks.xy(i));
    let [upper, lower] = landmark::INNER_LIPS.map(|i| landmarks.xy(i));
    let lift = depth(upper.midpoint(lower)) - depth(corner.midpoint(other));
    ratio(corner.distance(other) + SMILE_LIFT_WEIGHT * lift, eyes)
}

/// 0 at `low`, 1 at `high`, straight between.
fn ramp(value: f32, low: f32, high: f32) -> f32 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}

fn ratio(value: f32, of: f32) -> f32 {
    if of > f32::EPSILON { value / of } else { 0.0 }
}
