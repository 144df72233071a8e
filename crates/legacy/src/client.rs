//! Everything that depends on how the client is called.

use liveface::{Store, Tag};
use liveface_bundle::JobStage;
use liveface_submit::{
    Call, CancelToken, Client, JobOutcome, JobRequest, JobType, Progress, StatusOptions,
    SubmitError,
};

use crate::event::SidEvent;

/// Sends the capture under `tag`.
pub(crate) fn send(
    client: &Client,
    store: &Store,
    tag: &Tag,
    job_type: JobType,
    request: &JobRequest,
    cancel: &CancelToken,
    watch: &mut dyn FnMut(Progress),
) -> Result<JobOutcome, SubmitError> {
    let call = Call::default().watched_by(watch).cancelled_by(cancel);
    match job_type {
        JobType::Register => client.register(store, tag, request, call),
        JobType::Authenticate => client.authenticate(store, tag, request, call),
    }
}

/// Goes on with the job of `tag`, which is at `stage`; asks nobody when its result is here.
pub(crate) fn go_on(
    client: &Client,
    store: &Store,
    tag: &Tag,
    stage: JobStage,
    cancel: &CancelToken,
    watch: &mut dyn FnMut(Progress),
) -> Result<JobOutcome, SubmitError> {
    let call = Call::default().watched_by(watch).cancelled_by(cancel);
    match stage {
        // Its images may be damaged: they are not needed any more.
        JobStage::Final => client.status(store, tag, StatusOptions::default(), call),
        _ => client.resume(store, tag, None, call),
    }
}

/// Turns the client's progress into the listener's events.
pub(crate) struct Watcher<'e> {
    events: &'e mut dyn FnMut(&SidEvent),
    percent: i32,
}

impl<'e> Watcher<'e> {
    pub(crate) fn new(events: &'e mut dyn FnMut(&SidEvent)) -> Self {
        Self { events, percent: -1 }
    }

    pub(crate) fn tell(&mut self, event: &SidEvent) {
        (self.events)(event);
    }

    /// Tells the share of the images that is sent, when it has grown.
    fn percent(&mut self, percent: i32) {
        if percent > self.percent {
            self.percent = percent;
            self.tell(&SidEvent::UpdateJobProgress(percent));
        }
    }

    pub(crate) fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Job { number, of } => {
                self.percent = -1;
                self.say(format!("job {number} of {of}"));
            }
            Progress::Preparing => {
                self.percent(0);
                self.say("announcing the job".to_owned());
            }
            Progress::Uploading { sent, bytes } => {
                if sent == 0 {
                    self.say(format!("sending {bytes} bytes"));
                }
                let percent = sent.saturating_mul(100) / bytes.max(1);
                self.percent(i32::try_from(percent.min(100)).unwrap_or(100));
            }
            Progress::Retrying { attempt, .. } => {
                self.say(format!("attempt {attempt} failed, trying again"));
            }
            Progress::Waiting { attempt } => {
                self.percent(100);
                self.say(format!("waiting for the result ({attempt})"));
            }
            _ => {}
        }
    }

    fn say(&mut self, text: String) {
        self.tell(&SidEvent::UpdateJobStatus(text));
    }
}
