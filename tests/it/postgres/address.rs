//! The network between the program and its database.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::server::Server;

/// Where a connection is cut: before an answer passes that holds one text, once a question passed that holds the other.
pub struct Cut {
    pub asked: &'static [u8],
    pub answered: &'static [u8],
}

/// An address that leads to one server, then to another, and whose connections can fall silent or be cut.
pub struct Address {
    pub port: u16,
    target: AtomicU16,
    connections: AtomicU64,
    /// Those before this one pass nothing.
    silent_before: AtomicU64,
    cut: Mutex<Option<Cut>>,
}

impl Address {
    pub fn of(server: &Server) -> &'static Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: &'static Self = Box::leak(Box::new(Self {
            port: listener.local_addr().unwrap().port(),
            target: AtomicU16::new(server.port),
            connections: AtomicU64::new(0),
            silent_before: AtomicU64::new(0),
            cut: Mutex::new(None),
        }));
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", address.target.load(Ordering::SeqCst))) else {
                    continue;
                };
                address.join(near, far);
            }
        });
        address
    }

    pub fn lead_to(&self, server: &Server) {
        self.target.store(server.port, Ordering::SeqCst);
    }

    /// Nothing passes and nothing is closed, until it is to pass again.
    pub fn silence(&self, silent: bool) {
        let before = if silent { u64::MAX } else { 0 };
        self.silent_before.store(before, Ordering::SeqCst);
    }

    /// What is connected by now never hears anything again.
    pub fn forget_connections(&self) {
        let now = self.connections.load(Ordering::SeqCst);
        self.silent_before.store(now, Ordering::SeqCst);
    }

    /// Once.
    pub fn cut(&self, cut: Cut) {
        *self.cut.lock().unwrap() = Some(cut);
    }

    /// Whether the cut was made.
    pub fn was_cut(&self) -> bool {
        self.cut.lock().unwrap().is_none()
    }

    fn join(&'static self, near: TcpStream, far: TcpStream) {
        let connection = Arc::new(Connection {
            number: self.connections.fetch_add(1, Ordering::SeqCst),
            asked: AtomicBool::new(false),
            ends: [near.try_clone().unwrap(), far.try_clone().unwrap()],
        });
        let (questions, answers) = (connection.clone(), connection);
        let (near_too, far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || self.pass(&questions, (near, far), false));
        std::thread::spawn(move || self.pass(&answers, (far_too, near_too), true));
    }

    fn pass(&self, connection: &Connection, (mut from, mut to): (TcpStream, TcpStream), is_answer: bool) {
        let mut chunk = vec![0; 65536];
        while let Ok(length) = from.read(&mut chunk) {
            while connection.number < self.silent_before.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let chunk = &chunk[..length];
            if chunk.is_empty() || self.cuts(connection, chunk, is_answer) || to.write_all(chunk).is_err() {
                break;
            }
        }
        for end in &connection.ends {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    fn cuts(&self, connection: &Connection, chunk: &[u8], is_answer: bool) -> bool {
        let holds = |text: &[u8]| chunk.windows(text.len()).any(|part| part == text);
        let mut waiting = self.cut.lock().unwrap();
        let Some(cut) = waiting.as_ref() else { return false };
        if !is_answer {
            connection.asked.fetch_or(holds(cut.asked), Ordering::SeqCst);
            return false;
        }
        let cuts = connection.asked.load(Ordering::SeqCst) && holds(cut.answered);
        if cuts {
            *waiting = None;
        }
        cuts
    }
}

struct Connection {
    number: u64,
    asked: AtomicBool,
    ends: [TcpStream; 2],
}
