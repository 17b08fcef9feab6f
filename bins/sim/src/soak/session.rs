//! A connection of a client, and what must hold for it.
use super::clock::Clock;
use super::flow::Flow;
use super::frames::{Frames, Ring};
use super::prefetching::Prefetching;
use super::setting::Setting;
use super::source::SourceKind;
use super::violation::{Violation, without_allocation};
use crate::world::Host;
use pinhole::client::{ClientError, Event, PlayOptions, PrefetchAction, ReceiverStatistics};
use pinhole::frame::Seek;
use pinhole::server::LowerTransport;
use pinhole::time::{Duration, Instant, MediaTime};
use pinhole_smoltcp::client::Client;
use pinhole_smoltcp::time;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;

/// Packets that a UDP socket holds.
pub(super) const UDP_PACKETS: usize = 64;
/// How long a user waits before connecting again or playing again.
pub(super) const PAUSE: Duration = Duration::from_millis(700);
/// A client that has its response to TEARDOWN by then has not given up waiting for it.
const ANSWERED_BY: Duration = Duration::from_millis(1_900);

/// A connection of a client.
pub(super) struct Session<'a> {
    client: Client<'a, String>,
    /// The sockets of TCP, RTP and RTCP.
    pub(super) sockets: [SocketHandle; 3],
    pub(super) rtp: u16,
    frames: Frames,
    lower: Option<LowerTransport>,
    events: Vec<Event<'static>>,
    prefetching: Option<Prefetching>,
    /// A complete frame came, or was shown, in the last turn.
    pub(super) pictured: bool,
    /// Frames that the server has left out.
    left_out: u64,
    /// When the next frame is to be shown.
    pub(super) show_at: Option<Instant>,
    /// The session is over.
    over: bool,
    /// The user leaves, and comes back after this time.
    pub(super) leaving: Option<Duration>,
    /// When the user left.
    left: Option<Instant>,
    /// The server answered TEARDOWN.
    pub(super) answered: bool,
    /// When to play again, from the start.
    pub(super) again_at: Option<Instant>,
    paused: bool,
}

/// Returns the event without borrowed bytes, if it is of interest here.
const fn to_static(event: &Event<'_>) -> Option<Event<'static>> {
    Some(match *event {
        Event::Described { tracks, duration } => Event::Described { tracks, duration },
        Event::Playing { lower, range, scale, speed } => Event::Playing { lower, range, scale, speed },
        Event::Paused => Event::Paused,
        Event::SwitchedToTcp => Event::SwitchedToTcp,
        Event::Stalled => Event::Stalled,
        Event::Ended => Event::Ended,
        Event::Refused { method, status } => Event::Refused { method, status },
        Event::Closed => Event::Closed,
        Event::Failed(error) => Event::Failed(error),
        _ => return None,
    })
}

impl<'a> Session<'a> {
    pub(super) fn new(
        client: Client<'a, String>,
        sockets: [SocketHandle; 3],
        rtp: u16,
        kind: SourceKind,
        lower: Option<LowerTransport>,
        prefetching: Option<Prefetching>,
    ) -> Self {
        Self {
            client,
            sockets,
            rtp,
            frames: Frames::new(kind),
            lower,
            events: Vec::with_capacity(16),
            prefetching,
            pictured: false,
            left_out: 0,
            show_at: None,
            over: false,
            leaving: None,
            left: None,
            answered: false,
            again_at: None,
            paused: false,
        }
    }

    pub(super) fn is_interleaved(&self) -> bool {
        self.lower == Some(LowerTransport::Interleaved)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Returns the statistics of its track.
    pub(super) fn figures(&self) -> ReceiverStatistics {
        self.client.conn().statistics(0).unwrap_or_default()
    }

    /// Returns the complete and the damaged frames since the last call.
    pub(super) fn take_counts(&mut self) -> [u64; 2] {
        [&mut self.frames.complete, &mut self.frames.damaged].map(std::mem::take)
    }

    pub(super) fn leave(&mut self, at: Instant, back: Duration) {
        self.leaving = Some(back);
        self.left = Some(at);
        self.client.conn_mut().teardown();
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
        if self.prefetching.as_mut().is_none_or(Prefetching::pause) {
            self.client.conn_mut().pause();
        }
    }

    /// Plays from a position, or on from where it paused. Returns `false` if it plays already.
    pub(super) fn play(&mut self, at: Instant, from: Option<MediaTime>, ring: &Ring) -> bool {
        if !self.paused && from.is_none() {
            return false;
        }
        self.paused = false;
        if from.is_none() && self.prefetching.as_ref().is_some_and(Prefetching::has_rest) {
            return true;
        }
        // From the medium's end, it starts over.
        let ended = self.again_at.take().is_some();
        self.frames.on_play(at, from.is_some() || ended);
        self.ask_to_play(from.map(Seek::To), ring);
        true
    }

    /// Has the connection ask for PLAY.
    pub(super) fn ask_to_play(&mut self, from: Option<Seek>, ring: &Ring) {
        let conn = self.client.conn_mut();
        match &mut self.prefetching {
            None => conn.play(from),
            Some(prefetching) => {
                let mut options = PlayOptions::default();
                options.from = from;
                conn.play_with(prefetching.play(options, ring));
            }
        }
    }

    /// Polls the client, and checks what came of it. Returns when to poll it next.
    pub(super) fn turn(
        &mut self,
        name: &str,
        setting: Setting<'_, '_>,
        clock: Clock,
        host: &mut Host,
        ring: &mut Ring,
        mut flow: Option<&mut Flow>,
    ) -> Result<Option<smoltcp::time::Instant>, Violation> {
        let at = setting.at;
        if self.again_at.is_some_and(|again| again <= at) {
            self.again_at = None;
            self.frames.on_play(at, true);
            self.ask_to_play(None, ring);
        }
        let now = time::now(clock.shows(at));
        let Self { client, events, prefetching, .. } = self;
        let on_event = |event: &Event<'_>| allocation_counter::opt_out(|| events.extend(to_static(event)));
        let wake = without_allocation(|| match prefetching {
            None => client.poll(now, &mut host.sockets, ring, on_event),
            Some(prefetching) => client.poll(now, &mut host.sockets, &mut prefetching.sink(ring), on_event),
        })?;
        if let Some(flow) = &mut flow {
            flow.vague |= flow.unseen >= UDP_PACKETS;
            flow.on_polled();
        }
        let (mut ended, mut playing) = (false, 0);
        // Without a connection, the server has answered nothing.
        let connected = host.socket(self.sockets[0]).state() != tcp::State::Closed;
        for event in std::mem::take(&mut self.events) {
            ended |= matches!(event, Event::Ended | Event::Closed | Event::Failed(_));
            playing += usize::from(matches!(event, Event::Playing { .. }));
            setting.trace.tell(at, name, || format!("{event:?}"));
            if let Event::Playing { lower, .. } = event {
                self.lower = Some(lower);
            }
            if self.prefetching.as_mut().is_none_or(|prefetching| prefetching.on_event(&event)) {
                self.on_event(at, event, setting.scenario.wild, connected)?;
            }
        }
        if setting.scenario.wild {
            self.frames.count(ring);
        } else if let Some(figures) = self.client.conn().statistics(0) {
            self.check(name, setting, ring, &figures, flow.map(|flow| &*flow))?;
            if ended && self.prefetching.is_none() {
                self.frames.close_account(&figures)?;
            }
        }
        // The client receives datagrams before responses: those of this turn came before the response.
        (0..playing).for_each(|_| self.frames.on_playing());
        self.pictured = self.frames.complete > 0;
        self.show_at = self.prefetch(at, name, setting, ring)?;
        Ok(wake)
    }

    /// Asks for what is to be fetched, and shows frames. Returns when to do so next.
    fn prefetch(
        &mut self,
        at: Instant,
        name: &str,
        setting: Setting<'_, '_>,
        ring: &Ring,
    ) -> Result<Option<Instant>, Violation> {
        let Some(prefetching) = &mut self.prefetching else { return Ok(None) };
        let mut asked = false;
        while let Some(ask) = prefetching.poll(ring) {
            setting.trace.tell(at, name, || format!("{ask:?}"));
            asked = true;
            match ask {
                PrefetchAction::Pause => self.client.conn_mut().pause(),
                PrefetchAction::Play(options) => {
                    self.frames.on_play(at, false);
                    self.client.conn_mut().play_with(options);
                }
                _ => self.frames.on_ended(),
            }
        }
        if self.paused {
            return Ok(asked.then_some(at));
        }
        let (pictured, due) = prefetching.show(at, ring)?;
        self.pictured = pictured;
        if prefetching.ended && self.again_at.is_none() && self.leaving.is_none() {
            self.again_at = Some(at + PAUSE);
        }
        Ok(if asked { Some(at) } else { due })
    }

    fn on_event(
        &mut self,
        at: Instant,
        event: Event<'static>,
        wild: bool,
        connected: bool,
    ) -> Result<(), Violation> {
        match event {
            Event::Ended => {
                self.frames.on_ended();
                self.again_at = Some(at + PAUSE);
            }
            // A user who sees nothing connects again.
            Event::Stalled | Event::Refused { .. } if wild => {
                self.client.conn_mut().teardown();
                self.leaving.get_or_insert(PAUSE);
            }
            Event::Refused { .. } => self.again_at = Some(at + PAUSE),
            Event::Closed | Event::Failed(_) => {
                let error = if let Event::Failed(error) = event { Some(error) } else { None };
                self.over = true;
                let in_time = |left: Instant| at < left + ANSWERED_BY;
                self.answered = error.is_none() && connected && self.left.is_some_and(in_time);
                let out_of_step = matches!(
                    error,
                    Some(
                        ClientError::NotRtsp { .. }
                            | ClientError::Malformed { .. }
                            | ClientError::Http { .. }
                    )
                );
                if out_of_step && !wild {
                    return Err(Violation::of("the connection stays in step", format!("{error:?}")));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks the frames, and the statistics against the packets that passed.
    fn check(
        &mut self,
        name: &str,
        setting: Setting<'_, '_>,
        ring: &Ring,
        figures: &ReceiverStatistics,
        flow: Option<&Flow>,
    ) -> Result<(), Violation> {
        // The client does not know of frames that were left out before the first one of a play.
        self.left_out = self.left_out.max(setting.left_out).max(figures.frames_skipped);
        let known = self.left_out.saturating_add(figures.frames_missing);
        let interleaved = self.is_interleaved();
        let whole = interleaved && !self.over && !setting.overrun && !setting.closed;
        self.frames.check(name, setting, ring, figures, whole)?;
        if self.prefetching.is_some() && self.frames.holes > known {
            let what =
                format!("{} frames are not there, and {known} are known to be missing", self.frames.holes);
            return Err(Violation::of("what is fetched ahead has no hole", what));
        }
        if self.over {
            return Ok(());
        }
        let ReceiverStatistics { packets, lost, late, duplicates, reordered, .. } = *figures;
        if interleaved && self.client.conn().dropped() > 0 {
            let what = "a packet that is interleaved was too long".to_owned();
            return Err(Violation::of("the connection stays in step", what));
        }
        if self.lower == Some(LowerTransport::Udp)
            && let Some(flow) = flow.filter(|flow| !flow.vague)
        {
            let arrived = flow.seen;
            let truth = (arrived.packets, arrived.lost(), arrived.duplicates, arrived.late);
            if (packets, lost, duplicates, reordered) != truth {
                let what = format!(
                    "(packets, lost, duplicates, reordered) are {truth:?} on its link, and it says {:?}",
                    (packets, lost, duplicates, reordered)
                );
                return Err(Violation::of("a client's figures are its link's", what));
            }
            return Ok(());
        }
        let lossless = interleaved && !setting.overrun && flow.is_none_or(|flow| flow.seen.packets == 0);
        if lossless && (lost, late, duplicates, reordered) != (0, 0, 0, 0) {
            return Err(Violation::of("nothing is lost that is interleaved", format!("{figures:?}")));
        }
        Ok(())
    }
}
