//! Following faces from frame to frame, and the set of models that does it.

use std::time::Duration;

use liveface_core::{
    AlignedFace, Embedding, Face, Frame, Measured, Observation, PersonMask, Rect, RotatedSquare,
    Timestamp, policy, sample,
};

use crate::calibration::Calibration;
use crate::detector::{Detection, Detector};
use crate::embedding::Embedder;
use crate::error::VisionError;
use crate::expression::expression;
use crate::instrument::InstrumentWatch;
use crate::learned_quality::LearnedQuality;
use crate::mesh::{Mesh, MeshResult};
use crate::models::ModelFiles;
use crate::net::Net;
use crate::noise::NoiseMeter;
use crate::occlusion::occlusion;
use crate::on_demand::OnDemand;
use crate::person::Person;
use crate::pose::PoseSolver;
use crate::presentation::Presentation;
use crate::runtime::Runtime;
use crate::smooth::Smoother;

/// The loaded models. One frame at a time; load several for several threads.
pub struct Vision {
    detector: Detector,
    mesh: Mesh,
    presentation: Presentation,
    embedder: Embedder,
    learned_quality: OnDemand<LearnedQuality>,
    person: OnDemand<Person>,
    pose: PoseSolver,
}

impl Vision {
    /// Loads the models into `runtime`; those that a capture can do without, when they are first asked for.
    ///
    /// # Errors
    /// Names the model that ONNX Runtime refuses or whose shapes are not as `models.toml` says.
    pub fn load(runtime: &Runtime, files: &ModelFiles) -> Result<Self, VisionError> {
        Ok(Self {
            detector: Detector::load(runtime, files)?,
            mesh: Mesh::load(runtime, files)?,
            presentation: Presentation::load(runtime, files)?,
            embedder: Embedder::load(runtime, files)?,
            learned_quality: OnDemand::new(runtime, files),
            person: OnDemand::new(runtime, files),
            pose: PoseSolver::new(files.canonical_face())?,
        })
    }

    /// The time spent in ONNX Runtime since the models were loaded.
    #[must_use]
    pub fn spent(&self) -> Duration {
        let nets = [&self.detector.net, &self.mesh.net, &self.presentation.net, &self.embedder.net];
        let always: Duration = nets.into_iter().map(Net::spent).sum();
        always + self.learned_quality.spent() + self.person.spent()
    }

    /// Loads now what would be loaded when it is first asked for.
    ///
    /// # Errors
    /// Names the model that is missing or changed, that ONNX Runtime refuses or whose shapes are not as
    /// `models.toml` says.
    pub fn load_optional(&mut self) -> Result<(), VisionError> {
        self.learned_quality.get()?;
        self.person.get()?;
        Ok(())
    }

    /// Loads now what [`Vision::learned_quality`] needs.
    ///
    /// # Errors
    /// As [`Vision::load_optional`].
    pub fn load_learned_quality(&mut self) -> Result<(), VisionError> {
        self.learned_quality.get().map(drop)
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
        let mut found = Vec::new();
        self.detector.detect(frame, limits, &mut found)?;
        Ok(found)
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
        for (index, detection) in self.detect(frame, limits)?.iter().enumerate() {
            faces.extend(self.find(frame, detection, index as u32, limits)?);
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
        let mut face = last.clone();
        Ok(self.refresh(frame, &mut face, limits)?.then_some(face))
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

    /// How good the picture of the face is, as a model learned it, 0 (useless) to 1. It sees blur and
    /// covers, hardly darkness. The first call loads the model.
    ///
    /// # Errors
    /// When the model cannot be loaded or ONNX Runtime fails.
    pub fn learned_quality(&mut self, frame: &Frame<'_>, face: &Face) -> Result<f32, VisionError> {
        self.learned_quality.get()?.score(frame, face.bounds)
    }

    /// Where the person is in the whole picture. The first call loads the model.
    ///
    /// # Errors
    /// When the model cannot be loaded or ONNX Runtime fails.
    pub fn person(&mut self, frame: &Frame<'_>) -> Result<PersonMask, VisionError> {
        self.person.get()?.mask(frame)
    }

    /// The picture in which the mesh model saw `face`; `None` when it has looked at another one since, or
    /// the face's landmarks were changed.
    #[must_use]
    pub fn aligned(&self, face: &Face) -> Option<AlignedFace<'_>> {
        let last = self.mesh.last().filter(|last| *last.landmarks == face.landmarks);
        last.map(|last| last.aligned)
    }

    /// The detected face, if the mesh finds one there too.
    fn find(
        &mut self,
        frame: &Frame<'_>,
        detection: &Detection,
        track: u32,
        limits: &policy::Tracking,
    ) -> Result<Option<Face>, VisionError> {
        let region = self.mesh.region_of_detection(detection);
        let Some(seen) = look(&mut self.mesh, frame, region, limits)? else { return Ok(None) };
        let raw = measure(&self.pose, frame, &seen);
        Ok(Some(Face {
            track,
            bounds: seen.landmarks.bounds(),
            detection_score: detection.score,
            presence: seen.presence,
            landmarks: seen.landmarks.clone(),
            pose: raw.pose,
            expression: raw.expression,
            occlusion: raw.occlusion,
            raw,
            fitted: raw,
        }))
    }

    /// Brings `face` to the next frame; `false`, with the face as it was, when it is gone.
    fn refresh(
        &mut self,
        frame: &Frame<'_>,
        face: &mut Face,
        limits: &policy::Tracking,
    ) -> Result<bool, VisionError> {
        let region = self.mesh.region_of_landmarks(&face.landmarks);
        let Some(seen) = look(&mut self.mesh, frame, region, limits)? else { return Ok(false) };
        let raw = measure(&self.pose, frame, &seen);
        face.bounds = seen.landmarks.bounds();
        face.presence = seen.presence;
        face.landmarks.clone_from(seen.landmarks);
        (face.pose, face.expression, face.occlusion) = (raw.pose, raw.expression, raw.occlusion);
        face.raw = raw;
        Ok(true)
    }
}

/// The mesh in `region`, when the model is sure enough that a face is there.
fn look<'m>(
    mesh: &'m mut Mesh,
    frame: &Frame<'_>,
    region: RotatedSquare,
    limits: &policy::Tracking,
) -> Result<Option<MeshResult<'m>>, VisionError> {
    let far = frame.bounds();
    let inside = region.centre.x >= far.x
        && region.centre.y >= far.y
        && region.centre.x <= far.right()
        && region.centre.y <= far.bottom();
    if !inside || region.side.is_nan() || region.side < limits.min_region_side {
        return Ok(None);
    }
    let seen = mesh.run(frame, region)?;
    Ok(seen.filter(|seen| seen.presence >= limits.min_presence))
}

/// What this frame alone says of the face that the mesh model just saw.
fn measure(pose: &PoseSolver, frame: &Frame<'_>, seen: &MeshResult<'_>) -> Measured {
    let size = (frame.width(), frame.height());
    let pose = pose.pose(seen.landmarks, size, frame.focal_length_px());
    let edge = frame.bounds();
    let outside = |index: usize| {
        let at = seen.landmarks.xy(index);
        at.x < edge.x || at.y < edge.y || at.x > edge.right() || at.y > edge.bottom()
    };
    Measured {
        pose,
        expression: expression(seen.landmarks, pose),
        occlusion: occlusion(seen.aligned, outside),
    }
}

/// Follows faces, the capture subject's and those beside it, each by the mesh of the frame before. The
/// detector runs when the subject is lost, at a set interval to notice further faces, and on every frame
/// while it sees a face that no track follows or one may just have gone behind another.
///
/// The subject is the largest face at the start and stays it for as long as it can be followed, however
/// large another one gets; after that the largest of the others becomes the subject.
pub struct Tracker {
    limits: policy::Tracking,
    /// The last frame. Its faces are those that are followed, the subject first.
    seen: Observation,
    /// What is remembered of each of those faces, in the same order.
    tracks: Vec<Track>,
    last_track: u32,
    /// What the detector saw last.
    detections: Vec<Detection>,
    /// When the detector ran last, in frame time.
    detected_at: Option<Timestamp>,
    /// Whether it ran on the last frame.
    detected_here: bool,
    /// Faces that the detector sees and no track follows.
    unfollowed: usize,
    /// In how many frames to look yet for a face that may have gone behind another.
    look_behind: u32,
    /// What looks for paper and screens around the first face, and how often.
    watch: Option<(InstrumentWatch, policy::SurroundingsLimits, policy::TextureLimits)>,
    noise: NoiseMeter,
}

/// What is remembered of a face from frame to frame, beside what was last seen of it.
struct Track {
    /// Where it was in the frame before.
    before: Rect,
    calibration: Calibration,
    smoother: Smoother,
}

impl Track {
    /// A track that begins in `place`.
    fn new(place: Rect, limits: &policy::Tracking) -> Self {
        Self {
            before: place,
            calibration: Calibration::new(&limits.calibration),
            smoother: Smoother::new(limits.smoothing.clone()),
        }
    }
}

impl Tracker {
    /// A tracker that follows nothing yet.
    #[must_use]
    pub fn new(limits: policy::Tracking) -> Self {
        let most = limits.max_faces as usize;
        Self {
            limits,
            seen: Observation { faces: Vec::with_capacity(most), ..Observation::default() },
            tracks: Vec::with_capacity(most),
            last_track: 0,
            detections: Vec::new(),
            detected_at: None,
            detected_here: false,
            unfollowed: 0,
            look_behind: 0,
            watch: None,
            noise: NoiseMeter::default(),
        }
    }

    /// Looks for paper and screens around the first face, and how noisy the pictures are, too.
    #[must_use]
    pub fn watching(
        mut self,
        limits: policy::SurroundingsLimits,
        texture: policy::TextureLimits,
    ) -> Self {
        self.watch = Some((InstrumentWatch::default(), limits, texture));
        self
    }

    /// Looks at the next frame. What it saw is lent until the one after it.
    ///
    /// # Errors
    /// When ONNX Runtime fails; the tracks are lost then.
    pub fn observe(
        &mut self,
        vision: &mut Vision,
        frame: &Frame<'_>,
    ) -> Result<&Observation, VisionError> {
        if let Err(error) = self.advance(vision, frame) {
            self.seen.faces.clear();
            self.tracks.clear();
            return Err(error);
        }
        for (face, track) in self.seen.faces.iter_mut().zip(&mut self.tracks) {
            let expression = track.calibration.apply(&face.raw, frame.timestamp());
            face.fitted = Measured { expression, ..face.raw };
            let smooth = track.smoother.smooth(face.fitted, frame.timestamp());
            face.pose = smooth.pose;
            face.expression = smooth.expression;
            face.occlusion = smooth.occlusion;
        }
        self.seen.timestamp = frame.timestamp();
        (self.seen.width, self.seen.height) = (frame.width(), frame.height());
        self.seen.fingerprint = sample::fingerprint(frame);
        self.seen.face_count = self.seen.faces.len() + self.unfollowed;
        self.seen.instrument = match (&mut self.watch, self.seen.faces.first()) {
            (Some((watch, limits, texture)), Some(face)) => {
                watch.look(frame, face, limits, texture)
            }
            _ => None,
        };
        // Looked at as often, and only then.
        self.seen.noise = self.seen.instrument.and_then(|_| self.noise.measure(frame));
        Ok(&self.seen)
    }

    /// What the last frame showed.
    #[must_use]
    pub const fn last(&self) -> &Observation {
        &self.seen
    }

    /// Counts the faces of the frame that was just observed by the detector's eyes, those followed
    /// included; the detector runs only if it did not on this very frame. A frame that becomes a picture
    /// must not wait for the next look at all faces.
    ///
    /// # Errors
    /// When ONNX Runtime fails.
    pub fn count_faces(
        &mut self,
        vision: &mut Vision,
        frame: &Frame<'_>,
    ) -> Result<usize, VisionError> {
        if !self.detected_here {
            self.detect(vision, frame)?;
            self.note_unfollowed(frame.timestamp());
            self.seen.face_count = self.seen.faces.len() + self.unfollowed;
        }
        Ok(self.seen.face_count)
    }

    /// Area of the second largest face over that of the largest, bystanders counted, when the detector ran
    /// last; 0 when there was none.
    #[must_use]
    pub fn second_face(&self) -> f32 {
        match self.detections.as_slice() {
            [first, second, ..] => second.bounds.area() / first.bounds.area(),
            _ => 0.0,
        }
    }

    /// Brings all tracks to this frame and looks for new faces when it is time to.
    fn advance(&mut self, vision: &mut Vision, frame: &Frame<'_>) -> Result<(), VisionError> {
        let subject = self.subject();
        self.follow(vision, frame)?;
        self.merge();
        self.detected_here = false;
        self.look_behind = self.look_behind.saturating_sub(1);
        let lost = subject.is_none() || self.subject() != subject;
        let every = Duration::from_millis(self.limits.redetect_every_ms);
        // Where time does not go on, every frame is looked at.
        let due = self.detected_at.and_then(|at| frame.timestamp().checked_sub(at));
        let due = due.is_none_or(|passed| passed.is_zero() || passed >= every);
        if lost || due || self.unfollowed > 0 || self.look_behind > 0 {
            self.detect(vision, frame)?;
            self.forget_strays();
            self.acquire(vision, frame)?;
            if lost || self.subject() != subject {
                self.choose_subject();
            }
            self.note_unfollowed(frame.timestamp());
        }
        for index in (1..self.tracks.len()).rev() {
            if self.is_bystander(self.seen.faces[index].bounds) {
                // It went farther away, not behind another.
                self.seen.faces.remove(index);
                self.tracks.remove(index);
            }
        }
        Ok(())
    }

    /// The subject's track.
    fn subject(&self) -> Option<u32> {
        self.seen.faces.first().map(|face| face.track)
    }

    /// Brings every face to this frame; forgets those that are gone.
    fn follow(&mut self, vision: &mut Vision, frame: &Frame<'_>) -> Result<(), VisionError> {
        let mut index = 0;
        while let Some(face) = self.seen.faces.get_mut(index) {
            self.tracks[index].before = face.bounds;
            if vision.refresh(frame, face, &self.limits)? {
                index += 1;
            } else {
                self.forget(index);
            }
        }
        Ok(())
    }

    /// When two tracks have come to one face, keeps the one whose face it is: the one that had the
    /// shorter way there.
    fn merge(&mut self) {
        let mut first = 0;
        while first < self.tracks.len() {
            let here = self.seen.faces[first].bounds;
            let faces = self.seen.faces.iter().enumerate().skip(first + 1);
            let mut others = faces.filter(|(_, face)| self.is_same(here, face.bounds));
            let Some(second) = others.next().map(|(index, _)| index) else {
                first += 1;
                continue;
            };
            let stayed = |index: usize| {
                let face = &self.seen.faces[index];
                self.tracks[index].before.intersection_over_union(face.bounds)
            };
            self.forget(if stayed(second) > stayed(first) { first } else { second });
        }
    }

    /// Runs the detector; the largest face comes first.
    fn detect(&mut self, vision: &mut Vision, frame: &Frame<'_>) -> Result<(), VisionError> {
        vision.detector.detect(frame, &self.limits, &mut self.detections)?;
        self.detections.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
        Ok(())
    }

    /// Forgets tracks that slid off their face: where faces meet, a mesh may spread over two. Such a box
    /// is no detected face's, and has the middle of one inside that no track follows.
    fn forget_strays(&mut self) {
        for index in (0..self.tracks.len()).rev() {
            let here = self.seen.faces[index].bounds;
            let mut inside = self
                .detections
                .iter()
                .map(|d| d.bounds)
                .filter(|d| here.contains(Rect::new(d.centre().x, d.centre().y, 0.0, 0.0)));
            let detected = self.detections.iter().any(|d| self.is_same(d.bounds, here));
            if !detected && inside.any(|d| !self.is_followed(d)) {
                self.forget(index);
            }
        }
    }

    /// Starts tracks on the detected faces that have none, the largest first.
    fn acquire(&mut self, vision: &mut Vision, frame: &Frame<'_>) -> Result<(), VisionError> {
        for index in 0..self.detections.len() {
            let detection = &self.detections[index];
            if self.tracks.len() >= self.limits.max_faces as usize {
                break;
            }
            if self.is_followed(detection.bounds) || self.is_bystander(detection.bounds) {
                continue;
            }
            let track = self.last_track + 1;
            let Some(face) = vision.find(frame, detection, track, &self.limits)? else { continue };
            if self.is_followed(face.bounds) || self.is_bystander(face.bounds) {
                continue;
            }
            self.last_track = track;
            self.tracks.push(Track::new(face.bounds, &self.limits));
            self.seen.faces.push(face);
        }
        Ok(())
    }

    /// Makes the largest face the subject.
    fn choose_subject(&mut self) {
        let faces = self.seen.faces.iter().enumerate();
        let largest = faces.max_by(|(_, a), (_, b)| a.bounds.area().total_cmp(&b.bounds.area()));
        if let Some((index, _)) = largest {
            self.seen.faces[..=index].rotate_right(1);
            self.tracks[..=index].rotate_right(1);
        }
    }

    /// Notes, of what the detector just saw, how many faces no track follows; bystanders do not count.
    fn note_unfollowed(&mut self, now: Timestamp) {
        let boxes = self.detections.iter().map(|detection| detection.bounds);
        let others = boxes.filter(|face| !self.is_followed(*face) && !self.is_bystander(*face));
        self.unfollowed = others.count();
        (self.detected_at, self.detected_here) = (Some(now), true);
    }

    fn is_followed(&self, face: Rect) -> bool {
        self.seen.faces.iter().any(|followed| self.is_same(followed.bounds, face))
    }

    fn is_same(&self, a: Rect, b: Rect) -> bool {
        a.intersection_over_union(b) > self.limits.same_face_overlap
    }

    /// Whether a face beside the subject's is too small to matter.
    fn is_bystander(&self, face: Rect) -> bool {
        let subject = self.seen.faces.first();
        subject.is_some_and(|s| face.area() <= self.limits.bystander_area * s.bounds.area())
    }

    fn forget(&mut self, index: usize) {
        self.seen.faces.remove(index);
        self.tracks.remove(index);
        let alone = self.tracks.is_empty();
        self.look_behind = if alone { 0 } else { self.limits.look_behind_frames };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveface_core::{Expression, LANDMARK_COUNT, Landmarks, Occlusion, Point3, Pose};

    /// A tracker whose faces, 100 pixels wide, went from the first to the second place each.
    fn tracker(moves: &[(f32, f32)]) -> Tracker {
        let mut tracker = Tracker::new(policy::Tracking::default());
        for (index, (before, now)) in moves.iter().enumerate() {
            let place = |x| Rect::new(x, 0.0, 100.0, 100.0);
            tracker.seen.faces.push(Face {
                track: index as u32 + 1,
                bounds: place(*now),
                detection_score: 0.9,
                presence: 0.9,
                landmarks: Landmarks::new([Point3::default(); LANDMARK_COUNT]),
                pose: Pose::default(),
                expression: Expression::default(),
                occlusion: Occlusion::default(),
                raw: Measured::default(),
                fitted: Measured::default(),
            });
            let track = Track::new(place(*before), &tracker.limits);
            tracker.tracks.push(track);
        }
        tracker
    }

    #[test]
    fn tracks_that_come_to_one_face_become_the_one_whose_face_it_is() {
        for (moves, kept) in [
            // Apart.
            (&[(0.0, 0.0), (200.0, 190.0)][..], &[1, 2][..]),
            // The subject's mesh jumped to the other's face, and the other way round.
            (&[(0.0, 150.0), (160.0, 155.0)], &[2]),
            (&[(150.0, 160.0), (0.0, 155.0)], &[1]),
            // Nobody can tell: the subject's.
            (&[(0.0, 50.0), (100.0, 50.0)], &[1]),
            // Three on one, the last was there before.
            (&[(0.0, 300.0), (150.0, 305.0), (310.0, 302.0)], &[3]),
        ] {
            let mut tracker = tracker(moves);
            tracker.merge();
            let tracks: Vec<u32> = tracker.seen.faces.iter().map(|face| face.track).collect();
            assert_eq!(tracks, kept, "{moves:?}");
            assert_eq!(tracker.tracks.len(), kept.len());
        }
    }

    #[test]
    fn a_mesh_that_spread_over_two_faces_is_forgotten() {
        let detection = |x: f32, width: f32| Detection {
            score: 0.9,
            bounds: Rect::new(x, 0.0, width, 100.0),
            keypoints: Default::default(),
        };
        let mut tracker = tracker(&[(0.0, 0.0)]);
        // Its own face, one far away, none at all: it stays.
        for detections in [vec![detection(10.0, 90.0)], vec![detection(300.0, 90.0)], vec![]] {
            tracker.detections = detections;
            tracker.forget_strays();
            assert_eq!(tracker.tracks.len(), 1);
        }
        tracker.detections = vec![detection(-30.0, 50.0), detection(60.0, 60.0)];
        tracker.forget_strays();
        assert!(tracker.tracks.is_empty() && tracker.seen.faces.is_empty());
    }
}
