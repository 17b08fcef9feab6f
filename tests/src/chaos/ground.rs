//! What is known of the server that is attacked: where it is, what it serves, and whom.
use crate::dialogue::Dialogue;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

/// What attackers know.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) server: SocketAddr,
    /// Where the server has its pages.
    pub(super) pages: SocketAddr,
    /// What can be played, beside what the steady viewers watch.
    pub(super) media: Vec<Medium>,
    /// What the steady viewers play.
    streams: Mutex<Vec<Stream>>,
}

#[derive(Clone, Debug)]
pub(super) struct Medium {
    pub(super) name: String,
    pub(super) url: String,
    /// The URL for SETUP of its track.
    pub(super) track: String,
}

/// The stream of one steady viewer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) ssrc: u32,
    /// The ports of the client and of the server for RTP, over UDP. Those for RTCP are the next ones.
    pub(super) ports: Option<(u16, u16)>,
}

impl Ground {
    /// Asks the server for the tracks of its media.
    pub(super) fn survey((server, pages): (SocketAddr, SocketAddr), mounts: &[String]) -> Self {
        let medium = |mount: &String| {
            let url = format!("rtsp://{server}/{mount}");
            Medium { name: mount.clone(), track: Dialogue::connect(server).track(&url), url }
        };
        Self { server, pages, media: mounts.iter().map(medium).collect(), streams: Mutex::default() }
    }

    pub(super) fn tell(&self, stream: Stream) {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    }

    pub(super) fn streams(&self) -> Vec<Stream> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
