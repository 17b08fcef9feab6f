//! Why a session with a source has ended.

/// Why a session has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was taken leave of.
    Closed,
    /// The pictures are at another URL.
    Redirected(String),
    /// It was one picture, whose hash this is. The next one has to be asked for.
    Picture(u64),
    /// It has failed for this reason.
    Failed(String),
}
