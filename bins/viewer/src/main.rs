//! Shows Motion-JPEG from RTSP.
fn main() {}
