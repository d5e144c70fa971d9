//! The result file of an import: a line a row, appended as each is done, so that an import that was cut off goes on
//! where it was. It holds secrets, so only its owner may read it.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::rows::Row;
use crate::cli::client::Failure;

const HEADER: [&str; 6] = ["line", "device_id", "result", "error_code", "message", "secret"];

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Registered by this import.
    Registered,
    /// It was registered already, as the row says.
    Found,
    /// Not registered; the message says why.
    Refused,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Found => "found",
            Self::Refused => "refused",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Registered, Self::Found, Self::Refused]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A row's result.
pub(super) struct Noted {
    pub(super) state: State,
    pub(super) code: String,
    pub(super) message: String,
    /// The device's secret, generated or given; empty where it has none.
    pub(super) secret: String,
}

/// How many rows came to what in this run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub(super) created: usize,
    pub(super) found: usize,
    pub(super) refused: usize,
}

/// The file, and what it said when it was opened.
pub(super) struct Results {
    path: PathBuf,
    present: HashSet<String>,
    writing: Mutex<Writing>,
}

struct Writing {
    writer: csv::Writer<File>,
    summary: Summary,
}

impl Results {
    /// Opens the results of these rows, those of an earlier run included.
    pub(super) fn open(path: &Path, rows: &[Row]) -> Result<Self, Failure> {
        let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let ids: HashSet<&str> = rows.iter().map(|row| row.device_id.as_str()).collect();
        let mut present = earlier(path)?;
        present.retain(|device_id| ids.contains(device_id.as_str()));
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| fault(&error))?;
        let end = end_of(&mut file).map_err(|error| fault(&error))?;
        if end.is_some_and(|byte| byte != b'\n') {
            // A line that was cut off ends here, or the next result would be part of it.
            writeln!(file).map_err(|error| fault(&error))?;
        }
        let mut writer = csv::Writer::from_writer(file);
        if end.is_none() {
            writer.write_record(HEADER).map_err(|error| fault(&error))?;
        }
        Ok(Self {
            path: path.to_owned(),
            present,
            writing: Mutex::new(Writing {
                writer,
                summary: Summary::default(),
            }),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many rows earlier runs registered.
    pub(super) fn present(&self) -> usize {
        self.present.len()
    }

    pub(super) fn is_present(&self, row: &Row) -> bool {
        self.present.contains(&row.device_id)
    }

    /// Notes a row's result, at once: a process that ends the next instant leaves it.
    pub(super) fn note(&self, row: &Row, noted: &Noted) -> Result<(), Failure> {
        let mut writing = self.writing();
        let count = match noted.state {
            State::Registered => &mut writing.summary.created,
            State::Found => &mut writing.summary.found,
            State::Refused => &mut writing.summary.refused,
        };
        *count += 1;
        let line = row.line.to_string();
        let record = [
            line.as_str(),
            &row.device_id,
            noted.state.as_str(),
            &noted.code,
            &noted.message,
            &noted.secret,
        ];
        writing.writer.write_record(record)?;
        Ok(writing.writer.flush()?)
    }

    /// On disk from here on.
    pub(super) fn finish(&self) -> Result<Summary, Failure> {
        let mut writing = self.writing();
        writing.writer.flush()?;
        File::open(&self.path)?.sync_all()?;
        Ok(writing.summary)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last byte of a file; none where it is empty.
fn end_of(file: &mut File) -> std::io::Result<Option<u8>> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte.first().copied())
}

/// The devices that earlier runs registered or found.
fn earlier(path: &Path) -> Result<HashSet<String>, Failure> {
    if !path.exists() {
        return Ok(HashSet::new());
    }
    let shown = path.display();
    // The last line may have been cut off.
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path)?;
    let header = reader.headers().map_err(|error| format!("{shown}: {error}"))?;
    if !header.is_empty() && header != HEADER.as_slice() {
        return Err(format!("{shown} is no result of an import: give another file as --result").into());
    }
    let mut present = HashSet::new();
    for record in reader.records() {
        let Ok(record) = record else { continue };
        let state = record.get(2).and_then(State::parse);
        if let (Some(State::Registered | State::Found), Some(device_id)) = (state, record.get(1)) {
            present.insert(device_id.to_owned());
        }
    }
    Ok(present)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_from_its_name() {
        for state in [State::Registered, State::Found, State::Refused] {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("x"), None);
    }
}
