//! A network in memory, in virtual time: a switch, and a link of two wires to each host.
use crate::faults::Faults;
use crate::wire::{Counters, Medium, Wire};
use pinhole::time::{Duration, Instant};
use pinhole_smoltcp::time::from_smoltcp;
use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// A switch and the links that are connected to it. The switch learns the address of a host from the frames
/// that the host sends. A frame to an address that is not known, such as a broadcast, goes to all hosts but
/// the sender.
///
/// The time is an argument: call [`Self::forward`] at the time that [`Self::poll_at`] returns, and then
/// poll the hosts.
#[derive(Debug)]
pub struct Network {
    medium: Medium,
    seed: u64,
    links: Vec<Link>,
}

/// The link between a host and the switch.
#[derive(Debug)]
struct Link {
    /// Frames towards the switch.
    up: Wire,
    /// Frames towards the host.
    down: Wire,
    /// The address of the host, known once it has sent a frame.
    address: Option<Vec<u8>>,
}

impl Network {
    /// Creates a network without hosts. Its links carry frames of `medium`. `seed` determines all
    /// randomness of the network: the same calls with the same seed have the same results. Connect hosts
    /// with [`Self::plug_in`]; their [`Port`]s share the network.
    pub fn new(medium: Medium, seed: u64) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { medium, seed, links: vec![] }))
    }

    /// Connects one more link to the switch, with `faults` in each of its two directions. Returns the
    /// host's end of the link: a network device. Create a smoltcp interface on this device to make a host.
    /// The network learns the host's address from the first frame that the host sends.
    ///
    /// If the port is dropped, the link stays. To take a host off the network, call [`Port::cut`]. Unless
    /// you change [`Port::mtu`], the longest frame is an Ethernet frame of 1514 bytes, or an IP packet of
    /// 1500 bytes.
    pub fn plug_in(network: &Rc<RefCell<Self>>, faults: Faults) -> Port {
        let mut this = network.borrow_mut();
        let host = this.links.len();
        let seed = this.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(2 * host as u64);
        let wire = |seed| Wire::new(this.medium, faults, seed);
        let link = Link { up: wire(seed), down: wire(seed + 1), address: None };
        this.links.push(link);
        let mtu = if this.medium == Medium::Ethernet { 1514 } else { 1500 };
        Port {
            network: network.clone(),
            host,
            mtu,
            checksums: Default::default(),
            at: None,
            observer: None,
            rate: None,
            ready_at: Instant::ZERO,
        }
    }

    /// Returns the time at which the next frame arrives at the switch or at a host. The time can be past:
    /// then act at once. At that time, call [`Self::forward`], and then poll the hosts. `None` if no frame
    /// is on its way.
    pub fn poll_at(&self) -> Option<Instant> {
        self.links.iter().flat_map(|link| [link.up.poll_at(), link.down.poll_at()]).flatten().min()
    }

    /// Forwards the frames that have arrived at the switch by `now`. Call this before the hosts are polled.
    /// If no frame has arrived, this does nothing.
    pub fn forward(&mut self, now: Instant) {
        for from in 0..self.links.len() {
            while let Some(frame) = self.links[from].up.receive(now) {
                self.switch(from, now, frame);
            }
        }
    }

    /// Sends a frame to its destination at `now`, as if it came from the switch: no host is the sender. The
    /// faults of the destination's link apply. A broadcast, or a frame to a destination that is not known,
    /// goes to all hosts.
    pub fn inject(&mut self, now: Instant, frame: &[u8]) {
        self.switch(usize::MAX, now, frame.to_vec());
    }

    fn switch(&mut self, from: usize, now: Instant, frame: Vec<u8>) {
        let others = 0..self.links.len();
        let to =
            others.clone().find(|to| self.links[*to].address.as_deref() == destination(self.medium, &frame));
        match to {
            Some(to) if to != from => self.links[to].down.send(now, frame),
            Some(_) => {}
            // A broadcast, or an unknown destination.
            None => others.filter(|to| *to != from).for_each(|to| self.links[to].down.send(now, &frame[..])),
        }
    }

    fn send(&mut self, host: usize, now: Instant, frame: Vec<u8>) {
        let link = &mut self.links[host];
        let source = source(self.medium, &frame);
        if source.is_some() && link.address.as_deref() != source {
            link.address = source.map(<[u8]>::to_vec);
        }
        link.up.send(now, frame);
        self.forward(now);
    }
}

fn destination(medium: Medium, frame: &[u8]) -> Option<&[u8]> {
    match (medium, frame.first()? >> 4) {
        (Medium::Ethernet, _) => frame.get(..6),
        (Medium::Ip, 4) => frame.get(16..20),
        (Medium::Ip, _) => frame.get(24..40),
    }
}

fn source(medium: Medium, frame: &[u8]) -> Option<&[u8]> {
    match (medium, frame.first()? >> 4) {
        (Medium::Ethernet, _) => frame.get(6..12),
        (Medium::Ip, 4) => frame.get(12..16),
        (Medium::Ip, _) => frame.get(8..24),
    }
}

/// A host's end of its link to a [`Network`]: a network device that a smoltcp interface sends and receives
/// with. [`Network::plug_in`] returns it.
#[derive(Debug)]
pub struct Port {
    network: Rc<RefCell<Network>>,
    host: usize,
    /// The length of the longest frame that the host may send, in bytes with the link-layer header:
    /// [`DeviceCapabilities::max_transmission_unit`]. Change it before the smoltcp interface is created.
    pub mtu: usize,
    /// Which checksums smoltcp computes and checks: see [`DeviceCapabilities::checksum`]. The default is
    /// all of them.
    pub checksums: smoltcp::phy::ChecksumCapabilities,
    /// The current time on the network's clock, for a host whose own clock shows another time. For such a
    /// host, set this before each poll of the host's interface. With `None`, the host's clock shows the
    /// network's time.
    pub at: Option<Instant>,
    /// An observer of every frame that the host sends or receives; `None` for no observer.
    pub observer: Option<Box<dyn Observer>>,
    /// The bit rate in bits per second at which the device takes frames from the host, as the module of a slow
    /// wireless link does: while a frame leaves, the device takes no other one and hands none over, as a reply
    /// could not leave. With `None`, which is the default, the device takes every frame at once.
    /// [`Faults::rate`] is another matter: frames wait on the link then, or are lost.
    pub rate: Option<u64>,
    /// When the device takes the next frame.
    ready_at: Instant,
}

/// Observes the frames that a host sends and receives. Implement this trait, and put the value in
/// [`Port::observer`].
pub trait Observer: fmt::Debug {
    /// The host sends `frame`, which includes the link-layer header, at `at` on the network's clock. The
    /// link may lose the frame afterwards.
    fn on_sent(&mut self, at: Instant, frame: &[u8]);

    /// The host receives `frame`, which includes the link-layer header, at `at` on the network's clock. The
    /// faults of the link may have changed the frame.
    fn on_received(&mut self, at: Instant, frame: &[u8]);
}

impl Port {
    /// Sets the faults of both directions of the link, for frames that are sent from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.set_faults_each([faults; 2]);
    }

    /// Sets the faults of each direction of the link: the first value is for frames from the host, the
    /// second value for frames to the host. Both apply to frames that are sent from now on.
    pub fn set_faults_each(&self, [up, down]: [Faults; 2]) {
        let link = &mut self.network.borrow_mut().links[self.host];
        link.up.set_faults(up);
        link.down.set_faults(down);
    }

    /// Cuts the link in both directions if `cut` is true, and restores it if `cut` is false. Frames that
    /// are sent while the link is cut are lost. Frames that are on their way already still arrive.
    pub fn cut(&self, cut: bool) {
        self.cut_each([cut; 2]);
    }

    /// Cuts or restores the direction from the host (the first value) and the direction to the host (the
    /// second value): true cuts the direction, false restores it. Frames that are sent in a cut direction
    /// are lost. Frames that are on their way already still arrive.
    pub fn cut_each(&self, [up, down]: [bool; 2]) {
        let link = &mut self.network.borrow_mut().links[self.host];
        link.up.cut(up);
        link.down.cut(down);
    }

    /// Returns the counters of the two directions of the link, since [`Network::plug_in`] returned the
    /// port: first those of the frames that the host sends, then those of the frames that are sent to the
    /// host.
    pub fn counters(&self) -> [Counters; 2] {
        let link = &self.network.borrow().links[self.host];
        [link.up.counters(), link.down.counters()]
    }

    /// Returns when the device takes the next frame of the host, on the network's clock; a time that is past if it
    /// takes one now. See [`Self::rate`].
    pub const fn ready_at(&self) -> Instant {
        self.ready_at
    }

    /// Returns whether a frame has arrived at the host by `now` and has not been received yet. If so, poll
    /// the host's interface. `now` is on the network's clock.
    pub fn has_frame(&self, now: Instant) -> bool {
        self.network.borrow().links[self.host].down.poll_at().is_some_and(|at| at <= now)
    }
}

/// A received frame, for smoltcp to read. If this is dropped before smoltcp has read the frame, the frame
/// is lost.
#[derive(Debug)]
pub struct Rx(Vec<u8>);

/// The permission to send one frame. smoltcp writes the frame and consumes this. If this is dropped
/// instead, nothing is sent.
#[derive(Debug)]
pub struct Tx<'a>(&'a mut Port, Instant);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        if let Some(observer) = &mut self.0.observer {
            observer.on_sent(self.1, &frame);
        }
        if let Some(rate) = self.0.rate {
            self.0.ready_at = self.1 + Duration::from_micros(len as u64 * 8).scaled(1_000_000, rate);
        }
        self.0.network.borrow_mut().send(self.0.host, self.1, frame);
        result
    }
}

impl Device for Port {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, now: smoltcp::time::Instant) -> Option<(Rx, Tx<'_>)> {
        let now = self.at.unwrap_or(from_smoltcp(now));
        if now < self.ready_at {
            return None;
        }
        let frame = self.network.borrow_mut().links[self.host].down.receive(now)?;
        if let Some(observer) = &mut self.observer {
            observer.on_received(now, &frame);
        }
        Some((Rx(frame), Tx(self, now)))
    }

    fn transmit(&mut self, now: smoltcp::time::Instant) -> Option<Tx<'_>> {
        let now = self.at.unwrap_or(from_smoltcp(now));
        (self.ready_at <= now).then_some(Tx(self, now))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = match self.network.borrow().medium {
            Medium::Ethernet => smoltcp::phy::Medium::Ethernet,
            Medium::Ip => smoltcp::phy::Medium::Ip,
        };
        capabilities.max_transmission_unit = self.mtu;
        capabilities.checksum = self.checksums.clone();
        capabilities
    }
}
