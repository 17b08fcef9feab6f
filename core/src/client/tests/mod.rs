//! The client against the server of this crate, and against scripts.
mod pace;
mod pair;
mod play;
mod prefetch;
mod screen;
mod script;
