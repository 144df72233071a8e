//! ISO/IEC 29794-5 measures of a face image.
//!
//! Each measure is a file with its definition, its constants and their source, its raw value, the mapping to
//! 0..100, when it cannot be assessed and what differs from OFIQ, the reference implementation. [`Gauge`]
//! measures: [`Gauge::guide`] what guidance asks of every frame, in the picture in which the mesh model saw
//! the face, and [`Gauge::assess`] everything, in the picture that OFIQ makes of it. [`standard_score`] is
//! OFIQ's mapping alone.
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
mod points;
mod portrait;
mod standard;
#[cfg(test)]
mod testing;
mod view;

use liveface_core::{
    AlignedFace, Component, Face, Frame, Measure, PersonMask, QualityRecord, wide,
};

use detail::Detail;
use measures::{
    background_uniformity, backlight, compression_artifacts, crops, dynamic_range,
    expression_neutrality, eyes_open, eyes_visible, face_occlusion, glare, head_pose, head_size,
    illumination_uniformity, inter_eye_distance, luminance_mean, luminance_variance, margins,
    motion_blur, mouth_closed, mouth_occlusion, natural_colour, noise, over_exposure,
    scene_brightness, sharpness, single_face, under_exposure, unified,
};
use points::Points;
use portrait::Portrait;
use view::View;

pub use standard::standard_score;

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
    portrait: Portrait,
    background: background_uniformity::Background,
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
        let luminance = luminance_mean::measure(histogram);
        record.set(Component::LuminanceMean, luminance);
        record.set(Component::UnderExposurePrevention, under_exposure::measure(histogram));
        record.set(Component::OverExposurePrevention, over_exposure::measure(histogram));
        let Self { view, detail, blocks, .. } = self;
        let [sharpness, motion_blur] = wide::run(Finest { view, detail, blocks });
        record.set(Component::Sharpness, sharpness);
        record.set(Component::MotionBlur, motion_blur);
        let scene = scene_brightness::Scene::new(frame);
        record.set(Component::SceneBrightness, scene_brightness::measure(&scene));
        record.set(Component::Backlight, backlight::measure(&scene, face, luminance.raw));
        record
    }

    /// Measures everything that can be known of `subject`, for a picture that is kept or a still: what
    /// [`guide`](Self::guide) measures and every component of ISO/IEC 29794-5, but for head coverings. What
    /// both measure is OFIQ's here, of OFIQ's picture of the face. The learned score and the background are
    /// left out where the subject has no answer of their models. A face without area gives an empty record.
    pub fn assess(&mut self, frame: &Frame<'_>, subject: &Subject<'_>) -> QualityRecord {
        let face = subject.face;
        let mut record = self.guide(frame, face, subject.aligned);
        if record.iter().next().is_none() {
            return record;
        }
        // The blocks are those that `guide` has just measured.
        record.set(Component::Noise, noise::measure(sharpness::noise(&mut self.blocks)));
        self.portrait.take(frame, &face.landmarks);
        record.set(Component::Glare, glare::measure(frame, face));
        let compression = compression_artifacts::measure(frame, face);
        record.set(Component::CompressionArtifacts, compression);
        for (component, measure) in in_portrait(&self.portrait) {
            record.set(component, measure);
        }
        for (component, measure) in in_frame(frame, face) {
            record.set(component, measure);
        }
        record.set(Component::SingleFacePresent, single_face::measure(subject.second_face));
        if let Some(learned) = subject.learned {
            record.set(Component::UnifiedQualityScore, unified::measure(learned));
        }
        if let Some(person) = subject.person {
            let size = (frame.width(), frame.height());
            let measure = self.background.measure(&self.portrait, person, size);
            record.set(Component::BackgroundUniformity, measure);
        }
        record
    }
}

/// What is measured of the finest detail: sharpness and motion blur.
struct Finest<'g> {
    view: &'g View,
    detail: &'g mut Detail,
    blocks: &'g mut Vec<f32>,
}

impl wide::Work for Finest<'_> {
    type Output = [Measure; 2];

    #[inline(always)]
    fn run(self) -> [Measure; 2] {
        self.detail.take(self.view);
        [sharpness::measure(&self.detail.fine, self.blocks), motion_blur::measure(self.detail)]
    }
}

/// What is measured in the aligned picture.
fn in_portrait(portrait: &Portrait) -> [(Component, Measure); 9] {
    let (histogram, points) = (portrait.histogram(), portrait.points());
    [
        (Component::IlluminationUniformity, illumination_uniformity::measure(portrait)),
        (Component::LuminanceMean, luminance_mean::measure(histogram)),
        (Component::LuminanceVariance, luminance_variance::measure(histogram)),
        (Component::UnderExposurePrevention, under_exposure::measure(histogram)),
        (Component::OverExposurePrevention, over_exposure::measure(histogram)),
        (Component::DynamicRange, dynamic_range::measure(histogram)),
        (Component::NaturalColour, natural_colour::measure(portrait)),
        (Component::EyesOpen, eyes_open::measure(points)),
        (Component::MouthClosed, mouth_closed::measure(points)),
    ]
}

/// What is measured in the frame, or was seen of the face before.
fn in_frame(frame: &Frame<'_>, face: &Face) -> [(Component, Measure); 13] {
    let points = Points::new(points::wflw(&face.landmarks));
    let (pose, covered) = (face.raw.pose, face.raw.occlusion.parts);
    [
        (Component::EyesVisible, eyes_visible::measure(covered)),
        (Component::MouthOcclusionPrevention, mouth_occlusion::measure(covered)),
        (Component::FaceOcclusionPrevention, face_occlusion::measure(covered)),
        (Component::InterEyeDistance, inter_eye_distance::measure(&points, pose)),
        (Component::HeadSize, head_size::measure(&points, frame.height())),
        (Component::LeftwardCropOfTheFaceImage, crops::leftward(&points)),
        (Component::RightwardCropOfTheFaceImage, crops::rightward(&points, frame.width())),
        (Component::MarginAboveOfTheFaceImage, margins::above(&points)),
        (Component::MarginBelowOfTheFaceImage, margins::below(&points, frame.height())),
        (Component::HeadPoseYaw, head_pose::measure(pose.yaw_degrees)),
        (Component::HeadPosePitch, head_pose::measure(pose.pitch_degrees)),
        (Component::HeadPoseRoll, head_pose::measure(pose.roll_degrees)),
        (Component::ExpressionNeutrality, expression_neutrality::measure(&face.fitted.expression)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{canonical, face, with_points};
    use liveface_core::{
        Affine, CoveredParts, Expression, EyeOpenness, Occlusion, Point2, Point3, Pose, Timestamp,
    };
    use proptest::prelude::*;

    /// 320 x 240 pixels of skin in a soft light.
    fn skin() -> Vec<u8> {
        let places = (0..240u32).flat_map(|y| (0..320u32).map(move |x| (x, y)));
        let shade = |(x, y): (u32, u32)| (x.abs_diff(160) + y) / 8;
        let colour = |shade: u32| [210, 160, 130].map(|level: u32| (level - shade) as u8);
        places.map(shade).flat_map(colour).collect()
    }

    /// A face that looks ahead, relaxed.
    fn person() -> Face {
        let mut face = face(canonical(57.0, Point2::new(160.0, 105.0)));
        let open = EyeOpenness { image_left: 0.95, image_right: 0.94 };
        let expression = Expression { eye_openness: open, smile: 0.1, ..Expression::default() };
        face.raw.expression = expression;
        face.fitted = face.raw;
        face
    }

    fn subject(face: &Face) -> Subject<'_> {
        Subject { face, aligned: None, second_face: 0.0, learned: Some(0.9), person: None }
    }

    fn empty_wall() -> PersonMask {
        PersonMask {
            size: (2, 2),
            to_picture: Affine::scale_then_move(200.0, 200.0, 0.0, 0.0),
            values: vec![0.0; 4],
        }
    }

    #[test]
    fn a_good_picture_is_scored_so_in_every_component() {
        let (data, face, wall) = (skin(), person(), empty_wall());
        let frame = Frame::rgb(320, 240, &data, Timestamp::ZERO).unwrap();
        let subject = Subject { person: Some(&wall), ..subject(&face) };
        let mut gauge = Gauge::default();
        let record = gauge.assess(&frame, &subject);
        let low = [Component::LuminanceVariance, Component::DynamicRange, Component::Sharpness];
        for component in &Component::ALL[..28] {
            let measure = record.get(*component);
            match component {
                Component::NoHeadCoverings => assert_eq!(measure, None),
                // What the other measures' files are about, and the room that a small picture has not.
                Component::CompressionArtifacts
                | Component::InterEyeDistance
                | Component::MarginAboveOfTheFaceImage
                | Component::MarginBelowOfTheFaceImage => {}
                _ if low.contains(component) => assert!(measure.unwrap().score < Some(90)),
                _ => assert!(measure.unwrap().score > Some(70), "{component:?} {measure:?}"),
            }
        }
        // Buffers of the last face change nothing.
        assert_eq!(gauge.assess(&frame, &subject), record);
    }

    #[test]
    fn what_no_model_has_answered_is_left_out() {
        let (data, face) = (skin(), person());
        let frame = Frame::rgb(320, 240, &data, Timestamp::ZERO).unwrap();
        let record = Gauge::default().assess(&frame, &Subject { learned: None, ..subject(&face) });
        assert_eq!(record.get(Component::UnifiedQualityScore), None);
        assert_eq!(record.get(Component::BackgroundUniformity), None);
        assert!(record.get(Component::HeadSize).is_some());
    }

    #[test]
    fn values_come_from_this_frame_alone() {
        let (data, mut face) = (skin(), person());
        let frame = Frame::rgb(320, 240, &data, Timestamp::ZERO).unwrap();
        face.pose.yaw_degrees = 40.0;
        face.occlusion.parts.mouth = 1.0;
        face.expression.smile = 1.0;
        face.raw.expression.smile = 1.0;
        let record = Gauge::default().assess(&frame, &subject(&face));
        let score = |component| record.get(component).unwrap().score;
        assert_eq!(score(Component::HeadPoseYaw), Some(100));
        assert_eq!(score(Component::MouthOcclusionPrevention), Some(100));
        assert!(score(Component::ExpressionNeutrality) > Some(95));
    }

    /// Any float, often one that a picture could have.
    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![3 => -50.0..400.0f32, 1 => 0.0..1.0f32, 1 => any::<f32>()]
    }

    fn any_face() -> impl Strategy<Value = Face> {
        let odd = prop::collection::vec((0..478usize, number(), number()), 0..4);
        let place = (number(), number(), number());
        let seen = prop::array::uniform12(number());
        (place, odd, seen).prop_map(|((size, x, y), odd, seen)| {
            let landmarks = with_points(&canonical(size, Point2::new(x, y)), |index, point| {
                let odd = odd.iter().find(|(changed, ..)| *changed == index);
                odd.map_or(point, |(_, x, y)| Point3::new(*x, *y, point.z))
            });
            let mut face = face(landmarks);
            let [yaw, pitch, roll, eyes, nose, mouth, left, right, open, other, smile, gap] = seen;
            let pose = Pose { yaw_degrees: yaw, pitch_degrees: pitch, roll_degrees: roll };
            let parts = CoveredParts { eyes, nose, mouth, image_left: left, image_right: right };
            face.raw.pose = pose;
            face.raw.occlusion = Occlusion { parts, ..Occlusion::default() };
            face.fitted.expression = Expression {
                eye_openness: EyeOpenness { image_left: open, image_right: other },
                smile,
                mouth_open: gap,
                ..Expression::default()
            };
            face
        })
    }

    fn any_mask() -> impl Strategy<Value = PersonMask> {
        let values = prop::collection::vec(number(), 0..20);
        ((0..5u32, 0..5u32), prop::array::uniform6(number()), values).prop_map(
            |(size, [a, b, tx, c, d, ty], values)| {
                let to_picture = Affine { a, b, tx, c, d, ty };
                PersonMask { size, to_picture, values }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn any_face_in_any_frame_has_scores_in_range_and_numbers_only(
            face in any_face(),
            mask in any_mask(),
            (width, height) in (1..200u32, 1..200u32),
            (second_face, learned) in (number(), prop::option::of(number())),
            seed in any::<u8>(),
        ) {
            let bytes = 0..width * height * 3;
            let data: Vec<u8> = bytes.map(|i| (i as u8).wrapping_mul(97) ^ seed).collect();
            let frame = Frame::rgb(width, height, &data, Timestamp::ZERO).unwrap();
            let subject =
                Subject { face: &face, aligned: None, second_face, learned, person: Some(&mask) };
            let mut gauge = Gauge::default();
            for record in [gauge.guide(&frame, &face, None), gauge.assess(&frame, &subject)] {
                for (component, Measure { raw, score }) in record.iter() {
                    prop_assert!(score.is_none_or(|score| score <= 100), "{component:?}");
                    prop_assert!(raw.is_finite(), "{component:?} {raw}");
                }
            }
        }
    }
}
