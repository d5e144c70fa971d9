//! A TLS client that writes bytes as given and reads HTTP/1 answers.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

/// Which certificates a client can verify.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    Any,
    Ecdsa,
    Rsa,
}

/// A client that trusts `ca` alone.
pub fn client_config(
    ca: &Path,
    suite: Suite,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|offered| {
        let name = format!("{:?}", offered.suite());
        match suite {
            Suite::Any => true,
            Suite::Ecdsa => !name.contains("_RSA_"),
            Suite::Rsa => !name.contains("_ECDSA_"),
        }
    });
    client_config_of(ca, provider, versions)
}

/// The same with other suites and groups.
pub fn client_config_of(
    ca: &Path,
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        format!("{}\n{}", self.head, String::from_utf8_lossy(&self.body))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn error_code(&self) -> String {
        self.json()["error_code"].as_str().unwrap().to_owned()
    }

    pub fn error_msg(&self) -> String {
        self.json()["error_msg"].as_str().unwrap().to_owned()
    }

    /// Checks the status, the code and a part of the message of a refusal.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str, part: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.error_code(), code, "{}", self.text());
        assert!(
            self.error_msg().contains(part),
            "{part:?} is not in {}",
            self.text()
        );
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-request-id").is_some_and(|id| id.len() == 36));
    }
}

/// One connection.
pub struct Wire {
    pub stream: StreamOwned<ClientConnection, TcpStream>,
    held: Vec<u8>,
}

impl Wire {
    /// Connects and finishes the handshake.
    pub fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> std::io::Result<Self> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(config, name).map_err(std::io::Error::other)?;
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self {
            stream,
            held: Vec::new(),
        })
    }

    /// Writes bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Writes a request of HTTP/1.1 and reads its answer.
    pub fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_call(method, path, headers, body).unwrap()
    }

    /// The same, for a server that may go away meanwhile.
    pub fn try_call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Reply> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        // A server that refuses early may close before it has read all; its answer is what counts.
        let _ = self.stream.write_all(&bytes).and_then(|()| self.stream.flush());
        self.try_reply()
    }

    /// Reads one answer.
    pub fn reply(&mut self) -> Reply {
        self.try_reply().unwrap()
    }

    /// Reads one answer, interim ones included.
    pub fn try_reply(&mut self) -> std::io::Result<Reply> {
        let end = loop {
            if let Some(at) = find(&self.held, b"\r\n\r\n") {
                break at;
            }
            self.more()?;
        };
        let head = String::from_utf8_lossy(&self.held[..end]).into_owned();
        self.held.drain(..end + 4);
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        let mut reply = Reply {
            status,
            head,
            body: Vec::new(),
        };
        let length = reply
            .header("content-length")
            .map_or(0, |text| text.parse().unwrap());
        while self.held.len() < length {
            self.more()?;
        }
        reply.body = self.held.drain(..length).collect();
        Ok(reply)
    }

    /// The bytes that came and were not looked at, waiting for some.
    pub fn bytes(&mut self) -> std::io::Result<Vec<u8>> {
        if self.held.is_empty() {
            self.more()?;
        }
        Ok(std::mem::take(&mut self.held))
    }

    /// Whether the server ends the connection now (within the read timeout) with nothing more to say.
    pub fn is_closed_by_server(&mut self) -> bool {
        self.held.is_empty()
            && matches!(self.more(), Err(error) if error.kind() == ErrorKind::UnexpectedEof
            || error.kind() == ErrorKind::ConnectionReset)
    }

    fn more(&mut self) -> std::io::Result<()> {
        let mut buffer = [0; 16384];
        match self.stream.read(&mut buffer)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.held.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
