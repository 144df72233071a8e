//! The capture sequence: a state machine without I/O, without a clock and without models.
//!
//! Observations go in, with their own time; guidance, shots and in the end a verdict come out.
//!
//! Its phases and what leads from one to the next are in [`TRANSITIONS`]; `docs/sequence.md` draws them and says
//! what each does, what the presets ask for, and how a server checks it.

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
