//! Everything that can go wrong with integrity records.

use thiserror::Error;

/// Why an integrity record cannot be made, read or trusted. No message holds what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Something that is not as the format has it.
    #[error("the integrity record is refused: {0}")]
    Refused(String),
    /// A later version of the format.
    #[error("the integrity record has version {0}, this program reads version 1: use a newer one")]
    Version(u64),
    /// Nobody signed it.
    #[error("the integrity record is not signed")]
    Unsigned,
    /// Only others signed it.
    #[error("the integrity record is not signed by the key {0}")]
    OtherKey(
        /// The id of the key that was asked for.
        String,
    ),
    /// Its signature is not of this content.
    #[error(
        "the signature of the integrity record is wrong: its content or the signature was changed"
    )]
    Signature,
    /// Bytes that are no key.
    #[error("these 32 bytes are no Ed25519 public key that can be trusted")]
    Key,
    /// It could not be signed.
    #[error("the integrity record could not be signed: {0}")]
    Signer(
        /// What the signer said.
        String,
    ),
    /// It is the record of other images.
    #[error("the integrity record is of other images than the capture's")]
    OtherCapture,
}

pub(super) fn refused<T>(why: impl Into<String>) -> Result<T, RecordError> {
    Err(RecordError::Refused(why.into()))
}

/// Refuses what the parser refused. Its message may hold what it read: only the place is told.
pub(super) fn unreadable(what: &str, error: &serde_json::Error) -> RecordError {
    let (line, column) = (error.line(), error.column());
    RecordError::Refused(format!(
        "{what} is not as the format has it (line {line}, column {column})"
    ))
}
