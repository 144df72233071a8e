//! Where the person is in a picture: MediaPipe's selfie segmentation.

use liveface_core::sample::{Border, Filter};
use liveface_core::{Affine, Frame, PersonMask};

use crate::error::VisionError;
use crate::manifest::{Decode, Entry, PersonMask as Decoder};
use crate::net::Net;
use crate::on_demand::Optional;
use crate::runtime::Runtime;

pub(crate) struct Person {
    net: Net,
    output: String,
}

impl Optional for Person {
    const KIND: &'static str = "person_mask";
    type Decode = Decoder;

    fn pick(decode: &Decode) -> Option<Decoder> {
        match decode {
            Decode::PersonMask(decode) => Some(*decode),
            _ => None,
        }
    }

    fn load(
        runtime: &Runtime,
        entry: &Entry,
        bytes: &[u8],
        Decoder {}: Decoder,
    ) -> Result<Self, VisionError> {
        let output = entry.outputs.first().ok_or_else(|| entry.wrong("no output"))?.name.clone();
        let net = Net::load(runtime, entry, bytes)?;
        entry.expect_output(&output, net.side() as usize * net.side() as usize)?;
        Ok(Self { net, output })
    }

    fn net(&self) -> &Net {
        &self.net
    }
}

impl Person {
    /// The person in the whole picture, which is stretched to the model's square.
    pub(crate) fn mask(&mut self, frame: &Frame<'_>) -> Result<PersonMask, VisionError> {
        let side = self.net.side();
        // As MediaPipe reads it, without half a pixel's offset: the mask is the same as its own.
        let [across, down] = [frame.width(), frame.height()].map(|long| long as f32 / side as f32);
        let to_picture = Affine::scale_then_move(across, down, 0.0, 0.0);
        self.net.fill(frame, to_picture, Filter::Bilinear, Border::Replicate);
        let values = self.net.run()?.get(&self.output)?.to_vec();
        Ok(PersonMask { size: (side, side), to_picture, values })
    }
}
