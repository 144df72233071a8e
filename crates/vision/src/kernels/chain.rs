//! A chain of depthwise-separable residual blocks with PReLU, as in the face mesh of MediaPipe.
//!
//! Maps are held row by row, pixel by pixel, channels innermost, with a border of one zero pixel, so
//! that no tap of a 3x3 filter needs looking at. A block is computed in bands of rows that stay in
//! the first-level cache: the depthwise filter fills the band, then each tile of [`TILE`] pixels is
//! multiplied with the pointwise weights, and residual and PReLU are applied while the result is
//! still in registers. Weights are packed in panels of [`PANEL`] output channels. With eight floats
//! a vector that makes twelve accumulators, two weights and a factor: fifteen of sixteen registers.

#![allow(clippy::needless_range_loop)]
// Sums are held in arrays of vectors that must stay in registers: loops over constant ranges are
// unrolled for certain, iterators over arrays are not.

use pulp::{Arch, Simd, WithSimd};

use super::lanes::{load, splat, store};

/// Output channels that are computed together.
const PANEL: usize = 16;
/// Pixels that share one read of the weights.
const TILE: usize = 6;
/// Panels of a dense layer that are computed together: it has a single pixel, so independent sums
/// must come from elsewhere.
const DENSE_PANELS: usize = 4;
/// Numbers that the first convolution reads of one row: three pixels of three colours.
const STEM_ROW: usize = 9;
/// Floats of depthwise results that are kept before they are used: half of a 32 KiB cache.
const BAND: usize = 4096;
/// Largest side and number of channels of a map.
const MAX_SIDE: usize = 1024;
const MAX_CHANNELS: usize = 4096;
/// Most numbers of a map: 64 MiB.
const MAX_FLOATS: usize = 1 << 24;

/// Numbers that describe a layer in the model file: kind, input channels, output channels, stride.
pub(crate) const LAYER_NUMBERS: usize = 4;

/// Height, width and channels of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

impl Shape {
    /// Floats of a map without border.
    pub(crate) const fn len(self) -> usize {
        self.height * self.width * self.channels
    }
}

/// A map with a border of one zero pixel.
#[derive(Default)]
struct Map {
    height: usize,
    width: usize,
    channels: usize,
    data: Vec<f32>,
}

impl Map {
    fn new(shape: Shape) -> Self {
        let Shape { height, width, channels } = shape;
        Self { height, width, channels, data: vec![0.0; (height + 2) * (width + 2) * channels] }
    }

    /// Floats from one row to the next.
    const fn stride(&self) -> usize {
        (self.width + 2) * self.channels
    }

    /// Where pixel (x, y) begins.
    #[inline(always)]
    const fn at(&self, y: usize, x: usize) -> usize {
        (y + 1) * self.stride() + (x + 1) * self.channels
    }

    /// The rows without their border.
    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        let (first, row) = (self.at(0, 0), self.width * self.channels);
        (0..self.height).map(move |y| &self.data[first + y * self.stride()..][..row])
    }

    fn fill(&mut self, from: &[f32]) {
        let row = self.width * self.channels;
        for (y, from) in from.chunks_exact(row).enumerate() {
            let at = self.at(y, 0);
            self.data[at..at + row].copy_from_slice(from);
        }
    }
}

/// A matrix of `inputs` x `outputs`, packed in panels, with what is added to each output.
struct Matrix {
    inputs: usize,
    outputs: usize,
    /// `[panel][input][PANEL]`; outputs beyond the last are zero.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Matrix {
    /// Packs `weights` of `[input][output]`.
    fn pack(weights: &[f32], bias: &[f32], inputs: usize) -> Self {
        let outputs = bias.len();
        let panels = outputs.div_ceil(PANEL);
        let mut packed = vec![0.0; panels * inputs * PANEL];
        for (panel, packed) in packed.chunks_exact_mut(inputs * PANEL).enumerate() {
            for (input, row) in packed.chunks_exact_mut(PANEL).enumerate() {
                let from = &weights[input * outputs..][..outputs][panel * PANEL..];
                let count = from.len().min(PANEL);
                row[..count].copy_from_slice(&from[..count]);
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(panels * PANEL, 0.0);
        Self { inputs, outputs, weights: packed, bias }
    }

    fn panel(&self, panel: usize) -> &[f32] {
        &self.weights[panel * self.inputs * PANEL..][..self.inputs * PANEL]
    }
}

enum Layer {
    /// 3x3 convolution with stride 2 of the input picture, then PReLU.
    Stem { matrix: Matrix, slope: Vec<f32> },
    /// PReLU(x + pointwise(depthwise(x))). With stride 2 the x that is added is the maximum of each
    /// 2x2 pixels; channels that it does not have count as zero.
    Residual { stride: usize, depthwise: Vec<f32>, bias: Vec<f32>, matrix: Matrix, slope: Vec<f32> },
    /// 1x1 convolution, then PReLU.
    Pointwise { matrix: Matrix, slope: Vec<f32> },
    /// All of the map at once, no activation. The last layer.
    Dense { matrix: Matrix },
}

/// What is to be added before the activation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Skip {
    Nothing,
    Same,
    Pooled,
}

/// Refuses a map of which nothing may be made, before anything of its size is.
fn check(shape: Shape) -> Result<(), ChainError> {
    let Shape { height, width, channels } = shape;
    let sides = [height, width].iter().all(|side| (1..=MAX_SIDE).contains(side));
    if sides && (1..=MAX_CHANNELS).contains(&channels) && shape.len() <= MAX_FLOATS {
        return Ok(());
    }
    Err(format!(
        "a map must have 1 to {MAX_SIDE} rows and columns, 1 to {MAX_CHANNELS} channels and at \
         most {MAX_FLOATS} numbers: {shape:?}"
    ))
}

/// Why a chain is none.
pub(crate) type ChainError = String;

/// A chain of layers, its weights and its buffers. Nothing is allocated when it runs.
pub(crate) struct Chain {
    input: Shape,
    output: Shape,
    layers: Vec<Layer>,
    maps: Vec<Map>,
    /// The map that each layer writes; the first entry is the one that the first layer reads.
    route: Vec<usize>,
    scratch: Vec<f32>,
    arch: Arch,
}

/// Takes the next `count` of the weights.
fn take<'w>(weights: &mut &'w [f32], count: usize) -> Result<&'w [f32], ChainError> {
    let (taken, rest) = weights.split_at_checked(count).ok_or("the weights end too early")?;
    *weights = rest;
    Ok(taken)
}

impl Chain {
    /// A chain for maps of `input`, from [`LAYER_NUMBERS`] numbers a layer and all weights in the
    /// order of the layers: matrix (depthwise before it) and bias, then slopes.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(crate) fn new(
        input: Shape,
        layers: &[i64],
        mut weights: &[f32],
    ) -> Result<Self, ChainError> {
        if layers.is_empty() || !layers.len().is_multiple_of(LAYER_NUMBERS) {
            return Err("`layers` does not hold four numbers a layer".into());
        }
        check(input)?;
        let mut chain = Self {
            input,
            output: input,
            layers: Vec::new(),
            maps: Vec::new(),
            route: Vec::new(),
            scratch: Vec::new(),
            arch: Arch::new(),
        };
        let place = chain.map(input, None);
        chain.route.push(place);
        for numbers in layers.chunks_exact(LAYER_NUMBERS) {
            chain.add(numbers, &mut weights)?;
        }
        if !weights.is_empty() {
            return Err("there are more weights than the layers need".into());
        }
        Ok(chain)
    }

    fn add(&mut self, numbers: &[i64], weights: &mut &[f32]) -> Result<(), ChainError> {
        let shape = self.output;
        let number = |value: i64| usize::try_from(value).map_err(|_| "a number is negative");
        let (inputs, outputs, stride) =
            (number(numbers[1])?, number(numbers[2])?, number(numbers[3])?);
        if inputs != shape.channels {
            return Err(format!("a layer for {inputs} channels follows {shape:?}"));
        }
        if !(1..=MAX_CHANNELS).contains(&outputs) {
            return Err(format!("a layer has {outputs} outputs"));
        }
        if matches!(self.layers.last(), Some(Layer::Dense { .. })) {
            return Err("nothing may follow a dense layer".into());
        }
        let halves = shape.height.is_multiple_of(2) && shape.width.is_multiple_of(2);
        if !matches!(stride, 1 | 2) || (stride == 2 && !halves) {
            return Err(format!("stride {stride} does not fit {shape:?}"));
        }
        let vectors = |count: usize| count.is_multiple_of(PANEL);
        let kind = numbers[0];
        if kind != 3 && (!vectors(outputs) || (kind != 0 && !vectors(inputs))) {
            return Err(format!("channels must be multiples of {PANEL}: {inputs} to {outputs}"));
        }
        let mut next =
            Shape { height: shape.height / stride, width: shape.width / stride, channels: outputs };
        let matrix = |weights: &mut &[f32], inputs: usize| -> Result<Matrix, ChainError> {
            let count = inputs.checked_mul(outputs).ok_or("a layer is too large")?;
            let matrix = take(weights, count)?;
            Ok(Matrix::pack(matrix, take(weights, outputs)?, inputs))
        };
        let layer = match kind {
            0 if stride == 2 && inputs == 3 && self.layers.is_empty() => {
                let matrix = matrix(weights, 3 * STEM_ROW)?;
                Layer::Stem { matrix, slope: take(weights, outputs)?.to_vec() }
            }
            1 if stride == 2 && outputs >= inputs || stride == 1 && outputs == inputs => {
                let depthwise = take(weights, 9 * inputs)?.to_vec();
                let bias = take(weights, inputs)?.to_vec();
                let matrix = matrix(weights, inputs)?;
                let slope = take(weights, outputs)?.to_vec();
                Layer::Residual { stride, depthwise, bias, matrix, slope }
            }
            2 if stride == 1 => {
                let matrix = matrix(weights, inputs)?;
                Layer::Pointwise { matrix, slope: take(weights, outputs)?.to_vec() }
            }
            3 if stride == 1 => {
                next = Shape { height: 1, width: 1, channels: outputs };
                Layer::Dense { matrix: matrix(weights, shape.len())? }
            }
            _ => return Err(format!("{numbers:?} after {shape:?} is no layer")),
        };
        let floats = match &layer {
            Layer::Stem { matrix, .. } => next.width * matrix.inputs,
            Layer::Residual { .. } => band(next.width * inputs, next.height) * next.width * inputs,
            Layer::Pointwise { .. } => shape.width * inputs,
            Layer::Dense { matrix } => matrix.inputs,
        };
        self.scratch.resize(self.scratch.len().max(floats), 0.0);
        let place = match layer {
            // Its result goes straight to the caller.
            Layer::Dense { .. } => usize::MAX,
            _ => self.map(next, self.route.last().copied()),
        };
        self.route.push(place);
        self.layers.push(layer);
        self.output = next;
        Ok(())
    }

    /// A map of `shape` other than `but`: one that is there already, so that memory stays warm.
    fn map(&mut self, shape: Shape, but: Option<usize>) -> usize {
        let is = |map: &Map| (map.height, map.width, map.channels) == shape.as_tuple();
        let found = self.maps.iter().enumerate().find(|(i, map)| Some(*i) != but && is(map));
        found.map(|(index, _)| index).unwrap_or_else(|| {
            self.maps.push(Map::new(shape));
            self.maps.len() - 1
        })
    }

    pub(crate) const fn input(&self) -> Shape {
        self.input
    }

    pub(crate) const fn output(&self) -> Shape {
        self.output
    }

    /// Runs the chain on `input` and writes `output`; their lengths must be those of the shapes.
    pub(crate) fn run(&mut self, input: &[f32], output: &mut [f32]) {
        assert_eq!((input.len(), output.len()), (self.input.len(), self.output.len()));
        let (arch, maps) = (self.arch, &mut self.maps);
        let stem = matches!(self.layers.first(), Some(Layer::Stem { .. }));
        if let (false, Some(first)) = (stem, self.route.first()) {
            maps[*first].fill(input);
        }
        for (layer, places) in self.layers.iter().zip(self.route.windows(2)) {
            let scratch = self.scratch.as_mut_slice();
            if let Layer::Dense { matrix } = layer {
                let x = &maps[places[0]];
                for (to, from) in scratch.chunks_exact_mut(x.width * x.channels).zip(x.rows()) {
                    to.copy_from_slice(from);
                }
                arch.dispatch(Dense { from: &scratch[..matrix.inputs], matrix, output });
                return;
            }
            let mut out = std::mem::take(&mut maps[places[1]]);
            let x = &maps[places[0]];
            match layer {
                Layer::Stem { matrix, slope } => {
                    let head = Head { matrix, slope, skip: Skip::Nothing };
                    arch.dispatch(Stem { input, head, out: &mut out, scratch });
                }
                Layer::Residual { stride, depthwise, bias, matrix, slope } => {
                    let skip = if *stride == 1 { Skip::Same } else { Skip::Pooled };
                    let filter = Depthwise { stride: *stride, weights: depthwise, bias };
                    let head = Head { matrix, slope, skip };
                    arch.dispatch(Residual { x, filter, head, out: &mut out, scratch });
                }
                Layer::Pointwise { matrix, slope } => {
                    let head = Head { matrix, slope, skip: Skip::Nothing };
                    arch.dispatch(Pointwise { x, head, out: &mut out });
                }
                Layer::Dense { .. } => {}
            }
            maps[places[1]] = out;
        }
        if let Some(last) = self.route.last().and_then(|place| maps.get(*place)) {
            for (to, from) in output.chunks_exact_mut(last.width * last.channels).zip(last.rows()) {
                to.copy_from_slice(from);
            }
        }
    }
}

impl Shape {
    const fn as_tuple(self) -> (usize, usize, usize) {
        (self.height, self.width, self.channels)
    }
}

/// Rows of a band whose depthwise results take `row` floats each.
fn band(row: usize, rows: usize) -> usize {
    (BAND / row).clamp(1, rows)
}

/// Calls `$function::<S, $tile, V>` with as many vectors V as a panel takes.
macro_rules! by_width {
    ($simd:ident, $tile:literal, $receiver:ident . $function:ident ( $($argument:expr),* )) => {
        match S::F32_LANES {
            16 => $receiver.$function::<S, $tile, 1>($simd, $($argument),*),
            8 => $receiver.$function::<S, $tile, 2>($simd, $($argument),*),
            4 => $receiver.$function::<S, $tile, 4>($simd, $($argument),*),
            1 => $receiver.$function::<S, $tile, 16>($simd, $($argument),*),
            _ => unreachable!("no processor has vectors of {} numbers", S::F32_LANES),
        }
    };
}

/// A pointwise convolution, what is added to it, and PReLU.
struct Head<'l> {
    matrix: &'l Matrix,
    slope: &'l [f32],
    skip: Skip,
}

impl Head<'_> {
    /// Computes `rows` rows of `out` from row `y` on out of `from`, which holds their inputs pixel
    /// by pixel.
    #[inline(always)]
    fn rows<S: Simd>(&self, simd: S, from: &[f32], x: &Map, out: &mut Map, y: usize, rows: usize) {
        let mut place = Place { y, column: 0 };
        let mut left = rows * out.width;
        let mut from = from;
        while left > 0 {
            match left {
                1 => by_width!(simd, 1, self.tile(from, x, out, &mut place)),
                2 => by_width!(simd, 2, self.tile(from, x, out, &mut place)),
                3 => by_width!(simd, 3, self.tile(from, x, out, &mut place)),
                4 => by_width!(simd, 4, self.tile(from, x, out, &mut place)),
                5 => by_width!(simd, 5, self.tile(from, x, out, &mut place)),
                _ => by_width!(simd, 6, self.tile(from, x, out, &mut place)),
            }
            let done = left.min(TILE);
            from = &from[done * self.matrix.inputs..];
            left -= done;
        }
    }

    /// `T` pixels from `place` on, which goes on to the one after them.
    #[inline(always)]
    fn tile<S: Simd, const T: usize, const V: usize>(
        &self,
        simd: S,
        from: &[f32],
        x: &Map,
        out: &mut Map,
        place: &mut Place,
    ) {
        let stride = if self.skip == Skip::Pooled { 2 } else { 1 };
        // Counted on, not divided: a division takes as long as a tile of sixteen channels.
        let mut places = [(0, 0); T];
        for t in 0..T {
            let Place { y, column } = *place;
            places[t] = (out.at(y, column), x.at(y * stride, column * stride));
            place.column += 1;
            if place.column == out.width {
                *place = Place { y: y + 1, column: 0 };
            }
        }
        let from = &from[..T * self.matrix.inputs];
        let zero = simd.splat_f32s(0.0);
        for panel in 0..self.matrix.outputs / PANEL {
            let first = panel * PANEL;
            let mut sums = product::<S, T, V>(simd, from, self.matrix, panel);
            // Pooled maps may have fewer channels than the result.
            if self.skip == Skip::Same {
                for t in 0..T {
                    for v in 0..V {
                        let at = places[t].1 + first + v * S::F32_LANES;
                        sums[t][v] = simd.add_f32s(sums[t][v], load(simd, &x.data, at));
                    }
                }
            } else if self.skip == Skip::Pooled && first < x.channels {
                for t in 0..T {
                    for v in 0..V {
                        let at = places[t].1 + first + v * S::F32_LANES;
                        sums[t][v] = simd.add_f32s(sums[t][v], pooled(simd, x, at));
                    }
                }
            }
            let slopes = vectors::<S, V>(simd, self.slope, first);
            for t in 0..T {
                for v in 0..V {
                    let (low, high) =
                        (simd.min_f32s(sums[t][v], zero), simd.max_f32s(sums[t][v], zero));
                    let result = simd.mul_add_e_f32s(slopes[v], low, high);
                    store(simd, &mut out.data, places[t].0 + first + v * S::F32_LANES, result);
                }
            }
        }
    }
}

/// A pixel of a map.
#[derive(Clone, Copy)]
struct Place {
    y: usize,
    column: usize,
}

/// The maximum of the 2x2 pixels whose first begins at `at`.
#[inline(always)]
fn pooled<S: Simd>(simd: S, x: &Map, at: usize) -> S::f32s {
    let low = at + x.stride();
    let first = simd.max_f32s(load(simd, &x.data, at), load(simd, &x.data, at + x.channels));
    let second = simd.max_f32s(load(simd, &x.data, low), load(simd, &x.data, low + x.channels));
    simd.max_f32s(first, second)
}

/// The `V` vectors that begin at `from[at]`.
#[inline(always)]
fn vectors<S: Simd, const V: usize>(simd: S, from: &[f32], at: usize) -> [S::f32s; V] {
    let mut vectors = [simd.splat_f32s(0.0); V];
    for v in 0..V {
        vectors[v] = load(simd, from, at + v * S::F32_LANES);
    }
    vectors
}

/// Panel `panel` of bias + `from` x matrix for `T` pixels.
#[inline(always)]
fn product<S: Simd, const T: usize, const V: usize>(
    simd: S,
    from: &[f32],
    matrix: &Matrix,
    panel: usize,
) -> [[S::f32s; V]; T] {
    let bias = &matrix.bias[panel * PANEL..][..PANEL];
    let mut sums = [vectors::<S, V>(simd, bias, 0); T];
    for (input, weights) in matrix.panel(panel).chunks_exact(PANEL).enumerate() {
        let weights = vectors::<S, V>(simd, weights, 0);
        for t in 0..T {
            let factor = splat(simd, from, t * matrix.inputs + input);
            for v in 0..V {
                sums[t][v] = simd.mul_add_e_f32s(factor, weights[v], sums[t][v]);
            }
        }
    }
    sums
}

/// A 3x3 filter for each channel.
struct Depthwise<'l> {
    stride: usize,
    /// Nine taps in row order, all channels of each.
    weights: &'l [f32],
    bias: &'l [f32],
}

impl Depthwise<'_> {
    /// One row of results.
    #[inline(always)]
    fn row<S: Simd>(&self, simd: S, x: &Map, y: usize, width: usize, to: &mut [f32]) {
        let mut column = 0;
        while column < width {
            let to = &mut to[column * x.channels..];
            match (self.stride, width - column) {
                (1, 1) => self.run::<S, 1, 1, 3>(simd, x, y, column, to),
                (1, 2) => self.run::<S, 2, 1, 4>(simd, x, y, column, to),
                (1, 3) => self.run::<S, 3, 1, 5>(simd, x, y, column, to),
                (1, 4) => self.run::<S, 4, 1, 6>(simd, x, y, column, to),
                (1, 5) => self.run::<S, 5, 1, 7>(simd, x, y, column, to),
                (1, _) => self.run::<S, 6, 1, 8>(simd, x, y, column, to),
                (_, 1) => self.run::<S, 1, 2, 3>(simd, x, y, column, to),
                (_, 2) => self.run::<S, 2, 2, 5>(simd, x, y, column, to),
                (_, 3) => self.run::<S, 3, 2, 7>(simd, x, y, column, to),
                (_, 4) => self.run::<S, 4, 2, 9>(simd, x, y, column, to),
                (_, 5) => self.run::<S, 5, 2, 11>(simd, x, y, column, to),
                (_, _) => self.run::<S, 6, 2, 13>(simd, x, y, column, to),
            }
            column += TILE;
        }
    }

    /// `T` results beside each other, whose filters cover `COLUMNS` columns.
    #[inline(always)]
    fn run<S: Simd, const T: usize, const STRIDE: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        x: &Map,
        y: usize,
        column: usize,
        to: &mut [f32],
    ) {
        let channels = x.channels;
        // Stride 1 pads on all sides, stride 2 only below and to image right.
        let first =
            if STRIDE == 1 { y * x.stride() + column * channels } else { x.at(2 * y, 2 * column) };
        let from = &x.data[first..][..2 * x.stride() + COLUMNS * channels];
        let taps = &self.weights[..9 * channels];
        let to = &mut to[..T * channels];
        for channel in (0..channels).step_by(S::F32_LANES) {
            let mut sums = [load(simd, self.bias, channel); T];
            for row in 0..3 {
                let from = &from[row * x.stride()..];
                let mut weights = [simd.splat_f32s(0.0); 3];
                for tap in 0..3 {
                    weights[tap] = load(simd, taps, (row * 3 + tap) * channels + channel);
                }
                // Each value is read once and goes to every result that it belongs to.
                for column in 0..COLUMNS {
                    let value = load(simd, from, column * channels + channel);
                    for tap in 0..3 {
                        if column >= tap && (column - tap) % STRIDE == 0 {
                            let t = (column - tap) / STRIDE;
                            if t < T {
                                sums[t] = simd.mul_add_e_f32s(value, weights[tap], sums[t]);
                            }
                        }
                    }
                }
            }
            for t in 0..T {
                store(simd, to, t * channels + channel, sums[t]);
            }
        }
    }
}

/// One residual block.
struct Residual<'l> {
    x: &'l Map,
    filter: Depthwise<'l>,
    head: Head<'l>,
    out: &'l mut Map,
    scratch: &'l mut [f32],
}

impl WithSimd for Residual<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, filter, head, out, scratch } = self;
        let row = out.width * x.channels;
        let band = band(row, out.height);
        for y in (0..out.height).step_by(band) {
            let rows = band.min(out.height - y);
            for (r, to) in scratch.chunks_exact_mut(row).take(rows).enumerate() {
                filter.row(simd, x, y + r, out.width, to);
            }
            head.rows(simd, &scratch[..rows * row], x, out, y, rows);
        }
    }
}

/// One 1x1 convolution.
struct Pointwise<'l> {
    x: &'l Map,
    head: Head<'l>,
    out: &'l mut Map,
}

impl WithSimd for Pointwise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (y, row) in self.x.rows().enumerate() {
            self.head.rows(simd, row, self.x, self.out, y, 1);
        }
    }
}

/// The first convolution: the 27 inputs of each result are copied beside each other and multiplied
/// as one matrix.
struct Stem<'l> {
    input: &'l [f32],
    head: Head<'l>,
    out: &'l mut Map,
    scratch: &'l mut [f32],
}

impl WithSimd for Stem<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { input, head, out, scratch } = self;
        let (width, height) = (2 * out.width, 2 * out.height);
        let scratch = &mut scratch[..out.width * 3 * STEM_ROW];
        let nothing = Map::default();
        for y in 0..out.height {
            for (tap, source) in (2 * y..2 * y + 3).enumerate() {
                let places = scratch.chunks_exact_mut(3 * STEM_ROW);
                let places = places.map(|place| &mut place[tap * STEM_ROW..][..STEM_ROW]);
                // Below and to image right of the picture lie zeros.
                if source >= height {
                    places.for_each(|place| place.fill(0.0));
                    continue;
                }
                let mut row = &input[source * width * 3..][..width * 3];
                for place in places {
                    if let Some(from) = row.first_chunk::<STEM_ROW>() {
                        place.copy_from_slice(from);
                        row = &row[6..];
                    } else {
                        place[..6].copy_from_slice(&row[..6]);
                        place[6..].fill(0.0);
                    }
                }
            }
            head.rows(simd, scratch, &nothing, out, y, 1);
        }
    }
}

/// bias + `from` x matrix for one pixel.
struct Dense<'l> {
    from: &'l [f32],
    matrix: &'l Matrix,
    output: &'l mut [f32],
}

impl WithSimd for Dense<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { from, matrix, output } = self;
        let panels = matrix.outputs.div_ceil(PANEL);
        for first in (0..panels).step_by(DENSE_PANELS) {
            let output = &mut output[first * PANEL..];
            match panels - first {
                1 => by_width!(simd, 1, matrix.group(from, first, output)),
                2 => by_width!(simd, 2, matrix.group(from, first, output)),
                3 => by_width!(simd, 3, matrix.group(from, first, output)),
                _ => by_width!(simd, 4, matrix.group(from, first, output)),
            }
        }
    }
}

impl Matrix {
    /// `P` panels from `first` on for one pixel.
    #[inline(always)]
    fn group<S: Simd, const P: usize, const V: usize>(
        &self,
        simd: S,
        from: &[f32],
        first: usize,
        output: &mut [f32],
    ) {
        let size = self.inputs * PANEL;
        let panels = &self.weights[first * size..][..P * size];
        let bias = &self.bias[first * PANEL..][..P * PANEL];
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        for p in 0..P {
            sums[p] = vectors(simd, bias, p * PANEL);
        }
        for (input, factor) in from.iter().enumerate() {
            let factor = simd.splat_f32s(*factor);
            for p in 0..P {
                for v in 0..V {
                    let weight = load(simd, panels, p * size + input * PANEL + v * S::F32_LANES);
                    sums[p][v] = simd.mul_add_e_f32s(factor, weight, sums[p][v]);
                }
            }
        }
        let mut values = [0.0; DENSE_PANELS * PANEL];
        for p in 0..P {
            for v in 0..V {
                store(simd, &mut values, p * PANEL + v * S::F32_LANES, sums[p][v]);
            }
        }
        let count = output.len().min(P * PANEL);
        output[..count].copy_from_slice(&values[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between -1 and 1 that look random and are the same every time.
    struct Numbers(u32);

    impl Numbers {
        fn next(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / 8_388_608.0 - 1.0
        }

        fn take(&mut self, count: usize, scale: f32) -> Vec<f32> {
            (0..count).map(|_| self.next() * scale).collect()
        }
    }

    /// How many weights a layer after a map of `shape` has.
    fn weight_count([kind, inputs, outputs, _]: [i64; 4], shape: Shape) -> usize {
        let (inputs, outputs) = (inputs as usize, outputs as usize);
        match kind {
            0 => 27 * outputs + 2 * outputs,
            1 => 10 * inputs + inputs * outputs + 2 * outputs,
            2 => inputs * outputs + 2 * outputs,
            _ => shape.len() * outputs + outputs,
        }
    }

    /// The layer in double precision, written down from its definition.
    fn plain(
        [kind, inputs, outputs, stride]: [i64; 4],
        shape: Shape,
        x: &[f64],
        mut weights: &[f32],
    ) -> (Shape, Vec<f64>) {
        let (inputs, outputs, stride) = (inputs as usize, outputs as usize, stride as usize);
        let mut part = |count: usize| -> Vec<f64> {
            take(&mut weights, count).unwrap().iter().map(|w| f64::from(*w)).collect()
        };
        let at = |y: usize, x_: usize, c: usize| {
            if y < shape.height && x_ < shape.width {
                x[(y * shape.width + x_) * shape.channels + c]
            } else {
                0.0
            }
        };
        let prelu = |z: f64, slope: f64| if z < 0.0 { z * slope } else { z };
        if kind == 3 {
            let (matrix, bias) = (part(shape.len() * outputs), part(outputs));
            let out = (0..outputs)
                .map(|o| {
                    bias[o] + (0..x.len()).map(|i| x[i] * matrix[i * outputs + o]).sum::<f64>()
                })
                .collect();
            return (Shape { height: 1, width: 1, channels: outputs }, out);
        }
        let next =
            Shape { height: shape.height / stride, width: shape.width / stride, channels: outputs };
        let (taps, tap_bias) =
            if kind == 1 { (part(9 * inputs), part(inputs)) } else { (Vec::new(), Vec::new()) };
        let rows = if kind == 0 { 9 * inputs } else { inputs };
        let (matrix, bias, slope) = (part(rows * outputs), part(outputs), part(outputs));
        let mut out = Vec::new();
        for y in 0..next.height {
            for x_ in 0..next.width {
                let from: Vec<f64> = match kind {
                    0 => (0..9 * inputs)
                        .map(|i| at(2 * y + i / (3 * inputs), 2 * x_ + i / inputs % 3, i % inputs))
                        .collect(),
                    1 => (0..inputs)
                        .map(|c| {
                            let sum: f64 = (0..9)
                                .map(|tap| {
                                    let (dy, dx) = (tap / 3, tap % 3);
                                    // Stride 1 begins one pixel before; beyond the edge lies zero.
                                    let (sy, sx) = if stride == 1 {
                                        ((y + dy).wrapping_sub(1), (x_ + dx).wrapping_sub(1))
                                    } else {
                                        (2 * y + dy, 2 * x_ + dx)
                                    };
                                    at(sy, sx, c) * taps[tap * inputs + c]
                                })
                                .sum();
                            tap_bias[c] + sum
                        })
                        .collect(),
                    _ => (0..inputs).map(|c| at(y, x_, c)).collect(),
                };
                for o in 0..outputs {
                    let mut z =
                        bias[o] + (0..rows).map(|i| from[i] * matrix[i * outputs + o]).sum::<f64>();
                    if kind == 1 && stride == 1 {
                        z += at(y, x_, o);
                    } else if kind == 1 && o < inputs {
                        let corners = [(0, 0), (0, 1), (1, 0), (1, 1)];
                        z += corners
                            .map(|(dy, dx)| at(2 * y + dy, 2 * x_ + dx, o))
                            .into_iter()
                            .fold(f64::NEG_INFINITY, f64::max);
                    }
                    out.push(prelu(z, slope[o]));
                }
            }
        }
        (next, out)
    }

    /// Chains that have every kind of layer and every length of tile.
    fn chains() -> Vec<(Shape, Vec<[i64; 4]>)> {
        let map = |height, width, channels| Shape { height, width, channels };
        let mut chains = vec![
            (map(12, 20, 3), vec![[0, 3, 16, 2], [1, 16, 16, 1], [1, 16, 32, 2], [3, 32, 21, 1]]),
            (map(4, 6, 16), vec![[1, 16, 16, 2], [2, 16, 48, 1], [3, 48, 100, 1]]),
            (map(2, 2, 128), vec![[1, 128, 128, 1], [2, 128, 32, 1], [3, 32, 142, 1]]),
            (map(1, 1, 16), vec![[1, 16, 16, 1], [3, 16, 1, 1]]),
        ];
        chains.extend((1..=13).map(|width| (map(3, width, 32), vec![[1, 32, 32, 1]])));
        chains.extend((1..=13).map(|width| (map(4, 2 * width, 16), vec![[1, 16, 64, 2]])));
        chains
    }

    #[test]
    fn every_layer_is_what_it_is_defined_as_on_every_processor() {
        let mut numbers = Numbers(7);
        for (input, layers) in chains() {
            let x = numbers.take(input.len(), 1.0);
            let mut expected: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
            let (mut shape, mut weights) = (input, Vec::new());
            for layer in &layers {
                let own = numbers.take(weight_count(*layer, shape), 0.5);
                (shape, expected) = plain(*layer, shape, &expected, &own);
                weights.extend(own);
            }
            let mut chain = Chain::new(input, layers.as_flattened(), &weights).unwrap();
            assert_eq!(chain.output(), shape);
            let largest = expected.iter().fold(1.0f64, |top, value| top.max(value.abs()));
            for arch in [chain.arch, Arch::Scalar] {
                chain.arch = arch;
                let mut output = vec![f32::NAN; shape.len()];
                // Twice: nothing may be left over from a run before.
                chain.run(&numbers.take(input.len(), 1.0), &mut output);
                chain.run(&x, &mut output);
                for (got, expected) in output.iter().zip(&expected) {
                    let off = (f64::from(*got) - expected).abs() / largest;
                    assert!(off < 1e-5, "{input:?} {layers:?}: {got} for {expected}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_chain_is_refused() {
        let map = |height, width, channels| Shape { height, width, channels };
        let new = |input: Shape, layers: &[[i64; 4]], count: usize| {
            Chain::new(input, layers.as_flattened(), &vec![0.0; count]).err()
        };
        let block = 10 * 16 + 16 * 16 + 2 * 16;
        assert_eq!(new(map(4, 4, 16), &[[1, 16, 16, 1]], block), None);
        for (input, layers, count) in [
            (map(4, 4, 16), vec![[1, 16, 16, 1]], block - 1),
            (map(4, 4, 16), vec![[1, 16, 16, 1]], block + 1),
            (map(4, 4, 16), vec![[1, 32, 32, 1]], 10_000),
            (map(4, 4, 16), vec![[1, 16, 24, 1]], 10_000),
            (map(4, 4, 16), vec![[1, 16, 32, 1]], 10_000),
            (map(3, 4, 16), vec![[1, 16, 16, 2]], 10_000),
            (map(4, 4, 16), vec![[1, 16, 16, 3]], 10_000),
            (map(4, 4, 16), vec![[1, 16, -16, 1]], 10_000),
            (map(4, 4, 16), vec![[1, 16, i64::MAX, 1]], 10_000),
            (map(4, 4, 16), vec![[9, 16, 16, 1]], 10_000),
            (map(4, 4, 16), vec![[0, 16, 16, 2]], 10_000),
            (map(4, 4, 16), vec![[3, 16, 4, 1], [3, 4, 4, 1]], 10_000),
            (map(0, 4, 16), vec![[1, 16, 16, 1]], block),
            (map(4, 4, 16), vec![], 0),
        ] {
            assert!(new(input, &layers, count).is_some(), "{input:?} {layers:?} {count}");
        }
        assert!(Chain::new(map(4, 4, 16), &[1, 16, 16], &[]).is_err());
    }
}
