//! The regions of eyes and lips: where they lie, what the features show there, and where the points
//! that are found in them belong. Source: the custom operators `Landmarks2TransformMatrix`,
//! `TransformTensorBilinear` and `TransformLandmarks` of MediaPipe's attention mesh.

/// How a region is found from the mesh.
pub(crate) struct Region {
    /// Points that the region must hold.
    pub(crate) subset: Vec<usize>,
    /// The points whose connection is the region's horizontal.
    pub(crate) horizontal: [usize; 2],
    /// Width and height over those of the box around the points.
    pub(crate) grown: [f32; 2],
    /// Cells of the features a pixel of the input.
    pub(crate) cells_per_pixel: f32,
    /// Side of the sampled square, in cells.
    pub(crate) side: usize,
}

/// A map of points: x' = a x + b y + c, y' = d x + e y + f.
pub(crate) type Placement = [f32; 6];

impl Region {
    /// Takes the cell corners of the sampled square to cells of the features. `mesh` holds x, y, z of
    /// each point in pixels of the input; every index must be in it.
    pub(crate) fn placement(&self, mesh: &[f32]) -> Placement {
        let point = |index: usize| {
            [mesh[index * 3], mesh[index * 3 + 1]].map(|value| value * self.cells_per_pixel)
        };
        let [[from_x, from_y], [to_x, to_y]] = self.horizontal.map(point);
        let (along_x, along_y) = (to_x - from_x, to_y - from_y);
        let length = (along_x * along_x + along_y * along_y).sqrt();
        let (cos, sin) = (along_x / length, along_y / length);
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for index in &self.subset {
            let [x, y] = point(*index);
            for (axis, value) in [x * cos + y * sin, y * cos - x * sin].into_iter().enumerate() {
                low[axis] = low[axis].min(value);
                high[axis] = high[axis].max(value);
            }
        }
        let middle: [f32; 2] = std::array::from_fn(|axis| (low[axis] + high[axis]) * 0.5);
        let side = self.side as f32;
        let step: [f32; 2] =
            std::array::from_fn(|axis| (high[axis] - low[axis]) * self.grown[axis] / side);
        let centre_x = middle[0] * cos - middle[1] * sin;
        let centre_y = middle[1] * cos + middle[0] * sin;
        let (a, b) = (cos * step[0], -sin * step[1]);
        let (d, e) = (sin * step[0], cos * step[1]);
        let half = side * 0.5;
        [a, b, centre_x - (a + b) * half, d, e, centre_y - (d + e) * half]
    }

    /// Reads the square of `side` cells that `placement` gives out of `features`, a square map of
    /// `channels`; zero outside of it.
    pub(crate) fn sample(
        &self,
        features: &[f32],
        channels: usize,
        placement: Placement,
        to: &mut [f32],
    ) {
        let cells = (features.len() / channels).isqrt();
        let last = (cells - 1) as f32;
        let [a, b, c, d, e, f] = placement;
        for (index, to) in to.chunks_exact_mut(channels).enumerate() {
            let (row, column) = (index / self.side, index % self.side);
            let (grid_x, grid_y) = (column as f32 + 0.5, row as f32 + 0.5);
            let x = a * grid_x + b * grid_y + c - 0.5;
            let y = d * grid_x + e * grid_y + f - 0.5;
            // Written so that a NaN is outside.
            if !((0.0..=last).contains(&x) && (0.0..=last).contains(&y)) {
                to.fill(0.0);
                continue;
            }
            let (x0, y0) = (x as usize, y as usize);
            let (x1, y1) = ((x0 + 1).min(cells - 1), (y0 + 1).min(cells - 1));
            let (after, below) = (x - x0 as f32, y - y0 as f32);
            let (before, above) = (1.0 - after, 1.0 - below);
            let cell = |y: usize, x: usize| &features[(y * cells + x) * channels..][..channels];
            let (first, second) = (cell(y0, x0), cell(y0, x1));
            let (third, fourth) = (cell(y1, x0), cell(y1, x1));
            let to = &mut to[..channels];
            for channel in 0..channels {
                let upper = first[channel] * before + second[channel] * after;
                let lower = third[channel] * before + fourth[channel] * after;
                to[channel] = upper * above + lower * below;
            }
        }
    }

    /// The same map for points: the nets give them in pixels, so only the shift is scaled.
    pub(crate) fn of_points(&self, [a, b, c, d, e, f]: Placement) -> Placement {
        [a, b, c / self.cells_per_pixel, d, e, f / self.cells_per_pixel]
    }
}

/// Moves x, y pairs where they belong.
pub(crate) fn place(points: &[f32], [a, b, c, d, e, f]: Placement, to: &mut [f32]) {
    for (point, to) in points.chunks_exact(2).zip(to.chunks_exact_mut(2)) {
        to[0] = a * point[0] + b * point[1] + c;
        to[1] = d * point[0] + e * point[1] + f;
    }
}
