//! The passive presentation attack check on the face with its surroundings.

use liveface_core::sample::{Border, Filter};
use liveface_core::{Affine, Frame, Rect};

use crate::error::VisionError;
use crate::manifest::{Decode, PresentationAttack};
use crate::models::ModelFiles;
use crate::net::Net;
use crate::runtime::Runtime;

pub(crate) struct Presentation {
    pub(crate) net: Net,
    output: String,
    decode: PresentationAttack,
}

impl Presentation {
    pub(crate) fn load(runtime: &Runtime, files: &ModelFiles) -> Result<Self, VisionError> {
        let (entry, bytes, decode) = files.find("presentation_attack", |decode| match decode {
            Decode::PresentationAttack(decode) => Some(decode.clone()),
            _ => None,
        })?;
        let output = entry.outputs.first().filter(|o| {
            o.shape.last().is_some_and(|classes| decode.live_index < *classes as usize)
        });
        let output = output
            .map(|output| output.name.clone())
            .ok_or_else(|| entry.wrong("no output has the class `live_index`"))?;
        Ok(Self { net: Net::load(runtime, entry, bytes)?, output, decode })
    }

    /// How live the face in `bounds` looks, 0 (attack) to 1 (live).
    pub(crate) fn live(&mut self, frame: &Frame<'_>, bounds: Rect) -> Result<f32, VisionError> {
        let region = context(bounds, frame.bounds(), self.decode.crop_scale);
        let side = self.net.side();
        let map = Affine::from_region(region, side, side);
        self.net.fill(frame, map, Filter::Bilinear, Border::Replicate);
        let PresentationAttack { live_index: index, softmax, .. } = self.decode;
        let outputs = self.net.run()?;
        let logits = outputs.get(&self.output)?;
        if !softmax {
            return Ok(logits[index]);
        }
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - top).exp()).sum();
        Ok((logits[index] - top).exp() / sum)
    }
}

/// The face with its surroundings: `bounds` grown about its middle by `scale` or by what the picture
/// has room for, then moved inside the picture.
fn context(bounds: Rect, picture: Rect, scale: f32) -> Rect {
    let room = (picture.width / bounds.width.max(1.0)).min(picture.height / bounds.height.max(1.0));
    let scale = scale.min(room);
    let (width, height) = (bounds.width * scale, bounds.height * scale);
    let centre = bounds.centre();
    let x = (centre.x - width * 0.5).clamp(0.0, (picture.width - width).max(0.0));
    let y = (centre.y - height * 0.5).clamp(0.0, (picture.height - height).max(0.0));
    Rect::new(x, y, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_stays_inside_the_picture() {
        let picture = Rect::new(0.0, 0.0, 640.0, 480.0);
        let whole = context(Rect::new(250.0, 150.0, 100.0, 120.0), picture, 2.7);
        assert!((whole.width - 270.0).abs() < 1e-3 && (whole.height - 324.0).abs() < 1e-3);
        let corner = context(Rect::new(0.0, 0.0, 100.0, 120.0), picture, 2.7);
        assert_eq!((corner.x, corner.y), (0.0, 0.0));
        let close = context(Rect::new(100.0, 0.0, 400.0, 470.0), picture, 2.7);
        assert!((close.height - 480.0).abs() < 1e-2 && close.width < 640.0);
    }
}
