//! What speaks for and against a live person: what is measured of a frame, and what was found in all.

use serde::{Deserialize, Serialize};

use crate::geometry::Point2;
use crate::guidance::{Reason, coded};

coded! {
    /// What a finding rests on. The text is what it says when nothing speaks against a live person.
    EvidenceKind {
        /// The passive check's model over the pictures.
        Passive = "passive", "The passive check takes the face for live";
        /// How landmarks of different depth move against one another, and whether anything in the face moves by
        /// itself.
        Shape = "shape", "The face moves as a solid, living head does";
        /// How the challenges were answered: what was done, when and how fast.
        Response = "response", "The challenges were answered as a person does";
        /// What moves with the face: a border around it, what is behind it.
        Surroundings = "surroundings", "Nothing but the person moves with the face";
        /// Regular patterns over the picture.
        Texture = "texture", "No screen's or print's pattern lies over the picture";
        /// Whether the frames are a camera's, as they came.
        Stream = "stream", "The frames came as a camera's do";
        /// How the eyes move and blink.
        Eyes = "eyes", "The eyes move and blink with the face";
        /// Whether all pictures show one person.
        Person = "person", "All pictures show one person";
    }
}

/// What one kind of evidence says of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it rests on.
    pub evidence: EvidenceKind,
    /// 0 speaks of an attack, 0.5 says nothing, 1 speaks of a live person; `None` when too little was seen.
    pub score: Option<f32>,
    /// What speaks against a live person; `None` when nothing does.
    pub reason: Option<Reason>,
}

impl Finding {
    /// Too little was seen to say anything.
    #[must_use]
    pub const fn unseen(evidence: EvidenceKind) -> Self {
        Self { evidence, score: None, reason: None }
    }

    /// One line of English.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        match (self.score, self.reason) {
            (_, Some(reason)) => reason.text(),
            (Some(_), None) => self.evidence.text(),
            (None, None) => "Too little was seen to say anything",
        }
    }
}

/// What the pixels of one frame, and of those before it, say of a presentation attack instrument: paper, a
/// screen. Every part is `None` when it could not be assessed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Instrument {
    /// The strongest four straight edges around the face.
    pub border: Option<Border>,
    /// How the surroundings move with the face since the instrument was looked at last.
    pub following: Option<Following>,
    /// How strong a regular pattern lies over the picture.
    pub pattern: Option<f32>,
}

/// How noisy a picture is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Standard deviation of the noise, in levels of gamma-coded luma, 0 to 255.
    pub sigma: f32,
    /// Mean gamma-coded luma of where it was measured, 0 black to 255 white.
    pub brightness: f32,
}

/// Straight edges around the face, as of paper or a screen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Border {
    /// Share of the outline that is seen as an edge, of what lies in the picture, 0 to 1.
    pub strength: f32,
    /// How many of its sides are there: 3 or 4.
    pub sides: u32,
    /// Corners, in pixels of the upright picture: top image left, top image right, bottom image right, bottom
    /// image left. They may lie outside the picture; where a side is not there, the edge of the picture stands
    /// for it.
    pub corners: [Point2; 4],
    /// How the face moved with it since the last look; `None` when not all of its sides were there.
    pub motion: Option<Motion>,
}

/// How what is beside and above the head moved with the face between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Following {
    /// The movements.
    pub motion: Motion,
    /// Share of the places beside the head that moved together, 0 to 1.
    pub agreeing: f32,
    /// How many places that were.
    pub patches: u32,
    /// How many of them lie on that image side of the head that has fewer.
    pub beside: u32,
}

/// How a face, and something that it may be a picture on, moved between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion {
    /// How far the face moved, in pixels of the upright picture.
    pub face: Point2,
    /// How far it would have moved as a part of the other, one flat thing.
    pub carried: Point2,
    /// How far a point of the face moved beyond that, in pixels; the median over several.
    pub own: f32,
    /// The natural logarithm of how much larger the face became.
    pub face_growth: f32,
    /// The same, of the other where the face is.
    pub carried_growth: f32,
}
