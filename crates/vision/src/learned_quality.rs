//! How good a face's picture is, as a net learned it.

use liveface_core::sample::{Border, Filter};
use liveface_core::{Affine, Frame, Rect};

use crate::error::VisionError;
use crate::manifest::{Decode, Entry, LearnedQuality as Decoder};
use crate::net::Net;
use crate::on_demand::Optional;
use crate::runtime::Runtime;

pub(crate) struct LearnedQuality {
    net: Net,
    output: String,
    decode: Decoder,
}

impl Optional for LearnedQuality {
    const KIND: &'static str = "learned_quality";
    type Decode = Decoder;

    fn pick(decode: &Decode) -> Option<Decoder> {
        match decode {
            Decode::LearnedQuality(decode) => Some(*decode),
            _ => None,
        }
    }

    fn load(
        runtime: &Runtime,
        entry: &Entry,
        bytes: &[u8],
        decode: Decoder,
    ) -> Result<Self, VisionError> {
        let output = entry.outputs.first().ok_or_else(|| entry.wrong("no output"))?.name.clone();
        entry.expect_output(&output, 1)?;
        Ok(Self { net: Net::load(runtime, entry, bytes)?, output, decode })
    }

    fn net(&self) -> &Net {
        &self.net
    }
}

impl LearnedQuality {
    /// The quality of the face in `bounds`, 0 (useless) to 1.
    pub(crate) fn score(&mut self, frame: &Frame<'_>, bounds: Rect) -> Result<f32, VisionError> {
        let (width, height) =
            (bounds.width * self.decode.crop_scale, bounds.height * self.decode.crop_scale);
        let centre = bounds.centre();
        let region = Rect::new(centre.x - width * 0.5, centre.y - height * 0.5, width, height);
        let side = self.net.side();
        let map = Affine::from_region(region, side, side);
        self.net.fill(frame, map, Filter::Area, Border::Replicate);
        // The net was trained towards 0 and 1, and may miss them a little.
        Ok(self.net.run()?.get(&self.output)?[0].clamp(0.0, 1.0))
    }
}
