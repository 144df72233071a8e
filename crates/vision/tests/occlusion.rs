//! Faces with something before them are told from all others, whoever they are and however they are
//! lit.

#![allow(clippy::unwrap_used)]

mod clips;
mod support;

use clips::{SUBJECTS, clip};
use image::{Rgb, RgbImage};
use liveface_core::{Face, FacePart, Point2, landmark, policy};
use liveface_vision::Vision;
use support::{frame, picture, vision};

/// No clean face is covered by as much.
const CLEAN: f32 = 0.2;

fn limit() -> f32 {
    policy::OcclusionLimits::default().max_share
}

/// The largest face of a picture.
fn largest(vision: &mut Vision, picture: &RgbImage) -> Option<Face> {
    vision.faces(&frame(picture), &policy::Tracking::default()).unwrap().into_iter().next()
}

fn share(vision: &mut Vision, picture: &RgbImage) -> (f32, Option<FacePart>) {
    let covered = largest(vision, picture).unwrap().occlusion;
    (covered.share, covered.part)
}

#[test]
fn the_stills_with_something_before_the_face_are_told_from_the_others() {
    let mut vision = vision();
    for (still, part) in [
        ("occl_mask", FacePart::Mouth),
        ("occl_hand", FacePart::Mouth),
        ("occl_sunglasses", FacePart::Eyes),
        ("occl_halfframe", FacePart::ImageLeft),
    ] {
        let (covered, named) = share(&mut vision, &picture(&format!("stills/{still}.jpg")));
        assert!(covered > limit(), "{still}: {covered}");
        assert_eq!(named, Some(part), "{still}");
    }
    for still in [
        "astronaut.png",
        "backlit.jpg",
        "bright4.jpg",
        "dark04.jpg",
        "dark12.jpg",
        "far.jpg",
        "jaw.jpg",
        "m2_portrait.jpg",
        "m2_portrait_smile.jpg",
        "near.jpg",
        "offc.jpg",
        "pitchdn.jpg",
        "pitchup.jpg",
        "roll30.jpg",
        "two.jpg",
        "yaw45.jpg",
        "yaw60.jpg",
    ] {
        let (covered, named) = share(&mut vision, &picture(&format!("stills/{still}")));
        assert!(covered < CLEAN && named.is_none(), "{still}: {covered} {named:?}");
    }
}

#[test]
fn no_frame_of_the_clips_is_covered() {
    let mut vision = vision();
    let mut most: f32 = 0.0;
    let clips = ["idle", "turn_left", "turn_right", "look_up", "smile", "blink", "approach"];
    for (subject, name) in SUBJECTS.iter().flat_map(|s| clips.map(|name| (*s, name))) {
        for still in clip(subject, name) {
            let (covered, named) = share(&mut vision, &picture(&still.path));
            assert!(covered < CLEAN && named.is_none(), "{}: {covered} {named:?}", still.path);
            most = most.max(covered);
        }
    }
    println!("most covered of the clean frames: {most}");
}

/// A face and the places on it that covers are painted at.
struct Canvas {
    picture: RgbImage,
    mouth: Point2,
    eyes: [Point2; 2],
    eye_distance: f32,
}

impl Canvas {
    fn new(vision: &mut Vision, path: &str) -> Self {
        let picture = picture(path);
        let landmarks = largest(vision, &picture).unwrap().landmarks;
        let [upper, lower] = landmark::INNER_LIPS.map(|index| landmarks.xy(index));
        Self {
            picture,
            mouth: upper.midpoint(lower),
            eyes: landmarks.eye_centres(),
            eye_distance: landmarks.inter_eye_distance(),
        }
    }

    /// Paints an ellipse of `size` eye distances, as bright as `colour` times a soft shading.
    fn ellipse(&mut self, middle: Point2, size: (f32, f32), colour: [f32; 3]) {
        let (width, height) = (size.0 * self.eye_distance, size.1 * self.eye_distance);
        for (x, y, pixel) in self.picture.enumerate_pixels_mut() {
            let (dx, dy) = ((x as f32 - middle.x) / width, (y as f32 - middle.y) / height);
            let off = dx.hypot(dy);
            if off < 1.0 {
                let shade = 1.0 - 0.15 * off + 0.1 * dx;
                *pixel = Rgb(colour.map(|value| (value * shade).clamp(0.0, 255.0) as u8));
            }
        }
    }

    /// The colour of a cheek: between the eyes' height and the mouth's.
    fn skin(&self) -> [f32; 3] {
        let middle = self.eyes[0].midpoint(self.mouth);
        self.picture.get_pixel(middle.x as u32, middle.y as u32).0.map(f32::from)
    }
}

/// A photograph and the rendered people.
const PEOPLE: [&str; 4] = [
    "stills/astronaut.png",
    "clips-f1/idle/000.jpg",
    "clips-m1/idle/000.jpg",
    "stills/m2_portrait.jpg",
];

#[test]
fn masks_hands_and_sunglasses_of_any_colour_are_seen_on_everyone() {
    let mut vision = vision();
    for person in PEOPLE {
        let plain = Canvas::new(&mut vision, person);
        let skin = plain.skin();
        let colours = [
            ("white", [225.0, 225.0, 222.0]),
            ("blue", [130.0, 170.0, 205.0]),
            ("black", [28.0, 28.0, 30.0]),
            ("red", [150.0, 35.0, 45.0]),
            ("the skin's own", skin),
            ("a darker skin's", skin.map(|value| value * 0.75)),
        ];
        for (name, colour) in colours {
            let mut masked = Canvas::new(&mut vision, person);
            let below = Point2::new(masked.mouth.x, masked.mouth.y + 0.1 * masked.eye_distance);
            masked.ellipse(below, (0.95, 0.75), colour);
            let (covered, _) = share(&mut vision, &masked.picture);
            assert!(covered > limit(), "{person} with {name} over the mouth: {covered}");
        }
        for (name, colour) in [
            ("black", [20.0, 20.0, 22.0]),
            ("brown", [60.0, 40.0, 25.0]),
            ("blue", [30.0, 40.0, 75.0]),
        ] {
            let mut dark = Canvas::new(&mut vision, person);
            for eye in dark.eyes {
                dark.ellipse(eye, (0.45, 0.36), colour);
            }
            let (covered, part) = share(&mut vision, &dark.picture);
            assert!(covered > limit(), "{person} with {name} glasses: {covered}");
            assert_eq!(part, Some(FacePart::Eyes), "{person} with {name} glasses");
        }
        let mut one = Canvas::new(&mut vision, person);
        let eye = one.eyes[1];
        one.ellipse(eye, (0.5, 0.4), skin);
        let (covered, _) = share(&mut vision, &one.picture);
        assert!(covered > limit(), "{person} with a hand over an eye: {covered}");
    }
}

#[test]
fn light_and_skin_tone_cover_nothing() {
    type Change = fn([f32; 3], f32) -> [f32; 3];
    // Channels in linear light, and the place across the picture from 0 to 1.
    let changes: [(&str, Change); 9] = [
        ("dark", |rgb, _| rgb.map(|v| v * 0.08)),
        ("bright", |rgb, _| rgb.map(|v| v * 2.5)),
        ("warm", |[r, g, b], _| [r * 1.3, g, b * 0.6]),
        ("cool", |[r, g, b], _| [r * 0.75, g, b * 1.5]),
        ("light from image left", |rgb, x| rgb.map(|v| v * (1.0 - 0.9 * x))),
        ("light from image right", |rgb, x| rgb.map(|v| v * (0.1 + 0.9 * x))),
        ("two lamps", |[r, g, b], x| [r * (1.2 - 0.5 * x), g, b * (0.7 + 0.6 * x)]),
        ("a darker skin", |[r, g, b], _| {
            [r.powf(1.35) * 0.55, g.powf(1.35) * 0.42, b.powf(1.35) * 0.35]
        }),
        ("a dark skin in little light", |[r, g, b], _| [r * 0.2, g * 0.13, b * 0.1]),
    ];
    let mut vision = vision();
    for person in PEOPLE {
        for (name, change) in changes {
            let mut lit = picture(person);
            let width = lit.width() as f32;
            for (x, _, pixel) in lit.enumerate_pixels_mut() {
                let linear = pixel.0.map(|value| (f32::from(value) / 255.0).powf(2.2));
                let changed = change(linear, x as f32 / width);
                *pixel = Rgb(changed.map(|v| (255.0 * v.clamp(0.0, 1.0).powf(1.0 / 2.2)) as u8));
            }
            let (covered, _) = share(&mut vision, &lit);
            assert!(covered < CLEAN, "{person} in {name}: {covered}");
        }
    }
}

#[test]
fn what_the_edge_of_the_frame_cuts_off_is_covered() {
    let mut vision = vision();
    for person in ["stills/astronaut.png", "clips-f1/idle/000.jpg"] {
        let whole = Canvas::new(&mut vision, person);
        let (width, bottom) = (whole.picture.width(), whole.mouth.y as u32);
        let cut = image::imageops::crop_imm(&whole.picture, 0, 0, width, bottom);
        let (covered, _) = share(&mut vision, &cut.to_image());
        assert!(covered > limit(), "{person} cut off at the mouth: {covered}");
    }
}
