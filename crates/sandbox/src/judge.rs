//! The decision: from the faces that were seen to a job's outcome. No I/O, no pixels.

use liveface_core::{Embedding, Policy};

use crate::codes::{Outcome, Verdict};
use crate::faces::SeenFace;
use crate::store::JobKind;
use crate::wire::{Action, Actions};

/// What was seen in a job's pictures.
pub(crate) struct Seen<'a> {
    /// Faces of the selfie.
    pub(crate) selfie: &'a [SeenFace],
    /// Faces of each liveness image that could be decoded.
    pub(crate) liveness: &'a [Vec<SeenFace>],
}

/// How a job ends.
pub(crate) struct Decision {
    pub(crate) outcome: Outcome,
    pub(crate) approved: bool,
    pub(crate) actions: Actions,
    /// Cosine similarity that decided, -1 to 1, if faces were compared.
    pub(crate) similarity: Option<f32>,
    /// What to enrol: only with an approved register job.
    pub(crate) template: Option<Embedding>,
}

impl Decision {
    /// A job of `kind` that ends as `outcome` before anything was compared.
    pub(crate) fn rejected(kind: JobKind, outcome: Outcome) -> Self {
        let (register_selfie, compare) = match kind {
            JobKind::Register => (Action::Rejected, Action::NotApplicable),
            JobKind::Authenticate => (Action::NotApplicable, Action::NotDone),
        };
        Self {
            outcome,
            approved: false,
            actions: Actions {
                liveness_check: Action::NotDone,
                register_selfie,
                human_review_compare: Action::NotApplicable,
                human_review_liveness_check: Action::NotApplicable,
                selfie_to_registered_selfie_compare: compare,
            },
            similarity: None,
            template: None,
        }
    }

    /// An authenticate job without pictures: the enrolled one stands for the user, and nothing is
    /// said about liveness.
    pub(crate) fn by_enrolled_image(enrolled: Option<&Embedding>) -> Self {
        let mut decision = Self::rejected(JobKind::Authenticate, Outcome::NOT_ENROLLED);
        decision.actions.liveness_check = Action::NotApplicable;
        if enrolled.is_some() {
            decision.outcome = Outcome::AUTHENTICATED;
            decision.approved = true;
            decision.actions.selfie_to_registered_selfie_compare = Action::NotApplicable;
        }
        decision
    }

    /// The same, but with the outcome that the client wants. A user is enrolled only when the
    /// pictures and the client are for it.
    pub(crate) fn forced(self, code: u16) -> Self {
        let outcome = Outcome::forced(code);
        let approved = Verdict::of(&outcome.code) == Verdict::Clear;
        let template = self.template.filter(|_| approved);
        Self { outcome, approved, template, ..self }
    }

    fn with_liveness(mut self, liveness: Action) -> Self {
        self.actions.liveness_check = liveness;
        self
    }
}

/// Judges a job. Every doubt rejects it.
///
/// The selfie must have exactly one face, and so must at least one liveness image; the others are
/// left out. Then, over these faces: the median passive score must not speak of an attack, and the
/// median similarity of the liveness faces to the selfie must be one person's. The mean of all the
/// faces is the template: a register job enrols it, an authenticate job compares it with
/// `enrolled`, and the selfie alone too.
pub(crate) fn judge(
    policy: &Policy,
    kind: JobKind,
    enrolled: Option<&Embedding>,
    seen: &Seen<'_>,
) -> Decision {
    let rejected = |outcome| Decision::rejected(kind, outcome);
    let bystander = policy.tracking.bystander_area;
    let selfie = match the_face(seen.selfie, bystander) {
        Ok(face) => face,
        Err(Faces::Unclear) => return rejected(Outcome::SELFIE_UNUSABLE),
        Err(Faces::None) => return rejected(Outcome::SELFIE_NO_FACE),
        Err(Faces::Many) => return rejected(Outcome::SELFIE_MANY_FACES),
    };
    let liveness: Vec<OneFace<'_>> =
        seen.liveness.iter().filter_map(|faces| the_face(faces, bystander).ok()).collect();
    let to_selfie = liveness.iter().map(|face| face.embedding.similarity(selfie.embedding));
    let Some(same_person) = median(to_selfie) else {
        return rejected(Outcome::LIVENESS_UNUSABLE);
    };

    let live = median(liveness.iter().chain([&selfie]).map(|face| face.pad_live));
    let live = live.filter(|live| live.is_finite()).unwrap_or(0.0);
    if live < policy.fusion.passive.attack_below {
        return rejected(Outcome::POSSIBLE_SPOOF).with_liveness(Action::Failed);
    }
    if live < policy.fusion.passive.retry_below {
        return rejected(Outcome::LIVENESS_UNCLEAR).with_liveness(Action::UnableToDetermine);
    }
    // A server does not know who was asked to smile in which picture.
    if same_person < policy.identity.other_expression_similarity {
        let outcome = match kind {
            JobKind::Register => Outcome::REGISTER_OTHER_FACE,
            JobKind::Authenticate => Outcome::AUTHENTICATE_OTHER_FACE,
        };
        let rejected = rejected(outcome).with_liveness(Action::Failed);
        return Decision { similarity: Some(same_person), ..rejected };
    }

    let Some(template) = mean(liveness.iter().chain([&selfie]).map(|face| face.embedding)) else {
        return rejected(Outcome::LIVENESS_UNUSABLE);
    };
    let mut decision = rejected(Outcome::NOT_ENROLLED).with_liveness(Action::Passed);
    match (kind, enrolled) {
        (JobKind::Register, _) => {
            decision.outcome = Outcome::ENROLLED;
            decision.approved = true;
            decision.actions.register_selfie = Action::Approved;
            decision.similarity = Some(same_person);
            decision.template = Some(template);
        }
        (JobKind::Authenticate, None) => {}
        (JobKind::Authenticate, Some(enrolled)) => {
            let similarity = template.similarity(enrolled);
            decision.similarity = Some(similarity);
            decision.approved = similarity >= policy.identity.verify_similarity
                && selfie.embedding.similarity(enrolled) >= policy.identity.match_similarity;
            (decision.outcome, decision.actions.selfie_to_registered_selfie_compare) =
                if decision.approved {
                    (Outcome::AUTHENTICATED, Action::Completed)
                } else {
                    (Outcome::NO_MATCH, Action::Rejected)
                };
        }
    }
    decision
}

/// The one face of a picture.
struct OneFace<'a> {
    embedding: &'a Embedding,
    pad_live: f32,
}

/// Why a picture has no face to work with.
enum Faces {
    None,
    Many,
    /// There is one, but nobody can tell whose.
    Unclear,
}

/// The picture's one face; faces below the share `bystander` of its area are not counted.
fn the_face(faces: &[SeenFace], bystander: f32) -> Result<OneFace<'_>, Faces> {
    let largest = faces.iter().max_by(|a, b| a.area.total_cmp(&b.area)).ok_or(Faces::None)?;
    let counted = faces.iter().filter(|face| face.area >= largest.area * bystander).count();
    // An area that is no number counts for nothing above, not even for itself.
    if counted != 1 {
        return Err(Faces::Many);
    }
    let embedding = largest.embedding.as_ref().ok_or(Faces::Unclear)?;
    Ok(OneFace { embedding, pad_live: largest.pad_live })
}

/// The mean direction; `None` of nothing, of different models, and of faces that cancel out.
fn mean<'a>(mut embeddings: impl Iterator<Item = &'a Embedding>) -> Option<Embedding> {
    let mut sum = embeddings.next()?.values().to_vec();
    for embedding in embeddings {
        if embedding.values().len() != sum.len() {
            return None;
        }
        sum.iter_mut().zip(embedding.values()).for_each(|(sum, value)| *sum += value);
    }
    Embedding::new(&sum)
}

/// The middle value, or the mean of the two middle ones; `None` of nothing.
fn median(values: impl Iterator<Item = f32>) -> Option<f32> {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some((values[values.len() / 2 - 1] + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face whose owner is the direction `degrees` in a plane: similarity is the cosine.
    fn face(degrees: f32) -> SeenFace {
        let angle = degrees.to_radians();
        SeenFace {
            embedding: Embedding::new(&[angle.cos(), angle.sin()]),
            pad_live: 0.9,
            area: 100.0,
        }
    }

    fn scored(degrees: f32, pad_live: f32) -> SeenFace {
        SeenFace { pad_live, ..face(degrees) }
    }

    fn sized(degrees: f32, area: f32) -> SeenFace {
        SeenFace { area, ..face(degrees) }
    }

    fn register(selfie: &[SeenFace], liveness: &[Vec<SeenFace>]) -> Decision {
        judge(&Policy::default(), JobKind::Register, None, &Seen { selfie, liveness })
    }

    fn authenticate(enrolled: f32, selfie: f32, liveness: &[f32]) -> Decision {
        let liveness: Vec<_> = liveness.iter().map(|degrees| vec![face(*degrees)]).collect();
        let seen = Seen { selfie: &[face(selfie)], liveness: &liveness };
        let enrolled = face(enrolled).embedding;
        judge(&Policy::default(), JobKind::Authenticate, enrolled.as_ref(), &seen)
    }

    #[test]
    fn one_live_person_is_enrolled_with_the_mean_of_all_faces() {
        let decision = register(&[face(0.0)], &[vec![face(10.0)], vec![face(20.0)]]);
        assert!(decision.approved);
        assert_eq!(decision.outcome, Outcome::ENROLLED);
        assert_eq!(decision.actions.register_selfie, Action::Approved);
        assert_eq!(decision.actions.liveness_check, Action::Passed);
        let mean = face(10.0).embedding.unwrap();
        assert!(decision.template.unwrap().similarity(&mean) > 0.999_99);
    }

    #[test]
    fn pictures_without_exactly_one_face_cannot_be_used() {
        let live = [vec![face(0.0)]];
        let outcome = |selfie: &[SeenFace], liveness: &[Vec<SeenFace>]| {
            let decision = register(selfie, liveness);
            assert!(!decision.approved && decision.template.is_none());
            decision.outcome
        };
        assert_eq!(outcome(&[], &live), Outcome::SELFIE_NO_FACE);
        assert_eq!(outcome(&[face(0.0), face(80.0)], &live), Outcome::SELFIE_MANY_FACES);
        assert_eq!(outcome(&[sized(0.0, f32::NAN)], &live), Outcome::SELFIE_MANY_FACES);
        let unclear = || SeenFace { embedding: None, ..face(0.0) };
        assert_eq!(outcome(&[unclear()], &live), Outcome::SELFIE_UNUSABLE);
        assert_eq!(outcome(&[unclear(), face(0.0)], &live), Outcome::SELFIE_MANY_FACES);
        assert_eq!(outcome(&[face(0.0)], &[vec![unclear()]]), Outcome::LIVENESS_UNUSABLE);
        assert_eq!(outcome(&[face(0.0)], &[]), Outcome::LIVENESS_UNUSABLE);
        let two = vec![face(0.0), face(0.0)];
        assert_eq!(outcome(&[face(0.0)], &[two, vec![]]), Outcome::LIVENESS_UNUSABLE);
    }

    #[test]
    fn a_small_bystander_is_not_counted() {
        let selfie = [sized(80.0, 9.0), sized(0.0, 100.0)];
        assert!(register(&selfie, &[vec![face(0.0)]]).approved);
        let selfie = [sized(80.0, 11.0), sized(0.0, 100.0)];
        assert!(!register(&selfie, &[vec![face(0.0)]]).approved);
    }

    #[test]
    fn the_median_score_decides_about_an_attack() {
        let live = |scores: [f32; 3]| {
            let [selfie, first, second] = scores;
            register(&[scored(0.0, selfie)], &[vec![scored(0.0, first)], vec![scored(0.0, second)]])
        };
        assert!(live([0.9, 0.01, 0.8]).approved, "one bad frame is outvoted");
        let spoof = live([0.9, 0.01, 0.05]);
        assert_eq!(spoof.outcome, Outcome::POSSIBLE_SPOOF);
        assert_eq!(spoof.actions.liveness_check, Action::Failed);
        let unclear = live([0.9, 0.3, 0.2]);
        assert_eq!(unclear.outcome, Outcome::LIVENESS_UNCLEAR);
        assert_eq!(unclear.actions.liveness_check, Action::UnableToDetermine);
        assert_eq!(live([f32::NAN; 3]).outcome, Outcome::POSSIBLE_SPOOF);
    }

    #[test]
    fn liveness_images_of_another_person_reject_the_job() {
        let decision = register(&[face(0.0)], &[vec![face(80.0)], vec![face(85.0)]]);
        assert_eq!(decision.outcome, Outcome::REGISTER_OTHER_FACE);
        assert!(decision.template.is_none());
        assert_eq!(authenticate(0.0, 0.0, &[80.0]).outcome, Outcome::AUTHENTICATE_OTHER_FACE);
    }

    #[test]
    fn only_the_enrolled_person_is_authenticated() {
        let same = authenticate(0.0, 10.0, &[5.0, 20.0]);
        assert!(same.approved);
        assert_eq!(same.outcome, Outcome::AUTHENTICATED);
        assert_eq!(same.actions.selfie_to_registered_selfie_compare, Action::Completed);
        assert_eq!(same.actions.register_selfie, Action::NotApplicable);
        assert!(same.template.is_none(), "authenticating enrols nothing");

        let stranger = authenticate(0.0, 80.0, &[75.0, 85.0]);
        assert_eq!(stranger.outcome, Outcome::NO_MATCH);
        assert_eq!(stranger.actions.selfie_to_registered_selfie_compare, Action::Rejected);
        assert!(stranger.similarity.unwrap() < 0.2);

        // The mean must be within 34 degrees (0.82), the selfie within 60 (0.5).
        assert!(!authenticate(0.0, 30.0, &[45.0, 45.0]).approved, "the mean is at 40");
        let other_selfie = authenticate(0.0, 62.0, &[20.0, 20.0, 20.0]);
        assert!(other_selfie.similarity.unwrap() > 0.82, "the mean is at 30");
        assert!(!other_selfie.approved, "but the selfie is not the enrolled person's");
    }

    #[test]
    fn nobody_is_authenticated_without_an_enrolment() {
        let seen = Seen { selfie: &[face(0.0)], liveness: &[vec![face(0.0)]] };
        let decision = judge(&Policy::default(), JobKind::Authenticate, None, &seen);
        assert!(!decision.approved);
        assert_eq!(decision.outcome, Outcome::NOT_ENROLLED);
    }
}
