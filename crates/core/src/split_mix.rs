//! The mixing function of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): repeatable numbers that look random.
//! Not for keys.

/// By how much the generator's state grows from one number to the next: 2^64 over the golden ratio, made odd.
pub const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number that the generator gives in state `z`.
#[must_use]
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_the_published_ones() {
        // Of the authors' reference code with seed 1234567.
        let expected: [u64; 3] =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        let mut state = 1_234_567_u64;
        for number in expected {
            state = state.wrapping_add(GOLDEN);
            assert_eq!(mix(state), number);
        }
    }
}
