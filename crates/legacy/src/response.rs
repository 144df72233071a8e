//! The typed result: what the native SDKs called `SIDResponse`.

use std::collections::BTreeMap;

use liveface_submit::{ActionResult, Decision, JobOutcome};
use serde_json::{Map, Value};

use crate::error::named;

named! {
    /// What `getResultCodeState` says. The original's numbers are not known: these are its names.
    ResultCodeState {
        EnrolRejected = "ENROL_REJECTED", true, "job type 4: rejected";
        EnrolIdRejected = "ENROL_ID_REJECTED", false, "job type 1: the ID was not verified";
        EnrolWidRejected = "ENROL_WID_REJECTED", false, "job type 1: rejected";
        EnrolWidProvApproved = "ENROL_WID_PROV_APPROVED", false, "job type 1: provisionally approved";
        EnrolProvisionalApproval = "ENROL_PROVISIONAL_APPROVAL", true, "job type 4: provisionally approved";
        ImageNotUsable = "IMAGE_NOT_USABLE", true, "any job type: result code 0001, rejected";
        EnrolApproved = "ENROL_APPROVED", true, "job type 4: approved";
        EnrolWidApproved = "ENROL_WID_APPROVED", false, "job type 1: approved";
        AuthRejected = "AUTH_REJECTED", true, "job type 2: rejected";
        AuthProvisionalApproval = "AUTH_PROVISIONAL_APPROVAL", true, "job type 2: provisionally approved";
        AuthApproved = "AUTH_APPROVED", true, "job type 2: approved";
        UpdatePhotoRejected = "UPDATE_PHOTO_REJECTED", false, "job type 8: rejected";
        UpdatePhotoProvApproval = "UPDATE_PHOTO_PROV_APPROVAL", false, "job type 8: provisionally approved";
        UpdatePhotoApproved = "UPDATE_PHOTO_APPROVED", false, "job type 8: approved";
        Unknown = "UNKNOWN", true, "no result yet, or one whose meaning is not known: never take it for an approval";
    }
}

/// The result code that says that an image cannot be used. It is also that of invalid data.
const NOT_USABLE: &str = "0001";

impl ResultCodeState {
    /// The state of a result of a job of `job_type` with this decision, code and actions. Job types
    /// 1 and 8 are not this engine's; their results can be told all the same.
    #[must_use]
    pub fn of(
        job_type: u8,
        decision: Decision,
        result_code: Option<&str>,
        actions: &BTreeMap<String, ActionResult>,
    ) -> Self {
        use Decision::{Approved, ProvisionallyApproved, Rejected};
        let id_failed = matches!(
            actions.get("Verify_ID_Number"),
            Some(ActionResult::Failed | ActionResult::Rejected | ActionResult::NotVerified)
        );
        match (job_type, decision) {
            (_, Rejected) if result_code == Some(NOT_USABLE) => Self::ImageNotUsable,
            (4, Approved) => Self::EnrolApproved,
            (4, ProvisionallyApproved) => Self::EnrolProvisionalApproval,
            (4, Rejected) => Self::EnrolRejected,
            (2, Approved) => Self::AuthApproved,
            (2, ProvisionallyApproved) => Self::AuthProvisionalApproval,
            (2, Rejected) => Self::AuthRejected,
            (1, Approved) => Self::EnrolWidApproved,
            (1, ProvisionallyApproved) => Self::EnrolWidProvApproved,
            (1, Rejected) if id_failed => Self::EnrolIdRejected,
            (1, Rejected) => Self::EnrolWidRejected,
            (8, Approved) => Self::UpdatePhotoApproved,
            (8, ProvisionallyApproved) => Self::UpdatePhotoProvApproval,
            (8, Rejected) => Self::UpdatePhotoRejected,
            _ => Self::Unknown,
        }
    }
}

/// What became of a job.
#[derive(Clone, PartialEq)]
pub struct SidResponse {
    outcome: JobOutcome,
}

impl SidResponse {
    pub(crate) fn new(outcome: JobOutcome) -> Self {
        Self { outcome }
    }

    /// `isSuccess`: whether the user is registered or authenticated beyond doubt. A provisional
    /// approval is none.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcome.is_approved()
    }

    /// `partnerParams`: as the server has them, or what was sent while there is no result. All are
    /// texts.
    #[must_use]
    pub fn partner_params(&self) -> BTreeMap<String, String> {
        let said = self.outcome.result().and_then(|result| result.partner_params());
        said.map_or_else(
            || self.outcome.partner_params(),
            |params| {
                let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
                params.iter().map(|(key, value)| (key.clone(), text(value))).collect()
            },
        )
    }

    /// `resultText`: a line of English; what the server says in its place while there is no result.
    #[must_use]
    pub fn result_text(&self) -> Option<String> {
        self.outcome.result_text()
    }

    /// `confidenceValue`: 0 to 100.
    #[must_use]
    pub fn confidence_value(&self) -> Option<f64> {
        self.outcome.confidence()
    }

    /// `statusResponse`: the last answer about the job's status, exactly as it came.
    #[must_use]
    pub fn status_response(&self) -> Option<&str> {
        self.outcome.raw()
    }

    /// `getResult().getSmileJobID`: the server's name for the job.
    #[must_use]
    pub fn smile_job_id(&self) -> Option<String> {
        self.outcome.smile_job_id()
    }

    /// `getResultCodeState()`.
    #[must_use]
    pub fn result_code_state(&self) -> ResultCodeState {
        ResultCodeState::of(
            self.outcome.job_type(),
            self.outcome.decision(),
            self.outcome.result_code().as_deref(),
            &self.outcome.actions(),
        )
    }

    /// Everything else that is known of the job.
    #[must_use]
    pub const fn outcome(&self) -> &JobOutcome {
        &self.outcome
    }

    /// What the Flutter plugin returned: the last answer about the job's status as a map, with
    /// `result.ResultCode` and the like. Empty when there was none.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, Value> {
        let answer = self.outcome.status().and_then(|status| status.value().as_object());
        answer.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The typed items under their legacy names, as JSON. What is not known is null.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let params = self.partner_params().into_iter().map(|(key, text)| (key, Value::from(text)));
        let items = [
            ("isSuccess", Value::from(self.is_success())),
            ("partnerParams", Value::Object(params.collect())),
            ("resultText", Value::from(self.result_text())),
            ("confidenceValue", Value::from(self.confidence_value())),
            ("statusResponse", Value::from(self.status_response())),
            ("SmileJobID", Value::from(self.smile_job_id())),
            ("resultCodeState", Value::from(self.result_code_state().name())),
        ];
        Value::Object(
            items.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<Map<_, _>>(),
        )
    }
}

impl std::fmt::Display for SidResponse {
    /// The typed items as one line of JSON. It speaks of a person: it is not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

impl std::fmt::Debug for SidResponse {
    /// Without ids.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.outcome.fmt(f)
    }
}
