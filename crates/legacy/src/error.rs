//! The legacy error names, the plugin's error codes, and which of our errors are called by which.

use std::fmt;
use std::io::ErrorKind;

use liveface::camera::CameraError;
use liveface::{BundleError, EngineError};
use liveface_submit::{JobType, SubmitError};

/// A closed list of names, each with a line of English and whether this engine ever gives it.
macro_rules! named {
    ($(#[$outer:meta])* $name:ident { $($variant:ident = $code:literal, $given:literal, $text:literal;)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $(#[doc = concat!("`", $code, "`: ", $text)] $variant,)+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The exact legacy name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What it means, and what to do.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether this engine ever gives it.
            #[must_use]
            pub const fn is_given(self) -> bool {
                match self { $(Self::$variant => $given,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// The error names of the legacy SDK (`SIDError`).
    SidError {
        CouldNotInitializeCamera = "COULD_NOT_INITIALIZE_CAMERA", true, "no frame could be had: check the camera and what feeds the frames";
        NoFrontFacingCameraAvailable = "NO_FRONT_FACING_CAMERA_AVAILABLE", false, "the app opens the camera";
        NoBackFacingCameraAvailable = "NO_BACK_FACING_CAMERA_AVAILABLE", false, "the app opens the camera";
        IdCardCaptureFailed = "ID_CARD_CAPTURE_FAILED", true, "this engine captures no ID card: capture a selfie alone";
        IdCardCaptureFailedPictureCallback = "ID_CARD_CAPTURE_FAILED_PICTURE_CALLBACK", false, "this engine captures no ID card";
        IdCardCaptureFailedAutofocus = "ID_CARD_CAPTURE_FAILED_AUTOFOCUS", false, "this engine captures no ID card";
        IdCardCaptureFailedTouchfocus = "ID_CARD_CAPTURE_FAILED_TOUCHFOCUS", false, "this engine captures no ID card";
        IdCardCaptureFailedDrawview = "ID_CARD_CAPTURE_FAILED_DRAWVIEW", false, "this engine captures no ID card";
        IdCardCaptureFailedCameraInitializationFailed = "ID_CARD_CAPTURE_FAILED_CAMERA_INITIALIZATION_FAILED", false, "this engine captures no ID card";
        UnableToCaptureSelfieFrameImage = "UNABLE_TO_CAPTURE_SELFIE_FRAME_IMAGE", true, "the capture did not end live: the message says why; capture again";
        UnableToCaptureSelfiePreviewImage = "UNABLE_TO_CAPTURE_SELFIE_PREVIEW_IMAGE", true, "the frames broke off with an error: check the camera, capture again";
        UnableToCreateSelfiePreviewUiImage = "UNABLE_TO_CREATE_SELFIE_PREVIEW_UI_IMAGE", true, "copies of the images could not be written: check the folder and the space on the disk";
        UnableToCaptureFrontOfId = "UNABLE_TO_CAPTURE_FRONT_OF_ID", false, "this engine captures no ID card";
        UnableToCaptureBackOfId = "UNABLE_TO_CAPTURE_BACK_OF_ID", false, "this engine captures no ID card";
        IdCaptureClosed = "ID_CAPTURE_CLOSED", false, "this engine captures no ID card";
        UnableToCaptureIdCardImage = "UNABLE_TO_CAPTURE_ID_CARD_IMAGE", false, "this engine captures no ID card";
        UnableToCaptureIdCardFaceImage = "UNABLE_TO_CAPTURE_ID_CARD_FACE_IMAGE", false, "this engine captures no ID card";
        UnableToSubmit = "UNABLE_TO_SUBMIT", true, "the job cannot be sent as it is: the message says why";
        UnableToSubmitPackagingError = "UNABLE_TO_SUBMIT_PACKAGING_ERROR", true, "the capture was replaced or cleared while it was being sent: submit again what the tag holds now";
        UnableToSubmitCouldNotUploadZip = "UNABLE_TO_SUBMIT_COULD_NOT_UPLOAD_ZIP", true, "the images did not arrive: the job is kept, submit again";
        UnableToSubmitCouldNotCreateZip = "UNABLE_TO_SUBMIT_COULD_NOT_CREATE_ZIP", true, "the images could not be packed: capture again";
        UnableToSubmitCouldNotTransmitToLambda = "UNABLE_TO_SUBMIT_COULD_NOT_TRANSMIT_TO_LAMBDA", true, "the server cannot take the job now, or is not the one that it should be: it is kept; check the clock and the network, submit again";
        UnableToSubmitCouldNotAuth = "UNABLE_TO_SUBMIT_COULD_NOT_AUTH", true, "the request could not be signed: check the signer and the credentials";
        UnableToSubmitTryAgain = "UNABLE_TO_SUBMIT_TRY_AGAIN", true, "a fault of the server: the job is kept, submit again";
        UnableToSubmitUploadLinkNotReceived = "UNABLE_TO_SUBMIT_UPLOAD_LINK_NOT_RECEIVED", true, "what answered named no safe place for the images: check the server's address and the network";
        UnableToSubmitPreuploadUnableToParseResponse = "UNABLE_TO_SUBMIT_PREUPLOAD_UNABLE_TO_PARSE_RESPONSE", false, "an answer that cannot be read has the name UNABLE_TO_SUBMIT_UPLOAD_LINK_NOT_RECEIVED";
        AuthSmileRequestFailed = "AUTH_SMILE_REQUEST_FAILED", false, "a signer that fails has the name UNABLE_TO_SUBMIT_COULD_NOT_AUTH, whatever it asks";
        AuthSmileRequestFailedUnableToParseResponse = "AUTH_SMILE_REQUEST_FAILED_UNABLE_TO_PARSE_RESPONSE", false, "a signer that fails has the name UNABLE_TO_SUBMIT_COULD_NOT_AUTH, whatever it asks";
        RequestFailedTryAgain = "REQUEST_FAILED_TRY_AGAIN", true, "the capture is being submitted elsewhere: wait for that to end, then submit again";
        FailedJobStatusCancelledOrTimeout = "FAILED_JOB_STATUS_CANCELLED_OR_TIMEOUT", true, "a registration was cancelled, or its result could not be asked for: submit again, the images are not sent twice";
        FailedJobStatusCancelledOrTimeoutAuth = "FAILED_JOB_STATUS_CANCELLED_OR_TIMEOUT_AUTH", true, "an authentication was cancelled, or its result could not be asked for: submit again, the images are not sent twice";
        ServerErrorTimeout = "SERVER_ERROR_TIMEOUT", true, "the server did not answer in time: the job is kept, submit again";
        NotAuthorized = "NOT_AUTHORIZED", true, "the server does not accept the partner: check the partner id, the key, the environment and the clock";
        NoNetworkConnection = "NO_NETWORK_CONNECTION", true, "Please make sure you are connected";
        NetworkDataNotValid = "NETWORK_DATA_NOT_VALID", true, "what was sent or received is not valid: the message says what";
        DataPackagingFailed = "DATA_PACKAGING_FAILED", true, "the job's data cannot be sent or kept: the message says which";
        DataPackagingFailedAuthBeforeEnroll = "DATA_PACKAGING_FAILED_AUTH_BEFORE_ENROLL", false, "who is enrolled is the server's to say, see NO_USER_ID_FOUND_PLEASE_ENROLL_FIRST";
        NoImageFound = "NO_IMAGE_FOUND", true, "the tag has no selfie that can be sent: capture again";
        IdCardRequired = "ID_CARD_REQUIRED", true, "the job type needs an ID card, which this engine does not capture: use job type 4 or 2";
        TagNotFound = "TAG_NOT_FOUND", true, "nothing is kept under the tag, or it cannot be one: capture first, and submit with the tag that was returned";
        EnrollNotFound = "ENROLL_NOT_FOUND", true, "the user has no photo on file: enrol again";
        PreviousEnrollFailed = "PREVIOUS_ENROLL_FAILED", true, "the user must be enrolled again: submit job type 4";
        EnrollFailed = "ENROLL_FAILED", true, "the user is enrolled already, disabled or deleted: allow_re_enroll enrols again";
        NoUserIdFoundPleaseEnrollFirst = "NO_USER_ID_FOUND_PLEASE_ENROLL_FIRST", true, "the user is not enrolled, or no user_id was given: submit job type 4 first";
        UnableToEnrollOrAuth = "UNABLE_TO_ENROLL_OR_AUTH", true, "the job type is not one of this engine's: use 4 (enrol) or 2 (authenticate)";
        UnableToVerify = "UNABLE_TO_VERIFY", true, "the capture did not end live and is not sent: capture again";
        UnableToBatchNeedsToBeEnrollMode = "UNABLE_TO_BATCH_NEEDS_TO_BE_ENROLL_MODE", false, "both job types can be sent in a batch";
        UnableToParseErrorResponse = "UNABLE_TO_PARSE_ERROR_RESPONSE", false, "an answer that cannot be read has the name of the step that it belongs to";
        IdValidationUnableToValidate = "ID_VALIDATION_UNABLE_TO_VALIDATE", true, "this engine validates no IDs: use job type 4 or 2";
        IdValidationRequestFailed = "ID_VALIDATION_REQUEST_FAILED", false, "this engine validates no IDs";
        ErrorUnknown = "ERROR_UNKNOWN", true, "something that the legacy SDK had no name for: the message says what";
        Custom = "custom", true, "the app's own settings cannot work: the message says which";
    }
}

named! {
    /// The codes that the plugin gave with an error.
    PluginCode {
        SubmitError = "submitError", true, "a job could not be submitted";
        PermissionError = "permissionError", true, "the camera may not be used, and the person is not to be asked";
        CaptureError = "captureError", true, "a capture failed; captures put it into their result map (this engine's own code)";
        TagError = "tagError", true, "the tags could not be read or changed (this engine's own code)";
    }
}

/// Why the BVN consent screen failed, in the original. This engine has no consent screen and gives
/// [`CannotLaunch`](ConsentError::CannotLaunch) alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentError {
    /// The partner's name is missing.
    PartnerName,
    /// The partner's logo is missing.
    Logo,
    /// The screen cannot be shown.
    CannotLaunch,
    /// The person declined.
    Declined,
    /// No network.
    Network,
    /// The `auth_smile` exchange failed.
    AuthSmile,
    /// The start failed.
    Init,
    /// The contact method failed.
    ContactMethod,
    /// No contact method is valid.
    InvalidMethods,
    /// The confirmation failed.
    Confirm,
}

impl ConsentError {
    /// Every value, in the order of the codes.
    pub const ALL: [Self; 10] = [
        Self::PartnerName,
        Self::Logo,
        Self::CannotLaunch,
        Self::Declined,
        Self::Network,
        Self::AuthSmile,
        Self::Init,
        Self::ContactMethod,
        Self::InvalidMethods,
        Self::Confirm,
    ];

    /// The code, 777 to 786.
    #[must_use]
    pub const fn code(self) -> u16 {
        777 + self as u16
    }
}

/// Why a call failed. The text names no person and holds no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyError {
    /// The plugin's error code.
    pub code: PluginCode,
    /// The SDK's error name.
    pub name: SidError,
    /// What happened and what to do.
    pub message: String,
}

impl fmt::Display for LegacyError {
    /// The permission's code or the error's name, then the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.code {
            PluginCode::PermissionError => self.code.name(),
            _ => self.name.name(),
        };
        write!(f, "{name}: {}", self.message)
    }
}

impl std::error::Error for LegacyError {}

impl LegacyError {
    pub(crate) fn new(code: PluginCode, name: SidError, message: impl Into<String>) -> Self {
        Self { code, name, message: message.into() }
    }

    /// A job that is refused before anything is sent.
    pub(crate) fn submit(name: SidError, message: impl Into<String>) -> Self {
        Self::new(PluginCode::SubmitError, name, message)
    }

    pub(crate) fn bundle(code: PluginCode, error: &BundleError) -> Self {
        Self::new(code, bundle_name(error), error.to_string())
    }

    pub(crate) fn permission() -> Self {
        let message =
            "the camera may not be used; ask the person for the permission, then capture again";
        Self::new(PluginCode::PermissionError, SidError::CouldNotInitializeCamera, message)
    }

    /// An error of the engine, as a capture's.
    #[must_use]
    pub fn of_engine(error: &EngineError) -> Self {
        let name = match error {
            EngineError::Policy(_) => SidError::Custom,
            EngineError::Vision(_) => SidError::ErrorUnknown,
            EngineError::Bundle(error) => bundle_name(error),
            _ => SidError::UnableToCaptureSelfieFrameImage,
        };
        Self::new(PluginCode::CaptureError, name, error.to_string())
    }

    /// An error of the frames, as a capture's; `begun` when there were frames before.
    #[must_use]
    pub fn of_camera(error: &CameraError, begun: bool) -> Self {
        if let CameraError::Read { source, .. } = error
            && source.kind() == ErrorKind::PermissionDenied
        {
            return Self::permission();
        }
        let name = if begun {
            SidError::UnableToCaptureSelfiePreviewImage
        } else {
            SidError::CouldNotInitializeCamera
        };
        Self::new(PluginCode::CaptureError, name, error.to_string())
    }

    /// An error of the client, as that of a job of `job_type`.
    #[must_use]
    pub fn of_submit(error: &SubmitError, job_type: JobType) -> Self {
        let name = crate::submit_errors::name(error, job_type);
        let message = match name {
            SidError::NoNetworkConnection => format!("{}: {error}", name.text()),
            _ => error.to_string(),
        };
        Self::submit(name, message)
    }
}

/// What an error of the store is called.
pub(crate) fn bundle_name(error: &BundleError) -> SidError {
    match error {
        BundleError::Tag { .. } | BundleError::NoSuchTag { .. } => SidError::TagNotFound,
        BundleError::Damaged { .. } => SidError::NoImageFound,
        BundleError::Busy { .. } => SidError::RequestFailedTryAgain,
        BundleError::Replaced { .. } => SidError::UnableToSubmitPackagingError,
        BundleError::InfoMismatch | BundleError::ZipWrite(_) | BundleError::SameName { .. } => {
            SidError::UnableToSubmitCouldNotCreateZip
        }
        BundleError::Export { .. } => SidError::UnableToCreateSelfiePreviewUiImage,
        BundleError::Encoding { .. } | BundleError::Jpeg { .. } => {
            SidError::UnableToCaptureSelfieFrameImage
        }
        _ => SidError::DataPackagingFailed,
    }
}
