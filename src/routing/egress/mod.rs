//! The guarded HTTP client: what leaves for targets that people configure goes through here, so that none of them reaches
//! what only this machine may (loopback, private networks, a cloud's metadata). Channels ask it for one client per target;
//! it knows neither events nor retries.
//!
//! A literal address is checked when an action is written and before each request; a name at each connection, on the
//! addresses that the connection then goes to. Proxies of the environment are not used and redirects not followed, since
//! both would lead elsewhere.

mod addresses;
mod client;
mod resolver;
mod trust;

pub use addresses::{AddressPolicy, RefusedAddress};
pub use client::{Answer, CallFault, GuardedClient};
pub use resolver::{Lookup, LookupFault, SystemLookup};
pub use trust::{CaFault, check_ca};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect, retry};
use tokio::sync::Semaphore;
use url::{Host, Url};

use resolver::GuardedResolver;
use trust::{Trust, TrustFault};

/// What names a client to its targets.
const USER_AGENT: &str = concat!("Fieldgate/", env!("CARGO_PKG_VERSION"));

/// The bounds of each client.
#[derive(Clone, Copy, Debug)]
pub struct EgressSettings {
    /// For a connection: lookup, TCP and TLS.
    pub connect: Duration,
    /// For the lookup alone.
    pub lookup: Duration,
    /// Lookups at once, for all targets.
    pub lookups: usize,
    /// Lookups at once, for each target.
    pub lookups_per_target: usize,
    /// For the whole call (routing.md §3).
    pub total: Duration,
    /// For the answer's body, once its status is there.
    pub drain: Duration,
    /// Bytes of an answer's body that are kept.
    pub kept_bytes: usize,
    /// Bytes of an answer's body that are read; a longer one costs its connection.
    pub drained_bytes: usize,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// Unused connections that a target keeps.
    pub idle_connections: usize,
    /// How often a busy HTTP/2 connection is asked whether it lives, and for how long it may be silent.
    pub ping: Duration,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            lookup: Duration::from_secs(5),
            lookups: 32,
            lookups_per_target: 2,
            total: Duration::from_secs(15),
            drain: Duration::from_secs(2),
            kept_bytes: 4096,
            drained_bytes: 64 * 1024,
            idle: Duration::from_secs(50),
            idle_connections: 64,
            ping: Duration::from_secs(5),
        }
    }
}

/// Why there is no client for a target.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// Its CA is not usable.
    #[error("the CA {0}")]
    Ca(#[from] CaFault),
    /// The client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

/// Makes guarded clients.
pub struct Egress {
    policy: Arc<AddressPolicy>,
    lookup: Arc<dyn Lookup>,
    lookups: Arc<Semaphore>,
    trust: Trust,
    settings: EgressSettings,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Egress {
    /// Reads the machine's roots (blocks for some milliseconds).
    pub fn new(policy: AddressPolicy, lookup: Arc<dyn Lookup>, settings: EgressSettings) -> Self {
        Self {
            policy: Arc::new(policy),
            lookup,
            lookups: Arc::new(Semaphore::new(settings.lookups)),
            trust: Trust::load(),
            settings,
        }
    }

    /// Which addresses may be called.
    pub fn policy(&self) -> &AddressPolicy {
        &self.policy
    }

    /// A client for the target at `url`, which must show a certificate from a public root or from `ca` (PEM) for its host,
    /// or for `server_name` where there is one; that is then also what the target is told to be asked for (SNI). Since
    /// HTTP/2 takes host and server name for the same, it is not offered where they differ.
    pub fn client(
        &self,
        url: &Url,
        ca: Option<&[u8]>,
        server_name: Option<&str>,
    ) -> Result<GuardedClient, EgressError> {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(EgressError::Client("the URL has no host".to_owned())),
        };
        let server_name = server_name
            .map(str::to_ascii_lowercase)
            .filter(|name| url.scheme() == "https" && *name != host);
        let tls = self
            .trust
            .client_config(ca, server_name.is_none())
            .map_err(|fault| match fault {
                TrustFault::Ca(fault) => EgressError::Ca(fault),
                TrustFault::Configuration(error) => EgressError::Client(error.to_string()),
            })?;
        let resolver = GuardedResolver {
            lookup: self.lookup.clone(),
            policy: self.policy.clone(),
            everyones: self.lookups.clone(),
            own: Arc::new(Semaphore::new(self.settings.lookups_per_target)),
            timeout: self.settings.lookup,
            alias: server_name.clone().map(|name| (name, host)),
        };
        let settings = &self.settings;
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .dns_resolver(Arc::new(resolver))
            .tls_backend_preconfigured(tls)
            .connect_timeout(settings.connect)
            .pool_idle_timeout(settings.idle)
            .pool_max_idle_per_host(settings.idle_connections)
            .http2_keep_alive_interval(settings.ping)
            .http2_keep_alive_timeout(settings.ping)
            .build()
            .map_err(|error| EgressError::Client(error.without_url().to_string()))?;
        Ok(GuardedClient {
            client,
            policy: self.policy.clone(),
            settings: self.settings,
            server_name,
        })
    }
}
