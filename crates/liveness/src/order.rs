//! The order of the turns and the pauses between them, drawn from the seed: what a recording cannot know.
//!
//! A server that gave the seed can draw the same again:
//!
//! 1. The generator is `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): its state grows by `0x9e3779b97f4a7c15`,
//!    and each number is the state `z` after `z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9`,
//!    `z = (z ^ z >> 27) * 0x94d049bb133111eb`, `z ^ z >> 31`, all modulo 2^64. A number below `n` is the upper
//!    64 bits of the number times `n`.
//! 2. Its first state is the seed. The first try takes its first number as the state of a generator of its own,
//!    the try after a restart the second, and so on.
//! 3. An order is drawn from that one, turn by turn: let `ways(n, m)` be the number of ways to go on with `n`
//!    turns of which `m` directions have not been among yet; each direction that has not been among counts
//!    `ways(n - 1, m - 1)`, each other `ways(n - 1, m)`; a number below their sum says which one it is, in the
//!    order in which the policy names them. So every order that has each direction at least once is equally
//!    likely.
//! 4. Turns that come on top, one for each answer that came late, are numbers below how many directions there are,
//!    from the same generator.
//! 5. The pauses come from a generator of their own, whose seed is the seed with every bit turned over.

use liveface_core::Challenge;
use liveface_core::policy::ChallengeLimits;
use liveface_core::split_mix::{GOLDEN, mix};

/// The order of turns that `seed` and the policy give in try `attempt`, which counts from 0 and goes up with
/// each restart of the sequence.
///
/// ```
/// use liveface_core::policy::ChallengeLimits;
/// let order = liveface_liveness::challenge_order(7, 0, &ChallengeLimits::default());
/// let codes: Vec<_> = order.iter().map(|turn| turn.code()).collect();
/// assert_eq!(codes.len(), 6);
/// assert_eq!(order, liveface_liveness::challenge_order(7, 0, &ChallengeLimits::default()));
/// ```
#[must_use]
pub fn challenge_order(seed: u64, attempt: u32, limits: &ChallengeLimits) -> Vec<Challenge> {
    Draw::new(seed, attempt).order(&limits.directions, limits.turns)
}

/// How many orders of `turns` turns there are that have each of `directions` at least once.
#[must_use]
pub fn possible_orders(directions: usize, turns: u32) -> u64 {
    ways(directions as u64, turns, directions as u64)
}

/// In how many ways `turns` turns can go on when `missing` of `directions` must be among them yet.
fn ways(directions: u64, turns: u32, missing: u64) -> u64 {
    // Row by row of turns: by how many directions are missing.
    let mut row: Vec<u64> = (0..=missing).map(|m| u64::from(m == 0)).collect();
    for _ in 0..turns {
        for m in (0..row.len()).rev() {
            let known = (directions - m as u64).saturating_mul(row[m]);
            let new = if m == 0 { 0 } else { (m as u64).saturating_mul(row[m - 1]) };
            row[m] = known.saturating_add(new);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Draws what is random in one try.
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64, attempt: u32) -> Self {
        let mut tries = Self(seed);
        let mut state = tries.next();
        for _ in 0..attempt {
            state = tries.next();
        }
        Self(state)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number from 0 to `n` - 1.
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    pub(crate) fn order(&mut self, directions: &[Challenge], turns: u32) -> Vec<Challenge> {
        let all = directions.len() as u64;
        let mut order: Vec<Challenge> = Vec::with_capacity(turns as usize);
        for left in (0..turns).rev() {
            let is_missing = |direction: &Challenge| !order.contains(direction);
            let missing = directions.iter().filter(|d| is_missing(d)).count() as u64;
            let weights: Vec<u64> = directions
                .iter()
                .map(|direction| match is_missing(direction) {
                    true => ways(all, left, missing - 1),
                    false => ways(all, left, missing),
                })
                .collect();
            let mut at = self.below(weights.iter().fold(0, |sum, w| sum.saturating_add(*w)));
            let chosen = weights.iter().position(|weight| {
                let here = at < *weight;
                at = at.saturating_sub(*weight);
                here
            });
            order.extend(chosen.and_then(|index| directions.get(index)));
        }
        order
    }

    /// One more turn.
    pub(crate) fn extra(&mut self, directions: &[Challenge]) -> Option<Challenge> {
        let index = self.below(directions.len() as u64);
        directions.get(index as usize).copied()
    }

    /// A pause between two turns, in milliseconds.
    pub(crate) fn pause_ms(&mut self, limits: &ChallengeLimits) -> u64 {
        let span = limits.max_pause_ms.saturating_sub(limits.min_pause_ms);
        limits.min_pause_ms + self.below(span.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // Of the reference implementation by Vigna, seed 1234567.
        let mut draw = Draw(1_234_567);
        assert_eq!(draw.next(), 6_457_827_717_110_365_317);
        assert_eq!(draw.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn orders_are_counted() {
        assert_eq!(possible_orders(3, 3), 6);
        assert_eq!(possible_orders(3, 5), 150);
        assert_eq!(possible_orders(2, 5), 30);
        assert_eq!(possible_orders(1, 5), 1);
        assert_eq!(possible_orders(3, 2), 0);
    }

    #[test]
    fn every_order_comes_up_alike_and_has_every_direction() {
        let limits = ChallengeLimits::default();
        let mut seen: HashMap<Vec<Challenge>, u32> = HashMap::new();
        for seed in 0..108_000 {
            let order = challenge_order(seed, 0, &limits);
            assert_eq!(order.len(), 6);
            assert!(limits.directions.iter().all(|direction| order.contains(direction)));
            *seen.entry(order).or_default() += 1;
        }
        assert_eq!(seen.len(), 540);
        // 200 each are expected, with a standard deviation of 14.
        assert!(seen.values().all(|count| (130..=270).contains(count)));
    }

    #[test]
    fn a_try_after_a_restart_has_an_order_of_its_own() {
        let limits = ChallengeLimits::default();
        let same = (0..1_000)
            .filter(|seed| challenge_order(*seed, 0, &limits) == challenge_order(*seed, 1, &limits))
            .count();
        assert!(same < 20, "{same}");
    }
}
