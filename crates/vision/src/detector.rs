//! Faces in a whole frame: BlazeFace short range, decoded as MediaPipe does.

use liveface_core::sample::{Border, Filter};
use liveface_core::{Affine, Frame, Point2, Rect, policy};

use crate::error::VisionError;
use crate::manifest::{Blazeface, Decode};
use crate::models::ModelFiles;
use crate::net::Net;
use crate::runtime::Runtime;

/// Numbers of one row of the regressor output.
const ROW: usize = 16;

/// A detected face, in pixels of the upright picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Confidence, 0 to 1.
    pub score: f32,
    /// The face from eyebrows to chin.
    pub bounds: Rect,
    /// Image-left eye, image-right eye, nose tip, mouth, image-left and image-right ear tragion.
    pub keypoints: [Point2; 6],
}

pub(crate) struct Detector {
    pub(crate) net: Net,
    decode: Blazeface,
    anchors: Vec<Point2>,
}

impl Detector {
    pub(crate) fn load(runtime: &Runtime, files: &ModelFiles) -> Result<Self, VisionError> {
        let (entry, bytes, decode) = files.find("blazeface", |decode| match decode {
            Decode::Blazeface(decode) => Some(decode.clone()),
            _ => None,
        })?;
        let net = Net::load(runtime, entry, bytes)?;
        if decode.strides.len() != decode.anchors_per_cell.len() || decode.strides.contains(&0) {
            return Err(entry.wrong("each stride must be above 0 and have its anchors per cell"));
        }
        let anchors = anchors(&decode, net.side());
        entry.expect_output("regressors", anchors.len() * ROW)?;
        entry.expect_output("classificators", anchors.len())?;
        Ok(Self { net, decode, anchors })
    }

    /// Puts all faces of `frame` into `found`, in place of what was there, the most certain first.
    pub(crate) fn detect(
        &mut self,
        frame: &Frame<'_>,
        limits: &policy::Tracking,
        found: &mut Vec<Detection>,
    ) -> Result<(), VisionError> {
        found.clear();
        // Room for whatever a frame may bring, so that it never grows again.
        found.reserve(self.anchors.len());
        let (width, height) = (frame.width() as f32, frame.height() as f32);
        // The long side fills the input, the short one is centred between black bars.
        let long = width.max(height);
        let offset = Point2::new((width - long) * 0.5, (height - long) * 0.5);
        let scale = long / self.net.side() as f32;
        let map = Affine::scale_then_move(scale, scale, offset.x, offset.y);
        self.net.fill(frame, map, Filter::Bilinear, Border::Black);
        let (decode, anchors) = (&self.decode, &self.anchors);
        let outputs = self.net.run()?;
        let (boxes, scores) = (outputs.get("regressors")?, outputs.get("classificators")?);
        let place = |x: f32, y: f32| Point2::new(x * long + offset.x, y * long + offset.y);
        for ((row, logit), anchor) in boxes.chunks_exact(ROW).zip(scores).zip(anchors) {
            let score = sigmoid(logit.clamp(-decode.score_clip, decode.score_clip));
            if score < limits.min_detection_score {
                continue;
            }
            let at = |i: usize| {
                (row[i] / decode.box_scale + anchor.x, row[i + 1] / decode.box_scale + anchor.y)
            };
            let (centre_x, centre_y) = at(0);
            let (w, h) = (row[2] / decode.box_scale, row[3] / decode.box_scale);
            let corner = place(centre_x - w * 0.5, centre_y - h * 0.5);
            let bounds = Rect::new(corner.x, corner.y, (w * long).max(0.0), (h * long).max(0.0));
            let keypoints = std::array::from_fn(|k| {
                let (x, y) = at(4 + 2 * k);
                place(x, y)
            });
            let rank = found.partition_point(|better| better.score >= score);
            found.insert(rank, Detection { score, bounds, keypoints });
        }
        weighted_non_maximum_suppression(found, limits.detection_overlap);
        Ok(())
    }
}

/// Centres of the anchors, in 0..1 of the input: for each stride the cells in row order.
fn anchors(decode: &Blazeface, side: u32) -> Vec<Point2> {
    let mut anchors = Vec::new();
    for (stride, per_cell) in decode.strides.iter().zip(&decode.anchors_per_cell) {
        let cells = side / stride;
        for y in 0..cells {
            for x in 0..cells {
                let at = |i: u32| (i as f32 + decode.anchor_offset) / cells as f32;
                anchors.extend((0..*per_cell).map(|_| Point2::new(at(x), at(y))));
            }
        }
    }
    anchors
}

pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Overlapping candidates, which come the best first, become one: their mean, weighted by score, with the
/// best one's score. Source: MediaPipe's `NonMaxSuppressionCalculator`, algorithm "weighted".
fn weighted_non_maximum_suppression(candidates: &mut Vec<Detection>, overlap: f32) {
    let mut kept = 0;
    while let Some(best) = candidates.get(kept) {
        let (bounds, score) = (best.bounds, best.score);
        let joins = |c: &Detection| c.bounds.intersection_over_union(bounds) > overlap;
        if !joins(best) {
            // A box without area overlaps nothing, not even itself.
            candidates.remove(kept);
            continue;
        }
        let group = || candidates[kept..].iter().filter(|c| joins(c));
        let total: f32 = group().map(|c| c.score).sum();
        let mean = |value: &dyn Fn(&Detection) -> f32| {
            group().map(|c| value(c) * c.score).sum::<f32>() / total
        };
        let (left, top) = (mean(&|c| c.bounds.x), mean(&|c| c.bounds.y));
        let (right, bottom) = (mean(&|c| c.bounds.right()), mean(&|c| c.bounds.bottom()));
        let merged = Detection {
            score,
            bounds: Rect::new(left, top, right - left, bottom - top),
            keypoints: std::array::from_fn(|k| {
                Point2::new(mean(&|c| c.keypoints[k].x), mean(&|c| c.keypoints[k].y))
            }),
        };
        let mut index = 0;
        candidates.retain(|c| {
            index += 1;
            index <= kept || !joins(c)
        });
        candidates.insert(kept, merged);
        kept += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(x: f32, score: f32) -> Detection {
        Detection {
            score,
            bounds: Rect::new(x, 0.0, 10.0, 10.0),
            keypoints: [Point2::new(x, 5.0); 6],
        }
    }

    #[test]
    fn overlapping_candidates_become_their_weighted_mean() {
        let mut kept = vec![candidate(0.0, 0.9), candidate(100.0, 0.7), candidate(2.0, 0.6)];
        weighted_non_maximum_suppression(&mut kept, 0.3);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0].score, 0.9);
        assert!((kept[0].bounds.x - 0.8).abs() < 1e-6);
        assert!((kept[0].keypoints[3].x - 0.8).abs() < 1e-6);
        assert_eq!(kept[1].bounds.x, 100.0);
    }

    #[test]
    fn a_box_without_area_ends_the_loop_too() {
        let flat = Detection { bounds: Rect::new(3.0, 3.0, 0.0, 0.0), ..candidate(3.0, 0.9) };
        let mut kept = vec![flat];
        weighted_non_maximum_suppression(&mut kept, 0.3);
        assert!(kept.is_empty());
    }
}
