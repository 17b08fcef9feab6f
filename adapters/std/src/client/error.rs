//! The errors of a client. Each is displayed as a sentence for its user.
use super::refusal::{Refusal, login};
#[cfg(feature = "tls")]
use crate::tls::Distrust;
use pinhole::client::{ClientError, LoginError, Unusable};
use pinhole::rtsp::{Method, Status};
use std::io;

/// Why a client's session cannot begin or continue. [`Client::connect`](super::Client::connect) and
/// [`Client::turn`](super::Client::turn) return it. It is displayed as a sentence for the user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not one that a client can connect to. Another try with the same URL fails in the same
    /// way.
    #[error("{0}")]
    Unusable(Unusable),
    /// No address was found for the host of the URL. If the name is wrong, correct the URL. If the network is
    /// down, try again later.
    #[error("the host {host} is not found: {source}")]
    Resolve {
        /// The host in the URL, without the port.
        host: String,
        /// The error of the system's resolver.
        source: io::Error,
    },
    /// The server did not accept a TCP connection: nobody listens at the address and port, or no answer comes
    /// from there within [`Options::connect_timeout`](super::Options::connect_timeout). Another try may
    /// succeed.
    #[error("cannot connect to {address}: {source}; is the server running?")]
    Connect {
        /// The host of the URL and the port that the client tried to connect to.
        address: String,
        /// The error of the system. If several addresses of the host were tried, it is the error for the last
        /// of them.
        source: io::Error,
    },
    /// The server refused a request without which the session cannot go on: DESCRIBE, SETUP, or the first
    /// PLAY. The same request will be refused again unless something changes at the server.
    #[error("{}", refusal(*method, *status))]
    Refused {
        /// The method of the request that the server has refused.
        method: Method<'static>,
        /// The status of the server's response.
        status: Status,
    },
    /// The server does not let the client in. The same user name and password will be refused again, and some servers
    /// lock out those who try again and again: ask the user for others, and pass them to
    /// [`Client::log_in`](super::Client::log_in).
    #[error("{}", login(*reason, realm))]
    Login {
        /// Why.
        reason: LoginError,
        /// What the password is for, as the server says it; empty if it does not.
        realm: String,
    },
    /// The server says that the presentation is elsewhere, and names no URL that a client can connect to. Give up.
    /// This variant holds what the server has named, with invalid UTF-8 replaced; it may be empty.
    #[error("{}", redirected(.0))]
    Redirected(String),
    /// The server says that the presentation is elsewhere, and so did five servers before it. This variant holds the
    /// URL that was named last. Give up: the servers may send clients round in a circle.
    #[error("the stream was moved five times, and now to {0}; these servers send each client on")]
    RedirectedTooOften(String),
    /// The server does not speak RTSP over HTTP, or not with this client. Try without it.
    #[error("{0}")]
    Tunnel(Refusal),
    /// The server of an `rtsps://` URL is not trusted, or does not speak TLS. Ask the user whether its certificate is to be
    /// trusted, by [`Options::tls_fingerprint`](super::Options::tls_fingerprint).
    #[cfg(feature = "tls")]
    #[error("{0}")]
    Tls(Distrust),
    /// The presentation has no medium in a codec that a client can receive.
    #[error("{}", no_track(encodings))]
    NoTrack {
        /// The names of the codecs that the presentation has, separated by commas, such as `H264`. Empty if the
        /// server names none.
        encodings: String,
    },
    /// The session has failed after the TCP connection was made: the connection was lost, the server does not
    /// answer, or the server's messages cannot be used. If the connection was lost, call
    /// [`Client::reconnect`](super::Client::reconnect) to go on.
    #[error("{0}")]
    Session(ClientError),
    /// The first frame of a track does not fit the track's part of the cache. Connect anew with a larger
    /// [`Options::cache`](super::Options::cache).
    #[error(
        "a frame of {frame} bytes does not fit the cache, which takes {cache} bytes a track; it should be \
         several times as large"
    )]
    CacheTooSmall {
        /// The length of the frame in bytes. If the end of the frame did not arrive, only the bytes that
        /// arrived count.
        frame: usize,
        /// The number of bytes that the cache of the frame's track can hold.
        cache: usize,
    },
    /// The operating system refuses what the client needs: sockets, a poll, or random numbers. Give up.
    #[error("the event loop failed: {0}")]
    Loop(io::Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Login { reason, realm } => Self::Login { reason, realm },
            refusal => Self::Tunnel(refusal),
        }
    }
}

#[cfg(feature = "tls")]
impl From<Distrust> for Error {
    fn from(distrust: Distrust) -> Self {
        Self::Tls(distrust)
    }
}

impl From<Unusable> for Error {
    fn from(error: Unusable) -> Self {
        Self::Unusable(error)
    }
}

fn redirected(location: &str) -> String {
    match location {
        "" => "the server says that the stream is elsewhere, and not where; ask whoever runs it".to_owned(),
        _ => format!("the server says that the stream is elsewhere, where it cannot be followed: {location}"),
    }
}

fn no_track(encodings: &str) -> String {
    match encodings {
        "" => "the server has no track that can be received".to_owned(),
        _ => format!("the server has no track that can be received, but only {encodings}; JPEG is needed"),
    }
}

fn refusal(method: Method<'_>, status: Status) -> String {
    let Status(code) = status;
    let method = String::from_utf8_lossy(method.name());
    match status {
        Status::NOT_FOUND => {
            "the server has no such stream (404 Not Found); check the path of the URL".to_owned()
        }
        // So do ports for TLS answer what comes without it.
        Status::BAD_REQUEST => format!(
            "the server refused {method}: {code} {}; if this is its port for TLS, the URL begins with rtsps://",
            status.reason()
        ),
        _ => format!("the server refused {method}: {code} {}", status.reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_told_with_what_it_is_for() {
        let told = |reason, realm: &str| Error::Login { reason, realm: realm.to_owned() }.to_string();
        assert_eq!(
            told(LoginError::Needed, "cam"),
            "the server asks for a user name and a password for \"cam\" (401 Unauthorized)"
        );
        assert_eq!(told(LoginError::Refused, ""), "wrong user name or password (401 Unauthorized)");
        assert!(!told(LoginError::Basic, "cam").contains("cam"));
    }

    #[test]
    fn a_redirection_says_where_to_or_that_it_does_not() {
        let told = |location: &str| Error::Redirected(location.to_owned()).to_string();
        assert!(told("http://b/1").ends_with("where it cannot be followed: http://b/1"));
        assert!(told("").starts_with("the server says that the stream is elsewhere, and not where"));
    }
}
