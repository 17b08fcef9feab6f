//! A network device for smoltcp, with a buffer for one frame in each direction.
use smoltcp::phy::{self, DeviceCapabilities};
use smoltcp::time::Instant;

/// A link that carries frames to and from a device.
pub trait Link {
    /// Copies the next received frame to the start of `room`, and returns its length. A frame longer than
    /// `room` is truncated or lost. `None`: no frame has arrived.
    fn receive(&mut self, now: Instant, room: &mut [u8]) -> Option<usize>;

    /// Sends a frame, which may be lost.
    fn send(&mut self, now: Instant, frame: &[u8]);
}

/// A device whose two buffers smoltcp reads and writes.
#[derive(Debug)]
pub struct Device<L> {
    link: L,
    received: Box<[u8]>,
    sent: Box<[u8]>,
    capabilities: DeviceCapabilities,
}

impl<L: Link> Device<L> {
    /// Creates a device for frames of up to `capabilities.max_transmission_unit` bytes.
    pub fn new(link: L, capabilities: DeviceCapabilities) -> Self {
        let buffer = || vec![0; capabilities.max_transmission_unit].into_boxed_slice();
        Self { link, received: buffer(), sent: buffer(), capabilities }
    }

    /// Returns the link that the device is connected to.
    pub const fn link(&self) -> &L {
        &self.link
    }

    /// Returns the link that the device is connected to.
    pub const fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }
}

/// Returns the bytes of the buffers of a device for frames of up to `max_transmission_unit` bytes.
pub const fn ram(max_transmission_unit: usize) -> usize {
    2 * max_transmission_unit
}

/// A received frame, for smoltcp to read.
#[derive(Debug)]
pub struct Rx<'a>(&'a [u8]);

/// A frame that smoltcp writes, to be sent.
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
        // Within the buffer: smoltcp respects `max_transmission_unit`.
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
