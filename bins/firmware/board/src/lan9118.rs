//! The Ethernet chip, as a device of smoltcp.
use crate::registers::Registers;
use core::fmt;
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

// SAFETY: the LAN9118 on the board's bus (DAI 0385).
const CHIP: Registers = unsafe { Registers::new(0x4020_0000) };

/// Registers that are addressed directly (DS00002266, 5). The first four are FIFOs: a read takes from
/// them, and a write puts into them.
const RX_DATA: usize = 0x00;
const TX_DATA: usize = 0x20;
const RX_STATUS: usize = 0x40;
const TX_STATUS: usize = 0x48;
const IRQ_CFG: usize = 0x54;
const IRQ_ENABLE: u32 = 1 << 8;
const IRQ_ACTIVE_HIGH: u32 = 1 << 4;
const IRQ_PUSH_PULL: u32 = 1 << 0;
const INT_STS: usize = 0x58;
const INT_EN: usize = 0x5C;
/// More statuses are in the receive FIFO than FIFO_INT says.
const INT_RX_STATUS_LEVEL: u32 = 1 << 3;
const BYTE_TEST: usize = 0x64;
const FIFO_INT: usize = 0x68;
const RX_CFG: usize = 0x6C;
const TX_CFG: usize = 0x70;
const TX_ON: u32 = 1 << 1;
const HW_CFG: usize = 0x74;
const HW_SOFT_RESET: u32 = 1 << 0;
const HW_MUST_BE_ONE: u32 = 1 << 20;
/// KiB for transmission, of the 16 that both directions share.
const HW_TX_FIFO: u32 = 5 << 16;
const RX_DP_CTRL: usize = 0x78;
const RX_FAST_FORWARD: u32 = 1 << 31;
const RX_FIFO_INF: usize = 0x7C;
const TX_FIFO_INF: usize = 0x80;
const PMT_CTRL: usize = 0x84;
const PMT_READY: u32 = 1 << 0;
const MAC_CSR_CMD: usize = 0xA4;
const MAC_CSR_BUSY: u32 = 1 << 31;
const MAC_CSR_DATA: usize = 0xA8;

/// Registers of the MAC, behind the command.
const MAC_CR: u32 = 1;
const MAC_CR_FULL_DUPLEX: u32 = 1 << 20;
const MAC_CR_TX: u32 = 1 << 3;
const MAC_CR_RX: u32 = 1 << 2;
const MAC_ADDRESS_HIGH: u32 = 2;
const MAC_ADDRESS_LOW: u32 = 3;

/// What BYTE_TEST reads as where the chip is there.
const SIGNATURE: u32 = 0x8765_4321;

/// Of a frame's first command word: it is all in one piece.
const TX_WHOLE_FRAME: u32 = 1 << 13 | 1 << 12;
/// Of a frame's status: something was wrong with it.
const RX_ERROR: u32 = 1 << 15;
const FCS_LEN: usize = 4;
/// The fewest words that fast-forward passes over.
const FAST_FORWARD_WORDS: usize = 4;

/// The longest frame, with Ethernet's header.
const MAX_FRAME: usize = 1514;
const BUFFER_LEN: usize = (MAX_FRAME + FCS_LEN).next_multiple_of(4);

/// Room for a frame in each direction.
pub struct FrameBuffers {
    received: [u8; BUFFER_LEN],
    sending: [u8; BUFFER_LEN],
}

impl FrameBuffers {
    /// Without a frame.
    pub const EMPTY: Self = Self { received: [0; BUFFER_LEN], sending: [0; BUFFER_LEN] };
}

impl fmt::Debug for FrameBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameBuffers").finish_non_exhaustive()
    }
}

/// The Ethernet chip.
#[derive(Debug)]
pub struct Lan9118<'a>(&'a mut FrameBuffers);

/// There is no Ethernet chip where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, defmt::Format)]
pub struct NoChip {
    /// What was read in place of its signature.
    pub found: u32,
}

impl<'a> Lan9118<'a> {
    /// Sets it up for this MAC address.
    pub(crate) fn start(mac: [u8; 6], buffers: &'a mut FrameBuffers) -> Result<Self, NoChip> {
        let found = CHIP.read::<BYTE_TEST>();
        if found != SIGNATURE {
            return Err(NoChip { found });
        }
        CHIP.write::<HW_CFG>(HW_SOFT_RESET);
        while CHIP.read::<HW_CFG>() & HW_SOFT_RESET != 0 {}
        while CHIP.read::<PMT_CTRL>() & PMT_READY == 0 {}
        CHIP.write::<HW_CFG>(HW_TX_FIFO | HW_MUST_BE_ONE);

        let [a, b, c, d, e, f] = mac;
        write_mac(MAC_ADDRESS_LOW, u32::from_le_bytes([a, b, c, d]));
        write_mac(MAC_ADDRESS_HIGH, u32::from_le_bytes([e, f, 0, 0]));

        CHIP.write::<INT_EN>(0);
        CHIP.write::<INT_STS>(u32::MAX);
        // Any status in the FIFO is told.
        CHIP.write::<FIFO_INT>(0);
        CHIP.write::<IRQ_CFG>(IRQ_ENABLE | IRQ_ACTIVE_HIGH | IRQ_PUSH_PULL);
        CHIP.write::<RX_CFG>(0);
        CHIP.write::<TX_CFG>(TX_ON);
        write_mac(MAC_CR, MAC_CR_FULL_DUPLEX | MAC_CR_TX | MAC_CR_RX);
        Ok(Self(buffers))
    }

    /// Has an interrupt pend when a frame comes, from now on.
    pub(crate) fn watch(&mut self) {
        CHIP.write::<INT_STS>(INT_RX_STATUS_LEVEL);
        CHIP.write::<INT_EN>(INT_RX_STATUS_LEVEL);
    }

    pub(crate) fn unwatch(&mut self) {
        CHIP.write::<INT_EN>(0);
    }

    /// Whether a frame waits to be taken.
    pub(crate) fn has_received(&self) -> bool {
        CHIP.read::<RX_FIFO_INF>() >> 16 & 0xFF != 0
    }

    /// Takes the next frame that came well.
    fn read(&mut self) -> Option<usize> {
        while self.has_received() {
            let status = CHIP.read::<RX_STATUS>();
            let len = (status >> 16 & 0x3FFF) as usize;
            let words = len.div_ceil(4);
            match self.0.received.get_mut(..words * 4) {
                Some(frame) if status & RX_ERROR == 0 && len > FCS_LEN => {
                    frame
                        .as_chunks_mut()
                        .0
                        .iter_mut()
                        .for_each(|word| *word = CHIP.read::<RX_DATA>().to_le_bytes());
                    return Some(len - FCS_LEN);
                }
                _ => skip(words),
            }
        }
        None
    }

    /// Whether the FIFO has room for any frame.
    fn has_room(&mut self) -> bool {
        const COMMANDS: usize = 8;
        // The statuses of frames that were sent are taken, or their FIFO fills up and nothing more is
        // sent. What they say does not matter: any frame may be lost.
        while CHIP.read::<TX_FIFO_INF>() >> 16 & 0xFF != 0 {
            CHIP.read::<TX_STATUS>();
        }
        (CHIP.read::<TX_FIFO_INF>() & 0xFFFF) as usize >= BUFFER_LEN + COMMANDS
    }
}

fn write_mac(register: u32, value: u32) {
    while CHIP.read::<MAC_CSR_CMD>() & MAC_CSR_BUSY != 0 {}
    CHIP.write::<MAC_CSR_DATA>(value);
    CHIP.write::<MAC_CSR_CMD>(MAC_CSR_BUSY | register);
    while CHIP.read::<MAC_CSR_CMD>() & MAC_CSR_BUSY != 0 {}
}

/// Drops a frame from the receive FIFO.
fn skip(words: usize) {
    if words >= FAST_FORWARD_WORDS {
        CHIP.write::<RX_DP_CTRL>(RX_FAST_FORWARD);
        while CHIP.read::<RX_DP_CTRL>() & RX_FAST_FORWARD != 0 {}
    } else {
        (0..words).for_each(|_| _ = CHIP.read::<RX_DATA>());
    }
}

/// A frame that has come.
#[derive(Debug)]
pub struct Received<'a>(&'a [u8]);

/// Room for a frame to be sent.
#[derive(Debug)]
pub struct Sending<'a>(&'a mut [u8; BUFFER_LEN]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl phy::TxToken for Sending<'_> {
    /// # Panics
    /// If the frame is longer than the device has said that it takes.
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let result = write(&mut self.0[..len]);
        CHIP.write::<TX_DATA>(TX_WHOLE_FRAME | len as u32);
        CHIP.write::<TX_DATA>((len as u32) << 16 | len as u32);
        let words = self.0.as_chunks().0.iter().take(len.div_ceil(4));
        words.for_each(|word| CHIP.write::<TX_DATA>(u32::from_le_bytes(*word)));
        result
    }
}

impl phy::Device for Lan9118<'_> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Sending<'a>
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sending<'_>)> {
        if !self.has_room() {
            return None;
        }
        let len = self.read()?;
        let FrameBuffers { received, sending } = &mut *self.0;
        Some((Received(received.get(..len)?), Sending(sending)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        self.has_room().then_some(Sending(&mut self.0.sending))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}
