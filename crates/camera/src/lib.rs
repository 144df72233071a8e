//! Where frames come from: [`Recording`] plays what was recorded, [`Subject`] plays a person who
//! follows the guidance.
//!
//! Both are a [`FrameSource`]: frames are lent one at a time out of the source's own buffer, each
//! with the time at which it was captured.
//!
//! ```no_run
//! use liveface_camera::{FrameSource, Recording};
//!
//! let mut recording = Recording::open("fixtures/sequence-m1", 15.0)?;
//! while let Some(frame) = recording.next_frame()? {
//!     assert!(frame.width() > 0);
//! }
//! # Ok::<(), liveface_camera::CameraError>(())
//! ```

mod error;
mod folder;
mod jpeg;
pub mod mjpeg;
mod picture;
mod recording;
mod still;
mod subject;
mod timing;
mod virtual_camera;
pub mod y4m;

use liveface_core::{Frame, Guidance};

pub use error::CameraError;
pub use folder::images;
pub use jpeg::JpegDecoder;
pub use picture::{MAX_ENCODED_BYTES, MAX_PIXELS, PictureError};
pub use recording::Recording;
pub use still::Still;
pub use subject::Subject;
pub use virtual_camera::{VirtualCamera, VirtualCameraKind, virtual_camera};

/// Delivers frames one after the other.
pub trait FrameSource: Send {
    /// The next frame, or `None` when there are no more. The frame borrows the source's buffer, so
    /// it must be done with before the next one is asked for. Timestamps increase.
    ///
    /// # Errors
    /// When the frame cannot be read. The source is at its end after an error.
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CameraError>;

    /// Tells the source what the person is being asked to do. A recording ignores it.
    fn show(&mut self, guidance: Guidance) {
        let _ = guidance;
    }
}
