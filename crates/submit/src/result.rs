//! What became of a job.
//!
//! The server's table of result codes is not public as a whole, so nothing here is a closed list:
//! codes, texts and actions are kept as they came, and [`Decision`] says what is known of them.

use std::collections::BTreeMap;

use liveface_bundle::{JobStage, JobState, Protocol};
use serde_json::{Map, Value};

use crate::request::JobType;
use crate::v3::V3Status;
use crate::wire::{StatusAnswer, number, text, truth};

/// What a result means for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is no result yet.
    Pending,
    /// Registered, or authenticated.
    Approved,
    /// So far approved; people look at it.
    ProvisionallyApproved,
    /// Not registered, or not authenticated.
    Rejected,
    /// There is a result, and it is not known what it means. Never take it for an approval.
    Unknown,
}

/// What one check of the server came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActionResult {
    /// `Passed`
    Passed,
    /// `Completed`
    Completed,
    /// `Approved`
    Approved,
    /// `Verified`
    Verified,
    /// `Provisionally Approved`
    ProvisionallyApproved,
    /// `Returned`
    Returned,
    /// `Not Returned`
    NotReturned,
    /// `Failed`
    Failed,
    /// `Rejected`
    Rejected,
    /// `Under Review`
    UnderReview,
    /// `Unable To Determine`
    UnableToDetermine,
    /// `Not Applicable`
    NotApplicable,
    /// `Not Verified`
    NotVerified,
    /// `Not Done`
    NotDone,
    /// `Issuer Unavailable`
    IssuerUnavailable,
    /// `ID Authority Photo Not Available`
    IdAuthorityPhotoNotAvailable,
    /// `Sent to Human Review`
    SentToHumanReview,
    /// Something else, as it came.
    Other(String),
}

impl ActionResult {
    /// The known values as the server writes them.
    const KNOWN: [(Self, &'static str); 17] = [
        (Self::Passed, "Passed"),
        (Self::Completed, "Completed"),
        (Self::Approved, "Approved"),
        (Self::Verified, "Verified"),
        (Self::ProvisionallyApproved, "Provisionally Approved"),
        (Self::Returned, "Returned"),
        (Self::NotReturned, "Not Returned"),
        (Self::Failed, "Failed"),
        (Self::Rejected, "Rejected"),
        (Self::UnderReview, "Under Review"),
        (Self::UnableToDetermine, "Unable To Determine"),
        (Self::NotApplicable, "Not Applicable"),
        (Self::NotVerified, "Not Verified"),
        (Self::NotDone, "Not Done"),
        (Self::IssuerUnavailable, "Issuer Unavailable"),
        (Self::IdAuthorityPhotoNotAvailable, "ID Authority Photo Not Available"),
        (Self::SentToHumanReview, "Sent to Human Review"),
    ];

    fn parse(value: &Value) -> Self {
        let text = text(value).unwrap_or_else(|| value.to_string());
        let known = Self::KNOWN.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(&text));
        known.map_or(Self::Other(text), |(result, _)| result)
    }

    /// What it says of the job as the result of a check that decides; `None` when the check does not
    /// apply. What neither approves nor rejects is not known.
    const fn decision(&self) -> Option<Decision> {
        Some(match self {
            Self::Passed | Self::Completed | Self::Approved | Self::Verified => Decision::Approved,
            Self::ProvisionallyApproved => Decision::ProvisionallyApproved,
            Self::UnderReview | Self::SentToHumanReview => Decision::Pending,
            Self::Failed | Self::Rejected | Self::NotVerified => Decision::Rejected,
            Self::NotApplicable => return None,
            _ => Decision::Unknown,
        })
    }
}

impl std::fmt::Display for ActionResult {
    /// As the server writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = Self::KNOWN.into_iter().find(|(result, _)| result == self);
        match (self, known) {
            (Self::Other(text), _) => f.write_str(text),
            (_, Some((_, text))) => f.write_str(text),
            (_, None) => Ok(()),
        }
    }
}

/// Job types that only appear in callbacks: the partner has other products too. Source: Smile ID's
/// job types.
const BIOMETRIC_KYC: u8 = 1;
const DOCUMENT_VERIFICATION: u8 = 6;

/// What a result code means for a job of `job_type`, as far as that is public. One that approves
/// another kind of job is `Unknown`.
fn code_decision(code: &str, job_type: u8) -> Option<Decision> {
    const REGISTER: u8 = JobType::Register.number();
    const AUTHENTICATE: u8 = JobType::Authenticate.number();
    let (decision, types): (_, &[u8]) = match code {
        "0810" => (Decision::Approved, &[BIOMETRIC_KYC, DOCUMENT_VERIFICATION]),
        "0840" => (Decision::Approved, &[REGISTER]),
        "1210" => (Decision::Approved, &[BIOMETRIC_KYC, REGISTER]),
        "0820" | "1220" => (Decision::Approved, &[AUTHENTICATE]),
        "0814" => (Decision::ProvisionallyApproved, &[BIOMETRIC_KYC, REGISTER]),
        "0001" | "0903" | "0907" => return Some(Decision::Rejected),
        _ => return None,
    };
    Some(if types.contains(&job_type) { decision } else { Decision::Unknown })
}

/// Actions besides the main one that decide.
const CHECKS: [&str; 2] = ["Liveness_Check", "Selfie_Check"];

/// The action that a job is about, if it is one of this crate's jobs.
fn main_action(job_type: u8) -> Option<&'static str> {
    if job_type == JobType::Register.number() {
        Some("Register_Selfie")
    } else if job_type == JobType::Authenticate.number() {
        Some("Selfie_To_Registered_Selfie_Compare")
    } else {
        None
    }
}

/// The `result` of a job.
#[derive(Clone, Copy)]
pub struct JobResult<'a>(&'a Map<String, Value>);

impl<'a> JobResult<'a> {
    pub(crate) const fn new(fields: &'a Map<String, Value>) -> Self {
        Self(fields)
    }

    fn text(self, name: &str) -> Option<String> {
        self.0.get(name).and_then(text)
    }

    /// `ResultCode`: four digits.
    #[must_use]
    pub fn result_code(self) -> Option<String> {
        self.text("ResultCode")
    }

    /// `ResultText`: a line of English.
    #[must_use]
    pub fn result_text(self) -> Option<String> {
        self.text("ResultText")
    }

    /// `ResultType`.
    #[must_use]
    pub fn result_type(self) -> Option<String> {
        self.text("ResultType")
    }

    /// `SmileJobID`: the server's name for the job.
    #[must_use]
    pub fn smile_job_id(self) -> Option<String> {
        self.text("SmileJobID")
    }

    /// `ConfidenceValue`: 0 to 100.
    #[must_use]
    pub fn confidence(self) -> Option<f64> {
        self.0.get("ConfidenceValue").and_then(number)
    }

    /// `IsFinalResult`; `None` when that is not said.
    #[must_use]
    pub fn is_final(self) -> Option<bool> {
        self.0.get("IsFinalResult").and_then(truth)
    }

    /// `Actions`: what each check came to, by its name.
    #[must_use]
    pub fn actions(self) -> BTreeMap<String, ActionResult> {
        let actions = self.0.get("Actions").and_then(Value::as_object).into_iter().flatten();
        actions.map(|(name, value)| (name.clone(), ActionResult::parse(value))).collect()
    }

    /// `PartnerParams`: what was sent with the job, as the server has it.
    #[must_use]
    pub fn partner_params(self) -> Option<&'a Map<String, Value>> {
        self.0.get("PartnerParams")?.as_object()
    }

    /// `job_type` of the partner params, which comes as a number or as text.
    #[must_use]
    pub fn job_type(self) -> Option<u8> {
        text(self.partner_params()?.get("job_type")?)?.parse().ok()
    }

    /// Everything, as it came.
    #[must_use]
    pub const fn fields(self) -> &'a Map<String, Value> {
        self.0
    }

    /// Whether the result may still change: it does not say plainly that it is final, but says
    /// something.
    pub(crate) fn is_open(self) -> bool {
        let said = self.0.get("IsFinalResult").filter(|said| !said.is_null());
        said.is_some_and(|said| truth(said) != Some(true))
    }

    /// What the result means for a job of `job_type`: the worst that the code and the actions say.
    /// `complete` and `success` are what the answer around it says of the job.
    pub(crate) fn decision(self, job_type: u8, complete: bool, success: Option<bool>) -> Decision {
        if !complete {
            return Decision::Pending;
        }
        let actions = self.actions();
        let said = |name: &str| actions.get(name).and_then(ActionResult::decision);
        let code = self.result_code().and_then(|code| code_decision(&code, job_type));
        let main = main_action(job_type).and_then(said);
        let all = [code, main].into_iter().chain(CHECKS.map(said));
        let worst = all.flatten().max_by_key(|decision| match decision {
            Decision::Rejected => 4,
            Decision::Unknown => 3,
            // Who says so has seen what is under review.
            Decision::ProvisionallyApproved => 2,
            Decision::Pending => 1,
            Decision::Approved => 0,
        });
        match worst {
            // A check that passed approves of nothing: the code or the main action must do so.
            Some(Decision::Approved | Decision::ProvisionallyApproved)
                if code.is_none() && main.is_none() =>
            {
                Decision::Unknown
            }
            // The answer contradicts itself.
            Some(Decision::Approved | Decision::ProvisionallyApproved)
                if success == Some(false) =>
            {
                Decision::Unknown
            }
            Some(Decision::Approved) if self.is_open() => Decision::Pending,
            worst => worst.unwrap_or(Decision::Unknown),
        }
    }
}

impl std::fmt::Debug for JobResult<'_> {
    /// Without ids.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobResult").field("code", &self.result_code()).finish_non_exhaustive()
    }
}

/// Where one of a job's pictures is, as the server says.
#[derive(Clone, PartialEq, Eq)]
pub enum ImageLink {
    /// Its address. Whoever knows it can see the picture: it is not to be logged.
    Address(String),
    /// Why there is none.
    Error(String),
}

impl std::fmt::Debug for ImageLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(_) => f.write_str("Address(..)"),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
        }
    }
}

/// A job and the last that the server said of it.
#[derive(Clone, PartialEq)]
pub struct JobOutcome {
    job: JobState,
    status: Option<StatusAnswer>,
}

impl JobOutcome {
    /// The outcome that `job` records.
    pub(crate) fn new(job: JobState) -> Self {
        let status = job.last_status.as_deref().and_then(StatusAnswer::parse);
        Self { job, status }
    }

    /// What the result means for the user.
    #[must_use]
    pub fn decision(&self) -> Decision {
        if self.job.protocol == Protocol::V3 {
            return self.v3_status().map_or(Decision::Pending, |status| status.state.decision());
        }
        self.status.as_ref().map_or(Decision::Pending, |status| status.decision(self.job.job_type))
    }

    /// Whether the user is registered or authenticated, beyond doubt.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.decision() == Decision::Approved
    }

    /// Whether the final answer is here. A provisional result can be complete and not final: ask
    /// for the status again later.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.job.stage == JobStage::Final
    }

    /// Whether the server has the capture.
    #[must_use]
    pub fn is_uploaded(&self) -> bool {
        matches!(self.job.stage, JobStage::Uploaded | JobStage::Final)
    }

    /// Whether the last answer was signed with the partner's key. `false` when there is no answer, or
    /// when one was taken that nobody could check.
    #[must_use]
    pub fn verified(&self) -> bool {
        self.status.is_some() && !self.job.unverified
    }

    /// What was asked for.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.job.user_id
    }

    /// The job's own id.
    #[must_use]
    pub fn job_id(&self) -> &str {
        &self.job.job_id
    }

    /// 4 registers, 2 authenticates.
    #[must_use]
    pub const fn job_type(&self) -> u8 {
        self.job.job_type
    }

    /// The server's name for the job: from the result, or from the upload before there is one.
    #[must_use]
    pub fn smile_job_id(&self) -> Option<String> {
        self.result().and_then(JobResult::smile_job_id).or_else(|| self.job.smile_job_id.clone())
    }

    /// What a V3 server said last; `None` for a job of v1 and before there is an answer.
    #[must_use]
    pub fn v3_status(&self) -> Option<V3Status> {
        let v3 = self.job.protocol == Protocol::V3;
        V3Status::parse(self.job.last_status.as_deref().filter(|_| v3)?)
    }

    /// The result of v1; `None` while there is none.
    #[must_use]
    pub fn result(&self) -> Option<JobResult<'_>> {
        let v1 = self.job.protocol == Protocol::V1;
        self.status.as_ref().filter(|_| v1)?.result().map(JobResult)
    }

    /// `ResultCode`.
    #[must_use]
    pub fn result_code(&self) -> Option<String> {
        self.result()?.result_code()
    }

    /// `ResultText`, or what the server says while there is no result.
    #[must_use]
    pub fn result_text(&self) -> Option<String> {
        match self.result() {
            Some(result) => result.result_text(),
            None if self.job.protocol == Protocol::V3 => self.v3_status()?.message,
            None => self.status.as_ref()?.result_message().map(str::to_owned),
        }
    }

    /// `ConfidenceValue`: 0 to 100.
    #[must_use]
    pub fn confidence(&self) -> Option<f64> {
        self.result()?.confidence()
    }

    /// `Actions`: what each check came to; empty while there is no result.
    #[must_use]
    pub fn actions(&self) -> BTreeMap<String, ActionResult> {
        self.result().map(JobResult::actions).unwrap_or_default()
    }

    /// Earlier results of the job; empty unless the last question asked for them
    /// ([`StatusOptions::history`](crate::StatusOptions::history)).
    #[must_use]
    pub fn history(&self) -> Vec<JobResult<'_>> {
        let all = self.status.as_ref().and_then(|status| status.value().get("history")?.as_array());
        all.into_iter().flatten().filter_map(Value::as_object).map(JobResult).collect()
    }

    /// The job's pictures on the server by name, such as `selfie_image`; empty unless the last
    /// question asked for them ([`StatusOptions::image_links`](crate::StatusOptions::image_links)).
    #[must_use]
    pub fn image_links(&self) -> BTreeMap<String, ImageLink> {
        let links = self.status.as_ref();
        let links = links.and_then(|status| status.value().get("image_links")?.as_object());
        let link = |(name, value): (&String, &Value)| {
            let said = text(value).unwrap_or_else(|| value.to_string());
            let is_address = !name.contains("error") && crate::environment::reach(&said).is_some();
            let link = if is_address { ImageLink::Address(said) } else { ImageLink::Error(said) };
            (name.clone(), link)
        };
        links.into_iter().flatten().map(link).collect()
    }

    /// What was sent as partner parameters: the ids, the job type and the further ones.
    #[must_use]
    pub fn partner_params(&self) -> BTreeMap<String, String> {
        let mut params = self.job.partner_params.clone();
        params.insert("user_id".to_owned(), self.job.user_id.clone());
        params.insert("job_id".to_owned(), self.job.job_id.clone());
        params.insert("job_type".to_owned(), self.job.job_type.to_string());
        params
    }

    /// The last answer of the server about the job.
    #[must_use]
    pub const fn status(&self) -> Option<&StatusAnswer> {
        self.status.as_ref()
    }

    /// The last answer exactly as it came.
    #[must_use]
    pub fn raw(&self) -> Option<&str> {
        self.status.as_ref().map(StatusAnswer::raw)
    }
}

impl std::fmt::Debug for JobOutcome {
    /// Without ids.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobOutcome")
            .field("job", &self.job)
            .field("decision", &self.decision())
            .field("result_code", &self.result_code())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(job_type: u8, status: &Value) -> JobOutcome {
        let value = json!({
            "job_type": job_type, "user_id": "user-0001", "job_id": "job-0001",
            "partner_id": "2345", "environment": "sandbox", "base_url": "https://x", "created": "t",
            "partner_params": {"order": "ORD-9"}, "stage": "final",
            "last_status": status.to_string(),
        });
        JobOutcome::new(serde_json::from_value(value).unwrap())
    }

    fn decision(job_type: u8, code: &str, actions: &Value, success: &Value) -> Decision {
        let result = json!({"ResultCode": code, "Actions": actions});
        let status = json!({"job_complete": true, "job_success": success, "result": result});
        outcome(job_type, &status).decision()
    }

    #[test]
    fn known_codes_and_actions_decide() {
        use Decision::*;
        let none = json!({});
        for (job_type, code, actions, expected) in [
            (4, "0840", none.clone(), Approved),
            (2, "0820", none.clone(), Approved),
            (4, "0814", none.clone(), ProvisionallyApproved),
            (4, "0907", none.clone(), Rejected),
            (4, "0911", none, Unknown),
            (4, "0911", json!({"Register_Selfie": "Approved"}), Approved),
            (4, "0911", json!({"Register_Selfie": "Rejected"}), Rejected),
            (2, "0911", json!({"Selfie_To_Registered_Selfie_Compare": "Failed"}), Rejected),
            (2, "0911", json!({"Selfie_To_Registered_Selfie_Compare": "Completed"}), Approved),
            // The other job's action says nothing.
            (2, "0911", json!({"Register_Selfie": "Approved"}), Unknown),
            (4, "0911", json!({"Liveness_Check": "Passed"}), Unknown),
            (4, "0911", json!({"Register_Selfie": "Something New"}), Unknown),
            (4, "0911", json!({"Register_Selfie": "Not Applicable"}), Unknown),
            // Each kind of job has its own codes.
            (2, "0840", json!({}), Unknown),
            (2, "1210", json!({}), Unknown),
            (4, "0820", json!({"Register_Selfie": "Approved"}), Unknown),
            (4, "0810", json!({}), Unknown),
            (1, "0810", json!({}), Approved),
            (2, "0814", json!({}), Unknown),
            // Whoever looks at it has not said anything yet.
            (4, "0911", json!({"Register_Selfie": "Under Review"}), Pending),
            (2, "0820", json!({"Liveness_Check": "Sent to Human Review"}), Pending),
            (4, "0814", json!({"Register_Selfie": "Under Review"}), ProvisionallyApproved),
            (
                4,
                "0911",
                json!({"Register_Selfie": "Provisionally Approved"}),
                ProvisionallyApproved,
            ),
        ] {
            let found = decision(job_type, code, &actions, &json!(true));
            assert_eq!(found, expected, "{job_type} {code} {actions}");
        }
    }

    #[test]
    fn an_answer_that_contradicts_itself_is_no_approval() {
        use Decision::*;
        let rejected = json!({"Register_Selfie": "Rejected"});
        assert_eq!(decision(4, "0840", &rejected, &json!(true)), Rejected);
        let spoof = json!({"Liveness_Check": "Failed", "Register_Selfie": "Approved"});
        assert_eq!(decision(4, "0840", &spoof, &json!(true)), Rejected);
        let review = json!({"Register_Selfie": "Provisionally Approved"});
        assert_eq!(decision(4, "0840", &review, &json!("true")), ProvisionallyApproved);
        assert_eq!(decision(4, "0840", &json!({}), &json!("false")), Unknown);
        assert_eq!(decision(4, "0840", &json!("no map"), &json!(null)), Approved);
        for action in ["Register_Selfie", "Liveness_Check", "Selfie_Check"] {
            for value in ["Unable To Determine", "Not Done", "Something New", "Returned", ""] {
                let actions = json!({ action: value });
                assert_eq!(decision(4, "0840", &actions, &json!(true)), Unknown, "{actions}");
            }
            let actions = json!({ action: "Not Applicable" });
            assert_eq!(decision(4, "0840", &actions, &json!(true)), Approved);
        }
    }

    #[test]
    fn what_is_not_final_is_not_approved() {
        for (said, expected) in [
            (json!("false"), Decision::Pending),
            (json!(false), Decision::Pending),
            (json!("perhaps"), Decision::Pending),
            (json!("true"), Decision::Approved),
            (json!(null), Decision::Approved),
        ] {
            let result = json!({"ResultCode": "0840", "IsFinalResult": said});
            let status = json!({"job_complete": true, "job_success": true, "result": result});
            let outcome = outcome(4, &status);
            assert_eq!(outcome.decision(), expected, "{said}");
            assert_eq!(outcome.is_approved(), expected == Decision::Approved);
        }
    }

    #[test]
    fn before_the_job_is_complete_nothing_is_decided() {
        let result = json!({"ResultCode": "0840"});
        let early = outcome(4, &json!({"job_complete": false, "result": result}));
        assert_eq!(early.decision(), Decision::Pending);
        let text = outcome(4, &json!({"job_complete": "false", "result": "No zip uploaded"}));
        assert_eq!(text.decision(), Decision::Pending);
        assert_eq!(text.result_text().as_deref(), Some("No zip uploaded"));
        let odd = outcome(4, &json!({"job_complete": true, "job_success": true, "result": "Done"}));
        assert_eq!(odd.decision(), Decision::Unknown);
    }

    #[test]
    fn everything_of_the_result_can_be_had() {
        let done = outcome(
            4,
            &json!({"job_complete": true, "job_success": true, "unknown": [1], "result": {
                "ResultCode": "0840", "ResultText": "Enroll User", "ResultType": "SAIA",
                "ConfidenceValue": "99.5", "IsFinalResult": "true", "SmileJobID": "0000000583",
                "PartnerParams": {"job_type": "4"},
                "Actions": {"Liveness_Check": "Passed", "New_Check": "New Value", "Odd": 7},
            }}),
        );
        assert!(done.is_approved() && done.is_final() && done.is_uploaded());
        assert_eq!(done.confidence(), Some(99.5));
        assert_eq!(done.smile_job_id().as_deref(), Some("0000000583"));
        let result = done.result().unwrap();
        assert_eq!(result.result_type().as_deref(), Some("SAIA"));
        assert_eq!(result.is_final(), Some(true));
        assert_eq!(result.partner_params().unwrap()["job_type"], "4");
        let actions = done.actions();
        assert_eq!(actions["Liveness_Check"], ActionResult::Passed);
        assert_eq!(actions["New_Check"], ActionResult::Other("New Value".to_owned()));
        assert_eq!(actions["Odd"], ActionResult::Other("7".to_owned()));
        assert_eq!(done.status().unwrap().value()["unknown"][0], 1);
        assert_eq!(done.partner_params()["order"], "ORD-9");
        assert_eq!(done.partner_params()["user_id"], "user-0001");
        let shown = format!("{done:?} {result:?}");
        assert!(shown.contains("0840") && !shown.contains("user-0001"), "{shown}");
    }
}
