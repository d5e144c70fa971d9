//! The yardstick of `scripts/load`: a bare axum echo over the same TLS settings, with nothing behind it.
//!
//! `tls_echo CERTIFICATE KEY` prints its address and serves until it is killed.

use std::error::Error;
use std::path::PathBuf;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use fieldgate::config::TlsVersion;
use fieldgate::tls::server_config;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = std::env::args()
        .skip(1)
        .filter(|text| !text.starts_with("--"))
        .map(PathBuf::from)
        .collect();
    let [certificate, key] =
        <[PathBuf; 2]>::try_from(files).map_err(|_| "usage: tls_echo CERTIFICATE KEY")?;
    let config = server_config(vec![(certificate, key)], &[TlsVersion::V12], None)?.config;
    let acceptor = TlsAcceptor::from(config);
    let router = Router::new().fallback(post(async |body: Bytes| body));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    print_address(&format!("listening role=echo address={address}\n"))?;
    let connections = TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
        connections.spawn(async move {
            // A client that goes away is no fault of the yardstick.
            if let Ok(stream) = acceptor.accept(stream).await {
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        });
    }
}

fn print_address(line: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}
