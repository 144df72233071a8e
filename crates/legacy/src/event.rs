//! What a job's listener is told.

use crate::error::LegacyError;
use crate::response::SidResponse;

/// Something that happened to a job, in the order in which the native SDKs told it.
#[derive(Clone, Debug, PartialEq)]
pub enum SidEvent {
    /// `onStartJobStatus`: the job is announced.
    StartJobStatus,
    /// `onUpdateJobProgress`: how much of the images is sent, in percent.
    UpdateJobProgress(
        /// 0 to 100, never less than before.
        i32,
    ),
    /// `onUpdateJobStatus`: what is being done, in English.
    UpdateJobStatus(
        /// One line.
        String,
    ),
    /// `onEndJobStatus`: nothing more is asked of the server.
    EndJobStatus,
    /// `onEnrolled`: the user is registered beyond doubt. Not told of any other result.
    Enrolled(Box<SidResponse>),
    /// `onAuthenticated`: the user is authenticated beyond doubt. Not told of any other result.
    Authenticated(Box<SidResponse>),
    /// `onComplete`: the call ended without an error, whatever the result.
    Complete(Box<SidResponse>),
    /// `onError`: the call ended with an error.
    Error(LegacyError),
}

impl SidEvent {
    /// The names of all delegate calls, in the order of the documentation. `onIdValidated` is never
    /// called: this engine validates no IDs.
    pub const NAMES: [&str; 9] = [
        "onStartJobStatus",
        "onUpdateJobProgress",
        "onUpdateJobStatus",
        "onEndJobStatus",
        "onAuthenticated",
        "onEnrolled",
        "onIdValidated",
        "onComplete",
        "onError",
    ];

    /// The name of the delegate's call.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StartJobStatus => "onStartJobStatus",
            Self::UpdateJobProgress(_) => "onUpdateJobProgress",
            Self::UpdateJobStatus(_) => "onUpdateJobStatus",
            Self::EndJobStatus => "onEndJobStatus",
            Self::Authenticated(_) => "onAuthenticated",
            Self::Enrolled(_) => "onEnrolled",
            Self::Complete(_) => "onComplete",
            Self::Error(_) => "onError",
        }
    }
}
