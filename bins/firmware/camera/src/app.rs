//! What the server asks of the application.
use crate::account;
use core::net::{Ipv4Addr, SocketAddr};
use mps2::Entropy;
use pinhole::rtsp::Url;
use pinhole::sdp::{AddressType, Presentation, Track};
use pinhole::server::Notice;
use pinhole_camera::{clip, pattern};
use pinhole_smoltcp::server::{Catalog, Random};

/// Where the media are found: each at the place of its number, [`CLIP`](crate::media::CLIP) or
/// [`PATTERN`](crate::media::PATTERN).
const PATHS: [&str; 2] = ["clip", "pattern"];

/// Says what is served, and where.
pub(crate) fn announce(address: Ipv4Addr) {
    let [a, b, c, d] = address.octets();
    for path in PATHS {
        defmt::info!("serves rtsp://{=u8}.{=u8}.{=u8}.{=u8}/{=str}", a, b, c, d, path);
    }
    match account::USER {
        Some(user) => defmt::info!("{=str} may watch, with a password", user),
        None => defmt::info!("whoever can reach the camera may watch"),
    }
}

/// The application.
pub(crate) struct Camera {
    entropy: Entropy,
    /// Tells the descriptions of this run from those of others.
    session_id: u64,
    tracks: [[Track<'static>; 1]; 2],
}

impl Camera {
    pub(crate) fn new(mut entropy: Entropy) -> Self {
        let session_id = entropy.draw();
        Self { entropy, session_id, tracks: [[clip::track()], [pattern::TRACK]] }
    }
}

impl Random for Camera {
    fn random(&mut self) -> u64 {
        self.entropy.draw()
    }
}

impl Catalog for Camera {
    fn find(&self, url: &Url<'_>) -> Option<u16> {
        (0..).zip(PATHS).find_map(|(media, path)| url.path_is(path).then_some(media))
    }

    fn describe(&self, media: u16) -> Presentation<'_> {
        let index = usize::from(media);
        Presentation {
            name: PATHS.get(index).copied().unwrap_or_default(),
            session_id: self.session_id,
            version: 1,
            address_type: AddressType::Ip4,
            duration: None,
            tracks: self.tracks.get(index).map_or(&[], |tracks| tracks),
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let port = peer.port();
        match notice {
            Notice::Opened { track, transport, .. } => {
                defmt::info!("{=u16}: opened {=u16}, {}", port, track.media, transport);
            }
            Notice::Skipped { frames, .. } => defmt::info!("{=u16}: {=u64} frames skipped", port, frames),
            Notice::Closed { reason, summary, .. } => {
                defmt::info!("{=u16}: closed, {}, {=u64} frames", port, reason, summary.frames);
            }
            Notice::LoginRefused { .. } => defmt::info!("{=u16}: wrong name or password", port),
            Notice::Disconnect(error) => defmt::info!("{=u16}: disconnected, {}", port, error),
            _ => {}
        }
    }
}
