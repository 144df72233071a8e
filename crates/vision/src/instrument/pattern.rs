//! Regular patterns over the picture: the moire of a screen, the dots of a print.
//!
//! A camera that films a screen samples its grid of sub-pixels, and fringes lie over everything in the picture,
//! skin included. In the spectrum of a small tile they are a narrow peak; of edges, hair and noise it holds
//! none, but lines and slopes. So each tile, read pixel by pixel as the camera stored it, is measured by its
//! **prominence**: the power of its strongest frequency over the strongest of those around it. Stripes that
//! are really there, as of books, lie in some tiles only, and not on skin; hence the pattern is as strong
//! as a tile on the face has it, but no stronger than in two tiles elsewhere, too. None of the three overlaps
//! another, and the face must be large enough for tiles on it to show nothing else.
//!
//! What is never looked at: slow changes; all frequencies along the axes, where the blocks of JPEG and video
//! (scaled or not) and the lines of interlaced pictures lie, at the price of the fringes of a screen held
//! exactly upright; and those next to the highest, where the colour filter before a sensor leaves traces.

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::wide::{self, Work};
use liveface_core::{Affine, Face, Frame, Point2, policy};

/// Side of a tile, in stored pixels: small, because fringes bend, and a power of two.
const SIDE: usize = 64;
const AREA: usize = SIDE * SIDE;
/// Frequencies that are looked at, in periods a tile: from 13 pixels a period to 2.
const SLOWEST: usize = 5;
const FASTEST: usize = 32;
/// So near to the axes and to the highest frequency none is looked at, in periods a tile.
const BESIDE_AXIS: usize = 2;
const BESIDE_HIGHEST: usize = 3;
/// Colour often is stored at half the resolution: in periods a tile, nothing faster is looked for in it.
const FASTEST_COLOUR: usize = 17;
/// A peak of the windowed spectrum is 2 frequencies wide to each side; what it is compared with lies in a
/// square ring of this inner and outer reach.
const RING: [isize; 2] = [3, 4];
/// Power that noise of 2 levels has at each frequency: the window's power (its mean square is 0.375 in each
/// direction) times the variance, summed over the tile. Fainter peaks are not seen.
const NOISE_FLOOR: f32 = AREA as f32 * 0.375 * 0.375 * 4.0;
/// Tiles on the face: whether their middles lie beside that of the face, above or below it; how far beside it at
/// most, in tiles; and by how many tiles they stay inside its sides, and its top and bottom.
const ON_FACE: [(f32, f32); 4] = [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)];
const ASIDE: f32 = 0.5;
const INSIDE: (f32, f32) = (0.5, 0.4);
/// Tiles around it: their middles, in widths of the face from the middle of its box.
const AROUND: [(f32, f32); 8] = [
    (-1.1, -0.3),
    (1.1, -0.3),
    (-1.1, -1.0),
    (1.1, -1.0),
    (0.0, -1.25),
    (-1.1, 0.4),
    (1.1, 0.4),
    (0.0, 1.35),
];
/// Measures them.
#[derive(Default)]
pub(super) struct Meter {
    rgb: Vec<f32>,
    tile: Option<Box<Tile>>,
}

impl Meter {
    /// How strong a regular pattern lies over the picture: the prominence of a frequency, about 1 to 3 where
    /// there is none. `None` when the face, or what is around it, is too small for tiles that show it alone.
    pub(super) fn strength(
        &mut self,
        frame: &Frame<'_>,
        face: &Face,
        limits: &policy::TextureLimits,
    ) -> Option<f32> {
        let step = frame.reduction().factor() as f32;
        let tile = SIDE as f32 * step;
        let room = (frame.width() as f32 - tile, frame.height() as f32 - tile);
        let bounds = face.bounds;
        let all_finite =
            [bounds.x, bounds.y, bounds.width, bounds.height].iter().all(|v| v.is_finite());
        let is_large = bounds.width.min(bounds.height) >= limits.min_face_tiles * tile;
        if room.0 < 0.0 || room.1 < 0.0 || !all_finite || !is_large {
            return None;
        }
        let middle = bounds.centre();
        let aside = (bounds.width * 0.5 - INSIDE.0 * tile).clamp(0.0, ASIDE * tile);
        let lift = (bounds.height * 0.5 - INSIDE.1 * tile).max(0.0);
        let on_face = ON_FACE.map(|(x, y)| Point2::new(middle.x + x * aside, middle.y + y * lift));
        let around = AROUND
            .map(|(x, y)| Point2::new(middle.x + x * bounds.width, middle.y + y * bounds.width));
        let mut look = |at: Point2| {
            // Whole stored pixels, so that nothing is interpolated.
            let corner = |middle: f32, room: f32| {
                ((middle - tile * 0.5).clamp(0.0, room) / step).round() * step
            };
            let at = Point2::new(corner(at.x, room.0), corner(at.y, room.1));
            let middle = (step - 1.0) * 0.5;
            let map = Affine::scale_then_move(step, step, at.x + middle, at.y + middle);
            (at, self.prominence(frame, map))
        };
        let on_face = on_face.map(&mut look);
        let around = around.map(&mut look);
        // Tiles that were moved into the picture may lie on another, and show the same again.
        let apart = |a: Point2, b: Point2| (a.x - b.x).abs().max((a.y - b.y).abs()) >= tile;
        let mut strongest: Option<f32> = None;
        for (on, here) in on_face {
            for (index, &(first, one)) in around.iter().enumerate() {
                for &(second, other) in &around[..index] {
                    if apart(on, first) && apart(on, second) && apart(first, second) {
                        let all = here.min(one).min(other);
                        strongest = Some(strongest.map_or(all, |strongest| strongest.max(all)));
                    }
                }
            }
        }
        strongest
    }

    /// The larger prominence of brightness and colour in the tile that `map` goes to.
    fn prominence(&mut self, frame: &Frame<'_>, map: Affine) -> f32 {
        const LEVELS: TensorForm = TensorForm { planar: true, bgr: false, mean: 0.0, scale: 1.0 };
        self.rgb.resize(AREA * 3, 0.0);
        let tile = self.tile.get_or_insert_with(Tile::new);
        let size = (SIDE as u32, SIDE as u32);
        sample::tensor(
            frame,
            map,
            size,
            Filter::Bilinear,
            Border::Replicate,
            &LEVELS,
            &mut self.rgb,
        );
        let (red, rest) = self.rgb.split_at(AREA);
        let (green, blue) = rest.split_at(AREA);
        for i in 0..AREA {
            tile.re[i] = sample::luma([red[i], green[i], blue[i]]);
            tile.im[i] = red[i] - green[i];
        }
        tile.prominence()
    }
}

/// A tile and its spectrum. Brightness is the real and colour the imaginary part, so that one transform does
/// both.
struct Tile {
    re: [f32; AREA],
    im: [f32; AREA],
    /// Power of brightness and of colour by frequency.
    power: [[f32; AREA]; 2],
    window: [f32; SIDE],
    /// Cosine and minus sine of the first half turn.
    turns: [(f32, f32); SIDE / 2],
}

impl Tile {
    fn new() -> Box<Self> {
        let angle = |i: usize| i as f32 * (std::f32::consts::TAU / SIDE as f32);
        Box::new(Self {
            re: [0.0; AREA],
            im: [0.0; AREA],
            power: [[0.0; AREA]; 2],
            window: std::array::from_fn(|i| 0.5 - 0.5 * angle(i).cos()),
            turns: std::array::from_fn(|i| (angle(i).cos(), -angle(i).sin())),
        })
    }

    fn prominence(&mut self) -> f32 {
        wide::run(Spectrum(self));
        let [brightness, colour] = &self.power;
        strongest(brightness, FASTEST).max(strongest(colour, FASTEST_COLOUR))
    }
}

/// The transform of a tile, with the widest vectors.
struct Spectrum<'t>(&'t mut Tile);

impl Work for Spectrum<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Tile { re, im, power, window, turns } = self.0;
        for part in [&mut *re, &mut *im] {
            level(part);
            for (row, by) in part.chunks_exact_mut(SIDE).zip(window.iter()) {
                for (value, along) in row.iter_mut().zip(window.iter()) {
                    *value *= by * along;
                }
            }
        }
        for _ in 0..2 {
            transform(re, im, turns);
            transpose(re);
            transpose(im);
        }
        for y in 0..SIDE {
            for x in 0..SIDE {
                let (here, there) = (y * SIDE + x, (SIDE - y) % SIDE * SIDE + (SIDE - x) % SIDE);
                // Of a real signal both halves of the spectrum are conjugate: sum and difference part them.
                let (sum_re, sum_im) = (re[here] + re[there], im[here] - im[there]);
                let (diff_re, diff_im) = (im[here] + im[there], re[there] - re[here]);
                power[0][here] = 0.25 * (sum_re * sum_re + sum_im * sum_im);
                power[1][here] = 0.25 * (diff_re * diff_re + diff_im * diff_im);
            }
        }
    }
}

/// Takes the mean and the slope from a tile.
#[inline(always)]
fn level(part: &mut [f32; AREA]) {
    let middle = (SIDE as f32 - 1.0) * 0.5;
    // Sum of the squares of a row's places, over all rows.
    let spread = AREA as f32 * (SIDE * SIDE - 1) as f32 / 12.0;
    let (mut sum, mut along_x, mut along_y) = (0.0, 0.0, 0.0);
    for (y, row) in part.chunks_exact(SIDE).enumerate() {
        let (mut of_row, mut weighed) = (0.0, 0.0);
        for (x, value) in row.iter().enumerate() {
            of_row += value;
            weighed += value * (x as f32 - middle);
        }
        sum += of_row;
        along_x += weighed;
        along_y += of_row * (y as f32 - middle);
    }
    let (mean, slope_x, slope_y) = (sum / AREA as f32, along_x / spread, along_y / spread);
    for (y, row) in part.chunks_exact_mut(SIDE).enumerate() {
        let start = mean + slope_y * (y as f32 - middle);
        for (x, value) in row.iter_mut().enumerate() {
            *value -= start + slope_x * (x as f32 - middle);
        }
    }
}

/// The discrete Fourier transform of each column: Cooley and Tukey's, by powers of two.
#[inline(always)]
fn transform(re: &mut [f32; AREA], im: &mut [f32; AREA], turns: &[(f32, f32); SIDE / 2]) {
    let bits = SIDE.trailing_zeros();
    for row in 0..SIDE {
        let other = row.reverse_bits() >> (usize::BITS - bits);
        if row < other {
            for x in 0..SIDE {
                re.swap(row * SIDE + x, other * SIDE + x);
                im.swap(row * SIDE + x, other * SIDE + x);
            }
        }
    }
    let mut half = 1;
    while half < SIDE {
        for start in (0..SIDE).step_by(half * 2) {
            for k in 0..half {
                let (cos, sin) = turns[k * (SIDE / 2 / half)];
                let (upper, lower) = ((start + k) * SIDE, (start + k + half) * SIDE);
                let (re_a, re_b) = re.split_at_mut(lower);
                let (im_a, im_b) = im.split_at_mut(lower);
                let (re_a, im_a) = (&mut re_a[upper..][..SIDE], &mut im_a[upper..][..SIDE]);
                let (re_b, im_b) = (&mut re_b[..SIDE], &mut im_b[..SIDE]);
                for x in 0..SIDE {
                    let turned_re = re_b[x] * cos - im_b[x] * sin;
                    let turned_im = re_b[x] * sin + im_b[x] * cos;
                    (re_b[x], im_b[x]) = (re_a[x] - turned_re, im_a[x] - turned_im);
                    (re_a[x], im_a[x]) = (re_a[x] + turned_re, im_a[x] + turned_im);
                }
            }
        }
        half *= 2;
    }
}

#[inline(always)]
fn transpose(part: &mut [f32; AREA]) {
    for y in 0..SIDE {
        for x in 0..y {
            part.swap(y * SIDE + x, x * SIDE + y);
        }
    }
}

/// The largest power over the strongest in the ring around it, of the frequencies that are looked at.
fn strongest(power: &[f32; AREA], fastest: usize) -> f32 {
    let at = |x: isize, y: isize| {
        let wrap = |v: isize| v.rem_euclid(SIDE as isize) as usize;
        power[wrap(y) * SIDE + wrap(x)]
    };
    let [inner, outer] = RING;
    let reach = BESIDE_AXIS as isize..=(SIDE / 2 - BESIDE_HIGHEST) as isize;
    let mut best = 0.0;
    for y in reach.clone().flat_map(|y| [y, -y]) {
        for x in reach.clone() {
            let square = (x * x + y * y) as usize;
            let here = at(x, y);
            if square < SLOWEST * SLOWEST
                || square > fastest * fastest
                || here <= best * NOISE_FLOOR
            {
                continue;
            }
            // No neighbour may be larger than this, or the best is not beaten.
            let most = if best > 0.0 { here / best - NOISE_FLOOR } else { f32::INFINITY };
            let ring = (-outer..=outer)
                .flat_map(|dy| (-outer..=outer).map(move |dx| (dx, dy)))
                .filter(|(dx, dy)| dx.abs().max(dy.abs()) >= inner)
                .try_fold(0.0f32, |largest, (dx, dy)| {
                    let largest = largest.max(at(x + dx, y + dy));
                    (largest < most).then_some(largest)
                });
            if let Some(ring) = ring {
                best = here / (ring + NOISE_FLOOR);
            }
        }
    }
    best
}
