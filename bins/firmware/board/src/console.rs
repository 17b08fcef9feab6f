//! The serial line: the log goes out, commands come in.
use crate::MHZ;
use crate::registers::Registers;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

// SAFETY: UART 0 (DDI 0479, APB UART).
const UART: Registers = unsafe { Registers::new(0x4000_4000) };
const DATA: usize = 0x00;
const STATE: usize = 0x04;
const STATE_TX_FULL: u32 = 1 << 0;
const STATE_RX_FULL: u32 = 1 << 1;
const CTRL: usize = 0x08;
const CTRL_TX: u32 = 1 << 0;
const CTRL_RX: u32 = 1 << 1;
const CTRL_RX_INTERRUPT: u32 = 1 << 3;
const INTCLEAR: usize = 0x0C;
const INT_RX: u32 = 1 << 1;
const BAUDDIV: usize = 0x10;

const BAUD: u32 = 115_200;

/// The serial line, at 115,200 baud, 8N1.
#[derive(Debug)]
pub struct Console(());

impl Console {
    pub(crate) fn start() -> Self {
        UART.write::<BAUDDIV>(MHZ * 1_000_000 / BAUD);
        UART.write::<CTRL>(CTRL_TX | CTRL_RX | CTRL_RX_INTERRUPT);
        Self(())
    }

    /// The next byte that has come.
    pub fn read(&mut self) -> Option<u8> {
        // Before the byte is taken: one that comes after it pends anew.
        UART.write::<INTCLEAR>(INT_RX);
        self.has_received().then(|| UART.read::<DATA>() as u8)
    }

    pub(crate) fn has_received(&self) -> bool {
        UART.read::<STATE>() & STATE_RX_FULL != 0
    }
}

/// Writes to the line, and waits until all is on its way: 87 us for a byte.
fn put(bytes: &[u8]) {
    for byte in bytes {
        while UART.read::<STATE>() & STATE_TX_FULL != 0 {}
        UART.write::<DATA>(u32::from(*byte));
    }
}

/// Ends the entry that the program was in the middle of, for who has the last word.
pub(crate) fn interrupt_log() {
    put(&[0]);
    BUSY.store(false, Ordering::Relaxed);
}

/// defmt's entries, on the serial line.
#[defmt::global_logger]
struct Logger;

static BUSY: AtomicBool = AtomicBool::new(false);
static ENCODER: Encoder = Encoder(UnsafeCell::new(defmt::Encoder::new()));

struct Encoder(UnsafeCell<defmt::Encoder>);

// SAFETY: nothing runs beside the main loop that logs (see the crate's documentation), and BUSY keeps
// an entry from being begun in another.
unsafe impl Sync for Encoder {}

impl Encoder {
    /// # Safety
    /// Between `acquire` and `release`.
    #[expect(clippy::mut_from_ref, reason = "who has acquired the log has all of it")]
    unsafe fn get(&self) -> &mut defmt::Encoder {
        // SAFETY: by the caller's promise there is no other reference.
        unsafe { &mut *self.0.get() }
    }
}

// SAFETY: `acquire` gives the log to one entry at a time.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        assert!(!BUSY.load(Ordering::Relaxed), "an entry of the log was begun in another");
        BUSY.store(true, Ordering::Relaxed);
        // SAFETY: acquired.
        unsafe { ENCODER.get() }.start_frame(put);
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: defmt calls this last of all after `acquire`.
        unsafe { ENCODER.get() }.end_frame(put);
        BUSY.store(false, Ordering::Relaxed);
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: defmt calls this between `acquire` and `release`.
        unsafe { ENCODER.get() }.write(bytes, put);
    }
}
