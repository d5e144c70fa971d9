//! How far it is: a bar on a terminal, else a line every few seconds; always on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// One phase of a run.
pub(in crate::cli) struct Progress {
    what: &'static str,
    before: u64,
    total: Option<u64>,
    bar: Option<ProgressBar>,
    next_line: Option<Instant>,
}

impl Progress {
    /// A phase of `total` steps, where that is known.
    pub(in crate::cli) fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
        Self {
            what,
            before: 0,
            total,
            bar,
            next_line: Some(Instant::now() + BETWEEN_LINES),
        }
    }

    /// Shows nothing.
    #[cfg(test)]
    pub(in crate::cli) const fn silent() -> Self {
        Self {
            what: "",
            before: 0,
            total: None,
            bar: None,
            next_line: None,
        }
    }

    /// From here on, steps count after these.
    pub(in crate::cli) const fn count_from(&mut self, before: u64) {
        self.before = before;
    }

    /// So many steps are done; `more` says what else is to know.
    pub(in crate::cli) fn show(&mut self, done: u64, more: &str) {
        let done = self.before + done;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(more.to_owned());
        } else if self.next_line.is_some_and(|next| Instant::now() >= next) {
            self.next_line = Some(Instant::now() + BETWEEN_LINES);
            let of = self.total.map_or(String::new(), |total| format!(" of {total}"));
            let space = if more.is_empty() { "" } else { ", " };
            eprintln!("{}: {done}{of}{space}{more}", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{prefix} {wide_bar} {pos}/{len} {msg} {elapsed}",
        None => "{prefix} {spinner} {pos} {msg} {elapsed}",
    };
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    // A template of ours that does not parse would be seen at once; the bar then has its own.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_prefix(what)
}

const BETWEEN_LINES: Duration = Duration::from_secs(5);
