//! The stages of the frame pipeline, one thread, on a 640x480 RGB frame.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use liveface::{Capture, CapturedImage, Policy, Session, ShotKind, Timestamp};
use liveface_bundle::{Info, encode, upload_zip};
use liveface_quality::Gauge;

fn stages(criterion: &mut Criterion) {
    let engine = liveface_benches::engine();
    let still = liveface_benches::picture();
    let frame = still.frame().expect("a fixture fits a frame");
    let policy = Policy::default();
    let limits = &policy.tracking;
    let mut vision = engine.vision();
    let face = vision
        .faces(&frame, limits)
        .expect("the models run")
        .into_iter()
        .next()
        .expect("the fixture shows a face");

    criterion.bench_function("detector", |b| {
        b.iter(|| black_box(vision.detect(&frame, limits)).expect("the models run"));
    });
    criterion.bench_function("mesh", |b| {
        b.iter(|| black_box(vision.follow(&frame, &face, limits)).expect("the models run"));
    });
    criterion.bench_function("passive check", |b| {
        b.iter(|| black_box(vision.presentation(&frame, &face)).expect("the models run"));
    });
    criterion.bench_function("embedding", |b| {
        b.iter(|| black_box(vision.embedding(&frame, &face)).expect("the models run"));
    });
    let mut gauge = Gauge::default();
    let face = vision.follow(&frame, &face, limits).expect("the models run").expect("still there");
    criterion.bench_function("quality", |b| {
        b.iter(|| black_box(gauge.guide(&frame, &face, vision.aligned(&face))));
    });
    drop(vision);

    let mut session = start(&engine, &policy.clone().without_pictures());
    let mut t_ms = 0;
    criterion.bench_function("tracked frame", |b| {
        b.iter(|| {
            t_ms += 33;
            let frame = frame_at(&still, Timestamp::from_millis(t_ms));
            black_box(session.push(&frame)).expect("the models run")
        });
    });
}

fn start(engine: &liveface::Engine, policy: &Policy) -> Session {
    engine.session(policy.clone(), 1).expect("the default policy works")
}

fn frame_at(still: &liveface::camera::Still, at: Timestamp) -> liveface::Frame<'_> {
    still.frame().expect("a fixture fits a frame").at(at)
}

fn packing(criterion: &mut Criterion) {
    let still = liveface_benches::picture();
    let frame = still.frame().expect("a fixture fits a frame");
    let encoding = &Policy::default().encoding;
    let quality = encoding.jpeg_quality;
    let picture = |kind, index, side| {
        let image = encode(&frame, kind, index, side, quality).expect("a fixture can be encoded");
        CapturedImage { t_ms: u64::from(index), ..image }
    };
    criterion.bench_function("encode liveness image", |b| {
        b.iter(|| black_box(picture(ShotKind::Liveness, 0, encoding.liveness_side)));
    });
    criterion.bench_function("encode selfie", |b| {
        b.iter(|| black_box(picture(ShotKind::Selfie, 0, encoding.selfie_side)));
    });
    let mut images: Vec<_> =
        (0..7).map(|i| picture(ShotKind::Liveness, i, encoding.liveness_side)).collect();
    images.push(picture(ShotKind::Selfie, 0, encoding.selfie_side));
    let session = start(&liveface_benches::engine(), &Policy::default());
    let capture = Capture { images, ..session.finish() };
    criterion.bench_function("upload zip", |b| {
        b.iter(|| {
            upload_zip(&capture, &Info::without_job(&capture)).expect("a capture can be packed")
        });
    });
}

criterion_group!(benches, stages, packing);
criterion_main!(benches);
