//! What a server asks of the application.
use core::net::SocketAddr;
use pinhole::frame::Seek;
use pinhole::rtsp::{Status, Url};
use pinhole::sdp::{AddressType, Presentation};
use pinhole::server::{Answer, Ask, Event, PortPair};
use pinhole::time::MediaTime;

/// What a server asks of the application that it is a part of.
pub trait Application {
    /// Returns a number that is hard to guess, a new one each time. It is called once for each
    /// connection; session identifiers are made from it (RFC 2326, 3.4).
    fn random(&mut self) -> u64;

    /// Returns the number of the medium at `url`, which becomes
    /// [`TrackId::media`](pinhole::frame::TrackId::media). `None`: there is no such medium, and the
    /// request is refused with 404.
    fn find(&self, url: &Url<'_>) -> Option<u16>;

    /// Describes a medium that [`Self::find`] returned. A medium without a duration is live, and is
    /// played from its newest frame. The server fills in the address type.
    fn describe(&self, media: u16) -> Presentation<'_>;

    /// Observes an event of the connection with `peer`: any but [`Event::Request`].
    fn on_event(&mut self, peer: SocketAddr, event: &Event<'_>) {
        let _ = (peer, event);
    }
}

/// The decision on a request, which borrows nothing of the request.
pub(super) enum Decision {
    NotFound,
    Describe { media: u16 },
    Setup { media: u16 },
    Play { media: u16, placed: bool },
}

impl Decision {
    pub(super) fn on<A: Application + ?Sized>(ask: &Ask<'_>, app: &A) -> Self {
        match ask {
            Ask::Describe { url } => app.find(url).map_or(Self::NotFound, |media| Self::Describe { media }),
            Ask::Setup { url, track, .. } => match app.find(url) {
                Some(media) if usize::from(*track) < app.describe(media).tracks.len() => {
                    Self::Setup { media }
                }
                _ => Self::NotFound,
            },
            Ask::Play { media, range, .. } => {
                let placed = range.is_some_and(|range| range.start.is_some());
                Self::Play { media: *media, placed }
            }
        }
    }

    /// Returns the answer of a server at `local`.
    pub(super) fn answer<A: Application + ?Sized>(
        self,
        local: core::net::IpAddr,
        ports: Option<PortPair>,
        app: &A,
    ) -> Answer<'_> {
        match self {
            Self::NotFound => Answer::Refuse(Status::NOT_FOUND),
            Self::Describe { media } => {
                let address_type = if local.is_ipv4() { AddressType::Ip4 } else { AddressType::Ip6 };
                Answer::Describe(Presentation { address_type, ..app.describe(media) })
            }
            Self::Setup { media } => Answer::Setup { media, ports },
            Self::Play { media, placed } => {
                let duration = app.describe(media).duration;
                let from = (duration.is_none() && !placed).then_some(Seek::Live);
                Answer::Play { from, end: duration.map(|duration| MediaTime::ZERO + duration) }
            }
        }
    }
}
