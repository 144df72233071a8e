//! Accepts connections: at most so many at a time, and none that stays silent for long.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// The first byte that a TLS client sends: a handshake record.
const HANDSHAKE: u8 = 0x16;
/// What somebody is told who speaks plain HTTP to a port that expects TLS.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 33\r\nConnection: close\r\n\r\nThis port speaks HTTPS, not HTTP\n";

/// A listener with limits.
pub(crate) struct LimitedListener {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    room: Arc<Semaphore>,
    silence: Duration,
}

impl LimitedListener {
    /// Accepts up to `connections` at a time; a peer that sends and takes nothing for `silence` is
    /// cut off, and so is one whose TLS handshake takes longer than that.
    pub(crate) fn new(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        connections: usize,
        silence: Duration,
    ) -> Self {
        let room = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self { listener, tls, room: Arc::new(Semaphore::new(room)), silence }
    }
}

impl Listener for LimitedListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed; without a permit the connection would just be uncounted.
        let permit = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // The handshake is the connection's own business: nobody else waits for it.
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Silent(stream, tls.clone()),
        };
        let timer = Box::pin(sleep(self.silence));
        (Connection { stream, _permit: permit, silence: self.silence, timer }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Listener::local_addr(&self.listener)
    }
}

/// How far a connection is with TLS, if it is to speak it.
enum Stream {
    Plain(TcpStream),
    /// The client has sent nothing yet.
    Silent(TcpStream, TlsAcceptor),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    Failed,
}

impl Stream {
    /// Goes on until data can flow.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            *self = match self {
                Self::Plain(_) | Self::Tls(_) => return Poll::Ready(Ok(())),
                Self::Failed => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
                Self::Silent(stream, tls) => {
                    let mut first = [0];
                    let count = ready!(stream.poll_peek(cx, &mut ReadBuf::new(&mut first)));
                    if !matches!(count, Ok(1)) || first != [HANDSHAKE] {
                        refuse_plain(stream);
                        *self = Self::Failed;
                        continue;
                    }
                    let tls = tls.clone();
                    let Self::Silent(stream, _) = std::mem::replace(self, Self::Failed) else {
                        continue;
                    };
                    Self::Handshake(Box::new(tls.accept(stream)))
                }
                Self::Handshake(accept) => match ready!(Pin::new(accept.as_mut()).poll(cx)) {
                    Ok(stream) => Self::Tls(Box::new(stream)),
                    Err(_) => Self::Failed,
                },
            };
        }
    }
}

/// So often at most what a client of plain HTTP has sent is read before it is told; 4 KiB each time.
/// Who sends without end must hold up nobody else.
const PLAIN_READS: usize = 16;

/// Says once, and without waiting, what went wrong.
fn refuse_plain(stream: &TcpStream) {
    // What is left unread when a connection is closed makes the system throw the answer away.
    let mut request = [0; 4096];
    for _ in 0..PLAIN_READS {
        if !matches!(stream.try_read(&mut request), Ok(1..)) {
            break;
        }
    }
    let _ = stream.try_write(SPEAK_TLS);
}

/// A connection that gives its place back when it is dropped.
pub(crate) struct Connection {
    stream: Stream,
    _permit: Option<OwnedSemaphorePermit>,
    silence: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Connection {
    /// Starts the timer anew when something happened, fails when nothing did for too long.
    fn watch<T>(&mut self, poll: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            let end = Instant::now() + self.silence;
            self.timer.as_mut().reset(end);
            return poll;
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

macro_rules! poll_open {
    ($self:ident, $cx:ident, $stream:ident => $poll:expr) => {{
        let opened = $self.stream.poll_open($cx);
        let poll = match opened {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => match &mut $self.stream {
                Stream::Plain($stream) => $poll,
                Stream::Tls($stream) => $poll,
                Stream::Silent(..) | Stream::Handshake(_) | Stream::Failed => {
                    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
                }
            },
        };
        $self.watch(poll, $cx)
    }};
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_open!(self, cx, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_open!(self, cx, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_open!(self, cx, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            _ => false,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => {
                let poll = Pin::new(stream).poll_flush(cx);
                self.watch(poll, cx)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => {
                let poll = Pin::new(stream).poll_shutdown(cx);
                self.watch(poll, cx)
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}
