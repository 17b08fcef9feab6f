//! One track of the presentation: where it is, how it travels, and what it has to report.
use super::event::TrackInfo;
use super::notes::Span;
use super::receiver::{Coding, Receiver};
use crate::rtp::Statistics;
use crate::rtp::rtcp::{CompoundRepr, interval};
use crate::rtsp::LowerTransport;
use crate::rtsp::Pair;
use crate::time::{Duration, Instant, Now, sooner};

/// Receiver reports are this far apart on average (RFC 3550, 6.2, the recommended minimum).
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// By UDP they come sooner, so that the sender soon knows of loss: the time in which this many octets
/// come (the reduced minimum there, of 360 kbit), and no less than a second.
const REDUCED_OCTETS: u64 = 360_000 / 8;
const REDUCED_EVERY: Duration = Duration::from_secs(1);
/// The first one comes earlier (RFC 3550, 6.2: the minimum is halved for it).
const FIRST_REPORT: Duration = Duration::from_millis(750);
/// The most that a report takes: RR with one block, SDES with a CNAME of 16 bytes.
pub(super) const REPORT_MAX: usize = 80;

/// How a track travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Route {
    /// Not set up.
    #[default]
    None,
    Udp {
        server: Option<Pair<u16>>,
    },
    Interleaved(Pair<u8>),
}

#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) receiver: Receiver,
    pub(super) url: Span,
    pub(super) route: Route,
    /// The caller's ports.
    pub(super) ports: Option<Pair<u16>>,
    /// The caller was asked for ports.
    pub(super) asked: bool,
    /// A packet is to be sent that opens the path for RTP.
    pub(super) punch: bool,
    pub(super) report_at: Option<Instant>,
    /// When the last report was sent, and the octets that had come until then.
    reported: (Instant, u64),
    /// The sender has left; what is still on its way may come until then.
    pub(super) bye_at: Option<Instant>,
    pub(super) ended: bool,
}

impl Track {
    pub(super) fn new(coding: Coding, url: Span) -> Self {
        Self {
            receiver: Receiver::new(coding),
            url,
            route: Route::None,
            ports: None,
            asked: false,
            punch: false,
            report_at: None,
            reported: (Instant::ZERO, 0),
            bye_at: None,
            ended: false,
        }
    }

    /// To be set up anew.
    pub(super) fn unset(&mut self) {
        (self.route, self.ports, self.asked) = (Route::None, None, false);
        (self.punch, self.report_at, self.bye_at) = (false, None, None);
    }

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
            (self.punch, self.report_at) = (true, Some(now));
        }
    }

    /// The first packet came. A report follows soon: with it the sender learns that somebody
    /// listens.
    pub(super) fn report_soon(&mut self, now: Instant, random: u32) {
        sooner(&mut self.report_at, now + interval(random, FIRST_REPORT));
    }

    pub(super) fn info(&self) -> TrackInfo {
        let coding = self.receiver.coding();
        TrackInfo {
            payload_type: coding.payload_type,
            clock_rate: coding.clock_rate,
            frame_rate: coding.frame_rate,
            dimensions: coding.dimensions,
            lower: self.lower(),
        }
    }

    /// Writes a receiver report (RFC 3550, 6.4.2) if one is due; says how long it is, and what the
    /// statistics are once it is sent.
    pub(super) fn report(
        &self,
        now: Now,
        ssrc: u32,
        cname: &[u8],
        out: &mut [u8; REPORT_MAX],
    ) -> Option<(usize, Option<Statistics>)> {
        self.report_at.filter(|&at| at <= now.at)?;
        let (block, statistics) = self.receiver.report(now.at).unzip();
        let compound = CompoundRepr { ssrc, sender: None, reports: block.as_slice(), cname, bye: false };
        Some((compound.emit(out)?, statistics))
    }

    /// The report is sent.
    pub(super) fn reported(&mut self, now: Instant, statistics: Option<Statistics>, random: u32) {
        if let (Some(current), Some(after)) = (self.receiver.statistics_mut(), statistics) {
            *current = after;
        }
        self.report_at = Some(now + interval(random, self.report_every(now)));
        self.reported = (now, self.receiver.octets());
    }

    fn report_every(&self, now: Instant) -> Duration {
        let (at, octets) = self.reported;
        match (self.route, self.receiver.octets().saturating_sub(octets)) {
            (Route::Udp { .. }, octets @ 1..) => {
                now.since(at).scaled(REDUCED_OCTETS, octets).clamp(REDUCED_EVERY, REPORT_EVERY)
            }
            _ => REPORT_EVERY,
        }
    }
}
