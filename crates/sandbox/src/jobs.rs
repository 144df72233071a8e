//! The life of a job: opened by `/upload`, filled by the PUT, ended by the judge. Each step is one
//! transaction, so a killed sandbox goes on where it was.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::codes::{Outcome, RequestError};
use crate::error::StoreError;
use crate::judge::Decision;
use crate::store::{CallbackState, Change, Counts, Done, Job, JobKind, Stage, Store, V3Job, token};
use crate::v3::V3Error;
use crate::wire::JobResult;

/// A job as `/upload` asks for it.
pub(crate) struct NewJob {
    pub(crate) job_id: String,
    pub(crate) user_id: String,
    pub(crate) kind: JobKind,
    pub(crate) partner_params: Map<String, Value>,
    pub(crate) callback_url: Option<String>,
    pub(crate) allow_new_enroll: bool,
    pub(crate) use_enrolled_image: bool,
    /// Open a job again whose zip never arrived.
    pub(crate) retry: bool,
}

/// Why a step was not taken.
pub(crate) enum Refusal<E = RequestError> {
    /// The request's fault.
    Request(E),
    /// The sandbox's fault.
    Store(StoreError),
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<V3Error> for Refusal<V3Error> {
    fn from(error: V3Error) -> Self {
        Self::Request(error)
    }
}

impl<E> From<StoreError> for Refusal<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Opens a job; its upload token is in its stage.
pub(crate) fn open(store: &Store, new: NewJob) -> Result<(Job, String), Refusal> {
    let token = token()?;
    store.update(|change| {
        let (number, announced) = match change.job(&new.job_id)? {
            None => (change.next_number()?, 0),
            Some(job) => {
                let Stage::AwaitingZip { token } = &job.stage else {
                    return Err(RequestError::JOB_EXISTS.into());
                };
                if !new.retry || job.kind != new.kind {
                    return Err(RequestError::JOB_EXISTS.into());
                }
                if job.user_id != new.user_id {
                    return Err(RequestError::WRONG_USER.into());
                }
                change.use_upload(token)?;
                (job.number, job.counts.announced)
            }
        };
        if let Some(obstacle) = obstacle(change, &new)? {
            return Err(obstacle.into());
        }
        let mut job = Job::new(number, new, Stage::AwaitingZip { token: token.clone() });
        job.counts.announced = announced.saturating_add(1);
        change.put_job(&job)?;
        change.allow_upload(&token, &job.job_id)?;
        Ok((job, token))
    })
}

/// Takes a V3 job with its images, which lie in `zip`.
pub(crate) fn accept(
    store: &Store,
    new: NewJob,
    v3: V3Job,
    zip: &[u8],
    room: usize,
) -> Result<Job, Refusal<V3Error>> {
    store.update(|change| {
        if is_full(change, room)? {
            let message = "Too many jobs wait to be looked at";
            return Err(V3Error::new(StatusCode::TOO_MANY_REQUESTS, message).into());
        }
        if let Some(obstacle) = obstacle(change, &new)? {
            let status = match obstacle {
                RequestError::ALREADY_ENROLLED => StatusCode::BAD_REQUEST,
                _ => StatusCode::NOT_FOUND,
            };
            return Err(V3Error::new(status, obstacle.text).into());
        }
        let mut job = Job::new(change.next_number()?, new, Stage::Received);
        job.counts = Counts { announced: 1, received: 1, finished: 0 };
        job.v3 = Some(v3);
        change.put_job(&job)?;
        change.put_zip(&job, zip)?;
        Ok(job)
    })
}

impl Job {
    fn new(number: u64, new: NewJob, stage: Stage) -> Self {
        Self {
            number,
            job_id: new.job_id,
            user_id: new.user_id,
            kind: new.kind,
            partner_params: new.partner_params,
            callback_url: new.callback_url,
            allow_new_enroll: new.allow_new_enroll,
            use_enrolled_image: new.use_enrolled_image,
            stage,
            v3: None,
            counts: Counts::default(),
        }
    }
}

/// Why the job cannot be for its user.
fn obstacle(change: &Change<'_>, new: &NewJob) -> Result<Option<RequestError>, StoreError> {
    Ok(match (new.kind, change.is_enrolled(&new.user_id)?) {
        (JobKind::Register, true) if !new.allow_new_enroll => Some(RequestError::ALREADY_ENROLLED),
        (JobKind::Authenticate, false) => Some(RequestError::NOT_ENROLLED),
        _ if new.use_enrolled_image && !change.has_selfie(&new.user_id)? => {
            Some(RequestError::NO_PHOTO)
        }
        _ => None,
    })
}

/// Whether no more jobs may wait.
fn is_full(change: &Change<'_>, room: usize) -> Result<bool, StoreError> {
    Ok(usize::try_from(change.waiting_zips()?).is_ok_and(|waiting| waiting >= room))
}

/// What became of a PUT.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The zip is in the inbox.
    Taken,
    /// The token was never given out, was used, or was replaced by a retry.
    UnknownToken,
    /// The inbox is full; the token stays good.
    Busy,
}

/// Takes a job's zip. A token that is not awaited is better refused before the zip is read.
pub(crate) fn receive(
    store: &Store,
    token: &str,
    zip: &[u8],
    room: usize,
) -> Result<Arrival, StoreError> {
    store.update(|change| {
        if is_full(change, room)? {
            return Ok(Arrival::Busy);
        }
        // Of two PUTs at once, the first to come here has the token.
        let Some(job_id) = change.use_upload(token)? else { return Ok(Arrival::UnknownToken) };
        let mut job = change.job(&job_id)?.ok_or(StoreError::Record { what: "job" })?;
        job.stage = Stage::Received;
        job.counts.received = job.counts.received.saturating_add(1);
        change.put_job(&job)?;
        change.put_zip(&job, zip)?;
        Ok(Arrival::Taken)
    })
}

/// Ends a job: keeps the result, enrols the user of an approved register job, throws the zip away
/// and puts the callback into the outbox. `selfie` is kept for the picture link.
pub(crate) fn finish(
    store: &Store,
    mut job: Job,
    mut decision: Decision,
    selfie: Option<&[u8]>,
    timestamp: String,
) -> Result<(), StoreError> {
    let picture = selfie.map(|file| Ok::<_, StoreError>((token()?, file))).transpose()?;
    store.update(|change| {
        if decision.template.is_some()
            && !job.allow_new_enroll
            && change.is_enrolled(&job.user_id)?
        {
            decision = Decision::rejected(job.kind, Outcome::ENROLLED_MEANWHILE);
        }
        if let Some(template) = &decision.template {
            change.enrol(&job.user_id, template, selfie)?;
        }
        if let Some((token, file)) = &picture {
            change.put_picture(token, file)?;
        }
        let callback = job.callback_url.is_some().then_some(CallbackState::Pending { tries: 0 });
        if callback.is_some() {
            change.put_callback(&job)?;
        }
        change.remove_zip(&job)?;
        job.stage = Stage::Done(Box::new(Done {
            approved: decision.approved,
            result: result(&job, &decision),
            timestamp,
            picture: picture.map(|(token, _)| token),
            callback,
        }));
        job.counts.finished = job.counts.finished.saturating_add(1);
        change.put_job(&job)
    })
}

/// Puts a finished job's callback into the outbox again.
pub(crate) fn replay(store: &Store, job: &Job) -> Result<(), StoreError> {
    store.update(|change| {
        change.put_callback(job)?;
        change.put_job(job)
    })
}

/// Notes how far a finished job's callback is.
pub(crate) fn note_callback(
    store: &Store,
    mut job: Job,
    state: CallbackState,
) -> Result<(), StoreError> {
    let Stage::Done(done) = &mut job.stage else {
        return Err(StoreError::Record { what: "callback" });
    };
    done.callback = Some(state);
    store.update(|change| {
        if !matches!(state, CallbackState::Pending { .. }) {
            change.remove_callback(&job)?;
        }
        change.put_job(&job)
    })
}

fn result(job: &Job, decision: &Decision) -> JobResult {
    let confidence = |similarity: f32| format!("{:.6}", 100.0 * similarity.clamp(0.0, 1.0));
    JobResult {
        result_code: decision.outcome.code.clone().into_owned(),
        result_text: decision.outcome.text.to_owned(),
        result_type: "SAIA".to_owned(),
        confidence_value: decision.similarity.map(confidence),
        is_final_result: "true".to_owned(),
        is_machine_result: "true".to_owned(),
        smile_job_id: job.smile_job_id(),
        json_version: "1.0.0".to_owned(),
        source: "WebAPI".to_owned(),
        partner_params: job.partner_params.clone(),
        actions: decision.actions.clone(),
    }
}
