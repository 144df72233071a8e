//! Everything that depends on how the client is called.

use std::time::Duration;

use liveface::{Store, Tag};
use liveface_submit::{
    CancelToken, Client, GeoInfo, JobOutcome, JobRequest, JobType, Progress, SubmitError,
};

use crate::event::SidEvent;

/// A place as the client has it.
pub(crate) fn place(
    latitude: f64,
    longitude: f64,
    altitude: Option<f64>,
    accuracy: Option<f64>,
    _last_update: Option<String>,
) -> GeoInfo {
    GeoInfo { latitude, longitude, altitude, accuracy }
}

/// Sends the capture under `tag`.
pub(crate) fn send(
    client: &Client,
    store: &Store,
    tag: &Tag,
    job_type: JobType,
    request: &JobRequest,
    _cancel: &CancelToken,
    watch: &mut dyn FnMut(Progress),
) -> Result<JobOutcome, SubmitError> {
    match job_type {
        JobType::Register => client.register(store, tag, request, Some(watch)),
        JobType::Authenticate => client.authenticate(store, tag, request, Some(watch)),
    }
}

/// Goes on with the job that was saved for the capture under `tag`.
pub(crate) fn go_on(
    client: &Client,
    store: &Store,
    tag: &Tag,
    wait: Option<Duration>,
    _cancel: &CancelToken,
    watch: &mut dyn FnMut(Progress),
) -> Result<JobOutcome, SubmitError> {
    client.resume(store, tag, wait, Some(watch))
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
            Progress::Preparing => {
                self.percent(0);
                self.tell(&SidEvent::UpdateJobStatus("announcing the job".to_owned()));
            }
            Progress::Uploading { bytes } => {
                self.tell(&SidEvent::UpdateJobStatus(format!("sending {bytes} bytes")));
            }
            Progress::Waiting { attempt } => {
                self.percent(100);
                self.tell(&SidEvent::UpdateJobStatus(format!("waiting for the result ({attempt})")));
            }
            Progress::Done => {}
        }
    }
}
