//! The evidence: what each kind of it is gathered from, and what it says.
//!
//! Each kind has a room of its own here, that takes in frames and gives a finding: a score of 0 (attack) to 1
//! (live) and what speaks against. None decides; the fusion does.

mod eyes;
pub(crate) mod fusion;
pub(crate) mod passive;
pub(crate) mod person;
pub(crate) mod response;
mod shape;
mod stream;
mod surroundings;
pub(crate) mod texture;

use liveface_core::{Finding, Observation, Policy};

use crate::gates;

/// All that is gathered frame by frame, over the whole capture: what speaks of an attack is not forgotten when
/// the sequence starts again, what speaks for life is.
#[derive(Default)]
pub struct Witnesses {
    shape: shape::Shape,
    surroundings: surroundings::Surroundings,
    texture: texture::Texture,
    stream: stream::Stream,
    eyes: eyes::Eyes,
}

impl Witnesses {
    /// Takes in a frame. Only the stream is looked at where there is not exactly one face.
    pub fn see(&mut self, observation: &Observation, now_ms: u64, policy: &Policy) {
        self.stream.see(observation, policy.sequence.frozen_frames, &policy.stream);
        let Ok(face) = gates::only_face(observation) else { return };
        self.shape.see(face, now_ms, &policy.shape);
        self.eyes.see(face, now_ms, &policy.eyes);
        if let Some(instrument) = &observation.instrument {
            self.surroundings.see(face, instrument, now_ms, &policy.surroundings);
            self.texture.see(instrument, &policy.texture);
        }
    }

    /// Another face may be shown from here on: what spoke for the life of the one before does not speak for it.
    /// What spoke against one is kept.
    pub(crate) const fn forget_life(&mut self) {
        self.shape.forget_life();
        self.eyes.forget_life();
        self.surroundings.forget_life();
    }

    /// The camera is known to be a program, or a bridge to what may be a camera.
    pub(crate) fn note_virtual_camera(&mut self, bridge: bool) {
        self.stream.note_virtual_camera(bridge);
    }

    /// What was found so far.
    #[must_use]
    pub fn findings(&self, policy: &Policy) -> [Finding; 5] {
        [
            self.shape.finding(&policy.shape),
            self.surroundings.finding(&policy.surroundings),
            self.texture.finding(&policy.texture),
            self.stream.finding(&policy.stream),
            self.eyes.finding(&policy.eyes),
        ]
    }
}
