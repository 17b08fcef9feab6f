//! A network interface's hardware, as smoltcp sees it, with room for one frame in each direction.
use smoltcp::phy::{self, DeviceCapabilities};
use smoltcp::time::Instant;

/// What carries frames to a device, and away from it.
pub trait Link {
    /// Puts the next frame that has come at the start of `room`; returns its length. One that is
    /// longer than the room is cut off, or lost.
    fn receive(&mut self, now: Instant, room: &mut [u8]) -> Option<usize>;

    /// Takes a frame, which may be lost.
    fn send(&mut self, now: Instant, frame: &[u8]);
}

/// A device that lends smoltcp one of its two buffers at a time.
#[derive(Debug)]
pub struct Device<L> {
    link: L,
    received: Box<[u8]>,
    sent: Box<[u8]>,
    capabilities: DeviceCapabilities,
}

impl<L: Link> Device<L> {
    /// A device for frames of up to `capabilities.max_transmission_unit` bytes.
    pub fn new(link: L, capabilities: DeviceCapabilities) -> Self {
        let buffer = || vec![0; capabilities.max_transmission_unit].into_boxed_slice();
        Self { link, received: buffer(), sent: buffer(), capabilities }
    }

    /// What it is connected to.
    pub const fn link(&self) -> &L {
        &self.link
    }

    /// What it is connected to.
    pub const fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }
}

/// Bytes of the buffers of a device for frames of this length.
pub const fn ram(max_transmission_unit: usize) -> usize {
    2 * max_transmission_unit
}

/// A frame that has come.
#[derive(Debug)]
pub struct Rx<'a>(&'a [u8]);

/// Room for a frame to be sent.
#[derive(Debug)]
pub struct Tx<'a, L> {
    link: &'a mut L,
    room: &'a mut [u8],
    now: Instant,
}

impl phy::RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl<L: Link> phy::TxToken for Tx<'_, L> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        // smoltcp keeps to the device's `max_transmission_unit`.
        let frame = &mut self.room[..len];
        let result = write(frame);
        self.link.send(self.now, frame);
        result
    }
}

impl<L: Link> phy::Device for Device<L> {
    type RxToken<'a>
        = Rx<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Tx<'a, L>
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Rx<'_>, Tx<'_, L>)> {
        let len = self.link.receive(now, &mut self.received)?;
        let frame = self.received.get(..len).unwrap_or(&self.received);
        Some((Rx(frame), Tx { link: &mut self.link, room: &mut self.sent, now }))
    }

    fn transmit(&mut self, now: Instant) -> Option<Tx<'_, L>> {
        Some(Tx { link: &mut self.link, room: &mut self.sent, now })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}
