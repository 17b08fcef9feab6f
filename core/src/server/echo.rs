//! What a reply repeats of its request.
use crate::rtsp::Headers;
#[cfg(not(feature = "timestamp"))]
use core::marker::PhantomData;

/// What a reply repeats of its request.
#[derive(Clone, Copy)]
pub(super) struct Echo<'a> {
    pub(super) cseq: Option<u32>,
    /// RFC 2326, 12.38.
    #[cfg(feature = "timestamp")]
    pub(super) timestamp: Option<&'a [u8]>,
    #[cfg(not(feature = "timestamp"))]
    request: PhantomData<&'a ()>,
}

impl<'a> Echo<'a> {
    pub(super) fn of(headers: &Headers<'a>) -> Self {
        Self {
            #[cfg(feature = "timestamp")]
            timestamp: headers.get("Timestamp"),
            ..Self::of_cseq(headers.cseq())
        }
    }

    /// Of a request of which no more can be read.
    pub(super) const fn of_cseq(cseq: Option<u32>) -> Self {
        Self {
            cseq,
            #[cfg(feature = "timestamp")]
            timestamp: None,
            #[cfg(not(feature = "timestamp"))]
            request: PhantomData,
        }
    }
}
