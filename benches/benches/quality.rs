//! The measures of a face's picture, one thread, on a 640x480 RGB frame: what guidance asks of every frame, in
//! the picture in which the mesh model saw the face; everything that is measured in a kept picture; and that
//! with a person mask, for the background. No model runs inside a measurement.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use liveface::Policy;
use liveface_core::{Affine, Component, PersonMask};
use liveface_quality::{Gauge, Subject};

/// Side of the mask, in pixels: that of MediaPipe's selfie segmentation.
const MASK_SIDE: u32 = 256;

/// The lower middle of the picture, where a person would be.
fn person(width: u32, height: u32) -> PersonMask {
    let places = (0..MASK_SIDE).flat_map(|y| (0..MASK_SIDE).map(move |x| (x, y)));
    let shown = |x: u32, y: u32| x.abs_diff(MASK_SIDE / 2) < MASK_SIDE / 5 && y > MASK_SIDE / 5;
    let scale = |side: u32| side as f32 / MASK_SIDE as f32;
    PersonMask {
        size: (MASK_SIDE, MASK_SIDE),
        to_picture: Affine::scale_then_move(scale(width), scale(height), 0.0, 0.0),
        values: places.map(|(x, y)| if shown(x, y) { 1.0 } else { 0.0 }).collect(),
    }
}

fn quality(criterion: &mut Criterion) {
    let engine = liveface_benches::engine();
    let still = liveface_benches::picture();
    let frame = still.frame().expect("a fixture fits a frame");
    let limits = &Policy::default().tracking;
    let mut vision = engine.vision();
    let faces = vision.faces(&frame, limits).expect("the models run");
    let face = faces.into_iter().next().expect("the fixture shows a face");
    let face = vision.follow(&frame, &face, limits).expect("the models run").expect("still there");
    let aligned = vision.aligned(&face);
    let mask = person(frame.width(), frame.height());

    let mut gauge = Gauge::default();
    criterion.bench_function("guide", |b| {
        b.iter(|| black_box(gauge.guide(black_box(&frame), &face, aligned)));
    });
    let subject =
        Subject { face: &face, aligned, second_face: 0.0, learned: Some(0.9), person: None };
    criterion.bench_function("assess", |b| {
        b.iter(|| black_box(gauge.assess(black_box(&frame), &subject)));
    });
    let subject = Subject { person: Some(&mask), ..subject };
    let record = gauge.assess(&frame, &subject);
    assert!(record.get(Component::BackgroundUniformity).is_some_and(|m| m.score.is_some()));
    criterion.bench_function("assess with a mask", |b| {
        b.iter(|| black_box(gauge.assess(black_box(&frame), &subject)));
    });
}

criterion_group!(benches, quality);
criterion_main!(benches);
