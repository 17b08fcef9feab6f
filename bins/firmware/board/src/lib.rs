//! What a camera needs of Arm's MPS2 board with application note 385: a Cortex-M3 at 25 MHz with a
//! LAN9118 for Ethernet, as QEMU's machine `mps2-an385` has it, too.
//!
//! Everything that is of this board, and everything that is `unsafe`, is in here. No interrupt is
//! ever taken: each only ends the sleep, so that nothing runs beside the main loop. The watchdog's is
//! the exception, and from that there is no way back.
//!
//! Registers are those of the CMSDK's peripherals (Arm DDI 0479), of the board (DAI 0385) and of the
//! LAN9118 (Microchip DS00002266).
#![no_std]

mod clock;
mod console;
mod entropy;
mod lan9118;
// Tests of the firmware's parts run on a machine of another kind.
#[cfg(target_arch = "arm")]
mod memmove;
mod memory;
mod registers;
mod reset;
mod sleep;
mod watchdog;

pub use clock::Clock;
pub use console::Console;
pub use entropy::Entropy;
pub use lan9118::{FrameBuffers, Lan9118, NoChip, Received, Sending};
pub use memory::{callers, stack_len, stack_used};
pub use reset::{Cause, hang, restart_after_panic};
pub use watchdog::Watchdog;

use sleep::Alarm;
use smoltcp::time::Instant;

/// The clock of the processor, the timers and the watchdog, in MHz.
const MHZ: u32 = 25;

/// All of the board.
#[derive(Debug)]
pub struct Board<'a> {
    /// What time it is.
    pub clock: Clock,
    /// The serial line.
    pub console: Console,
    /// Ethernet.
    pub network: Lan9118<'a>,
    /// Restarts the board unless it is fed.
    pub watchdog: Watchdog,
    /// Why the program was started.
    pub cause: Cause,
    /// How often it was started anew since the board has power.
    pub restarts: u32,
    alarm: Alarm,
    entropy: Entropy,
}

impl<'a> Board<'a> {
    /// Starts everything but the watchdog, with this MAC address. To be called once, first of all.
    ///
    /// # Errors
    /// [`NoChip`]: there is no Ethernet.
    pub fn start(mac: [u8; 6], buffers: &'a mut FrameBuffers) -> Result<Self, NoChip> {
        // For good: an interrupt that is pending ends the sleep nevertheless.
        cortex_m::interrupt::disable();
        let (clock, console, alarm) = (Clock::start(), Console::start(), Alarm::start());
        let network = Lan9118::start(mac, buffers)?;
        sleep::enable_wake_ups();
        let record = reset::Record::take();
        let (cause, restarts, entropy) = (record.cause, record.restarts, Entropy::new(record.seed, mac));
        Ok(Self { clock, console, network, watchdog: Watchdog::new(), cause, restarts, alarm, entropy })
    }

    /// A source of numbers that are hard to guess, another one each time.
    pub fn entropy(&mut self) -> Entropy {
        self.entropy.fork()
    }

    /// Sleeps until a frame has come from the network, a byte on the serial line, or it is `until`; it
    /// may return before. What came before the call ends it at once.
    pub fn sleep(&mut self, until: Instant) {
        self.network.watch();
        let waits = self.network.has_received() || self.console.has_received();
        let micros = until.total_micros().saturating_sub(self.clock.now().total_micros());
        if !waits && let Ok(micros @ 1..) = u64::try_from(micros) {
            self.alarm.sleep(micros);
        }
        self.network.unwatch();
    }
}
