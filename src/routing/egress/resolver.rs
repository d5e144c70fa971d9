//! Names to addresses, guarded: each connection is made to addresses that were looked up for it and passed the policy, so
//! a name that changes what it answers gains nothing. Lookups are bounded in time and number, for all targets together and
//! for each.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::addresses::{AddressPolicy, RefusedAddress};

/// Looks names up. Blocks, and is called on a thread that may.
pub trait Lookup: Send + Sync {
    /// Every address of a name.
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver, with its hosts file.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = (host, 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why a name gave no address to connect to.
#[derive(Debug, thiserror::Error)]
pub enum LookupFault {
    /// It has none but such as may not be called.
    #[error("the name resolves to an address that may not be called: {0}")]
    Refused(RefusedAddress),
    /// Nothing was found in time.
    #[error("the name could not be resolved within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The resolver said no.
    #[error("the name could not be resolved: {0}")]
    Failed(io::Error),
    /// It has no address at all.
    #[error("the name has no address")]
    NoAddress,
}

/// One target's resolver.
#[derive(Clone)]
pub(super) struct GuardedResolver {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) policy: Arc<AddressPolicy>,
    /// Lookups under way for all targets. Each holds its permits until it has ended, also when nobody waits any more: a
    /// lookup cannot be broken off, and a thread that hangs in one counts.
    pub(super) everyones: Arc<Semaphore>,
    /// The same for this target, so that a name server that hangs takes few of them.
    pub(super) own: Arc<Semaphore>,
    pub(super) timeout: Duration,
    /// A name that is presented to the target in place of its host, and that host.
    pub(super) alias: Option<(String, String)>,
}

impl GuardedResolver {
    async fn addresses(self, name: String) -> Result<Vec<IpAddr>, LookupFault> {
        let host = match &self.alias {
            Some((alias, host)) if *alias == name => host.clone(),
            _ => name,
        };
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => tokio::time::timeout(self.timeout, self.look_up(host))
                .await
                .map_err(|_| LookupFault::TimedOut(self.timeout))??,
        };
        let (mut allowed, mut refused) = (Vec::new(), None);
        for address in found {
            match self.policy.check(address) {
                Ok(()) => allowed.push(address),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(error) => Err(LookupFault::Refused(error)),
            None => Err(LookupFault::NoAddress),
        }
    }

    async fn look_up(&self, host: String) -> Result<Vec<IpAddr>, LookupFault> {
        let closed = |error| LookupFault::Failed(io::Error::other(error));
        let own = self.own.clone().acquire_owned().await.map_err(closed)?;
        let everyones = self.everyones.clone().acquire_owned().await.map_err(closed)?;
        let lookup = self.lookup.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let _permits = (own, everyones);
            lookup.lookup(&host)
        });
        looking
            .await
            .map_err(|error| LookupFault::Failed(io::Error::other(error)))?
            .map_err(LookupFault::Failed)
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.clone().addresses(name.as_str().to_owned());
        Box::pin(async move {
            // Port 0 stands for the URL's.
            let addresses = addresses.await?.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Answers<F>(F);

    impl<F: Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync> Lookup for Answers<F> {
        fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            (self.0)(host)
        }
    }

    fn resolver(
        answer: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
        timeout_ms: u64,
    ) -> GuardedResolver {
        GuardedResolver {
            lookup: Arc::new(Answers(answer)),
            policy: Arc::new(AddressPolicy::default()),
            everyones: Arc::new(Semaphore::new(4)),
            own: Arc::new(Semaphore::new(2)),
            timeout: Duration::from_millis(timeout_ms),
            alias: None,
        }
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn only_allowed_addresses_come_through() {
        let mixed = resolver(|_| Ok(ips(&["127.0.0.1", "8.8.8.8", "::1", "10.0.0.1"])), 1000);
        assert_eq!(mixed.addresses("x".into()).await.unwrap(), ips(&["8.8.8.8"]));
        let inside = resolver(|_| Ok(ips(&["127.0.0.1", "10.0.0.1"])), 1000);
        let fault = inside.addresses("x".into()).await.unwrap_err();
        assert!(matches!(fault, LookupFault::Refused(_)), "{fault}");
        let nothing = resolver(|_| Ok(Vec::new()), 1000).addresses("x".into()).await;
        assert!(matches!(nothing, Err(LookupFault::NoAddress)));
    }

    #[tokio::test]
    async fn an_alias_is_looked_up_as_its_host_and_a_literal_not_at_all() {
        let mut named = resolver(
            |host| {
                Ok(ips(if host == "real.example" {
                    &["8.8.8.8"]
                } else {
                    &["1.1.1.1"]
                }))
            },
            1000,
        );
        named.alias = Some(("shown.example".into(), "real.example".into()));
        let shown = named.clone().addresses("shown.example".into()).await;
        assert_eq!(shown.unwrap(), ips(&["8.8.8.8"]));
        let other = named.addresses("other.example".into()).await;
        assert_eq!(other.unwrap(), ips(&["1.1.1.1"]));
        let mut literal = resolver(|_| Err(io::Error::other("asked")), 1000);
        literal.alias = Some(("shown.example".into(), "::1".into()));
        let fault = literal.addresses("shown.example".into()).await.unwrap_err();
        assert!(matches!(fault, LookupFault::Refused(_)), "{fault}");
    }

    #[tokio::test]
    async fn a_lookup_that_hangs_ends_at_the_timeout_and_counts_until_it_ends() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let slow = resolver(
            move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(400));
                Ok(ips(&["8.8.8.8"]))
            },
            50,
        );
        for _ in 0..4 {
            let fault = slow.clone().addresses("x".into()).await.unwrap_err();
            assert!(matches!(fault, LookupFault::TimedOut(_)), "{fault}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2, "lookups of one target at once");
        assert_eq!(slow.everyones.available_permits(), 2);
    }
}
