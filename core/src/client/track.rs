//! One track of the presentation: its URL, how it travels, and the receiver of its packets.
use super::event::TrackDescription;
use super::saved_texts::TextRange;
use crate::codec::Codec;
use crate::rtp::Receiver;
use crate::rtsp::LowerTransport;
use crate::rtsp::Pair;
use crate::sdp::FrameRate;
use crate::time::Instant;

/// A track as the session description announces it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coding {
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) clock_rate: u32,
    pub(super) frame_rate: Option<FrameRate>,
    pub(super) dimensions: Option<(u16, u16)>,
}

impl Coding {
    /// The announced frame interval in ticks of the track's clock.
    pub(super) fn frame_interval(&self) -> Option<u32> {
        let rate = u64::from(self.frame_rate?.0);
        u32::try_from(u64::from(self.clock_rate).saturating_mul(1_000).checked_div(rate)?).ok()
    }
}

/// How a track travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Route {
    /// It is not set up.
    #[default]
    None,
    /// By UDP. `server` is the pair of ports that packets for the server go to; `None` if it did not
    /// say.
    Udp { server: Option<Pair<u16>> },
    /// Interleaved in the RTSP connection, on these channels.
    Interleaved(Pair<u8>),
}

#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) receiver: Receiver,
    frame_rate: Option<FrameRate>,
    pub(super) url: TextRange,
    pub(super) route: Route,
    /// The caller's ports.
    pub(super) ports: Option<Pair<u16>>,
    /// Whether the caller was asked for ports.
    pub(super) asked: bool,
    /// Whether a packet is to be sent that opens the path for RTP.
    pub(super) punch: bool,
    /// Whether all of it was played.
    pub(super) ended: bool,
}

impl Track {
    pub(super) const fn new(receiver: Receiver, frame_rate: Option<FrameRate>, url: TextRange) -> Self {
        Self {
            receiver,
            frame_rate,
            url,
            route: Route::None,
            ports: None,
            asked: false,
            punch: false,
            ended: false,
        }
    }

    /// Prepares the track to be set up anew.
    pub(super) fn unset(&mut self) {
        (self.route, self.ports, self.asked, self.punch) = (Route::None, None, false, false);
        self.receiver.stop_reports();
        self.receiver.forget_bye();
    }

    /// The lower transport; `None` until the track is set up.
    pub(super) const fn lower(&self) -> Option<LowerTransport> {
        match self.route {
            Route::None => None,
            Route::Udp { .. } => Some(LowerTransport::Udp),
            Route::Interleaved(_) => Some(LowerTransport::Interleaved),
        }
    }

    /// Opens the path from the server, through what may stand between, by packets towards it.
    pub(super) fn open_path(&mut self, now: Instant) {
        if let Route::Udp { server: Some(_) } = self.route {
            self.punch = true;
            self.receiver.request_report(now);
        }
    }

    pub(super) const fn info(&self) -> TrackDescription {
        let config = self.receiver.config();
        TrackDescription {
            codec: config.codec,
            payload_type: config.payload_type,
            clock_rate: config.clock_rate,
            frame_rate: self.frame_rate,
            dimensions: config.dimensions,
            lower: self.lower(),
        }
    }
}
