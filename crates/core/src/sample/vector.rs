//! Loads from places that lie anywhere.
//!
//! All but one case, which is asked for more often than all others together and has a room of its
//! own (`avx2`), is written without intrinsics and compiled twice, see [`crate::wide`]. That the loops
//! are vectors can be seen in what
//! `cargo rustc --release -p liveface-core --lib --config profile.release.lto=false -- --emit asm`
//! leaves in `target/release/deps/liveface_core-*.s`: hundreds of `vpmulhuw` with `ymm` registers
//! for AVX2 and of `pmulhuw` for the rest of x86-64; on aarch64, of `umull2`.
//!
//! The code here is unsafe because such loads take half as long when their bounds are not checked one
//! by one. Beside it only `avx2` and `wide` are.
#![allow(unsafe_code, reason = "see above")]

use super::CHUNK;

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
mod tests {
    use super::*;

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
