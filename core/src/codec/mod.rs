//! What the bytes of a frame are. Each codec is a module, which knows neither RTP nor RTSP.
pub mod jpeg;
