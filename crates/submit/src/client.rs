//! The client: takes a capture's job through its steps and remembers each with the capture.
//!
//! A job id can be given to two captures by mistake, and an answer can be lost. So that no capture
//! is approved by another one's result, each step is recorded before the next begins:
//!
//! - A job is recorded before it is announced. When the server refuses it for good, what was
//!   recorded before is restored: the server never had the job, or has it from an earlier attempt.
//!   It is not restored when an attempt of the same call may have reached the server unanswered, or
//!   when it is the store that failed.
//! - The server's own name for an accepted job (`smile_job_id`) is recorded before the zip is sent.
//!   A record without it says that the zip was never sent.
//! - "This job exists" (2215) ends a first attempt. A later one, or one whose first request may have
//!   reached the server without an answer, may open its job again (`retry`). If the server has the
//!   zip already (2215 again), it is this capture's only if one was sent: without a recorded name
//!   the refusal stands, and with one the result must bear it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use liveface_bundle::{
    BundleError, Capture, IntegrityRecord, JobStage, JobState, Protocol, RecordEnvelope,
    RecordSigner, Store, Submission, Tag, now,
};
use liveface_core::Verdict;

use crate::call::{Call, Progress, Stopped};
use crate::environment::Environment;
use crate::error::SubmitError;
use crate::exchange::{Again, Exchange};
use crate::metadata;
use crate::request::{JobRequest, JobType, bad, new_job_id};
use crate::result::JobOutcome;
use crate::retry::RetryPolicy;
use crate::signature::{Signed, Signer, SignerError, SigningJob, Verification};
use crate::tls::TlsOptions;
use crate::transport::Transport;
use crate::ureq_transport::UreqTransport;
use crate::v1;
use crate::v3::{self, KeptToken, TokenSource, UserDetails};

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
    /// The protocol; [`Client::v3`] sets it.
    pub protocol: Protocol,
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
    /// Largest body of a V3 submission, in bytes.
    pub v3_max_payload: usize,
    /// Whether images may go to another machine without encryption. For tests in a local network.
    pub allow_plain_http: bool,
    /// Whether a job tells what the engine and the system know of the capture, as metadata: how long
    /// it took, what was asked for, which versions. What the request tells is sent in any case.
    pub metadata: bool,
    /// Whether the capture's integrity record travels with the job, as further metadata, so that the
    /// partner's own server can tell a changed bundle: see `docs/bundle-format.md`. It names the policy,
    /// the seed and the scores of the capture. [`Client::signing_records`] has it signed.
    pub record: bool,
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
            protocol: Protocol::V1,
            timeout: Duration::from_secs(120),
            poll: PollPolicy::default(),
            wait: Duration::from_secs(76),
            retry: RetryPolicy::default(),
            tls: TlsOptions::default(),
            v3_max_payload: v3::MAX_PAYLOAD,
            allow_plain_http: false,
            metadata: true,
            record: true,
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
    record_signer: Option<Arc<dyn RecordSigner + Send + Sync>>,
    /// For V3, which signs nothing.
    tokens: Option<Tokens>,
    exchange: Exchange,
}

/// Where a client's tokens come from, and the last one.
type Tokens = (Box<dyn TokenSource>, Mutex<Option<KeptToken>>);

impl Client {
    /// A client that signs with `signer`.
    ///
    /// # Errors
    /// When the server's address cannot be used.
    pub fn new(config: ClientConfig, signer: impl Signer + 'static) -> Result<Self, SubmitError> {
        let transport =
            Arc::new(UreqTransport::new(config.tls.clone().pinned_for(&config.environment)));
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
        if config.protocol == Protocol::V3 {
            return bad("V3 needs tokens and no signer: make the client with Client::v3");
        }
        Self::with_all(config, Arc::new(signer), None, transport)
    }

    /// A client that speaks V3, with tokens from `source`.
    ///
    /// # Errors
    /// When the server's address cannot be used.
    pub fn v3(
        config: ClientConfig,
        source: impl TokenSource + 'static,
    ) -> Result<Self, SubmitError> {
        let transport =
            Arc::new(UreqTransport::new(config.tls.clone().pinned_for(&config.environment)));
        Self::v3_with_transport(config, source, transport)
    }

    /// A client that speaks V3 and uses the app's own HTTP.
    ///
    /// # Errors
    /// When the server's address cannot be used.
    pub fn v3_with_transport(
        config: ClientConfig,
        source: impl TokenSource + 'static,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, SubmitError> {
        let config = ClientConfig { protocol: Protocol::V3, ..config };
        let signer = NoSigner(source.partner_id().to_owned());
        let tokens: Tokens = (Box::new(source), Mutex::default());
        Self::with_all(config, Arc::new(signer), Some(tokens), transport)
    }

    fn with_all(
        config: ClientConfig,
        signer: Arc<dyn Signer>,
        tokens: Option<Tokens>,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, SubmitError> {
        config.environment.check(config.allow_plain_http)?;
        let exchange = Exchange::new(transport, config.timeout, config.retry);
        Ok(Self { config, signer, record_signer: None, tokens, exchange })
    }

    /// This client, with the integrity records of its jobs signed by `signer`.
    #[must_use]
    pub fn signing_records(mut self, signer: impl RecordSigner + Send + Sync + 'static) -> Self {
        self.record_signer = Some(Arc::new(signer));
        self
    }

    /// Registers (enrols) `request.user_id` with the capture under `tag`.
    ///
    /// The result is waited for as long as the request says; an outcome that is still
    /// [`Decision::Pending`](crate::Decision::Pending) is no error, ask for the
    /// [`status`](Self::status) later. Called again for the same user, it goes on where it was:
    /// the same job id, no second upload of a zip that arrived, and the recorded outcome once that
    /// is final. A job that a v1 server refused for good is forgotten and begins anew. A V3 job of
    /// which it is not known whether the server has it is [`SubmitError::Unclear`], unless
    /// [`JobRequest::send_again`] is set.
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
        if job.stage == JobStage::Unclear {
            return Err(unclear(tag));
        }
        let accepted = job.smile_job_id.is_some() || job.stage == JobStage::Uploaded;
        let is_final = job.stage == JobStage::Final;
        if job.protocol == Protocol::V3 {
            if accepted && !is_final {
                self.check_server(tag, &job)?;
                self.v3_ask(&mut job, Again::Always, &mut call)?;
                submission.set_job(&job)?;
            }
        } else if (accepted && !is_final) || (is_final && options != StatusOptions::default()) {
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
    /// A job that was begun or has its result already is left as it is. A V3 job of which it is not
    /// known whether the server has it cannot wait: it is [`SubmitError::Unclear`].
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
        let (submission, _, job, begun) = self.begin(store, tag, job_type, request)?;
        // That it may have been sent must not be forgotten.
        if begun.unsent_stage() == JobStage::Unclear {
            return Err(unclear(tag));
        }
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
        job.metadata = self.metadata(&capture, request, &job.created)?;
        let earlier = submission.job()?;
        let mut same = false;
        match &earlier {
            Some(earlier)
                if earlier.protocol != job.protocol && earlier.stage != JobStage::Final =>
            {
                return Err(SubmitError::OtherProtocol { tag: tag.clone() });
            }
            Some(earlier) if earlier.stage == JobStage::Unclear => {
                // For another job nobody would look for this one any more.
                if !request.send_again || !same_job(earlier, &job, request) {
                    return Err(unclear(tag));
                }
                let JobState { job_id, created, attempts, .. } = earlier.clone();
                job = JobState { job_id, created, attempts, ..job };
            }
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
            // The server may have its zip.
            Some(earlier)
                if earlier.stage == JobStage::Uploaded
                    || (earlier.stage == JobStage::Prepared && earlier.smile_job_id.is_some()) =>
            {
                return Err(SubmitError::OtherJob { tag: tag.clone() });
            }
            _ => {}
        }
        // Nothing is recorded of a job that cannot be sent.
        if job.protocol == Protocol::V3 && job.stage == JobStage::Prepared {
            v3::form(&job, &capture, self.config.v3_max_payload)?;
        }
        Ok((submission, capture, job, Begun { earlier, same }))
    }

    /// Everything that a job tells of its capture besides the images.
    fn metadata(
        &self,
        capture: &Capture,
        request: &JobRequest,
        created: &str,
    ) -> Result<Vec<serde_json::Value>, SubmitError> {
        let mut metadata =
            metadata::assemble(&capture.record, request, created, self.config.metadata);
        if self.config.record {
            let record = IntegrityRecord::of(capture, &request.device.for_record());
            let envelope = match &self.record_signer {
                Some(signer) => RecordEnvelope::signed(&record, signer.as_ref()),
                None => RecordEnvelope::unsigned(&record),
            };
            metadata.extend(envelope.map_err(BundleError::from)?.to_metadata(created));
        }
        Ok(metadata)
    }

    fn new_job(&self, job_type: JobType, request: &JobRequest) -> Result<JobState, SubmitError> {
        request.check(job_type)?;
        let mut job = JobState {
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
            protocol: self.config.protocol,
            user_details: request
                .user_details
                .as_ref()
                .map(UserDetails::to_map)
                .unwrap_or_default(),
            consent: request.consent.clone(),
            sandbox_result: request.sandbox_result,
            created: now(),
            attempts: 0,
            stage: JobStage::Prepared,
            ref_id: None,
            smile_job_id: None,
            last_status: None,
            unverified: false,
        };
        let only_v3 = !job.user_details.is_empty() || job.consent.is_some();
        match job.protocol {
            Protocol::V3 => v3::check(&mut job)?,
            Protocol::V1 if only_v3 || job.sandbox_result.is_some() => {
                return bad("user details, consent and a sandbox's result are for V3");
            }
            Protocol::V1 => {}
        }
        Ok(job)
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
        if job.stage == JobStage::Unclear {
            return Err(unclear(submission.tag()));
        }
        if job.stage == JobStage::Prepared {
            call.check()?;
            call.tell(Progress::Preparing);
            let unrecorded = job.attempts == 0 || begun.earlier.as_ref() != Some(&job);
            job.attempts = job.attempts.saturating_add(1);
            metadata::note_attempts(&mut job.metadata, job.attempts);
            let mut arrived = false;
            let sent = if job.protocol == Protocol::V3 {
                self.v3_transfer(submission, capture, &mut job, begun.unsent_stage(), &mut call)
            } else {
                if unrecorded {
                    // Before the server can hear of it.
                    submission.set_job(&job)?;
                }
                self.v1_transfer(submission, capture, &mut job, &mut arrived, &mut call)
            };
            match sent {
                Ok(()) => {}
                // It noted what it knows.
                Err(error) if job.protocol == Protocol::V3 => return Err(error),
                Err(error) => {
                    // An id that others use is not ours, whatever arrived.
                    if refused_for_good(&error) && (!arrived || v1::job_exists(&error)) {
                        begun.restore(submission, &error)?;
                    } else {
                        // How often it was tried: no reason for another error.
                        let _ = submission.set_job(&job);
                    }
                    return Err(error);
                }
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
        let mut told = false;
        for attempt in 1.. {
            call.tell(Progress::Waiting { attempt });
            // A question that fails is followed by the next one.
            let asked = self.ask(job, Again::Never, call);
            let pause = match job.protocol {
                Protocol::V1 => self.config.poll.pause_after(attempt),
                // As Smile ID's V3 client: always the same.
                Protocol::V3 => self.config.poll.early_pause,
            }
            .max(call.come_again());
            told |= asked.is_ok();
            let again = !matches!(asked, Ok(true)) && started.elapsed() + pause <= wait;
            match asked {
                Ok(_) if !again => return Ok(submission.set_job(job)?),
                Err(error) if !again || !error.is_retryable() => {
                    if told {
                        // What earlier questions brought: no reason for another error.
                        let _ = submission.set_job(job);
                    }
                    return Err(error);
                }
                _ => call.pause(pause)?,
            }
        }
        Ok(())
    }

    /// Asks for the result once, notes the answer in `job`, and says whether the server is done.
    fn ask(
        &self,
        job: &mut JobState,
        again: Again,
        call: &mut Call<'_>,
    ) -> Result<bool, SubmitError> {
        if job.protocol == Protocol::V3 {
            return self.v3_ask(job, again, call);
        }
        let answer = self.v1_ask(job, StatusOptions::default(), again, call)?;
        v1::record(job, &answer);
        Ok(answer.job_complete())
    }

    pub(crate) const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Where V3's tokens come from, and the last one.
    pub(crate) fn tokens(&self) -> Result<&Tokens, SubmitError> {
        self.tokens.as_ref().ok_or_else(|| SubmitError::Request("it needs tokens".to_owned()))
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
        if job.protocol != self.config.protocol {
            return Err(SubmitError::OtherProtocol { tag: tag.clone() });
        }
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
    /// What a V3 job is when it surely was not sent: what it was before.
    fn unsent_stage(&self) -> JobStage {
        let unclear = |earlier: &JobState| earlier.stage == JobStage::Unclear;
        if self.earlier.as_ref().is_some_and(unclear) {
            JobStage::Unclear
        } else {
            JobStage::Prepared
        }
    }

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

/// What a client of V3 has for a signer: the partner's id.
struct NoSigner(String);

impl Signer for NoSigner {
    fn partner_id(&self) -> &str {
        &self.0
    }

    fn sign(&self, _: &SigningJob) -> Result<Signed, SignerError> {
        Err(SignerError::Refused("V3 has tokens and no signatures".to_owned()))
    }

    fn verify(&self, _: &Signed) -> Result<Verification, SignerError> {
        Ok(Verification::NotPossible)
    }
}

/// Whether the job was refused by the server or could not be signed, and will be again. Trouble with
/// the store, say, tells nothing of what the server has.
fn refused_for_good(error: &SubmitError) -> bool {
    use SubmitError::{Clock, Refused};
    let refused = matches!(
        error,
        Refused { .. } | Clock { .. } | SubmitError::Signer(SignerError::Refused(_))
    );
    refused && !error.is_retryable()
}

/// An earlier call ended before it knew whether the server has the job.
fn unclear(tag: &Tag) -> SubmitError {
    let what = "an earlier call ended before there was an answer".to_owned();
    SubmitError::Unclear { tag: tag.clone(), what }
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
    earlier.protocol == job.protocol
        && earlier.job_type == job.job_type
        && earlier.user_id == job.user_id
        && earlier.partner_id == job.partner_id
        && earlier.base_url == job.base_url
        && request.job_id.as_ref().is_none_or(|job_id| *job_id == earlier.job_id)
}
