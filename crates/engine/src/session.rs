//! One capture: ties camera frames, vision, quality, the sequence and the encoder together.

use liveface_bundle::{Capture, CapturedImage, encode};
use liveface_core::{
    CaptureRecord, Face, Frame, FrameCounts, Policy, Reason, ShotKind, Timestamp, Verdict,
};
use liveface_liveness::{Assessment, Sequence, Shot, Step};
use liveface_quality::Gauge;
use liveface_vision::{Tracker, Vision};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::event::Event;

/// A capture in progress. Push frames in the order of their timestamps until it has ended.
pub struct Session {
    engine: Engine,
    seed: u64,
    tracker: Tracker,
    gauge: Gauge,
    sequence: Sequence,
    images: Vec<CapturedImage>,
    frames: FrameCounts,
    now: Timestamp,
    /// Events of a frame that failed half-way.
    kept_back: Vec<Event>,
}

impl Session {
    pub(crate) fn new(engine: Engine, policy: Policy, seed: u64) -> Result<Self, EngineError> {
        policy.check()?;
        Ok(Self {
            engine,
            seed,
            tracker: Tracker::new(policy.tracking.clone()),
            gauge: Gauge::default(),
            sequence: Sequence::new(policy),
            images: Vec::new(),
            frames: FrameCounts::default(),
            now: Timestamp::ZERO,
            kept_back: Vec::new(),
        })
    }

    /// Looks at the next frame; gives what happened, in order.
    ///
    /// # Errors
    /// When the frame's time does not go on, the session has ended or a model fails. No picture is
    /// taken from the frame then, and the session can go on with the next one.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<Vec<Event>, EngineError> {
        self.sequence.check_time(frame.timestamp())?;
        let engine = self.engine.clone();
        let mut vision = engine.vision();
        let observation = self.tracker.observe(&mut vision, frame)?;
        let quality = observation.faces.first().map(|face| self.gauge.measure(frame, face));
        self.now = frame.timestamp();
        self.frames.seen += 1;
        let step = self.sequence.observe(&observation, quality.as_ref())?;
        let mut events = std::mem::take(&mut self.kept_back);
        self.note(&step, &mut events);
        let answered = match observation.faces.first() {
            Some(face) => self.answer(&mut vision, frame, face, &step, &mut events),
            None => Ok(()),
        };
        if let Err(error) = answered {
            // What happened before the failure is told with the next frame.
            self.sequence.abandon();
            self.kept_back = events;
            return Err(error);
        }
        Ok(events)
    }

    /// Tells the sequence what it asked about the frame.
    fn answer(
        &mut self,
        vision: &mut Vision,
        frame: &Frame<'_>,
        face: &Face,
        step: &Step,
        events: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        if step.identify {
            let step = self.sequence.identify(vision.embedding(frame, face)?)?;
            self.note(&step, events);
        }
        let Some(shot) = step.shot else { return Ok(()) };
        if self.tracker.count_faces(vision, frame)? != 1 {
            // Someone came in since the detector last looked; the next frame says so.
            self.sequence.abandon();
            return Ok(());
        }
        let pad_live = vision.presentation(frame, face)?;
        let embedding = vision.embedding(frame, face)?;
        self.take(frame, shot, Assessment { pad_live, embedding }, events)
    }

    /// Says that the app skipped `count` frames because an earlier one was still being looked at.
    pub fn count_dropped(&mut self, count: u64) {
        self.frames.dropped += count;
    }

    /// Ends the capture before its verdict: [`Reason::FramesEnded`] or [`Reason::Cancelled`].
    pub fn end(&mut self, reason: Reason) -> Vec<Event> {
        let step = self.sequence.end(reason);
        let mut events = std::mem::take(&mut self.kept_back);
        self.note(&step, &mut events);
        events
    }

    /// Whether a verdict was reached.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.sequence.outcome().is_some()
    }

    /// The capture: its pictures, its verdict and the evidence. A session that has not ended counts
    /// as cancelled.
    #[must_use]
    pub fn finish(mut self) -> Capture {
        self.end(Reason::Cancelled);
        let outcome = self.sequence.outcome().cloned();
        let (verdict, reasons, evidence) = match outcome {
            Some(outcome) => (outcome.verdict, outcome.reasons, outcome.evidence),
            None => (Verdict::Retry, vec![Reason::Cancelled], Default::default()),
        };
        let record = CaptureRecord {
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            policy: self.sequence.policy().name.clone(),
            seed: self.seed,
            models: self.engine.model_hashes().clone(),
            verdict,
            reasons,
            evidence,
            shots: self.sequence.shots().to_vec(),
            guidance: self.sequence.guidance().to_vec(),
            frames: self.frames,
        };
        Capture { images: self.images, record }
    }

    /// Keeps the shot if the sequence does.
    fn take(
        &mut self,
        frame: &Frame<'_>,
        shot: Shot,
        assessment: Assessment,
        events: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        let encoding = &self.sequence.policy().encoding;
        let side = match shot.kind {
            ShotKind::Liveness => encoding.liveness_side,
            ShotKind::Selfie => encoding.selfie_side,
        };
        let image = encode(frame, shot.kind, shot.index, side, encoding.jpeg_quality)?;
        let step = self.sequence.assess(assessment)?;
        if step.restart.is_none() {
            self.images.push(image);
            events.push(Event::Shot {
                t_ms: self.milliseconds(),
                kind: shot.kind,
                index: shot.index,
                challenge: shot.challenge,
            });
        }
        self.note(&step, events);
        Ok(())
    }

    /// Turns a step into events.
    fn note(&mut self, step: &Step, events: &mut Vec<Event>) {
        if let Some(restart) = step.restart {
            self.images.clear();
            events.push(Event::Restart { t_ms: restart.t_ms, reason: restart.reason });
        }
        if let Some(guidance) = step.guidance {
            events.push(Event::Guidance { t_ms: self.milliseconds(), guidance });
        }
        if let (true, Some(outcome)) = (step.ended, self.sequence.outcome()) {
            events.push(Event::Verdict {
                t_ms: self.milliseconds(),
                verdict: outcome.verdict,
                reasons: outcome.reasons.clone(),
            });
        }
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX)
    }
}
