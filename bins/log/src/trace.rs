//! Lines of `tracing`, and through it of the crate `log`.
use crate::limit::Rate;
use crate::text::{cut, now};
use crate::{Log, Output};
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// How many warnings and errors from one place of the program are written in ten seconds, for each peer.
const WARNINGS: u32 = 20;
/// The same where there is no peer.
const OWN_WARNINGS: u32 = 100;
/// The same of what is only written because the user has asked for it.
const DETAILS: u32 = 1_000;

/// Starts to write events to `log`. Does nothing if there is a subscriber already.
pub(crate) fn start(log: Log, level: Level, colours: bool) {
    let lines = Lines { log, colours };
    // Fails only if there is one.
    let _ = tracing_subscriber::registry().with(LevelFilter::from_level(level)).with(lines).try_init();
}

/// Writes each event as a line.
struct Lines {
    log: Log,
    colours: bool,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (meta, mut text) = (event.metadata(), Text::default());
        event.record(&mut text);
        let level = *meta.level();
        let lines = match (level, text.peer) {
            (Level::ERROR | Level::WARN, Some(_)) => WARNINGS,
            (Level::ERROR | Level::WARN, None) => OWN_WARNINGS,
            _ => DETAILS,
        };
        let rate = Rate { kind: meta.name(), label: &text.message, peer: text.peer, lines };
        let head = format!("{} {} ", now(), level_name(level, self.colours));
        let line = || self.log.line(Output::Err, &head, &format!("{}{}", text.message, text.fields));
        self.log.err.offer(rate, std::time::Instant::now(), line);
    }
}

/// Returns the name of a level, in its colour where there are colours.
fn level_name(level: Level, colours: bool) -> String {
    let colour = match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    };
    if colours { format!("\u{1b}[{colour}m{level}\u{1b}[0m") } else { level.to_string() }
}

/// What an event says.
#[derive(Debug, Default)]
struct Text {
    message: String,
    fields: String,
    peer: Option<IpAddr>,
}

impl Text {
    fn add(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = cut(value).into_owned(),
            // Where a line of the crate `log` comes from.
            name if name.starts_with("log.") => {}
            name => {
                if matches!(name, "peer" | "address" | "destination") {
                    let address = value.parse().map(|address: SocketAddr| address.ip());
                    self.peer = address.or_else(|_| value.parse()).ok();
                }
                // A string takes all that is written.
                let _ = write!(self.fields, " {name}={}", cut(value));
            }
        }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, &value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Form;
    use crate::queue::{Notices, Queue};
    use std::sync::Arc;
    use std::time::Instant;

    /// Returns the lines that `act` causes.
    fn lines(colours: bool, act: impl FnOnce()) -> Vec<String> {
        let queue = || Arc::new(Queue::new(Notices::Words { program: None }));
        let log = Log { program: "test", form: Form::Words, out: queue(), err: queue() };
        let layer = Lines { log: log.clone(), colours };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), act);
        log.err.finish(Instant::now());
        let mut output = Vec::new();
        log.err.write_to(&mut output);
        String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_has_time_level_message_and_fields() {
        let name = "a\n\u{1b}[31m\u{202e}";
        let seen = lines(false, || tracing::warn!(input = name, bytes = 7, "it {} not", "does"));
        let (time, rest) = seen[0].split_once(' ').unwrap();
        assert!(time.ends_with('Z') && time.len() == 24, "{time}");
        assert_eq!(rest, r"WARN it does not input=a\u000a\u001b[31m\u202e bytes=7");
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn only_a_terminal_has_colours() {
        let seen = lines(true, || tracing::warn!("x"));
        assert!(seen[0].contains("\u{1b}[33mWARN\u{1b}[0m x"), "{seen:?}");
        assert!(!lines(false, || tracing::warn!("x"))[0].contains('\u{1b}'));
    }

    #[test]
    fn a_peer_has_so_many_warnings_from_one_place() {
        let seen = lines(false, || {
            for n in 0..500_u16 {
                let address = SocketAddr::from(([192, 0, 2, 1], n));
                tracing::warn!(%address, limit = 5, "connection turned away");
            }
            let address = SocketAddr::from(([192, 0, 2, 2], 1));
            tracing::warn!(%address, "another line");
        });
        assert_eq!(seen.len() as u32, WARNINGS + 2);
        let more = seen.iter().find(|line| line.contains("192.0.2.1: and 480 more: connection turned away"));
        assert!(more.is_some(), "{seen:?}");
    }

    #[test]
    fn a_long_message_is_cut() {
        let seen = lines(false, || tracing::warn!(url = "y".repeat(9_000), "{}", "x".repeat(9_000)));
        assert!(seen[0].len() < 1_100, "{}", seen[0].len());
    }
}
