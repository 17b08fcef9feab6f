//! What the interop tests share: peers, processes under test, and referees that know nothing of
//! Pinhole's own code.
//!
//! [`peer`] says which stock tools are here; [`clip`] makes the media; [`server`], [`viewer`] and
//! [`board`] run the binaries, and [`firmware`] the firmware; [`watch`] has a stock client decode a stream into one hash for each
//! frame; [`display`] is a screen for the viewer's window; [`dialogue`] speaks RTSP by hand,
//! [`hostile`] has what not to say, and [`stranger`] hosts that say it and are gone;
//! [`fake`] is a server that answers wrongly, or lies, in the packets of [`picture`];
//! [`relay`] is a network that loses packets; [`network`] makes such as the kernel has; [`late`] is a
//! receiver that reads late; [`quality`] compares what clients show over a bad network; [`capture`] dissects what went over the wire. Failures panic: this code
//! runs in tests only.
pub mod accepted;
pub mod board;
pub mod capture;
pub mod clip;
pub mod dialogue;
pub mod display;
pub mod fake;
pub mod firmware;
pub mod hostile;
pub mod late;
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

/// How RTP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In datagrams of its own.
    Udp,
    /// Interleaved with RTSP on one connection (RFC 2326, 10.12).
    Tcp,
}

impl Transport {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];
}

/// The word that ffmpeg, GStreamer and the viewer have for it.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// Waits for the other tests of this process that hold a turn too: those that play much, or
/// measure time. Two of them at once on a small machine would disturb each other.
pub fn undisturbed() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed leaves nothing behind that the next could trip over.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
