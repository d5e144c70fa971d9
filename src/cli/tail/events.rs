//! Server-sent events, from parts as they come.

use super::Failure;

/// The longest line that is taken: an event of 1 MB as a text full of escapes, and more.
const LONGEST: usize = 16 * 1024 * 1024;

/// One block: an event, or with empty data just where the stream stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// The sequence.
    pub(super) id: Option<i64>,
    /// The resource and event, or `gap`.
    pub(super) name: String,
    /// The envelope.
    pub(super) data: String,
}

/// What has come of a stream.
#[derive(Default)]
pub(super) struct Events {
    /// The beginning of a line.
    held: Vec<u8>,
    begun: Event,
}

impl Events {
    /// The events that end in this part.
    pub(super) fn take(&mut self, part: &[u8]) -> Result<Vec<Event>, Failure> {
        let mut ended = Vec::new();
        let mut rest = part;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if self.held.is_empty() {
                self.line(line, &mut ended);
            } else {
                self.held.extend_from_slice(line);
                let line = std::mem::take(&mut self.held);
                self.line(&line, &mut ended);
            }
        }
        self.held.extend_from_slice(rest);
        if self.held.len() > LONGEST {
            return Err("the stream holds an event that is too large".into());
        }
        Ok(ended)
    }

    fn line(&mut self, line: &[u8], ended: &mut Vec<Event>) {
        let line = String::from_utf8_lossy(line);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.is_empty() {
            ended.push(std::mem::take(&mut self.begun));
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.begun.id = value.parse().ok(),
            "event" => value.clone_into(&mut self.begun.name),
            "data" => self.begun.data.push_str(value),
            // A comment, or what this version does not know.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_parts_are_cut() {
        let text = "retry: 1000\nid: 6\n\n: keep-alive\nid: 7\r\n\r\nid: 8\nevent: device/create\ndata: {\"a\":\": \"}\n\n";
        let event = |id, name: &str, data: &str| Event {
            id: Some(id),
            name: name.to_owned(),
            data: data.to_owned(),
        };
        let expected = [
            event(6, "", ""),
            event(7, "", ""),
            event(8, "device/create", r#"{"a":": "}"#),
        ];
        for size in [1, 2, 3, 7, 50, 1000] {
            let mut events = Events::default();
            let parts = text.as_bytes().chunks(size);
            let found: Vec<_> = parts.flat_map(|part| events.take(part).unwrap()).collect();
            assert_eq!(found, expected, "in parts of {size}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_held_for_ever() {
        let mut events = Events::default();
        let part = vec![b'x'; LONGEST / 2];
        assert!(events.take(&part).is_ok());
        assert!(events.take(&part).is_ok());
        assert!(events.take(&part).is_err());
    }
}
