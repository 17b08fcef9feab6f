//! A network device for smoltcp, with a buffer for one frame in each direction.
use smoltcp::phy::{self, DeviceCapabilities};
use smoltcp::time::Instant;

/// A link that carries the frames of a [`Device`], below smoltcp. Implement this trait to connect smoltcp
/// to something that carries frames. Frames have the link-layer header of the device's medium.
pub trait Link {
    /// Copies the next received frame to the start of `room`, and returns the frame's length in bytes. If
    /// the frame is longer than `room`, the frame is truncated or lost. `None` if no frame has arrived by
    /// `now`.
    fn receive(&mut self, now: Instant, room: &mut [u8]) -> Option<usize>;

    /// Sends a frame at `now`. The frame may be lost; a loss is not reported.
    fn send(&mut self, now: Instant, frame: &[u8]);

    /// Returns when the link takes the next frame. Before that time, the device neither takes a frame from smoltcp nor
    /// hands one over, as a reply could not leave. The provided method returns [`Instant::ZERO`]: at any time.
    fn ready_at(&self) -> Instant {
        Instant::ZERO
    }
}

/// A network device for smoltcp's interface, on top of a [`Link`]. The device has one buffer for a received
/// frame and one buffer for a sent frame, as a microcontroller has.
#[derive(Debug)]
pub struct Device<L> {
    link: L,
    received: Box<[u8]>,
    sent: Box<[u8]>,
    capabilities: DeviceCapabilities,
}

impl<L: Link> Device<L> {
    /// Creates a device on `link`. The device has one buffer for a received frame and one for a sent frame.
    /// Each takes frames of up to `capabilities.max_transmission_unit` bytes, with their link-layer header.
    pub fn new(link: L, capabilities: DeviceCapabilities) -> Self {
        let buffer = || vec![0; capabilities.max_transmission_unit].into_boxed_slice();
        Self { link, received: buffer(), sent: buffer(), capabilities }
    }

    /// Returns the link that the device is connected to.
    pub const fn link(&self) -> &L {
        &self.link
    }

    /// Returns the link that the device is connected to, for changes to the link.
    pub const fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }
}

/// Returns how many bytes the two buffers of a [`Device`] take together. `max_transmission_unit` is the
/// length in bytes of the device's longest frame, with the link-layer header.
pub const fn ram(max_transmission_unit: usize) -> usize {
    2 * max_transmission_unit
}

/// A received frame, for smoltcp to read. If this is dropped before smoltcp has read the frame, the frame
/// is lost.
#[derive(Debug)]
pub struct Rx<'a>(&'a [u8]);

/// Room for one frame. smoltcp writes the frame and consumes this, which sends the frame. If this is
/// dropped instead, nothing is sent.
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
        if now < self.link.ready_at() {
            return None;
        }
        let len = self.link.receive(now, &mut self.received)?;
        let frame = self.received.get(..len).unwrap_or(&self.received);
        Some((Rx(frame), Tx { link: &mut self.link, room: &mut self.sent, now }))
    }

    fn transmit(&mut self, now: Instant) -> Option<Tx<'_, L>> {
        let is_ready = self.link.ready_at() <= now;
        is_ready.then_some(Tx { link: &mut self.link, room: &mut self.sent, now })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}
