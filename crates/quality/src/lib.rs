//! ISO/IEC 29794-5 measures of a face image: the ones that the capture gates need.
//!
//! Each measure is a file with its definition, its constants and their source, its raw value and
//! the mapping to 0..100. Luminance measures follow OFIQ, the reference implementation.
//!
//! ```
//! use liveface_core::{Component, Face, Frame};
//! fn bright_enough(gauge: &mut liveface_quality::Gauge, frame: &Frame<'_>, face: &Face) -> bool {
//!     let record = gauge.measure(frame, face);
//!     record.get(Component::LuminanceMean).is_some_and(|mean| mean.raw > 0.032)
//! }
//! ```

mod exposure;
mod luminance;
mod mapping;
mod region;
mod scene;
mod sharpness;

use liveface_core::{Component, Face, Frame, QualityRecord};

use region::Region;

/// Measures faces; keeps its buffers between frames.
#[derive(Default)]
pub struct Gauge {
    region: Region,
}

impl Gauge {
    /// Measures every component of `face` in `frame`. A face without area gives an empty record.
    pub fn measure(&mut self, frame: &Frame<'_>, face: &Face) -> QualityRecord {
        let mut record = QualityRecord::default();
        if !self.region.sample(frame, face) {
            return record;
        }
        let histogram = self.region.luminance_histogram();
        record.set(Component::LuminanceMean, luminance::mean(&histogram));
        record.set(Component::UnderExposurePrevention, exposure::under(&histogram));
        record.set(Component::OverExposurePrevention, exposure::over(&histogram));
        record.set(Component::Sharpness, sharpness::sharpness(&self.region));
        record.set(Component::SceneBrightness, scene::brightness(frame));
        record
    }
}
