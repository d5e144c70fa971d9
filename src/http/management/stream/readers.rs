//! Who reads the feed over HTTP: a bounded number, each as long as its key is good and the server runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::history::{Feed, Step, Subscription};
use crate::http::error::{ApiError, ErrorKind};
use crate::observability::Metrics;
use crate::storage::{Result, Settings};

/// The configuration key of the bound.
const MAX_STREAMS: &str = "stream.max_streams";

/// How long a key is believed to be good.
const KEY_HOLDS: Duration = Duration::from_secs(2);

/// The least time between two looks of one reader at the log's end: what comes quicker is gathered, so that a busy fleet
/// does not wake every reader for every commit.
const PACE: Duration = Duration::from_millis(10);

/// The readers, and what they share.
#[derive(Clone)]
pub struct Readers(Arc<Shared>);

struct Shared {
    feed: Feed,
    settings: Arc<dyn Settings>,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    closing: CancellationToken,
    /// Keys in use: when each was looked at, and whether it is good.
    keys: Mutex<HashMap<String, (Instant, bool)>>,
}

/// Room for one reader.
pub(super) struct Place {
    readers: Readers,
    _permit: OwnedSemaphorePermit,
}

/// One reader.
pub(super) struct Reading {
    place: Place,
    subscription: Subscription,
    access_key: String,
    given: Instant,
}

/// What a reader is given.
pub(super) enum News {
    /// Events or a gap.
    Step(Step),
    /// Nothing, up to the time that was asked for.
    Quiet,
    /// The server stops.
    Stopping,
    /// The key is no longer good.
    NoKey,
}

impl Readers {
    /// At most `max` at once.
    pub fn new(feed: Feed, settings: Arc<dyn Settings>, metrics: Arc<Metrics>, max: usize) -> Self {
        Self(Arc::new(Shared {
            feed,
            settings,
            places: Arc::new(Semaphore::new(max)),
            metrics,
            closing: CancellationToken::new(),
            keys: Mutex::default(),
        }))
    }

    /// Ends them all: the server stops.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// Room for one more, or the refusal.
    pub(super) fn take_place(&self) -> std::result::Result<Place, ApiError> {
        if let Ok(permit) = self.0.places.clone().try_acquire_owned() {
            self.0.metrics.event_readers.inc();
            return Ok(Place {
                readers: self.clone(),
                _permit: permit,
            });
        }
        self.0.metrics.limit_hit(MAX_STREAMS);
        let detail = format!("As many event streams are open as {MAX_STREAMS} allows, try again later.");
        Err(ApiError::new(ErrorKind::UNAVAILABLE, detail))
    }

    /// Whether the key is good, as of a moment ago.
    async fn is_good(&self, access_key: &str) -> Result<bool> {
        if access_key.is_empty() {
            return Ok(true);
        }
        {
            let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            match keys.get_mut(access_key) {
                Some((looked, good)) if now - *looked < KEY_HOLDS => return Ok(*good),
                // One of its readers looks, the others believe it as long.
                Some((looked, _)) => *looked = now,
                None => {
                    keys.retain(|_, (looked, _)| now - *looked < KEY_HOLDS * 2);
                }
            }
        }
        let key = self.0.settings.key(access_key).await?;
        let good = key.is_some_and(|key| !key.disabled);
        let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(access_key.to_owned(), (Instant::now(), good));
        Ok(good)
    }
}

impl Place {
    /// A reader that the key vouches for.
    pub(super) fn read(self, subscription: Subscription, access_key: &str) -> Reading {
        Reading {
            place: self,
            subscription,
            access_key: access_key.to_owned(),
            given: Instant::now(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.readers.0.metrics.event_readers.dec();
    }
}

impl Reading {
    /// See [`Subscription::position`].
    pub(super) fn position(&self) -> crate::domain::ids::Position {
        self.subscription.position()
    }

    /// What is next, waiting for it until then.
    pub(super) async fn next(&mut self, until: Instant) -> Result<News> {
        let readers = self.place.readers.clone();
        loop {
            if readers.0.closing.is_cancelled() {
                return Ok(News::Stopping);
            }
            if !readers.is_good(&self.access_key).await? {
                return Ok(News::NoKey);
            }
            let caught_up = match self.subscription.step().await? {
                Step::Scanned => false,
                Step::CaughtUp => true,
                step => {
                    self.given = Instant::now();
                    return Ok(News::Step(step));
                }
            };
            let now = Instant::now();
            if now >= until {
                return Ok(News::Quiet);
            }
            if caught_up {
                tokio::select! {
                    biased;
                    () = readers.0.closing.cancelled() => {}
                    () = tokio::time::sleep_until(until.min(now + KEY_HOLDS)) => {}
                    () = self.subscription.changed() => tokio::time::sleep_until(self.given + PACE).await,
                }
            }
        }
    }
}
