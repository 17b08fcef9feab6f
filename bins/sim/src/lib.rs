//! Runs Pinhole's server and client on smoltcp, on simulated networks with faults. The tests and the
//! program `pinhole-sim` use this library.
//!
//! - [`wire::Wire`] is one direction of a link with faults.
//! - [`network::Network`] connects hosts by such links.
//! - [`world::Sim`] runs a server and its clients on a network, in virtual time.
//! - [`soak::Soak`] runs random scenarios, and checks what must hold in all of them.
//!
//! All randomness comes from seeds, and the time is an argument: a run can be repeated to the last packet.
pub mod clip;
pub mod device;
pub mod faults;
pub mod network;
mod pooled;
pub mod soak;
pub mod wire;
pub mod world;
