//! `fieldgate tail`: prints events as a running server takes them in. A client of `GET …/events/stream`; it comes again by
//! itself where it was, so that a restart of the server costs no event.

mod events;
mod pretty;

use std::io::{IsTerminal, Write};
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::StatusCode;
use http_body_util::BodyExt;

use super::Outcome;
use super::client::Failure;
use super::client::management::{Management, OpenError, Stream};
use super::client::server::{Server, ServerArgs};
use super::times;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::event_time;
use crate::domain::ids::{DeviceId, ProductId};
use crate::lifecycle::Signals;
use events::{Event, Events};

#[derive(Args)]
pub(super) struct TailArgs {
    /// Events of this device alone
    #[arg(long, value_name = "ID", value_parser = device_id)]
    device: Option<DeviceId>,
    /// Events of this product's devices, and of the product
    #[arg(long, value_name = "ID", value_parser = product_id)]
    product: Option<ProductId>,
    /// Events of this kind alone
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Begin with the event after this sequence
    #[arg(long, value_name = "SEQ", group = "start", value_parser = clap::value_parser!(i64).range(0..))]
    after: Option<i64>,
    /// Begin with what came so long ago: 10m, 2h, 3d
    #[arg(long, value_name = "TIME", group = "start", value_parser = times::parse)]
    since: Option<Duration>,
    /// Begin with the last N events that match
    #[arg(short = 'n', value_name = "N", group = "start", value_parser = clap::value_parser!(u32).range(0..=1000))]
    last: Option<u32>,
    /// How to print them [default: pretty on a terminal, else json]
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Property,
    Message,
    Device,
    Status,
    Product,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line for people
    Pretty,
    /// The envelope in one line
    Json,
}

/// Why printing stopped.
enum End {
    /// Whoever read standard output has gone.
    NobodyReads,
    /// The stream ended or broke; what is known of it.
    Lost(String),
}

/// Answers that are not streams are small.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// For connecting, and for an answer to begin.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The server says something every 15 seconds.
const SILENCE: Duration = Duration::from_secs(50);

/// Between two tries to come again, doubling.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub(super) fn run(args: &TailArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let signals = Signals::register()?;
        tokio::select! {
            biased;
            _ = signals.wait() => Ok(()),
            outcome = follow(args) => outcome,
        }
    })
}

async fn follow(args: &TailArgs) -> Outcome {
    let server = Server::resolve(&args.server)?;
    let management = server.management(TIMEOUT, LARGEST_ANSWER).await?;
    note_unknown_device(args, &management).await?;
    let path = args.path();
    let mut printer = Printer::new(args.format);
    let (mut last_id, mut lost, mut wait) = (None, None, SHORTEST_WAIT);
    loop {
        let reason = match management.open(&path, last_id).await {
            Ok(stream) => {
                if lost.take().is_some() {
                    say(&format!("connected again, going on after {}", shown(last_id)));
                }
                wait = SHORTEST_WAIT;
                match printer.print_all(stream, &mut last_id).await? {
                    End::NobodyReads => return Ok(()),
                    End::Lost(reason) => reason,
                }
            }
            Err(OpenError::Refused(answer)) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                wait = wait.max(answer.retry_after.unwrap_or_default()).min(LONGEST_WAIT);
                answer.message()
            }
            // Nothing was lost yet, so there is nothing to come again to; or it is nothing that time mends.
            Err(error) if last_id.is_none() || error.is_lasting() => return Err(error.into()),
            Err(error) => error.to_string(),
        };
        // Said once, not at each try.
        if lost.as_ref() != Some(&reason) {
            say(&format!("{reason}; coming again, from {}", shown(last_id)));
            lost = Some(reason);
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// A device may be registered later, but a name is sooner mistyped.
async fn note_unknown_device(args: &TailArgs, management: &Management) -> Result<(), Failure> {
    if let Some(device) = &args.device
        && management.read(&format!("/devices/{device}")).await?.is_none()
    {
        say(&format!("there is no device {device} (yet)"));
    }
    Ok(())
}

impl TailArgs {
    /// The stream's path below the project. What goes into it needs no escapes.
    fn path(&self) -> String {
        let start = match (self.after, self.since, self.last) {
            (Some(after), ..) => Some(format!("after={after}")),
            (_, Some(since), _) => {
                let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
                let time = event_time::compact(SystemClock.now().plus_millis(millis.saturating_neg()));
                Some(format!("start_time={time}"))
            }
            (.., last) => last.map(|last| format!("last={last}")),
        };
        let kind = self.kind.and_then(|kind| kind.to_possible_value());
        let parts = [
            start,
            self.device.as_ref().map(|id| format!("device_id={id}")),
            self.product.as_ref().map(|id| format!("product_id={id}")),
            kind.map(|kind| format!("kind={}", kind.get_name())),
        ];
        let query: Vec<String> = parts.into_iter().flatten().collect();
        format!("/events/stream?{}", query.join("&"))
    }
}

struct Printer {
    format: Format,
}

impl Printer {
    fn new(format: Option<Format>) -> Self {
        let fitting = if std::io::stdout().is_terminal() {
            Format::Pretty
        } else {
            Format::Json
        };
        Self {
            format: format.unwrap_or(fitting),
        }
    }

    /// Prints until the stream ends.
    async fn print_all(&mut self, mut stream: Stream, last_id: &mut Option<i64>) -> Result<End, Failure> {
        let mut events = Events::default();
        loop {
            let part = match tokio::time::timeout(SILENCE, stream.body.frame()).await {
                Err(_) => return Ok(End::Lost("the server has gone quiet".to_owned())),
                Ok(None) => return Ok(End::Lost("the stream ended".to_owned())),
                Ok(Some(Err(error))) => return Ok(End::Lost(format!("the stream broke: {error}"))),
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_else(|_| Bytes::new()),
            };
            let mut text = String::new();
            for event in events.take(&part)? {
                // What came before is here already.
                if event.id.is_none() || event.id > *last_id || event.data.is_empty() {
                    self.add(&mut text, &event);
                    *last_id = event.id.or(*last_id);
                }
            }
            let mut out = std::io::stdout().lock();
            if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
                return Ok(End::NobodyReads);
            }
        }
    }

    fn add(&self, text: &mut String, event: &Event) {
        if event.data.is_empty() {
            return;
        }
        if event.name == "gap" {
            say(&format!(
                "events are gone, retention has passed them: {}",
                pretty::printable(&event.data)
            ));
            return;
        }
        match self.format {
            Format::Json => text.push_str(&event.data),
            Format::Pretty => text.push_str(&pretty::line(&event.data)),
        }
        text.push('\n');
    }
}

fn shown(last_id: Option<i64>) -> String {
    last_id.map_or_else(|| "the start".to_owned(), |id| format!("sequence {id}"))
}

fn say(text: &str) {
    eprintln!("fieldgate tail: {text}");
}

fn device_id(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|error| error.to_string())
}

fn product_id(text: &str) -> Result<ProductId, String> {
    ProductId::parse(text).map_err(|error| error.to_string())
}
