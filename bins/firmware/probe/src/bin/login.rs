//! The server's side of the core with logins: what they cost in flash.
#![no_std]
#![no_main]

/// Where the image is entered.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    loop {
        probe::login::serve();
    }
}
