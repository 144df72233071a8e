//! ISO/IEC 29794-5 measures of a face image: the ones that the capture gates need.
//!
//! Each measure is a file with its definition, its constants and their source, its raw value and
//! the mapping to 0..100. Luminance measures follow OFIQ, the reference implementation.
//!
//! ```
//! use liveface_core::{Component, Face, Frame};
//! fn bright_enough(gauge: &mut liveface_quality::Gauge, frame: &Frame<'_>, face: &Face) -> bool {
//!     let record = gauge.guide(frame, face, None);
//!     record.get(Component::LuminanceMean).is_some_and(|mean| mean.raw > 0.032)
//! }
//! ```

mod hull;
mod light;
mod mapping;
mod measures;
mod view;

use liveface_core::{AlignedFace, Component, Face, Frame, QualityRecord};

use measures::{exposure, luminance_mean, scene_brightness, sharpness};
use view::View;

/// Measures faces; keeps its buffers between frames.
#[derive(Default)]
pub struct Gauge {
    view: View,
}

impl Gauge {
    /// Measures what guidance asks of every frame. `aligned` is the picture in which the mesh model saw
    /// `face`, where it is at hand; otherwise the same is read from `frame` again. A face without area gives
    /// an empty record.
    pub fn guide(
        &mut self,
        frame: &Frame<'_>,
        face: &Face,
        aligned: Option<AlignedFace<'_>>,
    ) -> QualityRecord {
        let mut record = QualityRecord::default();
        if !self.view.take(frame, face, aligned) {
            return record;
        }
        let histogram = self.view.histogram();
        record.set(Component::LuminanceMean, luminance_mean::mean(histogram));
        record.set(Component::UnderExposurePrevention, exposure::under(histogram));
        record.set(Component::OverExposurePrevention, exposure::over(histogram));
        record.set(Component::Sharpness, sharpness::sharpness(&self.view));
        record.set(Component::SceneBrightness, scene_brightness::brightness(frame));
        record
    }
}
