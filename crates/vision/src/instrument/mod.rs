//! Presentation attack instruments: what the pixels say of paper or a screen that shows the face.

mod border;
mod following;
mod pattern;
mod small;

use std::time::Duration;

use liveface_core::{Face, Frame, Instrument, Point2, Timestamp, policy};

/// Looks for paper and screens around a face: in single pictures, and from frame to frame.
#[derive(Default)]
pub struct InstrumentWatch {
    looked: Option<Timestamp>,
    small: small::Small,
    border: border::Finder,
    following: following::Follower,
    pattern: pattern::Meter,
}

impl InstrumentWatch {
    /// What `frame` shows around `face`, and how it moved since the last look; `None` when that was a moment
    /// ago.
    pub fn look(
        &mut self,
        frame: &Frame<'_>,
        face: &Face,
        limits: &policy::SurroundingsLimits,
    ) -> Option<Instrument> {
        let pause = Duration::from_millis(limits.look_every_ms);
        let now = frame.timestamp();
        if self.looked.is_some_and(|last| last < now && now - last < pause) {
            return None;
        }
        self.looked = Some(now);
        let seen = self.see(frame, face);
        Some(Instrument { following: self.following.follow(&mut self.small, face), ..seen })
    }

    /// What a single picture shows around `face`. What was looked at before is forgotten.
    pub fn still(&mut self, frame: &Frame<'_>, face: &Face) -> Instrument {
        self.border.forget();
        self.following.forget();
        self.see(frame, face)
    }

    fn see(&mut self, frame: &Frame<'_>, face: &Face) -> Instrument {
        self.small.read(frame);
        Instrument {
            border: self.border.find(&self.small, face),
            following: None,
            pattern: self.pattern.strength(frame, face),
        }
    }
}

/// Points of the mesh that lie on bone and hardly move with what the face shows: corners of the eyes, root of the
/// nose, temples.
const RIGID: [usize; 8] = [33, 133, 362, 263, 168, 6, 127, 356];

/// Where they are.
fn rigid(face: &Face) -> [Point2; RIGID.len()] {
    RIGID.map(|index| face.landmarks.xy(index))
}
