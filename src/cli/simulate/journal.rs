//! What a reporter knows of each of its reports, for the comparison with the store: a byte a report.

use super::judge::Outcome;
use super::mix::ReportKind;

/// A reporter's notes; the place of a note is the number in the report's mark.
#[derive(Debug)]
pub(super) struct Journal {
    reporter: u32,
    notes: Option<Vec<Note>>,
}

/// What is known of one report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note(u8);

impl Journal {
    /// Empty; takes no notes unless they are wanted.
    pub(super) fn new(reporter: u32, wanted: bool) -> Self {
        Self {
            reporter,
            notes: wanted.then(Vec::new),
        }
    }

    pub(super) const fn reporter(&self) -> u32 {
        self.reporter
    }

    /// The next report's; `unsure` attempts may have been stored without a word.
    pub(super) fn note(&mut self, kind: ReportKind, outcome: Outcome, unsure: u32) {
        if let Some(notes) = &mut self.notes {
            notes.push(Note::new(kind, outcome, unsure));
        }
    }

    pub(super) fn notes(&self) -> &[Note] {
        self.notes.as_deref().unwrap_or_default()
    }
}

impl Note {
    fn new(kind: ReportKind, outcome: Outcome, unsure: u32) -> Self {
        // Answered 200 is to be stored, also where it should have been refused.
        let acknowledged = matches!(outcome, Outcome::Acknowledged | Outcome::WronglyAccepted);
        let unsure = u8::try_from(unsure).unwrap_or(u8::MAX).min(MOST_UNSURE);
        Self(u8::from(acknowledged) | u8::from(kind == ReportKind::Batch) << 1 | unsure << 2)
    }

    /// It was answered 200.
    pub(super) const fn is_acknowledged(self) -> bool {
        self.0 & 1 != 0
    }

    /// It was for the children.
    pub(super) const fn is_batch(self) -> bool {
        self.0 & 2 != 0
    }

    /// How many attempts may have been stored without a word.
    pub(super) const fn unsure(self) -> u8 {
        self.0 >> 2
    }
}

const MOST_UNSURE: u8 = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_it_was_given() {
        let note = Note::new(ReportKind::Batch, Outcome::Acknowledged, 2);
        assert!(note.is_acknowledged() && note.is_batch());
        assert_eq!(note.unsure(), 2);
        let note = Note::new(ReportKind::Message, Outcome::NoAnswer, 1000);
        assert!(!note.is_acknowledged() && !note.is_batch());
        assert_eq!(note.unsure(), MOST_UNSURE);
    }

    #[test]
    fn unwanted_notes_take_nothing() {
        let mut journal = Journal::new(1, false);
        journal.note(ReportKind::Message, Outcome::Acknowledged, 0);
        assert!(journal.notes().is_empty());
    }
}
