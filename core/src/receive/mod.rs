//! The receiving side of RTP: order, loss and jitter.
