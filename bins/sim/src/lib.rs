//! Pinhole under smoltcp, on networks that are real, faulty or only in memory.
//!
//! [`wire::Wire`] is one direction of a link with faults. Everything random comes from seeds, and the
//! time is passed in, so that a run can be had again to the last packet.
pub mod faults;
pub mod wire;
