//! The composition root: from a configuration to a running instance. The one place that names concrete backends.

mod console;
mod copy;
mod followers;
mod stores;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::auth::access_token::TokenKey;
use crate::auth::api_token::ApiTokenKey;
use crate::auth::secret_box::MasterKey;
use crate::config::{Config, RoutingConfig};
use crate::domain::clock::{Clock, SystemClock, Timestamp};
use crate::domain::shadow::ShadowLimits;
use crate::files;
use crate::history::{Feed, FeedSettings, History};
use crate::http::device::{self, DeviceState};
use crate::http::management::{self, InstanceFacts, ManagementState, Readers};
use crate::http::{BodyBudget, Readiness, Routes, unrouted_answer};
use crate::ingest::{ActivityBook, Ingest, IngestSettings, LimitSettings, PasswordSettings, ReportRules};
use crate::lifecycle::{self, Lifecycle};
use crate::observability::Metrics;
use crate::observability::rates::{self, Rates};
use crate::routing::egress::{AddressPolicy, EgressSettings};
use crate::routing::{Routing, RoutingSettings};
use crate::server::{ConnectionSlots, Listener, ServerCommon, ServerLimits};
use crate::shadow::Shadows;
use crate::storage::{Stores, postgres, sqlite};
use crate::tls::{self, CertificateStore, ServerTls, development};

/// Why an instance does not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No certificate is configured.
    #[error(
        "no TLS certificate is configured: set tls.certificate and tls.private_key (PEM files; FIELDGATE__TLS__CERTIFICATE and \
         FIELDGATE__TLS__PRIVATE_KEY in the environment), or try `fieldgate quickstart`, which makes its own"
    )]
    NoCertificate,
    /// A certificate, key or CA is not usable.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The master key cannot be read or made.
    #[error("the master key {path}: {cause}")]
    MasterKey {
        /// Where it should be.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The database does not open.
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
    /// The same, of PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] postgres::OpenError),
    /// A command that makes none finds no database.
    #[error("there is no database at {0}: name the server's --config or --data-dir")]
    NoDatabase(String),
    /// The store failed at the start.
    #[error("the store failed: {0}")]
    Store(#[from] crate::storage::StoreError),
    /// An address cannot be bound.
    #[error("cannot listen on {address} ({role}): {cause}")]
    Bind {
        /// `device` or `management`.
        role: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// The system's word.
        cause: std::io::Error,
    },
    /// A task panicked; the log says which.
    #[error("a task of the instance failed, see the log")]
    TaskFailed,
    /// Metrics cannot be registered.
    #[error("metrics: {0}")]
    Metrics(#[from] crate::observability::metrics::MetricsError),
    /// The OpenAPI document cannot be made.
    #[error("the OpenAPI document: {0}")]
    Document(serde_json::Error),
    /// Signals cannot be heard.
    #[error("cannot hear signals: {0}")]
    Signals(std::io::Error),
}

pub use copy::copy;
use followers::{FollowerSettings, Followers};
use stores::open_stores;
pub use stores::{open_beside, open_existing};

/// What tasks that only have to flush may take.
const AFTER_GRACE: Duration = Duration::from_secs(5);

/// An instance, built and not yet running.
pub struct App {
    config: Config,
    lifecycle: Lifecycle,
    stores: Stores,
    readiness: Arc<Readiness>,
    device: Routes,
    management: Routes,
    tls: Arc<ServerConfig>,
    certificates: Arc<CertificateStore>,
    metrics: Arc<Metrics>,
    streams: Readers,
    routing: Routing,
    shadows: Shadows,
    activity: Arc<ActivityBook>,
    project_id: String,
}

fn master_key(config: &Config) -> Result<MasterKey, StartError> {
    let path = config.secrets.key_file.as_path();
    let fault = |cause: String| StartError::MasterKey {
        path: path.display().to_string(),
        cause,
    };
    if let Some(text) = &config.secrets.key {
        return MasterKey::parse(text.expose()).map_err(|error| StartError::MasterKey {
            path: "secrets.key".to_owned(),
            cause: error.to_string(),
        });
    }
    if path.exists() {
        return MasterKey::read_file(path).map_err(|error| fault(error.to_string()));
    }
    // Beside an existing database a new key would only be the wrong one; the store then says so and how to mend it.
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        files::create_folder(folder, 0o755).map_err(|error| fault(error.to_string()))?;
    }
    MasterKey::create_file(path).map_err(|error| fault(error.to_string()))
}

/// Which addresses targets may have.
fn address_policy(config: &Config) -> AddressPolicy {
    let targets = &config.routing;
    AddressPolicy::new(targets.allow_private_targets, targets.allowed_networks.clone())
}

impl App {
    /// Opens what the configuration names and puts the parts together.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        if config.tls.certificate.is_empty() {
            return Err(StartError::NoCertificate);
        }
        let pairs: Vec<_> = config
            .tls
            .certificate
            .iter()
            .cloned()
            .zip(config.tls.private_key.iter().cloned())
            .collect();
        let fragment = Some(config.tls.max_fragment_size).filter(|size| *size > 0);
        let ServerTls {
            config: tls,
            certificates,
        } = tls::server_config(pairs, &config.tls.versions, fragment)?;
        let lifecycle = Lifecycle::new();
        let metrics = Arc::new(Metrics::new()?);
        let (stores, master) = open_stores(&config, &lifecycle, metrics.clone()).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let project_id = stores.settings.project_id().await?;
        let report_rules = ReportRules {
            default_mode: config.ingest.validation_mode,
            event_time_max_ahead_ms: config.ingest.event_time_max_ahead_seconds.saturating_mul(1000),
        };
        let settings = IngestSettings {
            default_mode: report_rules.default_mode,
            event_time_max_ahead_ms: report_rules.event_time_max_ahead_ms,
            cached_devices: config.limits.cached_devices,
            trace_entries: config.limits.trace_entries,
            offline_after_ms: config.ingest.offline_after_ms(),
            limits: limit_settings(&config),
        };
        let ingest = Arc::new(Ingest::new(
            stores.clone(),
            TokenKey::new(&master),
            clock.clone(),
            metrics.clone(),
            settings,
        ));
        let readiness = Readiness::new(stores.log.clone(), certificates.clone());
        let bodies = BodyBudget::new(config.limits.body_bytes_in_flight, metrics.clone());
        let limits = ShadowLimits {
            services: config.shadow.services_per_device,
            service_bytes: config.shadow.service_bytes,
        };
        let shadows = Shadows::new(&stores, limits);
        let activity = ingest.activity().clone();
        let streams = streams(&config, &stores, metrics.clone());
        let routing = Routing::new(&stores, routing_settings(&config), clock.clone(), metrics.clone());
        let rates = Arc::new(Rates::new(metrics.clone(), clock.clone()));
        let state = ManagementState {
            rates: rates.clone(),
            facts: Arc::new(instance_facts(&config, clock.now())),
            device_counts: Arc::default(),
            bodies: bodies.clone(),
            metrics: metrics.clone(),
            stores: stores.clone(),
            activity: activity.clone(),
            history: History::new(&stores),
            streams: streams.clone(),
            routing: routing.clone(),
            targets: Arc::new(address_policy(&config)),
            shadows: shadows.clone(),
            clock: clock.clone(),
            project_id: project_id.clone(),
            readiness: readiness.clone(),
            document: management::document(&device_host(&config)).map_err(StartError::Document)?,
            tokens: Arc::new(ApiTokenKey::new(&master)),
            signature_max_skew_ms: config.management.signature_max_skew_seconds.saturating_mul(1000),
            offline_after_ms: config.ingest.offline_after_ms(),
            report_rules,
        };
        ingest.start_writers(&lifecycle, lifecycle.token());
        lifecycle.spawn("rates", take_steps(rates, lifecycle.token()));
        Ok(Self {
            device: device::router(DeviceState { ingest, bodies }, clock, metrics.clone()),
            management: console::beside_api(&config, state, metrics.clone()),
            config,
            lifecycle,
            stores,
            readiness,
            tls,
            certificates,
            metrics,
            streams,
            routing,
            shadows,
            activity,
            project_id,
        })
    }

    /// The management routes, for the program's own first steps.
    pub fn management(&self) -> Routes {
        self.management.clone()
    }

    /// The instance's project id.
    pub fn project_id(&self) -> &str {
        &self.project_id
    }

    /// The stores.
    pub const fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Listens and serves until a signal; then drains, flushes and returns. `ready` hears both addresses.
    pub async fn run(
        self,
        ready: impl FnOnce(std::net::SocketAddr, std::net::SocketAddr),
    ) -> Result<(), StartError> {
        let signals = lifecycle::Signals::register().map_err(StartError::Signals)?;
        let hangups = lifecycle::Hangups::register().map_err(StartError::Signals)?;
        let device = bind("device", self.config.device.listen)?;
        let management = bind("management", self.config.management.listen)?;
        let (device_address, management_address) = (device.local_addr(), management.local_addr());
        self.start_followers(hangups);
        let common = ServerCommon {
            tls: self.tls.clone(),
            limits: Arc::new(server_limits(&self.config)),
            slots: ConnectionSlots::new(self.config.server.max_connections),
            unrouted: unrouted_answer(Arc::new(SystemClock)),
            metrics: self.metrics.clone(),
        };
        // Ends first: what is in flight is stored and answered before anything behind it stops.
        let serving = Lifecycle::new();
        for (name, listener, router) in [
            ("device listener", device, self.device),
            ("management listener", management, self.management),
        ] {
            serving.spawn(name, listener.run(common.clone(), router, serving.token()));
        }
        ready(device_address, management_address);
        let failed = tokio::select! {
            signal = signals.wait() => {
                tracing::info!(signal, "stopping");
                false
            }
            () = self.lifecycle.token().cancelled_owned() => true,
            () = serving.token().cancelled_owned() => true,
        };
        self.readiness.stop();
        self.streams.close();
        serving.shutdown();
        let grace = Duration::from_secs(self.config.server.shutdown_grace_seconds);
        // A listener cuts its connections at the end of the grace itself.
        serving.drain(grace + AFTER_GRACE).await;
        self.stores.log.close().await;
        self.lifecycle.shutdown();
        if !self.lifecycle.drain(AFTER_GRACE + AFTER_GRACE).await {
            tracing::warn!("some tasks did not end in time");
        }
        tracing::info!("stopped");
        if failed {
            Err(StartError::TaskFailed)
        } else {
            Ok(())
        }
    }

    fn start_followers(&self, hangups: lifecycle::Hangups) {
        let watch = self.certificates.clone();
        let watch = watch.watch(
            Arc::new(SystemClock),
            self.metrics.clone(),
            hangups,
            self.lifecycle.token(),
        );
        self.lifecycle.spawn("certificate watch", watch);
        let followers = Followers {
            stores: self.stores.clone(),
            routing: self.routing.clone(),
            shadows: self.shadows.clone(),
            activity: self.activity.clone(),
            settings: FollowerSettings::of(&self.config),
        };
        self.lifecycle
            .spawn("followers", followers.run(self.lifecycle.clone()));
    }
}

fn bind(role: &'static str, address: std::net::SocketAddr) -> Result<Listener, StartError> {
    Listener::bind(address).map_err(|cause| StartError::Bind { role, address, cause })
}

async fn take_steps(rates: Arc<Rates>, stop: CancellationToken) {
    while lifecycle::pause(&stop, rates::STEP).await {
        rates.step();
    }
}

fn instance_facts(config: &Config, started: Timestamp) -> InstanceFacts {
    InstanceFacts {
        device: config.device.listen,
        management: config.management.listen,
        backend: if stores::is_postgres(config.storage.url.expose()) {
            "postgres"
        } else {
            "sqlite"
        },
        retention_days: config.retention.days,
        retention_bytes: config.retention.bytes,
        started,
        ca: config
            .tls
            .certificate
            .first()
            .and_then(|path| development::ca_beside(path)),
    }
}

/// Where devices are told to connect, as far as the configuration says it.
fn device_host(config: &Config) -> String {
    let (host, address) = (&config.device.public_host, config.device.listen);
    match host.as_str() {
        "" if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
        "" => address.to_string(),
        host => format!("{host}:{}", address.port()),
    }
}

fn streams(config: &Config, stores: &Stores, metrics: Arc<Metrics>) -> Readers {
    let settings = FeedSettings {
        recent_bytes: config.stream.recent_bytes,
        step_bytes: config.stream.buffer_bytes,
    };
    let feed = Feed::new(stores, settings);
    Readers::new(feed, stores.settings.clone(), metrics, config.stream.max_streams)
}

fn password_settings(config: &Config) -> PasswordSettings {
    PasswordSettings {
        tries: config.limits.wrong_password_tries,
        ids: config.limits.wrong_password_ids,
        max_delay_seconds: config.limits.wrong_password_max_delay_seconds,
    }
}

fn limit_settings(config: &Config) -> LimitSettings {
    let limits = &config.limits;
    LimitSettings {
        device_requests_per_second: limits.device_requests_per_second,
        instance_requests_per_second: limits.instance_requests_per_second,
        device_auth_per_minute: limits.device_auth_per_minute,
        tracked_callers: limits.tracked_callers,
        passwords: password_settings(config),
    }
}

fn routing_settings(config: &Config) -> RoutingSettings {
    let routing = &config.routing;
    RoutingSettings {
        window: routing.window,
        window_bytes: routing.window_bytes,
        parked_per_device: routing.parked_per_device,
        parked: routing.parked,
        event_max_age_seconds: routing.event_max_age_seconds,
        calls: routing.calls_in_flight,
        tail_bytes: routing.tail_bytes,
        attempts: routing.attempts,
        replays: routing.replays,
        save_interval: Duration::from_millis(routing.save_interval_ms),
    }
}

const fn egress_settings(routing: &RoutingConfig) -> EgressSettings {
    EgressSettings {
        connect: Duration::from_secs(routing.connect_timeout_seconds),
        lookup: Duration::from_secs(routing.lookup_timeout_seconds),
        lookups: routing.lookups,
        lookups_per_target: routing.lookups_per_target,
        total: Duration::from_secs(routing.push_timeout_seconds),
        drain: Duration::from_secs(routing.answer_timeout_seconds),
        kept_bytes: routing.answer_kept_bytes,
        drained_bytes: routing.answer_read_bytes,
        idle: Duration::from_secs(routing.idle_timeout_seconds),
        idle_connections: routing.idle_connections,
        ping: Duration::from_secs(routing.ping_interval_seconds),
    }
}

fn server_limits(config: &Config) -> ServerLimits {
    let server = &config.server;
    ServerLimits {
        handshake: Duration::from_secs(server.handshake_timeout_seconds),
        headers: Duration::from_secs(server.header_timeout_seconds),
        idle: Duration::from_secs(server.idle_timeout_seconds),
        body_grace: Duration::from_secs(server.body_grace_seconds),
        body_min_bytes_per_second: server.body_min_bytes_per_second,
        max_header_bytes: server.max_header_bytes,
        stream_stall: Duration::from_secs(config.stream.stall_seconds),
        shutdown_grace: Duration::from_secs(server.shutdown_grace_seconds),
    }
}
