//! Who a face belongs to: MobileFaceNet on the face aligned by five points.

use liveface_core::sample::{Border, Filter};
use liveface_core::{Affine, Embedding, Frame, LANDMARK_COUNT, Landmarks, Point2};

use crate::error::VisionError;
use crate::manifest::{Decode, FaceEmbedding};
use crate::models::ModelFiles;
use crate::net::Net;
use crate::runtime::Runtime;

pub(crate) struct Embedder {
    pub(crate) net: Net,
    output: String,
    decode: FaceEmbedding,
}

impl Embedder {
    pub(crate) fn load(runtime: &Runtime, files: &ModelFiles) -> Result<Self, VisionError> {
        let (entry, bytes, decode) = files.find("face_embedding", |decode| match decode {
            Decode::FaceEmbedding(decode) => Some(decode.clone()),
            _ => None,
        })?;
        if decode.mesh_points.iter().any(|index| *index >= LANDMARK_COUNT) {
            return Err(entry.wrong("a point index is out of range"));
        }
        let output = entry.outputs.first().ok_or_else(|| entry.wrong("no output"))?.name.clone();
        Ok(Self { net: Net::load(runtime, entry, bytes)?, output, decode })
    }

    /// The face's embedding; `None` when the face is too degenerate to be aligned.
    pub(crate) fn embed(
        &mut self,
        frame: &Frame<'_>,
        landmarks: &Landmarks,
    ) -> Result<Option<Embedding>, VisionError> {
        let template = self.decode.template.map(|[x, y]| Point2::new(x, y));
        let seen = self.decode.mesh_points.map(|index| landmarks.xy(index));
        let aligned = Affine::similarity(&seen, &template).and_then(Affine::inverse);
        let Some(to_picture) = aligned else { return Ok(None) };
        self.net.fill(frame, to_picture, Filter::Area, Border::Black);
        Ok(Embedding::new(self.net.run()?.get(&self.output)?))
    }
}
