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

/// The share of each kind in the whole fleet; batches come from gateways alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mix {
    pub(super) properties: u32,
    pub(super) message: u32,
    pub(super) batch: u32,
}

impl Mix {
    /// How often in a million a gateway's turn has to be a batch, so that the fleet, which takes equal turns, sends
    /// its share of them; gateways send nothing else where that is not enough.
    pub(super) fn batches_in_a_million(self, devices: u32, gateways: u32) -> u32 {
        let direct = u64::from(self.properties) + u64::from(self.message);
        let all = direct + u64::from(self.batch);
        let turns = u64::from(devices) + u64::from(gateways);
        if direct == 0 {
            return MILLION;
        }
        let batches = u64::from(self.batch) * turns * u64::from(MILLION);
        let of_each = batches.checked_div(all * u64::from(gateways)).unwrap_or(0);
        u32::try_from(of_each).unwrap_or(MILLION).min(MILLION)
    }

    /// The next kind, for a reporter whose turn is a batch this often; none where the mix has nothing for it.
    pub(super) fn pick(self, dice: &mut Dice, batches_in_a_million: u32) -> Option<ReportKind> {
        if dice.chance(batches_in_a_million) {
            return Some(ReportKind::Batch);
        }
        let direct = u64::from(self.properties) + u64::from(self.message);
        if direct == 0 {
            None
        } else if dice.below(direct) < u64::from(self.properties) {
            Some(ReportKind::Properties)
        } else {
            Some(ReportKind::Message)
        }
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
const MILLION: u32 = 1_000_000;

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
    fn shares_come_as_they_are_asked_for_in_the_whole_fleet() {
        let mix = Mix::default();
        let mut dice = Dice::new(3, 0);
        let (devices, gateways) = (60, 40);
        let of_gateways = mix.batches_in_a_million(devices, gateways);
        let mut counts = [0_u32; 3];
        for turn in 0..10_000 {
            let batches = if turn % 100 < devices { 0 } else { of_gateways };
            let kind = mix.pick(&mut dice, batches).unwrap();
            assert!(batches > 0 || kind != ReportKind::Batch);
            counts[ReportKind::ALL.iter().position(|known| *known == kind).unwrap()] += 1;
        }
        let [properties, message, batch] = counts;
        assert!((7800..8200).contains(&properties), "{properties}");
        assert!((850..1150).contains(&message), "{message}");
        assert!((850..1150).contains(&batch), "{batch}");
    }

    #[test]
    fn few_gateways_send_batches_alone_and_none_send_none() {
        let mix = Mix::default();
        assert_eq!(mix.batches_in_a_million(98, 2), MILLION);
        assert_eq!(mix.batches_in_a_million(50, 50), 200_000);
        assert_eq!(mix.batches_in_a_million(100, 0), 0);
        let batches: Mix = "batch=1".parse().unwrap();
        assert_eq!(batches.batches_in_a_million(0, 1), MILLION);
        assert_eq!(batches.pick(&mut Dice::new(1, 1), 0), None);
        let none: Mix = "properties=1".parse().unwrap();
        assert_eq!(none.batches_in_a_million(10, 10), 0);
    }
}
