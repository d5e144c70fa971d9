//! The group-commit writer: takes what waits, commits it at once, then answers every caller. Bounded in rows and bytes;
//! a full queue answers [`StoreError::Busy`] without waiting. Bounded in time as well: a commit that hangs keeps its callers
//! no longer than they should wait, and those behind it are refused. What a commit does is its backend's.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Result, StoreError};
use crate::domain::event::NewEvent;
use crate::domain::ids::Position;
use crate::lifecycle::Lifecycle;
use crate::observability::Metrics;

/// Bounds of the queue and of one commit.
#[derive(Clone, Copy, Debug)]
pub struct WriterLimits {
    /// Rows that may wait.
    pub queue_rows: usize,
    /// Bytes that may wait.
    pub queue_bytes: usize,
    /// Rows of one commit, unless a single job has more.
    pub batch_rows: usize,
    /// Bytes of one commit, unless a single job has more.
    pub batch_bytes: usize,
    /// How long the callers of a commit wait for it.
    pub commit_timeout: Duration,
}

/// The configuration key of the bound in time.
const COMMIT_TIMEOUT: &str = "storage.commit_timeout_seconds";

/// How often the queue is emptied while a commit hangs: of what was sent just before everyone was refused.
const WHILE_HANGING: Duration = Duration::from_millis(500);

/// A commit that takes longer tells that something is wrong, whether its callers still wait for it or not.
const SLOW: Duration = Duration::from_secs(3);

/// What a caller wants written.
#[derive(Debug)]
pub enum Work<C> {
    /// These events, in order.
    Append(Vec<NewEvent>),
    /// A change of the backend's own kind.
    Change(C),
}

/// What was written.
#[derive(Debug)]
pub enum Done<O> {
    /// The events; the position of the last.
    Appended(Position),
    /// The change.
    Changed(O),
}

/// Commits groups of work; the one that knows the database.
#[async_trait]
pub trait CommitBackend: Send + 'static {
    /// A change.
    type Change: Send + 'static;
    /// What a change comes to.
    type Outcome: Send + 'static;

    /// Writes all of `work` in one transaction, on disk before this returns, answers in the same order. An error means
    /// that nothing of it was written, but for [`StoreError::OutcomeUnknown`].
    async fn commit(&mut self, work: Vec<Work<Self::Change>>) -> Result<Vec<Done<Self::Outcome>>>;
}

type Answer<B> = oneshot::Sender<Result<Done<<B as CommitBackend>::Outcome>>>;

struct Item<B: CommitBackend> {
    work: Work<B::Change>,
    rows: usize,
    bytes: usize,
    answer: Answer<B>,
}

/// The front of the queue; clones share it.
pub struct Writer<B: CommitBackend> {
    queue: mpsc::UnboundedSender<Item<B>>,
    waiting: Arc<Waiting>,
    metrics: Arc<Metrics>,
    limits: WriterLimits,
    closing: CancellationToken,
    closed: CancellationToken,
}

#[derive(Default)]
struct Waiting {
    rows: AtomicUsize,
    bytes: AtomicUsize,
    /// A commit takes longer than its callers wait.
    hanging: AtomicBool,
    /// Since when a commit runs.
    since: Mutex<Option<Instant>>,
}

impl Waiting {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, rows: usize, bytes: usize) {
        self.rows.fetch_sub(rows, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl<B: CommitBackend> Writer<B> {
    /// Starts the writer's task over a backend.
    pub fn start(backend: B, limits: WriterLimits, metrics: Arc<Metrics>, lifecycle: &Lifecycle) -> Self {
        // The queue is bounded by `waiting`, in rows and bytes, before anything is sent.
        let (queue, items) = mpsc::unbounded_channel();
        let writer = Self {
            queue,
            waiting: Arc::default(),
            metrics: metrics.clone(),
            limits,
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
        };
        let task = WriterTask {
            backend,
            items,
            waiting: writer.waiting.clone(),
            metrics,
            limits,
        };
        let (closing, closed) = (writer.closing.clone(), writer.closed.clone());
        lifecycle.spawn("writer", async move {
            let _closed = closed.drop_guard();
            task.run(closing).await;
        });
        writer
    }

    /// Waits until the events are on disk; the last one's position.
    pub async fn append(&self, events: Vec<NewEvent>) -> Result<Position> {
        let rows = events.len();
        let bytes = events.iter().map(held_bytes).sum();
        match self.submit(Work::Append(events), rows, bytes).await? {
            Done::Appended(position) => Ok(position),
            Done::Changed(_) => Err(StoreError::Corrupt("the writer answered another call".to_owned())),
        }
    }

    /// Waits until the change is on disk.
    pub async fn change(&self, change: B::Change, bytes: usize) -> Result<B::Outcome> {
        match self.submit(Work::Change(change), 1, bytes).await? {
            Done::Changed(outcome) => Ok(outcome),
            Done::Appended(_) => Err(StoreError::Corrupt("the writer answered another call".to_owned())),
        }
    }

    async fn submit(&self, work: Work<B::Change>, rows: usize, bytes: usize) -> Result<Done<B::Outcome>> {
        if self.closing.is_cancelled() {
            return Err(stopping());
        }
        if self.waiting.hanging.load(Ordering::Relaxed) {
            self.metrics.limit_hit(COMMIT_TIMEOUT);
            return Err(hanging());
        }
        let waiting_rows = self.waiting.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        let waiting_bytes = self.waiting.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if waiting_rows > self.limits.queue_rows || waiting_bytes > self.limits.queue_bytes {
            self.waiting.release(rows, bytes);
            self.metrics.limit_hit("storage.queue");
            return Err(StoreError::Busy);
        }
        let (answer, answered) = oneshot::channel();
        if self
            .queue
            .send(Item {
                work,
                rows,
                bytes,
                answer,
            })
            .is_err()
        {
            self.waiting.release(rows, bytes);
            return Err(stopping());
        }
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Fails while a commit takes longer than it ever should.
    pub fn takes_writes(&self) -> Result<()> {
        match *self.waiting.since() {
            Some(since) if since.elapsed() > SLOW.min(self.limits.commit_timeout) => {
                Err(StoreError::Unavailable("a commit takes very long".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Takes no more, and waits until what was taken is written.
    pub async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}

/// What an event takes in memory, about.
fn held_bytes(event: &NewEvent) -> usize {
    event.payload.len() + event.faults.as_ref().map_or(0, String::len) + 128
}

fn gauge(value: &AtomicUsize) -> i64 {
    i64::try_from(value.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
}

fn stopping() -> StoreError {
    StoreError::Unavailable("the store is closing".to_owned())
}

fn hanging() -> StoreError {
    StoreError::Unavailable(format!("a commit takes longer than {COMMIT_TIMEOUT}"))
}

/// What each caller of a commit that failed hears.
fn for_each(error: &StoreError) -> StoreError {
    match error {
        StoreError::OutcomeUnknown => StoreError::OutcomeUnknown,
        other => StoreError::Unavailable(other.to_string()),
    }
}

struct WriterTask<B: CommitBackend> {
    backend: B,
    items: mpsc::UnboundedReceiver<Item<B>>,
    waiting: Arc<Waiting>,
    metrics: Arc<Metrics>,
    limits: WriterLimits,
}

impl<B: CommitBackend> WriterTask<B> {
    async fn run(mut self, closing: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                item = self.items.recv() => item,
                () = closing.cancelled(), if !self.items.is_closed() => {
                    self.items.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            self.commit_with(first).await;
        }
    }

    async fn commit_with(&mut self, first: Item<B>) {
        let (mut rows, mut bytes) = (first.rows, first.bytes);
        let mut work = vec![first.work];
        let mut answers = vec![first.answer];
        while rows < self.limits.batch_rows && bytes < self.limits.batch_bytes {
            let Ok(item) = self.items.try_recv() else { break };
            rows += item.rows;
            bytes += item.bytes;
            work.push(item.work);
            answers.push(item.answer);
        }
        #[cfg(feature = "answer-before-commit")]
        {
            answer_early::<B>(&work, &mut answers);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let started = Instant::now();
        *self.waiting.since() = Some(started);
        let result = self.commit_in_time(work, &mut answers).await;
        *self.waiting.since() = None;
        self.waiting.release(rows, bytes);
        self.metrics.commit(rows, started.elapsed());
        self.metrics.queue_rows.set(gauge(&self.waiting.rows));
        self.metrics.queue_bytes.set(gauge(&self.waiting.bytes));
        match result {
            // A caller that went away has no use for its answer.
            Ok(done) => answers
                .into_iter()
                .zip(done)
                .for_each(|(answer, done)| drop(answer.send(Ok(done)))),
            Err(error) => {
                for answer in answers {
                    drop(answer.send(Err(for_each(&error))));
                }
            }
        }
    }

    /// Waits for a commit to its end, however long that is. Its callers do not: after their time they hear that it may still
    /// come, and whoever is behind it that nothing was written. One timer for each commit, none for each caller.
    async fn commit_in_time(
        &mut self,
        work: Vec<Work<B::Change>>,
        answers: &mut Vec<Answer<B>>,
    ) -> Result<Vec<Done<B::Outcome>>> {
        let commit = self.backend.commit(work);
        tokio::pin!(commit);
        if let Ok(result) = tokio::time::timeout(self.limits.commit_timeout, &mut commit).await {
            return result;
        }
        tracing::error!("a commit takes longer than {COMMIT_TIMEOUT}, everything is refused until it ends");
        self.waiting.hanging.store(true, Ordering::Relaxed);
        for answer in answers.drain(..) {
            self.metrics.limit_hit(COMMIT_TIMEOUT);
            drop(answer.send(Err(StoreError::OutcomeUnknown)));
        }
        let result = loop {
            while let Ok(item) = self.items.try_recv() {
                self.waiting.release(item.rows, item.bytes);
                self.metrics.limit_hit(COMMIT_TIMEOUT);
                drop(item.answer.send(Err(hanging())));
            }
            if let Ok(result) = tokio::time::timeout(WHILE_HANGING, &mut commit).await {
                break result;
            }
        };
        self.waiting.hanging.store(false, Ordering::Relaxed);
        tracing::info!("the commit that hung has ended");
        result
    }
}

/// Breaks the promise of the 200 on purpose: the crash test must be seen to fail with it.
#[cfg(feature = "answer-before-commit")]
fn answer_early<B: CommitBackend>(work: &[Work<B::Change>], answers: &mut [Answer<B>]) {
    for (work, answer) in work.iter().zip(answers) {
        if matches!(work, Work::Append(_)) {
            let early = std::mem::replace(answer, oneshot::channel().0);
            drop(early.send(Ok(Done::Appended(Position::START))));
        }
    }
}
