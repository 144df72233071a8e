//! The operators as ONNX Runtime sees them: domain `liveface`, version 1.
//!
//! | operator | inputs | outputs | attributes |
//! |---|---|---|---|
//! | `ResidualChain` | map `[1, h, w, c]`, all weights (constant) | map `[1, h', w', c']`, or `[1, n]` after a dense layer | `height`, `width`, `layers` |
//! | `LandmarkRegion` | features `[1, n, n, c]`, mesh x, y, z | features there `[1, side, side, c]`, placement `[6]` | `subset`, `horizontal`, `grown`, `cells_per_pixel`, `side` |
//! | `PlacePoints` | points x, y, placement `[6]` | points `[1, 1, 1, 2 n]` | |

#![allow(unsafe_code)]
// `ort` wraps each tensor that a kernel reads or writes in an allocation; a frame must make none. So
// the few calls of a running kernel go to ONNX Runtime's C interface directly.

use std::ptr;

use ort::AsPointer;
use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput,
};
use ort::sys::{OrtStatusPtr, OrtTensorTypeAndShapeInfo};
use ort::value::{TensorElementType, TensorValueType};

use super::chain::{Chain, LAYER_NUMBERS, Shape};
use super::region::{Placement, Region, place};

/// The operators, for one session.
pub(crate) fn domain() -> ort::Result<OperatorDomain> {
    OperatorDomain::new("liveface")?.add(ResidualChain)?.add(LandmarkRegion)?.add(PlacePoints)
}

const FLOAT: TensorElementType = TensorElementType::Float32;

struct ResidualChain;

impl Operator for ResidualChain {
    type Kernel<'attr> = ChainKernel;

    fn name(&self) -> &'static str {
        "ResidualChain"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(FLOAT), OperatorInput::required(FLOAT)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOAT)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<ChainKernel> {
        let layers: Vec<i64> = attribute(context.get("layers"), "layers")?;
        let side = |name| -> ort::Result<usize> {
            let value: i64 = attribute(context.get(name), name)?;
            usize::try_from(value).map_err(|_| wrong(&format!("`{name}` is {value}")))
        };
        let (height, width) = (side("height")?, side("width")?);
        let channels = layers.get(1).and_then(|value| usize::try_from(*value).ok()).unwrap_or(0);
        let weights = context.constant_input::<TensorValueType<f32>>(1)?;
        let (_, weights) = weights.extract_tensor();
        let chain = Chain::new(Shape { height, width, channels }, &layers, weights)
            .map_err(|error| wrong(&error))?;
        let Shape { height, width, channels } = chain.output();
        let dense = layers[layers.len() - LAYER_NUMBERS] == 3;
        let shape = if dense {
            vec![1, channels as i64]
        } else {
            vec![1, height as i64, width as i64, channels as i64]
        };
        Ok(ChainKernel { chain, shape })
    }
}

struct ChainKernel {
    chain: Chain,
    shape: Vec<i64>,
}

impl Kernel for ChainKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = input(context, 0)?;
        expect(input.len(), self.chain.input().len())?;
        let output = output(context, 0, &self.shape)?;
        self.chain.run(input, output);
        Ok(())
    }
}

struct LandmarkRegion;

impl Operator for LandmarkRegion {
    type Kernel<'attr> = RegionKernel;

    fn name(&self) -> &'static str {
        "LandmarkRegion"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(FLOAT), OperatorInput::required(FLOAT)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOAT), OperatorOutput::required(FLOAT)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<RegionKernel> {
        let indices = |name| -> ort::Result<Vec<usize>> {
            let values: Vec<i64> = attribute(context.get(name), name)?;
            let indices: Result<_, _> = values.into_iter().map(usize::try_from).collect();
            indices.map_err(|_| wrong(&format!("`{name}` has a negative index")))
        };
        let horizontal = indices("horizontal")?;
        let grown: Vec<f32> = attribute(context.get("grown"), "grown")?;
        let side: i64 = attribute(context.get("side"), "side")?;
        let region = Region {
            subset: indices("subset")?,
            horizontal: horizontal.try_into().map_err(|_| wrong("`horizontal` is no pair"))?,
            grown: grown.try_into().map_err(|_| wrong("`grown` is no pair"))?,
            cells_per_pixel: attribute(context.get("cells_per_pixel"), "cells_per_pixel")?,
            side: usize::try_from(side).unwrap_or(0),
        };
        if !(1..=256).contains(&region.side) || region.subset.is_empty() {
            return Err(wrong("`side` must be 1 to 256 and `subset` not empty"));
        }
        let largest = region.subset.iter().chain(&region.horizontal).copied().max();
        Ok(RegionKernel { largest: largest.unwrap_or(0), region })
    }
}

struct RegionKernel {
    region: Region,
    /// The largest index of a point that is read.
    largest: usize,
}

impl Kernel for RegionKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let (features, mesh) = (input(context, 0)?, input(context, 1)?);
        let side = self.region.side;
        if mesh.len() / 3 <= self.largest {
            return Err(wrong("the mesh has fewer points than the region reads"));
        }
        let Some(channels) = channels(features.len()) else {
            return Err(wrong("the features are no square map of 32 channels"));
        };
        let placement = self.region.placement(mesh);
        let shape = [1, side as i64, side as i64, channels as i64];
        self.region.sample(features, channels, placement, output(context, 0, &shape)?);
        output(context, 1, &[6])?.copy_from_slice(&self.region.of_points(placement));
        Ok(())
    }
}

/// The channels of the features: the model has 32 on a square map.
fn channels(floats: usize) -> Option<usize> {
    const CHANNELS: usize = 32;
    let cells = floats / CHANNELS;
    let side = cells.isqrt();
    (side > 0 && side * side * CHANNELS == floats).then_some(CHANNELS)
}

struct PlacePoints;

impl Operator for PlacePoints {
    type Kernel<'attr> = PlaceKernel;

    fn name(&self) -> &'static str {
        "PlacePoints"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(FLOAT), OperatorInput::required(FLOAT)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOAT)]
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<PlaceKernel> {
        Ok(PlaceKernel)
    }
}

struct PlaceKernel;

impl Kernel for PlaceKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let (points, placement) = (input(context, 0)?, input(context, 1)?);
        let placement: Placement =
            placement.try_into().map_err(|_| wrong("a placement has six numbers"))?;
        let to = output(context, 0, &[1, 1, 1, points.len() as i64])?;
        place(points, placement, to);
        Ok(())
    }
}

fn wrong(why: &str) -> ort::Error {
    ort::Error::new(why.to_owned())
}

fn attribute<T>(value: Option<T>, name: &str) -> ort::Result<T> {
    value.ok_or_else(|| wrong(&format!("the attribute `{name}` is missing or of another type")))
}

fn expect(floats: usize, expected: usize) -> ort::Result<()> {
    if floats == expected {
        return Ok(());
    }
    Err(wrong(&format!("a map of {floats} numbers came in where {expected} belong")))
}

/// Turns what a call of the C interface answered into a result.
fn done(status: OrtStatusPtr) -> ort::Result<()> {
    if status.0.is_null() {
        return Ok(());
    }
    // SAFETY: the status is ours and not used again.
    unsafe { (ort::api().ReleaseStatus)(status.0) };
    Err(wrong("ONNX Runtime did not give a kernel its tensors"))
}

/// Input `index` of a running kernel: a tensor of floats, as the operator declares.
fn input(context: &ComputeContext, index: usize) -> ort::Result<&[f32]> {
    let api = ort::api();
    let mut value = ptr::null();
    let mut data = ptr::null_mut();
    // SAFETY: the context lives while the kernel runs and owns the value; a required input is never
    // null, and its data are as many floats as its shape says.
    unsafe {
        done((api.KernelContext_GetInput)(context.ptr(), index, &mut value))?;
        if value.is_null() {
            return Err(wrong("a kernel's input is missing"));
        }
        let mut shape: *mut OrtTensorTypeAndShapeInfo = ptr::null_mut();
        done((api.GetTensorTypeAndShape)(value, &mut shape))?;
        let mut count = 0;
        let counted = done((api.GetTensorShapeElementCount)(shape, &mut count));
        (api.ReleaseTensorTypeAndShapeInfo)(shape);
        counted?;
        done((api.GetTensorMutableData)(value.cast_mut(), &mut data))?;
        if count == 0 || data.is_null() {
            return Ok(&[]);
        }
        Ok(std::slice::from_raw_parts(data.cast::<f32>(), count))
    }
}

/// Output `index` of a running kernel, a tensor of `shape` to be written.
#[allow(clippy::mut_from_ref)]
fn output<'c>(
    context: &'c ComputeContext,
    index: usize,
    shape: &[i64],
) -> ort::Result<&'c mut [f32]> {
    let api = ort::api();
    let count = shape.iter().product::<i64>() as usize;
    let mut value = ptr::null_mut();
    let mut data = ptr::null_mut();
    // SAFETY: as for inputs; outputs do not overlap anything else, each is asked for once, and all
    // its floats are written before the kernel returns. The pointer is not written through before.
    unsafe {
        let context = context.ptr().cast_mut();
        done((api.KernelContext_GetOutput)(
            context,
            index,
            shape.as_ptr(),
            shape.len(),
            &mut value,
        ))?;
        if value.is_null() {
            return Err(wrong("a kernel's output is missing"));
        }
        done((api.GetTensorMutableData)(value, &mut data))?;
        if count == 0 || data.is_null() {
            return Ok(&mut []);
        }
        Ok(std::slice::from_raw_parts_mut(data.cast::<f32>(), count))
    }
}
