//! Whether all pictures show one person: the neutral face and the pictures are tied to one another.

use liveface_core::{EvidenceKind, Finding, Reason, policy};

/// What is known of who was seen. Cosine similarities, -1 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ties {
    /// The weakest between a face and the one before it.
    pub(crate) weakest_link: Option<f32>,
    /// The least of a picture that shows the neutral face to the first neutral face.
    pub(crate) least_neutral: Option<f32>,
}

/// 0.5 where the policy says that it may be another person, 1 where the picture is the same.
pub(crate) fn finding(ties: Ties, limits: &policy::Identity) -> Finding {
    let score = |similarity: f32, least: f32| {
        let above = (similarity - least) / (1.0 - least).max(f32::EPSILON);
        (0.5 + 0.5 * above).clamp(0.0, 1.0)
    };
    let link = ties
        .weakest_link
        .map(|link| score(link, limits.link_similarity.min(limits.turned_link_similarity)));
    let neutral = ties.least_neutral.map(|neutral| score(neutral, limits.neutral_similarity));
    let score = [link, neutral].into_iter().flatten().min_by(f32::total_cmp);
    let reason = score.filter(|score| *score < 0.5).map(|_| Reason::PersonChanged);
    Finding { evidence: EvidenceKind::Person, score, reason }
}
