//! One capture: ties camera frames, vision, quality, the sequence and the encoder together.

use liveface_bundle::{Capture, CapturedImage, encode, sha256_hex};
use liveface_camera::{JpegDecoder, Still, VirtualCameraKind, virtual_camera};
use liveface_core::{
    CaptureRecord, Frame, FrameCounts, FrameError, Observation, Policy, Reason, Reduction,
    Rotation, ShotKind, Timestamp, Verdict,
};
use liveface_liveness::{Assessment, Progress, Sequence, Shot, Step};
use liveface_quality::{Gauge, Subject};
use liveface_vision::{Tracker, Vision};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::event::Event;

/// A JPEG picture as a camera gives it.
#[derive(Clone, Copy)]
pub struct JpegFrame<'j> {
    /// The picture. Exif data is not looked at.
    pub jpeg: &'j [u8],
    /// As for [`Frame::rotated`].
    pub rotation: Rotation,
    /// As for [`Frame::mirrored`].
    pub mirrored: bool,
    /// As for [`Frame::with_focal_length_px`], when it is known.
    pub focal_length_px: Option<f32>,
    /// When it was captured.
    pub timestamp: Timestamp,
}

impl<'j> JpegFrame<'j> {
    /// An upright picture of a camera of which nothing is known.
    #[must_use]
    pub const fn new(jpeg: &'j [u8], timestamp: Timestamp) -> Self {
        let rotation = Rotation::None;
        Self { jpeg, rotation, mirrored: false, focal_length_px: None, timestamp }
    }

    /// `frame`, decoded from the picture, with what is known of it.
    fn describe<'f>(&self, frame: Frame<'f>) -> Result<Frame<'f>, FrameError> {
        let frame = frame.rotated(self.rotation).mirrored(self.mirrored).at(self.timestamp);
        match self.focal_length_px {
            Some(length) => frame.with_focal_length_px(length),
            None => Ok(frame),
        }
    }
}

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
    /// Made with the first JPEG picture.
    decoder: Option<Box<JpegDecoder>>,
}

impl Session {
    pub(crate) fn new(engine: Engine, policy: Policy, seed: u64) -> Result<Self, EngineError> {
        policy.check()?;
        // Not while a picture is taken.
        engine.vision().load_learned_quality()?;
        Ok(Self {
            engine,
            seed,
            tracker: Tracker::new(policy.tracking.clone())
                .watching(policy.surroundings.clone(), policy.texture.clone()),
            gauge: Gauge::default(),
            sequence: Sequence::new(policy, seed),
            images: Vec::new(),
            frames: FrameCounts::default(),
            now: Timestamp::ZERO,
            kept_back: Vec::new(),
            decoder: None,
        })
    }

    /// Looks at the next frame; gives what happened, in order.
    ///
    /// # Errors
    /// When the frame's time does not go on, the session has ended or a model fails. No picture is
    /// taken from the frame then, and the session can go on with the next one.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<Vec<Event>, EngineError> {
        self.see(frame, None)
    }

    /// As [`Session::push`], with a JPEG picture. Frames are looked at in a reduced scale where the
    /// picture is large (`tracking.min_decoded_side` of the policy); only one that becomes a picture
    /// of the capture is decoded whole.
    ///
    /// # Errors
    /// As [`Session::push`], and when the bytes are no JPEG picture or a damaged one, or the focal
    /// length is none. The session can go on with the next frame then.
    pub fn push_jpeg(&mut self, camera: &JpegFrame<'_>) -> Result<Vec<Event>, EngineError> {
        self.sequence.check_time(camera.timestamp)?;
        let least_side = self.sequence.policy().tracking.min_decoded_side;
        let mut decoder = self.decoder.take().unwrap_or_default();
        let decoded = decoder.decode(camera.jpeg, least_side).map_err(EngineError::from);
        let seen = decoded
            .and_then(|frame| Ok(camera.describe(frame)?))
            .and_then(|frame| self.see(&frame, Some(camera)));
        self.decoder = Some(decoder);
        seen
    }

    /// Looks at a frame, and at the whole picture that it was made from when that is needed.
    fn see(
        &mut self,
        frame: &Frame<'_>,
        encoded: Option<&JpegFrame<'_>>,
    ) -> Result<Vec<Event>, EngineError> {
        self.sequence.check_time(frame.timestamp())?;
        let engine = self.engine.clone();
        let mut vision = engine.vision();
        let observation = self.tracker.observe(&mut vision, frame)?;
        let quality = observation
            .faces
            .first()
            .map(|face| self.gauge.guide(frame, face, vision.aligned(face)));
        self.now = frame.timestamp();
        self.frames.seen += 1;
        let step = self.sequence.observe(observation, quality.as_ref())?;
        let mut events = std::mem::take(&mut self.kept_back);
        self.note(&step, &mut events);
        if let Err(error) = self.answer(&mut vision, frame, encoded, &step, &mut events) {
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
        encoded: Option<&JpegFrame<'_>>,
        step: &Step,
        events: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        let Some(face) = self.tracker.last().faces.first() else { return Ok(()) };
        if step.candidate {
            self.sequence.candidate(vision.presentation(frame, face)?);
        }
        if step.identify {
            let step = self.sequence.identify(vision.embedding(frame, face)?)?;
            self.note(&step, events);
        }
        let Some(shot) = step.shot else { return Ok(()) };
        let alone = self.tracker.count_faces(vision, frame)? == 1;
        let Some(face) = self.tracker.last().faces.first().filter(|_| alone) else {
            // Someone came in since the detector last looked; the next frame says so.
            self.sequence.abandon();
            return Ok(());
        };
        let still;
        let is_reduced = frame.reduction() != Reduction::None;
        let whole = match encoded.filter(|_| is_reduced) {
            Some(camera) => {
                still = Still::decode(camera.jpeg)?;
                camera.describe(still.frame()?)?
            }
            None => *frame,
        };
        let frame = &whole;
        let learned = vision.learned_quality(frame, face)?;
        let subject = Subject {
            face,
            // What the mesh saw of a reduced picture has less detail than the whole one.
            aligned: vision.aligned(face).filter(|_| !is_reduced),
            second_face: self.tracker.second_face(),
            learned: Some(learned),
            person: None,
        };
        let quality = self.gauge.assess(frame, &subject);
        let pad_live = vision.presentation(frame, face)?;
        let embedding = vision.embedding(frame, face)?;
        self.take(frame, shot, Assessment { pad_live, embedding, quality }, events)
    }

    /// Names the camera, or its driver, that the frames come from. One that is known to be a program counts
    /// against a live person, see `stream.virtual_camera_score` and `stream.bridge_camera_score` of the policy.
    pub fn camera(&mut self, name: &str) {
        if let Some(camera) = virtual_camera(name) {
            self.sequence.note_virtual_camera(camera.kind == VirtualCameraKind::Bridge);
        }
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

    /// How far the capture is: for an app that draws it.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.sequence.progress()
    }

    /// What the last frame showed: for an app that draws on the preview.
    #[must_use]
    pub const fn last(&self) -> &Observation {
        self.tracker.last()
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
            policy_sha256: self.sequence.policy().to_toml().ok().map(|t| sha256_hex(t.as_bytes())),
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
        if step.kept {
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
