//! The figures of a run: counts, error rates and what thresholds would do, for frames and for captures.

use std::collections::BTreeMap;

use liveface::Verdict;
use serde::Serialize;

use super::judge::Judged;
use super::manifest::BONA_FIDE;
use super::rates::{self, Point, Rate};

/// One judgement: the label, and what was said; `None` where the file could not be read.
pub(super) type Item<'i> = (&'i str, Option<&'i Judged>);

/// How presentations of one label were judged. Every presentation is in exactly one of the last five.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Counts {
    pub(super) presentations: usize,
    pub(super) live: usize,
    pub(super) attack: usize,
    pub(super) retry: usize,
    pub(super) timed_out: usize,
    /// Neither a score nor a decision for or against, or the file could not be read.
    pub(super) no_response: usize,
}

impl Counts {
    fn add(&mut self, judged: Option<&Judged>) {
        self.presentations += 1;
        *match judged {
            None => &mut self.no_response,
            Some(judged) => match judged.verdict {
                Verdict::Live => &mut self.live,
                Verdict::Attack => &mut self.attack,
                _ if judged.live.is_none() => &mut self.no_response,
                Verdict::Retry => &mut self.retry,
                Verdict::TimedOut => &mut self.timed_out,
            },
        } += 1;
    }

    const fn responses(&self) -> usize {
        self.presentations - self.no_response
    }

    const fn no_response_rate(&self) -> Rate {
        Rate { count: self.no_response, of: self.presentations }
    }
}

/// What a threshold on the score alone would do.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Thresholds {
    /// Where APCER and BPCER are closest to each other.
    pub(super) equal_error: Point,
    pub(super) fixed: Vec<Fixed>,
    /// Every threshold.
    #[serde(skip)]
    pub(super) curve: Vec<Point>,
}

/// The lowest threshold whose APCER is at most the given one.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Fixed {
    pub(super) name: String,
    pub(super) max_apcer_percent: f64,
    #[serde(flatten)]
    pub(super) point: Point,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct BonaFide {
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) bpcer: Rate,
    pub(super) bpnrr: Rate,
    /// All that were not taken for live, for whatever reason.
    pub(super) refused: Rate,
    /// Why, by code; `unreadable` where the file could not be read.
    pub(super) reasons: BTreeMap<&'static str, usize>,
    #[serde(skip)]
    pub(super) scores: Vec<f32>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Species {
    pub(super) species: String,
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) apcer: Rate,
    pub(super) apnrr: Rate,
    pub(super) thresholds: Option<Thresholds>,
    #[serde(skip)]
    pub(super) scores: Vec<f32>,
}

/// The highest APCER, and of which species.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Worst {
    pub(super) species: String,
    pub(super) apcer: Rate,
}

/// Everything about one way of judging.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Summary {
    pub(super) bona_fide: BonaFide,
    /// By name.
    pub(super) species: Vec<Species>,
    pub(super) max_apcer: Option<Worst>,
    /// The mean of the highest APCER and BPCER.
    pub(super) acer: Option<f64>,
    /// Of the species that is worst at each threshold.
    pub(super) thresholds: Option<Thresholds>,
}

impl Summary {
    /// The figures of `items`; `apcer_percents` are those at which BPCER is asked for.
    pub(super) fn new<'i>(
        items: impl IntoIterator<Item = Item<'i>>,
        apcer_percents: &[f64],
    ) -> Self {
        let mut labels = BTreeMap::<&str, (Counts, Vec<f32>)>::new();
        let mut reasons = BTreeMap::new();
        for (label, judged) in items {
            let (counts, scores) = labels.entry(label).or_default();
            counts.add(judged);
            scores.extend(judged.and_then(|judged| judged.live));
            if label == BONA_FIDE {
                let codes = judged.map_or_else(
                    || vec!["unreadable"],
                    |judged| judged.reasons.iter().map(|reason| reason.code()).collect(),
                );
                codes.into_iter().for_each(|code| *reasons.entry(code).or_default() += 1);
            }
        }
        let (counts, scores) = labels.remove(BONA_FIDE).unwrap_or_default();
        let bona_fide = BonaFide {
            bpcer: Rate { count: counts.attack, of: counts.responses() },
            bpnrr: counts.no_response_rate(),
            refused: Rate { count: counts.presentations - counts.live, of: counts.presentations },
            counts,
            reasons,
            scores,
        };
        let limits = |attacks: &[&[f32]]| {
            Thresholds::new(
                rates::sweep(attacks.iter().copied(), &bona_fide.scores),
                apcer_percents,
            )
        };
        let species: Vec<_> = labels
            .into_iter()
            .map(|(name, (counts, scores))| Species {
                species: name.to_owned(),
                apcer: Rate { count: counts.live, of: counts.responses() },
                apnrr: counts.no_response_rate(),
                counts,
                thresholds: limits(&[&scores]),
                scores,
            })
            .collect();
        let worst = rates::highest(species.iter().map(|species| species.apcer));
        let max_apcer =
            worst.map(|(index, apcer)| Worst { species: species[index].species.clone(), apcer });
        let acer =
            worst.and_then(|(_, apcer)| Some((apcer.value()? + bona_fide.bpcer.value()?) / 2.0));
        let attacks: Vec<_> = species.iter().map(|species| species.scores.as_slice()).collect();
        let thresholds = limits(&attacks);
        Self { bona_fide, species, max_apcer, acer, thresholds }
    }

    /// The counts of every label, bona fide first.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&str, &Counts, &[f32])> {
        let BonaFide { counts, scores, .. } = &self.bona_fide;
        let species = self.species.iter().map(|s| (s.species.as_str(), &s.counts, &s.scores[..]));
        std::iter::once((BONA_FIDE, counts, &scores[..])).chain(species)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels().all(|(_, counts, _)| counts.presentations == 0)
    }
}

impl Thresholds {
    fn new(curve: Vec<Point>, apcer_percents: &[f64]) -> Option<Self> {
        let fixed = apcer_percents.iter().filter_map(|percent| {
            let point = rates::at_apcer(&curve, percent / 100.0)?;
            Some(Fixed { name: fixed_name(*percent), max_apcer_percent: *percent, point })
        });
        Some(Self { equal_error: rates::equal_error(&curve)?, fixed: fixed.collect(), curve })
    }
}

/// "BPCER20" for an APCER of 5 %, as the standard has it; others have the percentage in words.
fn fixed_name(percent: f64) -> String {
    let parts = 100.0 / percent;
    if (parts - parts.round()).abs() < 1e-9 {
        format!("BPCER{parts:.0}")
    } else {
        format!("BPCER at APCER {percent} %")
    }
}

#[cfg(test)]
mod tests {
    use liveface::Reason;

    use super::*;

    fn judged(verdict: Verdict, live: Option<f32>, reasons: &[Reason]) -> Judged {
        Judged { verdict, reasons: reasons.to_vec(), live }
    }

    #[test]
    fn every_figure_is_as_counted_by_hand() {
        use Verdict::{Attack, Live, Retry, TimedOut};
        let print = [
            judged(Attack, Some(0.05), &[]),
            judged(Live, Some(0.6), &[]),
            judged(Retry, Some(0.3), &[]),
            // No face was seen.
            judged(Retry, None, &[Reason::FaceLost]),
        ];
        let replay = [judged(TimedOut, Some(0.2), &[]), judged(Attack, None, &[])];
        let bona_fide = [
            judged(Live, Some(0.9), &[]),
            judged(Live, Some(0.8), &[]),
            judged(Attack, Some(0.08), &[Reason::PresentationAttack]),
            judged(Retry, Some(0.5), &[Reason::PresentationDoubtful, Reason::EvidenceWeak]),
            judged(TimedOut, None, &[Reason::TimeUsedUp]),
        ];
        let with = |label, judged: &'static [Judged]| judged.iter().map(move |j| (label, Some(j)));
        let leak = |judged: Vec<Judged>| -> &'static [Judged] { judged.leak() };
        let items = with("print", leak(print.to_vec()))
            .chain(with("replay", leak(replay.to_vec())))
            .chain(with(BONA_FIDE, leak(bona_fide.to_vec())))
            .chain([(BONA_FIDE, None), ("print", None)]);
        let summary = Summary::new(items, &[10.0, 5.0, 2.0, 30.0]);

        let BonaFide { counts, bpcer, bpnrr, refused, reasons, .. } = &summary.bona_fide;
        let expected =
            Counts { presentations: 6, live: 2, attack: 1, retry: 1, timed_out: 0, no_response: 2 };
        assert_eq!(*counts, expected);
        let rate = |count, of| Rate { count, of };
        assert_eq!((*bpcer, *bpnrr, *refused), (rate(1, 4), rate(2, 6), rate(4, 6)));
        let codes = [
            "evidence_weak",
            "presentation_attack",
            "presentation_doubtful",
            "time_used_up",
            "unreadable",
        ];
        assert_eq!(*reasons, codes.map(|code| (code, 1)).into());

        let [print, replay] = &summary.species[..] else { panic!("{:?}", summary.species) };
        assert_eq!((print.apcer, print.apnrr), (rate(1, 3), rate(2, 5)));
        assert_eq!((replay.apcer, replay.apnrr), (rate(0, 2), rate(0, 2)));
        assert_eq!(
            summary.max_apcer,
            Some(Worst { species: "print".to_owned(), apcer: rate(1, 3) })
        );
        assert!((summary.acer.unwrap() - (1.0 / 3.0 + 0.25) / 2.0).abs() < 1e-12);

        let limits = summary.thresholds.as_ref().unwrap();
        let names: Vec<_> = limits.fixed.iter().map(|fixed| fixed.name.as_str()).collect();
        assert_eq!(names, ["BPCER10", "BPCER20", "BPCER50", "BPCER at APCER 30 %"]);
        // Every attack is below 0.8; so are two of the four bona fide scores.
        assert!(limits.fixed.iter().all(|fixed| fixed.point.threshold == Some(0.8)));
        assert_eq!(limits.fixed[0].point.bpcer, rate(2, 4));
        // The best replay has 0.2, and a bona fide presentation 0.5.
        let replay = replay.thresholds.as_ref().unwrap();
        assert_eq!(
            (replay.fixed[0].point.threshold, replay.fixed[0].point.bpcer),
            (Some(0.5), rate(1, 4))
        );
    }

    #[test]
    fn what_was_not_presented_has_no_rate() {
        let summary = Summary::new([], &[10.0]);
        assert!(summary.is_empty());
        assert_eq!((summary.bona_fide.bpcer.value(), summary.acer), (None, None));
        assert_eq!((summary.max_apcer, summary.thresholds), (None, None));
        let attack = judged(Verdict::Attack, Some(0.1), &[]);
        let summary = Summary::new([("print", Some(&attack)), ("mask", None)], &[10.0]);
        // A species without a response has no APCER.
        let worst = summary.max_apcer.unwrap();
        assert_eq!((worst.species.as_str(), worst.apcer), ("print", Rate { count: 0, of: 1 }));
        assert_eq!((summary.acer, summary.thresholds), (None, None));
    }
}
