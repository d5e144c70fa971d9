//! An application's side: takes pushes over HTTP/1.1, plain or over TLS, keeps them, and answers as told.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use standardwebhooks::Webhook;

/// How long an event may take on a machine that is busy with other tests.
const SOON: Duration = Duration::from_mins(1);

/// Long enough for an event that must not come.
const NEVER: Duration = Duration::from_millis(1500);

/// A request that came in.
pub struct Push {
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Push {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn sequence(&self) -> u64 {
        self.headers["webhook-id"].to_str().unwrap().parse().unwrap()
    }

    pub fn verify(&self, secret: &str) -> bool {
        let webhook = Webhook::new(secret).unwrap();
        webhook.verify(&self.body, &self.headers).is_ok()
    }
}

/// What a receiver does with a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Answers this status.
    Answer(u16),
    /// Answers 200 after this long.
    Late(Duration),
    /// Closes the connection without an answer.
    Reset,
    /// Answers nothing for as long as the client waits.
    Hang,
}

type React = Box<dyn FnMut(&Push) -> Reaction + Send>;

/// A running receiver, for as long as the test runs.
pub struct Receiver {
    pub address: SocketAddr,
    pushes: Mutex<Inbox<Push>>,
    react: Arc<Mutex<React>>,
    open: Arc<AtomicUsize>,
}

impl Receiver {
    /// Answers 200 to everything.
    pub fn start() -> Self {
        Self::start_over(None)
    }

    pub fn start_over(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, pushes) = channel();
        let react: React = Box::new(|_| Reaction::Answer(200));
        let react = Arc::new(Mutex::new(react));
        let (reacting, open) = (react.clone(), Arc::new(AtomicUsize::new(0)));
        let counted = open.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (send, tls, react) = (send.clone(), tls.clone(), reacting.clone());
                let served = Served::count(&counted);
                std::thread::spawn(move || {
                    serve_over(stream, tls, &send, &react);
                    drop(served);
                });
            }
        });
        Self {
            address,
            pushes: Mutex::new(pushes),
            react,
            open,
        }
    }

    /// What it does from now on.
    pub fn react(&self, react: impl FnMut(&Push) -> Reaction + Send + 'static) {
        *self.react.lock().unwrap() = Box::new(react);
    }

    pub fn answers(&self, status: u16) {
        self.react(move |_| Reaction::Answer(status));
    }

    pub fn url(&self) -> String {
        format!("http://{}/push", self.address)
    }

    #[track_caller]
    pub fn next(&self) -> Push {
        self.pushes.lock().unwrap().recv_timeout(SOON).unwrap()
    }

    #[track_caller]
    pub fn assert_quiet(&self) {
        assert!(self.pushes.lock().unwrap().recv_timeout(NEVER).is_err());
    }

    /// Waits until everything that clients who are gone had sent was read.
    pub fn until_all_are_gone(&self) {
        // Connections are taken in their order: once this one ends, none is left that came before it.
        let mut last = TcpStream::connect(self.address).unwrap();
        last.shutdown(Shutdown::Write).unwrap();
        let _ = last.read(&mut [0; 1]);
        let end = Instant::now() + SOON;
        while self.open.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < end, "a client is still there");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What came since this was last asked.
    pub fn taken(&self) -> Vec<Push> {
        self.pushes.lock().unwrap().try_iter().collect()
    }
}

/// A connection that is being served.
struct Served(Arc<AtomicUsize>);

impl Served {
    fn count(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(open.clone())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve_over(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    pushes: &Sender<Push>,
    react: &Mutex<React>,
) {
    match tls {
        None => serve(stream, pushes, react),
        Some(tls) => {
            let connection = ServerConnection::new(tls).unwrap();
            serve(StreamOwned::new(connection, stream), pushes, react);
        }
    }
}

/// Reads requests with a length until the client goes.
fn serve(mut stream: impl Read + Write, pushes: &Sender<Push>, react: &Mutex<React>) {
    let mut held = Vec::new();
    while let Some(push) = next_push(&mut stream, &mut held) {
        let reaction = (react.lock().unwrap())(&push);
        let _ = pushes.send(push);
        let status = match reaction {
            Reaction::Answer(status) => status,
            Reaction::Late(by) => {
                std::thread::sleep(by);
                200
            }
            Reaction::Reset => return,
            Reaction::Hang => {
                while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
                return;
            }
        };
        let answer = format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() || stream.flush().is_err() {
            return;
        }
    }
}

fn next_push(stream: &mut impl Read, held: &mut Vec<u8>) -> Option<Push> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(push) = whole(held) {
            return Some(push);
        }
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => held.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}

/// Takes a request out of what was read, if all of it is there.
fn whole(held: &mut Vec<u8>) -> Option<Push> {
    let end = held.windows(4).position(|four| four == b"\r\n\r\n")?;
    let lines = String::from_utf8(held[..end].to_vec()).unwrap();
    let mut headers = http::HeaderMap::new();
    for line in lines.lines().skip(1) {
        let (name, value) = line.split_once(':').unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.trim().parse().unwrap());
    }
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    let body = held.get(end + 4..end + 4 + length)?.to_vec();
    held.drain(..end + 4 + length);
    Some(Push {
        headers,
        body,
        at: Instant::now(),
    })
}
