//! What was seen of a face in one frame.

use serde::{Deserialize, Serialize};

use crate::evidence::{Instrument, Noise};
use crate::frame::Timestamp;
use crate::geometry::{Affine, Point2, Point3, Rect};

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
pub struct Landmarks([Point3; LANDMARK_COUNT]);

impl Landmarks {
    /// Landmarks from their points.
    #[must_use]
    pub const fn new(points: [Point3; LANDMARK_COUNT]) -> Self {
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

/// Where the head points, in degrees; 0, 0, 0 looks out of the picture, against the camera's axis.
///
/// The three angles are those of the rotation matrix R that brings a point from the face's axes to the
/// camera's; both have x to image right, y up and z towards the viewer, so that a face of pose 0 looks
/// along +z. R = Ry(yaw) Rx(-pitch) Rz(-roll), where each turns about its axis by the right-hand rule:
/// the head rolls about its own z first, is then lifted about x, and is turned about the camera's y last.
/// With s and c for the sine and cosine of yaw (y), pitch (p) and roll (r):
///
/// ```text
///     | cy cr + sy sp sr    cy sr - sy sp cr    sy cp |
/// R = | -cp sr              cp cr               sp    |
///     | -sy cr + cy sp sr   -sy sr - cy sp cr   cy cp |
/// ```
///
/// so yaw = atan2(R13, R33), pitch = asin(R23) within -90 to 90, and roll = atan2(-R21, R22).
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
    /// 0 closed to 1 wide open: the lid distance over the eye's width in space, on a curve that
    /// never stands still. 0.5 is half shut.
    pub eye_openness: EyeOpenness,
    /// Lid distance over eye width, as measured.
    pub eye_aspect_ratio: EyeOpenness,
    /// 0 none to 1 a broad smile: the smile ratio on a curve that never stands still.
    pub smile: f32,
    /// Mouth width over outer-eye distance plus twice the lift of the corners, as measured.
    pub smile_ratio: f32,
    /// 0 shut to 1 wide open.
    pub mouth_open: f32,
    /// Where the eyes look, relative to the head.
    pub gaze: Gaze,
}

/// Where the eyes look relative to the head, in degrees; 0, 0 is straight out of the face.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gaze {
    /// Positive when the eyes look to image right.
    pub yaw_degrees: f32,
    /// Positive when the eyes look up.
    pub pitch_degrees: f32,
}

/// A part of the face that something can cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FacePart {
    /// The eyes and what lies between them.
    Eyes,
    /// The nose and the upper cheeks beside it.
    Nose,
    /// The mouth, the chin and the lower cheeks.
    Mouth,
    /// The half of the face on the image's left side.
    ImageLeft,
    /// The half of the face on the image's right side.
    ImageRight,
}

impl std::fmt::Display for FacePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Eyes => "eyes",
            Self::Nose => "nose",
            Self::Mouth => "mouth",
            Self::ImageLeft => "image-left half",
            Self::ImageRight => "image-right half",
        })
    }
}

/// How much of the face something covers: a mask, a hand, sunglasses, the edge of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Occlusion {
    /// Share of the most covered part that is covered, 0 to 1. A mask covers the mouth, not the
    /// face; a face with a mask is as far from usable as one behind a book.
    pub share: f32,
    /// The part that is covered most, when one is.
    pub part: Option<FacePart>,
    /// Share of each part that is covered, 0 to 1.
    pub parts: CoveredParts,
}

/// Share of each part of the face that something covers, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoveredParts {
    /// [`FacePart::Eyes`].
    pub eyes: f32,
    /// [`FacePart::Nose`].
    pub nose: f32,
    /// [`FacePart::Mouth`].
    pub mouth: f32,
    /// [`FacePart::ImageLeft`].
    pub image_left: f32,
    /// [`FacePart::ImageRight`].
    pub image_right: f32,
}

/// What one frame alone gave, before smoothing along the track.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// Where the head points.
    pub pose: Pose,
    /// What the face shows.
    pub expression: Expression,
    /// What covers it.
    pub occlusion: Occlusion,
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
    /// The mesh, as this frame alone gave it.
    pub landmarks: Landmarks,
    /// Where the head points, smoothed along the track.
    pub pose: Pose,
    /// What the face shows, smoothed along the track and fitted to the person's neutral face.
    pub expression: Expression,
    /// What covers the face, smoothed along the track.
    pub occlusion: Occlusion,
    /// The same as this frame alone gave it.
    pub raw: Measured,
    /// The same as this frame alone gave it, by the person's own neutral face: what smoothing hides.
    pub fitted: Measured,
}

impl Face {
    /// What the face shows, smoothed and as this frame alone has it. What must hold of a picture must
    /// hold of both: the smoothed values do not flicker, the others are what the picture will show.
    #[must_use]
    pub const fn shown(&self) -> [Measured; 2] {
        let Self { pose, expression, occlusion, .. } = *self;
        [Measured { pose, expression, occlusion }, self.fitted]
    }
}

/// A face upright in a square picture of its own, with a quarter of its size around it: what the mesh
/// model saw. What looks at the face's pixels on every frame reads them here.
#[derive(Clone, Copy)]
pub struct AlignedFace<'p> {
    /// Width and height, in pixels.
    pub side: usize,
    /// R, G, B of each pixel in row order, gamma-coded, 0 black to 1 white; `side` x `side` x 3.
    pub rgb: &'p [f32],
    /// The mesh, in pixels of this picture.
    pub landmarks: &'p Landmarks,
}

impl std::fmt::Debug for AlignedFace<'_> {
    /// Pixels and landmarks are biometric data and are not printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AlignedFace({0}x{0}, ..)", self.side)
    }
}

/// Where a person is in a picture, as a model of its own sees it.
#[derive(Clone, PartialEq)]
pub struct PersonMask {
    /// Width and height of the mask, in its own pixels.
    pub size: (u32, u32),
    /// From the mask's pixels to those of the upright picture.
    pub to_picture: Affine,
    /// How sure it is that each pixel shows the person, 0 to 1, in row order.
    pub values: Vec<f32>,
}

impl std::fmt::Debug for PersonMask {
    /// The outline of a person is biometric data and is not printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonMask({}x{}, ..)", self.size.0, self.size.1)
    }
}

/// Everything that vision saw in one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// The frame's timestamp.
    pub timestamp: Timestamp,
    /// Width of the upright picture, in pixels.
    pub width: u32,
    /// Height of the upright picture, in pixels.
    pub height: u32,
    /// Equal for equal pictures, see [`sample::fingerprint`](crate::sample::fingerprint).
    pub fingerprint: u64,
    /// The faces that are followed, the capture subject first.
    pub faces: Vec<Face>,
    /// Faces seen in all: those followed, and those that the detector sees and no track follows.
    pub face_count: usize,
    /// What the pixels say of paper or a screen around the first face, when this frame was looked at for it.
    pub instrument: Option<Instrument>,
    /// How noisy the picture is, when this frame was looked at for it.
    pub noise: Option<Noise>,
}
