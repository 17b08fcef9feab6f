//! The server's side of the core, as a camera links it: what it costs in flash.
#![no_std]
#![no_main]

/// Where the image is entered.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    loop {
        probe::server::serve();
    }
}
