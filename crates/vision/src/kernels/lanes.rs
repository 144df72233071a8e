//! Reading and writing vectors of the machine's width.

#![allow(unsafe_code)]
// The innermost loops load a vector for every one or two multiplications; a bounds check on each
// costs a third of the mesh's time. The callers cut their slices to length once per row or tile,
// and the checks are there in every build with debug assertions, the one that the tests run.

use pulp::Simd;

/// The vector that begins at `from[at]`.
#[inline(always)]
pub(super) fn load<S: Simd>(_: S, from: &[f32], at: usize) -> S::f32s {
    debug_assert!(at + S::F32_LANES <= from.len());
    // SAFETY: the vector lies inside the slice, as asserted; any bits are floats.
    unsafe { from.as_ptr().add(at).cast::<S::f32s>().read_unaligned() }
}

/// The number at `from[at]`, in every lane.
#[inline(always)]
pub(super) fn splat<S: Simd>(simd: S, from: &[f32], at: usize) -> S::f32s {
    debug_assert!(at < from.len());
    // SAFETY: the number lies inside the slice, as asserted.
    simd.splat_f32s(unsafe { *from.get_unchecked(at) })
}

/// Puts `vector` at `to[at]`.
#[inline(always)]
pub(super) fn store<S: Simd>(_: S, to: &mut [f32], at: usize, vector: S::f32s) {
    debug_assert!(at + S::F32_LANES <= to.len());
    // SAFETY: the vector lies inside the slice, as asserted.
    unsafe { to.as_mut_ptr().add(at).cast::<S::f32s>().write_unaligned(vector) }
}
