//! A reader of the event stream.

use std::io::{ErrorKind, Result};
use std::time::Duration;

use serde_json::Value;

use super::{Gate, Wire};

/// One event with data.
#[derive(Clone, Debug)]
pub struct SseEvent {
    pub id: i64,
    pub name: String,
    pub data: String,
}

impl SseEvent {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }

    /// What a message held.
    pub fn content(&self) -> Value {
        self.json()["notify_data"]["body"]["content"].clone()
    }
}

/// An open stream.
pub struct Sse {
    wire: Wire,
    raw: Vec<u8>,
    text: String,
    ended: bool,
    /// The last id that came, with an event or without.
    pub last_id: i64,
}

impl Sse {
    /// Opens `…/events/stream` with this query, to go on after `last_id` where one is given.
    pub fn open(gate: &Gate, key: &str, query: &str, last_id: Option<i64>) -> Self {
        let path = format!("/v5/iot/{}/events/stream{query}", gate.project_id);
        Self::opened(gate, ("X-Auth-Token", key), &path, last_id)
    }

    /// Opens the stream at another path, with another header that proves who reads.
    pub fn opened(gate: &Gate, proof: (&str, &str), path: &str, last_id: Option<i64>) -> Self {
        let mut wire = gate.management_wire();
        let id = last_id.map(|id| id.to_string());
        let mut headers = vec![proof, ("Accept", "text/event-stream")];
        headers.extend(id.iter().map(|id| ("Last-Event-ID", id.as_str())));
        let reply = wire.call("GET", path, &headers, b"");
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        Self {
            wire,
            raw: Vec::new(),
            text: String::new(),
            ended: false,
            last_id: last_id.unwrap_or(-1),
        }
    }

    /// Fails with this long without a byte.
    pub fn patience(&mut self, longest: Duration) {
        self.wire.stream.sock.set_read_timeout(Some(longest)).unwrap();
    }

    /// The next event with data.
    pub fn next(&mut self) -> Result<SseEvent> {
        loop {
            let block = self.block()?;
            let mut event = SseEvent {
                id: self.last_id,
                name: String::new(),
                data: String::new(),
            };
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => self.last_id = id.parse().unwrap(),
                    Some(("event", name)) => name.clone_into(&mut event.name),
                    Some(("data", data)) => event.data.push_str(data),
                    _ => {}
                }
            }
            event.id = self.last_id;
            if !event.data.is_empty() {
                return Ok(event);
            }
        }
    }

    /// Reads until the first block, which tells where the stream stands.
    pub fn greeted(mut self) -> Self {
        let block = self.block().unwrap();
        let id = block.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
        self.last_id = id.parse().unwrap();
        self
    }

    /// Whether the stream ends properly, whatever comes before that.
    pub fn ends(&mut self) -> bool {
        loop {
            match self.block() {
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::UnexpectedEof && self.ended,
            }
        }
    }

    /// The text up to the next empty line.
    fn block(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block = self.text[..end].to_owned();
                self.text.drain(..end + 2);
                return Ok(block);
            }
            if self.ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.raw.extend(self.wire.bytes()?);
            self.decode();
        }
    }

    /// Takes whole chunks out of what came.
    fn decode(&mut self) {
        while let Some(line) = self.raw.windows(2).position(|pair| pair == b"\r\n") {
            let size = std::str::from_utf8(&self.raw[..line]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            let end = line + 2 + size + 2;
            if self.raw.len() < end {
                return;
            }
            let data = std::str::from_utf8(&self.raw[line + 2..end - 2]).unwrap();
            self.text.push_str(data);
            self.raw.drain(..end);
            self.ended |= size == 0;
        }
    }
}
