//! How what is behind the face moves with it.
//!
//! Small patches of the picture are followed from look to look (Lucas and Kanade's method, which finds where a
//! patch has gone from its gradients): some on the face, some beside and above the head, where neither hair nor
//! shoulders are. The movement of one flat
//! thing is fitted to the movements beside the head; what it says of the face is how
//! the face would move if it were a part of the same flat thing. How the face's own patches move beyond that
//! is the face's own movement. Patches without corners, as of a blank wall, cannot be followed.

use liveface_core::{Affine, Face, Following, Motion, Point2, Rect};

use super::{RIGID, rigid, small::Small};

/// A patch reaches so far to each side of its middle, in small pixels.
const REACH: usize = 4;
const PATCH: usize = (2 * REACH + 1) * (2 * REACH + 1);
/// Middles of patches lie so far apart, in small pixels.
const SPACING: usize = 5;
/// Least smaller eigenvalue of a patch's gradients, squared levels a pixel: several times that of noise.
const MIN_CORNER: f32 = 4.0;
/// At most so many patches are followed beside the head, and on the face.
const MOST: [usize; 2] = [40, 16];
/// Steps of the search for where a patch has gone, and the one that ends it, in small pixels. A patch whose last
/// step was longer than the other limit was not found.
const STEPS: usize = 8;
const LAST_STEP: f32 = 0.01;
const MAX_LAST_STEP: f32 = 0.05;
/// A patch that is found looks different by this root of the mean square, in levels, plus this share of its
/// own contrast.
const MAX_DIFFERENCE: (f32, f32) = (3.0, 0.35);
/// A patch that goes farther than this from where one of the guesses had it, in small pixels, is lost.
const MAX_STRAY: f32 = 4.0;
/// A movement agrees with the map when it is so near to it, in small pixels, plus this share of itself.
const AGREES: (f32, f32) = (0.25, 0.04);
/// Least patches to fit a map to, and to tell the face's movement from.
const LEAST: [usize; 2] = [6, 4];

/// Fits of the map, and how much it resists turning and stretching where few patches show it.
const FITS: usize = 6;
const STIFFNESS: [f32; 8] = [1e-3, 0.05, 0.05, 1e-3, 0.05, 0.05, 0.5, 0.5];
/// The head with its hair: half the axes of an ellipse, in widths and heights of the face's box, and how far its
/// middle lies above that of the box. Long hair and shoulders begin below the mouth.
const HEAD: (f32, f32) = (1.0, 1.05);
const HEAD_LIFT: f32 = 0.15;
const SHOULDERS: f32 = 0.2;
/// What lies within so many widths and heights of the face's middle is the face.
const ON_FACE: f32 = 0.42;

/// A patch and where it went, if it was found again.
#[derive(Clone, Copy)]
struct Patch {
    from: Point2,
    to: Option<Point2>,
    corner: f32,
}

/// Compares each frame with the one before.
#[derive(Default)]
pub(super) struct Follower {
    before: Small,
    /// The face in the small picture before, with some of its points in the large one.
    face: Option<(Rect, [Point2; RIGID.len()])>,
    /// Beside the head, and on the face.
    patches: [Vec<Patch>; 2],
}

impl Follower {
    /// How the face and its surroundings moved since the last call, whose picture is kept; `now` is left with the
    /// one before.
    pub(super) fn follow(&mut self, now: &mut Small, face: &Face) -> Option<Following> {
        let points = rigid(face);
        let place = now.face(face.bounds);
        let same_size = (self.before.width, self.before.height) == (now.width, now.height);
        let before = self.face.take().filter(|_| same_size);
        let following = before.zip(place).and_then(|((place, old), _)| {
            let motion = Affine::similarity(&old, &points)?;
            self.compare(now, place, motion)
        });
        std::mem::swap(&mut self.before, now);
        self.face = place.map(|place| (place, points));
        following
    }

    /// Forgets the last frame.
    pub(super) fn forget(&mut self) {
        self.face = None;
    }

    fn compare(&mut self, now: &Small, face: Rect, motion: Affine) -> Option<Following> {
        self.choose(face);
        let Self { before, patches, .. } = self;
        // Either a patch stands still, or it moves as the face does.
        let guess = |at: Point2| now.place(motion.apply(before.to_large(at)));
        for patch in patches.iter_mut().flatten() {
            patch.to = follow(before, now, patch.from, [patch.from, guess(patch.from)]);
        }
        let [beside, on_face] = patches;
        let mut map = Flat::fit(beside, face)?;
        // Those that were lost may be where the others went.
        for patch in beside.iter_mut().chain(on_face.iter_mut()) {
            if !map.agrees(patch) {
                let expected = map.apply(patch.from);
                patch.to = follow(before, now, patch.from, [expected; 2]).or(patch.to);
            }
        }
        map = Flat::fit(beside, face)?;
        let agrees = |patch: &&Patch| map.agrees(patch);
        let agreeing = beside.iter().filter(agrees).count();
        let middle = face.centre();
        let half = |left: bool| {
            beside.iter().filter(agrees).filter(|p| (p.from.x < middle.x) == left).count()
        };
        let least = half(true).min(half(false));
        let large = |from: Point2, to: Point2| {
            Point2::new((to.x - from.x) * before.scale.x, (to.y - from.y) * before.scale.y)
        };
        // Of the face's patches: movement, what of it the surroundings share, what they do not.
        let mut moved = [const { [0.0f32; MOST[1]] }; 6];
        let mut count = 0;
        for patch in on_face.iter() {
            let Some(to) = patch.to else { continue };
            let carried = large(patch.from, map.apply(patch.from));
            let own = large(map.apply(patch.from), to);
            let out = large(middle, patch.from);
            let growth = (own.x * out.x + own.y * out.y) / (out.x * out.x + out.y * out.y).max(1.0);
            let values = [carried.x, carried.y, own.x, own.y, own.x.hypot(own.y), growth];
            for (column, value) in moved.iter_mut().zip(values) {
                column[count] = value;
            }
            count += 1;
        }
        if count < LEAST[1] {
            return None;
        }
        let [x, y, own_x, own_y, own, growth] = moved.map(|mut column| {
            let column = &mut column[..count];
            column.sort_unstable_by(f32::total_cmp);
            column[count / 2]
        });
        Some(Following {
            motion: Motion {
                face: Point2::new(x + own_x, y + own_y),
                carried: Point2::new(x, y),
                own,
                face_growth: map.growth() + growth,
                carried_growth: map.growth(),
            },
            agreeing: agreeing as f32 / beside.len() as f32,
            patches: agreeing as u32,
            beside: least as u32,
        })
    }

    /// Chooses the patches of the picture before that are to be followed: those with the best corners.
    fn choose(&mut self, face: Rect) {
        let Self { before, patches, .. } = self;
        patches.iter_mut().for_each(Vec::clear);
        let margin = REACH + 1;
        for y in (margin..before.height.saturating_sub(margin)).step_by(SPACING) {
            for x in (margin..before.width.saturating_sub(margin)).step_by(SPACING) {
                let from = Point2::new(x as f32, y as f32);
                let Some(place) = region(face, from) else { continue };
                let corner = corner(before, x, y);
                if corner >= MIN_CORNER {
                    patches[place].push(Patch { from, to: None, corner });
                }
            }
        }
        for (patches, most) in patches.iter_mut().zip(MOST) {
            patches.sort_unstable_by(|a, b| b.corner.total_cmp(&a.corner));
            patches.truncate(most);
        }
    }
}

/// 0 beside and above the head, 1 on the face, `None` where hair, neck and shoulders may be.
fn region(face: Rect, at: Point2) -> Option<usize> {
    let middle = face.centre();
    let (x, y) = ((at.x - middle.x) / face.width, (at.y - middle.y) / face.height);
    let (up_x, up_y) = (x / HEAD.0, (y + HEAD_LIFT) / HEAD.1);
    if x * x + y * y < ON_FACE * ON_FACE {
        Some(1)
    } else if up_x * up_x + up_y * up_y > 1.0 && y < SHOULDERS {
        Some(0)
    } else {
        None
    }
}

/// The smaller eigenvalue of the covariances of the gradients around (`x`, `y`).
fn corner(picture: &Small, x: usize, y: usize) -> f32 {
    let [xx, xy, yy] = Gradients::around(picture, x, y).products();
    let (half, skew) = (0.5 * (xx + yy), (0.5 * (xx - yy)).hypot(xy));
    (half - skew) / PATCH as f32
}

/// The gradients of a patch less their means: patches are compared less their means, too, so that a slope that
/// moves is no difference between them.
struct Gradients {
    x: [f32; PATCH],
    y: [f32; PATCH],
}

impl Gradients {
    fn around(picture: &Small, x: usize, y: usize) -> Self {
        let side = 2 * REACH + 1;
        let mut gradients = Self { x: [0.0; PATCH], y: [0.0; PATCH] };
        for i in 0..PATCH {
            (gradients.x[i], gradients.y[i]) =
                gradient(picture, x + i % side - REACH, y + i / side - REACH);
        }
        subtract_mean(&mut gradients.x);
        subtract_mean(&mut gradients.y);
        gradients
    }

    /// The sums of their products: x by x, x by y, y by y.
    fn products(&self) -> [f32; 3] {
        [dot(&self.x, &self.x), dot(&self.x, &self.y), dot(&self.y, &self.y)]
    }
}

fn dot(a: &[f32; PATCH], b: &[f32; PATCH]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn subtract_mean(patch: &mut [f32; PATCH]) {
    let mean = patch.iter().sum::<f32>() / PATCH as f32;
    patch.iter_mut().for_each(|value| *value -= mean);
}

#[inline]
fn gradient(picture: &Small, x: usize, y: usize) -> (f32, f32) {
    let (at, width) = (y * picture.width + x, picture.width);
    let levels = &picture.levels;
    (0.5 * (levels[at + 1] - levels[at - 1]), 0.5 * (levels[at + width] - levels[at - width]))
}

/// The levels of a patch around `at`, less their mean, and the mean of their squares; `None` when it reaches
/// out of the picture.
fn cut(picture: &Small, at: Point2) -> Option<([f32; PATCH], f32)> {
    if !picture.holds(at, REACH as f32 + 1.0) {
        return None;
    }
    let (left, top) = (at.x.floor(), at.y.floor());
    let (fx, fy) = (at.x - left, at.y - top);
    let start = (top as usize - REACH) * picture.width + left as usize - REACH;
    let side = 2 * REACH + 1;
    let mut patch = [0.0; PATCH];
    for (row, out) in patch.chunks_exact_mut(side).enumerate() {
        let upper = &picture.levels[start + row * picture.width..][..side + 1];
        let lower = &picture.levels[start + (row + 1) * picture.width..][..side + 1];
        for x in 0..side {
            let above = upper[x] + fx * (upper[x + 1] - upper[x]);
            let below = lower[x] + fx * (lower[x + 1] - lower[x]);
            out[x] = above + fy * (below - above);
        }
    }
    subtract_mean(&mut patch);
    Some((patch, dot(&patch, &patch) / PATCH as f32))
}

fn difference(a: &[f32; PATCH], b: &[f32; PATCH]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>() / PATCH as f32
}

/// Where the patch of `before` around the whole pixel `from` is now; `None` when it is not found near one of
/// the guesses.
fn follow(before: &Small, now: &Small, from: Point2, guesses: [Point2; 2]) -> Option<Point2> {
    let (patch, power) = cut(before, from)?;
    let gradients = Gradients::around(before, from.x as usize, from.y as usize);
    let [xx, xy, yy] = gradients.products();
    let determinant = xx * yy - xy * xy;
    if determinant <= f32::EPSILON {
        return None;
    }
    let unlike = |at: Point2| cut(now, at).map(|(there, _)| difference(&patch, &there));
    let start = guesses
        .into_iter()
        .filter_map(|at| unlike(at).map(|unlike| (at, unlike)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?
        .0;
    let (mut at, mut last_step) = (start, f32::INFINITY);
    for _ in 0..STEPS {
        let (there, _) = cut(now, at)?;
        let error: [f32; PATCH] = std::array::from_fn(|i| there[i] - patch[i]);
        let (ex, ey) = (dot(&gradients.x, &error), dot(&gradients.y, &error));
        let step =
            Point2::new((yy * ex - xy * ey) / determinant, (xx * ey - xy * ex) / determinant);
        at = Point2::new(at.x - step.x, at.y - step.y);
        last_step = step.x.hypot(step.y);
        if last_step < LAST_STEP {
            break;
        }
    }
    let limit = MAX_DIFFERENCE.0 + MAX_DIFFERENCE.1 * power.sqrt();
    let found = last_step <= MAX_LAST_STEP && at.distance(start) <= MAX_STRAY;
    (found && unlike(at)? <= limit * limit).then_some(at)
}

/// The movement of something flat that moves and tilts: of a point (u, v), in widths of the face from its
/// middle, (x0 + x1 u + x2 v + g u u + h u v, y0 + y1 u + y2 v + g u v + h v v), the first terms of a homography.
struct Flat {
    /// x0, x1, x2, y0, y1, y2, g, h, in small pixels.
    terms: [f32; TERMS],
    centre: Point2,
    width: f32,
}

const TERMS: usize = 8;

impl Flat {
    /// Fits it, giving less and less weight to what moves otherwise.
    fn fit(patches: &[Patch], face: Rect) -> Option<Self> {
        let found = || patches.iter().filter_map(|p| p.to.map(|to| (p.from, to)));
        if found().count() < LEAST[0] {
            return None;
        }
        let mut flat = Self { terms: [0.0; TERMS], centre: face.centre(), width: face.width };
        let mut known = false;
        for _ in 0..FITS {
            // The normal equations, with the right side as their last column.
            let mut sums = [[0.0f32; TERMS + 1]; TERMS];
            for (from, to) in found() {
                let off = if known { flat.apply(from).distance(to) } else { 0.0 };
                let weight = 1.0 / (1.0 + (off / AGREES.0).powi(2));
                for (by, moved) in
                    flat.columns(from).into_iter().zip([to.x - from.x, to.y - from.y])
                {
                    for (row, of_row) in sums.iter_mut().zip(by) {
                        for (sum, value) in row.iter_mut().zip(by.into_iter().chain([moved])) {
                            *sum += weight * of_row * value;
                        }
                    }
                }
            }
            for (i, stiffness) in STIFFNESS.into_iter().enumerate() {
                sums[i][i] += stiffness;
            }
            flat.terms = solve(sums)?;
            known = true;
        }
        Some(flat)
    }

    /// By what each term moves a point along x and along y.
    fn columns(&self, at: Point2) -> [[f32; TERMS]; 2] {
        let (u, v) = ((at.x - self.centre.x) / self.width, (at.y - self.centre.y) / self.width);
        [[1.0, u, v, 0.0, 0.0, 0.0, u * u, u * v], [0.0, 0.0, 0.0, 1.0, u, v, u * v, v * v]]
    }

    /// Where a point that moves with the surroundings goes.
    fn apply(&self, at: Point2) -> Point2 {
        let [x, y] =
            self.columns(at).map(|by| by.iter().zip(&self.terms).map(|(a, b)| a * b).sum::<f32>());
        Point2::new(at.x + x, at.y + y)
    }

    /// The natural logarithm of how much larger things become where the face is.
    fn growth(&self) -> f32 {
        let [_, a, b, _, c, d, ..] = self.terms.map(|term| term / self.width);
        Affine { a: 1.0 + a, b, tx: 0.0, c, d: 1.0 + d, ty: 0.0 }.scale().ln()
    }

    fn agrees(&self, patch: &Patch) -> bool {
        let at = self.apply(patch.from);
        let limit = AGREES.0 + AGREES.1 * at.distance(patch.from);
        patch.to.is_some_and(|to| to.distance(at) <= limit)
    }
}

/// Solves linear equations of a symmetric, positive matrix; the last column is the right side.
fn solve(mut rows: [[f32; TERMS + 1]; TERMS]) -> Option<[f32; TERMS]> {
    for i in 0..TERMS {
        let pivot = rows[i][i];
        if pivot.is_nan() || pivot <= f32::EPSILON {
            return None;
        }
        rows[i].iter_mut().for_each(|value| *value /= pivot);
        let line = rows[i];
        for row in rows.iter_mut().enumerate().filter(|(j, _)| *j != i).map(|(_, row)| row) {
            let by = row[i];
            row.iter_mut().zip(line).for_each(|(value, other)| *value -= by * other);
        }
    }
    Some(rows.map(|row| row[TERMS]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_of_slow_waves_is_followed_all_the_way_over_steep_slopes() {
        let (width, height) = (160, 120);
        // 30 to 50 small pixels are 120 to 200 of a picture 640 wide.
        for period in [30.0, 40.0, 50.0f32] {
            let wave = |x: f32| (x * std::f32::consts::TAU / period).sin();
            let level = |x: f32, y: f32| {
                128.0 + 80.0 * wave(x) * wave(y) + 60.0 * wave(0.8 * x - 0.6 * y) + 4.0 * (x - y)
            };
            let picture = |by: Point2| {
                let mut picture = Small::default();
                (picture.width, picture.height) = (width, height);
                picture.levels = (0..width * height)
                    .map(|i| level((i % width) as f32 - by.x, (i / width) as f32 - by.y))
                    .collect();
                picture
            };
            let by = Point2::new(2.25, -1.0);
            let (before, now) = (picture(Point2::default()), picture(by));
            let (mut corners, mut found) = (0, 0);
            for (x, y) in
                (10..110).step_by(5).flat_map(|y| (10..150).step_by(5).map(move |x| (x, y)))
            {
                if corner(&before, x, y) < MIN_CORNER {
                    continue;
                }
                corners += 1;
                let from = Point2::new(x as f32, y as f32);
                let there = Point2::new(from.x + by.x, from.y + by.y);
                let near = |to: Point2| to.distance(there) < 0.1 * by.x.hypot(by.y);
                found += usize::from(follow(&before, &now, from, [from; 2]).is_some_and(near));
            }
            assert!(corners > 10 && found * 10 > corners * 9, "{period}: {found} of {corners}");
        }
    }
}
