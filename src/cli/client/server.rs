//! Which server a command is a client of: addresses, the CA to trust and the management key. What the flags leave
//! out comes from the place, a quickstart's folder or a configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::Failure;
use super::connection::Client;
use super::endpoint::Endpoint;
use super::management::Management;
use crate::auth::access_key::split_token;
use crate::auth::secret::Secret;
use crate::cli::PlaceArgs;
use crate::config::{self, Config};

/// Which server. What a flag leaves out comes from the place: `--data-dir` (`data` unless given) or `--config`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The server")]
pub(in crate::cli) struct ServerArgs {
    /// The management API; else the configuration's management listener [quickstart: `https://127.0.0.1:8444`]
    #[arg(long, value_name = "URL")]
    management_url: Option<String>,
    /// The CA that devices trust, PEM; else the one that Fieldgate made in the place
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A management key (better in the environment, as `FIELDGATE_KEY`); else quickstart's own
    #[arg(long, value_name = "ACCESS:SECRET")]
    key: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The server.
pub(in crate::cli) struct Server {
    pub(in crate::cli) management: Endpoint,
    pub(in crate::cli) ca: PathBuf,
    /// `<access_key>:<secret_key>`.
    pub(in crate::cli) key: Secret,
    config: Config,
}

impl Server {
    /// Resolves what the flags say and leave out.
    pub(in crate::cli) fn resolve(args: &ServerArgs) -> Result<Self, Failure> {
        let config = args.place.load_or_quickstart()?;
        let management = match &args.management_url {
            Some(url) => url.clone(),
            None => url(config.management.listen, &config.device.public_host),
        };
        let ca = match &args.ca {
            Some(path) => path.clone(),
            None => args.place.ca_file()?,
        };
        Ok(Self {
            management: Endpoint::parse("--management-url", &management)?,
            ca,
            key: key(args)?,
            config,
        })
    }

    /// Where devices connect: `given`, else the configuration's device listener.
    pub(in crate::cli) fn devices(&self, given: Option<&str>) -> Result<Endpoint, Failure> {
        let device = &self.config.device;
        let url = given.map_or_else(|| url(device.listen, &device.public_host), str::to_owned);
        Ok(Endpoint::parse("--devices-url", &url)?)
    }

    /// Calls of its management API; answers over `largest_answer` bytes are refused. Their connections resume sessions
    /// of their own.
    pub(in crate::cli) async fn management(
        &self,
        timeout: Duration,
        largest_answer: usize,
    ) -> Result<Management, Failure> {
        let (endpoint, tls, ca) = (self.management.clone(), self.tls(false)?, self.ca.clone());
        let client = Client::new(endpoint, tls, ca, timeout, largest_answer);
        Management::new(client, &self.key).await
    }

    /// A TLS client that trusts this CA alone; sessions are shared by all that use it.
    pub(in crate::cli) fn tls(&self, full_handshakes: bool) -> Result<Arc<ClientConfig>, Failure> {
        let shown = self.ca.display();
        let advice = "give the CA that devices trust as --ca, or the folder of a quickstart as --data-dir";
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(&self.ca)
            .map_err(|error| format!("the CA {shown} cannot be read: {error}; {advice}"))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| format!("the CA {shown}: {error}; {advice}"))?;
            roots
                .add(certificate)
                .map_err(|error| format!("the CA {shown}: {error}; {advice}"))?;
        }
        if roots.is_empty() {
            return Err(format!("the CA {shown} holds no certificate; {advice}").into());
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if full_handshakes {
            config.resumption = rustls::client::Resumption::disabled();
        }
        Ok(Arc::new(config))
    }
}

/// Where to reach a listener of this machine.
fn url(listen: SocketAddr, public_host: &str) -> String {
    match public_host {
        "" if listen.ip().is_unspecified() => format!("https://localhost:{}", listen.port()),
        "" => format!("https://{listen}"),
        host => format!("https://{host}:{}", listen.port()),
    }
}

fn variable(name: &str) -> Option<String> {
    config::environment().find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

fn key(args: &ServerArgs) -> Result<Secret, Failure> {
    let given = args.key.clone().or_else(|| variable("FIELDGATE_KEY"));
    let text = match (given, &args.place.config) {
        (Some(text), _) => text,
        (None, Some(_)) => return Err(NO_KEY.into()),
        (None, None) => {
            let path = args.place.folder().join("quickstart.token");
            std::fs::read_to_string(&path)
                .map_err(|error| format!("{NO_KEY} ({}: {error})", path.display()))?
                .trim()
                .to_owned()
        }
    };
    if split_token(&text).is_none() {
        return Err("--key must be like ACCESS:SECRET, as `fieldgate keys create` prints them".into());
    }
    Ok(Secret::new(text))
}

const NO_KEY: &str = "no management key: give one as --key or FIELDGATE_KEY (`fieldgate keys create --name simulate` makes one), or the folder of a quickstart as --data-dir";
