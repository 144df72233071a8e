//! How a sandbox is set up: where it listens, where it keeps its data, whose partner it is, and its
//! limits. What a face must be like to pass is the policy's business alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use liveface_core::Policy;

use crate::faults::FaultRule;

/// How a [`Sandbox`](crate::Sandbox) is set up.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where to listen; port 0 takes any free port.
    pub address: SocketAddr,
    /// Folder of the database and of the API key; made if missing.
    pub data_dir: PathBuf,
    /// Speak HTTPS, with a certificate that is made at the first start and kept in the data
    /// directory; otherwise plain HTTP.
    pub tls: bool,
    /// Names or IP addresses for the certificate, besides `localhost`, `127.0.0.1`, `::1` and the
    /// address that it listens on. A new one makes a new certificate.
    pub host_names: Vec<String>,
    /// The one partner that the sandbox serves, used as given (leading zeros count).
    pub partner_id: String,
    /// The partner's API key. `None` makes one at the first start and keeps it in the data
    /// directory, readable by its owner only.
    pub api_key: Option<String>,
    /// Decides whether faces match and are live: its `identity`, `presentation` and
    /// `tracking.bystander_area` are used.
    pub policy: Policy,
    /// What goes wrong on purpose; rules of one step are used up in their order.
    pub faults: Vec<FaultRule>,
    /// Whether a client may ask for a fault with a header although others than this machine's may
    /// reach [`address`](Self::address). On a loopback address it always may.
    pub fault_header: bool,
    /// What requests may take.
    pub limits: Limits,
}

impl SandboxConfig {
    /// A sandbox on any free port of this machine alone, for partner `1000`, with the default
    /// policy and limits.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: data_dir.into(),
            tls: false,
            host_names: Vec::new(),
            partner_id: "1000".to_owned(),
            api_key: None,
            policy: Policy::default(),
            faults: Vec::new(),
            fault_header: false,
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for SandboxConfig {
    /// Leaves the API key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxConfig")
            .field("address", &self.address)
            .field("data_dir", &self.data_dir)
            .field("tls", &self.tls)
            .field("policy", &self.policy.name)
            .field("faults", &self.faults)
            .field("fault_header", &self.fault_header)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What one request, one upload and one callback may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest JSON request, in bytes.
    pub json_bytes: usize,
    /// Largest upload zip, in bytes.
    pub zip_bytes: usize,
    /// Largest multipart request of V3, in bytes. The real service's is said to be 4.5 MB.
    pub form_bytes: usize,
    /// Longest side of a picture, in pixels.
    pub picture_side: u32,
    /// Connections that are served at the same time; more wait.
    pub connections: usize,
    /// Uploads that may wait for the analyser; more are told to come back later.
    pub waiting_jobs: usize,
    /// A request, and a silence on a connection, may last so long.
    pub request_time: Duration,
    /// A V3 token is good for so long.
    pub token_time: Duration,
    /// A request's timestamp may be so far from the sandbox's clock.
    pub clock_skew: Duration,
    /// One try to deliver a callback may last so long.
    pub callback_time: Duration,
    /// Tries to deliver a callback.
    pub callback_tries: u32,
    /// The wait after the first failed try; each later one is twice as long.
    pub callback_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 1 << 20,
            zip_bytes: 16 << 20,
            form_bytes: 9 << 19,
            picture_side: 4096,
            connections: 64,
            waiting_jobs: 32,
            request_time: Duration::from_secs(30),
            token_time: Duration::from_secs(15 * 60),
            clock_skew: Duration::from_secs(24 * 60 * 60),
            callback_time: Duration::from_secs(5),
            callback_tries: 4,
            callback_wait: Duration::from_secs(1),
        }
    }
}
