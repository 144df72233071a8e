//! The v1 protocol: `POST /upload` announces a job, a `PUT` brings the zip, `POST /job_status` asks
//! for the result.

use std::collections::BTreeMap;

use liveface_bundle::{
    Capture, Info, InfoRequest, JobStage, JobState, PartnerParams, Submission, Zeroizing,
    upload_zip,
};
use serde_json::Value;

use crate::call::Call;
use crate::client::{Client, StatusOptions};
use crate::environment::reach;
use crate::error::SubmitError;
use crate::exchange::{Again, Ask, Failed, refused, v1_json};
use crate::result::{Decision, JobResult};
use crate::signature::Signed;
use crate::transport::Method;
use crate::wire::{SOURCE_SDK, StatusAnswer, StatusRequest, UploadAnswer, UploadRequest, text};

/// "A job with this id exists already." 2206 is known only from a mobile SDK that treats it alike.
const JOB_EXISTS: [&str; 2] = ["2215", "2206"];

/// Whether the server refused because it has a job with this id.
pub(crate) fn job_exists(error: &SubmitError) -> bool {
    error.server_code().is_some_and(|code| JOB_EXISTS.contains(&code))
}

impl Client {
    /// Takes a prepared job to the server. It stays prepared when the server says that it has a zip
    /// already: only the result tells whose that is. `arrived` is set when an announcement may have
    /// reached the server without an answer.
    pub(crate) fn v1_transfer(
        &self,
        submission: &Submission,
        capture: &Capture,
        job: &mut JobState,
        arrived: &mut bool,
        call: &mut Call<'_>,
    ) -> Result<(), SubmitError> {
        let Some((signed, answer)) = self.announce(job, arrived, call)? else { return Ok(()) };
        job.ref_id.clone_from(&answer.ref_id);
        job.smile_job_id.clone_from(&answer.smile_job_id);
        submission.set_job(job)?;
        let zip = pack(capture, job, &signed, &answer)?;
        self.put_zip(&answer.upload_url, zip, call)?;
        job.stage = JobStage::Uploaded;
        Ok(submission.set_job(job)?)
    }

    /// Announces the job. `None` when the server has a zip for it already, and an earlier call that
    /// was cut short may have sent that.
    fn announce(
        &self,
        job: &JobState,
        arrived: &mut bool,
        call: &mut Call<'_>,
    ) -> Result<Option<(Signed, UploadAnswer)>, SubmitError> {
        let (answer, twice) = self.post_upload(job, false, call);
        *arrived |= twice;
        match answer {
            // Only of a job that may be our own: another's job is not to be opened again.
            Err(error) if (job.attempts > 1 || twice) && job_exists(&error) => {
                let (answer, twice) = self.post_upload(job, true, call);
                *arrived |= twice;
                match answer {
                    Err(error) if job_exists(&error) && job.smile_job_id.is_some() => Ok(None),
                    answer => answer.map(Some),
                }
            }
            answer => answer.map(Some),
        }
    }

    /// The answer to an announcement, and whether an earlier attempt of this call may have reached
    /// the server as well.
    fn post_upload(
        &self,
        job: &JobState,
        retry: bool,
        call: &mut Call<'_>,
    ) -> (Result<(Signed, UploadAnswer), SubmitError>, bool) {
        let doing = "announce the job";
        let signed = match self.sign(job, call) {
            Ok(signed) => signed,
            Err(error) => return (Err(error), false),
        };
        let body = UploadRequest {
            file_name: "selfie.zip",
            smile_client_id: &job.partner_id,
            partner_params: &partner_params(job),
            model_parameters: BTreeMap::new(),
            callback_url: job.callback_url.as_deref().unwrap_or_default(),
            use_enrolled_image: job.use_enrolled_image,
            allow_new_enroll: job.allow_re_enroll,
            retry,
            metadata: &job.metadata,
            source_sdk: SOURCE_SDK,
            source_sdk_version: env!("CARGO_PKG_VERSION"),
            timestamp: &signed.timestamp,
            signature: &signed.signature,
        };
        let ask = Ask::json(doing, format!("{}/upload", job.base_url), &body);
        let (response, twice) = match self.exchange().send(ask, call) {
            Ok(answered) => (answered.response, answered.twice),
            Err(Failed { error, sent }) => return (Err(error), sent),
        };
        let private = private(job);
        let answer = v1_json(doing, &response, &private).and_then(|(_, value)| {
            let Some(answer) = UploadAnswer::parse(&value) else {
                return Err(refused(doing, &response, &value, &private));
            };
            // Images do not go where they are less safe than the announcement was.
            if reach(&answer.upload_url) < reach(&job.base_url) {
                let what = "the server names an upload address that is not https".to_owned();
                return Err(SubmitError::BadAnswer { doing, what });
            }
            // Without the name nobody could tell later whether a result is about these images.
            if answer.smile_job_id.as_ref().is_none_or(String::is_empty) {
                let what = "the answer has no `smile_job_id`".to_owned();
                return Err(SubmitError::BadAnswer { doing, what });
            }
            Ok((signed, answer))
        });
        (answer, twice)
    }

    /// Puts the zip to `url`, which is never shown: it is a permission to upload. The same bytes to
    /// the same address may be sent as often as needed.
    fn put_zip(
        &self,
        url: &str,
        body: Zeroizing<Vec<u8>>,
        call: &mut Call<'_>,
    ) -> Result<(), SubmitError> {
        let doing = "upload the zip";
        let headers = vec![("content-type", "application/zip".to_owned())];
        // Moved, not copied: the exchange wipes it.
        let (method, again, url) = (Method::Put, Again::Always, url.to_owned());
        let ask = Ask { doing, method, url, headers, body, again, uploads: true };
        match self.exchange().send(ask, call)?.response.status {
            200..=299 => Ok(()),
            status => Err(SubmitError::Unavailable { doing, status }),
        }
    }

    /// Asks for the job's status. The answer is about this job, and signed with the partner's key
    /// unless the configuration accepts that nobody can tell: then `job` says so.
    pub(crate) fn v1_ask(
        &self,
        job: &mut JobState,
        options: StatusOptions,
        again: Again,
        call: &mut Call<'_>,
    ) -> Result<StatusAnswer, SubmitError> {
        let doing = "ask for the job's status";
        let signed = self.sign(job, call)?;
        let body = StatusRequest {
            user_id: &job.user_id,
            job_id: &job.job_id,
            partner_id: &job.partner_id,
            image_links: options.image_links,
            history: options.history,
            timestamp: &signed.timestamp,
            signature: &signed.signature,
        };
        let url = format!("{}/job_status", job.base_url);
        let ask = Ask { again, ..Ask::json(doing, url, &body) };
        let response = self.exchange().send(ask, call)?.response;
        let private = private(job);
        let (raw, value) = v1_json(doing, &response, &private)?;
        if value.get("job_complete").is_none() {
            return Err(refused(doing, &response, &value, &private));
        }
        let bad = |what: &str| SubmitError::BadAnswer { doing, what: what.to_owned() };
        let status = StatusAnswer::parse(&raw).ok_or_else(|| bad("the answer is not JSON"))?;
        let verified = self.verify(status.signed(), call)?;
        let named = status.result().and_then(|result| result.get("PartnerParams"));
        let said = |name: &str| named?.get(name).filter(|said| !said.is_null());
        let is_other = |name: &str, own: &str| {
            said(name).is_some_and(|said| text(said).as_deref() != Some(own))
        };
        if is_other("job_id", &job.job_id)
            || is_other("user_id", &job.user_id)
            || is_other("job_type", &job.job_type.to_string())
        {
            return Err(bad("the answer is about another job"));
        }
        let judged = status.result().and_then(|result| JobResult::new(result).smile_job_id());
        if job.stage != JobStage::Prepared
            && let (Some(judged), Some(own)) = (&judged, &job.smile_job_id)
            && judged != own
        {
            return Err(bad("the answer is about another job"));
        }
        // Whether the zip arrived was not noted: only this name tells that it is the judged one.
        if job.stage == JobStage::Prepared
            && status.job_complete()
            && (judged.is_none() || judged != job.smile_job_id)
        {
            return Err(SubmitError::OtherCapture);
        }
        job.unverified = !verified;
        Ok(status)
    }
}

/// What a server's text must not repeat.
fn private(job: &JobState) -> Vec<&str> {
    let ids = [&job.user_id, &job.job_id].into_iter().chain(&job.callback_url);
    let fields = job.partner_params.values().chain(job.id_info.values());
    ids.chain(fields).map(String::as_str).collect()
}

fn partner_params(job: &JobState) -> PartnerParams {
    PartnerParams {
        user_id: job.user_id.clone(),
        job_id: job.job_id.clone(),
        job_type: job.job_type,
        extras: job.partner_params.clone(),
    }
}

fn pack(
    capture: &Capture,
    job: &JobState,
    signed: &Signed,
    answer: &UploadAnswer,
) -> Result<Zeroizing<Vec<u8>>, SubmitError> {
    let request = InfoRequest {
        timestamp: signed.timestamp.clone(),
        signature: signed.signature.clone(),
        partner_params: partner_params(job),
        smile_client_id: job.partner_id.clone(),
        callback_url: job.callback_url.clone().unwrap_or_default(),
        id_info: job.id_info.clone(),
        server_information: Value::String(answer.upload_url.clone()),
    };
    Ok(upload_zip(capture, &Info::for_job(capture, &request))?)
}

/// Notes a status answer. A result that the server calls not final, or that is under review, is asked
/// for again later.
pub(crate) fn record(job: &mut JobState, answer: &StatusAnswer) {
    job.last_status = Some(answer.raw().to_owned());
    let open = answer.result().is_some_and(|result| JobResult::new(result).is_open());
    if answer.job_complete() {
        job.stage = if open || answer.decision(job.job_type) == Decision::Pending {
            JobStage::Uploaded
        } else {
            JobStage::Final
        };
    }
}
