//! The part of a picture that lies in a convex outline.

use liveface_core::{Point2, wide};

/// The columns of each row of a picture that lie in the convex hull of some points; kept from picture to
/// picture so that nothing is allocated.
#[derive(Default)]
pub(crate) struct Hull {
    corners: Vec<Point2>,
    /// Of each row, the first and one past the last column inside; equal when none is.
    rows: Vec<(usize, usize)>,
}

impl Hull {
    /// Takes in what of a picture of `width` x `height` lies in the hull of `points`. Where a point is
    /// no number, nothing may.
    pub(crate) fn fill<const N: usize>(
        &mut self,
        points: [Point2; N],
        (width, height): (usize, usize),
    ) {
        convex_hull(points, &mut self.corners);
        self.rows.clear();
        self.rows.resize(height, (width, 0));
        wide::run(Crossings { corners: &self.corners, rows: &mut self.rows, width });
    }

    /// Of each row, the first and one past the last column inside; equal when none is.
    pub(crate) fn rows(&self) -> &[(usize, usize)] {
        &self.rows
    }
}

/// The first and one past the last column of each row to be found.
struct Crossings<'h> {
    corners: &'h [Point2],
    rows: &'h mut [(usize, usize)],
    width: usize,
}

impl wide::Work for Crossings<'_> {
    type Output = ();

    /// Walks along the edges: only rows that an edge crosses are visited.
    #[inline(always)]
    fn run(self) {
        let Self { corners, rows, width } = self;
        let height = rows.len();
        for (index, a) in corners.iter().enumerate() {
            let b = corners[(index + 1) % corners.len()];
            let (upper, lower) = if a.y <= b.y { (*a, b) } else { (b, *a) };
            // A row crosses the edge when it lies at the upper end, or below it and above the lower end.
            let first = upper.y.ceil().clamp(0.0, height as f32) as usize;
            let end = lower.y.ceil().clamp(0.0, height as f32) as usize;
            for (row, (low, high)) in rows.iter_mut().enumerate().take(end).skip(first) {
                let x = a.x + (b.x - a.x) * (row as f32 - a.y) / (b.y - a.y);
                *low = (*low).min(x.ceil().clamp(0.0, width as f32) as usize);
                *high = (*high).max((x.floor() + 1.0).clamp(0.0, width as f32) as usize);
            }
        }
        for (first, end) in rows {
            *first = (*first).min(*end);
        }
    }
}

/// Puts the corners of the smallest convex outline into `hull`, in order (Andrew's monotone chain).
fn convex_hull<const N: usize>(mut points: [Point2; N], hull: &mut Vec<Point2>) {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let turns_left = |a: Point2, b: Point2, c: Point2| {
        (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x) > 0.0
    };
    hull.clear();
    hull.reserve(N + 1);
    let mut chain = |points: &mut dyn Iterator<Item = &Point2>| {
        let start = hull.len();
        for point in points {
            while hull.len() >= start + 2
                && !turns_left(hull[hull.len() - 2], hull[hull.len() - 1], *point)
            {
                hull.pop();
            }
            hull.push(*point);
        }
        hull.pop();
    };
    chain(&mut points.iter());
    chain(&mut points.iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hull_leaves_out_what_lies_inside() {
        let p = Point2::new;
        let mut hull = Vec::new();
        convex_hull([p(0.0, 0.0), p(4.0, 0.0), p(2.0, 1.0), p(4.0, 4.0), p(0.0, 4.0)], &mut hull);
        assert_eq!(hull.len(), 4);
        assert!(!hull.contains(&p(2.0, 1.0)));
    }

    #[test]
    fn the_rows_of_a_square_are_its_own() {
        let p = Point2::new;
        let mut hull = Hull::default();
        hull.fill([p(1.5, 0.5), p(4.5, 0.5), p(4.5, 2.5), p(1.5, 2.5)], (8, 4));
        assert_eq!(hull.rows(), [(0, 0), (2, 5), (2, 5), (0, 0)]);
    }

    proptest! {
        #[test]
        fn any_points_give_rows_inside_the_picture(
            points in prop::array::uniform5((any::<f32>(), -20.0..20.0f32)),
            size in (0..20usize, 0..20usize),
        ) {
            let mut hull = Hull::default();
            for swapped in [false, true] {
                let at = |(a, b): (f32, f32)| if swapped { Point2::new(b, a) } else { Point2::new(a, b) };
                hull.fill(points.map(at), size);
                prop_assert_eq!(hull.rows().len(), size.1);
                prop_assert!(hull.rows().iter().all(|(first, end)| first <= end && *end <= size.0));
            }
        }
    }
}
