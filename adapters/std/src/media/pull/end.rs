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
    /// The source asks for a login in HTTP, by these challenges.
    Challenged(Vec<Vec<u8>>),
    /// The source does not let this user in, for this reason.
    Barred(String),
    /// It has failed for this reason.
    Failed(String),
}
