//! A connection of a client, and what must hold for it.
use super::clock::Clock;
use super::flow::Flow;
use super::frames::{Frames, Ring};
use super::setting::Setting;
use super::source::SourceKind;
use super::violation::{Violation, without_allocation};
use crate::world::Host;
use pinhole::client::{ClientError, Event, ReceiverStatistics};
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
    events: Vec<ClientEvent>,
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

/// An [`Event`] without borrowed bytes.
#[derive(Clone, Copy, Debug)]
enum ClientEvent {
    Playing(LowerTransport),
    Paused,
    SwitchedToTcp,
    Stalled,
    Ended,
    Refused,
    Over(Option<ClientError>),
}

impl ClientEvent {
    const fn of(event: &Event<'_>) -> Option<Self> {
        Some(match *event {
            Event::Playing { lower, .. } => Self::Playing(lower),
            Event::Paused => Self::Paused,
            Event::SwitchedToTcp => Self::SwitchedToTcp,
            Event::Stalled => Self::Stalled,
            Event::Ended => Self::Ended,
            Event::Refused { .. } => Self::Refused,
            Event::Closed => Self::Over(None),
            Event::Failed(error) => Self::Over(Some(error)),
            _ => return None,
        })
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        client: Client<'a, String>,
        sockets: [SocketHandle; 3],
        rtp: u16,
        kind: SourceKind,
        lower: Option<LowerTransport>,
    ) -> Self {
        Self {
            client,
            sockets,
            rtp,
            frames: Frames::new(kind),
            lower,
            events: Vec::with_capacity(16),
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
        self.client.conn_mut().pause();
    }

    /// Plays from a position, or on from where it paused. Returns `false` if it plays already.
    pub(super) fn play(&mut self, at: Instant, from: Option<MediaTime>) -> bool {
        if !self.paused && from.is_none() {
            return false;
        }
        self.paused = false;
        // From the medium's end, it starts over.
        let ended = self.again_at.take().is_some();
        self.frames.on_play(at, from.is_some() || ended);
        self.client.conn_mut().play(from.map(Seek::To));
        true
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
            self.client.conn_mut().play(None);
        }
        let now = time::now(clock.shows(at));
        let Self { client, events, .. } = self;
        let wake = without_allocation(|| {
            client.poll(now, &mut host.sockets, ring, |event| {
                allocation_counter::opt_out(|| events.extend(ClientEvent::of(event)));
            })
        })?;
        if let Some(flow) = &mut flow {
            flow.vague |= flow.unseen >= UDP_PACKETS;
            flow.on_polled();
        }
        let (mut ended, mut playing) = (false, 0);
        // Without a connection, the server has answered nothing.
        let connected = host.socket(self.sockets[0]).state() != tcp::State::Closed;
        for event in std::mem::take(&mut self.events) {
            ended |= matches!(event, ClientEvent::Ended | ClientEvent::Over(_));
            playing += usize::from(matches!(event, ClientEvent::Playing(_)));
            setting.trace.tell(at, name, || format!("{event:?}"));
            self.on_event(at, event, setting.scenario.wild, connected)?;
        }
        if setting.scenario.wild {
            self.frames.count(ring);
        } else if let Some(figures) = self.client.conn().statistics(0) {
            self.check(name, setting, ring, &figures, flow.map(|flow| &*flow))?;
            if ended {
                self.frames.close_account(&figures)?;
            }
        }
        // The client receives datagrams before responses: those of this turn came before the response.
        (0..playing).for_each(|_| self.frames.on_playing());
        Ok(wake)
    }

    fn on_event(
        &mut self,
        at: Instant,
        event: ClientEvent,
        wild: bool,
        connected: bool,
    ) -> Result<(), Violation> {
        match event {
            ClientEvent::Playing(lower) => self.lower = Some(lower),
            ClientEvent::Ended => {
                self.frames.on_ended();
                self.again_at = Some(at + PAUSE);
            }
            // A user who sees nothing connects again.
            ClientEvent::Stalled | ClientEvent::Refused if wild => {
                self.client.conn_mut().teardown();
                self.leaving.get_or_insert(PAUSE);
            }
            ClientEvent::Refused => self.again_at = Some(at + PAUSE),
            ClientEvent::Over(error) => {
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
            ClientEvent::Paused | ClientEvent::SwitchedToTcp | ClientEvent::Stalled => {}
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
        let interleaved = self.is_interleaved();
        let whole = interleaved && !self.over && !setting.overrun && !setting.closed;
        self.frames.check(name, setting, ring, figures, whole)?;
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
