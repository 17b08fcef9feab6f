//! Helpers of the interop tests: peers, processes under test, and referees that use none of Pinhole's
//! own code. All of this runs in tests only. So a function that fails panics, unless its documentation
//! names an error.
//!
//! - [`peer`] says which stock tools are installed.
//! - [`clip`] makes the media.
//! - [`process`] runs child processes with a time limit.
//! - [`server`], [`viewer`] and [`board`] run the binaries, and [`firmware`] runs the firmware.
//! - [`watch`] has a stock client decode a stream into one hash for each frame.
//! - [`display`] is a screen for the viewer's window, [`stage`] puts a viewer on it, and [`accepted`]
//!   compares what it shows with pictures that a person has accepted.
//! - [`dialogue`] speaks RTSP by hand, [`hostile`] has requests that a server must refuse, and
//!   [`stranger`] sends packets in the name of hosts that do not exist.
//! - [`metrics`] reads what an admin port tells.
//! - [`rtp`] reads RTP and RTCP packets.
//! - [`fake`] is a server that answers wrongly, with the packets of [`picture`].
//! - [`relay`] is a proxy that loses packets, and [`network`] makes networks of the kernel's that do.
//! - [`late`] is a receiver that reads late.
//! - [`quality`] compares what clients show over a bad network.
//! - [`capture`] dissects what went over the wire.
//! - [`chaos`] attacks a server in every way at once, beside viewers that must not notice.
pub mod accepted;
pub mod board;
pub mod browser;
pub mod capture;
#[cfg(target_os = "linux")]
pub mod chaos;
pub mod clip;
pub mod dialogue;
pub mod display;
pub mod fake;
pub mod firmware;
pub mod hostile;
pub mod http;
pub mod late;
pub mod metrics;
pub mod network;
pub mod peer;
pub mod picture;
pub mod process;
pub mod quality;
pub mod relay;
pub mod rtp;
pub mod server;
pub mod stage;
pub mod stranger;
pub mod viewer;
pub mod watch;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How RTP travels between a server and a client. The functions that run a client take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Each RTP packet is a UDP datagram.
    Udp,
    /// RTP packets are interleaved with RTSP on one TCP connection (RFC 2326, 10.12).
    Tcp,
}

impl Transport {
    /// Both transports, [`Self::Udp`] first, for tests that run once over each of them.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];
}

/// Writes `udp` or `tcp`, the words by which ffmpeg, GStreamer and the viewer know the transports.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// Takes a lock that only one test of this process can hold at a time, and returns its guard. If another test
/// holds the guard, this waits, however long that takes. Call this in tests that play much or measure time,
/// because two such tests at once would disturb each other on a small machine. Keep the guard until the end
/// of the test. Do not call this twice in one test: the second call would never return. If a test panics, its
/// guard is given back.
pub fn undisturbed() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed leaves nothing behind that the next could trip over.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
