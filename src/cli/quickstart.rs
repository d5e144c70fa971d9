//! `fieldgate quickstart`: the main job on the embedded database, with a demo product and devices and lines to paste.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use http::{Method, StatusCode};
use toml::{Table, Value};

use super::{Failure, Outcome, keys, print, print_listening, raise_file_limit, runtime, shown, users};
use crate::app::App;
use crate::auth::access_key::{Role, split_token};
use crate::auth::person::{UserName, UserRole};
use crate::auth::secret::Secret;
use crate::config::{self, Config, ConfigError};
use crate::domain::clock::{Clock, SystemClock};
use crate::http::InProcess;
use crate::observability;
use crate::tls::development;

const PRODUCT: &str = "demo";
const DEVICE: &str = "demo_meter1";
const GATEWAY: &str = "demo_gateway1";
const CHILD: &str = "demo_sensor1";

/// Signs in to the console first.
const FIRST_USER: &str = "admin";

/// The demo's model.
const MODEL: &str = r#"[{"service_id":"Meter","service_type":"Meter","properties":[
  {"property_name":"temperature","data_type":"decimal","min":"-40","max":"120","step":0.1,"unit":"C","method":"R"},
  {"property_name":"humidity","data_type":"int","min":"0","max":"100","unit":"%","method":"R"},
  {"property_name":"status","data_type":"string","max_length":32,"method":"RW"}]}]"#;

#[derive(Args)]
pub(super) struct QuickstartArgs {
    /// Where the database, keys and certificates live
    #[arg(long, value_name = "DIR", default_value = DATA_DIR)]
    data_dir: PathBuf,
}

/// Where quickstart keeps its data unless told otherwise.
pub(super) const DATA_DIR: &str = "data";

/// The configuration of a quickstart in this folder; the environment overrides it.
pub(super) fn config(folder: &Path) -> Result<Config, ConfigError> {
    config::load_over(base(folder), config::environment())
}

fn base(folder: &Path) -> Table {
    let text = |path: PathBuf| Value::String(path.display().to_string());
    let certs = folder.join("certs");
    let files = |ending: &str| {
        let paths = ["ecdsa", "rsa"].map(|kind| text(certs.join(format!("leaf-{kind}.{ending}"))));
        Value::Array(paths.to_vec())
    };
    let section = |members: Vec<(&str, Value)>| {
        Value::Table(
            members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    };
    let url = format!("sqlite://{}", folder.join("fieldgate.db").display());
    [
        (
            "device",
            section(vec![("listen", Value::String("127.0.0.1:8443".to_owned()))]),
        ),
        (
            "management",
            section(vec![("listen", Value::String("127.0.0.1:8444".to_owned()))]),
        ),
        (
            "tls",
            section(vec![("certificate", files("pem")), ("private_key", files("key"))]),
        ),
        ("storage", section(vec![("url", Value::String(url))])),
        (
            "secrets",
            section(vec![("key_file", text(folder.join("secret.key")))]),
        ),
    ]
    .into_iter()
    .map(|(name, section)| (name.to_owned(), section))
    .collect()
}

pub(super) fn run(args: &QuickstartArgs) -> Outcome {
    let folder = &args.data_dir;
    let config = config(folder)?;
    let _logs = observability::init_logs(config.log.format, &config.log.level)?;
    raise_file_limit(&config);
    let names = development::leaf_names(&config.device.public_host);
    let certificates = development::ensure(&folder.join("certs"), &names, SystemClock.now())?;
    runtime(&config)?.block_on(async {
        let public_host = config.device.public_host.clone();
        let app = App::build(config).await?;
        let demo = Demo::prepare(&app, folder).await?;
        let ca = shown(&certificates.ca);
        app.run(move |device, management| {
            print_listening(device, management);
            print(&demo.lines(&ca, &public_host, device, management));
        })
        .await?;
        Ok(())
    })
}

/// What the demo is made of.
struct Demo {
    project_id: String,
    token: String,
    secret: String,
    gateway_secret: String,
    /// The password of the console's first user, at the start that made it.
    password: Option<Secret>,
    folder: String,
}

impl Demo {
    /// Makes what is missing through the same routes that everyone uses; goes on with what is there.
    async fn prepare(app: &App, folder: &Path) -> Result<Self, Failure> {
        let routes = InProcess::new(app.management(), app.project_id());
        let product = format!(
            r#"{{"product_id":"{PRODUCT}","name":"Demo","device_type":"Meter","protocol_type":"HTTPS","data_format":"json","service_capabilities":{MODEL}}}"#
        );
        ensure(&routes, &format!("/products/{PRODUCT}"), "/products", product).await?;
        let mut secrets = Vec::new();
        for (device, node, gateway) in [
            (DEVICE, "meter1", None),
            (GATEWAY, "gateway1", None),
            (CHILD, "sensor1", Some(GATEWAY)),
        ] {
            let gateway = gateway.map_or(String::new(), |id| format!(r#","gateway_id":"{id}""#));
            let body =
                format!(r#"{{"device_id":"{device}","node_id":"{node}","product_id":"{PRODUCT}"{gateway}}}"#);
            let made = ensure(&routes, &format!("/devices/{device}"), "/devices", body).await?;
            let secret = made
                .pointer("/auth_info/secret")
                .and_then(serde_json::Value::as_str);
            secrets.push(secret.unwrap_or_default().to_owned());
        }
        let [secret, gateway_secret, _] =
            <[String; 3]>::try_from(secrets).map_err(|_| "the demo has three devices")?;
        let token = token(app, folder).await?;
        Ok(Self {
            project_id: app.project_id().to_owned(),
            token,
            secret,
            gateway_secret,
            password: first_user(app).await?,
            folder: folder.display().to_string(),
        })
    }

    /// Lines to paste into a shell, each of its own.
    fn lines(&self, ca: &str, public_host: &str, device: SocketAddr, management: SocketAddr) -> String {
        let host = |address: SocketAddr| match public_host {
            "" if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
            "" => address.to_string(),
            host => format!("{host}:{}", address.port()),
        };
        let (device, management) = (host(device), host(management));
        let mut out = String::new();
        let auth = |id: &str, secret: &str| {
            format!(
                "curl -sS --cacert \"$CA\" -d '{{\"device_id\":\"{id}\",\"sign_type\":0,\"timestamp\":\"'$HOUR'\",\"password\":\"'$(printf %s \"{secret}\" | openssl dgst -sha256 -hmac \"$HOUR\" | sed 's/.*= //')'\"}}' https://{device}/v5/device-auth | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'"
            )
        };
        let post = |token: &str, id: &str, path: &str, body: &str| {
            format!(
                "curl -sS --cacert \"$CA\" -w ' HTTP %{{http_code}}\\n' -H \"access_token: ${token}\" -d '{body}' https://{device}/v5/devices/{id}/sys/{path}"
            )
        };
        let report = r#"{"services":[{"service_id":"Meter","properties":{"temperature":21.5,"humidity":40,"status":"OK"}}]}"#;
        let child = format!(
            r#"{{"devices":[{{"device_id":"{CHILD}","services":[{{"service_id":"Meter","properties":{{"temperature":19.2}}}}]}}]}}"#
        );
        let broken =
            r#"{"services":[{"service_id":"Meter","properties":{"temperature":512,"humidity":"wet"}}]}"#;
        let steps = [
            (
                "the CA to trust, a device, its secret, and the management API's token",
                String::new(),
            ),
            ("", format!("CA={ca}")),
            ("", format!("SECRET={}", self.secret)),
            ("", format!("GATEWAY_SECRET={}", self.gateway_secret)),
            ("", format!("API=https://{management}/v5/iot/{}", self.project_id)),
            ("", format!("AUTH={}", self.token)),
            (
                "authenticate: the password is the HMAC of the secret for this hour",
                format!("HOUR=$(date -u +%Y%m%d%H); TOKEN=$({})", auth(DEVICE, "$SECRET")),
            ),
            (
                "report properties",
                post("TOKEN", DEVICE, "properties/report", report),
            ),
            (
                "send a message",
                post("TOKEN", DEVICE, "messages/up", "hello from the field"),
            ),
            (
                "authenticate the gateway",
                format!(
                    "HOUR=$(date -u +%Y%m%d%H); GATEWAY_TOKEN=$({})",
                    auth(GATEWAY, "$GATEWAY_SECRET")
                ),
            ),
            (
                "report for the gateway's child",
                post(
                    "GATEWAY_TOKEN",
                    GATEWAY,
                    "gateway/sub-devices/properties/report",
                    &child,
                ),
            ),
            (
                "report something that breaks the model, and see why",
                post("TOKEN", DEVICE, "properties/report", broken),
            ),
            (
                "read back what was stored",
                format!(
                    "curl -sS --cacert \"$CA\" -H \"X-Auth-Token: $AUTH\" \"$API/devices/{DEVICE}/events?limit=5\""
                ),
            ),
        ];
        out.push_str("\n# Fieldgate is up. Paste these lines into a shell.\n");
        for (title, line) in steps {
            // Writing to a String cannot fail.
            if !title.is_empty() {
                let _ = writeln!(out, "\n# {title}");
            }
            if !line.is_empty() {
                let _ = writeln!(out, "{line}");
            }
        }
        out.push_str(&self.console(&management));
        out.push_str("\n# Stop with Ctrl-C. What was stored stays.\n");
        out
    }

    /// Where the console is, and how to get in.
    fn console(&self, management: &str) -> String {
        let url = format!("https://{management}/console/");
        match &self.password {
            Some(password) => format!(
                "\n# the console; the password is for one sign-in, which asks for another\n\
                 console={url} user={FIRST_USER} password={}\n",
                password.expose()
            ),
            None => format!(
                "\n# the console is at {url}; `fieldgate users reset-password {FIRST_USER} --data-dir {}` lets in again \
                 who lost the password\n",
                self.folder
            ),
        }
    }
}

/// The console's first user, where there is none at all: its one-time password.
async fn first_user(app: &App) -> Result<Option<Secret>, Failure> {
    if !app.stores().users.list_users().await?.is_empty() {
        return Ok(None);
    }
    users::add(app.stores(), &UserName::parse(FIRST_USER)?, UserRole::Admin).await
}

/// The demo's own management key, kept beside the database for the next start.
async fn token(app: &App, folder: &Path) -> Result<String, Failure> {
    let path = folder.join("quickstart.token");
    if let Ok(text) = std::fs::read_to_string(&path) {
        let text = text.trim().to_owned();
        if let Some((access_key, _)) = split_token(&text)
            && app.stores().settings.key(access_key).await?.is_some()
        {
            return Ok(text);
        }
    }
    let key = keys::create(app.stores(), "quickstart", Role::Admin).await?;
    let text = format!("{}:{}", key.access_key, key.secret.expose());
    std::fs::write(&path, format!("{text}\n"))?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(text)
}

/// What is there, or what `create` makes; another program may be making it in this moment.
async fn ensure(
    routes: &InProcess,
    show: &str,
    create: &str,
    body: String,
) -> Result<serde_json::Value, Failure> {
    let (status, shown) = routes.call(Method::GET, show, String::new()).await?;
    if status == StatusCode::OK {
        return Ok(shown);
    }
    let (status, made) = routes.call(Method::POST, create, body).await?;
    if status == StatusCode::CREATED {
        return Ok(made);
    }
    match routes.call(Method::GET, show, String::new()).await? {
        (StatusCode::OK, shown) => Ok(shown),
        _ => Err(format!("the demo was refused: {made}").into()),
    }
}
