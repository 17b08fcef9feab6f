//! Why a session does not come about, or ends, as a sentence for the user.
use pinhole::client::{ClientError, Unusable};
use pinhole::rtsp::{AuthScheme, Method, Status};
use std::io;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's: the URL, or how the client is set up.
    #[error("{0}")]
    Unusable(Unusable),
    /// The host has no address.
    #[error("the host {host} is not found: {source}")]
    Resolve {
        /// Which host.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody listens there.
    #[error("cannot connect to {address}: {source}; is the server running?")]
    Connect {
        /// Which host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server refused.
    #[error("{}", refusal(*method, *status, *auth))]
    Refused {
        /// What it was asked.
        method: Method<'static>,
        /// What it answered.
        status: Status,
        /// What it wants to be shown, with 401.
        auth: Option<AuthScheme>,
    },
    /// The presentation is elsewhere.
    #[error("the server says that the stream is elsewhere: {0}")]
    Redirected(String),
    /// The session cannot go on.
    #[error("{0}")]
    Session(ClientError),
    /// The caller's: not even one frame fits [`super::Options::cache`].
    #[error(
        "a frame of {frame} bytes does not fit the cache, which takes {cache} bytes a track; it should be \
         several times as large"
    )]
    CacheTooSmall {
        /// Bytes that the frame takes.
        frame: usize,
        /// Bytes that the cache takes.
        cache: usize,
    },
    /// The operating system refuses what an event loop needs.
    #[error("the event loop failed: {0}")]
    Loop(io::Error),
}

impl From<Unusable> for Error {
    fn from(error: Unusable) -> Self {
        Self::Unusable(error)
    }
}

fn refusal(method: Method<'_>, status: Status, auth: Option<AuthScheme>) -> String {
    let Status(code) = status;
    let method = String::from_utf8_lossy(method.name());
    match status {
        Status::NOT_FOUND => {
            "the server has no such stream (404 Not Found); check the path of the URL".to_owned()
        }
        Status::UNAUTHORIZED => {
            let scheme = auth.map_or(String::new(), |auth| format!(", {auth:?}"));
            format!(
                "the server asks for a user name and password (401 Unauthorized{scheme}), which is not supported"
            )
        }
        _ => format!("the server refused {method}: {code} {}", status.reason()),
    }
}
