//! Pinhole under smoltcp, on networks that are real, faulty or only in memory.
//!
//! [`wire::Wire`] is one direction of a link with faults, and [`network::Network`] connects hosts by
//! such links; [`world::Sim`] has a server and its clients on them, under virtual time. Everything
//! random comes from seeds, and the time is passed in, so that a run can be had again to the last
//! packet.
pub mod clip;
pub mod device;
pub mod faults;
pub mod network;
pub mod soak;
pub mod wire;
pub mod world;
