//! What the person is told: which of the legacy capture states each guidance is.

use std::collections::BTreeMap;

use liveface::Guidance;

/// The states of the legacy capture screen. Each but the last two had a configuration key for its
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CaptureState {
    /// The face is there and not placed as it should be.
    Default,
    /// No face.
    NoFaceFound,
    /// The face is too small.
    MoveCloser,
    /// The face is too large.
    TooClose,
    /// Too dark.
    TooDark,
    /// Not sharp.
    Blurry,
    /// A smile is asked for.
    DoSmile,
    /// Pictures are being taken.
    Capturing,
    /// Nothing is asked for but a relaxed face.
    Idle,
    /// Phones without face detection. Never entered: this engine needs no such mode.
    CompatibilityMode,
    /// A broader smile is asked for (Android only, without a text of its own). Never entered: the
    /// engine asks for one smile.
    DoSmileMore,
    /// Something that the legacy SDK never asked for. Always told in the engine's own words.
    Other,
}

impl CaptureState {
    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Default,
        Self::NoFaceFound,
        Self::MoveCloser,
        Self::TooClose,
        Self::TooDark,
        Self::Blurry,
        Self::DoSmile,
        Self::Capturing,
        Self::Idle,
        Self::CompatibilityMode,
        Self::DoSmileMore,
        Self::Other,
    ];

    /// The configuration key of its text.
    #[must_use]
    pub const fn key(self) -> Option<&'static str> {
        Some(match self {
            Self::Default => "prompt_default",
            Self::NoFaceFound => "prompt_face_not_found",
            Self::MoveCloser => "prompt_move_closer",
            Self::TooClose => "prompt_face_too_close",
            Self::TooDark => "prompt_too_dark_text",
            Self::Blurry => "prompt_blurry",
            Self::DoSmile => "prompt_do_smile",
            Self::Capturing => "prompt_capturing",
            Self::Idle => "prompt_idle",
            Self::CompatibilityMode => "prompt_compatibility_mode",
            Self::DoSmileMore | Self::Other => return None,
        })
    }

    /// The state in which the legacy screen would say `guidance`.
    #[must_use]
    pub const fn of(guidance: Guidance) -> Self {
        match guidance {
            Guidance::FindFace => Self::NoFaceFound,
            Guidance::WholeFace | Guidance::CentreFace | Guidance::LookStraight => Self::Default,
            Guidance::MoveCloser => Self::MoveCloser,
            Guidance::MoveBack => Self::TooClose,
            Guidance::MoreLight => Self::TooDark,
            Guidance::HoldStill | Guidance::ClearPicture => Self::Blurry,
            Guidance::Smile => Self::DoSmile,
            Guidance::Capturing => Self::Capturing,
            Guidance::RelaxFace => Self::Idle,
            Guidance::OnlyOneFace
            | Guidance::UncoverFace
            | Guidance::OpenEyes
            | Guidance::LessLight
            | Guidance::TurnImageLeft
            | Guidance::TurnImageRight
            | Guidance::LookUp
            | Guidance::MoveSlightly => Self::Other,
        }
    }
}

/// What to show the person now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// When, in the frames' time, in milliseconds.
    pub t_ms: u64,
    /// The legacy state.
    pub state: CaptureState,
    /// What the engine asks for; its code is for translations.
    pub guidance: Guidance,
    /// The text: the configured one of the state, or the engine's own.
    pub text: String,
}

/// The configured texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptTexts(pub(crate) BTreeMap<CaptureState, String>);

impl PromptTexts {
    /// The text for `guidance`.
    #[must_use]
    pub fn text(&self, guidance: Guidance) -> &str {
        self.0.get(&CaptureState::of(guidance)).map_or(guidance.text(), String::as_str)
    }
}
