//! JPEG payload headers (RFC 2435, 3.1).
