//! Can panic, and so does not link: what the other images prove is worth something.
#![no_std]
#![no_main]
use probe::{any, bytes, used};

/// Where the image is entered.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    loop {
        used(bytes()[any(0)]);
    }
}
