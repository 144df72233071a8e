//! The sequence: hold still, liveness images with a challenge or without, the selfie, a verdict.

use liveface_core::policy::ChallengeKind;
use liveface_core::{
    Challenge, Challenges, Embedding, Evidence, EvidenceKind, Face, Finding, Guidance,
    GuidanceRecord, Observation, Point2, Policy, QualityRecord, Reason, Response, Restart,
    ShotKind, ShotRecord, Timestamp, Verdict,
};
use thiserror::Error;

use crate::evidence::passive::{self, Candidates};
use crate::evidence::person::{self, Ties};
use crate::evidence::{Witnesses, fusion, response};
use crate::gates::{self, Refusal};
use crate::hints::Hints;
use crate::phase::{Phase, may_lead};
use crate::summary;
use crate::turns::{Turned, Turns};

/// Why an observation was refused. The sequence is as it was before.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SequenceError {
    /// Time stood still or ran backwards.
    #[error(
        "a frame of {given_ms} ms came after one of {last_ms} ms; each frame's timestamp must be later \
         than the one before it"
    )]
    TimeNotIncreasing {
        /// The last accepted frame's time.
        last_ms: u128,
        /// The refused frame's time.
        given_ms: u128,
    },
    /// The last step's shot was never assessed, or its face never identified.
    #[error(
        "the last step asked for an answer; call `assess` after a shot and `identify` after \
         `identify`, before the next observation"
    )]
    NotAnswered,
    /// An answer that no step asked for.
    #[error(
        "no step asked for this; call `assess` once after each step that has a shot, `identify` \
         once after each that has `identify`"
    )]
    NotAsked,
    /// The sequence has ended.
    #[error("the capture has ended; start a new one")]
    Ended,
}

/// The frame at hand is a picture of the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shot {
    /// What it is for.
    pub kind: ShotKind,
    /// Counts the pictures of its kind from 0.
    pub index: u32,
    /// What the person was asked to show.
    pub challenge: Option<Challenge>,
}

/// What an observation led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Guidance to show from now on, when it changed.
    pub guidance: Option<Guidance>,
    /// This frame is a picture; it must be assessed next.
    pub shot: Option<Shot>,
    /// This frame is no picture, but who it shows must be told next: see [`Sequence::identify`].
    pub identify: bool,
    /// This frame is no picture, but what the passive check says of it is evidence: see
    /// [`Sequence::candidate`].
    pub candidate: bool,
    /// The picture that was assessed is one of the capture.
    pub kept: bool,
    /// Everything taken so far is thrown away.
    pub restart: Option<Restart>,
    /// The capture has ended; see [`Sequence::outcome`].
    pub ended: bool,
}

/// What was found out about a shot.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The passive check, 0 (attack) to 1 (live). Anything else is no score, and a capture with a
    /// picture without a score is never live.
    pub pad_live: f32,
    /// Who it is; `None` when the face could not be aligned, which counts as another person.
    pub embedding: Option<Embedding>,
    /// Every quality component that could be measured.
    pub quality: QualityRecord,
}

/// How the sequence ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// Why it did not end live.
    pub reasons: Vec<Reason>,
    /// What the verdict rests on.
    pub evidence: Evidence,
}

/// How far the capture is, for an app that draws it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What is done: turns where turns are asked for and are not done yet, else pictures.
    pub done: u32,
    /// Of so many.
    pub of: u32,
    /// What is asked for now; nothing once the capture has ended.
    pub challenge: Option<Challenge>,
    /// How far that is done, 0 to 1; a turn counts its way and how long it is held.
    pub fraction: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A gate fails.
    Positioning,
    /// All gates hold since then, not yet for long enough.
    Holding { since_ms: u64 },
    /// Pictures are being taken.
    Taking,
    /// Turns are asked for, and pictures of them are taken.
    Turns,
    /// A verdict was reached.
    Ended,
}

/// The observation before, for motion and frozen pictures.
struct Previous {
    timestamp: Timestamp,
    fingerprint: u64,
    /// Equal pictures in a row, this one counted.
    equal: u32,
    /// The one face: its track, its middle.
    face: Option<(u32, Point2)>,
}

/// What the last step asked for.
enum Pending {
    Shot(Box<ShotRecord>),
    Link { t_ms: u64 },
}

/// Who was seen last.
struct Link {
    t_ms: u64,
    embedding: Embedding,
}

/// The sequence. See the crate's documentation for its states.
pub struct Sequence {
    policy: Policy,
    state: State,
    last_time: Option<Timestamp>,
    start_ms: u64,
    previous: Option<Previous>,
    frozen: bool,
    /// When there was one face last.
    last_face_ms: u64,
    shown: Option<GuidanceRecord>,
    history: Vec<GuidanceRecord>,
    shots: Vec<ShotRecord>,
    pending: Option<Pending>,
    /// The last face that was identified, since the first picture.
    link: Option<Link>,
    /// Lowest similarity of a face to the one before it, since the first picture.
    weakest_link: Option<f32>,
    /// The first face that looked straight ahead and was relaxed, since the last restart.
    neutral: Option<Embedding>,
    /// The least similarity of a picture that shows the same to it.
    least_neutral: Option<f32>,
    /// The embedding of each kept picture.
    known: Vec<Embedding>,
    seed: u64,
    turns: Turns,
    /// When a smile was asked for first, and when and how it was answered.
    smile: Option<Response>,
    witnesses: Witnesses,
    candidates: Candidates,
    /// Whether the last step said that its frame may be one.
    candidate_due: bool,
    /// How far the smile of the last frame was, 0 to 1.
    smiling: f32,
    restarts: Vec<Restart>,
    hints: Hints,
    /// When the last picture was taken, if it was dropped because it is not good enough.
    dropped: Option<u64>,
    outcome: Option<Outcome>,
}

impl Sequence {
    /// A sequence of `policy`, which [`Policy::check`] accepts, that has seen nothing yet. Everything random in
    /// it comes from `seed`; see [`challenge_order`](crate::challenge_order).
    #[must_use]
    pub fn new(policy: Policy, seed: u64) -> Self {
        let turns = turns(seed, 0, 0, &policy);
        Self {
            policy,
            seed,
            turns,
            smile: None,
            witnesses: Witnesses::default(),
            candidates: Candidates::default(),
            candidate_due: false,
            smiling: 0.0,
            neutral: None,
            least_neutral: None,
            state: State::Positioning,
            last_time: None,
            start_ms: 0,
            previous: None,
            frozen: false,
            last_face_ms: 0,
            shown: None,
            history: Vec::new(),
            shots: Vec::new(),
            pending: None,
            link: None,
            weakest_link: None,
            known: Vec::new(),
            restarts: Vec::new(),
            hints: Hints::default(),
            dropped: None,
            outcome: None,
        }
    }

    /// Looks at one observation and the quality of its first face.
    ///
    /// # Errors
    /// When time does not go on, the last step was not answered, or the sequence has ended.
    pub fn observe(
        &mut self,
        observation: &Observation,
        quality: Option<&QualityRecord>,
    ) -> Result<Step, SequenceError> {
        self.check_time(observation.timestamp)?;
        Ok(self.moved(|sequence| sequence.look(observation, quality)))
    }

    fn look(&mut self, observation: &Observation, quality: Option<&QualityRecord>) -> Step {
        let now = milliseconds(observation.timestamp);
        if self.last_time.replace(observation.timestamp).is_none() {
            self.start_ms = now;
            self.last_face_ms = now;
        }
        let mut step = Step::default();
        if now.saturating_sub(self.start_ms) >= self.policy.timing.timeout_ms {
            self.stop(Verdict::TimedOut, Reason::TimeUsedUp, &mut step);
            return step;
        }
        self.witnesses.see(observation, now, &self.policy);
        let speed = self.follow(observation);
        self.watch_for_loss(observation, now, &mut step);
        if step.ended {
            return step;
        }
        let wanted = match self.state {
            State::Turns => self.advance_turns(observation, quality, now, &mut step),
            _ => self.advance(observation, quality, speed, now, &mut step),
        };
        if step.ended {
            return step;
        }
        let is_looked_at = observation.instrument.is_some() && step.shot.is_none();
        step.candidate = is_looked_at && gates::check_turned(observation, &self.policy).is_ok();
        self.candidate_due = step.candidate;
        self.show(wanted, now, &mut step);
        step
    }

    /// Takes in what was found out about the last shot. The shot is kept; or dropped, because the picture is
    /// not good enough; or it and everything taken so far is thrown away, because the face is another
    /// person's. The selfie brings the verdict.
    ///
    /// # Errors
    /// When the last step had no shot.
    pub fn assess(&mut self, assessment: Assessment) -> Result<Step, SequenceError> {
        let Some(Pending::Shot(shot)) = self.pending.take_if(|p| matches!(p, Pending::Shot(_)))
        else {
            return Err(SequenceError::NotAsked);
        };
        Ok(self.moved(|sequence| sequence.weigh(*shot, assessment)))
    }

    fn weigh(&mut self, mut shot: ShotRecord, assessment: Assessment) -> Step {
        let quality = assessment.quality;
        // The learned score is one of faces that look straight ahead.
        let turned = self.turns.is_turning() && self.state == State::Turns;
        let is_good = turned || gates::is_good_picture(&quality, &self.policy);
        let mut step = Step::default();
        // Before the first picture there is nobody to be tied to.
        let linked = if is_good || !self.shots.is_empty() {
            let linked = self.link(assessment.embedding, shot.t_ms, &mut step);
            if linked.is_none() {
                return step;
            }
            linked
        } else {
            None
        };
        let Some((similarity, embedding)) = linked.filter(|_| is_good) else {
            self.candidates.note(assessment.pad_live);
            self.dropped = Some(shot.t_ms);
            return step;
        };
        shot.quality = quality;
        shot.similarity = Some(similarity);
        shot.pad_live = Some(assessment.pad_live).filter(|live| (0.0..=1.0).contains(live));
        if self.asks_to_relax() && shot.challenge.is_none() {
            let neutral = self.neutral.get_or_insert_with(|| embedding.clone());
            let similarity = neutral.similarity(&embedding);
            self.least_neutral = Some(self.least_neutral.map_or(similarity, |l| l.min(similarity)));
        }
        self.known.push(embedding);
        let complete = shot.kind == ShotKind::Selfie;
        self.shots.push(shot);
        self.dropped = None;
        step.kept = true;
        if turned {
            self.turns.taken(&self.policy.challenge);
        }
        if complete {
            let (verdict, reasons) = fusion::judge(&self.findings(), &self.policy.fusion);
            self.finish(verdict, reasons, &mut step);
        }
        step
    }

    /// Takes in who the last frame shows: `None` when the face could not be aligned, which counts as
    /// another person. Another person's face throws away everything taken so far.
    ///
    /// # Errors
    /// When the last step did not ask.
    pub fn identify(&mut self, embedding: Option<Embedding>) -> Result<Step, SequenceError> {
        let Some(Pending::Link { t_ms }) =
            self.pending.take_if(|p| matches!(p, Pending::Link { .. }))
        else {
            return Err(SequenceError::NotAsked);
        };
        let mut step = Step::default();
        let linked = self.moved(|sequence| sequence.link(embedding, t_ms, &mut step));
        // Who is asked about before the first turn looks straight ahead.
        if let (Some((_, embedding)), true) = (linked, self.state == State::Turns) {
            self.neutral.get_or_insert(embedding);
        }
        Ok(step)
    }

    /// Takes in what the passive check says of the last frame, 0 (attack) to 1 (live), when the step said that it
    /// may be a candidate. Not needed for the sequence to go on.
    pub fn candidate(&mut self, pad_live: f32) {
        if std::mem::take(&mut self.candidate_due) {
            self.candidates.note(pad_live);
        }
    }

    /// The camera is known to be a program that plays frames, or a `bridge` to what may be a camera.
    pub fn note_virtual_camera(&mut self, bridge: bool) {
        self.witnesses.note_virtual_camera(bridge);
    }

    /// How far the capture is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let taken = self.shots.len() as u32;
        let sequence = &self.policy.sequence;
        let goes_on = self.state != State::Ended;
        if self.policy.challenge.kind == ChallengeKind::Turns && !self.turns.is_done() {
            let (done, of, fraction) = self.turns.progress();
            let (done, of) = (done as u32, of as u32);
            let is_shown = |shown: GuidanceRecord| shown.guidance != Guidance::LookStraight;
            let challenge =
                self.turns.asked().filter(|_| goes_on && self.shown.is_some_and(is_shown));
            return Progress { done, of, challenge, fraction };
        }
        let shown = self.shown.filter(|_| goes_on);
        let asks = shown.is_some_and(|shown| shown.guidance == Guidance::Smile);
        Progress {
            done: taken,
            of: sequence.liveness_images + 1,
            challenge: asks.then_some(Challenge::Smile),
            fraction: if asks { self.smiling } else { 0.0 },
        }
    }

    /// Ties a face to the person of this capture: it must look like the face before it or like a
    /// kept picture. A smile moves an embedding as far as the nearest stranger's, but from frame to
    /// frame a person changes less than that; so the chain holds through a smile, and nobody can
    /// take over in one. Restarts, and gives `None`, when it breaks.
    fn link(
        &mut self,
        embedding: Option<Embedding>,
        t_ms: u64,
        step: &mut Step,
    ) -> Option<(f32, Embedding)> {
        let linked = embedding.and_then(|embedding| {
            let last = self.link.iter().map(|link| &link.embedding);
            let similarity = last
                .chain(&self.neutral)
                .chain(&self.known)
                .map(|known| known.similarity(&embedding))
                .max_by(f32::total_cmp)
                .unwrap_or(1.0);
            let limits = &self.policy.identity;
            let least = match self.state {
                State::Turns => limits.turned_link_similarity,
                _ => limits.link_similarity,
            };
            (similarity >= least).then_some((similarity, embedding))
        });
        let Some((similarity, embedding)) = linked else {
            self.restart(Reason::PersonChanged, t_ms, step);
            return None;
        };
        self.weakest_link =
            Some(self.weakest_link.map_or(similarity, |weakest| weakest.min(similarity)));
        self.link = Some(Link { t_ms, embedding: embedding.clone() });
        Some((similarity, embedding))
    }

    /// Goes on without an answer to the last step: the models or the encoder failed on it, or the
    /// frame turned out not to be fit. Its shot is dropped.
    pub fn abandon(&mut self) {
        self.pending = None;
    }

    /// Ends the sequence before its verdict: the frames ended, or the app cancelled.
    pub fn end(&mut self, reason: Reason) -> Step {
        let mut step = Step::default();
        if self.state != State::Ended {
            self.moved(|sequence| sequence.stop(Verdict::Retry, reason, &mut step));
        }
        step
    }

    /// What the sequence waits for. How it may change: [`TRANSITIONS`](crate::TRANSITIONS).
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self.state {
            State::Positioning => Phase::Positioning,
            State::Holding { .. } => Phase::Holding,
            State::Turns if self.turns.is_turning() => Phase::Turning,
            State::Turns if !self.turns.is_done() => Phase::Centring,
            State::Turns | State::Taking => Phase::Taking,
            State::Ended => Phase::Ended,
        }
    }

    /// Does what may change the phase, as the table of transitions says.
    fn moved<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let from = self.phase();
        let done = act(self);
        debug_assert!(may_lead(from, self.phase()), "{from:?} to {:?}", self.phase());
        done
    }

    /// How the sequence ended; `None` while it goes on.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The pictures taken and kept so far.
    #[must_use]
    pub fn shots(&self) -> &[ShotRecord] {
        &self.shots
    }

    /// All guidance as it was shown.
    #[must_use]
    pub fn guidance(&self) -> &[GuidanceRecord] {
        &self.history
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether an observation of `timestamp` would be accepted; saves looking at a frame in vain.
    ///
    /// # Errors
    /// As [`Sequence::observe`].
    pub fn check_time(&self, timestamp: Timestamp) -> Result<(), SequenceError> {
        if self.state == State::Ended {
            return Err(SequenceError::Ended);
        }
        if self.pending.is_some() {
            return Err(SequenceError::NotAnswered);
        }
        match self.last_time {
            Some(last) if timestamp <= last => Err(SequenceError::TimeNotIncreasing {
                last_ms: last.as_millis(),
                given_ms: timestamp.as_millis(),
            }),
            _ => Ok(()),
        }
    }

    /// Compares with the frame before: gives the speed in face widths a second, and notes whether
    /// the camera's picture stands still. A face that was not followed from the frame before must
    /// hold anew.
    fn follow(&mut self, observation: &Observation) -> f32 {
        let face = gates::only_face(observation).ok();
        let before = self.previous.take();
        let same = before.as_ref().filter(|before| before.fingerprint == observation.fingerprint);
        let equal = same.map_or(1, |before| before.equal.saturating_add(1));
        self.frozen = equal >= self.policy.sequence.frozen_frames;
        let mut speed = 0.0;
        if let Some(face) = face {
            match before.and_then(|before| Some((before.timestamp, before.face?))) {
                Some((timestamp, (track, centre))) if track == face.track => {
                    let seconds = (observation.timestamp - timestamp).as_secs_f32();
                    let moved = centre.distance(face.bounds.centre());
                    speed = moved / face.bounds.width.max(1.0) / seconds.max(1e-3);
                }
                _ => {
                    self.state = State::Positioning;
                    self.turns.interrupt(&self.policy.challenge);
                    if self.link.is_none() {
                        // Nothing ties this face to the one before.
                        self.forget_life();
                    }
                }
            }
        }
        self.previous = Some(Previous {
            timestamp: observation.timestamp,
            fingerprint: observation.fingerprint,
            equal,
            face: face.map(|face| (face.track, face.bounds.centre())),
        });
        speed
    }

    /// What spoke for the life of one face does not speak for another.
    fn forget_life(&mut self) {
        self.witnesses.forget_life();
        self.candidates = Candidates::default();
    }

    /// Throws everything away when the one face was gone for too long, or the picture is frozen.
    fn watch_for_loss(&mut self, observation: &Observation, now: u64, step: &mut Step) {
        let unseen_ms = now - self.last_face_ms;
        let face = gates::only_face(observation);
        if face.is_ok() {
            self.last_face_ms = now;
        }
        if self.link.is_none() {
            return;
        }
        if self.frozen {
            self.restart(Reason::FrozenFrames, now, step);
        } else if unseen_ms >= self.policy.timing.face_lost_ms {
            let several = face == Err(Guidance::OnlyOneFace);
            let reason = if several { Reason::MultipleFaces } else { Reason::FaceLost };
            self.restart(reason, now, step);
        }
    }

    /// Moves the state on and decides whether this frame is a picture; gives the guidance that
    /// fits.
    fn advance(
        &mut self,
        observation: &Observation,
        quality: Option<&QualityRecord>,
        speed: f32,
        now: u64,
        step: &mut Step,
    ) -> Guidance {
        let face = match gates::check(observation, quality, &self.policy, &self.hints) {
            Ok(_) if self.frozen => return self.fail(Guidance::MoveSlightly.into(), now),
            Ok(face) if speed <= self.policy.pose.max_speed => face,
            Ok(_) => return self.fail(Guidance::HoldStill.into(), now),
            Err(refusal) => return self.fail(refusal, now),
        };
        self.hints.interrupt();
        self.ask_who(now, step);
        let (kind, index) = self.next_picture();
        let sequence = &self.policy.sequence;
        let smiles = face.shown().map(|shown| shown.expression.smile);
        let challenge = self.policy.challenge.kind;
        let asks_smile = challenge == ChallengeKind::Smile
            && kind == ShotKind::Liveness
            && index >= sequence.smile_from;
        let limits = self.policy.expression.clone();
        let min_motion_degrees = sequence.min_motion_degrees;
        let relaxed = |smile: &f32| *smile <= limits.max_neutral_smile;
        if self.asks_to_relax() && !asks_smile && !smiles.iter().all(relaxed) {
            return self.fail(Guidance::RelaxFace.into(), now);
        }
        self.smiling = (smiles[0].min(smiles[1]) / limits.min_smile).clamp(0.0, 1.0);
        match self.state {
            State::Positioning => {
                self.state = State::Holding { since_ms: now };
                return Guidance::HoldStill;
            }
            State::Holding { since_ms } if now - since_ms < self.policy.timing.hold_ms => {
                return Guidance::HoldStill;
            }
            State::Holding { .. } if challenge == ChallengeKind::Turns && !self.turns.is_done() => {
                self.state = State::Turns;
                self.turns.set_neutral(face.pose);
                self.ask_who(now, step);
                return Guidance::LookStraight;
            }
            State::Holding { .. } => self.state = State::Taking,
            State::Taking | State::Turns | State::Ended => {}
        }
        if asks_smile {
            let began = !smiles.iter().all(relaxed);
            self.note_smile(now, began);
        }
        let smiling = |smile: &f32| *smile >= limits.min_smile;
        if asks_smile && !smiles.iter().all(smiling) {
            return Guidance::Smile;
        }
        let ready = match self.dropped {
            _ if asks_smile => Guidance::Smile,
            Some(_) => Guidance::ClearPicture,
            None => Guidance::Capturing,
        };
        if self.dropped.is_some_and(|t_ms| now - t_ms < self.policy.timing.min_gap_ms) {
            return ready;
        }
        if let Some(last) = self.shots.last() {
            if now - last.t_ms < self.policy.timing.min_gap_ms {
                return ready;
            }
            // By what each picture alone shows: smoothing would hide how a head sways.
            if face.fitted.pose.largest_difference(last.pose) < min_motion_degrees {
                let waiting = now - last.t_ms >= self.policy.timing.motion_hint_ms;
                return if waiting { Guidance::MoveSlightly } else { ready };
            }
        }
        // A smile answers the challenge only once the person has been asked for it.
        if asks_smile && self.shown.is_none_or(|shown| shown.guidance != Guidance::Smile) {
            return Guidance::Smile;
        }
        let challenge = asks_smile.then_some(Challenge::Smile);
        if let (Some(_), Some(smile)) = (challenge, &mut self.smile) {
            smile.done_ms.get_or_insert(now);
        }
        self.take(face, quality, Shot { kind, index, challenge }, now, step);
        ready
    }

    /// This frame is a picture.
    fn take(
        &mut self,
        face: &Face,
        quality: Option<&QualityRecord>,
        shot: Shot,
        now: u64,
        step: &mut Step,
    ) {
        step.shot = Some(shot);
        step.identify = false;
        let record = record(face, quality, shot, now);
        self.pending = Some(Pending::Shot(Box::new(record)));
    }

    /// Notes when a smile was first asked for, and when one began.
    fn note_smile(&mut self, now: u64, began: bool) {
        let shown = self.shown.filter(|shown| shown.guidance == Guidance::Smile);
        if let (None, Some(shown)) = (self.smile, shown) {
            self.smile = Some(Response {
                challenge: Challenge::Smile,
                asked_ms: shown.t_ms,
                began_ms: None,
                done_ms: None,
            });
        }
        if let (Some(smile), true) = (&mut self.smile, began) {
            smile.began_ms.get_or_insert(now);
        }
    }

    /// While turns are asked for: the face may be turned.
    fn advance_turns(
        &mut self,
        observation: &Observation,
        quality: Option<&QualityRecord>,
        now: u64,
        step: &mut Step,
    ) -> Guidance {
        let face = match gates::check_turned(observation, &self.policy) {
            Ok(face) if !self.frozen => face,
            refused => {
                self.turns.skip();
                return refused.err().unwrap_or(Guidance::MoveSlightly);
            }
        };
        self.ask_who(now, step);
        let poses = face.shown().map(|shown| shown.pose);
        match self.turns.see(poses, now, self.shown, &self.policy.challenge) {
            Turned::Guide(guidance) => guidance,
            Turned::Picture(challenge) => {
                let gap = self.policy.timing.min_gap_ms;
                let (kind, index) = self.next_picture();
                let waited = |t_ms: u64| now - t_ms >= gap;
                let due = self.shots.last().is_none_or(|shot| waited(shot.t_ms));
                if due && gates::is_sharp(quality, &self.policy) {
                    let challenge = Some(challenge);
                    self.take(face, quality, Shot { kind, index, challenge }, now, step);
                }
                self.shown.map_or(Guidance::LookStraight, |shown| shown.guidance)
            }
            Turned::Failed(reason) => {
                self.stop(Verdict::Retry, reason, step);
                Guidance::LookStraight
            }
            Turned::Done => {
                self.state = State::Taking;
                Guidance::LookStraight
            }
        }
    }

    /// Asks who this frame shows, from the first picture on and as often as the policy says.
    fn ask_who(&mut self, now: u64, step: &mut Step) {
        let due = |link: &Link| now - link.t_ms >= self.policy.identity.link_every_ms;
        // Turns begin with the neutral face; otherwise the first picture is the first that is known.
        if self.link.as_ref().map_or(self.state == State::Turns, due) {
            step.identify = true;
            self.pending = Some(Pending::Link { t_ms: now });
        }
    }

    /// A gate failed: while holding, and as long as there is no picture, it must be held anew.
    fn fail(&mut self, refusal: Refusal, now: u64) -> Guidance {
        if self.shots.is_empty() || matches!(self.state, State::Holding { .. }) {
            self.state = State::Positioning;
        }
        match refusal.hint {
            Some(component) => {
                let limit = self.policy.timing.hint_ms;
                self.hints.note(refusal.guidance, component, now, limit);
            }
            None => self.hints.interrupt(),
        }
        refusal.guidance
    }

    /// Whether pictures without a challenge need a relaxed face.
    fn asks_to_relax(&self) -> bool {
        self.policy.challenge.kind != ChallengeKind::None
    }

    fn next_picture(&self) -> (ShotKind, u32) {
        let taken = self.shots.len() as u32;
        if taken < self.policy.sequence.liveness_images {
            (ShotKind::Liveness, taken)
        } else {
            (ShotKind::Selfie, 0)
        }
    }

    /// Shows `wanted`, unless the guidance before it has not stood long enough.
    fn show(&mut self, wanted: Guidance, now: u64, step: &mut Step) {
        let change = match self.shown {
            None => true,
            Some(shown) => {
                shown.guidance != wanted
                    && now - shown.t_ms >= self.policy.timing.guidance_debounce_ms
            }
        };
        if change {
            let record = GuidanceRecord { t_ms: now, guidance: wanted };
            self.shown = Some(record);
            self.history.push(record);
            step.guidance = Some(wanted);
        }
    }

    fn restart(&mut self, reason: Reason, now: u64, step: &mut Step) {
        let restart = Restart { t_ms: now, reason };
        self.restarts.push(restart);
        let attempt = self.restarts.len() as u32;
        self.turns = turns(self.seed, attempt, self.turns.unasked(), &self.policy);
        self.smile = None;
        self.forget_life();
        self.neutral = None;
        self.least_neutral = None;
        self.shots.clear();
        self.pending = None;
        self.link = None;
        self.weakest_link = None;
        self.known.clear();
        self.dropped = None;
        self.state = State::Positioning;
        step.restart = Some(restart);
        if attempt > self.policy.sequence.max_restarts {
            self.stop(Verdict::Retry, reason, step);
        }
    }

    /// `first`, and what stood in the way when the capture ended without a complete set.
    fn reasons(&self, first: Reason) -> Vec<Reason> {
        let standing = match self.shown.map(|shown| shown.guidance) {
            _ if self.frozen => Some(Reason::FrozenFrames),
            None | Some(Guidance::FindFace) => Some(Reason::FaceLost),
            Some(Guidance::OnlyOneFace) => Some(Reason::MultipleFaces),
            Some(Guidance::Capturing) => None,
            Some(_) => Some(Reason::GuidanceNotFollowed),
        };
        std::iter::once(first).chain(standing).collect()
    }

    /// Every kind of evidence, in order.
    fn findings(&self) -> Vec<Finding> {
        let policy = &self.policy;
        let ties = Ties { weakest_link: self.weakest_link, least_neutral: self.least_neutral };
        let responses = self.challenges().responses;
        let mut findings = self.witnesses.findings(policy).to_vec();
        if policy.challenge.kind == ChallengeKind::Turns {
            // Whoever turned shows how solid the head is; what says nothing then is missing.
            let says_nothing =
                |f: &Finding| f.reason.is_none() && f.score.is_some_and(|s| s <= 0.5);
            for shape in findings.iter_mut().filter(|f| f.evidence == EvidenceKind::Shape) {
                if says_nothing(shape) {
                    *shape = Finding::unseen(EvidenceKind::Shape);
                }
            }
        }
        findings.extend([
            passive::finding(&self.shots, &self.candidates, policy),
            response::finding(&responses, self.turns.motions(), &policy.challenge),
            person::finding(ties, &policy.identity),
        ]);
        findings.sort_by_key(|finding| finding.evidence as usize);
        findings
    }

    fn challenges(&self) -> Challenges {
        match self.policy.challenge.kind {
            ChallengeKind::None => Challenges::default(),
            ChallengeKind::Smile => Challenges {
                order: vec![Challenge::Smile],
                possible_orders: 1,
                responses: self.smile.into_iter().collect(),
                ..Challenges::default()
            },
            ChallengeKind::Turns => self.turns.record(&self.policy.challenge),
        }
    }

    fn evidence(&self) -> Evidence {
        let findings = self.findings();
        Evidence {
            live: fusion::score(&findings, &self.policy.fusion),
            findings,
            challenges: self.challenges(),
            similarity_min: self.weakest_link,
            restarts: self.restarts.clone(),
            warnings: self.hints.warnings().to_vec(),
            ..summary::passive(&self.shots, &self.policy)
        }
    }

    /// Ends the capture before it is complete. What was found so far may speak of an attack all the same.
    fn stop(&mut self, verdict: Verdict, reason: Reason, step: &mut Step) {
        let reasons = self.reasons(reason);
        match fusion::attack(&self.findings(), &self.policy.fusion) {
            Some(mut attack) => {
                attack.extend(reasons);
                attack.dedup();
                self.finish(Verdict::Attack, attack, step);
            }
            None => self.finish(verdict, reasons, step),
        }
    }

    fn finish(&mut self, verdict: Verdict, reasons: Vec<Reason>, step: &mut Step) {
        let evidence = self.evidence();
        self.state = State::Ended;
        self.pending = None;
        self.outcome = Some(Outcome { verdict, reasons, evidence });
        (step.shot, step.identify) = (None, false);
        step.ended = true;
    }
}

fn record(face: &Face, quality: Option<&QualityRecord>, shot: Shot, t_ms: u64) -> ShotRecord {
    ShotRecord {
        kind: shot.kind,
        index: shot.index,
        t_ms,
        challenge: shot.challenge,
        pose: face.fitted.pose,
        smile: face.fitted.expression.smile,
        eye_openness: face.fitted.expression.eye_openness.min(),
        similarity: None,
        pad_live: None,
        quality: quality.cloned().unwrap_or_default(),
    }
}

/// The turns of a try; none where the policy asks for none.
fn turns(seed: u64, attempt: u32, unasked: u32, policy: &Policy) -> Turns {
    Turns::new(seed, attempt, policy.sequence.liveness_images, unasked, &policy.challenge)
}

/// Frame time in whole milliseconds.
fn milliseconds(timestamp: Timestamp) -> u64 {
    u64::try_from(timestamp.as_millis()).unwrap_or(u64::MAX)
}
