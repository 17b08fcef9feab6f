//! A client of the firmware.
use pinhole::client::{ReceiverStatistics, TransportChoice};
use pinhole::text::Count;
use pinhole_std::client::{Client, Error, Event, Options};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longest time until the end is noticed.
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// Time from a lost connection to the next one.
const PAUSE: Duration = Duration::from_millis(500);

/// A client on a thread of its own.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Report, Error>>,
}

/// What a client received.
#[derive(Debug)]
pub(super) struct Report {
    url: String,
    transport: TransportChoice,
    received: ReceiverStatistics,
    reconnected: u32,
}

impl Watch {
    /// Starts a client, by UDP if `n` is even and by TCP otherwise.
    pub(super) fn start(url: &str, n: u8) -> Self {
        let transport = if n.is_multiple_of(2) { TransportChoice::Udp } else { TransportChoice::Tcp };
        let (url, stop) = (url.to_owned(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || watch(url, transport, &told));
        Self { stop, thread }
    }

    /// Stops the client, and returns what it received.
    ///
    /// # Errors
    /// Returns the error of the first connection.
    pub(super) fn stop(self) -> Result<Report, Error> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(report) => report,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn watch(url: String, transport: TransportChoice, stop: &AtomicBool) -> Result<Report, Error> {
    let mut client = Client::connect(&url, &Options { transport, ..Options::default() })?;
    let mut reconnected = 0;
    while !stop.load(Ordering::Relaxed) {
        let turned = client.turn(CHECK_EVERY);
        let closed = std::iter::from_fn(|| client.poll_event()).any(|event| event == Event::Closed);
        if turned.is_err() || closed {
            thread::sleep(PAUSE);
            client.reconnect();
            reconnected += 1;
        }
    }
    let received = client.track_statistics(0);
    client.teardown();
    // Time for TEARDOWN to leave.
    let _ = client.turn(CHECK_EVERY);
    Ok(Report { url, transport, received, reconnected })
}

impl Report {
    /// Whether frames arrived, and none was damaged or missing.
    pub(super) fn is_whole(&self) -> bool {
        let figures = &self.received;
        figures.frames_complete > 0 && figures.frames_damaged == 0 && figures.frames_missing == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, transport, received, reconnected } = self;
        let transport = if *transport == TransportChoice::Udp { "UDP" } else { "TCP" };
        let figures = received;
        write!(
            f,
            "{url} by {transport}: {} whole, {} damaged, {} missing; {}, {} lost; \
             connected anew {}",
            Count(figures.frames_complete, "frame", "frames"),
            figures.frames_damaged,
            figures.frames_missing,
            Count(figures.packets, "packet", "packets"),
            figures.lost,
            Count(*reconnected, "time", "times"),
        )
    }
}
