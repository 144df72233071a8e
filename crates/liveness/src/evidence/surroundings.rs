//! What moves with the face: a border around it, what is behind it.
//!
//! A picture of a face is carried about by the paper or the screen that it is on, and so is all else that is on
//! it. From look to look it is measured how far the border, or what is beside the head, carries the face, and
//! how far the face moves beyond that. An attack is what holds over several looks: the face was carried far,
//! hardly moved by itself, and grew and shrank as much as what carried it.
//!
//! The last excludes a live face before a camera in the hand. A camera that turns moves everything alike, but
//! makes nothing larger; one that comes nearer makes the face much larger and what is far behind it hardly. Doors
//! and shelves behind a person move with the rest of the room, not with the face.

use liveface_core::{EvidenceKind, Face, Finding, Instrument, Motion, Reason, policy};

/// Gathers it frame by frame.
#[derive(Default)]
pub(crate) struct Surroundings {
    border: Carrier,
    following: Carrier,
    /// Looks at which a border was there, of those at which what is beside the head was compared.
    bordered: u32,
    compared: u32,
}

impl Surroundings {
    /// Takes in a frame.
    pub(crate) fn see(
        &mut self,
        face: &Face,
        instrument: &Instrument,
        now_ms: u64,
        limits: &policy::SurroundingsLimits,
    ) {
        let width = face.bounds.width;
        let border = instrument.border.filter(|border| border.strength >= limits.min_border);
        let motion = border.and_then(|border| border.motion);
        let step = motion.and_then(|motion| Step::new(&motion, 1.0, width, now_ms));
        self.border.see(step, limits);
        let following = instrument.following.filter(|following| {
            following.patches >= limits.min_patches && following.beside >= limits.min_beside
        });
        let step = following
            .and_then(|following| Step::new(&following.motion, following.agreeing, width, now_ms));
        self.compared += u32::from(step.is_some());
        self.bordered += u32::from(step.is_some() && border.is_some());
        self.following.see(step, limits);
    }

    /// Forgets that the face moved apart from what is around it.
    pub(crate) const fn forget_life(&mut self) {
        (self.border.apart, self.following.apart) = (false, false);
    }

    /// What was found so far.
    pub(crate) fn finding(&self, limits: &policy::SurroundingsLimits) -> Finding {
        let evidence = EvidenceKind::Surroundings;
        let carriers = [&self.border, &self.following];
        if carriers.iter().all(|carrier| carrier.lowest.is_none() && !carrier.apart) {
            return Finding::unseen(evidence);
        }
        let [border, following] = carriers.map(|carrier| carrier.lowest.unwrap_or(0.5));
        let score = border.min(following);
        if score < 0.5 {
            let is_bordered = border < 0.5 || 2 * self.bordered >= self.compared;
            let reason =
                if is_bordered { Reason::BorderAroundFace } else { Reason::SurroundingsFollow };
            return Finding { evidence, score: Some(score), reason: Some(reason) };
        }
        let apart = carriers.iter().any(|carrier| carrier.apart);
        Finding {
            evidence,
            score: Some(if apart { limits.apart_score } else { 0.5 }),
            reason: None,
        }
    }
}

/// A movement from one look to the next, in widths of the face.
#[derive(Clone, Copy)]
struct Step {
    at_ms: u64,
    carried: f32,
    own: f32,
    face_growth: f32,
    carried_growth: f32,
    /// Which share of what surrounds the face moved so.
    agreeing: f32,
}

impl Step {
    fn new(motion: &Motion, agreeing: f32, face_width: f32, at_ms: u64) -> Option<Self> {
        let step = Self {
            at_ms,
            carried: motion.carried.x.hypot(motion.carried.y) / face_width,
            own: motion.own / face_width,
            face_growth: motion.face_growth,
            carried_growth: motion.carried_growth,
            agreeing,
        };
        let numbers =
            [step.carried, step.own, step.face_growth, step.carried_growth, step.agreeing];
        (face_width > 0.0 && numbers.iter().all(|number| number.is_finite())).then_some(step)
    }
}

/// So many looks are remembered at most.
const REMEMBERED: usize = policy::SurroundingsLimits::MOST_LOOKS as usize;

/// Something that may carry the face about.
struct Carrier {
    /// The last steps without a gap, the newest first.
    steps: Vec<Step>,
    /// The lowest score of any stretch of looks; `None` when nothing was carried far enough.
    lowest: Option<f32>,
    /// Whether the face was seen to move apart from it.
    apart: bool,
}

impl Default for Carrier {
    fn default() -> Self {
        Self { steps: Vec::with_capacity(REMEMBERED), lowest: None, apart: false }
    }
}

impl Carrier {
    /// Takes in the step to this look; `None` when there is none.
    fn see(&mut self, step: Option<Step>, limits: &policy::SurroundingsLimits) {
        let Some(step) = step else { return self.steps.clear() };
        let is_neighbour = |last: &Step| {
            step.at_ms.checked_sub(last.at_ms).is_some_and(|since| since <= limits.max_gap_ms())
        };
        if !self.steps.first().is_some_and(is_neighbour) {
            self.steps.clear();
        }
        self.steps.truncate(REMEMBERED - 1);
        self.steps.insert(0, step);
        let recent = |earlier: &&Step| step.at_ms.saturating_sub(earlier.at_ms) < limits.window_ms;
        let (mut carried, mut own, mut agreeing) = (0.0, 0.0, 0.0);
        let (mut face, mut carrier) = (Spread::default(), Spread::default());
        let mut difference = Spread::default();
        for (index, step) in self.steps.iter().take_while(recent).enumerate() {
            carried += step.carried;
            own += step.own;
            agreeing += step.agreeing;
            face.add(step.face_growth);
            carrier.add(step.carried_growth);
            difference.add(step.face_growth - step.carried_growth);
            let looks = (index + 1) as f32;
            if looks < limits.min_looks as f32 || agreeing < looks * limits.min_agreeing {
                continue;
            }
            self.apart |= own >= limits.min_apart && carried <= own * limits.max_apart_carried;
            if carried < limits.min_carried {
                continue;
            }
            let grows_alike = carrier.range() >= limits.min_growth
                && difference.deviation() <= limits.max_growth_difference * face.deviation();
            let unclear =
                (own / carried - limits.attack_own) / (limits.unclear_own - limits.attack_own);
            let score = if grows_alike { 0.5 * unclear.clamp(0.0, 1.0) } else { 0.5 };
            self.lowest = Some(self.lowest.map_or(score, |lowest| lowest.min(score)));
        }
    }
}

/// A size that grows step by step from 0: between which values it was, and how much they differ.
#[derive(Default)]
struct Spread {
    last: f32,
    low: f32,
    high: f32,
    count: f32,
    sum: f32,
    squares: f32,
}

impl Spread {
    fn add(&mut self, growth: f32) {
        self.last += growth;
        self.low = self.low.min(self.last);
        self.high = self.high.max(self.last);
        self.count += 1.0;
        self.sum += self.last;
        self.squares += self.last * self.last;
    }

    fn range(&self) -> f32 {
        self.high - self.low
    }

    /// The standard deviation, the 0 at the start counted.
    fn deviation(&self) -> f32 {
        let (count, mean) = (self.count + 1.0, self.sum / (self.count + 1.0));
        (self.squares / count - mean * mean).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use liveface_core::{
        Border, Expression, Following, Landmarks, Measured, Occlusion, Point2, Point3, Pose, Rect,
    };
    use proptest::prelude::*;

    use super::*;

    const WIDTH: f32 = 100.0;

    fn face() -> Face {
        Face {
            track: 0,
            bounds: Rect::new(200.0, 150.0, WIDTH, 130.0),
            detection_score: 1.0,
            presence: 1.0,
            landmarks: Landmarks::new([Point3::default(); liveface_core::LANDMARK_COUNT]),
            pose: Pose::default(),
            expression: Expression::default(),
            occlusion: Occlusion::default(),
            raw: Measured::default(),
            fitted: Measured::default(),
        }
    }

    /// Carried by so many pixels, moved by itself by so many, grown, and its carrier grown.
    fn motion(carried: f32, own: f32, face_growth: f32, carried_growth: f32) -> Motion {
        let carried = Point2::new(carried, 0.0);
        Motion { face: carried, carried, own, face_growth, carried_growth }
    }

    fn following(motion: Motion) -> Instrument {
        let following = Following { motion, agreeing: 0.9, patches: 30, beside: 8 };
        Instrument { following: Some(following), ..Instrument::default() }
    }

    fn border(motion: Motion) -> Instrument {
        let border = Border {
            strength: 0.95,
            sides: 4,
            corners: [Point2::default(); 4],
            motion: Some(motion),
        };
        Instrument { border: Some(border), ..Instrument::default() }
    }

    fn found(instruments: impl IntoIterator<Item = Instrument>) -> Finding {
        let limits = policy::SurroundingsLimits::default();
        let mut surroundings = Surroundings::default();
        for (look, instrument) in instruments.into_iter().enumerate() {
            surroundings.see(&face(), &instrument, look as u64 * limits.look_every_ms, &limits);
        }
        surroundings.finding(&limits)
    }

    #[test]
    fn a_print_carries_all_that_is_on_it() {
        let held = motion(15.0, 0.6, 0.012, 0.012);
        let finding = found([following(held); 4]);
        assert_eq!((finding.score, finding.reason), (Some(0.0), Some(Reason::SurroundingsFollow)));
        let finding = found([border(held); 4]);
        assert_eq!((finding.score, finding.reason), (Some(0.0), Some(Reason::BorderAroundFace)));
        let both = Instrument { border: border(held).border, ..following(held) };
        assert_eq!(found([both; 4]).reason, Some(Reason::BorderAroundFace));
        // It is not forgotten when the paper is put away.
        let then = [following(held); 4].into_iter().chain([Instrument::default(); 50]);
        assert_eq!(found(then).score, Some(0.0));
    }

    #[test]
    fn live_people_are_no_attack_whatever_the_camera_does() {
        for (what, live, score) in [
            ("camera and person stand still", motion(0.3, 0.4, 0.002, 0.0), None),
            ("the person moves", motion(0.5, 8.0, 0.01, 0.0), Some(0.6)),
            (
                "the camera turns and makes nothing larger",
                motion(20.0, 0.8, 0.004, 0.001),
                Some(0.5),
            ),
            (
                "the camera comes nearer: the wall behind grows less",
                motion(20.0, 0.8, 0.06, 0.012),
                Some(0.5),
            ),
            ("a face close to a wall, filmed by hand", motion(20.0, 5.0, 0.02, 0.015), Some(0.5)),
        ] {
            for instrument in [following(live), border(live)] {
                let finding = found([instrument; 12]);
                assert_eq!((finding.score, finding.reason), (score, None), "{what}");
            }
        }
    }

    #[test]
    fn what_was_hardly_seen_says_nothing() {
        let held = motion(15.0, 0.6, 0.012, 0.012);
        let unseen = Finding::unseen(EvidenceKind::Surroundings);
        assert_eq!(found([]), unseen);
        assert_eq!(found([following(held); 2]), unseen, "two looks");
        let gaps = [following(held), following(held), Instrument::default()];
        assert_eq!(found(gaps.into_iter().cycle().take(30)), unseen, "gaps");
        let limits = policy::SurroundingsLimits::default();
        let every = |ms: u64| {
            let mut surroundings = Surroundings::default();
            for look in 0..8 {
                surroundings.see(&face(), &following(held), look * ms, &limits);
            }
            surroundings.finding(&limits)
        };
        assert_eq!(every(limits.max_gap_ms()).score, Some(0.0));
        assert_eq!(every(limits.max_gap_ms() + 1), unseen, "no neighbours");
        let of = |change: fn(&mut Following)| {
            let mut following = following(held);
            following.following.iter_mut().for_each(change);
            found([following; 8])
        };
        assert_eq!(of(|following| following.agreeing = 0.4), unseen);
        assert_eq!(of(|following| following.patches = 5), unseen);
        assert_eq!(of(|following| following.beside = 0), unseen, "on one side of the head");
        let mut faint = border(held);
        faint.border.iter_mut().for_each(|border| border.strength = 0.7);
        assert_eq!(found([faint; 8]), unseen);
    }

    proptest! {
        #[test]
        fn any_numbers_are_taken(
            numbers in prop::collection::vec(prop::array::uniform6(any::<f32>()), 0..30),
            width in any::<f32>(),
        ) {
            let limits = policy::SurroundingsLimits::default();
            let mut surroundings = Surroundings::default();
            let mut face = face();
            face.bounds.width = width;
            for (look, [carried, own, grown, carrier, agreeing, strength]) in numbers.into_iter().enumerate() {
                let motion = motion(carried, own, grown, carrier);
                let mut both = Instrument { border: border(motion).border, ..following(motion) };
                both.following.iter_mut().for_each(|f| f.agreeing = agreeing);
                both.border.iter_mut().for_each(|b| b.strength = strength);
                surroundings.see(&face, &both, look as u64 * 200, &limits);
                let finding = surroundings.finding(&limits);
                prop_assert!(finding.score.is_none_or(|score| (0.0..=1.0).contains(&score)));
            }
        }

        #[test]
        fn the_more_a_face_moves_by_itself_the_better(a in 0f32..30.0, b in 0f32..30.0) {
            let score = |own| found([following(motion(15.0, own, 0.012, 0.012)); 5]).score.unwrap();
            prop_assert!((score(a) - score(b)) * (a - b) >= 0.0);
        }
    }
}
