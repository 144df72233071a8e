//! The calls that send jobs.

use std::collections::BTreeMap;

use liveface::Tag;
use liveface_bundle::JobState;
use liveface_submit::{
    CancelToken, Client, JobOutcome, JobType, Progress, SubmitError, ends_the_queue,
};
use serde_json::Value;

use crate::client::{self, Watcher};
use crate::error::{LegacyError, PluginCode, SidError};
use crate::event::SidEvent;
use crate::job::SubmitJob;
use crate::kept;
use crate::legacy::{Legacy, Map};
use crate::response::SidResponse;

impl Legacy {
    /// `submitJob`: registers or authenticates with the capture under the job's tag, and waits for
    /// the result. `events` is told what happens. Called again after an error, it goes on with the
    /// same job.
    ///
    /// When the result is final, the copies of the images are removed and, unless
    /// [`keep_submitted`](crate::LegacyBuilder::keep_submitted) says otherwise, the capture.
    ///
    /// # Errors
    /// When an argument is missing or wrong, the capture cannot be sent, or the server was not
    /// reached or refused. A rejected user is no error.
    pub fn submit_job(
        &self,
        job: &SubmitJob,
        events: &mut dyn FnMut(&SidEvent),
    ) -> Result<SidResponse, LegacyError> {
        let mut watcher = Watcher::new(events);
        let sent = job.check().and_then(|job| {
            let client = self.client(job.is_production)?;
            watcher.tell(&SidEvent::StartJobStatus);
            let sent = client::send(
                client,
                &self.store,
                &job.tag,
                job.job_type,
                &job.request,
                &self.cancel_token(),
                &mut |progress| watcher.progress(progress),
            );
            watcher.tell(&SidEvent::EndJobStatus);
            let outcome = sent.map_err(|error| LegacyError::of_submit(&error, job.job_type))?;
            self.clean_up(&job.tag, &outcome);
            Ok(outcome)
        });
        told(&mut watcher, sent)
    }

    /// [`submit_job`](Self::submit_job) with the arguments in the Flutter plugin's order; gives the
    /// map that the plugin gave.
    ///
    /// # Errors
    /// As [`submit_job`](Self::submit_job).
    #[expect(clippy::too_many_arguments, reason = "they are the plugin's")]
    pub fn submit_job_in_order(
        &self,
        tag: &str,
        job_type: Option<i64>,
        is_production: Option<bool>,
        call_back_url: &str,
        partner_params: BTreeMap<String, Value>,
        id_info: BTreeMap<String, Value>,
        geo_info: BTreeMap<String, Value>,
    ) -> Result<Map, LegacyError> {
        let job = SubmitJob {
            tag: tag.to_owned(),
            job_type,
            is_production,
            callback_url: Some(call_back_url.to_owned()),
            partner_params,
            id_info,
            geo_info,
            job_status_polling_timeout_millis: 0,
        };
        self.submit_job(&job, &mut |_| {}).map(|response| response.to_map())
    }

    /// `saveConfig`: checks the job like [`submit_job`](Self::submit_job) and keeps it with the capture
    /// for [`submit_all`](Self::submit_all). Sends nothing. A job that was begun is left as it is.
    ///
    /// # Errors
    /// When an argument is missing or wrong, or the capture could not be sent.
    pub fn save_config(&self, job: &SubmitJob) -> Result<(), LegacyError> {
        let job = job.check()?;
        let prepared = self.client(job.is_production)?.prepare(
            &self.store,
            &job.tag,
            job.job_type,
            &job.request,
        );
        prepared.map(drop).map_err(|error| LegacyError::of_submit(&error, job.job_type))
    }

    /// `submitAll`: sends every job that was saved or begun, the oldest first, and waits for each
    /// result as long as the clients are set. One that fails does not stop the others; without a
    /// network to a client's server, its other jobs are not tried. `events` is told of each job as
    /// by [`submit_job`](Self::submit_job), before the next begins.
    ///
    /// A job whose final result was here when its process ended, so that nobody was told and the
    /// capture is still there, comes first: it is told, and the capture removed. With
    /// [`keep_submitted`](crate::LegacyBuilder::keep_submitted) those that are done are left alone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn submit_all(
        &self,
        events: &mut dyn FnMut(&SidEvent),
    ) -> Result<Vec<BatchEntry>, LegacyError> {
        let mut watcher = Watcher::new(events);
        let cancel = self.cancel_token();
        let mut clients: Vec<_> = [&self.sandbox, &self.production].into_iter().flatten().collect();
        let jobs = kept::jobs(&self.store, self.keeps_submitted)
            .map_err(|error| LegacyError::bundle(PluginCode::SubmitError, &error))?;
        let of = jobs.len();
        let mut batch = Vec::with_capacity(of);
        for (number, (tag, job)) in (1..).zip(jobs) {
            watcher.tell(&SidEvent::StartJobStatus);
            watcher.progress(Progress::Job { number, of });
            let sent = job
                .map_err(|error| LegacyError::bundle(PluginCode::SubmitError, &error))
                .and_then(|job| self.go_on(&mut clients, &tag, &job, &cancel, &mut watcher));
            watcher.tell(&SidEvent::EndJobStatus);
            if let Ok(outcome) = &sent {
                self.clean_up(&tag, outcome);
            }
            batch.push(BatchEntry { tag: tag.into(), result: told(&mut watcher, sent) });
        }
        Ok(batch)
    }

    /// Goes on with the job of `tag`, by the client that it was begun with. One that no job can be
    /// sent with is taken out of `clients`.
    fn go_on(
        &self,
        clients: &mut Vec<&Client>,
        tag: &Tag,
        job: &JobState,
        cancel: &CancelToken,
        watcher: &mut Watcher<'_>,
    ) -> Result<JobOutcome, LegacyError> {
        let is_authentication = job.job_type == JobType::Authenticate.number();
        let job_type = if is_authentication { JobType::Authenticate } else { JobType::Register };
        let count = [&self.sandbox, &self.production].into_iter().flatten().count();
        let mut others = None;
        for at in 0..clients.len() {
            let watch = &mut |progress| watcher.progress(progress);
            match client::go_on(clients[at], &self.store, tag, job.stage, cancel, watch) {
                Err(
                    error @ (SubmitError::OtherServer { .. } | SubmitError::OtherProtocol { .. }),
                ) => others = Some(error),
                sent => {
                    if sent.as_ref().is_err_and(ends_the_queue) {
                        clients.remove(at);
                    }
                    return sent.map_err(|error| LegacyError::of_submit(&error, job_type));
                }
            }
        }
        Err(match others {
            Some(error) if clients.len() == count => LegacyError::of_submit(&error, job_type),
            // It may be that of a client that is out.
            _ => LegacyError::submit(
                SidError::RequestFailedTryAgain,
                "the job was not tried: there is no network or no client for it, or it was cancelled; \
                 the job is kept, submit all again later",
            ),
        })
    }

    fn client(&self, is_production: bool) -> Result<&Client, LegacyError> {
        let (client, name) = match is_production {
            true => (&self.production, "production"),
            false => (&self.sandbox, "the sandbox"),
        };
        client.as_ref().ok_or_else(|| {
            let message = format!("no client was given for {name}; give its server and signer");
            LegacyError::submit(SidError::NotAuthorized, message)
        })
    }

    /// Removes what is not needed once the final result is here: of this capture, and not of one
    /// that took its place meanwhile. That this fails does not take the result away: what stays is
    /// removed with the tag, or by the next [`submit_all`](Self::submit_all).
    fn clean_up(&self, tag: &Tag, outcome: &JobOutcome) {
        if !outcome.is_final() || !kept::is_done(&self.store, tag) {
            return;
        }
        let _ = self.copies.remove(tag);
        if !self.keeps_submitted {
            let _ = self.store.clear_if_submitted(tag);
        }
    }
}

/// What became of one job of [`Legacy::submit_all`].
#[derive(Clone, Debug, PartialEq)]
pub struct BatchEntry {
    /// The capture's tag.
    pub tag: String,
    /// As from [`Legacy::submit_job`].
    pub result: Result<SidResponse, LegacyError>,
}

/// Tells how a submission ended, and gives it typed.
fn told(
    watcher: &mut Watcher<'_>,
    sent: Result<JobOutcome, LegacyError>,
) -> Result<SidResponse, LegacyError> {
    match sent {
        Ok(outcome) => {
            let job_type = outcome.job_type();
            let response = SidResponse::new(outcome);
            let boxed = Box::new(response.clone());
            if response.is_success() && job_type == JobType::Register.number() {
                watcher.tell(&SidEvent::Enrolled(boxed.clone()));
            } else if response.is_success() {
                watcher.tell(&SidEvent::Authenticated(boxed.clone()));
            }
            watcher.tell(&SidEvent::Complete(boxed));
            Ok(response)
        }
        Err(error) => {
            watcher.tell(&SidEvent::Error(error.clone()));
            Err(error)
        }
    }
}
