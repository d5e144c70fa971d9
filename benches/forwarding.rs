//! The two ends of `scripts/forwarding`: the target that a rule's action pushes to, and a device that times how soon what
//! it was answered 200 for comes there.
//!
//! `forwarding receive` prints its address and serves until it is killed: `POST /take` is answered 200, `POST /hang` never;
//! `GET /figures` gives how many came to `/take` since it was last asked, and the milliseconds between the first and the
//! last of them.
//!
//! `forwarding latency CA DEVICES PATH TOKEN TIMES` prints its address, waits for a line, reports so many times to the
//! device listener at `DEVICES`, one after another, and prints the percentiles of the time from its 200 to the push.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use bytes::Bytes;
use hdrhistogram::Histogram;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::TaskTracker;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What a device reports in [`time_reports`].
const REPORT: &str =
    r#"{"services":[{"service_id":"Meter","properties":{"temperature":21.5,"humidity":40}}]}"#;

/// Between two reports, so that each finds everything at rest.
const PAUSE: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().filter(|text| !text.starts_with("--")).collect();
    let arguments: Vec<_> = arguments.iter().skip(1).map(String::as_str).collect();
    match arguments.as_slice() {
        ["receive"] => receive().await,
        ["latency", ca, devices, path, token, times] => {
            let device = Device::connect(ca, devices.parse()?, path, token).await?;
            time_reports(device, times.parse()?).await
        }
        _ => Err("usage: forwarding receive | forwarding latency CA DEVICES PATH TOKEN TIMES".into()),
    }
}

/// What came: how many, the first and the last.
type Figures = Arc<Mutex<Option<(u64, Instant, Instant)>>>;

async fn receive() -> Result<()> {
    let figures = Figures::default();
    let router = Router::new()
        .route("/take", post(take))
        .route("/hang", post(async || std::future::pending::<()>().await))
        .route("/figures", get(show))
        .with_state(figures);
    let listener = listen().await?;
    axum::serve(listener, router).await?;
    Ok(())
}

async fn take(State(figures): State<Figures>, body: Bytes) {
    drop(body);
    let now = Instant::now();
    let mut figures = figures.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, _, last) = figures.get_or_insert((0, now, now));
    (*count, *last) = (*count + 1, now);
}

async fn show(State(figures): State<Figures>) -> String {
    let figures = figures.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (count, first, last) = figures.unwrap_or((0, Instant::now(), Instant::now()));
    format!("{count} {}\n", last.saturating_duration_since(first).as_millis())
}

async fn time_reports(mut device: Device, times: usize) -> Result<()> {
    let (came, mut pushes) = mpsc::unbounded_channel();
    let router = Router::new().fallback(post(async move |_: Bytes| {
        // The other end waits for it.
        let _ = came.send(Instant::now());
    }));
    let listener = listen().await?;
    let serving = TaskTracker::new();
    serving.spawn(async move { axum::serve(listener, router).await });
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    let mut histogram = Histogram::<u64>::new(3)?;
    for _ in 0..times {
        tokio::time::sleep(PAUSE).await;
        device.report().await?;
        let answered = Instant::now();
        let came = tokio::time::timeout(Duration::from_secs(10), pushes.recv());
        let came = came.await?.ok_or("the receiver ended")?;
        // It may come before the device has read its 200.
        let micros = came.saturating_duration_since(answered).as_micros();
        histogram.record(u64::try_from(micros)?)?;
    }
    let at = |quantile| histogram.value_at_quantile(quantile);
    print(&format!("{} {} {}\n", at(0.5), at(0.99), histogram.max()))
}

/// One keep-alive connection that reports.
struct Device {
    stream: TlsStream<TcpStream>,
    request: String,
}

impl Device {
    async fn connect(ca: &str, address: SocketAddr, path: &str, token: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(address.ip());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let length = REPORT.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\naccess_token: {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{REPORT}"
        );
        Ok(Self { stream, request })
    }

    /// Reports, and waits for the head of the 200, which has no body.
    async fn report(&mut self) -> Result<()> {
        self.stream.write_all(self.request.as_bytes()).await?;
        self.stream.flush().await?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
            let read = self.stream.read(&mut buffer).await?;
            answer.extend_from_slice(
                buffer
                    .get(..read)
                    .filter(|read| !read.is_empty())
                    .ok_or("closed")?,
            );
        }
        if answer.starts_with(b"HTTP/1.1 200 ") {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&answer).into())
        }
    }
}

async fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    print(&format!(
        "listening role=target address={}\n",
        listener.local_addr()?
    ))?;
    Ok(listener)
}

fn print(line: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()?;
    Ok(())
}
