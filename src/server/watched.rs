//! The stream under hyper: tells the phase when bytes come and go, refuses a first head that other readers may read
//! differently, puts an answer that explains itself in the place of hyper's own bare ones, and lingers at the end.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::deadline::Phase;
use super::{Unrouted, UnroutedAnswer};

/// How long, and how much, a peer is still read after the last answer: closing with bytes unread resets the connection,
/// and the answer that refused them (a bad token, a body over 1 MB) would be lost with it.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 2 * 1024 * 1024;

/// How hyper's own answers begin.
const STATUS_LINE: &[u8] = b"HTTP/1.1 ";

pub(super) struct Watched<T> {
    stream: T,
    phase: Phase,
    head: HeadScan,
    unrouted: UnroutedAnswer,
    /// Ours, instead of hyper's; when it is written the connection has nothing more to say.
    instead: Option<Bytes>,
    /// Set once our side is shut down.
    linger: Option<Linger>,
}

struct Linger {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, phase: Phase, unrouted: UnroutedAnswer) -> Self {
        Self {
            stream,
            phase,
            head: HeadScan::default(),
            unrouted,
            instead: None,
            linger: None,
        }
    }

    /// Our answer for hyper's own, which it writes while no handler can have answered.
    fn replaced(&self, written: &[u8]) -> Option<Bytes> {
        if self.instead.is_some() || !self.phase.owes_no_answer() {
            return None;
        }
        let code = written.strip_prefix(STATUS_LINE)?.get(..3)?;
        let status = StatusCode::from_bytes(code).ok()?;
        (status.as_u16() >= 400).then(|| (self.unrouted)(Unrouted::Malformed(status)))
    }
}

impl<T: AsyncWrite + Unpin> Watched<T> {
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(answer) = self
            .instead
            .as_mut()
            .filter(|answer: &&mut Bytes| answer.has_remaining())
        {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, answer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            answer.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> Watched<T> {
    /// Reads and forgets, until the peer ends or has had its time.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            until: Box::pin(sleep(LINGER)),
            left: LINGER_BYTES,
        });
        let mut scratch = [0; 4096];
        while linger.left > 0 && linger.until.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buf.filled().len());
                }
                // The peer's end, or its reset.
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(came) = buf.filled_mut().get_mut(before..).filter(|came| !came.is_empty()) {
            self.phase.bytes_came();
            self.head.take(came);
        }
        result
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(answer) = self.replaced(buf) {
            self.instead = Some(answer);
        }
        if self.instead.is_some() {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.phase.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        ready!(self.poll_linger(cx));
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(answer) = bufs.first().and_then(|first| self.replaced(first)) {
            self.instead = Some(answer);
        }
        if self.instead.is_some() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Looks for a line that ends in a bare LF in the connection's first head. hyper takes it as an end, a proxy in front may
/// not: the two would see different headers. Later heads are left to the parser: where one begins in the bytes that came
/// is known to it alone.
#[derive(Default)]
struct HeadScan {
    last: u8,
    line_is_empty: bool,
    ended: bool,
}

impl HeadScan {
    /// Follows the head; what makes it ambiguous is replaced by a NUL, which no parser takes.
    fn take(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.ended {
                return;
            }
            if *byte == b'\n' {
                if self.last != b'\r' {
                    *byte = 0;
                }
                self.ended = self.line_is_empty;
                self.line_is_empty = true;
            } else if *byte != b'\r' {
                self.line_is_empty = false;
            }
            self.last = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(parts: &[&str]) -> String {
        let mut scan = HeadScan::default();
        let mut out = Vec::new();
        for part in parts {
            let mut bytes = part.as_bytes().to_vec();
            scan.take(&mut bytes);
            out.extend(bytes);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bare_line_feeds_of_a_head_are_broken_and_bodies_left_alone() {
        let good = "POST / HTTP/1.1\r\nHost: h\r\n\r\na\nb\n\n";
        assert_eq!(scanned(&[good]), good);
        assert_eq!(
            scanned(&["POST / HTTP/1.1\r", "\nA: b\r\n\r", "\nx\n"]),
            "POST / HTTP/1.1\r\nA: b\r\n\r\nx\n"
        );
        assert_eq!(
            scanned(&["POST / HTTP/1.1\nHost: h\r\n\r\n"]),
            "POST / HTTP/1.1\0Host: h\r\n\r\n"
        );
        assert_eq!(scanned(&["A\r\nB: c\n\r\n"]), "A\r\nB: c\0\r\n");
    }
}
