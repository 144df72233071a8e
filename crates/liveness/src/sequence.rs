//! The `smart-selfie` sequence: hold still, liveness images with a smile, the selfie, a verdict.

use liveface_core::{
    Challenge, Embedding, Evidence, Face, Guidance, GuidanceRecord, Observation, Point2, Policy,
    QualityRecord, Reason, Restart, ShotKind, ShotRecord, Timestamp, Verdict,
};
use thiserror::Error;

use crate::gates::{self, Refusal};
use crate::hints::Hints;
use crate::verdict;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A gate fails.
    Positioning,
    /// All gates hold since then, not yet for long enough.
    Holding { since_ms: u64 },
    /// Pictures are being taken.
    Taking,
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
    /// The embedding of each kept picture.
    known: Vec<Embedding>,
    restarts: Vec<Restart>,
    hints: Hints,
    /// When the last picture was taken, if it was dropped because it is not good enough.
    dropped: Option<u64>,
    outcome: Option<Outcome>,
}

impl Sequence {
    /// A sequence of `policy`, which [`Policy::check`] accepts, that has seen nothing yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
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
        let now = milliseconds(observation.timestamp);
        if self.last_time.replace(observation.timestamp).is_none() {
            self.start_ms = now;
            self.last_face_ms = now;
        }
        let mut step = Step::default();
        if now.saturating_sub(self.start_ms) >= self.policy.timing.timeout_ms {
            self.finish(Verdict::TimedOut, self.reasons(Reason::TimeUsedUp), &mut step);
            return Ok(step);
        }
        let speed = self.follow(observation);
        self.watch_for_loss(observation, now, &mut step);
        let wanted = self.advance(observation, quality, speed, now, &mut step);
        self.show(wanted, now, &mut step);
        Ok(step)
    }

    /// Takes in what was found out about the last shot. The shot is kept; or dropped, because the picture is
    /// not good enough; or it and everything taken so far is thrown away, because the face is another
    /// person's. The selfie brings the verdict.
    ///
    /// # Errors
    /// When the last step had no shot.
    pub fn assess(&mut self, assessment: Assessment) -> Result<Step, SequenceError> {
        let Some(Pending::Shot(mut shot)) = self.pending.take_if(|p| matches!(p, Pending::Shot(_)))
        else {
            return Err(SequenceError::NotAsked);
        };
        let quality = assessment.quality;
        let is_good = gates::is_good_picture(&quality, &self.policy);
        let mut step = Step::default();
        // Before the first picture there is nobody to be tied to.
        let linked = if is_good || !self.shots.is_empty() {
            let linked = self.link(assessment.embedding, shot.t_ms, &mut step);
            if linked.is_none() {
                return Ok(step);
            }
            linked
        } else {
            None
        };
        let Some((similarity, embedding)) = linked.filter(|_| is_good) else {
            self.dropped = Some(shot.t_ms);
            return Ok(step);
        };
        shot.quality = quality;
        shot.similarity = Some(similarity);
        shot.pad_live = Some(assessment.pad_live).filter(|live| (0.0..=1.0).contains(live));
        self.known.push(embedding);
        let complete = shot.kind == ShotKind::Selfie;
        self.shots.push(*shot);
        self.dropped = None;
        step.kept = true;
        if complete {
            let (verdict, reasons) = verdict::judge(&self.evidence(), &self.policy);
            self.finish(verdict, reasons, &mut step);
        }
        Ok(step)
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
        self.link(embedding, t_ms, &mut step);
        Ok(step)
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
                .chain(&self.known)
                .map(|known| known.similarity(&embedding))
                .max_by(f32::total_cmp)
                .unwrap_or(1.0);
            (similarity >= self.policy.identity.link_similarity).then_some((similarity, embedding))
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
            self.finish(Verdict::Retry, self.reasons(reason), &mut step);
        }
        step
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
                _ => self.state = State::Positioning,
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

    /// Throws everything away when the one face was gone for too long, or the picture is frozen.
    fn watch_for_loss(&mut self, observation: &Observation, now: u64, step: &mut Step) {
        let unseen_ms = now - self.last_face_ms;
        let face = gates::only_face(observation);
        if face.is_ok() {
            self.last_face_ms = now;
        }
        if self.shots.is_empty() {
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
        let asks_smile = kind == ShotKind::Liveness && index >= sequence.smile_from;
        let relaxed = |smile: &f32| *smile <= self.policy.expression.max_neutral_smile;
        if !asks_smile && !smiles.iter().all(relaxed) {
            return self.fail(Guidance::RelaxFace.into(), now);
        }
        match self.state {
            State::Positioning => {
                self.state = State::Holding { since_ms: now };
                return Guidance::HoldStill;
            }
            State::Holding { since_ms } if now - since_ms < self.policy.timing.hold_ms => {
                return Guidance::HoldStill;
            }
            State::Holding { .. } => self.state = State::Taking,
            State::Taking | State::Ended => {}
        }
        let smiling = |smile: &f32| *smile >= self.policy.expression.min_smile;
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
            if face.fitted.pose.largest_difference(last.pose) < sequence.min_motion_degrees {
                let waiting = now - last.t_ms >= self.policy.timing.motion_hint_ms;
                return if waiting { Guidance::MoveSlightly } else { ready };
            }
        }
        // A smile answers the challenge only once the person has been asked for it.
        if asks_smile && self.shown.is_none_or(|shown| shown.guidance != Guidance::Smile) {
            return Guidance::Smile;
        }
        let challenge = asks_smile.then_some(Challenge::Smile);
        step.shot = Some(Shot { kind, index, challenge });
        step.identify = false;
        let record = record(face, quality, kind, index, challenge, now);
        self.pending = Some(Pending::Shot(Box::new(record)));
        ready
    }

    /// Asks who this frame shows, from the first picture on and as often as the policy says.
    fn ask_who(&mut self, now: u64, step: &mut Step) {
        let due = |link: &Link| now - link.t_ms >= self.policy.identity.link_every_ms;
        if self.link.as_ref().is_some_and(due) {
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
        self.shots.clear();
        self.pending = None;
        self.link = None;
        self.weakest_link = None;
        self.known.clear();
        self.dropped = None;
        self.state = State::Positioning;
        step.restart = Some(restart);
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

    fn evidence(&self) -> Evidence {
        Evidence {
            similarity_min: self.weakest_link,
            restarts: self.restarts.clone(),
            warnings: self.hints.warnings().to_vec(),
            ..verdict::passive(&self.shots, &self.policy)
        }
    }

    fn finish(&mut self, verdict: Verdict, reasons: Vec<Reason>, step: &mut Step) {
        let evidence = self.evidence();
        self.state = State::Ended;
        self.pending = None;
        self.outcome = Some(Outcome { verdict, reasons, evidence });
        step.ended = true;
    }
}

fn record(
    face: &Face,
    quality: Option<&QualityRecord>,
    kind: ShotKind,
    index: u32,
    challenge: Option<Challenge>,
    t_ms: u64,
) -> ShotRecord {
    ShotRecord {
        kind,
        index,
        t_ms,
        challenge,
        pose: face.fitted.pose,
        smile: face.fitted.expression.smile,
        eye_openness: face.fitted.expression.eye_openness.min(),
        similarity: None,
        pad_live: None,
        quality: quality.cloned().unwrap_or_default(),
    }
}

/// Frame time in whole milliseconds.
fn milliseconds(timestamp: Timestamp) -> u64 {
    u64::try_from(timestamp.as_millis()).unwrap_or(u64::MAX)
}
