//! Backlight: how much brighter the surroundings are than the face. The standard has no such component.
//!
//! What counts is the difference in linear light, not the ratio: dark skin in a room that is lit like any
//! other is several times darker than the wall, but not by much light. Before a wall that is white in the
//! picture it cannot be told from a face before a window.

use liveface_core::{Face, Measure, Rect};

use crate::light::Luminance;
use crate::mapping::{score, sigmoid};
use crate::measures::scene_brightness::Scene;

/// What belongs to the head: the box around the face, with so much of its width at each side and so much
/// of its height above it for the hair. Own choice.
const HAIR_BESIDE: f32 = 0.25;
const HAIR_ABOVE: f32 = 0.4;

/// Raw value with a score of 50, and the width of the transition. Own choice: a whole face is at most
/// 0.19 darker than the room in the fixtures; with a window, which is 1, over half of the surroundings, the
/// difference is 0.4 and more.
const MIDDLE: f64 = 0.4;
const WIDTH: f64 = 0.04;

/// Raw: mean luminance beside and above the head, less that of the face, in linear light; -1 to 1. What is
/// below the face is the body. "Failure to assess" where the head fills the picture.
pub(crate) fn measure(scene: &Scene, face: &Face, face_luminance: f32) -> Measure {
    let luminance = Luminance::new();
    let Rect { x, y, width, height } = face.bounds;
    let sides = x - HAIR_BESIDE * width..=x + (1.0 + HAIR_BESIDE) * width;
    let (top, bottom) = (y - HAIR_ABOVE * height, y + height);
    let (mut count, mut sum) = (0u32, 0u32);
    for (point, rgb) in scene.points() {
        if point.y > bottom || point.y >= top && sides.contains(&point.x) {
            continue;
        }
        sum += u32::from(luminance.of(rgb.map(|level| (level + 0.5) as u8)));
        count += 1;
    }
    if count == 0 {
        return Measure::default();
    }
    let raw = f64::from(sum) / f64::from(count) / 255.0 - f64::from(face_luminance);
    Measure { raw: raw as f32, score: score(100.0 * (1.0 - sigmoid(raw, MIDDLE, WIDTH))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{canonical, face};
    use liveface_core::{Frame, Point2, Timestamp};

    /// A wall of one level behind a face of some luminance in linear light.
    fn before(wall: u8, face_luminance: f32, eye_distance: f32) -> Measure {
        let data = vec![wall; 320 * 240 * 3];
        let frame = Frame::rgb(320, 240, &data, Timestamp::ZERO).unwrap();
        let face = face(canonical(eye_distance, Point2::new(160.0, 100.0)));
        measure(&Scene::new(&frame), &face, face_luminance)
    }

    #[test]
    fn a_window_counts_and_a_room_does_not_whatever_the_skin() {
        // 150 is 0.3 in linear light.
        for skin in [0.04, 0.12, 0.4] {
            assert!(before(150, skin, 40.0).score > Some(95), "{skin}");
            assert!(before(255, skin, 40.0).score < Some(5), "{skin}");
        }
        let raw = before(150, 0.04, 40.0).raw;
        assert!((raw - 0.265).abs() < 0.005, "{raw}");
    }

    #[test]
    fn where_the_head_fills_the_picture_nothing_can_be_said() {
        assert_eq!(before(150, 0.1, 250.0).score, None);
    }
}
