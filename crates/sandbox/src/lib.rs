//! A local server that speaks the submission API and really matches faces, for demonstrations, tests
//! and integration work.
//!
//! It answers as the real service is documented to, checks signatures and tokens, sends callbacks,
//! and **decides**: a register job is approved when one live person is seen in its selfie and liveness
//! images, an authenticate job when that person is the one that was enrolled. How alike and how live
//! is the policy's business. It speaks
//! - v1: `POST /v1/upload`, `PUT <upload_url>`, `POST /v1/job_status` and `POST /v1/auth_smile`;
//! - V3: `/v3/token`, `/v3/registration` (also `/v3/enroll`), `/v3/authentication` (also
//!   `/v3/authenticate`), `/v3/status/{job_id}` and `/v3/replay/{job_id}`;
//! - plain HTTP, or HTTPS with a certificate of its own ([`SandboxConfig::tls`]).
//!
//! It makes faults on purpose where a test wants them: see [`FaultRule`]. How the official clients are
//! pointed at it is in `docs/sandbox.md`.
//!
//! It is a **development tool**. It serves one partner, and keeps pictures and embeddings unencrypted
//! in its data directory: do not put real users' data into it, and delete the directory when you are
//! done.
//!
//! What differs from the real service, v1:
//! - Job types 4 (register) and 2 (authenticate) only. Documents, ID numbers and the `token` of hosted
//!   web pages are not known; `/v2/smart-selfie-*` is not spoken.
//! - Result codes of rejections are the sandbox's own where the real ones are not public. It never
//!   answers 2206, 2207, 2208, 2211 or 2220: what leads to them is not public, or does not exist here.
//! - A register job for an enrolled user needs `allow_new_enroll` (or `allow_re_enroll`), as a boolean
//!   or a text.
//! - One usable liveness image is enough; the real service wants six to eight.
//! - With `use_enrolled_image` the selfie of the enrolment is looked at in place of one that was sent;
//!   liveness images are needed all the same.
//! - Whatever else a request holds (`metadata`, `model_parameters`, `id_info`, `source_sdk`), and
//!   `security_info.json` in the zip, is not looked at.
//! - `history` lists the results of every job of the user, newest first.
//! - A timestamp may be a day off; how far it may be for the real service is not public.
//! - Callbacks go to any `http` or `https` address.
//! - `auth_smile` answers with policy 0 (no request MAC), no callback URL and no consent to ask for.
//!
//! And V3:
//! - `callback_url` may be left out: there is no portal with a default one. Plain `http` is allowed to
//!   this machine only.
//! - A callback has the fields of the status beside those of a v1 result, with the v1 signature; the
//!   real shape is not public.
//! - `clear` is an approved job, `block` a rejected one, `attention` one whose pictures could not be
//!   judged or a provisional result, `error` anything else.
//! - With `use_enrolled_image` an enrolled user is `clear`: no picture is there to say otherwise.
//! - `sandbox_result` sets the result's code; a user is enrolled only if the pictures are good too. No
//!   test identities are known: every name is accepted.
//! - What is bound to a token by `payload` is checked and forgotten; the references in the token stand
//!   for nothing.
//! - `SmileID-Request-Signature`, `-Timestamp`, `-Request-Mac` and `-Device-Nonce` are not looked at:
//!   their construction is not known well enough to refuse anybody for them.
//! - An unknown user is refused with 404, an enrolled one without `allow_new_enroll` with 400, too many
//!   waiting jobs with 429. 402 is never answered.
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
mod faults;
mod files;
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
pub use faults::{Fault, FaultError, FaultRule, FaultStep};
pub use server::{Sandbox, list_jobs};
pub use store::{CallbackState, JobSummary};

use server::Shared;

#[doc(hidden)]
pub use v3::fuzz_form;
