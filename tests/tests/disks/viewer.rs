//! Viewers that note what they get.
use pinhole_tests::Transport;
use pinhole_tests::dialogue::{Dialogue, UdpPair, datagram};
use pinhole_tests::process::poll;
use pinhole_tests::rtp::{Rtp, rtcp_packets, rtcp_type};
use pinhole_tests::server::Server;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A viewer on a thread of its own, which ends when this is dropped.
pub(crate) struct Viewer {
    seen: Arc<Mutex<Seen>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a viewer has got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// The number of frames.
    pub(crate) frames: usize,
    /// When the last frame came, or playing began.
    last: Instant,
    /// The longest time without a frame that is over.
    longest: Duration,
    /// Whether BYE has come.
    pub(crate) bye: bool,
}

impl Viewer {
    /// Plays a medium, without an end.
    pub(crate) fn play(server: &Server, mount: &str, transport: Transport) -> Self {
        let (mut dialogue, url) = (Dialogue::connect(server.address()), server.url(mount));
        let pair = (transport == Transport::Udp).then(UdpPair::bind);
        match &pair {
            Some(pair) => dialogue.set_up(&url, &pair.transport()),
            None => dialogue.set_up_tcp(&url),
        };
        dialogue.request("PLAY", &url, &[]).ok();
        let seen = Seen { frames: 0, last: Instant::now(), longest: Duration::ZERO, bye: false };
        let (seen, over) = (Arc::new(Mutex::new(seen)), Arc::new(AtomicBool::new(false)));
        let (to, end) = (seen.clone(), over.clone());
        let thread = thread::spawn(move || match pair {
            Some(pair) => watch_udp(&pair, &to, &end),
            None => watch_tcp(&mut dialogue, &to, &end),
        });
        Self { seen, over, thread: Some(thread) }
    }

    /// Returns what it has got so far.
    pub(crate) fn seen(&self) -> Seen {
        *lock(&self.seen)
    }

    /// Waits for so many more frames, or BYE. Returns `false` if neither comes within `limit`.
    pub(crate) fn goes_on(&self, frames: usize, limit: Duration) -> bool {
        let enough = self.seen().frames + frames;
        poll(limit, || (self.seen().frames >= enough || self.seen().bye).then_some(())).is_some()
            && !self.seen().bye
    }

    /// Waits for BYE. Returns `false` if it does not come within `limit`.
    pub(crate) fn ends(&self, limit: Duration) -> bool {
        poll(limit, || self.seen().bye.then_some(())).is_some()
    }

    /// Returns the longest time without a frame until now.
    pub(crate) fn longest_gap(&self) -> Duration {
        let seen = self.seen();
        seen.longest.max(seen.last.elapsed())
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It has failed only if the server has sent what is neither RTP nor RTSP.
        let failed = self.thread.take().is_some_and(|thread| thread.join().is_err());
        assert!(!failed || thread::panicking(), "a viewer has failed");
    }
}

/// How long a viewer waits before it looks whether it is over.
const WAIT: Duration = Duration::from_millis(50);

fn watch_tcp(dialogue: &mut Dialogue, to: &Mutex<Seen>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        match dialogue.interleaved(WAIT) {
            Some((0, packet)) => rtp(&packet, to),
            Some((_, packet)) => rtcp(&packet, to),
            // It returns at once where the connection is closed.
            None if dialogue.closes(Duration::ZERO) => return,
            None => {}
        }
    }
}

fn watch_udp(pair: &UdpPair, to: &Mutex<Seen>, over: &AtomicBool) {
    pair.rtcp.set_nonblocking(true).expect("a UDP socket");
    while !over.load(Ordering::Relaxed) {
        if let Some((_, packet)) = datagram(&pair.rtp, WAIT) {
            rtp(&packet, to);
        }
        if let Some((_, packet)) = datagram(&pair.rtcp, WAIT) {
            rtcp(&packet, to);
        }
    }
}

fn rtp(packet: &[u8], to: &Mutex<Seen>) {
    if Rtp::parse(packet).marker {
        let (mut seen, now) = (lock(to), Instant::now());
        seen.longest = seen.longest.max(now.duration_since(seen.last));
        seen.frames += 1;
        seen.last = now;
    }
}

fn rtcp(packet: &[u8], to: &Mutex<Seen>) {
    lock(to).bye |= rtcp_packets(packet).iter().any(|(kind, _)| *kind == rtcp_type::BYE);
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
