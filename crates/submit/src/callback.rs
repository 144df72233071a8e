//! Results that a server sends to the partner's callback address.

use serde_json::{Map, Value};

use crate::error::SubmitError;
use crate::result::{Decision, JobResult};
use crate::signature::{Signed, Signer, Verification};
use crate::wire::{signed, truth};

/// A result that was sent to the partner's callback address, signed with the partner's key.
///
/// The signature is about the time only, so whoever saw one callback can send others under its time.
/// Where that matters, take a callback as a reason to ask for the [`status`](crate::Client::status).
/// The same result can come more than once: [`job_id`](Self::job_id), the result's code and the
/// [`timestamp`](Self::timestamp) together tell whether it did.
#[derive(Clone, PartialEq)]
pub struct Callback {
    result: Map<String, Value>,
    /// What the answer around the result says of the job.
    complete: bool,
    success: Option<bool>,
    signed: Signed,
}

impl Callback {
    /// Reads the body of a callback and checks its signature.
    ///
    /// # Errors
    /// When it cannot be read ([`SubmitError::Callback`]), is not signed with the partner's key
    /// ([`SubmitError::Unsigned`]), or `signer` cannot tell.
    pub fn parse_and_verify(body: &[u8], signer: &dyn Signer) -> Result<Self, SubmitError> {
        let callback = Self::parse(body)?;
        match signer.verify(&callback.signed)? {
            Verification::Valid => Ok(callback),
            Verification::Invalid => Err(SubmitError::Unsigned),
            Verification::NotPossible => Err(SubmitError::Unverifiable),
        }
    }

    /// Reads the body of a callback. Its signature is not checked: anybody can have sent it.
    ///
    /// # Errors
    /// When it is not a JSON object with a result, or without a signature.
    pub fn parse(body: &[u8]) -> Result<Self, SubmitError> {
        let bad = |what: &str| Err(SubmitError::Callback(what.to_owned()));
        let value = match serde_json::from_slice::<Value>(body) {
            Ok(value @ Value::Object(_)) => value,
            // The parser's own message may repeat what it read.
            _ => return bad("it is not a JSON object"),
        };
        let Some(signed) = signed(&value) else { return bad("it has no timestamp and signature") };
        let Value::Object(mut fields) = value else { return bad("it is not a JSON object") };
        let said = |name: &str| fields.get(name).map(truth);
        let (complete, success) = (said("job_complete"), said("job_success").flatten());
        let mut complete = complete.is_none_or(|complete| complete == Some(true));
        // A status answer that somebody passed on.
        let result = match fields.remove("result") {
            Some(Value::Object(result)) if !fields.contains_key("ResultCode") => {
                // Not said is not done.
                complete &= fields.contains_key("job_complete");
                result
            }
            Some(other) => {
                fields.insert("result".to_owned(), other);
                fields
            }
            None => fields,
        };
        if !result.contains_key("ResultCode") {
            return bad("it has no result code");
        }
        Ok(Self { result, complete, success, signed })
    }

    /// The result.
    #[must_use]
    pub const fn result(&self) -> JobResult<'_> {
        JobResult::new(&self.result)
    }

    /// What the result means for the user. [`Decision::Unknown`] when the job's type is not told.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let decision = |kind| self.result().decision(kind, self.complete, self.success);
        self.result().job_type().map_or(Decision::Unknown, decision)
    }

    /// The user that the result is about.
    #[must_use]
    pub fn user_id(&self) -> Option<String> {
        self.param("user_id")
    }

    /// The job that the result is about.
    #[must_use]
    pub fn job_id(&self) -> Option<String> {
        self.param("job_id")
    }

    /// The time that the server signed.
    #[must_use]
    pub fn timestamp(&self) -> &str {
        &self.signed.timestamp
    }

    fn param(&self, name: &str) -> Option<String> {
        crate::wire::text(self.result().partner_params()?.get(name)?)
    }
}

impl std::fmt::Debug for Callback {
    /// Without ids.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callback").field("result", &self.result()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::signature::{self, ApiKeySigner};

    const TIME: &str = "2026-01-02T03:04:05.678Z";

    fn body(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut body = json!({
            "ResultCode": "0840", "ResultText": "Enroll User", "ConfidenceValue": "99",
            "SmileJobID": "0000000583", "Source": "Rest API", "New": {"field": [1]},
            "PartnerParams": {"user_id": "user-0001", "job_id": "job-0001", "job_type": "4"},
            "Actions": {"Register_Selfie": "Approved", "New_Check": "New Value"},
            "timestamp": TIME, "signature": signature::sign("k", "2345", TIME),
        });
        change(&mut body);
        body.to_string().into_bytes()
    }

    fn verify(body: &[u8]) -> Result<Callback, SubmitError> {
        Callback::parse_and_verify(body, &ApiKeySigner::new("2345", "k").unwrap())
    }

    #[test]
    fn a_callback_is_a_result() {
        for job_type in [json!(4), json!("4")] {
            let callback = verify(&body(|b| b["PartnerParams"]["job_type"] = job_type)).unwrap();
            assert_eq!(callback.decision(), Decision::Approved);
            assert_eq!(callback.job_id().as_deref(), Some("job-0001"));
            assert_eq!(callback.user_id().as_deref(), Some("user-0001"));
            assert_eq!(callback.result().confidence(), Some(99.0));
            assert_eq!(callback.result().fields()["New"]["field"][0], 1);
            assert_eq!(callback.result().actions()["New_Check"].to_string(), "New Value");
            assert_eq!(callback.timestamp(), TIME);
            assert!(!format!("{callback:?}").contains("0001"));
        }
        // Without the job's type nothing is approved.
        let untyped = verify(&body(|b| b["PartnerParams"] = json!({}))).unwrap();
        assert_eq!(untyped.decision(), Decision::Unknown);
    }

    #[test]
    fn a_status_answer_that_was_passed_on_is_read_too() {
        let whole: Value = serde_json::from_slice(&body(|_| ())).unwrap();
        let status = json!({
            "job_complete": true, "timestamp": TIME, "signature": whole["signature"],
            "result": whole,
        });
        let callback = verify(status.to_string().as_bytes()).unwrap();
        assert_eq!(callback.result().result_code().as_deref(), Some("0840"));
        assert_eq!(callback.decision(), Decision::Approved);
        let decision = |change: &dyn Fn(&mut Value)| {
            let mut status = status.clone();
            change(&mut status);
            verify(status.to_string().as_bytes()).unwrap().decision()
        };
        assert_eq!(decision(&|s| s["job_success"] = json!("false")), Decision::Unknown);
        assert_eq!(decision(&|s| s["job_complete"] = json!(0)), Decision::Pending);
        assert_eq!(
            decision(&|s| _ = s.as_object_mut().unwrap().remove("job_complete")),
            Decision::Pending
        );
    }

    #[test]
    fn a_callback_that_is_not_final_or_contradicts_itself_approves_nothing() {
        let decision = |change: &dyn Fn(&mut Value)| verify(&body(change)).unwrap().decision();
        assert_eq!(decision(&|b| b["IsFinalResult"] = json!("false")), Decision::Pending);
        assert_eq!(decision(&|b| b["job_success"] = json!(false)), Decision::Unknown);
        assert_eq!(decision(&|b| b["ResultCode"] = json!("0810")), Decision::Unknown);
        assert_eq!(decision(&|b| b["PartnerParams"]["job_type"] = json!(2)), Decision::Unknown);
    }

    #[test]
    fn a_wrong_signature_is_an_error_and_so_is_what_cannot_be_read() {
        for wrong in [json!("AAAA"), json!(signature::sign("K", "2345", TIME))] {
            let error = verify(&body(|b| b["signature"] = wrong)).unwrap_err();
            assert!(matches!(error, SubmitError::Unsigned), "{error:?}");
        }
        for unreadable in [
            b"".to_vec(),
            b"[]".to_vec(),
            vec![0xff, 0xfe],
            body(|b| _ = b.as_object_mut().unwrap().remove("signature")),
            body(|b| b["timestamp"] = json!(7)),
            body(|b| _ = b.as_object_mut().unwrap().remove("ResultCode")),
        ] {
            let error = verify(&unreadable).unwrap_err();
            assert!(matches!(error, SubmitError::Callback(_)), "{error:?}");
        }
    }
}
