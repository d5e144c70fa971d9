//! What a connection is waiting for and since when. hyper's own header deadline also runs while a kept-alive connection
//! rests, so the phases are followed here: the stream tells the first byte of a request, the service its start and end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::ServerLimits;

const IDLE: u64 = 0;
const HEADERS: u64 = 1;
const BODY: u64 = 2;
const RESPONDING: u64 = 3;
const FLUSHING: u64 = 4;
const STREAMING: u64 = 5;
const STALLED: u64 = 6;

/// How many bits the phase takes.
const BITS: u32 = 3;

/// The phase (lowest bits) and the milliseconds from the connection's start at which it began: one word, so that
/// no request pays for a lock or a timer.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    started: Instant,
    word: Arc<AtomicU64>,
}

/// What to do about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again then.
    WaitUntil(Instant),
    /// It rested long enough: end it between requests.
    EndIdle,
    /// Its peer is too slow: cut it.
    Cut(&'static str),
}

impl Phase {
    /// A new connection.
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            word: Arc::new(AtomicU64::new(HEADERS)),
        }
    }

    fn current(&self) -> u64 {
        self.word.load(Ordering::Relaxed) & ((1 << BITS) - 1)
    }

    fn set(&self, phase: u64) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX >> BITS);
        self.word.store((millis << BITS) | phase, Ordering::Relaxed);
    }

    /// The handshake is done, the first head is awaited.
    pub(super) fn handshake_ended(&self) {
        self.set(HEADERS);
    }

    /// Bytes came: between requests they begin a head.
    pub(super) fn bytes_came(&self) {
        if self.current() == IDLE {
            self.set(HEADERS);
        }
    }

    /// Whether every answer was written and the next head is awaited or incomplete: what is written now is not a
    /// handler's.
    pub(super) fn owes_no_answer(&self) -> bool {
        matches!(self.current(), IDLE | HEADERS)
    }

    /// A head is complete, its handler runs.
    pub(super) fn request_begins(&self) {
        self.set(BODY);
    }

    /// The handler answered.
    pub(super) fn response_begins(&self) {
        self.set(RESPONDING);
    }

    /// The handler answered with a body that lasts as long as it likes.
    pub(super) fn stream_begins(&self) {
        self.set(STREAMING);
    }

    /// The socket took something of what is sent, or nothing for now. Of account while a body streams alone: only then is it
    /// not the whole answer that has to be read in time.
    pub(super) fn peer_takes(&self, takes: bool) {
        match self.current() {
            STREAMING if !takes => self.set(STALLED),
            STALLED if takes => self.set(STREAMING),
            _ => {}
        }
    }

    /// Whether a stream's reader takes nothing.
    pub(super) fn is_stalled(&self) -> bool {
        self.current() == STALLED
    }

    /// The whole answer was handed over to be written.
    pub(super) fn response_ended(&self) {
        self.set(FLUSHING);
    }

    /// Everything handed over was written.
    pub(super) fn flushed(&self) {
        if self.current() == FLUSHING {
            self.set(IDLE);
        }
    }

    /// Judges the connection now.
    pub(super) fn judge(&self, limits: &ServerLimits, now: Instant) -> Verdict {
        let since = self.started + Duration::from_millis(self.word.load(Ordering::Relaxed) >> BITS);
        let (allowed, late) = match self.current() {
            IDLE => (limits.idle, Verdict::EndIdle),
            HEADERS => (limits.headers, Verdict::Cut("its request head took too long")),
            // The body has a rate of its own and the store answers or refuses: nothing to cut here.
            BODY => return Verdict::WaitUntil(now + limits.headers),
            STREAMING => return Verdict::WaitUntil(now + limits.headers.min(limits.stream_stall)),
            STALLED => (
                limits.stream_stall,
                Verdict::Cut("it does not take what its stream sends"),
            ),
            _ => (limits.idle, Verdict::Cut("it does not read its answer")),
        };
        let end = since + allowed;
        if now >= end {
            return late;
        }
        // A rest may end in a head at any time, which has a deadline of its own.
        Verdict::WaitUntil(end.min(now + limits.headers))
    }
}
