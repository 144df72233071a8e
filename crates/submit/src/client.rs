//! The client: takes a capture's job through its steps and remembers each with the capture.
//!
//! A job id can be given to two captures by mistake, and an answer can be lost. So that no capture
//! is approved by another one's result, each step is recorded before the next begins:
//!
//! - A job is recorded before it is announced. When the server refuses it for good, what was
//!   recorded before is restored: the server never had the job, or has it from an earlier attempt.
//! - The server's own name for an accepted job (`smile_job_id`) is recorded before the zip is sent.
//!   A record without it says that the zip was never sent.
//! - "This job exists" (2215) ends a first attempt. A later one, or one whose first request may have
//!   reached the server without an answer, may open its job again (`retry`). If the server has the
//!   zip already (2215 again), it is this capture's only if one was sent: without a recorded name
//!   the refusal stands, and with one the result must bear it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use liveface_bundle::{
    BundleError, Capture, JobStage, JobState, Protocol, Store, Submission, Tag, now,
};
use liveface_core::Verdict;

use crate::call::{Call, Progress, Stopped};
use crate::environment::Environment;
use crate::error::SubmitError;
use crate::exchange::{Again, Exchange};
use crate::metadata;
use crate::request::{JobRequest, JobType, new_job_id};
use crate::result::JobOutcome;
use crate::retry::RetryPolicy;
use crate::signature::{Signed, Signer, SignerError, SigningJob, Verification};
use crate::tls::TlsOptions;
use crate::transport::Transport;
use crate::ureq_transport::UreqTransport;
use crate::v1;
use crate::wire::StatusAnswer;

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
    /// How long a request is tried again when the network or the server fails.
    pub retry: RetryPolicy,
    /// Which servers are trusted. A transport of the app's own decides that itself.
    pub tls: TlsOptions,
    /// Whether images may go to another machine without encryption. For tests in a local network.
    pub allow_plain_http: bool,
    /// Whether a job tells what the engine and the system know of the capture, as metadata: how long
    /// it took, what was asked for, which versions. What the request tells is sent in any case.
    pub metadata: bool,
    /// Whether answers are taken that the signer has no means to check; what it can check must be
    /// right in any case. [`JobOutcome::verified`] tells which it was.
    pub accept_unverified_answers: bool,
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
            retry: RetryPolicy::default(),
            tls: TlsOptions::default(),
            allow_plain_http: false,
            metadata: true,
            accept_unverified_answers: false,
        }
    }
}

/// What a question for the status asks for besides the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusOptions {
    /// Earlier results of the job: see [`JobOutcome::history`].
    pub history: bool,
    /// Addresses of the pictures on the server: see [`JobOutcome::image_links`].
    pub image_links: bool,
}

/// Sends captures as jobs.
pub struct Client {
    config: ClientConfig,
    signer: Arc<dyn Signer>,
    exchange: Exchange,
}

impl Client {
    /// A client that signs with `signer`.
    ///
    /// # Errors
    /// When the server's address cannot be used.
    pub fn new(config: ClientConfig, signer: impl Signer + 'static) -> Result<Self, SubmitError> {
        let transport = Arc::new(UreqTransport::new(config.tls.clone()));
        Self::with_transport(config, signer, transport)
    }

    /// A client that uses the app's own HTTP.
    ///
    /// # Errors
    /// When the server's address cannot be used.
    pub fn with_transport(
        config: ClientConfig,
        signer: impl Signer + 'static,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, SubmitError> {
        config.environment.check(config.allow_plain_http)?;
        let exchange = Exchange::new(transport, config.timeout, config.retry);
        Ok(Self { config, signer: Arc::new(signer), exchange })
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
        call: Call<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        self.submit(store, tag, JobType::Register, request, call)
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
        call: Call<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        self.submit(store, tag, JobType::Authenticate, request, call)
    }

    /// Goes on with the job that was begun for the capture under `tag`. `wait` is as in
    /// [`JobRequest::wait`].
    ///
    /// # Errors
    /// When no job was begun, or it was begun with another server or partner; otherwise as
    /// [`register`](Self::register).
    pub fn resume(
        &self,
        store: &Store,
        tag: &Tag,
        wait: Option<Duration>,
        call: Call<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        let submission = store.submission(tag)?;
        let job = submission.job()?.ok_or_else(|| SubmitError::NoJob { tag: tag.clone() })?;
        let capture = sendable(&submission)?;
        let begun = Begun { earlier: Some(job.clone()), same: true };
        self.go_on(&submission, &capture, job, &begun, wait, call)
    }

    /// How far the job of the capture under `tag` is. Asks the server when it accepted the job and
    /// the answer is not final yet, or when `options` want more than the result; sends nothing else.
    ///
    /// # Errors
    /// When no job was begun, or the server cannot be asked.
    pub fn status(
        &self,
        store: &Store,
        tag: &Tag,
        options: StatusOptions,
        mut call: Call<'_>,
    ) -> Result<JobOutcome, SubmitError> {
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
        let accepted = job.smile_job_id.is_some() || job.stage == JobStage::Uploaded;
        let is_final = job.stage == JobStage::Final;
        if (accepted && !is_final) || (is_final && options != StatusOptions::default()) {
            self.check_server(tag, &job)?;
            let answer = self.v1_ask(&mut job, options, Again::Always, &mut call)?;
            if is_final {
                // The record has the final result. What was asked for besides is for now.
                job.last_status = Some(answer.raw().to_owned());
            } else {
                v1::record(&mut job, &answer);
                submission.set_job(&job)?;
            }
        }
        Ok(JobOutcome::new(job))
    }

    fn submit(
        &self,
        store: &Store,
        tag: &Tag,
        job_type: JobType,
        request: &JobRequest,
        call: Call<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        let (submission, capture, job, begun) = self.begin(store, tag, job_type, request)?;
        self.go_on(&submission, &capture, job, &begun, request.wait, call)
    }

    /// Records a job for the capture under `tag` without sending anything: for a device that has no
    /// network now. [`submit_all`](Self::submit_all) sends it, or any other call for the same user.
    /// A job that was begun or has its result already is left as it is.
    ///
    /// # Errors
    /// When the request or the capture could not be sent.
    pub fn prepare(
        &self,
        store: &Store,
        tag: &Tag,
        job_type: JobType,
        request: &JobRequest,
    ) -> Result<JobOutcome, SubmitError> {
        let (submission, _, job, _) = self.begin(store, tag, job_type, request)?;
        if job.stage == JobStage::Prepared {
            submission.set_job(&job)?;
        }
        Ok(JobOutcome::new(job))
    }

    /// The job that `request` is about: a new one, or the one that was begun.
    fn begin(
        &self,
        store: &Store,
        tag: &Tag,
        job_type: JobType,
        request: &JobRequest,
    ) -> Result<(Submission, Capture, JobState, Begun), SubmitError> {
        let mut job = self.new_job(job_type, request)?;
        let submission = store.submission(tag)?;
        let capture = sendable(&submission)?;
        job.metadata = self.metadata(&capture, request, &job.created);
        let earlier = submission.job()?;
        let mut same = false;
        match &earlier {
            Some(earlier) if same_job(earlier, &job, request) => {
                same = true;
                // What the server has not got yet may still be changed.
                if earlier.stage == JobStage::Prepared {
                    let JobState { job_id, created, attempts, ref_id, smile_job_id, .. } =
                        earlier.clone();
                    job = JobState { job_id, created, attempts, ref_id, smile_job_id, ..job };
                } else {
                    job = earlier.clone();
                }
            }
            Some(earlier) if earlier.stage == JobStage::Uploaded => {
                return Err(SubmitError::OtherJob { tag: tag.clone() });
            }
            _ => {}
        }
        Ok((submission, capture, job, Begun { earlier, same }))
    }

    /// Everything that a job tells of its capture besides the images.
    fn metadata(
        &self,
        capture: &Capture,
        request: &JobRequest,
        created: &str,
    ) -> Vec<serde_json::Value> {
        metadata::assemble(&capture.record, request, created, self.config.metadata)
    }

    fn new_job(&self, job_type: JobType, request: &JobRequest) -> Result<JobState, SubmitError> {
        request.check(job_type)?;
        Ok(JobState {
            metadata: vec![],
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
            created: now(),
            attempts: 0,
            stage: JobStage::Prepared,
            ref_id: None,
            smile_job_id: None,
            last_status: None,
            unverified: false,
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
        mut call: Call<'_>,
    ) -> Result<JobOutcome, SubmitError> {
        if job.stage != JobStage::Final {
            self.check_server(submission.tag(), &job)?;
        }
        if job.stage == JobStage::Prepared {
            call.check()?;
            call.tell(Progress::Preparing);
            // Before the server can hear of it.
            job.attempts = job.attempts.saturating_add(1);
            metadata::note_attempts(&mut job.metadata, job.attempts);
            submission.set_job(&job)?;
            let sent = self.v1_transfer(submission, capture, &mut job, &mut call);
            if let Err(error) = sent {
                if !error.is_retryable() {
                    begun.restore(submission, &error)?;
                }
                return Err(error);
            }
        }
        let wait = wait.unwrap_or(self.config.wait);
        if job.stage != JobStage::Final && !wait.is_zero() {
            self.follow(submission, &mut job, wait, &mut call)?;
        }
        call.tell(Progress::Done);
        Ok(JobOutcome::new(job))
    }

    /// Asks for the result until it is there or `wait` is over, and notes the last answer.
    fn follow(
        &self,
        submission: &Submission,
        job: &mut JobState,
        wait: Duration,
        call: &mut Call<'_>,
    ) -> Result<(), SubmitError> {
        let started = Instant::now();
        for attempt in 1.. {
            call.tell(Progress::Waiting { attempt });
            // A question that fails is followed by the next one.
            let asked = self.v1_ask(job, StatusOptions::default(), Again::Never, call);
            let complete = asked.as_ref().is_ok_and(StatusAnswer::job_complete);
            let pause = self.config.poll.pause_after(attempt);
            let again = !complete && started.elapsed() + pause <= wait;
            match asked {
                Ok(answer) if !again => {
                    v1::record(job, &answer);
                    submission.set_job(job)?;
                    return Ok(());
                }
                Err(error) if !again || !error.is_retryable() => return Err(error),
                _ => call.pause(pause)?,
            }
        }
        Ok(())
    }

    pub(crate) const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Signs a request of `job`. A signer may have to ask somebody: it has a thread of its own.
    pub(crate) fn sign(&self, job: &JobState, call: &mut Call<'_>) -> Result<Signed, SubmitError> {
        call.check()?;
        let job = SigningJob {
            job_type: job.job_type,
            user_id: job.user_id.clone(),
            job_id: job.job_id.clone(),
            production: job.environment == Environment::Production.name(),
        };
        let signer = self.signer.clone();
        Ok(call.apart(move || signer.sign(&job), |_| ()).map_err(unsigned)??)
    }

    /// Whether the partner's key made the signature of an answer; `false` when that cannot be told
    /// and the configuration accepts it. Fails when it did not, or nothing is signed.
    pub(crate) fn verify(
        &self,
        received: Option<Signed>,
        call: &mut Call<'_>,
    ) -> Result<bool, SubmitError> {
        let received = received.ok_or(SubmitError::Unsigned)?;
        let signer = self.signer.clone();
        match call.apart(move || signer.verify(&received), |_| ()).map_err(unsigned)?? {
            Verification::Valid => Ok(true),
            Verification::NotPossible if self.config.accept_unverified_answers => Ok(false),
            Verification::NotPossible => Err(SubmitError::Unverifiable),
            Verification::Invalid => Err(SubmitError::Unsigned),
        }
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
    /// Whether that is the same job.
    same: bool,
}

impl Begun {
    /// Restores the record after the server refused the job for good.
    fn restore(&self, submission: &Submission, error: &SubmitError) -> Result<(), BundleError> {
        // A job id that others use can never become this capture's.
        let ours = |_: &&JobState| !(self.same && v1::job_exists(error));
        match self.earlier.as_ref().filter(ours) {
            Some(earlier) => submission.set_job(earlier),
            None => submission.forget_job(),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A signer that did not come to an end.
fn unsigned(stopped: Stopped) -> SubmitError {
    match stopped {
        Stopped::Cancelled => SubmitError::Cancelled,
        Stopped::Died(what) => SignerError::Refused(what).into(),
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
