//! The connection to the server: what its events mean, and when to reconnect.
use super::super::settings::AtEnd;
use super::Engine;
use super::publish::newest;
use crate::stream::backoff::Backoff;
use crate::stream::{Error, Event, Failure, Source};
use pinhole::rtsp::Status;
use pinhole::time::MediaTime;
use std::time::{Duration, Instant};

/// How long the server may take to answer TEARDOWN.
const FAREWELL: Duration = Duration::from_millis(500);
/// A medium whose frames end this much before its announced end was cut off.
const CUT_OFF: Duration = Duration::from_secs(1);

/// Whether the server can be reached.
#[derive(Debug)]
pub(super) struct Connection {
    link: Link,
    backoff: Backoff,
    /// Whether to reconnect at all.
    reconnects: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    /// All frames have arrived. The client connects again only when a seek needs it.
    Done,
    /// The connection is lost, and the next attempt waits for its time.
    Lost,
    /// An attempt to reconnect is under way.
    Connecting,
}

impl Connection {
    /// Starts with a connection that is up.
    pub(super) fn new(reconnects: bool) -> Self {
        Self { link: Link::Up, backoff: Backoff::default(), reconnects }
    }

    /// Returns whether the session goes on.
    pub(super) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Returns the attempts to reconnect; `None` if the connection is not lost.
    pub(super) fn attempts(&self) -> Option<&Backoff> {
        matches!(self.link, Link::Lost | Link::Connecting).then_some(&self.backoff)
    }

    /// Starts the attempts from the beginning: frames arrive.
    pub(super) fn frames_arrive(&mut self) {
        if self.is_up() {
            self.backoff = Backoff::default();
        }
    }
}

impl Engine<'_> {
    /// Waits for the source, at most `wait`. Starts an attempt to reconnect that is due.
    pub(super) fn turn(&mut self, source: &mut dyn Source, wait: Duration) -> Result<(), Error> {
        let now = Instant::now();
        let Connection { link, backoff, .. } = &mut self.connection;
        if backoff.take_due(now) {
            tracing::info!(attempt = backoff.attempt, "connecting anew");
            *link = Link::Connecting;
            source.reconnect();
        }
        let wait = backoff.at().map_or(wait, |at| wait.min(at.saturating_duration_since(now)));
        match source.turn(wait) {
            Ok(()) => Ok(()),
            Err(Failure::Final(error)) => Err(error),
            Err(Failure::Lost(error)) => self.connection_lost(error),
        }
    }

    /// Processes what has happened to the session.
    pub(super) fn take_events(&mut self, source: &mut dyn Source) -> Result<(), Error> {
        let (mut ended, mut closed, mut refused) = (false, false, None);
        while let Some(event) = source.poll_event() {
            tracing::info!(?event);
            if matches!(event, Event::Playing(_)) && source.is_live() {
                self.tell_ignored_options();
            }
            match event {
                Event::Playing(_) if !self.connection.is_up() => {
                    self.connection.link = Link::Up;
                    self.shared.model.update(|model| model.reconnects = model.reconnects.saturating_add(1));
                }
                Event::Ended => ended = true,
                Event::Refused(Status::INVALID_RANGE) => self.playhead.on_refused(),
                Event::Refused(status) => refused = Some(status),
                Event::Closed => closed = true,
                _ => {}
            }
        }
        if ended {
            self.playhead.on_ended(source);
        }
        if closed {
            // A live stream that has ended may start again. The player waits for that if somebody
            // looks on, but not if it is to stop at the end.
            let may_return = ended && source.is_live() && self.shared.at_end() != AtEnd::Stop;
            if self.connection.reconnects && (may_return || is_cut_off(source)) {
                self.playhead.go_on();
            }
            self.connection_lost("the server has ended the session".into())?;
        } else if let Some(Status(status)) = refused {
            // Another session may have what this one does not give.
            self.connection_lost(format!("the server refuses to play from there ({status})").into())?;
        }
        Ok(())
    }

    /// Tells once which options a live medium ignores.
    fn tell_ignored_options(&mut self) {
        let options = std::mem::take(&mut self.for_recorded);
        if !options.is_empty() {
            let url = self.shared.model.read().url;
            let are = if options.len() == 1 { "is" } else { "are" };
            let options = options.join(" and ");
            self.shared.report_error(format!("{url}: this is live, and {options} {are} for recorded media"));
        }
    }

    /// Schedules an attempt to reconnect, unless all frames have arrived.
    ///
    /// # Errors
    /// `error`, if no frame ever arrived, or if no attempt is to be made.
    fn connection_lost(&mut self, error: Error) -> Result<(), Error> {
        if self.received.is_empty() {
            return Err(error);
        }
        if self.playhead.is_complete() {
            self.connection.link = Link::Done;
            return Ok(());
        }
        if !self.connection.reconnects {
            return Err(error);
        }
        tracing::info!(%error, "the connection is lost");
        self.connection.link = Link::Lost;
        self.connection.backoff.failed(error.to_string(), Instant::now());
        Ok(())
    }
}

/// Returns whether a recorded medium's frames end long before its announced end.
fn is_cut_off(source: &dyn Source) -> bool {
    let end = newest(source).map_or(Duration::ZERO, |newest| newest.since(MediaTime::ZERO).into());
    source.duration().is_some_and(|duration| end + CUT_OFF < duration)
}

/// Tears the session down, and waits for the server's answer. Errors have no effect any more.
pub(super) fn say_goodbye(source: &mut dyn Source) {
    source.teardown();
    let deadline = Instant::now() + FAREWELL;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || source.turn(left).is_err() {
            return;
        }
        while let Some(event) = source.poll_event() {
            if event == Event::Closed {
                return;
            }
        }
    }
}
