//! What a server connection says, and what it is told.
use crate::frame::{Seek, TrackId};
use crate::rtsp::LowerTransport;
use crate::rtsp::{Range, Status, Url};
use crate::sdp::Presentation;
use crate::time::{Duration, MediaTime};

/// How strongly a datagram belongs to a connection. The adapter gives it to the one whose claim is
/// the [strongest](Claim::strongest).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Claim {
    /// Not at all.
    No,
    /// It comes from the address of a session whose ports are not confirmed yet.
    Latch,
    /// It reports on a session's SSRC.
    Ssrc,
    /// It comes from a session's very address and port.
    Exact,
}

impl Claim {
    /// Whose a datagram is, of all that claim it: the greatest claim's; nobody's, where two are the
    /// greatest by [`Claim::Latch`].
    pub fn strongest<T>(claims: impl IntoIterator<Item = (T, Self)>) -> Option<(T, Self)> {
        let mut best = None;
        let mut tie = false;
        for (owner, claim) in claims {
            let known = best.as_ref().map_or(Self::No, |(_, known)| *known);
            if claim > known {
                (best, tie) = (Some((owner, claim)), false);
            } else if claim == Self::Latch && known == Self::Latch {
                tie = true;
            }
        }
        best.filter(|_| !tie)
    }
}

/// A pair of UDP ports that the adapter sends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PortPair {
    /// The adapter's own number for the pair of sockets; the core only hands it back.
    pub socket: u8,
    /// The port that RTP really leaves from.
    pub rtp: u16,
    /// The port that RTCP really leaves from.
    pub rtcp: u16,
}

/// Names a request, until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RequestId(pub(crate) u32);

/// An RTSP session's identifier: sent as 16 hexadecimal digits (RFC 2326, 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SessionId(pub u64);

impl core::fmt::Display for SessionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// What a client asks that only the application can answer.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// DESCRIBE (RFC 2326, 10.2): answered by [`Answer::Describe`].
    Describe {
        /// Which presentation.
        url: Url<'a>,
    },
    /// SETUP (RFC 2326, 10.4): answered by [`Answer::Setup`].
    Setup {
        /// Which presentation; the control part that names the track is taken off.
        url: Url<'a>,
        /// Which of its tracks.
        track: u8,
        /// Which transport it will be.
        lower: LowerTransport,
    },
    /// PLAY (RFC 2326, 10.5): answered by [`Answer::Play`].
    Play {
        /// Which session.
        session: SessionId,
        /// The medium that was set up.
        media: u16,
        /// From where to where, if the client says so.
        range: Option<Range>,
    },
}

/// The application's answer to an [`Ask`].
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The presentation exists.
    Describe(Presentation<'a>),
    /// The track exists.
    Setup {
        /// The application's number for the medium, for [`TrackId::media`].
        media: u16,
        /// Where its packets leave from; only looked at for UDP, and refused with 461 if `None`.
        ports: Option<PortPair>,
    },
    /// Play.
    Play {
        /// From where; `None`: as asked, else where it was paused, else from the start. A start of 0 is
        /// the newest frame of what has no end.
        from: Option<Seek>,
        /// Where the medium ends, for the reply's Range; `None` for live media.
        end: Option<MediaTime>,
    },
    /// No, and why.
    Refuse(Status),
}

/// Why a session or a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent TEARDOWN.
    Teardown,
    /// Nothing was heard from the client for the session's timeout.
    Timeout,
    /// The client set the same track up anew, as FFmpeg does to fall back from UDP to TCP.
    Replaced,
    /// The application closed it, or the connection was lost.
    Closed,
}

impl CloseReason {
    /// In words, for people.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Teardown => "the client tore it down",
            Self::Timeout => "nothing was heard from the client",
            Self::Replaced => "the client set it up anew",
            Self::Closed => "the connection was closed",
        }
    }
}

/// The figures of one track of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Summary {
    /// Frames of which the last packet was sent.
    pub frames: u64,
    /// Frames that were due and not sent, so that the video keeps its duration.
    pub frames_skipped: u64,
    /// Frames that were left out because the client reported loss.
    pub frames_thinned: u64,
    /// RTP packets sent.
    pub packets: u64,
    /// RTP payload bytes sent.
    pub octets: u64,
    /// Packets that the client last reported as lost in all; negative where duplicates outnumber
    /// them (RFC 3550, 6.4.1).
    pub lost: i32,
    /// How long the session was there.
    pub lifetime: Duration,
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A client waits for an answer. Told once; [`super::ServerConn::reply`] ends it.
    Request {
        /// To answer it by.
        id: RequestId,
        /// What it asks.
        ask: Ask<'a>,
    },
    /// A track was set up.
    Opened {
        /// The session that it is part of.
        session: SessionId,
        /// Which track.
        track: TrackId,
        /// How it is sent.
        lower: LowerTransport,
    },
    /// Frames were left out: the session was late, or the store had overrun it.
    Skipped {
        /// Whose.
        session: SessionId,
        /// Which track.
        track: TrackId,
        /// How many.
        frames: u64,
    },
    /// The client reports another loss than before, and is sent fewer frames, or more.
    Adapted {
        /// Whose.
        session: SessionId,
        /// Which track.
        track: TrackId,
        /// One frame in so many is sent from here on: from 1, all, to 8. Of media with few frames a
        /// second more are sent, two a second at the least.
        one_in: u8,
    },
    /// The track was played to its end; the client may play it again.
    Ended {
        /// Whose.
        session: SessionId,
        /// Which track.
        track: TrackId,
    },
    /// A track is gone.
    Closed {
        /// Whose.
        session: SessionId,
        /// Which track.
        track: TrackId,
        /// Why.
        why: CloseReason,
        /// What it came to.
        summary: Summary,
    },
    /// The connection is of no more use: write what [`super::ServerConn::poll_stream`] still has,
    /// then close it.
    Disconnect(ConnError),
}

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConnError {
    /// The peer's: bytes that are not RTSP, at this byte of the connection.
    NotRtsp {
        /// Counted from the connection's first byte.
        at: u64,
    },
    /// The peer's: a message head that does not fit the connection's storage.
    TooLong {
        /// Counted from the connection's first byte.
        at: u64,
    },
    /// The peer's: no session, and no request for the idle time.
    Idle,
    /// The application closed it.
    Closed,
}

impl core::fmt::Display for ConnError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotRtsp { at } => write!(f, "the peer does not speak RTSP (byte {at})"),
            Self::TooLong { at } => {
                write!(f, "the peer's message at byte {at} is longer than this server takes")
            }
            Self::Idle => f.write_str("the peer asked for nothing in time"),
            Self::Closed => f.write_str("the connection was closed by the server"),
        }
    }
}

impl core::error::Error for ConnError {}

/// The request was answered before, or never made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotAsked;

impl core::fmt::Display for NotAsked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no such request waits for an answer")
    }
}

impl core::error::Error for NotAsked {}

#[cfg(test)]
mod tests {
    use super::*;

    fn strongest(claims: &[Claim]) -> Option<usize> {
        Claim::strongest(claims.iter().copied().enumerate()).map(|(index, _)| index)
    }

    #[test]
    fn a_datagram_is_nobodys_where_several_hope_for_it_and_none_knows_it() {
        use Claim::{Exact, Latch, No, Ssrc};
        assert_eq!(strongest(&[]), None);
        assert_eq!(strongest(&[No, No]), None);
        assert_eq!(strongest(&[No, Latch, No]), Some(1));
        assert_eq!(strongest(&[Latch, Latch]), None);
        assert_eq!(strongest(&[Latch, Latch, Latch]), None);
        assert_eq!(strongest(&[Latch, Latch, Ssrc]), Some(2));
        assert_eq!(strongest(&[Exact, Latch, Latch]), Some(0));
        assert_eq!(strongest(&[Ssrc, Exact]), Some(1));
    }
}
