//! Which legacy name an error of the client has. Everything that depends on the client's error list
//! is here.

use liveface_submit::{JobType, SubmitError, TransportError};

use crate::error::{SidError, bundle_name};

/// The steps of a job, as the client's errors name them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Announce,
    Upload,
    Status,
}

impl Step {
    fn of(doing: &str) -> Self {
        match doing {
            _ if doing.contains("zip") => Self::Upload,
            _ if doing.contains("status") => Self::Status,
            _ => Self::Announce,
        }
    }
}

pub(crate) fn name(error: &SubmitError, job_type: JobType) -> SidError {
    let status_failed = match job_type {
        JobType::Register => SidError::FailedJobStatusCancelledOrTimeout,
        JobType::Authenticate => SidError::FailedJobStatusCancelledOrTimeoutAuth,
    };
    match error {
        SubmitError::Request(_) | SubmitError::Random(_) => SidError::DataPackagingFailed,
        SubmitError::NotLive { .. } => SidError::UnableToVerify,
        SubmitError::NoSelfie { .. } => SidError::NoImageFound,
        SubmitError::NoJob { .. }
        | SubmitError::OtherJob { .. }
        | SubmitError::OtherCapture
        | SubmitError::OtherServer { .. } => SidError::UnableToSubmit,
        SubmitError::Store(error) => bundle_name(error),
        SubmitError::Signer(_) | SubmitError::Config { .. } | SubmitError::Unverifiable => {
            SidError::UnableToSubmitCouldNotAuth
        }
        SubmitError::Network { doing, what, connected } => match Step::of(doing) {
            Step::Status => status_failed,
            _ if !connected => SidError::NoNetworkConnection,
            _ if *what == TransportError::TimedOut.to_string() => SidError::ServerErrorTimeout,
            Step::Upload => SidError::UnableToSubmitCouldNotUploadZip,
            Step::Announce => SidError::UnableToSubmitCouldNotTransmitToLambda,
        },
        SubmitError::Cancelled => status_failed,
        SubmitError::Clock { .. } => SidError::NotAuthorized,
        SubmitError::Untrusted { doing, .. } | SubmitError::Unavailable { doing, .. } => {
            match Step::of(doing) {
                Step::Announce => SidError::UnableToSubmitCouldNotTransmitToLambda,
                Step::Upload => SidError::UnableToSubmitCouldNotUploadZip,
                Step::Status => status_failed,
            }
        }
        SubmitError::Refused { doing, code, .. } => refused(Step::of(doing), code),
        SubmitError::BadAnswer { doing, .. } => match Step::of(doing) {
            Step::Announce => SidError::UnableToSubmitUploadLinkNotReceived,
            Step::Upload => SidError::UnableToSubmitCouldNotUploadZip,
            Step::Status => SidError::NetworkDataNotValid,
        },
        SubmitError::Unsigned | SubmitError::Callback(_) => SidError::NetworkDataNotValid,
        _ => SidError::ErrorUnknown,
    }
}

/// By the server's code. Source: Smile ID's public list of error codes.
fn refused(step: Step, code: &str) -> SidError {
    match code {
        "2205" | "2405" | "2220" => SidError::NotAuthorized,
        "2207" | "2208" | "2209" => SidError::EnrollFailed,
        "2210" => SidError::NoUserIdFoundPleaseEnrollFirst,
        "2211" => SidError::PreviousEnrollFailed,
        "2212" => SidError::UnableToEnrollOrAuth,
        "2216" => SidError::EnrollNotFound,
        "2203" | "2204" | "2213" | "2413" => SidError::NetworkDataNotValid,
        "2201" | "2301" | "2401" => SidError::UnableToSubmitTryAgain,
        "2314" => SidError::UnableToSubmitCouldNotUploadZip,
        _ if step == Step::Upload => SidError::UnableToSubmitCouldNotUploadZip,
        _ => SidError::UnableToSubmit,
    }
}
