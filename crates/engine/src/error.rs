//! What can go wrong in a session.

use liveface_bundle::BundleError;
use liveface_camera::PictureError;
use liveface_core::{FrameError, PolicyError};
use liveface_liveness::SequenceError;
use liveface_vision::VisionError;
use thiserror::Error;

/// Why a session could not start or go on. No message holds biometric data.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The runtime library or a model.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// A frame that the sequence refuses; the session goes on.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// A camera's JPEG picture could not be decoded; the session goes on.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A decoded picture is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A picture could not be encoded.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The policy cannot work.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}
