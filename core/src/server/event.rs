//! What a server connection reports: notices, and why things end.
use crate::frame::TrackId;
use crate::rtsp::LowerTransport;
use crate::time::Duration;

/// Something that happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Notice {
    /// A client set up a track.
    Opened {
        /// The session that the track belongs to.
        session: SessionId,
        /// The number of the track in its medium, counted from 0.
        track: TrackId,
        /// The lower transport of the track's packets.
        transport: LowerTransport,
    },
    /// Frames were left out, because the session was late or because the store no longer has them.
    Skipped {
        /// The session that the track belongs to.
        session: SessionId,
        /// The number of the track in its medium, counted from 0.
        track: TrackId,
        /// The number of frames since the last notice of this kind.
        frames: u64,
    },
    /// The client's reports of loss changed how many frames are sent to it.
    Adapted {
        /// The session that the track belongs to.
        session: SessionId,
        /// The number of the track in its medium, counted from 0.
        track: TrackId,
        /// Every `one_in`-th frame is sent from here on, from 1 (all frames) to 8. At least two frames a
        /// second are sent in any case.
        one_in: u8,
    },
    /// The track was played to its end. The client may play it again.
    Ended {
        /// The session that the track belongs to.
        session: SessionId,
        /// The number of the track in its medium, counted from 0.
        track: TrackId,
    },
    /// A track was removed from its session. The session ends with its last track.
    Closed {
        /// The session that the track belonged to.
        session: SessionId,
        /// The number of the track in its medium, counted from 0.
        track: TrackId,
        /// Why the track was removed.
        reason: CloseReason,
        /// The track's final counts.
        summary: Summary,
    },
    /// The connection takes no more requests. Write what
    /// [`Turn::poll_stream`](super::Turn::poll_stream) still returns, then close the transport.
    Disconnect(ConnError),
}

/// Why a track was removed from its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent TEARDOWN.
    Teardown,
    /// Nothing arrived from the client for [`Config::session_timeout`](super::Config::session_timeout).
    Timeout,
    /// The client set up the same track again, as FFmpeg does to change from UDP to TCP.
    Replaced,
    /// The application closed the connection, or the connection was lost.
    Closed,
}

impl CloseReason {
    /// Returns the reason as a clause in English, for logs.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Teardown => "the client tore it down",
            Self::Timeout => "nothing was heard from the client",
            Self::Replaced => "the client set it up anew",
            Self::Closed => "the connection was closed",
        }
    }
}

/// An RTSP session identifier. It is sent as 16 hexadecimal digits (RFC 2326, 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SessionId(pub u64);

impl core::fmt::Display for SessionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// The figures of one track of a session, counted since its SETUP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Summary {
    /// The number of frames of which the last packet was sent.
    pub frames: u64,
    /// Frames that were due but left out because the session was late.
    pub frames_skipped: u64,
    /// Frames that were left out because the client reported loss.
    pub frames_thinned: u64,
    /// The number of RTP packets sent.
    pub packets: u64,
    /// The number of RTP payload bytes sent.
    pub octets: u64,
    /// The cumulative number of lost packets in the client's last report (RFC 3550, 6.4.1). It is negative
    /// where the client received more duplicates than it missed packets.
    pub lost: i32,
    /// The time from SETUP to the end of the track.
    pub lifetime: Duration,
}

/// Why a connection takes no more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConnError {
    /// The peer sent bytes that are not RTSP.
    NotRtsp {
        /// The offset of the first such byte, from the connection's first byte.
        at: u64,
    },
    /// The peer sent a message that is longer than the connection's receive buffer, and of which the end
    /// cannot be found.
    TooLong {
        /// The offset of the message's first byte that did not fit, from the connection's first byte.
        at: u64,
    },
    /// The connection had no session and no request for
    /// [`Config::session_timeout`](super::Config::session_timeout).
    Idle,
    /// The application closed the connection, or reported it as lost.
    Closed,
    /// The caller provided less storage than the configuration needs.
    StorageTooSmall {
        /// The bytes needed: [`Config::storage_len`](super::Config::storage_len)`(0)`.
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
