//! Straight edges around a face, as of paper or a screen.
//!
//! In the small picture, every edge votes for the lines through it that pass the face on one of its four sides.
//! The best lines of each side are put together to quadrilaterals whose edges all have the same sign (the inside
//! brighter everywhere, or darker), and the one of whose outline the largest share really is an edge is taken.
//! Doors, shelves and pictures on the wall have such outlines, too: alone, a border says little, and what it says
//! comes from how it moves. Its corners are therefore found to a fraction of a small pixel. Bent paper has
//! no straight edges and is left to what moves with the face.

use liveface_core::{Affine, Border, Face, Motion, Point2};

use super::{RIGID, rigid, small::Small};

/// Least change of brightness across an edge, in levels a small pixel.
const MIN_STEP: f32 = 3.0;
/// A line leans by so much at most, in pixels across a pixel along, in so many steps to each side.
const MAX_LEAN: f32 = 0.3;
const LEANS: usize = 12;
/// An edge leans by so much more at most than the lines it votes for.
const MAX_EDGE_LEAN: f32 = 0.7;
/// A line passes the face's box at this distance at least, in sizes of the box.
const CLEARANCE: f32 = 0.1;
/// Best lines of each side and sign that are tried.
const LINES: usize = 3;
/// Besides these, the edge of the picture is tried: the side may lie beyond it.
const CHOICES: usize = LINES + 1;
/// Lines of one side that are nearer to one another than this, in small pixels, are one.
const APART: f32 = 4.0;
/// A side is seen when this share of it lies in the picture, and is there when so much of that is an edge.
const MIN_SEEN: f32 = 0.25;
const MIN_THERE: f32 = 0.6;
/// So many sides must be there.
const MIN_SIDES: usize = 3;
/// Each line is fitted anew to the edges next to it so often.
const REFINEMENTS: usize = 2;
/// An edge supports a line that is so near to it, in small pixels.
const NEAR: usize = 1;
/// A border that is near the last one is preferred to one with a larger share by less than this.
const LOYALTY: f32 = 0.15;
/// And so is one with four sides to one with three.
const WHOLENESS: f32 = 0.1;
/// All its corners moved less far then, in small pixels.
const NEAR_LAST: f32 = 8.0;

/// Finds them.
#[derive(Default)]
pub(super) struct Finder {
    /// Changes of brightness: across lines that lie, and across lines that stand (transposed).
    steps: [Vec<f32>; 2],
    /// What changes along them instead.
    along: [Vec<f32>; 2],
    /// 1 and -1 where the picture becomes brighter and darker along the axis across the lines.
    edges: [Vec<i8>; 2],
    votes: Vec<u16>,
    /// Of each line that is tried, at each place along it, how much before is seen and how much is an edge; and
    /// of how many places.
    tallies: Vec<[u16; 2]>,
    tallied: usize,
    /// The last border's corners in the small picture.
    last: Option<[Point2; 4]>,
    /// And in the large one, with the face's points, when all of its sides were there.
    whole: Option<([Point2; 4], [Point2; RIGID.len()])>,
}

/// A line across one axis: its place where the face's middle is, and how it leans.
#[derive(Clone, Copy, Default)]
struct Line {
    place: f32,
    lean: f32,
    /// How many edges lie on it.
    votes: u16,
    /// Whether there is such a line.
    is_any: bool,
}

/// The four sides, as (which edges, whether beyond the face along the axis across them).
const SIDES: [(usize, bool); 4] = [(0, false), (1, true), (0, true), (1, false)];

impl Finder {
    /// The strongest four straight edges around the face, and how it moved with them since the last call.
    pub(super) fn find(&mut self, picture: &Small, face: &Face) -> Option<Border> {
        let (last, before) = (self.last.take(), self.whole.take());
        let (strength, sides, corners) = self.strongest(picture, face, last)?;
        self.last = Some(corners);
        let corners = corners.map(|corner| picture.to_large(corner));
        let whole = (sides == SIDES.len()).then(|| (corners, rigid(face)));
        let motion = before.zip(whole).and_then(|(before, now)| motion(before, now));
        self.whole = whole;
        Some(Border { strength, sides: sides as u32, corners, motion })
    }

    /// Forgets the last border.
    pub(super) fn forget(&mut self) {
        (self.last, self.whole) = (None, None);
    }

    /// Share of the outline, sides and corners in the small picture of the strongest border.
    fn strongest(
        &mut self,
        picture: &Small,
        face: &Face,
        last: Option<[Point2; 4]>,
    ) -> Option<(f32, usize, [Point2; 4])> {
        let face = picture.face(face.bounds)?;
        let size = [picture.width, picture.height];
        if size.iter().any(|side| *side < 16) {
            return None;
        }
        self.mark(picture);
        let middle = [face.centre().x, face.centre().y];
        let mut best: Option<(f32, f32, usize, [Line; 4])> = None;
        for sign in [1i8, -1] {
            let lines = SIDES.map(|(axis, beyond)| {
                // Across lines that lie the axis is y.
                let (start, length) =
                    if axis == 0 { (face.y, face.height) } else { (face.x, face.width) };
                let limit = if beyond {
                    start + length * (1.0 + CLEARANCE)
                } else {
                    start - length * CLEARANCE
                };
                let sign = if beyond { -sign } else { sign };
                self.lines(size, axis, beyond, limit, middle[axis], sign)
            });
            for (side, lines) in lines.iter().enumerate() {
                let (axis, beyond) = SIDES[side];
                let sign = if beyond { -sign } else { sign };
                for (choice, line) in lines.iter().enumerate() {
                    self.tally(size, axis, line, middle[axis], sign, side * CHOICES + choice);
                }
            }
            for choice in 0..CHOICES.pow(4) {
                let choices: [usize; 4] =
                    std::array::from_fn(|side| choice / CHOICES.pow(side as u32) % CHOICES);
                let pick: [Line; 4] = std::array::from_fn(|side| lines[side][choices[side]]);
                if pick.iter().any(|line| !line.is_any) {
                    continue;
                }
                let corners = corners(&pick, middle);
                let (mut seen, mut there, mut sides) = (0.0, 0.0, 0);
                for (side, choice) in choices.into_iter().enumerate() {
                    let (a, b) = ends(&corners, side);
                    let (of_side, share) = self.share(side * CHOICES + choice, a, b);
                    seen += of_side;
                    there += of_side * share;
                    sides += usize::from(of_side > (b - a) * MIN_SEEN && share >= MIN_THERE);
                }
                if sides < MIN_SIDES || seen <= 0.0 {
                    continue;
                }
                let near = |last: [Point2; 4]| {
                    corners.iter().zip(last).all(|(a, b)| a.distance(b) < NEAR_LAST)
                };
                let share = there / seen;
                let whole = if sides == SIDES.len() { WHOLENESS } else { 0.0 };
                let worth = share + whole + if last.is_some_and(near) { LOYALTY } else { 0.0 };
                if best.is_none_or(|(most, ..)| worth > most) {
                    best = Some((worth, share, sides, pick));
                }
            }
        }
        let (_, share, sides, mut lines) = best?;
        for _ in 0..REFINEMENTS {
            let rough = corners(&lines, middle);
            for (side, line) in lines.iter_mut().enumerate() {
                let (axis, _) = SIDES[side];
                self.refine(size, axis, line, middle[axis], ends(&rough, side));
            }
        }
        Some((share, sides, corners(&lines, middle)))
    }

    /// Finds the edges of the picture.
    fn mark(&mut self, picture: &Small) {
        let (width, height) = (picture.width, picture.height);
        let Self { steps, along, edges, .. } = self;
        for buffer in steps.iter_mut().chain(along.iter_mut()) {
            buffer.clear();
            buffer.resize(width * height, 0.0);
        }
        let level = |x: usize, y: usize| picture.levels[y * width + x];
        for y in 1..height - 1 {
            for x in 1..width - 1 {
                // Sobel's gradients, a pixel's change each.
                let down = |x: usize| level(x, y + 1) - level(x, y - 1);
                let across = |y: usize| level(x + 1, y) - level(x - 1, y);
                let gy = (down(x - 1) + 2.0 * down(x) + down(x + 1)) * 0.125;
                let gx = (across(y - 1) + 2.0 * across(y) + across(y + 1)) * 0.125;
                let (lying, standing) = (y * width + x, x * height + y);
                (steps[0][lying], along[0][lying]) = (gy, gx);
                (steps[1][standing], along[1][standing]) = (gx, gy);
            }
        }
        for (axis, edges) in edges.iter_mut().enumerate() {
            let row = [width, height][axis];
            let (steps, along) = (&steps[axis], &along[axis]);
            edges.clear();
            edges.resize(width * height, 0);
            for at in 2 * row..width * height - 2 * row {
                let here = steps[at].abs();
                // The strongest across the line.
                let peak = here >= steps[at - row].abs() && here >= steps[at + row].abs();
                if here >= MIN_STEP && peak && along[at].abs() <= here * MAX_EDGE_LEAN {
                    edges[at] = if steps[at] > 0.0 { 1 } else { -1 };
                }
            }
        }
    }

    /// The lines with the most edges of `sign` on one side of the face.
    fn lines(
        &mut self,
        size: [usize; 2],
        axis: usize,
        beyond: bool,
        limit: f32,
        middle: f32,
        sign: i8,
    ) -> [Line; CHOICES] {
        let (row, rows) = (size[axis], size[1 - axis]);
        let edges = &self.edges[axis];
        let leans = 2 * LEANS + 1;
        self.votes.clear();
        self.votes.resize(leans * rows, 0);
        let range = if beyond {
            (limit.max(0.0) as usize).min(rows)..rows
        } else {
            0..(limit.max(0.0) as usize).min(rows)
        };
        for y in range.clone() {
            for x in 0..row {
                if edges[y * row + x] != sign {
                    continue;
                }
                for lean in 0..leans {
                    let place = y as f32 - lean_of(lean) * (x as f32 - middle) + 0.5;
                    if place >= range.start as f32 && (place as usize) < range.end {
                        self.votes[lean * rows + place as usize] += 1;
                    }
                }
            }
        }
        let mut found = [Line::default(); CHOICES];
        for n in 0..LINES {
            for lean in 0..leans {
                for place in range.clone() {
                    let votes = self.votes[lean * rows + place];
                    let apart = |line: &Line| (line.place - place as f32).abs() >= APART;
                    if votes > found[n].votes && found[..n].iter().all(apart) {
                        found[n] =
                            Line { place: place as f32, lean: lean_of(lean), votes, is_any: true };
                    }
                }
            }
        }
        // The edge of the picture.
        let place = if beyond { rows as f32 - 1.0 } else { 0.0 };
        found[LINES] = Line { place, lean: 0.0, votes: 0, is_any: true };
        found
    }

    /// Counts along a line, from the start of the picture: what of it is seen and what is an edge of `sign`.
    fn tally(
        &mut self,
        size: [usize; 2],
        axis: usize,
        line: &Line,
        middle: f32,
        sign: i8,
        slot: usize,
    ) {
        let (row, rows) = (size[axis], size[1 - axis]);
        let stride = size[0].max(size[1]);
        self.tallies.resize(SIDES.len() * CHOICES * stride, [0; 2]);
        self.tallied = stride;
        let tally = &mut self.tallies[slot * stride..][..stride];
        let [mut seen, mut there] = [0u16; 2];
        for (x, so_far) in tally.iter_mut().enumerate() {
            *so_far = [seen, there];
            let y = (line.place + line.lean * (x as f32 - middle)).round();
            if x == 0 || x + 1 >= row || !(2.0..rows as f32 - 2.0).contains(&y) {
                continue;
            }
            seen += 1;
            let edge = |dy| self.edges[axis][(y as usize + dy - NEAR) * row + x] == sign;
            there += u16::from((0..=2 * NEAR).any(edge));
        }
    }

    /// How long the part of a line is that lies in the picture, and which share of it is an edge.
    fn share(&self, slot: usize, from: f32, to: f32) -> (f32, f32) {
        let tally = &self.tallies[slot * self.tallied..][..self.tallied];
        let at = |x: f32| tally[(x.max(0.0) as usize).min(self.tallied - 1)];
        let ([seen_from, there_from], [seen_to, there_to]) = (at(from), at(to));
        let (seen, there) = (seen_to - seen_from, there_to - there_from);
        (f32::from(seen), f32::from(there) / f32::from(seen.max(1)))
    }

    /// Fits a line to the edges next to it, each weighed by its strength.
    fn refine(
        &self,
        size: [usize; 2],
        axis: usize,
        line: &mut Line,
        middle: f32,
        (from, to): (f32, f32),
    ) {
        let (row, rows) = (size[axis], size[1 - axis]);
        let steps = &self.steps[axis];
        let [mut n, mut sx, mut sy, mut sxx, mut sxy] = [0.0f32; 5];
        for x in from.max(1.0) as usize..(to.max(0.0) as usize).min(row - 1) {
            let at = line.place + line.lean * (x as f32 - middle);
            let y = at.round();
            if !(2.0..rows as f32 - 2.0).contains(&y) {
                continue;
            }
            for dy in 0..=2 * NEAR {
                let y = y as usize + dy - NEAR;
                if self.edges[axis][y * row + x] == 0 {
                    continue;
                }
                // The top of the parabola through the edge and its neighbours.
                let [a, b, c] = [y - 1, y, y + 1].map(|y| steps[y * row + x].abs());
                let bend = a - 2.0 * b + c;
                let top = y as f32 + if bend < 0.0 { 0.5 * (a - c) / bend } else { 0.0 };
                let (u, v) = (x as f32 - middle, top);
                n += b;
                sx += b * u;
                sy += b * v;
                sxx += b * u * u;
                sxy += b * u * v;
            }
        }
        let spread = n * sxx - sx * sx;
        if spread > f32::EPSILON * n * n {
            line.lean = (n * sxy - sx * sy) / spread;
            line.place = (sy - line.lean * sx) / n;
        }
    }
}

fn lean_of(step: usize) -> f32 {
    (step as f32 - LEANS as f32) / LEANS as f32 * MAX_LEAN
}

/// Where the top, image-right, bottom and image-left lines cross: top image left, top image right, bottom image
/// right, bottom image left.
fn corners(lines: &[Line; 4], middle: [f32; 2]) -> [Point2; 4] {
    let cross = |lying: &Line, standing: &Line| {
        // y = place + lean (x - middle), x = place + lean (y - middle).
        let x = (standing.place
            + standing.lean * (lying.place - lying.lean * middle[0] - middle[1]))
            / (1.0 - standing.lean * lying.lean);
        Point2::new(x, lying.place + lying.lean * (x - middle[0]))
    };
    let [top, right, bottom, left] = lines;
    [cross(top, left), cross(top, right), cross(bottom, right), cross(bottom, left)]
}

/// From where to where a side reaches, along the axis that it lies along.
fn ends(corners: &[Point2; 4], side: usize) -> (f32, f32) {
    let at = |corner: Point2| if SIDES[side].0 == 0 { corner.x } else { corner.y };
    let (a, b) = (at(corners[side]), at(corners[(side + 1) % SIDES.len()]));
    (a.min(b), a.max(b))
}

/// How the points moved with the corners.
fn motion<const N: usize>(
    (corners, points): ([Point2; 4], [Point2; N]),
    (corners_now, points_now): ([Point2; 4], [Point2; N]),
) -> Option<Motion> {
    let (before, now) = (Homography::new(&corners), Homography::new(&corners_now));
    let mut carried = points;
    for point in &mut carried {
        *point = now.apply(before.undo(*point)?);
    }
    let face = Affine::similarity(&points, &points_now)?;
    let flat = Affine::similarity(&points, &carried)?;
    let middle = |points: &[Point2; N]| {
        let sum = points.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.x, sum.1 + p.y));
        Point2::new(sum.0 / N as f32, sum.1 / N as f32)
    };
    let (from, to, expected) = (middle(&points), middle(&points_now), middle(&carried));
    let motion = Motion {
        face: Point2::new(to.x - from.x, to.y - from.y),
        carried: Point2::new(expected.x - from.x, expected.y - from.y),
        own: expected.distance(to),
        face_growth: face.scale().ln(),
        carried_growth: flat.scale().ln(),
    };
    let Motion { face, carried, own, face_growth, carried_growth } = motion;
    let numbers = [face.x, face.y, carried.x, carried.y, own, face_growth, carried_growth];
    numbers.iter().all(|value| value.is_finite()).then_some(motion)
}

/// The map from the unit square to a quadrilateral: (x, y) = (a u + b v + c, d u + e v + f) / (g u + h v + 1).
/// Source: Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989.
struct Homography([f32; 8]);

impl Homography {
    fn new(&[p0, p1, p2, p3]: &[Point2; 4]) -> Self {
        let (dx1, dx2, sx) = (p1.x - p2.x, p3.x - p2.x, p0.x - p1.x + p2.x - p3.x);
        let (dy1, dy2, sy) = (p1.y - p2.y, p3.y - p2.y, p0.y - p1.y + p2.y - p3.y);
        let area = dx1 * dy2 - dx2 * dy1;
        let (g, h) = ((sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area);
        Self([
            p1.x - p0.x + g * p1.x,
            p3.x - p0.x + h * p3.x,
            p0.x,
            p1.y - p0.y + g * p1.y,
            p3.y - p0.y + h * p3.y,
            p0.y,
            g,
            h,
        ])
    }

    fn apply(&self, at: Point2) -> Point2 {
        let [a, b, c, d, e, f, g, h] = self.0;
        let w = g * at.x + h * at.y + 1.0;
        Point2::new((a * at.x + b * at.y + c) / w, (d * at.x + e * at.y + f) / w)
    }

    /// Where in the square the point (x, y) comes from: two linear equations in u and v.
    fn undo(&self, Point2 { x, y }: Point2) -> Option<Point2> {
        let [a, b, c, d, e, f, g, h] = self.0;
        let linear =
            Affine { a: a - g * x, b: b - h * x, tx: c - x, c: d - g * y, d: e - h * y, ty: f - y };
        linear.inverse().map(|inverse| inverse.apply(Point2::default()))
    }
}
