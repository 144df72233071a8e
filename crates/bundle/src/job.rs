//! How far the job of a capture has come: kept beside the images, so that a process that was
//! killed goes on where it was, and a new capture begins without a job.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStage {
    /// The job has its ids. Without a [`smile_job_id`](JobState::smile_job_id) the server may or may
    /// not have heard of it, and has not got the zip; with one it accepted the job, and may have the
    /// zip.
    Prepared,
    /// The images were sent in one request and whether the server took them is not known (V3 has no
    /// way to ask): sending them again could make a second job.
    Unclear,
    /// The server has the images; the result is to be asked for.
    Uploaded,
    /// The final answer is here.
    Final,
}

/// The protocol that a job is sent with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// `/upload`, a `PUT` of the zip, `/job_status`.
    #[default]
    V1,
    /// `/v3/registration` and `/v3/authentication` with the images as parts of one request, `/v3/status`.
    V3,
}

/// A person's consent, as V3 wants it told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// When it was given, in UTC, as `2026-01-02T03:04:05.678Z`.
    pub granted_at: String,
    /// The language of the notice that was shown: two capital letters.
    pub notice_language: String,
    /// The https address of the privacy policy that was shown.
    pub notice_privacy_policy_url: String,
}

impl std::fmt::Debug for Consent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Consent(..)")
    }
}

/// A job: what was asked for and how far it has come.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct JobState {
    /// 4 registers, 2 authenticates.
    pub job_type: u8,
    /// Who is registered or authenticated.
    pub user_id: String,
    /// The job's own id; the same in every attempt.
    pub job_id: String,
    /// The partner that the job belongs to.
    pub partner_id: String,
    /// `sandbox`, `production` or `url`.
    pub environment: String,
    /// The server's address without a slash at the end.
    pub base_url: String,
    /// Where the server sends its result as well.
    #[serde(default)]
    pub callback_url: Option<String>,
    /// What the server sends back with the result, besides the ids and the job type.
    #[serde(default)]
    pub partner_params: BTreeMap<String, String>,
    /// Whether a registered user may be registered again.
    #[serde(default)]
    pub allow_re_enroll: bool,
    /// Whether the server may use the selfie that it has.
    #[serde(default)]
    pub use_enrolled_image: bool,
    /// Fields of an identity document or person.
    #[serde(default)]
    pub id_info: BTreeMap<String, String>,
    /// The protocol.
    #[serde(default)]
    pub protocol: Protocol,
    /// Who the person is (V3): `given_names`, `last_name`, and `email` or `phone_number`.
    #[serde(default)]
    pub user_details: BTreeMap<String, String>,
    /// The person's consent (V3).
    #[serde(default)]
    pub consent: Option<Consent>,
    /// The result that a sandbox is to give (V3), such as 840.
    #[serde(default)]
    pub sandbox_result: Option<u32>,
    /// Further facts about the capture, each with a name, a value and a timestamp.
    #[serde(default)]
    pub metadata: Vec<serde_json::Value>,
    /// When the job was prepared, in UTC, as `2026-01-02T03:04:05.678Z`.
    pub created: String,
    /// How often its submission was begun: 0 while it waits in a queue and no server can know of it.
    #[serde(default = "once")]
    pub attempts: u32,
    /// How far it has come.
    pub stage: JobStage,
    /// The server's reference to the upload.
    #[serde(default)]
    pub ref_id: Option<String>,
    /// The server's name for the job.
    #[serde(default)]
    pub smile_job_id: Option<String>,
    /// The last answer about the job's status, as it was received.
    #[serde(default)]
    pub last_status: Option<String>,
    /// Whether that answer was taken although nobody could check its signature.
    #[serde(default)]
    pub unverified: bool,
}

/// Records without a number are from a version that recorded a job only to send it.
const fn once() -> u32 {
    1
}

impl std::fmt::Debug for JobState {
    /// Without ids, parameters and answers: they speak of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobState")
            .field("job_type", &self.job_type)
            .field("environment", &self.environment)
            .field("created", &self.created)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
