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

mod detail;
mod hull;
mod light;
mod mapping;
mod measures;
mod view;

use liveface_core::{AlignedFace, Component, Face, Frame, PersonMask, QualityRecord};

use detail::Detail;
use measures::{backlight, compression_artifacts, exposure, glare, luminance_mean};
use measures::{motion_blur, scene_brightness, sharpness};
use view::View;

/// A face to be measured, and what models that this crate does not know say of it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// The face.
    pub face: &'s Face,
    /// The picture in which the mesh model saw it, where it is at hand.
    pub aligned: Option<AlignedFace<'s>>,
    /// Area of the second largest face of the picture over this one's; 0 when there is none.
    pub second_face: f32,
    /// A learned score of the face, 0 (useless) to 1, where the model was run.
    pub learned: Option<f32>,
    /// Where the person is, where the model was run.
    pub person: Option<&'s PersonMask>,
}

/// Measures faces; keeps its buffers between frames.
#[derive(Default)]
pub struct Gauge {
    view: View,
    detail: Detail,
    blocks: Vec<f32>,
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
        let luminance = luminance_mean::mean(histogram);
        record.set(Component::LuminanceMean, luminance);
        record.set(Component::UnderExposurePrevention, exposure::under(histogram));
        record.set(Component::OverExposurePrevention, exposure::over(histogram));
        self.detail.take(&self.view);
        let Self { detail, blocks, .. } = self;
        record.set(Component::Sharpness, sharpness::sharpness(&detail.fine, blocks));
        record.set(Component::MotionBlur, motion_blur::motion_blur(detail));
        let scene = scene_brightness::Scene::new(frame);
        record.set(Component::SceneBrightness, scene_brightness::brightness(&scene));
        record.set(Component::Backlight, backlight::backlight(&scene, face, luminance.raw));
        record
    }

    /// Measures everything that can be known of `subject`, for a picture that is kept or a still. A face
    /// without area gives an empty record.
    pub fn assess(&mut self, frame: &Frame<'_>, subject: &Subject<'_>) -> QualityRecord {
        let mut record = self.guide(frame, subject.face, subject.aligned);
        if record.iter().next().is_some() {
            let (face, glare) = (subject.face, glare::glare(frame, subject.face));
            record.set(Component::Glare, glare);
            let compression = compression_artifacts::compression_artifacts(frame, face);
            record.set(Component::CompressionArtifacts, compression);
        }
        record
    }
}
