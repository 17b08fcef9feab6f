//! Pinhole on desktop sockets and files.
