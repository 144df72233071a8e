//! Wakes a worker thread when there is something to do, and tells it when to stop.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Default)]
struct State {
    rung: bool,
    stopping: bool,
}

/// A bell that one worker listens to. Rings before it listens are not lost; many are one.
#[derive(Default)]
pub(crate) struct Bell {
    state: Mutex<State>,
    changed: Condvar,
}

impl Bell {
    /// There may be something to do.
    pub(crate) fn ring(&self) {
        self.lock().rung = true;
        self.changed.notify_all();
    }

    /// The worker must end.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Whether the worker must end.
    pub(crate) fn stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Waits for a ring, the stop, or the end of `time`.
    pub(crate) fn wait(&self, time: Option<Duration>) {
        let quiet = |state: &mut State| !state.rung && !state.stopping;
        let mut state = match time {
            None => {
                self.changed.wait_while(self.lock(), quiet).unwrap_or_else(PoisonError::into_inner)
            }
            Some(time) => {
                self.changed
                    .wait_timeout_while(self.lock(), time, quiet)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        state.rung = false;
    }

    /// Two flags cannot be left half-changed by a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
