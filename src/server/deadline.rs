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

/// The phase (two lowest bits) and the milliseconds from the connection's start at which it began: one word, so that
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
    /// A new connection, whose first head is awaited.
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            word: Arc::new(AtomicU64::new(HEADERS)),
        }
    }

    fn set(&self, phase: u64) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.word.store((millis << 2) | phase, Ordering::Relaxed);
    }

    /// Bytes came: between requests they begin a head. Whether they belong to a head.
    pub(super) fn bytes_came(&self) -> bool {
        match self.word.load(Ordering::Relaxed) & 3 {
            IDLE => {
                self.set(HEADERS);
                true
            }
            HEADERS => true,
            _ => false,
        }
    }

    /// Whether a head is awaited or incomplete, so that no handler can have answered.
    pub(super) fn in_head(&self) -> bool {
        self.word.load(Ordering::Relaxed) & 3 == HEADERS
    }

    /// A head is complete, its handler runs.
    pub(super) fn request_begins(&self) {
        self.set(BODY);
    }

    /// The handler answered.
    pub(super) fn response_begins(&self) {
        self.set(RESPONDING);
    }

    /// The answer was handed to the socket.
    pub(super) fn response_ended(&self) {
        self.set(IDLE);
    }

    /// Judges the connection now.
    pub(super) fn judge(&self, limits: &ServerLimits, now: Instant) -> Verdict {
        let word = self.word.load(Ordering::Relaxed);
        let since = self.started + Duration::from_millis(word >> 2);
        let (allowed, late) = match word & 3 {
            IDLE => (limits.idle, Verdict::EndIdle),
            HEADERS => (limits.headers, Verdict::Cut("its request head took too long")),
            // The body has a rate of its own and the store answers or refuses: nothing to cut here.
            BODY => return Verdict::WaitUntil(now + limits.headers),
            _ => (limits.idle, Verdict::Cut("it does not read its answer")),
        };
        let end = since + allowed;
        if now >= end { late } else { Verdict::WaitUntil(end) }
    }
}
