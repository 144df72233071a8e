//! The vocabulary of LiveFace: what a frame, a face, a piece of guidance and a verdict are.
//!
//! Every other crate speaks in these types; this one does no I/O and knows no models.
//!
//! Coordinates are pixels of the **upright, unmirrored** picture: x grows to image right, y grows
//! down, and the centre of the first pixel lies at (0, 0). Poses are degrees: yaw is positive when
//! the nose points to image right (the subject turns to their own left), pitch when the chin goes
//! up, roll when the head turns clockwise in the image.

mod capture;
mod embedding;
mod evidence;
mod face;
mod frame;
mod geometry;
mod guidance;
pub mod policy;
mod quality;
pub mod sample;
pub mod split_mix;
pub mod wide;

pub use capture::{
    CaptureRecord, Challenges, Evidence, FrameCounts, GuidanceRecord, Response, Restart, ShotKind,
    ShotRecord, Verdict, Warning,
};
pub use embedding::Embedding;
pub use evidence::{Border, EvidenceKind, Finding, Following, Instrument, Motion, Noise};
pub use face::{
    AlignedFace, CoveredParts, Expression, EyeOpenness, Face, FacePart, Gaze, LANDMARK_COUNT,
    Landmarks, Measured, Observation, Occlusion, PersonMask, Pose, landmark,
};
pub use frame::{
    ColourRange, Frame, FrameError, PixelFormat, Plane, Reduction, Rotation, Timestamp,
};
pub use geometry::{Affine, Point2, Point3, Rect, RotatedSquare};
pub use guidance::{Challenge, Guidance, Reason};
pub use policy::{Policy, PolicyError};
pub use quality::{Component, Measure, QualityRecord};
