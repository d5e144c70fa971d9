//! Seeded randomness that gives the same run for the same seed in every version: `SplitMix64`, one stream a device.

/// One stream of numbers.
pub(super) struct Dice(u64);

impl Dice {
    /// The stream of this number under this seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        // Two steps apart, so that neighbouring seeds share nothing.
        let mut mixed = Self(seed);
        let start = mixed.next() ^ stream.wrapping_mul(GAMMA);
        Self(start)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// True this often in a million.
    pub(super) fn chance(&mut self, in_a_million: u32) -> bool {
        self.below(1_000_000) < u64::from(in_a_million)
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = self.below(of.len() as u64);
        of.get(usize::try_from(index).unwrap_or(0))
    }
}

/// The golden ratio's fraction, as `SplitMix64` has it.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_streams_differ() {
        let draw = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            (0..8).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn a_chance_comes_about_as_often_as_it_should() {
        let mut dice = Dice::new(1, 1);
        let came = (0..100_000).filter(|_| dice.chance(10_000)).count();
        assert!((900..1100).contains(&came), "{came}");
        assert!(!(0..1000).any(|_| dice.chance(0)));
        assert!((0..1000).all(|_| dice.chance(1_000_000)));
    }
}
