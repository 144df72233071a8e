//! What can go wrong when a sandbox is started or asked about its jobs.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why a sandbox could not start, or could not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}: {source}; choose another address, or port 0 for any")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or folder of the data directory cannot be used.
    #[error("cannot use {path}: {source}; check that the folder exists and may be written")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data directory has an API key file that holds no key.
    #[error("{path} holds no API key; delete it to have a new one made")]
    ApiKey {
        /// The file.
        path: PathBuf,
    },
    /// The data directory has a certificate file that cannot be used.
    #[error("{path} holds no key and certificates that work; delete it to have new ones made")]
    Tls {
        /// The file.
        path: PathBuf,
    },
    /// The partner id or API key cannot work.
    #[error("the {name} is empty or has characters that do not print; give another one")]
    Credential {
        /// Which of the two.
        name: &'static str,
    },
    /// The policy has a value that cannot work.
    #[error(transparent)]
    Policy(#[from] liveface_core::PolicyError),
    /// Another sandbox uses the data directory.
    #[error("{path} is in use; stop the other sandbox or choose another data directory")]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gave no thread or no random bytes.
    #[error("the system refused {what}: {reason}; free some of its resources and start again")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        reason: String,
    },
}

/// Why the database could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database itself.
    #[error("the sandbox's database failed: {0}; if it stays so, delete the data directory")]
    Database(Box<redb::Error>),
    /// A record in it is not this version's.
    #[error("the database has a {what} that cannot be read; delete the data directory")]
    Record {
        /// Which kind of record.
        what: &'static str,
    },
    /// No random bytes for a token.
    #[error("the system gave no random bytes: {0}; start again")]
    Random(String),
}

macro_rules! from_redb {
    ($($type:ident),+) => {
        $(impl From<redb::$type> for StoreError {
            fn from(error: redb::$type) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })+
    };
}
from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError);
