//! A blocking socket under the client, which is written for awaited ones.
//!
//! The client says "pending" where it would wait. [`Socket::drive`] has its next attempt to read wait then, with a time-out,
//! until something arrives. So a call is one write and one read, and no connection needs a runtime with its own timers
//! and descriptors; nor does it matter whether the calling thread is one of a runtime.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Socket(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stream: Stream,
    turn: Mutex<Turn>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
struct Turn {
    reading: Reading,
    /// When reading and writing give up.
    until: Instant,
}

/// What an attempt to read does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Says "pending".
    Later,
    /// Takes what is there, and says "pending" if that is nothing.
    Now,
    /// Waits for what is to come.
    Waiting,
}

/// Whether a part of the client has done something that another one waits for.
#[derive(Default)]
struct Progress(AtomicBool);

impl Wake for Progress {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Socket {
    pub(super) fn tcp(stream: TcpStream) -> io::Result<Self> {
        // A small statement must not wait for the answer to the one before.
        stream.set_nodelay(true)?;
        Ok(Self::new(Stream::Tcp(stream)))
    }

    #[cfg(unix)]
    pub(super) fn unix(stream: UnixStream) -> Self {
        Self::new(Stream::Unix(stream))
    }

    fn new(stream: Stream) -> Self {
        let turn = Turn { reading: Reading::Later, until: Instant::now() };
        Self(Arc::new(Shared { stream, turn: Mutex::new(turn) }))
    }

    /// Has the client work until it is done. `None`: it waits for something else than this socket.
    pub(super) fn drive<T>(
        &self,
        until: Instant,
        mut client: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let progress = Arc::<Progress>::default();
        let waker = Waker::from(Arc::clone(&progress));
        let mut context = Context::from_waker(&waker);
        loop {
            // With what it has already, until none of its parts has news for another.
            progress.0.store(false, Ordering::Relaxed);
            *self.turn() = Turn { reading: Reading::Later, until };
            if let Poll::Ready(done) = client(&mut context) {
                return Some(done);
            }
            if progress.0.load(Ordering::Relaxed) {
                continue;
            }
            *self.turn() = Turn { reading: Reading::Waiting, until };
            if let Poll::Ready(done) = client(&mut context) {
                return Some(done);
            }
            if self.turn().reading == Reading::Waiting {
                return None;
            }
        }
    }

    /// Has the client take what has arrived, without waiting.
    pub(super) fn take_in<T>(&self, mut client: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let mut context = Context::from_waker(Waker::noop());
        *self.turn() = Turn { reading: Reading::Now, until: Instant::now() };
        while self.turn().reading == Reading::Now {
            if let Poll::Ready(done) = client(&mut context) {
                return Poll::Ready(done);
            }
        }
        Poll::Pending
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Turn { reading, until } = *self.turn();
        let stream = &self.0.stream;
        let read = match reading {
            Reading::Later => return Poll::Pending,
            Reading::Waiting => {
                self.turn().reading = Reading::Later;
                time_left(until)
                    .and_then(|left| stream.set_read_timeout(left))
                    .and_then(|()| stream.read_into(buffer))
            }
            Reading::Now => match stream.set_nonblocking(true) {
                Ok(()) => {
                    let read = stream.read_into(buffer);
                    stream.set_nonblocking(false).and(read)
                }
                Err(error) => Err(error),
            },
        };
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.turn().reading = reading;
                self.read(buffer)
            }
            Err(error) if is_nothing_there(&error) && reading == Reading::Now => {
                self.turn().reading = Reading::Later;
                Poll::Pending
            }
            read => Poll::Ready(read.map_err(in_time)),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let until = self.turn().until;
        let stream = &self.0.stream;
        loop {
            stream.set_write_timeout(time_left(until)?)?;
            match stream.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written.map_err(in_time),
            }
        }
    }
}

impl Stream {
    fn read_into(&self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let read = match self {
            Self::Tcp(stream) => (&*stream).read(buffer.initialize_unfilled()),
            #[cfg(unix)]
            Self::Unix(stream) => (&*stream).read(buffer.initialize_unfilled()),
        };
        read.map(|length| buffer.advance(length))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => (&*stream).write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => (&*stream).write(bytes),
        }
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(timeout)),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_read_timeout(Some(timeout)),
        }
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(Some(timeout)),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_write_timeout(Some(timeout)),
        }
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
    }

    fn shutdown(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            #[cfg(unix)]
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read(buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.stream.shutdown())
    }
}

/// Never none, which sockets take for "for ever".
fn time_left(until: Instant) -> io::Result<Duration> {
    match until.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn is_nothing_there(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// A socket whose time-out has passed says that it would block.
fn in_time(error: io::Error) -> io::Error {
    if is_nothing_there(&error) { io::ErrorKind::TimedOut.into() } else { error }
}
