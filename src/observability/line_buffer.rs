//! Gathers log lines for a moment, so that a request pays for no system call of its own; warnings and errors are written
//! at once, with what waited before them.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait.
const DELAY: Duration = Duration::from_millis(100);

/// How many bytes may wait.
const CAPACITY: usize = 64 * 1024;

/// The lines that wait, and their way out.
#[derive(Clone)]
pub(super) struct LineBuffer(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    first_came: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    closed: bool,
}

impl Waiting {
    /// A log that cannot be written has nobody to tell.
    fn write_out(&mut self) {
        let _ = io::stderr().lock().write_all(&self.lines);
        self.lines.clear();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush_now_and_then(&self) {
        loop {
            let waiting = self.lock();
            let ready = self
                .first_came
                .wait_while(waiting, |waiting| waiting.lines.is_empty() && !waiting.closed);
            drop(ready);
            std::thread::sleep(DELAY);
            let mut waiting = self.lock();
            waiting.write_out();
            if waiting.closed {
                return;
            }
        }
    }
}

/// Writes what waits when it is dropped; later lines are written at once.
pub struct LogGuard(Arc<Shared>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        waiting.write_out();
    }
}

impl LineBuffer {
    /// Starts the thread that writes lines which waited long enough.
    pub(super) fn start() -> io::Result<(Self, LogGuard)> {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            first_came: Condvar::new(),
        });
        let flusher = shared.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || flusher.flush_now_and_then())?;
        Ok((Self(shared.clone()), LogGuard(shared)))
    }
}

impl<'a> MakeWriter<'a> for LineBuffer {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter {
            shared: &self.0,
            urgent: false,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LineWriter<'a> {
        LineWriter {
            shared: &self.0,
            urgent: *metadata.level() <= Level::WARN,
        }
    }
}

/// Takes one line.
pub(super) struct LineWriter<'a> {
    shared: &'a Shared,
    urgent: bool,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.shared.lock();
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        if self.urgent || waiting.closed || waiting.lines.len() >= CAPACITY {
            waiting.write_out();
        } else if first {
            self.shared.first_came.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
