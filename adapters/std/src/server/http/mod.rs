//! Pages and pictures for browsers, over HTTP/1.0 and 1.1 (RFC 9112), from the event loops of the RTSP server.
//!
//! | Path | What it is |
//! |-|-|
//! | `/` | a page with a still of each medium |
//! | `/NAME` | a page with the medium's picture moving |
//! | `/NAME.jpg` | one frame: the newest one of a live input, else the first |
//! | `/NAME.mjpeg` | all frames, as the parts of a `multipart/x-mixed-replace` (no RFC; all browsers show it) |
//! | `/api/media` | the media as JSON |
//!
//! A frame is sent as it is in the store, which is a JPEG file. A browser that does not keep up is sent fewer of
//! them, and holds one frame at a time.
mod connection;
mod frames;
mod outbox;
mod pages;
mod picture;
pub(super) mod request;
pub(super) mod response;
mod route;
#[cfg(feature = "simulation")]
pub mod simulation;

pub(super) use connection::HttpConnection;
