//! The errors of a client, as sentences for its user.
use pinhole::client::{ClientError, Unusable};
use pinhole::rtsp::{AuthScheme, Method, Status};
use std::io;

/// Why a client's session cannot begin or continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL or the options are invalid.
    #[error("{0}")]
    Unusable(Unusable),
    /// No address was found for the host of the URL.
    #[error("the host {host} is not found: {source}")]
    Resolve {
        /// The host in the URL.
        host: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The server did not accept a TCP connection: nobody listens at the address, or it does not
    /// answer.
    #[error("cannot connect to {address}: {source}; is the server running?")]
    Connect {
        /// The host and port that the client tried to connect to.
        address: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The server refused a request without which the session cannot go on.
    #[error("{}", refusal(*method, *status, *auth))]
    Refused {
        /// The method of the request that the server has refused.
        method: Method<'static>,
        /// The status of the server's response.
        status: Status,
        /// The authentication that the server asks for, with status 401; `None` with any other status.
        auth: Option<AuthScheme>,
    },
    /// The server says that the presentation is at this URL.
    #[error("the server says that the stream is elsewhere: {0}")]
    Redirected(String),
    /// The session has failed after it had begun.
    #[error("{0}")]
    Session(ClientError),
    /// A frame does not fit the cache; see [`super::Options::cache`].
    #[error(
        "a frame of {frame} bytes does not fit the cache, which takes {cache} bytes a track; it should be \
         several times as large"
    )]
    CacheTooSmall {
        /// The length of the frame in bytes.
        frame: usize,
        /// The number of bytes that the cache of its track may hold.
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
