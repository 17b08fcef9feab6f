//! The watchdog.
use crate::MHZ;
use crate::registers::Registers;
use crate::reset;
use cortex_m_rt::exception;

// SAFETY: the watchdog (DDI 0479, APB watchdog).
const WATCHDOG: Registers = unsafe { Registers::new(0x4000_8000) };
const LOAD: usize = 0x000;
const CONTROL: usize = 0x008;
const CONTROL_INTERRUPT: u32 = 1 << 0;
const CONTROL_RESET: u32 = 1 << 1;
const INTCLR: usize = 0x00C;
const LOCK: usize = 0xC00;
const UNLOCKED: u32 = 0x1ACC_E551;
const LOCKED: u32 = 0;

/// Restarts the board when it is not fed.
#[derive(Debug)]
pub struct Watchdog(());

impl Watchdog {
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// From now on, it is to be fed at least every so many milliseconds. The board is reset after
    /// twice that time.
    pub fn start(&mut self, millis: u32) {
        WATCHDOG.write::<LOCK>(UNLOCKED);
        WATCHDOG.write::<LOAD>(millis.saturating_mul(MHZ * 1_000));
        WATCHDOG.write::<CONTROL>(CONTROL_INTERRUPT | CONTROL_RESET);
        WATCHDOG.write::<LOCK>(LOCKED);
    }

    /// Says that all is well.
    pub fn feed(&mut self) {
        WATCHDOG.write::<LOCK>(UNLOCKED);
        WATCHDOG.write::<INTCLR>(1);
        WATCHDOG.write::<LOCK>(LOCKED);
    }
}

/// The watchdog was not fed in time. All that can be done is to note it: the reset comes when the same
/// time is over again.
#[exception]
unsafe fn NonMaskableInt() -> ! {
    reset::note_hang();
    reset::hang()
}
