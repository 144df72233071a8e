//! Names and values of quality components (ISO/IEC 29794-5); the formulae are in `liveface-quality`.

use std::collections::BTreeMap;

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
    /// Every component, in order.
    pub const ALL: &[Self] = &[
        Self::LuminanceMean,
        Self::UnderExposurePrevention,
        Self::OverExposurePrevention,
        Self::Sharpness,
        Self::SceneBrightness,
    ];

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

/// The measured components of one face. It lies inline: a frame is measured without allocating.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QualityRecord([Option<Measure>; Component::ALL.len()]);

impl QualityRecord {
    /// The value of `component`; `None` when it was not measured.
    #[must_use]
    pub const fn get(&self, component: Component) -> Option<Measure> {
        self.0[component as usize]
    }

    /// Notes the value of `component`.
    pub const fn set(&mut self, component: Component, measure: Measure) {
        self.0[component as usize] = Some(measure);
    }

    /// All values, in the order of [`Component`].
    pub fn iter(&self) -> impl Iterator<Item = (Component, Measure)> {
        let values = Component::ALL.iter().zip(&self.0);
        values.filter_map(|(component, measure)| Some((*component, (*measure)?)))
    }
}

impl Serialize for QualityRecord {
    /// A map from each measured component to its value.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for QualityRecord {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let measures = BTreeMap::<Component, Measure>::deserialize(deserializer)?;
        let mut record = Self::default();
        measures.into_iter().for_each(|(component, measure)| record.set(component, measure));
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_map_of_what_was_measured() {
        for (index, component) in Component::ALL.iter().enumerate() {
            assert_eq!(*component as usize, index);
        }
        let mut record = QualityRecord::default();
        record.set(Component::SceneBrightness, Measure { raw: 0.5, score: Some(50) });
        record.set(Component::LuminanceMean, Measure { raw: 0.25, score: None });
        let text = toml::to_string(&record).unwrap();
        assert!(text.contains("[luminance_mean]\nraw = 0.25\n\n[scene_brightness]"), "{text}");
        assert_eq!(toml::from_str::<QualityRecord>(&text).unwrap(), record);
        assert_eq!(record.get(Component::Sharpness), None);
        assert!(toml::from_str::<QualityRecord>("[other]\nraw = 1.0").is_err());
    }
}
