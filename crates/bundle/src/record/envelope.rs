//! The envelope that an integrity record travels in: DSSE (Dead Simple Signing Envelope, v1).

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::content::IntegrityRecord;
use super::error::{RecordError, refused, unreadable};
use super::keys::{PublicKey, RecordSigner};

/// What the payload is, for DSSE.
pub const PAYLOAD_TYPE: &str = "application/vnd.liveface.record+json";

/// The record's file name in a bundle.
pub const RECORD_NAME: &str = "liveface_record.json";

/// Largest payload, in bytes.
pub(super) const MAX_PAYLOAD: usize = 64 << 10;

/// Largest envelope, in bytes: the largest payload in base64 and room for signatures.
pub(super) const MAX_ENVELOPE: usize = 96 << 10;

/// Most signatures of one record.
const MAX_SIGNATURES: usize = 8;

/// An integrity record as it is kept and sent, signed or not. Its payload is kept byte for byte, for
/// that is what a signature is of.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordEnvelope {
    payload: Vec<u8>,
    signatures: Vec<RecordSignature>,
}

#[derive(Clone, PartialEq, Eq)]
struct RecordSignature {
    key_id: String,
    bytes: [u8; 64],
}

/// The envelope as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: String,
    sig: String,
}

impl RecordEnvelope {
    /// `record`, signed by nobody.
    ///
    /// # Errors
    /// When a value of the record is not as the format has it.
    pub fn unsigned(record: &IntegrityRecord) -> Result<Self, RecordError> {
        Ok(Self { payload: record.to_payload()?, signatures: Vec::new() })
    }

    /// `record`, signed by `signer`.
    ///
    /// # Errors
    /// When a value of the record is not as the format has it, the signer fails, or what it gave is
    /// not its key's signature.
    pub fn signed(
        record: &IntegrityRecord,
        signer: &dyn RecordSigner,
    ) -> Result<Self, RecordError> {
        let mut envelope = Self::unsigned(record)?;
        let message = envelope.signed_bytes();
        let bytes =
            signer.sign(&message).map_err(|error| RecordError::Signer(error.to_string()))?;
        let key = signer.public_key();
        if !key.has_signed(&message, &bytes) {
            let why = "what the signer gave is not a signature of its public key".to_owned();
            return Err(RecordError::Signer(why));
        }
        envelope.signatures.push(RecordSignature { key_id: key.id(), bytes });
        Ok(envelope)
    }

    /// Reads an envelope. Neither its signatures nor the record in it are looked at.
    ///
    /// # Errors
    /// When it is no envelope of an integrity record, or too large.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_ENVELOPE {
            return refused(format!("it is larger than {MAX_ENVELOPE} bytes"));
        }
        let wire: Wire =
            serde_json::from_slice(bytes).map_err(|error| unreadable("its envelope", &error))?;
        if wire.payload_type != PAYLOAD_TYPE {
            return refused(format!("its payloadType is not {PAYLOAD_TYPE}"));
        }
        let Ok(payload) = STANDARD.decode(&wire.payload) else {
            return refused("its payload is not base64");
        };
        if payload.len() > MAX_PAYLOAD {
            return refused(format!("its payload is larger than {MAX_PAYLOAD} bytes"));
        }
        if wire.signatures.len() > MAX_SIGNATURES {
            return refused(format!("it has more than {MAX_SIGNATURES} signatures"));
        }
        let mut key_ids = HashSet::new();
        let mut signatures = Vec::with_capacity(wire.signatures.len());
        for WireSignature { keyid, sig } in wire.signatures {
            let bytes = STANDARD.decode(&sig).ok().and_then(|bytes| bytes.try_into().ok());
            let Some(bytes) = bytes else {
                return refused("a signature of it is not 64 bytes in base64");
            };
            if keyid.is_empty() || keyid.len() > 128 || !keyid.bytes().all(|b| b.is_ascii_graphic())
            {
                return refused("a keyid of it is not 1 to 128 ASCII characters");
            }
            if !key_ids.insert(keyid.clone()) {
                return refused("it has two signatures of one key");
            }
            signatures.push(RecordSignature { key_id: keyid, bytes });
        }
        Ok(Self { payload, signatures })
    }

    /// The envelope as one line of JSON in ASCII.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_text().into_bytes()
    }

    pub(super) fn to_text(&self) -> String {
        let signature = |signature: &RecordSignature| WireSignature {
            keyid: signature.key_id.clone(),
            sig: STANDARD.encode(signature.bytes),
        };
        let wire = Wire {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode(&self.payload),
            signatures: self.signatures.iter().map(signature).collect(),
        };
        // Texts always have a form in JSON.
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// The record as JSON, byte for byte as it was written.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What is signed: DSSE's pre-authentication encoding of the payload and its type.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let (kind, payload) = (PAYLOAD_TYPE, &self.payload);
        let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The ids of the keys that are said to have signed it; empty when it is not signed.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.key_id.as_str())
    }

    /// The record, whoever wrote it: no signature is looked at.
    ///
    /// # Errors
    /// When the payload is no record, or one of a later version.
    pub fn record(&self) -> Result<IntegrityRecord, RecordError> {
        IntegrityRecord::from_payload(&self.payload)
    }

    /// The record, when `key` signed it.
    ///
    /// # Errors
    /// When it is not signed, not by this key, or the signature is wrong; and when the payload is no
    /// record, or one of a later version.
    pub fn verify(&self, key: &PublicKey) -> Result<IntegrityRecord, RecordError> {
        if self.signatures.is_empty() {
            return Err(RecordError::Unsigned);
        }
        let id = key.id();
        let Some(signature) = self.signatures.iter().find(|signature| signature.key_id == id)
        else {
            return Err(RecordError::OtherKey(id));
        };
        if !key.has_signed(&self.signed_bytes(), &signature.bytes) {
            return Err(RecordError::Signature);
        }
        self.record()
    }
}

impl std::fmt::Debug for RecordEnvelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordEnvelope")
            .field("payload", &self.payload.len())
            .field("key_ids", &self.key_ids().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
