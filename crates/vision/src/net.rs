//! One model in ONNX Runtime: its session, its input and output buffers, and the checks on them.

#![allow(unsafe_code)]
// `ort` allocates names, lists and values for every run; a frame must allocate nothing. So a run calls
// ONNX Runtime's C interface directly, with buffers that were made when the model was loaded.

use std::ffi::{CStr, CString, c_char};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, Frame};
use ndarray::{ArrayD, IxDyn};
use ort::AsPointer;
use ort::session::Session;
use ort::sys::OrtValue;
use ort::value::{Tensor, ValueType};

use crate::error::VisionError;
use crate::kernels::operators;
use crate::manifest::{Colour, Entry, Layout};
use crate::runtime::Runtime;

struct Output {
    name: CString,
    value: Tensor<f32>,
}

pub(crate) struct Net {
    name: String,
    session: Session,
    input: Tensor<f32>,
    input_name: CString,
    outputs: Vec<Output>,
    /// Where the outputs' names lie, as a run wants them.
    output_names: Vec<*const c_char>,
    /// Where the outputs' tensors lie.
    output_values: Vec<*mut OrtValue>,
    /// Spent in ONNX Runtime so far.
    spent: Duration,
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
        // ONNX Runtime notes an operators' domain for all sessions of the process, and fails where two threads
        // do so at once.
        static LOADING: Mutex<()> = Mutex::new(());
        let loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        let builder = Session::builder(runtime.environment())
            .map_err(|error| failed(error.to_string()))?
            // One thread: the nets are too small for two to pay, and results must not depend on it.
            .with_intra_threads(1)
            .map_err(|error| failed(error.to_string()))?
            .with_intra_op_spinning(false)
            .map_err(|error| failed(error.to_string()))?
            .with_operators(operators::domain().map_err(|error| failed(error.to_string()))?)
            .map_err(|error| failed(error.to_string()))?;
        let session = runtime
            .choice()
            .commit(&entry.file, &builder, bytes)
            .map_err(|error| failed(error.to_string()))?;
        drop(loading);
        check_shapes(entry, &session)?;
        let tensor = |shape: &[i64]| {
            let shape: Vec<usize> = shape.iter().map(|side| *side as usize).collect();
            Tensor::from_array(ArrayD::<f32>::zeros(IxDyn(&shape)))
                .map_err(|error| failed(error.to_string()))
        };
        let c_name = |name: &str| CString::new(name).map_err(|error| failed(error.to_string()));
        let mut outputs = Vec::new();
        for output in &entry.outputs {
            outputs.push(Output { name: c_name(&output.name)?, value: tensor(&output.shape)? });
        }
        Ok(Self {
            name: entry.file.clone(),
            session,
            input: tensor(&entry.input.shape)?,
            input_name: c_name(&entry.input.name)?,
            output_names: outputs.iter().map(|output| output.name.as_ptr()).collect(),
            output_values: outputs.iter().map(|output| output.value.ptr().cast_mut()).collect(),
            outputs,
            spent: Duration::ZERO,
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
        let form = TensorForm {
            planar: matches!(self.layout, Layout::Nchw),
            bgr: matches!(self.colour, Colour::Bgr),
            mean: self.mean,
            scale: self.scale,
        };
        let (_, data) = self.input.extract_tensor_mut();
        sample::tensor(frame, to_picture, (self.side, self.side), filter, border, &form, data);
    }

    /// What the input was filled with.
    pub(crate) fn input(&self) -> &[f32] {
        self.input.extract_tensor().1
    }

    /// Runs the model on the filled input. Allocates nothing of its own.
    pub(crate) fn run(&mut self) -> Result<Outputs<'_>, VisionError> {
        let (names, values) = ([self.input_name.as_ptr()], [self.input.ptr()]);
        let started = Instant::now();
        // SAFETY: the session, the names and the tensors belong to `self` and outlive the call; the
        // session is borrowed mutably, so nothing else runs it; there are as many outputs as names,
        // none is null, so ONNX Runtime writes into them or answers with an error.
        let status = unsafe {
            (ort::api().Run)(
                self.session.ptr().cast_mut(),
                std::ptr::null(),
                names.as_ptr(),
                values.as_ptr(),
                1,
                self.output_names.as_ptr(),
                self.output_names.len(),
                self.output_values.as_mut_ptr(),
            )
        };
        self.spent += started.elapsed();
        if !status.0.is_null() {
            // SAFETY: a status that is not null has a message; it is released once, after that.
            let why = unsafe {
                let message = CStr::from_ptr((ort::api().GetErrorMessage)(status.0));
                let why = message.to_string_lossy().into_owned();
                (ort::api().ReleaseStatus)(status.0);
                why
            };
            return Err(VisionError::Inference { model: self.name.clone(), why });
        }
        Ok(Outputs { model: &self.name, outputs: &self.outputs })
    }

    /// The time spent in ONNX Runtime since the model was loaded.
    pub(crate) const fn spent(&self) -> Duration {
        self.spent
    }
}

// SAFETY: the pointers in `output_names` and `output_values` point into `outputs`, which the value
// owns and moves with it; they are only used by `run`, which borrows all of it mutably.
unsafe impl Send for Net {}

/// What a run gave.
pub(crate) struct Outputs<'n> {
    model: &'n str,
    outputs: &'n [Output],
}

impl Outputs<'_> {
    /// The values of output `name`, whose shape was checked at load.
    pub(crate) fn get(&self, name: &str) -> Result<&[f32], VisionError> {
        let output = self.outputs.iter().find(|output| output.name.as_bytes() == name.as_bytes());
        let output = output.ok_or_else(|| VisionError::Inference {
            model: self.model.to_owned(),
            why: format!("no output `{name}`"),
        })?;
        Ok(output.value.extract_tensor().1)
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
