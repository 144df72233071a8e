//! How what is behind the face moves with it.

use liveface_core::{Face, Following, Frame};

/// Compares each frame with the one before.
#[derive(Default)]
pub(super) struct Follower;

impl Follower {
    /// How the face and its surroundings moved since the last call.
    pub(super) fn follow(&mut self, _frame: &Frame<'_>, _face: &Face) -> Option<Following> {
        None
    }
}
