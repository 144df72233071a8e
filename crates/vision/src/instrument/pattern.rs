//! Regular patterns over the picture: the moire of a screen, the dots of a print.

use liveface_core::{Face, Frame};

/// Measures them.
#[derive(Default)]
pub(super) struct Meter;

impl Meter {
    /// How strong a regular pattern lies over the picture.
    pub(super) fn strength(&mut self, _frame: &Frame<'_>, _face: &Face) -> Option<f32> {
        None
    }
}
