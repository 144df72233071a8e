//! OFIQ's score of OFIQ's raw value, for each component of ISO/IEC 29794-5.

use liveface_core::Component;

use crate::mapping::{score, sigmoid};
use crate::measures::{
    background_uniformity, crops, dynamic_range, expression_neutrality, eyes_open, eyes_visible,
    face_occlusion, head_coverings, head_pose, head_size, illumination_uniformity,
    inter_eye_distance, luminance_mean, luminance_variance, margins, mouth_closed, mouth_occlusion,
    natural_colour, over_exposure, single_face, under_exposure, unified,
};

/// Raw value that stands for a failure to assess, where none can be negative. Source: OFIQ.
const FAILURE: f64 = -1.0;

/// The score, 0 to 100, that OFIQ 1.0.3 gives `raw`, a raw value as OFIQ defines it; the units are those of
/// the standard's native measures, as in OFIQ's own tables. `None` is a failure to assess: `raw` is no number,
/// or it is -1 of a component whose raw values are never negative. `None`, too, for the components that the
/// standard does not have.
///
/// The records of [`Gauge`](crate::Gauge) have these scores, but for the components whose raw value is another
/// here, because OFIQ takes it from a net or a forest: the unified quality score, sharpness, compression
/// artefacts and the neutrality of the expression.
///
/// ```
/// use liveface_core::Component;
/// use liveface_quality::standard_score;
/// assert_eq!(standard_score(Component::InterEyeDistance, 70.0), Some(50));
/// assert_eq!(standard_score(Component::HeadPoseYaw, -30.0), Some(75));
/// assert_eq!(standard_score(Component::EyesOpen, -1.0), None);
/// ```
#[must_use]
pub fn standard_score(component: Component, raw: f64) -> Option<u8> {
    if !raw.is_finite() || raw == FAILURE && !may_be_negative(component) {
        return None;
    }
    match component {
        Component::UnifiedQualityScore => unified::standard(raw),
        Component::BackgroundUniformity => background_uniformity::standard(raw),
        Component::IlluminationUniformity => illumination_uniformity::standard(raw),
        Component::LuminanceMean => luminance_mean::standard(raw),
        Component::LuminanceVariance => luminance_variance::standard(raw),
        Component::UnderExposurePrevention => under_exposure::standard(raw),
        Component::OverExposurePrevention => over_exposure::standard(raw),
        Component::DynamicRange => dynamic_range::standard(raw),
        Component::Sharpness => sharpness(raw),
        Component::CompressionArtifacts => compression_artifacts(raw),
        Component::NaturalColour => natural_colour::standard(raw),
        Component::SingleFacePresent => single_face::standard(raw),
        Component::EyesOpen => eyes_open::standard(raw),
        Component::MouthClosed => mouth_closed::standard(raw),
        Component::EyesVisible => eyes_visible::standard(raw),
        Component::MouthOcclusionPrevention => mouth_occlusion::standard(raw),
        Component::FaceOcclusionPrevention => face_occlusion::standard(raw),
        Component::InterEyeDistance => inter_eye_distance::standard(raw),
        Component::HeadSize => head_size::standard(raw),
        Component::LeftwardCropOfTheFaceImage | Component::RightwardCropOfTheFaceImage => {
            crops::standard(raw)
        }
        Component::MarginAboveOfTheFaceImage => margins::standard_above(raw),
        Component::MarginBelowOfTheFaceImage => margins::standard_below(raw),
        Component::HeadPoseYaw | Component::HeadPosePitch | Component::HeadPoseRoll => {
            head_pose::standard(raw)
        }
        Component::ExpressionNeutrality => expression_neutrality::standard(raw),
        Component::NoHeadCoverings => head_coverings::standard(raw),
        _ => None,
    }
}

/// Whether -1 is a value as any other: an angle, a sum of votes, a place left of or above the picture.
const fn may_be_negative(component: Component) -> bool {
    matches!(
        component,
        Component::HeadPoseYaw
            | Component::HeadPosePitch
            | Component::HeadPoseRoll
            | Component::ExpressionNeutrality
            | Component::LeftwardCropOfTheFaceImage
            | Component::RightwardCropOfTheFaceImage
            | Component::MarginAboveOfTheFaceImage
            | Component::MarginBelowOfTheFaceImage
    )
}

/// OFIQ's sharpness, a number of trees of a forest that is not published: round(-14 + 115 sigmoid(raw, -20,
/// 15)).
fn sharpness(raw: f64) -> Option<u8> {
    score(-14.0 + 115.0 * sigmoid(raw, -20.0, 15.0))
}

/// OFIQ's compression artefacts, a similarity that a net predicts, 0 to 1: round(-0.0278 + 103 sigmoid(raw,
/// 0.3308, 0.092)).
fn compression_artifacts(raw: f64) -> Option<u8> {
    score(-0.0278 + 103.0 * sigmoid(raw, 0.3308, 0.092))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &str = include_str!("../../../fixtures/reference/ofiq-mapping-sample.tsv");

    #[test]
    fn every_pair_of_the_reference_is_reproduced() {
        let mut pairs = vec![0; Component::ALL.len()];
        for line in SAMPLE.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let found = Component::ALL.iter().find(|component| component.name() == fields[0]);
            let component = *found.unwrap_or_else(|| panic!("{line}"));
            let raw: f64 = fields[1].parse().unwrap();
            let mapped: u8 = fields[2].parse().unwrap();
            assert_eq!(standard_score(component, raw), Some(mapped), "{line}");
            pairs[component as usize] += 1;
        }
        let (standard, own) = pairs.split_at(28);
        assert!(standard.iter().all(|pairs| *pairs == 14) && own.iter().all(|pairs| *pairs == 0));
    }

    #[test]
    fn what_was_not_assessed_has_no_score() {
        for component in Component::ALL {
            for raw in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert_eq!(standard_score(*component, raw), None, "{component:?}");
            }
        }
        for component in &Component::ALL[28..] {
            assert_eq!(standard_score(*component, 0.5), None, "{component:?}");
        }
        let scored = |component: &&Component| standard_score(**component, FAILURE).is_some();
        let negative: Vec<Component> = Component::ALL.iter().filter(scored).copied().collect();
        assert_eq!(negative.len(), 8);
        assert!(negative.into_iter().all(may_be_negative));
        assert_eq!(standard_score(Component::HeadPosePitch, FAILURE), Some(100));
    }

    #[test]
    fn the_ends_of_each_scale_are_kept() {
        use Component::*;
        let ends = [
            (UnifiedQualityScore, 0.0, 0),
            (UnifiedQualityScore, 60.0, 100),
            (BackgroundUniformity, 0.0, 100),
            (BackgroundUniformity, 1e6, 0),
            (IlluminationUniformity, 0.0, 0),
            (IlluminationUniformity, 1.0, 100),
            (LuminanceMean, 0.5, 100),
            (LuminanceMean, 1.0, 2),
            (LuminanceVariance, 0.0, 0),
            (UnderExposurePrevention, 0.0, 100),
            (OverExposurePrevention, 1.0, 1),
            (DynamicRange, 8.0, 100),
            (DynamicRange, 9.0, 100),
            (DynamicRange, 1.0, 13),
            (Sharpness, 0.0, 77),
            (Sharpness, -100.0, 0),
            (CompressionArtifacts, 0.0, 3),
            (CompressionArtifacts, 1.0, 100),
            (NaturalColour, 1e9, 0),
            (SingleFacePresent, 1.0, 0),
            (EyesVisible, 0.505, 50),
            (EyesVisible, 1.5, 0),
            (HeadSize, 0.45, 100),
            (HeadSize, 9.0, 0),
            (InterEyeDistance, 1e9, 100),
            (HeadPoseRoll, 135.0, 0),
            (HeadPoseRoll, 360.0, 100),
            (ExpressionNeutrality, -1e9, 0),
            (ExpressionNeutrality, 0.0, 73),
            (NoHeadCoverings, 1.0, 0),
            (MarginAboveOfTheFaceImage, -2.0, 0),
        ];
        for (component, raw, mapped) in ends {
            assert_eq!(standard_score(component, raw), Some(mapped), "{component:?} {raw}");
        }
    }

    proptest! {
        #[test]
        fn any_number_is_scored_within_the_range_or_not_at_all(raw in any::<f64>()) {
            for component in Component::ALL {
                prop_assert!(standard_score(*component, raw).is_none_or(|score| score <= 100));
            }
        }
    }
}
