//! A seed that a server chose.

use sha2::{Digest, Sha256};

/// The seed that a server's nonce stands for: the first eight bytes of its SHA-256, the highest first.
///
/// A server that gives a nonce to the app knows which order of turns the capture has to have, see
/// [`challenge_order`](crate::challenge_order), and finds the seed in the capture's evidence.
///
/// ```
/// assert_eq!(liveface::seed_of_nonce("abc"), 0xba78_16bf_8f01_cfea);
/// ```
#[must_use]
pub fn seed_of_nonce(nonce: &str) -> u64 {
    let digest = Sha256::digest(nonce.as_bytes());
    digest.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}
