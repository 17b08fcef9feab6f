//! The board's counter of microseconds.
use crate::MHZ;
use crate::registers::Registers;
use core::sync::atomic::{AtomicU32, Ordering};
use smoltcp::time::Instant;

// SAFETY: FPGAIO (DAI 0385).
const FPGAIO: Registers = unsafe { Registers::new(0x4002_8000) };
/// Counts at the processor's rate, divided by `PRESCALE` and one.
const COUNTER: usize = 0x18;
const PRESCALE: usize = 0x1C;

/// Where the counter begins: ten seconds before it wraps for the first time, so that no program that
/// is tried out for longer goes without that.
const START: u32 = 0u32.wrapping_sub(10_000_000);

/// The counter when it was last read, and how often it had wrapped by then.
static LAST: AtomicU32 = AtomicU32::new(START);
static WRAPS: AtomicU32 = AtomicU32::new(0);

/// Microseconds since the start, in 64 bits.
///
/// The counter has 32 of them and wraps after 71 minutes: it is to be read more often than that, as
/// [`Board::sleep`](crate::Board::sleep) does, which takes two minutes at the most.
#[derive(Debug)]
pub struct Clock(());

impl Clock {
    pub(crate) fn start() -> Self {
        FPGAIO.write::<PRESCALE>(MHZ - 1);
        FPGAIO.write::<COUNTER>(START);
        Self(())
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        Instant::from_micros(i64::try_from(micros()).unwrap_or(i64::MAX))
    }
}

/// To read and to write is no single step, and need not be: nothing runs beside.
pub(crate) fn micros() -> u64 {
    let counter = FPGAIO.read::<COUNTER>();
    let mut wraps = WRAPS.load(Ordering::Relaxed);
    if counter < LAST.load(Ordering::Relaxed) {
        wraps += 1;
        WRAPS.store(wraps, Ordering::Relaxed);
    }
    LAST.store(counter, Ordering::Relaxed);
    (u64::from(wraps) << 32 | u64::from(counter)) - u64::from(START)
}

defmt::timestamp!("{=u64:us}", micros());
