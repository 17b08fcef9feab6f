//! The client against the server of this crate, and against scripts.
mod answers;
mod end;
mod habits;
#[cfg(feature = "auth")]
mod login;
mod pace;
mod pair;
mod play;
mod play_headers;
mod prefetch;
mod prefetch_tracks;
mod received;
mod screen;
mod script;
mod silence;
mod stalls;
