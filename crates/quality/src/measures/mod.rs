//! One file per measure: its definition, its constants and their source, its raw value, the mapping to
//! 0..100, when it cannot be assessed, and what differs from OFIQ.
//!
//! `measure` gives the raw value with its score; `standard` maps OFIQ's raw value to OFIQ's score, and is the
//! score of this crate's raw value too, unless the file says otherwise.

pub(crate) mod background_uniformity;
pub(crate) mod backlight;
pub(crate) mod compression_artifacts;
pub(crate) mod crops;
pub(crate) mod dynamic_range;
pub(crate) mod expression_neutrality;
pub(crate) mod eyes_open;
pub(crate) mod eyes_visible;
pub(crate) mod face_occlusion;
pub(crate) mod glare;
pub(crate) mod head_coverings;
pub(crate) mod head_pose;
pub(crate) mod head_size;
pub(crate) mod illumination_uniformity;
pub(crate) mod inter_eye_distance;
pub(crate) mod luminance_mean;
pub(crate) mod luminance_variance;
pub(crate) mod margins;
pub(crate) mod motion_blur;
pub(crate) mod mouth_closed;
pub(crate) mod mouth_occlusion;
pub(crate) mod natural_colour;
pub(crate) mod noise;
pub(crate) mod over_exposure;
pub(crate) mod scene_brightness;
pub(crate) mod sharpness;
pub(crate) mod single_face;
pub(crate) mod under_exposure;
pub(crate) mod unified;
