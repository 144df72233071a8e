//! A face to measure in tests: MediaPipe's canonical face, looking ahead.

use liveface_core::{Face, Frame, LANDMARK_COUNT, Landmarks, Point2, Point3, Timestamp};

use crate::points::{COUNT, Points};
use crate::portrait::Portrait;

const MODEL: &str = include_str!("../../../models/canonical_face.toml");

/// The canonical face with its eyes `eye_distance` pixels apart around `between`.
pub(crate) fn canonical(eye_distance: f32, between: Point2) -> Landmarks {
    let model: toml::Table = MODEL.parse().unwrap();
    let number = |value: &toml::Value| value.as_float().unwrap() as f32;
    let mut points: Vec<[f32; 3]> = model["vertices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|vertex| {
            let vertex = vertex.as_array().unwrap();
            [number(&vertex[0]), number(&vertex[1]), number(&vertex[2])]
        })
        .collect();
    let middle = |points: &[[f32; 3]], a: usize, b: usize| -> [f32; 3] {
        std::array::from_fn(|axis| 0.5 * (points[a][axis] + points[b][axis]))
    };
    for (a, b) in [(33, 133), (362, 263)] {
        let eye = middle(&points, a, b);
        points.extend([eye; 5]);
    }
    assert_eq!(points.len(), LANDMARK_COUNT);
    let (left, right) = (points[468], points[473]);
    let scale = eye_distance / (right[0] - left[0]);
    let place = |[x, y, z]: [f32; 3]| {
        Point3::new(between.x + scale * x, between.y - scale * (y - left[1]), -scale * z)
    };
    Landmarks::new(std::array::from_fn(|index| place(points[index])))
}

/// `landmarks`, each point as `change` has it.
pub(crate) fn with_points(
    landmarks: &Landmarks,
    change: impl Fn(usize, Point3) -> Point3,
) -> Landmarks {
    let points = landmarks.points();
    Landmarks::new(std::array::from_fn(|index| change(index, points[index])))
}

/// A face with `landmarks` of which nothing else is known.
pub(crate) fn face(landmarks: Landmarks) -> Face {
    let bounds = landmarks.bounds();
    Face {
        track: 1,
        bounds,
        detection_score: 1.0,
        presence: 1.0,
        landmarks,
        pose: Default::default(),
        expression: Default::default(),
        occlusion: Default::default(),
        raw: Default::default(),
        fitted: Default::default(),
    }
}

/// What `measure` says of the portrait of a face in a picture of 320 x 240 pixels, each of the colour that
/// `colour` gives it.
pub(crate) fn lit<T>(
    landmarks: &Landmarks,
    colour: impl Fn(u32, u32) -> [u8; 3],
    measure: impl Fn(&Portrait) -> T,
) -> T {
    let places = (0..240).flat_map(|y| (0..320).map(move |x| (x, y)));
    let data: Vec<u8> = places.flat_map(|(x, y)| colour(x, y)).collect();
    let frame = Frame::rgb(320, 240, &data, Timestamp::ZERO).unwrap();
    let mut portrait = Portrait::default();
    portrait.take(&frame, landmarks);
    measure(&portrait)
}

/// Points of which some have a place, (index, x, y), and all others lie at the origin.
pub(crate) fn drawn(places: &[(usize, i16, i16)]) -> Points {
    let mut points = [Point2::default(); COUNT];
    for (index, x, y) in places {
        points[*index] = Point2::new(f32::from(*x), f32::from(*y));
    }
    Points::new(points)
}
