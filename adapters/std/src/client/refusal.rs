//! Why a server opens no tunnel, or does not let a client in.
use pinhole::client::LoginError;

/// Why a server opens no tunnel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server has answered with this status, which is not 200.
    #[error("the server refuses RTSP over HTTP with status {status}")]
    Status {
        /// The status code, such as 404.
        status: u16,
    },
    /// What the server has sent is not HTTP.
    #[error("the server does not speak HTTP at this port; RTSP may work there, by --transport tcp")]
    NotHttp,
    /// The server does not let the client in, in HTTP.
    #[error("{}", login(*reason, realm))]
    Login {
        /// Why.
        reason: LoginError,
        /// What the password is for, as the server says it; empty if it does not.
        realm: String,
    },
}

/// Returns why a client is not let in, as a sentence.
pub(crate) fn login(reason: LoginError, realm: &str) -> String {
    let realm = match reason {
        LoginError::TooLong => return reason.to_string(),
        LoginError::Needed | LoginError::Refused if !realm.is_empty() => format!(" for \"{realm}\""),
        _ => String::new(),
    };
    format!("{reason}{realm} (401 Unauthorized)")
}
