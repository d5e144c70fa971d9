//! What devices send: the kinds of reports and their shares, as `properties=8,message=1,batch=1`.

use std::str::FromStr;

use super::dice::Dice;

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReportKind {
    /// A device's own properties.
    Properties,
    /// A device's message.
    Message,
    /// A gateway's report for its children.
    Batch,
}

impl ReportKind {
    /// Every kind.
    pub(super) const ALL: [Self; 3] = [Self::Properties, Self::Message, Self::Batch];

    /// Its name on the command line and in the summary.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Properties => "properties",
            Self::Message => "message",
            Self::Batch => "batch",
        }
    }
}

/// The share of each kind; batches come from gateways alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mix {
    pub(super) properties: u32,
    pub(super) message: u32,
    pub(super) batch: u32,
}

impl Mix {
    /// The next kind of a reporter; none where it can send nothing of the mix.
    pub(super) fn pick(self, dice: &mut Dice, is_gateway: bool) -> Option<ReportKind> {
        let batch = if is_gateway { u64::from(self.batch) } else { 0 };
        let (properties, message) = (u64::from(self.properties), u64::from(self.message));
        let all = properties + message + batch;
        if all == 0 {
            return None;
        }
        let drawn = dice.below(all);
        Some(if drawn < properties {
            ReportKind::Properties
        } else if drawn < properties + message {
            ReportKind::Message
        } else {
            ReportKind::Batch
        })
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            properties: 8,
            message: 1,
            batch: 1,
        }
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut mix = Self {
            properties: 0,
            message: 0,
            batch: 0,
        };
        for part in text.split(',') {
            let (name, share) = part
                .split_once('=')
                .ok_or_else(|| format!("{part:?} is not like properties=8"))?;
            let share = share
                .trim()
                .parse()
                .ok()
                .filter(|share| *share <= LARGEST_SHARE)
                .ok_or_else(|| format!("the share {share:?} is not a whole number up to {LARGEST_SHARE}"))?;
            match name.trim() {
                "properties" => mix.properties = share,
                "message" => mix.message = share,
                "batch" => mix.batch = share,
                other => return Err(format!("{other:?} is none of properties, message, batch")),
            }
        }
        if (mix.properties, mix.message, mix.batch) == (0, 0, 0) {
            return Err("at least one share must be over 0".to_owned());
        }
        Ok(mix)
    }
}

impl std::fmt::Display for Mix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            properties,
            message,
            batch,
        } = self;
        write!(f, "properties={properties},message={message},batch={batch}")
    }
}

const LARGEST_SHARE: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_reads_back_as_it_was_written() {
        for text in ["properties=8,message=1,batch=1", "properties=0,message=3,batch=0"] {
            assert_eq!(text.parse::<Mix>().unwrap().to_string(), text);
        }
        let mix: Mix = "message=2".parse().unwrap();
        assert_eq!((mix.properties, mix.message, mix.batch), (0, 2, 0));
    }

    #[test]
    fn what_is_no_mix_is_told_so() {
        for (text, part) in [
            ("", "not like properties=8"),
            ("properties", "not like properties=8"),
            ("shadow=1", "none of properties"),
            ("message=x", "not a whole number"),
            ("message=-1", "not a whole number"),
            ("message=0,batch=0", "over 0"),
        ] {
            let said = text.parse::<Mix>().unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn shares_come_as_they_are_asked_for_and_batches_from_gateways_alone() {
        let mix = Mix::default();
        let mut dice = Dice::new(3, 0);
        let mut count = |is_gateway| {
            let mut counts = [0_u32; 3];
            for _ in 0..10_000 {
                let kind = mix.pick(&mut dice, is_gateway).unwrap();
                counts[ReportKind::ALL.iter().position(|known| *known == kind).unwrap()] += 1;
            }
            counts
        };
        let [properties, message, batch] = count(true);
        assert!((7800..8200).contains(&properties), "{properties}");
        assert!((850..1150).contains(&message), "{message}");
        assert!((850..1150).contains(&batch), "{batch}");
        assert_eq!(count(false)[2], 0);
        let batches: Mix = "batch=1".parse().unwrap();
        assert_eq!(batches.pick(&mut dice, false), None);
    }
}
