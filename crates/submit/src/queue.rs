//! Jobs that wait for a network: prepared without sending, sent all at once later.

use std::time::Duration;

use liveface_bundle::{BundleError, JobStage, Store, Tag};

use crate::call::{Call, Progress};
use crate::client::{Client, StatusOptions};
use crate::error::SubmitError;
use crate::result::{Decision, JobOutcome};
use crate::signature::SignerError;

/// What became of one job of a queue.
#[derive(Debug)]
#[non_exhaustive]
pub enum QueueOutcome {
    /// The server has it. Its result may still be [`Decision::Pending`].
    Sent(Box<JobOutcome>),
    /// It could not be sent, or its result not be asked for.
    Failed(SubmitError),
    /// Another thread or process is just sending it.
    Busy,
    /// It was not tried: there was no network, or the call was cancelled before its turn.
    Waiting,
}

/// One job of a queue.
#[derive(Debug)]
pub struct QueueEntry {
    /// The capture that it is about.
    pub tag: Tag,
    /// What became of it.
    pub outcome: QueueOutcome,
}

/// What became of every job that was not finished.
#[derive(Debug, Default)]
pub struct QueueReport {
    /// The jobs in the order in which their captures were saved.
    pub entries: Vec<QueueEntry>,
}

impl QueueReport {
    fn count(&self, is: impl Fn(&QueueOutcome) -> bool) -> usize {
        self.entries.iter().filter(|entry| is(&entry.outcome)).count()
    }

    fn decided(&self, decisions: &[Decision]) -> usize {
        self.count(|outcome| {
            matches!(outcome, QueueOutcome::Sent(job) if decisions.contains(&job.decision()))
        })
    }

    /// Jobs that were approved for good.
    #[must_use]
    pub fn approved(&self) -> usize {
        self.decided(&[Decision::Approved])
    }

    /// Jobs that were approved so far: people look at them.
    #[must_use]
    pub fn provisionally_approved(&self) -> usize {
        self.decided(&[Decision::ProvisionallyApproved])
    }

    /// Jobs that the server has and that have no result yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.decided(&[Decision::Pending])
    }

    /// Jobs that were rejected or refused, that ended in something unknown, or that cannot be sent as
    /// they are.
    #[must_use]
    pub fn rejected(&self) -> usize {
        let failed = |outcome: &QueueOutcome| matches!(outcome, QueueOutcome::Failed(error) if !is_for_later(error));
        self.decided(&[Decision::Rejected, Decision::Unknown]) + self.count(failed)
    }

    /// Jobs that the same call may bring further later: those that network or server failed, that
    /// are busy, and that were not tried.
    #[must_use]
    pub fn for_later(&self) -> usize {
        self.count(|outcome| match outcome {
            QueueOutcome::Failed(error) => is_for_later(error),
            QueueOutcome::Busy | QueueOutcome::Waiting => true,
            QueueOutcome::Sent(_) => false,
        })
    }

    /// Jobs that were not tried.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.count(|outcome| matches!(outcome, QueueOutcome::Waiting))
    }
}

fn is_for_later(error: &SubmitError) -> bool {
    error.is_retryable() || error.is_server_trouble()
}

/// Whether the next job of the same client would fail alike: there is no connection or no trusted
/// one, the clock is wrong, the signer cannot be reached, or the call was cancelled.
#[must_use]
pub fn ends_the_queue(error: &SubmitError) -> bool {
    match error {
        SubmitError::Network { connected, .. } => !connected,
        SubmitError::Untrusted { .. }
        | SubmitError::Clock { .. }
        | SubmitError::Cancelled
        | SubmitError::Signer(SignerError::Unreachable(_)) => true,
        _ => false,
    }
}

impl Client {
    /// Sends every job in `store` that is not finished, in the order in which the captures were saved
    /// (which no clock can change), and asks for the results.
    /// Each is waited for as long as `wait` says ([`JobRequest::wait`](crate::JobRequest::wait)).
    ///
    /// A job that fails does not hold up the others. Without a connection, with a server that cannot
    /// be trusted, a wrong clock or a signer that cannot be reached, and when the call is cancelled,
    /// the rest waits: there is no point in trying. A process that is killed goes on with the same
    /// call.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn submit_all(
        &self,
        store: &Store,
        wait: Option<Duration>,
        mut call: Call<'_>,
    ) -> Result<QueueReport, SubmitError> {
        let mut jobs = Vec::new();
        let mut report = QueueReport::default();
        for tag in store.tags()?.into_iter().map(|summary| summary.tag) {
            match store.job(&tag) {
                Ok(Some(job)) if job.stage != JobStage::Final => jobs.push((job, tag)),
                Ok(_) | Err(BundleError::NoSuchTag { .. }) => {}
                Err(error) => {
                    let outcome = QueueOutcome::Failed(error.into());
                    report.entries.push(QueueEntry { tag, outcome });
                }
            }
        }
        let mut ended = false;
        let of = jobs.len();
        for (at, (job, tag)) in jobs.into_iter().enumerate() {
            if ended {
                report.entries.push(QueueEntry { tag, outcome: QueueOutcome::Waiting });
                continue;
            }
            call.tell(Progress::Job { number: at + 1, of });
            let uploaded = job.stage == JobStage::Uploaded;
            let done = if uploaded && wait.is_some_and(|wait| wait.is_zero()) {
                self.status(store, &tag, StatusOptions::default(), call.again())
            } else {
                self.resume(store, &tag, wait, call.again())
            };
            let outcome = match done {
                Ok(outcome) => QueueOutcome::Sent(Box::new(outcome)),
                Err(SubmitError::Store(BundleError::Busy { .. })) => QueueOutcome::Busy,
                Err(error) => {
                    ended = ends_the_queue(&error);
                    QueueOutcome::Failed(error)
                }
            };
            report.entries.push(QueueEntry { tag, outcome });
        }
        Ok(report)
    }
}
