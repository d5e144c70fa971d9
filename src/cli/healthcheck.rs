//! `fieldgate healthcheck`: asks the running instance's `/healthz`; for a container's health check, where no other client is.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::{Outcome, PlaceArgs, print};
use crate::tls;

/// For connecting, and for each read and write.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest answer that is looked at.
const LARGEST: u64 = 16 * 1024;

pub(super) fn run(place: &PlaceArgs) -> Outcome {
    let config = place.load()?;
    let address = reachable(config.management.listen);
    if address.port() == 0 {
        return Err("management.listen has port 0, so its port is not known here".into());
    }
    let answer = ask(address).map_err(|error| format!("the management listener at {address}: {error}"))?;
    let status = answer.lines().next().unwrap_or_default();
    if status.starts_with("HTTP/1.1 200 ") {
        print("healthy\n");
        Ok(())
    } else {
        Err(format!("the management listener at {address} answered {status:?}").into())
    }
}

/// Where a listener can be reached from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let here = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(here, listen.port())
}

fn ask(address: SocketAddr) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let connection = tls::connection_to_ourselves()?;
    let mut stream = rustls::StreamOwned::new(connection, socket);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let read = stream.take(LARGEST).read_to_end(&mut answer);
    // A peer that ends without a farewell has answered all the same.
    match read {
        Err(error) if answer.is_empty() => Err(error.into()),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_is_reached_over_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:8444", "127.0.0.1:8444"),
            ("[::]:8444", "[::1]:8444"),
            ("10.0.0.7:8444", "10.0.0.7:8444"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }
}
