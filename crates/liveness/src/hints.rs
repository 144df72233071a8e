//! Hints that the person may be unable to follow: a dark room stays dark. Each stands in the way for
//! `timing.hint_ms` of a capture, then gives way for the rest of it, and that is recorded.

use liveface_core::{Component, Guidance, Warning};

/// The time that each hint has stood in the way.
#[derive(Default)]
pub(crate) struct Hints {
    /// In all, by hint.
    stood: Vec<(Guidance, Component, u64)>,
    /// What stood in the way of the frame before, and when that was.
    last: Option<(Guidance, Component, u64)>,
    /// Hints that gave way, and when.
    warnings: Vec<Warning>,
}

impl Hints {
    /// Whether a hint stands in the way no more.
    pub(crate) fn gave_way(&self, guidance: Guidance, component: Component) -> bool {
        self.warnings.iter().any(|w| w.guidance == guidance && w.component == component)
    }

    /// Notes that a hint is what stood in the way of the frame at `now_ms`. The time since the frame before
    /// counts when it stood in its way too; after `limit_ms` in all it gives way.
    pub(crate) fn note(
        &mut self,
        guidance: Guidance,
        component: Component,
        now_ms: u64,
        limit_ms: u64,
    ) {
        let same = |other: (Guidance, Component)| other == (guidance, component);
        let before = self.last.replace((guidance, component, now_ms));
        let since = before.filter(|(g, c, _)| same((*g, *c))).map_or(now_ms, |(_, _, at)| at);
        let index = self.stood.iter().position(|(g, c, _)| same((*g, *c)));
        let index = index.unwrap_or_else(|| {
            self.stood.push((guidance, component, 0));
            self.stood.len() - 1
        });
        let (_, _, stood_ms) = &mut self.stood[index];
        *stood_ms = stood_ms.saturating_add(now_ms.saturating_sub(since));
        if *stood_ms >= limit_ms && !self.gave_way(guidance, component) {
            self.warnings.push(Warning { t_ms: now_ms, guidance, component });
        }
    }

    /// Notes a frame that no hint stood in the way of, or something else did first.
    pub(crate) const fn interrupt(&mut self) {
        self.last = None;
    }

    /// Hints that gave way, and when.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DARK: (Guidance, Component) = (Guidance::MoreLight, Component::LuminanceMean);
    const BRIGHT: (Guidance, Component) = (Guidance::LessLight, Component::LuminanceMean);
    const WHITE: (Guidance, Component) = (Guidance::LessLight, Component::SceneBrightness);

    #[test]
    fn a_hint_gives_way_after_its_time_in_all() {
        let mut hints = Hints::default();
        for at in [0, 400, 800] {
            hints.note(DARK.0, DARK.1, at, 1_000);
        }
        hints.interrupt();
        // What passed while something else was wrong does not count.
        for (at, gave_way) in [(5_000, false), (5_199, false), (5_200, true)] {
            hints.note(DARK.0, DARK.1, at, 1_000);
            assert_eq!(hints.gave_way(DARK.0, DARK.1), gave_way, "{at}");
        }
        assert!(!hints.gave_way(BRIGHT.0, BRIGHT.1));
        let expected = Warning { t_ms: 5_200, guidance: DARK.0, component: DARK.1 };
        assert_eq!(hints.warnings(), [expected]);
    }

    #[test]
    fn hints_that_take_turns_each_need_their_own_time() {
        let mut hints = Hints::default();
        for at in 0..100 {
            let (guidance, component) = [DARK, BRIGHT, WHITE][at as usize % 3];
            hints.note(guidance, component, at * 100, 1_000);
        }
        assert!(hints.warnings().is_empty());
    }
}
