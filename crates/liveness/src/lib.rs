//! The capture sequence: a state machine without I/O, without a clock and without models.
//!
//! Observations go in, with their own time; guidance, shots and in the end a verdict come out.
//!
//! ```text
//!               all gates hold            held for timing.hold_ms
//! Positioning ──────────────────► Holding ───────────────────────► Taking ──► Ended
//!      ▲                            │ │                              │
//!      └── a gate fails ────────────┘ │                              │
//!      ▲                              │                              │
//!      └── restart: face lost, several faces, another person, frozen frames
//! ```
//!
//! In `Taking` every gate is asked again for every picture. Whatever the state, the capture ends
//! when its time is used up.

mod gates;
mod sequence;
mod verdict;

pub use sequence::{Assessment, Outcome, Sequence, SequenceError, Shot, Step};
