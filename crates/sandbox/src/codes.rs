//! Every code that the sandbox answers with, in one place.
//!
//! The full table of the real service is not public. "Documented" below means that code and meaning
//! stand in the public documentation or in a real answer that was published; "sandbox" means that
//! this server chose it and the real one may say something else.

use std::borrow::Cow;

/// Upload accepted. Documented.
pub(crate) const UPLOAD_ACCEPTED: &str = "2202";
/// Job status answered. Documented.
pub(crate) const STATUS_ANSWERED: &str = "2302";

/// What a refused request is told: HTTP status 400 (500 for a fault of the sandbox) and this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestError {
    /// The `code`.
    pub(crate) code: &'static str,
    /// The `error`.
    pub(crate) text: &'static str,
}

impl RequestError {
    const fn new(code: &'static str, text: &'static str) -> Self {
        Self { code, text }
    }

    /// Documented; the texts of this block are the documented ones where there is one.
    pub(crate) const INVALID_JSON: Self = Self::new("2203", "Invalid JSON");
    /// Documented.
    pub(crate) const WRONG_TYPE: Self = Self::new("2204", "A parameter is of the wrong data type");
    /// Documented.
    pub(crate) const NOT_AUTHORISED: Self = Self::new("2205", "You are not authorized to do that");
    /// Documented for "wrong user id / already enrolled"; the text is the sandbox's.
    pub(crate) const ALREADY_ENROLLED: Self =
        Self::new("2209", "User is already enrolled; set allow_new_enroll to enrol again");
    /// As above, for a retry that names another user than its job.
    pub(crate) const WRONG_USER: Self = Self::new("2209", "This job_id belongs to another user_id");
    /// Documented; the text is the sandbox's.
    pub(crate) const NOT_ENROLLED: Self = Self::new("2210", "No enrolled user for this user_id");
    /// Documented; the sandbox knows only job types 2 and 4.
    pub(crate) const INVALID_JOB_TYPE: Self =
        Self::new("2212", "Invalid job_type: this sandbox does 4 (register) and 2 (authenticate)");
    /// Documented.
    pub(crate) const MISSING: Self = Self::new("2213", "A required parameter is missing");
    /// Documented.
    pub(crate) const JOB_EXISTS: Self = Self::new("2215", "Job already exists");
    /// The code is documented for "no zip received"; what the real service says of a job that it
    /// does not know was not seen, so this use is the sandbox's.
    pub(crate) const UNKNOWN_JOB: Self = Self::new("2314", "No job has this job_id and user_id");
    /// Documented; the text is the sandbox's.
    pub(crate) const NO_PHOTO: Self =
        Self::new("2216", "No enrolled image of this user is on file");
    /// Documented.
    pub(crate) const UPLOAD_FAULT: Self = Self::new("2201", "System error");
    /// Documented.
    pub(crate) const STATUS_FAULT: Self = Self::new("2301", "System error");
    /// A path that the API does not have. Sandbox.
    pub(crate) const NO_SUCH_PATH: Self = Self::new("0404", "No such path or method");
    /// A request that took too long. Sandbox.
    pub(crate) const TOO_SLOW: Self = Self::new("0408", "The request took too long");
}

/// `result` of a job whose zip has not arrived. Documented.
pub(crate) const NO_ZIP_UPLOADED: &str = "No zip uploaded";
/// `result` of a job that is being looked at. Sandbox.
pub(crate) const IN_PROGRESS: &str = "Job in progress";

/// `image_links.error` of a job without a picture. The field is documented, the text is the sandbox's.
pub(crate) const NO_PICTURE: &str = "No selfie of this job is on file";

/// `ResultCode` and `ResultText` of a finished job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The `ResultCode`.
    pub(crate) code: Cow<'static, str>,
    /// The `ResultText`.
    pub(crate) text: &'static str,
}

impl Outcome {
    const fn new(code: &'static str, text: &'static str) -> Self {
        Self { code: Cow::Borrowed(code), text }
    }

    /// What a client forces with `sandbox_result`.
    pub(crate) fn forced(code: u16) -> Self {
        Self { code: Cow::Owned(format!("{code:04}")), text: "Forced by sandbox_result" }
    }

    /// Documented, seen in real answers.
    pub(crate) const ENROLLED: Self = Self::new("0840", "Enroll User");
    /// The code is documented as "approved" with changing texts; this text is the sandbox's.
    pub(crate) const AUTHENTICATED: Self = Self::new("0820", "Authenticate User");
    /// Sandbox.
    pub(crate) const NO_MATCH: Self =
        Self::new("0821", "Rejected - Face Does Not Match the Enrolled User");
    /// Sandbox.
    pub(crate) const REGISTER_OTHER_FACE: Self =
        Self::new("0841", "Rejected - Liveness Images Show Another Face Than the Selfie");
    /// Sandbox.
    pub(crate) const AUTHENTICATE_OTHER_FACE: Self =
        Self::new("0822", "Rejected - Liveness Images Show Another Face Than the Selfie");
    /// Documented.
    pub(crate) const SELFIE_UNUSABLE: Self = Self::new("0001", "Selfie image unusable");
    /// The code is documented for unusable data; the text is the sandbox's; likewise the
    /// next three.
    pub(crate) const SELFIE_NO_FACE: Self =
        Self::new("0001", "Selfie image unusable - No Face Found");
    pub(crate) const SELFIE_MANY_FACES: Self =
        Self::new("0001", "Selfie image unusable - More Than One Face");
    pub(crate) const LIVENESS_UNUSABLE: Self =
        Self::new("0001", "Liveness images unusable - None Has Exactly One Face");
    pub(crate) const LIVENESS_UNCLEAR: Self =
        Self::new("0001", "Liveness could not be decided - Capture Again");
    /// The zip is for another job. Documented text for unusable data.
    pub(crate) const DATA_INVALID: Self = Self::new("0001", "Data Invalid");
    /// Documented.
    pub(crate) const ZIP_CORRUPT: Self = Self::new("0903", "Zip Corrupt");
    /// Documented.
    pub(crate) const POSSIBLE_SPOOF: Self = Self::new("0907", "FAIL - Possible Spoof");
    /// The user was enrolled by another job while this one waited. The code is the request's one.
    pub(crate) const ENROLLED_MEANWHILE: Self = Self::new("2209", "User Already Enrolled");
    /// The user has no template. The code is the request's one.
    pub(crate) const NOT_ENROLLED: Self = Self::new("2210", "No Enrolled User");
    /// The analyser failed. The code is the upload's one.
    pub(crate) const SYSTEM_ERROR: Self = Self::new("2201", "System Error");
}

/// How a V3 job ends. The names are documented; which result code is which is the sandbox's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Approved.
    Clear,
    /// Rejected.
    Block,
    /// Provisional, or the pictures could not be judged.
    Attention,
    /// Something else than the pictures was wrong.
    Error,
}

impl Verdict {
    /// The verdict that goes with a result code.
    pub(crate) fn of(code: &str) -> Self {
        match code {
            "0810" | "0820" | "0840" | "1210" | "1220" => Self::Clear,
            "0814" | "0001" => Self::Attention,
            "0903" => Self::Error,
            code if code.starts_with("22") => Self::Error,
            _ => Self::Block,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Block => "block",
            Self::Attention => "attention",
            Self::Error => "error",
        }
    }
}
