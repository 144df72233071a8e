//! Where sampled pixels go: bytes, or a model's input.

use super::{CHUNK, TensorForm};

/// The last level, in 32nds.
pub(super) const WHITE: i16 = 255 * 32;

/// A picture that is being filled.
pub(super) enum Output<'o> {
    /// R, G, B bytes.
    Bytes(&'o mut [u8]),
    /// A model's input; each value is its level in 32nds times `factor` plus `offset`.
    Tensor { data: &'o mut [f32], form: TensorForm, factor: f32, offset: f32 },
}

impl<'o> Output<'o> {
    pub(super) fn tensor(data: &'o mut [f32], form: &TensorForm) -> Self {
        let (factor, offset) = (1.0 / (32.0 * form.scale), -form.mean / form.scale);
        Self::Tensor { data, form: *form, factor, offset }
    }

    /// Where the values of a whole run that begins with pixel `at` go, if they lie side by side.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn run_of_values(
        &mut self,
        at: usize,
        count: usize,
    ) -> Option<&mut [f32; 3 * CHUNK]> {
        match self {
            Self::Tensor { data, form, .. } if !form.planar && count == CHUNK => {
                data[3 * at..].first_chunk_mut()
            }
            _ => None,
        }
    }

    /// Takes `count` pixels as R, G, B in 32nds of a level; the first is pixel `at` in row order,
    /// each next one `step` further on.
    #[inline(always)]
    pub(super) fn put(
        &mut self,
        at: usize,
        step: usize,
        count: usize,
        [r, g, b]: &[[i16; CHUNK]; 3],
    ) {
        let count = count.min(CHUNK);
        match self {
            Self::Bytes(data) => {
                mix(data, at, step, count, [r, g, b], |level| ((level + 16) >> 5) as u8);
            }
            Self::Tensor { data, form, factor, offset } => {
                let value = |level: i16| f32::from(level) * *factor + *offset;
                let order = if form.bgr { [b, g, r] } else { [r, g, b] };
                if !form.planar {
                    return mix(data, at, step, count, order, value);
                }
                let plane = (data.len() / 3).max(1);
                for (plane, levels) in data.chunks_exact_mut(plane).zip(order) {
                    let places = plane[at..].iter_mut().step_by(step);
                    for (place, level) in places.zip(&levels[..count]) {
                        *place = value(*level);
                    }
                }
            }
        }
    }
}

/// Puts the channels of each of the first `count` pixels side by side where they belong.
#[inline(always)]
fn mix<T: Copy + Default>(
    data: &mut [T],
    at: usize,
    step: usize,
    count: usize,
    levels: [&[i16; CHUNK]; 3],
    value: impl Fn(i16) -> T,
) {
    let start = &mut data[3 * at..];
    // A whole run is written in place, by vectors.
    let mut part = [T::default(); 3 * CHUNK];
    let whole = start.first_chunk_mut().filter(|_| step == 1 && count == CHUNK);
    let mixed: &mut [T; 3 * CHUNK] = whole.unwrap_or(&mut part);
    for k in 0..CHUNK {
        for i in 0..3 {
            mixed[3 * k + i] = value(levels[i][k]);
        }
    }
    if step == 1 && count == CHUNK {
        return;
    }
    let places = data[3 * at..].chunks_mut(3 * step);
    for (place, pixel) in places.zip(part.chunks_exact(3)).take(count) {
        place[..3].copy_from_slice(pixel);
    }
}
