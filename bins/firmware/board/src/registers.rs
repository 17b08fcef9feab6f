//! Registers of peripherals.
use core::ptr;

/// How much of the address space a peripheral has.
const LEN: usize = 0x1000;

/// The registers of one peripheral.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers(usize);

impl Registers {
    /// The peripheral at `base`.
    ///
    /// # Safety
    /// The 4 KiB from there on are a device's, and no read or write of them touches memory that the
    /// compiler knows of.
    pub(crate) const unsafe fn new(base: usize) -> Self {
        Self(base)
    }

    pub(crate) fn read<const OFFSET: usize>(self) -> u32 {
        // SAFETY: by `new`, this is a device's register.
        unsafe { ptr::read_volatile(self.at::<OFFSET>()) }
    }

    pub(crate) fn write<const OFFSET: usize>(self, value: u32) {
        // SAFETY: by `new`, this is a device's register.
        unsafe { ptr::write_volatile(self.at::<OFFSET>(), value) }
    }

    const fn at<const OFFSET: usize>(self) -> *mut u32 {
        const { assert!(OFFSET < LEN && OFFSET.is_multiple_of(4), "a word of the peripheral's") };
        ptr::with_exposed_provenance_mut(self.0 + OFFSET)
    }
}
