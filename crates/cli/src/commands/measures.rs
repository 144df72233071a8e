//! Quality components as people read them.

use liveface_core::Component::{self, *};
use liveface_core::Measure;

/// Every component once, by what it speaks of.
pub(super) const GROUPS: [(&str, &[Component]); 6] = [
    ("all in all", &[UnifiedQualityScore]),
    (
        "light",
        &[
            IlluminationUniformity,
            LuminanceMean,
            LuminanceVariance,
            UnderExposurePrevention,
            OverExposurePrevention,
            DynamicRange,
            Glare,
            Backlight,
            SceneBrightness,
        ],
    ),
    (
        "face",
        &[
            EyesOpen,
            MouthClosed,
            ExpressionNeutrality,
            EyesVisible,
            MouthOcclusionPrevention,
            FaceOcclusionPrevention,
            NoHeadCoverings,
            SingleFacePresent,
        ],
    ),
    ("pose", &[HeadPoseYaw, HeadPosePitch, HeadPoseRoll]),
    (
        "geometry",
        &[
            InterEyeDistance,
            HeadSize,
            LeftwardCropOfTheFaceImage,
            RightwardCropOfTheFaceImage,
            MarginAboveOfTheFaceImage,
            MarginBelowOfTheFaceImage,
        ],
    ),
    (
        "picture",
        &[Sharpness, MotionBlur, Noise, CompressionArtifacts, NaturalColour, BackgroundUniformity],
    ),
];

/// "luminance mean".
pub(super) fn words(component: Component) -> String {
    component.code().replace('_', " ")
}

/// A raw value with four or five digits that count, and its unit where it has one; nothing where it could not
/// be assessed.
pub(super) fn raw_text(component: Component, Measure { raw, score }: Measure) -> String {
    if score.is_none() {
        return String::new();
    }
    let unit = match component {
        DynamicRange => " bit",
        InterEyeDistance => " px",
        HeadPoseYaw | HeadPosePitch | HeadPoseRoll => "°",
        _ => "",
    };
    let decimals = match raw.abs() {
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        _ => 4,
    };
    format!("{raw:.decimals$}{unit}")
}

/// `score` as a bar of ten characters.
pub(super) fn bar(score: u8) -> String {
    let full = usize::from(score.min(100) / 10);
    format!("{}{}", "█".repeat(full), "░".repeat(10 - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_is_in_one_group() {
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, members)| *members).collect();
        grouped.sort_unstable();
        assert_eq!(grouped, Component::ALL.iter().collect::<Vec<_>>());
    }

    #[test]
    fn values_are_short_and_have_their_unit() {
        let text = |component, raw| raw_text(component, Measure { raw, score: Some(1) });
        assert_eq!(text(HeadPoseYaw, -12.345), "-12.35°");
        assert_eq!(text(InterEyeDistance, 1234.5), "1234 px");
        assert_eq!(text(InterEyeDistance, 123.45), "123.4 px");
        assert_eq!(text(LuminanceMean, 0.123_41), "0.1234");
        assert_eq!(text(Sharpness, f32::NAN), "NaN");
        let bars = [0, 1, 50, 99, 100].map(|score| bar(score).replace('░', ""));
        assert_eq!(bars, ["", "", "█████", "█████████", "██████████"]);
    }
}
