//! How much one device, one caller and the whole instance may ask (device-api.md, errors): decided before a body is
//! read, in tables of a bounded size, by the clock that is given.

mod passwords;
mod rate;

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use quick_cache::sync::Cache;

use passwords::Pair;
pub use passwords::{PasswordSettings, PasswordTrials};
pub use rate::{Pace, Rate};

use crate::domain::clock::Timestamp;
use crate::domain::ids::DeviceId;

/// What the configuration says of limits; a rate of 0 is none.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    /// `limits.device_requests_per_second`.
    pub device_requests_per_second: u32,
    /// `limits.instance_requests_per_second`.
    pub instance_requests_per_second: u32,
    /// `limits.device_auth_per_minute`.
    pub device_auth_per_minute: u32,
    /// `limits.tracked_callers`: the size of each table.
    pub tracked_callers: usize,
    /// After wrong passwords.
    pub passwords: PasswordSettings,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A device's requests.
    Device,
    /// Everyone's requests; the rate that is allowed.
    Instance(u32),
    /// A device's authentications.
    DeviceAuth,
    /// Wrong passwords for a device from an address, or for many devices from one.
    WrongPasswords,
}

/// A limit and when to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is reached, try again in {retry_after_seconds} s", .limit.name())]
pub struct LimitReached {
    /// Which.
    pub limit: Limit,
    /// Whole seconds, at least 1.
    pub retry_after_seconds: u32,
}

impl Limit {
    /// The configuration key that sets it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "limits.device_requests_per_second",
            Self::Instance(_) => "limits.instance_requests_per_second",
            Self::DeviceAuth => "limits.device_auth_per_minute",
            Self::WrongPasswords => "limits.wrong_password_tries",
        }
    }

    fn reached(self, wait_ms: i64) -> LimitReached {
        let seconds = u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        LimitReached {
            limit: self,
            retry_after_seconds: seconds.max(1),
        }
    }
}

/// All limits of the device paths but the size of bodies.
pub struct Limits {
    device: Option<Rate>,
    instance: Option<(Rate, u32)>,
    instance_pace: Pace,
    auth: Option<Rate>,
    auth_paces: Cache<Pair, Arc<Pace>>,
    passwords: PasswordTrials,
}

impl Limits {
    /// From the configuration.
    pub fn new(settings: &LimitSettings) -> Self {
        let instance = settings.instance_requests_per_second;
        Self {
            device: Rate::per_second(settings.device_requests_per_second),
            instance: Rate::per_second(instance).map(|rate| (rate, instance)),
            instance_pace: Pace::default(),
            auth: Rate::per_minute(settings.device_auth_per_minute),
            auth_paces: Cache::new(settings.tracked_callers),
            passwords: PasswordTrials::new(settings.passwords, settings.tracked_callers),
        }
    }

    /// A request of a known device; `pace` is its own.
    pub fn take_device(&self, pace: &Pace, now: Timestamp) -> Result<(), LimitReached> {
        match self.device {
            Some(rate) => pace.take(rate, now).map_err(|wait| Limit::Device.reached(wait)),
            None => Ok(()),
        }
    }

    /// Any request.
    pub fn take_instance(&self, now: Timestamp) -> Result<(), LimitReached> {
        match self.instance {
            Some((rate, allowed)) => {
                let taken = self.instance_pace.take(rate, now);
                taken.map_err(|wait| Limit::Instance(allowed).reached(wait))
            }
            None => Ok(()),
        }
    }

    /// An authentication for a device id, whether such a device exists or not.
    pub fn take_auth(&self, device_id: &DeviceId, from: IpAddr, now: Timestamp) -> Result<(), LimitReached> {
        let waits = self.passwords.wait_ms(device_id.as_str(), from, now);
        if waits > 0 {
            return Err(Limit::WrongPasswords.reached(waits));
        }
        let Some(rate) = self.auth else { return Ok(()) };
        // By the address too: else a stranger could use up a device's rate.
        let pace = shared(&self.auth_paces, self.passwords.pair(device_id.as_str(), from));
        pace.take(rate, now)
            .map_err(|wait| Limit::DeviceAuth.reached(wait))
    }

    /// What came of an authentication.
    pub fn authenticated(&self, device_id: &DeviceId, from: IpAddr, succeeded: bool, now: Timestamp) {
        self.passwords.record(device_id.as_str(), from, succeeded, now);
    }
}

/// The caller's entry of a table, made when it is missing.
fn shared<K: Clone + Eq + Hash, V: Default>(table: &Cache<K, Arc<V>>, key: K) -> Arc<V> {
    table.get(&key).unwrap_or_else(|| {
        let fresh = Arc::new(V::default());
        table.insert(key, fresh.clone());
        fresh
    })
}
