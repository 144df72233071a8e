//! Sends the capture under a tag to Smile ID, or to anything that speaks its API, as a register or
//! authenticate job, and types the result.
//!
//! A job is three steps: `POST /upload` announces it, a `PUT` brings the zip, `POST /job_status`
//! asks for the result until it is there. With the newer [`v3`] protocol it is one `POST` of the
//! pictures and a `GET` for the result. How far a job has come is kept with the capture: a
//! process that was killed, or had no network, calls again and goes on where it was, with the same
//! job id.
//! [`Client::prepare`] and [`Client::submit_all`] are a queue for devices that are often offline.
//!
//! Who signs is a [`Signer`]: one with the API key ([`ApiKeySigner`]), or one that asks somebody who
//! has it ([`RemoteSigner`], [`AuthSmileSigner`]). How requests travel is a [`Transport`]; the crate's
//! own trusts whom the platform trusts, and [`TlsOptions`] has further authorities and pins. A
//! [`Call`] is watched and can be cancelled from another thread. What a server sends to a callback
//! address is a [`Callback`].
//!
//! ```no_run
//! use liveface_bundle::{KeyFile, Store, Tag};
//! use liveface_submit::{ApiKeySigner, Call, Client, ClientConfig, Environment, JobRequest};
//!
//! let store = Store::open("captures", &KeyFile::beside("captures"))?;
//! let signer = ApiKeySigner::new("2345", "the API key")?;
//! let client = Client::new(ClientConfig::new(Environment::Sandbox), signer)?;
//! let request = JobRequest::new("user-0001");
//! match client.register(&store, &Tag::new("visit 7")?, &request, Call::default()) {
//!     Ok(outcome) if outcome.is_approved() => {}
//!     Ok(outcome) => eprintln!("{:?} {:?}", outcome.decision(), outcome.result_text()),
//!     Err(error) if error.is_retryable() => eprintln!("later: {error}"),
//!     Err(error) => eprintln!("{error}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod call;
mod callback;
mod client;
mod config;
mod environment;
mod error;
mod exchange;
mod metadata;
mod queue;
mod request;
mod result;
mod retry;
pub mod signature;
mod signers;
mod tls;
mod transport;
mod ureq_transport;
mod v1;
pub mod v3;
pub mod wire;

pub use call::{Call, Progress};
pub use callback::Callback;
pub use client::{Client, ClientConfig, PollPolicy, StatusOptions};
pub use config::SmileConfig;
pub use environment::Environment;
pub use error::SubmitError;
pub use metadata::DeviceFacts;
pub use queue::{QueueEntry, QueueOutcome, QueueReport, ends_the_queue};
pub use request::{GeoInfo, IdInfo, JobRequest, JobType};
pub use result::{ActionResult, Decision, ImageLink, JobOutcome, JobResult};
pub use retry::RetryPolicy;
pub use signature::{ApiKeySigner, Signed, Signer, SignerError, SigningJob, Verification};
pub use signers::{AuthSmileSigner, RemoteSigner};
pub use tls::{Pin, TlsOptions};
pub use transport::{CancelToken, Control, Method, Request, Response, Transport, TransportError};
pub use ureq_transport::UreqTransport;
