//! Who signs integrity records, and what their signatures are checked with.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use thiserror::Error;
use zeroize::Zeroizing;

use super::error::RecordError;
use crate::text::sha256_hex;

/// What stands before an Ed25519 public key in DER (`SubjectPublicKeyInfo`, RFC 8410).
const SPKI_PREFIX: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// An Ed25519 public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key with these bytes (RFC 8032).
    ///
    /// # Errors
    /// When they are no point of the curve, or one for which anybody can sign.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, RecordError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| RecordError::Key)?;
        if key.is_weak() { Err(RecordError::Key) } else { Ok(Self(key)) }
    }

    /// The bytes (RFC 8032).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key's name in a signature: the sha256 of its DER form, lower-case hex, as
    /// `openssl pkey -pubin -in key.pem -outform DER | sha256sum` prints it.
    #[must_use]
    pub fn id(&self) -> String {
        sha256_hex(&[&SPKI_PREFIX[..], self.as_bytes()].concat())
    }

    /// Whether `signature` is this key's of `message`: one of the two or more that some libraries take.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// Why something could not be signed.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct SignError(
    /// What happened and what to do. Without keys.
    pub String,
);

/// Signs integrity records: an app's secure element or server, or a [`KeySigner`].
pub trait RecordSigner {
    /// The public key of the signatures.
    fn public_key(&self) -> PublicKey;

    /// The Ed25519 signature of `message` (RFC 8032, without prehash).
    ///
    /// # Errors
    /// When it cannot be signed now.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// Signs with a key that is in memory; it is overwritten when this is dropped.
pub struct KeySigner(SigningKey);

impl KeySigner {
    /// The private key with these bytes: RFC 8032's seed, 32 bytes from a cryptographic source of
    /// randomness.
    #[must_use]
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }
}

impl RecordSigner for KeySigner {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.0
            .try_sign(message)
            .map(|signature| signature.to_bytes())
            .map_err(|e| SignError(e.to_string()))
    }
}

impl std::fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySigner(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_for_which_anybody_can_sign_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        for weak in [[0; 32], identity] {
            assert_eq!(PublicKey::from_bytes(&weak), Err(RecordError::Key));
        }
        // No point of the curve.
        let mut none = [0; 32];
        none[0] = 2;
        assert_eq!(PublicKey::from_bytes(&none), Err(RecordError::Key));
    }

    #[test]
    fn a_private_key_is_not_shown() {
        let signer = KeySigner::from_bytes(&Zeroizing::new([7; 32]));
        assert_eq!(format!("{signer:?}"), "KeySigner(..)");
    }
}
