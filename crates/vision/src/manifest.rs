//! `models.toml` as types: which file is which model, what goes in and how to decode what comes out.

use serde::Deserialize;

use crate::error::VisionError;

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) canonical_face: File,
    pub(crate) model: Vec<Entry>,
}

/// A file and what it must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) file: String,
    pub(crate) sha256: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) input: Input,
    pub(crate) outputs: Vec<Output>,
    pub(crate) decode: Decode,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) shape: [i64; 4],
    pub(crate) layout: Layout,
    pub(crate) colour: Colour,
    pub(crate) mean: f32,
    pub(crate) scale: f32,
}

impl Input {
    /// The side of the model's picture; `None` when it is not one square picture of three channels.
    pub(crate) fn side(&self) -> Option<u32> {
        let [one, height, width, channels] = match self.layout {
            Layout::Nhwc => self.shape,
            Layout::Nchw => [self.shape[0], self.shape[2], self.shape[3], self.shape[1]],
        };
        let fits = one == 1 && channels == 3 && height == width && SIDES.contains(&width);
        fits.then_some(width as u32)
    }
}

/// Sides that a model's picture may have, in pixels.
const SIDES: std::ops::RangeInclusive<i64> = 16..=1024;

impl Entry {
    /// How many numbers the output `name` has.
    pub(crate) fn output_length(&self, name: &str) -> Option<usize> {
        let output = self.outputs.iter().find(|output| output.name == name)?;
        output
            .shape
            .iter()
            .try_fold(1usize, |product, side| product.checked_mul(usize::try_from(*side).ok()?))
    }

    /// Fails unless the output `name` has `length` numbers.
    pub(crate) fn expect_output(&self, name: &str, length: usize) -> Result<(), VisionError> {
        let found = self.output_length(name);
        if found == Some(length) {
            return Ok(());
        }
        Err(VisionError::ModelShape {
            file: self.file.clone(),
            what: format!("the length of the output `{name}`"),
            found: found.map_or_else(|| "missing".to_owned(), |length| length.to_string()),
            expected: length.to_string(),
        })
    }

    /// The error for something in this entry that cannot work.
    pub(crate) fn wrong(&self, why: &str) -> VisionError {
        VisionError::Manifest { path: "models.toml".into(), why: format!("{}: {why}", self.file) }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Layout {
    #[serde(rename = "NHWC")]
    Nhwc,
    #[serde(rename = "NCHW")]
    Nchw,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Colour {
    #[serde(rename = "RGB")]
    Rgb,
    #[serde(rename = "BGR")]
    Bgr,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Decode {
    Blazeface(Blazeface),
    AttentionMesh(Box<AttentionMesh>),
    PresentationAttack(PresentationAttack),
    FaceEmbedding(FaceEmbedding),
    LearnedQuality(LearnedQuality),
    PersonMask(PersonMask),
}

impl Decode {
    /// Whether the model is loaded only when it is first asked for.
    pub(crate) const fn is_optional(&self) -> bool {
        matches!(self, Self::LearnedQuality(_) | Self::PersonMask(_))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Blazeface {
    pub(crate) strides: Vec<u32>,
    pub(crate) anchors_per_cell: Vec<u32>,
    pub(crate) anchor_offset: f32,
    pub(crate) box_scale: f32,
    pub(crate) score_clip: f32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttentionMesh {
    pub(crate) roi_scale: f32,
    pub(crate) roi_rotation_keypoints: [usize; 2],
    pub(crate) roi_rotation_points: [usize; 2],
    pub(crate) output_lips: Vec<usize>,
    pub(crate) output_left_eye: Vec<usize>,
    pub(crate) output_right_eye: Vec<usize>,
    pub(crate) output_left_iris: [usize; 5],
    pub(crate) output_right_iris: [usize; 5],
    pub(crate) output_left_iris_z_average: Vec<usize>,
    pub(crate) output_right_iris_z_average: Vec<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PresentationAttack {
    pub(crate) crop_scale: f32,
    pub(crate) softmax: bool,
    pub(crate) live_index: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaceEmbedding {
    pub(crate) mesh_points: [usize; 5],
    pub(crate) template: [[f32; 2]; 5],
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LearnedQuality {
    pub(crate) crop_scale: f32,
}

/// Nothing to say: the output is the mask.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonMask {}

/// `canonical_face.toml`.
#[derive(Debug, Deserialize)]
pub(crate) struct CanonicalFace {
    pub(crate) basis: Vec<(usize, f32)>,
    pub(crate) vertices: Vec<[f32; 3]>,
}
