//! A scripted person in front of a camera: observations with a rigid mesh, quality and embeddings.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of this")]

use std::sync::LazyLock;
use std::time::Duration;

use liveface_core::{
    Component, Embedding, Expression, EyeOpenness, Face, Instrument, LANDMARK_COUNT, Landmarks,
    Measure, Measured, Observation, Occlusion, Point3, Policy, Pose, QualityRecord, Reason,
    Restart, ShotRecord,
};
use liveface_liveness::{Assessment, Outcome, Phase, Sequence, Shot, Step, TRANSITIONS};

pub(crate) const WIDTH: u32 = 640;
pub(crate) const HEIGHT: u32 = 480;

/// Whose embedding a face gives. `Ann`, `Bob` and `Cho` are strangers in any expression; `Twin` looks
/// like Ann, as much as two rendered heads may: 0.84 with the same expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Ann,
    Bob,
    Cho,
    Twin,
}

impl Who {
    /// The embedding: a broad smile turns it by 45 degrees.
    pub(crate) fn embedding(self, smile: f32) -> Embedding {
        let (sin, cos) = (std::f32::consts::FRAC_PI_4 * smile.clamp(0.0, 1.0)).sin_cos();
        let values = match self {
            Self::Ann => [cos, sin, 0.0, 0.0, 0.0, 0.0, 0.0],
            Self::Bob => [0.0, 0.0, cos, sin, 0.0, 0.0, 0.0],
            Self::Cho => [0.0, 0.0, 0.0, 0.0, cos, sin, 0.0],
            Self::Twin => {
                let other = (1.0f32 - 0.84 * 0.84).sqrt();
                [cos * 0.84, sin * 0.84, 0.0, 0.0, 0.0, 0.0, other]
            }
        };
        Embedding::new(&values).unwrap()
    }
}

/// The one in front of the camera, and how the camera sees them.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) who: Who,
    pub(crate) track: u32,
    /// Middle of the face, pixels.
    pub(crate) centre: (f32, f32),
    /// Height of the face, pixels.
    pub(crate) height: f32,
    pub(crate) pose: Pose,
    pub(crate) eyes: EyeOpenness,
    pub(crate) smile: f32,
    /// Share of the face that is covered.
    pub(crate) covered: f32,
}

impl Default for Person {
    /// Someone who does everything right.
    fn default() -> Self {
        Self {
            who: Who::Ann,
            track: 1,
            centre: (320.0, 240.0),
            height: 200.0,
            pose: Pose { pitch_degrees: -7.0, ..Pose::default() },
            eyes: EyeOpenness { image_left: 0.8, image_right: 0.9 },
            smile: 0.1,
            covered: 0.1,
        }
    }
}

impl Person {
    /// The face in frame `frame`: a mesh that turns rigidly, with the noise of a real sensor.
    pub(crate) fn face(&self, frame: u64) -> Face {
        let landmarks = mesh(self, frame);
        let shown = Measured {
            pose: self.pose,
            expression: Expression {
                eye_openness: self.eyes,
                smile: self.smile,
                ..Expression::default()
            },
            occlusion: Occlusion { share: self.covered, ..Occlusion::default() },
        };
        Face {
            track: self.track,
            bounds: landmarks.bounds(),
            detection_score: 0.9,
            presence: 0.95,
            landmarks,
            pose: shown.pose,
            expression: shown.expression,
            occlusion: shown.occlusion,
            raw: Measured::default(),
            fitted: shown,
        }
    }
}

/// A spiral over the front of a ball of which the face is 1 high and three quarters wide.
static BALL: LazyLock<[[f32; 3]; LANDMARK_COUNT]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let along = (index as f32 + 0.5) / LANDMARK_COUNT as f32;
        let (sin, cos) = (index as f32 * 2.399_963).sin_cos();
        let radius = (1.0 - (1.0 - along) * (1.0 - along)).sqrt();
        [radius * cos * 0.375, radius * sin * 0.5, (along - 1.0) * 0.4]
    })
});

/// 478 points on an ellipsoid of the face's height and three quarters of its width.
fn mesh(person: &Person, frame: u64) -> Landmarks {
    let angles = [person.pose.yaw_degrees, person.pose.pitch_degrees, person.pose.roll_degrees];
    let [(sy, cy), (sp, cp), (sr, cr)] = angles.map(|degrees| degrees.to_radians().sin_cos());
    let mut points = [Point3::default(); LANDMARK_COUNT];
    for (index, (point, [x, y, z])) in points.iter_mut().zip(*BALL).enumerate() {
        let (x, z) = (x * cy - z * sy, z * cy + x * sy);
        let (y, z) = (y * cp - z * sp, z * cp + y * sp);
        let (x, y) = (x * cr - y * sr, y * cr + x * sr);
        *point = Point3::new(
            person.centre.0 + x * person.height + noise(frame, index as u64 * 3),
            person.centre.1 + y * person.height + noise(frame, index as u64 * 3 + 1),
            z * person.height + noise(frame, index as u64 * 3 + 2),
        );
    }
    Landmarks::new(points)
}

/// Within a twentieth of a pixel; the same for the same frame and number.
fn noise(frame: u64, number: u64) -> f32 {
    let mixed = (frame * 4_096 + number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 0.1
}

/// Quality of a well lit, sharp face.
pub(crate) fn good_quality() -> QualityRecord {
    quality(&[
        (Component::LuminanceMean, 0.2),
        (Component::OverExposurePrevention, 0.01),
        (Component::SceneBrightness, 0.1),
        (Component::Sharpness, 150.0),
        (Component::Backlight, 0.0),
        (Component::MotionBlur, 0.9),
        (Component::UnifiedQualityScore, 0.9),
    ])
}

pub(crate) fn quality(values: &[(Component, f32)]) -> QualityRecord {
    let mut record = QualityRecord::default();
    for (component, raw) in values {
        record.set(*component, Measure { raw: *raw, score: Some(50) });
    }
    record
}

pub(crate) fn observation(now: Duration, faces: Vec<Face>) -> Observation {
    let face_count = faces.len();
    let fingerprint = now.as_nanos() as u64;
    Observation {
        timestamp: now,
        width: WIDTH,
        height: HEIGHT,
        fingerprint,
        faces,
        face_count,
        instrument: Some(Instrument { pattern: Some(1.5), ..Instrument::default() }),
        ..Observation::default()
    }
}

/// Where a person who obeys turns, as yaw and pitch in degrees.
pub(crate) const fn turn_of(guidance: liveface_core::Guidance) -> (f32, f32) {
    use liveface_core::Guidance;
    match guidance {
        Guidance::TurnImageLeft => (-30.0, 0.0),
        Guidance::TurnImageRight => (30.0, 0.0),
        Guidance::LookUp => (0.0, 20.0),
        _ => (0.0, 0.0),
    }
}

/// Does something with a sequence that may change its phase, which the table of transitions must allow; gives the
/// change, too.
pub(crate) fn watched<T>(
    sequence: &mut Sequence,
    act: impl FnOnce(&mut Sequence) -> T,
) -> (T, (Phase, Phase)) {
    let before = sequence.phase();
    let done = act(sequence);
    let change = (before, sequence.phase());
    let listed = TRANSITIONS.iter().any(|(from, to, _)| (*from, *to) == change);
    assert!(listed || change.0 == change.1, "{change:?} is not in the table");
    (done, change)
}

/// A picture as it was taken, whether or not it was kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Taken {
    pub(crate) t_ms: u64,
    pub(crate) who: Who,
}

/// A capture in front of which a person acts, frame by frame.
pub(crate) struct Scene {
    pub(crate) sequence: Sequence,
    pub(crate) person: Person,
    pub(crate) quality: QualityRecord,
    /// What the passive check says.
    pub(crate) pad_live: f32,
    /// The camera shows the same picture again and again.
    pub(crate) frozen: bool,
    /// The head turns a little from frame to frame.
    pub(crate) sways: bool,
    /// The person smiles and relaxes as the guidance says.
    pub(crate) obeys: bool,
    /// What the smile of a person who does not obey grows or fades to; `None` leaves it as it is.
    pub(crate) smiles_to: Option<f32>,
    /// The models can make an embedding of the face.
    pub(crate) aligned: bool,
    /// Faces beside the person's that were detected.
    pub(crate) bystanders: usize,
    /// The person is in the picture.
    pub(crate) present: bool,
    pub(crate) frame_ms: u64,
    /// Time of the next frame.
    pub(crate) now_ms: u64,
    pub(crate) frames: u64,
    pub(crate) taken: Vec<Taken>,
    /// Times at which the sequence asked who it sees.
    pub(crate) asked_ms: Vec<u64>,
    pub(crate) restarts: Vec<Restart>,
    /// The changes of phase.
    pub(crate) changes: Vec<(Phase, Phase)>,
    shows_smile: bool,
    /// Where the person was asked to turn, as yaw and pitch in degrees against their own.
    pub(crate) turns_to: (f32, f32),
    /// Where they will turn, and when.
    will_turn: Option<(u64, (f32, f32))>,
    /// How fast they turn, degrees a second.
    pub(crate) turn_speed: f32,
    /// How far they are turned.
    pub(crate) turned: (f32, f32),
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with_policy(Policy::default())
    }

    pub(crate) fn with_policy(policy: Policy) -> Self {
        policy.check().unwrap();
        Self {
            sequence: Sequence::new(policy, 1),
            person: Person::default(),
            quality: good_quality(),
            pad_live: 0.98,
            frozen: false,
            sways: true,
            obeys: true,
            smiles_to: None,
            aligned: true,
            bystanders: 0,
            present: true,
            frame_ms: 50,
            now_ms: 1_000,
            frames: 0,
            taken: Vec::new(),
            asked_ms: Vec::new(),
            restarts: Vec::new(),
            changes: Vec::new(),
            shows_smile: false,
            turns_to: (0.0, 0.0),
            will_turn: None,
            turn_speed: 150.0,
            turned: (0.0, 0.0),
        }
    }

    pub(crate) fn observation(&mut self) -> Observation {
        if !self.frozen {
            self.frames += 1;
        }
        if self.obeys {
            self.smiles_to = Some(if self.shows_smile { 0.95 } else { 0.1 });
        }
        if let Some(smile) = self.smiles_to {
            // A smile comes and goes within a quarter of a second.
            let step = 0.2 * self.frame_ms as f32 / 50.0;
            self.person.smile += (smile - self.person.smile).clamp(-step, step);
        }
        if let Some((_, turn)) = self.will_turn.filter(|(at, _)| self.obeys && *at <= self.now_ms) {
            self.turns_to = turn;
            self.will_turn = None;
        }
        let step = self.turn_speed * self.frame_ms as f32 / 1_000.0;
        self.turned.0 += (self.turns_to.0 - self.turned.0).clamp(-step, step);
        self.turned.1 += (self.turns_to.1 - self.turned.1).clamp(-step, step);
        let mut person = self.person.clone();
        person.pose.yaw_degrees += self.turned.0;
        person.pose.pitch_degrees += self.turned.1;
        if self.sways {
            // Four degrees to and fro within two seconds.
            person.pose.yaw_degrees += (self.frames as f32 * 0.157).sin() * 4.0;
        }
        let faces = if self.present { vec![person.face(self.frames)] } else { Vec::new() };
        let mut observation = observation(Duration::from_millis(self.now_ms), faces);
        observation.face_count += self.bystanders;
        observation.fingerprint = self.frames;
        observation
    }

    /// One frame; a picture that it becomes is assessed at once.
    pub(crate) fn frame(&mut self) -> Step {
        let step = self.look();
        if step.shot.is_some() {
            let assessment = self.assessment();
            let assessed = self.call(|sequence| sequence.assess(assessment)).unwrap();
            self.note(&assessed);
        }
        step
    }

    /// One frame without an assessment; who it shows is told when that is asked.
    pub(crate) fn look(&mut self) -> Step {
        let step = self.glance();
        if step.identify {
            let embedding = self.embedding();
            let identified = self.call(|sequence| sequence.identify(embedding)).unwrap();
            self.note(&identified);
        }
        step
    }

    /// One frame without any answer.
    pub(crate) fn glance(&mut self) -> Step {
        let observation = self.observation();
        let quality = self.quality;
        let step = self.call(|sequence| sequence.observe(&observation, Some(&quality))).unwrap();
        if step.shot.is_some() {
            self.taken.push(Taken { t_ms: self.now_ms, who: self.person.who });
        }
        if step.identify {
            self.asked_ms.push(self.now_ms);
        }
        self.now_ms += self.frame_ms;
        self.note(&step);
        step
    }

    /// Calls the sequence and notes how its phase changed.
    pub(crate) fn call<T>(&mut self, act: impl FnOnce(&mut Sequence) -> T) -> T {
        let (done, change) = watched(&mut self.sequence, act);
        self.changes.extend(Some(change).filter(|(from, to)| from != to));
        done
    }

    /// What the models say of the person's picture.
    pub(crate) fn assessment(&self) -> Assessment {
        Assessment { pad_live: self.pad_live, embedding: self.embedding(), quality: self.quality }
    }

    /// Who the models take the person for.
    pub(crate) fn embedding(&self) -> Option<Embedding> {
        self.aligned.then(|| self.person.who.embedding(self.person.smile))
    }

    pub(crate) fn note(&mut self, step: &Step) {
        self.restarts.extend(step.restart);
        if let Some(guidance) = step.guidance {
            self.shows_smile = guidance == liveface_core::Guidance::Smile;
            // Nobody turns at once.
            self.will_turn = Some((self.now_ms + 200, turn_of(guidance)));
        }
    }

    /// What is shown now.
    pub(crate) fn guidance(&self) -> Option<liveface_core::Guidance> {
        self.sequence.guidance().last().map(|record| record.guidance)
    }

    pub(crate) fn run_ms(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while self.now_ms < until && !self.ended() {
            self.frame();
        }
    }

    pub(crate) fn run_frames(&mut self, frames: usize) {
        for _ in 0..frames {
            if !self.ended() {
                self.frame();
            }
        }
    }

    /// Goes on until so many pictures are kept.
    pub(crate) fn run_to_shots(&mut self, count: usize) {
        for _ in 0..400 {
            if self.shots().len() >= count {
                return;
            }
            self.frame();
        }
        panic!("{} of {count} pictures after 400 frames", self.shots().len());
    }

    /// Goes on until everything taken was thrown away once more.
    pub(crate) fn run_to_restart(&mut self) -> Restart {
        let before = self.restarts.len();
        for _ in 0..400 {
            self.frame();
            if let Some(restart) = self.restarts.get(before) {
                return *restart;
            }
            assert!(!self.ended(), "{:?}", self.sequence.outcome());
        }
        panic!("no restart after 400 frames");
    }

    /// Goes on to the next picture and leaves it without an assessment.
    pub(crate) fn run_to_unassessed(&mut self) -> Shot {
        (0..400).find_map(|_| self.look().shot).expect("a picture within 400 frames")
    }

    /// Goes on until the sequence asks who it sees, and leaves that without an answer.
    pub(crate) fn run_to_unidentified(&mut self) {
        for _ in 0..400 {
            let step = self.glance();
            if step.identify {
                return;
            }
            assert_eq!(step.shot, None, "a picture came first");
        }
        panic!("not asked in 400 frames");
    }

    /// Goes on to the verdict.
    pub(crate) fn run_to_end(&mut self) -> &Outcome {
        let most = self.sequence.policy().timing.timeout_ms / self.frame_ms + 2;
        for _ in 0..most {
            if self.ended() {
                break;
            }
            self.frame();
        }
        self.sequence.outcome().expect("a capture ends within its time")
    }

    pub(crate) fn ended(&self) -> bool {
        self.sequence.outcome().is_some()
    }

    pub(crate) fn shots(&self) -> &[ShotRecord] {
        self.sequence.shots()
    }

    pub(crate) fn restart_reasons(&self) -> Vec<Reason> {
        self.restarts.iter().map(|restart| restart.reason).collect()
    }
}
