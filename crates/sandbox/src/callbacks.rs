//! Delivers results to the callback URLs of their jobs, again and again for a while when the
//! receiver does not answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ureq::Agent;

use crate::Shared;
use crate::error::StoreError;
use crate::jobs;
use crate::store::{CallbackState, Job, Stage};
use crate::v3::V3Answer;
use crate::wire::CallbackBody;

/// The wait before the database is tried again after it failed.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// Works until the outbox's bell says stop. What is not delivered then is tried after the next
/// start.
pub(crate) fn run(shared: &Shared) {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(shared.limits.callback_time))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("liveface-sandbox/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    // When a job's callback may be tried again.
    let mut not_before = HashMap::new();
    while !shared.outbox.stopping() {
        let wait = deliver_due(shared, &agent, &mut not_before).unwrap_or_else(|error| {
            shared.note_fault(&error);
            Some(AFTER_FAULT)
        });
        shared.outbox.wait(wait);
    }
}

/// Tries every callback that is due; how long until the next one is.
fn deliver_due(
    shared: &Shared,
    agent: &Agent,
    not_before: &mut HashMap<u64, Instant>,
) -> Result<Option<Duration>, StoreError> {
    for job in shared.store.callbacks(|error| shared.note_fault(error))? {
        let due = not_before.get(&job.number).is_none_or(|then| Instant::now() >= *then);
        if !due || shared.outbox.stopping() {
            continue;
        }
        let number = job.number;
        match deliver(shared, agent, job)? {
            Some(wait) => not_before.insert(number, Instant::now() + wait),
            None => not_before.remove(&number),
        };
    }
    let next = not_before.values().min();
    Ok(next.map(|then| then.saturating_duration_since(Instant::now())))
}

/// Tries one callback; how long to wait before it is tried again, if it is.
fn deliver(shared: &Shared, agent: &Agent, job: Job) -> Result<Option<Duration>, StoreError> {
    let (Some(url), Stage::Done(done)) = (&job.callback_url, &job.stage) else {
        shared.note_fault(&StoreError::Record { what: "callback" });
        return Ok(None);
    };
    let earlier = match done.callback {
        Some(CallbackState::Pending { tries }) => tries,
        _ => 0,
    };
    let body = CallbackBody {
        v3: job.v3.as_ref().map(|_| V3Answer::status_of(&job)),
        result: &done.result,
        timestamp: &done.timestamp,
        signature: shared.partner.sign(&done.timestamp),
    };
    let answer = agent.post(url).send_json(&body);
    let tries = earlier.saturating_add(1);
    let state = match answer.map(|answer| answer.status()) {
        Ok(status) if status.is_success() => {
            CallbackState::Delivered { tries, status: status.as_u16() }
        }
        _ if tries >= shared.limits.callback_tries => CallbackState::GivenUp { tries },
        _ => CallbackState::Pending { tries },
    };
    jobs::note_callback(&shared.store, job, state)?;
    let wait = shared.limits.callback_wait.saturating_mul(1 << earlier.min(16));
    Ok(matches!(state, CallbackState::Pending { .. }).then_some(wait))
}
