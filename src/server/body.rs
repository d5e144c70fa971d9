//! Bodies under way: one read with a minimum rate, one that tells when it was sent.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::deadline::Phase;

/// The body came slower than the minimum rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body came slower than the minimum rate")]
struct BodyTooSlow;

/// Whether an error, through whatever wrapped it, says that a body came too slowly.
pub fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<BodyTooSlow>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// A request's body that fails when, past a grace, it falls behind a minimum rate: 1 MB over a slow radio link passes,
/// a body that stalls or drips does not hold a connection.
pub struct TimedBody {
    inner: Incoming,
    started: Instant,
    progress: Instant,
    received: u64,
    grace: Duration,
    bytes_per_second: u64,
    /// Set at the first wait: a body that is there at once costs no timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    pub(super) fn new(inner: Incoming, grace: Duration, bytes_per_second: u64) -> Self {
        Self {
            inner,
            started: Instant::now(),
            progress: Instant::now(),
            received: 0,
            grace,
            bytes_per_second,
            timer: None,
        }
    }

    /// When the bytes so far no longer satisfy the rate; what came early buys no rest longer than the grace.
    fn deadline(&self) -> Instant {
        let earned = self.received.checked_div(self.bytes_per_second).unwrap_or(0);
        let by_rate = self.started + self.grace + Duration::from_secs(earned);
        by_rate.min(self.progress + self.grace)
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(|f| f.data_ref())) {
                self.received += data.map_or(0, |data| data.len() as u64);
                self.progress = Instant::now();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = self.deadline();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyTooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body that tells the phase when it has ended.
pub(super) struct TrackedBody<B> {
    inner: Pin<Box<B>>,
    phase: Phase,
}

impl<B> TrackedBody<B> {
    pub(super) fn new(inner: B, phase: Phase) -> Self {
        Self {
            inner: Box::pin(inner),
            phase,
        }
    }
}

impl<B: Body> Body for TrackedBody<B>
where
    B::Data: Buf,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.inner.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for TrackedBody<B> {
    fn drop(&mut self) {
        // hyper drops a body once it has written it out.
        self.phase.response_ended();
    }
}
