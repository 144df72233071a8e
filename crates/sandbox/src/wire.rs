//! The shapes of the API's answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::v3::V3Answer;

/// The outcome of one action of a job, as the API spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    Passed,
    Completed,
    Approved,
    Failed,
    Rejected,
    #[serde(rename = "Not Applicable")]
    NotApplicable,
    #[serde(rename = "Not Done")]
    NotDone,
    #[serde(rename = "Unable To Determine")]
    UnableToDetermine,
}

/// What was done in a job. No human reviews a sandbox's jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Actions {
    #[serde(rename = "Liveness_Check")]
    pub(crate) liveness_check: Action,
    #[serde(rename = "Register_Selfie")]
    pub(crate) register_selfie: Action,
    #[serde(rename = "Human_Review_Compare")]
    pub(crate) human_review_compare: Action,
    #[serde(rename = "Human_Review_Liveness_Check")]
    pub(crate) human_review_liveness_check: Action,
    #[serde(rename = "Selfie_To_Registered_Selfie_Compare")]
    pub(crate) selfie_to_registered_selfie_compare: Action,
}

/// The `result` object. Booleans and numbers are strings, as in the real service's answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct JobResult {
    pub(crate) result_code: String,
    pub(crate) result_text: String,
    pub(crate) result_type: String,
    /// Left out when nothing was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confidence_value: Option<String>,
    pub(crate) is_final_result: String,
    pub(crate) is_machine_result: String,
    #[serde(rename = "SmileJobID")]
    pub(crate) smile_job_id: String,
    #[serde(rename = "JSONVersion")]
    pub(crate) json_version: String,
    pub(crate) source: String,
    pub(crate) partner_params: Map<String, Value>,
    pub(crate) actions: Actions,
}

/// The body of a callback: the result, signed.
#[derive(Serialize)]
pub(crate) struct CallbackBody<'a> {
    /// The fields of a V3 job's status, beside those of its result.
    #[serde(flatten)]
    pub(crate) v3: Option<V3Answer>,
    #[serde(flatten)]
    pub(crate) result: &'a JobResult,
    pub(crate) timestamp: &'a str,
    pub(crate) signature: String,
}

/// The answer to `/upload`.
#[derive(Serialize)]
pub(crate) struct UploadAnswer {
    pub(crate) upload_url: String,
    pub(crate) ref_id: String,
    pub(crate) smile_job_id: String,
    pub(crate) camera_config: &'static str,
    pub(crate) code: &'static str,
}

/// The answer to `/auth_smile`.
#[derive(Serialize)]
pub(crate) struct AuthAnswer {
    pub(crate) success: bool,
    pub(crate) signature: String,
    pub(crate) timestamp: String,
    /// The bit mask of what a device must do: nothing.
    pub(crate) policy: u32,
    pub(crate) partner_params: Map<String, Value>,
    pub(crate) callback_url: &'static str,
    pub(crate) consent_info: ConsentInfo,
}

/// Whether a person must be asked first before their data is looked up: a selfie job looks up none.
#[derive(Serialize)]
pub(crate) struct ConsentInfo {
    pub(crate) can_access: bool,
    pub(crate) consent_required: bool,
}

/// The answer to `/job_status`.
#[derive(Serialize)]
pub(crate) struct StatusAnswer {
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) job_complete: bool,
    pub(crate) job_success: bool,
    pub(crate) code: &'static str,
    pub(crate) result: StatusResult,
    pub(crate) history: Vec<JobResult>,
    pub(crate) image_links: ImageLinks,
}

/// A text while the job is not done, an object afterwards.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum StatusResult {
    Waiting(&'static str),
    Done(Box<JobResult>),
}

/// Where the job's pictures can be had.
#[derive(Default, Serialize)]
pub(crate) struct ImageLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) selfie_image: Option<String>,
    /// Why there is none, when one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'static str>,
}
