//! A network in memory, under virtual time: every frame goes to every other host.
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the network does to frames.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub delay: Duration,
    /// Of a thousand frames, so many are lost, come twice, or come late by up to five delays.
    pub lost: u64,
    pub duplicated: u64,
    pub delayed: u64,
    pub seed: u64,
}

impl Faults {
    pub const NONE: Self =
        Self { delay: Duration::from_micros(300), lost: 0, duplicated: 0, delayed: 0, seed: 1 };
}

#[derive(Debug)]
pub struct Network {
    medium: Medium,
    faults: Faults,
    random: u64,
    /// In the order in which they arrive; frames of one time in the order in which they were sent.
    on_the_way: Vec<BTreeMap<(Instant, u64), Vec<u8>>>,
    /// Hosts whose cable is pulled.
    unplugged: Vec<bool>,
    sent: u64,
    pub dropped: u64,
}

impl Network {
    pub fn new(medium: Medium, faults: Faults) -> Rc<RefCell<Self>> {
        let random = faults.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (on_the_way, unplugged) = (vec![], vec![]);
        Rc::new(RefCell::new(Self { medium, faults, random, on_the_way, unplugged, sent: 0, dropped: 0 }))
    }

    pub fn plug_in(network: &Rc<RefCell<Self>>) -> Port {
        let mut this = network.borrow_mut();
        this.on_the_way.push(BTreeMap::new());
        this.unplugged.push(false);
        Port { network: network.clone(), index: this.on_the_way.len() - 1 }
    }

    /// When the next frame arrives somewhere, after those that have.
    pub fn next(&self, at: Instant) -> Option<Instant> {
        let coming = |frames: &BTreeMap<(Instant, u64), _>| Some(frames.range((at, u64::MAX)..).next()?.0.0);
        self.on_the_way.iter().filter_map(coming).min()
    }

    pub fn has_arrived(&self, port: &Port, at: Instant) -> bool {
        self.on_the_way[port.index].range(..=(at, u64::MAX)).next().is_some()
    }

    /// Marsaglia's generator: true `of` a thousand times.
    fn chance(&mut self, of: u64) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % 1_000 < of
    }

    /// Sends a frame of nobody's.
    pub fn inject(&mut self, at: Instant, frame: &[u8]) {
        self.send(usize::MAX, at, frame);
    }

    fn send(&mut self, from: usize, at: Instant, frame: &[u8]) {
        for to in 0..self.on_the_way.len() {
            if to == from || self.unplugged.get(from) == Some(&true) || self.unplugged[to] {
                continue;
            }
            if self.chance(self.faults.lost) {
                self.dropped += 1;
                continue;
            }
            let copies = 1 + u64::from(self.chance(self.faults.duplicated));
            for _ in 0..copies {
                let late = self.chance(self.faults.delayed);
                let delay = self.faults.delay * (if late { 2 + (self.random % 4) as u32 } else { 1 });
                self.sent += 1;
                self.on_the_way[to].insert((at + delay, self.sent), frame.to_vec());
            }
        }
    }
}

/// Where a host is plugged in.
#[derive(Debug)]
pub struct Port {
    network: Rc<RefCell<Network>>,
    index: usize,
}

impl Port {
    pub fn unplug(&mut self) {
        self.network.borrow_mut().unplugged[self.index] = true;
    }
}

pub struct Rx(Vec<u8>);
pub struct Tx<'a>(&'a Port, Instant);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.network.borrow_mut().send(self.0.index, self.1, &frame);
        result
    }
}

impl Device for Port {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, now: Instant) -> Option<(Rx, Tx<'_>)> {
        let mut network = self.network.borrow_mut();
        let entry = network.on_the_way[self.index].first_entry().filter(|entry| entry.key().0 <= now)?;
        let frame = entry.remove();
        drop(network);
        Some((Rx(frame), Tx(self, now)))
    }

    fn transmit(&mut self, now: Instant) -> Option<Tx<'_>> {
        Some(Tx(self, now))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = self.network.borrow().medium;
        capabilities.max_transmission_unit =
            if capabilities.medium == Medium::Ethernet { 1514 } else { 1500 };
        capabilities
    }
}
