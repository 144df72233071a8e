//! Names and values of quality components (ISO/IEC 29794-5); the formulae are in `liveface-quality`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! components {
    ($($(#[$inner:meta])* $variant:ident = $code:literal;)+) => {
        /// A quality component. Names follow ISO/IEC 29794-5 as OFIQ has them; those that it does not
        /// have come last. The formulae are in `liveface-quality`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Component { $($(#[$inner])* $variant,)+ }

        impl Component {
            /// Every component, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in snake case, as records have it.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The name as OFIQ writes it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }
        }
    };
}

components! {
    /// How useful the face is for recognition, all in all.
    UnifiedQualityScore = "unified_quality_score";
    /// How little the background shows. Needs a person mask.
    BackgroundUniformity = "background_uniformity";
    /// How alike the light on both cheeks is.
    IlluminationUniformity = "illumination_uniformity";
    /// Mean luminance of the face, 0 to 1 in linear light.
    LuminanceMean = "luminance_mean";
    /// Variance of the luminance of the face.
    LuminanceVariance = "luminance_variance";
    /// Share of the face that is nearly black.
    UnderExposurePrevention = "under_exposure_prevention";
    /// Share of the face that is nearly white.
    OverExposurePrevention = "over_exposure_prevention";
    /// How many levels of luminance the face shows, as entropy in bits.
    DynamicRange = "dynamic_range";
    /// How much fine detail the face has.
    Sharpness = "sharpness";
    /// How little of a lossy compression's blocks shows.
    CompressionArtifacts = "compression_artifacts";
    /// How far the skin's colour lies from those that skin has.
    NaturalColour = "natural_colour";
    /// How large the second largest face is against the largest.
    SingleFacePresent = "single_face_present";
    /// How open the less open eye is.
    EyesOpen = "eyes_open";
    /// How far the mouth is open.
    MouthClosed = "mouth_closed";
    /// Share of the eyes that is covered.
    EyesVisible = "eyes_visible";
    /// Share of the mouth that is covered.
    MouthOcclusionPrevention = "mouth_occlusion_prevention";
    /// Share of the face that is covered.
    FaceOcclusionPrevention = "face_occlusion_prevention";
    /// Distance of the eyes in pixels, as if the head were not turned.
    InterEyeDistance = "inter_eye_distance";
    /// Height of the face over that of the picture.
    HeadSize = "head_size";
    /// Room at the image-left side of the face.
    LeftwardCropOfTheFaceImage = "leftward_crop_of_the_face_image";
    /// Room at the image-right side of the face.
    RightwardCropOfTheFaceImage = "rightward_crop_of_the_face_image";
    /// Room above the face.
    MarginAboveOfTheFaceImage = "margin_above_of_the_face_image";
    /// Room below the face.
    MarginBelowOfTheFaceImage = "margin_below_of_the_face_image";
    /// Yaw in degrees.
    HeadPoseYaw = "head_pose_yaw";
    /// Pitch in degrees.
    HeadPosePitch = "head_pose_pitch";
    /// Roll in degrees.
    HeadPoseRoll = "head_pose_roll";
    /// How relaxed the face is.
    ExpressionNeutrality = "expression_neutrality";
    /// How much of the head is covered. Never measured: it needs a parsing model that cannot be shipped.
    NoHeadCoverings = "no_head_coverings";
    /// How little the face is smeared in one direction. Not of the standard.
    MotionBlur = "motion_blur";
    /// How little of the sensor's noise the face shows. Not of the standard.
    Noise = "noise";
    /// How little of the face and glasses reflects the light like a mirror. Not of the standard.
    Glare = "glare";
    /// How little brighter the surroundings are than the face. Not of the standard.
    Backlight = "backlight";
    /// How much of the whole picture is bright. Not of the standard.
    SceneBrightness = "scene_brightness";
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualityRecord([Option<Measure>; Component::ALL.len()]);

impl Default for QualityRecord {
    /// Nothing was measured.
    fn default() -> Self {
        Self([None; Component::ALL.len()])
    }
}

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
