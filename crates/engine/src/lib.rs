//! On-device selfie capture and liveness.
//!
//! Load an [`Engine`] once, start a [`Session`] for each capture, push frames and do what the
//! events say; a finished session gives a [`Capture`] to keep in a [`Store`] under a [`Tag`].
//!
//! ```no_run
//! use liveface::camera::{FrameSource, Subject};
//! use liveface::{Engine, Event, KeyFile, Policy, Store, Tag, Verdict};
//!
//! let engine = Engine::load(&Default::default())?;
//! let mut session = engine.session(Policy::preset("smart-selfie")?, 1)?;
//! let mut camera = Subject::open("fixtures/clips-f1", 15.0)?;
//! while let Some(frame) = camera.next_frame()? {
//!     for event in session.push(&frame)? {
//!         if let Event::Guidance { guidance, .. } = event {
//!             println!("{guidance}");
//!             camera.show(guidance);
//!         }
//!     }
//!     if session.ended() {
//!         break;
//!     }
//! }
//! let capture = session.finish();
//! if capture.record.verdict == Verdict::Live {
//!     let store = Store::open("captures", &KeyFile::beside("captures"))?;
//!     store.save(&Tag::generate()?, &capture)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod analysis;
mod engine;
mod error;
mod event;
mod nonce;
mod session;
mod still;

pub use analysis::{AnalysisOptions, FaceReport};
pub use engine::{Engine, EngineConfig};
pub use error::EngineError;
pub use event::Event;
pub use nonce::seed_of_nonce;
pub use session::{JpegFrame, Session};

pub use liveface_bundle::{
    BundleError, Capture, CapturedImage, KeyError, KeyFile, KeyProvider, Retention, Store, StoreKey,
    Tag,
};
/// Where frames come from.
pub use liveface_camera as camera;
pub use liveface_core::{
    Border, Challenge, Challenges, ColourRange, Component, Embedding, Evidence, EvidenceKind,
    Expression, Face, Finding, Following, Frame, FrameCounts, FrameError, Guidance, Instrument,
    Measure, Observation, PixelFormat, Plane, Policy, PolicyError, Pose, QualityRecord, Reason,
    Reduction, Response, Restart, Rotation, ShotKind, Timestamp, Verdict, policy,
};
pub use liveface_liveness::{Progress, StillOutcome, challenge_order, possible_orders};
pub use liveface_vision::{
    Detection, ModelProvider, ModelSource, ONNX_RUNTIME_VERSION, Provider, Runtime, Tracker,
    Vision, VisionError,
};

// The README's example is compiled like the code.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
