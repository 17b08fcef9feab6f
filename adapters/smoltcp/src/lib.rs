//! Pinhole on smoltcp sockets.
#![no_std]
#![forbid(unsafe_code)]
