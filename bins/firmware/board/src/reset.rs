//! Why the program runs, by what the program before it has left.
use crate::console;
use crate::entropy::mix;
use crate::registers::Registers;

// SAFETY: the words behind the RAM that `memory.x` gives to the linker: no variable lies there, and
// nothing clears them when the program starts. No others of these 4 KiB are named here.
const RECORD: Registers = unsafe { Registers::new(0x2001_7000) };
const MAGIC: usize = 0xFE0;
const RESTARTS: usize = 0xFE4;
const CAUSE: usize = 0xFE8;
const SEED_LOW: usize = 0xFEC;
const SEED_HIGH: usize = 0xFF0;

/// Says that a program wrote the words: when power comes, they are anything.
const WRITTEN: u32 = 0x5048_4F4C;
const RUNNING: u32 = 1;
const HUNG: u32 = 2;
const PANICKED: u32 = 3;

/// Why the program was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, defmt::Format)]
pub enum Cause {
    /// The board was switched on.
    Power,
    /// The program before did not feed the watchdog in time.
    Hung,
    /// The program before panicked, and said in the log where.
    Panicked,
    /// The reset button, or a debugger.
    Reset,
}

/// What the program before has left.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) cause: Cause,
    pub(crate) restarts: u32,
    pub(crate) seed: u64,
}

impl Record {
    /// Reads it, and begins the next one.
    pub(crate) fn take() -> Self {
        let written = RECORD.read::<MAGIC>() == WRITTEN;
        let cause = match RECORD.read::<CAUSE>() {
            _ if !written => Cause::Power,
            HUNG => Cause::Hung,
            PANICKED => Cause::Panicked,
            _ => Cause::Reset,
        };
        let restarts = if written { RECORD.read::<RESTARTS>().wrapping_add(1) } else { 0 };
        let left = u64::from(RECORD.read::<SEED_HIGH>()) << 32 | u64::from(RECORD.read::<SEED_LOW>());
        let seed = mix(left ^ u64::from(restarts));
        // Another one than this run's.
        let next = mix(seed);
        RECORD.write::<SEED_LOW>(next as u32);
        RECORD.write::<SEED_HIGH>((next >> 32) as u32);
        RECORD.write::<RESTARTS>(restarts);
        RECORD.write::<CAUSE>(RUNNING);
        RECORD.write::<MAGIC>(WRITTEN);
        Self { cause, restarts, seed }
    }
}

/// Notes that the main loop hangs, if nothing was noted yet.
pub(crate) fn note_hang() {
    if RECORD.read::<CAUSE>() == RUNNING {
        RECORD.write::<CAUSE>(HUNG);
    }
}

/// For a panic handler: lets `log` say what happened, and has the watchdog, if it was started, reset
/// the board.
pub fn restart_after_panic(log: impl FnOnce()) -> ! {
    // A panic while the first one is told is not.
    if RECORD.read::<CAUSE>() != PANICKED {
        RECORD.write::<CAUSE>(PANICKED);
        console::interrupt_log();
        log();
    }
    hang()
}

/// Does nothing more, so that the watchdog resets the board.
pub fn hang() -> ! {
    loop {
        cortex_m::asm::nop();
    }
}
