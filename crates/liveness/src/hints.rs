//! Hints that the person may be unable to follow: a dark room stays dark. Each stands in the way for
//! `timing.hint_ms` of a capture, then gives way for the rest of it, and that is recorded.

use liveface_core::{Guidance, GuidanceRecord};

/// The time that each hint has stood in the way.
#[derive(Default)]
pub(crate) struct Hints {
    /// In all, by hint.
    stood: Vec<(Guidance, u64)>,
    /// What stood in the way of the last frame that a hint did, and when that was.
    last: Option<(Guidance, u64)>,
    /// Hints that gave way, and when.
    warnings: Vec<GuidanceRecord>,
}

impl Hints {
    /// Whether `hint` stands in the way no more.
    pub(crate) fn gave_way(&self, hint: Guidance) -> bool {
        self.warnings.iter().any(|warning| warning.guidance == hint)
    }

    /// Notes that nothing but `hint` stood in the way of the frame at `now_ms`. The time since the frame
    /// before counts when it stood in its way too; after `limit_ms` in all it gives way.
    pub(crate) fn note(&mut self, hint: Guidance, now_ms: u64, limit_ms: u64) {
        let before = self.last.replace((hint, now_ms));
        let since = before.filter(|(guidance, _)| *guidance == hint).map_or(now_ms, |(_, at)| at);
        let index = self.stood.iter().position(|(guidance, _)| *guidance == hint);
        let index = index.unwrap_or_else(|| {
            self.stood.push((hint, 0));
            self.stood.len() - 1
        });
        let (_, stood_ms) = &mut self.stood[index];
        *stood_ms = stood_ms.saturating_add(now_ms.saturating_sub(since));
        if *stood_ms >= limit_ms && !self.gave_way(hint) {
            self.warnings.push(GuidanceRecord { t_ms: now_ms, guidance: hint });
        }
    }

    /// Notes a frame that no hint stood in the way of, or something else did first.
    pub(crate) const fn interrupt(&mut self) {
        self.last = None;
    }

    /// Hints that gave way, and when.
    pub(crate) fn warnings(&self) -> &[GuidanceRecord] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_gives_way_after_its_time_in_all() {
        let mut hints = Hints::default();
        for at in [0, 400, 800] {
            hints.note(Guidance::MoreLight, at, 1_000);
        }
        hints.interrupt();
        // What passed while something else was wrong does not count.
        for (at, gave_way) in [(5_000, false), (5_199, false), (5_200, true)] {
            hints.note(Guidance::MoreLight, at, 1_000);
            assert_eq!(hints.gave_way(Guidance::MoreLight), gave_way, "{at}");
        }
        assert!(!hints.gave_way(Guidance::LessLight));
        let expected = GuidanceRecord { t_ms: 5_200, guidance: Guidance::MoreLight };
        assert_eq!(hints.warnings(), [expected]);
    }

    #[test]
    fn hints_that_take_turns_each_need_their_own_time() {
        let mut hints = Hints::default();
        for at in 0..100 {
            let hint = if at % 2 == 0 { Guidance::MoreLight } else { Guidance::LessLight };
            hints.note(hint, at * 100, 1_000);
        }
        assert!(hints.warnings().is_empty());
    }
}
