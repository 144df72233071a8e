//! The crate's own transport: blocking HTTP/1.1 by `ureq`, TLS by `rustls`, a connection for each
//! request. None is kept open: a request never meets one that the server has just closed.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::http;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, TcpConnector};
use ureq::{Agent, AsSendBody, Proxy, ProxyProtocol, SendBody};

use crate::call::TICK;
use crate::environment::is_this_machine;
use crate::tls::{Tls, TlsConnector, TlsOptions};
use crate::transport::{Control, Method, Request, Response, Transport, TransportError};

/// Header fields of answers that the client looks at.
const LOOKED_AT: [&str; 3] = ["content-type", "date", "retry-after"];

/// The default [`Transport`]. Servers on this machine are reached directly, any other as the
/// environment's proxy settings say (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` and so on).
#[derive(Debug)]
pub struct UreqTransport {
    tls: Arc<Tls>,
}

impl UreqTransport {
    /// A transport that trusts the servers that `options` say.
    #[must_use]
    pub fn new(options: TlsOptions) -> Self {
        Self { tls: Arc::new(Tls::new(options)) }
    }

    fn agent(&self, request: &Request) -> Result<Agent, TransportError> {
        let proxy = if is_this_machine(&request.url) { None } else { proxy(&request.url)? };
        let config = Agent::config_builder()
            .proxy(proxy)
            .timeout_global(Some(request.timeout))
            // Half of it for a connection, as mobile SDKs: 60 s of 120 s.
            .timeout_resolve(Some(request.timeout / 2))
            .timeout_connect(Some(request.timeout / 2))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .user_agent(concat!("liveface/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(TlsConnector(self.tls.clone()));
        Ok(Agent::with_parts(config, connector, DefaultResolver::default()))
    }
}

/// The proxy that the environment names for `url`. Whoever names one that cannot be used does not
/// want a direct connection.
fn proxy(url: &str) -> Result<Option<Proxy>, TransportError> {
    const NAMES: [&str; 3] = ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"];
    let unusable = || TransportError::NoConnection("the proxy cannot be used".to_owned());
    let Some(proxy) = Proxy::try_from_env() else {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let named = NAMES.iter().any(|name| set(name) || set(&name.to_lowercase()));
        return if named { Err(unusable()) } else { Ok(None) };
    };
    let direct = url.parse().is_ok_and(|uri| proxy.is_no_proxy(&uri));
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(Some(proxy)),
        _ if direct => Ok(None),
        _ => Err(unusable()),
    }
}

impl Transport for UreqTransport {
    fn send(&self, request: &Request, control: &Control) -> Result<Response, TransportError> {
        if control.is_cancelled() {
            return Err(TransportError::Cancelled);
        }
        let agent = self.agent(request)?;
        let over = AtomicBool::new(false);
        let answer = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    if control.is_cancelled() {
                        // Wakes whatever waits for the network.
                        agent.clone().shutdown();
                        return;
                    }
                    std::thread::park_timeout(TICK);
                }
            });
            let _ended = Ended(&over, watcher.thread());
            exchange(&agent, request, control)
        });
        if answer.is_err() && control.is_cancelled() {
            return Err(TransportError::Cancelled);
        }
        answer
    }
}

/// Ends the watcher, whatever happens.
struct Ended<'a>(&'a AtomicBool, &'a std::thread::Thread);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        self.1.unpark();
    }
}

fn exchange(
    agent: &Agent,
    request: &Request,
    control: &Control,
) -> Result<Response, TransportError> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
    };
    let mut head = http::Request::builder().method(method).uri(&request.url);
    for (name, value) in &request.headers {
        head = head.header(*name, value);
    }
    let sent = if request.method == Method::Get {
        run(agent, head, ())
    } else {
        let mut body = Counted { left: &request.body, control };
        let head = head.header("content-length", request.body.len());
        run(agent, head, SendBody::from_reader(&mut body))
    };
    let mut response = sent.map_err(|error| trouble(&error))?;
    let headers = LOOKED_AT.into_iter().filter_map(|name| {
        Some((name.to_owned(), response.headers().get(name)?.to_str().ok()?.to_owned()))
    });
    let (status, headers) = (response.status().as_u16(), headers.collect());
    let body = response.body_mut().with_config().limit(request.max_answer).read_to_vec();
    let body = body.map_err(|error| match trouble(&error) {
        // There was a connection.
        TransportError::NoConnection(what) => TransportError::Broken(what),
        error => error,
    })?;
    Ok(Response { status, headers, body })
}

fn run(
    agent: &Agent,
    head: http::request::Builder,
    body: impl AsSendBody,
) -> Result<http::Response<ureq::Body>, ureq::Error> {
    agent.run(head.body(body).map_err(ureq::Error::Http)?)
}

/// A body that counts what is taken of it and ends when the request is cancelled.
struct Counted<'a> {
    left: &'a [u8],
    control: &'a Control,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.left.read(buffer)?;
        // Counted first: whoever cancels and then sees that nothing was counted can be sure that
        // nothing goes out.
        self.control.count_sent(read as u64);
        if self.control.is_cancelled() {
            return Err(io::Error::other("it was cancelled"));
        }
        Ok(read)
    }
}

/// A failure on the way, told without addresses.
fn trouble(error: &ureq::Error) -> TransportError {
    use ureq::Timeout::{Connect, Resolve};
    let none = |what: &str| TransportError::NoConnection(what.to_owned());
    match error {
        ureq::Error::Io(error) => match error.kind() {
            // Only connecting fails with these.
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::AddrNotAvailable => TransportError::NoConnection(error.to_string()),
            io::ErrorKind::UnexpectedEof => {
                TransportError::Broken("the connection broke off".to_owned())
            }
            _ => TransportError::Broken(error.to_string()),
        },
        ureq::Error::Timeout(Resolve | Connect) => none("no connection in time"),
        ureq::Error::Timeout(_) => TransportError::TimedOut,
        ureq::Error::HostNotFound => none("the server's name is not known"),
        ureq::Error::ConnectionFailed => none("no connection"),
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            none("the proxy refused")
        }
        ureq::Error::BodyExceedsLimit(_) => TransportError::TooLarge,
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => TransportError::NotHttp,
        ureq::Error::Other(error) => match error.downcast_ref::<TransportError>() {
            Some(error) => error.clone(),
            None => none("the request could not be made"),
        },
        _ => none("the request could not be made"),
    }
}
