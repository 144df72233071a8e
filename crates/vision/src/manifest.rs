//! `models.toml` as types: which file is which model, what goes in and how to decode what comes out.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) model: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) input: Input,
    pub(crate) outputs: Vec<Output>,
    pub(crate) decode: Decode,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) shape: [i64; 4],
    pub(crate) layout: Layout,
    pub(crate) colour: Colour,
    pub(crate) mean: f32,
    pub(crate) scale: f32,
}

impl Input {
    /// The side of the model's square picture.
    pub(crate) fn side(&self) -> u32 {
        // Both layouts have the width or the height in the middle, and pictures are square.
        self.shape[2] as u32
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

#[derive(Debug, Deserialize)]
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
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Blazeface {
    pub(crate) strides: Vec<u32>,
    pub(crate) anchors_per_cell: Vec<u32>,
    pub(crate) anchor_offset: f32,
    pub(crate) box_scale: f32,
    pub(crate) score_clip: f32,
}

#[derive(Clone, Debug, Deserialize)]
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
pub(crate) struct PresentationAttack {
    pub(crate) crop_scale: f32,
    pub(crate) live_index: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FaceEmbedding {
    pub(crate) mesh_points: [usize; 5],
    pub(crate) template: [[f32; 2]; 5],
}

/// `canonical_face.toml`.
#[derive(Debug, Deserialize)]
pub(crate) struct CanonicalFace {
    pub(crate) basis: Vec<(usize, f32)>,
    pub(crate) vertices: Vec<[f32; 3]>,
}
