//! The texts that go over the wire: what is sent has exact fields in the recorded order, what comes
//! back is read liberally, because numbers and truth values arrive as text as well.

use std::collections::BTreeMap;

use liveface_bundle::PartnerParams;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::result::{Decision, JobResult};
use crate::signature::Signed;

/// `source_sdk`: what Smile ID's documentation asks of clients that are none of its own SDKs.
pub const SOURCE_SDK: &str = "rest_api";

/// The body of `POST /upload`.
#[derive(Serialize)]
pub struct UploadRequest<'a> {
    /// Always `selfie.zip`.
    pub file_name: &'static str,
    /// The partner's id, as text.
    pub smile_client_id: &'a str,
    /// What the job is for.
    pub partner_params: &'a PartnerParams,
    /// Always empty.
    pub model_parameters: BTreeMap<(), ()>,
    /// Where the server sends its result as well; empty for nowhere.
    pub callback_url: &'a str,
    /// Whether the server may use the selfie that it has.
    pub use_enrolled_image: bool,
    /// Sent only when it is set: official server libraries never send it.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_new_enroll: bool,
    /// Sent only when it is set: opens a job again whose zip never arrived.
    #[serde(skip_serializing_if = "is_false")]
    pub retry: bool,
    /// Further facts; sent only when there are any.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub metadata: &'a [Value],
    /// [`SOURCE_SDK`].
    pub source_sdk: &'static str,
    /// This crate's version.
    pub source_sdk_version: &'static str,
    /// The time that was signed.
    pub timestamp: &'a str,
    /// Its signature.
    pub signature: &'a str,
}

/// The body of `POST /job_status`.
#[derive(Serialize)]
pub struct StatusRequest<'a> {
    /// The job's user.
    pub user_id: &'a str,
    /// The job's id.
    pub job_id: &'a str,
    /// The partner's id, as text.
    pub partner_id: &'a str,
    /// Whether links to the pictures are wanted.
    pub image_links: bool,
    /// Whether earlier results are wanted.
    pub history: bool,
    /// The time that was signed.
    pub timestamp: &'a str,
    /// Its signature.
    pub signature: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The answer to `POST /upload`.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadAnswer {
    /// Where the zip goes. Whoever knows it can upload: it is never shown.
    pub upload_url: String,
    /// The server's reference to the upload.
    pub ref_id: Option<String>,
    /// The server's name for the job.
    pub smile_job_id: Option<String>,
}

impl UploadAnswer {
    /// Reads an answer; `None` when it has no address for the zip.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        Some(Self {
            upload_url: text(value.get("upload_url")?).filter(|url| !url.is_empty())?,
            ref_id: value.get("ref_id").and_then(text),
            smile_job_id: value.get("smile_job_id").and_then(text),
        })
    }
}

impl std::fmt::Debug for UploadAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UploadAnswer(..)")
    }
}

/// What a server says when it refuses: `{"code": ..., "error": ...}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code, as text.
    pub code: String,
    /// The text; may be empty.
    pub error: String,
}

impl Refusal {
    /// Reads a refusal; `None` when there is no code.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        let code = value.get("code").and_then(text).filter(|code| !code.is_empty())?;
        let error = ["error", "message"].iter().find_map(|name| value.get(*name).and_then(text));
        Some(Self { code, error: error.unwrap_or_default() })
    }
}

/// The answer to `POST /job_status`.
#[derive(Clone, PartialEq)]
pub struct StatusAnswer {
    raw: String,
    value: Value,
}

impl StatusAnswer {
    /// Reads an answer; `None` when it is no JSON object.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(raw).ok()?;
        value.is_object().then(|| Self { raw: raw.to_owned(), value })
    }

    /// The answer exactly as it came.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The answer as JSON, with everything that this crate does not know.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The time that the server signed.
    #[must_use]
    pub fn timestamp(&self) -> Option<&str> {
        self.value.get("timestamp")?.as_str()
    }

    /// The server's signature.
    #[must_use]
    pub fn signature(&self) -> Option<&str> {
        self.value.get("signature")?.as_str()
    }

    /// The time and its signature; `None` when one is missing.
    #[must_use]
    pub fn signed(&self) -> Option<Signed> {
        signed(&self.value)
    }

    /// Whether the server is done with the job. Not said is not done.
    #[must_use]
    pub fn job_complete(&self) -> bool {
        self.value.get("job_complete").and_then(truth).unwrap_or(false)
    }

    /// Whether the job succeeded; `None` when that is not said.
    #[must_use]
    pub fn job_success(&self) -> Option<bool> {
        self.value.get("job_success").and_then(truth)
    }

    /// The answer's code, "2302" when all is well.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.value.get("code").and_then(text)
    }

    /// The result's fields; `None` while it is a text or missing.
    #[must_use]
    pub fn result(&self) -> Option<&Map<String, Value>> {
        self.value.get("result")?.as_object()
    }

    /// What the answer means for a job of `job_type`.
    pub(crate) fn decision(&self, job_type: u8) -> Decision {
        let complete = self.job_complete();
        match self.result() {
            Some(result) => JobResult::new(result).decision(job_type, complete, self.job_success()),
            None if complete => Decision::Unknown,
            None => Decision::Pending,
        }
    }

    /// What the server says in place of a result, such as "No zip uploaded".
    #[must_use]
    pub fn result_message(&self) -> Option<&str> {
        self.value.get("result")?.as_str()
    }
}

impl std::fmt::Debug for StatusAnswer {
    /// Without the result: it speaks of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatusAnswer")
            .field("job_complete", &self.job_complete())
            .field("job_success", &self.job_success())
            .finish_non_exhaustive()
    }
}

/// The time and its signature in an answer or a callback.
pub(crate) fn signed(value: &Value) -> Option<Signed> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    Some(Signed { timestamp: text("timestamp")?, signature: text("signature")? })
}

/// A text or number as text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A truth value as such, as text or as a number.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text == "0" => Some(false),
        Value::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A number as such or as text.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn upload_request(params: &PartnerParams, metadata: &[Value], flags: bool) -> String {
        serde_json::to_string(&UploadRequest {
            file_name: "selfie.zip",
            smile_client_id: "2345",
            partner_params: params,
            model_parameters: BTreeMap::new(),
            callback_url: "https://partner.example/cb",
            use_enrolled_image: false,
            allow_new_enroll: flags,
            retry: flags,
            metadata,
            source_sdk: SOURCE_SDK,
            source_sdk_version: "0.1.0",
            timestamp: "T",
            signature: "S",
        })
        .unwrap()
    }

    #[test]
    fn the_upload_request_is_the_official_python_clients() {
        let params = PartnerParams {
            user_id: "user-0001".to_owned(),
            job_id: "job-0001".to_owned(),
            job_type: 4,
            extras: BTreeMap::new(),
        };
        assert_eq!(
            upload_request(&params, &[], false),
            concat!(
                r#"{"file_name":"selfie.zip","smile_client_id":"2345","partner_params":"#,
                r#"{"user_id":"user-0001","job_id":"job-0001","job_type":4},"#,
                r#""model_parameters":{},"callback_url":"https://partner.example/cb","#,
                r#""use_enrolled_image":false,"source_sdk":"rest_api","#,
                r#""source_sdk_version":"0.1.0","timestamp":"T","signature":"S"}"#,
            )
        );
        let with_all = upload_request(&params, &[json!({"name": "n"})], true);
        assert!(with_all.contains(
            r#""allow_new_enroll":true,"retry":true,"metadata":[{"name":"n"}],"source_sdk""#
        ));
    }

    #[test]
    fn answers_are_read_liberally() {
        let answer = UploadAnswer::parse(&json!({
            "upload_url": "https://s3.example/x?sig=1", "ref_id": "125-583-a", "smile_job_id": 583,
            "camera_config": "null", "code": 2202,
        }))
        .unwrap();
        assert_eq!(answer.smile_job_id.as_deref(), Some("583"));
        assert_eq!(format!("{answer:?}"), "UploadAnswer(..)");
        assert!(UploadAnswer::parse(&json!({"code": "2202"})).is_none());
        assert!(UploadAnswer::parse(&json!([])).is_none());

        let refusal = Refusal::parse(&json!({"code": 2215, "error": "Job already exists"}));
        assert_eq!(refusal.unwrap().code, "2215");
        assert!(Refusal::parse(&json!({"error": "no code"})).is_none());

        let waiting = StatusAnswer::parse(
            r#"{"job_complete": "false", "job_success": 0, "result": "No zip uploaded"}"#,
        )
        .unwrap();
        assert!(!waiting.job_complete() && waiting.job_success() == Some(false));
        assert_eq!(waiting.result_message(), Some("No zip uploaded"));
        let done = StatusAnswer::parse(r#"{"job_complete": "True", "result": {}, "code": 2302}"#);
        let done = done.unwrap();
        assert!(done.job_complete() && done.result().is_some());
        assert_eq!(done.code().as_deref(), Some("2302"));
        assert!(!StatusAnswer::parse("{}").unwrap().job_complete());
        for raw in ["", "[]", "null", "\"x\"", "<html>"] {
            assert!(StatusAnswer::parse(raw).is_none());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(raw in "\\PC{0,200}|\\{\"job_complete\":\\PC{0,20}\\}") {
            if let Some(answer) = StatusAnswer::parse(&raw) {
                let _ = (answer.job_complete(), answer.job_success(), answer.code());
                prop_assert_eq!(answer.raw(), raw);
            }
        }
    }
}
