//! A frame of any size, stride, rotation and content is refused, or can be read everywhere.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, ColourRange, Frame, PixelFormat, Plane, Rotation, Timestamp};

#[derive(Debug, Arbitrary)]
struct Description {
    format: u8,
    width: u16,
    height: u16,
    /// What each stride has beyond a row; a few are too short.
    padding: [u8; 3],
    missing_planes: bool,
    rotation: u8,
    flags: u8,
    /// Any numbers, or small ones: the bits of `plain` choose.
    map: [f32; 6],
    plain: u8,
    size: [u8; 2],
    mean: f32,
    scale: f32,
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Unstructured::new(bytes);
    let Ok(d) = Description::arbitrary(&mut input) else { return };
    let data = input.take_rest();
    let formats = PixelFormat::ALL;
    let format = formats[usize::from(d.format) % formats.len()];
    // Any size may be asked for; most are small enough for the bytes that are there.
    let huge = d.flags & 1 != 0;
    let side = |side: u16| u32::from(if huge { side } else { side % 48 });
    let (width, height) = (side(d.width), side(d.height));
    let row = width as usize * 4;
    let planes = d.padding.map(|padding| {
        // Enough for every format, but for an eighth of them.
        let stride = if padding % 8 == 7 { usize::from(padding) } else { row + usize::from(padding) };
        Plane { data, stride }
    });
    let count = if d.missing_planes { 4 } else { format.plane_count() };
    let Some(planes) = planes.get(..count) else { return };
    let Ok(frame) = Frame::new(format, width, height, planes, Timestamp::ZERO) else { return };
    let rotations = [0, 90, 180, 270].map(|degrees| Rotation::from_degrees(degrees).unwrap());
    let range = if d.flags & 2 != 0 { ColourRange::Full } else { ColourRange::Limited };
    let frame = frame
        .rotated(rotations[usize::from(d.rotation) % 4])
        .mirrored(d.flags & 4 != 0)
        .with_range(range);
    let mut bit = 0;
    let [a, b, tx, c, e, ty] = d.map.map(|value| {
        bit += 1;
        // Small, or 0: the map of a real face, and one without a turn.
        if d.plain >> bit & 1 != 0 { value.to_bits() as u8 as f32 / 16.0 - 8.0 } else { value }
    });
    let straight = d.plain & 1 != 0;
    let map = Affine { a, b: if straight { 0.0 } else { b }, tx, c: if straight { 0.0 } else { c }, d: e, ty };
    let filter = if d.flags & 8 != 0 { Filter::Area } else { Filter::Bilinear };
    let border = if d.flags & 16 != 0 { Border::Black } else { Border::Replicate };
    let size = d.size.map(|side| u32::from(side % 80));
    let size = (size[0], size[1]);
    let values = size.0 as usize * size.1 as usize * 3;

    let mut rgb = vec![1, 2, 3];
    sample::rgb8(&frame, map, size, filter, border, &mut rgb);
    assert_eq!(rgb.len(), 3 + values);
    assert_eq!(rgb[..3], [1, 2, 3]);

    // The same picture as levels: all are written, and round to the same bytes.
    let planar = d.flags & 32 != 0;
    let form = TensorForm { planar, bgr: d.flags & 64 != 0, mean: 0.0, scale: 1.0 };
    let mut levels = vec![f32::NAN; values];
    sample::tensor(&frame, map, size, filter, border, &form, &mut levels);
    let plane = values / 3;
    for (pixel, rgb) in rgb[3..].chunks_exact(3).enumerate() {
        for (channel, byte) in rgb.iter().enumerate() {
            let channel = if form.bgr { 2 - channel } else { channel };
            let at = if planar { channel * plane + pixel } else { pixel * 3 + channel };
            assert!((0.0..=255.0).contains(&levels[at]));
            assert!((levels[at] - f32::from(*byte)).abs() <= 0.5);
        }
    }
    // A model's numbers may be anything.
    let form = TensorForm { mean: d.mean, scale: d.scale, ..form };
    sample::tensor(&frame, map, size, filter, border, &form, &mut levels);
    let _ = sample::fingerprint(&frame);
});
