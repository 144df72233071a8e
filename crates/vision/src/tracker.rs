//! Following faces from frame to frame, and the set of models that does it.

use liveface_core::{Embedding, Face, Frame, Observation, RotatedSquare, policy, sample};

use crate::detector::{Detection, Detector};
use crate::embedding::Embedder;
use crate::error::VisionError;
use crate::expression::expression;
use crate::mesh::{Mesh, MeshResult};
use crate::models::ModelFiles;
use crate::pose::PoseSolver;
use crate::presentation::Presentation;
use crate::runtime::Runtime;

/// The loaded models. One frame at a time; load several for several threads.
pub struct Vision {
    detector: Detector,
    mesh: Mesh,
    presentation: Presentation,
    embedder: Embedder,
    pose: PoseSolver,
}

impl Vision {
    /// Loads every model into `runtime`.
    ///
    /// # Errors
    /// Names the model that ONNX Runtime refuses or whose shapes are not as `models.toml` says.
    pub fn load(runtime: &Runtime, files: &ModelFiles) -> Result<Self, VisionError> {
        Ok(Self {
            detector: Detector::load(runtime, files)?,
            mesh: Mesh::load(runtime, files)?,
            presentation: Presentation::load(runtime, files)?,
            embedder: Embedder::load(runtime, files)?,
            pose: PoseSolver::new(files.canonical_face())?,
        })
    }

    /// Runs the detector on the whole frame: every face, the most certain first.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn detect(
        &mut self,
        frame: &Frame<'_>,
        limits: &policy::Tracking,
    ) -> Result<Vec<Detection>, VisionError> {
        self.detector.detect(frame, limits)
    }

    /// Everything about every face of a single picture, the largest first.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn faces(
        &mut self,
        frame: &Frame<'_>,
        limits: &policy::Tracking,
    ) -> Result<Vec<Face>, VisionError> {
        let mut faces = Vec::new();
        for (index, detection) in self.detector.detect(frame, limits)?.iter().enumerate() {
            let region = self.mesh.region_of_detection(detection);
            let Some(seen) = self.look(frame, region, limits)? else { continue };
            faces.push(self.face(frame, seen, index as u32, detection.score));
        }
        faces.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
        Ok(faces)
    }

    /// The face `last` again, in the next frame; `None` when it is gone.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn follow(
        &mut self,
        frame: &Frame<'_>,
        last: &Face,
        limits: &policy::Tracking,
    ) -> Result<Option<Face>, VisionError> {
        let region = self.mesh.region_of_landmarks(&last.landmarks);
        let seen = self.look(frame, region, limits)?;
        Ok(seen.map(|seen| self.face(frame, seen, last.track, last.detection_score)))
    }

    /// How live the face looks to the passive check, 0 (attack) to 1 (live).
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn presentation(&mut self, frame: &Frame<'_>, face: &Face) -> Result<f32, VisionError> {
        self.presentation.live(frame, face.bounds)
    }

    /// The face's embedding; `None` when the face is too degenerate to be aligned.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn embedding(
        &mut self,
        frame: &Frame<'_>,
        face: &Face,
    ) -> Result<Option<Embedding>, VisionError> {
        self.embedder.embed(frame, &face.landmarks)
    }

    /// The mesh in `region`, when the model is sure enough that a face is there.
    fn look(
        &mut self,
        frame: &Frame<'_>,
        region: RotatedSquare,
        limits: &policy::Tracking,
    ) -> Result<Option<MeshResult>, VisionError> {
        let far = frame.bounds();
        let inside = region.centre.x >= far.x
            && region.centre.y >= far.y
            && region.centre.x <= far.right()
            && region.centre.y <= far.bottom();
        if !inside || region.side.is_nan() || region.side < limits.min_region_side {
            return Ok(None);
        }
        let seen = self.mesh.run(frame, region)?;
        Ok((seen.presence >= limits.min_presence).then_some(seen))
    }

    fn face(&self, frame: &Frame<'_>, seen: MeshResult, track: u32, detection_score: f32) -> Face {
        Face {
            track,
            bounds: seen.landmarks.bounds(),
            detection_score,
            presence: seen.presence,
            pose: self.pose.pose(&seen.landmarks, frame.width(), frame.height()),
            expression: expression(&seen.landmarks),
            landmarks: seen.landmarks,
        }
    }
}

/// Follows the subject's face. The detector runs when there is no track, and at a set interval to
/// notice a second face; while one is there, on every frame.
pub struct Tracker {
    limits: policy::Tracking,
    subject: Option<Face>,
    last_track: u32,
    since_detection: u32,
    others: usize,
}

impl Tracker {
    /// A tracker that follows nothing yet.
    #[must_use]
    pub fn new(limits: policy::Tracking) -> Self {
        Self { limits, subject: None, last_track: 0, since_detection: 0, others: 0 }
    }

    /// Looks at the next frame.
    ///
    /// # Errors
    /// When ONNX Runtime fails; the track is lost then.
    pub fn observe(
        &mut self,
        vision: &mut Vision,
        frame: &Frame<'_>,
    ) -> Result<Observation, VisionError> {
        let mut subject = match self.subject.take() {
            Some(last) => vision.follow(frame, &last, &self.limits)?,
            None => None,
        };
        self.since_detection += 1;
        let due = self.others > 0 || self.since_detection >= self.limits.redetect_every_frames;
        if subject.is_none() || due {
            let detections = vision.detect(frame, &self.limits)?;
            self.since_detection = 0;
            if subject.is_none() {
                subject = self.acquire(vision, frame, &detections)?;
            }
            self.others = self.count_others(subject.as_ref(), &detections);
        }
        self.subject.clone_from(&subject);
        Ok(Observation {
            timestamp: frame.timestamp(),
            width: frame.width(),
            height: frame.height(),
            fingerprint: sample::fingerprint(frame),
            face_count: usize::from(subject.is_some()) + self.others,
            faces: subject.into_iter().collect(),
        })
    }

    /// Runs the detector on the frame that was just observed: how many faces are there, the followed
    /// one counted. A frame that becomes a picture must not wait for the next look at all faces.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn count_faces(
        &mut self,
        vision: &mut Vision,
        frame: &Frame<'_>,
    ) -> Result<usize, VisionError> {
        let detections = vision.detect(frame, &self.limits)?;
        self.since_detection = 0;
        self.others = self.count_others(self.subject.as_ref(), &detections);
        Ok(usize::from(self.subject.is_some()) + self.others)
    }

    /// Starts a track on the largest face.
    fn acquire(
        &mut self,
        vision: &mut Vision,
        frame: &Frame<'_>,
        detections: &[Detection],
    ) -> Result<Option<Face>, VisionError> {
        let largest = detections.iter().max_by(|a, b| a.bounds.area().total_cmp(&b.bounds.area()));
        let Some(detection) = largest else { return Ok(None) };
        let region = vision.mesh.region_of_detection(detection);
        let Some(seen) = vision.look(frame, region, &self.limits)? else { return Ok(None) };
        self.last_track += 1;
        Ok(Some(vision.face(frame, seen, self.last_track, detection.score)))
    }

    /// Faces beside the subject's that are too large to be bystanders'.
    fn count_others(&self, subject: Option<&Face>, detections: &[Detection]) -> usize {
        let Some(subject) = subject else { return detections.len() };
        detections
            .iter()
            .filter(|d| {
                let middle = d.bounds.centre();
                let is_subject = middle.x > subject.bounds.x
                    && middle.x < subject.bounds.right()
                    && middle.y > subject.bounds.y
                    && middle.y < subject.bounds.bottom();
                !is_subject && d.bounds.area() > self.limits.bystander_area * subject.bounds.area()
            })
            .count()
    }
}
