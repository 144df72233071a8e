//! The verdict over the evidence. Two rules, both of which must be passed:
//!
//! 1. **Each kind by itself**: a score below its `attack_below` makes an attack of it whatever the others say, one
//!    below its `retry_below` or one that is required and was not seen leaves no more than a retry.
//! 2. **All together**: `logistic(sum of weight x log-odds(score))` over what was seen, held against the
//!    `attack_below` and `retry_below` of the whole.
//!
//! What was not seen adds nothing, so that it can neither help nor harm where it is not required.
//!
//! The score of a capture says the same in one number, so that captures can be put in order: the sum, but no more
//! than any kind by itself allows. A kind's own limits are laid on those of the whole, in straight lines, so that a
//! score below the whole's `attack_below` is an attack by one of the two rules, and one below its `retry_below` a
//! retry.

use liveface_core::policy::{Fusion, Weight};
use liveface_core::{EvidenceKind, Finding, Reason, Verdict};

/// Scores are held within this and 1 less this, so that none outweighs all others for ever. Own choice.
const LEAST: f32 = 0.02;

/// The score of all findings, 0 (attack) to 1 (live).
pub(crate) fn score(findings: &[Finding], limits: &Fusion) -> Option<f32> {
    let most = findings.iter().filter_map(|finding| {
        let own = weight(finding.evidence, limits);
        Some(allowed(finding.score?, own, limits))
    });
    sum(findings, limits).map(|sum| most.fold(sum, f32::min))
}

/// The most that a kind of evidence with `score` allows the whole.
fn allowed(score: f32, own: &Weight, whole: &Fusion) -> f32 {
    let between =
        |from: f32, to: f32| ((score - from) / (to - from).max(f32::EPSILON)).clamp(0.0, 1.0);
    if score < own.attack_below {
        whole.attack_below * between(0.0, own.attack_below)
    } else if score < own.retry_below {
        let span = whole.retry_below - whole.attack_below;
        whole.attack_below + span * between(own.attack_below, own.retry_below)
    } else {
        1.0
    }
}

/// The weighted sum as a probability.
fn sum(findings: &[Finding], limits: &Fusion) -> Option<f32> {
    let mut seen = findings
        .iter()
        .filter_map(|f| Some((weight(f.evidence, limits).weight, f.score?)))
        .peekable();
    seen.peek()?;
    let sum: f32 = seen
        .map(|(weight, score)| {
            let score = score.clamp(LEAST, 1.0 - LEAST);
            weight * (score / (1.0 - score)).ln()
        })
        .sum();
    Some(1.0 / (1.0 + (-sum).exp()))
}

/// Judges what was found of a complete capture.
pub(crate) fn judge(findings: &[Finding], limits: &Fusion) -> (Verdict, Vec<Reason>) {
    if let Some(reasons) = attack(findings, limits) {
        return (Verdict::Attack, reasons);
    }
    let mut reasons = against(findings, |finding| {
        let limits = weight(finding.evidence, limits);
        // What is no number speaks against.
        finding.score.is_some_and(|score| score.is_nan() || score < limits.retry_below)
    });
    let is_missing = |f: &&Finding| f.score.is_none() && weight(f.evidence, limits).required;
    for missing in findings.iter().filter(is_missing) {
        push(&mut reasons, missing.reason.unwrap_or(Reason::EvidenceMissing));
    }
    let live = sum(findings, limits);
    if reasons.is_empty() && !live.is_some_and(|live| live >= limits.retry_below) {
        reasons.push(Reason::EvidenceWeak);
    }
    if reasons.is_empty() { (Verdict::Live, reasons) } else { (Verdict::Retry, reasons) }
}

/// Why the findings, complete or not, speak of an attack.
pub(crate) fn attack(findings: &[Finding], limits: &Fusion) -> Option<Vec<Reason>> {
    let mut reasons = against(findings, |finding| {
        let limits = weight(finding.evidence, limits);
        finding.score.is_some_and(|score| score < limits.attack_below)
    });
    let weak = sum(findings, limits).is_some_and(|live| live < limits.attack_below);
    if reasons.is_empty() && weak {
        reasons = against(findings, |finding| finding.score.is_some_and(|score| score < 0.5));
        push(&mut reasons, Reason::EvidenceWeak);
    }
    (!reasons.is_empty()).then_some(reasons)
}

/// The reasons of those findings that `speaks` picks, the worst first.
fn against(findings: &[Finding], speaks: impl Fn(&Finding) -> bool) -> Vec<Reason> {
    let mut worst: Vec<&Finding> = findings.iter().filter(|finding| speaks(finding)).collect();
    worst.sort_by(|a, b| a.score.unwrap_or(0.0).total_cmp(&b.score.unwrap_or(0.0)));
    let mut reasons = Vec::new();
    for finding in worst {
        push(&mut reasons, finding.reason.unwrap_or(Reason::EvidenceWeak));
    }
    reasons
}

fn push(reasons: &mut Vec<Reason>, reason: Reason) {
    if !reasons.contains(&reason) {
        reasons.push(reason);
    }
}

const fn weight(kind: EvidenceKind, limits: &Fusion) -> &Weight {
    match kind {
        EvidenceKind::Passive => &limits.passive,
        EvidenceKind::Shape => &limits.shape,
        EvidenceKind::Response => &limits.response,
        EvidenceKind::Surroundings => &limits.surroundings,
        EvidenceKind::Texture => &limits.texture,
        EvidenceKind::Stream => &limits.stream,
        EvidenceKind::Eyes => &limits.eyes,
        EvidenceKind::Person => &limits.person,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(score: impl Fn(EvidenceKind) -> Option<f32>) -> Vec<Finding> {
        let finding =
            |kind: &EvidenceKind| Finding { evidence: *kind, score: score(*kind), reason: None };
        EvidenceKind::ALL.iter().map(finding).collect()
    }

    #[test]
    fn all_that_is_well_is_live() {
        let limits = Fusion::default();
        let findings = found(|_| Some(0.9));
        assert_eq!(judge(&findings, &limits), (Verdict::Live, vec![]));
        assert!(score(&findings, &limits).unwrap() > 0.99);
    }

    #[test]
    fn one_kind_is_enough_for_an_attack_and_for_a_retry() {
        let limits = Fusion::default();
        for kind in EvidenceKind::ALL {
            let Weight { attack_below, retry_below, .. } = *weight(*kind, &limits);
            let with = |score: f32| found(|k| Some(if k == *kind { score } else { 0.99 }));
            if attack_below > 0.0 {
                assert_eq!(
                    judge(&with(attack_below - 0.01), &limits).0,
                    Verdict::Attack,
                    "{kind:?}"
                );
            }
            assert_eq!(judge(&with(retry_below - 0.01), &limits).0, Verdict::Retry, "{kind:?}");
            assert_eq!(judge(&with(retry_below), &limits).0, Verdict::Live, "{kind:?}");
        }
    }

    #[test]
    fn the_score_says_what_the_rules_say() {
        let limits = Fusion::default();
        let mut last = 0.0;
        for step in 0..=1_000 {
            let passive = step as f32 / 1_000.0;
            let findings = found(|k| Some(if k == EvidenceKind::Passive { passive } else { 0.9 }));
            let live = score(&findings, &limits).unwrap();
            assert!(live >= last, "{passive}");
            last = live;
            let verdict = judge(&findings, &limits).0;
            let expected = match live {
                live if live < limits.attack_below => Verdict::Attack,
                live if live < limits.retry_below => Verdict::Retry,
                _ => Verdict::Live,
            };
            assert_eq!(verdict, expected, "{passive} {live}");
        }
    }

    #[test]
    fn what_is_required_and_was_not_seen_leaves_no_more_than_a_retry() {
        let limits = Fusion::default();
        for kind in EvidenceKind::ALL {
            let findings = found(|k| (k != *kind).then_some(0.9));
            let (verdict, reasons) = judge(&findings, &limits);
            if weight(*kind, &limits).required {
                assert_eq!((verdict, reasons), (Verdict::Retry, vec![Reason::EvidenceMissing]));
            } else {
                assert_eq!(verdict, Verdict::Live, "{kind:?}");
            }
        }
        assert_eq!(judge(&[], &limits).0, Verdict::Retry);
    }

    #[test]
    fn several_weak_ones_add_up() {
        let limits = Fusion::default();
        let findings = found(|_| Some(0.45));
        let weak = Fusion {
            passive: Weight { retry_below: 0.4, ..limits.passive },
            person: Weight { retry_below: 0.4, ..limits.person },
            ..limits
        };
        assert_eq!(judge(&findings, &weak), (Verdict::Retry, vec![Reason::EvidenceWeak]));
    }
}
