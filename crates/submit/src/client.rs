//! The client: takes a capture's job through its steps and remembers each with the capture.
//!
//! A job id can be given to two captures by mistake, and an answer can be lost. So that no capture
//! is approved by another one's result, each step is recorded before the next begins:
//!
//! - A job is recorded before it is announced. When the server refuses it for good, what was
//!   recorded before is restored: the server never had the job, or has it from an earlier attempt.
//! - The server's own name for an accepted job (`smile_job_id`) is recorded before the zip is sent.
//!   A record without it says that the zip was never sent.
//! - "This job exists" (2215) ends a first attempt. A later one may open its job again (`retry`). If
//!   the server has the zip already (2215 again), it is this capture's only if one was sent: without
//!   a recorded name the refusal stands, and with one the result must bear it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use liveface_bundle::{
    BundleError, Capture, Info, InfoRequest, JobStage, JobState, PartnerParams, Protocol, Store,
    Submission, Tag, Zeroizing, now, upload_zip,
};
use liveface_core::Verdict;
use serde_json::Value;

use crate::environment::{Environment, Transport, transport};
use crate::error::SubmitError;
use crate::http::{Http, refused};
use crate::request::{JobRequest, JobType, new_job_id};
use crate::result::{JobOutcome, JobResult};
use crate::signature::{Signed, Signer};
use crate::wire::{SOURCE_SDK, StatusAnswer, StatusRequest, UploadAnswer, UploadRequest};

/// "A job with this id exists already."
const JOB_EXISTS: &str = "2215";

/// How often the server is asked for a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollPolicy {
    /// The pause after each of the first questions.
    pub early_pause: Duration,
    /// How many those are.
    pub early_polls: u32,
    /// The pause after each later one.
    pub late_pause: Duration,
}

impl Default for PollPolicy {
    /// 2 s four times, then 4 s: what Smile ID's JavaScript library does.
    fn default() -> Self {
        Self {
            early_pause: Duration::from_secs(2),
            early_polls: 4,
            late_pause: Duration::from_secs(4),
        }
    }
}

impl PollPolicy {
    fn pause_after(&self, attempt: u32) -> Duration {
        if attempt <= self.early_polls { self.early_pause } else { self.late_pause }
    }
}

/// How a [`Client`] works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Where jobs go.
    pub environment: Environment,
    /// Longest time for one request with its answer. 120 s, as in Smile ID's mobile SDKs.
    pub timeout: Duration,
    /// How often the server is asked for a result.
    pub poll: PollPolicy,
    /// How long the result is waited for, when the job does not say. 76 s, as in Smile ID's
    /// JavaScript library.
    pub wait: Duration,
    /// Whether images may go to another machine without encryption. For tests in a local network.
    pub allow_plain_http: bool,
}

impl ClientConfig {
    /// The usual settings for `environment`.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            timeout: Duration::from_secs(120),
            poll: PollPolicy::default(),
            wait: Duration::from_secs(76),
            allow_plain_http: false,
        }
    }
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Announces the job and packs the zip.
    Preparing,
    /// Uploads the zip.
    Uploading {
        /// Its size.
        bytes: usize,
    },
    /// Asks for the result.
    Waiting {
        /// Counts the questions from 1.
        attempt: u32,
    },
    /// The call is over.
    Done,
}

/// Who is told of the progress.
type Watcher<'a> = Option<&'a mut dyn FnMut(Progress)>;

/// Sends captures as jobs.
pub struct Client {
    config: ClientConfig,
    signer: Box<dyn Signer>,
    http: Http,
}

impl Client {
    /// A client that signs with `signer`.
    ///
    /// # Errors
    /// When the server's address cannot be used.
    pub fn new(config: ClientConfig, signer: impl Signer + 'static) -> Result<Self, SubmitError> {
        config.environment.check(config.allow_plain_http)?;
        let here = transport(config.environment.base_url()) == Some(Transport::Loopback);
        let http = Http::new(config.timeout, here);
        Ok(Self { config, signer: Box::new(signer), http })
    }

    /// Registers (enrols) `request.user_id` with the capture under `tag`.
    ///
    /// The result is waited for as long as the request says; an outcome that is still
    /// [`Decision::Pending`](crate::Decision::Pending) is no error, ask for the
    /// [`status`](Self::status) later. Called again for the same user, it goes on where it was:
    /// the same job id, no second upload of a zip that arrived, and the recorded outcome once that
    /// is final. A job that the server refused for good is forgotten and begins anew.
    ///
    /// # Errors
    /// When the request or the capture cannot be sent, the server was not reached or refused. A
    /// rejected user is no error.
    pub fn register(
        &self,
        store: &Store,
        tag: &Tag,
        request: &JobRequest,
        progress: Watcher<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        self.submit(store, tag, JobType::Register, request, progress)
    }

    /// Authenticates the registered `request.user_id` with the capture under `tag`. Otherwise as
    /// [`register`](Self::register).
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn authenticate(
        &self,
        store: &Store,
        tag: &Tag,
        request: &JobRequest,
        progress: Watcher<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        self.submit(store, tag, JobType::Authenticate, request, progress)
    }

    /// Goes on with the job that was begun for the capture under `tag`: what an offline queue calls
    /// for each waiting tag. `wait` is as in [`JobRequest::wait`].
    ///
    /// # Errors
    /// When no job was begun, or it was begun with another server or partner; otherwise as
    /// [`register`](Self::register).
    pub fn resume(
        &self,
        store: &Store,
        tag: &Tag,
        wait: Option<Duration>,
        progress: Watcher<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        let submission = store.submission(tag)?;
        let job = submission.job()?.ok_or_else(|| SubmitError::NoJob { tag: tag.clone() })?;
        let capture = sendable(&submission)?;
        let begun = Begun { earlier: Some(job.clone()), resumed: true };
        self.go_on(&submission, &capture, job, &begun, wait, progress)
    }

    /// How far the job of the capture under `tag` is. Asks the server once when it accepted the job
    /// and the answer is not final yet; sends nothing else.
    ///
    /// # Errors
    /// When no job was begun, or the server cannot be asked.
    pub fn status(&self, store: &Store, tag: &Tag) -> Result<JobOutcome, SubmitError> {
        let submission = match store.submission(tag) {
            Ok(submission) => submission,
            // Whoever submits it records what there is to know.
            Err(BundleError::Busy { .. }) => {
                let job = store.job(tag)?.ok_or_else(|| SubmitError::NoJob { tag: tag.clone() })?;
                return Ok(JobOutcome::new(job));
            }
            Err(error) => return Err(error.into()),
        };
        let mut job = submission.job()?.ok_or_else(|| SubmitError::NoJob { tag: tag.clone() })?;
        let accepted = job.smile_job_id.is_some() && job.stage != JobStage::Final;
        if accepted || job.stage == JobStage::Uploaded {
            self.check_server(tag, &job)?;
            let answer = self.ask(&job)?;
            record(&mut job, &answer);
            submission.set_job(&job)?;
        }
        Ok(JobOutcome::new(job))
    }

    fn submit(
        &self,
        store: &Store,
        tag: &Tag,
        job_type: JobType,
        request: &JobRequest,
        progress: Watcher<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        let mut job = self.new_job(job_type, request)?;
        let submission = store.submission(tag)?;
        let capture = sendable(&submission)?;
        let earlier = submission.job()?;
        let mut resumed = false;
        match &earlier {
            Some(earlier) if same_job(earlier, &job, request) => {
                resumed = true;
                // What the server has not got yet may still be changed.
                if earlier.stage == JobStage::Prepared {
                    let JobState { job_id, created, ref_id, smile_job_id, .. } = earlier.clone();
                    job = JobState { job_id, created, ref_id, smile_job_id, ..job };
                } else {
                    job = earlier.clone();
                }
            }
            Some(earlier) if earlier.stage == JobStage::Uploaded => {
                return Err(SubmitError::OtherJob { tag: tag.clone() });
            }
            _ => {}
        }
        if job.stage == JobStage::Prepared {
            submission.set_job(&job)?;
        }
        let begun = Begun { earlier, resumed };
        self.go_on(&submission, &capture, job, &begun, request.wait, progress)
    }

    fn new_job(&self, job_type: JobType, request: &JobRequest) -> Result<JobState, SubmitError> {
        let created = now();
        Ok(JobState {
            metadata: request.check(job_type, &created)?,
            job_type: job_type.number(),
            user_id: request.user_id.clone(),
            job_id: request.job_id.clone().map_or_else(new_job_id, Ok)?,
            partner_id: self.signer.partner_id().to_owned(),
            environment: self.config.environment.name().to_owned(),
            base_url: self.config.environment.base_url().to_owned(),
            callback_url: request.callback_url.clone(),
            partner_params: request.partner_params.clone(),
            allow_re_enroll: request.allow_re_enroll,
            use_enrolled_image: request.use_enrolled_image,
            id_info: request.id_info.clone(),
            protocol: Protocol::V1,
            user_details: BTreeMap::new(),
            consent: None,
            sandbox_result: None,
            created,
            stage: JobStage::Prepared,
            ref_id: None,
            smile_job_id: None,
            last_status: None,
        })
    }

    /// Takes `job` from where it is to its result, or as far as it comes.
    fn go_on(
        &self,
        submission: &Submission,
        capture: &Capture,
        mut job: JobState,
        begun: &Begun,
        wait: Option<Duration>,
        mut progress: Watcher<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        let mut tell = |news| {
            if let Some(progress) = progress.as_mut() {
                progress(news);
            }
        };
        if job.stage != JobStage::Final {
            self.check_server(submission.tag(), &job)?;
        }
        if job.stage == JobStage::Prepared {
            tell(Progress::Preparing);
            let announced = match self.announce(&job, begun.resumed) {
                Err(error) if !error.is_retryable() => {
                    begun.restore(submission, &error)?;
                    return Err(error);
                }
                announced => announced?,
            };
            if let Some((signed, answer)) = announced {
                job.ref_id.clone_from(&answer.ref_id);
                job.smile_job_id.clone_from(&answer.smile_job_id);
                submission.set_job(&job)?;
                let zip = pack(capture, &job, &signed, &answer)?;
                tell(Progress::Uploading { bytes: zip.len() });
                self.http.put_zip("upload the zip", &answer.upload_url, &zip)?;
                job.stage = JobStage::Uploaded;
                submission.set_job(&job)?;
            }
        }
        let wait = wait.unwrap_or(self.config.wait);
        if job.stage != JobStage::Final && !wait.is_zero() {
            self.follow(submission, &mut job, wait, &mut tell)?;
        }
        tell(Progress::Done);
        Ok(JobOutcome::new(job))
    }

    /// Announces the job. `None` when the server has a zip for it already, and an earlier call that
    /// was cut short may have sent that.
    fn announce(
        &self,
        job: &JobState,
        resumed: bool,
    ) -> Result<Option<(Signed, UploadAnswer)>, SubmitError> {
        match self.post_upload(job, false) {
            // Only of a job that may be our own: another's job is not to be opened again.
            Err(error) if resumed && job_exists(&error) => match self.post_upload(job, true) {
                Err(error) if job_exists(&error) && job.smile_job_id.is_some() => Ok(None),
                answer => answer.map(Some),
            },
            answer => answer.map(Some),
        }
    }

    fn post_upload(
        &self,
        job: &JobState,
        retry: bool,
    ) -> Result<(Signed, UploadAnswer), SubmitError> {
        let doing = "announce the job";
        let signed = self.signer.sign()?;
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
        let url = format!("{}/upload", job.base_url);
        let private = private(job);
        let answer = self.http.post(doing, &url, &body, &private)?.value;
        let Some(answer) = UploadAnswer::parse(&answer) else {
            return Err(refused(doing, 200, &answer, &private));
        };
        // Images do not go where they are less safe than the announcement was.
        if transport(&answer.upload_url) < transport(&job.base_url) {
            let what = "the server names an upload address that is not https".to_owned();
            return Err(SubmitError::BadAnswer { doing, what });
        }
        Ok((signed, answer))
    }

    /// Asks for the result until it is there or `wait` is over, and notes the last answer.
    fn follow(
        &self,
        submission: &Submission,
        job: &mut JobState,
        wait: Duration,
        tell: &mut impl FnMut(Progress),
    ) -> Result<(), SubmitError> {
        let started = Instant::now();
        for attempt in 1.. {
            tell(Progress::Waiting { attempt });
            let asked = self.ask(job);
            let complete = asked.as_ref().is_ok_and(StatusAnswer::job_complete);
            let pause = self.config.poll.pause_after(attempt);
            let again = !complete && started.elapsed() + pause <= wait;
            match asked {
                Ok(answer) if !again => {
                    record(job, &answer);
                    submission.set_job(job)?;
                    return Ok(());
                }
                Err(error) if !again || !error.is_retryable() => return Err(error),
                _ => std::thread::sleep(pause),
            }
        }
        Ok(())
    }

    /// Asks for the job's status once. The answer is signed by the partner's key and about this job.
    fn ask(&self, job: &JobState) -> Result<StatusAnswer, SubmitError> {
        let doing = "ask for the job's status";
        let signed = self.signer.sign()?;
        let body = StatusRequest {
            user_id: &job.user_id,
            job_id: &job.job_id,
            partner_id: &job.partner_id,
            image_links: false,
            history: false,
            timestamp: &signed.timestamp,
            signature: &signed.signature,
        };
        let url = format!("{}/job_status", job.base_url);
        let private = private(job);
        let answer = self.http.post(doing, &url, &body, &private)?;
        if answer.value.get("job_complete").is_none() {
            return Err(refused(doing, 200, &answer.value, &private));
        }
        let bad = |what: &str| SubmitError::BadAnswer { doing, what: what.to_owned() };
        let status =
            StatusAnswer::parse(&answer.raw).ok_or_else(|| bad("the answer is not JSON"))?;
        let (Some(timestamp), Some(signature)) = (status.timestamp(), status.signature()) else {
            return Err(SubmitError::Unsigned);
        };
        let received = Signed { timestamp: timestamp.to_owned(), signature: signature.to_owned() };
        if !self.signer.verify(&received)? {
            return Err(SubmitError::Unsigned);
        }
        let named = status.result().and_then(|result| result.get("PartnerParams"));
        let is_other = |name: &str, own: &str| {
            named
                .and_then(|named| named.get(name))
                .and_then(Value::as_str)
                .is_some_and(|n| n != own)
        };
        if is_other("job_id", &job.job_id) || is_other("user_id", &job.user_id) {
            return Err(bad("the answer is about another job"));
        }
        // Whether the zip arrived was not noted: only this name tells that it is the judged one.
        if job.stage == JobStage::Prepared && status.job_complete() {
            let judged = status.result().and_then(|result| JobResult::new(result).smile_job_id());
            if judged.is_none() || judged != job.smile_job_id {
                return Err(SubmitError::OtherCapture);
            }
        }
        Ok(status)
    }

    /// Fails when `job` was begun with another server or partner: its id means nothing there.
    fn check_server(&self, tag: &Tag, job: &JobState) -> Result<(), SubmitError> {
        if job.base_url == self.config.environment.base_url()
            && job.partner_id == self.signer.partner_id()
        {
            return Ok(());
        }
        let environment = job.environment.clone();
        Err(SubmitError::OtherServer { tag: tag.clone(), environment })
    }
}

/// What was there when a call began.
struct Begun {
    /// What was recorded of a job of the capture.
    earlier: Option<JobState>,
    /// Whether that is the same job: it may have been announced.
    resumed: bool,
}

impl Begun {
    /// Restores the record after the server refused the job for good.
    fn restore(&self, submission: &Submission, error: &SubmitError) -> Result<(), BundleError> {
        // A job id that others use can never become this capture's.
        let ours = |_: &&JobState| !(self.resumed && job_exists(error));
        match self.earlier.as_ref().filter(ours) {
            Some(earlier) => submission.set_job(earlier),
            None => submission.forget_job(),
        }
    }
}

fn job_exists(error: &SubmitError) -> bool {
    error.server_code() == Some(JOB_EXISTS)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The capture, if it is fit to be sent.
fn sendable(submission: &Submission) -> Result<Capture, SubmitError> {
    let capture = submission.capture()?;
    let tag = || submission.tag().clone();
    match capture.record.verdict {
        Verdict::Live if capture.selfie().is_some() => Ok(capture),
        Verdict::Live => Err(SubmitError::NoSelfie { tag: tag() }),
        verdict => Err(SubmitError::NotLive { tag: tag(), verdict }),
    }
}

/// Whether `earlier` is what `job` would be. A request without a job id takes any.
fn same_job(earlier: &JobState, job: &JobState, request: &JobRequest) -> bool {
    earlier.job_type == job.job_type
        && earlier.user_id == job.user_id
        && earlier.partner_id == job.partner_id
        && earlier.base_url == job.base_url
        && request.job_id.as_ref().is_none_or(|job_id| *job_id == earlier.job_id)
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

/// Notes a status answer. A result that the server calls not final is asked for again later.
fn record(job: &mut JobState, answer: &StatusAnswer) {
    job.last_status = Some(answer.raw().to_owned());
    let provisional = answer.result().is_some_and(|r| JobResult::new(r).is_final() == Some(false));
    if answer.job_complete() {
        job.stage = if provisional { JobStage::Uploaded } else { JobStage::Final };
    }
}
