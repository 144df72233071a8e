//! A frame of any size, stride, rotation and content is refused, or can be read everywhere.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use liveface_core::sample::{self, Border, Filter};
use liveface_core::{Affine, Frame, PixelFormat, Plane, Rotation, Timestamp};

#[derive(Debug, Arbitrary)]
struct Description {
    format: u8,
    width: u16,
    height: u16,
    strides: [u16; 3],
    planes: u8,
    rotation: u8,
    mirrored: bool,
    map: [f32; 6],
    area: bool,
    black: bool,
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Unstructured::new(bytes);
    let Ok(d) = Description::arbitrary(&mut input) else { return };
    let data = input.take_rest();
    let formats = [
        PixelFormat::Rgb8,
        PixelFormat::Rgba8,
        PixelFormat::Bgra8,
        PixelFormat::Nv12,
        PixelFormat::Nv21,
        PixelFormat::I420,
        PixelFormat::Yuyv,
    ];
    let planes = d.strides.map(|stride| Plane { data, stride: usize::from(stride) });
    let planes = &planes[..usize::from(d.planes % 4)];
    let format = formats[usize::from(d.format) % formats.len()];
    let (width, height) = (u32::from(d.width), u32::from(d.height));
    let Ok(frame) = Frame::new(format, width, height, planes, Timestamp::ZERO) else { return };
    let rotations = [0, 90, 180, 270].map(|degrees| Rotation::from_degrees(degrees).unwrap());
    let frame = frame.rotated(rotations[usize::from(d.rotation) % 4]).mirrored(d.mirrored);
    let [a, b, tx, c, e, ty] = d.map;
    let map = Affine { a, b, tx, c, d: e, ty };
    let filter = if d.area { Filter::Area } else { Filter::Bilinear };
    let border = if d.black { Border::Black } else { Border::Replicate };
    let mut count = 0;
    sample::rgb(&frame, map, (7, 5), filter, border, |pixel| {
        count += 1;
        assert!(pixel.iter().all(|v| v.is_nan() || (-0.01..=255.01).contains(v)));
    });
    assert_eq!(count, 35);
    let _ = sample::fingerprint(&frame);
});
