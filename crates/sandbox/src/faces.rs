//! The eyes of the sandbox: whatever finds faces in a picture.

use liveface_core::{Embedding, Frame};

/// Finds the faces of a picture. The sandbox decodes the uploaded file, turns it upright and hands
/// over its pixels; it calls from one thread of its own, never from the HTTP side.
pub trait FaceAnalyser: Send {
    /// Every face of `picture`, in any order; none is an answer, not an error.
    ///
    /// # Errors
    /// A text that says why the picture could not be looked at, without anything of the picture in
    /// it. The job then ends as "system error".
    fn faces(&mut self, picture: &Frame<'_>) -> Result<Vec<SeenFace>, String>;
}

/// One face of a picture.
#[derive(Clone, Debug)]
pub struct SeenFace {
    /// Who it is; `None` when the face is there but its owner cannot be told.
    pub embedding: Option<Embedding>,
    /// The passive presentation-attack score, 0 (attack) to 1 (live).
    pub pad_live: f32,
    /// Area of the face's box, in square pixels.
    pub area: f32,
}
