//! What a face's owner looks like, as a vector.

/// A face embedding of unit length. It is biometric data: it is never printed, and has no serde
/// form; who keeps one decides how. It lies inline: a frame is compared without allocating.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    /// Zero from `length` on.
    values: [f32; Embedding::MAX_LENGTH],
    length: usize,
}

impl Embedding {
    /// The longest vector that is accepted. Source: face embeddings have 128 to 512 numbers.
    pub const MAX_LENGTH: usize = 512;

    /// An embedding from a model's output, brought to unit length. `None` when the vector is empty,
    /// longer than [`Embedding::MAX_LENGTH`], all zero or not finite.
    #[must_use]
    pub fn new(output: &[f32]) -> Option<Self> {
        let norm = output.iter().map(|v| v * v).sum::<f32>().sqrt();
        let mut values = [0.0; Self::MAX_LENGTH];
        let held = values.get_mut(..output.len())?;
        held.iter_mut().zip(output).for_each(|(value, given)| *value = given / norm);
        (norm.is_finite() && norm > f32::EPSILON).then_some(Self { values, length: output.len() })
    }

    /// The values, of unit length.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values[..self.length]
    }

    /// Cosine similarity, -1 to 1; the same person is near 1. Embeddings of different lengths come
    /// from different models and compare as -1.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> f32 {
        if self.length != other.length {
            return -1.0;
        }
        self.values().iter().zip(other.values()).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0)
    }
}

impl std::fmt::Debug for Embedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Embedding(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_without_direction_or_of_other_models_never_match() {
        assert!(Embedding::new(&[]).is_none());
        assert!(Embedding::new(&[0.0; 4]).is_none());
        assert!(Embedding::new(&[f32::NAN, 1.0]).is_none());
        assert!(Embedding::new(&[1.0; Embedding::MAX_LENGTH]).is_some());
        assert!(Embedding::new(&[1.0; Embedding::MAX_LENGTH + 1]).is_none());
        let short = Embedding::new(&[3.0, 4.0]).unwrap();
        assert!((short.similarity(&short) - 1.0).abs() < 1e-6);
        assert_eq!(short.similarity(&Embedding::new(&[1.0]).unwrap()), -1.0);
    }
}
