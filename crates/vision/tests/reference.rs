//! The vision part against MediaPipe's own output on a photo.

#![allow(clippy::unwrap_used)]

mod support;

use liveface_core::policy;
use support::{fixtures, frame, picture, vision};

#[test]
fn the_astronaut_is_seen_as_mediapipe_sees_her() {
    let text = std::fs::read(fixtures().join("reference/astronaut-mediapipe.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let floats = |value: &serde_json::Value| -> Vec<f32> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
    };
    let picture = picture("stills/astronaut.png");
    let frame = frame(&picture);
    let limits = policy::Tracking::default();
    let mut vision = vision();

    let found = vision.detect(&frame, &limits).unwrap();
    assert_eq!(found.len(), 1);
    let expected = &reference["face_detection"];
    let bounds = found[0].bounds;
    for (seen, expected) in [bounds.x, bounds.y, bounds.width, bounds.height]
        .into_iter()
        .zip(floats(&expected["box_xywh_px"]))
    {
        assert!((seen - expected).abs() < 0.5, "box {seen} {expected}");
    }
    for (seen, expected) in
        found[0].keypoints.iter().zip(expected["keypoints_px"].as_array().unwrap())
    {
        let expected = floats(expected);
        assert!((seen.x - expected[0]).hypot(seen.y - expected[1]) < 0.5, "{seen:?} {expected:?}");
    }

    let faces = vision.faces(&frame, &limits).unwrap();
    let distances: Vec<f32> = reference["face_mesh_attention_478"]
        .as_array()
        .unwrap()
        .iter()
        .map(floats)
        .zip(faces[0].landmarks.points())
        .map(|(expected, seen)| (seen.x - expected[0]).hypot(seen.y - expected[1]))
        .collect();
    assert_eq!(distances.len(), 478);
    let mean = distances.iter().sum::<f32>() / distances.len() as f32;
    let largest = distances.iter().copied().fold(0.0, f32::max);
    println!(
        "mesh: mean {mean} px, largest {largest} px; pose {:?}; {:?}",
        faces[0].pose, faces[0].expression
    );
    assert!(mean < 0.1 && largest < 0.5, "mean {mean} px, largest {largest} px");
    assert!(vision.presentation(&frame, &faces[0]).unwrap() > 0.9);
    assert!(faces[0].expression.smile > 0.9);
}
