//! The finest detail of a face, and the same of a picture a quarter of its size.

use crate::view::View;

/// Sums are kept in so many parts, which become vectors: the order of adding is the same everywhere.
const LANES: usize = 16;

/// How many pixels of the fine layer, along each axis, become one of the coarse layer.
const REDUCTION: usize = 4;

/// What sharpness and motion blur read; kept from frame to frame so that nothing is allocated.
#[derive(Default)]
pub(crate) struct Detail {
    pub(crate) fine: Layer,
    pub(crate) coarse: Layer,
}

impl Detail {
    /// Takes in the face that `view` shows.
    #[inline(always)]
    pub(crate) fn take(&mut self, view: &View) {
        self.fine.copy(view);
        self.coarse.reduce(&self.fine);
        for layer in [&mut self.fine, &mut self.coarse] {
            layer.filter();
        }
    }
}

/// The rectangle around a face.
#[derive(Default)]
pub(crate) struct Layer {
    width: usize,
    luma: Vec<f32>,
    /// Of each row, the first and one past the last column in the face; equal when none is.
    inside: Vec<(usize, usize)>,
    smooth: Vec<f32>,
    line: Vec<f32>,
    /// 4-neighbour Laplacian of the luma smoothed by the weights 1 2 1 along both axes, but for the two
    /// outermost rows and columns.
    laplacian: Vec<f32>,
}

impl Layer {
    /// The pixels of the face in `view` and those next to them.
    #[inline(always)]
    fn copy(&mut self, view: &View) {
        let faces = || view.rows().enumerate().filter(|(_, (_, (first, end)))| first < end);
        let left = faces().map(|(_, (_, (first, _)))| first).min().unwrap_or(0).saturating_sub(1);
        let right = faces().map(|(_, (row, (_, end)))| (end + 1).min(row.len())).max();
        let top = faces().next().map_or(0, |(y, _)| y).saturating_sub(1);
        let bottom = faces().last().map_or(0, |(y, _)| y + 2);
        self.width = right.unwrap_or(left) - left;
        let (height, width) =
            (view.rows().count(), view.rows().next().map_or(0, |(row, _)| row.len()));
        self.clear(width, height);
        for (row, (first, end)) in view.rows().take(bottom).skip(top) {
            self.luma.extend_from_slice(&row[left..left + self.width]);
            let inside = if first < end { (first - left, end - left) } else { (0, 0) };
            self.inside.push(inside);
        }
    }

    /// `fine` with each 4x4 pixels averaged; inside is what is so altogether.
    #[inline(always)]
    fn reduce(&mut self, fine: &Self) {
        self.width = fine.width / REDUCTION;
        self.clear(fine.line.capacity() / REDUCTION, fine.inside.capacity() / REDUCTION);
        if self.width == 0 {
            return;
        }
        let bands = fine.luma.chunks_exact(REDUCTION * fine.width);
        for (band, inside) in bands.zip(fine.inside.chunks_exact(REDUCTION)) {
            let rows: [&[f32]; REDUCTION] =
                std::array::from_fn(|y| &band[y * fine.width..(y + 1) * fine.width]);
            let [a, b, c, d] = rows.map(|row| row.as_chunks::<REDUCTION>().0);
            self.luma.extend(a.iter().zip(b).zip(c.iter().zip(d)).map(|((a, b), (c, d))| {
                let columns: [f32; REDUCTION] =
                    std::array::from_fn(|x| (a[x] + b[x]) + (c[x] + d[x]));
                ((columns[0] + columns[1]) + (columns[2] + columns[3])) / 16.0
            }));
            let first = inside.iter().map(|row| row.0).max().unwrap_or(0).div_ceil(REDUCTION);
            let end = inside.iter().map(|row| row.1).min().unwrap_or(0) / REDUCTION;
            self.inside.push((first.min(end), end));
        }
    }

    /// Makes room for the largest face of a picture, so that no later one allocates.
    fn clear(&mut self, width: usize, height: usize) {
        self.inside.clear();
        self.inside.reserve(height);
        self.line.clear();
        self.line.reserve(width);
        self.luma.clear();
        // What the last face left in the others is written over where it is read.
        for buffer in [&mut self.luma, &mut self.smooth, &mut self.laplacian] {
            buffer.reserve((width * height).saturating_sub(buffer.len()));
        }
    }

    #[inline(always)]
    fn filter(&mut self) {
        let (width, height) = (self.width, self.inside.len());
        for buffer in [&mut self.smooth, &mut self.laplacian] {
            buffer.resize(width * height, 0.0);
        }
        self.line.resize(width, 0.0);
        if width < 5 {
            return;
        }
        let row = |y: usize| y * width..(y + 1) * width;
        for y in 1..height.saturating_sub(1) {
            let [above, here, below] = [y - 1, y, y + 1].map(|y| &self.luma[row(y)]);
            for (sum, ((a, b), c)) in self.line.iter_mut().zip(above.iter().zip(here).zip(below)) {
                *sum = (a + c) + 2.0 * b;
            }
            let smooth = &mut self.smooth[row(y)][1..width - 1];
            let around = self.line.iter().zip(&self.line[1..]).zip(&self.line[2..]);
            for (value, ((a, b), c)) in smooth.iter_mut().zip(around) {
                *value = ((a + c) + 2.0 * b) / 16.0;
            }
        }
        for y in 2..height.saturating_sub(2) {
            let [above, here, below] = [y - 1, y, y + 1].map(|y| &self.smooth[row(y)][1..]);
            let laplacian = &mut self.laplacian[row(y)][2..width - 2];
            let vertical = above[1..].iter().zip(&below[1..]);
            let horizontal = here.iter().zip(&here[2..]).zip(&here[1..]);
            for ((value, (a, b)), ((c, d), here)) in
                laplacian.iter_mut().zip(vertical).zip(horizontal)
            {
                *value = (a + b) + (c + d) - 4.0 * here;
            }
        }
    }

    /// How many pixels there is room for.
    pub(crate) const fn area(&self) -> usize {
        self.luma.capacity()
    }

    /// The rows that have pixels of the face `margin` pixels from the rectangle's edges: their number, and
    /// the columns of those pixels.
    #[inline(always)]
    fn places(&self, margin: usize) -> impl Iterator<Item = (usize, (usize, usize))> {
        let last = self.width.saturating_sub(margin);
        let rows = self.inside.iter().enumerate();
        rows.take(self.inside.len().saturating_sub(margin)).skip(margin).filter_map(
            move |(y, (first, end))| {
                let (first, end) = ((*first).max(margin), (*end).min(last));
                (first < end).then_some((y, (first, end)))
            },
        )
    }

    /// Rows of the Laplacian and the columns of them that lie in the face.
    #[inline(always)]
    pub(crate) fn laplacian(&self) -> impl Iterator<Item = (&[f32], (usize, usize))> {
        self.places(2).map(|(y, inside)| (&self.laplacian[y * self.width..], inside))
    }

    /// Mean luma of the face, 0..=255; 0 when it has no pixel.
    #[inline(always)]
    pub(crate) fn mean(&self) -> f64 {
        let (mut count, mut sums) = (0, [0.0f32; LANES]);
        for (y, (first, end)) in self.places(0) {
            for part in self.luma[y * self.width..][first..end].chunks(LANES) {
                sums.iter_mut().zip(part).for_each(|(sum, luma)| *sum += luma);
            }
            count += end - first;
        }
        total(sums) / (count.max(1) as f64)
    }

    /// Mean products of the changes of the Laplacian along x and y: xx, xy, yy. `None` when there is no
    /// pixel to take them from.
    #[inline(always)]
    pub(crate) fn tensor(&self) -> Option<[f64; 3]> {
        let (mut count, mut sums) = (0, [[0.0f32; LANES]; 3]);
        for (y, (first, end)) in self.places(3) {
            let row = |y: usize| &self.laplacian[y * self.width..][..self.width];
            let (before, after) = (&row(y)[first - 1..end - 1], &row(y)[first + 1..=end]);
            let (above, below) = (&row(y - 1)[first..end], &row(y + 1)[first..end]);
            let along_x = before.chunks(LANES).zip(after.chunks(LANES));
            for ((a, b), (c, d)) in along_x.zip(above.chunks(LANES).zip(below.chunks(LANES))) {
                let [xx, xy, yy] = &mut sums;
                let pixels = a.iter().zip(b).zip(c.iter().zip(d));
                let lanes = xx.iter_mut().zip(xy).zip(yy);
                for (((xx, xy), yy), ((a, b), (c, d))) in lanes.zip(pixels) {
                    let (x, y) = (b - a, d - c);
                    *xx += x * x;
                    *xy += x * y;
                    *yy += y * y;
                }
            }
            count += end - first;
        }
        (count > 0).then(|| sums.map(|sums| total(sums) / count as f64))
    }
}

fn total(parts: [f32; LANES]) -> f64 {
    parts.map(f64::from).iter().sum()
}
