//! Reading pixels out of a frame, one thread: each format, as each caller does it.
//!
//! Needs no models: `cargo bench -p liveface-benches --bench sampling`.

use std::hint::black_box;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use liveface_core::sample::{Border, Filter, TensorForm, fingerprint, rgb8, tensor};
use liveface_core::{
    Affine, Frame, PixelFormat, Plane, Point2, RotatedSquare, Rotation, Timestamp,
};

/// What cameras deliver, in pixels.
const SIZES: [(u32, u32); 2] = [(640, 480), (1280, 720)];

/// Noise: the time does not depend on what the picture shows.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(next).collect()
}

/// A frame of `format`; all planes show the same bytes.
fn frame(format: PixelFormat, (width, height): (u32, u32), data: &[u8]) -> Frame<'_> {
    let row = width as usize;
    let strides = match format {
        PixelFormat::Rgb8 => [row * 3; 3],
        PixelFormat::Rgba8 | PixelFormat::Bgra8 => [row * 4; 3],
        PixelFormat::Yuyv => [row * 2; 3],
        PixelFormat::Nv12 | PixelFormat::Nv21 => [row; 3],
        PixelFormat::I420 => [row, row / 2, row / 2],
    };
    let planes = strides.map(|stride| Plane { data, stride });
    Frame::new(format, width, height, &planes[..format.plane_count()], Timestamp::ZERO)
        .expect("the bytes are enough for every format")
}

/// A model's input of `side` x `side` pixels.
fn input(b: &mut Bencher<'_>, frame: &Frame<'_>, map: Affine, side: u32, filter: Filter) {
    let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 255.0 };
    let mut data = vec![0.0; side as usize * side as usize * 3];
    b.iter(|| {
        tensor(black_box(frame), map, (side, side), filter, Border::Black, &form, &mut data);
    });
}

fn picture(b: &mut Bencher<'_>, frame: &Frame<'_>, map: Affine, size: (u32, u32)) {
    let mut bytes = Vec::new();
    b.iter(|| {
        bytes.clear();
        rgb8(black_box(frame), map, size, Filter::Area, Border::Replicate, &mut bytes);
    });
}

fn sampling(criterion: &mut Criterion) {
    for size in SIZES {
        let data = noise(size.0 as usize * size.1 as usize * 4);
        for format in PixelFormat::ALL {
            let frame = frame(format, size, &data);
            let name = format!("{format:?} {}x{}", size.0, size.1);
            let mut group = criterion.benchmark_group(name);
            let (width, height) = (frame.width() as f32, frame.height() as f32);
            let square = |side| RotatedSquare {
                centre: Point2::new(width * 0.52, height * 0.5),
                side,
                angle_radians: 0.1,
            };
            // A face over half of the height, with its surroundings.
            let mesh = square(height * 0.52).to_picture(192);
            group.bench_function("mesh input, 192 bilinear", |b| {
                input(b, &frame, mesh, 192, Filter::Bilinear);
            });
            let scale = width / 128.0;
            let whole = Affine::scale_then_move(scale, scale, 0.0, (height - width) * 0.5);
            group.bench_function("detector input, 128 bilinear", |b| {
                input(b, &frame, whole, 128, Filter::Bilinear);
            });
            group.bench_function("detector input, 128 area", |b| {
                input(b, &frame, whole, 128, Filter::Area);
            });
            let region = square(height * 0.45).to_picture(160);
            group.bench_function("turned region, 160 area", |b| {
                picture(b, &frame, region, (160, 160));
            });
            let turned = frame.rotated(Rotation::Clockwise90);
            let upright = (480, 480 * size.0 / size.1);
            let shot = Affine::from_region(turned.bounds(), upright.0, upright.1);
            group.bench_function("turned picture, 480 wide area", |b| {
                picture(b, &turned, shot, upright);
            });
            group.finish();
        }
    }
    let data = noise(640 * 480 * 2);
    let nv12 = frame(PixelFormat::Nv12, (640, 480), &data);
    criterion.bench_function("fingerprint", |b| b.iter(|| fingerprint(black_box(&nv12))));
}

criterion_group!(benches, sampling);
criterion_main!(benches);
