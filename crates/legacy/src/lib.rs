//! The calls of the vendor's legacy mobile plugin, with its maps of strings, on top of LiveFace.
//!
//! For apps that were written against that plugin. What each call, argument, code, item, event,
//! error name and configuration key does here is in `docs/legacy.md`, a row for each. New apps use
//! `liveface` and `liveface-submit` themselves.
//!
//! ```no_run
//! use std::collections::BTreeMap;
//!
//! use liveface::camera::Recording;
//! use liveface::{Engine, KeyFile, Store};
//! use liveface_legacy::{CAPTURED, Legacy, SID_RESULT_CODE, SID_RESULT_TAG, SubmitJob};
//! use liveface_submit::{ApiKeySigner, Client, ClientConfig, Environment};
//! use serde_json::json;
//!
//! let store = Store::open("captures", &KeyFile::beside("captures"))?;
//! let signer = ApiKeySigner::new("2345", "the API key")?;
//! let legacy = Legacy::builder(store, "shown-images")
//!     .engine(Engine::load(&Default::default())?)
//!     .sandbox(Client::new(ClientConfig::new(Environment::Sandbox), signer)?)
//!     .build();
//!
//! let mut camera = Recording::open("recording", 15.0)?;
//! let mut show = |prompt: &liveface_legacy::Prompt| println!("{}", prompt.text);
//! let config = BTreeMap::from([("prompt_do_smile".to_owned(), "Smile!".to_owned())]);
//! let captured = legacy.capture_selfie("", &config, true, &mut camera, &mut show);
//! if captured[SID_RESULT_CODE] == CAPTURED {
//!     let job = SubmitJob {
//!         tag: captured[SID_RESULT_TAG].as_str().unwrap_or_default().to_owned(),
//!         job_type: Some(4),
//!         is_production: Some(false),
//!         partner_params: BTreeMap::from([("user_id".to_owned(), json!("user-0001"))]),
//!         ..Default::default()
//!     };
//!     let response = legacy.submit_job(&job, &mut |_| {})?;
//!     println!("{}", response.result_code_state());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capture;
mod client;
mod config;
mod error;
mod event;
mod geo;
mod job;
mod kept;
mod legacy;
mod prompt;
mod response;
mod submission;
mod submit_errors;

pub use config::{Appearance, CaptureConfig};
pub use error::{ConsentError, LegacyError, PluginCode, SidError};
pub use event::SidEvent;
pub use job::{ID_INFO_KEYS, SubmitJob};
pub use legacy::{
    CAPTURED, DONE, FAILED, Legacy, LegacyBuilder, Map, SID_RESULT_CODE, SID_RESULT_MESSAGE,
    SID_RESULT_TAG,
};
pub use prompt::{CaptureState, Prompt, PromptTexts};
pub use response::{ResultCodeState, SidResponse};
pub use submission::BatchEntry;
