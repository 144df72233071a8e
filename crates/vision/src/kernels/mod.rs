//! Our own operators that ONNX Runtime runs inside the mesh model.
//!
//! The mesh is a chain of some seventy depthwise-separable blocks with PReLU, most of them on maps
//! so small that a general runtime spends its time between the nodes, not in them; and ONNX Runtime
//! leaves its blocked layout at every PReLU. [`chain`] computes such blocks with depthwise,
//! pointwise, residual and PReLU in one pass over the picture; [`region`] turns and samples the
//! regions of eyes and lips. `models/convert/fuse.py` writes the model in these terms, and a test
//! holds it against the same model in standard operators.

pub(crate) mod chain;
mod lanes;
pub(crate) mod operators;
pub(crate) mod region;
