//! The 478 points of one face: MediaPipe's attention mesh on a turned square around the face.

use liveface_core::sample::{Border, Filter};
use liveface_core::{
    AlignedFace, Frame, LANDMARK_COUNT, Landmarks, Point2, Point3, Rect, RotatedSquare,
};

use crate::detector::{Detection, sigmoid};
use crate::error::VisionError;
use crate::manifest::{AttentionMesh, Decode};
use crate::models::ModelFiles;
use crate::net::Net;
use crate::runtime::Runtime;

/// Points of the surface, before the irises.
const SURFACE: usize = 468;

pub(crate) struct Mesh {
    pub(crate) net: Net,
    decode: Box<AttentionMesh>,
    /// What the last run gave, as long as its picture is the net's input.
    last: Option<Kept>,
}

struct Kept {
    presence: f32,
    landmarks: Landmarks,
    /// The same points in pixels of the model's own square picture.
    in_picture: Landmarks,
}

/// What the mesh model says of a region.
pub(crate) struct MeshResult<'m> {
    /// How sure it is that a face is there, 0 to 1.
    pub(crate) presence: f32,
    pub(crate) landmarks: &'m Landmarks,
    /// The model's own square picture.
    pub(crate) aligned: AlignedFace<'m>,
}

impl Mesh {
    pub(crate) fn load(runtime: &Runtime, files: &ModelFiles) -> Result<Self, VisionError> {
        let (entry, bytes, decode) = files.find("attention_mesh", |decode| match decode {
            Decode::AttentionMesh(decode) => Some(decode.clone()),
            _ => None,
        })?;
        let lists = [&decode.output_lips, &decode.output_left_eye, &decode.output_right_eye];
        let averages = [&decode.output_left_iris_z_average, &decode.output_right_iris_z_average];
        if lists.into_iter().chain(averages).flatten().any(|index| *index >= SURFACE) {
            return Err(entry.wrong("a point index is out of range"));
        }
        if averages.iter().any(|list| list.is_empty()) {
            return Err(entry.wrong("an iris has no contour points"));
        }
        let irises = decode.output_left_iris.iter().chain(&decode.output_right_iris);
        let ends = decode.roi_rotation_points.iter();
        if irises.chain(ends).any(|index| *index >= LANDMARK_COUNT) {
            return Err(entry.wrong("a point index is out of range"));
        }
        if decode.roi_rotation_keypoints.iter().any(|index| *index >= 6) {
            return Err(entry.wrong("a keypoint index is out of range"));
        }
        for (output, length) in [
            ("output_mesh_identity", SURFACE * 3),
            ("output_lips", decode.output_lips.len() * 2),
            ("output_left_eye", decode.output_left_eye.len() * 2),
            ("output_right_eye", decode.output_right_eye.len() * 2),
            ("output_left_iris", decode.output_left_iris.len() * 2),
            ("output_right_iris", decode.output_right_iris.len() * 2),
            ("conv_faceflag", 1),
        ] {
            entry.expect_output(output, length)?;
        }
        Ok(Self { net: Net::load(runtime, entry, bytes)?, decode, last: None })
    }

    /// Where to look for the mesh of a detected face.
    pub(crate) fn region_of_detection(&self, detection: &Detection) -> RotatedSquare {
        let [from, to] = self.decode.roi_rotation_keypoints.map(|i| detection.keypoints[i]);
        self.region(detection.bounds, from, to)
    }

    /// Where to look for the mesh in the next frame.
    pub(crate) fn region_of_landmarks(&self, landmarks: &Landmarks) -> RotatedSquare {
        let [from, to] = self.decode.roi_rotation_points.map(|i| landmarks.xy(i));
        self.region(landmarks.bounds(), from, to)
    }

    fn region(&self, bounds: Rect, from: Point2, to: Point2) -> RotatedSquare {
        RotatedSquare {
            centre: bounds.centre(),
            side: bounds.width.max(bounds.height) * self.decode.roi_scale,
            angle_radians: (to.y - from.y).atan2(to.x - from.x),
        }
    }

    /// What the last run gave.
    pub(crate) fn last(&self) -> Option<MeshResult<'_>> {
        let Kept { presence, landmarks, in_picture } = self.last.as_ref()?;
        let side = self.net.side() as usize;
        let aligned = AlignedFace { side, rgb: self.net.input(), landmarks: in_picture };
        Some(MeshResult { presence: *presence, landmarks, aligned })
    }

    /// The mesh of what lies in `region`.
    pub(crate) fn run(
        &mut self,
        frame: &Frame<'_>,
        region: RotatedSquare,
    ) -> Result<Option<MeshResult<'_>>, VisionError> {
        self.last = None;
        let to_picture = region.to_picture(self.net.side());
        let scale = to_picture.scale();
        self.net.fill(frame, to_picture, Filter::Bilinear, Border::Replicate);
        let decode = &self.decode;
        let outputs = self.net.run()?;
        let mut points = [Point3::default(); LANDMARK_COUNT];
        for (point, xyz) in
            points.iter_mut().zip(outputs.get("output_mesh_identity")?.chunks_exact(3))
        {
            *point = Point3::new(xyz[0], xyz[1], xyz[2]);
        }
        // The refined parts replace x and y; depth stays the coarse mesh's.
        for (output, indices) in [
            ("output_lips", &decode.output_lips),
            ("output_left_eye", &decode.output_left_eye),
            ("output_right_eye", &decode.output_right_eye),
        ] {
            for (index, xy) in indices.iter().zip(outputs.get(output)?.chunks_exact(2)) {
                points[*index] = Point3::new(xy[0], xy[1], points[*index].z);
            }
        }
        for (output, indices, around) in [
            ("output_left_iris", &decode.output_left_iris, &decode.output_left_iris_z_average),
            ("output_right_iris", &decode.output_right_iris, &decode.output_right_iris_z_average),
        ] {
            let z = around.iter().map(|i| points[*i].z).sum::<f32>() / around.len() as f32;
            for (index, xy) in indices.iter().zip(outputs.get(output)?.chunks_exact(2)) {
                points[*index] = Point3::new(xy[0], xy[1], z);
            }
        }
        let in_picture = Landmarks::new(points);
        for point in &mut points {
            let placed = to_picture.apply(point.xy());
            *point = Point3::new(placed.x, placed.y, point.z * scale);
        }
        let presence = sigmoid(outputs.get("conv_faceflag")?[0]);
        let landmarks = Landmarks::new(points);
        self.last = Some(Kept { presence, landmarks, in_picture });
        Ok(self.last())
    }
}
