//! The integrity record: what a server, or `liveface verify`, tells a changed bundle by.
//!
//! An [`IntegrityRecord`] says what a capture was: the sha256 of every image, the policy, the
//! verdict and the evidence in short. A [`RecordEnvelope`] carries it, signed by a [`RecordSigner`]
//! or not: as a file, as an entry of a bundle ([`bundle_zip`](crate::bundle_zip)) or as metadata of
//! a job. The format is open: `docs/bundle-format.md` describes it.
//!
//! ```
//! use std::collections::BTreeMap;
//! use liveface_bundle::record::{KeySigner, IntegrityRecord, RecordEnvelope, RecordSigner as _};
//! # use liveface_bundle::Capture;
//! # let capture = Capture { images: vec![], record: serde_json::from_value(serde_json::json!({
//! #     "engine_version": "0.1.0", "policy": "smart-selfie", "seed": 1, "models": {},
//! #     "verdict": "live", "reasons": [], "shots": [], "guidance": [],
//! #     "frames": { "seen": 1, "dropped": 0 }, "evidence": liveface_core::Evidence::default(),
//! # }))? };
//!
//! let device = BTreeMap::from([("model".to_owned(), "Kiosk 7".to_owned())]);
//! let record = IntegrityRecord::of(&capture, &device);
//! let signer = KeySigner::from_bytes(&zeroize::Zeroizing::new([7; 32]));
//! let envelope = RecordEnvelope::signed(&record, &signer)?;
//!
//! let received = RecordEnvelope::parse(&envelope.to_bytes())?;
//! assert_eq!(received.verify(&signer.public_key())?, record);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compare;
mod content;
mod envelope;
mod error;
mod keys;
mod metadata;

pub use compare::{Difference, ImageOrder, ReceivedImage};
pub use content::{
    EvidenceSummary, FindingSummary, FrameSummary, ImageRecord, IntegrityRecord, MAX_FACT,
    MAX_FACTS, PolicyRecord,
};
pub use envelope::{PAYLOAD_TYPE, RECORD_NAME, RecordEnvelope};
pub use error::RecordError;
pub use keys::{KeySigner, PublicKey, RecordSigner, SignError};
