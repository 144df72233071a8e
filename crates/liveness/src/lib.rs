//! The capture sequence: a state machine without I/O, without a clock and without models.
//!
//! Observations go in, with their own time; guidance, shots and in the end a verdict come out.
//!
//! Its phases and what leads from one to the next are in [`TRANSITIONS`]; `docs/sequence.md` draws them and says
//! what each does.
//!
//! In `Taking` every gate is asked again for every picture; one that fails makes the picture wait. A hint that
//! the person cannot follow, such as to find more light, gives way after `timing.hint_ms` and is a warning in
//! the evidence.
//! A face is followed when it is the only one, on one track, in two frames in a row; pictures taken
//! so far are kept when it was not. A restart throws them away: no single face for
//! `timing.face_lost_ms`, frozen frames, or the face of another person, which is asked about from
//! the first picture on. Whatever the state, the capture ends when its time is used up or the app
//! ends it.

mod evidence;
mod gates;
mod hints;
mod order;
mod phase;
mod sequence;
mod still;
mod summary;
mod turns;

pub use evidence::Witnesses;
pub use order::{challenge_order, possible_orders};
pub use phase::{Phase, TRANSITIONS};
pub use sequence::{Assessment, Outcome, Progress, Sequence, SequenceError, Shot, Step};
pub use still::{StillOutcome, judge_still};
