//! The same code for every processor, and once more for the wider vectors of those that have them.
//!
//! What is done so must be loops that are plain enough for the compiler to make vector code of them. Both
//! are the same operations in the same order, without fused multiply-adds, so they give the same bits. On
//! aarch64 the baseline has vectors already.
#![allow(
    unsafe_code,
    reason = "a function that is compiled for an extension can only be called unsafely"
)]

/// Something to be done with the widest vectors there are.
pub trait Work {
    /// What it gives.
    type Output;

    /// Does it. It and what it calls must be inlined (`#[inline(always)]`), or they are not compiled for the
    /// processor.
    fn run(self) -> Self::Output;
}

/// Does `work` as this processor can do it fastest.
pub fn run<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has AVX2, which is all that the function asks for.
        return unsafe { with_avx2(work) };
    }
    work.run()
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn has_avx2() -> bool {
    #[cfg(test)]
    if tests::ONLY_PORTABLE.get() {
        return false;
    }
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<W: Work>(work: W) -> W::Output {
    work.run()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    thread_local! {
        /// Pretends that the processor has no extension.
        pub(crate) static ONLY_PORTABLE: Cell<bool> = const { Cell::new(false) };
    }
}
