//! Everything that the core's public interface has: none of it can panic, or this image does not link.
#![no_std]
#![no_main]
mod client;
mod jpeg;
mod media;
mod pool;
mod receive;
mod ring;
mod server;
mod text;
mod wire;
mod words;

/// Where the image is entered.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    loop {
        probe::server::serve();
        server::rest();
        client::all();
        jpeg::all();
        media::all();
        receive::all();
        pool::all();
        ring::all();
        text::all();
        wire::all();
        words::all();
    }
}
