//! Counts instructions, in images that QEMU runs with `-icount shift=3`: there an instruction takes 8 ns of the board's
//! time, and so the timer of 25 MHz says how many there were.
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_semihosting::{debug, hio};
use pinhole::text::{SliceSink, TextWriter};

/// Of the timer, which goes at 25 MHz, while instructions take 8 ns each.
const INSTRUCTIONS_A_TICK: u32 = 5;
/// The most that the timer counts.
const MAX: u32 = 0x00FF_FFFF;

/// A timer that runs.
pub struct Timer(());

/// Starts the timer, measures, and ends the emulator: with an error if `work` returns `None`.
pub fn measure(work: impl FnOnce(&Timer) -> Option<()>) -> ! {
    let measured = Timer::start().and_then(|timer| work(&timer));
    debug::exit(if measured.is_some() { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {
        core::hint::spin_loop();
    }
}

impl Timer {
    fn start() -> Option<Self> {
        let mut timer = cortex_m::Peripherals::take()?.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(MAX);
        timer.clear_current();
        timer.enable_counter();
        Some(Self(()))
    }

    /// Returns how many instructions `work` takes.
    pub fn counted(&self, work: impl FnOnce() -> Option<()>) -> Option<u32> {
        let before = SYST::get_current();
        work()?;
        let ticks = before.wrapping_sub(SYST::get_current()) & MAX;
        Some(ticks * INSTRUCTIONS_A_TICK)
    }

    /// Prints a line: a name, and counts.
    pub fn report(&self, name: &str, counts: &[u32]) -> Option<()> {
        let mut line = [0; 80];
        let mut out = TextWriter::new(SliceSink::new(&mut line));
        out.text(name);
        for count in counts {
            out.text(" ");
            out.dec(*count);
        }
        out.text("\n");
        hio::hstdout().ok()?.write_all(out.finish().ok()?.written()).ok()
    }
}
