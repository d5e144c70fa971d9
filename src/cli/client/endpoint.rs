//! The address of a listener, from `https://host:port`.

use std::fmt;

use http::{HeaderValue, Uri};
use rustls_pki_types::ServerName;

/// Where to connect, and the name to expect in the certificate.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Endpoint {
    host: String,
    port: u16,
    name: ServerName<'static>,
    authority: HeaderValue,
}

impl Endpoint {
    /// Reads the URL that `flag` gives.
    pub(in crate::cli) fn parse(flag: &str, url: &str) -> Result<Self, String> {
        let fault = |what: &str| format!("{flag} {url}: {what}, like https://127.0.0.1:8443");
        let uri: Uri = url.parse().map_err(|_| fault("must be an address"))?;
        if uri.scheme_str() != Some("https") {
            return Err(fault("must start with https://"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(fault("must end after the port"));
        }
        let authority = uri.authority().ok_or_else(|| fault("must name a host"))?;
        // An IPv6 address stands in brackets there and without them elsewhere.
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|_| fault("must name a host"))?;
        Ok(Self {
            port: authority.port_u16().unwrap_or(443),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| fault("must name a host"))?,
            host,
            name,
        })
    }

    /// A name or an address without brackets.
    pub(in crate::cli) fn host(&self) -> &str {
        &self.host
    }

    pub(in crate::cli) const fn port(&self) -> u16 {
        self.port
    }

    /// For the handshake.
    pub(in crate::cli) fn server_name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// For the `Host` header.
    pub(in crate::cli) fn authority(&self) -> HeaderValue {
        self.authority.clone()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_ports_are_read() {
        let read = |url: &str| Endpoint::parse("--devices-url", url).map(|endpoint| endpoint.to_string());
        assert_eq!(read("https://127.0.0.1:8443").unwrap(), "127.0.0.1:8443");
        assert_eq!(read("https://gate.example/").unwrap(), "gate.example:443");
        assert_eq!(read("https://[::1]:8443").unwrap(), "[::1]:8443");
        for (url, part) in [
            ("http://127.0.0.1:8443", "must start with https://"),
            ("127.0.0.1:8443", "must start with https://"),
            ("https://127.0.0.1:8443/v5", "must end after the port"),
            ("https://", "--devices-url https://:"),
        ] {
            let said = read(url).unwrap_err();
            assert!(said.contains(part), "{url}: {said}");
        }
    }
}
