//! From compressed data to the means of pixels.
//!
//! A block is a sum of 64 waves, each times its coefficient. The mean of a group of pixels is the sum
//! of the waves' means over that group, so a block is decoded to means by adding up tables: exactly
//! what decoding every pixel and averaging gives, but for rounding.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use liveface_core::Reduction;

use super::header::{BLOCK, Component, Header, Tables, frequency};
use super::huffman::{Bits, END, Table};
use crate::picture::PictureError;

/// The most pixels that a block is decoded to.
pub(super) const AREA: usize = 16;

/// What each coefficient of 1 adds to each pixel that a block is decoded to.
type Waves = [[f32; AREA]; BLOCK];

/// One plane of the decoded picture.
#[derive(Default)]
pub(super) struct PlaneBuffer {
    data: Vec<u8>,
    stride: usize,
}

impl PlaneBuffer {
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    pub(super) const fn stride(&self) -> usize {
        self.stride
    }

    fn shape(&mut self, stride: usize, rows: usize) {
        self.data.resize(stride * rows, 0);
        self.stride = stride;
    }

    /// Puts the `width` x `height` pixels of a block where its first one belongs.
    #[inline]
    fn put(&mut self, at: usize, pixels: &[u8; AREA], (width, height): (usize, usize)) {
        let mut rows = self.data[at..].chunks_mut(self.stride);
        match width {
            1 => copy::<1>(&mut rows, pixels, height),
            2 => copy::<2>(&mut rows, pixels, height),
            4 => copy::<4>(&mut rows, pixels, height),
            _ => copy::<8>(&mut rows, pixels, height),
        }
    }
}

#[inline]
fn copy<'p, const WIDTH: usize>(
    rows: &mut impl Iterator<Item = &'p mut [u8]>,
    pixels: &[u8; AREA],
    height: usize,
) {
    for (row, from) in rows.zip(pixels.chunks_exact(WIDTH)).take(height) {
        row[..WIDTH].copy_from_slice(from);
    }
}

/// Decodes scans; keeps the buffers.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) tables: Tables,
    planes: [PlaneBuffer; 3],
    /// The compressed data without stuffing, and where each restart interval ends in it.
    data: Vec<u8>,
    ends: Vec<usize>,
    waves: Vec<Waves>,
}

impl Scan {
    pub(super) const fn plane(&self, index: usize) -> &PlaneBuffer {
        &self.planes[index]
    }

    /// Decodes the image of `header` into I420 planes.
    pub(super) fn decode(
        &mut self,
        jpeg: &[u8],
        header: &Header,
        reduction: Reduction,
    ) -> Result<(), PictureError> {
        self.read_data(&jpeg[header.data..])?;
        let (columns, rows) = header.units();
        let units = columns * rows;
        let interval = if header.restart_interval == 0 { units } else { header.restart_interval };
        if self.ends.len() != units.div_ceil(interval) {
            return Err(PictureError::Damaged { what: "its data has too many or too few parts" });
        }
        self.waves.clear();
        let mut parts = [Part::default(); 3];
        let parts = &mut parts[..header.components().len()];
        for (index, (part, component)) in parts.iter_mut().zip(header.components()).enumerate() {
            let Some(size) = header.block_size(index, reduction) else {
                return Err(PictureError::Damaged { what: "its sampling cannot be reduced" });
            };
            *part = Part { component: *component, size, dc: 0 };
            let (width, height) = part.unit();
            self.planes[index].shape(columns * width, rows * height);
            self.waves.push(waves(self.tables.quantisation(component), size));
        }
        if parts.len() == 1 {
            let (stride, rows) = (self.planes[0].stride, rows * parts[0].unit().1);
            for plane in &mut self.planes[1..] {
                plane.shape(stride.div_ceil(2), rows.div_ceil(2));
                plane.data.fill(128);
            }
        }
        let mut start = 0;
        for (number, end) in self.ends.iter().enumerate() {
            parts.iter_mut().for_each(|part| part.dc = 0);
            let mut bits = Bits::new(&self.data[start..*end]);
            start = *end;
            let first = number * interval;
            for unit in first..units.min(first + interval) {
                let (column, row) = (unit % columns, unit / columns);
                for (index, part) in parts.iter_mut().enumerate() {
                    let dc = self.tables.dc(&part.component);
                    let ac = self.tables.ac(&part.component);
                    let (plane, waves) = (&mut self.planes[index], &self.waves[index]);
                    part.decode(&mut bits, (dc, ac), waves, plane, (column, row))?;
                }
                if bits.overrun() {
                    return Err(PictureError::Damaged { what: "its data breaks off" });
                }
            }
        }
        Ok(())
    }

    /// Takes the stuffing out of the compressed data, up to the marker that ends it.
    fn read_data(&mut self, mut rest: &[u8]) -> Result<(), PictureError> {
        self.data.clear();
        self.ends.clear();
        loop {
            let cut_off = PictureError::Damaged { what: "it breaks off" };
            let Some(plain) = rest.iter().position(|byte| *byte == 0xFF) else {
                return Err(cut_off);
            };
            self.data.extend_from_slice(&rest[..plain]);
            rest = &rest[plain..];
            let Some(fill) = rest.iter().position(|byte| *byte != 0xFF) else {
                return Err(cut_off);
            };
            let code = rest[fill];
            rest = &rest[fill + 1..];
            match code {
                0 => self.data.push(0xFF),
                0xD0..=0xD7 => self.ends.push(self.data.len()),
                0xD9 => {
                    self.ends.push(self.data.len());
                    return Ok(());
                }
                _ => {
                    return Err(PictureError::Damaged { what: "its data is followed by no end" });
                }
            }
        }
    }
}

/// A component while it is decoded.
#[derive(Clone, Copy, Default)]
struct Part {
    component: Component,
    /// Width and height that a block is decoded to.
    size: (usize, usize),
    /// The last block's first coefficient.
    dc: i32,
}

impl Part {
    /// Width and height that a minimum coded unit is decoded to.
    const fn unit(&self) -> (usize, usize) {
        (self.component.across * self.size.0, self.component.down * self.size.1)
    }

    /// Decodes the blocks of one minimum coded unit.
    #[inline]
    fn decode(
        &mut self,
        bits: &mut Bits<'_>,
        tables: (&Table, &Table),
        waves: &Waves,
        plane: &mut PlaneBuffer,
        (column, row): (usize, usize),
    ) -> Result<(), PictureError> {
        let (width, height) = self.unit();
        for down in 0..self.component.down {
            for across in 0..self.component.across {
                let Some(pixels) = block(bits, tables, &mut self.dc, waves) else {
                    return Err(PictureError::Damaged { what: "its data makes no sense" });
                };
                let x = column * width + across * self.size.0;
                let y = row * height + down * self.size.1;
                plane.put(y * plane.stride + x, &pixels, self.size);
            }
        }
        Ok(())
    }
}

/// Decodes one block; `None` when the data makes no sense.
#[inline]
fn block(
    bits: &mut Bits<'_>,
    (first, others): (&Table, &Table),
    dc: &mut i32,
    waves: &Waves,
) -> Option<[u8; AREA]> {
    bits.fill();
    let (run, change) = first.next(bits)?;
    if run != 0 && run != END {
        return None;
    }
    *dc = dc.wrapping_add(change);
    let mut sums = [128.0f32; AREA];
    add(&mut sums, &waves[0], *dc);
    let mut index = 1;
    while index < BLOCK {
        bits.fill();
        let (run, value) = others.next(bits)?;
        if run == END {
            break;
        }
        index += run;
        add(&mut sums, waves.get(index)?, value);
        index += 1;
    }
    // Adding 2^23 leaves the rounded value in the lowest bits.
    Some(sums.map(|sum| (sum.clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8))
}

#[inline]
fn add(sums: &mut [f32; AREA], wave: &[f32; AREA], value: i32) {
    let value = value as f32;
    for (sum, wave) in sums.iter_mut().zip(wave) {
        *sum += wave * value;
    }
}

/// The waves of a block that is decoded to `width` x `height` pixels, times their quantisation.
fn waves(quantisation: &[u16; BLOCK], (width, height): (usize, usize)) -> Waves {
    let (across, down) = (means(width), means(height));
    let mut waves = [[0.0; AREA]; BLOCK];
    for (index, (wave, step)) in waves.iter_mut().zip(quantisation).enumerate() {
        let (v, u) = frequency(index);
        for (at, value) in wave.iter_mut().enumerate().take(width * height) {
            *value = f32::from(*step) * across[at % width][u] * down[at / width][v];
        }
    }
    waves
}

/// The mean of each of eight cosines (T.81, A.3.3) over each of `count` equal parts of a row.
fn means(count: usize) -> [[f32; 8]; 8] {
    let mut means = [[0.0; 8]; 8];
    let each = 8 / count;
    for (part, means) in means.iter_mut().enumerate().take(count) {
        for (frequency, mean) in means.iter_mut().enumerate() {
            let scale = if frequency == 0 { FRAC_1_SQRT_2 } else { 1.0 };
            let wave = |x: usize| ((2 * x + 1) as f32 * frequency as f32 * PI / 16.0).cos();
            let sum: f32 = (part * each..(part + 1) * each).map(wave).sum();
            *mean = scale * 0.5 * sum / each as f32;
        }
    }
    means
}
