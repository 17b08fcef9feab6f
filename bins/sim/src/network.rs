//! A network in memory, under virtual time: hosts on a switch, each by a link of two wires.
use crate::faults::Faults;
use crate::wire::{Counters, Medium, Wire};
use pinhole::time::Instant;
use pinhole_smoltcp::time::from_smoltcp;
use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The switch, and all that is connected to it.
#[derive(Debug)]
pub struct Network {
    medium: Medium,
    seed: u64,
    links: Vec<Link>,
}

/// What connects a host to the switch.
#[derive(Debug)]
struct Link {
    /// Towards the switch.
    up: Wire,
    /// Towards the host.
    down: Wire,
    /// The address from which the host sends, once it has sent: where it can be reached.
    address: Option<Vec<u8>>,
}

impl Network {
    /// A network without hosts, on which everything random comes from `seed`.
    pub fn new(medium: Medium, seed: u64) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { medium, seed, links: vec![] }))
    }

    /// Connects one more host, by a link that does this to the frames of both directions.
    pub fn plug_in(network: &Rc<RefCell<Self>>, faults: Faults) -> Port {
        let mut this = network.borrow_mut();
        let host = this.links.len();
        let seed = this.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(2 * host as u64);
        let wire = |seed| Wire::new(this.medium, faults, seed);
        let link = Link { up: wire(seed), down: wire(seed + 1), address: None };
        this.links.push(link);
        let mtu = if this.medium == Medium::Ethernet { 1514 } else { 1500 };
        Port { network: network.clone(), host, mtu, checksums: Default::default(), at: None, observer: None }
    }

    /// When the next frame arrives somewhere.
    pub fn poll_at(&self) -> Option<Instant> {
        self.links.iter().flat_map(|link| [link.up.poll_at(), link.down.poll_at()]).flatten().min()
    }

    /// Passes on what has come to the switch.
    pub fn forward(&mut self, now: Instant) {
        for from in 0..self.links.len() {
            while let Some(frame) = self.links[from].up.receive(now) {
                self.switch(from, now, frame);
            }
        }
    }

    /// Sends a frame of nobody's to whom it is for.
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
            // To all, or to nobody that is known.
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

/// Where a host is plugged in.
#[derive(Debug)]
pub struct Port {
    network: Rc<RefCell<Network>>,
    host: usize,
    /// As [`DeviceCapabilities::max_transmission_unit`].
    pub mtu: usize,
    /// As [`DeviceCapabilities::checksum`].
    pub checksums: smoltcp::phy::ChecksumCapabilities,
    /// What time it is on the network, for a host whose own clock shows another; to be kept up to date.
    pub at: Option<Instant>,
    /// Sees every frame that passes.
    pub observer: Option<Box<dyn Observer>>,
}

/// Sees what a host sends and receives.
pub trait Observer: fmt::Debug {
    /// The host sends a frame, and does not know what becomes of it.
    fn on_sent(&mut self, at: Instant, frame: &[u8]);

    /// A frame has come to the host, changed or not.
    fn on_received(&mut self, at: Instant, frame: &[u8]);
}

impl Port {
    /// From now on, the host's link does this to frames.
    pub fn set_faults(&self, faults: Faults) {
        self.set_faults_each([faults; 2]);
    }

    /// From now on, the host's link does this to frames from the host, and that to those to it.
    pub fn set_faults_each(&self, [up, down]: [Faults; 2]) {
        let link = &mut self.network.borrow_mut().links[self.host];
        link.up.set_faults(up);
        link.down.set_faults(down);
    }

    /// Pulls the cable, or plugs it in again.
    pub fn cut(&self, cut: bool) {
        self.cut_each([cut; 2]);
    }

    /// The same for frames from the host, and for those to it.
    pub fn cut_each(&self, [up, down]: [bool; 2]) {
        let link = &mut self.network.borrow_mut().links[self.host];
        link.up.cut(up);
        link.down.cut(down);
    }

    /// What has become of the frames from the host, and of those to it.
    pub fn counters(&self) -> [Counters; 2] {
        let link = &self.network.borrow().links[self.host];
        [link.up.counters(), link.down.counters()]
    }

    /// Whether a frame waits to be received.
    pub fn has_frame(&self, now: Instant) -> bool {
        self.network.borrow().links[self.host].down.poll_at().is_some_and(|at| at <= now)
    }
}

/// A frame that has come.
#[derive(Debug)]
pub struct Rx(Vec<u8>);

/// A frame to be sent.
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
        self.0.network.borrow_mut().send(self.0.host, self.1, frame);
        result
    }
}

impl Device for Port {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, now: smoltcp::time::Instant) -> Option<(Rx, Tx<'_>)> {
        let now = self.at.unwrap_or(from_smoltcp(now));
        let frame = self.network.borrow_mut().links[self.host].down.receive(now)?;
        if let Some(observer) = &mut self.observer {
            observer.on_received(now, &frame);
        }
        Some((Rx(frame), Tx(self, now)))
    }

    fn transmit(&mut self, now: smoltcp::time::Instant) -> Option<Tx<'_>> {
        let now = self.at.unwrap_or(from_smoltcp(now));
        Some(Tx(self, now))
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
