//! Straight edges around a face, as of paper or a screen.

use liveface_core::{Border, Face, Frame};

/// Finds them.
#[derive(Default)]
pub(super) struct Finder;

impl Finder {
    /// The strongest four straight edges around `face`.
    pub(super) fn find(&mut self, _frame: &Frame<'_>, _face: &Face) -> Option<Border> {
        None
    }
}
