//! Growing delays after wrong passwords, for an id as it was sent (known or not, so that the delay tells nothing) from one
//! address, and for an address that fails with many ids. A pair that succeeded before is not held up by its neighbours
//! behind the same address, so neither one bad device locks out its site, nor a stranger a device. An id is a device's, or the
//! name of someone who signs in to the console; each kind has its own tables.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use quick_cache::sync::Cache;

use super::super::lock;
use super::shared;
use crate::domain::clock::Timestamp;

/// An address that stays quiet this long starts anew.
const ADDRESS_MEMORY_MS: i64 = 10 * 60_000;

/// What the configuration says of wrong passwords.
#[derive(Clone, Copy, Debug)]
pub struct PasswordSettings {
    /// `limits.wrong_password_tries`: wrong ones in a row before the first delay.
    pub tries: u32,
    /// `limits.wrong_password_ids`: ids that one address may fail with before it is delayed.
    pub ids: u32,
    /// `limits.wrong_password_max_delay_seconds`.
    pub max_delay_seconds: u32,
}

/// An id, as a keyed hash so that ids of any length take eight bytes and nobody can choose collisions, and where
/// it was sent from.
pub(super) type Pair = (u64, IpAddr);

/// Who failed, how often, until when.
pub struct PasswordTrials {
    settings: PasswordSettings,
    hasher: RandomState,
    pairs: Cache<Pair, Arc<Mutex<PairState>>>,
    addresses: Cache<IpAddr, Arc<Mutex<Address>>>,
}

#[derive(Debug, Default)]
struct PairState {
    failures: u32,
    free_at: Timestamp,
    /// It succeeded once: a device at home here.
    known: bool,
}

#[derive(Debug, Default)]
struct Address {
    failed_ids: u32,
    free_at: Timestamp,
    last: Timestamp,
}

impl PasswordTrials {
    /// With tables of `capacity` rows.
    pub fn new(settings: PasswordSettings, capacity: usize) -> Self {
        Self {
            settings,
            hasher: RandomState::new(),
            pairs: Cache::new(capacity),
            addresses: Cache::new(capacity),
        }
    }

    /// How long this caller has to wait with this id.
    pub fn wait_ms(&self, id: &str, from: IpAddr, now: Timestamp) -> i64 {
        let key = self.pair(id, from);
        let pair = self.pairs.get(&key);
        let (pair_waits, known) = pair.map_or((0, false), |pair| {
            let pair = lock(&pair);
            (pair.free_at.0 - now.0, pair.known)
        });
        if known {
            return pair_waits.max(0);
        }
        let address = self.addresses.get(&key.1);
        let address_waits = address.map_or(0, |address| lock(&address).free_at.0 - now.0);
        pair_waits.max(address_waits).max(0)
    }

    /// What came of an attempt.
    pub fn record(&self, id: &str, from: IpAddr, succeeded: bool, now: Timestamp) {
        let key = self.pair(id, from);
        let pair = shared(&self.pairs, key);
        let mut pair = lock(&pair);
        if succeeded {
            *pair = PairState {
                known: true,
                ..PairState::default()
            };
            return;
        }
        pair.failures = pair.failures.saturating_add(1);
        pair.free_at = now.plus_millis(self.delay_ms(pair.failures, self.settings.tries));
        if pair.failures == 1 && !pair.known {
            self.another_id_failed(key.1, now);
        }
    }

    fn another_id_failed(&self, from: IpAddr, now: Timestamp) {
        let address = shared(&self.addresses, from);
        let mut address = lock(&address);
        if now.0 - address.last.0 > ADDRESS_MEMORY_MS {
            *address = Address::default();
        }
        address.failed_ids = address.failed_ids.saturating_add(1);
        address.last = now;
        address.free_at = now.plus_millis(self.delay_ms(address.failed_ids, self.settings.ids));
    }

    /// None for the first `free` failures, then one second, doubling up to the longest.
    fn delay_ms(&self, failures: u32, free: u32) -> i64 {
        let over = failures.saturating_sub(free.max(1) - 1);
        let seconds = match over {
            0 => 0,
            over => 1_i64 << (over - 1).min(30),
        };
        seconds.min(i64::from(self.settings.max_delay_seconds)) * 1000
    }

    pub(super) fn pair(&self, id: &str, from: IpAddr) -> Pair {
        (self.hasher.hash_one(id), network(from))
    }
}

/// One subscriber holds a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_421_730_000);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn trials() -> PasswordTrials {
        let settings = PasswordSettings {
            tries: 3,
            ids: 5,
            max_delay_seconds: 60,
        };
        PasswordTrials::new(settings, 1000)
    }

    #[test]
    fn delays_grow_for_the_pair_alone_and_end_with_a_success() {
        let trials = trials();
        let mut waits = Vec::new();
        for _ in 0..10 {
            trials.record("d", HERE, false, NOW);
            waits.push(trials.wait_ms("d", HERE, NOW) / 1000);
        }
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(trials.wait_ms("e", HERE, NOW), 0, "its neighbour is free");
        assert_eq!(trials.wait_ms("d", THERE, NOW), 0, "the device elsewhere is free");
        assert_eq!(trials.wait_ms("d", HERE, NOW.plus_seconds(60)), 0);
        trials.record("d", HERE, true, NOW);
        assert_eq!(trials.wait_ms("d", HERE, NOW), 0);
    }

    #[test]
    fn an_address_that_fails_with_many_ids_waits_but_for_devices_at_home_there() {
        let trials = trials();
        trials.record("home", HERE, true, NOW);
        for number in 0..8 {
            trials.record(&format!("guess{number}"), HERE, false, NOW);
        }
        assert_eq!(trials.wait_ms("new", HERE, NOW), 8000);
        assert_eq!(trials.wait_ms("home", HERE, NOW), 0);
        assert_eq!(trials.wait_ms("new", THERE, NOW), 0);
        trials.record("another", HERE, false, NOW.plus_seconds(601));
        assert_eq!(trials.wait_ms("new", HERE, NOW.plus_seconds(601)), 0, "forgotten");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let at = |text: &str| network(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), HERE);
    }
}
