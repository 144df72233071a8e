//! Glare: highlights on the face and on glasses in which nothing can be seen. The standard has no such
//! component.
//!
//! A mirror image of a lamp or a window is white, saturated and has a sharp edge; skin that is merely bright
//! keeps its colour or fades slowly.

use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Face, Frame, Measure};

use crate::hull::Hull;
use crate::mapping::score;
use crate::view::{OUTLINE, SIDE, square};

/// A highlight has no channel below this, 0..=255. Own choice: all are saturated, but for noise and
/// compression.
const WHITE: f32 = 235.0;
/// Luma of a highlight over the mean luma of the pixels around it, at least. Own choice: skin that four times
/// the light drives white has shallower edges.
const STEP: f32 = 60.0;
/// How far around a highlight lies what it is compared with, in pixels. Own choice: the edge itself takes
/// two.
const AROUND: usize = 3;
/// Fewest pixels of a highlight. Own choice: the lights in an eye are 2 to 4 pixels across.
const LEAST: usize = 16;
/// Largest share of the face of one highlight. Own choice: more is over-exposure.
const MOST: f64 = 0.1;

/// Share of the face in glare that brings the score down to 100 over e. Own choice: the reflections of a
/// window in both glasses.
const STRONG: f64 = 0.015;

/// Raw: share of the face (brows to chin) that lies in highlights: connected pixels, all of whose channels
/// are 235 or more, 16 pixels to a tenth of the face in all, that are 60 levels brighter than what
/// surrounds them. 0 to 1. Score: 100 exp(-raw / 0.015).
pub(crate) fn measure(frame: &Frame<'_>, face: &Face) -> Measure {
    let to_picture = square(face).to_picture(SIDE as u32);
    let Some(from_picture) = to_picture.inverse() else { return Measure::default() };
    let mut rgb = vec![0.0; SIDE * SIDE * 3];
    let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };
    let (size, border) = ((SIDE as u32, SIDE as u32), Border::Replicate);
    sample::tensor(frame, to_picture, size, Filter::Area, border, &form, &mut rgb);
    let mut hull = Hull::default();
    let outline = OUTLINE.map(|index| from_picture.apply(face.landmarks.xy(index)));
    hull.fill(outline, (SIDE, SIDE));
    let area: usize = hull.rows().iter().map(|(first, end)| end - first).sum();
    if area == 0 {
        return Measure::default();
    }
    let (pixels, _) = rgb.as_chunks();
    let covered = highlights(pixels, &hull, (area as f64 * MOST) as usize);
    let raw = covered as f64 / area as f64;
    Measure { raw: raw as f32, score: score(100.0 * (-raw / STRONG).exp()) }
}

/// How many pixels lie in highlights of at most `most` pixels.
fn highlights(pixels: &[[f32; 3]], hull: &Hull, most: usize) -> usize {
    let white = |place: usize| pixels[place].iter().all(|level| *level >= WHITE);
    let mut seen = vec![false; pixels.len()];
    let (mut covered, mut patch) = (0, Vec::new());
    for (y, (first, end)) in hull.rows().iter().enumerate() {
        for start in y * SIDE + first..y * SIDE + end {
            if seen[start] || !white(start) {
                continue;
            }
            seen[start] = true;
            patch.clear();
            patch.push(start);
            let mut next = 0;
            while let Some(place) = patch.get(next).copied() {
                next += 1;
                for neighbour in around(place, 1) {
                    if !seen[neighbour] && white(neighbour) {
                        seen[neighbour] = true;
                        patch.push(neighbour);
                    }
                }
            }
            if (LEAST..=most).contains(&patch.len()) && stands_out(pixels, &patch, white) {
                covered += patch.len();
            }
        }
    }
    covered
}

/// Whether `patch` is much brighter than the pixels around it that are not white.
fn stands_out(pixels: &[[f32; 3]], patch: &[usize], white: impl Fn(usize) -> bool) -> bool {
    let mean = |sum: f32, count: usize| sum / count.max(1) as f32;
    let inside = mean(patch.iter().map(|place| sample::luma(pixels[*place])).sum(), patch.len());
    let (mut sum, mut count) = (0.0, 0);
    for place in patch.iter().flat_map(|place| around(*place, AROUND)).filter(|at| !white(*at)) {
        sum += sample::luma(pixels[place]);
        count += 1;
    }
    count > 0 && inside - mean(sum, count) >= STEP
}

/// The places `distance` rows or columns from `place` that lie in the picture.
fn around(place: usize, distance: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (place % SIDE, place / SIDE);
    [
        (x.checked_sub(distance), Some(y)),
        (Some(x + distance), Some(y)),
        (Some(x), y.checked_sub(distance)),
        (Some(x), Some(y + distance)),
    ]
    .into_iter()
    .filter_map(|(x, y)| x.zip(y))
    .filter(|(x, y)| *x < SIDE && *y < SIDE)
    .map(|(x, y)| y * SIDE + x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{canonical, face};
    use liveface_core::{Point2, Timestamp};

    /// A face of 200 x 200 pixels in which `light` says how bright (x, y) is.
    fn look(light: impl Fn(f32, f32) -> [u8; 3]) -> Measure {
        let pixels = (0..200u16).flat_map(|y| (0..200u16).map(move |x| (x, y)));
        let data: Vec<u8> = pixels.flat_map(|(x, y)| light(x.into(), y.into())).collect();
        let frame = Frame::rgb(200, 200, &data, Timestamp::ZERO).unwrap();
        measure(&frame, &face(canonical(57.0, Point2::new(100.0, 80.0))))
    }

    const SKIN: [u8; 3] = [180, 140, 120];

    #[test]
    fn a_window_in_a_glass_is_glare_and_the_light_in_an_eye_is_not() {
        let spot = |width: f32| {
            look(move |x, y| {
                let hit = (x - 72.0).abs() < width && (y - 80.0).abs() < 0.6 * width;
                if hit { [250; 3] } else { SKIN }
            })
        };
        assert_eq!(spot(0.0).score, Some(100));
        assert_eq!(spot(2.0).score, Some(100));
        let [small, large] = [6.0, 9.0].map(|width| spot(width).score.unwrap());
        assert!(large < small && small < 80, "{small} {large}");
    }

    #[test]
    fn bright_skin_is_no_glare() {
        // A cheek that shines softly, skin that is bright but has its colour, and a face without shadow.
        let soft = look(|x, y| {
            let far = (x - 90.0).hypot(y - 100.0);
            [(255.0 - 1.5 * (far - 6.0).max(0.0)) as u8; 3]
        });
        let coloured = look(|x, y| {
            if (x - 90.0).abs() < 8.0 && (y - 100.0).abs() < 8.0 { [255, 225, 205] } else { SKIN }
        });
        for measure in [soft, coloured, look(|_, _| [255; 3])] {
            assert_eq!(measure.score, Some(100));
        }
    }
}
