//! One call of the client: who watches it and who may stop it.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::error::SubmitError;
use crate::retry::MAX_RETRY_AFTER;
use crate::transport::CancelToken;

/// How often a waiting call looks whether it was cancelled.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Turns to one of several jobs of a queue.
    Job {
        /// Counts them from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// Announces the job and packs the images.
    Preparing,
    /// Uploads the images.
    Uploading {
        /// Bytes that were handed to the network so far. Begins at 0 with each attempt.
        sent: u64,
        /// All bytes.
        bytes: u64,
    },
    /// A request failed and is tried again after a pause.
    Retrying {
        /// Counts the attempts that failed, from 1.
        attempt: u32,
        /// The pause.
        pause: Duration,
    },
    /// Asks for the result.
    Waiting {
        /// Counts the questions from 1.
        attempt: u32,
    },
    /// The call is over.
    Done,
}

/// How long cancelled work may take to let go of its connection, so that usually nothing is under way
/// when a cancelled call returns.
const LAST_MOMENT: Duration = Duration::from_millis(100);

/// Why work on another thread has no result.
pub(crate) enum Stopped {
    Cancelled,
    Died(String),
}

/// Who watches a call and who may cancel it; [`Call::default`] is nobody.
///
/// ```
/// use liveface_submit::{Call, CancelToken, Progress};
///
/// let cancel = CancelToken::new(); // a clone goes to the thread that may cancel
/// let mut watch = |progress: Progress| println!("{progress:?}");
/// let call = Call::default().watched_by(&mut watch).cancelled_by(&cancel);
/// # drop(call);
/// ```
#[derive(Default)]
pub struct Call<'a> {
    watcher: Option<&'a mut dyn FnMut(Progress)>,
    cancel: CancelToken,
    /// The pause that the server asked for with its last answer.
    come_again: Option<Duration>,
}

impl<'a> Call<'a> {
    /// Tells `watcher` of the progress.
    #[must_use]
    pub fn watched_by(mut self, watcher: &'a mut dyn FnMut(Progress)) -> Self {
        self.watcher = Some(watcher);
        self
    }

    /// Ends with [`SubmitError::Cancelled`] soon after `cancel` says so. What was reached until then
    /// is recorded, and the same call goes on from there.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &CancelToken) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// The same watcher and token for one of several calls.
    pub(crate) fn again(&mut self) -> Call<'_> {
        let watcher: Option<&mut dyn FnMut(Progress)> = match &mut self.watcher {
            Some(watcher) => Some(&mut **watcher),
            None => None,
        };
        Call { watcher, cancel: self.cancel.clone(), come_again: None }
    }

    /// Notes the pause that the server asks for, no longer than the longest that it may.
    pub(crate) fn come_again_after(&mut self, asked: Option<Duration>) {
        self.come_again = asked.map(|asked| asked.min(MAX_RETRY_AFTER));
    }

    /// The pause that the server asked for with its last answer.
    pub(crate) fn come_again(&self) -> Duration {
        self.come_again.unwrap_or_default()
    }

    pub(crate) const fn token(&self) -> &CancelToken {
        &self.cancel
    }

    pub(crate) fn tell(&mut self, progress: Progress) {
        if let Some(watcher) = &mut self.watcher {
            watcher(progress);
        }
    }

    /// Fails when the call was cancelled.
    pub(crate) fn check(&self) -> Result<(), SubmitError> {
        if self.cancel.is_cancelled() { Err(SubmitError::Cancelled) } else { Ok(()) }
    }

    /// Does `work` on a thread of its own, calls `tick` meanwhile, and leaves when the call is
    /// cancelled.
    pub(crate) fn apart<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        mut tick: impl FnMut(&mut Self),
    ) -> Result<T, Stopped> {
        let (give, take) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("liveface-submit".to_owned());
        // Whoever cancelled no longer listens.
        let spawned = thread.spawn(move || _ = give.send(work()));
        spawned.map_err(|error| Stopped::Died(error.to_string()))?;
        loop {
            tick(self);
            match take.recv_timeout(TICK) {
                Ok(done) => {
                    tick(self);
                    return Ok(done);
                }
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => {
                    // What ended all the same says how far the job is.
                    return take.recv_timeout(LAST_MOMENT).map_err(|_| Stopped::Cancelled);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Stopped::Died("it ended without an answer".to_owned()));
                }
            }
        }
    }

    /// Waits for `pause`, or until the call is cancelled.
    pub(crate) fn pause(&self, pause: Duration) -> Result<(), SubmitError> {
        let begun = Instant::now();
        loop {
            self.check()?;
            let left = pause.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TICK));
        }
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("watched", &self.watcher.is_some()).finish_non_exhaustive()
    }
}
