//! The challenge of turns: one direction after the other, against the person's own neutral pose.
//!
//! The head is in the centre for as long as was drawn (`Centring`), then one turn is asked for, held, and its
//! pictures are taken (`Turning`), and so on; `docs/sequence.md` draws it.
//!
//! A turn that nothing asked for sends back to the centre and counts; a complete turn to another side than the
//! one that is asked for ends the capture, and so do too many unasked ones: whoever may try again and again meets
//! any order in the end.

use liveface_core::policy::ChallengeLimits;
use liveface_core::{Challenge, Challenges, Guidance, GuidanceRecord, Pose, Reason, Response};

use crate::order::{Draw, possible_orders};

/// What a frame means for the challenge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Turned {
    /// Nothing but guidance.
    Guide(Guidance),
    /// The frame shows what a picture is wanted of.
    Picture(Challenge),
    /// The capture is over.
    Failed(Reason),
    /// All turns are done.
    Done,
}

/// How far the head is turned, where 1 is a complete turn.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Towards what is asked for.
    own: f32,
    /// In the other direction: up and down for a turn to a side, to either side for looking up.
    aside: f32,
    /// Towards something else that could have been asked for.
    wrong: f32,
    /// In any direction.
    off: f32,
}

/// A frame, for a turn.
struct Moment {
    way: Way,
    pose: Pose,
    now: u64,
    shown: Option<GuidanceRecord>,
}

/// How a turn moved.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Motion {
    /// The fastest that the head turned from one frame to the next, degrees a second.
    pub(crate) fastest: f32,
    /// Share of all movement until the turn was complete that went back, 0 to 1.
    pub(crate) back: f32,
}

/// A turn that was asked for.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// When it was first shown; `None` until it is.
    asked_ms: Option<u64>,
    began_ms: Option<u64>,
    /// Whether it went by another side.
    spoilt: bool,
    /// Since when it is complete without a break.
    complete_since: Option<u64>,
    done_ms: Option<u64>,
    /// The frame before.
    last: Option<(u64, Pose)>,
    /// Degrees turned towards the end and back, until it was complete.
    towards: f32,
    away: f32,
    fastest: f32,
}

impl Turn {
    const fn motion(&self) -> Motion {
        let all = self.towards + self.away;
        let back = if all > 0.0 { self.away / all } else { 0.0 };
        Motion { fastest: self.fastest, back }
    }

    const NEW: Self = Self {
        asked_ms: None,
        began_ms: None,
        spoilt: false,
        complete_since: None,
        done_ms: None,
        last: None,
        towards: 0.0,
        away: 0.0,
        fastest: 0.0,
    };
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The head is to stay in the centre for `pause_ms`.
    Centring {
        since: Option<u64>,
        pause_ms: u64,
        /// Whether the turn that keeps the head from the centre was counted.
        counted: bool,
    },
    Turning(Turn),
    Done,
}

/// The turns of one try.
pub(crate) struct Turns {
    /// Draws the turns that come on top.
    turns: Draw,
    /// Draws the pauses.
    pauses: Draw,
    order: Vec<Challenge>,
    /// Pictures yet to be taken of each turn of the order: of its end, and of its half-way.
    pictures: Vec<[bool; 2]>,
    next: usize,
    neutral: Pose,
    stage: Stage,
    unasked: u32,
    /// Turns were asked for again more often than they may be.
    exhausted: bool,
    responses: Vec<Response>,
    motions: Vec<Motion>,
    /// How far the last frame was, for an app that draws it.
    shown: f32,
}

impl Turns {
    /// The turns of try `attempt`, of which `images` pictures are taken in all. `unasked` turns were made before.
    pub(crate) fn new(
        seed: u64,
        attempt: u32,
        images: u32,
        unasked: u32,
        limits: &ChallengeLimits,
    ) -> Self {
        let mut turns = Draw::new(seed, attempt);
        let mut pauses = Draw::new(!seed, attempt);
        let order = turns.order(&limits.directions, limits.turns);
        let pictures = pictures(&order, images);
        let pause_ms = pauses.pause_ms(limits);
        Self {
            turns,
            pauses,
            order,
            pictures,
            next: 0,
            neutral: Pose::default(),
            stage: Stage::Centring { since: None, pause_ms, counted: false },
            unasked,
            exhausted: false,
            responses: Vec::new(),
            motions: Vec::new(),
            shown: 0.0,
        }
    }

    /// The pose against which turns count.
    pub(crate) const fn set_neutral(&mut self, neutral: Pose) {
        self.neutral = neutral;
    }

    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    pub(crate) const fn is_turning(&self) -> bool {
        matches!(self.stage, Stage::Turning(_))
    }

    pub(crate) const fn unasked(&self) -> u32 {
        self.unasked
    }

    /// What was asked for and how it was answered.
    pub(crate) fn record(&self, limits: &ChallengeLimits) -> Challenges {
        let directions = [Challenge::TurnImageLeft, Challenge::TurnImageRight, Challenge::LookUp];
        let left_out = directions.into_iter().filter(|d| !limits.directions.contains(d)).collect();
        Challenges {
            order: self.order.clone(),
            possible_orders: possible_orders(limits.directions.len(), limits.turns),
            left_out,
            responses: self.responses.clone(),
            unasked_turns: self.unasked,
        }
    }

    /// How each complete turn moved.
    pub(crate) fn motions(&self) -> &[Motion] {
        &self.motions
    }

    /// Turns that are complete, how many there are, and how far the one that is asked for is, 0 to 1.
    pub(crate) const fn progress(&self) -> (usize, usize, f32) {
        (self.next, self.order.len(), self.shown)
    }

    /// What is asked for now.
    pub(crate) fn asked(&self) -> Option<Challenge> {
        self.order.get(self.next).copied().filter(|_| self.is_turning())
    }

    /// The face was lost from sight: the turn begins again, and costs one more where it had been asked for.
    pub(crate) fn interrupt(&mut self, limits: &ChallengeLimits) {
        match self.stage {
            Stage::Done => {}
            Stage::Turning(turn) if turn.asked_ms.is_some() => self.ask_again(limits),
            _ => self.centre(limits, false),
        }
    }

    /// What was asked for is known, and was not answered: it is asked for again, and one more turn with it.
    fn ask_again(&mut self, limits: &ChallengeLimits) {
        self.exhausted = !self.turn_on_top(limits);
        self.centre(limits, true);
    }

    fn centre(&mut self, limits: &ChallengeLimits, counted: bool) {
        let pause_ms = self.pauses.pause_ms(limits);
        self.stage = Stage::Centring { since: None, pause_ms, counted };
        self.shown = 0.0;
    }

    /// Notes a frame whose face cannot be judged: what must last begins anew.
    pub(crate) const fn skip(&mut self) {
        match &mut self.stage {
            Stage::Centring { since, .. } => *since = None,
            Stage::Turning(turn) => turn.complete_since = None,
            Stage::Done => {}
        }
    }

    /// Takes in a frame: the head's pose, smoothed and of this frame alone, and the guidance that is shown.
    pub(crate) fn see(
        &mut self,
        poses: [Pose; 2],
        now: u64,
        shown: Option<GuidanceRecord>,
        limits: &ChallengeLimits,
    ) -> Turned {
        if self.exhausted {
            return Turned::Failed(Reason::NoResponse);
        }
        let Some(&challenge) = self.order.get(self.next) else {
            self.stage = Stage::Done;
            return Turned::Done;
        };
        // What holds must hold of both: the one does not flicker, the other does not lag.
        let [smooth, alone] = poses.map(|pose| self.progress_of(pose, challenge, limits));
        let way = Way {
            own: smooth.own.min(alone.own),
            aside: smooth.aside.max(alone.aside),
            wrong: smooth.wrong.min(alone.wrong),
            off: smooth.off.min(alone.off),
        };
        match self.stage {
            Stage::Centring { .. } => self.wait(way.off, now, limits),
            Stage::Turning(turn) => {
                self.turn(turn, challenge, &Moment { way, pose: poses[1], now, shown }, limits)
            }
            Stage::Done => Turned::Done,
        }
    }

    /// In the centre, or `off` it: waits until the next turn is to be asked for.
    fn wait(&mut self, off: f32, now: u64, limits: &ChallengeLimits) -> Turned {
        let Stage::Centring { since, pause_ms, counted } = &mut self.stage else {
            return Turned::Done;
        };
        if off >= limits.half_way && !*counted {
            return self.unasked_turn(limits);
        }
        if off > limits.centre {
            *since = None;
        } else {
            *counted = false;
            let from = *since.get_or_insert(now);
            if now - from >= *pause_ms {
                self.stage = Stage::Turning(Turn::NEW);
                return Turned::Guide(guidance(self.order[self.next]));
            }
        }
        Turned::Guide(Guidance::LookStraight)
    }

    /// The head turned and nothing had asked for it.
    fn unasked_turn(&mut self, limits: &ChallengeLimits) -> Turned {
        self.unasked += 1;
        if self.unasked > limits.max_unasked_turns {
            return Turned::Failed(Reason::UnaskedTurn);
        }
        self.centre(limits, true);
        Turned::Guide(Guidance::LookStraight)
    }

    fn turn(
        &mut self,
        mut turn: Turn,
        challenge: Challenge,
        Moment { way, pose, now, shown }: &Moment,
        limits: &ChallengeLimits,
    ) -> Turned {
        let (now, asks) = (*now, guidance(challenge));
        if let (None, Some(shown)) = (turn.asked_ms, shown.filter(|s| s.guidance == asks)) {
            let asked_ms = shown.t_ms;
            turn.asked_ms = Some(asked_ms);
            let response = Response { challenge, asked_ms, began_ms: None, done_ms: None };
            self.responses.push(response);
        }
        let asked_for = turn.asked_ms.map(|asked| now - asked);
        if way.off >= limits.half_way && asked_for.is_none_or(|ms| ms < limits.min_reaction_ms) {
            return self.unasked_turn(limits);
        }
        if way.wrong >= 1.0 && way.own < limits.half_way {
            return Turned::Failed(Reason::WrongDirection);
        }
        if turn.done_ms.is_none() && asked_for.is_some_and(|ms| ms > limits.max_response_ms) {
            return Turned::Failed(Reason::NoResponse);
        }
        if turn.began_ms.is_none() && way.own > limits.centre {
            turn.began_ms = turn.asked_ms.map(|_| now);
            if asked_for.is_some_and(|ms| ms > limits.slow_reaction_ms) {
                self.turn_on_top(limits);
            }
        }
        if turn.done_ms.is_none() {
            self.follow(&mut turn, challenge, *pose, now, limits);
        }
        let straight = way.aside <= limits.max_aside;
        // One movement is one turn: whoever went by another side must come back to the centre first.
        turn.spoilt |= !straight && way.own >= limits.half_way && turn.done_ms.is_none();
        if turn.spoilt && way.off <= limits.centre {
            self.ask_again(limits);
            return Turned::Guide(Guidance::LookStraight);
        }
        let straight = straight && !turn.spoilt;
        let complete = straight && way.own >= 1.0;
        turn.complete_since = complete.then(|| turn.complete_since.unwrap_or(now));
        let held = turn.complete_since.map_or(0, |since| now - since);
        if turn.asked_ms.is_some() && complete && held >= limits.hold_ms {
            if turn.done_ms.is_none() {
                self.motions.push(turn.motion());
            }
            turn.done_ms = turn.done_ms.or(Some(now));
        }
        let done = turn.done_ms.is_some();
        let share = held as f32 / limits.hold_ms.max(1) as f32;
        // Most of the bar is the way, the rest is holding.
        let bar = 0.8 * way.own.clamp(0.0, 1.0) + 0.2 * share.clamp(0.0, 1.0);
        self.shown = if done { 1.0 } else { bar };
        self.note(&turn);
        self.stage = Stage::Turning(turn);
        let [end, half] = self.pictures[self.next];
        let half_way = straight && (limits.half_way..1.0).contains(&way.own);
        // While something else is asked for, such as to move back, the head may be turned for that.
        let is_asked =
            |shown: GuidanceRecord| [asks, Guidance::LookStraight].contains(&shown.guidance);
        let is_asked = turn.asked_ms.is_some() && shown.is_some_and(is_asked);
        if is_asked && (half && half_way || end && done && complete) {
            Turned::Picture(challenge)
        } else if done && !end && !half {
            self.finish(limits)
        } else if done && way.own <= limits.centre {
            // Back without the pictures: once more.
            self.centre(limits, false);
            Turned::Guide(Guidance::LookStraight)
        } else {
            // The half-way picture may be taken on the way back, too.
            let back = turn.spoilt || done && !end;
            Turned::Guide(if back { Guidance::LookStraight } else { asks })
        }
    }

    /// An answer came late: whoever does not see what is asked for may have turned by chance. One more turn is
    /// asked for; says whether it may be.
    fn turn_on_top(&mut self, limits: &ChallengeLimits) -> bool {
        let extra = self.order.len() as u32 - limits.turns;
        let turn = self.turns.extra(&limits.directions).filter(|_| extra < limits.max_extra_turns);
        self.order.extend(turn);
        self.pictures.extend(turn.map(|_| [false; 2]));
        turn.is_some()
    }

    /// How the head moved since the frame before.
    fn follow(
        &self,
        turn: &mut Turn,
        challenge: Challenge,
        pose: Pose,
        now: u64,
        limits: &ChallengeLimits,
    ) {
        if let Some((at, last)) = turn.last {
            if now - at < limits.min_step_ms {
                return;
            }
            let moved = self.angle(pose, challenge) - self.angle(last, challenge);
            *(if moved < 0.0 { &mut turn.away } else { &mut turn.towards }) += moved.abs();
            let seconds = (now - at).max(1) as f32 / 1_000.0;
            turn.fastest = turn.fastest.max(pose.largest_difference(last) / seconds);
        }
        turn.last = Some((now, pose));
    }

    /// Puts what is known of a turn into its record.
    fn note(&mut self, turn: &Turn) {
        if let (Some(_), Some(response)) = (turn.asked_ms, self.responses.last_mut()) {
            (response.began_ms, response.done_ms) = (turn.began_ms, turn.done_ms);
        }
    }

    fn finish(&mut self, limits: &ChallengeLimits) -> Turned {
        self.next += 1;
        if self.next == self.order.len() {
            self.stage = Stage::Done;
            self.shown = 1.0;
            return Turned::Done;
        }
        // The head is still turned; coming back is no turn.
        self.centre(limits, true);
        Turned::Guide(Guidance::LookStraight)
    }

    /// The picture that the last frame was is one of the capture.
    pub(crate) fn taken(&mut self, limits: &ChallengeLimits) {
        let Stage::Turning(turn) = &self.stage else { return };
        let [end, half] = &mut self.pictures[self.next];
        *(if turn.complete_since.is_some() { end } else { half }) = false;
        if turn.done_ms.is_some() && self.pictures[self.next] == [false; 2] {
            self.finish(limits);
        }
    }

    /// Degrees towards `challenge` from the neutral pose.
    fn angle(&self, pose: Pose, challenge: Challenge) -> f32 {
        match challenge {
            Challenge::TurnImageLeft => self.neutral.yaw_degrees - pose.yaw_degrees,
            Challenge::TurnImageRight => pose.yaw_degrees - self.neutral.yaw_degrees,
            Challenge::LookUp => pose.pitch_degrees - self.neutral.pitch_degrees,
            Challenge::Smile => 0.0,
        }
    }

    fn progress_of(&self, pose: Pose, challenge: Challenge, limits: &ChallengeLimits) -> Way {
        let yaw = self.angle(pose, Challenge::TurnImageRight);
        let far = yaw.abs() > limits.max_turn_degrees;
        let (yaw, up) =
            (yaw / limits.turn_degrees, self.angle(pose, Challenge::LookUp) / limits.up_degrees);
        let (own, aside, wrong) = match challenge {
            Challenge::TurnImageLeft => (-yaw, up.abs(), yaw.max(up)),
            Challenge::TurnImageRight => (yaw, up.abs(), (-yaw).max(up)),
            Challenge::LookUp | Challenge::Smile => (up, yaw.abs(), yaw.abs()),
        };
        // Beyond what the mesh can follow nothing is complete.
        let aside = if far { f32::INFINITY } else { aside };
        Way { own, aside, wrong, off: yaw.abs().max(up.abs()) }
    }
}

/// Which pictures are wanted of each turn, `[end, half-way]`: two of the first turn to each direction, then of
/// the others, as long as pictures are left.
fn pictures(order: &[Challenge], images: u32) -> Vec<[bool; 2]> {
    let is_first = |index: usize| !order[..index].contains(&order[index]);
    let mut wanted = vec![[false; 2]; order.len()];
    let mut left = images;
    for first in [true, false] {
        for index in (0..order.len()).filter(|index| is_first(*index) == first) {
            for picture in &mut wanted[index] {
                *picture = left > 0;
                left = left.saturating_sub(1);
            }
        }
    }
    wanted
}

/// What asks for a turn.
const fn guidance(challenge: Challenge) -> Guidance {
    match challenge {
        Challenge::Smile => Guidance::Smile,
        Challenge::TurnImageLeft => Guidance::TurnImageLeft,
        Challenge::TurnImageRight => Guidance::TurnImageRight,
        Challenge::LookUp => Guidance::LookUp,
    }
}
