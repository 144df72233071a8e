//! A local server that speaks the submission API and really matches faces, for demonstrations, tests
//! and integration work.
//!
//! It answers `POST {base}/upload`, `PUT <upload_url>` and `POST {base}/job_status` as the real
//! service is documented to, checks signatures, sends callbacks, and **decides**: a register job is
//! approved when one live person is seen in its selfie and liveness images, an authenticate job when
//! that person is the one that was enrolled. How alike and how live is the policy's business.
//!
//! It is a **development tool**. It speaks plain HTTP, serves one partner, and keeps pictures and
//! embeddings unencrypted in its data directory: do not put real users' data into it, and delete the
//! directory when you are done.
//!
//! What differs from the real service:
//! - Result codes of rejections are the sandbox's own where the real ones are not public.
//! - A register job for an enrolled user needs `allow_new_enroll` (or `allow_re_enroll`).
//! - One usable liveness image is enough; the real service wants six to eight.
//! - `use_enrolled_image` is read by no job: a selfie must always be sent.
//! - `history` lists the results of every job of the user, newest first.
//!
//! ```no_run
//! use liveface::Engine;
//! use liveface_sandbox::{EngineAnalyser, Sandbox, SandboxConfig};
//!
//! let config = SandboxConfig::new("sandbox-data");
//! let analyser = EngineAnalyser::new(Engine::load(&Default::default())?, &config.policy);
//! let sandbox = Sandbox::start(config, Box::new(analyser))?;
//! let server = sandbox.base_url(); // what a client calls sid_server
//! let (partner_id, api_key) = (sandbox.partner_id(), sandbox.api_key());
//! # let _ = (server, partner_id, api_key);
//! sandbox.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod analyser;
mod bell;
mod callbacks;
mod codes;
mod config;
mod error;
mod faces;
mod http;
mod jobs;
mod judge;
mod listener;
mod partner;
mod picture;
mod request;
mod server;
mod store;
mod tls;
mod v3;
mod v3_form;
mod v3_token;
mod wire;
mod worker;

pub use analyser::EngineAnalyser;
pub use config::{Limits, SandboxConfig};
pub use error::{SandboxError, StoreError};
pub use faces::{FaceAnalyser, SeenFace};
pub use server::{Sandbox, list_jobs};
pub use store::{CallbackState, JobSummary};

use server::Shared;
