//! The client against the server of this crate, and against scripts.
mod end;
mod pace;
mod pair;
mod play;
mod prefetch;
mod prefetch_tracks;
mod screen;
mod script;
mod silence;
