//! Points, boxes and the affine maps between pictures and model inputs.

use serde::{Deserialize, Serialize};

/// A point of the upright picture, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point2 {
    /// Pixels from the image's left edge.
    pub x: f32,
    /// Pixels from the image's top edge.
    pub y: f32,
}

impl Point2 {
    /// A point at (`x`, `y`).
    #[must_use]
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The distance to `other`, in pixels.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        ((self.x - other.x) * (self.x - other.x) + (self.y - other.y) * (self.y - other.y)).sqrt()
    }

    /// The point half-way to `other`.
    #[must_use]
    pub fn midpoint(self, other: Self) -> Self {
        Self::new((self.x + other.x) * 0.5, (self.y + other.y) * 0.5)
    }
}

/// A landmark: a point of the upright picture with a depth of the same scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point3 {
    /// Pixels from the image's left edge.
    pub x: f32,
    /// Pixels from the image's top edge.
    pub y: f32,
    /// Depth in pixels, growing away from the camera; 0 lies near the centre of the head.
    pub z: f32,
}

impl Point3 {
    /// A point at (`x`, `y`, `z`).
    #[must_use]
    pub const fn new(x: f32, y: f32, z: f32) -> Self {
        Self { x, y, z }
    }

    /// The point without its depth.
    #[must_use]
    pub const fn xy(self) -> Point2 {
        Point2::new(self.x, self.y)
    }
}

/// An upright box, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width, never negative.
    pub width: f32,
    /// Height, never negative.
    pub height: f32,
}

impl Rect {
    /// A box from its left, top, width and height.
    #[must_use]
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }

    /// The smallest box around `points`; `None` when there are none.
    #[must_use]
    pub fn around(points: impl IntoIterator<Item = Point2>) -> Option<Self> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let (mut low, mut high) = (first, first);
        for point in points {
            low = Point2::new(low.x.min(point.x), low.y.min(point.y));
            high = Point2::new(high.x.max(point.x), high.y.max(point.y));
        }
        Some(Self::new(low.x, low.y, high.x - low.x, high.y - low.y))
    }

    /// The area in square pixels.
    #[must_use]
    pub fn area(self) -> f32 {
        self.width * self.height
    }

    /// The middle of the box.
    #[must_use]
    pub fn centre(self) -> Point2 {
        Point2::new(self.x + self.width * 0.5, self.y + self.height * 0.5)
    }

    /// The right edge.
    #[must_use]
    pub fn right(self) -> f32 {
        self.x + self.width
    }

    /// The bottom edge.
    #[must_use]
    pub fn bottom(self) -> f32 {
        self.y + self.height
    }

    /// Whether `inner` lies wholly in this box.
    #[must_use]
    pub fn contains(self, inner: Self) -> bool {
        inner.x >= self.x
            && inner.y >= self.y
            && inner.right() <= self.right()
            && inner.bottom() <= self.bottom()
    }

    /// The area that both boxes cover over the area that either covers, 0 to 1.
    #[must_use]
    pub fn intersection_over_union(self, other: Self) -> f32 {
        let width = self.right().min(other.right()) - self.x.max(other.x);
        let height = self.bottom().min(other.bottom()) - self.y.max(other.y);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let both = width * height;
        both / (self.area() + other.area() - both)
    }
}

/// A square that may be turned: the region a model looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RotatedSquare {
    /// The middle, in pixels.
    pub centre: Point2,
    /// The side, in pixels.
    pub side: f32,
    /// Clockwise turn in the image, in radians.
    pub angle_radians: f32,
}

impl RotatedSquare {
    /// The map from pixels of a `size` x `size` model input to the picture. Input pixel `i` lies at
    /// `i / size` of the side, the convention of MediaPipe's image-to-tensor step.
    #[must_use]
    pub fn to_picture(self, size: u32) -> Affine {
        let scale = self.side / size as f32;
        let (sin, cos) = self.angle_radians.sin_cos();
        let half = self.side * 0.5;
        Affine {
            a: cos * scale,
            b: -sin * scale,
            tx: self.centre.x - cos * half + sin * half,
            c: sin * scale,
            d: cos * scale,
            ty: self.centre.y - sin * half - cos * half,
        }
    }
}

/// An affine map of the plane: (x, y) goes to (a x + b y + tx, c x + d y + ty).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// x of x.
    pub a: f32,
    /// x of y.
    pub b: f32,
    /// x offset.
    pub tx: f32,
    /// y of x.
    pub c: f32,
    /// y of y.
    pub d: f32,
    /// y offset.
    pub ty: f32,
}

impl Affine {
    /// The map that scales by (`sx`, `sy`) and then moves by (`tx`, `ty`).
    #[must_use]
    pub const fn scale_then_move(sx: f32, sy: f32, tx: f32, ty: f32) -> Self {
        Self { a: sx, b: 0.0, tx, c: 0.0, d: sy, ty }
    }

    /// The map from pixel **centres** of a `width` x `height` picture to `region`, so that the
    /// new picture shows exactly that region.
    #[must_use]
    pub fn from_region(region: Rect, width: u32, height: u32) -> Self {
        let (sx, sy) = (region.width / width as f32, region.height / height as f32);
        Self::scale_then_move(sx, sy, region.x + 0.5 * sx - 0.5, region.y + 0.5 * sy - 0.5)
    }

    /// Where `point` goes.
    #[must_use]
    pub fn apply(self, point: Point2) -> Point2 {
        Point2::new(
            self.a * point.x + self.b * point.y + self.tx,
            self.c * point.x + self.d * point.y + self.ty,
        )
    }

    /// `self` after `first`.
    #[must_use]
    pub fn after(self, first: Self) -> Self {
        Self {
            a: self.a * first.a + self.b * first.c,
            b: self.a * first.b + self.b * first.d,
            tx: self.a * first.tx + self.b * first.ty + self.tx,
            c: self.c * first.a + self.d * first.c,
            d: self.c * first.b + self.d * first.d,
            ty: self.c * first.tx + self.d * first.ty + self.ty,
        }
    }

    /// How many source pixels one step covers: the square root of the map's area factor.
    #[must_use]
    pub fn scale(self) -> f32 {
        (self.a * self.d - self.b * self.c).abs().sqrt()
    }

    /// The map back; `None` when this one flattens the plane.
    #[must_use]
    pub fn inverse(self) -> Option<Self> {
        let determinant = self.a * self.d - self.b * self.c;
        if determinant.abs() < f32::EPSILON {
            return None;
        }
        let (a, b) = (self.d / determinant, -self.b / determinant);
        let (c, d) = (-self.c / determinant, self.a / determinant);
        Some(Self {
            a,
            b,
            tx: -(a * self.tx + b * self.ty),
            c,
            d,
            ty: -(c * self.tx + d * self.ty),
        })
    }

    /// The similarity (turn, scale, move; no mirroring) that brings `from` nearest to `to` in the
    /// least-squares sense; `None` when `from` is one point.
    #[must_use]
    pub fn similarity<const N: usize>(from: &[Point2; N], to: &[Point2; N]) -> Option<Self> {
        let mean = |points: &[Point2; N]| {
            let sum =
                points.iter().fold(Point2::default(), |s, p| Point2::new(s.x + p.x, s.y + p.y));
            Point2::new(sum.x / N as f32, sum.y / N as f32)
        };
        let (from_mean, to_mean) = (mean(from), mean(to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (f, t) in from.iter().zip(to) {
            let (fx, fy) = (f.x - from_mean.x, f.y - from_mean.y);
            let (tx, ty) = (t.x - to_mean.x, t.y - to_mean.y);
            dot += fx * tx + fy * ty;
            cross += fx * ty - fy * tx;
            spread += fx * fx + fy * fy;
        }
        if spread < f32::EPSILON {
            return None;
        }
        let (a, c) = (dot / spread, cross / spread);
        Some(Self {
            a,
            b: -c,
            tx: to_mean.x - a * from_mean.x + c * from_mean.y,
            c,
            d: a,
            ty: to_mean.y - c * from_mean.x - a * from_mean.y,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(a: Point2, b: Point2) -> bool {
        a.distance(b) < 1e-2
    }

    proptest! {
        #[test]
        fn an_inverse_undoes_its_map(
            angle in -3.1f32..3.1, side in 10f32..500.0, x in -100f32..700.0, y in -100f32..700.0,
        ) {
            let square = RotatedSquare { centre: Point2::new(x, y), side, angle_radians: angle };
            let map = square.to_picture(192);
            let back = map.inverse().expect("a square has an area");
            let point = Point2::new(17.0, 140.0);
            prop_assert!(near(back.apply(map.apply(point)), point));
            prop_assert!(near(map.apply(Point2::new(96.0, 96.0)), square.centre));
        }

        #[test]
        fn a_similarity_is_found_again(
            angle in -3.1f32..3.1, scale in 0.2f32..4.0, x in -100f32..100.0, y in -100f32..100.0,
        ) {
            let (sin, cos) = angle.sin_cos();
            let map = Affine { a: cos * scale, b: -sin * scale, tx: x, c: sin * scale, d: cos * scale, ty: y };
            let from = [Point2::new(0.0, 0.0), Point2::new(30.0, 2.0), Point2::new(14.0, 40.0)];
            let found = Affine::similarity(&from, &from.map(|p| map.apply(p))).expect("three points");
            for p in from {
                prop_assert!(near(found.apply(p), map.apply(p)));
            }
        }
    }

    #[test]
    fn boxes_overlap_by_their_shared_area() {
        let a = Rect::new(0.0, 0.0, 2.0, 2.0);
        assert!(
            (a.intersection_over_union(Rect::new(1.0, 0.0, 2.0, 2.0)) - 1.0 / 3.0).abs() < 1e-6
        );
        assert_eq!(a.intersection_over_union(Rect::new(2.0, 0.0, 2.0, 2.0)), 0.0);
    }
}
