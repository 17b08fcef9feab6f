//! A track that was set up: what RTSP adds to the [`Sender`] of its packets.
use super::event::{CloseReason, Notice, SessionId, Summary, TrackStatus};
use crate::fmt::debug;
use crate::frame::FrameStore;
use crate::rtp::{Framing, Message, Next, Port, Sender, SenderEvent};
use crate::rtsp::{LowerTransport, Pair};
use crate::time::{Instant, Now};

/// How a stream's packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To these ports of the RTSP peer's own address, and no other.
    Udp {
        socket: u8,
        to: Pair<u16>,
        /// The ports that the client announced. What comes from either settles both, whatever was learned.
        announced: Pair<u16>,
        /// Which ports are confirmed or learned, by a datagram that came from there.
        latched: Pair<bool>,
    },
    Interleaved {
        rtp: u8,
        rtcp: u8,
    },
}

impl Route {
    pub(super) const fn lower(&self) -> LowerTransport {
        match self {
            Self::Udp { .. } => LowerTransport::Udp,
            Self::Interleaved { .. } => LowerTransport::Interleaved,
        }
    }

    pub(super) const fn framing(&self) -> Framing {
        match *self {
            Self::Udp { .. } => Framing::Datagram,
            Self::Interleaved { rtp, rtcp } => Framing::Interleaved { rtp, rtcp },
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) session: SessionId,
    pub(super) route: Route,
    pub(super) sender: Sender,
    created: Instant,
    pub(super) last_activity: Instant,
    /// Why it is closed. It is forgotten when its sender is over.
    closing: Option<CloseReason>,
    tell_opened: bool,
}

impl Stream {
    pub(super) const fn new(now: Now, session: SessionId, route: Route, sender: Sender) -> Self {
        Self {
            session,
            route,
            sender,
            created: now.at,
            last_activity: now.at,
            closing: None,
            tell_opened: true,
        }
    }

    /// Closes it after a BYE, if anything was sent.
    pub(super) fn leave(&mut self, reason: CloseReason) {
        if self.is_open() {
            self.closing = Some(reason);
            self.sender.leave();
        }
    }

    /// Closes it at once.
    pub(super) fn close(&mut self, reason: CloseReason) {
        self.closing.get_or_insert(reason);
        self.sender.abandon();
    }

    /// Whether the client can still use it.
    // Inlined, which is what the compiler does, it takes 100 bytes more.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) const fn is_open(&self) -> bool {
        self.closing.is_none()
    }

    /// Why it is to be forgotten, if it is; with `leaving`, also if it has a BYE to send.
    pub(super) fn gone(&self, leaving: bool) -> Option<CloseReason> {
        self.closing.filter(|_| leaving || self.sender.is_over())
    }

    pub(super) const fn is_udp(&self) -> bool {
        matches!(self.route, Route::Udp { .. })
    }

    /// Whether it plays, as the client sees it (RFC 2326, A).
    pub(super) const fn is_playing(&self) -> bool {
        self.is_open() && self.sender.is_playing()
    }

    /// Whether [`Self::notice`] has something, or it is to be forgotten.
    pub(super) fn has_notice(&self) -> bool {
        self.tell_opened || self.sender.has_event() || self.gone(false).is_some()
    }

    /// Takes what happened to it.
    pub(super) fn notice(&mut self) -> Option<Notice> {
        let (session, track) = (self.session, self.sender.track());
        if core::mem::take(&mut self.tell_opened) {
            debug!("{:?}: {:?} is set up", session, track);
            return Some(Notice::Opened { session, track, transport: self.route.lower() });
        }
        Some(match self.sender.poll_event()? {
            SenderEvent::Skipped(frames) => Notice::Skipped { session, track, frames },
            SenderEvent::Adapted(one_in) => Notice::Adapted { session, track, one_in },
            SenderEvent::Ended => Notice::Ended { session, track },
        })
    }

    /// The figures as of now.
    pub(super) fn summary(&self, now: Now) -> Summary {
        let counters = self.sender.counters();
        Summary {
            frames: counters.frames,
            frames_skipped: counters.frames_skipped,
            frames_thinned: counters.frames_thinned,
            packets: counters.packets,
            octets: counters.octets,
            lost: counters.lost,
            jitter: counters.jitter,
            lifetime: now.at.since(self.created),
        }
    }

    /// How it is now.
    pub(super) fn status(&self, now: Now) -> TrackStatus {
        TrackStatus {
            session: self.session,
            track: self.sender.track(),
            transport: self.route.lower(),
            summary: self.summary(now),
        }
    }
}

/// Goes through what interleaved streams have to send now, in the order in which it is due, as long as
/// `take` takes it and it is no more than `most` bytes. The streams are past what was taken then.
pub(super) fn walk<'a, S: FrameStore + ?Sized>(
    streams: &mut [Stream],
    now: Now,
    store: &'a S,
    most: usize,
    take: &mut dyn FnMut(Message<'_, 'a>) -> bool,
) {
    let mut room = most;
    let mut take = |message: Message<'_, 'a>| {
        let Some(left) = room.checked_sub(message.len()) else { return false };
        room = left;
        take(message)
    };
    // Bounded by `take`, and by what is due.
    while let Some((stream, next)) = earliest(streams, false, now, store) {
        match next {
            Next::Report { .. } => {
                if !take(Message::Report(&stream.sender.report(now))) {
                    return;
                }
                stream.sender.pass_report(now);
            }
            Next::Media(mut burst) => {
                let mut taken = true;
                while taken && let Some(fragment) = &burst.peek() {
                    taken = take(Message::Media(&burst, fragment));
                    if taken {
                        burst.pass(fragment);
                    }
                }
                if burst.has_passed() {
                    // The peer takes what it is sent, which is a sign of life: not every client keeps an
                    // interleaved session alive by requests.
                    stream.last_activity = now.at;
                }
                stream.sender.pass(now, &burst);
                if !taken {
                    return;
                }
            }
        }
        stream.sender.settle(now, store);
    }
}

/// Returns RTP's half of a pair, or RTCP's.
pub(super) const fn half<T>(pair: &Pair<T>, port: Port) -> &T {
    match port {
        Port::Rtp => &pair.rtp,
        Port::Rtcp => &pair.rtcp,
    }
}

/// Returns the stream whose packet was due first, and what it has to send: of the streams that travel by
/// UDP, or else of the others.
pub(super) fn earliest<'s, 'a, S: FrameStore + ?Sized>(
    streams: &'s mut [Stream],
    udp: bool,
    now: Now,
    store: &'a S,
) -> Option<(&'s mut Stream, Next<'a>)> {
    let mut earliest: Option<(&mut Stream, Next<'_>)> = None;
    for stream in streams.iter_mut().filter(|stream| stream.is_udp() == udp) {
        let Some(next) = stream.sender.next(now, store) else { continue };
        // A loop, for an iterator's minimum would move them about.
        if earliest.as_ref().is_none_or(|(_, other)| next.due() < other.due()) {
            earliest = Some((stream, next));
        }
    }
    earliest
}
