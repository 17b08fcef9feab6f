//! The attackers: a thread for each kind and side, which acts, waits a while, and acts again.
use super::browsers;
use super::connections::{closes, crowd, drip, half_open, knock, reset};
use super::datagrams::{forge, noise};
use super::ground::{Ground, Medium};
use super::requests::{garbage, headers, interleaved_garbage, pipelined, unknown};
use super::sessions::{fast, seek, slow, stalled, unlatched, vanished};
use super::tunnels::halves;
use crate::dialogue::{Dialogue, Reply};
use crate::process::poll;
use fastrand::Rng;
use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// How long an attacker waits for a connection or a reply.
pub(super) const REPLY: Duration = Duration::from_secs(2);
/// How long an attacker waits until it can write.
const WRITES: Duration = Duration::from_millis(500);
/// How long attackers may take to come to rest.
const RESTS: Duration = Duration::from_secs(60);
/// How many connections an attacker on the side of the viewers holds at most. All of them together, the viewers
/// among them, are fewer than one address may have.
const NEIGHBOURS_HOLD: usize = 3;

/// One thing that attackers do.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    /// How long an attacker waits between two acts, in milliseconds: from, and to.
    pause: (u64, u64),
    /// Returns whether the server let the attacker come as far as it meant to.
    act: fn(&mut Attacker<'_>) -> Option<()>,
    sides: &'static [Side],
}

/// Where an attacker comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Other addresses than that of the steady viewers.
    Strangers,
    /// The address of the steady viewers.
    Neighbours,
}

const BOTH: &[Side] = &[Side::Strangers, Side::Neighbours];

const KINDS: &[Kind] = &[
    Kind { name: "killed by RST while they play", pause: (20, 80), act: reset, sides: BOTH },
    Kind { name: "connected and silent", pause: (100, 300), act: half_open, sides: BOTH },
    Kind { name: "four bytes every two seconds", pause: (200, 300), act: drip, sides: BOTH },
    Kind { name: "knocking at ports", pause: (5, 30), act: knock, sides: BOTH },
    // It would leave the neighbours no connection.
    Kind { name: "a crowd of one address", pause: (500, 1500), act: crowd, sides: &[Side::Strangers] },
    Kind { name: "asking for unknown URLs", pause: (20, 60), act: unknown, sides: BOTH },
    Kind { name: "megabytes of headers", pause: (200, 600), act: headers, sides: BOTH },
    Kind { name: "pipelined at any split", pause: (20, 80), act: pipelined, sides: BOTH },
    Kind { name: "garbage for RTSP", pause: (10, 50), act: garbage, sides: BOTH },
    Kind { name: "garbage interleaved", pause: (30, 100), act: interleaved_garbage, sides: BOTH },
    Kind { name: "halves of tunnels", pause: (20, 80), act: halves, sides: BOTH },
    Kind { name: "SETUPs never latched", pause: (20, 80), act: unlatched, sides: BOTH },
    Kind { name: "PLAYs with a random Range", pause: (50, 150), act: seek, sides: BOTH },
    Kind { name: "stalled while they play", pause: (100, 400), act: stalled, sides: BOTH },
    Kind { name: "reading 20 kB a second", pause: (100, 100), act: slow, sides: BOTH },
    Kind { name: "Speed 16", pause: (300, 900), act: fast, sides: BOTH },
    Kind { name: "UDP ports that vanish", pause: (50, 150), act: vanished, sides: BOTH },
    Kind { name: "Connection: close", pause: (50, 150), act: closes, sides: BOTH },
    Kind { name: "browsers killed by RST", pause: (50, 150), act: browsers::killed, sides: BOTH },
    Kind { name: "HTTP requests cut short", pause: (100, 300), act: browsers::cut_short, sides: BOTH },
    Kind { name: "browsers half open", pause: (100, 300), act: browsers::half_open, sides: BOTH },
    Kind { name: "HTTP a byte at a time", pause: (50, 150), act: browsers::byte_by_byte, sides: BOTH },
    Kind { name: "browsers that never read", pause: (100, 400), act: browsers::never_read, sides: BOTH },
    Kind { name: "floods of stills and pages", pause: (100, 300), act: browsers::flood, sides: BOTH },
    Kind { name: "garbage for HTTP", pause: (10, 50), act: browsers::garbage, sides: BOTH },
    Kind { name: "heads of HTTP without an end", pause: (200, 600), act: browsers::headers, sides: BOTH },
    Kind { name: "garbage for RTP and RTCP", pause: (5, 30), act: noise, sides: BOTH },
    Kind { name: "forged reports", pause: (10, 40), act: forge, sides: BOTH },
];

/// What attackers of one kind have done.
#[derive(Debug, Default)]
struct Acts {
    done: AtomicU64,
    refused: AtomicU64,
}

/// All attackers, and what they are told.
#[derive(Debug)]
pub(super) struct Troop {
    acts: Vec<Acts>,
    truce: AtomicBool,
    resting: AtomicUsize,
    over: AtomicBool,
}

/// What was done in a run, by its kind.
#[derive(Clone, Debug)]
pub(super) struct Deeds {
    pub(super) kind: &'static str,
    pub(super) done: u64,
    /// How often the server refused to go as far, or closed the connection before.
    pub(super) refused: u64,
}

/// One attacker.
pub(super) struct Attacker<'a> {
    pub(super) ground: &'a Ground,
    pub(super) random: Rng,
    pub(super) side: Side,
    /// Connections that stay between acts, oldest first.
    pub(super) held: Vec<Held>,
}

/// A connection that stays.
pub(super) struct Held {
    pub(super) dialogue: Dialogue,
    /// When something was last done with it.
    pub(super) at: Instant,
    /// How many bytes of a request were sent, by attackers that send single bytes.
    pub(super) sent: usize,
}

impl Troop {
    pub(super) fn new() -> Self {
        let acts = KINDS.iter().map(|_| Acts::default()).collect();
        Self { acts, truce: false.into(), resting: 0.into(), over: false.into() }
    }

    /// Starts all attackers. Each of them draws its numbers from `seed` and its own place.
    pub(super) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        ground: &'scope Ground,
        seed: u64,
    ) {
        let sides = KINDS
            .iter()
            .zip(&self.acts)
            .flat_map(|(kind, acts)| kind.sides.iter().map(move |side| (kind, acts, *side)));
        for (place, (kind, acts, side)) in (1..).zip(sides) {
            let random = Rng::with_seed(seed.wrapping_add(place));
            let attacker = Attacker { ground, random, side, held: Vec::new() };
            let name = format!("{} {side:?}", kind.name);
            let attack = move || self.attack(attacker, kind, acts);
            thread::Builder::new().name(name).spawn_scoped(scope, attack).expect("a thread starts");
        }
    }

    fn attack(&self, mut attacker: Attacker<'_>, kind: &Kind, acts: &Acts) {
        while !self.over.load(Relaxed) {
            if self.truce.load(Relaxed) {
                attacker.held.clear();
                self.resting.fetch_add(1, Relaxed);
                while self.truce.load(Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                }
                self.resting.fetch_sub(1, Relaxed);
                continue;
            }
            let acted = (kind.act)(&mut attacker).is_some();
            if acted { &acts.done } else { &acts.refused }.fetch_add(1, Relaxed);
            thread::sleep(Duration::from_millis(attacker.random.u64(kind.pause.0..=kind.pause.1)));
        }
    }

    /// Has all attackers close their connections, and waits until they rest. They go on with [`Self::resume`].
    ///
    /// # Panics
    /// Panics if they do not come to rest within a minute.
    pub(super) fn rest(&self) {
        self.truce.store(true, Relaxed);
        let all = KINDS.iter().map(|kind| kind.sides.len()).sum::<usize>();
        poll(RESTS, || (self.resting.load(Relaxed) == all).then_some(())).expect("all attackers rest");
    }

    pub(super) fn resume(&self) {
        self.truce.store(false, Relaxed);
    }

    /// Ends all attackers, each after what it does now.
    pub(super) fn end(&self) {
        self.over.store(true, Relaxed);
        self.resume();
    }

    pub(super) fn deeds(&self) -> impl Iterator<Item = Deeds> {
        KINDS.iter().zip(&self.acts).map(|(kind, acts)| Deeds {
            kind: kind.name,
            done: acts.done.load(Relaxed),
            refused: acts.refused.load(Relaxed),
        })
    }
}

impl Attacker<'_> {
    /// Returns an address to come from.
    pub(super) fn address(&mut self) -> IpAddr {
        match self.side {
            Side::Strangers => [127, 0, 1, self.random.u8(1..=40)].into(),
            Side::Neighbours => self.ground.server.ip(),
        }
    }

    /// Returns any medium of those that may be attacked.
    pub(super) fn medium(&mut self) -> Medium {
        let media = &self.ground.media;
        media[self.random.usize(..media.len())].clone()
    }

    pub(super) fn connect(&mut self) -> Option<Dialogue> {
        let from = self.address();
        connect(from, self.ground.server)
    }

    /// Connects to the pages of the server.
    pub(super) fn browse(&mut self) -> Option<Dialogue> {
        let from = self.address();
        connect(from, self.ground.pages)
    }

    /// Returns the path of a stream for browsers.
    pub(super) fn stream(&mut self) -> String {
        format!("/{}.mjpeg", self.medium().name)
    }

    /// Connects, and sets a medium up with this Transport header. Returns the medium as well. `None` if the
    /// server refuses it.
    pub(super) fn set_up(&mut self, transport: &str) -> Option<(Dialogue, Medium)> {
        let (mut dialogue, medium) = (self.connect()?, self.medium());
        set_up(&mut dialogue, &medium, transport)?;
        Some((dialogue, medium))
    }

    /// As [`Self::set_up`], with packets in the connection.
    pub(super) fn set_up_tcp(&mut self) -> Option<(Dialogue, Medium)> {
        self.set_up("RTP/AVP/TCP;unicast;interleaved=0-1")
    }

    /// Holds a connection until there are `most` newer ones.
    pub(super) fn hold(&mut self, dialogue: Dialogue, most: usize) {
        let most = if self.side == Side::Neighbours { most.min(NEIGHBOURS_HOLD) } else { most };
        while self.held.len() >= most {
            self.held.remove(0);
        }
        self.held.push(Held { dialogue, at: Instant::now(), sent: 0 });
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.random.u8(..)).take(len).collect()
    }
}

/// Connects from `from`; `None` if the server or the system refuses it.
pub(super) fn connect(from: IpAddr, to: SocketAddr) -> Option<Dialogue> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).ok()?;
    socket.bind(&SocketAddr::new(from, 0).into()).ok()?;
    socket.connect_timeout(&to.into(), REPLY).ok()?;
    let dialogue = Dialogue::over(socket.into());
    dialogue.stream().set_write_timeout(Some(WRITES)).ok()?;
    Some(dialogue)
}

/// Sends a request, whose CSeq is always 1, with `headers`, each of which has its line end. Does not wait.
pub(super) fn send(dialogue: &mut Dialogue, method: &str, url: &str, headers: &str) {
    dialogue.send(request(dialogue.session.as_deref(), method, url, headers).as_bytes());
}

/// Returns a request, with a Session header if there is a session.
pub(super) fn request(session: Option<&str>, method: &str, url: &str, headers: &str) -> String {
    let session = session.map(|id| format!("Session: {id}\r\n")).unwrap_or_default();
    format!("{method} {url} RTSP/1.0\r\nCSeq: 1\r\n{session}{headers}\r\n")
}

/// Sends a request, and waits for its reply. `None` if it is not 200, or none comes.
pub(super) fn ask(dialogue: &mut Dialogue, method: &str, url: &str, headers: &str) -> Option<Reply> {
    send(dialogue, method, url, headers);
    let reply = dialogue.try_reply(REPLY).filter(|reply| reply.status == 200)?;
    if let Some(session) = reply.header("Session") {
        dialogue.session = session.split(';').next().map(str::to_owned);
    }
    Some(reply)
}

/// Sets a track up, and returns the reply; `None` if the server refuses it.
pub(super) fn set_up(dialogue: &mut Dialogue, medium: &Medium, transport: &str) -> Option<Reply> {
    ask(dialogue, "SETUP", &medium.track, &format!("Transport: {transport}\r\n"))
}
