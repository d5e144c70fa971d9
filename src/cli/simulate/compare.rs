//! Compares what was acknowledged with what the store has, report by report: pure, so that a store that lost, doubled or
//! invented something can be made up in a test.

use serde::Serialize;

use super::journal::Journal;

/// Which of a reporter's reports a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The reporter's own: properties and messages.
    Own,
    /// A child's: batches.
    Child,
}

/// What is stored of a device, newest first.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// The numbers in the marks.
    pub(super) reports: Vec<u32>,
    /// Events without a mark of this reporter.
    pub(super) foreign: u64,
}

/// What the comparison found.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Findings {
    /// Devices whose events were read.
    pub(super) devices: u64,
    /// Events that acknowledged reports must have left, a batch leaving one for each child.
    pub(super) acknowledged: u64,
    /// Events that are stored.
    pub(super) stored: u64,
    /// Stored, of reports without an answer: allowed.
    pub(super) unanswered: u64,
    /// Acknowledged and not stored.
    pub(super) missing: Found,
    /// Stored more often than it was sent without an answer.
    pub(super) twice: Found,
    /// Stored, and refused or never sent.
    pub(super) unexpected: Found,
    /// Stored after a report that the device sent later.
    pub(super) out_of_order: Found,
}

/// How many of a kind, and where the first of them are.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    pub(super) count: u64,
    pub(super) first: Vec<String>,
}

impl Findings {
    /// True where everything is as it was answered.
    pub(super) const fn hold(&self) -> bool {
        self.missing.count == 0
            && self.twice.count == 0
            && self.unexpected.count == 0
            && self.out_of_order.count == 0
    }

    /// Takes another device's in.
    pub(super) fn add(&mut self, other: Self) {
        self.devices += other.devices;
        self.acknowledged += other.acknowledged;
        self.stored += other.stored;
        self.unanswered += other.unanswered;
        self.missing.add(other.missing);
        self.twice.add(other.twice);
        self.unexpected.add(other.unexpected);
        self.out_of_order.add(other.out_of_order);
    }
}

impl Found {
    fn note(&mut self, device_id: &str, report: u32) {
        self.count += 1;
        if self.first.len() < MOST_SHOWN {
            self.first.push(format!("{device_id} report {report}"));
        }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        let room = MOST_SHOWN.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
    }
}

/// Compares one device's events with its reporter's notes.
pub(super) fn compare(journal: &Journal, side: Side, device_id: &str, stored: &Stored) -> Findings {
    let notes = journal.notes();
    let mut findings = Findings {
        devices: 1,
        stored: stored.reports.len() as u64 + stored.foreign,
        ..Findings::default()
    };
    let mut times_stored = vec![0_u32; notes.len()];
    for report in &stored.reports {
        match usize::try_from(*report)
            .ok()
            .and_then(|at| times_stored.get_mut(at))
        {
            Some(times) => *times += 1,
            None => findings.unexpected.note(device_id, *report),
        }
    }
    for (report, (note, times)) in (0_u32..).zip(notes.iter().zip(times_stored)) {
        let mine = note.is_batch() == (side == Side::Child);
        let acknowledged = mine && note.is_acknowledged();
        let unsure = if mine { u32::from(note.unsure()) } else { 0 };
        findings.acknowledged += u64::from(acknowledged);
        if acknowledged && times == 0 {
            findings.missing.note(device_id, report);
        } else if times > 0 && !acknowledged && unsure == 0 {
            findings.unexpected.note(device_id, report);
        } else if times > u32::from(acknowledged) + unsure {
            findings.twice.note(device_id, report);
        } else {
            findings.unanswered += u64::from(times.saturating_sub(u32::from(acknowledged)));
        }
    }
    if stored.foreign > 0 {
        findings.unexpected.count += stored.foreign;
        let text = format!(
            "{device_id} has {} events without a mark of this run",
            stored.foreign
        );
        findings.unexpected.first.push(text);
    }
    order(journal, device_id, stored, &mut findings);
    findings
}

/// What was sent after the answer to another must be stored after it. One whose connection was lost may come later.
fn order(journal: &Journal, device_id: &str, stored: &Stored, findings: &mut Findings) {
    let mut latest = None;
    for report in stored.reports.iter().rev() {
        let note = usize::try_from(*report)
            .ok()
            .and_then(|at| journal.notes().get(at));
        if note.is_none_or(|note| !note.is_acknowledged() || note.unsure() > 0) {
            continue;
        }
        if latest.is_some_and(|latest| *report < latest) {
            findings.out_of_order.note(device_id, *report);
        }
        latest = latest.max(Some(*report));
    }
}

const MOST_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::super::judge::Outcome;
    use super::super::mix::ReportKind::{self, Batch, Message, Properties};
    use super::*;

    fn journal(notes: &[(ReportKind, Outcome, u32)]) -> Journal {
        let mut journal = Journal::new(0, true);
        for (kind, outcome, unsure) in notes {
            journal.note(*kind, *outcome, *unsure);
        }
        journal
    }

    /// Oldest first, as one thinks of them.
    fn found(journal: &Journal, side: Side, oldest_first: &[u32]) -> Findings {
        let mut reports = oldest_first.to_vec();
        reports.reverse();
        compare(journal, side, "d", &Stored { reports, foreign: 0 })
    }

    const SENT: [(ReportKind, Outcome, u32); 5] = [
        (Properties, Outcome::Acknowledged, 0),
        (Message, Outcome::Acknowledged, 0),
        (Properties, Outcome::Refused, 0),
        (Message, Outcome::NoAnswer, 1),
        (Batch, Outcome::Acknowledged, 0),
    ];

    #[test]
    fn a_store_that_has_what_was_answered_holds() {
        let journal = journal(&SENT);
        let own = found(&journal, Side::Own, &[0, 1]);
        assert!(own.hold(), "{own:?}");
        assert_eq!((own.acknowledged, own.stored, own.unanswered), (2, 2, 0));
        let with_unanswered = found(&journal, Side::Own, &[0, 1, 3]);
        assert!(with_unanswered.hold());
        assert_eq!(with_unanswered.unanswered, 1);
        let child = found(&journal, Side::Child, &[4]);
        assert!(child.hold());
        assert_eq!(child.acknowledged, 1);
    }

    #[test]
    fn what_was_answered_and_is_not_there_is_missing() {
        let journal = journal(&SENT);
        let findings = found(&journal, Side::Own, &[0]);
        assert!(!findings.hold());
        assert_eq!(findings.missing.count, 1);
        assert_eq!(findings.missing.first, ["d report 1"]);
        assert_eq!(found(&journal, Side::Child, &[]).missing.count, 1);
    }

    #[test]
    fn what_is_there_twice_or_was_refused_or_never_sent_is_found() {
        let journal = journal(&SENT);
        assert_eq!(found(&journal, Side::Own, &[0, 0, 1]).twice.count, 1);
        assert_eq!(found(&journal, Side::Own, &[0, 1, 3, 3]).twice.count, 1);
        assert_eq!(
            found(&journal, Side::Own, &[0, 1, 2]).unexpected.first,
            ["d report 2"]
        );
        assert_eq!(found(&journal, Side::Own, &[0, 1, 99]).unexpected.count, 1);
        assert_eq!(
            found(&journal, Side::Own, &[0, 1, 4]).unexpected.count,
            1,
            "a batch is its children's"
        );
        let foreign = Stored {
            reports: vec![1, 0],
            foreign: 2,
        };
        assert_eq!(compare(&journal, Side::Own, "d", &foreign).unexpected.count, 2);
    }

    #[test]
    fn attempts_without_a_word_may_be_there_besides() {
        let journal = journal(&[(Properties, Outcome::Acknowledged, 1)]);
        assert!(found(&journal, Side::Own, &[0]).hold());
        assert!(found(&journal, Side::Own, &[0, 0]).hold());
        assert_eq!(found(&journal, Side::Own, &[0, 0, 0]).twice.count, 1);
        assert_eq!(found(&journal, Side::Own, &[]).missing.count, 1);
    }

    #[test]
    fn order_is_that_of_the_answers() {
        let journal = journal(&[
            (Properties, Outcome::Acknowledged, 0),
            (Properties, Outcome::NoAnswer, 1),
            (Properties, Outcome::Acknowledged, 0),
            (Properties, Outcome::Acknowledged, 0),
        ]);
        let late = found(&journal, Side::Own, &[0, 2, 1, 3]);
        assert!(late.hold(), "the one without an answer may come late: {late:?}");
        let swapped = found(&journal, Side::Own, &[0, 3, 2]);
        assert_eq!(swapped.out_of_order.first, ["d report 2"]);
    }

    #[test]
    fn findings_add_up_and_lists_stay_short() {
        let journal = journal(&vec![(Properties, Outcome::Acknowledged, 0); 100]);
        let mut all = found(&journal, Side::Own, &[]);
        all.add(found(&journal, Side::Own, &[]));
        assert_eq!((all.devices, all.missing.count), (2, 200));
        assert_eq!(all.missing.first.len(), MOST_SHOWN);
    }
}
