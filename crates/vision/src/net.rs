//! One model in ONNX Runtime: its session, its input buffer, and the checks on both.

use liveface_core::sample::{self, Border, Filter};
use liveface_core::{Affine, Frame};
use ndarray::Array4;
use ort::session::{Session, SessionOutputs};
use ort::value::{Tensor, ValueType};

use crate::error::VisionError;
use crate::manifest::{Colour, Entry, Layout};
use crate::runtime::Runtime;

pub(crate) struct Net {
    name: String,
    session: Session,
    input: Tensor<f32>,
    side: u32,
    layout: Layout,
    colour: Colour,
    mean: f32,
    scale: f32,
}

impl Net {
    pub(crate) fn load(
        runtime: &Runtime,
        entry: &Entry,
        bytes: &[u8],
    ) -> Result<Self, VisionError> {
        let failed = |why: String| VisionError::Inference { model: entry.file.clone(), why };
        let side = entry.input.side().ok_or_else(|| {
            entry.wrong("the input is not one square picture of three channels, 16 to 1024 pixels")
        })?;
        let session = Session::builder(runtime.environment())
            .map_err(|error| failed(error.to_string()))?
            // One thread: the nets are too small for two to pay, and results must not depend on it.
            .with_intra_threads(1)
            .map_err(|error| failed(error.to_string()))?
            .with_intra_op_spinning(false)
            .map_err(|error| failed(error.to_string()))?
            .commit_from_memory(bytes)
            .map_err(|error| failed(error.to_string()))?;
        check_shapes(entry, &session)?;
        let shape = entry.input.shape.map(|side| side as usize);
        let input = Tensor::from_array(Array4::<f32>::zeros(shape))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            name: entry.file.clone(),
            session,
            input,
            side,
            layout: entry.input.layout,
            colour: entry.input.colour,
            mean: entry.input.mean,
            scale: entry.input.scale,
        })
    }

    /// The side of the model's square picture, in pixels.
    pub(crate) const fn side(&self) -> u32 {
        self.side
    }

    /// Fills the input straight from the frame: input pixel (x, y) shows `to_picture` (x, y).
    pub(crate) fn fill(
        &mut self,
        frame: &Frame<'_>,
        to_picture: Affine,
        filter: Filter,
        border: Border,
    ) {
        let (mean, factor, layout) = (self.mean, 1.0 / self.scale, self.layout);
        let order = match self.colour {
            Colour::Rgb => [0, 1, 2],
            Colour::Bgr => [2, 1, 0],
        };
        let plane = (self.side * self.side) as usize;
        let (_, data) = self.input.extract_tensor_mut();
        let mut index = 0;
        sample::rgb(frame, to_picture, (self.side, self.side), filter, border, |pixel| {
            let values = order.map(|channel| (pixel[channel] - mean) * factor);
            match layout {
                Layout::Nhwc => data[index * 3..index * 3 + 3].copy_from_slice(&values),
                Layout::Nchw => {
                    for (channel, value) in values.into_iter().enumerate() {
                        data[channel * plane + index] = value;
                    }
                }
            }
            index += 1;
        });
    }

    /// Runs the model on the filled input and hands its outputs to `decode`.
    pub(crate) fn run<T>(
        &mut self,
        decode: impl FnOnce(&Outputs<'_>) -> Result<T, VisionError>,
    ) -> Result<T, VisionError> {
        let outputs = self.session.run(ort::inputs![&self.input]).map_err(|error| {
            VisionError::Inference { model: self.name.clone(), why: error.to_string() }
        })?;
        decode(&Outputs { model: &self.name, outputs })
    }
}

/// What a run gave.
pub(crate) struct Outputs<'s> {
    model: &'s str,
    outputs: SessionOutputs<'s>,
}

impl Outputs<'_> {
    /// The values of output `name`, whose shape was checked at load.
    pub(crate) fn get(&self, name: &str) -> Result<&[f32], VisionError> {
        let failed = |why: String| VisionError::Inference { model: self.model.to_owned(), why };
        let value = self.outputs.get(name).ok_or_else(|| failed(format!("no output `{name}`")))?;
        let (_, data) =
            value.try_extract_tensor::<f32>().map_err(|error| failed(error.to_string()))?;
        Ok(data)
    }
}

fn check_shapes(entry: &Entry, session: &Session) -> Result<(), VisionError> {
    let check = |what: &str, name: &str, outlets: &[ort::value::Outlet], expected: &[i64]| {
        let found =
            outlets.iter().find(|outlet| outlet.name() == name).map(|outlet| outlet.dtype());
        let found = match found {
            Some(ValueType::Tensor { shape, .. }) if shape[..] == *expected => return Ok(()),
            Some(other) => other.to_string(),
            None => "missing".to_owned(),
        };
        Err(VisionError::ModelShape {
            file: entry.file.clone(),
            what: format!("{what} `{name}`"),
            found,
            expected: format!("{expected:?}"),
        })
    };
    check("input", &entry.input.name, session.inputs(), &entry.input.shape)?;
    for output in &entry.outputs {
        check("output", &output.name, session.outputs(), &output.shape)?;
    }
    Ok(())
}
