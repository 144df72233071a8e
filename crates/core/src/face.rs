//! What was seen of a face in one frame.

use serde::{Deserialize, Serialize};

use crate::frame::Timestamp;
use crate::geometry::{Point2, Point3, Rect};

/// Points of the attention mesh: 468 of the surface, then 5 of each iris.
pub const LANDMARK_COUNT: usize = 478;

/// Indices of the mesh by the names that the formulae use.
///
/// "Image left" is the side of the unmirrored picture. Source: MediaPipe's canonical face mesh.
pub mod landmark {
    /// Outer and inner corner of the image-left eye.
    pub const EYE_IMAGE_LEFT: [usize; 2] = [33, 133];
    /// Inner and outer corner of the image-right eye.
    pub const EYE_IMAGE_RIGHT: [usize; 2] = [362, 263];
    /// Upper and lower lid of the image-left eye, three pairs.
    pub const LIDS_IMAGE_LEFT: [[usize; 2]; 3] = [[160, 144], [159, 145], [158, 153]];
    /// Upper and lower lid of the image-right eye, three pairs.
    pub const LIDS_IMAGE_RIGHT: [[usize; 2]; 3] = [[385, 380], [386, 374], [387, 373]];
    /// Centres of the image-left and image-right iris.
    pub const IRIS_CENTRES: [usize; 2] = [468, 473];
    /// Outer mouth corners, image left and image right.
    pub const MOUTH_CORNERS: [usize; 2] = [61, 291];
    /// Upper and lower edge of the upper and lower lip's inner side.
    pub const INNER_LIPS: [usize; 2] = [13, 14];
    /// Middle of the outer edge of the upper and lower lip.
    pub const OUTER_LIPS: [usize; 2] = [0, 17];
    /// Top of the forehead and tip of the chin.
    pub const FACE_HEIGHT: [usize; 2] = [10, 152];
}

/// The 478 points of a face, in pixels of the upright picture.
#[derive(Clone, PartialEq)]
pub struct Landmarks(Box<[Point3; LANDMARK_COUNT]>);

impl Landmarks {
    /// Landmarks from their points.
    #[must_use]
    pub fn new(points: Box<[Point3; LANDMARK_COUNT]>) -> Self {
        Self(points)
    }

    /// All points in mesh order.
    #[must_use]
    pub fn points(&self) -> &[Point3; LANDMARK_COUNT] {
        &self.0
    }

    /// Point `index` without its depth. `index` must be below [`LANDMARK_COUNT`].
    #[must_use]
    pub fn xy(&self, index: usize) -> Point2 {
        self.0[index].xy()
    }

    /// The smallest box around all points.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        Rect::around(self.0.iter().map(|p| p.xy())).unwrap_or_default()
    }

    /// The middle of each eye, as the midpoint of its corners: image left, image right.
    #[must_use]
    pub fn eye_centres(&self) -> [Point2; 2] {
        [landmark::EYE_IMAGE_LEFT, landmark::EYE_IMAGE_RIGHT]
            .map(|[a, b]| self.xy(a).midpoint(self.xy(b)))
    }

    /// The distance between the middles of the eyes, in pixels (not corrected for yaw).
    #[must_use]
    pub fn inter_eye_distance(&self) -> f32 {
        let [left, right] = self.eye_centres();
        left.distance(right)
    }
}

impl std::fmt::Debug for Landmarks {
    /// Landmarks are biometric data and are not printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Landmarks(..)")
    }
}

/// Where the head points, in degrees; 0, 0, 0 looks into the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Positive when the nose points to image right (the subject's own left).
    pub yaw_degrees: f32,
    /// Positive when the chin goes up.
    pub pitch_degrees: f32,
    /// Positive when the head turns clockwise in the image.
    pub roll_degrees: f32,
}

impl Pose {
    /// The largest difference to `other` on any axis, in degrees.
    #[must_use]
    pub fn largest_difference(self, other: Self) -> f32 {
        (self.yaw_degrees - other.yaw_degrees)
            .abs()
            .max((self.pitch_degrees - other.pitch_degrees).abs())
            .max((self.roll_degrees - other.roll_degrees).abs())
    }
}

/// A value for each eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EyeOpenness {
    /// The eye on the image's left side.
    pub image_left: f32,
    /// The eye on the image's right side.
    pub image_right: f32,
}

impl EyeOpenness {
    /// The smaller of both.
    #[must_use]
    pub fn min(self) -> f32 {
        self.image_left.min(self.image_right)
    }
}

/// What the face shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expression {
    /// 0 closed to 1 wide open.
    pub eye_openness: EyeOpenness,
    /// Lid distance over eye width, as measured.
    pub eye_aspect_ratio: EyeOpenness,
    /// 0 none to 1 a broad smile.
    pub smile: f32,
    /// Mouth width over outer-eye distance plus twice the lift of the corners, as measured.
    pub smile_ratio: f32,
    /// 0 shut to 1 wide open.
    pub mouth_open: f32,
}

/// One face in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Stays the same while the face is tracked without a gap.
    pub track: u32,
    /// Box around the landmarks, in pixels.
    pub bounds: Rect,
    /// The detector's confidence when the face was last detected, 0 to 1.
    pub detection_score: f32,
    /// The mesh's confidence that a face is there, 0 to 1.
    pub presence: f32,
    /// The mesh.
    pub landmarks: Landmarks,
    /// Where the head points.
    pub pose: Pose,
    /// What the face shows.
    pub expression: Expression,
}

/// Everything that vision saw in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The frame's timestamp.
    pub timestamp: Timestamp,
    /// Width of the upright picture, in pixels.
    pub width: u32,
    /// Height of the upright picture, in pixels.
    pub height: u32,
    /// Equal for equal pictures, see [`sample::fingerprint`](crate::sample::fingerprint).
    pub fingerprint: u64,
    /// The faces, the tracked one first.
    pub faces: Vec<Face>,
    /// Faces seen in all: a second face is noticed by the detector before it has a mesh.
    pub face_count: usize,
}
