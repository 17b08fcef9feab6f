//! What the camera shows. The program that serves it is `main.rs`.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod clip;
pub mod pattern;
