//! Sleep, until a time or an interrupt.
use crate::MHZ;
use crate::registers::Registers;
use cortex_m::asm;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

// SAFETY: timer 0 (DDI 0479, APB timer).
const TIMER: Registers = unsafe { Registers::new(0x4000_0000) };
const CTRL: usize = 0x00;
const CTRL_ENABLE: u32 = 1 << 0;
const CTRL_INTERRUPT: u32 = 1 << 3;
const VALUE: usize = 0x04;
const RELOAD: usize = 0x08;
const INTCLEAR: usize = 0x0C;

/// The longest sleep, in microseconds; the timer can do three minutes.
const LONGEST: u64 = 120_000_000;

/// What ends a sleep, by its number at the interrupt controller (DAI 0385).
#[derive(Clone, Copy, Debug)]
enum Interrupt {
    UartReceive = 0,
    Timer = 8,
    Ethernet = 13,
}

const ALL: [Interrupt; 3] = [Interrupt::UartReceive, Interrupt::Timer, Interrupt::Ethernet];

// SAFETY: each has one number, of those that the board has.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

unsafe extern "C" {
    fn DefaultHandler();
}

/// The vectors of the interrupts that are let through: none is taken.
// SAFETY: this is where the start-up code wants them, and by what name.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); Interrupt::Ethernet as usize + 1] =
    [DefaultHandler; Interrupt::Ethernet as usize + 1];

/// Lets interrupts end the sleep. The devices must be set up by then: before that, the LAN9118's line
/// has the wrong polarity, and is pending for ever.
pub(crate) fn enable_wake_ups() {
    for interrupt in ALL {
        NVIC::unpend(interrupt);
        // SAFETY: interrupts are masked in the processor for good, so that none is taken and no
        // critical section is broken.
        unsafe { NVIC::unmask(interrupt) };
    }
}

/// A timer that ends a sleep.
#[derive(Debug)]
pub(crate) struct Alarm(());

impl Alarm {
    pub(crate) fn start() -> Self {
        TIMER.write::<CTRL>(0);
        TIMER.write::<INTCLEAR>(1);
        Self(())
    }

    /// Sleeps for so many microseconds, or until a device has something. An interrupt that pends when
    /// this is called ends it at once: none is missed.
    pub(crate) fn sleep(&mut self, micros: u64) {
        // One more: the clock may be anywhere in the microsecond that it shows.
        let ticks = (micros.min(LONGEST) + 1) * u64::from(MHZ);
        TIMER.write::<RELOAD>(ticks as u32);
        TIMER.write::<VALUE>(ticks as u32);
        TIMER.write::<CTRL>(CTRL_ENABLE | CTRL_INTERRUPT);
        asm::dsb();
        asm::wfi();
        TIMER.write::<CTRL>(0);
        TIMER.write::<INTCLEAR>(1);
        // What a device still has is looked for before the next sleep.
        ALL.into_iter().for_each(NVIC::unpend);
    }
}
