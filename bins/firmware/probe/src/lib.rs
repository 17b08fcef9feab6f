//! What the images share: values of which the compiler knows nothing, and the proof that no panic
//! can be reached.
#![no_std]
#[cfg(feature = "login")]
pub mod login;
pub mod server;
pub mod timer;

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::panic::PanicInfo;
use pinhole::frame::{FrameRing, Slot};
use pinhole::time::Now;

/// A ring in storage of unknown size.
pub type Ring<'a> = FrameRing<&'a mut [Slot], &'a mut [u8]>;

/// Calls what no object has: an image from which this can be reached does not link.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn a_panic_is_reachable() -> !;
    }
    a_panic_is_reachable()
}

/// A value of which only the type is known.
pub fn any<T>(value: T) -> T {
    black_box(value)
}

/// Bytes of unknown number and content.
pub fn bytes() -> &'static [u8] {
    black_box(&[0; 4])
}

/// Room of unknown length.
pub fn room<const N: usize>(bytes: &mut [u8; N]) -> &mut [u8] {
    black_box(bytes)
}

/// Text of unknown length and content.
pub fn text() -> &'static str {
    black_box("text")
}

/// Uses a result, so that it must be made.
pub fn used<T>(value: T) {
    black_box(value);
}

/// Any address.
pub fn address() -> SocketAddr {
    black_box(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1))
}

/// Any time.
pub fn now() -> Now {
    black_box(Now::default())
}
