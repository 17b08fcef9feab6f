//! Serves Motion-JPEG over RTSP.
fn main() {}
