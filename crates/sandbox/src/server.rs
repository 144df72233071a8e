//! Starts and stops a sandbox: the listener, the runtime of the HTTP side, the worker and the
//! callbacks.

use std::fmt::Display;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use liveface_core::Policy;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::bell::Bell;
use crate::config::{Limits, SandboxConfig};
use crate::error::{SandboxError, StoreError};
use crate::faces::FaceAnalyser;
use crate::faults::Faults;
use crate::http::{BASE, router};
use crate::listener::LimitedListener;
use crate::partner::Partner;
use crate::store::{CallbackState, JobSummary, Stage, Store};
use crate::tls::Identity;
use crate::{callbacks, worker};

/// Requests under way at the stop may take so long to end.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// The database's file in the data directory.
const DATABASE: &str = "sandbox.redb";

/// What the threads of a sandbox have in common.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) partner: Partner,
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Identity>,
    /// Rings when a zip arrived.
    pub(crate) inbox: Bell,
    /// Rings when a job ended.
    pub(crate) outbox: Bell,
    /// What the sandbox itself failed at last.
    fault: Mutex<Option<String>>,
}

impl Shared {
    /// The scheme of the sandbox's own URLs.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Notes a fault that a request or a job was answered with "system error" for.
    pub(crate) fn note_fault(&self, fault: &dyn Display) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.to_string());
    }
}

/// A running sandbox. Dropping it stops it, as [`stop`](Self::stop) does.
pub struct Sandbox {
    shared: Arc<Shared>,
    /// Sent or dropped, it ends the HTTP side.
    end: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox; it answers as soon as this returns. Jobs and callbacks that an earlier
    /// sandbox left behind in the data directory are gone on with.
    ///
    /// # Errors
    /// When the policy cannot work, the address is taken, or the data directory cannot be used or is
    /// in use.
    pub fn start(
        config: SandboxConfig,
        mut analyser: Box<dyn FaceAnalyser>,
    ) -> Result<Self, SandboxError> {
        config.policy.check()?;
        make_folder(&config.data_dir)?;
        // It is locked from here on: of two sandboxes at once, only one makes keys.
        let store = open_store(&config.data_dir.join(DATABASE), &config.partner_id)?;
        let partner = Partner::new(&config)?;
        let mut names = config.host_names.clone();
        if !config.address.ip().is_unspecified() {
            names.push(config.address.ip().to_string());
        }
        let tls = config.tls.then(|| Identity::new(&config.data_dir, &names)).transpose()?;
        let failed = |source| SandboxError::Listen { address: config.address, source };
        let listener = TcpListener::bind(config.address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sandbox-http")
            .enable_all()
            .build()
            .map_err(|error| refused("a runtime", &error))?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };

        let SandboxConfig { policy, limits, faults, fault_header, .. } = config;
        let shared = Arc::new(Shared {
            store,
            partner,
            policy,
            limits,
            faults: Faults::new(faults, fault_header || address.ip().is_loopback()),
            address,
            tls,
            inbox: Bell::default(),
            outbox: Bell::default(),
            fault: Mutex::new(None),
        });
        let (end, ended) = oneshot::channel();
        // From here on, an error drops the sandbox, which ends the threads that it has.
        let mut sandbox = Self { shared: Arc::clone(&shared), end: Some(end), threads: Vec::new() };
        let common = Arc::clone(&shared);
        sandbox.spawn("sandbox-http", move || serve(&runtime, listener, common, ended))?;
        let common = Arc::clone(&shared);
        sandbox.spawn("sandbox-worker", move || worker::run(&common, analyser.as_mut()))?;
        sandbox.spawn("sandbox-callbacks", move || callbacks::run(&shared))?;
        Ok(sandbox)
    }

    /// What a client calls the server, such as `http://127.0.0.1:34567/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        let ip = match self.shared.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let address = SocketAddr::new(ip, self.shared.address.port());
        format!("{}://{address}{BASE}", self.shared.scheme())
    }

    /// With TLS, the certificate that clients must trust, as PEM. It is public.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<&str> {
        self.shared.tls.as_ref().map(|tls| tls.certificate_pem.as_str())
    }

    /// With TLS, the file with the certificate that clients must trust: for
    /// `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE` and their like.
    #[must_use]
    pub fn certificate_path(&self) -> Option<PathBuf> {
        self.shared.tls.as_ref().map(|tls| tls.certificate_path.clone())
    }

    /// The address that it listens on, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The partner that it serves.
    #[must_use]
    pub fn partner_id(&self) -> &str {
        &self.shared.partner.id
    }

    /// The partner's API key.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.shared.partner.api_key
    }

    /// What a device that must not have the API key shows at `/v1/auth_smile`, to be given a
    /// signature.
    #[must_use]
    pub fn auth_token(&self) -> &str {
        &self.shared.partner.auth_token
    }

    /// Every job of the partner with how often it was announced, received and finished, oldest
    /// first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn jobs(&self) -> Result<Vec<JobSummary>, SandboxError> {
        Ok(self.shared.store.summaries()?)
    }

    /// The V3 server, without a path, such as `https://127.0.0.1:34567`.
    #[must_use]
    pub fn v3_url(&self) -> String {
        let base = self.base_url();
        base.strip_suffix(BASE).unwrap_or(&base).to_owned()
    }

    /// How far the callback of a job is; `None` when there is no such job, it is not done, or it
    /// asked for no callback.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn callback_state(&self, job_id: &str) -> Result<Option<CallbackState>, SandboxError> {
        Ok(self.shared.store.job(job_id)?.and_then(|job| match job.stage {
            Stage::Done(done) => done.callback,
            Stage::AwaitingZip { .. } | Stage::Received => None,
        }))
    }

    /// What the sandbox itself failed at last (its database, its analyser), if it did: the cause of
    /// an answer "system error".
    #[must_use]
    pub fn last_fault(&self) -> Option<String> {
        self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the requests under way and stops. A job that is being looked at goes on after the next
    /// start. Takes as long as one picture or one callback takes.
    pub fn stop(self) {
        drop(self);
    }

    fn spawn(
        &mut self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), SandboxError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(|error| refused("a thread", &error))?);
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end.take();
        self.shared.inbox.stop();
        self.shared.outbox.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Sandbox {
    /// Leaves the API key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

/// The HTTP side, until `ended` says stop.
fn serve(
    runtime: &Runtime,
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    mut ended: oneshot::Receiver<()>,
) {
    runtime.block_on(async move {
        let limits = &shared.limits;
        let tls = shared.tls.as_ref().map(|tls| tls.acceptor.clone());
        let listener = LimitedListener::new(listener, tls, limits.connections, limits.request_time);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(listener, router(shared)).with_graceful_shutdown(async move {
            let _ = stopped.await;
        });
        let mut server = tokio::spawn(server.into_future());
        tokio::select! {
            _ = &mut ended => {}
            _ = &mut server => return,
        }
        drop(stop);
        if tokio::time::timeout(LAST_REQUESTS, &mut server).await.is_err() {
            server.abort();
        }
    });
}

/// Makes the data directory.
fn make_folder(path: &Path) -> Result<(), SandboxError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| SandboxError::File { path: path.to_owned(), source })
}

/// Opens the database, whose file only its owner may read.
fn open_store(path: &Path, partner: &str) -> Result<Store, SandboxError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| SandboxError::File { path: path.to_owned(), source })?;
    let store = Store::open(path, partner).map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => SandboxError::InUse { path: path.to_owned() },
        error => StoreError::from(error).into(),
    })?;
    store.prepare()?;
    Ok(store)
}

/// The jobs that a stopped or killed sandbox of `partner_id` left in `data_dir`: see
/// [`Sandbox::jobs`].
///
/// # Errors
/// When there is no database, it cannot be read, or a sandbox uses it.
pub fn list_jobs(data_dir: &Path, partner_id: &str) -> Result<Vec<JobSummary>, SandboxError> {
    let path = data_dir.join(DATABASE);
    std::fs::metadata(&path).map_err(|source| SandboxError::File { path: path.clone(), source })?;
    Ok(open_store(&path, partner_id)?.summaries()?)
}

fn refused(what: &'static str, error: &io::Error) -> SandboxError {
    SandboxError::System { what, reason: error.to_string() }
}
