//! One file per measure: its definition, its constants and their source, its raw value, the mapping to
//! 0..100 and when it cannot be assessed.

pub(crate) mod backlight;
pub(crate) mod compression_artifacts;
pub(crate) mod exposure;
pub(crate) mod glare;
pub(crate) mod luminance_mean;
pub(crate) mod motion_blur;
pub(crate) mod scene_brightness;
pub(crate) mod sharpness;
