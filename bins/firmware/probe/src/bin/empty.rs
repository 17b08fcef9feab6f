//! Nothing: what this image takes is not the core's.
#![no_std]
#![no_main]
use probe as _;

/// Where the image is entered.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
