//! What a server connection reports: notices, and why things end.
use crate::frame::TrackId;
use crate::rtsp::LowerTransport;
use crate::time::Duration;

/// Something that happened on a connection. [`Turn::poll_event`](super::Turn::poll_event) and
/// [`Application::notice`](super::Application::notice) report each notice once. Only [`Self::Disconnect`]
/// asks for an action: the other notices are for information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Notice {
    /// A client set up a track. The track does not play before the client sends PLAY.
    Opened {
        /// The session that the track belongs to. If a session has several tracks, there is a notice for each
        /// track.
        session: SessionId,
        /// The track that was set up. [`TrackId::media`] is the number that was passed to
        /// [`Setup::accept`](super::Setup::accept), and [`TrackId::track`] is the number of the track in that
        /// medium, counted from 0.
        track: TrackId,
        /// How the track's packets travel: over UDP, or interleaved in the RTSP connection.
        transport: LowerTransport,
    },
    /// Frames of a track were due and were not sent. Either the session was later than
    /// [`Config::late`](super::Config::late), or the store no longer had the frames, or the frames cannot be
    /// sent. The session goes on with a later frame.
    Skipped {
        /// The session that the track belongs to.
        session: SessionId,
        /// The track. [`TrackId::media`] is the number that was passed to
        /// [`Setup::accept`](super::Setup::accept), and [`TrackId::track`] is the number of the track in that
        /// medium, counted from 0.
        track: TrackId,
        /// The number of frames of the track that were left out since the last notice of this kind for the
        /// track, or since its SETUP if there was none.
        frames: u64,
    },
    /// The client's reports of lost packets have changed how many frames of a track are sent to it over UDP.
    /// See [`Config::adapt`](super::Config::adapt).
    Adapted {
        /// The session that the track belongs to.
        session: SessionId,
        /// The track. [`TrackId::media`] is the number that was passed to
        /// [`Setup::accept`](super::Setup::accept), and [`TrackId::track`] is the number of the track in that
        /// medium, counted from 0.
        track: TrackId,
        /// From now on every n-th frame is sent, where n is this number: 1 (all frames), 2, 4 or 8. If every
        /// n-th frame would be less than two frames a second, more frames are sent.
        one_in: u8,
    },
    /// A track was played to its end, or to the end of the range that the client asked for, and BYE was sent.
    /// The session stays. The client may play the track again.
    Ended {
        /// The session that the track belongs to.
        session: SessionId,
        /// The track. [`TrackId::media`] is the number that was passed to
        /// [`Setup::accept`](super::Setup::accept), and [`TrackId::track`] is the number of the track in that
        /// medium, counted from 0.
        track: TrackId,
    },
    /// A track was removed from its session. When the last track of a session is removed, the session has
    /// ended.
    Closed {
        /// The session that the track belonged to.
        session: SessionId,
        /// The track. [`TrackId::media`] is the number that was passed to
        /// [`Setup::accept`](super::Setup::accept), and [`TrackId::track`] is the number of the track in that
        /// medium, counted from 0.
        track: TrackId,
        /// How the track's packets travelled.
        transport: LowerTransport,
        /// Why the track was removed.
        reason: CloseReason,
        /// The final figures of the track, from its SETUP on.
        summary: Summary,
    },
    /// A client has sent a wrong name or password to a [`LoginApp`](super::LoginApp).
    #[cfg(feature = "auth")]
    LoginRefused {
        /// The number of the user whose password was wrong; `None` if there is no user of that name.
        user: Option<u16>,
    },
    /// The connection takes no more requests, for the reason given. Send what
    /// [`Turn::poll_stream`](super::Turn::poll_stream) and
    /// [`Turn::poll_transmit`](super::Turn::poll_transmit) still return, then close the transport. If
    /// sessions are still set up, they go on playing until then, for example after [`ConnError::NotRtsp`]:
    /// [`ServerConn::close`](super::ServerConn::close) ends them with BYE.
    Disconnect(ConnError),
}

/// Why a track was removed from its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent TEARDOWN for the track or its session.
    Teardown,
    /// No sign of life came from the client for [`Config::session_timeout`](super::Config::session_timeout).
    Timeout,
    /// The client set up the same track again, as FFmpeg does to change from UDP to TCP. The new track has a
    /// [`Notice::Opened`] of its own.
    Replaced,
    /// The connection ended: the program closed it ([`ServerConn::close`](super::ServerConn::close)), or its
    /// transport was closed by the client or lost
    /// ([`ServerConn::disconnected`](super::ServerConn::disconnected)).
    Closed,
}

impl CloseReason {
    /// Returns the reason as a clause in English without a capital or a full stop, for logs, such as "the
    /// client tore it down".
    pub const fn description(self) -> &'static str {
        match self {
            Self::Teardown => "the client tore it down",
            Self::Timeout => "nothing was heard from the client",
            Self::Replaced => "the client set it up anew",
            Self::Closed => "the connection was closed",
        }
    }
}

/// An RTSP session identifier: a random number, which the core draws at the first SETUP of a session. On the
/// network and by [`Display`](core::fmt::Display), it is 16 hexadecimal digits (RFC 2326, 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SessionId(pub u64);

impl core::fmt::Display for SessionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// The figures of one track of a session, counted from its SETUP on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Summary {
    /// The number of frames of which the last packet was sent.
    pub frames: u64,
    /// The number of frames that were due and not sent. Either the session was late, or the store no longer
    /// had the frames, or the frames cannot be sent.
    pub frames_skipped: u64,
    /// The number of frames that were left out on purpose, because the client reported loss. In a codec whose
    /// frames need each other, frames that were left out because of `Scale` count as well.
    pub frames_thinned: u64,
    /// The number of RTP packets sent.
    pub packets: u64,
    /// The number of RTP payload bytes sent. The headers of RTP, and of UDP and IP or of interleaving, do not
    /// count.
    pub octets: u64,
    /// The cumulative number of lost packets in the client's newest report (RFC 3550, 6.4.1); 0 before the
    /// first report. It is negative if the client received more duplicates than it missed packets.
    pub lost: i32,
    /// The interarrival jitter in the client's newest report, in ticks of the track's clock (RFC 3550, 6.4.1); 0
    /// before the first report.
    pub jitter: u32,
    /// The time from SETUP to the removal of the track. If the track is still set up, it is the time from
    /// SETUP until now.
    pub lifetime: Duration,
}

/// A track that is set up, as it is at one time. [`ServerConn::statuses`](super::ServerConn::statuses) returns
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackStatus {
    /// The session that the track belongs to.
    pub session: SessionId,
    /// The track. [`TrackId::media`] is the number that was passed to
    /// [`Setup::accept`](super::Setup::accept), and [`TrackId::track`] is the number of the track in that
    /// medium, counted from 0.
    pub track: TrackId,
    /// How the track's packets travel.
    pub transport: LowerTransport,
    /// The figures of the track, counted from its SETUP until now.
    pub summary: Summary,
}

/// Why a connection takes no more requests. In each case, send what
/// [`Turn::poll_stream`](super::Turn::poll_stream) and [`Turn::poll_transmit`](super::Turn::poll_transmit)
/// still return, then close the transport. Sessions that are still set up end with BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConnError {
    /// The client sent bytes that are no RTSP, or a request with a malformed `Content-Length`, so that the
    /// end of the request cannot be found. The client gets the status 400.
    NotRtsp {
        /// The offset in bytes at which the fault was found, counted from the connection's first byte.
        at: u64,
    },
    /// The client sent a message that is longer than the room for requests in the storage, and the message is
    /// longer than 1 MiB or its length is not known. If the message is a request, the client gets the status
    /// 413. A message that is too long for the storage, but has at most 1 MiB, does not end the connection.
    TooLong {
        /// The offset in bytes of the message's body, counted from the connection's first byte. If the header
        /// of the message did not fit, it is the offset of the first byte that did not.
        at: u64,
    },
    /// The connection had no session, and no request came from the client, for as long as
    /// [`Config::session_timeout`](super::Config::session_timeout). Before the first request, it is for as
    /// long as [`Config::request_timeout`](super::Config::request_timeout).
    Idle,
    /// The program that the server is part of has ended the connection: it called
    /// [`ServerConn::close`](super::ServerConn::close). Or the program has found that the transport is closed
    /// or lost, and called [`ServerConn::disconnected`](super::ServerConn::disconnected) or
    /// [`Turn::disconnected`](super::Turn::disconnected).
    Closed,
    /// The program passed less storage to [`ServerConn::turn`](super::ServerConn::turn) than a connection
    /// with this [`Config`](super::Config) needs at least. This is a mistake in the program.
    StorageTooSmall {
        /// The least number of bytes that would do: [`Config::storage_len`](super::Config::storage_len)`(0)`.
        need: usize,
    },
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
            Self::StorageTooSmall { need } => {
                write!(f, "a connection's storage must have {need} bytes or more")
            }
        }
    }
}

impl core::error::Error for ConnError {}
