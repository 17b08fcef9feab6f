//! The client against the server of this crate, and against scripts.
mod pair;
mod play;
mod script;
