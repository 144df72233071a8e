//! Names and values of quality components (ISO/IEC 29794-5); the formulae are in `liveface-quality`.

use serde::{Deserialize, Serialize};

/// A quality component. Names follow ISO/IEC 29794-5 as OFIQ has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Component {
    /// Mean luminance of the face, 0 to 1 in linear light.
    LuminanceMean,
    /// Share of the face that is nearly black.
    UnderExposurePrevention,
    /// Share of the face that is nearly white.
    OverExposurePrevention,
    /// How much fine detail the face has.
    Sharpness,
    /// How much of the whole picture is bright.
    SceneBrightness,
}

impl Component {
    /// The name in snake case, as records have it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::LuminanceMean => "luminance_mean",
            Self::UnderExposurePrevention => "under_exposure_prevention",
            Self::OverExposurePrevention => "over_exposure_prevention",
            Self::Sharpness => "sharpness",
            Self::SceneBrightness => "scene_brightness",
        }
    }
}

/// A component's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The measure's own value, in the unit that its definition names.
    pub raw: f32,
    /// 0 (worst) to 100 (best); `None` is "failure to assess".
    pub score: Option<u8>,
}

/// The measured components of one face.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QualityRecord(std::collections::BTreeMap<Component, Measure>);

impl QualityRecord {
    /// The value of `component`; `None` when it was not measured.
    #[must_use]
    pub fn get(&self, component: Component) -> Option<Measure> {
        self.0.get(&component).copied()
    }

    /// Notes the value of `component`.
    pub fn set(&mut self, component: Component, measure: Measure) {
        self.0.insert(component, measure);
    }

    /// All values, in the order of [`Component`].
    pub fn iter(&self) -> impl Iterator<Item = (Component, Measure)> {
        self.0.iter().map(|(component, measure)| (*component, *measure))
    }
}
