//! The same code for every processor, and once more for the wider vectors of those that have them.
//!
//! All but one case, which is asked for more often than all others together and has a room of its
//! own (`avx2`), is written without intrinsics: the loops of this room are plain enough for the
//! compiler to make vector code of them, and are compiled twice. Since both are the same operations
//! in the same order, without fused multiply-adds, they give the same bytes. On aarch64 the baseline
//! has vectors already.
//!
//! That the loops are vectors can be seen in what
//! `cargo rustc --release -p liveface-core --lib --config profile.release.lto=false -- --emit asm`
//! leaves in `target/release/deps/liveface_core-*.s`: hundreds of `vpmulhuw` with `ymm` registers
//! for AVX2 and of `pmulhuw` for the rest of x86-64; on aarch64, of `umull2`.
//!
//! This and `avx2` are the only places of the crate with unsafe code: a function that is compiled
//! for an extension can only be called unsafely, and loads from places that lie anywhere take half as
//! long when their bounds are not checked one by one.
#![allow(unsafe_code, reason = "see above")]

use super::CHUNK;

/// Something to be done with the widest vectors there are.
pub(super) trait Work {
    /// Does it. Must be inlined, or it is not compiled for the processor.
    fn run(self);
}

/// Does `work` as this processor can do it fastest.
pub(super) fn run(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has AVX2, which is all that the function asks for.
        unsafe { with_avx2(work) };
        return;
    }
    work.run();
}

#[cfg(target_arch = "x86_64")]
pub(super) fn has_avx2() -> bool {
    #[cfg(test)]
    if tests::ONLY_PORTABLE.get() {
        return false;
    }
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(work: impl Work) {
    work.run();
}

/// Loads `N` bytes from each of `offsets` in `data`. An offset that is too large is brought down to
/// the last place where there are as many bytes; when `data` has fewer, nothing is loaded.
#[inline(always)]
pub(super) fn gather<const N: usize>(
    data: &[u8],
    offsets: &mut [u32; CHUNK],
    words: &mut [u32; CHUNK],
    word: impl Fn([u8; N]) -> u32,
) {
    let Some(last) = data.len().checked_sub(N) else { return };
    let last = u32::try_from(last).unwrap_or(u32::MAX);
    for offset in offsets.iter_mut() {
        *offset = (*offset).min(last);
    }
    for (place, offset) in words.iter_mut().zip(offsets) {
        // SAFETY: the offset is at most the length less `N`, so `N` bytes from there on are in `data`;
        // an array of bytes needs no alignment.
        let bytes = unsafe { data.as_ptr().add(*offset as usize).cast::<[u8; N]>().read() };
        *place = word(bytes);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Pretends that the processor has no extension.
        pub(in super::super) static ONLY_PORTABLE: Cell<bool> = const { Cell::new(false) };
    }

    #[test]
    fn offsets_beyond_the_end_are_brought_back() {
        let data: Vec<u8> = (0..9).collect();
        let mut offsets = [u32::MAX; CHUNK];
        (offsets[0], offsets[1], offsets[2]) = (0, 5, 6);
        let mut words = [0; CHUNK];
        gather(&data, &mut offsets, &mut words, |bytes: [u8; 4]| u32::from_be_bytes(bytes));
        assert_eq!(words[..4], [0x0001_0203, 0x0506_0708, 0x0506_0708, 0x0506_0708]);
        // Too short for a single word: nothing is touched.
        let mut words = [7; CHUNK];
        gather(&data[..3], &mut offsets, &mut words, |bytes: [u8; 4]| u32::from_be_bytes(bytes));
        assert_eq!(words, [7; CHUNK]);
    }
}
